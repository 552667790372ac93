"""Time `auxhead design` on 5,000 label files, step by step: `uv run python benchmarks/design.py [like=yolov8n]`.

Loading torch and Ultralytics is left out: every command that builds a model pays it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = 5000
SIZE = 640


def make_data(folder: Path) -> Path:
    """Write black pictures with one to nine boxes of 6 to 60 px each; return the data.yaml."""
    random = np.random.default_rng(0)
    picture = Image.new("1", (SIZE, SIZE))
    for split, count in {"train": PICTURES, "val": 1}.items():
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for number in range(count):
            picture.save(folder / "images" / split / f"{number}.png")
            sides = np.exp(random.uniform(np.log(6), np.log(60), (random.integers(1, 10), 2))) / SIZE
            centers = random.uniform(sides / 2, 1 - sides / 2)
            rows = [f"0 {x:.6f} {y:.6f} {w:.6f} {h:.6f}" for (x, y), (w, h) in zip(centers, sides, strict=True)]
            (folder / "labels" / split / f"{number}.txt").write_text("\n".join(rows), encoding="utf-8")
    data = folder / "data.yaml"
    data.write_text("train: images/train\nval: images/val\nnames: [thing]\n", encoding="utf-8")
    return data


def main(words: list[str]) -> None:
    """Print the seconds of every step, and of all."""
    like = dict(word.split("=", 1) for word in words).get("like", "yolov8n")
    from auxhead.designs.design import design  # loads torch

    began: dict[str, float] = {}
    ended: dict[str, float] = {}

    def tell(task: str, done: int, total: int) -> None:
        began.setdefault(task, time.perf_counter())
        ended[task] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder))
        start = time.perf_counter()
        found = design(data=str(data), like=like, device="cpu", progress=tell)
        seconds = time.perf_counter() - start
    for task, first in began.items():
        print(f"{task:30}{ended[task] - first:8.1f} s")
    what = f"{PICTURES:,} label files, {found.boxes:,} boxes, {len(found.candidates)} designs"
    print(f"{'all':30}{seconds:8.1f} s for {what}")


if __name__ == "__main__":
    main(sys.argv[1:])
