"""Tell whether pictures are still the same: one hash over names and contents."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from auxhead.errors import DataError
from auxhead.files import sha256
from auxhead.labels.listing import ignore_path, label_path, list_images
from auxhead.labels.source import Source
from auxhead.labels.workers import in_order
from auxhead.progress import Progress, Steps, named

SPLITS = ("train", "val", "test")


def fingerprint(files: Sequence[Path], progress: Steps | None = None) -> str:
    """Hash files, their names below the folder they share, and their order.

    Args:
        files: Any number; the same files in a copy elsewhere give the same hash.
        progress: Called as progress(done, total), in files.

    Returns:
        SHA-256, hexadecimal.

    Raises:
        DataError: One can't be read.
    """
    root = os.path.commonpath([file.parent for file in files]) if files else ""
    total = hashlib.sha256()
    with closing(in_order(_digest, files)) as digests:
        for done, (file, digest) in enumerate(zip(files, digests, strict=True), start=1):
            total.update(os.fsencode(f"{os.path.relpath(file, root)}\0{digest}\n"))
            if progress:
                progress(done, len(files))
    return total.hexdigest()


def data_hash(source: Source, tell: Progress, splits: Sequence[str] = SPLITS) -> str:
    """Hash the pictures, label files and files of ignored regions of a data set; a copy elsewhere gives the same hash.

    Args:
        source: The data set.
        tell: Called as progress(task, done, total).
        splits: Which; those that it doesn't have are passed over.

    Raises:
        DataError: A file can't be read.
    """
    images = [image for split in splits if source.splits.get(split) for image in list_images(source.splits[split])]
    labels = [path for path in map(label_path, images) if path.is_file()]
    regions = [path for path in map(ignore_path, images) if path.is_file()]
    return fingerprint([*images, *labels, *regions], named(tell, "Hashing data"))


def _digest(file: Path) -> str:
    try:
        return sha256(file)
    except OSError as error:
        raise DataError("a file that can be read", error.strerror or str(error), str(file), "fetch it again") from error
