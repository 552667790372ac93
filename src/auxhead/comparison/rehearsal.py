"""Measure once before anything is trained: what can't be measured fails in a minute, not after a night."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from auxhead.comparison import ledger
from auxhead.comparison.machines.job import Executor, Job, State
from auxhead.comparison.plan import ComparisonPlan
from auxhead.comparison.run import POLL, Runs
from auxhead.comparison.worker import BUSY
from auxhead.errors import ConfigError
from auxhead.findings.files import RESULT_FILE, read_json
from auxhead.findings.measures import primary_key
from auxhead.host.settings import copy_settings
from auxhead.metrics.bands import read_bands
from auxhead.progress import Progress

FOLDER = "rehearsal"
SHOWN = 8  # last lines of the log in a message


def rehearse(runs: Runs, executor: Executor, tell: Progress) -> None:
    """Measure the control's start weights, once for the same data and settings, as finished runs will be measured.

    Args:
        runs: The runs; where none is left to do, nothing happens.
        executor: What will run them.
        tell: Called as progress(task, done, total).

    Raises:
        ConfigError: They can't be measured; the end of the log says why. Or the measure that decides was not among what
            was measured. Nothing was trained.
        OutputError: The folder can't be written to.
    """
    task = _task(runs)
    folder = runs.folder / FOLDER
    if all(runs.state(run) == "finished" for run in runs.all.values()):
        return
    if ledger.is_finished(folder, task["hash"]):
        _require_measure(runs.plan, folder)
        return
    tell("Measuring start weights", 0, 1)
    folder.mkdir(parents=True, exist_ok=True)
    ledger.write_json(folder / ledger.RUN_FILE, task)
    while (code := _run(folder, executor)) == BUSY:
        time.sleep(POLL)
    if code == 0:
        tell("Measuring start weights", 1, 1)
        _require_measure(runs.plan, folder)
        return
    log = (folder / ledger.LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    result = read_json(folder / RESULT_FILE) or {}
    raise ConfigError(
        expected="a detector that can be measured on this data",
        found=str(result.get("reason") or "\n          ".join(log[-SHOWN:]) or f"exit code {code}"),
        where=f"{runs.plan.data}, before the first training; see {folder / ledger.LOG_FILE}",
        fix="correct the data or the keys: every run would have failed like this after its training",
    )


def _require_measure(plan: ComparisonPlan, folder: Path) -> None:
    """Check that the measure that decides was measured: a band without boxes has none."""
    measured = (read_json(folder / RESULT_FILE) or {}).get("measures", {})
    band, measure = primary_key(plan.primary, [each.name for each in read_bands(plan.bands)])
    deciding = {plan.split, *(["val"] if plan.confirm else [])}  # an arm is chosen on val
    for split in sorted(deciding & measured.keys()):
        if f"{band}/{measure}" in measured[split]:
            continue
        raise ConfigError(
            expected=f"a measure that {split} has: {', '.join(measured[split])}",
            found=f"{plan.primary}: not measured, or there is no box of that size",
            where="primary, before the first training",
            fix="choose another one; a band's name may be its sizes: 8-16/AP50",
        )


def _task(runs: Runs) -> dict[str, Any]:
    """Describe the measurement: the control as a plain detector, on every split that counts, without resamples."""
    plan = runs.plan
    run = next(run for run in plan.runs() if run.arm == plan.control)
    keys = {key: value for key, value in run.keys.items() if key not in {"route", "heads"}}
    task = {
        "keys": {**keys, "model": plan.base["model"]},
        "measured": {**run.measured, "resamples": 0},
        "checkpoint": plan.checkpoint,
        "splits": sorted({"val", plan.split}),
    }
    about = [task, plan.data_sha256]
    return task | {"hash": hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()}


def _run(folder: Path, executor: Executor) -> int | None:
    codes: list[int | None] = []

    def told(_: Job, state: State, code: int | None) -> None:
        if state == "ended":
            codes.append(code)

    command = (sys.executable, "-m", "auxhead.comparison.worker", str(folder.resolve()), "--rehearse")
    executor.run([Job(FOLDER, command, folder, copy_settings(folder / "settings"))], told)
    return codes[-1] if codes else None
