"""Run a plan: every arm with every seed, each in a process of its own, from wherever it was left."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import Timeout

from auxhead.comparison import ledger
from auxhead.comparison.arms import slicing
from auxhead.comparison.data import prepare
from auxhead.comparison.machines.job import Executor, Job, State
from auxhead.comparison.plan import ComparisonPlan, PlannedRun
from auxhead.comparison.worker import BUSY
from auxhead.evaluation.files import DRAWS_FILE
from auxhead.findings.fairness import Fairness, check
from auxhead.findings.files import (
    ENVIRONMENT_FILE,
    FAIRNESS_FILE,
    RESULT_FILE,
    RUN_SCHEMA,
    RUNS_FOLDER,
    TRAINING_FOLDER,
)
from auxhead.findings.latency import read_latency
from auxhead.findings.measures import primary_key
from auxhead.findings.records import read_runs
from auxhead.findings.screening import choose
from auxhead.host.environment import environment
from auxhead.host.settings import copy_settings
from auxhead.metrics.bands import read_bands
from auxhead.progress import Progress

Watch = Callable[[str, str, str], None]
"""Called as watch(run, state, remark); states are waiting, running, finished, failed and elsewhere."""

POLL = 2.0  # seconds between looks at runs of another process
SIGNALS = {9: "killed by signal 9: out of memory?"}
TERMINATED = -15  # exit code of a run that was asked to end (SIGTERM), as by a scheduler: it has not failed
STOPPED = "was asked to end; it goes on with the next start"


@dataclass
class Runs:
    """The runs of a plan in a folder.

    Attributes:
        folder: The comparison's folder.
        plan: What is compared.
        watch: Called as watch(name, state, remark) when a run's state changes.
    """

    folder: Path
    plan: ComparisonPlan
    watch: Watch

    def __post_init__(self) -> None:
        self.all = {run.name: run for run in self.plan.runs()}

    def place(self, run: PlannedRun) -> Path:
        """Return the folder of a run."""
        return self.folder / RUNS_FOLDER / run.name

    def open(self, tell: Progress) -> list[str]:
        """Bring the folder in line with the plan, and do once what every run would do.

        Returns:
            What an edited plan has changed, in words.

        Raises:
            OutputError: The folder holds something else, or can't be written to.
            ResumeError: It holds a comparison on other data, or a run that is to be moved is running.
        """
        content = self.plan.to_dict()
        with ledger.ledger_lock(self.folder):
            remarks = ledger.open_ledger(self.folder, content)
            for run in self.all.values():
                ledger.open_run(self.place(run), self._task(run))
            ledger.drop_results_of_other_weights([self.place(run) for run in self.all.values()])
            open_runs = self.unfinished()
            if open_runs or not (self.folder / ENVIRONMENT_FILE).is_file():  # what trains nothing changes no record
                ledger.write_json(self.folder / ENVIRONMENT_FILE, _machine())
            if open_runs:
                tell("Preparing labels", 0, 1)
                prepare(self.plan.data_file, self.plan.keys.values())
                tell("Preparing labels", 1, 1)
        return remarks

    def unfinished(self) -> list[PlannedRun]:
        """List the runs that have something to do; the folder needn't exist yet."""
        return [run for run in self.all.values() if not ledger.is_finished(self.place(run), run.hash)]

    def _task(self, run: PlannedRun) -> dict[str, Any]:
        return {
            "arm": run.arm,
            "seed": run.seed,
            "hash": run.hash,
            "train_hash": run.train_hash,
            "keys": run.keys,
            "measured": run.measured,
            "checkpoint": self.plan.checkpoint,
            "plan": self.plan.name,
            "command": self.command(run),
            **({"weights_of": self._trains(run.weights_of)} if run.weights_of else {}),
        }

    def _trains(self, name: str) -> dict[str, str]:
        """Name the run whose weights another one measures."""
        return {"run": name, "hash": self.all[name].hash}

    def command(self, run: PlannedRun) -> str:
        """Write a run as the command that trains the same, or measures the same weights, with the data as given."""
        if run.weights_of:
            stripped = "" if run.keys.get("route", "native") == "native" else "-detect"
            weights = f"{TRAINING_FOLDER}/weights/{self.plan.checkpoint}{stripped}.pt"
            model = f"{RUNS_FOLDER}/{run.weights_of}/{weights}"
            asked = {"data": self.plan.data, "model": model, "imgsz": run.keys["imgsz"], **slicing(run.measured)}
            return "auxhead evaluate " + " ".join(shlex.quote(f"{key}={value}") for key, value in asked.items())
        words = (
            f"{key}={'none' if value is None else value}" for key, value in {**run.keys, "data": self.plan.data}.items()
        )
        return "auxhead train " + " ".join(shlex.quote(word) for word in words)

    def execute(self, executor: Executor) -> None:
        """Run what isn't finished; return when every run has ended, here or in another process.

        Raises:
            KeyboardInterrupt: It was stopped; what has finished stays, what has begun can go on.
            OutputError: A result can't be written.
        """
        tried: set[str] = set()
        for run in self.all.values():
            self.watch(run.name, self.state(run), "")
        while pending := [run for run in self.all.values() if run.name not in tried and self.state(run) != "finished"]:
            busy: set[str] = set()
            ready = [run for run in pending if not self._waits(run)]
            for run in pending:
                if self._waits(run) and run.weights_of in tried:
                    self._give_up(run)
                    tried.add(run.name)

            def tell(job: Job, state: State, code: int | None, busy: set[str] = busy) -> None:
                self._tell(job, state, code, busy)

            if ready:
                executor.run([self._job(run) for run in ready], tell)
            tried |= {run.name for run in ready} - busy
            if busy and len(busy) == len(ready):
                time.sleep(POLL)

    def _waits(self, run: PlannedRun) -> bool:
        """Tell whether the weights that a run measures are still to be trained by another one."""
        return run.weights_of is not None and self.state(self.all[run.weights_of]) != "finished"

    def _give_up(self, run: PlannedRun) -> None:
        """Let a run fail with the one that should have trained its weights, unless that one has only been stopped."""
        other = self.all[str(run.weights_of)]
        if self.state(other) == "failed":
            self._record_failure(run, f"{other.name} failed, which trains its weights: {self.reason(other)}")
            self.watch(run.name, self.state(run), self.reason(run))

    def measure_test(self, executor: Executor) -> None:
        """Measure every finished run on the test split, once, after all have ended."""
        pending = [
            run
            for run in self.all.values()
            if self.state(run) == "finished" and not (self.place(run) / "test" / DRAWS_FILE).is_file()
        ]
        if self.plan.split == "test" and pending:
            executor.run([self._job(run, "test") for run in pending], self._tell_test)

    def _tell_test(self, job: Job, state: State, code: int | None) -> None:
        name = job.name.removesuffix(" test")
        if state == "running":
            self.watch(name, "running", "test split")
        elif code == 0:
            self.watch(name, "finished", "")
        else:
            self.watch(name, "failed", f"not measured on test, see {job.folder / ledger.LOG_FILE}")

    def _job(self, run: PlannedRun, split: str = "") -> Job:
        place = self.place(run)
        words = ("--split", split) if split else ()
        return Job(
            name=f"{run.name} {split}".strip(),
            command=(sys.executable, "-m", "auxhead.comparison.worker", str(place.resolve()), *words),
            folder=place,
            environment={**copy_settings(place / "settings"), "WANDB_RUN_GROUP": run.arm},
        )

    def _tell(self, job: Job, state: State, code: int | None, busy: set[str]) -> None:
        run = self.all[job.name]
        if state != "ended":
            self.watch(job.name, "running" if state == "running" else "waiting", "" if state == "running" else "lost")
            return
        if code == BUSY:
            busy.add(job.name)
            self.watch(job.name, "elsewhere", "another process is at it")
            return
        if not self.result(run) and code != TERMINATED:
            self._record_failure(run, death(code), killed=True)
        self.watch(job.name, self.state(run), self.reason(run) or (STOPPED if code == TERMINATED else ""))

    def _record_failure(self, run: PlannedRun, reason: str, *, killed: bool = False) -> None:
        """Write the result of a run that could not do so itself."""
        place = self.place(run)
        try:
            with ledger.run_lock(place):
                ledger.write_json(
                    place / RESULT_FILE,
                    {
                        "schema": RUN_SCHEMA,
                        "arm": run.arm,
                        "seed": run.seed,
                        "hash": run.hash,
                        "status": "failed",
                        "reason": reason,
                        "killed": killed,
                        "failures": ledger.read_failures(place),
                        "ended": datetime.now(UTC).isoformat(),
                        "command": self.command(run),
                    },
                )
        except Timeout:
            return  # another process has taken it up

    def result(self, run: PlannedRun) -> dict[str, Any]:
        """Return how a run ended; {} while it has not."""
        return ledger.read_result(self.place(run), run.hash) or {}

    def state(self, run: PlannedRun) -> str:
        """Return finished, failed or waiting."""
        return str(self.result(run).get("status", "waiting"))

    def reason(self, run: PlannedRun) -> str:
        """Return why a run failed; '' when it did not."""
        return str(self.result(run).get("reason") or "")

    def check_fairness(self) -> Fairness:
        """Hold the finished runs against each other, and write down what was found.

        Raises:
            OutputError: It can't be written.
        """
        results = {(run.arm, run.seed): self.result(run) for run in self.all.values()}
        facts = {key: result["facts"] for key, result in results.items() if result.get("status") == "finished"}
        fairness = check(self.plan.arms, self.plan.control, facts)
        if facts:
            ledger.write_json(self.folder / FAIRNESS_FILE, fairness.to_dict())
        return fairness


def with_choice(folder: Path, plan: ComparisonPlan) -> ComparisonPlan:
    """Complete a plan with the arm that goes on to fresh seeds, as far as that is known.

    Args:
        folder: Of the comparison; it needn't exist yet.
        plan: What is compared, nothing chosen.

    Returns:
        The plan itself where it has no fresh seeds, or where nothing is chosen (yet).

    Raises:
        ResumeError: A file of the comparison is broken.
    """
    if not plan.confirm:
        return plan
    screened = {**plan.to_dict(), "split": "val"}
    primary = primary_key(plan.primary, [band.name for band in read_bands(plan.bands)])
    latency, _ = read_latency(folder, plan.control)
    choice = choose(screened, read_runs(folder, screened), primary, latency)
    return replace(plan, chosen=choice.arm)


def death(code: int | None) -> str:
    """Say how a process ended that wrote no result."""
    if code is None:
        return f"given up, as its machine died once too often, or its time was up; see {ledger.LOG_FILE}"
    if code < 0:
        return SIGNALS.get(-code, f"killed by signal {-code}")
    return f"ended with exit code {code} before it had begun; see {ledger.LOG_FILE}"


def _machine() -> dict[str, str]:
    """Describe versions and hardware, without the folders of a user."""
    return {name: value for name, value in environment().items() if not (name.endswith(("_dir", "settings", "_DIR")))}
