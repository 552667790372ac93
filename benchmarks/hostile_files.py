"""Open files that carry code, or grow without end, with every command: nothing runs, nothing ends in a traceback.

    python benchmarks/hostile_files.py [out=docs/evidence/hostile_files.txt]

Each cell is a process of its own, limited to 8 GiB of memory: its exit code, 2 for a file that is refused with one
message, 0 where the command did without it. Code in a file would leave a mark, which is looked for after each of them.
Takes some five minutes. Ends with 1 if there was a mark, a traceback, or another exit code.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.nn.tasks import DetectionModel

from auxhead.demonstration.sign_dataset import make_signs

MEMORY = 8 * 2**30
NESTED = "&{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]"

COMMANDS = {
    "train model=": ["train", "model={model}", "data={data}", "imgsz=64", "epochs=1"],
    "train model= --dry-run": ["train", "model={model}", "data={data}", "--dry-run"],
    "train pretrained=": ["train", "model=yolov8n.yaml", "pretrained={model}", "data={data}", "imgsz=64", "epochs=1"],
    "train route=pose": ["train", "route=pose", "model={pose}", "data={data}", "imgsz=64", "epochs=1"],
    "train resume=": ["train", "resume={run}"],
    "compare --dry-run": [
        "compare",
        "model={model}",
        "data={data}",
        "arms=plain,plain-noflip",
        "seeds=0",
        "epochs=1",
        "--dry-run",
    ],
    "evaluate model=": ["evaluate", "model={model}", "data={data}", "imgsz=64", "out={out}"],
    "evaluate predictions=": ["evaluate", "predictions={json}", "data={data}", "out={out}"],
    "inspect": ["inspect", "data={data}", "imgsz=64"],
    "convert": ["convert", "data={data}", "to=pose", "out={out}"],
    "design": ["design", "like={model}", "data={data}", "imgsz=64", "price=gflops", "out={out}"],
    "strip": ["strip", "{model}", "out={out}.pt"],
    "cost": ["cost", "{model}", "nc=4"],
    "report": ["report", "{run}"],
}


class Payload:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        """Remember where."""
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, ...]:
        """Make a folder."""
        return os.mkdir, (self.mark,)


def make(folder: Path, mark: Path) -> dict[str, dict[str, Path]]:
    """Write the files; by kind, what stands in which place of a command. Clean ones are named `clean`."""
    make_signs(folder / "signs", train=8, val=4, size=64)
    data = folder / "signs" / "data.yaml"
    found: dict[str, dict[str, Path]] = {}
    model = DetectionModel("yolov8n.yaml", nc=4, verbose=False)
    model.args = {"task": "detect", "imgsz": 64}
    for kind, how in {
        "pickle 2": {"pickle_protocol": 2},
        "pickle 4": {"pickle_protocol": 4},
        "old torch": {"_use_new_zipfile_serialization": False},
    }.items():
        content = {"model": model, "train_args": model.args, "extra": Payload(mark)}
        file = folder / f"{kind.replace(' ', '')}.pt"
        torch.save(content, file, **how)
        run = folder / f"run-{file.stem}"
        (run / "weights").mkdir(parents=True)
        plan = {"heads": {}, "select": "mAP50-95", "on_error": "fail", "cpu_bf16": None, "trust": True, "source": None}
        (run / "auxhead.json").write_text(json.dumps({**plan, "route": "native"}))
        (run / "args.yaml").write_text(json.dumps({"model": str(file), "data": str(data), "epochs": 2}))
        torch.save({"auxhead": {}, "epoch": 0, "x": Payload(mark)}, run / "weights" / "last.state.pt", **how)
        found[kind] = {"model": file, "pose": file, "run": run}
    yaml = folder / "code.yaml"
    yaml.write_text(f"nc: 4\nactivation: __import__('os').mkdir({str(mark)!r})\nbackbone: []\nhead: []\n")
    found["code in yaml"] = {"model": yaml, "pose": yaml}
    fetch = folder / "fetch.yaml"
    fetch.write_text(f"train: none\nval: none\nnames: [a]\ndownload: __import__('os').mkdir({str(mark)!r})\n")
    found["code in data"] = {"data": fetch}
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{level}: {NESTED.format(f'a{level}', f'a{level - 1}')}" for level in range(1, 12)]
    bomb = folder / "bomb.yaml"
    bomb.write_text("\n".join([*lines, "train: images", "val: images", "names: *a11", "nc: *a11", "backbone: *a11"]))
    found["nested aliases"] = {"model": bomb, "pose": bomb, "data": bomb}
    cached = folder / "cached"
    shutil.copytree(folder / "signs", cached)
    (cached / "data.yaml").write_text(data.read_text().replace(str(folder / "signs"), str(cached)))
    for split in ("train", "val"):
        with (cached / "labels" / f"{split}.cache").open("wb") as file_:
            np.save(file_, np.array({"labels": Payload(mark)}, dtype=object))
    found["label cache"] = {"data": cached / "data.yaml"}
    for kind, text in {
        "deep json": "[" * 200_000,
        "huge number": '[{"image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 1e999], "score": 1' + "0" * 400 + "}]",
    }.items():
        file = folder / f"{kind.replace(' ', '')}.json"
        file.write_text(text)
        found[kind] = {"json": file}
    torch.save({"model": model, "train_args": model.args}, folder / "clean.pt")
    picture = min((folder / "signs" / "images" / "val").iterdir())
    row = {"file_name": picture.name, "category_id": 0, "bbox": [1, 2, 30, 40], "score": 0.5}
    (folder / "found.json").write_text(json.dumps([row]))
    found["clean"] = {
        "json": folder / "found.json",
        "model": folder / "clean.pt",
        "pose": Path("yolov8n-pose.yaml"),
        "data": data,
    }
    return found


def cell(words: list[str], place: Path, mark: Path) -> str:
    """Run a command in a folder; its exit code, or what is wrong."""
    environment = {**os.environ, "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "auxhead", *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    if mark.exists():
        mark.rmdir()
        return "MARK"
    if "Traceback" in done.stderr:
        return "TRACE"
    return str(done.returncode)


def main() -> int:
    """Print the table and write it to a file."""
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        folder, mark = Path(name), Path(name) / "mark"
        kinds = make(folder, mark)
        clean = kinds.pop("clean")
        lines = [f"{'':24}" + "".join(f"{kind:>16}" for kind in kinds)]
        cells: list[str] = []
        for number, (command, words) in enumerate(COMMANDS.items()):
            row = []
            for kind, places in kinds.items():
                needed = [place for place in places if any(f"{{{place}}}" in word for word in words)]
                if not needed:
                    row.append("")
                    continue
                values = {**clean, **places, "out": folder / f"out{number}-{kind.replace(' ', '')}"}
                row.append(cell([word.format(**values) for word in words], folder, mark))
            lines.append((f"{command:24}" + "".join(f"{one:>16}" for one in row)).rstrip())
            print(lines[-1], file=sys.stderr)
            cells += filter(None, row)
    bad = [one for one in cells if one not in {"0", "2"}]
    lines += [
        "",
        f"{len(cells)} processes: {cells.count('MARK')} marks, {cells.count('TRACE')} tracebacks, {len(bad)} bad",
    ]
    text = "\n".join(["$ python benchmarks/hostile_files.py", *lines]) + "\n"
    print(text, end="")
    if "out" in keys:
        Path(keys["out"]).write_text(text)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
