"""Folders of foreign data sets: which split one is by its name, and which picture an annotation file belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from auxhead.errors import DataError
from auxhead.formats import plural
from auxhead.labels.listing import IMAGE_SUFFIXES, JPEG_SUFFIXES

WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What names of files and folders call a split."""
DEPTH = 3  # levels in which json files are looked for: deeper ones are of runs beside the data. Source: own choice
DEEPEST = 5  # levels for anything else: VOCtrainval/VOCdevkit/VOC2007/Annotations below the folder named


def split_of(*names: str) -> str:
    """Tell the split by the words in names, the first that has any; '' if none has, or if it has several.

    >>> split_of("instances_train2017", "annotations"), split_of("_annotations", "valid"), split_of("train-val")
    ('train', 'val', '')
    """
    for name in names:
        told = {WORDS[word] for word in re.findall("[a-z]+", name.lower()) if word in WORDS}
        if told:
            return told.pop() if len(told) == 1 else ""
    return ""


def name_inside(given: str) -> str:
    r"""Bring a name to one below its folder: a path of another machine, or one that leads out, is its last part.

    >>> name_inside("day/1.jpg"), name_inside("C:\\pictures\\1.jpg"), name_inside("../1.jpg")
    ('day/1.jpg', '1.jpg', '1.jpg')
    """
    path = PurePosixPath(given.replace("\\", "/"))
    leads_out = path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1])
    return path.name if leads_out else str(path)


def walk(folder: Path, depth: int = DEPTH) -> Iterator[list[Path]]:
    """Yield the files of a folder and of those below it, sorted; hidden ones and closed folders are passed over.

    Args:
        folder: Where to begin.
        depth: Levels, 1 for the folder alone.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted((one for one in found if not one.name.startswith(".")), key=lambda one: one.name)
        yield [Path(one) for one in entries if one.is_file()]
        below = [Path(one) for one in entries if one.is_dir()]
    except OSError:
        return
    for one in below if depth > 1 else ():
        yield from walk(one, depth - 1)


def ends_in(file: Path, suffix: str) -> bool:
    """Tell whether a name ends in a suffix, in capitals or not: some programs write .XML.

    >>> ends_in(Path("1.XML"), ".xml"), ends_in(Path("xml"), ".xml")
    (True, False)
    """
    return file.suffix.lower() == suffix


def files_in(folder: Path, suffix: str) -> list[Path]:
    """List the files right in a folder that end in a suffix, sorted; none where there is no such folder."""
    return [file for file in next(walk(folder, 1), []) if ends_in(file, suffix)]


def folders_below(folder: Path) -> list[Path]:
    """Return the folders right below one, sorted, hidden ones left out."""
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def split_folders(folder: Path, holds: Callable[[Path], bool], expected: str) -> dict[str, Path]:
    """Find the folder of each split by the folders' names.

    Args:
        folder: Where they lie.
        holds: Whether a folder has annotations: others are passed over.
        expected: What the format looks like, for the message.

    Raises:
        DataError: Two folders are called like one split.
    """
    found: dict[str, Path] = {}
    for one in folders_below(folder):
        name = split_of(one.name)
        if name and holds(one):
            if name in found:
                told = f"two folders of {name}: {found[name].name} and {one.name}"
                raise DataError(expected, told, str(folder), "move one of them away, or rename it")
            found[name] = one
    return found


class Album:
    """The pictures of some folders, found by the stem of their names.

    Attributes:
        taken: Stems that an annotation file has asked for.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        """List the folders; those that aren't there have no picture."""
        self.folders = [folder for folder in folders if folder.is_dir()]
        self.taken: set[str] = set()
        self._by_stem: dict[str, list[Path]] = {}
        for file in (file for folder in self.folders for file in next(walk(folder, 1), [])):
            if file.suffix[1:].lower() in IMAGE_SUFFIXES | JPEG_SUFFIXES:
                self._by_stem.setdefault(file.stem, []).append(file)

    def __contains__(self, file: Path) -> bool:
        """Tell whether there is a picture with a file's stem."""
        return file.stem in self._by_stem

    def of(self, annotation: Path, called: str = "") -> Path:
        """Return the picture of an annotation file: of the same stem, else the one that it names, which needn't exist.

        Args:
            annotation: The file.
            called: The name of the picture that stands in it.
        """
        name = name_inside(called) if called else f"{annotation.stem}.jpg"
        named = PurePosixPath(name).name
        stem = annotation.stem if annotation.stem in self._by_stem else PurePosixPath(named).stem
        self.taken.add(stem)
        same = self._by_stem.get(stem, [])
        exact = [one for one in same if one.name == named]
        return (exact or same or [(self.folders or [annotation.parent])[0] / named])[0]

    def left(self) -> int:
        """Count the pictures that no annotation file has asked for."""
        return sum(len(files) for stem, files in self._by_stem.items() if stem not in self.taken)


def deeper(folders: Iterable[Path], suffix: str, read: int) -> list[str]:
    """Say how many annotation files lie deeper in the folders of the splits than they are read; nothing if none does.

    Args:
        folders: The folders of the splits.
        suffix: What the files end in.
        read: How many were read.
    """
    there = sum(ends_in(file, suffix) for folder in folders for files in walk(folder, DEEPEST) for file in files)
    told = f"{plural(there - read, 'file')} ({suffix}) in folders below those of the splits left out: move them up"
    return [told] if there > read else []


def unannotated(albums: Iterable[Album], empty: str) -> list[str]:
    """Say how many pictures have no annotation file; nothing if all have.

    Args:
        albums: Asked for all annotation files.
        empty: How a file says that its picture shows nothing.
    """
    left = sum(album.left() for album in albums)
    told = f"{plural(left, 'picture')} without annotation file left out ({empty} says that nothing is there)"
    return [told] if left else []
