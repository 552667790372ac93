"""Lay the numbers of an evaluation out in rows of cells, the first of which is the head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auxhead.formats import NOTHING, points, whole, with_interval
from auxhead.metrics.bands import ALL
from auxhead.metrics.intervals import Estimate

Table = Mapping[str, Mapping[str, Estimate]]
"""Estimates by band, then by measure."""
Cells = list[list[str]]


def text_table(title: str, rows: Cells) -> str:
    """Lay rows of cells out as text, the first column to the left."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return "\n".join([title, *(line.rstrip() for line in lines)])


def band_rows(table: Table, boxes: Mapping[str, int], max_det: int, *, signed: bool = False) -> Cells:
    """Lay measures out by size band."""
    measures = ["AP", "AP50", f"AR@{max_det}", "recall@1FPPI", "center_AP"]
    head = ["size", "boxes", *measures]
    rows = [
        [band, whole(boxes[band]), *(_cell(found.get(measure), signed=signed) for measure in measures)]
        for band, found in table.items()
    ]
    return [head, *rows]


def other_rows(table: Table, *, signed: bool = False) -> Cells:
    """Show the measures that exist for all sizes only."""
    bands = list(table)
    others = set().union(*(table[band] for band in bands[1:]))
    return [["measure", ""]] + [
        [measure, _cell(found, signed=signed)] for measure, found in table[ALL.name].items() if measure not in others
    ]


def class_rows(classes: Sequence[Mapping[str, Any]]) -> Cells:
    """Lay measures out by class."""
    measures = ("AP", "AP50", "AR", "center_AP")
    rows = [[row["name"], whole(row["boxes"]), *(points(row[measure]) for measure in measures)] for row in classes]
    return [["class", "boxes", *measures], *rows]


def mistake_rows(mistakes: Mapping[str, Mapping[str, int]]) -> Cells:
    """Lay counts of what became of the boxes out by size band."""
    kinds = list(next(iter(mistakes.values())))
    return [["size", *(kind.replace("_", " ") for kind in kinds)]] + [
        [band, *(whole(counts[kind]) for kind in kinds)] for band, counts in mistakes.items()
    ]


def _cell(found: Estimate | None, *, signed: bool) -> str:
    return NOTHING if found is None else with_interval(found.value, (found.low, found.high), sign=signed)
