"""What `auxhead compare` adds to a run beyond its training: alone against inside a comparison, in turns.

    python benchmarks/compare_overhead.py [rounds=3] [images=60]

A bare `auxhead train` and a comparison of two arms with the same keys, on synthetic signs, one epoch each. Printed:
medians of the rounds, the ratio, and the seconds a run takes more: counting, measuring on val, 1,000 resamples, reading
and writing, and half of what the comparison takes itself (starting Python and PyTorch, planning, the report).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from auxhead.demonstration.sign_dataset import make_signs

KEYS = ["model=yolov8n.yaml", "epochs=1", "imgsz=96", "batch=8", "nbs=8", "device=cpu", "workers=0", "plots=False"]
KEYS += ["optimizer=AdamW", "lr0=0.001", "patience=0"]


def seconds(words: list[str], folder: Path) -> float:
    """Time one command line of auxhead."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "auxhead", *words], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main(words: list[str]) -> None:
    """Time both in turns."""
    keys = dict(word.split("=", 1) for word in words)
    rounds, images = int(keys.get("rounds", 3)), int(keys.get("images", 60))
    with tempfile.TemporaryDirectory(prefix="auxhead-bench-") as scratch:
        folder = Path(scratch)
        data = make_signs(folder / "signs", train=images, val=images // 2, size=96)
        bare, inside, told = [], [], []
        for number in range(rounds):
            alone = ["train", f"data={data}", "heads=none", "seed=0", f"project={folder}", f"name=bare{number}", *KEYS]
            bare.append(seconds(alone, folder))
            arms = ["arms=plain,plain-noflip", "seeds=0", f"out={folder / f'compare{number}'}"]
            shared = [word for word in KEYS if not word.startswith("patience")]
            inside.append(seconds(["compare", f"data={data}", *arms, *shared], folder) / 2)
            told.append(seconds(["report", str(folder / f"compare{number}")], folder))
    extra = [one - other for one, other in zip(inside, bare, strict=True)]
    print(f"auxhead train alone              {median(bare):6.1f} s")
    print(f"a run inside auxhead compare     {median(inside):6.1f} s, ratio {median(inside) / median(bare):.2f}")
    print(f"more, a run                      {median(extra):6.1f} s ({min(extra):.1f} to {max(extra):.1f})")
    print(f"auxhead report of these 2 runs   {median(told):6.1f} s; {rounds} rounds")


if __name__ == "__main__":
    main(sys.argv[1:])
