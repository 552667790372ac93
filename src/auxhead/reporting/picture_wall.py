"""The picture wall: images chosen by a rule, as the control and as an arm see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from auxhead.errors import DataError
from auxhead.evaluation.files import COUNTS_FILE, METRICS_FILE
from auxhead.findings.records import read_plan
from auxhead.formats import escaped, plural
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import list_images
from auxhead.metrics.ignored import with_ignored
from auxhead.metrics.results_file import file_names, read_json
from auxhead.metrics.truth import Truth, as_one_class, read_yolo
from auxhead.reporting.crops import Picture, Window, cut, panels, window
from auxhead.reporting.judged_boxes import Judged, judge, read_some

ARMS = 8  # most arms on the wall
EACH = 3  # pictures of a kind
SEED = 0  # of the random ones
BYTES = 1_000_000  # of all pictures before base64 adds a third. Source: own choice
KINDS = {"gained": "Most boxes gained", "lost": "Most boxes lost", "random": "Drawn at random"}

Counts = Mapping[str, tuple[int, int]]
"""How many boxes an image has and how many of them are found, by the image's path."""


class Group(NamedTuple):
    """Pictures that were chosen for the same reason."""

    title: str
    pictures: list[Picture]


@dataclass(frozen=True)
class Side:
    """What the wall shows of one arm.

    Attributes:
        arm: Its name.
        seed: Of the two runs.
        summary: On how many images it finds more and fewer boxes than the control.
        scores: Score from which detections of the control and of the arm count.
        groups: The pictures.
        reason: Why there are no pictures; '' if there are.
    """

    arm: str
    seed: int
    summary: str
    scores: tuple[float | None, float | None]
    groups: Sequence[Group]
    reason: str = ""


@dataclass(frozen=True)
class Wall:
    """The pictures of all arms.

    Attributes:
        sides: Arms with pictures, in the order of the plan.
        reason: Why there are no pictures at all; '' if there are, or none were to be shown.
        left_out: Names of arms beyond the first eight.
    """

    sides: Sequence[Side]
    reason: str = ""
    left_out: Sequence[str] = ()


class _Run(NamedTuple):
    counts: Counts
    score: float | None
    predictions: Path
    one_class: bool


class _Pair(NamedTuple):
    arm: str
    seed: int
    control: _Run
    own: _Run
    chosen: list[tuple[str, str]]
    """Kind and image."""


class _Known(NamedTuple):
    """The chosen images of all arms."""

    truth: Truth
    places: Mapping[str, int]
    """Number of each in the truth, by its path in the ledger."""
    names: Mapping[str, int]
    """The same by its name in predictions."""


class _Shot(NamedTuple):
    kind: str
    image: str
    place: int
    part: Window


class _Seen(NamedTuple):
    control: str
    judged: Mapping[Path, Judged]
    """Runs by their predictions."""
    jpegs: Mapping[tuple[str, Window], str]


def wall(folder: Path, analysis: Mapping[str, Any]) -> Wall:
    """Choose pictures and draw what the control and each arm find in them, on the first seed that both have.

    Args:
        folder: Of the comparison.
        analysis: The report's numbers.

    Returns:
        The wall; with a reason in place of pictures where runs, labels or images can't be read any more.
    """
    paired = [arm for arm in analysis["arms"] if arm["against_control"] and arm["against_control"]["seeds"]]
    if not paired:
        return Wall(())  # the verdict says that there is nothing to compare yet
    try:
        pairs = [_pair(folder, analysis, arm) for arm in paired[:ARMS]]
        known = _known(_data(folder), analysis["split"], {image for pair in pairs for _, image in pair.chosen})
    except (OSError, ValueError, KeyError, IndexError, pl.exceptions.PolarsError) as error:
        found = f"{error.found} ({error.where})" if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
        return Wall((), f"The pictures can't be shown, as what they are made of can't be read any more: {found}")
    sides = _sides(analysis["control"], pairs, known)
    return Wall(sides, left_out=[arm["name"] for arm in paired[ARMS:]])


def choose(arm: Counts, control: Counts) -> list[tuple[str, str]]:
    """Choose images by how many boxes more or fewer the arm finds than the control.

    Args:
        arm: Boxes and found boxes by image.
        control: The same of the control.

    Returns:
        Kind and image: three with the most boxes gained, three with the most lost, three at random from those with
        boxes that are not among them; fewer where there are fewer. Equal ones by name.
    """
    change = {image: arm.get(image, (0, 0))[1] - control.get(image, (0, 0))[1] for image in {*arm, *control}}
    ordered = sorted(change, key=lambda image: (change[image], image))
    lost = [image for image in ordered if change[image] < 0][:EACH]
    gained = sorted((image for image in ordered if change[image] > 0), key=lambda image: (-change[image], image))[:EACH]
    others = sorted(image for image in change if max(one.get(image, (0, 0))[0] for one in (arm, control)))
    shuffled = [others[place] for place in np.random.default_rng(SEED).permutation(len(others))]
    drawn = [image for image in shuffled if image not in {*lost, *gained}][:EACH]
    kinds = {"gained": gained, "lost": lost, "random": drawn}
    return [(kind, image) for kind, images in kinds.items() for image in images]


def _pair(folder: Path, analysis: Mapping[str, Any], arm: Mapping[str, Any]) -> _Pair:
    seed = int(arm["against_control"]["seeds"][0])
    folders = {(run["arm"], int(run["seed"])): folder / run["folder"] for run in analysis["runs"]}
    names = (analysis["control"], arm["name"])
    control, own = (_run(folders[name, seed] / analysis["split"]) for name in names)
    return _Pair(arm["name"], seed, control, own, choose(own.counts, control.counts))


def _run(folder: Path) -> _Run:
    table = pl.read_parquet(BytesIO((folder / COUNTS_FILE).read_bytes()))  # polars takes paths of UTF-8 only
    sums = table.group_by("image").agg(pl.col("boxes", "found").sum())
    content = read_json(folder / METRICS_FILE, "the results of a run")
    detector = content["detectors"][0]
    counts = {image: (boxes, found) for image, boxes, found in sums.select("image", "boxes", "found").iter_rows()}
    predictions = folder / PurePath(detector["predictions"]).name
    return _Run(counts, detector["score"], predictions, bool(content["settings"].get("single_cls")))


def _data(folder: Path) -> Path:
    """Find the data.yaml: where it was when the plan was made, which the analysis doesn't tell, or as it was named."""
    plan = read_plan(folder)
    there = Path(plan.get("data_file") or plan["data"])
    return there if there.is_file() else Path(plan["data"])


def _known(data: Path, split: str, wanted: Iterable[str]) -> _Known:
    """Read the boxes of some images."""
    source = read_data_yaml(data)
    images = list_images(source.splits[split])
    by_path = {escaped(str(image)): image for image in images}  # as the table of counts has them
    by_name = {escaped(image.name): image for image in images}
    by_name = by_name if len(by_name) == len(images) else {}  # the data may lie elsewhere by now
    known = {path: there for path in wanted if (there := by_path.get(path) or by_name.get(PurePath(path).name))}
    files = sorted(set(known.values()))
    truth = with_ignored(read_yolo(files, source.names, kpt_shape=source.kpt_shape))
    place = {file: index for index, file in enumerate(files)}
    names = {name: place[file] for file, name in zip(images, file_names(images), strict=True) if file in place}
    return _Known(truth, {path: place[file] for path, file in known.items()}, names)


def _sides(control: str, pairs: Sequence[_Pair], known: _Known) -> list[Side]:
    """Judge the runs, cut the pictures out and put them together."""
    judged: dict[Path, Judged] = {}
    shots: dict[str, list[_Shot]] = {}
    reasons: dict[str, str] = {}
    for pair in pairs:
        try:
            for run in (pair.control, pair.own):
                if run.predictions not in judged:
                    truth = as_one_class(known.truth) if run.one_class else known.truth
                    found = read_some(run.predictions, known.names, len(truth.names), run.score)
                    judged[run.predictions] = judge(truth, found)
        except DataError as error:
            reasons[pair.arm] = f"Its predictions can't be read: {error.found} ({error.where})"
            continue
        shots[pair.arm] = _shots(pair, judged, known)
    every = [(known.truth.files[shot.place], shot.part) for own in shots.values() for shot in own]
    seen = _Seen(control, judged, cut(every, BYTES // max(len(every), 1)))
    return [_side(pair, shots.get(pair.arm, ()), seen, reasons.get(pair.arm, "")) for pair in pairs]


def _side(pair: _Pair, shots: Sequence[_Shot], seen: _Seen, reason: str) -> Side:
    runs = {seen.control: pair.control, pair.arm: pair.own}
    views = [] if reason else [(name, seen.judged[run.predictions]) for name, run in runs.items()]
    groups = _groups(pair, shots, views, seen.jpegs)
    unread = "" if groups else "Its images can't be read any more, or none has boxes."
    return Side(pair.arm, pair.seed, _summary(pair), (pair.control.score, pair.own.score), groups, reason or unread)


def _shots(pair: _Pair, judged: Mapping[Path, Judged], known: _Known) -> list[_Shot]:
    """Choose the part of each chosen image: around the boxes that changed, or around all of them."""
    control, own = judged[pair.control.predictions], judged[pair.own.predictions]
    shots = []
    for kind, image in pair.chosen:
        if image in known.places:
            place = known.places[image]
            here = own.truth.image == place
            changed = here & (control.missed != own.missed)
            boxes = own.truth.boxes[changed if changed.any() else here]
            shots.append(_Shot(kind, image, place, window(boxes, known.truth.sizes[place].tolist())))
    return shots


def _groups(
    pair: _Pair, shots: Sequence[_Shot], views: Sequence[tuple[str, Judged]], jpegs: Mapping[tuple[str, Window], str]
) -> list[Group]:
    pictures: dict[str, list[Picture]] = {}
    for shot in shots:
        truth = views[0][1].truth
        jpeg = jpegs.get((truth.files[shot.place], shot.part))
        if jpeg is None:
            continue
        boxes, before = pair.control.counts.get(shot.image, (0, 0))
        after = pair.own.counts.get(shot.image, (0, 0))[1]
        caption = f"{before} \N{RIGHTWARDS ARROW} {after} of {plural(boxes, 'box')} found"
        marks = [f"{size:.0f} px" for size in np.sqrt(truth.areas).tolist()]
        own = Picture(PurePath(shot.image).name, caption, jpeg, panels(views, shot.place, shot.part, marks))
        pictures.setdefault(shot.kind, []).append(own)
    return [Group(title, pictures[kind]) for kind, title in KINDS.items() if kind in pictures]


def _summary(pair: _Pair) -> str:
    images = {*pair.own.counts, *pair.control.counts}
    nothing = (0, 0)
    changes = [pair.own.counts.get(name, nothing)[1] - pair.control.counts.get(name, nothing)[1] for name in images]
    more, fewer = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    return f"more boxes found in {plural(more, 'image')}, fewer in {plural(fewer, 'image')}"
