"""Who runs."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest
from tests.patience import LASTING, wait_for
from tests.processes import is_alive, number_in

from auxhead.processes import KILL, is_running, kill_family, signal_family

FAMILY = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep({LASTING})"])
open("child.pid.new", "w").write(f"{{child.pid}}\\n")
os.rename("child.pid.new", "child.pid")
time.sleep({LASTING})
"""


def test_a_process_runs_until_it_has_ended_whether_or_not_its_parent_knows() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(child.pid)
    child.stdin.close()
    wait_for(lambda: not is_running(child.pid))  # a zombie
    child.wait()
    assert not is_running(child.pid)
    assert is_running(os.getpid())
    assert is_running(1)
    assert not is_running(10**12)


def test_what_is_not_ours_to_ask_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "Process", refuse)
    assert is_running(os.getpid())


@pytest.mark.parametrize("groups", [True, False])
def test_a_signal_reaches_a_whole_family(groups: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = subprocess.Popen([sys.executable, "-I", "-S", "-c", FAMILY], start_new_session=True)
    child = number_in("child.pid")
    if not groups:  # as on Windows
        monkeypatch.delattr(os, "killpg")
    signal_family(parent.pid, KILL)
    assert parent.wait() == -KILL
    wait_for(lambda: not is_alive(child))
    signal_family(parent.pid, KILL)  # of one that has ended: nothing happens


def test_a_process_can_be_spared() -> None:
    parent = subprocess.Popen([sys.executable, "-I", "-S", "-c", FAMILY], start_new_session=True)
    child = number_in("child.pid")
    kill_family(parent.pid, itself=False)
    wait_for(lambda: not is_alive(child))
    assert parent.poll() is None
    parent.kill()
    parent.wait()
