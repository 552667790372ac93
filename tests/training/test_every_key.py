"""Every key of `yolo detect train` that is a switch or a choice trains, or is refused for a reason."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ultralytics.cfg import CFG_BOOL_KEYS, DEFAULT_CFG_DICT
from ultralytics.utils import YAML

import auxhead

ALONE: dict[str, dict[str, Any]] = {
    "rect": {"rect": True, "plots": True, "heads": "center"},
    "val and save": {"val": False, "save": False, "exist_ok": True},
}
"""Switches that change the course of a training: they are turned by themselves."""

SWITCHES = {
    key: not DEFAULT_CFG_DICT[key]
    for key in sorted(CFG_BOOL_KEYS)
    if not any(key in keys for keys in ALONE.values()) and DEFAULT_CFG_DICT[key] is not None
}

CHOICES: dict[str, list[Any]] = {
    "optimizer": ["SGD", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSProp", "MuSGD", "auto"],
    "cache": [False, True, "ram", "disk"],
    "copy_paste_mode": ["flip", "mixup"],
    "auto_augment": ["randaugment", "autoaugment", "augmix"],
    "pretrained": [True, False],
    "amp": [True, False],
    "freeze": [None, 2, [0, 1]],
    "batch": [1, 4],
    "imgsz": [64, 96],
    "multi_scale": [0.0, 0.5],
    "close_mosaic": [0, 1],
    "device": ["cpu", ""],
}
"""Values of keys that take one of a few. Source: Ultralytics' default.yaml."""

ROUNDS = max(map(len, CHOICES.values()))


@pytest.fixture(scope="module")
def own_data(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the data set: cache=disk writes beside the images."""
    folder = tmp_path_factory.mktemp("own") / "signs"
    shutil.copytree(signs.parent, folder, ignore=shutil.ignore_patterns("*.cache"))
    YAML.save(folder / "data.yaml", {**YAML.load(signs), "path": str(folder)})
    return folder / "data.yaml"


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(SWITCHES, id="every other switch, turned"),
        *(pytest.param(keys, id=name) for name, keys in ALONE.items()),
        *(
            pytest.param({key: values[i % len(values)] for key, values in CHOICES.items()}, id=f"choices {i}")
            for i in range(ROUNDS)
        ),
    ],
)
def test_it_trains_and_ships(keys: dict[str, Any], quick: dict[str, Any], own_data: Path, tmp_path: Path) -> None:
    place = {"data": str(own_data), "project": str(tmp_path), "name": "run"}
    result = auxhead.train(**{**quick, "heads": "center", "epochs": 1, **place, **keys})
    assert result.certificate.float32_difference == 0


def test_every_switch_is_turned() -> None:
    turned = {*SWITCHES, *(key for keys in ALONE.values() for key in keys)}
    assert turned >= {key for key in CFG_BOOL_KEYS if DEFAULT_CFG_DICT[key] is not None}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"task": "pose"}, "task=pose: auxhead trains detectors"),
        ({"mode": "val"}, "mode=val: auxhead trains detectors"),
        ({"quantize": 8, "heads": "none"}, "quantize=8: training for quantization"),
        ({"half": True}, "quantize=16: training for quantization"),
        ({"int8": True}, "quantize=8: training for quantization"),
        ({"compile": True}, "compile=True with center.share=0.1: gradients"),
        ({"distill_model": "yolov8s.yaml", "heads": "none"}, "distill_model=yolov8s.yaml: distillation"),
        ({"split": "test"}, "test"),
        ({"device": "7"}, "device of this machine"),
        ({"imgsz": -32}, "imgsz=-32: expected pixels"),
        ({"optimizer": "LION"}, "LION"),
    ],
    ids=lambda keys: next(iter(keys)) if isinstance(keys, dict) else "",
)
def test_what_is_refused_is_in_the_table(
    keys: dict[str, Any], message: str, quick: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(auxhead.AuxHeadError, match=message):
        auxhead.train(**{**quick, "heads": "center", "epochs": 1, "project": str(tmp_path), "name": "run", **keys})
    assert not (tmp_path / "run").exists()
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    table = page[page.index("| refused | why |") : page.index("`--dry-run` checks keys")]
    assert f"`{next(iter(keys))}=" in table
