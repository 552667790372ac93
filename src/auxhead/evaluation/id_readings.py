"""What ids of classes and images may count, beside what they were read as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PureWindowsPath

import numpy as np

from auxhead.metrics.detections import Detections
from auxhead.metrics.results.categories import COCO, COCO_IDS, Categories, numberings
from auxhead.metrics.results.ids import number
from auxhead.metrics.truth import Ints, Truth

Places = dict[int | float, int]
"""Places of images in the truth by what an id may be."""
NONE = -1  # no class, or no image
SHIFTS = {"ids one higher": 1, "ids one lower": -1}


def class_tables(truth: Truth, found: Detections, categories: Categories) -> dict[str, Ints]:
    """Map classes to those of other numberings in which all ids of the file exist; and to their neighbours."""
    every = numberings(truth)
    used = set(np.unique(found.cls).tolist())
    ids = {cls: own for own, cls in every[categories].items()}
    tables = {}
    for numbering, known in every.items():
        if known != every[categories] and all(ids[cls] in known for cls in used):
            tables[f"categories={numbering}"] = _table(
                {cls: known.get(own, NONE) for cls, own in ids.items()}, truth.names
            )
    for name, order in _orders(truth.names).items():
        if order != list(range(len(truth.names))):
            tables[f"classes in {name}"] = np.array(order, dtype=np.int64)
    if len(truth.names) == COCO and all(ids[cls] in COCO_IDS for cls in used):
        tables["ids of COCO's 91 categories"] = _table(
            {cls: COCO_IDS.index(own) for cls, own in ids.items() if own in COCO_IDS}, truth.names
        )
    for name, step in SHIFTS.items():
        moved = {cls: cls + step for cls in range(len(truth.names)) if 0 <= cls + step < len(truth.names)}
        if used & moved.keys():
            tables[f"class {name}"] = _table(moved, truth.names)
    return tables


def image_tables(truth: Truth, found: Detections) -> dict[str, Ints]:
    """Map images to those that their ids name as numbers in file names, one higher or lower, or as places in a list."""
    ids = [number(own) for own in truth.ids or (PureWindowsPath(file).stem for file in truth.files)]  # / and \\
    by_id = {own: place for place, own in enumerate(ids) if own is not None}
    tables = {}
    for name, step in SHIFTS.items():
        moved = {place: by_id[own + step] for place, own in enumerate(ids) if own is not None and own + step in by_id}
        if moved:
            tables[f"image {name}"] = _table(moved, ids)
    seen = np.unique(found.image).tolist()
    for name, places in (_numbers(truth.files) | _positions(truth.files)).items():
        named = {place: places.get(own, NONE) for place, own in enumerate(ids) if own is not None}
        if all(named.get(place, NONE) != NONE for place in seen):
            tables[f"image_id as {name}"] = _table(named, ids)
    return tables


def _orders(names: Sequence[str]) -> dict[str, list[int]]:
    """Sort places of names by their letters, with and without regard to capitals."""
    places = range(len(names))
    return {
        "alphabetical order of their names": sorted(places, key=lambda place: names[place]),
        "alphabetical order of their names, small and large letters alike": sorted(
            places, key=lambda place: names[place].casefold()
        ),
    }


def _numbers(files: Sequence[str]) -> dict[str, Places]:
    """Number pictures by the last number in their names, where no other has the same."""
    last = [re.findall(r"\d+", PureWindowsPath(file).stem)[-1:] for file in files]
    times = Counter(int(own[0]) for own in last if own)
    unique: Places = {int(own[0]): place for place, own in enumerate(last) if own and times[int(own[0])] == 1}
    return {"the number in file names": unique}


def _positions(files: Sequence[str]) -> dict[str, Places]:
    """Number pictures by their places in lists of their files, from 0 and from 1."""
    names = [PureWindowsPath(file).name for file in files]
    natural = [[int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)] for name in names]
    lists = {
        "a place in the list of file names sorted as text": sorted(range(len(names)), key=lambda place: names[place]),
        "a place in the list of file names sorted by the numbers in them": sorted(
            range(len(names)), key=lambda place: natural[place]
        ),
    }
    return {
        f"{name}, from {first}": {first + count: place for count, place in enumerate(order)}
        for name, order in lists.items()
        for first in (0, 1)
    }


def _table(entries: Mapping[int, int], of: Sequence[object]) -> Ints:
    """Write a mapping as an array that is indexed by class or image."""
    return np.array([entries.get(place, NONE) for place in range(len(of))], dtype=np.int64)
