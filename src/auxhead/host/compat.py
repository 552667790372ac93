"""Every part of Ultralytics that auxhead builds on although it is not documented, and the releases it was tested with.

The contract tests (tests/host/test_compat.py) check what each of them does; here we only see that they are there and
take what we give them.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from auxhead.errors import HostVersionError
from auxhead.machine import OMP_NUM_THREADS  # noqa: F401  read before Ultralytics sets it


class TouchPoint(NamedTuple):
    """A function of Ultralytics that we call or override.

    Attributes:
        parameters: Parameters that we rely on. Plain ones are given by position and come first, in this order; those
            with = are given by name. A closing ... allows others that have defaults: it is left out where we override
            a method, which has to understand whatever it may be given.
        reason: What would not work without it.
    """

    parameters: str
    reason: str


TOUCH_POINTS: dict[str, TouchPoint] = {
    "ultralytics.cfg:_handle_deprecation": TouchPoint("custom, ...", "old keys are accepted as Ultralytics does"),
    "ultralytics.cfg:check_cfg": TouchPoint("cfg, hard, ...", "values are checked by Ultralytics' own function"),
    "ultralytics.cfg:merge_equals_args": TouchPoint("args, ...", "words are joined as `yolo` joins them"),
    "ultralytics.cfg:parse_key_value_pair": TouchPoint("pair, ...", "values are read as `yolo` reads them"),
    "ultralytics.data:build_yolo_dataset": TouchPoint(
        "cfg, img_path, batch, data, mode=, ...", "a split is scanned as a validation scans it"
    ),
    "ultralytics.data.augment:CopyPaste.get_params": TouchPoint("self, labels", "pasted objects are mirrored"),
    "ultralytics.data.augment:RandomFlip.apply_instances": TouchPoint("self, labels, params", "classes are mirrored"),
    "ultralytics.data.augment:RandomFlip.get_params": TouchPoint("self, labels", "some pictures are never mirrored"),
    "ultralytics.data.base:BaseDataset.check_cache_ram": TouchPoint(
        "self, ...", "the memory for native pictures is told before it is taken"
    ),
    "ultralytics.data.base:BaseDataset.get_image_and_label": TouchPoint(
        "self, index", "views are cut where pictures are read"
    ),
    "ultralytics.data.base:BaseDataset.get_img_files": TouchPoint(
        "self, img_path, ...", "images that were left out are found by listing again"
    ),
    "ultralytics.data.base:BaseDataset.load_image": TouchPoint(
        "self, i, rect_mode, resize_short", "native pictures are read, and those of a mosaic buffer loaded again"
    ),
    "ultralytics.data.build:InfiniteDataLoader.__iter__": TouchPoint(
        "self", "a loader goes on where another one stood"
    ),
    "ultralytics.data.build:InfiniteDataLoader.reset": TouchPoint("self", "new workers go on where others stood"),
    "ultralytics.data.dataset:YOLODataset.build_transforms": TouchPoint("self, hyp", "mirrors are told the classes"),
    "ultralytics.data.dataset:YOLODataset.close_mosaic": TouchPoint("self, hyp", "whole pictures are shown from there"),
    "ultralytics.data.dataset:YOLODataset.update_labels_info": TouchPoint("self, label", "labels of cuts are finished"),
    "ultralytics.data.utils:check_det_dataset": TouchPoint(
        "dataset, autodownload=, split=, ...", "a data.yaml is read by Ultralytics"
    ),
    "ultralytics.data.utils:convert_ndjson_to_yolo_if_needed": TouchPoint(
        "data, ...", "an .ndjson file is converted before its labels are checked"
    ),
    "ultralytics.engine.exporter:Exporter.__call__": TouchPoint("self, model=, ...", "a model in memory is exported"),
    "ultralytics.engine.trainer:BaseTrainer.__init__": TouchPoint(
        "self, cfg, overrides, _callbacks", "callbacks are known while the trainer is built"
    ),
    "ultralytics.engine.trainer:BaseTrainer._handle_nan_recovery": TouchPoint(
        "self, epoch", "recovery reads our training state"
    ),
    "ultralytics.engine.trainer:BaseTrainer._load_checkpoint_state": TouchPoint(
        "self, ckpt", "heads are restored with the rest"
    ),
    "ultralytics.engine.trainer:BaseTrainer._model_train": TouchPoint("self", "schedules learn the epoch at its start"),
    "ultralytics.engine.trainer:BaseTrainer._setup_train": TouchPoint("self", "CPU autocast is switched on after it"),
    "ultralytics.engine.trainer:BaseTrainer.final_eval": TouchPoint(
        "self", "checkpoints are reduced without half-written files"
    ),
    "ultralytics.engine.trainer:BaseTrainer.label_loss_items": TouchPoint(
        "self, loss_items, prefix", "heads have no validation loss"
    ),
    "ultralytics.engine.trainer:BaseTrainer.optimizer_step": TouchPoint(
        "self", "batches that wait for a step are known"
    ),
    "ultralytics.engine.trainer:BaseTrainer.resume_training": TouchPoint("self, ckpt", "heads survive a resume"),
    "ultralytics.engine.trainer:BaseTrainer.save_metrics": TouchPoint(
        "self, metrics", "gradient shares become columns of results.csv"
    ),
    "ultralytics.engine.trainer:BaseTrainer.save_model": TouchPoint("self", "checkpoints are plain and written whole"),
    "ultralytics.engine.trainer:BaseTrainer.setup_model": TouchPoint("self", "what is no model is one error"),
    "ultralytics.engine.trainer:BaseTrainer.validate": TouchPoint(
        "self", "the best checkpoint can follow another metric"
    ),
    "ultralytics.models.yolo.detect:DetectionTrainer.build_dataset": TouchPoint(
        "self, img_path, mode, batch", "training pictures are shown as the plan says, at the teacher's size"
    ),
    "ultralytics.models.yolo.detect:DetectionTrainer.get_dataloader": TouchPoint(
        "self, dataset_path, batch_size, rank, mode", "loaders can go on after a resume"
    ),
    "ultralytics.models.yolo.detect:DetectionTrainer.get_model": TouchPoint(
        "self, cfg, weights, verbose", "other models than detectors are refused"
    ),
    "ultralytics.models.yolo.detect:DetectionTrainer.preprocess_batch": TouchPoint(
        "self, batch, ...", "the first batches are noted"
    ),
    "ultralytics.models.yolo.detect:DetectionTrainer.progress_string": TouchPoint("self", "columns have short names"),
    "ultralytics.models.yolo.detect:DetectionTrainer.set_class_weights": TouchPoint(
        "self", "the criterion is completed there"
    ),
    "ultralytics.models.yolo.detect:DetectionTrainer.set_model_attributes": TouchPoint(
        "self", "heads are attached there"
    ),
    "ultralytics.models.yolo.detect:DetectionValidator._prepare_batch": TouchPoint(
        "self, si, batch, ...", "predictions are kept image by image"
    ),
    "ultralytics.models.yolo.detect:DetectionValidator.init_metrics": TouchPoint("self, model", "classes are matched"),
    "ultralytics.models.yolo.detect:DetectionValidator.postprocess": TouchPoint(
        "self, preds", "keypoints and masks are left aside"
    ),
    "ultralytics.models.yolo.detect:DetectionValidator.scale_preds": TouchPoint(
        "self, predn, pbatch, ...", "predictions are kept in original pixels"
    ),
    "ultralytics.models.yolo.detect:DetectionValidator.update_metrics": TouchPoint(
        "self, preds, batch", "predictions are kept as they are measured"
    ),
    "ultralytics.nn.distill_model:DistillationModel._remove_feature_hooks": TouchPoint(
        "self, ...", "a distilled model is its student"
    ),
    "ultralytics.nn.modules.head:Detect.__init__": TouchPoint(
        "self, nc=, reg_max=, ch=, ...", "the assistant is a detection branch of its own"
    ),
    "ultralytics.nn.modules.head:Detect._inference": TouchPoint(
        "self, x, ...", "boxes and scores before NMS are compared"
    ),
    "ultralytics.nn.modules.head:Detect.bias_init": TouchPoint("self", "the assistant starts as detectors do"),
    "ultralytics.nn.modules.head:Detect.forward_head": TouchPoint(
        "self, x, ...", "it hands out the feature maps (`feats`)"
    ),
    "ultralytics.nn.tasks:DetectionModel.init_criterion": TouchPoint(
        "self, ...", "the detection loss is Ultralytics' own"
    ),
    "ultralytics.nn.tasks:_SafeLoad.loading": TouchPoint(
        "weight, ...", "models of foreign files are built without evaluating their code"
    ),
    "ultralytics.nn.tasks:_SafeLoad.restricted": TouchPoint(
        "...", "`SAFE_LOAD` is looked at whenever a model is built"
    ),
    "ultralytics.nn.tasks:check_yaml": TouchPoint(
        "file, ...", "a model's size is looked for in its name, not in its folder's"
    ),
    "ultralytics.nn.tasks:guess_model_task": TouchPoint("model, ...", "a YAML says what is built of it"),
    "ultralytics.nn.tasks:load_checkpoint": TouchPoint("weight, ...", "finished files are read as users read them"),
    "ultralytics.nn.tasks:torch_safe_load": TouchPoint(
        "weight, safe_only=, ...", "foreign files are opened without running their code"
    ),
    "ultralytics.nn.tasks:yaml_model_load": TouchPoint("path, ...", "models are found by their names"),
    "ultralytics.utils.checks:check_requirements": TouchPoint(
        "requirements, ...", "nothing is installed while a file is opened or exported"
    ),
    "ultralytics.utils.loss:v8DetectionLoss.__init__": TouchPoint(
        "self, model, tal_topk=, ...", "the assistant has the detection loss, and an assignment of its own"
    ),
    "ultralytics.utils.loss:v8DetectionLoss.get_assigned_targets_and_loss": TouchPoint(
        "self, preds, batch, ...", "heads learn on its assignment"
    ),
    "ultralytics.utils.tal:TaskAlignedAssigner.select_candidates_in_gts": TouchPoint(
        "self, xy_centers, gt_bboxes, mask_gt, ...", "candidate anchors are counted by it"
    ),
    "ultralytics.utils.tal:make_anchors": TouchPoint(
        "feats, strides, grid_cell_offset, ...", "candidate anchors are placed by it"
    ),
    "ultralytics.utils.torch_utils:get_flops": TouchPoint("model, imgsz, ...", "models are counted as by Ultralytics"),
    "ultralytics.utils.torch_utils:get_num_params": TouchPoint("model, ...", "models are counted as by Ultralytics"),
    "ultralytics.utils.torch_utils:initialize_weights": TouchPoint(
        "model, ...", "the assistant's batch norm has Ultralytics' constants"
    ),
}
"""Functions and methods: `require_host` looks for them and their parameters."""

ATTRIBUTES: dict[str, str] = {
    "BaseDataset.buffer": "mosaics after a resume are made of the images that were in memory",
    "BaseTrainer.accumulate": "a resumed run steps when it would have stepped",
    "BaseTrainer.amp": "training on a CPU runs under bfloat16 autocast",
    "BaseTrainer.preprocess_batch": "the first batches are noted by a function put in its place",
    "BaseTrainer.test_loader": "the certificate compares outputs on validation pictures",
    "Detect._end2end": "a stripped head predicts with the branch that its source predicted with",
    "Detect.cv2": "heads learn how wide the shared feature maps are",
    "Detect.legacy": "class branches of both kinds can be built",
    "Detect.one2one_cv2": "a teacher works without its one-to-one branch",
    "E2ELoss.o2m": "heads weigh as much as the one-to-many branch",
    "E2ELoss.o2o": "both branches of end-to-end models keep their weights",
    "E2ELoss.one2many": "heads learn on its assignment",
    "E2ELoss.one2one": "the other branch learns as without heads",
    "Mosaic.buffer_enabled": "mosaics of cuts are made of what was shown lately, also with cache=ram",
    "ROOT/cfg/models": "names of models are suggested from it",
    "SETTINGS": "folders of data sets and runs (datasets_dir, runs_dir)",
    "TaskAlignedAssigner.stride_val": "candidate anchors of small boxes lie within it",
    "check_det_dataset": "entries that we read: yaml_file, channels, names, nc, train, val",
    "checks.AUTOINSTALL": "nothing is installed while a file is opened or exported",
    "v8DetectionLoss.class_weights": "the assistant weighs classes as the detector does",
    "v8DetectionLoss.hyp": "the assistant has the run's loss gains",
    "v8DetectionLoss.loss_names": "gradients are logged by the names of their terms",
}
"""What only a model, trainer or call has: the contract tests alone can check it, each on a tiny real one."""


TESTED = ("8.4.180", "8.4.190")
"""Oldest and newest release that the contract tests passed on."""


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


def require_host() -> None:
    """Check that all touch points are there, and take what we give them.

    Raises:
        HostVersionError: Some are gone or changed; it names them and what they are for.
    """
    release = installed()
    wrong = [
        f"{name} {problem} ({point.reason})" for name, point in TOUCH_POINTS.items() if (problem := _problem(name))
    ]
    if wrong:
        raise HostVersionError(
            expected=f"ultralytics {TESTED[0]} to {TESTED[1]}, with all parts that auxhead builds on",
            found=f"{release}, but " + "; ".join(wrong),
            where="this Python environment",
            fix=f"pip install 'ultralytics>={TESTED[0]},<={TESTED[1]}', or a newer auxhead",
        )


def _problem(name: str) -> str:
    """Say what is wrong with a touch point; nothing gives ''."""
    found = _find(name)
    if not callable(found):
        return "is gone"
    expected, signature = TOUCH_POINTS[name].parameters, inspect.signature(found)
    return "" if accepts(signature, expected) else f"takes {signature} instead of ({expected})"


def _find(name: str) -> object:
    """Import what a touch point names, module:path; None where there is none."""
    module, _, path = name.partition(":")
    try:
        found: object = import_module(module)
    except ImportError:
        return None
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def accepts(signature: inspect.Signature, expected: str) -> bool:
    """Tell whether a function has the parameters that we rely on.

    Args:
        signature: The function's.
        expected: As in `TouchPoint`.
    """
    words = expected.split(", ")
    first = [word.lstrip("*") for word in words if word != "..." and not word.endswith("=")]
    named = [word[:-1] for word in words if word.endswith("=")]
    try:
        signature.bind(*first, **dict.fromkeys(named))
    except TypeError:  # one of them is gone, or another one is needed
        return False
    found = list(signature.parameters)
    return found[: len(first)] == first and ("..." in words or len(found) == len(first) + len(named))
