"""The writing part of a conversion: everything into the build folder, with its sums."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import TextIO

import yaml

from auxhead.errors import DataError
from auxhead.keys.convert import Images, OnError, PoseKeys, SegmentKeys
from auxhead.labels.conversion.files import FileConverter, Tally
from auxhead.labels.conversion.folder import DATA, PROBLEMS
from auxhead.labels.conversion.result import Conversion, SplitCounts
from auxhead.labels.conversion.rows import FLIP_IDX, RowConverter, row_writer
from auxhead.labels.conversion.splits import NEEDED, Split
from auxhead.labels.listing import batches, iter_images, passed_over
from auxhead.labels.pictures import other_suffix
from auxhead.labels.problems import ProblemLog
from auxhead.labels.rows import Rules, pose_columns
from auxhead.labels.source import Source
from auxhead.labels.workers import in_order
from auxhead.progress import Steps


class Writer:
    """Writes labels, images, lists and data.yaml of all splits into a folder.

    Args:
        source: The detection data set.
        splits: Its splits, looked at.
        target: What to write.
        images: How images come.
        on_error: What bad rows and absent images do.
        progress: Called as progress(done, total), in images.
    """

    def __init__(
        self,
        source: Source,
        splits: list[Split],
        target: PoseKeys | SegmentKeys,
        *,
        images: Images,
        on_error: OnError,
        progress: Steps | None,
    ) -> None:
        """Start with empty sums."""
        self.digest = 0
        self._source, self._splits, self._target = source, splits, target
        self._link, self._fail = images == "link", on_error == "fail"
        self._progress = progress
        self._total = sum(split.images for split in splits)
        self._done = self._found = 0
        self._linked: Counter[str] = Counter()
        rules = Rules(len(source.names), pose_columns=pose_columns(source.kpt_shape), mixed=True)
        self._rows = RowConverter(rules, row_writer(target))

    def write(self, build: Path, out: Path) -> Conversion:
        """Write everything but what tells that all is there.

        Args:
            build: The folder to write in.
            out: Where it will be moved to.

        Raises:
            DataError: There are bad rows or images and on_error is "fail", or nothing is left of train or val. They
                are listed in `<out>.problems.csv` then.
            OSError: Something can't be read or written.
        """
        log = ProblemLog(build / PROBLEMS)
        with closing(log):
            counts = {split.name: self._write_split(split, build, log) for split in self._splits}
        nothing_left = any(name in NEEDED and count.images == count.left_out for name, count in counts.items())
        if log.count and (self._fail or nothing_left):
            csv = out.with_name(f"{out.name}.{PROBLEMS}")
            log.path.replace(csv)
            raise log.error(self._found, csv)
        yaml_text = data_yaml(self._source, out, self._target, self._splits)
        (build / DATA).write_text(yaml_text, encoding="utf-8")
        return Conversion(
            data=out / DATA,
            fresh=True,
            splits=counts,
            linked=dict(self._linked),
            problems=log.count,
            problems_csv=out / PROBLEMS if log.count else None,
        )

    def _write_split(self, split: Split, build: Path, log: ProblemLog) -> SplitCounts:
        convert = FileConverter(
            self._rows,
            split.root,
            os.path.join(build, "images", split.name, ""),  # noqa: PTH118  ends with a separator
            link=self._link,
            listed=f"./images/{split.name}/" if split.is_list else None,
        )
        for image in passed_over(split.sources):
            log.add_image(other_suffix(image))
        convert.writing = not (log.count and self._fail)
        counts = dict.fromkeys((field.name for field in fields(SplitCounts)), 0)
        results = in_order(convert, batches(iter_images(split.sources)))
        list_file = (build / f"{split.name}.txt").open("w", encoding="utf-8", newline="\n") if split.is_list else None
        with closing(results), list_file or nullcontext():
            for tally in results:
                for name in counts:
                    counts[name] += getattr(tally, name)
                self._add(tally, log)
                if list_file:
                    _write_lines(list_file, tally.lines)
                if log.count and self._fail:
                    convert.writing = False  # go on only to find all problems
        return SplitCounts(**counts)

    def _add(self, tally: Tally, log: ProblemLog) -> None:
        for problem in tally.bad_images:
            log.add_image(problem)
        for problems in tally.bad_labels:
            log.add_rows(problems)
        self.digest += tally.digest
        self._found += tally.found
        self._linked.update(tally.linked)
        self._done += tally.images
        if self._progress:
            self._progress(min(self._done, self._total), self._total)  # there may be more than at the first look


def _write_lines(file: TextIO, lines: Iterable[str]) -> None:
    for line in lines:
        try:
            unfit = len(line.splitlines()) != 1
            file.write(line + "\n")
        except UnicodeEncodeError:
            unfit = True
        if unfit:
            raise DataError(
                expected="file names that a list of images can hold: UTF-8 without line breaks",
                found=repr(line),
                where=file.name,
                fix="rename the image, or name only folders in data.yaml",
            )


def data_yaml(source: Source, out: Path, target: PoseKeys | SegmentKeys, splits: Iterable[Split]) -> str:
    """Return the text of the new data.yaml.

    Args:
        source: Gives class names and channels.
        out: Where the data set will be.
        target: Gives kpt_shape, flip_idx and kpt_oks_sigmas.
        splits: Name their folders, or lists.
    """
    places = {split.name: f"{split.name}.txt" if split.is_list else f"images/{split.name}" for split in splits}
    head: dict[str, object] = {"path": str(out), **places, "names": dict(source.names)}
    if source.channels != 3:
        head["channels"] = source.channels
    tail: dict[str, object] = {}
    if isinstance(target, PoseKeys):
        flip_idx = FLIP_IDX[target.keypoints]
        tail["kpt_shape"] = [len(flip_idx), 3 if target.visibility else 2]
        if target.flips:
            tail["flip_idx"] = flip_idx
        if target.kpt_oks_sigmas is not None:
            tail["kpt_oks_sigmas"] = target.kpt_oks_sigmas
    return _dump(head, in_lines=True) + (_dump(tail, in_lines=False) if tail else "")


def _dump(content: Mapping[str, object], *, in_lines: bool) -> str:
    style = False if in_lines else None  # None: short lists in one line
    text: str = yaml.safe_dump(
        dict(content), sort_keys=False, allow_unicode=True, width=1 << 20, default_flow_style=style
    )
    return text
