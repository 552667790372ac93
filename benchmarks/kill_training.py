"""Kill trainings, go on with them, and hold what comes out against a run that nobody stopped.

    python benchmarks/kill_training.py [kills=50] [seed=0] [epochs=4] [model=yolov8n.yaml] [folder=FOLDER]

A third of the kills comes at a random moment, a third after a random row of results.csv, a third while a file of ours
is being written, before it is moved into place. After each kill:

* every checkpoint and state in the folder is opened ("bad files" can't be);
* the run goes on, is killed once more in every fourth case, and goes on to its end;
* its tensors (averaged weights in full precision, and heads) are compared with those of the unstopped run, bit for bit;
* no temporary file is left ("leftovers").

The trainings are forked from this process, which has loaded everything, so that a kill costs seconds. They run on the
CPU, on the demo's synthetic signs. Ends with 1 if a file is bad, a run can't go on, or one ends with other tensors.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

os.environ["YOLO_AUTOINSTALL"] = "false"

import torch
import torch._inductor  # seconds, that every training would need anew
import ultralytics.utils.callbacks.raytune  # noqa: F401  likewise
from torch import Tensor

import auxhead.training.train as training
from auxhead.demonstration.sign_dataset import make_signs
from auxhead.files import TEMPORARY_SUFFIX
from auxhead.host.checkpoint import open_model
from auxhead.model import state
from auxhead.model.choices import PLAN_FILE
from auxhead.results_csv import read_rows
from auxhead.training.result import RESULT_FILE

Moment = Callable[[], bool]
FORK = multiprocessing.get_context("fork")
BAD, LEFT, RESUMES = "bad files", "leftovers", "resumes"


def train(keys: dict[str, Any], log: Path) -> None:
    """Train in a process of its own, whose output goes into a file."""
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        training.train(**keys)


def begin(keys: dict[str, Any], log: Path) -> BaseProcess:
    """Start a training."""
    process = FORK.Process(target=train, args=(keys, log))
    process.start()
    return process


def moments(run: Path, draw: random.Random, seconds: float, epochs: int) -> dict[str, Moment]:
    """Return when to kill, by the name of the kind; each is asked again and again."""
    end = time.perf_counter() + draw.uniform(0, seconds)
    row = draw.randint(1, epochs - 1)
    sightings = draw.randint(1, 5 * epochs)
    seen: set[str] = set()

    def at_write() -> bool:
        seen.update(path.name for path in run.glob(f"**/.*{TEMPORARY_SUFFIX}"))
        return len(seen) >= sightings

    return {
        "at a random moment": lambda: time.perf_counter() > end,
        "after a row of results.csv": lambda: len(read_rows(run / "results.csv")) >= row,
        "while a file is written": at_write,
    }


def kill_when(process: BaseProcess, moment: Moment) -> bool:
    """Kill a process at a moment; whether it was still running."""
    while process.is_alive() and not moment():
        time.sleep(0.001)
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def bad_files(run: Path) -> list[str]:
    """List checkpoints and states that can't be opened."""
    bad = []
    for path in sorted(run.glob("weights/*.pt")):
        try:
            state.load_state(path) if path.name.endswith(".state.pt") else open_model(path)
        except Exception as error:  # noqa: BLE001 - whatever it is, the file is bad
            bad.append(f"{path}: {error}")
    return bad


def tensors(run: Path) -> dict[str, Tensor]:
    """Read what a finished run has come to."""
    content = state.load_state(run / "weights" / "last.state.pt")
    heads = {f"head {name}": value for name, value in content[state.KEY]["head_state"].items()}
    return {**content["ema"].state_dict(), **heads}


def keys_of(base: Path, given: dict[str, str]) -> dict[str, Any]:
    """Return the keys of the training, with steps that reach across epochs and mosaics that end within it."""
    keys = {
        "imgsz": 64,
        "batch": 4,
        "nbs": 12,
        "close_mosaic": 2,
        "warmup_epochs": 1,
        "optimizer": "AdamW",
    }
    place = {"project": str(base / "runs"), "exist_ok": True, "plots": False, "device": "cpu", "heads": "center"}
    data = make_signs(base / "signs", train=16, val=8, size=64)
    model, epochs = given.get("model", "yolov8n.yaml"), int(given.get("epochs", 4))
    return {"data": str(data), "model": model, "epochs": epochs, "lr0": 0.001, **keys, **place}


def kill_and_go_on(number: int, keys: dict[str, Any], draw: random.Random, seconds: float, log: Path) -> Counter[str]:
    """Kill a run, perhaps twice, and go on with it to its end.

    Returns:
        How often what has happened; problems are named by themselves.
    """
    run = Path(keys["project"]) / f"run{number}"
    kinds = moments(run, draw, seconds, keys["epochs"])
    kind = list(kinds)[number % len(kinds)]
    counts = Counter({kind: int(kill_when(begin({**keys, "name": run.name}, log), kinds[kind]))})
    bad = bad_files(run)
    if number % 4 == 3 and (run / PLAN_FILE).is_file() and not (run / RESULT_FILE).exists():
        again = moments(run, draw, seconds, keys["epochs"])["at a random moment"]
        counts["once more, after a resume"] += kill_when(begin({"resume": str(run)}, log), again)
        bad += bad_files(run)
    counts.update({BAD: len(bad), **dict.fromkeys(bad, 1)})
    if not (run / RESULT_FILE).exists():
        counts[RESUMES] += 1
        process = begin({"resume": str(run)} if (run / PLAN_FILE).is_file() else {**keys, "name": run.name}, log)
        process.join()
    left = [str(path) for path in run.glob(f"**/.*{TEMPORARY_SUFFIX}")]
    counts.update({LEFT: len(left), **dict.fromkeys(left, 1)})
    return counts


def main(words: list[str]) -> int:
    """Do all of it, and print a table."""
    given = dict(word.split("=", 1) for word in words)
    kills, draw = int(given.get("kills", 50)), random.Random(int(given.get("seed", 0)))
    base = Path(given.get("folder") or tempfile.mkdtemp(prefix="auxhead-kills-")).resolve()
    keys, log = keys_of(base, given), base / "log.txt"
    torch.set_num_threads(1)  # a fork keeps no threads
    started = time.perf_counter()
    straight = begin({**keys, "name": "straight"}, log)
    straight.join()
    if straight.exitcode:
        print(f"the training itself fails: see {log}")
        return 1
    seconds = time.perf_counter() - started
    expected = tensors(base / "runs" / "straight")
    counts: Counter[str] = Counter({BAD: 0, LEFT: 0, RESUMES: 0})
    equal = 0
    for number in range(kills):
        counts += kill_and_go_on(number, keys, draw, seconds, log)
        run = base / "runs" / f"run{number}"
        if not (run / RESULT_FILE).exists():
            counts[f"{run}: can't go on, see {log}"] += 1
            continue
        found = tensors(run)
        unequal = sum(not torch.equal(found[name], value) for name, value in expected.items())
        equal += not unequal
        if unequal:
            counts[f"{run}: {unequal} of {len(expected)} tensors differ"] += 1
        if sys.stdout.isatty():
            print(f"\r{number + 1}/{kills} ", end="", flush=True)
    print(f"{kills} runs of {keys['epochs']} epochs, {seconds:.1f} s each, killed:")
    for what in sorted(counts, key=lambda what: what in (BAD, LEFT, RESUMES)):
        print(f"  {counts[what]:4d} {what}")
    print(f"{equal} of {kills} end with the {len(expected)} tensors of the unstopped run, bit for bit")
    print(f"bad files: {counts[BAD]}, leftovers: {counts[LEFT]}")
    return 0 if equal == kills and not counts[BAD] and not counts[LEFT] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
