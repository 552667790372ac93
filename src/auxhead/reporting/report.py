"""Write the report of a comparison: the page, and its numbers for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from auxhead.files import write_atomic
from auxhead.findings.analysis import analyse
from auxhead.findings.tables import write_tables
from auxhead.keys.compare import PAGES
from auxhead.reporting.page import figures, page
from auxhead.reporting.picture_wall import Wall, wall

PAGE_FILE = "report.html"


class Report(NamedTuple):
    """What was written, and what it says."""

    page: Path
    analysis: dict[str, Any]


def report(
    folder: str | Path, out: str | Path | None = None, control: str | None = None, *, pictures: bool = True
) -> Report:
    """Write the report of a comparison, finished or not; trains and predicts nothing.

    Args:
        folder: Of the comparison.
        out: The page's file, or (without `.html` at its end) the folder it shall be in; None: the comparison's folder.
            `report.json`, `runs.csv` and `numbers.csv` are written beside the page.
        control: Arm to compare with, instead of the one that was declared.
        pictures: Whether crops of the images are part of the page.

    Returns:
        The page, one file that needs neither other files nor the network; and its numbers, as analyse gives them.

    Raises:
        ResumeError: It isn't the folder of a comparison, or one of its files is broken.
        ConfigError: The plan's primary measure doesn't exist, or there is no such arm.
        OutputError: A file can't be written.
    """
    folder = Path(folder)
    target = folder if out is None else Path(out)
    path = target if target.suffix.lower() in PAGES else target / PAGE_FILE
    analysis = analyse(folder, control)
    write_tables(analysis, path.parent)
    shown = wall(folder, analysis) if pictures else Wall(())
    text = page(analysis, figures(analysis), shown)
    write_atomic(path, text.encode("utf-8", errors="replace"))
    return Report(path, analysis)
