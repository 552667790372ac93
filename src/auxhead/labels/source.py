"""A detection data set: where its pictures are and what its classes are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auxhead.errors import DataError
from auxhead.labels.listing import Sources


@dataclass(frozen=True)
class Source:
    """A detection data set.

    Args:
        data: Its data.yaml, named in messages and in what is noted about the conversion; it isn't read.
        splits: For each of train, val, test and minival that it has: absolute folders and text files of images.
        names: Class names by id, 0 to n - 1.
        kpt_shape: Its own entry of that name, if it has one; keypoints of such rows are dropped.
        channels: Channels of its images.
    """

    data: Path
    splits: Mapping[str, Sources]
    names: Mapping[int, str]
    kpt_shape: Sequence[int] | None = None
    channels: int = 3


def require_splits(
    splits: Mapping[str, object],
    needed: Iterable[str],
    data: Path | str,
    fix: str = "name its folder or list in the file",
) -> None:
    """Refuse a data set that lacks a split, or names nothing for it.

    Args:
        splits: Folders and lists by split.
        needed: Splits that must be among them.
        data: The data.yaml, for the message.
        fix: What to do, for the message.

    Raises:
        DataError: One is missing.
    """
    for split in needed:
        if not splits.get(split):
            there = [name for name in ("train", "val", "test", "minival") if splits.get(name)]
            found = f"{', '.join(there)} only" if there else "no split at all"
            raise DataError(f"a {split} split with images", found, str(data), fix)
