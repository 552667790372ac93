"""A few of the kills of benchmarks/kill_training.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill_training.py"


def test_kills_of_every_kind_lose_nothing(small_models: Path, tmp_path: Path) -> None:
    words = ["kills=4", "seed=1", "epochs=3", f"model={small_models / 'small.yaml'}", f"folder={tmp_path}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(BENCHMARK), *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    log = tmp_path / "log.txt"
    assert done.returncode == 0, done.stdout + done.stderr + log.read_text()[-3000:]
    assert "4 of 4 end with" in done.stdout
    assert "bad files: 0, leftovers: 0" in done.stdout
