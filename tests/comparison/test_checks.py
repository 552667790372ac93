"""What can't be trained is said before the first training, for all arms at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.comparison.test_plan import resolved
from ultralytics.nn.tasks import SegmentationModel

from auxhead.comparison.checks import require_trainable
from auxhead.demonstration.sign_dataset import make_signs
from auxhead.errors import ConfigError, DataError


def check(data: Path, arms: dict[str, Any], **keys: Any) -> None:
    plan = resolved(data, {"plain": {}, **arms}, **keys)
    require_trainable(plan, plan.keys, data.parent.parent / "out", lambda *_: None)


def test_arms_that_can_be_trained_are_let_through(signs: Path) -> None:
    check(
        signs,
        {"p3": None, "center": {"heads": "center"}, "tutorial": None, "crops": {"crops": 0.5, "crops.force": True}},
    )


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "typo": ({"model": "nosuch.yaml"}, "nosuch"),
    "task": ({"model": "yolov8n-seg.yaml"}, "ending in Segment"),
    "gone": ({"pretrained": "gone.pt"}, "no such file"),
    "start": ({"pretrained": "segment.pt"}, "SegmentationModel"),
    "cut": ({"crops": 0.67}, "nothing to gain"),
    "flip": ({"flips.never": ["zz"]}, "zz"),
    "size": ({"model": "yolov8n-p6.yaml", "imgsz": 32 * 13}, "fails at this image size"),
}


def test_what_arms_lack_is_named_all_at_once(signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = SegmentationModel("yolov8n-seg.yaml", nc=2, verbose=False).half()
    torch.save({"model": model, "train_args": {}, "epoch": -1}, "segment.pt")
    with pytest.raises(ConfigError) as caught:
        check(signs, {arm: keys for arm, (keys, _) in ODD.items()})
    lines = {line.strip().partition(":")[0]: line for line in caught.value.found.splitlines()[1:]}
    assert list(lines) == list(ODD)
    for arm, (_, told) in ODD.items():
        assert told in lines[arm]


def test_cuts_that_all_arms_share_are_asked_about_where_images_are_larger(signs: Path) -> None:
    base = {"epochs": 2, "imgsz": 32, "crops": 0.5}
    check(signs, {"wide": {"box": 5.0}}, base=base)  # pictures of 64 px
    with pytest.raises(ConfigError, match=r"larger: .*nothing to gain"):
        check(signs, {"larger": {"imgsz": 64}}, base=base)


def test_what_is_wrong_with_the_data_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # problems are listed there
    data = make_signs(tmp_path / "data", train=2, val=1, size=64)
    label = next((data.parent / "labels" / "train").iterdir())
    label.write_text("99 .5 .5 .2 .2\n")
    with pytest.raises(DataError, match="expected a class id"):
        check(data, {"wide": {"box": 5.0}})
