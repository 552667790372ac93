"""Which class a row of results means: three numberings, chosen by the user, and names that must agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from auxhead.errors import DataError
from auxhead.metrics.results.ids import is_id, number
from auxhead.metrics.results.problems import BadRowError, Origin
from auxhead.metrics.truth import Truth

Categories = Literal["own", "index", "ultralytics"]
Numbering = Mapping[object, int]
LISTED = 10  # ids or names in a message
COCO = 80
"""Classes of COCO's detectors, whose category ids leave out ten of 90."""
COCO_IDS = [own for own in range(1, 91) if own not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}]
"""Source: Ultralytics, data/converter.py, coco80_to_coco91_class."""


def numberings(truth: Truth) -> dict[Categories, Numbering]:
    """Map category ids to class indices in each way that results may count.

    Returns:
        `own`: the ids of a COCO json, or the class indices of a data.yaml. `index`: positions from 0, as the class
        indices of a detector. `ultralytics`: from 1, as Ultralytics' save_json writes them. Positions leave out what
        only heads the others.

    Source:
        Ultralytics 8.4.190, models/yolo/detect/val.py, class_map.
    """
    counted = [place for place in range(len(truth.names)) if place not in truth.roots]
    return {
        "own": {_known_by(own): place for place, own in enumerate(truth.categories or range(len(truth.names)))},
        "index": dict(enumerate(counted)),
        "ultralytics": dict(enumerate(counted, start=1)),
    }


def choose_numbering(truth: Truth, rows: Sequence[Any], categories: Categories, origin: Origin) -> Numbering:
    """Return the numbering that was asked for, unless only another fits the ids or the names in the rows.

    Raises:
        DataError: All rows fit another numbering only.
    """
    every = numberings(truth)
    known = every[categories]
    others = {name: table for name, table in every.items() if table != known}
    used = {_known_by(row["category_id"]) for row in rows if isinstance(row, dict) and is_id(row.get("category_id"))}
    if not used <= known.keys():
        fitting = [name for name, table in others.items() if used <= table.keys()]
        found = f"ids {span(used)}"
        if fitting:
            raise _other(f"category_id {span(known)}", found, fitting, categories, origin)
        if len(truth.names) == COCO and used <= set(COCO_IDS):
            fix = "write the class indices 0 to 79, or measure against COCO's own json"
            raise DataError(f"category_id {span(known)}", f"{found}, which are COCO's 91 categories", str(origin), fix)
    named = {
        (_known_by(row["category_id"]), str(row["category_name"]))
        for row in rows
        if isinstance(row, dict) and row.get("category_name") is not None and is_id(row.get("category_id"))
    }
    if not _agree(named, known, truth.names):
        fitting = [name for name, table in others.items() if _agree(named, table, truth.names)]
        wrong = next(pair for pair in sorted(named, key=str) if not _agree([pair], known, truth.names))
        found = f"category_id {wrong[0]!r} named {wrong[1]!r}"
        if fitting:
            raise _other("a category_name that is the data's", found, fitting, categories, origin)
    return known


def class_of(known: Numbering, row: Mapping[str, Any], names: Sequence[str]) -> int:
    """Return the class index of a row.

    Raises:
        BadRowError: The id is not known, or the row's own name for it is not the data's.
        KeyError: There is no id.
    """
    category, name = row["category_id"], row.get("category_name")
    own = _known_by(category) if is_id(category) else None
    if own not in known:
        fix = "write the data's category ids, or say how they are counted with categories=own, index or ultralytics"
        raise BadRowError(f"category_id {category!r} is none of {span(known)}", fix)
    if name is not None and _plain(name) != _plain(names[known[own]]):
        found = f"category_id {category!r} is {names[known[own]]!r} in the data, but category_name is {name!r}"
        raise BadRowError(
            found,
            "correct one of the two, or leave category_name out; categories= says how ids are counted, "
            "and single_cls=true measures without classes",
        )
    return known[own]


def placeholder(name: str) -> bool:
    """Tell whether a class is called by its number only, as models without names call theirs.

    >>> placeholder("class_3"), placeholder("0"), placeholder("sign")
    (True, True, False)
    """
    return name.removeprefix("class").lstrip("_").isdecimal()


def span(ids: Iterable[Any]) -> str:
    """Write ids for a message.

    >>> span({1, 2, 3}), span([1, 5, 7])
    ('1 to 3', '1, 5, 7')
    """
    ordered = sorted(ids, key=lambda own: (isinstance(own, str), own))
    numbers = [own for own in ordered if isinstance(own, int)]
    if len(ordered) > 1 and ordered == list(range(numbers[0], numbers[0] + len(ordered)) if numbers else ()):
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(map(str, ordered[:LISTED])) + (", ..." if len(ordered) > LISTED else "")


def _other(expected: str, found: str, fitting: Sequence[str], categories: str, origin: Origin) -> DataError:
    ways = " or ".join(f"categories={name}" for name in fitting)
    return DataError(
        expected=f"{expected} (categories={categories})",
        found=f"{found}, which fit {ways} only",
        where=str(origin),
        fix=f"add {ways} if that is what they are",
    )


def _agree(named: Iterable[tuple[object, str]], known: Numbering, names: Sequence[str]) -> bool:
    return all(own in known and _plain(names[known[own]]) == _plain(name) for own, name in named)


def _plain(name: object) -> str:
    return str(name).strip().casefold()


def _known_by(value: Any) -> Any:
    """Take "1" for 1."""
    return value if number(value) is None else number(value)
