"""What the page says in words: the answer, made of numbers alone, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from auxhead.evaluation.result import Detector, Evaluation
from auxhead.formats import listed, plural
from auxhead.metrics.bands import ALL
from auxhead.metrics.intervals import Estimate
from auxhead.reporting.typography import interval, percent, plain, points, short_hash, signed

MEASURE = "AP50"


class Hardest(NamedTuple):
    """A size below which most boxes lie that aren't found.

    Attributes:
        edge: Size, pixels.
        below: Share of the smaller boxes that isn't found, 0 to 1.
        above: The same of the others.
    """

    edge: float
    below: float
    above: float


def hardest(mistakes: Mapping[str, Mapping[str, int]], edges: list[list[float | None]]) -> Hardest | None:
    """Find the smallest edge of a band below which more than half of the boxes lie that aren't found.

    Args:
        mistakes: Counts by band, as a detector has them.
        edges: Where each band begins and ends, pixels.

    Returns:
        None where there is no such edge, no box beyond it, or where smaller boxes are found as often as others.
    """
    bands = [counts for name, counts in mistakes.items() if name != ALL.name]
    boxes = [counts["boxes"] for counts in bands]
    lost = [counts["boxes"] - counts["found"] for counts in bands]
    for place in range(1, len(bands)):
        edge, others = edges[place][0], sum(boxes[place:])
        if 2 * sum(lost[:place]) > sum(lost):
            if edge is None or not others:
                return None
            found = Hardest(edge, sum(lost[:place]) / sum(boxes[:place]), sum(lost[place:]) / others)
            return found if found.below > found.above else None
    return None


def answer(evaluation: Evaluation) -> str:
    """Say in a line what came out: of one detector what it finds, of two which is ahead, if one is."""
    first, *others = evaluation.detectors
    said = _difference(evaluation, first, others[0]) if others else _alone(evaluation, first)
    price = [f"{one.name} takes {plain(one.looks)} looks at a picture" for one in evaluation.detectors if _sliced(one)]
    whole = [f"{one.name} one" for one in evaluation.detectors if price and one.looks == 1]
    return f"{said} {listed([*price, *whole])}." if price else said


def _sliced(one: Detector) -> bool:
    return one.looks is not None and one.looks > 1


def _alone(evaluation: Evaluation, one: Detector) -> str:
    counts = one.mistakes[ALL.name]
    if not counts["boxes"]:
        return "There is no box to find, so nothing can be measured."
    precision = f"{MEASURE} {_with_interval(one.numbers[ALL.name][MEASURE])}"
    if one.score is None:
        return f"{one.name} finds none of {plural(counts['boxes'], 'box')} ({precision})."
    share = percent(counts["found"] / counts["boxes"])
    found = f"{one.name} finds {share} of {plural(counts['boxes'], 'box')} at a score of {plain(one.score, 2)}"
    size = hardest(one.mistakes, evaluation.settings["edges"])
    if size is None:
        return f"{found} ({precision})."
    return (
        f"{found} ({precision}); not found are mostly those below {size.edge:g} px: {percent(size.below)} of them, "
        f"{percent(size.above)} of the larger ones."
    )


def _difference(evaluation: Evaluation, first: Detector, second: Detector) -> str:
    change = (evaluation.differences or {})[ALL.name][MEASURE]
    values = " and ".join(f"{points(one.numbers[ALL.name][MEASURE].value)} %" for one in (first, second))
    if change.value is None:
        return "There is no box to find, so nothing can be compared."
    if change.low is None or change.high is None:
        return (
            f"{first.name} and {second.name} have {MEASURE} of {values}: {signed(change.value)} points. Without an "
            "interval it can't be said whether that is more than chance."
        )
    ends = f"95 % interval {interval((change.low, change.high))}"
    if change.low <= 0 <= change.high:
        return (
            f"No difference found between {first.name} and {second.name}: {signed(change.value)} points of {MEASURE} "
            f"({ends})."
        )
    where = "ahead of" if change.value > 0 else "behind"
    return f"{first.name} is {where} {second.name} by {signed(change.value)} points of {MEASURE} ({ends})."


def _with_interval(found: Estimate) -> str:
    if found.low is None:
        return f"{points(found.value)} %"
    return f"{points(found.value)} %, 95 % interval {interval((found.low, found.high), sign=False)}"


def lead(evaluation: Evaluation, day: str) -> list[str]:
    """Say what was measured, with what, and when; a sentence each.

    Args:
        evaluation: The results.
        day: The date.
    """
    settings, data = evaluation.settings, evaluation.data
    classes = f" of {plural(len(data['names']), 'class')}" if len(data["names"]) > 1 else ""
    what = f"{plural(data['images'], 'image')}, {plural(data['boxes'], 'box')}{classes}"
    kept = f"At most {settings['max_det']} detections of a picture count"
    asked = (
        f" (conf={settings['conf']:g}, iou={settings['iou']:g})" if any(map(_predicted, evaluation.detectors)) else ""
    )
    sizes = f"Sizes are square roots of {settings['area']} areas in pixels of the "
    sizes += "pictures" if settings["pixels"] == "original" else "network's input"
    return [
        f"Measured on the {data['split']} split of {data['file']}: {what}.",
        *(_detector(one) for one in evaluation.detectors),
        f"{kept}{asked}.",
        f"{sizes}.",
        f"Written on {day} by auxhead {settings['auxhead']}.",
    ]


def _predicted(one: Detector) -> bool:
    """Tell whether a model made the predictions here, with the keys of this evaluation."""
    return one.predictions != one.source


def _detector(one: Detector) -> str:
    parts = [
        f"{one.name}: {one.source} ({short_hash(one.sha256)})",
        f"image size {one.imgsz} px" if one.imgsz else "",
        plural(one.detections, "detection"),
        f"Ultralytics {one.ultralytics_version}" if one.ultralytics_version else "",
    ]
    return f"{', '.join(filter(None, parts))}."


def command(words: Mapping[str, Any]) -> list[str]:
    """Return the words of the command line that does the same.

    Args:
        words: The keys that were given.

    Examples:
        >>> command({"model": "best.pt", "data": "signs.yaml", "bands": [8.0, 16.0], "plots": True})
        ['auxhead', 'evaluate', 'model=best.pt', 'data=signs.yaml', 'bands=8,16', 'plots=true']
    """
    return ["auxhead", "evaluate", *(f"{key}={_word(value)}" for key, value in words.items() if value is not None)]


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_word, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
