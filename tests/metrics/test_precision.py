"""Weights of images mean what they say: an image of weight two counts as two."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auxhead.metrics.closeness import center_pixels, overlap, pairs
from auxhead.metrics.detections import Detections, scene
from auxhead.metrics.matching import match
from auxhead.metrics.precision import (
    IOU_THRESHOLDS,
    average_precision,
    boxes_by_class,
    recall,
    recall_at_false_positives,
)
from auxhead.metrics.truth import Truth

DISTANCES = -np.array([0.0, 1.0, 3.0])


def matched(truth: Truth, found: Detections, thresholds=DISTANCES, low=0.0, high=np.inf, max_det=100):
    """Match by distance in pixels: exact on a grid of integers."""
    both = scene(truth, found, max_det)
    return both, match(both, pairs(both, center_pixels, thresholds.min(initial=0)), thresholds, low, high)


def repeated(truth: Truth, found: Detections, weights) -> tuple[Truth, Detections]:
    """Write down every image as often as its weight says."""
    copies = np.repeat(np.arange(len(truth.files)), weights)
    boxes = [np.flatnonzero(truth.image == image) for image in copies]
    spots = [np.flatnonzero(found.image == image) for image in copies]
    which = np.concatenate([*boxes, np.empty(0, np.int64)]).astype(np.int64)
    more = found.take(np.concatenate([*spots, np.empty(0, np.int64)]).astype(np.int64))
    return (
        replace(
            truth,
            files=tuple(truth.files[image] for image in copies),
            sizes=truth.sizes[copies],
            image=np.repeat(np.arange(len(copies)), [len(own) for own in boxes]),
            cls=truth.cls[which],
            boxes=truth.boxes[which],
            areas=truth.areas[which],
            crowd=truth.crowd[which],
        ),
        replace(more, image=np.repeat(np.arange(len(copies)), [len(own) for own in spots])),
    )


def weights_of(data: st.DataObject, truth: Truth, rows: int = 3) -> np.ndarray:
    n = len(truth.files)
    row = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    return np.array(data.draw(st.lists(row, min_size=rows, max_size=rows)), dtype=float)


@settings(max_examples=60)
@given(data=st.data())
def test_a_weighted_image_is_a_repeated_image(cases, data):
    truth, found = data.draw(cases(distinct=True))  # copies of a detection then stand side by side: all right or wrong
    weights = weights_of(data, truth)
    band = data.draw(st.sampled_from([(0.0, np.inf), (4.0, 17.5)]))
    both, own = matched(truth, found, low=band[0], high=band[1])
    precision, recalls, first = (
        average_precision(both, own, weights),
        recall(both, own, weights),
        recall(both, own, weights, 1),
    )
    for row, times in enumerate(weights.astype(int)):
        more, other = matched(*repeated(truth, found, times), low=band[0], high=band[1])
        once = np.ones((1, times.sum()))
        close: Any = {"rtol": 0, "atol": 1e-12, "equal_nan": True}
        np.testing.assert_allclose(precision[row], average_precision(more, other, once)[0], **close)
        np.testing.assert_allclose(recalls[row], recall(more, other, once)[0], **close)
        np.testing.assert_allclose(first[row], recall(more, other, once, 1)[0], **close)


@settings(max_examples=60)
@given(data=st.data())
def test_recalls_of_weighted_images_hold_with_ties_too(cases, data):
    truth, found = data.draw(cases())
    weights = weights_of(data, truth)
    both, own = matched(truth, found, DISTANCES[1:2])
    for row, times in enumerate(weights.astype(int)):
        more, other = matched(*repeated(truth, found, times), DISTANCES[1:2])
        once = np.ones((1, times.sum()))
        pairs_of_rows = [
            (boxes_by_class(both, own, weights)[row], boxes_by_class(more, other, once)[0]),
            (recall(both, own, weights)[row], recall(more, other, once)[0]),
            *(
                (
                    recall_at_false_positives(both, own, weights, rate)[row],
                    recall_at_false_positives(more, other, once, rate)[0],
                )
                for rate in (0.0, 0.5, 1.0)
            ),
        ]
        for ours, repeats in pairs_of_rows:
            np.testing.assert_allclose(ours, repeats, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@settings(max_examples=60)
@given(data=st.data())
def test_average_precision_by_plain_loops(cases, plain, kind, data):
    truth, found = data.draw(cases())
    weights = weights_of(data, truth)
    both, own = matched(truth, found, high=17.5)
    precision = average_precision(both, own, weights.astype(kind))
    assert precision.dtype == kind
    for place, threshold in enumerate(DISTANCES):
        expected = plain.match(truth, found, center_pixels, threshold, 0.0, 17.5, 100)
        for row, given_weights in enumerate(weights):
            by_hand = [plain.average_precision(expected, cls, given_weights) for cls in range(len(truth.names))]
            assert precision[row, :, place] == pytest.approx(
                by_hand, abs=1e-6 if kind is np.float32 else 1e-12, nan_ok=True
            )


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_of_many_images_by_plain_loops(build, plain, seed):
    truth, found = build.crowded(seed)
    weights = np.random.default_rng(seed).multinomial(
        len(truth.files), np.full(len(truth.files), 1 / len(truth.files)), 4
    )
    both = scene(truth, found, 100)
    own = match(both, pairs(both, overlap, 0.5), IOU_THRESHOLDS[:1])
    precision = average_precision(both, own, weights.astype(float))
    expected = plain.match(truth, found, overlap, 0.5, 0.0, np.inf, 100)
    for row, cls in np.ndindex(precision.shape[:2]):
        by_hand = plain.average_precision(expected, cls, weights[row])
        assert precision[row, cls, 0] == pytest.approx(by_hand, abs=1e-12, nan_ok=True)


@settings(max_examples=80)
@given(data=st.data())
def test_recall_at_false_positives_is_the_best_of_all_thresholds(cases, plain, data):
    truth, found = data.draw(cases())
    weights = weights_of(data, truth)
    rate = data.draw(st.sampled_from([0.0, 0.5, 1.0, 2.0]))
    both, own = matched(truth, found, DISTANCES[1:2], high=17.5)
    ours = recall_at_false_positives(both, own, weights, rate)
    expected = plain.match(truth, found, center_pixels, DISTANCES[1], 0.0, 17.5, 100)
    for row, given_weights in enumerate(weights):
        boxes = sum(given_weights[image] for image, _ in expected.counted)
        best = 0.0
        for score in set(expected.scores.values()):
            kept = [key for key in expected.scores if expected.scores[key] >= score]
            wrong = sum(given_weights[key[0]] for key in kept if expected.verdicts[key] == "wrong")
            if wrong <= rate * sum(given_weights):
                best = max(best, sum(given_weights[key[0]] for key in kept if expected.verdicts[key] == "hit"))
        assert ours[row] == pytest.approx(best / boxes if boxes else np.nan, nan_ok=True)


def test_detections_of_equal_score_are_shown_together_or_not_at_all(build):
    truth = build.truth([(0, 0, 0, 0, 9, 9), (0, 1, 50, 0, 9, 9), (1, 0, 0, 0, 9, 9)], images=2)
    right = [(0, 0, 0, 0, 9, 9, 0.9), (0, 1, 50, 0, 9, 9, 0.5)]
    wrong = [(1, 2, 90, 90, 9, 9, 0.5)] * 3
    both, own = matched(truth, build.found(right + wrong), DISTANCES[:1])
    ones = np.ones((1, 2))
    assert recall_at_false_positives(both, own, ones, 1.0).tolist() == pytest.approx([1 / 3])
    assert recall_at_false_positives(both, own, ones, 1.5).tolist() == pytest.approx([2 / 3])


def test_recall_counts_the_first_detections_of_each_image(build):
    truth = build.truth([(0, 0, 0, 0, 9, 9), (0, 0, 50, 0, 9, 9), (1, 0, 0, 0, 9, 9)], images=2)
    found = [(0, 0, 0, 0, 9, 9, 0.9), (0, 0, 50, 0, 9, 9, 0.8), (1, 0, 70, 0, 9, 9, 0.7), (1, 0, 0, 0, 9, 9, 0.6)]
    both, own = matched(truth, build.found(found), DISTANCES[:1])
    recalls = [float(recall(both, own, np.ones((1, 2)), first)[0, 0, 0]) for first in (1, 2, None)]
    assert recalls == pytest.approx([1 / 3, 1, 1])


def test_nothing_to_find_is_nan_and_nothing_found_is_zero(build):
    truth = build.truth([(0, 0, 0, 0, 9, 9), (1, 1, 0, 0, 9, 9, 1)], images=2)  # dogs: a crowd; signs: none
    both, own = matched(truth, build.found([(1, 2, 0, 0, 9, 9, 0.9)]), DISTANCES[:1])
    weights = np.array([[1.0, 1.0], [0.0, 2.0], [0.0, 0.0]])
    assert boxes_by_class(both, own, weights).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    zero_then_nan = np.array([[0, np.nan, np.nan], [np.nan] * 3, [np.nan] * 3])
    np.testing.assert_array_equal(average_precision(both, own, weights)[..., 0], zero_then_nan)
    np.testing.assert_array_equal(recall(both, own, weights)[..., 0], zero_then_nan)
    np.testing.assert_array_equal(recall_at_false_positives(both, own, weights), [0, np.nan, np.nan])


def test_no_detection_and_no_image(build):
    weights = np.ones((2, 1))
    both, own = matched(build.truth([(0, 0, 0, 0, 9, 9)]), build.found([]), DISTANCES[:1])
    assert average_precision(both, own, weights)[:, 0].tolist() == [[0], [0]]
    assert recall_at_false_positives(both, own, weights).tolist() == [0, 0]
    both, own = matched(build.truth([], images=0), build.found([]), DISTANCES[:1])
    none = np.ones((2, 0))
    assert average_precision(both, own, none).shape == (2, 3, 1)
    assert np.isnan(average_precision(both, own, none)).all()
    assert np.isnan(recall_at_false_positives(both, own, none)).all()
