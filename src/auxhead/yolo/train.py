"""The main job: train with heads, ship a plain detector."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER, YAML

from auxhead.errors import ConfigError, ResumeError
from auxhead.host.cpu import restored_threads
from auxhead.host.datasets import read_data
from auxhead.keys.train import TrainKeys
from auxhead.labels.check import check_labels
from auxhead.labels.listing import list_images
from auxhead.labels.problems import problems_error, write_problems
from auxhead.model import state
from auxhead.model.choices import PLAN_FILE, RunPlan
from auxhead.yolo import route
from auxhead.yolo.certificate import Certificate
from auxhead.yolo.drive import Callbacks, drive
from auxhead.yolo.finish import RESULT_FILE, complete
from auxhead.yolo.grammar import NOT_OURS, resolve
from auxhead.yolo.strip_certificate import StripCertificate
from auxhead.yolo.trainer import HeadTrainer, make_trainer


@dataclass(frozen=True)
class TrainResult:
    """What a finished run has left.

    Attributes:
        save_dir: The run's folder.
        best: The shipped detector, chosen by `certificate.select`.
        last: The detector of the last epoch.
        metrics: Validation metrics of best.pt, by Ultralytics' names.
        gradients: Means over the last epoch with a measurement: gradient norms, shares and gains by column name.
        warnings: Gain settings that defeat the training, in words; empty when there are none.
        certificate: The proof that `best` is the stock detector that was trained. On the pose and segment routes it
            also holds the validation of both models.
    """

    save_dir: Path
    best: Path
    last: Path
    metrics: Mapping[str, float]
    gradients: Mapping[str, float]
    warnings: tuple[str, ...]
    certificate: Certificate | StripCertificate

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}


def train(callbacks: Callbacks = None, **keys: Any) -> TrainResult:
    """Train a detector with removable heads; what is saved is a stock detector.

    Args:
        callbacks: Functions of the trainer by the name of Ultralytics' event, such as on_fit_epoch_end.
        **keys: Every key of `yolo detect train` (`data`, `model`, `epochs`, `imgsz`, ...), and ours: `heads` ("center",
            {"center": {"gain": 6}}, or "none"), `recipe`, `select`, `on_error`, `cpu_bf16`; `resume` names the folder
            of a run to go on with.

    Returns:
        Paths, metrics, gradient shares and the certificate.

    Raises:
        ConfigError: Keys or values are wrong (all of them are named).
        DataError: The data set can't be used; bad label rows are listed with file and line.
        ModelError: The model is no detector that can carry heads, or the file is no model.
        ResumeError: The run named by `resume` can't be continued.
        OutputError: The run's folder can't be written to.
    """
    with restored_threads():
        if keys.get("resume"):
            return _resume(dict(keys), callbacks)
        plan, arguments = resolve(keys)
        for key in ("model", "data"):
            if not isinstance(arguments.get(key), (str, Path)):
                raise ConfigError(f"{key}=FILE", f"{key}={arguments.get(key)}", key, f"name one file with {key}=")
        check_data(arguments, plan)
        return _run(plan, arguments, callbacks)


def trainer(**keys: Any) -> type[HeadTrainer]:
    """Return a trainer class for Ultralytics' own entry point: `YOLO("yolov8n.pt").train(trainer=..., data=...)`.

    Args:
        **keys: Our keys only: `heads`, `select`, `on_error`, `cpu_bf16`. Ultralytics' keys go to its `train`.

    Raises:
        ConfigError: A key or value is wrong, or belongs to Ultralytics (recipes that set such keys do, too).
    """
    plan, arguments = resolve(keys)
    theirs = sorted(set(arguments) - set(NOT_OURS))
    if theirs:
        raise ConfigError(
            expected="keys of auxhead only",
            found=", ".join(f"{key}={arguments[key]}" for key in theirs),
            where="trainer(...)",
            fix="pass these to YOLO(...).train(...)",
        )
    return make_trainer(plan)


def _run(plan: RunPlan, arguments: Mapping[str, Any], callbacks: Callbacks = None) -> TrainResult:
    """Train on the plan's route, and read back what the run has left."""
    if plan.route == "native":
        return read_result(Path(drive(make_trainer(plan), arguments, callbacks).save_dir))
    return read_result(route.run(plan, arguments, callbacks))


def read_result(run: Path) -> TrainResult:
    """Read what a finished run has left.

    Raises:
        ResumeError: The run is not finished.
    """
    path = run / RESULT_FILE
    if not path.is_file():
        raise ResumeError("a finished run", f"no {RESULT_FILE}", str(run), f"finish it: auxhead train resume={run}")
    content = json.loads(path.read_text(encoding="utf-8"))
    proof = content["certificate"]
    certificate = StripCertificate.from_dict(proof) if "source" in proof else Certificate(**proof)
    return TrainResult(
        save_dir=run,
        best=run / "weights" / certificate.weights,
        last=run / "weights" / "last.pt",
        metrics=content["metrics"],
        gradients=content["gradients"],
        warnings=tuple(content["warnings"]),
        certificate=certificate,
    )


def _resume(keys: dict[str, Any], callbacks: Callbacks) -> TrainResult:
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
    ours = sorted(key for key in keys if key in TrainKeys.model_fields or "." in key)
    if ours:
        raise ResumeError(
            "keys of Ultralytics only", ", ".join(ours), str(run), "leave them out; the run keeps its own"
        )
    _, overrides = resolve({"heads": "none", **keys})
    plan = _read_plan(run)
    if plan.route != "native":
        return read_result(route.resume(run, plan, {**overrides, "save_dir": str(run), "exist_ok": True}, callbacks))
    overrides |= {"save_dir": str(run), "exist_ok": True}
    latest = state.state_path(run / "weights" / "last.pt")
    if not latest.is_file():
        LOGGER.info(f"{run}: no epoch was finished, starting over")
        arguments = {**YAML.load(run / "args.yaml"), **overrides, "resume": False}
        check_data(arguments, plan)
        return _run(plan, arguments, callbacks)
    saved = state.load_state(latest)
    if saved["epoch"] + 1 >= saved["train_args"]["epochs"]:
        complete(run)
        return read_result(run)
    return _run(plan, {**overrides, "resume": str(latest)}, callbacks)


def _read_plan(run: Path) -> RunPlan:
    path = run / PLAN_FILE
    try:
        return RunPlan.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ResumeError(
            "the keys of a run, as auxhead wrote them", repr(error), str(path), "start a new run"
        ) from error


def check_data(arguments: Mapping[str, Any], plan: RunPlan) -> None:
    """Check the data set before anything is built.

    Args:
        arguments: Ultralytics' arguments, of which `data` and `single_cls` matter.
        plan: Says whether bad labels stop the run.

    Raises:
        DataError: The yaml or a split can't be used, or label rows are wrong; more than ten go into a csv.
    """
    source = str(arguments["data"])
    if source.rsplit(".", 1)[-1] not in {"yaml", "yml"}:
        return  # archives, URLs and ndjson: Ultralytics unpacks them first
    data = read_data(source)
    nc = 1 if arguments.get("single_cls") else int(data["nc"])
    for split in ("train", "val"):
        sources = data[split] if isinstance(data[split], list) else [data[split]]
        report = check_labels(
            list_images(sources),
            nc,
            single_cls=bool(arguments.get("single_cls")),
            kpt_shape=data.get("kpt_shape"),
        )
        LOGGER.info(
            f"{split}: {report.images} images, {report.boxes} boxes; {report.missing} without label file, "
            f"{report.empty} with an empty one, {report.duplicates} duplicate rows that Ultralytics removes"
        )
        if not report.problems:
            continue
        path = Path.cwd() / f"auxhead-problems-{split}.csv"
        write_problems(report, path)
        bad_rows = problems_error(report, path)
        if plan.on_error == "fail":
            raise bad_rows
        LOGGER.warning(f"training without the images of these labels (on_error=skip)\n{bad_rows}")
