"""Train plain and with heads=center on real data, same seeds and settings, and keep every number.

Runs are `auxhead train` commands, one subprocess each, pinned to one core; finished ones are skipped. The table shows
every run; with two seeds it claims nothing.

    python benchmarks/center_vs_plain.py data=FOLDER out=docs/evidence/center_vs_plain.json [cores=0,1] [work=FOLDER]

data is a folder with hit_uav and dsb2018_nuclei (they are copied, label caches stay out of it).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from statistics import mean

COMMON = (
    "model=yolov8n.yaml batch=16 nbs=16 optimizer=AdamW lr0=0.002 warmup_epochs=1 close_mosaic=3 val=False cache=ram "
    "plots=False device=cpu"
)
SETS = {"hit_uav": "imgsz=256 epochs=15", "dsb2018_nuclei": "imgsz=192 epochs=12"}
ARMS = {
    "plain": "heads=none",
    "center": "heads=center",
    "center share=0.3": "heads=center center.share=0.3",
    "center gain=12": "heads=center center.gain=12",
}
RUNS = [(name, arm, seed) for seed in (0, 1) for name in SETS for arm in ("plain", "center")]
RUNS += [(name, arm, 0) for name in SETS for arm in ("center share=0.3", "center gain=12")]
METRICS = ("metrics/mAP50(B)", "metrics/mAP50-95(B)")


def command(name: str, arm: str, seed: int) -> str:
    """Return the key=value words of one run."""
    return f"data={name}/data.yaml {ARMS[arm]} seed={seed} {SETS[name]} {COMMON}"


def run(job: tuple[str, str, int], cores: Queue[int], data: Path, work: Path) -> dict[str, object]:
    """Train one arm on a free core, from a copy of the data of that core's own."""
    name, arm, seed = job
    core = cores.get()
    try:
        folder = work / f"core{core}" / name
        if not folder.is_dir():
            shutil.copytree(data / name, folder)
        words = command(name, arm, seed).split()
        target = work / "runs" / f"{name}-{arm.replace(' ', '-')}-{seed}"
        if not (target / "result.json").exists():
            place = [f"project={target.parent}", f"name={target.name}", "exist_ok=True"]
            subprocess.run(
                [sys.executable, "-m", "auxhead", "train", *words, *place],
                cwd=folder.parent,
                env={**os.environ, "YOLO_AUTOINSTALL": "false"},
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
                stdout=subprocess.DEVNULL,
                check=True,
            )
        metrics = json.loads((target / "result.json").read_text())["metrics"]
    finally:
        cores.put(core)
    return {"data": name, "arm": arm, "seed": seed, "command": " ".join(words), "metrics": metrics}


def table(results: list[dict[str, object]]) -> str:
    """Return all runs as a markdown table, one line an arm, one column a seed."""
    lines = ["| data | arm | mAP50 by seed | mAP50-95 by seed | mean mAP50 minus plain's |", "|---|---|---|---|---|"]
    for name in SETS:
        for arm in ARMS:
            rows = {r["seed"]: r["metrics"] for r in results if (r["data"], r["arm"]) == (name, arm)}
            plain = {r["seed"]: r["metrics"] for r in results if (r["data"], r["arm"]) == (name, "plain")}
            if not rows:
                continue
            cells = [" ".join(f"{rows[seed][metric]:.3f}" for seed in sorted(rows)) for metric in METRICS]
            gains = [rows[seed][METRICS[0]] - plain[seed][METRICS[0]] for seed in rows if seed in plain]
            gain = "" if arm == "plain" else f"{mean(gains):+.3f} ({len(gains)} seed{'s' if len(gains) > 1 else ''})"
            lines.append(f"| {name} | {arm} | {cells[0]} | {cells[1]} | {gain} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, write the json, print the table."""
    keys = dict(word.split("=") for word in sys.argv[1:])
    out = Path(keys["out"])
    if "data" in keys:
        numbers = [int(core) for core in keys.get("cores", "0,1").split(",")]
        cores: Queue[int] = Queue()
        for core in numbers:
            cores.put(core)
        data, work = Path(keys["data"]).resolve(), Path(keys.get("work", "center_vs_plain")).resolve()
        with ThreadPoolExecutor(len(numbers)) as pool:
            results = list(pool.map(lambda job: run(job, cores, data, work), RUNS))
        out.write_text(json.dumps(results, indent=1) + "\n")
    print(table(json.loads(out.read_text())))


if __name__ == "__main__":
    main()
