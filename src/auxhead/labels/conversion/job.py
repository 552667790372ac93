"""One conversion from its first look at the source to the folder in its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from auxhead.keys.convert import Images, OnError, PoseKeys, SegmentKeys
from auxhead.labels.conversion.files import DIGEST_BYTES, fingerprint
from auxhead.labels.conversion.folder import (
    DATA,
    PROBLEMS,
    VERSION,
    build_folder,
    holds,
    publish,
    read_manifest,
    write_manifest,
)
from auxhead.labels.conversion.result import Conversion, SplitCounts
from auxhead.labels.conversion.splits import NEEDED, find_splits
from auxhead.labels.conversion.writer import Writer
from auxhead.labels.listing import batches, iter_images, no_images
from auxhead.labels.misplaced import require_labels
from auxhead.labels.source import Source
from auxhead.labels.workers import in_order
from auxhead.progress import Steps


class ConversionJob:
    """One conversion.

    Args:
        source: The detection data set.
        out: Folder of the new one, with links resolved.
        target: What to write.
        images: How images come.
        on_error: What bad rows and absent images do.

    Raises:
        DataError: A split that training needs has no source.
    """

    def __init__(
        self, source: Source, out: Path, target: PoseKeys | SegmentKeys, images: Images, on_error: OnError
    ) -> None:
        """Look which splits there are; nothing is written yet."""
        self.source, self.out, self.target, self.images, self.on_error = source, out, target, images, on_error
        self.splits, self.absent = find_splits(source)
        self.keys = self._keys()

    def sources(self) -> tuple[list[str], list[str]]:
        """Return the folders that are searched, and the lists that are read."""
        paths = [path for split in self.splits for path in split.sources]
        return [str(path) for path in paths if path.is_dir()], [str(path) for path in paths if not path.is_dir()]

    def up_to_date(self) -> Conversion | None:
        """Return what `out` holds if it is what this job would write; None if not."""
        manifest = read_manifest(self.out)
        if manifest is None or manifest.get("keys") != self.keys:
            return None  # no need to look at every image
        digest = 0
        for split in self.splits:
            with closing(in_order(fingerprint, batches(iter_images(split.sources)))) as digests:
                digest += sum(digests)
        return self._earlier(manifest) if holds(self.out, self._fingerprint(digest)) else None

    def run(self, progress: Steps | None) -> Conversion:
        """Convert everything.

        Raises:
            DataError: A split can't be used or has no label file, or on_error is "fail" and rows or images are bad.
            OutputError: `out` holds other files, or images that a list names.
            OSError: Something can't be read or written.
        """
        for split in self.splits:
            split.look(self.out)
            if not split.images and split.name in NEEDED:
                raise no_images(split.sources)
            require_labels(split.name, split.sources, self.source.data)
        splits = [split for split in self.splits if split.images]
        absent = (*self.absent, *(split.name for split in self.splits if not split.images))
        with build_folder(self.out) as build:
            run = Writer(
                self.source, splits, self.target, images=self.images, on_error=self.on_error, progress=progress
            )
            conversion = replace(run.write(build, self.out), absent=absent)
            manifest = self._manifest(conversion, run.digest)
            write_manifest(build, manifest)
            moved = publish(build, self.out, manifest["fingerprint"])
        return conversion if moved else self._earlier(manifest)

    def _keys(self) -> dict[str, Any]:
        """Return everything that the result depends on but the images and labels, as json gives it back."""
        lists = [Path(path).stat() for path in self.sources()[1] if Path(path).is_file()]
        return {
            "version": VERSION,
            "out": str(self.out),
            "to": "pose" if isinstance(self.target, PoseKeys) else "segment",
            **self.target.model_dump(),
            "images": self.images,
            "on_error": self.on_error,
            "splits": {split.name: [str(path) for path in split.sources] for split in self.splits},
            "lists": [[state.st_size, state.st_mtime_ns] for state in lists],
            "names": [[number, name] for number, name in self.source.names.items()],
            "kpt_shape": list(self.source.kpt_shape or []),
            "channels": self.source.channels,
        }

    def _fingerprint(self, digest: int) -> str:
        keys = json.dumps(self.keys).encode()
        return hashlib.sha256(keys + (digest % 256**DIGEST_BYTES).to_bytes(DIGEST_BYTES, "big")).hexdigest()

    def _manifest(self, conversion: Conversion, digest: int) -> dict[str, Any]:
        told = conversion.to_dict()
        return {
            "source": str(self.source.data),
            "fingerprint": self._fingerprint(digest),
            "keys": self.keys,
            **{key: told[key] for key in ("splits", "linked", "absent", "problems")},
        }

    def _earlier(self, manifest: Mapping[str, Any]) -> Conversion:
        return Conversion(
            data=self.out / DATA,
            fresh=False,
            splits={name: SplitCounts(**counts) for name, counts in manifest["splits"].items()},
            linked=manifest["linked"],
            absent=tuple(manifest["absent"]),
            problems=manifest["problems"],
            problems_csv=self.out / PROBLEMS if manifest["problems"] else None,
        )
