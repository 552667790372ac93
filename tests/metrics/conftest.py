"""Scenes to measure, by hand and by Hypothesis, and COCO's rules in plain Python to hold ours against."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

from auxhead.metrics.bands import read_bands
from auxhead.metrics.closeness import Closeness
from auxhead.metrics.detections import Detections, Scene
from auxhead.metrics.measures import Matched, Setup, match_all
from auxhead.metrics.truth import Truth

NAMES = ("car", "dog", "sign")

Key = tuple[int, int, int]
"""Image, class and rank of a detection among those of its image and class: the same in any order of storage."""


def truth_of(rows: Iterable[Sequence[float]], images: int = 1, names: Sequence[str] = NAMES) -> Truth:
    """Build boxes from rows of image, class, left, top, width, height and, if wanted, crowd and area."""
    full = [(*row, 0)[:7] + ((row[7],) if len(row) > 7 else (row[4] * row[5],)) for row in rows]
    table = np.array(sorted(full, key=lambda row: row[0]), dtype=float).reshape(-1, 8)
    return Truth(
        names=tuple(names),
        files=tuple(f"{index}.jpg" for index in range(images)),
        sizes=np.full((images, 2), 640),
        image=table[:, 0].astype(np.int64),
        cls=table[:, 1].astype(np.int64),
        boxes=table[:, 2:6],
        areas=table[:, 7],
        crowd=table[:, 6] > 0,
    )


def found_of(rows: Iterable[Sequence[float]]) -> Detections:
    """Build detections from rows of image, class, left, top, width, height, score."""
    table = np.array(list(rows), dtype=float).reshape(-1, 7)
    return Detections(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:6], table[:, 6])


@st.composite
def _cases(draw: st.DrawFn, distinct: bool = False, most: int = 8) -> tuple[Truth, Detections]:
    """A few boxes on a small grid, so that equal boxes, equal scores and exact thresholds are common.

    Images may be empty, classes may have boxes or detections only, areas may differ from the boxes'.
    """
    images = draw(st.integers(1, 4))
    image, corner, side = st.integers(0, images - 1), st.integers(0, 7), st.integers(0, 6)
    area = st.sampled_from([None, None, 0.0, 4.0, 9.0, 16.0, 17.5])
    box = st.tuples(image, st.integers(0, 1), corner, corner, side, side, st.integers(0, 4).map(lambda i: i == 0), area)
    rows = [row if row[7] is not None else row[:7] for row in draw(st.lists(box, max_size=most))]
    shift = st.tuples(*[st.integers(-1, 1)] * 4)
    free = st.tuples(image, st.integers(0, 2), corner, corner, side, side)
    near = st.tuples(st.sampled_from(rows), shift).map(_shifted) if rows else free
    spots = draw(st.lists(st.one_of(near, near, free), max_size=most + 4))
    if distinct:
        scores = [(score + 1) / (len(spots) + 1) for score in draw(st.permutations(range(len(spots))))]
    else:
        level = st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.9])
        scores = draw(st.lists(level, min_size=len(spots), max_size=len(spots)))
    return truth_of(rows, images), found_of((*spot, score) for spot, score in zip(spots, scores, strict=True))


def _shifted(pair: tuple[Sequence[float], Sequence[int]]) -> tuple[float, ...]:
    (image, cls, left, top, width, height, *_), (dx, dy, dw, dh) = pair
    return image, cls, left + dx, top + dy, max(width + dw, 0), max(height + dh, 0)


def crowded(seed: int) -> tuple[Truth, Detections]:
    """Many boxes and detections at random places, with ties, crowds, zero sizes and images without either."""
    random = np.random.default_rng(seed)
    images, classes = int(random.integers(1, 9)), int(random.integers(1, 4))
    m, k = int(random.integers(1, 70)), int(random.integers(1, 200))
    boxes = np.c_[random.uniform(0, 300, (m, 2)), random.uniform(3, 70, (m, 2))].round(int(random.integers(0, 3)))
    boxes[random.random(m) < 0.05, 2 + seed % 2] = 0
    boxes[m // 2] = boxes[0]
    areas = boxes[:, 2] * boxes[:, 3] * np.where(random.random(m) < 0.3, random.uniform(0.3, 1, m), 1)
    image, cls = np.sort(random.integers(0, images, m)), random.integers(0, classes, m)
    source = random.integers(0, m, k)
    spots = boxes[source] + random.normal(0, 0.12, (k, 4)) * boxes[source][:, [2, 3, 2, 3]]
    spots[:, 2:] = np.abs(spots[:, 2:])
    spots[: k // 10] = boxes[source[: k // 10]]
    return (
        replace(
            truth_of([], images, [f"class {index}" for index in range(classes + 1)]),
            image=image,
            cls=cls,
            boxes=boxes,
            areas=areas,
            crowd=random.random(m) < 0.1,
        ),
        Detections(
            image=np.where(random.random(k) < 0.9, image[source], random.integers(0, images, k)),
            cls=np.where(random.random(k) < 0.9, cls[source], random.integers(0, classes + 1, k)),
            boxes=spots,
            scores=random.random(k).round(int(random.integers(1, 4))),
        ),
    )


@dataclass(frozen=True)
class PlainMatching:
    """Who matched whom at one threshold, as COCO's rules say it."""

    verdicts: Mapping[Key, str]
    scores: Mapping[Key, float]
    counted: Sequence[tuple[int, int]]
    """Image and class of each box that counts."""


def plain_match(
    truth: Truth, found: Detections, closeness: Closeness, threshold: float, low: float, high: float, max_det: int
) -> PlainMatching:
    """Match one image and class after the other, one detection after the other, box by box.

    Source:
        The rules of pycocotools, cocoeval.py, evaluateImg, with the closeness for the IoU and a band open at its end.
    """
    k, m = len(found.image), len(truth.image)
    who, what = np.repeat(np.arange(k), m), np.tile(np.arange(m), k)
    near = closeness(found.boxes[who], truth.boxes[what], truth.crowd[what]).reshape(k, m)
    skipped = [bool(crowd) or not low <= area < high for crowd, area in zip(truth.crowd, truth.areas, strict=True)]
    verdicts: dict[Key, str] = {}
    scores: dict[Key, float] = {}
    for image in range(len(truth.files)):
        for cls in range(len(truth.names)):
            boxes = [j for j in range(m) if (truth.image[j], truth.cls[j]) == (image, cls)]
            boxes.sort(key=lambda j: skipped[j])
            own = [i for i in range(k) if (found.image[i], found.cls[i]) == (image, cls)]
            own.sort(key=lambda i: -found.scores[i])
            taken: set[int] = set()
            for rank, i in enumerate(own[:max_det]):
                best, closest = None, threshold
                for j in boxes:
                    if j in taken and not truth.crowd[j]:
                        continue
                    if best is not None and not skipped[best] and skipped[j]:
                        break
                    if near[i, j] >= closest:
                        best, closest = j, near[i, j]
                area = found.boxes[i, 2] * found.boxes[i, 3]
                if best is not None:
                    taken.add(best)
                    verdict = "ignored" if skipped[best] else "hit"
                else:
                    verdict = "wrong" if low <= area < high else "ignored"
                verdicts[image, cls, rank] = verdict
                scores[image, cls, rank] = float(found.scores[i])
    counted = [(int(truth.image[j]), int(truth.cls[j])) for j in range(m) if not skipped[j]]
    return PlainMatching(verdicts, scores, counted)


def plain_average_precision(matching: PlainMatching, cls: int, weights: Sequence[float]) -> float:
    """Average the best precision at or beyond each of 101 recalls; an image's detections and boxes count by its weight.

    Source:
        The rules of pycocotools, cocoeval.py, accumulate.
    """
    boxes = sum(weights[image] for image, own in matching.counted if own == cls)
    if not boxes:
        return float("nan")
    keys = [key for key, verdict in matching.verdicts.items() if key[1] == cls and verdict != "ignored"]
    keys.sort(key=lambda key: (-matching.scores[key], key[0], key[2]))
    true = wrong = 0.0
    curve = []
    for key in keys:
        true += weights[key[0]] * (matching.verdicts[key] == "hit")
        wrong += weights[key[0]] * (matching.verdicts[key] == "wrong")
        curve.append((true / boxes, true / (true + wrong) if true else 0.0))
    total = 0.0
    for level in np.linspace(0, 1, 101):
        total += max((precision for reached, precision in curve if reached >= level), default=0.0)
    return total / 101


def keys_of(scene: Scene) -> list[Key]:
    """Name the detections of a scene as the plain rules do."""
    return list(zip(scene.found.image.tolist(), scene.found.cls.tolist(), scene.rank.tolist(), strict=True))


def measure(truth: Truth, found: Detections, bands: str = "coco", max_det: int = 100) -> Matched:
    """Match a scene by all measures, with the setup of no matter."""
    return match_all(truth, found, Setup(read_bands(bands), max_det, (1, 10), (0.25, 0.5, 1.0), (1.0, 4.0), 12.0))


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """Builders: `truth`, `found`, `crowded` (by seed), `measure`."""
    return SimpleNamespace(truth=truth_of, found=found_of, crowded=crowded, measure=measure)


@pytest.fixture(scope="session")
def plain() -> SimpleNamespace:
    """COCO's rules in loops: `match`, `average_precision`, and `keys` of a scene's detections."""
    return SimpleNamespace(match=plain_match, average_precision=plain_average_precision, keys=keys_of)


@pytest.fixture(scope="session")
def cases() -> Callable[..., st.SearchStrategy[tuple[Truth, Detections]]]:
    """Make a strategy of small cases; distinct=True: no two detections have the same score."""
    return _cases
