"""Pictures that tell by their pixels what is in them, and which way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from ultralytics.cfg import get_cfg
from ultralytics.data import build_yolo_dataset

from auxhead.augmentation.dataset import Views
from auxhead.augmentation.trainer import shown_as
from auxhead.host.datasets import read_data

NAMES = ("left", "right", "text", "ball")
GRAY = 114  # of Ultralytics' borders, too
HALVES = {"left": (255, 0), "right": (0, 255), "text": (200, 0), "ball": (255, 255)}
"""Brightness of the left and the right half of an object: `text` mirrored would look like `right`, but darker."""

STILL = {"mosaic": 0, "hsv_h": 0, "hsv_s": 0, "hsv_v": 0, "translate": 0, "scale": 0, "fliplr": 0, "imgsz": 128}
"""Arguments under which a picture is only resized."""


def make_pictures(
    folder: Path, boxes: list[list[tuple[int, int, int, int, int]]], size: tuple[int, int] = (256, 192), **entries: Any
) -> Path:
    """Paint objects, a list a picture: class, left, top, width, height in pixels. Their outlines are labels, too."""
    width, height = size
    for place in ("images", "labels"):
        (folder / place).mkdir(parents=True)
    for number, objects in enumerate(boxes):
        pixels = np.full((height, width, 3), GRAY, np.uint8)
        rows = []
        for cls, x, y, w, h in objects:
            near, far = HALVES[NAMES[cls]]
            pixels[y : y + h, x : x + w // 2] = near
            pixels[y : y + h, x + w // 2 : x + w] = far
            corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
            rows.append(f"{cls} " + " ".join(f"{a / width} {b / height}" for a, b in corners))
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text("\n".join(rows))
    content = {"path": str(folder), "train": "images", "val": "images", "names": list(NAMES), **entries}
    data = folder / "data.yaml"
    data.write_text(yaml.safe_dump(content))
    return data


def build(data: Path, views: Views, task: str = "segment", **arguments: Any) -> Any:
    """Build the data set of a training."""
    checked = read_data(str(data))
    with shown_as(views):
        return build_yolo_dataset(
            get_cfg(overrides={**STILL, "task": task, **arguments}), checked["train"], 4, checked, mode="train"
        )


def halves(sample: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Read off a training sample what its boxes say, and how bright their left and right halves are."""
    pixels = sample["img"].float().mean(0).numpy()
    height, width = pixels.shape
    seen = []
    for cls, (cx, cy, w, h) in zip(sample["cls"].reshape(-1).int(), sample["bboxes"].numpy(), strict=True):
        rows = slice(int((cy - h / 4) * height), int((cy + h / 4) * height) + 1)
        near, far = (pixels[rows, int((cx + side * w / 4) * width)].mean() for side in (-1, 1))
        seen.append((NAMES[cls], float(near), float(far)))
    return seen
