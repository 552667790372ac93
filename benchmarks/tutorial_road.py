"""Walk the tutorial's road on real data, command by command, and keep what each command printed.

    python benchmarks/tutorial_road.py road=gtsdb4_pose data=FOLDER work=SCRATCH out=docs/evidence

road is one of gtsdb4_pose (three commands, and Ultralytics' own validation of both files), nuclei_polygons and
nuclei_boxes (one command each). data is the folder that holds gtsdb, gtsdb4.py and dsb2018_nuclei; work gets copies of
them, so that label caches stay out of data. Writes OUT/road_<road>.txt.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

SHORT = "batch=16 optimizer=AdamW lr0=0.002 warmup_epochs=1 close_mosaic=1 plots=False device=cpu cache=ram"
SIGNS = f"box=0.01 dfl=0.01 hsv_h=0 hsv_s=0 hsv_v=0 scale=0 shear=0 translate=0 epochs=30 imgsz=416 {SHORT}"
CELLS = f"epochs=12 imgsz=192 {SHORT}"
VAL = "imgsz=416 batch=16 device=cpu plots=False"
ROADS = {
    "gtsdb4_pose": [
        "auxhead convert data=gtsdb4/data.yaml out=gtsdb4-pose to=pose flips=off",
        f"yolo pose train data=gtsdb4-pose/data.yaml model=yolov8n-pose.yaml {SIGNS}",
        "auxhead strip runs/pose/train/weights/best.pt data=gtsdb4-pose/data.yaml",
        f"yolo pose val model=runs/pose/train/weights/best.pt data=gtsdb4-pose/data.yaml {VAL}",
        f"yolo detect val model=runs/pose/train/weights/best-detect.pt data=gtsdb4/data.yaml {VAL}",
    ],
    "nuclei_polygons": [f"auxhead train route=segment data=nuclei_polygons/data.yaml model=yolov8n-seg.yaml {CELLS}"],
    "nuclei_boxes": [f"auxhead train route=segment data=nuclei_boxes/data.yaml model=yolov8n-seg.yaml {CELLS}"],
}
KEPT = 28  # lines at the end of each command's output
NOISE = re.compile(r"\d+%|━|it/s|Fast image access|New cache|GPU_mem|^\s*$")


def prepare(road: str, data: Path, work: Path) -> dict[str, str]:
    """Copy the data set, and give Ultralytics settings of its own."""
    if road == "gtsdb4_pose":
        subprocess.run([sys.executable, str(data / "gtsdb4.py"), str(work / "gtsdb4")], check=True)
    else:
        shutil.copytree(data / "dsb2018_nuclei", work / road)
        if road == "nuclei_polygons":  # Ultralytics wants polygons in `labels`
            shutil.rmtree(work / road / "labels")
            (work / road / "labels_seg").rename(work / road / "labels")
    environment = {**os.environ, "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(work), "COLUMNS": "120"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    for setting in (f"runs_dir={work / 'runs'}", f"datasets_dir={work / 'datasets'}"):
        subprocess.run(["yolo", "settings", setting], env=environment, check=True, capture_output=True)
    return environment


def printed(command: str, work: Path, environment: dict[str, str]) -> str:
    """Run a command and return the end of its output, without paths of this machine, colors and progress bars."""
    print("$", command, flush=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(shlex.split(command), cwd=work, env=environment, check=False, text=True, **pipes)
    text = re.sub(r"\x1b\[[0-9;]*[mK]", "", done.stdout).replace(f"{work}/", "").replace(str(work), ".")
    if done.returncode:
        sys.exit(f"{text}\n{command}: exit code {done.returncode}")
    return end(text)


def end(text: str) -> str:
    """Return the last lines of a command's output that say something."""
    return "\n".join([line.rstrip() for line in re.split(r"[\r\n]+", text) if not NOISE.search(line)][-KEPT:])


def main() -> None:
    """Read the words, walk the road."""
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    road, data, out = given["road"], Path(given["data"]).resolve(), Path(given["out"]).resolve()
    work = Path(given["work"]).resolve() / road
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    environment = prepare(road, data, work)
    parts = [f"$ {command}\n{printed(command, work, environment)}\n" for command in ROADS[road]]
    (out / f"road_{road}.txt").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
