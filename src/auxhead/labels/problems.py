"""What a label scan found, and how it is told to the user: an error and a csv file."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from auxhead.errors import DataError, OutputError
from auxhead.files import TEMPORARY_SUFFIX
from auxhead.formats import escaped, printable

SHOWN_PROBLEMS = 10  # as many as fit on a screen under the rest of the message
COLUMNS = ("path", "line", "problem", "row")


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """One row that makes Ultralytics ignore the whole image of its label file, or an image that it can't use.

    Args:
        path: The label file, or the image.
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
        problems: All problems of label files, in the order of the images and lines.
        bad_images: Images that Ultralytics leaves out for what they are; they are not among `images`.
    """

    images: int
    found: int
    missing: int
    empty: int
    corrupt: int
    boxes: int
    duplicates: int
    problems: tuple[LabelProblem, ...]
    bad_images: tuple[LabelProblem, ...] = ()


class ProblemLog:
    """Problems of very many files: all go into a csv file as they come, the first ten are kept.

    Beyond these, memory holds one number for each bad file.
    """

    def __init__(self, path: Path) -> None:
        """Name the csv file; it is begun with the first problem; without problems there is no file."""
        self.path = path
        self.rows = self.files = self.images = 0  # bad rows, the files they are in, images that can't be used
        self.first: list[LabelProblem] = []
        self._named: set[int] = set()
        self._file: TextIO | None = None

    @property
    def count(self) -> int:
        """Problems so far: rows and images."""
        return self.rows + self.images

    def add_image(self, problem: LabelProblem) -> None:
        """Note an image that can't be used."""
        if self._write([problem]):
            self.images += 1

    def add_rows(self, problems: Sequence[LabelProblem]) -> None:
        """Note the problems of one label file; those of a file that is already noted are passed over."""
        if self._write(problems):
            self.files += 1
            self.rows += len(problems)

    def _write(self, problems: Sequence[LabelProblem]) -> bool:
        name = hash(problems[0].path)  # images that share a label file would name its rows twice
        if name in self._named:
            return False
        self._named.add(name)
        if self._file is None:
            self._file = _open(self.path)
            csv.writer(self._file).writerow(COLUMNS)
        csv.writer(self._file).writerows(map(_cells, problems))
        self.first += problems[: SHOWN_PROBLEMS - len(self.first)]
        return True

    def close(self) -> None:
        """End the csv file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def error(self, found: int, csv_path: Path) -> DataError:
        """Build the error that names the first problems, for the caller to raise.

        Args:
            found: Label files found, bad ones too.
            csv_path: Where the csv file is now.
        """
        return _error(self.images, self.rows, (self.files, found), self.first, csv_path)


def problems_error(report: LabelReport, csv_path: Path | None = None) -> DataError:
    """Build the error that names the first bad images and rows of a scan, for the caller to raise.

    Args:
        report: A scan with at least one problem.
        csv_path: Where write_problems has put all of them; None if it hasn't.

    Returns:
        An error whose `where` holds the first 10 problems, one a line, as `file:line: what`.
    """
    shown = (*report.bad_images, *report.problems)[:SHOWN_PROBLEMS]
    files = report.corrupt, report.found
    return _error(len(report.bad_images), len(report.problems), files, shown, csv_path)


def told_problems(report: LabelReport, csv_path: Path) -> DataError:
    """Write all problems of a scan, and build the error that names the first, for the caller to raise.

    Args:
        report: A scan with at least one problem.
        csv_path: Where they shall be written; where that can't be done, the error says so.
    """
    try:
        write_problems(report, csv_path)
    except OutputError as error:
        told = problems_error(report)
        told.fix += f"; they are listed nowhere else, as {csv_path} can't be written: {error.found}"
        return told
    return problems_error(report, csv_path)


def _error(
    images: int, rows: int, files: tuple[int, int], shown: Sequence[LabelProblem], csv_path: Path | None
) -> DataError:
    """Build the error for some bad images and rows.

    Args:
        images: Bad images.
        rows: Bad rows.
        files: Label files with bad rows, and label files.
        shown: The first problems.
        csv_path: Where all of them are.
    """
    expected, found, fix = [], [], []
    if images:
        expected.append("images that Ultralytics reads")
        found.append(_count(images, "image") + " that can't be used")
        fix.append("put the images in their places, repair them, or take them off their list or out of their folder")
    if rows:
        expected.append(
            "label rows that Ultralytics accepts: class x_center y_center width height, or a class and a polygon"
        )
        found.append(
            f"{_count(rows, 'bad row')} in {files[0]} of {files[1]} label files; "
            "Ultralytics would ignore the whole image of each such file, without an error"
        )
        fix.append("correct or delete these rows, or `names` in data.yaml where the class ids are right")
    if csv_path:
        fix.append(f"all {images + rows} are listed in {csv_path}")
    which = f"the first {len(shown)}" if images + rows > len(shown) else "all of them"
    listed = "".join(f"\n  {problem.place}: {problem.what}" for problem in shown)
    return DataError(" and ".join(expected), " and ".join(found), f"{which}:{listed}", "; ".join(fix))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def write_problems(report: LabelReport, path: Path) -> None:
    """Write all problems of a scan as a csv file, replacing an earlier one at once or not at all.

    The columns are `path, line, problem, row` in UTF-8; a scan without problems gives the header alone.

    Args:
        report: The scan.
        path: The csv file, in a folder that exists.

    Raises:
        OutputError: The file can't be written; an earlier one is left as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        try:
            with _open(beside) as file:
                csv.writer(file).writerow(COLUMNS)
                csv.writer(file).writerows(map(_cells, (*report.bad_images, *report.problems)))
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


def _open(path: Path) -> TextIO:
    # File names that aren't UTF-8 reach Python as lone surrogates, which no UTF-8 file can hold.
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")


def _cells(problem: LabelProblem) -> tuple[str, str, str, str]:
    line = "" if problem.line is None else str(problem.line)
    return printable(escaped(str(problem.path))), line, printable(problem.what), printable(problem.row)
