"""Measure one detector, or two against each other, on what is small; without torch unless a model has to predict."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from auxhead._version import __version__
from auxhead.errors import ConfigError, DataError, OutputError
from auxhead.files import sha256 as sha256_of
from auxhead.files import write_atomic
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.keys.reading import validated
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.fingerprint import fingerprint
from auxhead.labels.listing import list_images
from auxhead.labels.source import Source
from auxhead.metrics.bands import ALL, read_bands
from auxhead.metrics.coco_file import read_coco
from auxhead.metrics.curves import precision_curve
from auxhead.metrics.detections import Detections
from auxhead.metrics.intervals import Interval, bias_corrected, estimate, percentile, resample
from auxhead.metrics.measures import (
    Matched,
    Numbers,
    Setup,
    boxes_in_bands,
    boxes_of_classes,
    match_all,
    point_numbers,
)
from auxhead.metrics.mistakes import BOXES, EXTRAS, count_mistakes, mistakes
from auxhead.metrics.precision import average_precision
from auxhead.metrics.result import Detector, Evaluation, Table
from auxhead.metrics.results_file import read_json, read_results, to_rows
from auxhead.metrics.truth import Truth, network_scale, read_yolo
from auxhead.progress import Progress, named, silent

RECALLS = (1, 10, 100)  # Source: pycocotools, Params.maxDets
METRICS_FILE = "metrics.json"
COUNTS_FILE = "per_image.parquet"


@dataclass(frozen=True)
class _Job:
    """What is asked, and what it is asked of."""

    own: EvaluateKeys
    folder: Path
    truth: Truth
    hashes: Mapping[str, str]
    tell: Progress


@dataclass(frozen=True)
class _Predicted:
    """Predictions on disk and what is known about them."""

    name: str
    source: str
    sha256: str
    file: Path
    found: Detections
    imgsz: int | None = None
    max_det: int = 0
    note: str = ""
    ultralytics: Mapping[str, float] | None = None


def evaluate(progress: Progress | None = None, **keys: Any) -> Evaluation:
    """Measure how well a detector sees what is small, with intervals; or two detectors and their difference.

    Args:
        progress: Called as progress(task, done, total).
        **keys: As on the command line: `data` and either `model` or `predictions`; `versus`, `bands`, `out`, ...

    Returns:
        The results, which also lie in `out`: metrics.json, per_image.parquet, the predictions and plots.

    Raises:
        ConfigError: Keys or values are wrong, all of them at once.
        DataError: Data or predictions can't be used, or don't belong together.
        ModelError: A model can't be used, or has other classes than the data.
        OutputError: `out` holds results of something else, or can't be written to.
    """
    own = validated(EvaluateKeys, keys)
    tell = progress or silent
    bands = read_bands(own.bands)
    sources = [Path(str(own.model or own.predictions)), *([Path(own.versus)] if own.versus else [])]
    folder = _folder(own, sources)
    truth, hashes = _truth(own, tell)
    job = _Job(own, folder, truth, hashes, tell)
    detectors = [_predicted(job, *both) for both in zip(sources, _names(sources), strict=True)]
    scaled, factors = _in_pixels(truth, detectors, own)
    max_det = max([own.max_det, *(one.max_det for one in detectors)])
    setup = Setup(
        bands=bands,
        max_det=max_det,
        recalls=tuple(count for count in RECALLS if count < max_det),
        distances=tuple(own.distances),
        distances_px=tuple(own.distances_px),
        nwd=own.nwd or _mean_size(scaled),
    )
    matched = []
    for done, one in enumerate(detectors):
        tell("Matching", done, len(detectors))
        matched.append(match_all(scaled, one.found if factors is None else one.found.scaled(factors), setup))
    tell("Matching", len(detectors), len(detectors))
    draws = resample(matched, own.resamples, own.seed, named(tell, "Resampling images"))
    points = [point_numbers(one) for one in matched]
    results = [
        _detector(*parts) for parts in zip(detectors, matched, [point for point, _ in points], draws, strict=True)
    ]
    differences = None
    if own.versus:
        differences = _difference([point for point, _ in points], draws)
    evaluation = Evaluation(
        settings=_settings(own, setup, detectors),
        data=_data(own, truth, matched[0], hashes),
        detectors=results,
        differences=differences,
        folder=str(folder),
    )
    _write(evaluation, folder, own, matched)
    return evaluation


def _folder(own: EvaluateKeys, sources: Sequence[Path]) -> Path:
    """Choose the folder of the results, and refuse one that holds those of something else."""
    names = _names(sources)
    folder = Path(own.out) if own.out else Path("runs") / "evaluate" / "-vs-".join(names)
    if folder.exists() and not folder.is_dir():
        raise OutputError("a folder for the results", "a file", str(folder), "choose another place with out=")
    there = folder / METRICS_FILE
    if there.is_file() and not own.exist_ok:
        asked = {"data": own.data, "split": own.split, "sources": [str(source) for source in sources]}
        try:
            standing = json.loads(there.read_text(encoding="utf-8"))["settings"]
            same = {name: standing.get(name) for name in asked} == asked
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            same = False
        if not same:
            raise OutputError(
                expected=f"a folder without results, or with those of {' and '.join(map(str, sources))} on {own.data}",
                found="results of something else",
                where=str(there),
                fix="choose another out=, or add exist_ok=true to replace them",
            )
    return folder


def _names(sources: Sequence[Path]) -> list[str]:
    """Name detectors: runs/detect/train/weights/best.pt is train-best; numbered where names are equal."""
    names = []
    for source in sources:
        inside = source.parent.name == "weights" and source.parent.parent.name
        names.append(f"{source.parent.parent.name}-{source.stem}" if inside else source.stem)
    return [name if names.count(name) == 1 else f"{name}-{place}" for place, name in enumerate(names, start=1)]


def _truth(own: EvaluateKeys, tell: Progress) -> tuple[Truth, dict[str, str]]:
    """Read the annotated boxes; with hashes of pictures and labels."""
    data = Path(own.data)
    if data.suffix == ".json":
        truth = read_coco(data, own.area)
        return truth, {"labels_sha256": _labels_hash(truth)}
    source = _source(own)
    if own.split not in source.splits:
        found = f"{', '.join(source.splits)} only"
        raise DataError(f"a {own.split} split", found, own.data, "choose another with split=, or add it")
    images = list_images(source.splits[own.split])
    truth = read_yolo(
        images,
        source.names,
        kpt_shape=source.kpt_shape,
        area=own.area,
        progress=named(tell, "Reading labels"),
    )
    if not len(truth.image):
        raise DataError(
            expected=f"labels to measure against in the {own.split} split",
            found=f"{len(images)} images without a single box",
            where=own.data,
            fix="put label files beside the images (images/ -> labels/), or choose another split=",
        )
    pictures = fingerprint(images, named(tell, "Hashing images"))
    return truth, {"images_sha256": pictures, "labels_sha256": _labels_hash(truth)}


def _source(own: EvaluateKeys) -> Source:
    """Resolve data.yaml; with a model by Ultralytics, which also knows data sets by name."""
    if own.predictions and not (own.versus and not own.versus.endswith(".json")):
        return read_data_yaml(Path(own.data))
    from auxhead.yolo.convert import read_source

    return read_source(own.data)


def _labels_hash(truth: Truth) -> str:
    parts = (truth.image, truth.cls, truth.boxes, truth.crowd)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def _predicted(job: _Job, source: Path, name: str) -> _Predicted:
    """Read predictions, or make them."""
    return _from_file(job, source, name) if source.suffix == ".json" else _from_model(job, source, name)


def _from_file(job: _Job, source: Path, name: str) -> _Predicted:
    found = read_results(source, job.truth, job.own.categories)
    info = _info(source)
    pictures = info.get("images_sha256")
    if pictures and pictures != job.hashes.get("images_sha256", pictures):
        raise DataError(
            expected="predictions on the images of this data set and split",
            found="predictions of ours on other images (another hash)",
            where=f"{source} and {job.own.data}",
            fix="name the data they were made on, or predict again with model=",
        )
    digest = sha256_of(source)
    known = {key: info[key] for key in ("imgsz", "max_det", "note", "ultralytics") if key in info}
    return _Predicted(name, str(source), digest, source, found, **known)


def _info_file(predictions: Path) -> Path:
    return predictions.with_suffix(".info.json")


def _info(predictions: Path) -> dict[str, Any]:
    """Read what was noted about predictions of ours; {} for others."""
    path = _info_file(predictions)
    content = read_json(path, "what auxhead noted about the predictions beside it") if path.is_file() else {}
    return content if isinstance(content, dict) else {}


def _from_model(job: _Job, source: Path, name: str) -> _Predicted:
    """Predict with a model, unless the same predictions lie there."""
    from auxhead.yolo.predict import weights_hash

    keys = ("split", "imgsz", "conf", "iou", "max_det")
    asked = {
        "weights_sha256": weights_hash(source),
        "images_sha256": job.hashes["images_sha256"],
        "names": list(job.truth.names),
        **{key: getattr(job.own, key) for key in keys},
    }
    file = job.folder / f"predictions-{name}.json"
    if not (file.is_file() and _info(file).get("asked") == asked):
        _predict(job, source, asked, file)
    else:
        job.tell("Reusing predictions", 1, 1)
    info = _info(file)
    return _Predicted(
        name=name,
        source=str(source),
        sha256=str(asked["weights_sha256"]),
        file=file,
        found=read_results(file, job.truth),
        imgsz=info["imgsz"],
        max_det=info["max_det"],
        note=info["note"],
        ultralytics=info["ultralytics"],
    )


def _predict(job: _Job, source: Path, asked: Mapping[str, Any], file: Path) -> None:
    """Predict, and write the predictions and what is known about them."""
    from auxhead.yolo.compat import installed
    from auxhead.yolo.predict import predict

    keys = ("split", "imgsz", "batch", "device", "conf", "iou", "max_det", "trust")
    made = predict(source, job.own.data, **{key: getattr(job.own, key) for key in keys})
    place = {str(Path(name).resolve()): index for index, name in enumerate(job.truth.files)}
    blocks, images = [], []
    for name, rows in made.rows.items():
        index = place.get(str(Path(name).resolve()))
        if index is None:
            raise DataError("predictions on the images of the split", f"one on {name}", job.own.data, "report this")
        blocks.append(rows.numpy())
        images.append(np.full(len(rows), index, dtype=np.int64))
    table = np.concatenate([*blocks, np.empty((0, 6))])
    found = Detections(
        np.concatenate([*images, np.empty(0, dtype=np.int64)]), table[:, 5].astype(np.int64), table[:, :4], table[:, 4]
    )
    info = {
        "asked": dict(asked),
        "images_sha256": job.hashes["images_sha256"],
        "imgsz": made.imgsz,
        "max_det": made.max_det,
        "note": made.note,
        "ultralytics": dict(made.metrics),
        "ultralytics_version": installed(),
    }
    _info_file(file).unlink(missing_ok=True)  # a kill between the two writes must not leave an old note on new rows
    write_atomic(file, json.dumps(to_rows(found, job.truth.files)).encode())
    write_atomic(_info_file(file), json.dumps(info, indent=2).encode())


def _in_pixels(
    truth: Truth, detectors: Sequence[_Predicted], own: EvaluateKeys
) -> tuple[Truth, np.ndarray[Any, np.dtype[np.float64]] | None]:
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


def _mean_size(truth: Truth) -> float:
    """The mean size of the boxes, pixels. Source: Wang et al. (2021), who set the constant of NWD so."""
    return float(np.sqrt(truth.boxes[:, 2] * truth.boxes[:, 3]).mean()) or 1.0


def _detector(one: _Predicted, matched: Matched, point: Numbers, draws: Numbers) -> Detector:
    made = mistakes(matched)
    counts = count_mistakes(matched, made)
    return Detector(
        name=one.name,
        source=one.source,
        sha256=one.sha256,
        predictions=str(one.file),
        detections=len(one.found.image),
        imgsz=one.imgsz,
        note=one.note,
        ultralytics=one.ultralytics or {},
        numbers=_table(point, draws),
        classes=_classes(matched),
        score=made.score if np.isfinite(made.score) else None,
        mistakes=_by_band(counts, [band.name for band in matched.setup.bands]),
        counts=counts,
        draws=draws,
        precision=precision_curve(matched.scene, matched.by_overlap[ALL.name], 0),
    )


def _table(
    point: Mapping[tuple[str, str], Any], draws: Mapping[tuple[str, str], Any], interval: Interval = bias_corrected
) -> Table:
    """Put values and their resamples together, by band and measure."""
    table: dict[str, dict[str, Any]] = {}
    for (band, measure), value in point.items():
        own = draws.get((band, measure), np.empty(0))
        table.setdefault(band, {})[measure] = estimate(float(value[0]), own, interval)
    return table


def _difference(points: Sequence[Numbers], draws: Sequence[Numbers]) -> Table:
    value = {key: points[0][key] - points[1][key] for key in points[0]}
    return _table(value, {key: draws[0][key] - draws[1][key] for key in draws[0]}, percentile)


def _classes(matched: Matched) -> list[dict[str, Any]]:
    ones = np.ones((1, len(matched.scene.truth.files)))
    own, center = matched.by_overlap[ALL.name], matched.by_center[ALL.name]
    precision = average_precision(matched.scene, own, ones)[0]
    centers = average_precision(matched.scene, center, ones)[0].mean(axis=1)
    hits = np.zeros(precision.shape)
    np.add.at(hits, matched.scene.found.cls, own.hit)
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


def _settings(own: EvaluateKeys, setup: Setup, detectors: Sequence[_Predicted]) -> dict[str, Any]:
    kept = ("data", "split", "bands", "pixels", "area", "categories", "conf", "iou", "resamples", "seed")
    return {
        "auxhead": __version__,
        "sources": [one.source for one in detectors],
        **{name: getattr(own, name) for name in kept},
        "edges": [[band.low, band.high if np.isfinite(band.high) else None] for band in setup.bands],
        "max_det": setup.max_det,
        "distances": list(setup.distances),
        "distances_px": list(setup.distances_px),
        "nwd": setup.nwd,
    }


def _data(own: EvaluateKeys, truth: Truth, matched: Matched, hashes: Mapping[str, str]) -> dict[str, Any]:
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
        from auxhead.metrics.plots import plot_all

        plot_all(evaluation, matched, folder)
    tables = [one.counts.select(pl.lit(one.name).alias("detector"), pl.all()) for one in evaluation.detectors]
    buffer = io.BytesIO()
    pl.concat(tables).write_parquet(buffer)
    write_atomic(folder / COUNTS_FILE, buffer.getvalue())
    write_atomic(folder / METRICS_FILE, json.dumps(evaluation.to_dict(), indent=2, allow_nan=False).encode())
