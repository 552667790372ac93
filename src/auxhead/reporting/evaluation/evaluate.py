"""Measure detectors, and write the page about it beside the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auxhead.evaluation import evaluate as evaluation
from auxhead.evaluation.files import PAGE_FILE
from auxhead.evaluation.result import Evaluation
from auxhead.files import write_atomic
from auxhead.progress import Progress
from auxhead.reporting.evaluation.page import page

if TYPE_CHECKING:
    from typing import Unpack

    from auxhead.keys.words.typed import EvaluateWords


def evaluate(
    detector: str | Path | None = None, /, *, progress: Progress | None = None, **keys: Unpack[EvaluateWords]
) -> Evaluation:
    """Measure how well a detector sees what is small, with intervals; or two detectors and their difference.

    Args:
        detector: Its file, or a COCO-format results file (.json) of any detector; or by name: `model`, `predictions`.
        progress: Called as progress(task, done, total).
        **keys: As on the command line: `data`, `versus`, `bands`, `out`, ...; `predictions` may also be in memory: a
            mapping from picture to `supervision.Detections`, or a list of Ultralytics' `Results`.

    Returns:
        The results, which also lie in `out`: report.html, metrics.json, per_image.parquet, the predictions and plots.

    Raises:
        ConfigError: Keys or values are wrong, all of them at once.
        DataError: Data or predictions can't be used, or don't belong together.
        ModelError: A model can't be used, or has other classes than the data.
        OutputError: `out` holds results of something else, or can't be written to.
    """
    own, given = evaluation.checked(detector, keys)
    found = evaluation.measured(own, given, progress=progress)
    words = own.model_dump(exclude_unset=True)
    if given:
        words["predictions"] = found.detectors[0].source
    text = page(found, words, pictures=own.pictures)
    write_atomic(Path(found.folder) / PAGE_FILE, text.encode("utf-8", errors="replace"))
    return found
