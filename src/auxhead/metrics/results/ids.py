"""Ids as results and data sets spell them: numbers, and texts that may be numbers."""

from __future__ import annotations

from typing import Any


def is_id(value: object) -> bool:
    """Tell whether a value can be an id: a number or a text.

    >>> is_id("a"), is_id(1), is_id(True), is_id(None)
    (True, True, False, False)
    """
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def number(value: Any) -> int | float | None:
    """Return the number that an id is, "000001" being 1; None for what is no number.

    >>> number("000001"), number(2), number("img1")
    (1, 2, None)
    """
    if isinstance(value, str):
        return int(value) if value.isdecimal() else None
    return value if is_id(value) else None
