"""The built-in demo: a small synthetic data set, trained plain and with a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from auxhead.demonstration.sign_dataset import make_signs
from auxhead.host.calls import quiet
from auxhead.progress import Progress, named, silent
from auxhead.results_csv import read_rows
from auxhead.shipping.certificate import Certificate
from auxhead.shipping.strip_certificate import StripCertificate
from auxhead.training.train import train

ARMS = {"plain": "none", "heads=center": "center"}

PICTURES = {"train": 240, "val": 60, "size": 192}
SETTINGS: dict[str, Any] = {
    "model": "yolov8n.yaml",
    "imgsz": 192,
    "batch": 16,
    "nbs": 16,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1,
    "warmup_bias_lr": 0.0,  # what optimizer=auto would set
    "close_mosaic": 5,
    "plots": False,
}
"""Settings of both trainings. Source: own measurement; the plain model reaches mAP50 0.3 from scratch within minutes on
two cores. nbs = batch: one optimizer step a batch, as so short a schedule needs."""


@dataclass(frozen=True)
class DemoRow:
    """One training of the demo.

    Attributes:
        arm: "plain" or "heads=center".
        map50: mAP50 of best.pt on the validation pictures.
        map50_95: Its mAP50-95.
        epoch_seconds: Median time of an epoch, validation included, seconds; None with a single epoch.
        certificate: The proof for best.pt.
        best: The shipped detector.
    """

    arm: str
    map50: float
    map50_95: float
    epoch_seconds: float | None
    certificate: Certificate | StripCertificate
    best: Path


def demo(
    out: str | Path = "auxhead-demo",
    *,
    flip_variant: bool = False,
    seed: int = 0,
    epochs: int = 20,
    progress: Progress | None = None,
) -> list[DemoRow]:
    """Generate small signs and train a detector on them, plain and with a center head.

    Args:
        out: Folder for the pictures (`data/`) and both runs.
        flip_variant: Classes that a mirror confuses.
        seed: Seed of pictures and trainings.
        epochs: Epochs of each training.
        progress: Called as progress(task, done, total).

    Returns:
        One row a training. A single seed: it shows that the tool works, not that the head pays.

    Raises:
        OutputError: The folder holds something else, or can't be written to.
    """
    folder = Path(out).resolve()
    tell = progress or silent
    data = make_signs(
        folder / "data",
        **PICTURES,
        seed=seed,
        flip_variant=flip_variant,
        progress=named(tell, "drawing signs"),
    )
    rows = []
    for arm, heads in ARMS.items():
        tell(f"training {arm}", 0, epochs)
        keys = {**SETTINGS, "data": str(data), "epochs": epochs, "seed": seed, "heads": heads, "exist_ok": True}
        callbacks = _epoch_callback(partial(_tell_epoch, tell, f"training {arm}", epochs))
        with quiet():
            result = train(callbacks=callbacks, project=str(folder), name=arm.replace("heads=", ""), **keys)
        rows.append(
            DemoRow(
                arm=arm,
                map50=result.metrics["metrics/mAP50(B)"],
                map50_95=result.metrics["metrics/mAP50-95(B)"],
                epoch_seconds=_epoch_seconds(result.save_dir / "results.csv"),
                certificate=result.certificate,
                best=result.best,
            )
        )
    return rows


def _tell_epoch(tell: Progress, what: str, epochs: int, done: int) -> None:
    tell(what, done, epochs)


def _epoch_callback(tell: Callable[[int], None]) -> Mapping[str, Callable[[Any], None]]:
    """Make the trainer report each finished epoch."""
    return {"on_train_epoch_end": lambda trainer: tell(trainer.epoch + 1)}


def _epoch_seconds(csv: Path) -> float | None:
    """Return the median time between two rows of results.csv."""
    times = [row["time"] or 0.0 for row in read_rows(csv)]
    return median(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else None


def table(rows: Sequence[DemoRow]) -> list[list[str]]:
    """Lay both arms out; the first row is the head, a dash stands for what was not measured."""
    cells = [["", "mAP50", "mAP50-95", "parameters", "GFLOPs", "s/epoch", "float32 difference"]]
    for row in rows:
        proof = row.certificate
        seconds = "-" if row.epoch_seconds is None else f"{row.epoch_seconds:.1f}"
        numbers = [f"{row.map50:.3f}", f"{row.map50_95:.3f}", f"{proof.parameters:,}", f"{proof.gflops:.2f}"]
        cells.append([row.arm, *numbers, seconds, f"{proof.float32_difference:g}"])
    return cells
