"""Keys worth setting for a data set, each by a rule that is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import yaml

from auxhead.inspection.boxes import at_imgsz, sides
from auxhead.inspection.mirrored_names import MirrorHint
from auxhead.keys.design import MULTIPLE
from auxhead.metrics.truth import Floats, Truth

LARGEST = 1920  # imgsz suggested at most, pixels. Source: own choice; memory grows with its square
CELL = 8.0  # pixels that nine of ten boxes shall reach: one stride of P3. Source: own choice
LARGE = 64.0  # pixels of the network input from which levels P2 to P4 may lose objects. Source: docs/evidence
ENLARGED = 1.2  # times imgsz from which a picture has detail for larger images. Source: own choice
SMALL = 32.0  # median side, pixels of the original images, below which bands are AI-TOD's: COCO calls all that small


@dataclass(frozen=True)
class Suggestion:
    """A key worth setting.

    Attributes:
        key: Its name.
        value: The value to start from.
        reason: The rule that gave it, and what it doesn't tell.
    """

    key: str
    value: float | str
    reason: str


def suggest(truth: Truth, imgsz: int, hints: Sequence[MirrorHint]) -> tuple[Suggestion, ...]:
    """Derive keys to start from; each comes with its rule.

    Args:
        truth: Boxes of the training split, pixels of the original images.
        imgsz: Side of the network input asked for, pixels, a multiple of 32.
        hints: Classes that a mirror may change.

    Returns:
        imgsz and bands, model where half of the boxes are below a cell of P3, and flips and flips.never where there are
        hints; without a box only those.
    """
    found = []
    if len(truth.boxes):
        sides_net = sides(at_imgsz(truth, imgsz))
        found = [_imgsz(sides_net, truth, imgsz), *_model(sides_net, truth, imgsz), _bands(sides(truth))]
    return (*found, *_mirrors(truth.names, hints))


def _mirrors(names: Sequence[str], hints: Sequence[MirrorHint]) -> list[Suggestion]:
    """Pair the classes that are each other's mirror image; no picture with one of the others is to be mirrored."""
    pairs = {hint.name: names[hint.partner] for hint in hints if hint.partner is not None and hint.cls < hint.partner}
    alone = [hint.name for hint in hints if hint.partner is None]
    found = []
    if pairs:
        reason = (
            "names that are equal but for the side: a mirrored picture gets the mirrored class (a guess from names)"
        )
        found.append(Suggestion("flips", _typed(pairs), reason))
    if alone:
        reason = (
            "names of sides without a counterpart, digits or writing (a guess from names): look at them, and compare"
        )
        found.append(Suggestion("flips.never", _typed(alone), reason))
    return found


def _typed(names: list[str] | dict[str, str]) -> str:
    """Write class names as they are typed, and as they stand in a data.yaml."""
    text: str = yaml.safe_dump(names, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False)
    return text.strip()


def _imgsz(sides_net: Floats, truth: Truth, imgsz: int) -> Suggestion:
    """Find the smallest size from the asked one on at which nine of ten boxes reach a cell of P3."""
    tenth = float(np.percentile(sides_net, 10))
    needed = math.ceil(CELL * imgsz / tenth / MULTIPLE - 1e-9) * MULTIPLE if tenth else LARGEST + 1
    value = max(imgsz, min(needed, LARGEST))
    reason = f"10th percentile of sides: {tenth:.1f} px at {imgsz}"
    if value > imgsz:
        reason += f", {tenth * value / imgsz:.1f} px at {value}"
    if needed > value:
        reason += f"; {CELL:g} px (one stride of P3) would take more than {LARGEST}: consider tiles or finer levels"
    elif needed > imgsz:
        reason += f"; the smallest size that gives {CELL:g} px, one stride of P3"
    else:
        reason += f"; that is at least {CELL:g} px, one stride of P3, so this size is enough by that rule"
    longer = float(np.median(truth.sizes.max(axis=1)))
    if value > longer:
        reason += f"; enlarges the images ({longer:g} px) {value / longer:.1f} times: more cells, no more detail"
    return Suggestion("imgsz", value, reason)


def _model(sides_net: Floats, truth: Truth, imgsz: int) -> list[Suggestion]:
    """Name the detector with finer levels where half of the boxes are below a cell of P3."""
    median = float(np.median(sides_net))
    if median >= CELL:
        return []
    reason = f"median side {median:.1f} px at {imgsz}, below {CELL:g} px, one stride of P3: levels P2 to P4 cost about "
    longer = float(np.median(truth.sizes.max(axis=1)))
    if longer >= ENLARGED * imgsz:
        reason += (
            f"what P3 to P5 do; so does yolov8n-p3 on larger images, which yours ({longer:g} px) have detail for: "
        )
        reason += "both are worth a comparison (arms=plain,p3,p234)"
    else:
        reason += "what P3 to P5 do, and are worth a comparison (arms=plain,p234)"
    reason += "; `auxhead design` makes others"
    if large := float((sides_net >= LARGE).mean()):
        reason += f"; boxes of {LARGE:g} px and more, which they may lose: {100 * large:.1f} %"
    return [Suggestion("model", "yolov8n-p234.yaml", reason)]


def _bands(sides_orig: Floats) -> Suggestion:
    median = float(np.median(sides_orig))
    name, sign = ("ai-tod", "below") if median < SMALL else ("coco", "at least")
    return Suggestion("bands", name, f"median side {median:.1f} px in the original images, {sign} {SMALL:g}")
