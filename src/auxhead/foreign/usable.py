"""Which pictures of a foreign data set can be used, and what is wrong with the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxhead.errors import DataError
from auxhead.foreign.data_set import Picture, Split
from auxhead.formats import plural
from auxhead.labels.listing import IMAGE_SUFFIXES, sharing
from auxhead.labels.pictures import image_problem
from auxhead.labels.problems import SHOWN_PROBLEMS, LabelProblem, LabelReport
from auxhead.metrics.results.boxes import lies_outside, strays
from auxhead.metrics.truth import image_size

NAMED = 6  # pictures that a message names


@dataclass(frozen=True)
class Usable:
    """A picture that can be used, with its own width and height in pixels."""

    picture: Picture
    size: tuple[int, int]


@dataclass(frozen=True)
class Looked:
    """What a look at the pictures found.

    Attributes:
        usable: By split, in the order of the source.
        images: What is wrong with pictures.
        rows: What is wrong with annotations.
    """

    usable: dict[str, list[Usable]]
    images: tuple[LabelProblem, ...]
    rows: tuple[LabelProblem, ...]

    def report(self) -> LabelReport:
        """Return the problems as they are written to a csv file."""
        files = len({row.path for row in self.rows})
        return LabelReport(0, 0, 0, 0, files, 0, 0, self.rows, self.images)

    def error(self, csv: Path) -> DataError:
        """Build the error that names the first problems, for the caller to raise."""
        every = (*self.images, *self.rows)
        found = [f"{plural(len(self.images), 'picture')} that can't be used"] * bool(self.images)
        found += [f"{plural(len(self.rows), 'problem')} of annotations"] * bool(self.rows)
        which = f"the first {SHOWN_PROBLEMS}" if len(every) > SHOWN_PROBLEMS else "all of them"
        listed = "".join(f"\n  {one.place}: {one.what}" for one in every[:SHOWN_PROBLEMS])
        return DataError(
            expected="pictures that Ultralytics reads, with annotations that can be used",
            found=" and ".join(found),
            where=f"{which}:{listed}",
            fix=f"put them in their places, or correct them; all are listed in {csv}; on_error=skip leaves them out",
        )


def look_at(splits: Sequence[Split], tick: Callable[[], None]) -> Looked:
    """Look at every picture: is it there, can Ultralytics read it, and is it the one that the boxes were drawn in.

    Args:
        splits: What a reader made.
        tick: Called after each picture.

    Raises:
        DataError: Boxes of a split lie outside of their pictures, more than slips explain.
    """
    usable: dict[str, list[Usable]] = {}
    images: list[LabelProblem] = []
    rows: list[LabelProblem] = []
    for split in splits:
        good = usable.setdefault(split.name, [])
        for picture in split.pictures:
            problem, size = _opened(picture.image)
            problem = problem or _other_size(picture, size) or _other_name(picture)
            images += [problem] if problem else []
            rows += picture.problems
            if not problem and not picture.problems:
                good.append(Usable(picture, size))
            tick()
        _require_inside(split, good)
    return Looked(usable, tuple(images), tuple(rows))


def _opened(image: Path) -> tuple[LabelProblem | None, tuple[int, int]]:
    """Return what is wrong with a picture, or its size."""
    if problem := image_problem(image):
        return problem, (0, 0)
    try:
        return None, image_size(image)
    except (ImportError, OSError):  # Ultralytics reads HEIC and HEIF by a package that needn't be installed
        what = "expected a picture whose size can be read, found HEIC or HEIF: install pi-heif, or save it as JPEG"
        return LabelProblem(image, None, what, ""), (0, 0)


def _require_inside(split: Split, usable: Sequence[Usable]) -> None:
    """Refuse boxes of pictures that have been made smaller, or of other ones.

    Raises:
        DataError: Too many lie outside.
    """
    boxes = np.concatenate([np.empty((0, 4)), *(one.picture.boxes[:, 1:5] for one in usable)])
    sizes = np.repeat([one.size for one in usable] or [(0, 0)], [len(one.picture.boxes) for one in usable] or [0], 0)
    outside = lies_outside(boxes, sizes)
    if count := strays(outside):
        first = int(np.flatnonzero(outside)[0])
        left, top, *_ = boxes[first].tolist()
        width, height = sizes[first].tolist()
        raise DataError(
            expected="boxes inside of their pictures",
            found=f"{count} of {len(boxes)} boxes of {split.name} outside, such as one at {left:g}, {top:g} in a "
            f"picture of {width} x {height} pixels",
            where=str(split.where),
            fix="are the pictures smaller copies of those that the boxes were drawn in? take the originals",
        )


def _other_size(picture: Picture, size: tuple[int, int]) -> LabelProblem | None:
    if picture.size in {None, size}:
        return None
    told, own = (" x ".join(map(str, one)) for one in (picture.size or size, size))
    what = f"expected a picture of {told} pixels, as its annotations say, found {own}"
    return LabelProblem(picture.image, None, what, "")


def _other_name(picture: Picture) -> LabelProblem | None:
    """Say that Ultralytics would pass over a picture in the new data set for its name."""
    if any(part.startswith(".") for part in Path(picture.inside).parts):
        what = "expected a name that Ultralytics finds, found a hidden one, which begins with a dot"
        return LabelProblem(picture.image, None, what, "")
    suffix = Path(picture.inside).suffix
    if suffix[1:].lower() in IMAGE_SUFFIXES:
        return None
    found = f"the suffix {suffix}" if suffix else "no suffix"
    what = f"expected a name that ends as those of pictures do, found {found}"
    return LabelProblem(picture.image, None, what, "")


def require_own_labels(split: Split) -> None:
    """Refuse pictures whose labels would be one file, as those of a.jpg and a.png.

    Raises:
        DataError: There are such pictures.
    """
    inside = [picture.inside for picture in split.pictures]
    repeated = [name for name, count in Counter(inside).items() if count > 1]
    shared = repeated or [one.name for group in sharing(map(Path, inside)) for one in group]
    if shared:
        raise DataError(
            expected="pictures with names of their own, so that each has its own label file",
            found=_some(shared),
            where=str(split.where),
            fix="rename them, in the annotations, too",
        )


def require_apart(splits: Sequence[Split]) -> None:
    """Refuse pictures to train on that are measured on, too.

    Raises:
        DataError: Train shares pictures with another split.
    """
    train = {_file(picture.image) for picture in splits[0].pictures}
    for split in splits[1:]:
        both = [picture.image.name for picture in split.pictures if _file(picture.image) in train]
        if both:
            raise DataError(
                expected=f"pictures of train that are not in {split.name}, too",
                found=f"{plural(len(both), 'picture')} in both: {_some(both)}",
                where=str(split.where),
                fix="take them out of one of the two",
            )


def _file(image: Path) -> Hashable:
    """Return what two names of one file have in common, links among them; of a file that isn't there its name."""
    try:
        state = image.stat()
    except OSError:
        return image
    return (state.st_dev, state.st_ino) if state.st_ino else image


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
