"""The tutorial's road: convert the labels, train Ultralytics' own pose or segment model, strip it.

Nothing of ours takes part in the training itself: the trainer, the model and the loss are stock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.yolo.pose import PoseTrainer
from ultralytics.models.yolo.segment import SegmentationTrainer
from ultralytics.nn.tasks import guess_model_task, load_checkpoint, yaml_model_load
from ultralytics.utils import LOGGER

from auxhead.augmentation.flips import completed
from auxhead.augmentation.trainer import ViewTrainer
from auxhead.errors import ModelError, ResumeError
from auxhead.files import write_atomic
from auxhead.host.calls import UNUSABLE, first_line, quiet, told_as
from auxhead.host.checkpoint import open_model
from auxhead.host.cpu import take_cpu
from auxhead.host.datasets import read_data
from auxhead.layouts.ready_made import ready_made
from auxhead.model.choices import PLAN_FILE, RunPlan
from auxhead.results_csv import RESULTS_FILE, restore
from auxhead.shipping.strip import strip
from auxhead.shipping.strip_certificate import StripCertificate
from auxhead.training.converted_labels import convert_cached
from auxhead.training.launch import Callbacks, drive
from auxhead.training.result import write_result
from auxhead.training.resuming.asked import saved_arguments
from auxhead.training.resuming.leftovers import forget_earlier_run

TRAINERS: dict[str, type[BaseTrainer]] = {"pose": PoseTrainer, "segment": SegmentationTrainer}
MODELS = {"pose": "yolov8n-pose.yaml", "segment": "yolov8n-seg.yaml"}


def prepare(plan: RunPlan, arguments: Mapping[str, Any]) -> tuple[RunPlan, dict[str, Any]]:
    """Check the model and convert the labels.

    Args:
        plan: Its `route` and `labels` matter.
        arguments: Ultralytics' arguments; `data` names the detection data set.

    Returns:
        The plan with its source, and the arguments with the converted data set.

    Raises:
        DataError: The data set can't be used.
        ModelError: The model is of another task.
        OutputError: The converted labels can't be written.
    """
    require_task(arguments["model"], plan.route)
    flips = plan.flips
    if not arguments.get("single_cls"):
        flips = completed(flips, read_data(str(arguments["data"])))  # the converted data.yaml has no such entries
    plan = replace(plan, source=str(arguments["data"]), flips=flips)
    return plan, {**arguments, "data": _convert(plan), "task": plan.route}


def run(plan: RunPlan, arguments: Mapping[str, Any], callbacks: Callbacks = None) -> Path:
    """Train, strip, validate.

    Args:
        plan: As `prepare` gives it.
        arguments: Likewise.
        callbacks: Functions of the trainer by the name of Ultralytics' event.

    Returns:
        The run's folder. `weights/best.pt` is the stock pose or segment model, `weights/best-detect.pt` the detector.

    Raises:
        OutputError: A folder can't be written to.
        VerificationError: The stripped detector differs from what was trained.
    """
    trainer = drive(partial(_build, plan), arguments, callbacks)
    return finish(Path(trainer.save_dir), plan, str(arguments["data"]))


def resume(folder: Path, plan: RunPlan, overrides: Mapping[str, Any], callbacks: Callbacks = None) -> Path:
    """Go on with a run of this road from whatever moment it was left at.

    Args:
        folder: The run's folder.
        plan: What the run noted at its start.
        overrides: Arguments that Ultralytics lets a resume change, and the folder.
        callbacks: As in `run`.

    Returns:
        The run's folder.

    Raises:
        DataError, ModelError, OutputError, VerificationError: As in `run`.
        ResumeError: The last checkpoint is broken.
    """
    last = folder / "weights" / "last.pt"
    overrides = {**overrides, "task": plan.route}
    if not last.is_file():
        LOGGER.info(f"{folder}: no epoch was finished, starting over")
        arguments = {**saved_arguments(folder), "data": plan.source, **overrides, "resume": False}
        return run(*prepare(plan, arguments), callbacks)
    plan = replace(plan, source=str(overrides.get("data") or plan.source))
    content = read_last(last)
    unfinished = content.get("optimizer") is not None  # Ultralytics takes it out at the end
    if unfinished:
        restore(folder / RESULTS_FILE, int(content["epoch"]) + 1, content.get("train_results") or {})
    _complete_best(last)
    data = _convert(plan)
    if unfinished:
        drive(partial(_build, plan), {**overrides, "data": data, "resume": str(last)}, callbacks)
    return finish(folder, plan, data)


def read_last(last: Path) -> Mapping[str, Any]:
    """Read the last checkpoint, from which Ultralytics goes on.

    Raises:
        ResumeError: It is broken.
    """
    try:
        return open_model(last).content
    except ModelError as error:
        fix = f"start a new run; {last.with_name('best.pt')} is what this one had learned"
        raise ResumeError("the last checkpoint of this run, whole", error.found, str(last), fix) from error


def _complete_best(last: Path) -> None:
    """Write the best checkpoint if a kill cut it off: Ultralytics writes it after the last one, of the same epoch."""
    best = last.with_name("best.pt")
    try:
        open_model(best)
    except ModelError:
        write_atomic(best, last.read_bytes())


def finish(folder: Path, plan: RunPlan, data: str) -> Path:
    """Strip the best checkpoint, validate both models, and write the result.

    Args:
        folder: The run's folder.
        plan: What the run noted at its start.
        data: The converted data set that the run was trained on.

    Returns:
        The run's folder.

    Raises:
        VerificationError: The stripped detector differs from what was trained.
    """
    _note(folder, plan)
    best = folder / "weights" / "best.pt"
    certificate = strip(best, data=data, exist_ok=True)
    if not isinstance(certificate, StripCertificate):
        raise ResumeError(f"the {plan.route} model of this run", "a plain detector", str(best), "start a new run")
    write_result(folder, certificate.validation[-1].metrics(), (), certificate)
    LOGGER.info(f"\n{certificate}\n")
    return folder


def require_task(model: str | Path, route: str) -> None:
    """Check, before the labels are converted, that the model is one that the route can train.

    Raises:
        ModelError: It is of another task, unknown, or no model.
    """

    def refuse(error: BaseException) -> ModelError:
        return ModelError(
            expected=f"a {route} model: its .pt file or .yaml",
            found=first_line(error),
            where=f"model={model}",
            fix=f"correct the path, or name a model of Ultralytics such as {MODELS[route]}",
        )

    with told_as(refuse, (*UNUSABLE, EOFError, UnpicklingError)), quiet():
        checked = load_checkpoint(str(model))[0] if Path(model).suffix == ".pt" else yaml_model_load(ready_made(model))
        task = guess_model_task(checked if isinstance(checked, dict) else checked.yaml)
    if task != route:
        raise ModelError(
            expected=f"a {route} model, as route={route} trains",
            found=f"a {task} model",
            where=f"model={model}",
            fix=f"name one such as {MODELS[route]}; weights of a detector go into pretrained=",
        )


def _convert(plan: RunPlan) -> str:
    """Bring the converted data set up to date and say where it is."""
    if plan.labels is None or plan.source is None:
        raise ResumeError("the labels of a run", "none", PLAN_FILE, "start a new run")
    conversion = convert_cached(plan.source, plan.labels, plan.on_error)
    state = "converted to" if conversion.fresh else "already converted:"
    LOGGER.info(f"{plan.source} {state} {conversion.data}")
    return str(conversion.data)


def _build(plan: RunPlan, overrides: dict[str, Any], _callbacks: dict[str, Any]) -> BaseTrainer:
    """Build the stock trainer; ours are a note for a resume and, on CPUs, all cores."""
    if not overrides.get("resume"):
        forget_earlier_run(Path(overrides["save_dir"]))
    trainer = _trainer(plan)(overrides=overrides, _callbacks=_callbacks)
    _note(Path(trainer.save_dir), plan)
    trainer.add_callback("on_train_start", partial(take_cpu, bf16=plan.cpu_bf16))
    return trainer


def _trainer(plan: RunPlan) -> type[BaseTrainer]:
    """Return the stock trainer; one that shows other pictures only where they were asked for."""
    stock = TRAINERS[plan.route]
    asked = plan.crops.share or plan.flips.swap or plan.flips.never
    return type("ViewedTrainer", (ViewTrainer, stock), {"plan": plan}) if asked else stock


def _note(folder: Path, plan: RunPlan) -> None:
    """Write down the plan for a resume; several GPUs' launcher empties the folder, so it is written twice."""
    write_atomic(folder / PLAN_FILE, json.dumps(plan.to_dict(), indent=2).encode())
