"""Images that stand in a data set twice, byte for byte."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from auxhead.errors import DataError
from auxhead.files import sha256
from auxhead.labels.workers import in_order
from auxhead.progress import Steps

SHOWN = 5  # pairs of images that are named


@dataclass(frozen=True)
class Copies:
    """Images with the same bytes.

    Attributes:
        within: For each split, images that are a copy of an earlier one of the same split.
        between: For each two splits ("train/val"), images of the second that also stand in the first.
        pairs: Up to five pairs of files of different splits with the same bytes.
    """

    within: Mapping[str, int]
    between: Mapping[str, int]
    pairs: tuple[tuple[str, str], ...]


def find_copies(splits: Mapping[str, Sequence[str]], digests: Mapping[str, str]) -> Copies:
    """Compare all images of a data set by their bytes.

    Args:
        splits: Image files of each split.
        digests: As `digest_files` gives them for all of these files.
    """
    keys = {split: [digests[file] for file in files] for split, files in splits.items()}
    names, between, pairs = list(splits), {}, []
    for index, first in enumerate(names):
        stands = dict(zip(reversed(keys[first]), reversed(splits[first]), strict=True))  # the first file of its kind
        for second in names[index + 1 :]:
            same = [
                (stands[key], file) for key, file in zip(keys[second], splits[second], strict=True) if key in stands
            ]
            between[f"{first}/{second}"] = len(same)
            pairs += same
    within = {split: len(found) - len(set(found)) for split, found in keys.items()}
    return Copies(within, between, tuple(pairs[:SHOWN]))


def digest_files(files: Sequence[str], progress: Steps | None = None) -> dict[str, str]:
    """Give files with equal bytes equal words: their SHA-256; files of a length of their own keep their name.

    Only files of equal length are read, since others can't be equal.

    Args:
        files: Image files; none give nothing.
        progress: Called as progress(done, total) with numbers of files; never where no two are of equal length.

    Raises:
        DataError: A file can't be read.
    """
    lengths = defaultdict(list)
    for file in files:
        try:
            lengths[Path(file).stat().st_size].append(file)
        except OSError as error:
            raise _unreadable(file, error) from error
    digests = {file: file for file in files}
    unsure = [file for same in lengths.values() if len(same) > 1 for file in same]
    with closing(in_order(_digest, unsure)) as found:
        for done, (file, digest) in enumerate(zip(unsure, found, strict=True), start=1):
            digests[file] = digest
            if progress:
                progress(done, len(unsure))
    return digests


def _digest(file: str) -> str:
    try:
        return sha256(Path(file))
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: str, error: OSError) -> DataError:
    return DataError(
        expected="images that can be read",
        found=error.strerror or str(error),
        where=file,
        fix="fetch it again, or take it and its labels out of the data set",
    )
