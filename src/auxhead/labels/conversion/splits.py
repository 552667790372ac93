"""The splits of a source, and the first look at each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from auxhead.labels.conversion.files import absolute
from auxhead.labels.conversion.folder import check_apart
from auxhead.labels.listing import entries, iter_images
from auxhead.labels.source import Source

NEEDED = ("train", "val")  # Ultralytics looks at test and minival only when it is asked to


@dataclass
class Split:
    """A split's folders and lists, and what the first look tells.

    Args:
        name: train, val, test or minival.
        sources: Folders and text files.
        images: Images, as often as they are listed.
        root: Folder above all images, absolute: the folder itself where there is only one.
    """

    name: str
    sources: list[Path]
    images: int = 0
    root: str = ""

    @property
    def is_list(self) -> bool:
        """Whether the new data set must list its images: they have an order, or a search would miss some."""
        if not all(source.is_dir() for source in self.sources):
            return True
        top = os.path.commonpath([absolute(str(source)) for source in self.sources]) if self.sources else ""
        return not all(_searched(Path(top), Path(absolute(str(source)))) for source in self.sources)

    def look(self, out: Path) -> None:
        """Go through the names of the images once.

        Raises:
            OutputError: A list names images in `out`, which must not be read and replaced at once.
        """
        roots = [absolute(str(source)) for source in self.sources if source.is_dir()]
        is_list, last = self.is_list, None
        for folder, names in iter_images(self.sources):
            self.images += len(names)
            if is_list and folder != last:
                last, place = folder, absolute(folder)
                roots = [os.path.commonpath([*roots, place])]
                if place.startswith(str(out)):
                    check_apart(out, [], [place])
        if roots:
            self.root = os.path.commonpath(roots)


def find_splits(source: Source) -> tuple[list[Split], list[str]]:
    """List the splits of a source, and the names of those whose images aren't there and needn't be."""
    found = {name: entries(sources) for name, sources in source.splits.items()}
    there = [name for name in found if name in NEEDED or all(path.exists() for path in found[name])]
    return [Split(name, _distinct(found[name])) for name in there], [name for name in found if name not in there]


def _distinct(sources: list[Path]) -> list[Path]:
    """Leave out folders that others contain, so that each image comes once; next to a list, all keep their place."""
    if not all(source.is_dir() for source in sources):
        return sources
    kept: list[Path] = []
    for source in sources:
        if not any(_contains(other, source) for other in kept):
            kept = [*(other for other in kept if not _contains(source, other)), source]
    return kept


def _contains(outer: Path, inner: Path) -> bool:
    return inner.is_relative_to(outer) and _searched(outer, inner)


def _searched(outer: Path, inner: Path) -> bool:
    """Whether a search of `outer` comes through a folder in it, which hidden folders on the way prevent."""
    return not any(name.startswith(".") for name in inner.relative_to(outer).parts)
