from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.patience import HANG, wait_for
from tests.processes import is_alive, number_in

from auxhead.comparison.machines.job import Job
from auxhead.comparison.machines.local import NOT_STARTED
from auxhead.comparison.machines.ray_cluster import RayExecutor
from auxhead.errors import ConfigError, MissingExtraError, OutputError

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as Ray does there: only the loopback device
    "RAY_AUTH_MODE": "disabled",  # a cluster of our own would put a token into the home folder
    "RAY_worker_niceness": "0",
    "RAY_health_check_period_ms": "500",  # a dead node is noticed after five of them
}
pytestmark = pytest.mark.slow

TOO_BUSY = "The current node timed out during startup"
NODE = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1"}
GO = "until [ -e go ]; do sleep 0.05; done"
STAY = "echo $$ > {0}.pid.new; mv {0}.pid.new {0}.pid; sleep 3600 & echo $! > {0}-child.pid; wait"


def shell(name: str, code: str, **environment: str) -> Job:
    return Job(name, ("/bin/sh", "-c", code), Path(name), environment)


def log(job: Job) -> str:
    return (job.folder / "log.txt").read_text()


def numbers_in(*names: str) -> list[int]:
    return [number_in(f"{name}{part}.pid") for name in names for part in ("", "-child")]


class Told(list[tuple[str, str, int | None]]):
    """What was told; a test may add what is to happen then."""

    then: Callable[[str, str], None] = staticmethod(lambda name, state: None)
    processes: Any = None  # what a test keeps to look at in the end
    early: bool = False

    def __call__(self, job: Job, state: str, code: int | None) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.append((job.name, state, code))
        self.then(job.name, state)

    def of(self, name: str) -> list[object]:
        return [state if code is None else code for other, state, code in self if other == name]


@pytest.fixture(scope="module", autouse=True)
def _ray() -> None:
    """Import Ray for these tests alone: it takes a second, in every process that collects tests."""
    pytest.importorskip("ray")


@pytest.fixture
def told() -> Told:
    return Told()


def add_node(cluster: Cluster, **settings: Any) -> None:
    try:
        cluster.add_node(wait=False, **NODE, **settings)
    except Exception as error:
        if TOO_BUSY not in str(error):
            raise
        pytest.skip("Ray gives its processes 15 s to start, and this machine is too busy for that")
    cluster.wait_for_nodes(timeout=HANG)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node with one core, to which this process is connected."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: sockets are made in it
    os.environ["RAY_TMPDIR"] = folder
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    one = Cluster()
    try:
        add_node(one, no_monitor=True, include_log_monitor=False, include_dashboard=False)
        ray.init(address=one.address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield one
    finally:
        ray.shutdown()
        one.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ["RAY_TMPDIR"]


@pytest.fixture
def two_nodes(cluster) -> Cluster:
    if not cluster.worker_nodes:
        add_node(cluster)
    return cluster


def test_jobs_run_on_all_nodes_and_their_exit_codes_are_told(two_nodes, told):
    meet = (
        "touch {0}.up; while ! [ -e a.up -a -e b.up ]; do sleep 0.02; done; pwd; echo $GREETING $OMP_NUM_THREADS; {1}"
    )
    jobs = [
        shell("a", meet.format("a", "exit 3"), GREETING="hello"),
        shell("b", meet.format("b", 'echo "gpu=${CUDA_VISIBLE_DEVICES-all}"')),
        Job("missing", ("/nowhere/auxhead",), Path("missing"), {}),
        shell("killed", "kill -9 $$"),
    ]
    RayExecutor().run(jobs, told)
    assert told.of("a") == ["running", 3]
    assert told.of("b") == ["running", 0]
    assert told.of("missing") == ["running", NOT_STARTED]
    assert told.of("killed") == ["running", -9]
    assert log(jobs[0]) == f"{Path.cwd()}\nhello 1\n"
    assert log(jobs[1]) == f"{Path.cwd()}\n1\ngpu=\n"
    assert log(jobs[2]) == "auxhead: can't start /nowhere/auxhead: No such file or directory\n"
    assert [path.name for path in Path("a").iterdir()] == ["log.txt"], "markers are left"
    assert sys.modules["ray"].is_initialized()


def test_a_job_sees_the_gpu_that_ray_gave_it(two_nodes, told):
    meet = "touch {0}.up; while ! [ -e c.up -a -e d.up ]; do sleep 0.02; done; "
    jobs = [shell(name, meet.format(name) + 'echo "gpu=$CUDA_VISIBLE_DEVICES"') for name in "cd"]
    RayExecutor(cpus=0.5, gpus=1).run(jobs, told)
    assert [log(job) for job in jobs] == ["gpu=0\n", "gpu=0\n"]  # one on each node


def test_a_job_whose_worker_is_killed_is_tried_again_and_the_first_attempt_is_gone(cluster, told):
    again = shell("again", f"[ -e again.pid ] && exit 4; echo $AUXHEAD_PARENT > worker.pid; {STAY.format('again')}")

    def then(name: str, state: str) -> None:
        if len(told) == 1:
            told.processes = numbers_in("again")
            os.kill(number_in("worker.pid"), signal.SIGKILL)
        if state == "lost":
            wait_for(lambda: not any(map(is_alive, told.processes)))

    told.then = then
    RayExecutor(retries=1).run([again], told)
    assert told.of("again") == ["running", "lost", "running", 4]


def test_a_job_is_given_up_when_its_tries_are_used_up(cluster, told):
    # by the time it tells its number, its guard has long been told of it: a worker that dies in between leaves it alone
    bad = shell("bad", f"echo $AUXHEAD_PARENT > worker.pid; sleep 2; {STAY.format('bad')}")
    good = shell("good", "true")

    def then(name: str, state: str) -> None:
        if len(told) == 1:
            told.processes = numbers_in("bad")
            os.kill(number_in("worker.pid"), signal.SIGKILL)

    told.then = then
    RayExecutor(retries=0).run([bad, good], told)
    assert [event for event in told if event[0] == "bad"] == [("bad", "running", None), ("bad", "ended", None)]
    assert told.of("good") == ["running", 0]
    assert "auxhead: given up: " in log(bad)
    wait_for(lambda: not any(map(is_alive, told.processes)))


def test_an_interrupt_stops_all_jobs_and_keeps_ray(cluster, told):
    jobs = [
        shell("polite", STAY.format("polite") + "; sleep 3600"),
        shell("stubborn", f"trap '' INT TERM; {STAY.format('stubborn')}; sleep 3600"),
        shell("late", "touch ran"),
    ]

    def then(name: str, state: str) -> None:
        if told.of("polite") and told.of("stubborn") and not told.processes:
            told.processes = numbers_in("polite", "stubborn")
            told.early = Path("ran").exists()
            raise KeyboardInterrupt

    told.then = then
    with pytest.raises(KeyboardInterrupt):
        RayExecutor(cpus=0.5, grace=0.5).run(jobs, told)
    wait_for(lambda: not any(map(is_alive, told.processes)))
    assert (told.of("polite"), told.of("stubborn")) == (["running"], ["running"])
    assert told.of("late") == (["running", 0] if told.early else [])  # Ray may start a later job first, and it ends
    assert sys.modules["ray"].is_initialized()
    told.then = Told.then
    RayExecutor().run([shell("after", "true")], told)
    assert told.of("after") == ["running", 0]
    assert Path("ran").exists() == told.early


def test_an_error_on_a_node_comes_out(cluster, told):
    Path("bad").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"where: +\S+/bad/log\.txt") as caught:
        RayExecutor().run([shell("bad", "true")], told)
    assert type(caught.value) is OutputError
    assert not told.of("bad")


def test_what_cannot_run_is_refused_at_once(cluster, told):
    with pytest.raises(ValueError, match=r"several of a$"):
        RayExecutor().run([shell("a", "true"), shell("a", "true")], told)
    with pytest.raises(ConfigError, match="64 CPUs and 0 GPUs") as caught:
        RayExecutor(cpus=64).run([shell("a", "true")], told)
    assert set(caught.value.found.removeprefix("nodes with ").split("; ")) == {"1 and 1"}
    RayExecutor("nowhere").run([], told)
    assert not told


def test_a_job_whose_node_dies_is_tried_again_elsewhere(two_nodes, told):
    (node,) = two_nodes.worker_nodes
    code = f"echo $AUXHEAD_PARENT > {{0}}-worker.pid; echo $$ > {{0}}.pid; {GO}"
    jobs = [shell(name, code.format(name)) for name in "ab"]

    def then(name: str, state: str) -> None:
        if [state for _, state, _ in told] == ["running", "running"]:
            told.processes = {name: number_in(f"{name}.pid") for name in "ab"}
            (there,) = (name for name in "ab" if list(Path(name).glob(f".started-*-{node.node_id}")))
            worker = number_in(f"{there}-worker.pid")
            os.kill(worker, signal.SIGSTOP)  # on a machine that dies, no worker lives on to say how its job ended
            two_nodes.remove_node(node, allow_graceful=False)
            os.kill(worker, signal.SIGKILL)
        if state == "lost":
            wait_for(lambda: not is_alive(told.processes[name]))
            Path("go").touch()

    told.then = then
    RayExecutor().run(jobs, told)
    assert sorted([told.of("a"), told.of("b")], key=len) == [["running", 0], ["running", "lost", "running", 0]]
    again = next(job for job in jobs if len(told.of(job.name)) == 4)
    assert log(again) == f"auxhead: attempt 2 on {socket.gethostname()}\n"


DRIVER = """
import signal
from pathlib import Path
from auxhead.comparison.machines.job import Job
from auxhead.comparison.machines.ray_cluster import RayExecutor

jobs = [Job(name, ("/bin/sh", "-c", code), Path(name), {{}}) for name, code in {jobs!r}]
def tell(job, state, code):
    print(job.name, state, code, flush=True)
try:
    RayExecutor({address!r}, cpus=0.5, grace=1).run(jobs, tell)
except KeyboardInterrupt:
    print("interrupted")
import ray
print(ray.is_initialized(), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""


@pytest.fixture
def driver(cluster) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started = []

    def start(address: str | None, **jobs: str) -> subprocess.Popen[str]:
        program = [sys.executable, "-c", DRIVER.format(address=address, jobs=list(jobs.items()))]
        with Path("errors.txt").open("w") as errors:
            started.append(
                subprocess.Popen(program, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
            )
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # Ray's own processes linger for minutes, too
        process.communicate()


def test_ctrl_c_of_a_driver_that_joined_leaves_no_process(driver, cluster):
    process = driver(cluster.address, long=STAY.format("long"))
    processes = numbers_in("long")
    assert process.stdout.readline() == "long running None\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=HANG)
    wait_for(lambda: not any(map(is_alive, processes)))
    assert output.splitlines() == ["interrupted", "False True"]


def test_a_driver_that_started_ray_and_is_killed_leaves_no_process(driver):
    process = driver(None, short="exit 5", long=STAY.format("long"))
    wait_for(lambda: Path("long-child.pid").is_file() or process.poll() is not None)
    if TOO_BUSY in Path("errors.txt").read_text():
        pytest.skip("Ray gives its processes 15 s to start, and this machine is too busy for that")
    processes = numbers_in("long")
    while process.stdout.readline() != "short ended 5\n":
        assert process.poll() is None
    process.kill()
    wait_for(lambda: not any(map(is_alive, processes)))


@pytest.fixture
def unconnected(monkeypatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "127.0.0.1:99999", "127.0.0.1:x"])
def test_ray_is_not_asked_for_a_cluster_that_cannot_be_reached(unconnected, told, address, monkeypatch):
    monkeypatch.setattr("ray.init", lambda **_: pytest.fail("Ray would try for minutes"))
    with pytest.raises(ConfigError, match="ray start --head") as caught:
        RayExecutor(address).run([shell("a", "true")], told)
    assert caught.value.where == f"Ray address {address}"


def test_missing_ray_is_named(told, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "auxhead\[ray\]"'):
        RayExecutor().run([shell("a", "true")], told)
