"""The analysis as files: everything as JSON, runs and numbers as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from auxhead.files import write_atomic
from auxhead.formats import printable

REPORT_FILE = "report.json"
RUNS_FILE = "runs.csv"
NUMBERS_FILE = "numbers.csv"

RUNS: dict[str, Any] = {
    "arm": pl.String,
    "seed": pl.Int64,
    "status": pl.String,
    "reason": pl.String,
    "primary": pl.Float64,
    "seconds": pl.Float64,
    "cpu_seconds": pl.Float64,
    "hash": pl.String,
    "weights_sha256": pl.String,
    "folder": pl.String,
    "command": pl.String,
}
ENDS = ("t_low", "t_high", "images_low", "images_high")


def write_tables(analysis: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write report.json, runs.csv and numbers.csv, each whole or not at all.

    Args:
        analysis: As analyse gives it.
        folder: Where they shall be.

    Returns:
        The files.

    Raises:
        OutputError: One can't be written.
    """
    contents = {
        RUNS_FILE: runs_table(analysis).write_csv().encode(),
        NUMBERS_FILE: numbers_table(analysis).write_csv().encode(),
        REPORT_FILE: json.dumps(analysis, indent=1, allow_nan=False).encode(),
    }
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [folder / name for name in contents]


def runs_table(analysis: Mapping[str, Any]) -> pl.DataFrame:
    """Return one row for each planned run; `primary` is its number on the primary measure, 0 to 1."""
    rows = [{name: _plain(run[name]) for name in RUNS} for run in analysis["runs"]]
    return pl.DataFrame(rows, schema=RUNS)


def numbers_table(analysis: Mapping[str, Any]) -> pl.DataFrame:
    """Return one row for each arm, band and measure.

    Returns:
        Columns arm, band, measure, boxes, mean, low, high (95 % t interval over seeds), difference (mean, to the
        control), t_low, t_high, images_low, images_high (its intervals, uncorrected), and seed_0, ... for each seed.
        Fractions; empty where there is nothing.
    """
    fresh = analysis["screening"]["confirm"] if analysis["screening"] else []
    seeds = [str(seed) for seed in (*analysis["plan"]["seeds"], *fresh)]
    schema: dict[str, Any] = dict.fromkeys(("arm", "band", "measure"), pl.String) | {"boxes": pl.Int64}
    numbers = ("mean", "low", "high", "difference", *ENDS, *(f"seed_{seed}" for seed in seeds))
    schema |= dict.fromkeys(numbers, pl.Float64)
    return pl.DataFrame(list(_rows(analysis, seeds)), schema=schema)


def _rows(analysis: Mapping[str, Any], seeds: list[str]) -> Iterator[dict[str, Any]]:
    for arm in analysis["arms"]:
        differences = (arm["against_control"] or {}).get("differences", {})
        for band, measures in arm["numbers"].items():
            for measure, found in measures.items():
                gap = differences.get(band, {}).get(measure)
                yield {
                    "arm": printable(arm["name"]),
                    "band": printable(band),
                    "measure": measure,
                    "boxes": analysis["data"]["bands"].get(band),
                    **{name: found[name] for name in ("mean", "low", "high")},
                    **_gap(gap or {}),
                    **{f"seed_{seed}": found["by_seed"].get(seed) for seed in seeds},
                }


def _plain(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


def _gap(gap: Mapping[str, Any]) -> dict[str, float | None]:
    ends = [end for name in ("t", "images") for end in gap.get(name) or (None, None)]
    return {"difference": gap.get("value"), **dict(zip(ENDS, ends, strict=True))}
