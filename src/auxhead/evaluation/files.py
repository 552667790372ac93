"""The files that an evaluation leaves, and those that a comparison adds for its findings: names, and where they go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auxhead.errors import OutputError
from auxhead.keys.evaluate import EvaluateKeys

METRICS_FILE = "metrics.json"
COUNTS_FILE = "per_image.parquet"
PAGE_FILE = "report.html"
DRAWS_FILE = "draws.npz"
CURVES_FILE = "curves.npz"


def results_folder(own: EvaluateKeys, names: Sequence[str]) -> Path:
    """Choose the folder of the results; names are the detectors'."""
    return Path(own.out) if own.out else Path("runs") / "evaluate" / "-vs-".join(names)


def require_free(folder: Path, own: EvaluateKeys, sources: Sequence[Path]) -> None:
    """Refuse a folder of results that would be lost.

    Args:
        folder: Where the results shall go.
        own: The keys.
        sources: The detectors' files.

    Raises:
        OutputError: It holds results of something else, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError("a folder for the results", "a file", str(folder), "choose another place with out=")
    there = next((path for name in (METRICS_FILE, PAGE_FILE) if (path := folder / name).is_file()), None)
    if there and not own.exist_ok and not _same(there, own, sources):
        raise OutputError(
            expected=f"a folder without results, or with those of {' and '.join(map(str, sources))} on {own.data}",
            found="results of something else",
            where=str(there),
            fix="choose another out=, or add exist_ok=true to replace them",
        )


def _same(there: Path, own: EvaluateKeys, sources: Sequence[Path]) -> bool:
    """Tell whether results are of the same detectors on the same data; a page alone is none of ours."""
    asked: dict[str, Any] = {"data": own.data, "split": own.split, "sources": list(map(str, sources))}
    asked |= {"slices": own.slices} if own.slices else {}
    try:
        standing = json.loads(there.read_text(encoding="utf-8"))["settings"]
        return {name: standing.get(name) for name in asked} == asked
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
