"""Refuse results that fit the truth far better when read in another way, and say what else was tried."""

from __future__ import annotations

from auxhead.errors import DataError
from auxhead.evaluation.box_readings import SHARES, split_layout
from auxhead.evaluation.id_readings import SHIFTS
from auxhead.evaluation.readings import Fit, Reading, Readings
from auxhead.metrics.detections import Detections
from auxhead.metrics.results.boxes import MANY, MOST, SPECK, ends_outside, far_rows, specks
from auxhead.metrics.results.categories import Categories
from auxhead.metrics.results.problems import Origin, rows_error
from auxhead.metrics.truth import Truth

TIMES = 3  # as many matches make a reading far better. Source: own choice
FEWEST = 5  # matches that can't be chance; of fewer detections all, and three. Source: own choice
SHARE = 0.2  # of the detections looked at that must match: a reading of nothing much is no better. Source: own choice
ENOUGH = 50  # detections of which not one is right are worth a word. Source: own choice
PIXELS = "bbox as [left, top, width, height] in pixels of the original images"
CORNERS = "write width = right - left and height = bottom - top"
MULTIPLY = "multiply by the picture's width and height"
BACK = "bring them back to pixels of the original images"
HOW = {  # to mend boxes of a layout
    "left, top, right, bottom": CORNERS,
    "center x, center y, width, height": "write left = center x - width / 2 and top = center y - height / 2",
    "left and top less half of width and height": "subtract half of width and height from centers once, not twice",
    "right, bottom, left, top": f"write the left upper corner first; {CORNERS}",
    "top, left, height, width": "write x before y and width before height",
    "top, left, bottom, right": f"write x before y; {CORNERS}",
}


def refuse_misread(truth: Truth, found: Detections, categories: Categories, origin: Origin, *, asked: bool) -> str:
    """Refuse results whose numbers would be those of a misunderstanding.

    Args:
        truth: The annotated boxes.
        found: The detections as they were read.
        categories: The numbering in which class ids were read.
        origin: Where they come from.
        asked: Whether the user named that numbering; then a doubt about it is a remark.

    Returns:
        The remark, '' for none.

    Raises:
        DataError: Nearly all boxes are specks, some lie or many end outside of their picture, or another reading of
            the file matches several times more boxes.
    """
    if not len(found.image) or not len(truth.image):
        return ""
    readings = Readings(truth, found, categories)
    _refuse_odd_boxes(readings, origin)
    better = _better(readings)
    if not better:
        return ""
    if asked and better.reading == Reading(classes=better.reading.classes):
        return f"categories={categories} was asked for, but read otherwise more boxes match. {_counts(better)}"
    raise _misread(better, categories, origin)


def explain_nothing(truth: Truth, found: Detections, categories: Categories) -> str:
    """Say which other readings of detections were tried that match nothing, and what fits best.

    Returns:
        A remark; '' where there are few detections.
    """
    if len(found.image) <= ENOUGH or not len(truth.image):
        return ""
    readings = Readings(truth, found, categories)
    singles = list(readings.single())
    fits = [readings.fit(one) for one in (*singles, *readings.double())]
    best = max(fits, key=lambda fit: (fit.hits, -len(fit.reading.parts())))
    tried = "; ".join(str(one) for one in singles if not split_layout(one.boxes)[0])
    units = "boxes as shares, percent or thousandths of the picture, or in pixels of scaled pictures"
    text = f"AP50 is 0 for {len(found.image)} detections. Tried: {tried}; {units}; two of these"
    return f"{text}. {_counts(best)}" if _far_better(best) else f"{text}. None fits"


def _refuse_odd_boxes(readings: Readings, origin: Origin) -> None:
    """Refuse boxes that can't be left, top, width, height in pixels, unless they match as they are."""
    odd, question = _odd(readings)
    far = far_rows(readings.found.boxes, readings.truth.sizes[readings.found.image])
    if not odd and not far:
        return
    fits = [readings.fit(Reading(boxes=name)) for name in (*readings.layouts(), *readings.scaled())]
    better = max(filter(_far_better, fits), key=lambda fit: fit.hits, default=None)
    if better:
        found = f"{odd}. {_counts(better)}" if odd else _counts(better)
        raise DataError(PIXELS, found, str(origin), _question(better.reading.boxes))
    if far:
        raise rows_error(far, len(readings.found.boxes), origin)
    if fits[0].own * TIMES < fits[0].of:
        raise DataError(PIXELS, odd, str(origin), question)


def _odd(readings: Readings) -> tuple[str, str]:
    """Say what is odd about sizes of boxes, and what to ask; '' for nothing."""
    truth, found = readings.truth, readings.found
    few, all_ = specks(found.boxes), len(found.boxes)
    if few >= MOST * all_ and specks(truth.boxes) < len(truth.boxes) / 2:
        return f"{few} of {all_} boxes below {SPECK:g} pixels", _question(SHARES + "left, top, width, height")
    beyond = int(ends_outside(found.boxes, truth.sizes[found.image]).sum())
    if beyond > max(1, MANY * all_):
        question = _question("left, top, right, bottom")
        other = "if not, write pixels of the original images, clipped to them"
        return f"{beyond} of {all_} boxes that end outside of their picture", f"{question}; {other}"
    return "", ""


def _better(readings: Readings) -> Fit | None:
    """Find the reading that matches several times more boxes, if there is one; the one with the fewest changes."""
    fits = [fit for fit in map(readings.fit, readings.single()) if _may_refuse(fit)]
    if not fits and readings.fit(Reading(boxes=readings.layouts()[0])).own == 0:
        fits = [fit for fit in map(readings.fit, readings.double()) if _may_refuse(fit) and fit.hits * 2 > fit.of]
    return max(fits, key=lambda fit: fit.hits, default=None)


def _may_refuse(fit: Fit) -> bool:
    """Tell whether a reading is reason enough; detectors, too, take classes for their neighbours."""
    return _far_better(fit) and not fit.reading.classes.endswith(tuple(SHIFTS))


def _far_better(fit: Fit) -> bool:
    return fit.hits >= max(3, min(FEWEST, fit.of), TIMES * fit.own, SHARE * fit.of)


def _counts(fit: Fit) -> str:
    best = f"The {fit.of} best-scored detections match {fit.hits} boxes at IoU 0.5"
    return f"{best} if read with {fit.reading}, and {fit.own} as they are"


def _misread(fit: Fit, categories: Categories, origin: Origin) -> DataError:
    """Make the error that names the reading, with what to do about each part of it."""
    reading = fit.reading
    expected, fixes = [], []
    if reading.classes:
        expected.append(f"category_id as categories={categories} counts them")
        fixes.append(_mend_classes(reading.classes, categories))
    if reading.images:
        expected.append("image_id as the data's own ids")
        fixes.append("write file_name into every row, or the data's ids as image_id")
    if reading.boxes:
        expected.append(PIXELS)
        fixes.append(_question(reading.boxes))
    return DataError(" and ".join(expected), _counts(fit), str(origin), "; ".join(fixes))


def _mend_classes(reading: str, categories: Categories) -> str:
    """Say what to do about class ids that are read in another way."""
    if reading.startswith("categories="):
        return f"add {reading} if that is what they are, or categories={categories} if they are right"
    return f"are these {reading}? write the data's category_id, or add categories={categories} if they are right"


def _question(layout: str) -> str:
    """Ask whether boxes are in a layout, and say how to mend them."""
    unit, order = split_layout(layout)
    ways = [MULTIPLY if unit == SHARES else BACK] if unit else []
    ways += [HOW[name] for name in HOW if order == name]
    return f"are these {layout}? {', then '.join(ways)}"
