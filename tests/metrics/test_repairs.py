"""What each kind of mistake costs: by hand, and what must hold of any scene."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.metrics.conftest import crowded

from auxhead.metrics.detections import Detections
from auxhead.metrics.measures import point_numbers
from auxhead.metrics.mistakes import EXTRAS, verdicts
from auxhead.metrics.repairs import repairs

KINDS = {"loose", "wrong_class", "missed", "duplicate", "background"}
BOXES = [(0, 0, 100 * place, 100, 20, 20) for place in range(5)]
FOUND = [
    (*BOXES[0], 0.9),
    (0, 0, 300, 300, 20, 20, 0.8),  # on the background
    (0, 0, 110, 100, 20, 20, 0.7),  # loose on the second
    (*BOXES[0], 0.6),  # again on the first
    (0, 1, 200, 100, 20, 20, 0.5),  # the third, as a dog
    (*BOXES[3], 0.1),  # the fifth is missed
]


def test_gains_by_hand(build):
    """Right are the 1st and the 5th of five cars by score: 21 recalls at a precision of 1, 20 at 2/5."""
    matched = build.measure(build.truth(BOXES), build.found(FOUND))
    before = (21 + 20 * 2 / 5) / 101
    assert point_numbers(matched)["all", "AP50"][0] == pytest.approx(before)
    after = {
        "loose": 21 + 20 * 2 / 3 + 20 * 3 / 5,
        "wrong_class": 21 + 40 * 3 / 6,
        "missed": 26 + 25 * 2 / 5,
        "duplicate": 21 + 20 * 2 / 4,
        "background": 21 + 20 * 2 / 4,
    }
    assert repairs(matched) == pytest.approx({kind: value / 101 - before for kind, value in after.items()})


def test_perfect_detections_leave_nothing_to_repair(build):
    boxes = [*BOXES, (0, 1, 0, 300, 8, 8)]
    gains = repairs(build.measure(build.truth(boxes), build.found([(*box, 0.5) for box in boxes])))
    assert gains == dict.fromkeys(KINDS, 0.0)


def test_a_class_without_a_box_left_counts_no_more_and_nothing_at_all_is_none(build):
    dog = (0, 1, 0, 300, 8, 8)
    found = [(*box, 0.5) for box in BOXES]
    assert repairs(build.measure(build.truth([*BOXES, dog]), build.found(found)))["missed"] == pytest.approx(0.5)
    assert repairs(build.measure(build.truth([dog]), build.found([])))["missed"] is None
    assert repairs(build.measure(build.truth([]), build.found(found))) == dict.fromkeys(KINDS, None)


def test_a_low_score_is_repaired_as_well(build):
    """AP50 counts every detection, also those below the score at which mistakes are shown."""
    wrong = [(0, 0, 300 + 50 * place, 300, 20, 20, 0.2) for place in range(9)]
    matched = build.measure(build.truth(BOXES[:2]), build.found([(*BOXES[0], 0.9), *wrong, (*BOXES[1], 0.1)]))
    assert repairs(matched)["background"] == pytest.approx(50 * (1 - 2 / 11) / 101)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_repair_costs_anything(cases, build, data):
    matched = build.measure(*data.draw(cases()))
    value = float(point_numbers(matched)["all", "AP50"][0])
    for kind, gain in repairs(matched).items():
        assert gain is None or -1e-12 <= gain <= 1 - value + 1e-12, kind
        assert (gain is None) <= (np.isnan(value) or kind == "missed")


@pytest.mark.parametrize("seed", range(8))
def test_what_is_repaired_beforehand_gains_nothing_again(build, seed):
    """Detections on the background taken out by hand: the gain is what AP50 then has more, and none is left."""
    truth, found = crowded(seed)
    matched = build.measure(truth, found)
    scene = matched.scene
    kept = verdicts(matched, 0.0).extras != EXTRAS.index("background")
    own = scene.found
    clean = Detections(own.image[kept], own.cls[kept], own.boxes[kept], own.scores[kept])
    after = build.measure(truth, clean)
    value = [float(point_numbers(one)["all", "AP50"][0]) for one in (matched, after)]
    assert repairs(matched)["background"] == pytest.approx(value[1] - value[0], abs=1e-9)
    assert repairs(after)["background"] == 0
