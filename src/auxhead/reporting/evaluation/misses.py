"""Pictures of the worst misses: where the most small boxes aren't found, cropped around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from auxhead.errors import AuxHeadError
from auxhead.evaluation.result import Detector, Evaluation
from auxhead.formats import listed, plural
from auxhead.metrics.matching import NONE
from auxhead.metrics.mistakes import BOXES
from auxhead.metrics.truth import DECODED, Bools, Floats, Truth, image_size, network_scale
from auxhead.reporting.crops import Picture, Window, cut, panels, window
from auxhead.reporting.evaluation.answer import hardest
from auxhead.reporting.judged_boxes import Judged

MOST = 12  # pictures
BYTES = 600_000  # of all pictures before base64 adds a third. Source: own choice
FOUND = BOXES.index("found")


@dataclass(frozen=True)
class Misses:
    """The pictures of the page.

    Attributes:
        pictures: Each with a panel a detector.
        edge: Size below which the missed boxes were counted that chose the pictures, pixels; None: of any size.
        reason: Why there are no pictures; '' if there are.
    """

    pictures: Sequence[Picture]
    edge: float | None = None
    reason: str = ""


def misses(evaluation: Evaluation) -> Misses:
    """Choose the pictures in which the first detector misses the most boxes, and draw what each detector makes of them.

    Args:
        evaluation: The results.

    Returns:
        The pictures; with a reason in their place where nothing is missed or no picture can be read.
    """
    first = evaluation.detectors[0]
    size = hardest(first.mistakes, evaluation.settings["edges"])
    edge = size.edge if size else None
    truth, sizes = first.judged.truth, np.sqrt(first.judged.truth.areas)
    target = _missed(first) & (sizes < (np.inf if edge is None else edge))
    if not target.any():
        return Misses((), edge, "No box is missed.")
    shown = _original(truth, _factors(evaluation, truth))
    shots = [
        (place, window(shown.boxes[target & (truth.image == place)], truth.sizes[place].tolist()))
        for place in worst(truth, target)
    ]
    files = [_readable(evaluation, truth, place) for place, _ in shots]
    jobs = [(file, part) for file, (_, part) in zip(files, shots, strict=True) if file]
    jpegs = cut(jobs, BYTES // max(len(jobs), 1))
    runs = [(one.name, judged(evaluation, one)) for one in evaluation.detectors]
    marks = [f"{size:.0f} px" for size in sizes.tolist()]
    pictures = [
        _picture(runs, place, part, jpegs[file, part], marks)
        for file, (place, part) in zip(files, shots, strict=True)
        if file and (file, part) in jpegs
    ]
    return Misses(pictures, edge, "" if pictures else "No picture of the data can be read from here.")


def worst(truth: Truth, target: Bools) -> list[int]:
    """Order the images with boxes of interest by how many they have, the most first, equal ones by name; at most 12.

    Args:
        truth: The boxes.
        target: Which of them are of interest, shape (m,).
    """
    counts = np.bincount(truth.image[target], minlength=len(truth.files))
    return sorted(np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], truth.files[place]))[:MOST]


def _missed(one: Detector) -> Bools:
    missed: Bools = (one.judged.boxes != FOUND) & (one.judged.boxes != NONE)
    return missed


def _factors(evaluation: Evaluation, truth: Truth) -> Floats:
    """Return pixels that sizes are counted in for each of the picture, by image, shape (n,)."""
    size = evaluation.settings["imgsz"] or next((one.imgsz for one in evaluation.detectors if one.imgsz), None)
    if evaluation.settings["pixels"] == "original" or not size:
        return np.ones(len(truth.files))
    return network_scale(truth.sizes, size)


def _original(truth: Truth, factors: Floats) -> Truth:
    return truth.scaled(1 / factors)


def judged(evaluation: Evaluation, one: Detector) -> Judged:
    """Tell right detections from wrong ones, and which boxes are not found, in pixels of the pictures.

    Detections that belong to a crowd are neither, and left out.
    """
    made = one.judged
    right = made.claims != NONE
    right[right] = made.boxes[made.claims[right]] == FOUND
    factors = _factors(evaluation, made.truth)
    found = made.found.scaled(1 / factors)
    crowd = (made.claims != NONE) & made.truth.crowd[made.claims]
    kept = ~crowd  # neither right nor wrong
    return Judged(_original(made.truth, factors), found.take(kept), right[kept], _missed(one))


def _readable(evaluation: Evaluation, truth: Truth, place: int) -> str | None:
    """Find the file of an image; None where there is none, a huge one, or another one than was measured."""
    if truth.sizes[place].prod() > min(DECODED, Image.MAX_IMAGE_PIXELS or DECODED):
        return None  # measuring reads headers only, however large pictures are
    name, data = truth.files[place], Path(evaluation.data["file"])
    if data.suffix == ".json":
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            return None
        name = str(data.parent / name)
    try:
        return name if tuple(image_size(Path(name))) == tuple(truth.sizes[place].tolist()) else None
    except (AuxHeadError, OSError, ValueError, SyntaxError):
        return None


def _picture(runs: Sequence[tuple[str, Judged]], place: int, part: Window, jpeg: str, marks: Sequence[str]) -> Picture:
    truth, missed = runs[0][1].truth, runs[0][1].missed
    here = truth.image == place
    lost = Counter(truth.names[cls] for cls in truth.cls[here & missed].tolist())
    caption = f"{lost.total():,} of {plural(int((here & ~truth.crowd).sum()), 'box')} not found"
    if len(truth.names) > 1:
        caption += f": {listed([f'{count:,} {name}' for name, count in lost.most_common()])}"
    views = panels(runs, place, part, marks)[1:]  # what is missed shows itself
    if len(runs) == 1:
        views = [replace(view, title="") for view in views]
    return Picture(PurePath(truth.files[place]).name, caption, jpeg, views)
