"""The two programs that measure conversions run, in small."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_damaged_labels_are_named_or_converted(tmp_path):
    spec = spec_from_file_location("fuzz_labels", BENCHMARKS / "fuzz_labels.py")
    assert spec is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    fuzz = module.Fuzz(tmp_path, seed=3)
    for index in range(len(module.TARGETS)):
        fuzz.batch(index, 60)
    assert fuzz.wrong == []
    assert fuzz.counts["label files"] == 300
    assert fuzz.counts["files that Ultralytics ignores"] > 50
    assert fuzz.counts["files converted"] > 50
    assert list(tmp_path.iterdir()) == [fuzz.picture]


def test_the_speed_comparison_runs_and_cleans_up(tmp_path):
    words = [str(BENCHMARKS / "convert.py"), "count=50", "many=100", "rounds=1", f"folder={tmp_path}"]
    found = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True).stdout
    assert "times raw I/O" in found
    assert "peak memory of auxhead at 100 files" in found
    assert list(tmp_path.iterdir()) == []
