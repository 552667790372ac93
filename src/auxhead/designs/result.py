"""What a search for designs finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from auxhead.layouts.layout import Layout
from auxhead.notebook import InNotebooks, Shown
from auxhead.shipping.counts import Counts
from auxhead.shipping.latency import Spread


@dataclass(frozen=True)
class Offer:
    """What a layout offers the boxes of a data set. None where there is no such box.

    Attributes:
        small: Median number of candidate anchors of the boxes under 16 px (see `SMALL`).
        without_own: Share of boxes that get no anchor of their own even at the best assignment.
        reach: Longest side that the bins of the coarsest level tell, pixels; None: sides aren't told by bins.
        beyond: Share of boxes with a longer side than that.
        field: Pixels across that one cell of the coarsest level sees; at most the image.
        larger: Share of boxes with a side longer than that.
    """

    small: float | None
    without_own: float | None
    reach: float | None
    beyond: float | None
    field: int
    larger: float | None

    @property
    def given_up(self) -> float:
        """Share of boxes that are too large for the layout, for one reason or the other."""
        return max(self.beyond or 0.0, self.larger or 0.0)


@dataclass(frozen=True)
class Design:
    """One detector: the one whose price is the limit, or a candidate.

    Attributes:
        name: Of its file and arm: yolov8n-p234.
        layout: Its levels, neck, bins, width and depth.
        imgsz: Image size that it is for, pixels.
        yaml: Content of its YAML; empty for the one that is known.
        counts: Its size, fused, at the classes of the data.
        gflops_ratio: Of its GFLOPs to the known one's.
        time: Measured time beside the known one's; None if price=gflops.
        offer: What it offers the boxes.
        fits: Whether its price holds.
        note: What was trimmed, or why it can't be had.
    """

    name: str
    layout: Layout
    imgsz: int
    yaml: Mapping[str, Any] = field(repr=False)
    counts: Counts
    gflops_ratio: float
    time: Spread | None
    offer: Offer
    fits: bool
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {key: value for key, value in asdict(self).items() if key != "yaml"}


def short_name(data: str) -> str:
    """Name a data set by its file and that file's folder."""
    path = Path(data)
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name


@dataclass(frozen=True)
class Designs(InNotebooks):
    """What was found.

    Attributes:
        data: The data.yaml.
        imgsz: Image size of the known detector, pixels.
        nc: Classes.
        boxes: Training boxes.
        pictures: Training pictures.
        looked_at: Pictures whose anchors were counted, evenly spread.
        small_share: Share of boxes under 16 px; None without boxes.
        longest: 50th, 99th and 100th percentile of the longer sides, pixels; None without boxes.
        device: Where time was measured; empty if it wasn't.
        clock: What that time is: "processor time of one thread" on CPUs, "time" elsewhere.
        like: The detector whose price is the limit.
        candidates: The others, best first.
        best: Name of the one to try; None: keep `like`.
        reasons: Why, in words, a sentence each.
    """

    data: str
    imgsz: int
    nc: int
    boxes: int
    pictures: int
    looked_at: int
    small_share: float | None
    longest: tuple[float, float, float] | None
    device: str
    clock: str
    like: Design
    candidates: tuple[Design, ...]
    best: str | None
    reasons: tuple[str, ...]

    def _shown(self) -> Iterator[str | Shown]:
        """Return the table and the remarks."""
        from auxhead.designs.tables import remarks, table  # which are about this class

        yield Shown(table(self))
        yield from remarks(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        own = {key: value for key, value in vars(self).items() if key not in {"like", "candidates"}}
        return {**own, "like": self.like.to_dict(), "candidates": [one.to_dict() for one in self.candidates]}
