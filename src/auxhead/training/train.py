"""The main job: train with heads, ship a plain detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from auxhead.errors import ConfigError
from auxhead.files import path_given
from auxhead.host.checkpoint import restricted
from auxhead.host.cpu import restored_threads
from auxhead.keys.train_reading import NOT_OURS
from auxhead.training.begin_or_resume import begin, resume
from auxhead.training.data_check import check_data
from auxhead.training.launch import Callbacks, require_events
from auxhead.training.model_check import check_arguments
from auxhead.training.resolve import resolve
from auxhead.training.result import TrainResult
from auxhead.training.teaching.automatic import with_own_teacher
from auxhead.training.teaching.check import check_teacher, settled
from auxhead.training.trainer import HeadTrainer, make_trainer

if TYPE_CHECKING:
    from typing import Unpack

    from auxhead.keys.words.typed import TrainerWords, TrainWords


def train(data: str | Path | None = None, *, callbacks: Callbacks = None, **keys: Unpack[TrainWords]) -> TrainResult:
    """Train a detector with removable heads; what is saved is a stock detector.

    Args:
        data: Its data.yaml; a resume does without.
        callbacks: Functions of the trainer by the name of Ultralytics' event, such as on_fit_epoch_end.
        **keys: Every key of `yolo detect train` (`model`, `epochs`, `imgsz`, ...), and ours: `heads` ("center",
            {"center": {"gain": 6}}, or "none"), `flips` ({"left": "right"}), `crops` (0 to 1), `recipe`, `select`,
            `on_error`, `cpu_bf16`, `ignore`, `trust`; `resume` names the folder of a run to go on with.

    Returns:
        Paths, metrics, gradient shares and the certificate.

    Raises:
        ConfigError: Keys or values are wrong (all of them are named).
        DataError: The data set can't be used; bad label rows are listed with file and line.
        ModelError: The model is no detector that can carry heads, or the file is no model.
        ResumeError: The run named by `resume` can't be continued.
        OutputError: The run's folder can't be written to.
    """
    require_events(callbacks)
    given: dict[str, Any] = {**keys}
    if data is not None:
        given["data"] = path_given(data, 'auxhead.train("data.yaml", model=...)')
    with restored_threads():
        if given.get("resume"):
            return resume(given, callbacks)
        plan, arguments = resolve(given, files=True)
        with restricted(trust=plan.trust):
            check_arguments(arguments, plan.heads)
            plan = settled(plan, automatic=True)
            arguments = check_data(arguments, plan)
            plan = with_own_teacher(plan, arguments)
            check_teacher(plan, arguments)
            return begin(plan, arguments, callbacks)


def trainer(**keys: Unpack[TrainerWords]) -> type[HeadTrainer]:
    """Return a trainer class for Ultralytics' own entry point: `YOLO("yolov8n.pt").train(trainer=..., data=...)`.

    Args:
        **keys: Our keys only: `heads`, `flips`, `crops`, `select`, `on_error`, `cpu_bf16`, `ignore`. Those of
            Ultralytics go to its `train`.

    Raises:
        ConfigError: A key or value is wrong, or belongs to Ultralytics (recipes that set such keys do, too).
        ModelError: There is no such teacher.
    """
    plan, arguments = resolve(keys)
    if plan.route != "native":
        raise ConfigError(
            expected="the native route, whose trainer this is",
            found=f"route={plan.route}",
            where="trainer(...)",
            fix=f"call auxhead.train(route={plan.route!r}, ...)",
        )
    theirs = sorted(set(arguments) - set(NOT_OURS))
    if theirs:
        raise ConfigError(
            expected="keys of auxhead only",
            found=", ".join(f"{key}={arguments[key]}" for key in theirs),
            where="trainer(...)",
            fix="pass these to YOLO(...).train(...)",
        )
    return make_trainer(settled(plan))
