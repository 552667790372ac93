"""Labels in another place than the one where Ultralytics looks for them: a whole split without any label file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from auxhead.errors import DataError
from auxhead.labels.listing import IMAGE_SUFFIXES, Sources, entries, iter_images, label_folder, label_path

ASKED = 100  # images whose names are searched for. Source: own choice; a few may show nothing and have no label
LOOKED_AT = 100_000  # names looked at in the search. Source: own choice, a second or so on a cold disk
DEPTH = 6  # folders below one another that are searched. Source: own choice; ends where links go round
SHOWN = 3  # files named
KINDS = (".txt", ".xml", ".json")  # labels of other formats are named, too
OPTIONAL = frozenset({"test", "minival"})  # splits that may have no labels: those of challenges have none


def require_labels(split: str, sources: Sources, data: Path) -> None:
    """Check that at least one image of a split has a label file where Ultralytics looks for it.

    Args:
        split: train, val, test or minival. The latter two may have no label at all, but none in a wrong place either.
        sources: Its folders and lists, which exist.
        data: The data.yaml, for the message; label files are also searched for near it.

    Raises:
        DataError: There are images and no label file. It names the first one looked for, and what lies nearby.
    """
    first: list[str] = []
    count = 0
    for folder, names in iter_images(sources):
        labels = label_folder(folder)
        for name in names:
            if os.path.isfile(labels + name.rsplit(".", 1)[0] + ".txt"):  # noqa: PTH113  strings: pathlib is slow
                return
        first += [folder + name for name in names[: ASKED - len(first)]]
        count += len(names)
    if not first:
        return
    images = [Path(name).absolute() for name in first]
    near = list(islice(_nearby(images, _roots(images[0], sources, data)), SHOWN))
    if near or split not in OPTIONAL:
        raise _error(split, data, count, first[0], near)


def _error(split: str, data: Path, count: int, image: str, near: list[Path]) -> DataError:
    label = label_path(Path(image)).absolute()
    found = f"none for any of {count} image{'' if count == 1 else 's'}; {_state(label.parent)}"
    if near:
        found += f"\n          nearby: {', '.join(map(str, near))}"
    fix = "put the label files there (an empty one says that its image shows nothing)"
    if near:
        fix = "rename or move the label files, so that they are found there"
        if not Path(image).is_relative_to(data.absolute().parent):
            fix += "; where the folder of the images is a link, labels are looked for beside the folder it leads to"
    if any(path.suffix.lower() != ".txt" for path in near):
        fix += "; only .txt files in YOLO's format are read"
    if not Path(image).exists():
        found += f"\n          the image {Path(image).absolute()} isn't there either"
        fix = "correct the list of images"
    if not os.path.isabs(image):  # noqa: PTH117  as label_path: images/ at the start of a line isn't replaced
        fix = "begin the lines of the list with ./, which stands for its folder; others count from the current one"
    if "\\" in image and not Path(image).exists():  # a list from Windows
        fix += "; write / instead of \\"
    return DataError(
        expected=f"label files for the images of {split}: /images/ in the path becomes /labels/, the suffix .txt",
        found=found,
        where=f"{data}, {split}: looked for {label} first",
        fix=fix,
    )


def _state(folder: Path) -> str:
    """Say what the folder of the label files is like."""
    if not folder.is_dir():
        return f"no folder {folder}"
    try:
        texts = sorted(islice((path.name for path in folder.iterdir() if path.suffix == ".txt"), LOOKED_AT))
    except OSError:
        return f"{folder} can't be read"
    if not texts:
        return f"no .txt file in {folder}"
    return f"the names of the {len(texts)} .txt files in {folder} are others, such as {texts[0]}"


def _roots(image: Path, sources: Sources, data: Path) -> list[Path]:
    """List the folders to search: that of the images and labels, those of the lists and of the data.yaml."""
    parts = image.parts
    depth = max((place for place, part in enumerate(parts[:-1]) if part.lower() == "images"), default=len(parts) - 2)
    lists = [source.absolute().parent for source in entries(sources) if source.is_file()]
    roots = [Path(*parts[:depth]), *lists, data.absolute().parent]
    return [root for root in dict.fromkeys(roots) if root.parent != root and root != Path.home()]


def _nearby(images: Sequence[Path], roots: list[Path]) -> Iterator[Path]:
    """Search for files that are called like label files of these images, in any case; one for each folder and kind."""
    wanted = {name.lower() + kind for image in images for name in (image.stem, image.name) for kind in KINDS}
    asked = {os.path.realpath(image) for image in images if image.exists()}
    told = set()
    for path in islice(_files(roots), LOOKED_AT):
        key = (path.parent, path.suffix)
        if path.name.lower() in wanted and key not in told:
            owner = _image_of(path)
            if not asked or owner is None or os.path.realpath(owner) in asked:
                told.add(key)
                yield path


def _image_of(label: Path) -> Path | None:
    """Find the image whose labels Ultralytics looks for in a file: one of another split, say."""
    above, _, below = str(label).rpartition(f"{os.sep}labels{os.sep}")
    folders = [label.parent, *([Path(above, "images", below).parent] if above else [])]
    owners = (folder / f"{label.stem}.{suffix}" for folder in folders for suffix in sorted(IMAGE_SUFFIXES))
    return next((image for image in owners if image.is_file() and label_path(image) == label), None)


def _files(roots: list[Path]) -> Iterator[Path]:
    """Yield the files below folders, the nearest first, without hidden ones; a folder once."""
    waiting = deque((root, 0) for root in roots)
    seen = set()
    while waiting:
        folder, depth = waiting.popleft()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
        except OSError:
            continue
        for path in map(folder.joinpath, names):
            if not path.is_dir():
                yield path
            elif depth < DEPTH:
                waiting.append((path, depth + 1))
