"""Whether what `auxhead demo` shows holds: all its arms, seed by seed, in float32 and in bfloat16.

Pictures and trainings change with the seed, as with `auxhead demo seed=N`. Give the same command again to go on where
it was stopped; a folder that is finished only prints.

    python benchmarks/demo_seeds.py [seeds=5] [lanes=float32,bfloat16] [out=FOLDER]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from statistics import fmean

os.environ["YOLO_AUTOINSTALL"] = "false"


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
    found = {(lane, seed): values(folder, seed, lane) for lane in lanes for seed in seeds}
    print(f"auxhead demo, {cores()} cores, bfloat16 in hardware: {has_fast_bf16()}; mAP50 of best.pt, points")
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
