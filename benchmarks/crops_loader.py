"""How much longer training pictures take with crops=0.67 than without, with each kind of cache.

Both data sets live in one process without loading processes and take turns, so that a noisy machine slows both alike;
processor time is compared. Printed are the median of the ratios of neighbouring turns, and their range.

    python benchmarks/crops_loader.py data=hit_uav/data.yaml [imgsz=320] [rounds=5] [pictures=200]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Any

os.environ["YOLO_AUTOINSTALL"] = "false"

from ultralytics.cfg import get_cfg
from ultralytics.data import build_yolo_dataset

from auxhead.augmentation.crops import resolve_crops
from auxhead.augmentation.dataset import Views
from auxhead.augmentation.trainer import shown_as
from auxhead.host.calls import quiet
from auxhead.host.datasets import read_data
from auxhead.keys.augmentation import CropsKeys


def build(data: str, imgsz: int, views: Views, cache: str | None) -> Any:
    """Build the data set of a training."""
    checked = read_data(data)
    with shown_as(views), quiet():
        return build_yolo_dataset(
            get_cfg(overrides={"imgsz": imgsz, "cache": cache}), checked["train"], 16, checked, mode="train"
        )


def seconds(dataset: Any, pictures: int, start: int) -> float:
    """Return the processor time of so many training views."""
    started = time.process_time()
    for index in range(start, start + pictures):
        dataset[index % len(dataset)]
    return time.process_time() - started


def main() -> None:
    """Print a line for each kind of cache."""
    keys = dict(word.split("=") for word in sys.argv[1:])
    imgsz, rounds, pictures = (int(keys.get(k, d)) for k, d in (("imgsz", 320), ("rounds", 5), ("pictures", 200)))
    for cache in ("ram", "disk", None):
        views = (Views(), Views(crops=resolve_crops(CropsKeys(share=0.67), imgsz)))
        datasets = [build(keys["data"], imgsz, each, cache) for each in views]
        ratios, plain = [], []
        for turn in range(rounds + 1):
            own, cut = (seconds(dataset, pictures, turn * pictures) for dataset in datasets)
            if turn:  # the first one fills what mosaics are made of
                ratios.append(cut / own)
                plain.append(own / pictures)
        print(
            f"cache={cache or 'false':5} crops=0.67 takes {statistics.median(ratios):.2f} times as long "
            f"({min(ratios):.2f} to {max(ratios):.2f}); plain: {1000 * statistics.median(plain):.1f} ms a picture"
        )


if __name__ == "__main__":
    main()
