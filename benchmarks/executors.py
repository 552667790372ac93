"""How much of two slots, and of two Ray nodes, is used: wall time against the same jobs one after the other.

The jobs sleep, so that this measures what the executors add (starting processes, noticing ends, handing out the next
job), not how two trainings share a machine's memory and caches. Efficiency is serial wall time / (2 x wall time); 1 is
the most there can be. Serial is `LocalExecutor(1)` in the same round. Ray's two nodes are processes of this machine
with one core each. Their start, and that of Ray's first workers, is stated by itself and left out of the efficiency:
it is paid once, and trainings take minutes to hours where these jobs take seconds.

    python benchmarks/executors.py [jobs=12] [seconds=2] [rounds=3] [out=docs/evidence/executors.txt]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as Ray does there: only the loopback device
}
import ray
from ray.cluster_utils import Cluster

from auxhead.comparison.machines.job import Executor, Job
from auxhead.comparison.machines.local import LocalExecutor
from auxhead.comparison.machines.ray_cluster import RayExecutor

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1"}
LIGHT = {"no_monitor": True, "include_log_monitor": False, "include_dashboard": False}


def timed(work: Callable[[], Any]) -> float:
    """Return how long something takes, seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def sleepers(folder: Path, number: int, seconds: float) -> list[Job]:
    """Make jobs that sleep."""
    command = (sys.executable, "-I", "-S", "-c", f"import time; time.sleep({seconds})")
    return [Job(f"job-{place}", command, folder / f"job-{place}", {}) for place in range(number)]


def run(executor: Executor, jobs: list[Job]) -> None:
    """Run jobs, and make sure that they have run."""
    codes: list[int] = []
    executor.run(jobs, lambda _job, _state, code: codes.extend([] if code is None else [code]))
    assert codes == [0] * len(jobs), codes


def start() -> Cluster:
    """Start two nodes, and connect to them."""
    cluster = Cluster()
    cluster.add_node(wait=False, **NODE, **LIGHT)
    cluster.add_node(wait=False, **NODE)
    cluster.wait_for_nodes(timeout=60)
    ray.init(address=cluster.address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    return cluster


def main() -> None:
    """Print the lines and write them to a file."""
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    number, seconds, rounds = int(keys.get("jobs", 12)), float(keys.get("seconds", 2)), int(keys.get("rounds", 3))
    executors = {"LocalExecutor, 2 slots": LocalExecutor(2), "RayExecutor, 2 nodes": RayExecutor()}
    serial: list[float] = []
    walls: dict[str, list[float]] = {name: [] for name in executors}
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as scratch:  # short: Ray makes sockets in it
        os.environ["RAY_TMPDIR"] = scratch
        jobs = sleepers(Path(scratch), number, seconds)
        clusters: list[Cluster] = []
        begun = timed(lambda: clusters.append(start()))
        first = timed(lambda: run(executors["RayExecutor, 2 nodes"], sleepers(Path(scratch), 2, 0)))
        for _ in range(rounds):
            serial.append(timed(lambda: run(LocalExecutor(1), jobs)))
            for name, executor in executors.items():
                walls[name].append(timed(lambda executor=executor: run(executor, jobs)))
        ray.shutdown()
        clusters[0].shutdown()
    load, cores = os.getloadavg()[1], len(os.sched_getaffinity(0))
    lines = [
        f"$ python benchmarks/executors.py jobs={number} seconds={seconds:g} rounds={rounds}",
        f"{number} jobs that sleep {seconds:g} s; {cores} cores, load {load:.1f} (5 minutes). Medians of {rounds}",
        "rounds, in brackets the least and the most. Efficiency: serial wall time / (2 x wall time), both of the same",
        "round; the start of Ray is left out of it.",
        f"{'LocalExecutor, 1 slot':24} {spread(serial, '6.2f')} s, at least {number * seconds:.2f} s",
    ]
    for name, times in walls.items():
        ratios = [one / (2 * two) for one, two in zip(serial, times, strict=True)]
        lines.append(f"{name:24} {spread(times, '6.2f')} s, efficiency {spread(ratios, '.3f')}")
    lines.append(f"{'Start of Ray':24} {begun:6.2f} s for two nodes, {first:.2f} s for a first job on each")
    Path(keys.get("out", "docs/evidence/executors.txt")).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def spread(values: list[float], form: str) -> str:
    """Write a median with the range."""
    return f"{statistics.median(values):{form}} [{min(values):{form.lstrip('6')}} {max(values):{form.lstrip('6')}}]"


if __name__ == "__main__":
    main()
