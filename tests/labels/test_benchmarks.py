"""The two programs that measure conversions run, in small."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def output(*words: str) -> str:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True).stdout


def test_damaged_labels_are_named_or_converted(tmp_path):
    found = output(str(BENCHMARKS / "fuzz_labels.py"), "count=300", "seed=3", f"folder={tmp_path}")
    counts = {
        what: int(count.replace(",", "")) for count, what in (line.split(maxsplit=1) for line in found.splitlines()[1:])
    }
    assert counts["label files"] == 300
    assert counts["files that Ultralytics ignores"] > 50
    assert counts["files converted"] > 50
    wrong = ("tracebacks", "source files changed", "verdicts that differ", "bad rows that were not named")
    wrong += ("ignored files that were converted", "converted files that are refused", "boxes that changed")
    assert [counts[what] for what in wrong] == [0] * 7
    assert list(tmp_path.iterdir()) == []


def test_the_speed_comparison_runs_and_cleans_up(tmp_path):
    found = output(str(BENCHMARKS / "convert.py"), "count=50", "many=100", "rounds=1", f"folder={tmp_path}")
    assert "times raw I/O" in found
    assert "peak memory of auxhead at 100 files" in found
    assert list(tmp_path.iterdir()) == []
