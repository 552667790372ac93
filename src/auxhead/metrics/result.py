"""What an evaluation says: plain data, a table in text, one in polars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from auxhead.metrics.bands import ALL
from auxhead.metrics.intervals import Estimate
from auxhead.metrics.measures import Numbers
from auxhead.metrics.truth import Floats

SCHEMA = "auxhead.evaluate/1"

Table = Mapping[str, Mapping[str, Estimate]]
"""Estimates by band, then by measure."""
Cells = list[list[str]]


@dataclass(frozen=True)
class Detector:
    """One detector's results.

    Attributes:
        name: What tables call it.
        source: The model or predictions file.
        sha256: Its hash.
        predictions: The predictions file that was measured.
        detections: How many predictions there were.
        imgsz: Image size it got; None for predictions of unknown origin.
        note: What was done about class names; '' for nothing.
        ultralytics: What Ultralytics' own validator says of the same predictions; empty for predictions files.
        numbers: Estimates by band and measure.
        classes: One row a class: name, boxes, AP, AP50, AR and center_AP; None without boxes.
        score: The score with the best F1, at which mistakes are counted; None without a right detection.
        mistakes: Counts by band: boxes, found, loose, wrong_class, missed, duplicate, background.
        counts: Mistakes by image, band and class.
        draws: The numbers on each resample of the images, by band and measure, shape (resamples,); files and seed being
            equal, the draws of another detector are of the same images. Not part of the JSON.
        precision: Class mean of the precision at IoU 0.5 by recall, shape (101,), recalls 0, 0.01, ..., 1; NaN without
            boxes. Not part of the JSON.
    """

    name: str
    source: str
    sha256: str
    predictions: str
    detections: int
    imgsz: int | None
    note: str
    ultralytics: Mapping[str, float]
    numbers: Table
    classes: Sequence[Mapping[str, Any]]
    score: float | None
    mistakes: Mapping[str, Mapping[str, int]]
    counts: pl.DataFrame = field(repr=False)
    draws: Numbers = field(repr=False)
    precision: Floats = field(repr=False)


@dataclass(frozen=True)
class Evaluation:
    """How well one or two detectors see what is in a split.

    Attributes:
        settings: Every key that has a say, with its value.
        data: File, split, images, boxes in each band, classes, hashes of pictures and labels.
        detectors: The detector, and the one it is compared with.
        differences: First minus second, by band and measure, on the same resamples; None for a single detector.
        folder: Where the files are.
    """

    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    detectors: Sequence[Detector]
    differences: Table | None
    folder: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON; what could not be measured is None."""
        return {
            "schema": SCHEMA,
            "settings": dict(self.settings),
            "data": dict(self.data),
            "detectors": [_detector(one) for one in self.detectors],
            "differences": self.differences and _plain(self.differences),
        }

    def to_polars(self) -> pl.DataFrame:
        """Return one row for each detector (and their difference), band and measure.

        Returns:
            Columns detector, band, measure, value, low, high.
        """
        tables = {one.name: one.numbers for one in self.detectors}
        if self.differences is not None:
            tables["difference"] = self.differences
        rows = [
            {"detector": name, "band": band, "measure": measure, **asdict(found)}
            for name, table in tables.items()
            for band, measures in table.items()
            for measure, found in measures.items()
        ]
        schema: dict[str, Any] = dict.fromkeys(("detector", "band", "measure"), pl.String)
        return pl.DataFrame(rows, schema=schema | dict.fromkeys(("value", "low", "high"), pl.Float64))

    def __str__(self) -> str:
        """Return a table of each detector and of the difference."""
        parts = [text_table(title, rows) for title, rows in self.tables()]
        return "\n\n".join([*parts, *self.remarks()])

    def tables(self) -> list[tuple[str, Cells]]:
        """Lay the results out: titles and rows of cells, the first row of each being the head."""
        boxes = self.data["bands"]
        tables = []
        for one in self.detectors:
            tables.append((f"{one.name} by size", _by_band(one.numbers, boxes, self.settings["max_det"])))
            tables.append((f"{one.name}, all sizes", _rest(one.numbers)))
            if len(one.classes) > 1:
                tables.append((f"{one.name} by class", _by_class(one.classes)))
            tables.append((f"{one.name}: what became of the boxes (score {_number(one.score)})", _mistakes(one)))
        if self.differences is not None:
            title = f"{self.detectors[0].name} minus {self.detectors[1].name}, points"
            tables.append((title, _by_band(self.differences, boxes, self.settings["max_det"], signed=True)))
            tables.append((f"{title}, all sizes", _rest(self.differences, signed=True)))
        return tables

    def remarks(self) -> list[str]:
        """Say what the numbers are made of."""
        settings, data = self.settings, self.data
        what = f"{data['file']}, {data['split']}: {data['images']} images, {data['boxes']} boxes"
        sizes = f"Sizes are square roots of {settings['area']} areas in {settings['pixels']} pixels"
        intervals = f"95 % intervals: {settings['resamples']} resamples of the images, seed {settings['seed']}."
        lines = [
            f"{what}. {sizes}; NWD's constant is {settings['nwd']:.1f} of them.",
            "Numbers are percent; - stands for nothing to measure.",
            intervals if settings["resamples"] else "No intervals (resamples=0).",
        ]
        if self.differences is not None:
            lines.append("The intervals are about these two files on other images; training again moves them, too.")
        for one in self.detectors:
            metrics = {name: value for name, value in one.ultralytics.items() if name.startswith("metrics/")}
            if metrics:
                own = ", ".join(f"{name[8:].removesuffix('(B)')} {value:.3f}" for name, value in metrics.items())
                lines.append(f"Ultralytics' own validation of {one.name}: {own} (why they differ: docs/evaluate.md).")
            if one.note:
                lines.append(f"{one.name}: {one.note}.")
        return lines


def text_table(title: str, rows: Cells) -> str:
    """Lay rows of cells out as text, the first column to the left."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    return "\n".join([title, *(line.rstrip() for line in lines)])


def _by_band(table: Table, boxes: Mapping[str, int], max_det: int, *, signed: bool = False) -> Cells:
    measures = ["AP", "AP50", f"AR@{max_det}", "recall@1FPPI", "center_AP"]
    head = ["size", "boxes", *measures]
    rows = [
        [band, f"{boxes[band]:,}", *(_cell(found.get(measure), signed=signed) for measure in measures)]
        for band, found in table.items()
    ]
    return [head, *rows]


def _rest(table: Table, *, signed: bool = False) -> Cells:
    """Show the measures that exist for all sizes only."""
    bands = list(table)
    others = set().union(*(table[band] for band in bands[1:]))
    return [["measure", ""]] + [
        [measure, _cell(found, signed=signed)] for measure, found in table[ALL.name].items() if measure not in others
    ]


def _by_class(classes: Sequence[Mapping[str, Any]]) -> Cells:
    measures = ("AP", "AP50", "AR", "center_AP")
    rows = [[row["name"], f"{row['boxes']:,}", *(_percent(row[measure]) for measure in measures)] for row in classes]
    return [["class", "boxes", *measures], *rows]


def _mistakes(one: Detector) -> Cells:
    kinds = list(next(iter(one.mistakes.values())))
    return [["size", *(kind.replace("_", " ") for kind in kinds)]] + [
        [band, *(f"{counts[kind]:,}" for kind in kinds)] for band, counts in one.mistakes.items()
    ]


def _cell(found: Estimate | None, *, signed: bool) -> str:
    if found is None or found.value is None:
        return "-"
    sign = "+" if signed else ""
    value = f"{100 * found.value:{sign}.1f}"
    if found.low is None or found.high is None:
        return value
    dots = ".." if signed else "-"
    return f"{value} ({100 * found.low:{sign}.1f}{dots}{100 * found.high:{sign}.1f})"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _plain(table: Table) -> dict[str, dict[str, dict[str, float | None]]]:
    return {band: {name: asdict(found) for name, found in measures.items()} for band, measures in table.items()}


def _detector(one: Detector) -> dict[str, Any]:
    """Everything of a detector but what is counted by image or drawn; the former has a file of its own."""
    plain = {name: value for name, value in vars(one).items() if name not in {"counts", "draws", "precision"}}
    return plain | {
        "ultralytics": dict(one.ultralytics),
        "numbers": _plain(one.numbers),
        "classes": [dict(row) for row in one.classes],
        "mistakes": {band: dict(counts) for band, counts in one.mistakes.items()},
    }
