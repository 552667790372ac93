"""Cut one square tile at full resolution out of every image, around one of its boxes.

    python benchmarks/tiles.py data=gtsdb4/data.yaml out=gtsdb4-tiles size=160 seed=0
    python benchmarks/tiles.py data=hit_uav/data.yaml out=hit_uav3-tiles size=160 seed=0 classes=0,1,2
    python benchmarks/tiles.py data=hit_uav/data.yaml out=hit_uav3 size=whole classes=0,1,2

Objects keep the size in pixels that they have in the original, while a training step costs a fraction: what makes
several seeds of several arms possible on a CPU. The box is at a random place of the tile, fully inside. A box belongs
to a tile when its center lies in it, and is clipped to it. The tile of an image depends on its name and the seed alone.
`classes` keeps the first classes of a set only: boxes of others are left out. `size=whole` cuts nothing: the images are
copied as they are, which is for `classes`.
"""

from __future__ import annotations

import shutil
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import list_images
from auxhead.metrics.truth import read_yolo


def tile_origin(box: np.ndarray, image: tuple[int, int], size: int, random: np.random.Generator) -> tuple[int, int]:
    """Choose the left top corner of a tile that holds a box (left, top, width, height) and lies in the image."""
    corner = []
    for start, length, whole in zip(box[:2], box[2:], image, strict=True):
        low = max(0, int(np.ceil(start + length - size)))
        high = min(int(start), whole - size)
        corner.append(int(random.integers(low, high + 1)) if low <= high else max(0, min(int(start), whole - size)))
    return corner[0], corner[1]


def cut(source: Path, boxes: np.ndarray, classes: np.ndarray, size: int, seed: int) -> tuple[Image.Image, str]:
    """Cut the tile of one image; with the label rows of the boxes whose centers lie in it."""
    random = np.random.default_rng([seed, zlib.crc32(source.stem.encode())])
    with Image.open(source) as image:
        around = boxes[random.integers(len(boxes))] if len(boxes) else np.array([*random.integers(0, image.size), 1, 1])
        left, top = tile_origin(around, image.size, size, random)
        tile = image.crop((left, top, left + size, top + size))
    return tile, rows_within(boxes, classes, (left, top, size, size))


def rows_within(boxes: np.ndarray, classes: np.ndarray, window: tuple[int, int, int, int]) -> str:
    """Write the label rows of the boxes whose centers lie in a window (left, top, width, height), clipped to it."""
    left, top, wide, high = window
    rows = []
    for cls, (x, y, width, height) in zip(classes, boxes, strict=True):
        if not (left <= x + width / 2 < left + wide and top <= y + height / 2 < top + high):
            continue
        corners = np.array([x - left, y - top, x + width - left, y + height - top])
        corners = np.clip(corners, 0, [wide, high, wide, high]) / [wide, high, wide, high]
        center, extent = (corners[:2] + corners[2:]) / 2, corners[2:] - corners[:2]
        rows.append(f"{cls} " + " ".join(f"{value:.6f}" for value in (*center, *extent)))
    return "".join(f"{row}\n" for row in rows)


def main(words: list[str]) -> None:
    """Write the tiles of train and val."""
    keys = dict(word.split("=", 1) for word in words)
    out, size, seed = Path(keys["out"]), keys["size"], int(keys.get("seed", 0))
    data = read_data_yaml(Path(keys["data"]))
    kept = [int(word) for word in keys["classes"].split(",")] if "classes" in keys else list(data.names)
    if kept != list(range(len(kept))):
        raise SystemExit(f"classes={keys['classes']}: the first ones in order, such as classes=0,1,2")
    names = {index: data.names[index] for index in kept}
    for split in ("train", "val"):
        images = list_images(data.splits[split])
        truth = read_yolo(images, data.names)
        for folder in ("images", "labels"):
            (out / folder / split).mkdir(parents=True, exist_ok=True)
        for place, image in enumerate(images):
            own = (truth.image == place) & np.isin(truth.cls, list(names))
            boxes, classes = truth.boxes[own], truth.cls[own]
            if size == "whole":
                with Image.open(image) as opened:
                    rows = rows_within(boxes, classes, (0, 0, *opened.size))
                shutil.copyfile(image, out / "images" / split / image.name)
            else:
                tile, rows = cut(image, boxes, classes, int(size), seed)
                tile.save(out / "images" / split / f"{image.stem}.png")
            (out / "labels" / split / f"{image.stem}.txt").write_text(rows, encoding="utf-8")
        print(f"{split}: {len(images)} {'images' if size == 'whole' else f'tiles of {size} px'}")
    listed = "".join(f"  {index}: {name}\n" for index, name in names.items())
    (out / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames:\n{listed}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
