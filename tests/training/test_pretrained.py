"""`pretrained=` for a detector of another layout, as a training does it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

import auxhead
from auxhead.errors import ModelError
from auxhead.training.pretrained import start_from


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector's file, as Ultralytics writes it."""
    path = tmp_path_factory.mktemp("weights") / "stock.pt"
    torch.save({"model": DetectionModel("yolov8n.yaml", nc=80, verbose=False).half()}, path)
    return path


def test_a_training_starts_from_another_layout_and_says_what_moved(tiny: dict[str, Any], weights: Path) -> None:
    kept = {}

    def look(trainer: Any) -> None:
        kept.update({name: value.clone() for name, value in trainer.model.state_dict().items()})

    keys = {
        **tiny,
        "model": "yolov8n-p234.yaml",
        "pretrained": str(weights),
        "epochs": 1,
        "project": "runs",
        "name": "run",
    }
    done = auxhead.train(**keys, heads="center", callbacks={"on_pretrain_routine_end": look})
    written = json.loads((done.save_dir / "transplant.json").read_text())
    source = torch.load(weights, weights_only=False)["model"].float().state_dict()
    assert written["source"] == str(weights)
    assert len(written["moved"]) > 150
    assert all(torch.equal(kept[name], source[origin]) for name, origin in written["moved"].items())


def test_a_layout_that_nobody_knows_is_loaded_as_ultralytics_does(tmp_path: Path, caplog: Any) -> None:
    content = yaml_model_load("yolov8n.yaml")
    content["backbone"].insert(3, [-1, 1, "nn.Identity", []])
    content["head"] = [
        [
            [index + (index >= 3) if index >= 0 else index for index in line[0]]
            if isinstance(line[0], list)
            else line[0],
            *line[1:],
        ]
        for line in content["head"]
    ]
    (tmp_path / "yolov8n-own.yaml").write_text(yaml.safe_dump(content))
    own = DetectionModel(str(tmp_path / "yolov8n-own.yaml"), nc=3, verbose=False)
    stock = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    expected = DetectionModel(str(tmp_path / "yolov8n-own.yaml"), nc=3, verbose=False)
    expected.load_state_dict(own.state_dict())
    expected.load(stock)
    start_from(stock, own, "stock.pt", tmp_path)
    loaded = expected.state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in own.state_dict().items())
    assert not (tmp_path / "transplant.json").exists()
    assert "by the numbers of layers" in caplog.text


def test_weights_of_which_nothing_fits_stop_the_training(tiny: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"model": DetectionModel("yolov8s.yaml", nc=3, verbose=False)}, tmp_path / "s.pt")
    with pytest.raises(ModelError, match="same purpose"):
        auxhead.train(
            **{**tiny, "model": "yolov8n-p234.yaml"}, pretrained=str(tmp_path / "s.pt"), project="runs", name="run"
        )
    assert not Path("runs/run").exists()


def test_a_typo_in_a_models_name_is_answered_with_the_closest(tiny: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"did you mean yolov8n-p234"):
        auxhead.train(**{**tiny, "model": "yolov8n-p243.yaml"}, project="runs", name="run")
    assert not Path("runs/run").exists()
