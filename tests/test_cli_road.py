"""The commands of the tutorial's road: convert, train route=..., strip, cost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.patience import HANG, wait_for
from tests.processes import Forks
from ultralytics import YOLO
from ultralytics.utils import SETTINGS, YAML

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pose_run(
    signs: Path, quick: dict[str, Any], small_models: Path, tmp_path_factory: pytest.TempPathFactory, forks: Forks
) -> Path:
    """A finished `auxhead train route=pose`, as a process of its own; what it printed is in printed.txt."""
    folder = tmp_path_factory.mktemp("road")
    model = small_models / "small-pose.yaml"
    keys = {**quick, "model": model, "epochs": 1, "project": folder, "name": "run", "data": signs}
    done = forks.run("train", "route=pose", *(f"{key}={value}" for key, value in keys.items()), place=folder)
    assert done.returncode == 0, done.stderr
    (folder / "run" / "printed.txt").write_text(done.stdout + done.stderr)
    return folder / "run"


def test_the_road_in_one_command_prints_the_table(pose_run: Path) -> None:
    printed = (pose_run / "printed.txt").read_text()
    lines = printed.splitlines()
    head = next(i for i, line in enumerate(lines) if line.split()[:2] == ["model", "parameters"])
    assert lines[head].split()[1:] == ["parameters", "GFLOPs", "P", "R", "mAP50", "mAP50-95", "pose", "mAP50"]
    pose, plain = (line.split() for line in lines[head + 1 : head + 3])
    assert (pose[0], plain[0]) == ("best", "best-detect")
    assert pose[3:7] == plain[3:7]
    assert "difference 0 in float32" in printed
    assert lines[-1] == f"The detector to ship: {pose_run / 'weights' / 'best-detect.pt'}"


def test_convert_says_what_it_did(signs: Path, tmp_path: Path, call: Callable[..., Any]) -> None:
    words = ["convert", f"data={signs}", "out=signs-pose", "to=pose", "keypoints=center+corners", "flips=off"]
    done = call(*words)
    assert done.returncode == 0
    first, second, last = done.stdout.splitlines()
    assert first.startswith("train: 8 images, ")
    assert second.startswith("val: 4 images, ")
    assert last == f"Written to {tmp_path / 'signs-pose' / 'data.yaml'}"
    content = YAML.load(tmp_path / "signs-pose" / "data.yaml")
    assert content["kpt_shape"] == [5, 3]
    assert "flip_idx" not in content
    assert call(*words).stdout.splitlines()[-1].startswith("Nothing has changed since it was written: ")
    answer = json.loads(call(*words, "--json").stdout)
    assert (answer["fresh"], answer["splits"]["train"]["images"]) == (False, 8)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("convert data={signs} out=x", "to: required"),
        ("convert data={signs} out=x to=boxes", "to='boxes': Input should be 'pose', 'segment' or 'yolo'"),
        ("convert data={signs} out=x to=pose keypoint=center", "keypoint: unknown key; did you mean keypoints?"),
        ("convert data={signs} out=x to=segment flips=off", "flips= without effect on to=segment"),
        ("convert data=nowhere.yaml out=x to=pose", "nowhere.yaml"),
        ("strip nowhere.pt", "no such file"),
        ("strip {signs}", "a .yaml file"),
        ("cost", "models to count"),
        ("cost yolov8n imgz=320", "imgz: unknown key; did you mean imgsz?"),
        ("cost yolov8nn", "did you mean yolov8n"),
        ("cost yolov8n kpt_shape=[0,3]", "kpt_shape"),
        ("train data={signs} model=yolov8n.yaml route=pose", "name one such as yolov8n-pose.yaml"),
    ],
)
def test_mistakes_exit_with_2_and_write_nothing(
    line: str, message: str, signs: Path, call: Callable[..., Any], tmp_path: Path
) -> None:
    done = call(*line.format(signs=signs).split())
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_bad_rows_are_named_and_all_of_them_in_the_csv(signs: Path, tmp_path: Path, call: Callable[..., Any]) -> None:
    broken = tmp_path / "broken"
    call("convert", f"data={signs}", f"out={broken}", "to=pose", "images=copy")
    label = min((broken / "labels" / "train").glob("*.txt"))
    label.write_text("0 0.5 0.5 nan 0.1\n" * 12)
    words = ["convert", f"data={broken / 'data.yaml'}", "out=again", "to=segment"]
    done = call(*words)
    assert done.returncode == 2
    assert f"{label}:10" in done.stderr
    assert f"{label}:11" not in done.stderr
    assert len((tmp_path / "again.problems.csv").read_text().splitlines()) == 13
    assert not (tmp_path / "again").exists()
    assert "1 left out" in call(*words, "on_error=skip").stdout


STUCK = """
import time
from auxhead.cli.app import main
from auxhead.labels.conversion.writer import Writer

def wait(*_):  # to be stopped: it can't end by itself, however late the signal comes
    time.sleep(3600)

Writer._write_split = wait
main()
"""


def test_ctrl_c_in_a_conversion_leaves_nothing(signs: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, "convert", f"data={signs}", "out=out", "to=pose"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: process.poll() is not None or list(tmp_path.glob(".out*")))
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert printed.splitlines()[-1] == "auxhead: stopped"
    assert list(tmp_path.iterdir()) == []


def test_strip_shows_its_certificate_and_both_validations(
    pose_run: Path, signs: Path, tmp_path: Path, call: Callable[..., Any]
) -> None:
    done = call("strip", str(pose_run / "weights" / "last.pt"), f"out={tmp_path / 'plain.pt'}", f"data={signs}")
    assert done.returncode == 0
    assert "\nCertificate for plain.pt (from the pose model last.pt)\n" in done.stdout
    assert YOLO(tmp_path / "plain.pt").task == "detect"
    answer = call("strip", str(tmp_path / "plain.pt"), "--json")
    assert (answer.returncode, json.loads(answer.stdout)) == (0, None)
    assert "is a plain detector already" in answer.stderr


def test_strip_takes_the_folder_of_a_stock_run(pose_run: Path, tmp_path: Path, call: Callable[..., Any]) -> None:
    answer = call("strip", str(pose_run), f"out={tmp_path / 'plain.pt'}", "--json")
    assert json.loads(answer.stdout)["source"] == "best.pt"


def test_cost_prints_counts_and_ratios(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    done = call("cost", "yolov8n", "yolov8n-pose", "nc=48", "kpt_shape=[1,3]")
    assert "3,015,008" in done.stdout
    assert "3,086,681" in done.stdout
    assert "ratio" not in done.stdout
    timed = call("cost", "yolov8n", "imgsz=64", "latency=true", "rounds=3", "device=cpu")
    assert "1.00 (1.00 to 1.00)" in timed.stdout
    assert "processor ms" in timed.stdout
    assert [line for line in timed.stderr.splitlines() if line.startswith("timing")] == [
        *(f"timing {turn}/3" for turn in (1, 2, 3)),
        *(f"timing one thread {turn}/3" for turn in (1, 2, 3)),
    ]
    answer = json.loads(call("cost", "yolov8n", "--json").stdout)
    assert answer[0]["unfused"]["parameters"] == 3_157_200


def test_dry_run_shows_the_route(signs: Path, tmp_path: Path, call: Callable[..., Any]) -> None:
    before = sorted(Path(str(SETTINGS["datasets_dir"])).glob("auxhead/*"))
    done = call(
        "train", "--dry-run", f"data={signs}", "model=yolov8n-pose.yaml", "route=pose", "recipe=tutorial", "--json"
    )
    plan = json.loads(done.stdout)
    assert (plan["auxhead"]["route"], plan["auxhead"]["labels"]["flips"]) == ("pose", False)
    assert (plan["ultralytics"]["task"], plan["ultralytics"]["epochs"]) == ("pose", 10)
    assert sorted(Path(str(SETTINGS["datasets_dir"])).glob("auxhead/*")) == before
