"""COCO's own numbers, from faster-coco-eval, with half-open bands of sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from auxhead.metrics.detections import Detections
from auxhead.metrics.precision import IOU_THRESHOLDS
from auxhead.metrics.truth import Floats, Truth

BEYOND = 1e10  # area that no box reaches. Source: pycocotools, Params


@dataclass(frozen=True, eq=False)
class CocoNumbers:
    """What COCO's evaluation gives; NaN where there is no box.

    Attributes:
        precision: AP by IoU threshold (0.5 to 0.95), class and band, shape (10, C, A), 0 to 1.
        recall: Recall by IoU threshold, class, band and number of detections, shape (10, C, A, M), 0 to 1.
    """

    precision: Floats
    recall: Floats


def coco_numbers(
    truth: Truth, found: Detections, bands: Sequence[tuple[float, float]], max_dets: Sequence[int]
) -> CocoNumbers:
    """Evaluate detections as COCO does.

    Args:
        truth: The annotated boxes.
        found: The detections.
        bands: Areas from and below which boxes belong to a band, square pixels; COCO closes both edges, here the upper
            one is open.
        max_dets: Numbers of detections a class in an image, ascending; AP is at the last.
    """
    areas = [[low, float(np.nextafter(min(high, BEYOND), 0))] for low, high in bands]
    shape = (len(IOU_THRESHOLDS), len(truth.names), len(areas))
    if not len(truth.files):
        return CocoNumbers(np.full(shape, np.nan), np.full((*shape, len(max_dets)), np.nan))
    evaluator = COCOeval_faster(*_datasets(truth, found), iouType="bbox", print_function=_silent)
    evaluator.params.imgIds = list(range(1, len(truth.files) + 1))
    evaluator.params.catIds = list(range(1, len(truth.names) + 1))
    evaluator.params.iouThrs = IOU_THRESHOLDS
    evaluator.params.maxDets = list(max_dets)
    evaluator.params.areaRng = areas
    evaluator.params.areaRngLbl = [str(index) for index in range(len(areas))]
    evaluator.evaluate()
    evaluator.accumulate()
    precision = np.asarray(evaluator.eval["precision"])[..., -1]  # IoU, recall, class, band
    measured = np.asarray(evaluator.eval["recall"])
    return CocoNumbers(
        precision=np.where((precision < 0).any(axis=1), np.nan, precision.mean(axis=1)),
        recall=np.where(measured < 0, np.nan, measured),
    )


def _datasets(truth: Truth, found: Detections) -> tuple[COCO, COCO]:
    """Build both sides as COCO objects; ids start at 1, as those of 0 lose matches."""
    images = [{"id": index} for index in range(1, len(truth.files) + 1)]
    categories = [{"id": index, "name": name} for index, name in enumerate(truth.names, start=1)]
    annotations = [
        {"id": index, "image_id": image, "category_id": cls, "bbox": box, "area": area, "iscrowd": int(crowd)}
        for index, (image, cls, box, area, crowd) in enumerate(
            zip(
                (truth.image + 1).tolist(),
                (truth.cls + 1).tolist(),
                truth.boxes.tolist(),
                truth.areas.tolist(),
                truth.crowd.tolist(),
                strict=True,
            ),
            start=1,
        )
    ]
    results = [
        {"id": index, "image_id": image, "category_id": cls, "bbox": box, "area": area, "score": score, "iscrowd": 0}
        for index, (image, cls, box, area, score) in enumerate(
            zip(
                (found.image + 1).tolist(),
                (found.cls + 1).tolist(),
                found.boxes.tolist(),
                (found.boxes[:, 2] * found.boxes[:, 3]).tolist(),
                found.scores.tolist(),
                strict=True,
            ),
            start=1,
        )
    ]
    gt = {"images": images, "annotations": annotations, "categories": categories}
    dt = {"images": images, "annotations": results, "categories": categories}
    return COCO(gt, print_function=_silent), COCO(dt, print_function=_silent)


def _silent(*_: object) -> None:
    """Print nothing."""
