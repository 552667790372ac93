"""Every part of Ultralytics that auxhead builds on although it is not documented, and the releases it was tested with.

The contract tests (tests/host/test_compat.py) check what each of them does; here we only see that they are there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from auxhead.errors import HostVersionError
from auxhead.machine import OMP_NUM_THREADS  # noqa: F401  read before Ultralytics sets it

TESTED = ("8.4.180", "8.4.190")
"""Oldest and newest release that the contract tests passed on."""

TOUCH_POINTS: dict[str, str] = {
    "ultralytics.cfg:_handle_deprecation": "old key names are accepted as Ultralytics accepts them",
    "ultralytics.cfg:check_cfg": "values are checked by Ultralytics' own function",
    "ultralytics.cfg:merge_equals_args": "words are joined as `yolo` joins them",
    "ultralytics.cfg:parse_key_value_pair": "values are read as `yolo` reads them",
    "ultralytics.data.base:BaseDataset.get_img_files": "images that were left out are found by listing again",
    "ultralytics.engine.trainer:BaseTrainer._handle_nan_recovery": "recovery reads our training state",
    "ultralytics.engine.trainer:BaseTrainer._load_checkpoint_state": "heads are restored with the rest",
    "ultralytics.engine.trainer:BaseTrainer._model_train": "schedules learn the epoch at its start",
    "ultralytics.engine.trainer:BaseTrainer._setup_train": "CPU autocast is switched on after it",
    "ultralytics.engine.trainer:BaseTrainer.final_eval": "checkpoints are reduced without half-written files",
    "ultralytics.engine.trainer:BaseTrainer.label_loss_items": "heads have no validation loss",
    "ultralytics.engine.trainer:BaseTrainer.resume_training": "heads survive a resume",
    "ultralytics.engine.trainer:BaseTrainer.save_metrics": "gradient shares become columns of results.csv",
    "ultralytics.engine.trainer:BaseTrainer.save_model": "checkpoints are plain and written whole",
    "ultralytics.engine.trainer:BaseTrainer.validate": "the best checkpoint can follow another metric",
    "ultralytics.models.yolo.detect:DetectionTrainer.set_class_weights": "the criterion is completed there",
    "ultralytics.models.yolo.detect:DetectionTrainer.set_model_attributes": "heads are attached there",
    "ultralytics.nn.distill_model:DistillationModel._remove_feature_hooks": "a distilled model is its student",
    "ultralytics.nn.modules.head:Detect._inference": "boxes and scores before NMS are compared",
    "ultralytics.nn.modules.head:Detect.forward_head": "it hands out the feature maps (`feats`)",
    "ultralytics.nn.tasks:_SafeLoad.loading": "models of foreign files are built without evaluating their code",
    "ultralytics.nn.tasks:DetectionModel.init_criterion": "the detection loss is Ultralytics' own",
    "ultralytics.nn.tasks:torch_safe_load": "foreign files are opened without running their code",
    "ultralytics.utils.checks:check_requirements": "nothing is installed while a file is opened or exported",
    "ultralytics.models.yolo.detect:DetectionValidator._prepare_batch": "predictions are kept image by image",
    "ultralytics.models.yolo.detect:DetectionValidator.scale_preds": "predictions are kept in original pixels",
    "ultralytics.utils.tal:TaskAlignedAssigner.select_candidates_in_gts": "candidate anchors are counted by it",
    "ultralytics.utils.tal:make_anchors": "candidate anchors are placed by it",
    "ultralytics.utils.loss:v8DetectionLoss.get_assigned_targets_and_loss": "heads learn on its assignment",
}


def installed() -> str:
    """Return the installed release of Ultralytics.

    Raises:
        HostVersionError: There is none.
    """
    try:
        return version("ultralytics")
    except PackageNotFoundError as error:
        raise HostVersionError(
            f"ultralytics {TESTED[0]} to {TESTED[1]}", "none", "this Python environment", "pip install ultralytics"
        ) from error


def _missing(touch_point: str) -> bool:
    module, _, path = touch_point.partition(":")
    try:
        found: object = import_module(module)
    except ImportError:
        return True
    for name in path.split("."):
        found = inspect.getattr_static(found, name, None) if inspect.isclass(found) else getattr(found, name, None)
    return not isinstance(found, (Callable, staticmethod, classmethod))  # type: ignore[arg-type]


def require_host() -> None:
    """Check that all touch points are there.

    Raises:
        HostVersionError: Some are gone; it names them and what they are for.
    """
    release = installed()
    gone = [f"{point} ({reason})" for point, reason in TOUCH_POINTS.items() if _missing(point)]
    if gone:
        raise HostVersionError(
            expected=f"ultralytics {TESTED[0]} to {TESTED[1]}, with all parts that auxhead builds on",
            found=f"{release}, without " + "; ".join(gone),
            where="this Python environment",
            fix=f"pip install 'ultralytics>={TESTED[0]},<={TESTED[1]}', or a newer auxhead",
        )
