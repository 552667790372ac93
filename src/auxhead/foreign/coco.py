"""Find the splits of a COCO data set, and the pictures of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from auxhead.errors import DataError
from auxhead.metrics.coco_file import read_coco
from auxhead.metrics.truth import Truth

WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What names of files and folders call a split."""
DEPTH = 3  # folders below the one named in which json files are looked for. Source: own choice
EXPECTED = "COCO json files of train and val: a folder that holds them, or data=train.json,val.json"


@dataclass(frozen=True)
class CocoSplit:
    """One split.

    Attributes:
        name: train, val or test.
        file: Its json.
        truth: What the json says.
        images: Where each picture should be, in the order of the truth.
        inside: The name of each picture below the folder of its split.
    """

    name: str
    file: Path
    truth: Truth
    images: Sequence[Path]
    inside: Sequence[str]


def find_coco_splits(data: str, pictures: str | None) -> list[CocoSplit]:
    """Read the splits that a folder holds, or that files are.

    The split is told by the file's name ("instances_train2017.json"), else by that of its folder
    ("valid/_annotations.coco.json"). Pictures are looked for beside the json, and where COCO's own folders and
    Roboflow's exports have them.

    Args:
        data: A folder, a json file, or several with commas between them.
        pictures: Folder below which the names of the pictures count; None: looked for.

    Raises:
        DataError: Train or val is not there, a split is there twice, a file can't be read, classes differ, or no
            picture is found.
    """
    files = _files(data)
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(_split_of(file), []).append(file)
    for name, found in by_name.items():
        instances = [file for file in found if file.name.startswith("instances")]
        if name and len(found) > 1 and len(instances) == 1:
            by_name[name] = instances  # beside COCO's captions and keypoints
    clear = {name: found[0] for name, found in by_name.items() if name and len(found) == 1}
    if not {"train", "val"} <= set(clear) or any(len(found) > 1 for name, found in by_name.items() if name):
        told = "; ".join(f"{name or 'neither'}: {', '.join(map(str, found))}" for name, found in by_name.items())
        fix = "name one file for each split, with train, val or test in its name: data=train.json,val.json"
        raise DataError(EXPECTED, told or "no json file", data, fix)
    splits = [_read(name, clear[name], pictures) for name in ("train", "val", "test") if name in clear]
    _require_same_classes(splits)
    return splits


def _files(data: str) -> list[Path]:
    place = Path(data)
    if place.is_dir():
        return sorted(_below(place, DEPTH))
    files = [place] if place.exists() else [Path(part.strip()) for part in data.split(",")]
    for file in files:
        if not file.is_file():
            raise DataError(EXPECTED, "no such file or folder", str(file), "correct the path")
    return files


def _below(folder: Path, depth: int) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.suffix == ".json" and entry.is_file():
            yield entry
        elif depth > 1 and entry.is_dir() and not entry.name.startswith("."):
            yield from _below(entry, depth - 1)


def _split_of(file: Path) -> str:
    """Tell the split by the words in the names of a file and its folder; '' if they tell none, or several."""
    for name in (file.stem, file.parent.name):
        told = {WORDS[word] for word in re.findall("[a-z]+", name.lower()) if word in WORDS}
        if told:
            return told.pop() if len(told) == 1 else ""
    return ""


def _read(name: str, file: Path, pictures: str | None) -> CocoSplit:
    truth = read_coco(file)
    inside = [_inside(given) for given in truth.files]
    folder = _folder(name, file, inside[0], pictures)
    return CocoSplit(name, file, truth, [folder / one for one in inside], inside)


def _inside(given: str) -> str:
    """Bring a file_name to one below its folder: a path of another machine, or one that leads out, is its last part."""
    path = PurePosixPath(given.replace("\\", "/"))
    leads_out = path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1])
    return path.name if leads_out else str(path)


def _folder(name: str, file: Path, first: str, pictures: str | None) -> Path:
    """Find the folder of a split's pictures by its first one."""
    own = file.stem.removeprefix("instances_")
    words = dict.fromkeys((own, name, *(word for word, split in WORDS.items() if split == name)))
    tails = ["", "images", *words, *(f"images/{word}" for word in words)]
    bases = [Path(pictures)] if pictures else [file.parent, file.parent.parent]
    folders = [base / tail for base in bases for tail in tails]
    for folder in folders:
        if (folder / first).is_file():
            return folder
    tried = "\n  ".join(str(folder) for folder in folders[:4])
    raise DataError(
        expected=f"the pictures that {file.name} lists",
        found=f"no {first} in {len(folders)} folders",
        where=f"{file}; looked in\n  {tried}\n  ...",
        fix="name the folder that they lie in: pictures=FOLDER",
    )


def _require_same_classes(splits: Sequence[CocoSplit]) -> None:
    """See that all splits have the same categories: a class index means one thing in a YOLO data set."""
    first = splits[0]
    own = dict(zip(first.truth.categories, first.truth.names, strict=True))
    for split in splits[1:]:
        other = dict(zip(split.truth.categories, split.truth.names, strict=True))
        if other != own:
            apart = sorted({f"{key}: {name}" for key, name in own.items() ^ other.items()})
            raise DataError(
                expected=f"the categories of {first.file.name} in every split",
                found=f"others: {', '.join(apart[:6])}",
                where=str(split.file),
                fix="write all categories into each file, with the same ids",
            )
