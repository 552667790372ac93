"""The files that an evaluation leaves, and those that a comparison adds for its findings: names, and where they go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auxhead.errors import OutputError
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.places import results_folder

METRICS_FILE = "metrics.json"
COUNTS_FILE = "per_image.parquet"
PAGE_FILE = "report.html"
DRAWS_FILE = "draws.npz"
CURVES_FILE = "curves.npz"

QUESTION = ("split", "bands", "pixels", "area", "categories", "conf", "iou", "imgsz")
"""Keys with other values of which other things are measured; the rest say how sure they are and what is drawn."""


def folder_of_results(
    own: EvaluateKeys, sources: Sequence[Path], names: Sequence[str], written: str | None = None
) -> Path:
    """Choose the folder of the results.

    Args:
        own: The keys.
        sources: The detectors' files.
        names: The detectors' names.
        written: Name of the file in that folder into which predictions from memory go: the first source.

    Raises:
        OutputError: `out` holds results of something else, or is a file; without `out` the next free name is taken.
    """

    def others(folder: Path) -> Path | None:
        """Return a file of results of something else, if there is one."""
        there = next((path for name in (METRICS_FILE, PAGE_FILE) if (path := folder / name).is_file()), None)
        asked = [folder / written, *sources[1:]] if written else sources
        return None if there is None or own.exist_ok or _same(there, own, asked) else there

    if not own.out:
        return results_folder("evaluate", "-vs-".join(names), lambda there: there.is_dir() and not others(there))
    folder = Path(own.out)
    if folder.exists() and not folder.is_dir():
        raise OutputError("a folder for the results", "a file", str(folder), "choose another place with out=")
    _require_apart(folder, sources, names)
    if there := others(folder):
        raise OutputError(
            expected=f"a folder without results, or with those of {' and '.join(map(str, sources))} on {own.data}, "
            "measured in the same way",
            found="results of something else",
            where=str(there),
            fix="choose another out=, or add exist_ok=true to replace them",
        )
    return folder


def predictions_file(folder: Path, name: str) -> Path:
    """Return where the predictions of a model are written, by the detector's name."""
    return folder / f"predictions-{name}.json"


def info_file(predictions: Path) -> Path:
    """Return where it is noted what predictions of ours are of."""
    return predictions.with_suffix(".info.json")


def _require_apart(folder: Path, sources: Sequence[Path], names: Sequence[str]) -> None:
    """Refuse to write predictions of a model over a file that is to be read, or that someone else made."""
    read = {source.resolve() for source in sources if source.suffix == ".json"}
    for source, name in zip(sources, names, strict=True):
        if source.suffix == ".json":
            continue
        file = predictions_file(folder, name)
        foreign = file.is_file() and not info_file(file).is_file()
        if foreign or file.resolve() in read:
            raise OutputError(
                expected=f"a folder in which {file.name} can be written, the predictions of {source}",
                found="a file of that name " + ("that is no earlier one of ours" if foreign else "that is to be read"),
                where=str(file),
                fix="choose another out=",
            )


def _same(there: Path, own: EvaluateKeys, sources: Sequence[Path]) -> bool:
    """Tell whether results answer the same question; a page alone is none of ours."""
    asked: dict[str, Any] = {name: getattr(own, name) for name in QUESTION}
    asked |= {"slices": own.slices, "overlap": own.overlap} if own.slices else {"slices": None}
    asked |= {} if own.single_cls is None else {"single_cls": own.single_cls}
    try:
        standing = json.loads(there.read_text(encoding="utf-8"))["settings"]
        files = [standing["data"], *standing["sources"]]
        return same_files(standing, files, [own.data, *map(str, sources)]) and all(
            standing.get(name) == value for name, value in asked.items()
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def same_files(settings: Mapping[str, Any], then: Sequence[str], now: Sequence[str]) -> bool:
    """Tell whether names given from the folder of an evaluation lead to what other names lead to from here.

    Args:
        settings: Of the evaluation; older ones don't say the folder.
        then: Names as they were given then.
        now: Names as they are given now.
    """
    here = Path.cwd()
    before = Path(settings.get("run_in", here))
    return [before / name for name in then] == [here / name for name in now]
