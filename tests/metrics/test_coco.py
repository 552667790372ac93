"""Our numbers are pycocotools' numbers."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from auxhead.metrics.bands import read_bands
from auxhead.metrics.closeness import overlap, pairs
from auxhead.metrics.detections import Detections, scene
from auxhead.metrics.matching import match
from auxhead.metrics.precision import IOU_THRESHOLDS, average_precision, recall
from auxhead.metrics.truth import Truth

BANDS = [(0, np.inf), (0, 16), (16, 64), (64, 256), (256, 1024), (1024, np.inf)]
MAX_DETS = [(1, 10, 100), (100,), (1, 2, 3), (3, 300)]


def pycocotools_numbers(truth: Truth, found: Detections, bands, max_dets) -> tuple[np.ndarray, np.ndarray]:
    """Ask pycocotools; precision (10, C, A) at the last of max_dets, recall (10, C, A, M); -1 where it has nothing."""
    images = [{"id": 1000 + index} for index in range(len(truth.files))]
    categories = [{"id": 1 + index, "name": name} for index, name in enumerate(truth.names)]
    sides = []
    for boxes in (truth, found):
        rows = [
            {
                "id": index + 1,
                "image_id": 1000 + int(boxes.image[index]),
                "category_id": 1 + int(boxes.cls[index]),
                "bbox": boxes.boxes[index].tolist(),
                "area": float(truth.areas[index] if boxes is truth else np.prod(found.boxes[index, 2:])),
                "iscrowd": int(truth.crowd[index]) if boxes is truth else 0,
            }
            for index in range(len(boxes.image))
        ]
        if boxes is found:
            for row, score in zip(rows, found.scores.tolist(), strict=True):
                row["score"] = score
        side = COCO()
        side.dataset = {"images": images, "categories": categories, "annotations": rows}
        sides.append(side)
    with contextlib.redirect_stdout(io.StringIO()):
        for side in sides:
            side.createIndex()
        judge = COCOeval(*sides, iouType="bbox")
        judge.params.maxDets = list(max_dets)
        judge.params.areaRng = [[low, np.nextafter(min(high, 1e10), 0)] for low, high in bands]
        judge.params.areaRngLbl = [str(index) for index in range(len(bands))]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., -1]
    return np.where((precision < 0).any(axis=1), -1, precision.mean(axis=1)), judge.eval["recall"]


def own_numbers(truth: Truth, found: Detections, bands, max_dets) -> tuple[np.ndarray, np.ndarray]:
    """The same from our own matching."""
    both = scene(truth, found, max_dets[-1])
    near = pairs(both, overlap, 0.5)
    weights = np.ones((1, len(truth.files)))
    matchings = [match(both, near, IOU_THRESHOLDS, low, high) for low, high in bands]
    precision = [average_precision(both, one, weights)[0].T for one in matchings]
    recalls = [np.stack([recall(both, one, weights, count)[0].T for count in max_dets], -1) for one in matchings]
    return np.stack(precision, axis=-1), np.stack(recalls, axis=2)


def assert_agreement(truth: Truth, found: Detections, bands=BANDS, max_dets=MAX_DETS[0]) -> None:
    theirs = pycocotools_numbers(truth, found, bands, max_dets)
    for mine, other in zip(own_numbers(truth, found, bands, max_dets), theirs, strict=True):
        np.testing.assert_allclose(mine, np.where(other == -1, np.nan, other), rtol=0, atol=1e-9, equal_nan=True)


@settings(max_examples=60)
@given(data=st.data())
def test_small_cases(cases, data):
    truth, found = data.draw(cases())
    assert_agreement(truth, found, max_dets=data.draw(st.sampled_from(MAX_DETS)))


@pytest.mark.parametrize("seed", range(24))
def test_crowded_cases(build, seed):
    truth, found = build.crowded(seed)
    assert_agreement(truth, found, max_dets=MAX_DETS[seed % len(MAX_DETS)])


def test_numbers_by_hand(build):
    truth = build.truth([(0, 0, 0, 0, 10, 10), (0, 0, 50, 50, 10, 10)])
    found = build.found([(0, 0, 0, 0, 10, 8, 0.9), (0, 0, 90, 90, 10, 10, 0.8), (0, 1, 0, 0, 10, 10, 0.7)])
    precision, recalls = own_numbers(truth, found, [(0, np.inf)], (1, 100))
    reached = 51 / 101  # recalls 0 to 0.5
    assert precision[:, 0, 0] == pytest.approx([reached] * 7 + [0] * 3)  # IoU 0.8 is found at 0.5 to 0.8
    assert recalls[:, 0, 0, 0] == pytest.approx([0.5] * 7 + [0] * 3)
    assert np.isnan(precision[:, 1:]).all()
    assert np.isnan(recalls[:, 1:]).all()


@pytest.mark.parametrize("rows", [[], [(0, 0, 0, 0, 10, 10)]], ids=["nothing", "no detection"])
def test_no_detection(build, rows):
    assert_agreement(build.truth(rows, images=2), build.found([]))


def test_detections_without_any_box(build):
    assert_agreement(build.truth([], images=2), build.found([(1, 2, 0, 0, 10, 10, 0.5)]))


def test_crowds_alone_are_nothing_to_find(build):
    truth, found = build.truth([(0, 0, 0, 0, 10, 10, 1)]), build.found([(0, 0, 0, 0, 10, 10, 0.5)])
    assert_agreement(truth, found)
    assert np.isnan(own_numbers(truth, found, BANDS, (100,))[0]).all()


def test_no_image_gives_nothing(build):
    precision, recalls = own_numbers(build.truth([], images=0), build.found([]), BANDS, (1, 10, 100))
    assert precision.shape == (10, 3, len(BANDS))
    assert recalls.shape == (10, 3, len(BANDS), 3)
    assert np.isnan(precision).all()
    assert np.isnan(recalls).all()


@pytest.mark.parametrize(("side", "place"), [(31, 0), (32, 1), (95, 1), (96, 2), (4000, 2)])
def test_a_box_on_an_edge_is_in_one_band(build, side, place):
    truth, found = build.truth([(0, 0, 0, 0, side, side)]), build.found([(0, 0, 0, 0, side, side, 0.5)])
    bands = [band.areas for band in read_bands("coco")]
    there = [index == place for index in range(3)]
    precision, recalls = own_numbers(truth, found, bands, (100,))
    assert (~np.isnan(precision[0, 0])).tolist() == there
    assert (~np.isnan(recalls[0, 0, :, 0])).tolist() == there
    assert precision[0, 0, place] == pytest.approx(1)


def test_the_area_decides_on_the_band_not_the_box(build):
    truth, found = build.truth([(0, 0, 0, 0, 40, 40, 0, 900)]), build.found([(0, 0, 0, 0, 40, 40, 0.5)])
    _, recalls = own_numbers(truth, found, [band.areas for band in read_bands("coco")], (100,))
    assert recalls[0, 0, 0, 0] == 1
    assert np.isnan(recalls[0, 0, 1:]).all()
