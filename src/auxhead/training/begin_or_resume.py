"""Begin a run, or go on with one from whatever moment it was left at."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER

from auxhead.errors import AuxHeadError, OutputError
from auxhead.host.checkpoint import restricted
from auxhead.host.datasets import validation_images
from auxhead.model import state
from auxhead.model.choices import RunPlan
from auxhead.model.gradients import gain_warnings
from auxhead.results_csv import RESULTS_FILE, restore
from auxhead.shipping.certificate import certify
from auxhead.shipping.ship import reduced, ship
from auxhead.training import pose_road
from auxhead.training.data_check import check_data
from auxhead.training.launch import Callbacks, drive, run_folder
from auxhead.training.model_check import check_arguments
from auxhead.training.result import TrainResult, read_result, write_result
from auxhead.training.resuming.asked import is_trained
from auxhead.training.resuming.chosen import Chosen, choose, find_run
from auxhead.training.resuming.leftovers import require_best
from auxhead.training.resuming.owner import owned
from auxhead.training.trainer import make_trainer


def begin(plan: RunPlan, arguments: Mapping[str, Any], callbacks: Callbacks = None) -> TrainResult:
    """Train on the plan's route, in a folder that no other process is at, and read back what the run has left."""
    if plan.route != "native":
        plan, arguments = pose_road.prepare(plan, arguments)
    folder = run_folder(arguments)
    new = not folder.exists()
    arguments = {**arguments, "save_dir": str(folder)}
    with owned(folder):
        try:
            if plan.route == "native":
                drive(make_trainer(plan), arguments, callbacks)
            else:
                pose_road.run(plan, arguments, callbacks)
        except AuxHeadError as error:
            if new and not (isinstance(error, OutputError) or (folder / "weights" / "last.pt").exists()):
                shutil.rmtree(folder, ignore_errors=True)  # nothing was trained: leave no run that looks like one
            raise
        return read_result(folder)


def resume(keys: dict[str, Any], callbacks: Callbacks) -> TrainResult:
    """Go on with a run from whatever moment it was left at."""
    run = find_run(str(keys.pop("resume")))
    with owned(run):
        chosen = choose(run, keys)
        with restricted(trust=chosen.plan.trust):
            return _go_on(chosen, callbacks)


def _go_on(chosen: Chosen, callbacks: Callbacks) -> TrainResult:
    """Go on with a run of which all is known."""
    run, plan = chosen.run, chosen.plan
    overrides = {**chosen.asked, "save_dir": str(run)}
    if plan.route != "native":
        return read_result(pose_road.resume(run, plan, overrides, callbacks))
    latest = state.state_path(run / "weights" / "last.pt")
    if not latest.is_file():
        LOGGER.info(f"{run}: no epoch was finished, starting over")
        arguments = {**chosen.saved, **overrides, "resume": False}
        check_arguments(arguments, plan.heads)
        return begin(plan, check_data(arguments, plan), callbacks)
    last = state.load_state(latest)
    require_best(run)
    if is_trained(last, chosen.asked):
        complete(run, chosen.asked.get("data"))
        return read_result(run)
    checked = {"data": chosen.saved["data"]}  # the checkpoint's own word for it was not looked at
    return begin(plan, {**checked, **overrides, "resume": str(latest)}, callbacks)


def complete(run: Path, data: str | None = None) -> None:
    """Finish a run that has nothing left to train but which was stopped before its result was written.

    Args:
        run: Its folder.
        data: Where its data are now; None: where they were.
    """
    weights = run / "weights"
    last = state.load_state(state.state_path(weights / "last.pt"))
    restore(run / RESULTS_FILE, last["epoch"] + 1, last["train_results"])
    best = state.load_state(state.state_path(weights / "best.pt"))
    for trained, name in ((last, "last.pt"), (best, "best.pt")):
        ship(trained, weights / name)
    images = validation_images(data or str(best["train_args"]["data"]), best["train_args"], best["ema"].yaml["nc"])
    certificate = certify(best, weights / "best.pt", images)
    gradients = last[state.KEY].get("progress", {}).get("log", {})
    warnings = gain_warnings(gradients, list(best[state.KEY]["heads"]), best["train_args"]) if gradients else []
    write_result(run, {**best["train_metrics"], **gradients}, warnings, certificate)
    state.save(reduced(last), state.state_path(weights / "last.pt"))
