"""Which design is advised, on designs made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from auxhead.designs.advice import advise, ranked
from auxhead.designs.result import Design, Offer
from auxhead.layouts.layout import Layout
from auxhead.shipping.counts import Counts


def made(levels: tuple[int, ...], ratio: float = 1.0, **own: Any) -> Design:
    layout = Layout(levels, own.pop("up_again", True), 8, own.pop("width", 1.0))
    offered = Offer(own.pop("small", 13.0), 0.0, 224.0, own.pop("beyond", 0.0), 600, 0.0)
    fits = own.pop("fits", ratio <= 1)
    name = f"n-{layout.name}{'' if layout.width == 1 else '-slim'}"
    return Design(name, layout, own.pop("imgsz", 640), {}, Counts(1, ratio, 1), ratio, None, offered, fits)


LIKE = made((3, 4, 5), small=5.0)
P234, DOWN, SLIM, P34 = (
    made((2, 3, 4), 0.93),
    made((2, 3, 4), 0.8, up_again=False),
    made((2, 3, 4), 0.9, width=0.9),
    made((3, 4), 0.66),
)


def advice(*several: Design, small: float | None, budget: float = 1.0) -> tuple[str | None, str]:
    best, reasons = advise(LIKE, ranked(several, small or 0.0), small, budget)
    return best, "\n".join(reasons)


def test_small_objects_get_the_finest_level_that_costs_nothing_more() -> None:
    best, reasons = advice(P34, SLIM, DOWN, P234, small=0.4)
    assert best == "n-p234"
    assert "40 % of the training boxes are smaller than 16 px" in reasons
    assert "a median of 13 candidate anchors there, and of 5 in n-p345" in reasons
    assert "0.93x the GFLOPs" in reasons
    assert "All boxes fit it" in reasons


def test_what_starts_from_weights_is_told_that_a_design_starts_with_fewer() -> None:
    best, reasons = advise(LIKE, [P234], 0.4, 1.0, weights=True)
    assert best == "n-p234"
    assert "n-p345 starts with all of them and n-p234 with those that fit" in reasons[-1]
    assert "From weights" not in advice(P234, small=0.4)[1]
    assert advise(LIKE, [P234], 0.0, 1.0, weights=True) == advise(LIKE, [P234], 0.0, 1.0)  # nothing else is started


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([SLIM, DOWN, P34], "n-p234-down"),  # width before both ways
        ([SLIM, P34], "n-p234-slim"),
        ([made((2, 3, 4), 0.9, beyond=0.02), made((2, 3, 4, 5), 1.0)], "n-p2345"),  # nothing given up before levels
        ([made((2, 3, 4), 1.2), DOWN], "n-p234-down"),  # price before all
        ([made((2, 3), 0.5), made((2, 3, 4, 5), 0.9), SLIM], "n-p234-slim"),  # the stage that nothing needs is left out
        ([made((2, 3), 0.5), made((2, 3, 4, 5), 0.9)], "n-p2345"),
    ],
)
def test_the_order_of_what_counts(several: list[Design], expected: str) -> None:
    assert advice(*several, small=0.4)[0] == expected


def test_without_small_objects_the_known_detector_is_kept_and_what_is_cheaper_named() -> None:
    best, reasons = advice(P234, P34, small=0.03)
    assert best is None
    assert reasons.startswith("Keep n-p345: 3 % of the training boxes are smaller than 16 px")
    assert "n-p34 has the same finest level at 0.66x the GFLOPs" in reasons
    assert "same finest level" not in advice(P234, made((3, 4), 0.66, beyond=0.3), small=0.03)[1]


P3 = made((3,), 0.95, imgsz=1056, small=1.0)


def test_larger_images_come_first_where_nothing_is_given_up() -> None:
    best, reasons = advice(P34, P234, P3, small=0.4)
    assert best == "n-p3"
    assert "Try n-p3 at imgsz=1056" in reasons
    assert "1.6 times as wide and high there" in reasons
    assert advice(P34, P234, made((3,), 0.95, imgsz=1056, beyond=0.02), small=0.4)[0] == "n-p234"
    assert advice(P34, P234, made((3,), 1.05, imgsz=1056), small=0.4)[0] == "n-p234"


def test_larger_images_start_with_the_weights_of_the_backbone() -> None:
    assert "n-p3 starts with all of its layers but the last one" in advise(LIKE, [P3], 0.4, 1.0, weights=True)[1][-1]


def test_larger_images_are_no_cheaper_detector() -> None:
    best, reasons = advice(P3, P34, small=0.03)
    assert best is None
    assert "n-p34 has the same finest level at 0.66x" in reasons
    assert "n-p3 " not in reasons


def test_large_objects_are_not_given_up() -> None:
    best, reasons = advice(made((2, 3, 4), 0.9, beyond=0.2), made((2, 3), 0.8, beyond=0.5), small=0.4)
    assert best is None
    assert "gives up large objects; n-p234 the fewest: 20.0 % of the boxes" in reasons


def test_what_is_given_up_is_said() -> None:
    assert "Given up: 0.4 % of the boxes" in advice(made((2, 3, 4), 0.9, beyond=0.004), small=0.4)[1]


def test_a_budget_that_nothing_meets_is_said_with_the_nearest() -> None:
    best, reasons = advice(made((2, 3, 4), 0.93, fits=False), made((2, 3), 0.7, fits=False), small=0.4, budget=0.5)
    assert best is None
    assert "no design with finer cells holds 0.5 times its price; the nearest is n-p23: 0.70x the GFLOPs" in reasons


def test_no_boxes_no_design() -> None:
    assert advice(P234, small=None) == (None, "Keep n-p345: there is no box to design for.")
