"""Write the ledger of a comparison without training anything: the files a finished one has, with chosen numbers.

Other tests import it: `from tests.findings.ledger_maker import make_ledger`. Every image is 96x96 pixels and holds
nine boxes: four of 6, four of 12 and one of 24 pixels; the last image has none. What a run finds grows with its value.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

Run = tuple[str, int]
"""Arm and seed."""
Rows = list[dict[str, Any]]

HOSTILE = "<script>alert(1)</script>"
NAMES = ("car", HOSTILE, "bus")  # the last has no box
ARMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "plain-noflip": {"fliplr": 0.0},
    "center": {"heads": "center"},
    "p2": {"model": "yolov8n-p2.yaml"},
}
VALUES: dict[str, Sequence[float]] = {
    "plain": (0.50, 0.52, 0.51),
    "plain-noflip": (0.505, 0.515, 0.512),
    "center": (0.55, 0.56, 0.565),
    "p2": (0.58, 0.61, 0.60),
}
"""AP50 of all sizes, by seed; an arm that isn't named has the control's."""
GFLOPS = {"p2": 13.28}
OTHER_GFLOPS = 8.0

SIDE = 96
SIZES = (6, 6, 6, 6, 12, 12, 12, 12, 24)  # of a picture's boxes, pixels
BANDS = {"<8": (0, 8), "8-16": (8, 16), "16-32": (16, 32), ">=32": (32, 1e9)}
EASE = {"all": 1.0, "<8": 0.8, "8-16": 1.1, "16-32": 1.3, ">=32": None}
MEASURES = {"AP": 0.6, "AP50": 1.0, "AR@300": 0.7, "recall@1FPPI": 0.9, "center_AP": 0.95}
MEASURES_OF_ALL = {"AP75": 0.5, "AR@1": 0.3, "AR@10": 0.5, "AR@100": 0.69, "center_AP@0.5": 0.9, "NWD_AP": 0.55}
KINDS = ("found", "loose", "wrong_class", "missed", "duplicate", "background")


@dataclass(frozen=True)
class _Ledger:
    folder: Path
    data: Path
    names: Sequence[str]
    images: Sequence[str]
    resamples: int
    epochs: int
    noise: float


def make_ledger(
    folder: Path,
    *,
    arms: Mapping[str, Mapping[str, Any]] = ARMS,
    seeds: Sequence[int] = (0, 1, 2),
    values: Mapping[str, Sequence[float]] = VALUES,
    control: str = "plain",
    primary: str = "mAP50",
    split: str = "val",
    failed: Sequence[Run] = (),
    missing: Sequence[Run] = (),
    stale: Sequence[Run] = (),
    unfair: Mapping[str, Any] | None = None,
    names: Sequence[str] = NAMES,
    pictures: int = 7,
    resamples: int = 200,
    epochs: int = 5,
    noise: float = 0.02,
    data: Path | None = None,
    confirm: Sequence[int] = (),
    chosen: str | None = None,
    budget: float | None = None,
    latency: Mapping[str, float] | None = None,
) -> Path:
    """Write a ledger, and the data set it is about.

    Args:
        folder: Where it shall be.
        arms: Names, with what each declares.
        seeds: Of every arm.
        values: AP50 of all sizes by arm and seed (its position), 0 to 1; every other number follows from it.
        control: One of the arms.
        primary: What the plan says.
        split: val, or test (both folders are written then).
        failed: Runs that failed twice.
        missing: Runs without result.json, though with a log.
        stale: Runs with the hash of another plan.
        unfair: Content of unfair.json; None writes one without differences.
        names: Class names; boxes are of the first two in turn.
        pictures: Of the val split, the last one without boxes.
        resamples: Draws of the images.
        epochs: Rows of results.csv.
        noise: Standard deviation of what a draw of images adds to all runs alike; a tenth is a run's own.
        data: Folder of the data set; None: beside `folder`.
        confirm: Fresh seeds of the control and the chosen arm, whose values follow those of the other seeds.
        chosen: The arm that the seeds have chosen.
        budget: What an arm may cost to be chosen, times the control.
        latency: Times of the control's, by arm; None: no latency.json.

    Returns:
        The folder.
    """
    data = data or folder.with_name(f"{folder.name}-data")
    images = _data_set(data, names, pictures)
    ledger = _Ledger(folder, data, names, images, resamples, epochs, noise)
    runs = [(arm, seed) for seed in seeds for arm in arms]
    runs += [(arm, seed) for seed in confirm for arm in arms if chosen and arm in {control, chosen}]
    plan = _plan(ledger, arms, seeds, runs, control, primary, split)
    stages = {"confirm": list(confirm), "chosen": chosen, "budget": budget} if confirm else {}
    _write_json(folder / "plan.json", plan | stages)
    if latency is not None:
        _write_json(folder / "latency.json", _latency(latency))
    for arm, seed in runs:
        place = folder / "runs" / f"{arm}-{seed}"
        own = values.get(arm, values.get(control, (0.5,)))
        value = own[[*seeds, *confirm].index(seed) % len(own)]
        _write_json(place / "run.json", {"arm": arm, "seed": seed, "hash": _hash(arm, seed), "train": dict(arms[arm])})
        (place / "log.txt").write_text(f"training {arm} with seed {seed}\n", encoding="utf-8")
        if (arm, seed) in missing:
            continue
        if (arm, seed) in failed:
            _write_json(place / "result.json", _failure(arm, seed))
            continue
        _results_csv(place / "train" / "results.csv", value, epochs)
        (place / "train" / "weights").mkdir(parents=True, exist_ok=True)
        (place / "train" / "weights" / "last.pt").write_bytes(f"{arm}-{seed}".encode())
        for one in ("val", "test") if split == "test" else ("val",):
            _evaluation(ledger, place / one, one, value if one == "val" else value - 0.01, (arm, seed))
        digest = _hash("other plan" if (arm, seed) in stale else arm, seed)
        _write_json(place / "result.json", _result(arm, seed, digest, arms[arm]))
    fair = {"differences": [], "notes": [], "equal": [{"what": "batches", "value": "the same in every run"}]}
    _write_json(folder / "unfair.json", fair if unfair is None else unfair)
    _write_json(folder / "environment.json", {"auxhead": "0.1.0", "torch": "2.9", "ultralytics": "8.4.190", "cpu": "x"})
    return folder


def _hash(arm: str, seed: int) -> str:
    return hashlib.sha256(f"{arm}-{seed}".encode()).hexdigest()


def _plan(
    ledger: _Ledger,
    arms: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    runs: Sequence[Run],
    control: str,
    primary: str,
    split: str,
) -> dict[str, Any]:
    return {
        "schema": "auxhead.plan/1",
        "name": "made up",
        "data": str(ledger.data / "data.yaml"),
        "base": {"model": "yolov8n.yaml", "epochs": ledger.epochs, "imgsz": SIDE, "batch": 4},
        "seeds": list(seeds),
        "primary": primary,
        "control": control,
        "arms": {arm: dict(declared) for arm, declared in arms.items()},
        "checkpoint": "last",
        "split": split,
        "resamples": ledger.resamples,
        "bands": "8,16,32",
        "data_sha256": "d" * 64,
        "auxhead": "0.1.0",
        "runs": [
            {"arm": arm, "seed": seed, "hash": _hash(arm, seed), "folder": f"runs/{arm}-{seed}"} for arm, seed in runs
        ],
    }


def _latency(ratios: Mapping[str, float]) -> dict[str, Any]:
    arms = {
        arm: {"milliseconds": 20 * ratio, "ratio": ratio, "low": ratio - 0.02, "high": ratio + 0.03}
        for arm, ratio in ratios.items()
    }
    about = {"device": "cpu", "hardware": "AVX2, 2 cores", "clock": "processor time of one thread"}
    return {"schema": "auxhead.latency/1", **about, "arms": arms, "weights": {}}


def _failure(arm: str, seed: int) -> dict[str, Any]:
    return {
        "schema": "auxhead.run/1",
        "arm": arm,
        "seed": seed,
        "hash": _hash(arm, seed),
        "status": "failed",
        "reason": "out of memory",
        "failures": [{"reason": "out of memory", "ended": "2026-01-02T03:04:05+00:00"}],
    }


def _result(arm: str, seed: int, digest: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    gflops = GFLOPS.get(arm, OTHER_GFLOPS)
    train = 60.0 * gflops / OTHER_GFLOPS + seed
    pairs = " ".join(f"{key}={value}" for key, value in declared.items())
    return {
        "schema": "auxhead.run/1",
        "arm": arm,
        "seed": seed,
        "hash": digest,
        "status": "finished",
        "reason": None,
        "failures": [],
        "seconds": {"train": train, "evaluate": 5.0, "total": train + 6.0},
        "cpu_seconds": 2 * train,
        "started": "2026-01-02T03:00:00+00:00",
        "ended": "2026-01-02T03:02:00+00:00",
        "cost": {"parameters": int(gflops * 400_000), "gflops": gflops, "imgsz": SIDE, "layers": 129},
        "weights": "train/weights/last.pt",
        "weights_sha256": hashlib.sha256(f"{arm}-{seed}".encode()).hexdigest(),
        "command": f"auxhead train data=data.yaml seed={seed} {pairs}".strip(),
        "facts": {
            "arguments": {"epochs": 5, "seed": seed, "imgsz": SIDE},
            "plan": dict(declared),
            "initial": {"sha256": "1" * 64, "tensors": 355},
            "batches": ["2" * 64, "3" * 64],
            "hardware": {"device": "cpu", "cpu": "x"},
            "versions": {"auxhead": "0.1.0", "ultralytics": "8.4.190", "torch": "2.9", "python": "3.11"},
        },
    }


def _boxes() -> list[tuple[int, float, float, int]]:
    """Class, center (pixels) and size of the boxes of a picture, one in each cell of a grid."""
    return [
        (place % 2, SIDE / 3 * (place % 3 + 0.5), SIDE / 3 * (place // 3 + 0.5), size)
        for place, size in enumerate(SIZES)
    ]


def _data_set(data: Path, names: Sequence[str], pictures: int) -> list[str]:
    """Write pictures and labels of a val and a test split; the paths of the former."""
    random = np.random.default_rng(0)
    for split in ("val", "test"):
        for kind in ("images", "labels"):
            (data / kind / split).mkdir(parents=True, exist_ok=True)
        for place in range(pictures):
            pixels = random.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
            lines = []
            for cls, x, y, size in _boxes() if place < pictures - 1 else ():
                left, top = int(x - size / 2), int(y - size / 2)
                pixels[top : top + size, left : left + size] = (255, 220, 0) if cls else (0, 160, 255)
                lines.append(f"{cls} {x / SIDE:.6f} {y / SIDE:.6f} {size / SIDE:.6f} {size / SIDE:.6f}")
            Image.fromarray(pixels).save(data / "images" / split / f"{place}.png")
            (data / "labels" / split / f"{place}.txt").write_text("\n".join(lines), encoding="utf-8")
    listed = "".join(f"  {place}: {json.dumps(name)}\n" for place, name in enumerate(names))
    text = f"path: {data}\ntrain: images/val\nval: images/val\ntest: images/test\nnames:\n{listed}"
    (data / "data.yaml").write_text(text, encoding="utf-8")
    return [str(data / "images" / "val" / f"{place}.png") for place in range(pictures)]


def _results_csv(path: Path, value: float, epochs: int) -> None:
    """Write a curve that rises to the value in its last epoch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["epoch", "time", "train/box_loss", "metrics/mAP50(B)", "metrics/mAP50-95(B)"])
        for epoch in range(1, epochs + 1):
            reached = round(value * epoch / epochs, 6)
            rows.writerow([epoch, 12.0 * epoch, round(5 / epoch, 4), reached, round(0.6 * reached, 6)])


def write_evaluation(folder: Path, data: Path, value: float, run: Run, resamples: int = 20) -> None:
    """Write what `auxhead evaluate` leaves of one run; its pictures are made up."""
    images = [str(data / "images" / "val" / f"{place}.png") for place in range(4)]
    ledger = _Ledger(folder, data, NAMES, images, resamples, 1, 0.0)
    _evaluation(ledger, folder, "val", value, run)


def _evaluation(ledger: _Ledger, folder: Path, split: str, value: float, run: Run) -> None:
    """Write what `auxhead evaluate` leaves of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [image.replace("/images/val/", f"/images/{split}/") for image in ledger.images]
    draws = _draws(ledger, value, run)
    np.savez(folder / "draws.npz", **draws)
    recall = np.linspace(0, 1, 101)
    np.savez(folder / "curves.npz", recall=recall, precision=np.clip(1 - recall**2 / (2 * value), 0, 1))
    rows, counts = _predictions(images, ledger.names, value)
    _write_json(folder / "predictions-train-last.json", rows)
    _write_json(folder / "predictions-train-last.info.json", {"imgsz": SIDE, "max_det": 300, "note": ""})
    buffer = io.BytesIO()
    counts.write_parquet(buffer)
    (folder / "per_image.parquet").write_bytes(buffer.getvalue())
    _write_json(folder / "metrics.json", _metrics(ledger, split, value, len(rows), counts))


def _numbers(value: float) -> dict[tuple[str, str], float | None]:
    """Every number of a run, by band and measure."""
    return {
        (band, measure): None if ease is None else round(value * ease * factor, 6)
        for band, ease in EASE.items()
        for measure, factor in (MEASURES | (MEASURES_OF_ALL if band == "all" else {})).items()
    }


def _draws(ledger: _Ledger, value: float, run: Run) -> dict[str, Any]:
    """Resamples of every number: what the images do is shared by all runs, a tenth of it is the run's own."""
    shared = np.random.default_rng(7).normal(0, ledger.noise, ledger.resamples)
    own = np.random.default_rng([7, *run[0].encode(), run[1]]).normal(0, ledger.noise / 10, ledger.resamples)
    return {
        f"{band}/{measure}": np.full(ledger.resamples, np.nan, dtype=np.float32)
        if number is None
        else (number + shared + own).astype(np.float32)
        for (band, measure), number in _numbers(value).items()
    }


def _predictions(
    images: Sequence[str], names: Sequence[str], value: float
) -> tuple[list[dict[str, Any]], pl.DataFrame]:
    """Find a share of the boxes that grows with the value; one of the background on every picture."""
    rows: Rows = []
    counts: Rows = []
    for place, image in enumerate(images):
        name = Path(image).name

        def row(cls: int, x: float, y: float, size: float, score: float, name: str = name) -> dict[str, Any]:
            box = [x - size / 2, y - size / 2, size, size]
            return {"image_id": int(name[:-4]), "file_name": name, "category_id": cls, "bbox": box, "score": score}

        for cls, x, y, size in _boxes() if place < len(images) - 1 else ():
            seen = (7 * place + 3 * int(x + y)) % 100 < 100 * value
            if seen:
                rows.append(row(cls, x, y, size, 0.9))
            counts.append(_count(image, size, names[cls], "found" if seen else "missed", boxes=1))
        rows.append(row(0, 5, 90, 7, 0.95))  # above the others, so that the score of the best F1 keeps it
        counts.append(_count(image, 7, names[0], "background", boxes=0))
    table = pl.DataFrame(counts).group_by(["detector", "image", "band", "class"]).sum()
    return rows, table.sort("image", "band", "class")


def _count(image: str, size: float, name: str, verdict: str, boxes: int) -> dict[str, Any]:
    band = next(band for band, (low, high) in BANDS.items() if low <= size < high)
    row = {"detector": "train-last", "image": image, "band": band, "class": name, "boxes": boxes}
    return row | {kind: int(kind == verdict) for kind in KINDS}


def _metrics(ledger: _Ledger, split: str, value: float, detections: int, counts: pl.DataFrame) -> dict[str, Any]:
    sums = {row["band"]: row for row in counts.group_by("band").agg(pl.col("boxes", *KINDS).sum()).to_dicts()}
    boxes = {"all": int(counts["boxes"].sum())} | {band: sums.get(band, {}).get("boxes", 0) for band in BANDS}
    numbers: dict[str, dict[str, Any]] = {}
    for (band, measure), number in _numbers(value).items():
        ends = (None, None) if number is None else (number - 0.04, number + 0.04)
        numbers.setdefault(band, {})[measure] = dict(zip(("value", "low", "high"), (number, *ends), strict=True))
    by_class = dict(counts.group_by("class").agg(pl.col("boxes").sum()).iter_rows())
    classes = [
        {"name": name, "boxes": by_class.get(name, 0)}
        | {
            measure: round(value * factor, 6) if by_class.get(name, 0) else None
            for measure, factor in {"AP": 0.6, "AP50": 1.0, "AR": 0.7, "center_AP": 0.95}.items()
        }
        for name in ledger.names
    ]
    detector = {
        "name": "train-last",
        "source": "/elsewhere/train/weights/last.pt",
        "sha256": "4" * 64,
        "predictions": "/elsewhere/predictions-train-last.json",  # the ledger was moved since
        "detections": detections,
        "imgsz": SIDE,
        "note": "",
        "ultralytics": {"metrics/mAP50(B)": value + 0.005, "metrics/mAP50-95(B)": 0.6 * value + 0.004},
        "numbers": numbers,
        "classes": classes,
        "score": 0.5,
        "mistakes": {band: {kind: int(sums.get(band, {}).get(kind, 0)) for kind in ("boxes", *KINDS)} for band in BANDS}
        | {"all": {kind: int(counts[kind].sum()) for kind in ("boxes", *KINDS)}},
    }
    file = str(ledger.data / "data.yaml")
    data = {
        "file": file,
        "split": split,
        "images": len(ledger.images),
        "boxes": boxes["all"],
        "crowds": 0,
        "bands": boxes,
        "names": list(ledger.names),
        "images_sha256": "5" * 64,
        "labels_sha256": "6" * 64,
    }
    settings = {"auxhead": "0.1.0", "data": file, "split": split, "bands": "8,16,32", "resamples": ledger.resamples}
    settings |= {"pixels": "original", "area": "box", "seed": 0, "max_det": 300, "conf": 0.001, "iou": 0.7, "nwd": 10.0}
    settings["edges"] = [[low, high if high < 1e9 else None] for low, high in BANDS.values()]
    return {"schema": "auxhead.evaluate/1", "settings": settings, "data": data, "detectors": [detector]}


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
