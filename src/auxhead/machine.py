"""The cores that this process may use."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path


def _asked_threads() -> str:
    """Return OMP_NUM_THREADS as the user set it: Ultralytics sets it to 1 where it isn't set, for all that follows.

    Source:
        ultralytics/__init__.py. Where Ultralytics came first, a 1 can't be told from its own and counts as that.
    """
    value = os.environ.get("OMP_NUM_THREADS", "")
    return "" if value == "1" and "ultralytics" in sys.modules else value


OMP_NUM_THREADS = _asked_threads()
"""Read once, when this module is imported; the door to Ultralytics imports it before Ultralytics."""

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def core_numbers() -> list[int]:
    """Return the numbers of the cores that the system lets this process run on, rising."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]


def cores() -> int:
    """Return how many cores this process may keep busy, at least 1.

    The least of three limits: its affinity, OMP_NUM_THREADS, and the CPU quota of its cgroup, rounded up.

    Source:
        OpenMP 5.2, 21.1.2 (OMP_NUM_THREADS); Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max) and
        scheduler/sched-bwc.rst (cpu.cfs_quota_us).
    """
    limits = [len(core_numbers()), *filter(None, (_omp_threads(), _cgroup_cores()))]
    return max(min(limits), 1)


def _omp_threads() -> int | None:
    """Read how many threads were asked for: the first number counts; what is no positive number is no limit."""
    first = OMP_NUM_THREADS.partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def _cgroup_cores() -> int | None:
    """Return the least quota of this process's cgroup and those above it, in cores; None: no quota."""
    quotas = [quota for folder in _cgroup_folders() if (quota := _quota(folder)) is not None]
    return math.ceil(min(quotas)) if quotas else None


def _cgroup_folders() -> list[Path]:
    """List the folders in which a quota of this process may stand, of cgroup v2 and v1."""
    try:
        lines = MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    folders = []
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = CGROUP / "cpu" if controllers else CGROUP
        below = Path(path.lstrip("/"))
        folders += [root / part for part in (below, *below.parents)]
    return folders


def _quota(folder: Path) -> float | None:
    """Read one folder's quota, in cores."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            files = (folder / f"cpu.cfs_{name}_us" for name in ("quota", "period"))
            quota, period = (file.read_text(encoding="utf-8") for file in files)
        return int(quota) / int(period) if int(quota) > 0 and int(period) > 0 else None
    except (OSError, ValueError):
        return None
