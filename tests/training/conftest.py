"""A detector that others learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import YAML


def save_model(model: nn.Module, path: Path) -> Path:
    shell = YOLO("yolov8n.yaml")
    shell.model = model
    shell.save(path)
    return path


@pytest.fixture(scope="session")
def teacher(signs: Path, small_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small detector of the same classes, in another order, that sees something everywhere."""
    torch.manual_seed(7)
    names = list(YAML.load(signs)["names"].values())[::-1]
    model = DetectionModel(str(small_models / "small.yaml"), nc=len(names), verbose=False)
    model.names = dict(enumerate(names))
    for branch in model.model[-1].cv3:
        nn.init.normal_(branch[-1].bias)
    return save_model(model, tmp_path_factory.mktemp("teachers") / "teacher.pt")
