"""Whether what `auxhead demo` shows holds: all its arms, seed by seed, in float32 and in bfloat16.

Pictures and trainings change with the seed, as with `auxhead demo seed=N`. Give the same command again to go on where
it was stopped; a folder that is finished only prints.

A CPU without bfloat16 takes eight times as long with it. There, convolutions round what they take and what they give to
bfloat16, and sum in float32, which is what CPUs that have it do.

    python benchmarks/demo_seeds.py [seeds=5] [lanes=float32,bfloat16] [out=FOLDER]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ["YOLO_AUTOINSTALL"] = "false"


def round_convolutions() -> None:
    """Let convolutions under bfloat16 autocast compute in float32 from and to rounded numbers."""
    import torch

    original = torch.nn.Conv2d._conv_forward

    def rounded(self: torch.nn.Conv2d, image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> Any:
        if not torch.is_autocast_enabled("cpu"):
            return original(self, image, weight, bias)
        with torch.autocast("cpu", enabled=False):
            wide = [None if one is None else one.bfloat16().float() for one in (image, weight, bias)]
            return original(self, *wide).bfloat16()

    torch.nn.Conv2d._conv_forward = rounded


def values(folder: Path, seed: int, lane: str) -> dict[str, float]:
    """Return mAP50 by arm of one demo, run now or earlier."""
    kept = folder / lane / f"{seed}.json"
    if not kept.is_file():
        from auxhead.demonstration.demo import demo

        rows = demo(folder / lane / str(seed), seed=seed, cpu_bf16=lane == "bfloat16", say=print)
        kept.write_text(json.dumps({row.arm: row.map50 for row in rows}), encoding="utf-8")
    found: dict[str, float] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Print mAP50 by seed and lane, and whether each arm is ahead of plain on every one."""
    from auxhead.host.cpu import cores, has_fast_bf16

    keys = dict(word.split("=") for word in sys.argv[1:])
    lanes = keys.get("lanes", "float32,bfloat16").split(",")
    seeds = range(int(keys.get("seeds", 5)))
    folder = Path(keys.get("out", "runs/demo-seeds"))
    if not has_fast_bf16():
        round_convolutions()
    found = {(lane, seed): values(folder, seed, lane) for lane in lanes for seed in seeds}
    bf16 = "in hardware" if has_fast_bf16() else "by convolutions that round to it"
    print(f"auxhead demo, {cores()} cores, bfloat16 {bf16}; mAP50 of best.pt, points")
    for lane in lanes:
        for arm in found[lane, 0]:
            own = [100 * found[lane, seed][arm] for seed in seeds]
            gaps = [value - 100 * found[lane, seed]["plain"] for seed, value in zip(seeds, own, strict=True)]
            ahead = (
                "" if arm == "plain" else f"  ahead of plain by {fmean(gaps):.1f} ({min(gaps):.1f} to {max(gaps):.1f})"
            )
            print(f"{lane:9} {arm:6} {' '.join(f'{value:5.1f}' for value in own)}{ahead}")


if __name__ == "__main__":
    main()
