"""The built-in demo: small synthetic signs, and two detectors of about the same price trained on them."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

from auxhead.demonstration.sign_dataset import make_signs
from auxhead.errors import OutputError
from auxhead.formats import duration, require_text
from auxhead.host.calls import quiet
from auxhead.keys.demo import DemoKeys
from auxhead.keys.reading import read_file, validated
from auxhead.model.choices import PLAN_FILE
from auxhead.places import results_folder
from auxhead.progress import Progress, named, silent
from auxhead.results_csv import read_rows
from auxhead.shipping.cost import Cost, cost
from auxhead.training.result import RESULT_FILE, TrainResult, read_result
from auxhead.training.train import train

ARMS = {"plain": "yolov8n.yaml", "p234": "yolov8n-p234.yaml"}
"""Models by arm. An arm stands here because it was ahead of plain on each of five seeds, in float32 and in bfloat16.
Source: docs/evidence/demo_seeds.txt, by benchmarks/demo_seeds.py."""

PICTURES = {"train": 240, "val": 60, "size": 192}
SETTINGS: dict[str, Any] = {
    "imgsz": 192,
    "batch": 16,
    "nbs": 16,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1,
    "warmup_bias_lr": 0.0,  # what optimizer=auto would set
    "close_mosaic": 5,
    "plots": False,
    "heads": "none",
}
"""Settings of both trainings. Source: own measurement; plain reaches mAP50 0.3 from scratch within two minutes on two
cores. nbs = batch: one optimizer step a batch, as so short a schedule needs."""


@dataclass(frozen=True)
class DemoRow:
    """One training of the demo.

    Attributes:
        arm: "plain" or "p234".
        map50: mAP50 of best.pt on the validation pictures.
        map50_95: Its mAP50-95.
        epoch_seconds: Median time of an epoch, validation included, seconds; None with a single epoch.
        cost: What best.pt costs, measured time included.
        best: The detector.
    """

    arm: str
    map50: float
    map50_95: float
    epoch_seconds: float | None
    cost: Cost
    best: Path

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "best": str(self.best)}


def demo(
    out: str | Path | None = None,
    *,
    flip_variant: bool = False,
    seed: int = 0,
    epochs: int = 12,
    cpu_bf16: bool | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> list[DemoRow]:
    """Generate small signs and train two detectors on them: yolov8n, and one that spends the same on finer levels.

    Args:
        out: Folder for the pictures (`data/`) and both runs; None: signs or signs-flips in Ultralytics' folder of runs.
        flip_variant: Classes that a mirror confuses.
        seed: Seed of pictures and trainings.
        epochs: Epochs of each training.
        cpu_bf16: As in `train`.
        progress: Called as progress(task, done, total) while pictures are drawn and detectors timed.
        say: Called with a sentence after each epoch.

    Returns:
        One row a training. Called again it goes on where it was left: pictures that are there are used, a training that
        was stopped goes on, and one that is finished is read.

    Raises:
        ConfigError: A value is none of its kind.
        OutputError: The folder holds something else, a demo of other keys, or can't be written to.
    """
    asked = {"out": out, "flip_variant": flip_variant, "seed": seed, "epochs": epochs, "cpu_bf16": cpu_bf16}
    validated(DemoKeys, asked)
    name = "signs-flips" if flip_variant else "signs"
    folder = Path(out or results_folder("demo", name, lambda _: True)).resolve()  # it goes on, or is refused
    require_text(folder)
    tell = progress or silent
    drawn = named(tell, "drawing signs")
    data = make_signs(folder / "data", **PICTURES, seed=seed, flip_variant=flip_variant, progress=drawn)
    watch = _Watch(epochs, say or (lambda _: None))
    results = {}
    for arm, model in ARMS.items():
        keys = {**SETTINGS, "model": model, "data": str(data), "epochs": epochs, "seed": seed, "cpu_bf16": cpu_bf16}
        with quiet():
            results[arm] = _trained(folder / arm, keys, watch.callbacks(arm))
    prices = cost([run.best for run in results.values()], imgsz=SETTINGS["imgsz"], latency=True, progress=tell)
    return [
        DemoRow(
            arm=arm,
            map50=run.metrics["metrics/mAP50(B)"],
            map50_95=run.metrics["metrics/mAP50-95(B)"],
            epoch_seconds=_epoch_seconds(run.save_dir / "results.csv"),
            cost=price,
            best=run.best,
        )
        for (arm, run), price in zip(results.items(), prices, strict=True)
    ]


def _trained(run: Path, keys: Mapping[str, Any], callbacks: Mapping[str, Callable[[Any], None]]) -> TrainResult:
    """Train, go on with a training that was stopped, or read what one has left; another one is refused by name."""
    if not (run / PLAN_FILE).is_file():
        return train(callbacks=callbacks, project=str(run.parent), name=run.name, exist_ok=True, **keys)
    there = {**read_file(run / "args.yaml"), **json.loads((run / PLAN_FILE).read_text(encoding="utf-8"))}
    for key in ("epochs", "cpu_bf16"):  # the pictures have told the other two
        if there.get(key) != keys[key]:
            raise OutputError(
                expected=f"a demo with {key}={keys[key]}",
                found=f"one with {key}={there.get(key)}",
                where=str(run.parent),
                fix="delete the folder to have it made anew, or name another one with out=",
            )
    if (run / RESULT_FILE).is_file():
        return read_result(run)
    return train(callbacks=callbacks, resume=str(run))


class _Watch:
    """Say how far the trainings are, and how long they will still take."""

    def __init__(self, epochs: int, say: Callable[[str], None]) -> None:
        self.epochs, self.say = epochs, say
        self.seconds: list[float] = []

    def callbacks(self, arm: str) -> Mapping[str, Callable[[Any], None]]:
        """Make a trainer report each epoch once it has been validated."""
        started = time.perf_counter()

        def tell(trainer: Any) -> None:
            nonlocal started
            epoch, now = trainer.epoch + 1, time.perf_counter()
            if epoch > self.epochs:  # Ultralytics calls once more, after it has validated best.pt
                return
            self.seconds.append(now - started)
            started = now
            after = len(ARMS) - 1 - list(ARMS).index(arm)
            left = fmean(self.seconds) * (after * self.epochs + self.epochs - epoch)
            reached = trainer.metrics.get("metrics/mAP50(B)", 0.0)
            more = f"about {duration(left)} left" if left else "done"
            self.say(f"{arm}: epoch {epoch} of {self.epochs}, mAP50 {reached:.3f}; {more}")

        return {"on_fit_epoch_end": tell}


def _epoch_seconds(csv: Path) -> float | None:
    """Return the median time between two rows of results.csv."""
    times = [row["time"] or 0.0 for row in read_rows(csv)]
    return median(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else None


def table(rows: Sequence[DemoRow]) -> list[list[str]]:
    """Lay both arms out; the first row is the head, a dash stands for what was not measured."""
    cells = [["", "mAP50", "mAP50-95", "parameters", "GFLOPs", "time", "s/epoch"]]
    for row in rows:
        seconds = "-" if row.epoch_seconds is None else f"{row.epoch_seconds:.1f}"
        time_ = f"{row.cost.latency.decisive.ratio:.2f}x" if row.cost.latency else "-"
        counts = [f"{row.cost.fused.parameters:,}", f"{row.cost.fused.gflops:.2f}", time_, seconds]
        cells.append([row.arm, f"{row.map50:.3f}", f"{row.map50_95:.3f}", *counts])
    return cells


def closing(rows: Sequence[DemoRow]) -> list[str]:
    """Say what the table shows, what it doesn't, and what to do next."""
    plain, other = rows[0], rows[-1]
    lead = 100 * (other.map50 - plain.map50)
    clock = "processor time of one thread" if plain.cost.latency and plain.cost.latency.processor else "wall time"
    return [
        f"{other.arm} spends on small objects what {plain.arm} spends on large ones: {lead:+.1f} points of mAP50 here.",
        f"time: of an image, against {plain.arm}, {clock} on this machine.",
        "A training this short rewards learning fast, and these objects are small: your data decide. Next:",
        "  auxhead inspect data=YOURS.yaml                    are your objects small, your labels right?",
        "  auxhead design data=YOURS.yaml like=yolov8n.pt     detectors of the same price for them",
        "  auxhead compare price data=YOURS.yaml model=yolov8n.pt epochs=100    which of them pays",
        f"  yolo predict model={shlex.quote(str(other.best))} source=YOURS       it is an Ultralytics file",
    ]
