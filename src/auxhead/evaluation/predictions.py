"""What an evaluation measures: predictions from a file, or made with a model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auxhead.errors import DataError
from auxhead.evaluation.doubts import refuse_misread
from auxhead.evaluation.files import info_file, predictions_file
from auxhead.evaluation.in_memory import InMemory
from auxhead.evaluation.sources import Task
from auxhead.files import sha256 as sha256_of
from auxhead.files import write_atomic
from auxhead.formats import plural
from auxhead.metrics.detections import Detections
from auxhead.metrics.results.categories import Categories
from auxhead.metrics.results.problems import Origin
from auxhead.metrics.results_file import read_json, read_results, to_json
from auxhead.progress import named

OURS: Categories = "own"  # what `to_json` writes
KNOWN = ("imgsz", "max_det", "ultralytics", "ultralytics_version", "looks")  # noted beside predictions of ours


@dataclass(frozen=True)
class Predicted:
    """Predictions on disk and what is known about them; given: by a file that the user named, not by a model."""

    name: str
    source: str
    sha256: str
    file: Path
    detections: int
    given: bool = False
    imgsz: int | None = None
    max_det: int = 0
    note: str = ""
    ultralytics: Mapping[str, float] | None = None
    ultralytics_version: str | None = None
    looks: float | None = None


def detector_names(sources: Sequence[Path], *, sliced: bool = False) -> list[str]:
    """Name detectors: runs/detect/train/weights/best.pt is train-best; numbered where names are equal.

    Args:
        sources: Files of models or predictions.
        sliced: Whether the first one looks at slices: train-best-sliced.
    """
    names = []
    for source in sources:
        inside = source.parent.name == "weights" and source.parent.parent.name
        names.append(f"{source.parent.parent.name}-{source.stem}" if inside else source.stem)
    if sliced:
        names[0] += "-sliced"
    return [name if names.count(name) == 1 else f"{name}-{place}" for place, name in enumerate(names, start=1)]


def predicted(
    job: Task, source: Path, name: str, *, sliced: bool = False, given: InMemory | None = None
) -> tuple[Predicted, Detections]:
    """Read predictions, or make them. They are apart from what is known about them: there may be millions."""
    if given:
        return _from_memory(job, source, name, given)
    if source.suffix == ".json":
        return _from_file(job, source, name)
    return _from_model(job, source, name, sliced=sliced)


def _from_file(job: Task, source: Path, name: str) -> tuple[Predicted, Detections]:
    found = read_results(source, job.truth, _categories(job, source))
    info = _info(source)
    notes = _notes(job, found, Origin(str(source)), ours=bool(info))
    pictures = info.get("images_sha256")
    if pictures and pictures != job.hashes.get("images_sha256", pictures):
        raise DataError(
            expected="predictions on the images of this data set and split",
            found="predictions of ours on other images (another hash)",
            where=f"{source} and {job.own.data}",
            fix="name the data they were made on, or predict again with model=",
        )
    digest = sha256_of(source)
    known: dict[str, Any] = {key: info[key] for key in KNOWN if key in info}
    known["note"] = "; ".join(filter(None, (info.get("note"), *notes)))
    return Predicted(name, str(source), digest, source, len(found.image), given=True, **known), found


def _from_memory(job: Task, file: Path, name: str, given: InMemory) -> tuple[Predicted, Detections]:
    """Read predictions from memory, and write the file that says the same."""
    found, unseen = given.read(job.truth, _categories(job))
    notes = _notes(job, found, given.origin)
    if unseen:
        notes = (
            f"{unseen} of {plural(len(job.truth.files), 'image')} without predictions count as nothing found",
            *notes,
        )
    write_atomic(file, given.content)
    note = "; ".join(filter(None, notes))
    return Predicted(name, str(file), given.sha256, file, len(found.image), given=True, note=note), found


def _notes(job: Task, found: Detections, origin: Origin, *, ours: bool = False) -> tuple[str, ...]:
    """Refuse detections that are misread, and say what else there is to say; some may be empty."""
    asked = "categories" in job.own.model_fields_set and not ours
    remark = refuse_misread(job.truth, found, OURS if ours else job.own.categories, origin, asked=asked)
    passed = f"{plural(found.left_out, 'detection')} on images that were left out, passed over"
    return passed if found.left_out else "", remark


def read_again(one: Predicted, job: Task) -> Detections:
    """Read what was predicted, in the order and the pixels of its file."""
    return read_results(one.file, job.truth, _categories(job, one.file) if one.given else OURS)


def _categories(job: Task, file: Path | None = None) -> Categories | None:
    """Tell how category ids are read: in files of ours as they were written, whatever is asked for of other files."""
    if job.single_cls:
        return None
    return OURS if file and _info(file) else job.own.categories


def _info(predictions: Path) -> dict[str, Any]:
    """Read what was noted about predictions of ours; {} for others."""
    path = info_file(predictions)
    content = read_json(path, "what auxhead noted about the predictions beside it") if path.is_file() else {}
    return content if isinstance(content, dict) else {}


def _from_model(job: Task, source: Path, name: str, *, sliced: bool) -> tuple[Predicted, Detections]:
    """Predict with a model, unless the same predictions lie there."""
    from auxhead.host.compat import installed
    from auxhead.host.predict import weights_hash

    keys = ("split", "imgsz", "conf", "iou", "max_det", *(("slices", "overlap") if sliced else ()))
    asked = {
        "weights_sha256": weights_hash(source),
        "images_sha256": job.hashes["images_sha256"],
        "labels_sha256": job.hashes["labels_sha256"],  # of Ultralytics' own numbers, which are reused as well
        "ultralytics": installed(),
        "names": list(job.truth.names),
        **{key: getattr(job.own, key) for key in keys},
    }
    file = predictions_file(job.folder, name)
    if not (file.is_file() and _info(file).get("asked") == asked):
        _predict(job, source, asked, file, sliced=sliced)
    else:
        job.tell("Reusing predictions", 1, 1)
    info = _info(file)
    found = read_results(file, job.truth)
    known = {key: info[key] for key in ("note", *KNOWN) if key in info}
    return Predicted(name, str(source), str(asked["weights_sha256"]), file, len(found.image), **known), found


def _predict(job: Task, source: Path, asked: Mapping[str, Any], file: Path, *, sliced: bool) -> None:
    """Predict, and write the predictions and what is known about them."""
    from auxhead.host.compat import installed
    from auxhead.host.predict import predict
    from auxhead.host.slices import Slicing, predict_sliced

    keys = ("imgsz", "batch", "device", "conf", "iou", "max_det", "trust")
    settings = {key: getattr(job.own, key) for key in keys} | {"single_cls": job.single_cls}
    if sliced and job.own.slices:
        how = Slicing(job.own.slices, job.own.overlap)
        tell = named(job.tell, "Looking at slices")
        made = predict_sliced(source, job.truth.files, job.truth.names, how, progress=tell, **settings)
    else:
        made = predict(source, job.own.data, split=job.own.split, **settings)
    named_so = {os.path.abspath(name): index for index, name in enumerate(job.truth.files)}  # noqa: PTH100
    leads_to = {str(Path(name).resolve()): index for index, name in enumerate(job.truth.files)}
    blocks, images = [], []
    for name, rows in made.rows.items():  # of two links to one picture each has its own boxes
        index = named_so.get(os.path.abspath(name), leads_to.get(str(Path(name).resolve())))  # noqa: PTH100
        if index is None:
            raise DataError("predictions on the images of the split", f"one on {name}", job.own.data, "report this")
        blocks.append(rows.numpy())
        images.append(np.full(len(rows), index, dtype=np.int64))
    table = np.concatenate([*blocks, np.empty((0, 6))])
    found = Detections(
        np.concatenate([*images, np.empty(0, dtype=np.int64)]), table[:, 5].astype(np.int64), table[:, :4], table[:, 4]
    )
    info = {
        "asked": dict(asked),
        "images_sha256": job.hashes["images_sha256"],
        "imgsz": made.imgsz,
        "max_det": made.max_det,
        "note": made.note,
        "ultralytics": dict(made.metrics),
        "ultralytics_version": installed(),
        "looks": made.looks,
    }
    write_atomic(info_file(file), b"{}")  # a kill between the writes must not leave an old note on new rows, nor none
    write_atomic(file, to_json(found, job.truth.files))
    write_atomic(info_file(file), json.dumps(info, indent=2).encode())
