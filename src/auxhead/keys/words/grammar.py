"""The grammar of `key=value` words, which is Ultralytics' own."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Collection, Sequence
from typing import Any

NAMED = {"none": None, "true": True, "false": False}


def join_words(words: Sequence[str], mappings: Collection[str] = ()) -> list[str]:
    """Join words that belong together: `a = 1`, `a= 1`, `a =1`, `a=[1, 2]`.

    Args:
        words: As typed.
        mappings: Keys of which `a={b: c}` belongs together, too.

    Raises:
        ValueError: A bracket is left open or closed too often, or a "=" has no key.

    Source:
        Ultralytics, cfg/__init__.py, merge_equals_args, which knows no mappings.

    >>> join_words(["epochs", "=", "3", "classes=[1,", "2]"])
    ['epochs=3', 'classes=[1,2]']
    >>> join_words(["flips={a:", "b}"], mappings=["flips"])
    ['flips={a: b}']
    """
    joined: list[str] = []
    parts: list[str] = []  # of a value whose brackets are still open
    depth = place = 0
    while place < len(words):
        word = words[place]
        more = words[place + 1] if place + 1 < len(words) else None
        if word == "=" and place and more is not None:
            word, place = f"{_last(joined, words)}={more}", place + 1
        elif word.endswith("=") and more is not None and "=" not in more:
            word, place = word + more, place + 1
        elif word.startswith("=") and place:
            word = _last(joined, words) + word
        parts.append(word)
        mapping = parts[0].partition("=")[0].lstrip("-") in mappings
        opening, closing = ("[{", "]}") if mapping else ("[", "]")
        depth += sum(map(word.count, opening)) - sum(map(word.count, closing))
        if not depth:
            joined.append((" " if mapping else "").join(parts))
            parts = []
        place += 1
    if parts:
        message = f"'{parts[0]}' has an unmatched bracket."
        raise ValueError(message)
    return joined


def _last(joined: list[str], words: Sequence[str]) -> str:
    """Take back the word before a "="."""
    if not joined:
        message = f"{' '.join(words)}: a bracket or '=' too many"
        raise ValueError(message)
    return joined.pop()


def read_value(text: str) -> Any:
    """Read a value: none, true, false in any case, a Python literal, else text.

    Source:
        Ultralytics, cfg/__init__.py, smart_value; names of constants in other packages (cv2.X) stay text here.

    >>> read_value("1e-3"), read_value("True"), read_value("none"), read_value("0,8"), read_value("best.pt")
    (0.001, True, None, (0, 8), 'best.pt')
    """
    if text.lower() in NAMED:
        return NAMED[text.lower()]
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
