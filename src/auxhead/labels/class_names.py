"""Which class of a model is which of a data set: by name."""

from __future__ import annotations

from collections.abc import Sequence


def places(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Find each of some class names among others.

    Args:
        names: The names to look among.
        wanted: The names to find.

    Returns:
        For each of `wanted`, its place among `names`: of the same name, else of the one that differs in case or in
        spaces around it alone, as Ultralytics itself matches classes of weights; -1 where there is none, or several.
        Source: `BaseModel._remap_cls_by_names` of Ultralytics 8.4.
    """
    alike = [_alike(name) for name in names]
    found = []
    for name in wanted:
        row, key = (names, name) if name in names else (alike, _alike(name))
        found.append(row.index(key) if row.count(key) == 1 else -1)
    return [place if found.count(place) == 1 else -1 for place in found]


def _alike(name: str) -> str:
    return str(name).strip().lower()  # a data.yaml may call classes 30 and 50
