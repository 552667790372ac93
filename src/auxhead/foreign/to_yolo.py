"""COCO data sets to YOLO ones: complete with pictures, labels and data.yaml, in one step or not at all."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from auxhead.errors import DataError
from auxhead.files import sha256
from auxhead.foreign.coco_splits import CocoSplit, find_coco_splits
from auxhead.formats import plural
from auxhead.keys.convert import Images, OnError
from auxhead.labels.conversion.convert import output_errors
from auxhead.labels.conversion.folder import (
    DATA,
    PROBLEMS,
    build_folder,
    check_apart,
    check_ours,
    holds,
    publish,
    read_manifest,
    resolve,
    write_manifest,
)
from auxhead.labels.conversion.images import copy_image, find_image, link_image
from auxhead.labels.conversion.result import Conversion, SplitCounts
from auxhead.labels.listing import label_path, sharing
from auxhead.labels.pictures import image_problem
from auxhead.labels.problems import LabelProblem, LabelReport, problems_error, write_problems
from auxhead.metrics.truth import Floats, Truth, image_size
from auxhead.progress import Steps

VERSION = 1  # of what we write; raise it when a new release writes other files, so that old ones are made anew
CUT = 0.01  # pixels that a box loses at the border before it is told; less is rounding. Source: own choice
STEPS = 64  # pictures from one report of progress to the next


def to_yolo(
    data: str,
    out: Path,
    *,
    pictures: str | None = None,
    images: Images = "link",
    on_error: OnError = "fail",
    progress: Steps | None = None,
) -> Conversion:
    """Write a COCO data set as a YOLO one.

    Classes are the categories by rising id, a first one that only heads the others left out. Boxes are cut off at the
    borders of their picture. Crowds (`iscrowd`), boxes without area and outlines have no place in detection labels;
    what is left out is counted in the result's remarks.

    Args:
        data: A folder with json files, or the files, with commas between them.
        out: Folder of the new data set; absent, empty, or an earlier conversion.
        pictures: Folder below which the names of the pictures count; None: looked for.
        images: "link": hard links, else symbolic links, else copies; "copy": copies.
        on_error: What pictures do that aren't there, that Ultralytics can't read, or that have another size than the
            json says. "fail": nothing is written but `<out>.problems.csv`. "skip": they are left out, and listed in
            `out/problems.csv`.
        progress: Called with pictures done and their total.

    Returns:
        Where the new data set is, and what it holds; with `fresh` False if all was there and up to date.

    Raises:
        DataError: The data set can't be used, or pictures can't and on_error is "fail".
        OutputError: `out` holds other files, lies among the pictures or around them, or can't be written.
    """
    with output_errors(out):
        place = resolve(out)
        splits = find_coco_splits(data, pictures)
        check_apart(place, {str(image.parent) for split in splits for image in split.images}, [])
        check_ours(place)
        keys = {"version": VERSION, "to": "yolo", "out": str(place), "images": images, "on_error": on_error}
        fingerprint = _fingerprint(keys, splits)
        manifest = read_manifest(place)
        if manifest is not None and holds(place, fingerprint):
            return _told(place, manifest, fresh=False)
        with build_folder(place) as build:
            notes = _write(splits, build, place, link=images == "link", fail=on_error == "fail", progress=progress)
            notes |= {"source": data, "fingerprint": fingerprint, "keys": keys}
            write_manifest(build, notes)
            fresh = publish(build, place, fingerprint)
        place.with_name(f"{place.name}.{PROBLEMS}").unlink(missing_ok=True)  # of an earlier run that failed
    return _told(place, notes, fresh=fresh)


def _fingerprint(keys: Mapping[str, Any], splits: Sequence[CocoSplit]) -> str:
    """Sum up everything that the result depends on; of pictures their places, sizes and times."""
    digest = hashlib.sha256(json.dumps(keys).encode())
    for split in splits:
        digest.update(f"{split.name} {sha256(split.file)}\n".encode())
        for image in split.images:
            _, state = find_image(str(image))
            digest.update(f"{image} {state.st_size} {state.st_mtime_ns}\n".encode() if state else b"-\n")
    return digest.hexdigest()


def _write(
    splits: Sequence[CocoSplit], build: Path, out: Path, *, link: bool, fail: bool, progress: Steps | None
) -> dict[str, Any]:
    """Write everything but the manifest, and return what that shall hold."""
    total = sum(len(split.images) for split in splits)
    bad: list[LabelProblem] = []
    usable: dict[str, list[int]] = {}
    done = 0
    for split in splits:
        _require_labels_of_their_own(split)
        usable[split.name] = []
        for place, image in enumerate(split.images):
            problem = _problem(image, split.truth.sizes[place].tolist())
            if problem:
                bad.append(problem)
            else:
                usable[split.name].append(place)
            done += 1
            if progress and (done % STEPS == 0 or done == total):
                progress(done, 2 * total)
    report = LabelReport(total - len(bad), total - len(bad), 0, 0, 0, 0, 0, (), tuple(bad))
    if bad and (fail or not all(usable[name] for name in ("train", "val"))):
        csv = out.with_name(f"{out.name}.{PROBLEMS}")
        write_problems(report, csv)
        raise problems_error(report, csv)
    if bad:
        write_problems(report, build / PROBLEMS)
    heads = set.intersection(*(set(split.truth.roots) for split in splits))
    classes = [place for place in range(len(splits[0].truth.names)) if place not in heads]
    lost: Counter[str] = Counter()
    linked: Counter[str] = Counter()
    counts = {}
    for split in splits:
        boxes = empty = 0
        for place in usable[split.name]:
            rows = _rows(split.truth, place, classes, lost)
            target = build / "images" / split.name / split.inside[place]
            label = label_path(
                target
            )  # by Ultralytics' rule, which the name of a picture may have a say in: images/a.png
            for folder in (target.parent, label.parent):
                folder.mkdir(parents=True, exist_ok=True)
            label.write_text("".join(rows), encoding="utf-8")
            way = (link_image if link else copy_image)(find_image(str(split.images[place]))[0], str(target))
            linked[way or "hard link"] += 1
            boxes += len(rows)
            empty += not rows
            done += 1
            if progress and (done % STEPS == 0 or done == total + sum(map(len, usable.values()))):
                progress(min(done, 2 * total), 2 * total)
        left_out = len(split.images) - len(usable[split.name])
        counts[split.name] = SplitCounts(len(split.images), boxes, 0, empty, left_out)
    names = {number: splits[0].truth.names[place] for number, place in enumerate(classes)}
    head = {"path": str(out), **{split.name: f"images/{split.name}" for split in splits}, "names": names}
    (build / DATA).write_text(yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1 << 20), "utf-8")
    remarks = [text.format(plural(lost[kind], "box")) for kind, text in LOST.items() if lost[kind]]
    if heads:
        remarks.append(f"the category {splits[0].truth.names[0]!r} heads the others, has no box, and is no class")
    told = {name: vars(count) for name, count in counts.items()}
    return {"splits": told, "linked": dict(linked), "problems": len(bad), "remarks": remarks}


LOST = {
    "crowd": "{} of crowds (iscrowd) left out; `evaluate` passes over them if its data= is the json",
    "flat": "{} without area, or outside of the picture, left out",
    "cut": "{} cut off at the border of the picture",
}
"""What a box can lose on the way, in words."""


def _rows(truth: Truth, place: int, classes: Sequence[int], lost: Counter[str]) -> list[str]:
    """Write the label rows of a picture; counts in `lost` what has no place there."""
    start, end = np.searchsorted(truth.image, [place, place + 1])
    size = truth.sizes[place].astype(np.float64)
    rows = []
    for at in range(start, end):
        if truth.crowd[at]:
            lost["crowd"] += 1
            continue
        box: Floats = truth.boxes[at]
        low = np.clip(box[:2], 0, size)
        high = np.clip(box[:2] + box[2:], 0, size)
        if (high <= low).any():
            lost["flat"] += 1
            continue
        lost["cut"] += bool(np.abs(np.hstack([low - box[:2], high - box[:2] - box[2:]])).max() > CUT)
        numbers = np.hstack([(low + high) / 2 / size, (high - low) / size])
        rows.append(f"{classes.index(int(truth.cls[at]))} " + " ".join(f"{number:.7g}" for number in numbers) + "\n")
    return rows


def _problem(image: Path, size: list[int]) -> LabelProblem | None:
    """Say what is wrong with a picture: Ultralytics can't use it, or it isn't the one that the boxes were drawn in."""
    found = image_problem(image)
    if found:
        return found
    own = image_size(image)
    if list(own) != size:
        what = f"expected a picture of {size[0]} x {size[1]} pixels, as the json says, found {own[0]} x {own[1]}"
        return LabelProblem(image, None, what, "")
    return None


def _require_labels_of_their_own(split: CocoSplit) -> None:
    """Refuse pictures whose labels would be one file, as those of a.jpg and a.png."""
    repeated = [name for name, count in Counter(split.inside).items() if count > 1]
    shared = repeated or [one.name for group in sharing(map(Path, split.inside)) for one in group]
    if shared:
        raise DataError(
            expected="pictures with names of their own, so that each has its own label file",
            found=", ".join(shared[:6]) + (", ..." if len(shared) > 6 else ""),
            where=str(split.file),
            fix="rename them, in the json, too",
        )


def _told(out: Path, notes: Mapping[str, Any], *, fresh: bool) -> Conversion:
    return Conversion(
        data=out / DATA,
        fresh=fresh,
        splits={name: SplitCounts(**counts) for name, counts in notes["splits"].items()},
        linked=notes["linked"],
        problems=notes["problems"],
        problems_csv=out / PROBLEMS if notes["problems"] else None,
        remarks=tuple(notes["remarks"]),
    )
