"""How long the page of a comparison takes, by part, on one core.

A made-up ledger of ten arms with three seeds each, written as the tests write theirs: 300 epochs, 1,000 resamples, 500
images with nine boxes. Each round is a process of its own that is kept to one core and prints its own seconds, and
those of processor time, which other work on the machine hardly moves.

    imports    everything that the report needs; neither torch nor Ultralytics
    analysis   the ledger's files into numbers
    tables     report.json, runs.csv and numbers.csv
    figures    five figures in two widths each
    wall       choosing, matching and cutting pictures
    page       the template, and the file

    python benchmarks/report.py [rounds=3] [arms=10] [seeds=3] [out=report.txt]

It takes about a minute.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("imports", "analysis", "tables", "figures", "wall", "page", "all")


def make(folder: Path, arms: int, seeds: int) -> Path:
    """Write the ledger."""
    sys.path.insert(0, str(ROOT))
    from tests.comparison.ledger_maker import make_ledger

    names = ["plain", "p2", *(f"arm-{place}" for place in range(2, arms))]
    values = {name: [0.3 + 0.05 * place + 0.01 * seed for seed in range(seeds)] for place, name in enumerate(names)}
    declared = {name: {"k": place} if place else {} for place, name in enumerate(names)}
    return make_ledger(
        folder, arms=declared, seeds=range(seeds), values=values, pictures=500, resamples=1000, epochs=300
    )


def child(folder: str, out: str) -> None:
    """Write one report and print the seconds of its parts, its bytes and what heavy packages it loaded."""
    took: dict[str, tuple[float, float]] = {}

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        wall, processor = time.perf_counter(), time.process_time()
        yield
        took[part] = time.perf_counter() - wall, time.process_time() - processor

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with timed("all"):
        with timed("imports"):
            from auxhead.findings.analysis import analyse
            from auxhead.findings.tables import write_tables
            from auxhead.reporting.page import figures, page
            from auxhead.reporting.picture_wall import wall
        with timed("analysis"):
            analysis = analyse(Path(folder))
        with timed("tables"):
            write_tables(analysis, Path(out))
        with timed("figures"):
            drawings = figures(analysis)
        with timed("wall"):
            pictures = wall(Path(folder), analysis)
        with timed("page"):
            content = page(analysis, drawings, pictures).encode()
            (Path(out) / "report.html").write_bytes(content)
    shown = sum(len(group.pictures) for side in pictures.sides for group in side.groups)
    heavy = sorted({"torch", "ultralytics"} & set(sys.modules))
    print(json.dumps({"took": took, "bytes": len(content), "pictures": shown, "heavy": heavy}))


def main() -> None:
    """Print the table and write it to a file, or (as a child) print one measurement."""
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
        return
    keys = dict(word.split("=", 1) for word in sys.argv[1:])
    rounds, arms, seeds = (int(keys.get(name, value)) for name, value in (("rounds", 3), ("arms", 10), ("seeds", 3)))
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        ledger = make(Path(scratch) / "ledger", arms, seeds)
        for _ in range(rounds):
            words = [sys.executable, __file__, "child", str(ledger), scratch]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    first = found[0]
    lines = [
        f"$ python benchmarks/report.py rounds={rounds} arms={arms} seeds={seeds}",
        f"{arms * seeds} runs, {first['pictures']} pictures, a page of {first['bytes'] / 1e6:.2f} MB",
        f"one core of {os.cpu_count()}, {os.getloadavg()[0]:.1f} processes that want them (with this one) at the end",
        "",
        f"{'median of':10} {rounds} rounds: seconds (least to most)  processor time",
    ]
    for part in PARTS:
        walls, processor = zip(*(one["took"][part] for one in found), strict=True)
        spread = f"({min(walls):.2f} to {max(walls):.2f})"
        lines.append(f"{part:10} {statistics.median(walls):17.2f} {spread:17} {statistics.median(processor):9.2f} s")
    lines.append(f"torch or Ultralytics loaded: {', '.join(first['heavy']) or 'no'}")
    print("\n".join(lines))
    if "out" in keys:
        Path(keys["out"]).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
