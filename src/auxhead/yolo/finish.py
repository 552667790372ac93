"""From a training state to the file that ships, with its proof."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import DEFAULT_CFG_KEYS

from auxhead.files import write_atomic
from auxhead.host.datasets import validation_images
from auxhead.model import state
from auxhead.model.attach import plain
from auxhead.model.gradients import gain_warnings
from auxhead.yolo.certificate import Certificate, certify
from auxhead.yolo.strip_certificate import StripCertificate

CERTIFICATE_FILE = "certificate.json"
RESULT_FILE = "result.json"


def half(detector: DetectionModel) -> DetectionModel:
    """Copy a detector in half precision, clamped to its range as Ultralytics does."""
    small = deepcopy(detector).half()
    for value in small.state_dict().values():
        if isinstance(value, Tensor) and value.is_floating_point():
            torch.nan_to_num_(value)
    return small


def ship(trained: Mapping[str, Any], path: Path) -> None:
    """Write the finished plain detector of a training state.

    Args:
        trained: A training state (`state.load_state`).
        path: Where the detector shall be.

    Raises:
        OutputError: It can't be written.

    Source:
        The keys are those that Ultralytics' `strip_optimizer` leaves.
    """
    detector = half(plain(trained["ema"]))
    detector.args = dict(detector.args)
    for parameter in detector.parameters():
        parameter.requires_grad = False
    nothing = dict.fromkeys(("ema", "optimizer", "best_fitness", "stopper", "updates", "scaler"))
    own = {key: value for key, value in trained[state.KEY].items() if key not in state.BULKY}
    arguments = {key: value for key, value in trained["train_args"].items() if key in DEFAULT_CFG_KEYS}
    content = {**trained, **nothing, "model": detector, "epoch": -1, "train_args": arguments, state.KEY: own}
    state.save(content, path)


def write_result(
    run: Path, metrics: Mapping[str, Any], warnings: Sequence[str], certificate: Certificate | StripCertificate
) -> None:
    """Write a finished run's result; its presence says that the run is finished.

    Args:
        run: The run's folder.
        metrics: Validation metrics, gradient norms, shares and gains by column name.
        warnings: Gain settings that defeat the training, in words.
        certificate: The proof for best.pt.
    """
    numbers = {key: float(value) for key, value in metrics.items() if value is not None}
    gradients = {key: value for key, value in numbers.items() if key.split("/")[0] in {"grad", "share", "gain"}}
    content = {
        "metrics": {key: value for key, value in numbers.items() if key.startswith("metrics/")},
        "gradients": gradients,
        "warnings": list(warnings),
        "certificate": asdict(certificate),
    }
    write_atomic(run / CERTIFICATE_FILE, certificate.to_json().encode())
    write_atomic(run / RESULT_FILE, (json.dumps(content, indent=2) + "\n").encode())


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


def reduce_state(path: Path) -> None:
    """Drop from a finished run's last state what only a resume needs."""
    finished = state.load_state(path)
    own = {key: value for key, value in finished[state.KEY].items() if key not in {"weights", "progress"}}
    state.save({**finished, "optimizer": None, "scaler": None, state.KEY: own}, path)
