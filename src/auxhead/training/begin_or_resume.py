"""Begin a run, or go on with one from whatever moment it was left at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER, YAML

from auxhead.errors import ResumeError
from auxhead.host.checkpoint import restricted
from auxhead.host.datasets import validation_images
from auxhead.keys.train import TrainKeys
from auxhead.model import state
from auxhead.model.choices import PLAN_FILE, RunPlan
from auxhead.model.gradients import gain_warnings
from auxhead.shipping.certificate import certify
from auxhead.shipping.ship import reduce_state, ship
from auxhead.training import pose_road
from auxhead.training.data_check import check_data
from auxhead.training.launch import Callbacks, drive
from auxhead.training.model_check import check_files
from auxhead.training.resolve import resolve
from auxhead.training.result import RESULT_FILE, TrainResult, read_result, write_result
from auxhead.training.trainer import make_trainer


def begin(plan: RunPlan, arguments: Mapping[str, Any], callbacks: Callbacks = None) -> TrainResult:
    """Train on the plan's route, and read back what the run has left."""
    if plan.route == "native":
        return read_result(Path(drive(make_trainer(plan), arguments, callbacks).save_dir))
    return read_result(pose_road.run(plan, arguments, callbacks))


def resume(keys: dict[str, Any], callbacks: Callbacks) -> TrainResult:
    """Go on with a run from whatever moment it was left at."""
    run = Path(str(keys.pop("resume")))
    run = run.parents[1] if run.is_file() and len(run.parents) > 1 else run
    if not (run / PLAN_FILE).is_file():
        raise ResumeError(
            expected=f"the folder of a run of auxhead, with {PLAN_FILE} in it",
            found="no such folder" if not run.is_dir() else f"a folder without {PLAN_FILE}",
            where=str(run),
            fix="name the folder that the run printed at its start (resume=runs/detect/train)",
        )
    if (run / RESULT_FILE).is_file():
        raise ResumeError("an unfinished run", "a finished one", str(run), "start a new run")
    ours = sorted(key for key in keys if (key in TrainKeys.model_fields and key != "trust") or "." in key)
    if ours:
        raise ResumeError(
            "keys of Ultralytics only", ", ".join(ours), str(run), "leave them out; the run keeps its own"
        )
    given, overrides = resolve({"heads": "none", **keys})
    with restricted(trust=given.trust):
        return _go_on(run, replace(_read_plan(run), trust=given.trust), overrides, callbacks)


def _go_on(run: Path, plan: RunPlan, overrides: Mapping[str, Any], callbacks: Callbacks) -> TrainResult:
    """Go on with a run of which its plan is known."""
    overrides = {**overrides, "save_dir": str(run), "exist_ok": True}
    if plan.route != "native":
        return read_result(pose_road.resume(run, plan, overrides, callbacks))
    latest = state.state_path(run / "weights" / "last.pt")
    if not latest.is_file():
        LOGGER.info(f"{run}: no epoch was finished, starting over")
        arguments = {**YAML.load(run / "args.yaml"), **overrides, "resume": False}
        check_files(arguments)
        return begin(plan, check_data(arguments, plan), callbacks)
    saved = state.load_state(latest)
    if saved["epoch"] + 1 >= saved["train_args"]["epochs"]:
        complete(run)
        return read_result(run)
    return begin(plan, {**overrides, "resume": str(latest)}, callbacks)


def _read_plan(run: Path) -> RunPlan:
    path = run / PLAN_FILE
    try:
        return RunPlan.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ResumeError(
            "the keys of a run, as auxhead wrote them", repr(error), str(path), "start a new run"
        ) from error


def complete(run: Path) -> None:
    """Finish a run whose last epoch is done but which was stopped before its result was written."""
    weights = run / "weights"
    last = state.load_state(state.state_path(weights / "last.pt"))
    best = state.load_state(state.state_path(weights / "best.pt"))
    for trained, name in ((last, "last.pt"), (best, "best.pt")):
        ship(trained, weights / name)
    images = validation_images(str(best["train_args"]["data"]), best["train_args"], best["ema"].yaml["nc"])
    certificate = certify(best, weights / "best.pt", images)
    gradients = last[state.KEY].get("progress", {}).get("log", {})
    warnings = gain_warnings(gradients, list(best[state.KEY]["heads"]), best["train_args"]) if gradients else []
    write_result(run, {**best["train_metrics"], **gradients}, warnings, certificate)
    reduce_state(state.state_path(weights / "last.pt"))
