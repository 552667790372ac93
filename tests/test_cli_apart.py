"""No command writes among the images or labels of the data set that it is given."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import YAML

LINES = {
    "train": ["train", "data={data}", "model={yaml}", "epochs=1", "imgsz=64", "project={place}"],
    "train, name": [
        "train",
        "data={data}",
        "model={yaml}",
        "epochs=1",
        "imgsz=64",
        "project={root}",
        "name=images/run",
    ],
    "train, dry run": ["train", "data={data}", "model={yaml}", "epochs=1", "project={place}", "--dry-run"],
    "train, pose": ["train", "data={data}", "model=yolov8n-pose.yaml", "route=pose", "epochs=1", "project={place}"],
    "evaluate": ["evaluate", "data={data}", "model={pt}", "imgsz=64", "out={place}"],
    "evaluate, predictions": ["evaluate", "data={data}", "predictions={json}", "out={place}"],
    "teacher check": ["teacher", "check", "{pt}", "data={data}", "model={pt}", "limit=1", "out={place}"],
    "inspect": ["inspect", "data={data}", "imgsz=64", "out={place}"],
    "convert": ["convert", "data={data}", "to=pose", "out={place}"],
    "design": ["design", "data={data}", "like={yaml}", "price=gflops", "out={place}"],
    "compare": ["compare", "data={data}", "arms=plain,center", "seeds=0", "model={yaml}", "epochs=1", "out={place}"],
    "compare, dry run": [
        "compare",
        "data={data}",
        "arms=plain,center",
        "seeds=0",
        "model={yaml}",
        "out={place}",
        "--dry-run",
    ],
}


@pytest.fixture(scope="module")
def root(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of its own."""
    root = tmp_path_factory.mktemp("apart") / "signs"
    shutil.copytree(signs.parent, root, ignore=shutil.ignore_patterns("*.cache"))
    YAML.save(root / "data.yaml", {**YAML.load(signs), "path": str(root)})
    (root.parent / "preds.json").write_text("[]")
    return root


@pytest.fixture(scope="module")
def model(root: Path, small_models: Path) -> Path:
    made: Any = DetectionModel(str(small_models / "small.yaml"), nc=6, verbose=False)
    made.names = YAML.load(root / "data.yaml")["names"]
    torch.save({"model": made, "train_args": {"task": "detect", "imgsz": 64}}, root.parent / "small.pt")
    return root.parent / "small.pt"


@pytest.mark.parametrize(("name", "folder"), [*((name, "images") for name in LINES), ("convert", "labels")])
def test_no_command_writes_among_images_or_labels(
    name: str, folder: str, root: Path, model: Path, small_models: Path, call: Callable[..., Any]
) -> None:
    before = sorted(root.rglob("*"))
    values = {"data": root / "data.yaml", "yaml": small_models / "small.yaml", "pt": model, "root": root}
    values |= {"json": root.parent / "preds.json", "place": root / folder / "train" / "out"}
    done = call(*(word.format(**values) for word in LINES[name]))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("expected:") == 1
    assert "OutputError" in done.stderr
    assert f"inside of {root / folder}" in done.stderr
    assert sorted(root.rglob("*")) == before
