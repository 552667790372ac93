"""How much average precision each kind of mistake costs: what would be gained if it were repaired, and it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auxhead.metrics.bands import ALL
from auxhead.metrics.detections import Scene
from auxhead.metrics.matching import NONE, Flags, Matching
from auxhead.metrics.measures import Matched, mean
from auxhead.metrics.mistakes import BOXES, EXTRAS, MISSED, verdicts
from auxhead.metrics.precision import average_precision
from auxhead.metrics.truth import Bools, Floats

Gains = dict[str, float | None]
"""By kind, loose, wrong_class, missed, duplicate and background: 0 to 1; None without AP50 before or after."""


def repairs(matched: Matched) -> Gains:
    """Tell how far AP50 of all sizes would rise if all mistakes of a kind were repaired, one kind at a time.

    Kinds are those of `auxhead.metrics.mistakes`, here of every detection whatever its score, as AP50 counts them all.
    A loose detection and one of the wrong class become right, at their score; a duplicate and one on the background go
    away; a missed box needn't be found any more (a class of which no box is left doesn't count). No repair can lower
    AP50. Repairs of two kinds together gain more or less than their sum.

    Args:
        matched: The detector.

    Source:
        Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors" (2020), arXiv:2008.08115, 2.2.
        Other than there, kinds go by distances of centers too, and no kind is both at a wrong place and of a wrong
        class.
    """
    both, own = matched.scene, matched.by_overlap[ALL.name]
    made = verdicts(matched, 0.0)
    hit, ignored = own.hits.at(0), own.ignores.at(0)
    claimed = made.claims != NONE
    kinds = np.full(len(claimed), NONE)
    kinds[claimed] = made.boxes[made.claims[claimed]]
    loose, wrong = (kinds == BOXES.index(kind) for kind in ("loose", "wrong_class"))
    classes = both.found.cls.copy()
    classes[wrong] = both.truth.cls[made.claims[wrong]]
    order = np.lexsort((-both.found.scores, classes)).astype(np.int32)
    named = replace(both, found=replace(both.found, cls=classes), order=order)
    duplicate, background = (made.extras == EXTRAS.index(kind) for kind in ("duplicate", "background"))
    before = _precision(both, hit, ignored, own.counted)
    after = {
        "loose": _precision(both, hit | loose, ignored, own.counted),
        "wrong_class": _precision(named, hit | wrong, ignored, own.counted),
        "missed": _precision(both, hit, ignored, own.counted & (made.boxes != MISSED)),
        "duplicate": _precision(both, hit, ignored | duplicate, own.counted),
        "background": _precision(both, hit, ignored | background, own.counted),
    }
    return {kind: None if np.isnan(value - before) else value - before for kind, value in after.items()}


def _precision(both: Scene, hit: Bools, ignored: Bools, counted: Bools) -> float:
    """Average precision, a mean over the classes that have boxes; NaN without any."""
    nobody, nothing = np.empty(0, dtype=np.int32), np.empty((0, 1), dtype=np.bool_)
    matching = Matching(Flags(nobody, nothing, hit), Flags(nobody, nothing, ignored), counted)
    weights: Floats = np.ones((1, len(both.truth.files)))
    return float(mean(average_precision(both, matching, weights))[0])
