"""What the files of a comparison say: its plan, how each run ended, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np

from auxhead.errors import ResumeError
from auxhead.evaluation.files import CURVES_FILE, DRAWS_FILE, METRICS_FILE
from auxhead.findings.files import PLAN_FILE, PLAN_SCHEMA, RESULT_FILE, RUN_AGAIN, TRAINING_FOLDER, broken, read_json
from auxhead.metrics.truth import Floats
from auxhead.results_csv import RESULTS_FILE, read_columns, read_rows

CURVES = {"mAP50": "metrics/mAP50(B)", "mAP50-95": "metrics/mAP50-95(B)"}
"""Ultralytics' columns of results.csv, and its own numbers in metrics.json."""

Status = Literal["finished", "failed", "missing", "stale"]
Key = tuple[str, str]
"""Band and measure."""


@dataclass(frozen=True, eq=False)
class Run:
    """One arm with one seed, as planned, and what has come of it.

    Attributes:
        arm: Name of the arm.
        seed: The seed.
        hash: What the plan calls it by.
        folder: Its folder, below the comparison's.
        place: The same, absolute.
        split: The split that counts.
        status: finished, failed, missing (no result yet), stale (the result of another plan).
        result: Content of result.json; empty where it is missing or stale.
        metrics: What `auxhead evaluate` said of it; None where it isn't finished, or wasn't measured on the split.
    """

    arm: str
    seed: int
    hash: str
    folder: str
    place: Path
    split: str
    status: Status
    result: Mapping[str, Any]
    metrics: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.arm}-{self.seed}"

    @property
    def detector(self) -> Mapping[str, Any]:
        """Its part of metrics.json; empty where there is none."""
        return self.metrics["detectors"][0] if self.metrics else {}

    @cached_property
    def numbers(self) -> dict[Key, float]:
        """Values by band and measure, 0 to 1; what could not be measured is left out."""
        return {
            (band, measure): float(found["value"])
            for band, measures in self.detector.get("numbers", {}).items()
            for measure, found in measures.items()
            if found["value"] is not None
        }

    @cached_property
    def draws(self) -> Mapping[str, Floats]:
        """The numbers in each resample of the images, by "BAND/MEASURE", shape (resamples,); empty without the file."""
        return read_arrays(self.place / self.split / DRAWS_FILE)

    @cached_property
    def pr_curve(self) -> Mapping[str, Floats]:
        """Arrays `recall` and `precision`, shape (101,) each; empty without the file."""
        return read_arrays(self.place / self.split / CURVES_FILE)

    def of_class(self, place: int, measure: str) -> float | None:
        """Return a number of one class, 0 to 1; None without boxes."""
        classes = self.detector.get("classes", ())
        return classes[place][measure] if place < len(classes) else None

    @cached_property
    def curves(self) -> Mapping[str, list[float | None]]:
        """Ultralytics' mAP50 and mAP50-95 by epoch; empty without the file."""
        return read_curves(self.place / TRAINING_FOLDER / RESULTS_FILE)


def read_plan(folder: Path) -> dict[str, Any]:
    """Read the plan of a comparison.

    Raises:
        ResumeError: There is none, or it is broken, or of another version.
    """
    path = folder / PLAN_FILE
    plan = read_json(path)
    if plan is None:
        raise ResumeError(
            expected=f"the folder of a comparison, which holds a {PLAN_FILE}",
            found=f"no {PLAN_FILE} in it" if folder.is_dir() else "no such folder",
            where=str(folder),
            fix="name the folder that `auxhead compare` wrote to (its out=)",
        )
    if plan.get("schema") != PLAN_SCHEMA:
        raise ResumeError(PLAN_SCHEMA, str(plan.get("schema")), str(path), "use the auxhead that made the comparison")
    return plan


def read_runs(folder: Path, plan: Mapping[str, Any]) -> list[Run]:
    """Read how every planned run ended, and what was measured of it.

    Args:
        folder: Of the comparison.
        plan: As read_plan gives it.

    Raises:
        ResumeError: A file is broken.
    """
    return [_run(folder, planned, str(plan["split"])) for planned in plan["runs"]]


def read_arrays(path: Path) -> dict[str, Floats]:
    """Read the arrays of an npz file; empty where there is none.

    Raises:
        ResumeError: It is broken.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:  # np.load leaves broken files open
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise broken(path, f"{type(error).__name__}: {error}", RUN_AGAIN) from error


def read_curves(path: Path) -> dict[str, list[float | None]]:
    """Read Ultralytics' mAP by epoch from a results.csv; None for what is no number, empty without the file.

    Raises:
        ResumeError: It lacks the columns.
    """
    if not path.exists():
        return {}
    columns = read_columns(path)
    if columns and not set(CURVES.values()) <= set(columns):
        raise broken(path, f"columns {', '.join(columns)}", RUN_AGAIN)
    rows = read_rows(path)
    return {name: [row[column] for row in rows] for name, column in CURVES.items()}


def _run(folder: Path, planned: Mapping[str, Any], split: str) -> Run:
    place = folder / str(planned["folder"])
    result = read_json(place / RESULT_FILE)
    status: Status = "missing"
    if result is not None and result.get("hash") != planned["hash"]:
        status, result = "stale", None
    elif result is not None:
        status = "finished" if result.get("status") == "finished" else "failed"
    metrics = _metrics(place / split / METRICS_FILE) if status == "finished" else None
    about = {name: planned[name] for name in ("arm", "seed", "hash", "folder")}
    return Run(**about, place=place, split=split, status=status, result=result or {}, metrics=metrics)


def _metrics(path: Path) -> Mapping[str, Any] | None:
    metrics = read_json(path, RUN_AGAIN)
    if metrics is not None and not (metrics.get("detectors") and metrics.get("data")):
        raise broken(path, "neither data nor a detector in it", RUN_AGAIN)
    return metrics
