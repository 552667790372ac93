"""Which design to try, and why, in words."""

from __future__ import annotations

from collections.abc import Sequence

from auxhead.designs.offers import SMALL
from auxhead.designs.result import Design
from auxhead.formats import percent

WORTH_IT = 0.1
"""Share of small boxes from which a finer level is advised. Source: own choice."""

ORDER = (1, 3, 4, 2)
"""Numbers of levels, best first: one buys more pixels; a fourth one is for large objects, and where there are none its
price is better spent on width; two have been tried least. Source: own choice, the first after docs/evidence."""

LOST = 0.005
"""Share of boxes that may be too large for an advised design. Source: own choice: one in two hundred."""


def ranked(designs: Sequence[Design], small_share: float) -> list[Design]:
    """Order designs, best first: price holds, nothing is given up, levels fit the sizes, little was trimmed.

    Args:
        designs: The candidates.
        small_share: Share of boxes that are small.
    """
    for_small = small_share >= WORTH_IT

    def key(one: Design) -> tuple[object, ...]:
        layout = one.layout
        return (
            not one.fits,
            one.offer.given_up > LOST,
            (layout.levels[0] == 2 or len(layout.levels) == 1) != for_small,
            ORDER.index(len(layout.levels)) if len(layout.levels) in ORDER else len(ORDER),
            -layout.width * layout.depth,
            not layout.up_again,
            one.gflops_ratio,
        )

    return sorted(designs, key=key)


def is_finer(one: Design, like: Design) -> bool:
    """Tell whether a design has finer cells than the known detector, by its levels or by larger images."""
    return one.layout.levels[0] < like.layout.levels[0] or one.imgsz > like.imgsz


def advise(
    like: Design,
    candidates: Sequence[Design],
    small_share: float | None,
    budget: float,
    *,
    weights: bool = False,
) -> tuple[str | None, list[str]]:
    """Choose a design, or the known detector, and say why.

    Args:
        like: The known detector.
        candidates: The others, best first.
        small_share: Share of boxes that are small; None without boxes.
        budget: Largest price, as a multiple of the known one's.
        weights: Whether trainings will start from weights of the known detector.

    Returns:
        The name of the design; None: keep the known detector. And the reasons, a sentence each.
    """
    if small_share is None:
        return None, [f"Keep {like.name}: there is no box to design for."]
    share = f"{percent(small_share)} of the training boxes are smaller than {SMALL:g} px"
    if small_share < WORTH_IT:
        keep = f"Keep {like.name}: {share}; a finer level is worth trying from {percent(WORTH_IT)} on."
        return None, [keep, *_cheaper([one for one in candidates if one.imgsz == like.imgsz])]
    fine = [one for one in candidates if one.layout.levels[0] == 2 or one.imgsz > like.imgsz]
    affordable = [one for one in fine if one.fits]
    if not affordable:
        near = min(fine, key=lambda one: one.gflops_ratio, default=None)
        nearest = f"; the nearest is {near.name}: {_price(near)}" if near else ""
        return None, [
            f"Keep {like.name}: {share}, but no design with finer cells holds {budget:g} times its price{nearest}."
        ]
    best = affordable[0]
    if best.offer.given_up > LOST:
        fewest = f"{best.name} the fewest: {percent(best.offer.given_up, 1)} of the boxes"
        every = "every design with finer cells at that price gives up large objects"
        keep = f"Keep {like.name}: {share}, but {every}; {fewest}."
        return None, [keep]
    offered = _pixels(best, like) if best.imgsz != like.imgsz else _anchors(best, like)
    reason = f"Try {best.name}{_at(best, like)}: {share}; {offered}. Price: {_price(best)}."
    return best.name, [reason, _large(best), *([_fewer_weights(like, best)] if weights else [])]


def _anchors(best: Design, like: Design) -> str:
    """Say what finer levels give small boxes."""
    return f"they have a median of {_count(best)} candidate anchors there, and of {_count(like)} in {like.name}"


def _pixels(best: Design, like: Design) -> str:
    """Say what larger images give small boxes."""
    return f"they are {best.imgsz / like.imgsz:.2g} times as wide and high there, with what the pictures have of detail"


def _at(best: Design, like: Design) -> str:
    """Name the image size of a design where it is not the known detector's."""
    return f" at imgsz={best.imgsz}" if best.imgsz != like.imgsz else ""


def _fewer_weights(like: Design, best: Design) -> str:
    """Say what a start from weights means. Source: docs/evidence, "From COCO weights"."""
    if len(best.layout.levels) == 1:
        return f"From weights, {best.name} starts with all of its layers but the last one."
    return (
        f"From weights, {like.name} starts with all of them and {best.name} with those that fit. Where we measured it, "
        "yolov8n was level or better from COCO weights on objects of 8 px and more at the network's input, and "
        "yolov8n-p234 better from scratch."
    )


def _cheaper(candidates: Sequence[Design]) -> list[str]:
    """Name what costs less and gives up nothing."""
    coarse = [one for one in candidates if one.fits and one.layout.levels[0] == 3 and one.offer.given_up <= LOST]
    cheapest = min(coarse, key=lambda one: one.gflops_ratio, default=None)
    if cheapest is None or cheapest.gflops_ratio >= 1:
        return []
    price = _price(cheapest)
    return [f"{cheapest.name} has the same finest level at {price}; whether it finds as much is for a comparison."]


def _count(one: Design) -> str:
    return "none" if one.offer.small is None else f"{one.offer.small:g}"


def _price(one: Design) -> str:
    """Say a price as ratios."""
    if one.time is None:
        return f"{one.gflops_ratio:.2f}x the GFLOPs"
    time = f"{one.time.ratio:.2f}x ({one.time.low:.2f} to {one.time.high:.2f}) the time"
    return f"{one.gflops_ratio:.2f}x the GFLOPs, {time}"


def _large(best: Design) -> str:
    """Say what becomes of large objects."""
    offer = best.offer
    if not offer.given_up:
        return f"All boxes fit it: a cell of its coarsest level sees {offer.field} px."
    share = percent(offer.given_up, 1)
    return f"Given up: {share} of the boxes, larger than its coarsest level tells, or sees ({offer.field} px)."
