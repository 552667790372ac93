"""The writers of `auxhead.formats` in the page's characters: minus sign, dash, spaces that don't break."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from auxhead import formats

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"

_Given = ParamSpec("_Given")


def typeset(text: str) -> str:
    """Write numbers with the page's characters; a line may break before a parenthesis only."""
    words = [NOTHING if word == formats.NOTHING else word.replace("-", MINUS) for word in text.split(" ")]
    return SPACE.join(words).replace(f"{SPACE}(", " (")


def _typeset(write: Callable[_Given, str]) -> Callable[_Given, str]:
    @wraps(write)
    def written(*args: _Given.args, **kwargs: _Given.kwargs) -> str:
        return typeset(write(*args, **kwargs))

    return written


duration = _typeset(formats.duration)
interval = _typeset(formats.interval)
millions = _typeset(formats.millions)
percent = _typeset(formats.percent)
plain = _typeset(formats.plain)
points = _typeset(formats.points)
probability = _typeset(formats.probability)
short_hash = _typeset(formats.short_hash)
signed = _typeset(formats.signed)
whole = _typeset(formats.whole)
with_interval = _typeset(formats.with_interval)


@wraps(formats.by_seed)
def by_seed(*args: formats.Number, **kwargs: formats.Number) -> str:
    """List the values of all seeds; lines may break between them."""
    return typeset(formats.by_seed(*args, **kwargs)).replace(SPACE, " ")


@wraps(formats.times)
def times(value: formats.Number) -> str:
    """Write a ratio with the sign for times."""
    return typeset(formats.times(value)).replace("x", f"{SPACE}{TIMES}")


FILTERS = (
    by_seed,
    duration,
    interval,
    formats.listed,
    millions,
    percent,
    plain,
    formats.plural,
    points,
    probability,
    short_hash,
    signed,
    times,
    typeset,
    whole,
    with_interval,
)
"""What the template may use, by its name."""
