"""What someone may have meant by a path at which nothing stands."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from pathlib import Path

MOST = 10_000  # names of a folder that are looked at


def how_to_correct(path: str) -> str:
    """Say that a path is wrong, and which one is like it; '' if something stands there, or the path can't be one.

    Args:
        path: As it was typed.
    """
    try:
        if Path(path).exists():
            return ""
        meant = _like(Path(path))
    except (OSError, ValueError):  # a name that no file can have, a folder that may not be read
        return ""
    return f"correct the path; did you mean {meant}?" if meant else "correct the path"


def _like(path: Path) -> Path | None:
    """Follow the path, at each part that isn't there by the name that is most like it."""
    there = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        name = part
        if not (there / part).exists():
            names = [one.name for one in islice(there.iterdir(), MOST)]
            name = next(iter(get_close_matches(part, names, n=1)), "")
            if not name:
                return None
        there /= name
    return there
