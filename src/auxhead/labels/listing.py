"""Which images a data set has, as Ultralytics finds them: folders and text files, read bit by bit.

Nothing here holds all names of a data set, so that a million images take no more memory than a thousand.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from auxhead.errors import DataError
from auxhead.formats import shortened

# Source: Ultralytics 8.4.190, data/utils.py, IMG_FORMATS.
IMAGE_SUFFIXES = frozenset(
    {"avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp"}
)

JPEG_SUFFIXES = frozenset({"jfif", "jif", "jpe", "pjp", "pjpeg"})
"""Other suffixes of JPEGs, which Ultralytics passes over without a word. Source: own list, of what systems and browsers
save pictures as."""

BEHIND = " \t\"'"
"""What lines of a list may have behind the name of a picture, which Ultralytics then passes over."""

Sources = Path | str | Sequence[Path | str]

LONGEST = 120  # letters of a name that a message shows: a line may be a whole file
BATCH = 512  # images handled at a time: long enough to make batches cheap, short enough for a lively progress


class Group(NamedTuple):
    """Some images of one folder: `folder + name` is the path of each, spelled as its source spells it.

    Args:
        folder: Ends with a separator; empty for names that a list gives without a folder.
        names: At least one file name.
    """

    folder: str
    names: list[str]


def label_path(image: Path) -> Path:
    """Name the label file of an image: the last `/images/` becomes `/labels/`, the suffix `.txt`.

    Args:
        image: The image; needn't exist.

    Returns:
        The label file, which needn't exist either. Beside the image if no folder on its way is called `images`.

    Source:
        Ultralytics, data/utils.py, img2label_paths.
    """
    return Path(label_folder(str(image)).rsplit(".", 1)[0] + ".txt")


def ignore_path(image: Path) -> Path:
    """Return where the regions of an image lie in which detections count neither way: as label_path, below `ignore`.

    Ultralytics never looks there. Beside the image if no folder on its way is called `images`, with the suffix
    `.ignore`.

    >>> str(ignore_path(Path("/signs/images/val/1.jpg"))), str(ignore_path(Path("/signs/1.jpg")))
    ('/signs/ignore/val/1.txt', '/signs/1.ignore')
    """
    above, found, below = str(image).rpartition(f"{os.sep}images{os.sep}")
    if not found:
        return Path(below.rsplit(".", 1)[0] + ".ignore")
    return Path(f"{above}{os.sep}ignore{os.sep}{below.rsplit('.', 1)[0]}.txt")


def label_folder(folder: str) -> str:
    """Name the folder of the label files of a folder's images; both end with a separator."""
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return labels.join(folder.rsplit(images, 1))


def entries(sources: Sources) -> list[Path]:
    """List the folders and text files of a split, one or several."""
    return [Path(sources)] if isinstance(sources, str | Path) else [Path(source) for source in sources]


def sharing(images: Iterable[Path]) -> list[list[Path]]:
    """Group images that share a label file, such as 1.jpg and 1.png of one folder: each gets all boxes of 1.txt.

    Args:
        images: The images, as list_images gives them; one that is listed twice counts once.

    Returns:
        The images of each label file that several have, sorted by name.
    """
    by_label: dict[str, list[Path]] = {}
    for image in sorted(set(images)):
        by_label.setdefault(str(label_path(image)), []).append(image)
    return [group for group in by_label.values() if len(group) > 1]


def repeated(images: Iterable[Path]) -> list[str]:
    """Name the images that are listed more than once, by a list or by folders in one another, sorted.

    >>> repeated([Path("/a/1.png"), Path("/b/1.png"), Path("/a/1.png")])
    ['/a/1.png']
    """
    counts = Counter(os.path.abspath(image) for image in images)  # noqa: PTH100  strings: pathlib is slow
    return sorted(image for image, count in counts.items() if count > 1)


def list_images(sources: Sources) -> list[Path]:
    """List the images of a split, as one entry of data.yaml names them.

    Args:
        sources: A folder (searched recursively, hidden names left out), a text file with one image a line (lines that
            start with `./` count from its folder), or several of these.

    Returns:
        The images, sorted by name. Images that a text file lists are not looked for on disk.

    Raises:
        DataError: A source doesn't exist or is no UTF-8 text, or no image is found in any.

    Source:
        Ultralytics, data/base.py, BaseDataset.get_img_files.
    """
    images = sorted(group.folder + name for group in iter_images(sources) for name in group.names)
    if not images:
        raise no_images(sources)
    return [_to_path(name) for name in images]


def iter_images(sources: Sources) -> Iterator[Group]:
    """Yield the images of a split as list_images lists them, but in the order of the disk or of the text file.

    Args:
        sources: As for list_images.

    Yields:
        Images, up to 512 of one folder at a time.

    Raises:
        DataError: A source doesn't exist or is no UTF-8 text.
    """
    for source in entries(sources):
        yield from _groups(source, _is_image)


def passed_over(sources: Sources) -> list[Path]:
    """List the pictures of a split that Ultralytics passes over for their suffix (.jfif, or "jpg "), sorted by name.

    Args:
        sources: As for list_images.

    Raises:
        DataError: A source doesn't exist or is no UTF-8 text.
    """
    found = (group for source in entries(sources) for group in _groups(source, _is_unread))
    return [_to_path(name) for name in sorted(group.folder + name for group in found for name in group.names)]


def batches(groups: Iterable[Group], size: int = BATCH) -> Iterator[list[Group]]:
    """Join small groups until they hold at least `size` images, which a list in random order makes necessary."""
    batch: list[Group] = []
    count = 0
    for group in groups:
        batch.append(group)
        count += len(group.names)
        if count >= size:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def no_images(sources: Sources) -> DataError:
    """Build the error for a split without an image, for the caller to raise."""
    found = entries(sources)
    first, others = "", 0
    for group in (group for source in found for group in _groups(source, lambda _: True)):
        first, others = first or group.names[0], others + len(group.names)
    is_json = [source for source in found if source.suffix.lower() == ".json"]
    return DataError(
        expected=f"at least one image, with one of the suffixes {' '.join(sorted(IMAGE_SUFFIXES))} (in any case)",
        found=f"{others} other names, such as {shortened(first, LONGEST)}" if others else "nothing",
        where=", ".join(str(source) for source in found) or "an empty list of folders",
        fix="name the folder that holds the images, or a text file with one image a line, in data.yaml"
        + (f"; of a COCO file, write data={is_json[0].name}" if is_json else ""),
    )


def _groups(source: Path, wanted: Callable[[str], bool]) -> Iterator[Group]:
    if source.is_dir():
        top = str(source)
        return _walk("" if top == os.curdir else os.path.join(top, ""), wanted)  # noqa: PTH118
    if source.is_file():
        return _split(filter(wanted, _lines(source)))
    raise DataError(
        expected="a folder of images, or a text file with one image a line",
        found="nothing of that name",
        where=str(source),
        fix="correct the path in data.yaml; relative ones count from its `path`, or from its own folder",
    )


def _is_image(name: str) -> bool:
    return name[name.rfind(".") + 1 :].lower() in IMAGE_SUFFIXES


def _is_unread(name: str) -> bool:
    suffix = name[name.rfind(".") + 1 :].lower()
    return suffix in JPEG_SUFFIXES or (suffix not in IMAGE_SUFFIXES and suffix.rstrip(BEHIND) in IMAGE_SUFFIXES)


def _walk(top: str, wanted: Callable[[str], bool]) -> Iterator[Group]:
    """Yield what `glob(top/**/*.*)` finds: no hidden name, links to folders followed, closed folders passed over.

    Only links that lead back to a folder on the way to them differ: glob goes round until the system stops it.
    """
    waiting: list[tuple[str, tuple[tuple[int, int], ...]]] = [(top, ())]
    while waiting:
        folder, above = waiting.pop()
        below: list[str] = []
        try:
            state = os.stat(folder or os.curdir)  # noqa: PTH116  strings: pathlib is several times as slow
            here = (state.st_dev, state.st_ino)
            if here in above:
                continue
            found = os.scandir(folder or os.curdir)
        except OSError:
            continue
        with found:
            names = _visible(found, below, wanted)
            while batch := sorted(islice(names, BATCH)):
                yield Group(folder, batch)
        waiting += [(f"{folder}{name}{os.sep}", (*above, here)) for name in sorted(below, reverse=True)]


def _visible(found: Iterator[os.DirEntry[str]], below: list[str], wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the wanted names of a folder and put its folders into `below`."""
    for entry in found:
        name = entry.name
        if name[0] == ".":
            continue
        if "." in name and wanted(name):
            yield name
        if entry.is_dir():
            below.append(name)


def _lines(source: Path) -> Iterator[str]:
    """Yield the names in a text file, as `read().strip().splitlines()` would without holding them."""
    folder = f"{source.parent}{os.sep}"
    started, kept = False, ""
    with source.open(encoding="utf-8-sig") as file:
        try:
            for line in (part for physical in file for part in physical.splitlines() if part.strip()):
                if started:
                    yield _from(folder, kept)
                kept, started = (line if started else line.lstrip()), True
        except UnicodeDecodeError as error:
            raise DataError(
                expected="a folder of images, or a UTF-8 text file with one image a line",
                found=f"a file that isn't UTF-8 (byte 0x{error.object[error.start]:02x})",
                where=str(source),
                fix="name the folder of an image instead of the image itself, or save the list as UTF-8",
            ) from error
    if started:
        yield _from(folder, kept.rstrip())


def _from(folder: str, line: str) -> str:
    return (line.replace("./", folder, 1) if line.startswith("./") else line).replace("/", os.sep)


def _split(names: Iterable[str]) -> Iterator[Group]:
    pairs = (name.rpartition(os.sep) for name in names)
    for (head, sep), members in groupby(pairs, key=itemgetter(0, 1)):
        while batch := [name for _, _, name in islice(members, BATCH)]:
            yield Group(head + sep, batch)


def _to_path(name: str) -> Path:
    """Make a path that keeps the meaning of `./images/...`: Path drops the `./` that label_path looks for."""
    path = Path(name)
    return path.absolute() if name.startswith(f".{os.sep}") and path.parts[0] == "images" else path
