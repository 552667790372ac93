"""Put the page of an evaluation together."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from auxhead.evaluation.result import Evaluation
from auxhead.reporting.evaluation.answer import MEASURE, answer, command, lead
from auxhead.reporting.evaluation.charts import detector_looks, figures
from auxhead.reporting.evaluation.misses import Misses, misses
from auxhead.reporting.evaluation.rows import content
from auxhead.reporting.shell import rendered


def page(evaluation: Evaluation, words: Mapping[str, Any], *, pictures: bool = True) -> str:
    """Write the page.

    Args:
        evaluation: The results.
        words: The keys that they were asked for with.
        pictures: Whether crops of the images are part of it.

    Returns:
        The HTML, which needs no other file. Whatever comes from the user's files is escaped.
    """
    return rendered(
        "evaluation/page.html.j2",
        title=f"{' and '.join(one.name for one in evaluation.detectors)} · evaluation",
        answer=answer(evaluation),
        command=shlex.join(command(words)),
        detectors=evaluation.detectors,
        drawings=figures(evaluation),
        lead=lead(evaluation, datetime.now().astimezone().date().isoformat()),
        looks=detector_looks(evaluation),
        measure=MEASURE,
        misses=misses(evaluation) if pictures else Misses((), None, "Pictures were left out (pictures=false)."),
        resamples=evaluation.settings["resamples"],
        several=len(evaluation.detectors) > 1,
        tables=evaluation.tables(),
        remarks=evaluation.remarks(),
        version=evaluation.settings["auxhead"],
        **content(evaluation),
    )
