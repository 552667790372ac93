"""Designs as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auxhead.designs.result import Design, Designs
from auxhead.formats import NOTHING, percent

HEAD = ["design", "levels", "neck", "bins", "params", "GFLOPs", "ratio"]
OFFERS = ["small", "no own", "too large", "sees px", ""]


def table(found: Designs) -> list[list[str]]:
    """Lay designs out, one a row; the first row is the head, the second the known detector."""
    timed = found.like.latency is not None or any(one.latency for one in found.candidates)
    rows = [[*HEAD, *(["time", "(quartiles)"] if timed else []), *OFFERS]]
    return rows + [_row(one, found, timed) for one in (found.like, *found.candidates)]


def _row(one: Design, found: Designs, timed: bool) -> list[str]:
    spread = one.latency.decisive if one.latency else None
    time = [f"{spread.ratio:.2f}", f"{spread.low:.2f} to {spread.high:.2f}"] if spread else [NOTHING, NOTHING]
    offer = one.offer
    return [
        one.name,
        f"P{one.layout.levels[0]}-P{one.layout.levels[-1]}",
        "both" if one.layout.up_again else "down",
        str(one.layout.reg_max or NOTHING),
        f"{one.counts.parameters / 1e6:.2f} M",
        f"{one.counts.gflops:.2f}",
        f"{one.gflops_ratio:.2f}",
        *(time if timed else []),
        NOTHING if offer.small is None else f"{offer.small:g}",
        percent(offer.without_own, 1),
        percent(offer.given_up, 1),
        str(offer.field),
        _mark(one, found),
    ]


def _mark(one: Design, found: Designs) -> str:
    if one is found.like:
        return "the price" + (", keep it" if found.best is None else "")
    return "try it" if one.name == found.best else "" if one.fits else "too dear"


def remarks(found: Designs) -> Iterator[str]:
    """Say what the columns are, and what to do."""
    where = f", time on {found.device} ({_kind(found.candidates)})" if found.device else ""
    data = f"{found.boxes:,} training boxes at {found.imgsz} px, {found.nc} classes"
    yield f"{data}; prices fused{where}, as ratios to the first."
    yield (
        "small: median candidate anchors of boxes under 16 px; no own: boxes that can't have an anchor of their own; "
        "too large: boxes beyond what the coarsest level tells or sees."
    )
    if found.longest is not None:
        yield "Longer sides: median {:.0f} px, 99 % up to {:.0f} px, largest {:.0f} px.".format(*found.longest)
    yield ""
    yield from found.reasons
    yield "Nothing was trained: this is what the layouts offer, not how well they detect. Compare before you choose."


def _kind(several: Sequence[Design]) -> str:
    by_processor = any(one.latency and one.latency.processor for one in several)
    return "processor time of one thread" if by_processor else "wall time"
