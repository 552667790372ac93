from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

from auxhead.comparison.estimate import work_of
from auxhead.shipping.cost import cost


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shell = YOLO("yolov8n.yaml")
    shell.model = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    file = tmp_path_factory.mktemp("teacher") / "teacher.pt"
    shell.save(file)
    return file


def gflops(imgsz: int) -> float:
    return cost(["yolov8n.yaml"], nc=3, imgsz=imgsz)[0].fused.gflops


@pytest.mark.parametrize(
    ("keys", "looks"),
    [
        ({}, 0),
        ({"heads": "center"}, 0),
        ({"heads": "teacher", "teacher.gain": 0.0, "teacher.scale": 2}, 0),  # larger pictures, and nobody looks at them
        ({"heads": "teacher"}, 7),
        ({"heads": "teacher", "teacher.scale": 2}, 7 * 4),
        ({"heads": "teacher", "close_mosaic": 0}, 10),
    ],
)
def test_a_look_of_a_teacher_counts_a_third_of_a_step(keys: dict[str, Any], looks: float, teacher: Path) -> None:
    own = {"data": "signs.yaml", "model": "yolov8n.yaml", "epochs": 10, "close_mosaic": 3, "imgsz": 64, **keys}
    if keys.get("heads") == "teacher" and "teacher.gain" not in keys:
        own["teacher.weights"] = str(teacher)
    assert work_of(own, gflops(64)) == pytest.approx(gflops(64) * (10 + looks / 3), rel=0.02)
