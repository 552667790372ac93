"""Matching by any closeness obeys COCO's rules, as plain loops spell them out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auxhead.metrics.closeness import Pairs, center_pixels, center_sizes, nwd, overlap, pairs
from auxhead.metrics.detections import scene
from auxhead.metrics.matching import NONE, greedy, match
from auxhead.metrics.precision import IOU_THRESHOLDS, average_precision

MEASURES = {
    "overlap": (overlap, IOU_THRESHOLDS),
    "sizes": (center_sizes, -np.array([0.25, 0.5, 1.0, 2.0])),
    "pixels": (center_pixels, -np.array([1.0, 2.0, 5.0, 0.0])),
    "nwd": (nwd(3.0), np.array([0.5, 0.7, 1.0])),
}
BANDS = [(0.0, math.inf), (0.0, 9.0), (9.0, 16.0), (4.0, 17.5)]


@pytest.mark.parametrize("measure", MEASURES)
@settings(max_examples=80)
@given(data=st.data())
def test_the_rules(cases, plain, measure, data):
    truth, found = data.draw(cases())
    max_det = data.draw(st.sampled_from([1, 3, 100]))
    closeness, thresholds = MEASURES[measure]
    low, high = data.draw(st.sampled_from(BANDS))
    both = scene(truth, found, max_det)
    own = match(both, pairs(both, closeness, thresholds.min()), thresholds, low, high)
    precision = average_precision(both, own, np.ones((1, len(truth.files))))[0]
    counted = sorted(zip(both.truth.image[own.counted], both.truth.cls[own.counted], strict=True))
    for place, threshold in enumerate(thresholds):
        expected = plain.match(truth, found, closeness, threshold, low, high, max_det)
        verdicts = np.where(own.hit[:, place], "hit", np.where(own.ignored[:, place], "ignored", "wrong")).tolist()
        assert dict(zip(plain.keys(both), verdicts, strict=True)) == expected.verdicts
        assert counted == sorted(expected.counted)
        for cls in range(len(truth.names)):
            by_hand = plain.average_precision(expected, cls, [1] * len(truth.files))
            assert precision[cls, place] == pytest.approx(by_hand, abs=1e-12, nan_ok=True)


@settings(max_examples=80)
@given(data=st.data())
def test_a_box_is_chosen_once_and_a_crowd_at_will(cases, data):
    truth, found = data.draw(cases())
    both = scene(truth, found, 100)
    thresholds = -np.array([1.0, 3.0])
    near = pairs(both, center_pixels, -3.0)
    crowd = both.truth.crowd
    chosen = greedy(near, len(both.found.image), thresholds, free=crowd, last=crowd)
    assert chosen.shape == (len(both.found.image), 2)
    for column, threshold in zip(chosen.T, thresholds, strict=True):
        times = np.bincount(column[column != NONE], minlength=len(crowd))
        assert (times[~crowd] <= 1).all()
        candidates = {
            (int(who), int(what)): distance
            for who, what, distance in zip(near.found, near.truth, near.closeness, strict=True)
            if distance >= threshold
        }
        for who, what in enumerate(column.tolist()):
            assert what == NONE or (who, what) in candidates
        assert all(times[what] for (who, what) in candidates if column[who] == NONE)  # nobody goes without for nothing


def test_the_surer_detection_chooses_first_and_the_other_takes_what_is_left(build):
    truth = build.truth([(0, 0, 0, 0, 10, 10), (0, 0, 4, 0, 10, 10)])
    found = build.found([(0, 0, 1, 0, 10, 10, 0.5), (0, 0, 0, 0, 10, 10, 0.9), (0, 0, 1, 0, 10, 10, 0.2)])
    both = scene(truth, found, 100)
    free = np.zeros(2, dtype=bool)
    chosen = greedy(pairs(both, center_pixels, -3.0), 3, np.array([-3.0, -1.0]), free=free, last=free)
    assert chosen.tolist() == [[0, 0], [1, NONE], [NONE, NONE]]


def test_of_equally_close_boxes_the_later_one_is_chosen(build):
    truth = build.truth([(0, 0, 0, 0, 10, 10), (0, 0, 0, 0, 10, 10)])
    both = scene(truth, build.found([(0, 0, 0, 0, 10, 10, 0.9)]), 100)
    free = np.zeros(2, dtype=bool)
    assert greedy(pairs(both, overlap, 0.5), 1, np.array([0.5]), free=free, last=free).tolist() == [[1]]


def test_a_box_that_counts_comes_before_a_closer_one_that_does_not(build):
    truth = build.truth([(0, 0, 0, 0, 10, 10), (0, 0, 2, 0, 10, 10, 1), (0, 0, 2, 0, 10, 10, 0, 4)])
    both = scene(truth, build.found([(0, 0, 2, 0, 10, 10, 0.9)]), 100)
    own = match(both, pairs(both, overlap, 0.5), np.array([0.5, 0.7]), 50)
    assert own.counted.tolist() == [True, False, False]
    assert own.hit.tolist() == [[True, False]]
    assert own.ignored.tolist() == [[False, True]]


def test_detections_in_a_crowd_are_ignored_all_of_them(build):
    truth = build.truth([(0, 0, 0, 0, 50, 50, 1)])
    both = scene(truth, build.found([(0, 0, 5, 5, 9, 9, 0.9), (0, 0, 5, 5, 9, 9, 0.8), (0, 1, 5, 5, 9, 9, 0.7)]), 100)
    own = match(both, pairs(both, overlap, 0.5), np.array([0.5]))
    assert own.ignored[:, 0].tolist() == [True, True, False]
    assert not own.hit.any()


def test_a_stray_detection_counts_in_the_band_of_its_own_size_only(build):
    both = scene(build.truth([]), build.found([(0, 0, 0, 0, 4, 4, 0.9)]), 100)
    near = pairs(both, overlap, 0.5)
    ignored = [
        bool(match(both, near, np.array([0.5]), low, high).ignored) for low, high in [(0, 16), (16, 64), (64, 99)]
    ]
    assert ignored == [True, False, True]


def test_other_images_and_classes_are_out_of_reach(build):
    truth = build.truth([(0, 0, 0, 0, 9, 9), (1, 1, 0, 0, 9, 9)], images=2)
    both = scene(truth, build.found([(1, 0, 0, 0, 9, 9, 0.9), (0, 1, 0, 0, 9, 9, 0.9)]), 100)
    assert not len(pairs(both, overlap, 0.0).found)
    assert not match(both, pairs(both, overlap, 0.5), IOU_THRESHOLDS).hit.any()


def test_nothing_at_all(build):
    both = scene(build.truth([], images=0), build.found([]), 100)
    own = match(both, pairs(both, overlap, 0.5), IOU_THRESHOLDS)
    assert (own.hit.shape, own.ignored.shape, own.counted.shape) == ((0, 10), (0, 10), (0,))


def test_no_threshold(build):
    both = scene(build.truth([(0, 0, 0, 0, 9, 9)]), build.found([(0, 0, 0, 0, 9, 9, 0.9)]), 100)
    own = match(both, Pairs(*(np.empty(0, dtype=kind) for kind in (int, int, float))), np.empty(0))
    assert own.hit.shape == (1, 0)


def test_a_scene_keeps_the_best_of_each_image_and_class(build):
    rows = [(0, 0, 0.1), (1, 0, 0.2), (0, 0, 0.9), (0, 1, 0.3), (0, 0, 0.5), (0, 0, 0.5)]
    found = build.found([(image, cls, index, 0, 1, 1, score) for index, (image, cls, score) in enumerate(rows)])
    both = scene(build.truth([], images=2), found, 2)
    assert both.found.boxes[:, 0].tolist() == [2, 4, 3, 1]  # of equal scores the first
    assert both.rank.tolist() == [0, 1, 0, 0]
    assert both.found.boxes[both.order, 0].tolist() == [2, 4, 1, 3]
