"""How much faster training on this CPU is with our lanes than with Ultralytics as it comes.

Each arm trains the same batches in a process of its own (Ultralytics sets its thread count once), arms take turns.

    python benchmarks/cpu_lanes.py [rounds=3] [batches=6] [imgsz=256] [model=yolov8n.yaml]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["YOLO_AUTOINSTALL"] = "false"


def measure(arm: str, data: str, imgsz: int, model: str, batches: int) -> float:
    """Train some batches and return images a second, data loading left out."""
    from ultralytics.models.yolo.detect import DetectionTrainer
    from ultralytics.utils.torch_utils import autocast

    from auxhead.host.calls import quiet
    from auxhead.training.trainer import HeadTrainer

    overrides = {"model": model, "data": data, "imgsz": imgsz, "device": "cpu", "plots": False, "batch": 16}
    overrides |= {"optimizer": "AdamW", "project": tempfile.mkdtemp(), "epochs": 100}
    with quiet():
        trainer = (HeadTrainer if arm == "auxhead" else DetectionTrainer)(overrides=overrides)
        trainer._setup_train()
    trainer.epoch = 0
    trainer._model_train()
    seconds = []
    loader = iter(trainer.train_loader)
    for _ in range(batches):
        batch = trainer.preprocess_batch(next(loader))
        started = time.perf_counter()
        with autocast(trainer.amp, device="cpu"):  # as in Ultralytics' loop
            loss, _ = trainer.model(batch)
        loss.sum().backward()
        trainer.optimizer_step()
        seconds.append(time.perf_counter() - started)
    return 16 / statistics.median(seconds[1:])


def main() -> None:
    """Print the ratio, or (as a child) one measurement."""
    keys = dict(word.split("=") for word in sys.argv[1:])
    imgsz, batches, model = int(keys.get("imgsz", 256)), int(keys.get("batches", 6)), keys.get("model", "yolov8n.yaml")
    if "arm" in keys:
        print(measure(keys["arm"], keys["data"], imgsz, model, batches))
        return
    from auxhead.demonstration.sign_dataset import make_signs
    from auxhead.host.cpu import cores, has_fast_bf16

    data = make_signs(Path(tempfile.mkdtemp()) / "data", train=16 * batches, val=4, size=imgsz)
    speeds: dict[str, list[float]] = {"ultralytics": [], "auxhead": []}
    words = [f"data={data}", f"imgsz={imgsz}", f"batches={batches}", f"model={model}"]
    for _ in range(int(keys.get("rounds", 3))):
        for arm, found in speeds.items():
            done = subprocess.run(
                [sys.executable, __file__, f"arm={arm}", *words], check=True, capture_output=True, text=True
            )
            found.append(float(done.stdout.split()[-1]))
    ratios = [ours / theirs for ours, theirs in zip(speeds["auxhead"], speeds["ultralytics"], strict=True)]
    print(f"{model} at {imgsz} px, batch 16, {cores()} cores, bfloat16 in hardware: {has_fast_bf16()}")
    for arm, found in speeds.items():
        print(f"{arm:12} median {statistics.median(found):6.1f} images/s")
    print(f"ratio        median {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
