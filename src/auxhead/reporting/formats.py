"""Numbers as a reader sees them: points, differences, intervals, times; a dash for what was not measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
SMALLEST_P = 0.001
HASH = 12  # letters of a hash that tables show

Number = Any
"""A number of 0 to 1, or what stands for none: None, NaN, an infinity, something that is no number."""


def number(value: Number) -> float | None:
    """Return a finite number as it is, everything else as None."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def points(value: Number, digits: int = 1) -> str:
    """Write a fraction in points: 0.512 is 51.2."""
    there = number(value)
    return NOTHING if there is None else _minus(f"{100 * there:.{digits}f}")


def signed(value: Number, digits: int = 1) -> str:
    """Write a difference of fractions in points, with its sign; what rounds to nothing has none."""
    there = number(value)
    if there is None:
        return NOTHING
    text = f"{100 * there:+.{digits}f}"
    return _minus(text) if float(text) else text[1:]


def interval(ends: Sequence[Number] | None, digits: int = 1) -> str:
    """Write the ends of an interval of differences in points."""
    low, high = ends if ends is not None and len(ends) == 2 else (None, None)
    if number(low) is None or number(high) is None:
        return NOTHING
    return f"{signed(low, digits)} to {signed(high, digits)}".replace(" ", SPACE)


def span(low: Number, high: Number, digits: int = 1) -> str:
    """Write the ends of an interval of values in points."""
    if number(low) is None or number(high) is None:
        return NOTHING
    return f"{points(low, digits)} to {points(high, digits)}".replace(" ", SPACE)


def by_seed(values: Mapping[str, Number] | None, *, sign: bool = False) -> str:
    """List the values of all seeds, in the order of the seeds."""
    write = signed if sign else points
    ordered = sorted((values or {}).items(), key=lambda item: (len(item[0]), item[0]))
    return " ".join(write(value) for _, value in ordered) or NOTHING


def probability(value: Number) -> str:
    """Write a p value, 0 to 1."""
    there = number(value)
    if there is None:
        return NOTHING
    return f"<{SPACE}{SMALLEST_P:g}" if there < SMALLEST_P else f"{there:.3f}"


def times(value: Number) -> str:
    """Write a ratio."""
    there = number(value)
    return NOTHING if there is None else f"{there:.2f}{SPACE}{TIMES}"


def plain(value: Number, digits: int = 1) -> str:
    """Write a number with some decimals."""
    there = number(value)
    return NOTHING if there is None else _minus(f"{there:,.{digits}f}")


def whole(value: Number) -> str:
    """Write a count, its thousands apart."""
    there = number(value)
    return NOTHING if there is None else f"{round(there):,}"


def millions(value: Number) -> str:
    """Write a large count in millions."""
    there = number(value)
    return NOTHING if there is None else f"{there / 1e6:.2f}{SPACE}M"


def percent(value: Number) -> str:
    """Write a share of a whole, which can be more than the whole."""
    there = number(value)
    return NOTHING if there is None else _minus(f"{100 * there:.0f}{SPACE}%")


def duration(seconds: Number) -> str:
    """Write a time: 4.5 s, 45 s, 5 min 05 s, 12 min, 3 h 20 min."""
    there = number(seconds)
    if there is None:
        return NOTHING
    left = round(there)
    if left < 60:
        return f"{there:.1f}{SPACE}s" if there < 10 else f"{left}{SPACE}s"
    if left < 600:
        return f"{left // 60}{SPACE}min {left % 60:02d}{SPACE}s"
    minutes = round(there / 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min"
    return f"{minutes // 60:,}{SPACE}h {minutes % 60:02d}{SPACE}min"


def short(digest: str | None) -> str:
    """Write the first letters of a hash."""
    return str(digest)[:HASH] if digest else NOTHING


def listed(names: Sequence[str], last: str = "and") -> str:
    """Join names: a, b and c."""
    return f" {last} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: 1 seed, 2 seeds, 3 boxes."""
    ending = "" if count == 1 else ("es" if noun.endswith(("x", "s")) else "s")
    return f"{count:,} {noun}{ending}"


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
