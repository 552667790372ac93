"""Bands of object sizes: half-open, side by side, so that every box is in exactly one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from auxhead.errors import ConfigError

NAMED: dict[str, tuple[tuple[float, ...], tuple[str, ...]]] = {
    # Source: Lin et al., "Microsoft COCO" (2014); pycocotools, Params.
    "coco": ((32, 96), ("small", "medium", "large")),
    # Source: Wang et al., "Tiny Object Detection in Aerial Images" (2021), and what lies below and beyond.
    "ai-tod": ((2, 8, 16, 32, 64), ("", "very tiny", "tiny", "small", "medium", "")),
    # Source: Yu et al., "Scale Match for Tiny Person Detection" (2020), and what lies below and beyond.
    "tinyperson": ((2, 8, 12, 20, 32), ("", "tiny1", "tiny2", "tiny3", "small", "")),
}


@dataclass(frozen=True)
class Band:
    """Sizes from `low` to below `high`, the square root of an area, pixels.

    Attributes:
        name: What it is called in tables.
        low: The smallest size in it.
        high: The first size beyond it; infinite for the last band.
    """

    name: str
    low: float
    high: float

    @property
    def areas(self) -> tuple[float, float]:
        """The same as areas, square pixels.

        >>> Band("small", 8.0, 16.0).areas
        (64.0, 256.0)
        """
        return self.low**2, self.high**2


ALL = Band("all", 0.0, math.inf)


def called(names: Iterable[str]) -> dict[str, str]:
    """Return the name of each band by what it may be called: its name, its title or its sizes.

    >>> called(["tiny 8-16", ">=64"])
    {'tiny 8-16': 'tiny 8-16', 'tiny': 'tiny 8-16', '8-16': 'tiny 8-16', '>=64': '>=64'}
    """
    found: dict[str, str] = {}
    for name in names:
        title, _, span = name.rpartition(" ")
        found |= {each: name for each in (name, title, span) if each}
    return found


def read_bands(given: str | Sequence[float]) -> tuple[Band, ...]:
    """Read what `bands=` says.

    Args:
        given: ai-tod, coco or tinyperson, or rising edges in pixels. Sizes below the first edge and from the last one
            on are bands of their own.

    Raises:
        ConfigError: It is neither.

    Examples:
        >>> [band.name for band in read_bands("coco")]
        ['small <32', 'medium 32-96', 'large >=96']
        >>> [(band.low, band.high) for band in read_bands([8, 16])]
        [(0.0, 8.0), (8.0, 16.0), (16.0, inf)]
    """
    if isinstance(given, str) and given in NAMED:
        edges, names = NAMED[given]
    else:
        edges, names = _edges(given), ()
    bounds = [0.0, *(edge for edge in edges if edge > 0), math.inf]
    titles = names or ("",) * (len(bounds) - 1)
    return tuple(
        Band(f"{title} {_span(low, high)}".strip(), low, high)
        for title, (low, high) in zip(titles, pairwise(bounds), strict=True)
    )


def _edges(given: str | Sequence[float]) -> tuple[float, ...]:
    values = given.split(",") if isinstance(given, str) else given
    try:
        edges = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        edges = ()
    rising = all(low < high for low, high in pairwise(edges))
    if not edges or not rising or edges[0] < 0 or not math.isfinite(edges[-1]) or edges == (0.0,):
        raise ConfigError(
            expected=f"one of {', '.join(sorted(NAMED))}, or rising sizes in pixels such as 0,8,16,32,96",
            found=f"{given!r}",
            where="bands=",
            fix="correct it",
        )
    return edges


def _span(low: float, high: float) -> str:
    if not low:
        return f"<{high:g}"
    return f">={low:g}" if math.isinf(high) else f"{low:g}-{high:g}"
