"""Who runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.patience import wait_for

from auxhead.processes import is_running


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
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert is_running(os.getpid())
