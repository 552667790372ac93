"""What an inspection tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from auxhead.host.anchors import Anchors
from auxhead.inspection.boxes import Sizes
from auxhead.inspection.copies import Copies
from auxhead.inspection.mirrored_names import MirrorHint
from auxhead.inspection.near_copies import Near
from auxhead.inspection.suggestions import Suggestion
from auxhead.metrics.truth import Floats
from auxhead.notebook import InNotebooks, Shown


@dataclass(frozen=True, eq=False)
class SplitInspection:
    """One split.

    Attributes:
        images: Images that a training would use.
        without_boxes: Images without a box, with or without a label file.
        boxes: Boxes, repeated rows left out, as Ultralytics leaves them out.
        per_class: Boxes of each class, by id.
        empty_classes: Names of the classes without a box.
        sizes: How large boxes are at imgsz.
        anchors: Candidate anchors by levels, "P3-P5" and "P2-P5".
        truncated: Share of boxes within one pixel of a border of their image; None without boxes.
        outside: Boxes that end beyond their image by a tenth of its longer side.
        repeated: Label rows that repeat another of their image.
        disagreeing: Boxes at exactly the place of one of another class.
        left_out: Images that Ultralytics leaves out for what they are, each with the reason; counted nowhere else.
        shared: Images that share a label file, and so get the same boxes.
        twice: Images that are listed more than once, and so are trained and measured on as often.
        unclaimed: Label files to which no image belongs, each with the name of a file that nearly fits it, or ''.
        boxes_net: Width and height of each box, shape (m, 2), pixels of the network input; not part of the JSON.
    """

    images: int
    without_boxes: int
    boxes: int
    per_class: tuple[int, ...]
    empty_classes: tuple[str, ...]
    sizes: Sizes
    anchors: dict[str, Anchors]
    truncated: float | None
    outside: int
    repeated: int
    disagreeing: int
    left_out: dict[str, str]
    shared: tuple[tuple[str, ...], ...]
    twice: tuple[str, ...]
    unclaimed: dict[str, str]
    boxes_net: Floats = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        content = asdict(self)
        del content["boxes_net"]
        return content


@dataclass(frozen=True, eq=False)
class Inspection(InNotebooks):
    """What a data set is like.

    Attributes:
        data: The data.yaml.
        imgsz: Side of the network input that pixels refer to.
        names: Class names by id.
        splits: train, val and, if there is one, test.
        copies: Images with the same bytes.
        near: Images of different splits that look nearly the same.
        from_one: Whether class ids look as if they were counted from 1: 0 never occurs, every other one does.
        mirrored: Classes that a horizontal flip may change, guessed from their names.
        suggestions: Keys worth setting, from the training split; without boxes there, only those that need none.
    """

    data: str
    imgsz: int
    names: tuple[str, ...]
    splits: dict[str, SplitInspection]
    copies: Copies
    near: Near
    from_one: bool
    mirrored: tuple[MirrorHint, ...]
    suggestions: tuple[Suggestion, ...]

    def _shown(self) -> Iterator[str | Shown]:
        """Return the table and the remarks."""
        from auxhead.inspection.tables import remarks, table  # which are about this class

        yield Shown(table(self))
        yield from remarks(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: None, never NaN, for what can't be measured."""
        return {
            "data": self.data,
            "imgsz": self.imgsz,
            "names": list(self.names),
            "splits": {name: split.to_dict() for name, split in self.splits.items()},
            "copies": asdict(self.copies),
            "near": asdict(self.near),
            "from_one": self.from_one,
            "mirrored": [asdict(hint) for hint in self.mirrored],
            "suggestions": [asdict(suggestion) for suggestion in self.suggestions],
        }
