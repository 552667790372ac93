"""Numbers and names as a reader sees them, one notation for terminal, files and page; a dash for nothing.

The text is plain: "-2.1 to +9.1". `auxhead.reporting.typography` swaps in the page's characters and changes nothing
else. Fractions are written in points: 0.512 is 51.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from auxhead.errors import OutputError

NOTHING = "-"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
SMALLEST_P = 0.001
HASH = 12  # letters of a hash that tables show

# What can't be printed: control characters but tabs and line ends, halves of letters, what XML forbids.
_CONTROL = (*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_TURNS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # what turns the direction of the text around it
UNPRINTABLE = dict.fromkeys((*_CONTROL, *_TURNS), "\N{REPLACEMENT CHARACTER}")

Number = Any
"""A number, or what stands for none: None, NaN, an infinity, something that is no number."""
Ends = Sequence[Number] | None
"""Lower and upper end of an interval; None where there is none."""


def printable(text: str) -> str:
    r"""Replace what a terminal, a file or a page can't hold, or what would disturb the text around it.

    Names of classes and files come from other people, and may hold commands to a terminal.

    >>> printable("a stop \x1b[2J sign").isprintable()
    True
    """
    return text.translate(UNPRINTABLE)


def is_text(name: str | Path) -> bool:
    r"""Tell whether a file in UTF-8 can hold a name: on Linux, names are bytes, and others reach Python in halves.

    >>> is_text("caf\xe9"), is_text("caf\udce9")
    (True, False)
    """
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def require_text(*paths: str | Path) -> None:
    """Check that paths can be written down, as Ultralytics and we do in files of UTF-8.

    Raises:
        OutputError: One can't.
    """
    for path in paths:
        if not is_text(path):
            raise OutputError(
                expected="a path that is UTF-8 text, as files have to hold it",
                found="bytes that are no text",
                where=escaped(str(path)),
                fix="choose or rename files and folders so that each on the way is, or name a link to them",
            )


def escaped(name: str) -> str:
    r"""Write what no file in UTF-8 can hold as its number, so that two names stay two.

    >>> escaped("caf\udce9")
    'caf\\udce9'
    """
    return name.encode(errors="backslashreplace").decode()


def finite(value: Number) -> float | None:
    """Return a finite number as it is, everything else as None."""
    return float(value) if isinstance(value, Real) and math.isfinite(value) else None


def points(value: Number, digits: int = 1) -> str:
    """Write a fraction in points.

    >>> points(0.5123), points(None)
    ('51.2', '-')
    """
    there = finite(value)
    return NOTHING if there is None else f"{100 * there:.{digits}f}"


def signed(value: Number, digits: int = 1) -> str:
    """Write a difference of fractions in points, with its sign; what rounds to nothing has none.

    >>> signed(0.0312), signed(-0.0312), signed(-0.0001)
    ('+3.1', '-3.1', '0.0')
    """
    there = finite(value)
    if there is None:
        return NOTHING
    text = f"{100 * there:+.{digits}f}"
    return text if float(text) else text[1:]


def interval(ends: Ends, *, sign: bool = True) -> str:
    """Write the ends of an interval in points; `sign` is for differences.

    >>> interval((-0.021, 0.091)), interval((0.4, 0.5), sign=False), interval(None)
    ('-2.1 to +9.1', '40.0 to 50.0', '-')
    """
    there = [finite(end) for end in ends or ()]
    if len(there) != 2 or None in there:
        return NOTHING
    return " to ".join(map(signed if sign else points, there))


def with_interval(value: Number, ends: Ends, *, sign: bool = True) -> str:
    """Write a value and, where there is one, its interval.

    >>> with_interval(0.035, (-0.021, 0.091)), with_interval(0.035, None)
    ('+3.5 (-2.1 to +9.1)', '+3.5')
    """
    text, around = signed(value) if sign else points(value), interval(ends, sign=sign)
    return text if NOTHING in {text, around} else f"{text} ({around})"


def by_seed(values: Mapping[str, Number] | None, *, sign: bool = False) -> str:
    """List the values of all seeds in points, in the order of the seeds.

    >>> by_seed({"10": 0.3, "2": 0.2})
    '20.0 30.0'
    """
    write = signed if sign else points
    ordered = sorted((values or {}).items(), key=lambda item: (len(item[0]), item[0]))
    return " ".join(write(value) for _, value in ordered) or NOTHING


def probability(value: Number) -> str:
    """Write a p value, 0 to 1.

    >>> probability(0.25), probability(0.0004)
    ('0.250', '< 0.001')
    """
    there = finite(value)
    if there is None:
        return NOTHING
    return f"< {SMALLEST_P:g}" if there < SMALLEST_P else f"{there:.3f}"


def times(value: Number) -> str:
    """Write a ratio.

    >>> times(1.5)
    '1.50x'
    """
    there = finite(value)
    return NOTHING if there is None else f"{there:.2f}x"


def plain(value: Number, digits: int = 1) -> str:
    """Write a number with some decimals, its thousands apart.

    >>> plain(12.34), plain(0.5, 3), plain(float("nan"))
    ('12.3', '0.500', '-')
    """
    there = finite(value)
    return NOTHING if there is None else f"{there:,.{digits}f}"


def whole(value: Number) -> str:
    """Write a count, its thousands apart.

    >>> whole(12345)
    '12,345'
    """
    return plain(value, 0)


def millions(value: Number) -> str:
    """Write a large count in millions.

    >>> millions(3_010_000)
    '3.01 M'
    """
    there = finite(value)
    return NOTHING if there is None else f"{there / 1e6:.2f} M"


def percent(value: Number, digits: int = 0) -> str:
    """Write a share of a whole, which can be more than the whole.

    >>> percent(0.45), percent(1.38)
    ('45 %', '138 %')
    """
    there = finite(value)
    return NOTHING if there is None else f"{100 * there:.{digits}f} %"


def duration(seconds: Number) -> str:
    """Write a time.

    >>> duration(4.52), duration(305), duration(2450), duration(12_000)
    ('4.5 s', '5 min 05 s', '41 min', '3 h 20 min')
    """
    there = finite(seconds)
    if there is None:
        return NOTHING
    left = round(there)
    if left < 60:
        return f"{there:.1f} s" if there < 10 else f"{left} s"
    if left < 600:
        return f"{left // 60} min {left % 60:02d} s"
    minutes = round(there / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60:02d} min"


def short_hash(digest: str | None) -> str:
    """Write the first letters of a hash."""
    return str(digest)[:HASH] if digest else NOTHING


def shortened(text: str, longest: int, *, middle: bool = False) -> str:
    """Cut text to so many letters at its end, or in its middle, where an ellipsis then stands.

    >>> shortened("a long name", 6), shortened("a long name", 6, middle=True)
    ('a lon…', 'a l…me')
    """
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2 if middle else 0
    return text[: longest - 1 - tail] + ELLIPSIS + text[len(text) - tail :]


def listed(names: Sequence[str], last: str = "and") -> str:
    """Join names.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return f" {last} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def first_few(texts: Sequence[str], most: int) -> str:
    """Join the first texts, and count the others.

    >>> first_few(["a", "b", "c", "d"], 2)
    'a; b; and 2 more'
    """
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])


def plural(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> plural(1, "seed"), plural(3, "box")
    ('1 seed', '3 boxes')
    """
    ending = "" if count == 1 else ("es" if noun.endswith(("x", "s")) else "s")
    return f"{count:,} {noun}{ending}"
