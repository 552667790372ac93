"""Measuring predictions, writing pages and reading labels work on a machine that has no torch at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.findings.ledger_maker import make_ledger
from tests.patience import HANG

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "ultralytics"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""

LABELS = """
import sys
from pathlib import Path
from auxhead.labels.check import check_labels
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import list_images
from auxhead.labels.misplaced import require_labels
from auxhead.labels.pictures import split_usable
from auxhead.metrics.truth import read_yolo

source = read_data_yaml(Path(sys.argv[1]))
require_labels("train", source.splits["train"], source.data)
images = list_images(source.splits["train"])
report = check_labels(images, len(source.names), kpt_shape=source.kpt_shape)
print(report.images, report.boxes == len(read_yolo(images, source.names, kpt_shape=None).boxes))
try:
    import torch
except ModuleNotFoundError:
    print("no torch")
"""


@pytest.fixture
def run(tmp_path: Path):
    """Run Python where torch and Ultralytics can't be imported."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text(WITHOUT)
    known = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *known])}

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, *words]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=HANG)

    return start


def test_labels_are_read_and_checked(run, signs: Path) -> None:
    done = run("-c", LABELS, str(signs))
    assert (done.stdout, done.stderr) == ("8 True\nno torch\n", "")


def test_predictions_are_measured(run, signs: Path, tmp_path: Path) -> None:
    (tmp_path / "preds.json").write_text("[]")
    done = run("-m", "auxhead", "evaluate", "preds.json", f"data={signs}", "resamples=5")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "evaluate" / "preds" / "report.html").is_file()


def test_a_page_is_written(run, tmp_path: Path) -> None:
    folder = make_ledger(tmp_path / "comparison")
    done = run("-m", "auxhead", "report", str(folder))
    assert done.returncode == 0, done.stderr
    assert (folder / "report.html").is_file()
