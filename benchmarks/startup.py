"""How long `import auxhead`, help and an answer to a typo take, against a bare Python start in the same round.

python benchmarks/startup.py [rounds=9]

Processor time is what the commands themselves need; the time on the clock also depends on what else the machine does.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import auxhead": [sys.executable, "-c", "import auxhead"],
    "auxhead --help": [sys.executable, "-m", "auxhead", "--help"],
    "auxhead train --help": [sys.executable, "-m", "auxhead", "train", "--help"],
    "auxhead train epoch=1": [sys.executable, "-m", "auxhead", "train", "epoch=1"],
    "auxhead evaluate modl=x": [sys.executable, "-m", "auxhead", "evaluate", "modl=x"],
    "import torch": [sys.executable, "-c", "import torch"],
}


def main() -> None:
    """Print medians and ratios to the bare start."""
    rounds = int(dict(word.split("=") for word in sys.argv[1:]).get("rounds", 9))
    clock: dict[str, list[float]] = {name: [] for name in COMMANDS}
    processor: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            started, before = time.perf_counter(), used()
            subprocess.run(command, check=False, capture_output=True)
            clock[name].append(time.perf_counter() - started)
            processor[name].append(used() - before)
    base = statistics.median(processor["python -c pass"])
    for name in COMMANDS:
        seconds = statistics.median(processor[name])
        print(
            f"{name:24} processor {seconds:6.3f} s, {seconds / base:5.1f} times a bare start; "
            f"clock {statistics.median(clock[name]):6.3f} s"
        )


def used() -> float:
    """Return the processor time of all children so far, seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
