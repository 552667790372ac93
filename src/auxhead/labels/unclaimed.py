"""Label files to which no picture belongs: Ultralytics never opens them, and their boxes are lost without a word."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from auxhead.labels.listing import IMAGE_SUFFIXES, Sources, entries, iter_images, label_folder

SUFFIX = ".txt"
ROW = re.compile(rb"\s*\d+([ \t]+[-+.\deE]+){4,}\s*(\n|$)")  # unlike classes.txt, notes and lists of pictures
HEAD = 1 << 12  # bytes of a file that are looked at: a polygon can be long. Source: own choice


def unclaimed(sources: Sources) -> list[tuple[Path, str]]:
    """List the label files of a split's folders to which no picture belongs, sorted by name.

    Args:
        sources: Folders and lists of the split, as for list_images. A picture that a list leaves out has its label all
            the same.

    Returns:
        Each file with the name of a picture that nearly fits it, '' without one: of another suffix, or in other case.
        Files whose first line is no row of a label are none.

    Raises:
        DataError: A list is no UTF-8 text.
    """
    found = {}
    for pictures in _picture_folders(sources):
        labels = Path(label_folder(pictures))
        files = _names(labels, lambda name: name.lower().endswith(SUFFIX))
        if not files:
            continue
        near = _names(Path(pictures), lambda name: not name.lower().endswith(SUFFIX))
        stems = {_stem(name) for name in near if name[name.rfind(".") + 1 :].lower() in IMAGE_SUFFIXES}
        like = {key.casefold(): name for name in near for key in (name, _stem(name))}
        for name in files:
            fits = _stem(name) in stems and (name.endswith(SUFFIX) or (labels / f"{_stem(name)}{SUFFIX}").is_file())
            close = like.get(_stem(name).casefold(), "")
            fits = fits or (_stem(close) in stems and _is_same(labels / f"{_stem(close)}{SUFFIX}", labels / name))
            if not fits and _is_label(labels / name):
                found[labels / name] = close
    return sorted(found.items())


def _picture_folders(sources: Sources) -> Iterator[str]:
    """Yield the folders of a split's pictures, and those of its label files that have none; with a separator each."""
    for source in entries(sources):
        if not source.is_dir():
            yield from dict.fromkeys(group.folder for group in iter_images(source))
            continue
        top = os.path.join(source, "")  # noqa: PTH118  label_folder wants the separator
        for folder, below, _ in os.walk(label_folder(top), followlinks=False):
            beside = {"labels", "ignore"} if "images" in below else set()  # they are found by way of images
            below[:] = [name for name in below if not (name.startswith(".") or name in beside)]
            inside = os.path.relpath(folder, label_folder(top))
            yield top if inside == os.curdir else os.path.join(top, inside, "")  # noqa: PTH118


def _names(folder: Path, wanted: Callable[[str], bool]) -> list[str]:
    """List the names of a folder that are wanted, sorted; none where there is no such folder."""
    try:
        with os.scandir(folder) as found:
            return sorted(one.name for one in found if not one.name.startswith(".") and wanted(one.name))
    except OSError:
        return []


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two names are one file, as those in other case are on some systems."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _stem(name: str) -> str:
    """Return a name without its suffix, as label_path does."""
    return name.rsplit(".", 1)[0]


def _is_label(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return ROW.match(opened.read(HEAD).removeprefix(b"\xef\xbb\xbf")) is not None
    except OSError:
        return False
