"""How often the 95 % intervals of `auxhead evaluate` hold the truth, where the truth is known.

Images are made up: their number of boxes varies, and a difficulty that each image has for itself moves the misses, the
false alarms, the scores and the errors of place of all its boxes, so that mistakes come in clusters as they do in
photos. A second detector sees the same images; it misses less and places better. What each measure gives on one huge
set of such images is taken for the truth. Then many small sets are made, each is resampled as `auxhead evaluate` does
(`intervals.resample`), and it is counted how often three kinds of interval hold the truth:

    percentile      quantiles of the draws
    basic           twice the value minus those quantiles
    bias-corrected  quantiles moved by the share of draws below the value: what `auxhead evaluate` gives

    python benchmarks/coverage.py [sets=1000] [images=100,300] [resamples=300] [out=docs/evidence/coverage.txt]

The default takes about 15 minutes on an idle core.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from auxhead.metrics.bands import ALL, read_bands
from auxhead.metrics.detections import Detections
from auxhead.metrics.intervals import bias_corrected, percentile, resample
from auxhead.metrics.measures import Matched, Numbers, Setup, match_all, mean
from auxhead.metrics.precision import Weights, average_precision, recall_at_false_positives
from auxhead.metrics.truth import Truth

POPULATION = 60_000  # images of the huge set
NAMES = ("often", "sometimes", "seldom")
SHARES = (0.6, 0.3, 0.1)
SIDE = 640
TINY = next(band for band in read_bands("ai-tod") if band.name.startswith("tiny"))
SETUP = Setup((TINY,), max_det=100, recalls=(), distances=(0.25, 0.5, 1.0), distances_px=(), nwd=12.0)
KEYS = [("all", "AP"), ("all", "AP50"), (TINY.name, "AP50"), ("all", "recall@1FPPI"), ("all", "center_AP")]
GOOD = (0.93, 0.97)


def make(images: int, random: np.random.Generator) -> tuple[Truth, Detections, Detections]:
    """Make images with boxes, and what two detectors find in them."""
    difficulty = random.normal(size=images)
    count = 1 + random.poisson(random.gamma(1.5, 3.5, images))
    image = np.repeat(np.arange(images), count)
    boxes = len(image)
    common = random.choice(len(NAMES), images, p=SHARES)  # boxes of an image are often of one class
    cls = np.where(random.random(boxes) < 0.5, common[image], random.choice(len(NAMES), boxes, p=SHARES))
    size = 14 * np.exp(0.6 * random.normal(size=boxes))
    sides = size[:, None] * np.exp(0.15 * random.normal(size=boxes))[:, None] ** np.array([1, -1])
    rows = np.c_[random.uniform(0, SIDE - 100, (boxes, 2)), sides]
    truth = Truth(
        names=NAMES,
        files=tuple(map(str, range(images))),
        sizes=np.full((images, 2), SIDE),
        image=image,
        cls=cls,
        boxes=rows,
        areas=rows[:, 2] * rows[:, 3],
        crowd=np.zeros(boxes, dtype=np.bool_),
    )
    ease = 0.8 * np.log(size / 14) - 0.7 * difficulty[image] + 0.7 * random.normal(size=boxes)
    noise = random.normal(size=(boxes, 4))
    return truth, *(look(truth, difficulty, ease, noise, skill, random) for skill in (0.0, 0.25))


def look(
    truth: Truth,
    difficulty: np.ndarray,
    ease: np.ndarray,
    noise: np.ndarray,
    skill: float,
    random: np.random.Generator,
) -> Detections:
    """Find boxes, now and then twice or as another class, and things that are none."""
    own = ease + skill + 0.5 * random.normal(size=len(ease))
    seen = np.flatnonzero(own > -1.0)
    seen = np.sort(np.r_[seen, seen[random.random(len(seen)) < 0.08]])
    errors = 0.8 * noise[seen] + 0.6 * random.normal(size=(len(seen), 4))
    spread = 0.11 * np.exp(-0.25 * own[seen] + 0.15 * random.normal(size=len(seen)))
    boxes = truth.boxes[seen] + errors * (spread[:, None] * truth.boxes[seen][:, [2, 3, 2, 3]])
    boxes[:, 2:] = np.maximum(np.abs(boxes[:, 2:]), 1.0)
    swapped = random.random(len(seen)) < 0.05
    cls = np.where(swapped, (truth.cls[seen] + 1) % len(NAMES), truth.cls[seen])
    alarms = np.repeat(np.arange(len(difficulty)), random.poisson(2.5 * np.exp(0.5 * difficulty - 0.4 * skill)))
    nothing = np.c_[
        random.uniform(0, SIDE - 100, (len(alarms), 2)), 14 * np.exp(0.6 * random.normal(size=(len(alarms), 2)))
    ]
    level = np.r_[
        0.8 * own[seen] + 0.6 * random.normal(size=len(seen)),
        -1.2 + 0.3 * difficulty[alarms] + 0.9 * random.normal(size=len(alarms)),
    ]
    return Detections(
        image=np.r_[truth.image[seen], alarms],
        cls=np.r_[cls, random.choice(len(NAMES), len(alarms), p=SHARES)],
        boxes=np.r_[boxes, nothing],
        scores=1 / (1 + np.exp(-level)),
    )


def measure(matched: Matched, weights: Weights) -> Numbers:
    """Measure what is looked at here, as `measures.numbers` does."""
    precision = average_precision(matched.scene, matched.by_overlap[ALL.name], weights)
    tiny = average_precision(matched.scene, matched.by_overlap[TINY.name], weights)[..., :1]
    centers = average_precision(matched.scene, matched.by_center[ALL.name], weights)
    recall = recall_at_false_positives(matched.scene, matched.by_overlap[ALL.name], weights)
    return dict(zip(KEYS, (mean(precision), mean(precision[..., :1]), mean(tiny), recall, mean(centers)), strict=True))


def with_difference(detectors: list[Numbers]) -> np.ndarray:
    """List the measures of the first detector, then those of the second minus the first; shape (10, r)."""
    one, two = (np.stack([detector[key] for key in KEYS]).astype(np.float64) for detector in detectors)
    return np.concatenate([one, two - one])


def population(random: np.random.Generator) -> np.ndarray:
    """Measure a huge set, shape (10,)."""
    truth, *found = make(POPULATION, random)
    weights = np.ones((1, POPULATION))
    return with_difference([measure(match_all(truth, one, SETUP), weights) for one in found])[:, 0]


def basic(value: float, draws: np.ndarray) -> tuple[float, float]:
    """Mirror the percentile interval at the value."""
    low, high = percentile(value, draws)
    return 2 * value - high, 2 * value - low


KINDS = {"percentile": percentile, "basic": basic, "bias-corrected": bias_corrected}


def simulate(sets: int, images: int, resamples: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the values of a set, shape (10,), and its draws, shape (10, resamples)."""
    started = time.perf_counter()
    for which in range(sets):
        truth, *found = make(images, np.random.default_rng([1, images, which]))
        matched = [match_all(truth, one, SETUP) for one in found]
        weights = np.ones((1, images))
        values = with_difference([measure(one, weights) for one in matched])[:, 0]
        yield values, with_difference(resample(matched, resamples, which, measure=measure))
        if which % 20 == 19:
            print(f"{images} images: {which + 1} sets, {time.perf_counter() - started:.0f} s", file=sys.stderr)


def rows_of(truth: np.ndarray, results: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[str]:
    """Yield the lines of the table of one number of images."""
    values, draws = (np.stack(part) for part in zip(*results, strict=True))
    ends = {
        kind: np.array([[make_one(v, d) for v, d in zip(*one, strict=True)] for one in zip(values, draws, strict=True)])
        for kind, make_one in KINDS.items()
    }
    head = "".join(f"{kind:>17}" for kind in KINDS)
    yield f"  {'':30}   truth  value-truth  draws-value   width{head}"
    good = dict.fromkeys(KINDS, 0)
    for place, (band, name) in enumerate([*KEYS, *KEYS]):
        label = f"{'difference of ' if place >= len(KEYS) else ''}{name if band == ALL.name else f'{name} {band}'}"
        low, high = ends["percentile"][:, place].T
        line = (
            f"  {label:30} {truth[place]:7.4f} {(values[:, place] - truth[place]).mean():+12.4f} "
            f"{(draws[:, place].mean(axis=-1) - values[:, place]).mean():+12.4f} {(high - low).mean():7.4f}"
        )
        for kind in KINDS:
            low, high = ends[kind][:, place].T
            share = ((low <= truth[place]) & (truth[place] <= high)).mean()
            error = 1.96 * math.sqrt(share * (1 - share) / len(results))
            inside = GOOD[0] <= share <= GOOD[1]
            good[kind] += inside
            line += f"  {share:7.1%} ±{error:4.1%}{' ' if inside else '*'}"
        yield line
    yield "  in 93 to 97 %: " + ", ".join(f"{kind} {count} of {2 * len(KEYS)}" for kind, count in good.items())


def main() -> None:
    """Print the tables and write them to a file."""
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    sets, resamples = int(keys.get("sets", 1000)), int(keys.get("resamples", 300))
    sizes = keys.get("images", "100,300")
    truth = population(np.random.default_rng(0))
    lines = [
        f"$ python benchmarks/coverage.py sets={sets} images={sizes} resamples={resamples}",
        f"The truth is what {POPULATION:,} images give. Shares of sets whose 95 % interval holds it, with their own",
        "error (binomial, 95 %); * marks those outside of 93 to 97 %. The columns before are means over the sets; the",
        f"width is the percentile interval's. {resamples} resamples where `auxhead evaluate` takes 1,000 by default.",
    ]
    for images in map(int, sizes.split(",")):
        lines += ["", f"{sets} sets of {images} images", *rows_of(truth, list(simulate(sets, images, resamples)))]
    Path(keys.get("out", "docs/evidence/coverage.txt")).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
