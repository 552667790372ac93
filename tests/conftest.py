"""Shared fixtures: no network, no downloads, Ultralytics' settings in a folder of their own."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.processes import Forks
from tests.small import SMALL

os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_CONFIG_DIR"] = tempfile.mkdtemp(prefix="auxhead-tests-")

from auxhead.demonstration.sign_dataset import make_signs

# Every process of a test imports torch: compiled once, that takes half the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; processes of tests inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "no time is measured",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no fault of the data
)
settings.load_profile("no time is measured")

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
if WORKER and hasattr(os, "sched_setaffinity"):  # torch's threads wait for each other where two workers share cores
    CORES = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {CORES[int(WORKER) % len(CORES)]})


LONG = (
    "test_cli_compare.py",
    "test_train.py",
    "test_strip.py",
    "test_report.py",
    "test_odd_names.py",
    "test_strip_checks.py",
    "test_cli.py",
    "test_ray_cluster.py",
    "test_kills.py",
    "test_exact_resume.py",
    "test_worker.py",
    "test_every_key.py",
    "test_strip_files.py",
    "test_resuming.py",
    "test_pose_road.py",
    "test_preview.py",
    "test_ddp.py",
    "test_cli_road.py",
    "test_pretrained.py",
    "test_criterion.py",
)
"""Files that take longest, because they train or start processes: begun first, so that the last ones are short."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all workers end at about the same time; a file stays on one of them, so that its fixtures are made once."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays anyway: Ultralytics and statsmodels call it often, and torch is large."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Leave nothing in the folder of temporary files."""
    shutil.rmtree(os.environ["YOLO_CONFIG_DIR"], ignore_errors=True)


TINY = {
    "model": "yolov8n.yaml",
    "epochs": 2,
    "imgsz": 64,
    "batch": 4,
    "nbs": 4,
    "device": "cpu",
    "plots": False,
    "optimizer": "AdamW",
    "lr0": 0.001,
    "warmup_epochs": 0.5,
}
"""The smallest training that exercises everything: two epochs of two batches."""


@pytest.fixture(scope="session")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data.yaml of eight training and four validation pictures."""
    return make_signs(tmp_path_factory.mktemp("signs") / "data", train=8, val=4, size=64)


@pytest.fixture(scope="session")
def tiny(signs: Path) -> dict[str, Any]:
    """Arguments of the smallest training."""
    return {**TINY, "data": str(signs)}


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small.yaml, small-pose.yaml and small-seg.yaml.

    Most of a tiny training is saving, loading and copying tensors, and these models have a third as many of them: for
    tests of what happens around a training, whatever the model.
    """
    folder = tmp_path_factory.mktemp("models")
    (folder / "small.yaml").write_text(SMALL.format(head="Detect, [nc]"))
    pose = SMALL.format(head="Pose, [nc, kpt_shape]")
    (folder / "small-pose.yaml").write_text(f"kpt_shape: [17, 3]\n{pose}")
    (folder / "small-seg.yaml").write_text(SMALL.format(head="Segment, [nc, 32, 64]"))
    return folder


@pytest.fixture(scope="session")
def quick(tiny: dict[str, Any], small_models: Path) -> dict[str, Any]:
    """Arguments of the smallest training, of a small model."""
    return {**tiny, "model": str(small_models / "small.yaml")}


@pytest.fixture(scope="session")
def trained(quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory):
    """A finished run with a center head, shared by tests that only read it."""
    import auxhead

    return auxhead.train(**{**quick, "heads": "center"}, project=str(tmp_path_factory.mktemp("runs")), name="run")


@pytest.fixture
def size_head(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the head that docs/own-head.md shows, as pip does: a module, and an entry point beside it."""
    page = (Path(__file__).parent.parent / "docs" / "own-head.md").read_text(encoding="utf-8")
    (module,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (point,) = re.findall(r'^(size) = "(.+)"$', page, re.MULTILINE)
    folder = tmp_path_factory.mktemp("installed")
    (folder / "size_head.py").write_text(module)
    facts = folder / "size_head-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: size-head\nVersion: 0.1\n")
    (facts / "entry_points.txt").write_text(f"[auxhead.heads]\n{' = '.join(point)}\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "size_head", raising=False)


@pytest.fixture
def real_data(tmp_path: Path) -> Callable[[str], Path]:
    """Copy one of the real data sets into a scratch folder (label caches are written beside labels)."""

    def copy(name: str) -> Path:
        source = Path(os.environ.get("AUXHEAD_DATA", "/nonexistent")) / name
        if not source.is_dir():
            pytest.skip(f"AUXHEAD_DATA names no folder with {name}")
        shutil.copytree(source, tmp_path / name)
        return tmp_path / name / "data.yaml"

    return copy


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of an evaluation's page: three quarters of its time, where the numbers are what matters."""
    monkeypatch.setattr(
        "auxhead.reporting.evaluation.page.figures", lambda _: dict.fromkeys(("bands", "forest", "precision"))
    )


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command line in this process; gives its exit code, standard output and error."""

    from auxhead.cli import app

    def run(*words: str) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["auxhead", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            app.main()
        streams = capsys.readouterr()
        return SimpleNamespace(returncode=caught.value.code, stdout=streams.out, stderr=streams.err)

    return run


@pytest.fixture(scope="session")
def forks(_datasets: None) -> Iterator[Forks]:
    """Command lines in processes of their own that needn't import torch."""
    forks = Forks()
    yield forks
    forks.end()


@pytest.fixture(scope="session", autouse=True)
def _datasets(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep converted data sets and results out of the machine's folders for them, also in processes of their own."""
    from ultralytics.utils import SETTINGS

    SETTINGS.update(datasets_dir=str(tmp_path_factory.mktemp("datasets")), runs_dir="runs")


@pytest.fixture(autouse=True)
def _in_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test in a folder of its own."""
    monkeypatch.chdir(tmp_path)
