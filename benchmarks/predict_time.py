"""What a prediction takes from the picture's file on: reading, shrinking, the network, what becomes of its boxes.

Forward passes alone, as `auxhead cost` times them, leave out what grows with the size of the images. Here Ultralytics'
own `predict` gets one file after the other, every detector in turns on the same picture, on one thread; ratios are of
processor time, which other work on the machine hardly moves, to the first detector.

    python benchmarks/predict_time.py pictures=FOLDER yolov8n.pt@192 yolov8n-p3.pt@320 [out=FILE]

Takes seconds for hundreds of pictures.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import cv2
import torch
from ultralytics import YOLO

from auxhead.files import write_atomic

WARM_UP = 3  # pictures at the start that count for nothing


def measure(pictures: list[Path], detectors: list[tuple[str, int]]) -> list[list[float]]:
    """Return the seconds of each detector on each picture."""
    models = [(YOLO(weights), imgsz) for weights, imgsz in detectors]
    seconds: list[list[float]] = [[] for _ in models]
    for place, picture in enumerate([*pictures[:WARM_UP], *pictures]):
        for (model, imgsz), own in zip(models, seconds, strict=True):
            start = time.thread_time()
            model.predict(picture, imgsz=imgsz, device="cpu", verbose=False)
            if place >= WARM_UP:
                own.append(time.thread_time() - start)
    return seconds


def main(words: list[str]) -> None:
    """Measure, print, and on request write."""
    keys = dict(word.split("=", 1) for word in words if "=" in word)
    named = [word.rsplit("@", 1) for word in words if "=" not in word]
    pictures = sorted(path for path in Path(keys["pictures"]).iterdir() if path.suffix.lower() in {".jpg", ".png"})
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    seconds = measure(pictures, [(weights, int(imgsz)) for weights, imgsz in named])
    lines = [
        f"python benchmarks/predict_time.py {' '.join(words)}",
        f"{len(pictures)} pictures, one thread of the CPU",
        "",
    ]
    lines.append(f"{'detector':32} {'imgsz':>5} {'ms':>6}  ratio (quartiles)")
    for (weights, imgsz), own in zip(named, seconds, strict=True):
        low, middle, high = statistics.quantiles([mine / other for mine, other in zip(own, seconds[0], strict=True)])
        milliseconds = 1e3 * statistics.median(own)
        lines.append(f"{Path(weights).name:32} {imgsz:>5} {milliseconds:6.1f}  {middle:.2f} ({low:.2f} to {high:.2f})")
    print("\n".join(lines))
    if "out" in keys:
        write_atomic(Path(keys["out"]), ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
