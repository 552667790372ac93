"""How fast boxes become keypoints, against the loop a tutorial would write and against mere reading and writing.

All arms do the same job: one new label file for each label file, one hard link for each image, in a new folder.

    raw I/O    reads each label file, writes the same bytes, links the image; a single loop that doesn't think
    tutorial   opens, readlines(), split(), float(), writes; links the image; checks nothing
    auxhead    labels.convert: looks at names first, checks every row, notes sizes and times, writes data.yaml, ...

Every run is a process of its own and reports its own time (imports left out) and its peak memory; arms take turns.

    python benchmarks/convert.py [count=20000] [many=200000] [rounds=7] [folder=FOLDER]

folder is where the files are made (and removed again), a temporary one by default: the disk matters.
"""

from __future__ import annotations

import io
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

# The loops are written as people write them.
# ruff: noqa: PTH123, PTH208

CLASSES = 80
BOXES = 14  # at most; every number from 0 to this is as likely


def make(folder: Path, count: int) -> None:
    """Write tiny images and label files, seeded."""
    draw = random.Random(0)
    picture = io.BytesIO()
    Image.new("RGB", (16, 16)).save(picture, "jpeg")
    for name in ("images", "labels"):
        (folder / name / "train").mkdir(parents=True)
    for i in range(count):
        rows = [
            f"{draw.randrange(CLASSES)} {' '.join(f'{draw.uniform(0.1, 0.9):.6f}' for _ in range(4))}\n"
            for _ in range(draw.randint(0, BOXES))
        ]
        (folder / "images" / "train" / f"{i:07d}.jpg").write_bytes(picture.getvalue())
        (folder / "labels" / "train" / f"{i:07d}.txt").write_text("".join(rows))


def new_folders(out: Path) -> None:
    """Make the folders that the loops write to."""
    (out / "images" / "train").mkdir(parents=True)
    (out / "labels" / "train").mkdir(parents=True)


def raw(source: str, out: str) -> None:
    """Copy label files and link images."""
    new_folders(Path(out))
    for name in os.listdir(f"{source}/images/train"):
        stem = name.rsplit(".", 1)[0]
        with open(f"{source}/labels/train/{stem}.txt", "rb") as file:
            content = file.read()
        with open(f"{out}/labels/train/{stem}.txt", "wb") as file:
            file.write(content)
        os.link(f"{source}/images/train/{name}", f"{out}/images/train/{name}")


def tutorial(source: str, out: str) -> None:
    """Write keypoint rows as a tutorial would."""
    new_folders(Path(out))
    for name in os.listdir(f"{source}/images/train"):
        stem = name.rsplit(".", 1)[0]
        with open(f"{source}/labels/train/{stem}.txt") as file:
            lines = file.readlines()
        with open(f"{out}/labels/train/{stem}.txt", "w") as file:
            for line in lines:
                label, x, y, w, h = map(float, line.split())
                file.write(f"{int(label)} {x} {y} {w} {h} {x} {y} 1\n")
        os.link(f"{source}/images/train/{name}", f"{out}/images/train/{name}")


def auxhead(source: str, out: str) -> None:
    """Convert with this package."""
    from auxhead.keys.convert import PoseKeys
    from auxhead.labels.conversion.convert import convert
    from auxhead.labels.source import Source

    names = {i: f"class {i}" for i in range(CLASSES)}
    splits = {"train": Path(source) / "images" / "train"}
    started = time.perf_counter()
    convert(Source(Path(source) / "data.yaml", splits, names), Path(out), PoseKeys())
    return time.perf_counter() - started


def in_threads(source: str, out: str) -> None:
    """Convert with this package, in threads all the time."""
    from auxhead.labels import workers

    workers.WAITING = 0
    return auxhead(source, out)


ARMS = {"raw I/O": raw, "tutorial": tutorial, "auxhead": auxhead, "auxhead, always in threads": in_threads}


def child(arm: str, source: str, out: str) -> None:
    """Run one arm and print its seconds and its peak memory in MiB."""
    started = time.perf_counter()
    seconds = ARMS[arm](source, out) or time.perf_counter() - started
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def run(arm: str, source: Path, out: Path) -> tuple[float, float]:
    """Run one arm in a process of its own, with nothing left to be written by what came before."""
    os.sync()
    words = [sys.executable, __file__, "arm", arm, str(source), str(out)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def check(source: Path, out: Path) -> None:
    """See that every row is there, with its center."""
    for file in (source / "labels" / "train").iterdir():
        cells = [line.split() for line in file.read_text().splitlines()]
        wanted = "".join(f"{' '.join(row)} {row[1]} {row[2]} 1\n" for row in cells)
        assert (out / "labels" / "train" / file.name).read_text() == wanted, file


def compare(folder: Path, count: int, rounds: int, arms: list[str]) -> float:
    """Print medians and ratios of some arms, and return the peak memory of `auxhead`."""
    source, out = folder / "source", folder / "out"
    make(source, count)
    seconds: dict[str, list[float]] = {arm: [] for arm in arms}
    memory: dict[str, float] = dict.fromkeys(arms, 0.0)
    again = []
    for i in range(rounds):
        for arm in arms if i % 2 else reversed(arms):
            took, peak = run(arm, source, out)
            seconds[arm].append(took)
            memory[arm] = max(memory[arm], peak)
            if arm == "auxhead":
                again.append(run(arm, source, out)[0])
                check(source, out)
            shutil.rmtree(out)
    print(f"{count:,} label files, {rounds} round{'s' if rounds > 1 else ''}")
    for arm in arms:
        ratios = [mine / base for mine, base in zip(seconds[arm], seconds["raw I/O"], strict=True)]
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})" if rounds > 1 else ""
        print(
            f"  {arm:27} median {statistics.median(seconds[arm]):7.2f} s  peak memory {memory[arm]:5.1f} MiB  "
            f"{statistics.median(ratios):5.2f} times raw I/O {spread}"
        )
    print(f"  {'auxhead, nothing to do':27} median {statistics.median(again):7.2f} s")
    shutil.rmtree(source)
    return memory["auxhead"]


def main() -> None:
    """Print both comparisons, or (as a child) one measurement."""
    if sys.argv[1:2] == ["arm"]:
        child(*sys.argv[2:])
        return
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    count, many, rounds = (int(keys.get(k, d)) for k, d in (("count", 20_000), ("many", 200_000), ("rounds", 7)))
    folder = Path(tempfile.mkdtemp(dir=keys.get("folder")))
    print(f"{os.cpu_count()} cores; keypoints=center; 0 to {BOXES} boxes a file, all in one folder")
    try:
        few = compare(folder, count, rounds, list(ARMS))
        lots = compare(folder, many, 1, ["raw I/O", "auxhead"])
    finally:
        shutil.rmtree(folder)
    print(f"peak memory of auxhead at {many:,} files: {lots / few:.2f} times that at {count:,}")


if __name__ == "__main__":
    main()
