"""The work on each image of a conversion: read its labels, write the new ones, have the image linked, keep count."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from auxhead.labels.conversion.images import copy_image, find_image, link_image, regular
from auxhead.labels.conversion.rows import RowConverter
from auxhead.labels.listing import Group, label_folder
from auxhead.labels.pictures import image_problem
from auxhead.labels.problems import LabelProblem

# Paths are strings here: pathlib would take longer than reading and writing the files.
# ruff: noqa: PTH100, PTH103, PTH118, PTH206

DIGEST_BYTES = 16
READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # never wait for a named pipe
WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


@dataclass
class Tally:
    """What was met in some images; `images == those written + left_out`.

    Args:
        images: Images listed, as often as they are listed.
        boxes: Label rows written, repeated ones too.
        missing: Images without a label file.
        empty: Label files without a row.
        left_out: Images of bad label files, and images that can't be used.
        found: Label files, bad ones too.
        digest: Sum of a hash for each image, its label file and their sizes and times; order doesn't matter.
        linked: How often images came which way.
        lines: Written images as a list names them, in order; only filled where the split is a list.
        bad_images: Problems of images.
        bad_labels: Problems of label files, one entry a file.
    """

    images: int = 0
    boxes: int = 0
    missing: int = 0
    empty: int = 0
    left_out: int = 0
    found: int = 0
    digest: int = 0
    linked: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    bad_images: list[LabelProblem] = field(default_factory=list)
    bad_labels: list[tuple[LabelProblem, ...]] = field(default_factory=list)


def fingerprint(batch: Iterable[Group]) -> int:
    """Return the digest that converting these images would give, from their names, sizes and times alone."""
    total = 0
    for folder, names in batch:
        labels = label_folder(folder)
        for name in names:
            label = labels + name.rsplit(".", 1)[0] + ".txt"
            total += _digest(folder + name, regular(folder + name), regular(label))
    return total


class FileConverter:
    """Converts images of one split into a folder; safe to call from several threads at once.

    Args:
        rows: Converts the content of label files.
        root: Folder that the images' relative paths count from, absolute.
        out: Folder of the new images of the split, absolute; its path contains `/images/`.
        link: Whether images may be links to the source's.
        listed: What the lines of an image list begin with, such as "./images/train/"; None if none is wanted.
    """

    def __init__(self, rows: RowConverter, root: str, out: str, *, link: bool, listed: str | None) -> None:
        """Take the places; nothing is written yet."""
        self.writing = True  # turned off when the conversion has failed already and only problems are looked for
        self._rows = rows
        self._root = root
        self._out = out
        self._place: Callable[[str, str], str | None] = link_image if link else copy_image
        self._listed = listed
        self._made: set[str] = set()

    def __call__(self, batch: Iterable[Group]) -> Tally:
        """Convert some images.

        Raises:
            OSError: Something can't be written, or an image can't be copied.
            OutputError: Two images would get one name.
        """
        tally = Tally()
        for folder, names in batch:
            below = relative(folder, self._root)
            new_images = os.path.join(self._out, below)
            labels, new_labels = label_folder(folder), label_folder(new_images)
            self._make(new_images, new_labels)
            written = []
            for name in names:
                label = name.rsplit(".", 1)[0] + ".txt"
                if self._convert(folder + name, labels + label, new_images + name, new_labels + label, tally):
                    written.append(name)
            tally.images += len(names)
            tally.left_out += len(names) - len(written)
            if self._listed is not None:
                start = self._listed + below.replace(os.sep, "/")
                tally.lines += [start + name for name in written]
        return tally

    def _make(self, *folders: str) -> None:
        for folder in folders:
            if self.writing and folder not in self._made:
                os.makedirs(folder, exist_ok=True)
                self._made.add(folder)

    def _convert(self, image: str, label: str, new_image: str, new_label: str, tally: Tally) -> bool:
        """Convert one image and say whether its data set has it now."""
        file, state = find_image(image)
        raw, label_state, problems = _read(label)
        tally.digest += _digest(image, state, label_state)
        rows = None
        if raw is not None:
            rows = self._rows(raw, label)
            problems = rows.problems
        tally.found += label_state is not None
        if problems:
            tally.bad_labels.append(problems)
        bad_image = image_problem(image)
        if bad_image:
            tally.bad_images.append(bad_image)
        if problems or bad_image:
            return False
        if rows is None:
            tally.missing += 1
        else:
            tally.empty += not rows.rows
            tally.boxes += rows.rows
            if self.writing:
                _write(new_label, rows.content)
        if self.writing and (way := self._place(file, new_image)):
            tally.linked[way] += 1
        return True


def absolute(folder: str) -> str:
    """Return a folder's absolute path without `..`."""
    # Only then are links resolved: `a/link/../b` needn't be `a/b`, and two folders must not become one.
    return os.path.realpath(folder) if os.pardir in folder.split(os.sep) else os.path.abspath(folder)


def relative(folder: str, root: str) -> str:
    """Return the path of a folder of images below `root`, ending with a separator; empty for `root` itself."""
    below = os.path.relpath(absolute(folder), root)
    return "" if below == os.curdir else below + os.sep


def _read(label: str) -> tuple[bytes | None, os.stat_result | None, tuple[LabelProblem, ...]]:
    """Read a label file: its content, its state when it was read (None if it is missing), or why it can't be read."""
    try:
        file = os.open(label, READ)
        try:
            state = os.fstat(file)
            if not stat.S_ISREG(state.st_mode):
                return None, None, ()
            return _read_all(file, state.st_size), state, ()
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        found = regular(label)
        if found is None:
            return None, None, ()
        reason = getattr(error, "strerror", None) or error
        what = f"expected a file that can be read, found {type(error).__name__}: {reason}"
        return None, found, (LabelProblem(Path(label), None, what, ""),)


def _read_all(file: int, size: int) -> bytes:
    content = os.read(file, size + 1)  # one byte more than there should be, to see the end
    if len(content) == size:
        return content
    parts = [content]
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write(path: str, content: bytes) -> None:
    file = os.open(path, WRITE, 0o666)
    try:
        while (written := os.write(file, content)) < len(content):
            content = content[written:]
    finally:
        os.close(file)


def _digest(image: str, state: os.stat_result | None, label: os.stat_result | None) -> int:
    image_part = f"{state.st_size} {state.st_mtime_ns}" if state else "-"
    label_part = f"{label.st_size} {label.st_mtime_ns}" if label else "-"
    text = os.fsencode(f"{image_part} {label_part} {image}")
    return int.from_bytes(blake2b(text, digest_size=DIGEST_BYTES).digest(), "big")
