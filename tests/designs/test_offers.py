"""What levels offer boxes, against other ways to find the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.tal import bbox2dist, dist2bbox

from auxhead.designs.offers import offer, reach, seen_by_a_cell, survey
from auxhead.host.anchors import candidacies, count_candidates
from auxhead.layouts.layout import Layout
from auxhead.layouts.ready_made import ready_made
from auxhead.metrics.truth import Truth
from auxhead.progress import silent

SETS = [(2, 3), (2, 3, 4), (3, 4), (3, 4, 5)]


def truth(images: list[list[tuple[float, ...]]], size: int = 128) -> Truth:
    """Make boxes (left, top, width, height) in square pictures."""
    boxes = np.array([box for boxes in images for box in boxes], dtype=np.float64).reshape(-1, 4)
    image = np.repeat(np.arange(len(images)), [len(boxes) for boxes in images])
    return Truth(
        files=tuple(f"{number}.png" for number in range(len(images))),
        sizes=np.full((len(images), 2), size),
        image=image,
        cls=np.zeros(len(boxes), dtype=np.int64),
        boxes=boxes,
        areas=boxes[:, 2] * boxes[:, 3],
        crowd=np.zeros(len(boxes), dtype=np.bool_),
        names=("a",),
    )


places = st.tuples(*[st.floats(0, 110)] * 2, *[st.floats(1, 60)] * 2)


@given(st.lists(st.lists(places, max_size=5), min_size=1, max_size=3))
def test_every_set_of_levels_is_counted_as_if_it_were_the_only_one(images: list[list[tuple[float, ...]]]) -> None:
    boxes = truth(images)
    found = survey(boxes, 128, SETS, silent)
    for levels in SETS:
        expected, _ = count_candidates(boxes, 128, [2**level for level in levels])
        assert found.counts[levels].tolist() == expected.tolist()


@given(st.lists(places, min_size=1, max_size=12))
def test_boxes_without_an_anchor_of_their_own_are_those_of_the_best_assignment(boxes: list[tuple[float, ...]]) -> None:
    several = truth([boxes])
    (number, box, anchor) = next(candidacies(several, 128, [8, 16]))
    table = np.zeros((number, int(anchor.max(initial=0)) + 1))
    table[box, anchor] = 1
    rows, columns = linear_sum_assignment(table, maximize=True)
    assert survey(several, 128, [(3, 4)], silent).unmatched[3, 4] == number - table[rows, columns].sum()


def test_more_boxes_than_anchors_leave_some_without() -> None:
    crowd = truth([[(60.0, 60.0, 2.0, 2.0)] * 30])
    found = survey(crowd, 128, [(3, 4)], silent)
    assert found.unmatched[3, 4] == 30 - found.counts[3, 4][0]


@pytest.mark.parametrize("bins", [8, 16])
@pytest.mark.parametrize("levels", [(2, 3), (2, 3, 4), (3, 4, 5)])
def test_reach_is_the_longest_side_that_bins_can_tell(bins: int, levels: tuple[int, ...]) -> None:
    stride, longest = 2 ** levels[-1], reach(Layout(levels), bins)
    anchor = torch.zeros(1, 2)

    def told(side: float) -> float:
        box = torch.tensor([[-side, -side, side, side]]) / 2 / stride
        again = dist2bbox(bbox2dist(anchor, box, bins - 1), anchor, xywh=False)
        return float(again[0, 2] - again[0, 0]) * stride

    assert told(longest * 0.99) == pytest.approx(longest * 0.99)
    assert told(longest * 1.05) < longest


def test_without_bins_there_is_no_end() -> None:
    assert reach(Layout((2, 3, 4)), 1) == float("inf")


def test_shares_of_an_offer() -> None:
    sides = [4.0, 10.0, 30.0, 100.0]
    found = survey(truth([[(0.0, 0.0, side, side)] for side in sides]), 128, [(2, 3)], silent)
    offered = offer(found, Layout((2, 3)), 3, seen=50)
    assert offered.small == np.median(found.counts[2, 3][:2])
    assert (offered.reach, offered.beyond) == (32, 0.25)
    assert (offered.field, offered.larger, offered.given_up) == (50, 0.25, 0.25)
    assert offer(found, Layout((2, 3)), 1, seen=128).given_up == 0


def test_no_box_gives_no_number() -> None:
    found = survey(truth([[], []]), 128, SETS, silent)
    assert found.small.tolist() == []
    offered = offer(found, Layout((2, 3)), 8, seen=50)
    assert (offered.small, offered.without_own, offered.beyond, offered.larger) == (None, None, None, None)
    assert offered.given_up == 0


@pytest.mark.parametrize("name", ["yolov8n-p234-down", "yolov5n-p234"])
def test_pixels_that_a_cell_does_not_see_change_nothing(name: str) -> None:
    torch.manual_seed(0)
    model = DetectionModel(ready_made(f"{name}.yaml"), nc=1, verbose=False).fuse(verbose=False).eval()
    size = 640
    seen = seen_by_a_cell(model, size)
    assert 200 < seen < size
    maps = []
    model.model[-1].register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0][-1][0, :, 20, 20].clone()))
    image = torch.rand(1, 3, size, size)
    outside = torch.rand(1, 3, size, size)
    half = seen // 2 + 32  # a cell's own place, and the cell that it is rounded to
    centre = slice(328 - half, 328 + half)
    outside[..., centre, centre] = image[..., centre, centre]
    inside = image.clone()
    inside[..., 328, 328 + seen // 2 - 48] += 1
    with torch.inference_mode():
        for each in (image, outside, inside):
            model(each)
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-4, atol=1e-5)
    assert not torch.equal(maps[0], maps[2])


def test_attention_sees_everything() -> None:
    model = DetectionModel(ready_made("yolo11n-p234.yaml"), nc=1, verbose=False).fuse(verbose=False).eval()
    assert seen_by_a_cell(model, 256) == 256


def test_of_many_pictures_every_so_manyth_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auxhead.designs.offers.PICTURES", 3)
    boxes = truth([[(5.0 * number, 10.0, 6.0, 6.0)] * (number % 4) for number in range(9)])
    found = survey(boxes, 128, [(3, 4)], silent)
    assert found.pictures == 3  # 0, 3 and 6 of them
    assert len(found.sides) == len(boxes.cls)
    assert found.counted.tolist() == np.flatnonzero(np.isin(boxes.image, [0, 3, 6])).tolist()
    alone, _ = count_candidates(boxes, 128, [8, 16])
    assert found.counts[3, 4].tolist() == alone[found.counted].tolist()
