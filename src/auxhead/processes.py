"""Processes of this machine, by psutil, which asks each system in its own way."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end a process, and calls it so


def is_running(process: int) -> bool:
    """Tell whether a process of this machine runs; one that has died and that nobody has asked after does not.

    Args:
        process: Its number, from 1.
    """
    import psutil  # takes longer than most of what asks

    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, OverflowError):
        return False
    except psutil.AccessDenied:  # somebody else's
        return True


def signal_family(leader: int, number: int) -> None:
    """Send a signal to a process that leads a process group, and to all others in it.

    Where there are no groups (Windows), no signal can be sent either: the process and what it has started are killed,
    whatever the signal. What outlives the process that started it isn't found there.

    Args:
        leader: Number of the process.
        number: Of the signal.
    """
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # all have ended; macOS refuses a group of zombies
            os.killpg(leader, number)
        return
    kill_family(leader)


def kill_family(leader: int, *, itself: bool = True) -> None:
    """Kill what a process has started, and what that has; and, if asked, the process itself first.

    Args:
        leader: Number of the process; where it has ended, nothing happens.
        itself: Whether it is killed, too.
    """
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(leader)
        family = process.children(recursive=True)
        for one in [process, *family] if itself else family:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                one.kill()
