"""Find the splits of a COCO data set, and the pictures of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxhead.errors import DataError
from auxhead.foreign.data_set import DataSet, Picture, Split
from auxhead.foreign.folders import DEEPEST, DEPTH, WORDS, ends_in, name_inside, split_of, walk
from auxhead.labels.problems import LabelProblem
from auxhead.metrics.coco_file import read_coco
from auxhead.metrics.results_file import read_json
from auxhead.metrics.truth import Truth

ASKED = 100  # pictures by which the folder of a split is found. Source: own choice; a few may be missing
DEPTHS = (DEPTH, DEEPEST)  # the second where the first finds none, as the format is recognized
EXPECTED = "COCO json files of train and val: a folder that holds them, or data=train.json,val.json"


@dataclass(frozen=True, eq=False)
class _Json:
    """The json of one split."""

    name: str
    file: Path
    truth: Truth
    broken: list[tuple[int | None, str]]  # annotations that can't be used: the place of their image, and what is wrong

    def problems(self, image: int | None) -> tuple[LabelProblem, ...]:
        """Return what is wrong with the annotations of an image; None: with those of no image."""
        return tuple(LabelProblem(self.file, None, what, "") for place, what in self.broken if place == image)


def read_coco_set(data: str, pictures: str | None) -> DataSet:
    """Read the splits that a folder holds, or that files are.

    The split is told by the file's name ("instances_train2017.json"), else by that of its folder
    ("valid/_annotations.coco.json"). Pictures are looked for beside the json, and where COCO's own folders and
    Roboflow's exports have them. Classes are the categories by rising id; a first one that only heads the others, as
    Roboflow writes one, is none. Crowds (`iscrowd`) are regions to pass over.

    Args:
        data: A folder, a json file, or several with commas between them.
        pictures: Folder below which the names of the pictures count; None: looked for.

    Raises:
        DataError: Train or val is not there, a split is there twice, a file can't be read, classes differ, or no
            picture is found.
    """
    by_name: dict[str, list[Path]] = {}
    for file in _files(data):
        by_name.setdefault(split_of(file.stem, file.parent.name), []).append(file)
    for name, found in by_name.items():
        instances = [file for file in found if file.name.startswith("instances")]
        if name and len(found) > 1 and len(instances) == 1:
            by_name[name] = instances  # beside COCO's captions and keypoints
    clear = {name: found[0] for name, found in by_name.items() if name and len(found) == 1}
    if not {"train", "val"} <= set(clear) or any(len(found) > 1 for name, found in by_name.items() if name):
        told = "; ".join(f"{name or 'neither'}: {', '.join(map(str, found))}" for name, found in by_name.items())
        fix = "name one file for each split, with train, val or test in its name: data=train.json,val.json"
        raise DataError(EXPECTED, told or "no json file", data, fix)
    there = [name for name in ("train", "val", "test") if name in clear and not (name == "test" and _bare(clear[name]))]
    jsons = [_read(name, clear[name]) for name in there]
    _require_same_classes(jsons)
    remarks = [f"{clear[name].name} has no annotations, and is left out" for name in clear if name not in there]
    truth = jsons[0].truth
    heads = set.intersection(*(set(one.truth.roots) for one in jsons))
    classes = [place for place in range(len(truth.names)) if place not in heads]
    remarks += [f"the category {truth.names[head]!r} heads the others, has no box, and is no class" for head in heads]
    called = tuple(truth.names[place] for place in classes)
    remarks += [f"several categories are called {name!r}, and stay classes of their own" for name in _twice(called)]
    return DataSet(
        format="COCO",
        names=called,
        splits=tuple(_split(one, classes, pictures) for one in jsons),
        files=tuple(one.file for one in jsons),
        remarks=tuple(remarks),
        problems=tuple(problem for one in jsons for problem in one.problems(None)),
    )


def _read(name: str, file: Path) -> _Json:
    broken: list[tuple[int | None, str]] = []
    return _Json(name, file, read_coco(file, broken=broken), broken)


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _bare(file: Path) -> bool:
    """Tell whether a json lists pictures and no annotations, as COCO's own of test do (image_info_test2017.json)."""
    content = read_json(file, EXPECTED)
    return isinstance(content, dict) and "images" in content and not content.get("annotations")


def _files(data: str) -> list[Path]:
    place = Path(data)
    if place.is_dir():
        for depth in DEPTHS:
            if found := sorted(file for files in walk(place, depth) for file in files if ends_in(file, ".json")):
                return found
        return []
    files = [place] if place.exists() else [Path(part.strip()) for part in data.split(",")]
    for file in files:
        if not file.is_file():
            raise DataError(EXPECTED, "no such file or folder", str(file), "correct the path")
    return files


def _split(one: _Json, classes: Sequence[int], pictures: str | None) -> Split:
    """Part the boxes of a json by picture."""
    truth = one.truth
    inside = [name_inside(given) for given in truth.files]
    folder = _folder(one.name, one.file, inside[:ASKED], pictures)
    index = np.full(len(truth.names), -1)
    index[list(classes)] = np.arange(len(classes))
    table = np.column_stack([index[truth.cls], truth.boxes, truth.crowd]).astype(np.float64)
    ends = np.searchsorted(truth.image, np.arange(len(inside) + 1))
    broken = {place: one.problems(place) for place in {place for place, _ in one.broken}}
    made = [
        Picture(folder / name, name, (int(width), int(height)), table[start:end], broken.get(place, ()))
        for place, (name, (width, height), start, end) in enumerate(
            zip(inside, truth.sizes, ends, ends[1:], strict=False)
        )
    ]
    return Split(one.name, made, one.file)


def _folder(name: str, file: Path, first: Sequence[str], pictures: str | None) -> Path:
    """Find the folder of a split's pictures by the first of them that is there."""
    own = file.stem.removeprefix("instances_")
    words = dict.fromkeys((own, name, *(word for word, split in WORDS.items() if split == name)))
    tails = ["", "images", *words, *(f"images/{word}" for word in words)]
    bases = [Path(pictures)] if pictures else [file.parent, file.parent.parent]
    folders = [base / tail for base in bases for tail in tails]
    for folder in (folder for each in first for folder in folders if (folder / each).is_file()):
        return folder
    tried = "\n  ".join(str(folder) for folder in folders[:4])
    raise DataError(
        expected=f"the pictures that {file.name} lists",
        found=f"no {first[0]} in {len(folders)} folders, nor any of the next",
        where=f"{file}; looked in\n  {tried}\n  ...",
        fix="name the folder that they lie in: pictures=FOLDER",
    )


def _require_same_classes(jsons: Sequence[_Json]) -> None:
    """See that all splits have the same categories: a class index means one thing in a YOLO data set."""
    first = jsons[0]
    own = dict(zip(first.truth.categories, first.truth.names, strict=True))
    for one in jsons[1:]:
        other = dict(zip(one.truth.categories, one.truth.names, strict=True))
        if other != own:
            apart = sorted({f"{key}: {name}" for key, name in own.items() ^ other.items()})
            raise DataError(
                expected=f"the categories of {first.file.name} in every split",
                found=f"others: {', '.join(apart[:6])}",
                where=str(one.file),
                fix="write all categories into each file, with the same ids",
            )
