"""How long `import auxhead` and `auxhead --help` take, against a bare Python start in the same round.

python benchmarks/startup.py [rounds=9]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import auxhead": [sys.executable, "-c", "import auxhead"],
    "auxhead --help": [sys.executable, "-m", "auxhead", "--help"],
}


def main() -> None:
    """Print medians and differences to the bare start."""
    rounds = int(dict(word.split("=") for word in sys.argv[1:]).get("rounds", 9))
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - started)
    base = statistics.median(times["python -c pass"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:16} median {median:.3f} s, {median / base:.1f} times a bare start")


if __name__ == "__main__":
    main()
