"""What candidates cost, and how narrow they must be for their price to hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from auxhead.designs.candidates import Family, narrower
from auxhead.errors import ModelError
from auxhead.layouts.layout import Layout
from auxhead.progress import Progress
from auxhead.shipping.cost import count
from auxhead.shipping.counts import Counts
from auxhead.shipping.latency import Spread, race

ROUNDING = 1.005  # a price may be this much over the budget: half a percent, what two decimals of a ratio hide
NEAR = 1.02  # of the GFLOPs that would be narrow enough: a step of width is several percent. Source: own choice
ATTEMPTS = 2  # times that what is too slow is made narrower and measured again. Source: own choice


@dataclass(frozen=True)
class Priced:
    """A layout as a model, with its price.

    Attributes:
        layout: The layout.
        content: Its YAML.
        model: The model, fused.
        counts: Its size.
        time: Its time beside the known detector's; None if it wasn't measured.
        clock: What that time is, in words.
    """

    layout: Layout
    content: Mapping[str, Any]
    model: nn.Module
    counts: Counts
    time: Spread | None = None
    clock: str = ""


@dataclass(frozen=True)
class Limit:
    """What a price may be.

    Attributes:
        like: The known detector.
        budget: Largest price, as a multiple of the known one's.
        gflops: Whether GFLOPs must hold.
        device: Where time is measured; None: it isn't, and needn't hold.
        imgsz: Image size, pixels.
        rounds: Rounds of the measurement.
    """

    like: Priced
    budget: float
    gflops: bool
    device: torch.device | None
    imgsz: int
    rounds: int

    def holds(self, one: Priced) -> bool:
        """Tell whether a price holds."""
        return self.counts_hold(one.counts) and (one.time is None or self.time_holds(one.time))

    def counts_hold(self, counts: Counts) -> bool:
        """Tell whether GFLOPs hold, or needn't."""
        return not self.gflops or counts.gflops <= self.like.counts.gflops * self.budget * ROUNDING

    def time_holds(self, time: Spread) -> bool:
        """Tell whether time holds."""
        return time.ratio <= self.budget * ROUNDING


def priced(family: Family, layout: Layout, imgsz: int) -> Priced:
    """Build a layout, and count it.

    Raises:
        ModelError: Ultralytics can't build it.
    """
    content = family.content(layout)
    model = family.fused(content)
    return Priced(layout, content, model, count(model, imgsz))


def within(family: Family, limit: Limit, layouts: Sequence[Layout], tell: Progress) -> list[Priced]:
    """Build layouts, narrow them until their GFLOPs hold, measure them, and narrow on until their time holds.

    Args:
        family: The known detector.
        limit: What a price may be.
        layouts: What is tried.
        tell: Called as tell(task, done, total).

    Returns:
        Those that can be built; where no width helps, as wide as they are.
    """
    counted = []
    for done, layout in enumerate(layouts):
        tell("counting designs", done, len(layouts))
        try:
            counted.append(_narrowed(family, limit, layout))
        except ModelError:  # too narrow for a module of this family, such as attention with less than one head
            continue
    tell("counting designs", len(layouts), len(layouts))
    if limit.device is None or not counted:
        return counted
    timed = _timed(limit, counted, "timing designs", tell)
    for attempt in range(1, ATTEMPTS + 1):
        slow = {place: _slimmer(family, limit, one) for place, one in enumerate(timed) if _too_slow(limit, one)}
        slimmer = {place: one for place, one in slow.items() if one is not None}
        again = _timed(limit, list(slimmer.values()), f"timing narrower ones ({attempt})", tell)
        for place, one in zip(slimmer, again, strict=True):
            timed[place] = one
    return timed


def _too_slow(limit: Limit, one: Priced) -> bool:
    return one.time is not None and limit.counts_hold(one.counts) and not limit.time_holds(one.time)


def _narrowed(family: Family, limit: Limit, layout: Layout) -> Priced:
    """Find the widest version whose GFLOPs hold; without one, the layout as it is."""
    first = priced(family, layout, limit.imgsz)
    if limit.counts_hold(first.counts) or "scales" not in family.roles.rest:
        return first
    for slimmer in narrower(layout):
        try:
            one = priced(family, slimmer, limit.imgsz)
        except ModelError:
            break
        if limit.counts_hold(one.counts):
            return one
    return first


def _slimmer(family: Family, limit: Limit, slow: Priced) -> Priced | None:
    """Guess the widest version whose time holds: time follows GFLOPs, or less closely; None if there is none."""
    if slow.time is None or "scales" not in family.roles.rest:
        return None
    wanted = slow.counts.gflops * limit.budget / slow.time.ratio
    for slimmer in narrower(slow.layout):
        try:
            one = priced(family, slimmer, limit.imgsz)
        except ModelError:
            return None
        changed = one.counts != slow.counts  # channels come in eights: some steps of width are none
        if changed and one.counts.gflops <= wanted * NEAR:
            return one
    return None


def _timed(limit: Limit, several: Sequence[Priced], task: str, tell: Progress) -> list[Priced]:
    """Measure models in turns with the known detector."""
    if limit.device is None or not several:
        return list(several)
    models = [limit.like.model, *(one.model for one in several)]

    def say(_: str, done: int, total: int) -> None:
        tell(task, done, total)

    (_, *times), clock = race(models, limit.device, limit.imgsz, limit.rounds, say)
    return [replace(one, time=time, clock=clock) for one, time in zip(several, times, strict=True)]
