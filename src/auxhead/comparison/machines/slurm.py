"""Run jobs on a SLURM cluster, one job of SLURM each, by submitit."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from auxhead.comparison.machines.attempts import Attempts, attempt, note
from auxhead.comparison.machines.job import Job, Slot, Tell, require_unique_names
from auxhead.comparison.machines.local import GRACE
from auxhead.errors import ConfigError, MissingExtraError
from auxhead.files import write_atomic

POLL = 1.0  # seconds between two looks at the files of the jobs; submitit asks SLURM itself more and more seldom
FOLDER = "slurm"  # in the folder of a job: what submitit keeps of it
OURS = {"array", "chdir", "error", "job-name", "nodes", "ntasks", "open-mode", "output", "signal", "wrap"}
"""Options of sbatch that we, or submitit, set."""
FORMS = (  # Source: sbatch's manual, --time
    r"(?P<minutes>\d+)(:(?P<seconds>\d+))?",
    r"(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)",
    r"(?P<days>\d+)-(?P<hours>\d+)(:(?P<minutes>\d+)(:(?P<seconds>\d+))?)?",
)
MINUTES = {"days": 1440, "hours": 60, "minutes": 1, "seconds": 1 / 60}
TERMINATED = -int(signal.SIGTERM)


class SlurmExecutor:
    """Runs each job as a job of SLURM; SLURM finds a place, and starts again what it has taken a machine from.

    All machines must see the same environment, data and folders under the same paths. A job of SLURM has the
    environment of this process and its working folder, and the GPUs that SLURM gives it.

    A job whose time is up is put back into the queue, `retries` times; one whose machine dies is put back by SLURM. An
    exit code is a result, whatever it is. Jobs outlive this process: where one that was submitted earlier is waiting or
    running, it is watched instead of submitted again.
    """

    def __init__(
        self, sbatch: str = "", cpus: float = 1, gpus: float = 0, retries: int = 3, cluster: str = "slurm"
    ) -> None:
        """Choose what a job asks SLURM for.

        Args:
            sbatch: Options of sbatch, such as "--partition=gpu --time=8:00:00 --account=vision"; the time is needed.
            cpus: Cores of a job, rounded up.
            gpus: GPUs of a job; other ways to ask for them (--gres=gpu:a100:1) stand in `sbatch`.
            retries: How often a job whose time is up is tried again.
            cluster: "slurm"; or "local" and "debug", submitit's stand-ins, for tests.

        Raises:
            MissingExtraError: submitit is not installed.
            ConfigError: This machine has no sbatch, or options are wrong.
        """
        self._submitit = _import_submitit()
        if cluster == "slurm" and not all(map(shutil.which, ("sbatch", "srun"))):
            raise ConfigError(
                expected="a machine from which jobs can be submitted to SLURM",
                found="no command sbatch, or no srun",
                where="executor=slurm",
                fix="start this on a login node of the cluster",
            )
        options = _options(sbatch)
        if gpus != int(gpus):
            raise ConfigError(
                "whole GPUs of a job", f"gpus={gpus:g}", "executor=slurm", "SLURM can't share them: gpus=1"
            )
        self.cluster = cluster
        self.retries = retries
        cores = math.ceil(cpus)
        self._asked = {
            "timeout_min": _minutes(options.pop("time")),
            "cpus_per_task": cores,
            "gpus_per_node": int(gpus) or None,
            "slurm_additional_parameters": options,
            "slurm_srun_args": [f"--cpus-per-task={cores}"],  # since 22.05 srun no longer takes it from sbatch
        }

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Run every job once; see Executor.run.

        A job that SLURM has given up is told as ended with exit code None, and one that was cancelled as ended by
        SIGTERM; its log says what SLURM says.

        Raises:
            ValueError: Two jobs have the same name.
            ConfigError: SLURM refuses a job; those that it took are cancelled.
            OutputError: A log can't be written; the jobs are cancelled.
            KeyboardInterrupt: It was pressed; the jobs go on in SLURM, and it says how to go on watching them.
        """
        require_unique_names(jobs)
        pending: list[_Submitted] = []
        try:
            # a generator, so that jobs that SLURM has taken are known of when the next one is refused
            pending.extend(self._submitted(replace(job, folder=job.folder.absolute())) for job in jobs)
            while pending:
                for one in list(pending):
                    ended = one.remote.done()
                    one.attempts.look(tell)
                    if ended:
                        pending.remove(one)  # first: an interrupt while its end is told must not say that it goes on
                        one.attempts.end(_code(one), tell)
                        one.forget()
                if pending:
                    time.sleep(POLL)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(_going_on(pending)) from error
        except BaseException:
            for one in pending:
                with suppress(OSError):
                    one.remote.cancel(check=False)
            raise

    def _submitted(self, job: Job) -> _Submitted:
        """Find a job that was submitted earlier and hasn't ended, or submit it."""
        record = job.folder / f".{FOLDER}-{job.name.replace(' ', '-')}.json"
        remote = self._earlier(job, record)
        if remote is None:
            remote = self._submit(job)
            write_atomic(record, json.dumps({"job": remote.job_id}).encode())
        return _Submitted(Attempts(job, _token(remote.job_id)), remote, record)

    def _earlier(self, job: Job, record: Path) -> Any:
        """Return the job of SLURM that an earlier start has submitted, unless it has ended."""
        try:
            number = str(json.loads(record.read_text(encoding="utf-8"))["job"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if self.cluster != "slurm":  # the stand-ins have no jobs that another process can watch
            return None
        remote = self._submitit.SlurmJob(job.folder / FOLDER, number)
        return None if remote.done(force_check=True) else remote

    def _submit(self, job: Job) -> Any:
        settings = {} if self.cluster == "debug" else {f"{self.cluster}_max_num_timeout": self.retries}
        executor = self._submitit.AutoExecutor(job.folder / FOLDER, cluster=self.cluster, **settings)
        executor.update_parameters(name=f"auxhead-{job.name.replace(' ', '-')}", **self._asked)
        try:
            return executor.submit(_Attempt(), job, os.getcwd())  # noqa: PTH109
        except self._submitit.core.utils.FailedJobError as error:
            raise ConfigError(
                expected="options with which SLURM takes a job",
                found=_last_line(error),
                where=f"sbatch= and the job of {job.name}",
                fix="correct them: `sinfo` lists partitions, `sacctmgr show assoc user=$USER` accounts",
            ) from error


class _Attempt:
    """What runs on a machine of the cluster; submitit puts it back into the queue by `checkpoint`."""

    def __call__(self, job: Job, folder: str) -> int:
        """Run the job, and return its exit code."""
        number = import_module("submitit").JobEnvironment().job_id
        place = re.sub(r"\W", "_", socket.gethostname())
        code = attempt(job, Slot(), _token(number), place, folder=folder, grace=GRACE)
        if code == TERMINATED:  # SLURM takes the machine away, and says itself whether the job comes back: no result
            sys.exit(-TERMINATED)
        return code

    def checkpoint(self, job: Job, folder: str) -> Any:
        """Say what is to run after the time was up: the same, which goes on from its last epoch."""
        return import_module("submitit").helpers.DelayedSubmission(self, job, folder)


@dataclass
class _Submitted:
    """A job, and the job of SLURM that runs it."""

    attempts: Attempts
    remote: Any
    record: Path

    def forget(self) -> None:
        """Remove what a second start would look for."""
        self.record.unlink(missing_ok=True)
        self.attempts.tidy()


def _code(one: _Submitted) -> int | None:
    """Return the exit code of a job of SLURM that has ended."""
    try:
        return int(one.remote.result())
    except Exception as error:  # noqa: BLE001 - whatever the job, or submitit, raised
        state = str(one.remote.state)
        note(one.attempts.job, f"auxhead: SLURM's job {one.remote.job_id} ended as {state}: {_last_line(error)}\n")
        return TERMINATED if state.startswith("CANCELLED") else None


def _going_on(pending: Sequence[_Submitted]) -> str:
    numbers = " ".join(str(one.remote.job_id) for one in pending)
    then = f"the same command watches them again, `scancel {numbers}` ends them"
    return f"{len(pending)} jobs go on in SLURM ({numbers}): {then}"


def _token(number: str) -> str:
    """Name the attempts at a job of SLURM; in names of files "-" parts the parts."""
    return re.sub(r"\W", "_", str(number))


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" -")]
    return lines[-1] if lines else type(error).__name__


def _options(sbatch: str) -> dict[str, Any]:
    """Read options of sbatch as one types them.

    Raises:
        ConfigError: One is no long option, is set by us, or the time is missing.
    """
    try:
        words = shlex.split(sbatch)
    except ValueError as error:
        raise _wrong(str(error)) from error
    options: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise _wrong(f"{word}: no option of the form --name=value")
        if name in OURS:
            raise _wrong(f"{word}: a comparison sets it")
        options[name] = value if equals else True
    if "time" not in options:
        raise _wrong(f"no --time beside {sbatch}" if sbatch else "none")
    _minutes(options["time"])
    return options


def _minutes(limit: object) -> int:
    """Read a time limit as SLURM does, in minutes, rounded up.

    >>> _minutes("90"), _minutes("1:30"), _minutes("8:00:00"), _minutes("1-12"), _minutes("1-0:30")
    (90, 2, 480, 2160, 1470)
    """
    for form in FORMS:
        if found := re.fullmatch(form, str(limit)):
            parts = {name: int(value) for name, value in found.groupdict().items() if value}
            if total := math.ceil(sum(MINUTES[name] * value for name, value in parts.items())):
                return total
    raise _wrong(f"--time={limit}")


def _wrong(found: str) -> ConfigError:
    return ConfigError(
        expected="options of sbatch with the time of a run, such as --time=8:00:00",
        found=found,
        where="sbatch=",
        fix='write sbatch="--partition=gpu --time=8:00:00"; what a run has done by then is kept, and it goes on',
    )


def _import_submitit() -> Any:
    try:
        return import_module("submitit")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            expected="submitit, for jobs of SLURM",
            found=f"no {error.name}",
            where="this Python environment",
            fix='pip install "auxhead[slurm]"',
        ) from error
