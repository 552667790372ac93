"""How much longer a training step takes with a teacher than without, through the same trainer.

The trainings live in one process and take turns, one batch each, so that a noisy machine slows all alike. Printed are
the medians of the ratios of neighbouring steps. On a CPU it is processor time that counts, which other work on the
machine changes little. The pictures are the loader's; loading them is left out.

    python benchmarks/teacher_step.py [rounds=12] [batch=8] [imgsz=320] [device=cpu]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["YOLO_AUTOINSTALL"] = "false"

import torch
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import YAML
from ultralytics.utils.torch_utils import autocast

from auxhead.demonstration.sign_dataset import make_signs
from auxhead.host.calls import quiet
from auxhead.keys.heads.registry import head_spec
from auxhead.model.choices import RunPlan
from auxhead.training.teaching.check import settled
from auxhead.training.trainer import HeadTrainer, make_trainer

STUDENT = "yolov8n.yaml"
PLAIN, ALONE = "plain", "2x pictures, no teacher"
ARMS: dict[str, tuple[str, int] | None] = {
    "yolov8n at 2 x imgsz": ("yolov8n.yaml", 2),
    "yolov8s at imgsz": ("yolov8s.yaml", 1),
    "yolov8n-p2 at imgsz": ("yolov8n-p2.yaml", 1),
}
"""Teachers, and the size at which they look."""


def save_teacher(model: str, names: dict[int, str], folder: Path) -> Path:
    """Save an untrained detector that sees something in one cell of a hundred."""
    network = DetectionModel(model, nc=len(names), verbose=False)
    network.names = names
    for branch in network.model[-1].cv3:
        torch.nn.init.normal_(branch[-1].bias, -6.0, 1.5)
    shell = YOLO(STUDENT)
    shell.model = network
    shell.save(folder / f"{Path(model).stem}.pt")
    return folder / f"{Path(model).stem}.pt"


def prepare(plan: RunPlan, overrides: dict[str, Any]) -> HeadTrainer:
    """Build a trainer that is ready for its first batch."""
    trainer = make_trainer(settled(plan))(overrides=overrides)
    trainer._setup_train()
    trainer.epoch = 0
    trainer._model_train()
    return trainer


def step(trainer: HeadTrainer, batch: dict[str, Any]) -> float:
    """Train on a batch as Ultralytics does, and return the seconds: on a CPU, those of the processor."""
    device = trainer.device.type
    clock = time.process_time if device == "cpu" else time.perf_counter
    started = clock()
    with autocast(trainer.amp, device=device):
        loss, _ = trainer.model(trainer.preprocess_batch(batch))
        trainer.loss = loss.sum()
    trainer.scaler.scale(trainer.loss).backward()
    trainer.optimizer_step()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - started


def main() -> None:
    """Print the ratios."""
    keys = dict(word.split("=") for word in sys.argv[1:])
    rounds, size, imgsz = (int(keys.get(k, d)) for k, d in (("rounds", 12), ("batch", 8), ("imgsz", 320)))
    folder, device = Path(tempfile.mkdtemp()), keys.get("device", "cpu")
    data = make_signs(folder / "data", train=2 * size, val=4, size=2 * imgsz)
    overrides = {"model": STUDENT, "data": str(data), "imgsz": imgsz, "batch": size, "device": device, "plots": False}
    overrides |= {"optimizer": "AdamW", "warmup_epochs": 0, "project": str(folder), "epochs": 100, "nbs": size}
    plans = {PLAIN: RunPlan(), ALONE: RunPlan(heads={"teacher": head_spec("teacher", {"gain": 0.0, "scale": 2})})}
    with quiet():
        names = dict(YAML.load(data)["names"])
        for name, (model, scale) in ARMS.items():
            own = {"weights": str(save_teacher(model, names, folder)), "scale": scale}
            plans[name] = RunPlan(heads={"teacher": head_spec("teacher", own)})
        arms = {name: prepare(plan, overrides) for name, plan in plans.items()}
        times: dict[str, list[float]] = {name: [] for name in arms}
        for turn in range(rounds + 2):
            for name, trainer in arms.items():
                seconds = step(trainer, next(iter(trainer.train_loader)))
                if turn > 1:  # the first ones warm up
                    times[name].append(seconds)
    where = torch.cuda.get_device_name() if device != "cpu" else f"CPU, {torch.get_num_threads()} threads"
    bf16 = "" if device != "cpu" else f", {'bfloat16' if arms[PLAIN].amp else 'float32'}"
    print(f"student {STUDENT}, batch {size} at {imgsz} px, {rounds} rounds, {where}{bf16}; steps without a measurement")
    print("of gradients, which comes every 32 batches" + ("; processor time" if device == "cpu" else ""))
    for name, seconds in times.items():
        ratios = [mine / base for mine, base in zip(seconds, times[PLAIN], strict=True)]
        quarter = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        ratio = f"{statistics.median(ratios):.2f} (quartiles {quarter[0]:.2f} to {quarter[2]:.2f})"
        print(f"{name:26} median {statistics.median(seconds):6.3f} s a step, ratio to plain {ratio}")


if __name__ == "__main__":
    main()
