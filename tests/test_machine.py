"""How many cores a process may keep busy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auxhead import machine


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "core_numbers", lambda: list(range(8)))
    monkeypatch.setattr(machine, "OMP_NUM_THREADS", "")
    monkeypatch.setattr(machine, "MEMBERSHIP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "fs")


def member_of(tmp_path: Path, lines: str) -> None:
    (tmp_path / "cgroup").write_text(lines)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_affinity_alone() -> None:
    assert machine.cores() == 8


@pytest.mark.parametrize(("asked", "cores"), [("3", 3), ("2,4", 2), ("16", 8), ("0", 8), ("all", 8), ("", 8)])
def test_omp_num_threads(monkeypatch: pytest.MonkeyPatch, asked: str, cores: int) -> None:
    monkeypatch.setattr(machine, "OMP_NUM_THREADS", asked)
    assert machine.cores() == cores


@pytest.mark.parametrize(
    ("quota", "cores"), [("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("max 100000", 8), ("odd", 8)]
)
def test_quota_of_cgroup_v2(tmp_path: Path, quota: str, cores: int) -> None:
    member_of(tmp_path, "0::/user/job\n")
    write(tmp_path / "fs" / "user" / "job" / "cpu.max", quota)
    assert machine.cores() == cores


def test_the_least_quota_above_counts(tmp_path: Path) -> None:
    member_of(tmp_path, "0::/user/job\n")
    write(tmp_path / "fs" / "user" / "job" / "cpu.max", "max 100000")
    write(tmp_path / "fs" / "user" / "cpu.max", "300000 100000")
    write(tmp_path / "fs" / "cpu.max", "400000 100000")
    assert machine.cores() == 3


def test_quota_of_cgroup_v1(tmp_path: Path) -> None:
    member_of(tmp_path, "5:memory:/job\n4:cpu,cpuacct:/job\n")
    write(tmp_path / "fs" / "cpu" / "job" / "cpu.cfs_quota_us", "400000\n")
    write(tmp_path / "fs" / "cpu" / "job" / "cpu.cfs_period_us", "100000\n")
    write(tmp_path / "fs" / "cpu" / "cpu.cfs_quota_us", "-1\n")
    write(tmp_path / "fs" / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert machine.cores() == 4


def test_what_ultralytics_sets_is_no_wish_of_the_user() -> None:
    """Ultralytics writes OMP_NUM_THREADS=1 into the environment of every process that imports it."""
    script = """
import os
import torch  # once for both processes, as it takes longest

for given in ({}, {"OMP_NUM_THREADS": "1"}):
    if os.fork() == 0:
        os.environ |= given
        import auxhead.host.compat, ultralytics, auxhead.machine as m
        assert os.environ["OMP_NUM_THREADS"] == "1"
        print(m.OMP_NUM_THREADS or "all", flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
"""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["all", "1"]


def test_a_1_that_ultralytics_may_have_set_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(sys.modules, "ultralytics", sys)
    assert machine._asked_threads() == ""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert machine._asked_threads() == "2"
