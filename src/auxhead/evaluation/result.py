"""What an evaluation says: plain data, a table in text, one in polars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from auxhead.evaluation.files import PAGE_FILE
from auxhead.evaluation.tables import Cells, Table, band_rows, class_rows, mistake_rows, other_rows, text_table
from auxhead.formats import escaped, first_few, plain, plural
from auxhead.metrics.intervals import estimate, percentile
from auxhead.metrics.measures import Numbers
from auxhead.metrics.mistakes import Mistakes
from auxhead.metrics.truth import Floats
from auxhead.notebook import InNotebooks, Shown

SCHEMA = "auxhead.evaluate/1"
SHOWN = 5  # images that a remark names
NOT_IN_JSON = {"counts", "draws", "precision", "judged"}


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
        note: What was done about class names, and what was tried where nothing is right; '' for nothing.
        ultralytics: What Ultralytics' own validator says of the same predictions; empty for predictions files.
        numbers: Estimates by band and measure.
        classes: One row a class: name, boxes, AP, AP50, AR and center_AP; None without boxes.
        score: The score with the best F1, at which mistakes are counted; None without a right detection.
        mistakes: Counts by band: boxes, found, loose, wrong_class, missed, duplicate, background.
        repairs: By kind of mistake, how far AP50 would rise if all of that kind and no others were repaired; None where
            that can't be told.
        ultralytics_version: That made the predictions; None for predictions of unknown origin.
        looks: Times that it looks at a picture, on average, 1 without slices; None for predictions of unknown origin.
        counts: Mistakes by image, band and class.
        draws: The numbers on each resample of the images, by band and measure, shape (resamples,); files and seed being
            equal, the draws of another detector are of the same images. Not part of the JSON.
        precision: Class mean of the precision at IoU 0.5 by recall, shape (101,), recalls 0, 0.01, ..., 1; NaN without
            boxes. Not part of the JSON.
        judged: What became of every box and every detection. Not part of the JSON.
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
    repairs: Mapping[str, float | None]
    ultralytics_version: str | None
    looks: float | None
    counts: pl.DataFrame = field(repr=False)
    draws: Numbers = field(repr=False)
    precision: Floats = field(repr=False)
    judged: Mistakes = field(repr=False)


@dataclass(frozen=True)
class Evaluation(InNotebooks):
    """How well one or two detectors see what is in a split.

    Attributes:
        settings: Every key that has a say, with its value.
        data: File, split, images, boxes in each band, classes, hashes of pictures and labels, images left out if any.
        detectors: The detector, and the one it is compared with.
        differences: First minus second, by band and measure, on the same resamples; None for a single detector.
        below: The limits of `fail_below` that the first detector doesn't reach, a line each; empty if it reaches all.
        folder: Where the files are.
    """

    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    detectors: Sequence[Detector]
    differences: Table | None
    below: Sequence[str]
    folder: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON; what could not be measured is None."""
        return {
            "schema": SCHEMA,
            "settings": dict(self.settings),
            "data": dict(self.data),
            "detectors": [_detector(one) for one in self.detectors],
            "differences": self.differences and _plain(self.differences),
            "below": list(self.below),
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
            {"detector": escaped(name), "band": band, "measure": measure, **asdict(found)}
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

    def _shown(self) -> Iterator[str | Shown]:
        """Return all tables, the remarks, and where the page is."""
        yield from (Shown(rows, title) for title, rows in self.tables())
        yield from self.remarks()
        yield f"Page: {Path(self.folder) / PAGE_FILE}"

    def tables(self) -> list[tuple[str, Cells]]:
        """Lay the results out: titles and rows of cells, the first row of each being the head."""
        boxes = self.data["bands"]
        tables = []
        for one in self.detectors:
            tables.append((f"{one.name} by size", band_rows(one.numbers, boxes, self.settings["max_det"])))
            tables.append((f"{one.name}, all sizes", other_rows(one.numbers)))
            if len(one.classes) > 1:
                tables.append((f"{one.name} by class", class_rows(one.classes)))
            tables.append(
                (f"{one.name}: what became of the boxes (score {plain(one.score, 3)})", mistake_rows(one.mistakes))
            )
        if self.differences is not None:
            title = f"{self.detectors[0].name} minus {self.detectors[1].name}, points"
            tables.append((title, band_rows(self.differences, boxes, self.settings["max_det"], signed=True)))
            tables.append((f"{title}, all sizes", other_rows(self.differences, signed=True)))
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
        if data.get("left_out"):
            named = first_few([Path(image).name for image in data["left_out"]], SHOWN)
            lines.append(f"{plural(len(data['left_out']), 'image')} left out (on_error=skip), with all boxes: {named}.")
        if settings.get("single_cls"):
            lines.append("All classes are measured as one (single_cls).")
        if self.differences is not None:
            lines.append("The intervals are about these two files on other images; training again moves them, too.")
        lines += [f"Not reached by {self.detectors[0].name}: {line}." for line in self.below]
        for one in self.detectors:
            metrics = {name: value for name, value in one.ultralytics.items() if name.startswith("metrics/")}
            if metrics:
                own = ", ".join(f"{name[8:].removesuffix('(B)')} {value:.3f}" for name, value in metrics.items())
                lines.append(f"Ultralytics' own validation of {one.name}: {own} (why they differ: docs/evaluate.md).")
            if one.note:
                lines.append(f"{one.name}: {one.note}.")
        return lines


def difference(first: Detector, second: Detector) -> Table:
    """Take one detector's numbers from another's, on the same resamples.

    Args:
        first: A detector, measured on the same images and with the same seed as the other one.
        second: What is taken from it.

    Returns:
        By band and measure, -1 to 1, with intervals where there are resamples.
    """
    draws = {key: first.draws[key] - second.draws[key] for key in first.draws}
    return {
        band: {
            measure: estimate(
                _number(found.value) - _number(second.numbers[band][measure].value),
                draws.get((band, measure), np.empty(0)),
                percentile,
            )
            for measure, found in measures.items()
        }
        for band, measures in first.numbers.items()
    }


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _plain(table: Table) -> dict[str, dict[str, dict[str, float | None]]]:
    return {band: {name: asdict(found) for name, found in measures.items()} for band, measures in table.items()}


def _detector(one: Detector) -> dict[str, Any]:
    """Everything of a detector but what is counted by image or drawn; the former has a file of its own."""
    plain = {name: value for name, value in vars(one).items() if name not in NOT_IN_JSON}
    return plain | {
        "ultralytics": dict(one.ultralytics),
        "numbers": _plain(one.numbers),
        "classes": [dict(row) for row in one.classes],
        "mistakes": {band: dict(counts) for band, counts in one.mistakes.items()},
    }
