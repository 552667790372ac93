"""Time `auxhead strip` on an n model against importing torch, and against importing what it needs of Ultralytics.

    python benchmarks/strip.py [rounds=5]

Every measurement is a process of its own, all kinds in turns; medians are shown.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

SAVE = "from ultralytics import YOLO; YOLO('yolov8n-pose.yaml').save('best.pt')"
KINDS = {
    "import torch": [sys.executable, "-c", "import torch"],
    "import ultralytics models": [sys.executable, "-c", "import ultralytics.nn.tasks, ultralytics.models.yolo.pose"],
    "auxhead strip best.pt": [sys.executable, "-m", "auxhead", "strip", "best.pt", "exist_ok=True"],
}


def seconds(command: list[str], folder: str) -> float:
    """Run a command and return how long it took."""
    start = time.perf_counter()
    subprocess.run(
        command, cwd=folder, env={**os.environ, "YOLO_AUTOINSTALL": "false"}, check=True, capture_output=True
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure, print."""
    rounds = int(dict(word.split("=", 1) for word in sys.argv[1:]).get("rounds", 5))
    with TemporaryDirectory() as folder:
        seconds([sys.executable, "-c", SAVE], folder)
        size = (Path(folder) / "best.pt").stat().st_size
        times = {kind: [] for kind in KINDS}
        for turn in range(-1, rounds):  # the first one fills the disk cache
            for kind, command in KINDS.items():
                elapsed = seconds(command, folder)
                times[kind] += [elapsed] if turn >= 0 else []
    middle = {kind: median(values) for kind, values in times.items()}
    for kind, value in middle.items():
        print(f"{kind:28}{value:6.2f} s (median of {rounds}, {min(times[kind]):.2f} to {max(times[kind]):.2f})")
    torch_only, _, strip = middle.values()
    print(f"strip beyond importing torch: {strip - torch_only:.2f} s, {strip / torch_only:.2f} times importing torch")
    print(f"(yolov8n-pose, {size / 1e6:.1f} MB; target: at most 3 s beyond importing torch)")


if __name__ == "__main__":
    main()
