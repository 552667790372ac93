"""Which picture a row of results means: by file_name, else by image_id, in the spelling that the data knows it by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath, PurePosixPath
from typing import Any
from unicodedata import normalize

from auxhead.metrics.results.ids import is_id, number
from auxhead.metrics.results.problems import EXPECTED, BadRowError
from auxhead.metrics.truth import Truth

NO_SUCH = "predict on the images of this data set and split, and write their names (file_name) or ids as the data does"
FOLDERS = "write file_name with as many folders as tell the images apart"
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What folders of splits are called."""
SAME_TAIL = 2  # parts: name and folder agree, where the roots are those of two machines. Source: own choice


def image_finder(truth: Truth, rows: Sequence[Any]) -> Callable[[Mapping[str, Any]], int]:
    """Make a function that finds the image of a row, or raises BadRowError.

    Args:
        truth: Says which images there are.
        rows: All of the file: ids that are numbers are read in one way throughout, as the data's ids if these fit as
            many as the numbers in file names do.

    Returns:
        The function; images that are left out count on after the others.
    """
    images = _Images(replace(truth, files=truth.files + truth.left_out))
    images.contested = _contested(images, rows)
    asked = {row.get("image_id") for row in rows if isinstance(row, dict) and is_id(row.get("image_id"))}
    own, named = (sum(len(places(one)) == 1 for one in asked) for places in (images.by_id, images.by_name))
    read = images.by_name if not truth.ids or named > own else images.by_id
    foreign = not truth.ids or own < len(asked)
    known: dict[tuple[object, object], int] = {}

    def find(row: Mapping[str, Any]) -> int:
        if not isinstance(row, Mapping):
            raise BadRowError(f"a {type(row).__name__}, no object", f"write {EXPECTED}")
        name, one = row.get("file_name"), row.get("image_id")
        name = None if name == "" or images.unnamed else name
        if name is None and "image_id" not in row:
            raise BadRowError("neither image_id nor file_name", "write image_id or file_name into every row")
        key = (name if is_id(name) else str(name) if name is not None else None, one if is_id(one) else str(one))
        if key not in known:
            known[key] = images.named(name, one, foreign=foreign) if name is not None else images.only(read(one), one)
        return known[key]

    return find


class _Images:
    """The images of a truth by id and by name."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.paths = [_parts(file) for file in truth.files]
        self.names = _places(parts[-1] for parts in self.paths)
        self.stems = _places(PurePath(parts[-1]).stem for parts in self.paths)
        self.alike = {str(stem).casefold(): places[0] for stem, places in self.stems.items()}
        self.unnamed = bool(truth.ids) and truth.files == tuple(map(str, truth.ids))  # a COCO json without file_name
        self.ids = _places(truth.ids)
        self.id_numbers = _places(map(number, truth.ids))
        self.stem_numbers = _places(number(PurePath(parts[-1]).stem) for parts in self.paths)
        self.contested: set[int] = set()

    def by_id(self, one: object) -> Sequence[int]:
        """Find images by the data's id, "1" being 1 where there is no other."""
        return (self.ids.get(one) or self.id_numbers.get(number(one), [])) if is_id(one) else []

    def by_name(self, one: object) -> Sequence[int]:
        """Find images by name, with or without suffix and folders, or by the number that the name is."""
        if not isinstance(one, str):
            return self.stem_numbers.get(number(one), []) if is_id(one) else []
        parts = _parts(one)
        same = self.called(parts)
        return self._longest(same, parts) if same else self.stem_numbers.get(number(one), [])

    def called(self, parts: Sequence[str]) -> Sequence[int]:
        """Find images by the last part of a path alone."""
        last = parts[-1] if parts else ""
        return self.names.get(last) or self.stems.get(last, [])

    def _longest(self, places: Sequence[int], parts: Sequence[str]) -> list[int]:
        """Keep the images whose folders are those of a path, as far as both name any or up to the roots.

        The folders of another machine may agree in nothing: they don't matter where only one image has that name and
        the rows name it in one way; but for folders that name another split.
        """
        tails = {place: _common(self.paths[place][:-1], parts[:-1]) for place in places}
        fine = {
            place: tail
            for place, tail in tails.items()
            if tail == min(len(self.paths[place]), len(parts)) - 1 or tail + 1 >= SAME_TAIL
        }
        if not fine and len(places) == 1 and places[0] not in self.contested:
            return [] if _another_split(self.paths[places[0]], parts) else list(places)
        return [place for place, tail in fine.items() if tail == max(fine.values())]

    def named(self, name: object, one: object, *, foreign: bool) -> int:
        """Return the image that a file_name names, unless the image_id beside it names another."""
        places, by_id, by_name = self.by_name(name) if isinstance(name, str) else [], self.by_id(one), self.by_name(one)
        if not places and (by_id or (by_name and number(one) is None)):
            other = self.spelling((by_id or by_name)[0])
            message = f"image {name!r} is not in the data, which knows image_id {one!r} as {other}"
            raise BadRowError(message, "correct file_name, or leave it out to go by image_id")
        if len(places) > 1:
            places = [place for place in places if place in {*by_id, *by_name}] or places
        found = self.only(places, name)
        said = [] if foreign else by_id
        said = said or (by_name if number(one) is None else [])
        if said and found not in {*by_id, *by_name}:
            message = (
                f"file_name {name!r} and image_id {one!r}, which is {self.spelling(said[0])}, name different images"
            )
            raise BadRowError(message, "correct one of the two, or leave image_id out to go by file_name")
        return found

    def only(self, places: Sequence[int], what: object) -> int:
        """Return the one place there is, or say why there are none or several."""
        if len(places) == 1:
            return places[0]
        if places:
            message = (
                f"image {what!r} could be any of {len(places)} of that name; file_name must tell their folders apart"
            )
            raise BadRowError(message, FOLDERS)
        if not self.truth.files:
            raise BadRowError(f"image {what!r} is not in the data, which has none", NO_SUCH)
        stem = PurePath((_parts(str(what)) or ("",))[-1]).stem.casefold()
        alike = self.alike.get(stem)
        other = (
            f"calls its images {self.spelling(0)} and so on" if alike is None else f"calls it {self.spelling(alike)}"
        )
        raise BadRowError(f"image {what!r} is not in the data, which {other}", NO_SUCH)

    def spelling(self, place: int) -> str:
        """Write what the data calls an image: file, and id where it has one."""
        own = f" (image_id {self.truth.ids[place]!r})" if self.truth.ids else ""
        shown = self.truth.files[place] if self.truth.ids else self.paths[place][-1]
        return f"{shown!r}{own}"


def _contested(images: _Images, rows: Sequence[Any]) -> set[int]:
    """Find images whose name stands in the rows below different folders: some of them mean another split's."""
    columns = ("file_name", "image_id")
    texts = {(key, row.get(key)) for row in rows if isinstance(row, dict) for key in columns if is_id(row.get(key))}
    folders: dict[tuple[str, int], set[Sequence[str]]] = defaultdict(set)
    for key, text in texts:
        parts = _parts(text) if isinstance(text, str) else ()
        for place in images.called(parts) if len(parts) > 1 else ():
            folders[key, place].add(parts[:-1])
    return {place for (_, place), found in folders.items() if len(found) > 1}


def _places(keys: Iterable[object]) -> dict[object, list[int]]:
    found: dict[object, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        if key is not None:
            found[key].append(place)
    return dict(found)


def _parts(path: str) -> tuple[str, ...]:
    """Split a path of any system, whichever way its slashes lean and its accents are written (macOS: apart)."""
    parts = PurePosixPath(normalize("NFC", path).replace("\\", "/")).parts
    return parts[1:] if parts[:1] == ("/",) else parts


def _another_split(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether the folders of two paths name splits, and different ones: train2017/1.jpg and images/val/1.jpg."""
    kinds = [{SPLITS.get(part.casefold().rstrip("0123456789")) for part in path[:-1]} - {None} for path in (one, other)]
    return bool(kinds[0] and kinds[1] and not kinds[0] & kinds[1])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the folders that two paths share, from their ends."""
    same = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        same += 1
    return same
