"""Take the difference between Ultralytics' mAP and COCO's AP apart, on a model's own predictions.

    python benchmarks/ultralytics_val.py model=best.pt data=data.yaml [out=FILE] [work=FOLDER]

One thing changes at a time: first Ultralytics' own validation; then its matching and its area under the curve once
more, in original pixels; then on boxes clipped to the picture, as Ultralytics saves and shows them; then with COCO's
matching; then with COCO's area, too, which is what `auxhead evaluate` prints; last COCO's limit of 100 detections.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
from ultralytics.models.yolo.detect import DetectionValidator
from ultralytics.utils.metrics import ap_per_class, box_iou

import auxhead
from auxhead.host.datasets import read_source
from auxhead.host.predict import predict
from auxhead.labels.listing import list_images
from auxhead.metrics.closeness import overlap, pairs
from auxhead.metrics.detections import Detections, Scene, scene
from auxhead.metrics.matching import match
from auxhead.metrics.measures import mean
from auxhead.metrics.precision import IOU_THRESHOLDS, average_precision
from auxhead.metrics.results_file import read_results
from auxhead.metrics.truth import Truth, read_yolo


def main() -> None:
    """Print the ladder, and write it."""
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    work = Path(words.get("work", "runs/ultralytics_val"))
    keys = {"model": words["model"], "data": words["data"], "out": str(work), "resamples": 0, "exist_ok": True}
    own = auxhead.evaluate(**keys)
    source = read_source(words["data"])
    truth = read_yolo(list_images(source.splits["val"]), source.names, kpt_shape=source.kpt_shape)
    found = read_results(Path(own.detectors[0].predictions), truth)
    limit = own.settings["max_det"]
    both, few = scene(truth, found, limit), scene(truth, found, 100)
    unclipped = scene(truth, predict_unclipped(words["model"], words["data"], truth), limit)
    theirs = own.detectors[0].ultralytics
    steps = [
        ("Ultralytics' validation", theirs["metrics/mAP50(B)"], theirs["metrics/mAP50-95(B)"]),
        ("the same, computed once more", *ultralytics_area(unclipped, ultralytics_hits(unclipped))),
        ("boxes clipped to the picture", *ultralytics_area(both, ultralytics_hits(both))),
        ("COCO's matching", *ultralytics_area(both, coco_hits(both))),
        ("and COCO's area: auxhead evaluate", *coco_area(both)),
        ("and at most 100 detections a class", *coco_area(few)),
    ]
    name = f"{Path(words['model']).parent.parent.name}, {Path(words['data']).parent.name}"
    lines = [f"$ python benchmarks/ultralytics_val.py   ({name}, imgsz {own.detectors[0].imgsz})", ""]
    lines += [f"{'':36}{'mAP50':>9}{'mAP50-95':>10}"]
    lines += [f"{step:36}{map50:9.4f}{map50_95:10.4f}" for step, map50, map50_95 in steps]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if "out" in words:
        Path(words["out"]).write_text(text)


def predict_unclipped(model: str, data: str, truth: Truth) -> Detections:
    """Predict once more, leaving out the step that clips boxes to the picture."""
    settings = {"split": "val", "imgsz": None, "batch": 16, "device": None, "conf": 0.001, "iou": 0.7, "max_det": 300}
    with patch("ultralytics.utils.ops.clip_boxes", lambda boxes, _shape: boxes):
        rows = predict(Path(model), data, **settings).rows
    place = {str(Path(file).resolve()): index for index, file in enumerate(truth.files)}
    images = [np.full(len(found), place[str(Path(file).resolve())]) for file, found in rows.items()]
    table = np.concatenate([found.numpy() for found in rows.values()])
    return Detections(np.concatenate(images), table[:, 5].astype(int), table[:, :4], table[:, 4])


def ultralytics_hits(both: Scene) -> np.ndarray:
    """Match by Ultralytics' own function, image by image."""
    rows = np.zeros((len(both.found.image), len(IOU_THRESHOLDS)), dtype=bool)
    validator = SimpleNamespace(iouv=torch.linspace(0.5, 0.95, 10))
    for image in range(len(both.truth.files)):
        mine = np.flatnonzero(both.found.image == image)
        mine = mine[np.argsort(-both.found.scores[mine], kind="stable")]
        boxes = np.flatnonzero(both.truth.image == image)
        if len(mine) and len(boxes):
            iou = box_iou(corners(both.truth.boxes[boxes]), corners(both.found.boxes[mine]))
            classes = (torch.tensor(both.found.cls[mine]), torch.tensor(both.truth.cls[boxes]))
            rows[mine] = DetectionValidator.match_predictions(validator, *classes, iou).numpy()
    return rows


def coco_hits(both: Scene) -> np.ndarray:
    """Match as COCO does."""
    return match(both, pairs(both, overlap, 0.5), IOU_THRESHOLDS).hit


def ultralytics_area(both: Scene, hits: np.ndarray) -> tuple[float, float]:
    """Ultralytics' area under the precision-recall curve."""
    ap = ap_per_class(hits, both.found.scores, both.found.cls, both.truth.cls)[5]
    return float(ap[:, 0].mean()), float(ap.mean())


def coco_area(both: Scene) -> tuple[float, float]:
    """COCO's average precision."""
    matching = match(both, pairs(both, overlap, 0.5), IOU_THRESHOLDS)
    ap = average_precision(both, matching, np.ones((1, len(both.truth.files))))
    return float(mean(ap[..., :1])[0]), float(mean(ap)[0])


def corners(boxes: np.ndarray) -> torch.Tensor:
    """Left, top, width, height to corners."""
    return torch.tensor(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1))


if __name__ == "__main__":
    main()
