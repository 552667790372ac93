"""Run jobs on a Ray cluster, or on Ray's own nodes of this machine."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from auxhead.comparison.machines.attempts import Attempts, attempt, note
from auxhead.comparison.machines.job import Job, Slot, Tell, require_unique_names
from auxhead.comparison.machines.local import GRACE, LAST_GRACE
from auxhead.errors import ConfigError, MissingExtraError

POLL = 0.5  # seconds between two looks at the cluster
CONNECT = 10.0  # seconds in which a cluster must answer
STORE = 80 * 2**20  # bytes of Ray's object store, near its least: our tasks exchange nothing but exit codes
HERE = {"localhost", "127.0.0.1", "::1"}
LOCAL = "local"
NO_COPIES = {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}  # under `uv run`, Ray would copy the working folder to all nodes
SOON = {  # Ray looks 20 times for a cluster that isn't there, and each time waits 30 s beside other things
    "RAY_NUM_REDIS_GET_RETRIES": "1",
    "RAY_py_gcs_connect_timeout_s": "10",
}


class RayExecutor:
    """Runs each job as one task of a Ray cluster; Ray finds a place, and tries again what died with its node.

    All nodes must have the same environment as this machine (Python, packages and data under the same paths; nothing is
    installed or copied), and the folders of the jobs must lie on storage that all share. A job has the environment of
    Ray's worker, not of this process, with its own variables added, and runs in this process's working folder where the
    node has it.

    A job asks for cores but isn't pinned to them: OMP_NUM_THREADS is what Ray sets, the number of cores rounded down.
    CUDA_VISIBLE_DEVICES is what Ray sets, or empty where the job asks for no GPU.

    A job is tried again when its node or Ray's worker process dies. An exit code is a result, whatever it is. No
    attempt outlives its worker (a Guard sees to that), so that two attempts never write to one folder, unless a node is
    cut off from the network and lives. Attempts leave markers in the job's folder for as long as this executor runs.
    """

    def __init__(
        self,
        address: str | None = None,
        cpus: float = 1,
        gpus: float = 0,
        retries: int = 3,
        grace: float = GRACE,
    ) -> None:
        """Choose a cluster, and what a job needs of it.

        Args:
            address: None or "local": Ray is started on this machine, and ended afterwards. "auto": the cluster that
                this machine belongs to, or that RAY_ADDRESS names. "host:port": that cluster; this machine must be one
                of its nodes. If this process has initialised Ray already, that is used instead, and goes on afterwards.
            cpus: Cores of a job; a share of one lets several jobs share it.
            gpus: GPUs of a job; a share of one lets several jobs share it.
            retries: How often a job is tried again; -1: without end. Ray doesn't count attempts that it ended because
                a node ran out of memory.
            grace: Seconds that jobs have to end by themselves when they are stopped.
        """
        self.address = LOCAL if address is None else address
        self.cpus = cpus
        self.gpus = gpus
        self.retries = retries
        self.grace = grace

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Run every job once; see Executor.run.

        A job whose retries are used up is told as ended with exit code None; its log says why. On an interrupt, tasks
        that don't end within the grace period are killed, another interrupt kills them at once.

        Raises:
            ValueError: Two jobs have the same name.
            MissingExtraError: Ray is not installed.
            ConfigError: The cluster can't be reached, or none of its nodes can take a job.
            OutputError: A log can't be written; the jobs are stopped.
            KeyboardInterrupt: It was pressed; all jobs have been stopped.
        """
        require_unique_names(jobs)
        if not jobs:
            return
        ray = _import_ray(self.address)
        with _connected(ray, self.address):
            self._require_room(ray)
            watches = [Attempts(replace(job, folder=job.folder.absolute()), uuid.uuid4().hex[:12]) for job in jobs]
            try:
                self._run(ray, watches, tell)
            finally:
                for watch in watches:
                    watch.tidy()

    def _require_room(self, ray: Any) -> None:
        """Check that some node can take a job: Ray would wait for one without end."""
        offers = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(offer.get("CPU", 0) >= self.cpus and offer.get("GPU", 0) >= self.gpus for offer in offers):
            found = "; ".join(f"{offer.get('CPU', 0):g} and {offer.get('GPU', 0):g}" for offer in offers)
            raise ConfigError(
                expected=f"a node with {self.cpus:g} CPUs and {self.gpus:g} GPUs for a job",
                found=f"nodes with {found}",
                where=f"Ray cluster {self.address}",
                fix="ask for less, or add a node first: one that comes by itself later is not waited for",
            )

    def _run(self, ray: Any, watches: Sequence[Attempts], tell: Tell) -> None:
        task = ray.remote(_attempt)
        slot = Slot(gpu=None if self.gpus else "")
        pending: dict[Any, Attempts] = {}
        try:
            for watch in watches:
                options = {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_retries": self.retries}
                place = task.options(name=watch.job.name, **options)
                pending[place.remote(watch.job, slot, watch.token, os.getcwd(), self.grace)] = watch  # noqa: PTH109
            while pending:
                ready, _ = ray.wait([*pending], timeout=POLL)
                alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
                for watch in pending.values():
                    watch.look(tell)
                    if watch.place not in alive and (self.retries < 0 or watch.seen <= self.retries):
                        watch.lose(tell)
                for reference in ready:
                    watch = pending[reference]
                    code = _result(ray, reference, watch.job)
                    del pending[reference]
                    watch.end(code, tell)
        except BaseException as error:
            ended = self._stop(ray, pending)
            if isinstance(error, KeyboardInterrupt):
                for reference in ended:
                    pending[reference].end(_result(ray, reference, pending[reference].job), tell)
            raise

    def _stop(self, ray: Any, pending: dict[Any, Attempts]) -> list[Any]:
        """End all tasks; return those that had ended before."""
        if not pending:
            return []
        ended: list[Any]
        ended, left = ray.wait([*pending], num_returns=len(pending), timeout=0)
        with suppress(KeyboardInterrupt):  # pressed again: no more patience
            for reference in reversed(left):  # those that wait first: what ends would make room for them
                ray.cancel(reference)  # raises KeyboardInterrupt in the task, which ends when its job has
            if left:
                _, left = ray.wait(left, num_returns=len(left), timeout=self.grace + 2 * LAST_GRACE)
        for reference in left:
            ray.cancel(reference, force=True)  # kills the worker; its guard kills the job
        if left:
            ray.wait(left, num_returns=len(left), timeout=LAST_GRACE)
        return ended


def _attempt(job: Job, slot: Slot, token: str, folder: str, grace: float) -> int:
    """Run a job, in a worker of Ray; the driver learns from a marker that, and where, it has begun."""
    node = import_module("ray").get_runtime_context().get_node_id()
    return attempt(job, slot, token, node, folder=folder, grace=grace)


def _result(ray: Any, reference: Any, job: Job) -> int | None:
    """Return the exit code of a task that has ended; None if it was given up."""
    try:
        return int(ray.get(reference))
    except ray.exceptions.RayTaskError as error:  # our code raised it, on the node
        raise error.cause from error
    except ray.exceptions.RayError as error:
        note(job, f"auxhead: given up: {type(error).__name__}: {' '.join(str(error).split())}\n")
        return None


def _import_ray(address: str) -> Any:
    for name, value in (NO_COPIES if address == LOCAL else NO_COPIES | SOON).items():
        os.environ.setdefault(name, value)  # Ray reads them when it is imported
    try:
        return import_module("ray")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            expected="Ray, for jobs on a cluster",
            found=f"no {error.name}",
            where="this Python environment",
            fix='pip install "auxhead[ray]"',
        ) from error


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine, for a while; keep a connection that is there."""
    if ray.is_initialized():
        yield
        return
    local = address == LOCAL
    if not local and address != "auto":
        _require_open_port(ray, address)
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            ignore_reinit_error=True,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({"object_store_memory": STORE} if local else {}),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        if local:
            raise
        raise _unreachable(address, str(error)) from error
    finally:
        if terminate is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, terminate)  # Ray has put its own there
    try:
        yield
    finally:
        ray.shutdown()


def _require_open_port(ray: Any, address: str) -> None:
    """Check that something listens at an address: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal():
        raise _unreachable(address, "no address")
    try:
        # Ray takes this machine's name in the network where one says localhost.
        socket.create_connection((ray.util.get_node_ip_address() if host in HERE else host, int(port)), CONNECT).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, str(error)) from error


def _unreachable(address: str, found: str) -> ConfigError:
    return ConfigError(
        expected='a Ray cluster: "local", "auto" on one of its nodes, or host:port of its head',
        found=" ".join(found.split()),
        where=f"Ray address {address}",
        fix="start one with `ray start --head`, or look at `ray status` on its head",
    )
