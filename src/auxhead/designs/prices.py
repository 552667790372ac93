"""What candidates cost, and how narrow or shallow they must be for their price to hold."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import nn

from auxhead.designs.candidates import ENLARGED, Family, bins, narrower, shallower
from auxhead.designs.offers import ONE_BIN, reach
from auxhead.errors import ConfigError, ModelError
from auxhead.keys.design import MULTIPLE
from auxhead.layouts.layout import Layout
from auxhead.progress import Progress
from auxhead.shipping.cost import count
from auxhead.shipping.counts import Counts
from auxhead.shipping.latency import Spread, race

ROUNDING = 1.005  # a price may be this much over the budget: half a percent, what two decimals of a ratio hide
NEAR = 1.02  # of the GFLOPs that would be narrow enough: a step of width is several percent. Source: own choice
MOST = 2  # times the image size; there P3 has the cells that P2 has without it. Source: own choice
ATTEMPTS = 2  # times that what is too slow is trimmed and measured again. Source: own choice


@dataclass(frozen=True)
class Priced:
    """A layout as a model, with its price.

    Attributes:
        layout: The layout.
        imgsz: Image size that the price is for, pixels.
        content: Its YAML.
        model: The model, fused.
        counts: Its size.
        time: Its time beside the known detector's; None if it wasn't measured.
        clock: What that time is, in words.
    """

    layout: Layout
    imgsz: int
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

    def worth(self, one: Priced) -> tuple[bool, float]:
        """Order measured versions of a layout: what holds by what it computes, what doesn't by its time."""
        held = self.holds(one)
        return held, one.counts.gflops if held or one.time is None else -one.time.ratio

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
    return Priced(layout, imgsz, content, model, count(model, imgsz))


def within(family: Family, limit: Limit, layouts: Sequence[Layout], tell: Progress) -> list[Priced]:
    """Build layouts, trim them until their GFLOPs hold, measure them, and trim on until their time holds.

    Args:
        family: The known detector.
        limit: What a price may be.
        layouts: What is tried.
        tell: Called as tell(task, done, total).

    Returns:
        Those that can be built; where no trimming helps, as they are.
    """
    counted = []
    for done, layout in enumerate(layouts):
        tell("counting designs", done, len(layouts))
        try:
            counted.append(_trimmed(family, limit, layout))
        except ModelError:  # too narrow for a module of this family, such as attention with less than one head
            continue
    tell("counting designs", len(layouts), len(layouts))
    if limit.device is None or not counted:
        return counted
    timed = _timed(limit, counted, "timing designs", tell)
    for attempt in range(1, ATTEMPTS + 1):
        slow = [place for place, one in enumerate(timed) if _too_slow(limit, one)]
        lighter = [(place, one) for place in slow for one in _lighter(family, limit, timed[place])]
        again = _timed(limit, [one for _, one in lighter], f"timing lighter ones ({attempt})", tell)
        for (place, _), one in zip(lighter, again, strict=True):
            timed[place] = max(timed[place], one, key=limit.worth)
    return timed


def enlarged(family: Family, limit: Limit, longest: float, largest: int, tell: Progress) -> list[Priced]:
    """Build the layout without a neck for the largest images at which its price holds.

    Args:
        family: The known detector.
        limit: What a price may be.
        longest: Side that bins should tell, pixels of the known detector's input.
        largest: Image size beyond which the pictures have no more detail, pixels.
        tell: Called as tell(task, done, total).

    Returns:
        It, or nothing: where there is no price left for larger images, or no detail in the pictures.
    """
    sizes = range(limit.imgsz + MULTIPLE, min(largest, round(MOST * limit.imgsz)) + 1, MULTIPLE)
    if not sizes:
        return []
    try:
        versions = [priced(family, replace(ENLARGED, reg_max=each), sizes[-1]) for each in bins(family)]
    except (ModelError, ConfigError):  # a family that it can't be cut from
        return []
    found = None
    for version in versions:
        found = _largest(limit, version, sizes, tell) or found
        if found and reach(found.layout, found.layout.reg_max or ONE_BIN) >= longest * found.imgsz / limit.imgsz:
            break
    return [found] if found else []


def _largest(limit: Limit, version: Priced, sizes: range, tell: Progress) -> Priced | None:
    """Find the largest images at which a price holds; None: even the smallest are too dear."""

    def at(imgsz: int) -> Priced:
        return replace(version, imgsz=imgsz, counts=count(version.model, imgsz))

    affordable = bisect_left(sizes, True, key=lambda imgsz: not limit.counts_hold(at(imgsz).counts))
    for attempt in range(1, ATTEMPTS + 2):
        if not affordable:
            return None
        (one,) = _timed(limit, [at(sizes[affordable - 1])], f"timing larger images ({attempt})", tell)
        if one.time is None or limit.time_holds(one.time):
            return one
        enough = one.imgsz * math.sqrt(limit.budget / one.time.ratio)  # time grows with the area
        affordable = min(bisect_left(sizes, enough + 1), affordable - 1)
    return None


def _too_slow(limit: Limit, one: Priced) -> bool:
    return one.time is not None and limit.counts_hold(one.counts) and not limit.time_holds(one.time)


def _trimmed(family: Family, limit: Limit, layout: Layout) -> Priced:
    """Find the deepest, then widest version whose GFLOPs hold; without one, the layout as it is."""
    first = priced(family, layout, limit.imgsz)
    if limit.counts_hold(first.counts) or not _has_sizes(family):
        return first

    def holds(version: Layout) -> bool:
        """Tell whether a version's GFLOPs hold; what is too narrow for a module of this family stands beyond those."""
        try:
            return limit.counts_hold(priced(family, version, limit.imgsz).counts)
        except ModelError:
            return True

    for deep in (layout, *shallower(layout)):
        widths = [deep, *narrower(deep)]
        widest = bisect_left(widths, True, key=holds)
        for one in _versions(family, limit, widths[widest : widest + 1]):
            return one
    return first


def _lighter(family: Family, limit: Limit, slow: Priced) -> Iterator[Priced]:
    """Guess which versions are fast enough: time follows GFLOPs on most CPUs, the number of layers on most GPUs."""
    if slow.time is None or not _has_sizes(family):
        return
    wanted = slow.counts.gflops * limit.budget / slow.time.ratio * NEAR
    for versions, most in ((narrower(slow.layout), wanted), (shallower(slow.layout), slow.counts.gflops)):
        # channels come in eights, and one block is always left: some steps change nothing
        lighter = (one for one in _versions(family, limit, versions) if one.counts != slow.counts)
        yield from islice((one for one in lighter if one.counts.gflops <= most), 1)


def _has_sizes(family: Family) -> bool:
    """Tell whether a family's YAML lists sizes, which say width and depth."""
    return "scales" in family.roles.rest


def _versions(family: Family, limit: Limit, layouts: Iterable[Layout]) -> Iterator[Priced]:
    """Price versions of a layout, until one is too narrow for a module of this family."""
    with suppress(ModelError):
        for layout in layouts:
            yield priced(family, layout, limit.imgsz)


def _timed(limit: Limit, several: Sequence[Priced], task: str, tell: Progress) -> list[Priced]:
    """Measure models in turns with the known detector."""
    if limit.device is None or not several:
        return list(several)
    everything = [limit.like, *several]
    models, sizes = [one.model for one in everything], [one.imgsz for one in everything]

    def say(_: str, done: int, total: int) -> None:
        tell(task, done, total)

    (_, *times), clock = race(models, limit.device, sizes, limit.rounds, say)
    return [replace(one, time=time, clock=clock) for one, time in zip(several, times, strict=True)]
