"""Results and data apart: Ultralytics takes every picture at any depth of a searched folder for data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from auxhead.errors import OutputError
from auxhead.labels.listing import Sources, entries, iter_images, label_folder


def require_apart(out: Path | str, splits: Iterable[Sources], fix: str = "choose another one with out=") -> None:
    """Check that results don't go among the images or labels of a data set.

    Args:
        out: The folder of the results; it needn't exist.
        splits: Folders and text files of images of each split; what doesn't exist is passed over.
        fix: What to do where they would.

    Raises:
        OutputError: It lies in a folder of images or labels, at any depth, or is one.
        DataError: A list of images is no UTF-8 text.
    """
    place = Path(os.path.realpath(out))
    for sources in splits:
        for folder in _folders(sources):
            if place.is_relative_to(os.path.realpath(folder)):
                raise OutputError(
                    expected="a folder apart from the images and labels, where pictures count as data",
                    found=f"one inside of {folder.rstrip(os.sep)}",
                    where=str(out),
                    fix=fix,
                )


def _folders(sources: Sources) -> Iterator[str]:
    """Yield the folders of a split's images and labels: those that are searched, `images` and `labels` around them."""
    for source in entries(sources):
        if source.is_dir():
            searched = f"{source}{os.sep}"
            yield from (searched, label_folder(searched))
        elif source.is_file():
            searched = next((group.folder for group in iter_images(source)), "")
        else:
            continue
        around, images, _ = searched.rpartition(f"{os.sep}images{os.sep}")
        if images:
            yield from (f"{around}{os.sep}images", f"{around}{os.sep}labels")
