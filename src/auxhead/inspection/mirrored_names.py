"""Which classes a mirror may turn into something else: a guess from their names alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Reason = Literal["side", "text"]

# Source of all lists: own choice, after the class names of traffic sign and driving data sets.
OPPOSITE = {"left": "right", "leftward": "rightward", "leftwards": "rightwards"}
OPPOSITE |= {"clockwise": "anticlockwise", "l": "r"}
OPPOSITE |= {other: side for side, other in OPPOSITE.items()} | {"counterclockwise": "clockwise"}
SIDES = OPPOSITE.keys() - {"l", "r"}
JOINED = re.compile(r"(arrow|bend|curve|go|keep|lane|merge|only|turn)(left|right)")
WRITTEN = {"stop", "yield", "text", "word", "words", "letter", "letters", "digit", "digits", "number", "numbers"}
PHRASES = ("speed limit", "one way", "do not enter", "license plate", "licence plate", "number plate")
GENERIC = {"", "c", "cat", "category", "class", "classes", "cls", "group", "id", "item", "kind", "label", "name", "obj"}
GENERIC |= {"object", "target", "type", "unknown"}


@dataclass(frozen=True)
class MirrorHint:
    """A class that may not survive a horizontal flip, judged by its name.

    Attributes:
        cls: Class id.
        name: Class name.
        reason: "side": it tells left from right, so that a mirrored object may carry the wrong label. "text": digits
            or writing on it may be mirrored.
        partner: The class of the other side, if one of that name exists.
    """

    cls: int
    name: str
    reason: Reason
    partner: int | None = None


def mirror_hints(names: Mapping[int, str]) -> tuple[MirrorHint, ...]:
    """List the classes whose names speak of left and right, of digits or of writing.

    A guess: nobody looks at the images. Names that only number the classes ("class_3", "0") give none, and `..._L`
    counts only where a `..._R` exists.

    Args:
        names: Class names by id.
    """
    words = {cls: _words(name) for cls, name in names.items()}
    known = {tuple(each): cls for cls, each in words.items()}
    hints = []
    for cls in sorted(names):
        if _has_side(words[cls], known):
            partner = known.get(_other_side(words[cls]))
            hints.append(MirrorHint(cls, names[cls], "side", None if partner == cls else partner))
        elif _has_text(words[cls]):
            hints.append(MirrorHint(cls, names[cls], "text"))
    return tuple(hints)


def _words(name: str) -> list[str]:
    """Split a name into words: at signs and spaces, before capitals (turnLeft), and between letters and digits."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+|\d+", spaced.lower())


def _has_side(words: list[str], known: Mapping[tuple[str, ...], int]) -> bool:
    if any(word in SIDES or JOINED.fullmatch(word) for word in words):
        return True
    return len(words) > 1 and words[-1] in {"l", "r"} and _other_side(words) in known


def _other_side(words: list[str]) -> tuple[str, ...]:
    """Swap left and right in words; a single letter only at the end."""
    last = len(words) - 1
    return tuple(
        OPPOSITE[word] if word in SIDES or (place == last and word in OPPOSITE) else _other_joined(word)
        for place, word in enumerate(words)
    )


def _other_joined(word: str) -> str:
    """Swap the side in turnleft; other words stay."""
    found = JOINED.fullmatch(word)
    return found[1] + OPPOSITE[found[2]] if found else word


def _has_text(words: list[str]) -> bool:
    if any(word in WRITTEN for word in words) or any(f" {phrase} " in f" {' '.join(words)} " for phrase in PHRASES):
        return True
    numbered = any(word.isdigit() for word in words)
    return numbered and not all(word.isdigit() or word in GENERIC for word in words)
