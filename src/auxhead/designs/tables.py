"""Designs as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator

from auxhead.designs.result import Design, Designs
from auxhead.formats import NOTHING, percent, plural

HEAD = ["design", "imgsz", "levels", "bins", "params", "GFLOPs", "ratio"]
OFFERS = ["small", "no own", "too large", "sees px", ""]


def table(found: Designs) -> list[list[str]]:
    """Lay designs out, one a row; the first row is the head, the second the known detector."""
    rows = [[*HEAD, *(["time"] if found.device else []), *OFFERS]]
    return rows + [_row(one, found) for one in (found.like, *found.candidates)]


def _row(one: Design, found: Designs) -> list[str]:
    time = "1.00" if one is found.like else NOTHING
    if one.time:
        time = f"{one.time.ratio:.2f} ({one.time.low:.2f} to {one.time.high:.2f})"
    offer = one.offer
    return [
        one.name,
        str(one.imgsz),
        "-".join(f"P{level}" for level in dict.fromkeys((one.layout.levels[0], one.layout.levels[-1]))),
        str(one.layout.reg_max or NOTHING),
        f"{one.counts.parameters / 1e6:.2f} M",
        f"{one.counts.gflops:.2f}",
        f"{one.gflops_ratio:.2f}",
        *([time] if found.device else []),
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
    where = f", time on {found.device} ({found.clock})" if found.device else ""
    data = f"{found.boxes:,} training boxes, {plural(found.nc, 'class')}"
    yield f"{data}; prices fused{where}, as ratios to the first."
    yield (
        f"small: median candidate anchors of boxes under 16 px at imgsz={found.imgsz}; no own: boxes that can't have "
        "an anchor of their own; too large: boxes beyond what the coarsest level tells or sees."
    )
    if found.looked_at < found.pictures:
        yield f"Anchors were counted on {found.looked_at:,} of {found.pictures:,} pictures, evenly spread."
    if found.longest is not None:
        sides = "median {:.0f} px, 99 % up to {:.0f} px, largest {:.0f} px".format(*found.longest)
        yield f"Longer sides at imgsz={found.imgsz}: {sides}."
    yield ""
    yield from found.reasons
    yield "Nothing was trained: this is what the layouts offer, not how well they detect. Compare before you choose."
