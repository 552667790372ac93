"""How fast boxes are evaluated: against pycocotools, and resampled.

All arms evaluate the same made-up detections: 50 boxes and 100 detections an image, 10 classes. They start from arrays,
but for pycocotools, which gets the lists of dictionaries that it would read from a file, for free.

    pycocotools      AP and AR by overlap, of all sizes and the six bands of bands=ai-tod, at 1, 10 and 300 detections
    same numbers     what auxhead does for them
    everything       all that auxhead measures of a detector but its intervals: by centers, pixels and Wasserstein
                     distance as well
    one band         AP by overlap of all sizes, at 10 thresholds
    center distance  AP by distance of centers of all sizes, at 10 thresholds
    resampling       1,000 paired resamples of AP and AP50 of two detectors

Every run is a process of its own and reports its own time (imports and the making left out) and its peak memory; arms
take turns. Ratios are of processor time, which other work on the machine hardly moves.

    python benchmarks/evaluate.py [images=5000] [rounds=3] [out=docs/evidence/evaluate.txt]

pycocotools runs once, as it takes minutes. Everything takes about 10 minutes on two cores.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from auxhead.metrics.bands import ALL, read_bands
from auxhead.metrics.closeness import Closeness, center_sizes, overlap, pairs
from auxhead.metrics.detections import Detections, scene
from auxhead.metrics.intervals import resample
from auxhead.metrics.matching import match
from auxhead.metrics.measures import Matched, Numbers, Setup, match_all, mean, point_numbers
from auxhead.metrics.precision import IOU_THRESHOLDS, Weights, average_precision, recall
from auxhead.metrics.truth import Floats, Truth

CLASSES = 10
BOXES = 50
BEYOND = 1e10  # area that no box reaches. Source: pycocotools, Params
SIDE = 1024
RESAMPLES = 1000
MAX_DETS = [1, 10, 300]
SETUP = Setup(
    bands=read_bands("ai-tod"),
    max_det=MAX_DETS[-1],
    recalls=tuple(MAX_DETS[:-1]),
    distances=(0.25, 0.5, 1.0),
    distances_px=(2.0, 4.0, 8.0),
    nwd=12.0,
)
AREAS = [band.areas for band in SETUP.every_band]
DISTANCES = -np.linspace(0.1, 1.0, 10)


def make(images: int, detections: int) -> tuple[Truth, list[Detections]]:
    """Make boxes and what two detectors find: about half of it near a box, the rest anywhere."""
    random = np.random.default_rng(0)
    count = images * BOXES
    sides = np.exp(random.normal(np.log(16), 0.8, (count, 1)) + random.normal(0, 0.2, (count, 2)))
    boxes = np.c_[random.uniform(0, SIDE - 100, (count, 2)), sides]
    truth = Truth(
        names=tuple(map(str, range(CLASSES))),
        files=tuple(map(str, range(images))),
        sizes=np.full((images, 2), SIDE),
        image=np.repeat(np.arange(images), BOXES),
        cls=random.integers(0, CLASSES, count),
        boxes=boxes,
        areas=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(count, dtype=np.bool_),
    )
    return truth, [_look(truth, detections, random) for _ in range(2)]


def _look(truth: Truth, detections: int, random: np.random.Generator) -> Detections:
    image = np.repeat(np.arange(len(truth.files)), detections)
    near = image * BOXES + random.integers(0, BOXES, len(image))
    boxes = truth.boxes[near] + random.normal(0, 0.12, (len(image), 4)) * truth.boxes[near][:, [2, 3, 2, 3]]
    astray = random.random(len(image)) < 0.5
    boxes[astray, :2] = random.uniform(0, SIDE - 100, (astray.sum(), 2))
    boxes[:, 2:] = np.abs(boxes[:, 2:])
    scores = np.where(astray, random.beta(1, 6, len(image)), random.beta(3, 2, len(image)))
    swapped = random.random(len(image)) < 0.1
    cls = np.where(swapped, random.integers(0, CLASSES, len(image)), truth.cls[near])
    return Detections(image, cls, boxes, scores)


def pycocotools(truth: Truth, found: list[Detections]) -> Callable[[], object]:
    """Evaluate with pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    categories = [{"id": index + 1} for index in range(CLASSES)]
    listed = []
    for boxes in (truth, found[0]):
        scores = {"score": found[0].scores} if boxes is found[0] else {}
        columns = (boxes.image.tolist(), boxes.cls.tolist(), boxes.boxes.tolist())
        rows = [
            {"id": i, "image_id": image + 1, "category_id": cls + 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for i, (image, cls, box) in enumerate(zip(*columns, strict=True), start=1)
        ]
        for key, values in scores.items():
            for row, value in zip(rows, values.tolist(), strict=True):
                row[key] = value
        listed.append(rows)

    def work() -> None:
        both = []
        for rows in listed:
            side = COCO()
            images = [{"id": index + 1} for index in range(len(truth.files))]
            side.dataset = {"images": images, "annotations": rows, "categories": categories}
            side.createIndex()
            both.append(side)
        evaluator = COCOeval(*both, "bbox")
        evaluator.params.maxDets = MAX_DETS
        evaluator.params.areaRng = [[low, float(np.nextafter(min(high, BEYOND), 0))] for low, high in AREAS]
        evaluator.params.areaRngLbl = [band.name for band in SETUP.every_band]
        evaluator.evaluate()
        evaluator.accumulate()

    return work


def same_numbers(truth: Truth, found: list[Detections]) -> Callable[[], object]:
    """Do what the same numbers need."""

    def work() -> None:
        both = scene(truth, found[0], SETUP.max_det)
        near, ones = pairs(both, overlap, IOU_THRESHOLDS[0]), np.ones((1, len(truth.files)))
        for areas in AREAS:
            matching = match(both, near, IOU_THRESHOLDS, *areas)
            average_precision(both, matching, ones)
            for count in MAX_DETS:
                recall(both, matching, ones, count)

    return work


def everything(truth: Truth, found: list[Detections]) -> Callable[[], object]:
    """Measure a detector with all there is."""
    return lambda: point_numbers(match_all(truth, found[0], SETUP))


def one_band(truth: Truth, found: list[Detections]) -> Callable[[], object]:
    """Evaluate by overlap, all sizes."""
    return lambda: all_sizes(truth, found[0], overlap, IOU_THRESHOLDS)


def center_distance(truth: Truth, found: list[Detections]) -> Callable[[], object]:
    """Evaluate by distance of centers, all sizes."""
    return lambda: all_sizes(truth, found[0], center_sizes, DISTANCES)


def all_sizes(truth: Truth, found: Detections, closeness: Closeness, thresholds: Floats) -> None:
    """Evaluate by one measure of closeness."""
    both = scene(truth, found, SETUP.max_det)
    matching = match(both, pairs(both, closeness, thresholds.min()), thresholds)
    average_precision(both, matching, np.ones((1, len(truth.files))))


def resampling(truth: Truth, found: list[Detections]) -> Callable[[], object]:
    """Resample two detectors."""

    def measure(matched: Matched, weights: Weights) -> Numbers:
        precision = average_precision(matched.scene, matched.by_overlap[ALL.name], weights)
        return {("all", "AP"): mean(precision), ("all", "AP50"): mean(precision[..., :1])}

    alone = Setup((), SETUP.max_det, (), (), (), SETUP.nwd)
    detectors = [match_all(truth, one, alone) for one in found]
    return lambda: resample(detectors, RESAMPLES, 0, measure=measure)


ARMS = {
    "pycocotools": pycocotools,
    "same numbers": same_numbers,
    "everything": everything,
    "one band": one_band,
    "center distance": center_distance,
    "resampling": resampling,
}


def child(arm: str, images: str, detections: str) -> None:
    """Run one arm and print its seconds, its seconds of processor time and its peak memory in MiB."""
    work = ARMS[arm](*make(int(images), int(detections)))
    wall, processor = time.perf_counter(), time.process_time()
    work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(json.dumps([wall, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def run(arm: str, images: int, detections: int = 100) -> list[float]:
    """Run one arm in a process of its own."""
    words = [sys.executable, __file__, "arm", arm, str(images), str(detections)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{arm}, {images} images, {detections} detections: {figures[0]:.1f} s", file=sys.stderr)
    return figures


def compare(images: int, rounds: int) -> tuple[list[str], dict[str, list[float]]]:
    """Return the table of the arms, and their medians."""
    taken: dict[str, list[list[float]]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm in ARMS:
            if arm != "pycocotools":
                taken[arm].append(run(arm, images))
    taken["pycocotools"].append(run("pycocotools", images))
    middle = {arm: [statistics.median(column) for column in zip(*runs, strict=True)] for arm, runs in taken.items()}
    lines = [f"{'':16} rounds   seconds (least to most)  processor time  peak memory"]
    for arm, (wall, processor, peak) in middle.items():
        walls = [one[0] for one in taken[arm]]
        spread = f"({min(walls):.1f} to {max(walls):.1f})"
        lines.append(f"{arm:16} {len(walls):6} {wall:9.1f} {spread:17} {processor:11.1f} s {peak / 1024:9.2f} GiB")
    return lines, middle


def growth(images: int, known: float) -> list[str]:
    """Return the table of growth of `everything`; `known` is its processor time at all images."""
    lines = ["everything, seconds of processor time, 1 round"]
    sizes = [images // 8, images // 4, images // 2]
    seconds = [*(run("everything", size)[1] for size in sizes), known]
    lines += [
        f"  {size:6,} images, 100 detections each {took:7.1f} s  {took / size * 1000:6.2f} ms an image"
        for size, took in zip([*sizes, images], seconds, strict=True)
    ]
    for detections in (25, 50, 100, 200):
        took = seconds[1] if detections == 100 else run("everything", images // 4, detections)[1]
        lines.append(
            f"  {images // 4:6,} images, {detections:3} detections each {took:7.1f} s  "
            f"{took / images * 4 / detections * 1e6:6.1f} us a detection"
        )
    return lines


def main() -> None:
    """Print the tables and write them to a file, or (as a child) print one measurement."""
    if sys.argv[1:2] == ["arm"]:
        child(*sys.argv[2:])
        return
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    images, rounds = int(keys.get("images", 5000)), int(keys.get("rounds", 3))
    table, middle = compare(images, rounds)
    processor = {arm: figures[1] for arm, figures in middle.items()}
    wall, both, peak = middle["resampling"]
    lines = [
        f"$ python benchmarks/evaluate.py images={images} rounds={rounds}",
        f"{images:,} images, {BOXES} boxes and 100 detections each, {CLASSES} classes",
        f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} processes that want them (with this one) at the end",
        "",
        *table,
        "",
        f"pycocotools / same numbers  {processor['pycocotools'] / processor['same numbers']:5.1f} times",
        f"pycocotools / everything    {processor['pycocotools'] / processor['everything']:5.1f} times",
        f"center distance / one band  {processor['center distance'] / processor['one band']:5.2f} times",
        f"{RESAMPLES:,} paired resamples of two detectors",
        f"  {wall:.1f} s, {both:.1f} s of processor time, {peak / 1024:.2f} GiB at most",
        "",
        *growth(images, processor["everything"]),
    ]
    Path(keys.get("out", "docs/evidence/evaluate.txt")).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
