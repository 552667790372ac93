"""No training goes on after its launcher has died, however that died.

`watch_parent` is for programs of ours: the process notices by itself, and ends as if Ctrl-C had been pressed.
`Guard` is for any program, and kills at once. This file, run as a script, is the guard's process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from _thread import interrupt_main
from contextlib import suppress
from types import TracebackType
from typing import Self

PARENT = "AUXHEAD_PARENT"  # environment variable: process id of the launcher
ORPHANED = 70  # exit code, EX_SOFTWARE of BSD's sysexits.h
INTERVAL = 1.0  # seconds between two looks
GRACE = 10.0  # seconds from SIGINT to the end


def watch_parent(interval: float = INTERVAL, grace: float = GRACE) -> None:
    """Have this process end soon after the launcher that started it has died.

    Starts a thread, and returns at once. Where AUXHEAD_PARENT is absent it does nothing: the process was started by
    hand, and may outlive its shell. When the launcher is gone, this process, and its whole process group where it leads
    one, as processes of an executor do, get SIGINT; what is left after the grace period is killed. Where there are no
    groups (Windows), this process is interrupted, and killed in the end with all that it has started.

    Args:
        interval: Seconds between two looks.
        grace: Seconds from SIGINT to the end.
    """
    launcher = os.environ.get(PARENT, "")
    if launcher.isdecimal():
        arguments = (int(launcher), interval, grace)
        threading.Thread(target=_watch, args=arguments, name="auxhead-parent", daemon=True).start()


def _watch(launcher: int, interval: float, grace: float) -> None:
    from auxhead.processes import is_running, kill_family  # the guard's process has no packages

    parent = os.getppid()  # not the launcher where a wrapper is between (conda run), or where it has died already
    while os.getppid() == parent and is_running(launcher):
        time.sleep(interval)
    groups = hasattr(os, "killpg")
    leads = groups and os.getpgrp() == os.getpid()
    if leads:
        os.killpg(0, signal.SIGINT)
    elif groups:  # it is someone else's, perhaps a shell's
        os.kill(os.getpid(), signal.SIGINT)
    else:
        interrupt_main()  # wakes no sleep, as a signal would
    time.sleep(grace)
    if leads:
        os.killpg(0, signal.SIGKILL)  # workers of data loaders and of DDP, too
    kill_family(os.getpid(), itself=False)
    os._exit(ORPHANED)


class Guard:
    """Kills process groups as soon as the process that made the guard has died; a context manager.

    The guard is a small process of its own, in a session of its own and with no parent of ours, so that nothing which
    ends this process ends it, too. It holds the reading end of a pipe whose writing end only this process has. However
    this process ends, the system closes the pipe, and the guard sends SIGKILL to each group it was given and that
    wasn't taken back. That covers whole groups, on every POSIX system. Linux' parent death signal
    (PR_SET_PDEATHSIG) would reach the direct child only, and fires when the *thread* that started it ends.
    """

    def __enter__(self) -> Self:
        """Start the guard's process."""
        self._process = subprocess.Popen(  # noqa: S603 - Python and this file
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._process.wait()  # only what it leaves behind stays, see _guard
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the guard go; groups that weren't taken back are killed."""
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def add(self, group: int) -> None:
        """Kill this process group when this process has died."""
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Forget this process group; call it once the group has ended, as its number may be given away again."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        if self._process.stdin:
            with suppress(BrokenPipeError):  # someone killed the guard: the job goes on
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


def _guard() -> None:
    if os.fork():
        return  # so that the guard is no child of the launcher: Ray kills a worker's children when it ends
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        (groups.add if line[0] == "+" else groups.discard)(group)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _guard()
