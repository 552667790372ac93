"""Data sets of other formats to YOLO ones: complete with pictures, labels and data.yaml, in one step or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from auxhead.errors import DataError, OutputError
from auxhead.files import sha256
from auxhead.foreign.data_set import DataSet, with_read_suffixes, without_rare
from auxhead.foreign.recognize import read_foreign
from auxhead.foreign.usable import Looked, look_at, require_apart, require_own_labels
from auxhead.foreign.writing import Tally, write_split
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
from auxhead.labels.conversion.images import find_image
from auxhead.labels.conversion.result import Conversion, SplitCounts
from auxhead.labels.problems import write_problems
from auxhead.progress import Steps

VERSION = 4  # of what we write; raise it when a new release writes other files, so that old ones are made anew
STEPS = 64  # pictures from one report of progress to the next


def to_yolo(
    data: str,
    out: Path,
    *,
    pictures: str | None = None,
    min_boxes: int = 0,
    images: Images = "link",
    on_error: OnError = "fail",
    only_same: bool = False,
    progress: Steps | None = None,
) -> Conversion:
    """Write a data set of another format as a YOLO one.

    Boxes are cut off at the borders of their picture, those without area are left out. Regions in which detections
    count neither way (crowds, difficult boxes, ignored regions) go into `ignore/`, beside `labels/`, where `evaluate`
    finds them. What is left out is counted in the result's remarks.

    Args:
        data: A folder in one of the formats that `read_foreign` knows; or json files, with commas between them.
        out: Folder of the new data set; absent, empty, or an earlier conversion.
        pictures: Folder below which the names of the pictures count; None: looked for.
        min_boxes: Classes with fewer boxes than this are left out.
        images: "link": hard links, else symbolic links, else copies; "copy": copies.
        on_error: What pictures do that aren't there, that Ultralytics can't read, that have another size than their
            annotations say, or whose annotations are broken. "fail": nothing is written but `<out>.problems.csv`.
            "skip": they are left out, and listed in `out/problems.csv`.
        only_same: Whether an earlier conversion in `out` is replaced only if it was made of the same folder or
            the same files.
        progress: Called with pictures done and their total.

    Returns:
        Where the new data set is, and what it holds; with `fresh` False if all was there and up to date.

    Raises:
        ConfigError: A key has no effect on the format that was found.
        DataError: The data set can't be used, or pictures can't and on_error is "fail".
        OutputError: `out` holds other files, or what was made of other ones and `only_same` is set; it lies among the
            pictures or around them, or can't be written.
    """
    with output_errors(out):
        place = resolve(out)
        found = with_read_suffixes(without_rare(read_foreign(data, pictures), min_boxes))
        check_apart(place, {str(one.image.parent) for split in found.splits for one in split.pictures}, [])
        check_apart(place, [], {str(file.parent) for file in found.files})
        check_ours(place)
        if not found.names:
            _require_sound(found, place)
            fix = "is this the folder of the annotations? a detector needs at least one class"
            raise DataError("boxes with the names of their classes", "not one", f"{data} ({found.format})", fix)
        named = _named(data, place.parent)
        keys = {"version": VERSION, "to": "yolo", "out": str(place), "images": images, "on_error": on_error}
        keys |= {"format": found.format, "min_boxes": min_boxes}
        fingerprint = _fingerprint(keys, found)
        manifest = read_manifest(place)
        if manifest is not None and holds(place, fingerprint):
            return _told(place, manifest, fresh=False)
        if manifest is not None and only_same and manifest.get("named", named) != named:
            told = f"what was made of {manifest.get('source')}"
            raise OutputError(f"what was made of {data}, or no such folder", told, str(place), "move it away")
        with build_folder(place) as build:
            notes = _write(found, build, place, link=images == "link", fail=on_error == "fail", progress=progress)
            notes |= {"source": data, "format": found.format, "fingerprint": fingerprint, "keys": keys, "named": named}
            write_manifest(build, notes)
            fresh = publish(build, place, fingerprint)
        place.with_name(f"{place.name}.{PROBLEMS}").unlink(missing_ok=True)  # of an earlier run that failed
    return _told(place, notes, fresh=fresh)


def _named(data: str, folder: Path) -> list[str]:
    """Return the folder or the files that `data` names, as they are reached from a folder."""
    parts = [data] if Path(data).exists() else data.split(",")
    return sorted(os.path.relpath(Path(part.strip()).resolve(), folder) for part in parts)


def _fingerprint(keys: Mapping[str, Any], found: DataSet) -> str:
    """Sum up everything that the result depends on; of pictures their places, sizes and times."""
    digest = hashlib.sha256(json.dumps(keys).encode())
    for file in found.files:
        digest.update(f"{file} {sha256(file)}\n".encode(errors="surrogateescape"))
    for split in found.splits:
        digest.update(f"{split.name}\n".encode())
        for picture in split.pictures:
            _, state = find_image(str(picture.image))
            told = f"{picture.image} {state.st_size} {state.st_mtime_ns}\n" if state else "-\n"
            digest.update(told.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _write(found: DataSet, build: Path, out: Path, *, link: bool, fail: bool, progress: Steps | None) -> dict[str, Any]:
    """Write everything but the manifest, and return what that shall hold."""
    require_apart(found.splits)
    for split in found.splits:
        require_own_labels(split)
    tick = _Ticks(2 * sum(len(split.pictures) for split in found.splits), progress)
    looked = look_at(found.splits, tick)
    looked = replace(looked, rows=(*looked.rows, *found.problems))
    problems = _tell_problems(looked, build, out, fail=fail)
    tally = Tally()
    counts = {}
    for split in found.splits:
        usable = looked.usable[split.name]
        left_out = len(split.pictures) - len(usable)
        folder = build / "images" / split.name
        folder.mkdir(parents=True)
        counts[split.name] = vars(write_split(usable, folder, tally, link=link, left_out=left_out, tick=tick))
        tick(left_out)
    head = {
        "path": str(out),
        **{split.name: f"images/{split.name}" for split in found.splits},
        "names": dict(enumerate(found.names)),
    }
    (build / DATA).write_text(yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1 << 20), "utf-8")
    remarks = [*found.remarks, *tally.remarks()]
    return {"splits": counts, "linked": dict(tally.linked), "problems": problems, "remarks": remarks}


def _tell_problems(looked: Looked, build: Path, out: Path, *, fail: bool) -> int:
    """List what can't be used, and return how much that is.

    Raises:
        DataError: There is something, and that shall fail, or nothing else is left of train or val.
    """
    report = looked.report()
    count = len(looked.images) + len(looked.rows)
    if count and (fail or not all(looked.usable[name] for name in ("train", "val"))):
        csv = out.with_name(f"{out.name}.{PROBLEMS}")
        write_problems(report, csv)
        raise looked.error(csv)
    if count:
        write_problems(report, build / PROBLEMS)
    return count


def _require_sound(found: DataSet, out: Path) -> None:
    """Name broken annotations where not one could be read, which a comma in every number does.

    Raises:
        DataError: There are some.
    """
    pictures = (picture for split in found.splits for picture in split.pictures)
    rows = [problem for picture in pictures for problem in picture.problems]
    _tell_problems(Looked({}, (), (*rows, *found.problems)), out, out, fail=True)


class _Ticks:
    """Counts pictures, and reports some of the counts."""

    def __init__(self, total: int, progress: Steps | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def __call__(self, count: int = 1) -> None:
        before, self.done = self.done, self.done + count
        if self.progress and count and (self.done // STEPS > before // STEPS or self.done == self.total):
            self.progress(self.done, self.total)


def _told(out: Path, notes: Mapping[str, Any], *, fresh: bool) -> Conversion:
    return Conversion(
        data=out / DATA,
        fresh=fresh,
        splits={name: SplitCounts(**counts) for name, counts in notes["splits"].items()},
        linked=notes["linked"],
        problems=notes["problems"],
        problems_csv=out / PROBLEMS if notes["problems"] else None,
        remarks=tuple(notes["remarks"]),
        format=notes["format"],
    )
