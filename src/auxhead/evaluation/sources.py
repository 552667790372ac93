"""What an evaluation measures against: annotated boxes, and hashes of what they are about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auxhead.errors import DataError
from auxhead.formats import plural
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.labels.apart import require_apart
from auxhead.labels.check import check_labels
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.fingerprint import fingerprint
from auxhead.labels.listing import label_path, list_images, repeated
from auxhead.labels.misplaced import require_labels
from auxhead.labels.pictures import split_pictures
from auxhead.labels.problems import LabelProblem, problems_error
from auxhead.labels.source import Source, require_splits
from auxhead.metrics.coco_file import read_coco
from auxhead.metrics.ignored import with_ignored
from auxhead.metrics.results.boxes import MANY, reaches_outside
from auxhead.metrics.truth import Truth, read_yolo
from auxhead.progress import Progress, named


@dataclass(frozen=True)
class Task:
    """What is asked, and what it is asked of; single_cls: all classes are measured as one."""

    own: EvaluateKeys
    folder: Path
    truth: Truth
    hashes: Mapping[str, Any]
    tell: Progress
    single_cls: bool = False


def read_truth(own: EvaluateKeys, out: Path, tell: Progress) -> tuple[Truth, dict[str, Any]]:
    """Read the annotated boxes; with hashes of pictures and labels, and the images that were left out.

    Raises:
        DataError: The data can't be used.
        OutputError: `out`, where the results shall be, lies among the images or labels.
    """
    data = Path(own.data)
    if data.suffix == ".json":
        truth = read_coco(data, own.area)
        return truth, {"labels_sha256": _labels_hash(truth)}
    source = _source(own)
    require_apart(out, source.splits.values())
    require_splits(source.splits, [own.split], own.data, "choose another with split=, or add it")
    require_labels(own.split, source.splits[own.split], source.data)
    listed = list_images(source.splits[own.split])
    _require_once(listed, own)
    images, left_out = _measurable(listed, source, own, tell)
    truth = read_yolo(
        images,
        source.names,
        kpt_shape=source.kpt_shape,
        area=own.area,
        progress=named(tell, "Reading labels"),
    )
    if not len(truth.image):
        raise DataError(
            expected=f"labels to measure against in the {own.split} split",
            found=f"{len(images)} images of {own.split} without a single box",
            where=own.data,
            fix="put label files beside the images (images/ -> labels/), or choose another split=",
        )
    _require_centers(truth, own)
    truth = with_ignored(truth)
    pictures = fingerprint(images, named(tell, "Hashing images"))
    said = {"left_out": left_out} if left_out else {}
    return replace(truth, left_out=tuple(left_out)), {
        "images_sha256": pictures,
        "labels_sha256": _labels_hash(truth),
        **said,
    }


def _require_once(images: Sequence[Path], own: EvaluateKeys) -> None:
    """Refuse a split that lists images twice: no prediction could say which of the two it is on."""
    if twice := repeated(images):
        raise DataError(
            expected=f"each image of the {own.split} split once",
            found=f"{plural(len(twice), 'image')} listed twice or more, such as {twice[0]}",
            where=own.data,
            fix="take the repeated lines out of its list, or name no folder that lies in another one of them",
        )


def _require_centers(truth: Truth, own: EvaluateKeys) -> None:
    """Refuse labels whose rows can't be center and size."""
    beyond = int(reaches_outside(truth.boxes, truth.sizes[truth.image]).sum())
    if beyond > max(1, MANY * len(truth.image)):
        raise DataError(
            expected="label rows of class x_center y_center width height, as shares of the image",
            found=f"{beyond} of {len(truth.image)} boxes that end far outside of their image",
            where=f"the labels of {own.split} in {own.data}",
            fix="are these left, top, right, bottom as shares? write the center, and the sides as differences",
        )


def _measurable(
    images: Sequence[Path], source: Source, own: EvaluateKeys, tell: Progress
) -> tuple[list[Path], list[str]]:
    """Part the images that are measured from those that Ultralytics leaves out while it predicts.

    What no detector has seen is nothing that it missed. A results file may be of a detector that reads more, so images
    count there whatever they are, and only bad labels are left out.

    Raises:
        DataError: Some have to be left out, and on_error is "fail"; bad labels are left to whoever reads them.
    """
    unusable: tuple[LabelProblem, ...] = ()
    usable = list(images)
    if own.model or (own.versus and not own.versus.endswith(".json")):
        usable, unusable = split_pictures(source.splits[own.split], images, named(tell, "Looking at images"))
    if own.on_error == "fail" and not unusable:
        return usable, []
    report = replace(check_labels(usable, len(source.names), kpt_shape=source.kpt_shape), bad_images=unusable)
    if own.on_error == "fail":
        raise problems_error(report)
    bad = {problem.path for problem in report.problems}
    left_out = [problem.path for problem in unusable] + [image for image in usable if label_path(image) in bad]
    return [image for image in usable if label_path(image) not in bad], list(map(str, left_out))


def measured_as_one(own: EvaluateKeys, truth: Truth, sources: Sequence[Path]) -> bool:
    """Tell whether all classes are measured as one: as asked, else if a model was trained so."""
    models = [source for source in sources if source.suffix == ".pt"]
    if own.single_cls is not None or len(truth.names) == 1 or not models:
        return bool(own.single_cls)
    from auxhead.host.predict import trained_as_one

    return any(trained_as_one(model, trust=own.trust) for model in models)


def _source(own: EvaluateKeys) -> Source:
    """Resolve data.yaml; with a model by Ultralytics, which also knows data sets by name."""
    if own.predictions and not (own.versus and not own.versus.endswith(".json")):
        return read_data_yaml(Path(own.data))
    from auxhead.host.datasets import read_source

    return read_source(own.data)


def _labels_hash(truth: Truth) -> str:
    parts = (truth.image, truth.cls, truth.boxes, truth.crowd)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
