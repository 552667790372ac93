"""What evaluating many detections takes: processor time and memory of `auxhead evaluate` on a made-up results file.

    python benchmarks/load.py [images=2000,20000] [detections=300] [out=docs/evidence/load.txt]

Each image has 20 boxes of 10 classes; three in ten detections lie near one. Intervals are left out, but for one row of
the first size. Each row is a process of its own. Files of about 120 bytes a detection go to the folder for temporary
files and are deleted.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import auxhead

CLASSES, BOXES, NEAR = 10, 20, 0.3
SIZE = np.array([900, 650])


def make(folder: Path, images: int, detections: int) -> None:
    """Write a COCO data set without pictures, truth.json, and what a detector may find, found.json."""
    random = np.random.default_rng(0)
    annotations: list[dict[str, Any]] = []
    near = int(detections * NEAR)
    with (folder / "found.json").open("w") as file:
        for image in range(images):
            sides = np.exp(random.normal(3, 0.7, (BOXES, 1)) + random.normal(0, 0.2, (BOXES, 2)))
            boxes = np.hstack([random.uniform(0, 1, (BOXES, 2)) * SIZE, sides])
            cls = random.integers(0, CLASSES, BOXES)
            annotations += [
                {"id": len(annotations) + place, "image_id": image, "category_id": int(one), "iscrowd": 0}
                | {"bbox": box.round(2).tolist(), "area": float(box[2] * box[3])}
                for place, (one, box) in enumerate(zip(cls, boxes, strict=True))
            ]
            which = random.integers(0, BOXES, near)
            shaken = boxes[which] + random.normal(0, 0.15, (near, 4)) * np.repeat(sides[which], 2, axis=1)
            far = np.hstack(
                [
                    random.uniform(0, 1, (detections - near, 2)) * SIZE,
                    np.exp(random.normal(3, 0.7, (detections - near, 2))),
                ]
            )
            found = np.vstack([shaken, far])
            found[:, 2:] = np.maximum(found[:, 2:], 1)
            named = np.append(cls[which], random.integers(0, CLASSES, detections - near))
            scores = np.append(random.beta(2, 2, near), random.beta(1, 8, detections - near))
            rows = [
                {
                    "image_id": image,
                    "category_id": int(one),
                    "bbox": box.round(4).tolist(),
                    "score": round(float(score), 7),
                }
                for one, box, score in zip(named, found, scores, strict=True)
            ]
            file.write(f"{',' if image else '['}{json.dumps(rows)[1:-1]}")
        file.write("]")
    content = {
        "images": [
            {"id": image, "file_name": f"{image:06}.jpg", "width": 1024, "height": 768} for image in range(images)
        ],
        "annotations": annotations,
        "categories": [{"id": cls, "name": f"class {cls}"} for cls in range(CLASSES)],
    }
    (folder / "truth.json").write_text(json.dumps(content))


def child(folder: str, resamples: str) -> None:
    """Evaluate once; print the seconds of processor time, and the memory in bytes beyond what the imports take."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    auxhead.evaluate(
        data=f"{folder}/truth.json", predictions=f"{folder}/found.json", out=f"{folder}/out", resamples=int(resamples)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([time.process_time() - start, 1024 * (peak - before)]))


def row(folder: str, count: int, images: int, resamples: int) -> str:
    """Measure once, and lay out what it took."""
    words = [sys.executable, __file__, "child", folder, str(resamples)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    line = (
        f"{images:8,} {count:11,} {resamples:10,} {seconds:13.1f} s {seconds / count * 1e6:15.1f} "
        f"{memory / 2**20:9,.0f} MiB {memory / count:18.0f}"
    )
    print(line, file=sys.stderr)
    return line


def main() -> None:
    """Print the table and write it to a file, or (as a child) print one measurement."""
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
        return
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    detections = int(keys.get("detections", 300))
    sizes = list(map(int, keys.get("images", "2000,20000").split(",")))
    lines = [
        f"$ python benchmarks/load.py images={','.join(map(str, sizes))} detections={detections}",
        f"auxhead evaluate, {BOXES} boxes and {detections} detections an image, {CLASSES} classes",
        "",
        "  images  detections  resamples  processor time  us a detection   peak memory  bytes a detection",
    ]
    for place, images in enumerate(sizes):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), images, detections)
            lines += [
                row(folder, images * detections, images, resamples) for resamples in ((0,) if place else (0, 1000))
            ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if "out" in keys:
        Path(keys["out"]).write_text(text)


if __name__ == "__main__":
    main()
