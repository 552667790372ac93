"""Measure one detector, or two against each other, on what is small; without torch unless a model has to predict."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from auxhead._version import __version__
from auxhead.errors import ConfigError
from auxhead.evaluation.curves import precision_curve
from auxhead.evaluation.doubts import explain_nothing
from auxhead.evaluation.files import COUNTS_FILE, METRICS_FILE, folder_of_results
from auxhead.evaluation.in_memory import InMemory, in_memory
from auxhead.evaluation.limits import below, read_limits
from auxhead.evaluation.objects import write_objects
from auxhead.evaluation.predictions import Predicted, detector_names, predicted, read_again
from auxhead.evaluation.result import Detector, Evaluation, difference
from auxhead.evaluation.sources import Task, measured_as_one, read_truth
from auxhead.evaluation.tables import Table
from auxhead.files import path_given, write_atomic
from auxhead.foreign.beside import as_yolo
from auxhead.formats import escaped
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.keys.reading import by_ending, validated
from auxhead.metrics.bands import ALL, read_bands
from auxhead.metrics.detections import Detections
from auxhead.metrics.intervals import estimate, resample
from auxhead.metrics.measures import (
    Matched,
    Numbers,
    Setup,
    boxes_in_bands,
    boxes_of_classes,
    match_all,
    point_numbers,
    without_bands,
)
from auxhead.metrics.mistakes import BOXES, EXTRAS, count_mistakes, mistakes
from auxhead.metrics.precision import average_precision
from auxhead.metrics.repairs import repairs
from auxhead.metrics.truth import Floats, Truth, as_one_class, network_scale
from auxhead.progress import Progress, named, silent

if TYPE_CHECKING:
    from typing import Unpack

    from auxhead.keys.words.typed import EvaluateWords

RECALLS = (1, 10, 100)  # Source: pycocotools, Params.maxDets


def evaluate(
    detector: str | Path | None = None, /, *, progress: Progress | None = None, **keys: Unpack[EvaluateWords]
) -> Evaluation:
    """Measure as `auxhead.evaluate` does, which also writes the page about it.

    Args:
        detector: Its file, or a COCO-format results file (.json) of any detector; or by name: `model`, `predictions`.
        progress: Called as progress(task, done, total).
        **keys: As on the command line: `data`, `versus`, `bands`, `out`, ...; `predictions` may also be in memory.

    Returns:
        The results, which also lie in `out`: metrics.json, per_image.parquet, the predictions and plots.

    Raises:
        ConfigError: Keys or values are wrong, all of them at once.
        DataError: Data or predictions can't be used, or don't belong together.
        ModelError: A model can't be used, or has other classes than the data.
        OutputError: `out` holds results of something else, or can't be written to.
    """
    return measured(*checked(detector, keys), progress=progress)


def measured(own: EvaluateKeys, given: InMemory | None, *, progress: Progress | None = None) -> Evaluation:
    """Measure with keys that have been checked.

    Args:
        own: The keys.
        given: Predictions that are not in the file that `predictions` names, but will be written to one of that name.
        progress: As evaluate.

    Raises:
        DataError, ModelError, OutputError: As evaluate.
    """
    tell = progress or silent
    bands = read_bands(own.bands)
    limits = read_limits(own.fail_below, bands)
    if not own.data.endswith(".json"):
        yolo = as_yolo(own.data, on_error=own.on_error, progress=named(tell, "Converting"))
        own = own.model_copy(update={"data": yolo})
    sources = [Path(str(own.model or own.predictions)), *([Path(own.versus)] if own.versus else [])]
    names = detector_names(sources, sliced=bool(own.slices))
    folder = folder_of_results(own, sources, names, given.file_name if given else None)
    if given:
        sources[0] = folder / given.file_name
    truth, hashes = read_truth(own, folder, tell)
    one_class = measured_as_one(own, truth, sources)
    truth = as_one_class(truth) if one_class else truth
    job = Task(own, folder, truth, hashes, tell, one_class)
    read = [  # what the first is compared with looks at whole pictures
        predicted(job, source, name, sliced=bool(own.slices) and not place, given=None if place else given)
        for place, (source, name) in enumerate(zip(sources, names, strict=True))
    ]
    detectors, found = [one for one, _ in read], [boxes for _, boxes in read]
    del read  # there may be millions of boxes: what has been matched is let go
    scaled, factors = _in_pixels(truth, detectors, own)
    asked = "max_det" in own.model_fields_set  # then what is noted beside a results file doesn't count
    max_det = max([own.max_det, *(one.max_det for one in detectors if not (one.given and asked))])
    setup = Setup(
        bands=bands,
        max_det=max_det,
        recalls=tuple(count for count in RECALLS if count < max_det),
        distances=tuple(own.distances),
        distances_px=tuple(own.distances_px),
        nwd=own.nwd or _mean_size(scaled),
    )
    matched: list[Matched] = []
    while found:
        tell("Matching", len(matched), len(detectors))
        matched.append(match_all(scaled, _scaled(found.pop(0), factors), setup))
    tell("Matching", len(detectors), len(detectors))
    draws = resample(matched, own.resamples, own.seed, named(tell, "Resampling images"))
    points = [point_numbers(one) for one in matched]
    detectors = [_explained(one, point, job) for one, point in zip(detectors, points, strict=True)]
    about = _data(own, truth, matched[0], hashes)
    matched = [without_bands(one) for one in matched]
    results = [_detector(*parts) for parts in zip(detectors, matched, points, draws, strict=True)]
    evaluation = Evaluation(
        settings=_settings(job, setup, detectors),
        data=about,
        detectors=results,
        differences=difference(*results) if own.versus else None,
        below=below(limits, results[0].numbers),
        folder=str(folder),
    )
    if own.objects:
        beside = Path(own.data).parent if own.data.endswith(".json") else Path()
        for one in results:
            write_objects(folder, one.name, one.judged, bands, factors=factors, beside=beside)
    _write(evaluation, folder, own, matched)
    return evaluation


def checked(detector: str | Path | None, keys: Mapping[str, Any]) -> tuple[EvaluateKeys, InMemory | None]:
    """Check the keys of an evaluation, to which a detector that was given without its key is added.

    Returns:
        The keys, and predictions from memory, which `predictions` calls by the name of their file to be.

    Raises:
        ConfigError: Keys or values are wrong, all of them at once.
        DataError: Predictions from memory that are none.
    """
    given = in_memory(keys.get("predictions"))
    if given:
        keys = {**keys, "predictions": given.file_name}
    return validated(EvaluateKeys, keys if detector is None else _with_detector(detector, keys)), given


def _with_detector(detector: str | Path, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Put the detector among the keys, which may not name one as well."""
    call = 'auxhead.evaluate("best.pt", data=...) or auxhead.evaluate(predictions=..., data=...)'
    path = path_given(detector, call)
    key = by_ending(EvaluateKeys.object_keys, path)
    if keys.get(key) is not None:
        raise ConfigError(f"one detector, {call}", f"{path} and {key}={keys[key]}", "the keys given", "leave one out")
    return {**keys, key: path}


def _in_pixels(truth: Truth, detectors: Sequence[Predicted], own: EvaluateKeys) -> tuple[Truth, Floats | None]:
    """Bring the truth to the pixels that sizes are counted in; with the factors, None for original pixels."""
    if own.pixels == "original":
        return truth, None
    sizes = {size for size in (own.imgsz or one.imgsz for one in detectors) if size}
    if len(sizes) != 1:
        raise ConfigError(
            expected="one image size, as pixels=network counts in its pixels",
            found=f"{' and '.join(map(str, sorted(sizes)))}" if sizes else "none",
            where="imgsz=",
            fix="add imgsz=, or use pixels=original",
        )
    factors = network_scale(truth.sizes, sizes.pop())
    return truth.scaled(factors), factors


def _scaled(found: Detections, factors: Floats | None) -> Detections:
    return found if factors is None else found.scaled(factors)


def _mean_size(truth: Truth) -> float:
    """Return the mean size of the boxes but crowds, pixels; 1 without any.

    Source:
        Wang et al., "A normalized Gaussian Wasserstein distance for tiny object detection" (2021), which sets NWD's
        constant so.
    """
    width, height = truth.boxes[~truth.crowd, 2:].T
    return float(np.sqrt(width * height).sum()) / max(len(width), 1) or 1.0


def _explained(one: Predicted, point: Numbers, job: Task) -> Predicted:
    """Note beside a detector of which nothing is right what else was tried."""
    if float(point[ALL.name, "AP50"][0]) != 0:
        return one
    tried = explain_nothing(job.truth, read_again(one, job), job.own.categories if one.given else "own")
    return replace(one, note="; ".join(filter(None, (one.note, tried))))


def _detector(one: Predicted, matched: Matched, point: Numbers, draws: Numbers) -> Detector:
    classes = _classes(matched)
    made = mistakes(matched)
    counts = count_mistakes(matched, made)
    return Detector(
        name=one.name,
        source=one.source,
        sha256=one.sha256,
        predictions=str(one.file),
        detections=one.detections,
        imgsz=one.imgsz,
        note=one.note,
        ultralytics=one.ultralytics or {},
        numbers=_table(point, draws),
        classes=classes,
        score=made.score if np.isfinite(made.score) else None,
        mistakes=_by_band(counts, [band.name for band in matched.setup.bands]),
        repairs=repairs(matched),
        ultralytics_version=one.ultralytics_version,
        looks=one.looks,
        counts=counts,
        draws=draws,
        precision=precision_curve(matched.scene, matched.by_overlap[ALL.name], 0),
        judged=made,
    )


def _table(point: Mapping[tuple[str, str], Any], draws: Mapping[tuple[str, str], Any]) -> Table:
    """Put values and their resamples together, by band and measure."""
    table: dict[str, dict[str, Any]] = {}
    for (band, measure), value in point.items():
        own = draws.get((band, measure), np.empty(0))
        table.setdefault(band, {})[measure] = estimate(float(value[0]), own)
    return table


def _classes(matched: Matched) -> list[dict[str, Any]]:
    ones = np.ones((1, len(matched.scene.truth.files)))
    own, center = matched.by_overlap[ALL.name], matched.by_center[ALL.name]
    precision = average_precision(matched.scene, own, ones)[0]
    centers = average_precision(matched.scene, center, ones)[0].mean(axis=1)
    cls, thresholds = matched.scene.found.cls, range(own.hits.columns)
    hits = np.stack([np.bincount(cls[own.hits.at(place)], minlength=len(precision)) for place in thresholds], axis=1)
    rows = []
    for place, (name, boxes) in enumerate(zip(matched.scene.truth.names, boxes_of_classes(matched), strict=True)):
        values = (precision[place].mean(), precision[place, 0], hits[place].mean() / (boxes or 1), centers[place])
        measured = dict(zip(("AP", "AP50", "AR", "center_AP"), map(float, values), strict=True))
        rows.append({"name": name, "boxes": boxes} | (measured if boxes else dict.fromkeys(measured)))
    return rows


def _by_band(counts: pl.DataFrame, bands: Sequence[str]) -> dict[str, dict[str, int]]:
    kinds = ("boxes", *BOXES, *EXTRAS)
    sums = {row["band"]: row for row in counts.group_by("band").agg(pl.col(kinds).sum()).to_dicts()}
    return {band: {kind: int(sums[band][kind]) if band in sums else 0 for kind in kinds} for band in bands} | {
        ALL.name: {kind: int(counts[kind].sum()) for kind in kinds}
    }


def _settings(job: Task, setup: Setup, detectors: Sequence[Predicted]) -> dict[str, Any]:
    kept = (
        "data",
        "split",
        "bands",
        "pixels",
        "area",
        "categories",
        "conf",
        "iou",
        "imgsz",
        "resamples",
        "seed",
        "fail_below",
    )
    return {
        "auxhead": __version__,
        "run_in": str(Path.cwd()),
        "sources": [one.source for one in detectors],
        **{name: getattr(job.own, name) for name in kept},
        "fail_below": job.own.fail_below,
        **({"slices": job.own.slices, "overlap": job.own.overlap} if job.own.slices else {}),
        "single_cls": job.single_cls,
        "edges": [[band.low, band.high if np.isfinite(band.high) else None] for band in setup.bands],
        "max_det": setup.max_det,
        "distances": list(setup.distances),
        "distances_px": list(setup.distances_px),
        "nwd": setup.nwd,
    }


def _data(own: EvaluateKeys, truth: Truth, matched: Matched, hashes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file": own.data,
        "split": own.split,
        "images": len(truth.files),
        "boxes": int((~truth.crowd).sum()),
        "crowds": int(truth.crowd.sum()),
        "bands": boxes_in_bands(matched),
        "names": list(truth.names),
        **hashes,
    }


def _write(evaluation: Evaluation, folder: Path, own: EvaluateKeys, matched: Sequence[Matched]) -> None:
    """Write the plots and tables, metrics.json last."""
    if own.plots:
        from auxhead.evaluation.plots import plot_all

        plot_all(evaluation, matched, folder)
    tables = [one.counts.select(pl.lit(escaped(one.name)).alias("detector"), pl.all()) for one in evaluation.detectors]
    buffer = io.BytesIO()
    pl.concat(tables).write_parquet(buffer)
    write_atomic(folder / COUNTS_FILE, buffer.getvalue())
    write_atomic(folder / METRICS_FILE, json.dumps(evaluation.to_dict(), indent=2, allow_nan=False).encode())
