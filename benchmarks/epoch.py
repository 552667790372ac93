"""How much longer an epoch takes with heads=center than without, through the same trainer.

Both trainings live in one process and take turns, one epoch each, so that a noisy machine slows both alike. Printed are
the median of the ratios of neighbouring epochs and what measuring gradient shares costs in it.

    python benchmarks/epoch.py [rounds=4] [images=512] [imgsz=256] [model=yolov8n.yaml]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ["YOLO_AUTOINSTALL"] = "false"

import torch

from auxhead.demonstration.sign_dataset import make_signs
from auxhead.host.calls import quiet
from auxhead.keys.heads.registry import head_spec
from auxhead.model import gradients
from auxhead.model.choices import RunPlan
from auxhead.training.trainer import HeadTrainer, make_trainer


def prepare(plan: RunPlan, data: Path, folder: Path, imgsz: int, model: str) -> HeadTrainer:
    """Build a trainer that is ready for its first batch."""
    overrides = {"model": model, "data": str(data), "imgsz": imgsz, "device": "cpu", "plots": False}
    overrides |= {"optimizer": "AdamW", "warmup_epochs": 0, "project": str(folder), "batch": 16, "epochs": 100}
    trainer = make_trainer(plan)(overrides=overrides)
    trainer._setup_train()
    trainer.epoch = 0
    trainer._model_train()
    return trainer


def epoch(trainer: HeadTrainer) -> float:
    """Train one epoch with Ultralytics' steps and return its seconds, data loading left out."""
    seconds = 0.0
    for batch in trainer.train_loader:
        started = time.perf_counter()
        loss, _ = trainer.model(trainer.preprocess_batch(batch))
        trainer.loss = loss.sum()
        trainer.loss.backward()
        trainer.optimizer_step()
        seconds += time.perf_counter() - started
    return seconds


def main() -> None:
    """Print the ratios."""
    keys = dict(word.split("=") for word in sys.argv[1:])
    rounds, images, imgsz = (int(keys.get(k, d)) for k, d in (("rounds", 4), ("images", 512), ("imgsz", 256)))
    model = keys.get("model", "yolov8n.yaml")
    folder = Path(tempfile.mkdtemp())
    data = make_signs(folder / "data", train=images, val=4, size=imgsz)
    with quiet():
        plain = prepare(RunPlan(), data, folder, imgsz, model)
        headed = prepare(RunPlan(heads={"center": head_spec("center", {})}), data, folder, imgsz, model)
        silent = prepare(RunPlan(heads={"center": head_spec("center", {"gain": 1.0})}), data, folder, imgsz, model)
    silent.criterion._measure = lambda *_: None
    arms = {"plain": plain, "heads=center": headed, "heads=center, nothing measured": silent}
    for trainer in arms.values():
        epoch(trainer)  # warm up
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, trainer in arms.items():
            times[name].append(epoch(trainer))
    print(f"{model}, {images} images at {imgsz} px, batch 16, {rounds} rounds, {torch.get_num_threads()} threads")
    print(f"gradients measured every {gradients.INTERVAL} batches; data loading left out")
    for name, seconds in times.items():
        ratios = [mine / base for mine, base in zip(seconds, times["plain"], strict=True)]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        ratio = f"{statistics.median(ratios):.3f} ({spread})"
        print(f"{name:32} median {statistics.median(seconds):7.2f} s  ratio to plain {ratio}")


if __name__ == "__main__":
    main()
