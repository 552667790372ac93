"""What went wrong, by size: found, loose, taken for another class, missed; doubled and made up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl

from auxhead.formats import escaped
from auxhead.metrics.bands import ALL
from auxhead.metrics.closeness import Pairs, center_sizes, overlap, pairs
from auxhead.metrics.detections import Detections, Scene, scene
from auxhead.metrics.matching import NONE, greedy
from auxhead.metrics.measures import Matched
from auxhead.metrics.truth import Bools, Floats, Ints, Truth

NEAR = 0.5  # sizes between centers that still count as the right place. Source: own choice: the box's half side
HALF = 0.5  # overlap that makes a box found. Source: PASCAL VOC
BOXES = ("found", "loose", "wrong_class", "missed")
EXTRAS = ("duplicate", "background")
MISSED = BOXES.index("missed")


@dataclass(frozen=True, eq=False)
class Mistakes:
    """One verdict for every box and every detection. m boxes, k detections at or above the score.

    Attributes:
        score: Detections below it were left out.
        truth: The boxes.
        boxes: Verdict on each, an index into BOXES, or -1 for a crowd; shape (m,).
        found: The detections.
        extras: Verdict on each, an index into EXTRAS, or -1 for one that belongs to a box or a crowd; shape (k,).
        claims: The box or crowd that each belongs to, or -1; shape (k,).
    """

    score: float
    truth: Truth
    boxes: Ints
    found: Detections
    extras: Ints
    claims: Ints


class Verdicts(NamedTuple):
    """One verdict for every box and detection of a scene. m boxes, k detections.

    Attributes:
        boxes: An index into BOXES, or -1 for a crowd; shape (m,).
        extras: An index into EXTRAS, or -1 for what belongs to a box or a crowd, or was left out; shape (k,).
        claims: The box or crowd that each detection belongs to, or -1; shape (k,).
        kept: The detections that were not left out, by image and falling score.
    """

    boxes: Ints
    extras: Ints
    claims: Ints
    kept: Ints


def mistakes(matched: Matched) -> Mistakes:
    """Sort boxes and detections into kinds, at the score with the best F1 at IoU 0.5 (all classes together).

    In this order, each detection and box once: *found*, by COCO's matching at IoU 0.5; *loose*, a detection of the
    right class with its center within half the box's size, but IoU below 0.5; *wrong class*, one of another class that
    overlaps by half or is as near. What is left of the boxes is *missed*. What is left of the detections is a
    *duplicate* if it sits as near on a box that has its detection (whatever the classes), else *background*.
    """
    both, score = matched.scene, best_score(matched)
    made = verdicts(matched, score)
    found, kept = both.found.take(made.kept), made.kept
    return Mistakes(score, both.truth, made.boxes, found, made.extras[kept], made.claims[kept])


def verdicts(matched: Matched, score: float) -> Verdicts:
    """Sort boxes and detections into kinds as `mistakes` does, at any score.

    Args:
        matched: The detector.
        score: Detections below it are left out; 0 keeps all, infinity none.
    """
    both, crowd = matched.scene, matched.scene.truth.crowd
    used = both.found.scores < score  # not to be used, here; later: used up
    kept = np.flatnonzero(~used)
    boxes = np.where(crowd, NONE, MISSED)
    found = _assign(matched.overlaps, boxes, used, "found", crowd)
    loose = _assign(pairs(both, center_sizes, -NEAR), boxes, used, "loose", crowd)
    claims = np.where(found == NONE, loose, found)

    mixed, order = _all_classes_as_one(both, kept)
    taken = used[order]
    spots = pairs(mixed, _spot, 0.0)
    others = both.truth.cls[spots.truth] != both.found.cls[order][spots.found]
    others &= ~crowd[spots.truth]  # a crowd excuses detections of its own class alone
    wrong = _assign(spots.take(others), boxes, taken, "wrong_class", crowd)
    claims[order] = np.where(wrong == NONE, claims[order], wrong)
    kinds = np.where(taken, NONE, EXTRAS.index("background"))
    left = ~taken[spots.found] & ~np.isin(boxes[spots.truth], (MISSED, NONE))
    kinds[spots.found[left]] = EXTRAS.index("duplicate")
    extras = np.full(len(used), NONE)
    extras[order] = kinds
    return Verdicts(boxes, extras, claims, order)


def best_score(matched: Matched) -> float:
    """Return the score at which F1 at IoU 0.5 is best, all classes together; infinite without a right detection."""
    own = matched.by_overlap[ALL.name]
    kept = np.flatnonzero(~own.ignores.at(0)).astype(np.int32)
    kept = kept[np.argsort(-matched.scene.found.scores[kept], kind="stable")]
    scores, hit = matched.scene.found.scores[kept], own.hits.at(0)[kept]
    if not hit.any():
        return float("inf")
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)).astype(np.int32)
    right = np.cumsum(hit, dtype=np.int32)[ends]
    f1 = 2 * right / (ends + 1 + own.counted.sum())
    return float(scores[ends[int(f1.argmax())]])


def count_mistakes(matched: Matched, made: Mistakes) -> pl.DataFrame:
    """Count by image, band and class.

    Returns:
        Columns image (file name, escaped where it is no text), band, class, boxes, then one for each kind of box and of
        detection; rows with nothing to count are left out. A box is in the band of its own area, a duplicate or
        background detection in that of its.
    """
    bands = matched.setup.bands
    lows = np.array([band.low**2 for band in bands])
    area = made.found.boxes[:, 2] * made.found.boxes[:, 3]
    parts = []
    for image, cls, size, verdicts, kinds in (
        (made.truth.image, made.truth.cls, made.truth.areas, made.boxes, BOXES),
        (made.found.image, made.found.cls, area, made.extras, EXTRAS),
    ):
        there = verdicts != NONE
        columns = {
            "image": image[there].astype(np.int32),
            "band": np.searchsorted(lows, size[there], side="right") - 1,
            "class": cls[there].astype(np.int32),
            "boxes": np.full(int(there.sum()), kinds is BOXES, dtype=np.int32),
        }
        columns |= {kind: (verdicts[there] == place).astype(np.int32) for place, kind in enumerate(kinds)}
        columns |= {kind: np.zeros(int(there.sum()), dtype=np.int32) for kind in (*BOXES, *EXTRAS) if kind not in kinds}
        parts.append(pl.DataFrame(columns).select("image", "band", "class", "boxes", *BOXES, *EXTRAS))
    keys = ("image", "band", "class")
    counts = ("boxes", *BOXES, *EXTRAS)
    table = pl.concat(parts).group_by(keys).agg(pl.col(counts).sum().cast(pl.Int64)).sort(keys)
    labels = {
        "image": [escaped(file) for file in made.truth.files],
        "band": [band.name for band in bands],
        "class": made.truth.names,
    }
    return table.with_columns(
        pl.col(key).replace_strict([*range(len(values))], list(values), return_dtype=pl.String)
        for key, values in labels.items()
    )


def _assign(candidates: Pairs, boxes: Ints, used: Bools, verdict: str, crowd: Bools) -> Ints:
    """Give boxes that are still missed to detections that are still unused, write both down, and tell who got which."""
    open_ = ~used[candidates.found] & ((boxes == MISSED) | crowd)[candidates.truth]
    chosen = greedy(candidates.take(open_), len(used), np.array([-np.inf]), free=crowd, last=crowd)[:, 0]
    who = np.flatnonzero(chosen != NONE)
    used[who] = True
    box = chosen[who]
    boxes[box[~crowd[box]]] = BOXES.index(verdict)
    return chosen.astype(np.int64)


def _all_classes_as_one(both: Scene, kept: Ints) -> tuple[Scene, Ints]:
    """Sort some detections by image and score alone; boxes are sorted by image as it is."""
    found = both.found.take(kept)
    blind = replace(both.truth, names=("any",), cls=np.zeros_like(both.truth.cls))
    order = kept[np.lexsort((-found.scores, found.image))]
    return scene(blind, replace(found, cls=np.zeros_like(found.cls)), len(kept) + 1), order


def _spot(found: Floats, truth: Floats, crowd: Bools) -> Floats:
    """At least 1 for boxes that overlap by half, 0 to 1 for those whose centers are near, below 0 for others."""
    shared, apart = overlap(found, truth, crowd), -center_sizes(found, truth, crowd)
    return np.where(shared >= HALF, 1 + shared, np.where(apart <= NEAR, 1 - apart, -1.0))
