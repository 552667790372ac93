"""What the page shows in bars and tables: what became of boxes and detections, what repairs gain, classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from auxhead.evaluation.result import Detector, Evaluation
from auxhead.formats import listed
from auxhead.metrics.bands import ALL
from auxhead.metrics.mistakes import BOXES, EXTRAS
from auxhead.reporting.tables import FIRST_CLASSES
from auxhead.reporting.typography import percent

WORDS = {
    "found": "found",
    "loose": "loose: right class, near, but IoU below 0.5",
    "wrong_class": "wrong class",
    "missed": "missed",
    "duplicate": "duplicate: on a box that is found",
    "background": "on the background",
}
REPAIRS = {
    "loose": "loose boxes would fit",
    "wrong_class": "classes would be right",
    "missed": "missed boxes would not count",
    "duplicate": "duplicates would go",
    "background": "detections on the background would go",
}


class Part(NamedTuple):
    """A part of a bar: its kind, the number it stands for, and its share of the bar in percent."""

    kind: str
    number: int
    width: float


class Bar(NamedTuple):
    """A bar of parts: whose, what screen readers say, and the share of the first part; None for an empty one."""

    name: str
    text: str
    parts: Sequence[Part]
    share: float | None


class Row(NamedTuple):
    """A bar for each detector, and how many boxes or detections it is about."""

    title: str
    number: int
    bars: Sequence[Bar]


class Gain(NamedTuple):
    """What a repair gains: of each detector the points, and the length of its bar in percent."""

    kind: str
    text: str
    gains: Sequence[tuple[float | None, float]]


class ClassRow(NamedTuple):
    """A class: its boxes, AP50 of each detector, their difference, and further measures of the first one."""

    name: str
    boxes: int
    precisions: Sequence[float | None]
    change: float | None
    others: Sequence[float | None]


def box_rows(evaluation: Evaluation) -> list[Row]:
    """Lay out what became of the boxes, by size; bands without boxes are left out."""
    names = ["all sizes" if name == ALL.name else name for name in evaluation.detectors[0].mistakes]
    rows = []
    for title, band in zip(names, evaluation.detectors[0].mistakes, strict=True):
        counts = [one.mistakes[band] for one in evaluation.detectors]
        if boxes := counts[0]["boxes"]:
            bars = [_bar(one, own, BOXES) for one, own in zip(evaluation.detectors, counts, strict=True)]
            rows.append(Row(title, boxes, bars))
    return [*rows[-1:], *rows[:-1]]  # all sizes first, as everywhere


def detection_rows(evaluation: Evaluation) -> list[Row]:
    """Lay out what became of the detections at the score that mistakes are counted at; no row without any."""
    kinds = ("found", "loose", "wrong_class", *EXTRAS)
    rows = []
    for one in evaluation.detectors:
        counts = one.mistakes[ALL.name]
        if total := sum(counts[kind] for kind in kinds):
            rows.append(Row(one.name, total, [_bar(one, counts, kinds)]))
    return rows


def _bar(one: Detector, counts: Mapping[str, int], kinds: Sequence[str]) -> Bar:
    total = sum(counts[kind] for kind in kinds)
    parts = [Part(kind, counts[kind], round(100 * counts[kind] / total, 2)) for kind in kinds if counts[kind]]
    text = listed([f"{percent(part.number / total)} {part.kind.replace('_', ' ')}" for part in parts])
    return Bar(one.name, f"{one.name}: {text}", parts, counts[kinds[0]] / total if total else None)


def gains(evaluation: Evaluation) -> list[Gain]:
    """Lay out what repairs would gain, the largest gain of the first detector first."""
    most = max((gain or 0.0 for one in evaluation.detectors for gain in one.repairs.values()), default=0.0)
    found = []
    for kind, text in ((kind, text) for kind, text in REPAIRS.items() if kind in _kinds(evaluation)):
        own = [one.repairs[kind] for one in evaluation.detectors]
        found.append(Gain(kind, text, [(gain, round(100 * (gain or 0.0) / most, 2) if most else 0.0) for gain in own]))
    return sorted(found, key=lambda one: -(one.gains[0][0] or 0.0))


def _kinds(evaluation: Evaluation) -> list[str]:
    """List the kinds of boxes and detections that there can be: a single class is never the wrong one."""
    return [kind for kind in WORDS if kind != "wrong_class" or len(evaluation.data["names"]) > 1]


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Lay out the classes that have boxes, the lowest AP50 of the first detector first; none for a single class."""
    first, *others = (one.classes for one in evaluation.detectors)
    rows = []
    for place, row in enumerate(first if len(first) > 1 else ()):
        values = [row["AP50"], *(other[place]["AP50"] for other in others)]
        change = values[0] - values[1] if others and None not in values else None
        if row["boxes"]:
            rows.append(ClassRow(row["name"], row["boxes"], values, change, [row[name] for name in CLASS_MEASURES]))
    return sorted(rows, key=lambda row: (row.precisions[0], row.name))


CLASS_MEASURES = ("AP", "AR", "center_AP")


def content(evaluation: Evaluation) -> dict[str, Any]:
    """Return everything here by the names that the template uses."""
    kinds = _kinds(evaluation)
    return {
        "box_kinds": [kind for kind in kinds if kind in BOXES],
        "detection_kinds": [kind for kind in kinds if kind != "missed"],
        "box_rows": box_rows(evaluation),
        "detection_rows": detection_rows(evaluation),
        "gains": gains(evaluation),
        "classes": class_rows(evaluation),
        "first_classes": FIRST_CLASSES,
        "class_measures": CLASS_MEASURES,
        "kinds": WORDS,
    }
