import math

import numpy as np
import pytest

from auxhead.metrics import closeness
from auxhead.metrics.closeness import center_pixels, center_sizes, nwd, overlap, pairs
from auxhead.metrics.detections import scene

BOX = (10, 10, 10, 10)


def close(measure, found, truth, crowd=False) -> float:
    """Compare one detection with one box, both left, top, width, height."""
    return float(measure(np.array([found], float), np.array([truth], float), np.array([crowd]))[0])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BOX, 1),
        ((15, 10, 10, 10), 50 / 150),
        ((10, 10, 10, 5), 0.5),
        ((12, 12, 5, 5), 0.25),
        ((20, 10, 10, 10), 0),  # edge to edge
        ((40, 40, 10, 10), 0),
        ((40, 15, 10, 10), 0),
        ((12, 12, 0, 5), 0),
    ],
)
def test_overlap(found, expected):
    assert close(overlap, found, BOX) == pytest.approx(expected)
    assert close(overlap, BOX, found) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("found", "expected"), [((12, 12, 5, 5), 1), ((15, 10, 10, 10), 0.5), ((0, 0, 30, 30), 1 / 9), ((40, 40, 5, 5), 0)]
)
def test_overlap_with_a_crowd_is_the_share_of_the_detection(found, expected):
    assert close(overlap, found, BOX, crowd=True) == pytest.approx(expected)


@pytest.mark.parametrize("crowd", [False, True])
def test_boxes_without_area_do_not_overlap(crowd):
    assert close(overlap, (5, 5, 0, 0), (5, 5, 0, 0), crowd) == 0
    assert close(overlap, (5, 5, 0, 4), (5, 5, 4, 0), crowd) == 0


def test_center_distances():
    far = (10, 10, 16, 18)  # center (18, 19) beside (15, 15): 3 and 4 pixels
    assert close(center_pixels, far, BOX) == -5
    assert close(center_sizes, far, BOX) == -0.5
    assert close(center_sizes, far, (13, 5, 4, 20)) == pytest.approx(-5 / math.sqrt(80))
    assert close(center_pixels, (0, 0, 30, 30), BOX) == 0
    assert close(center_sizes, (0, 0, 30, 30), BOX) == 0


@pytest.mark.parametrize("measure", [center_pixels, center_sizes])
def test_a_crowd_is_met_by_centers_inside_it(measure):
    assert close(measure, (4, 4, 20, 20), BOX, crowd=True) == 0
    assert close(measure, (19, 14, 2, 2), BOX, crowd=True) == 0  # on the edge
    assert close(measure, (19.1, 14, 2, 2), BOX, crowd=True) == -math.inf
    assert close(measure, (14, 30, 2, 2), BOX, crowd=True) == -math.inf


def test_a_box_without_area_is_met_by_its_center_only():
    assert close(center_sizes, (3, 3, 4, 4), (5, 5, 0, 0)) == 0
    assert close(center_sizes, (3, 3, 4, 4), (5, 4, 0, 2)) == 0
    assert close(center_sizes, (3, 3, 4, 4.01), (5, 5, 0, 0)) == -math.inf
    assert close(center_pixels, (3, 3, 4, 10), (5, 5, 0, 0)) == -3


def test_normalized_wasserstein_distance():
    assert close(nwd(12.0), BOX, BOX) == 1
    # centers 3 and 4 pixels apart; halves of the widths 3 and of the heights 4 apart
    assert close(nwd(12.0), (10, 10, 16, 18), BOX) == pytest.approx(math.exp(-math.sqrt(9 + 16 + 9 + 16) / 12))
    assert close(nwd(1.0), (12, 10, 10, 10), BOX) == pytest.approx(math.exp(-2))
    assert close(nwd(2.0), (12, 10, 10, 10), BOX) == pytest.approx(math.exp(-1))
    assert close(nwd(2.0), (5, 5, 0, 0), (5, 5, 0, 4)) == pytest.approx(math.exp(-math.sqrt(4 + 4) / 2))


def test_normalized_wasserstein_distance_with_a_crowd():
    assert close(nwd(12.0), (14, 14, 2, 2), BOX, crowd=True) == 1
    assert close(nwd(12.0), (30, 14, 2, 2), BOX, crowd=True) == 0


def test_many_at_once_are_compared_row_by_row():
    random = np.random.default_rng(0)
    found, truth = random.uniform(0, 20, (2, 50, 4))
    crowd = random.random(50) < 0.5
    for measure in (overlap, center_pixels, center_sizes, nwd(7.0)):
        one_by_one = [close(measure, *row) for row in zip(found, truth, crowd, strict=True)]
        assert measure(found, truth, crowd) == pytest.approx(one_by_one)


def test_pairs_are_those_of_an_image_and_class_down_to_the_floor(build):
    truth = build.truth([(0, 0, 0, 0, 4, 4), (0, 0, 1, 0, 4, 4), (0, 1, 0, 0, 4, 4), (1, 0, 2, 0, 4, 4)], images=3)
    found = [(0, 0, 0, 0, 4, 4, 0.9), (2, 0, 0, 0, 4, 4, 0.8), (1, 0, 0, 0, 4, 4, 0.7), (0, 1, 9, 0, 4, 4, 0.6)]
    both = scene(truth, build.found(found), 100)
    near = pairs(both, center_pixels, -2.0)
    places = {
        (both.found.scores[who], tuple(both.truth.boxes[what, :2]), distance)
        for who, what, distance in zip(near.found, near.truth, near.closeness, strict=True)
    }
    assert places == {(0.9, (0, 0), 0), (0.9, (1, 0), -1), (0.7, (2, 0), -2)}
    assert not len(pairs(both, center_pixels, 0.5).found)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50, 10**6])
def test_pairs_are_the_same_however_many_are_made_at_once(build, monkeypatch, limit):
    truth, found = build.crowded(3)
    both = scene(truth, found, 100)
    boxes = list(zip(both.truth.image, both.truth.cls, strict=True))
    expected = [
        (who, what)
        for who, own in enumerate(zip(both.found.image, both.found.cls, strict=True))
        for what, other in enumerate(boxes)
        if own == other
    ]
    assert len(expected) > 100
    assert not both.count.all()
    monkeypatch.setattr(closeness, "PAIRS_AT_ONCE", limit)
    sizes = []

    def measured(found, truth, crowd):
        sizes.append(len(found))
        return overlap(found, truth, crowd)

    near = pairs(both, measured, 0.0)
    assert list(zip(near.found, near.truth, strict=True)) == expected
    assert max(sizes) <= max(limit, both.count.max())
