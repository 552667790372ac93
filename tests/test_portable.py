"""What Windows and macOS lack is asked for in few places, and the everyday commands do without it."""

from __future__ import annotations

import ast
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.test_layers import SOURCES, tree
from ultralytics.nn.tasks import PoseModel

MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "select", "syslog", "termios", "tty"}
"""Modules that Windows lacks, or that mean something else there. Source: Python's documentation, "Availability"."""

NAMES = {
    *("killpg", "getpgrp", "getpgid", "setsid", "fork", "forkpty", "getuid", "geteuid", "getgid", "waitid", "wait"),
    *("sched_getaffinity", "sched_setaffinity", "mkfifo", "chown", "lchown", "fchmod", "getloadavg", "uname", "nice"),
    *("O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW", "WEXITED", "WNOWAIT", "P_PID"),
    *("SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGSTOP", "pthread_kill"),
}
"""Names of `os` and `signal` that Windows lacks."""

GUARDED = {
    "auxhead.machine": {"sched_getaffinity"},
    "auxhead.processes": {"killpg"},
    "auxhead.comparison.worker": {"SIGUSR2"},
    "auxhead.comparison.machines.local": {"sched_setaffinity", "waitid", "P_PID", "WEXITED", "WNOWAIT"},
    "auxhead.comparison.machines.parent_watch": {"killpg", "getpgrp", "SIGKILL", "fork"},  # fork: a guard on clusters
}
"""Where they may stand: each is asked for with hasattr before, or belongs to what only Linux and macOS run."""


def asked_for(source: str) -> Iterator[str]:
    """Name what a module takes of `os` and `signal`."""
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"os", "signal"}:
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and node.module in {"os", "signal"}:
            yield from (alias.name for alias in node.names)


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_what_windows_lacks_stands_in_few_places() -> None:
    found = {module: names for module, source in SOURCES.items() if (names := {*asked_for(source)} & NAMES)}
    assert found == GUARDED
    assert {name for source in SOURCES.values() for name in imported(source)} & MODULES == set()


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what Windows and macOS lack, links between files included."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "A required privilege is not held by the client")

    theirs = {"wait", "uname", "getuid", "geteuid", "fork", "O_NONBLOCK"}  # what Python and filelock call on Linux
    for name in NAMES - theirs:
        for module in (os, signal):
            monkeypatch.delattr(module, name, raising=False)
    for name in ("link", "symlink"):
        monkeypatch.setattr(os, name, refuse)


@pytest.mark.usefixtures("_elsewhere")
def test_the_everyday_commands_do_without_it(signs: Path, small_models: Path, call: Callable[..., Any]) -> None:
    model: Any = PoseModel(str(small_models / "small-pose.yaml"), nc=2, data_kpt_shape=(1, 3), verbose=False)
    model.names, model.kpt_shape = {0: "a", 1: "b"}, [1, 3]
    torch.save({"model": model, "train_args": {"task": "pose", "imgsz": 64}}, "best.pt")
    Path("preds.json").write_text("[]")
    for words in (
        ["inspect", str(signs), "imgsz=64", "out=seen"],
        ["convert", str(signs), "out=new", "to=pose"],
        ["evaluate", "preds.json", f"data={signs}", "resamples=0", "pictures=false"],
        ["strip", "best.pt"],
        ["cost", "best-detect.pt"],
        ["env"],
    ):
        done = call(*words)
        assert done.returncode == 0, done.stderr
    assert not [path for path in Path("new/images").rglob("*.jpg") if path.is_symlink() or path.stat().st_nlink > 1]


@pytest.mark.slow
@pytest.mark.usefixtures("_elsewhere")
def test_a_training_does_without_it(quick: dict[str, Any], call: Callable[..., Any]) -> None:
    words = [f"{key}={value}" for key, value in {**quick, "epochs": 1, "workers": 0}.items()]
    done = call("train", *words, f"project={Path.cwd()}", "name=run")
    assert done.returncode == 0, done.stderr
    assert Path("run/certificate.json").is_file()
