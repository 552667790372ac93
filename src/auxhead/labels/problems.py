"""What a label scan found, and how it is told to the user: an error and a csv file."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from auxhead.errors import DataError, OutputError

SHOWN_PROBLEMS = 10  # as many as fit on a screen under the rest of the message


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """One row that makes Ultralytics ignore the whole image of its label file.

    Args:
        path: The label file.
        line: Physical line of the file, counted from 1; None where the file as a whole can't be read.
        what: One sentence with what was expected and what was found.
        row: Text of the row, cut where very long; empty where line is None.
    """

    path: Path
    line: int | None
    what: str
    row: str

    @property
    def place(self) -> str:
        """`file:line`, or only the file where there is no line."""
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class LabelReport:
    """Counts and problems of a scan; `images == found + missing`.

    Args:
        images: Images scanned.
        found: Label files found, one an image; contains `empty` and `corrupt`.
        missing: Images without a label file, trained as background.
        empty: Label files without a row, trained as background.
        corrupt: Label files with a problem: Ultralytics ignores their images.
        boxes: Boxes that Ultralytics trains on, so without `duplicates` and without those of `corrupt` files.
        duplicates: Rows that repeat another one of their file; Ultralytics removes them silently.
        problems: All problems, in the order of the images and lines.
    """

    images: int
    found: int
    missing: int
    empty: int
    corrupt: int
    boxes: int
    duplicates: int
    problems: tuple[LabelProblem, ...]


def problems_error(report: LabelReport, csv_path: Path | None = None) -> DataError:
    """Build the error that names the first bad rows of a scan, for the caller to raise.

    Args:
        report: A scan with at least one problem.
        csv_path: Where write_problems has put all of them; None if it hasn't.

    Returns:
        An error whose `where` holds the first 10 problems, one a line, as `file:line: what`.
    """
    count, shown = len(report.problems), report.problems[:SHOWN_PROBLEMS]
    which = f"the first {len(shown)}" if count > len(shown) else "all of them"
    listed = "".join(f"\n  {problem.place}: {problem.what}" for problem in shown)
    every = f"; all {count} are listed in {csv_path}" if csv_path else ""
    return DataError(
        expected="label rows that Ultralytics accepts: class x_center y_center width height, or a class and a polygon",
        found=f"{count} bad row{'' if count == 1 else 's'} in {report.corrupt} of {report.found} label files; "
        "Ultralytics would ignore the whole image of each such file, without an error",
        where=f"{which}:{listed}",
        fix=f"correct or delete these rows, or `names` in data.yaml where the class ids are right{every}",
    )


def write_problems(report: LabelReport, path: Path) -> None:
    """Write all problems of a scan as a csv file, replacing an earlier one at once or not at all.

    The columns are `path, line, problem, row` in UTF-8; a scan without problems gives the header alone.

    Args:
        report: The scan.
        path: The csv file, in a folder that exists.

    Raises:
        OutputError: The file can't be written; an earlier one is left as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            _write_rows(report, beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            expected="a folder to write the csv of label problems to",
            found=f"{type(error).__name__}: {error.strerror or error}",
            where=str(path),
            fix="choose a folder that exists and can be written to",
        ) from error


def _write_rows(report: LabelReport, path: Path) -> None:
    # File names that aren't UTF-8 reach Python as lone surrogates, which no UTF-8 file can hold.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "line", "problem", "row"])
        writer.writerows([p.path, "" if p.line is None else p.line, p.what, p.row] for p in report.problems)
