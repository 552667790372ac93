"""The command line: as a process of its own where streams, signals and exit codes count, else called in this one."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from pydantic import ValidationError
from tests.patience import HANG, wait_for
from tests.processes import Forks
from ultralytics.nn.tasks import load_checkpoint

import auxhead
from auxhead.cli import app
from auxhead.cli.key_help import typed
from auxhead.cli.parts import KEYS, PAGE, models
from auxhead.cli.train import _offer
from auxhead.keys.convert import ConvertKeys, PoseKeys, SegmentKeys
from auxhead.keys.cost import CostKeys
from auxhead.keys.demo import DemoKeys
from auxhead.keys.heads.center import CenterSpec
from auxhead.keys.heads.teacher_check import TeacherCheckKeys
from auxhead.keys.strip import StripKeys
from auxhead.keys.train import TrainKeys
from auxhead.keys.train_reading import read_train_words
from auxhead.keys.words.grammar import read_value
from auxhead.shipping.certificate import Certificate

COMMAND = [sys.executable, "-m", "auxhead"]


def auxhead_process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=HANG,
    )


@pytest.fixture(scope="module")
def words(quick: dict[str, Any]) -> list[str]:
    """The smallest training as words."""
    return [f"{key}={value}" for key, value in {**quick, "epochs": 1}.items()]


@pytest.fixture(scope="module")
def several(
    words: list[str], signs: Path, tmp_path_factory: pytest.TempPathFactory, forks: Forks
) -> dict[str, subprocess.CompletedProcess[str]]:
    """What four commands have printed, by the first word: each in a process of its own, with real streams."""
    folder = tmp_path_factory.mktemp("cli")
    keys = [*words, f"project={folder}"]
    lines = {
        "env": ["env", "--json"],
        "train": ["train", "--json", *keys, "name=run", "heads=center", "center.gain=2"],
        "detect": ["detect", "train", "--dry-run", *keys, "name=dry", "--epochs=3", "recipe=tutorial"],
        "strip": ["strip", "--json", str(folder / "run"), f"out={folder / 'a.pt'}", f"data={signs}"],
    }
    fresh = {"YOLO_CONFIG_DIR": str(tmp_path_factory.mktemp("settings"))}
    return {line[0]: forks.run(*line, place=folder, **fresh) for line in lines.values()}


@pytest.fixture(scope="module")
def run_folder(several: dict[str, subprocess.CompletedProcess[str]]) -> Path:
    return Path(json.loads(several["train"].stdout)["save_dir"])


# -- help and mistakes ----------------------------------------------------------------------------------------------


def test_help_version_and_mistyped_command() -> None:
    for flag in ("--help", "-h"):
        done = auxhead_process(flag)
        assert done.returncode == 0
        assert all(f"\n  {command} " in done.stdout for command in ("train", "convert", "strip", "cost", "demo", "env"))
    assert auxhead_process("--version").stdout == f"auxhead {auxhead.__version__}\n"
    bare = auxhead_process()
    assert "Commands:" in bare.stdout + bare.stderr
    wrong = auxhead_process("trian")
    assert wrong.returncode == 2
    assert "'train'" in wrong.stderr
    assert "Traceback" not in wrong.stderr + bare.stderr


@pytest.mark.parametrize(
    ("command", "models"),
    [
        ("train", {"": TrainKeys, "center.": CenterSpec, "pose.": PoseKeys, "segment.": SegmentKeys}),
        ("convert", {"": ConvertKeys}),
        ("strip", {"": StripKeys}),
        ("cost", {"": CostKeys}),
        ("demo", {"": DemoKeys}),
        ("teacher check", {"": TeacherCheckKeys}),
    ],
)
def test_help_lists_every_key(command: str, models: dict[str, Any], call: Callable[..., Any]) -> None:
    done = call(*command.split(), "--help")
    assert call(*command.split(), "-h").stdout == done.stdout
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= PAGE
    entries = re.split(r"\n(?=  \S+= )|\n\n", done.stdout)  # a line for each key, and those it goes on in
    for prefix, model in models.items():
        for name, field in model.model_fields.items():
            line = next(" ".join(one.split()) for one in entries if one.split()[:1] == [f"{prefix}{name}="])
            assert field.description in line
            assert ("required)" in line) == field.is_required()
            assert field.is_required() or field.default is None or f"default {typed(field.default)})" in line
            for choice in get_args(field.annotation) if get_origin(field.annotation) is Literal else ():
                assert str(choice) in line
    assert ("yolo cfg" in done.stdout) == (command == "train")


@pytest.mark.parametrize("command", KEYS)
def test_defaults_are_shown_as_they_are_typed(command: str) -> None:
    for _, _, model in models(command):
        for name, field in model.model_fields.items():
            if field.is_required() or field.default in (None, {}) or isinstance(field.default, str):
                continue
            key, value = field.alias or name, read_value(typed(field.default))
            with suppress(ValidationError):  # of keys that belong together
                assert getattr(model.model_validate({key: value}), name) == pytest.approx(field.default, rel=1e-5)
                continue
            with pytest.raises(ValidationError) as error:
                model.model_validate({key: value})
            assert key not in {where for item in error.value.errors() for where in item["loc"]}, (key, value)


def test_commands_come_in_the_order_of_the_journey_and_in_whole_sentences(call: Callable[..., Any]) -> None:
    shown = call("--help").stdout.partition("Commands:")[2]
    order = ["demo", "inspect", "design", "train", "evaluate", "teacher", "compare", "report"]
    order += ["convert", "strip", "cost", "env"]
    assert re.findall(r"^  (\w+)  ", shown, re.MULTILINE) == order
    assert "..." not in shown
    assert "with its certificate." in " ".join(shown.split())
    assert "train [OPTIONS] DATA.yaml model=MODEL [KEY=VALUE]..." in " ".join(call("train", "-h").stdout.split())


def test_typos_are_one_message() -> None:
    done = auxhead_process("train", "epoch=3", "--modle=a.pt", "data=x.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("auxhead: ConfigError\nexpected: ")
    assert "epoch: unknown key; did you mean epochs?" in done.stderr
    assert "modle: unknown key; did you mean mode or model?" in done.stderr
    assert done.stderr.count("fix: ") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train model=yolov8n.yaml", "data=FILE"),
        ("train --dry-run model=yolov8n.yaml", "data=FILE"),
        ("train --dry-run data=signs.yaml", "model=FILE"),
        ("train --dry-run model=yolov8n.yaml data=nowhere.yaml", "nowhere.yaml"),
        ("train --dryrun model=yolov8n.yaml", "--dry-run"),
        ("detect train epoch=3", "did you mean epochs?"),
        ("detect", "detect"),
        ("train resume=nowhere", "no such folder"),
        ("strip", "file"),
        ("strip nowhere", "no such file"),
        ("strip nowhere outt=x", "did you mean out?"),
        ("demo epoch=3", "did you mean epochs?"),
        ("demo epochs=0", "epochs=0: "),
        ("env what", "what"),
    ],
)
def test_mistakes_exit_with_2(line: str, message: str, call: Callable[..., Any], tmp_path: Path) -> None:
    done = call(*line.split())
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_not_ours_to_explain_stays_a_traceback(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = import_module("auxhead.shipping.strip")
    for error in (EOFError("file ends early"), RuntimeError("a bug")):

        def fail(*_: object, error: Exception = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(room, "strip", fail)
        monkeypatch.setattr(sys, "argv", ["auxhead", "strip", "x"])
        with pytest.raises(type(error), match=str(error)):
            app.main()

    def stop(*_: object, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "strip", stop)
    done = call("strip", "x")
    assert (done.returncode, done.stderr.strip()) == (130, "auxhead: stopped")


def test_debug_shows_where_a_message_comes_from(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = call("strip", "nowhere.pt").stderr
    assert plain.startswith("auxhead: ModelError\n")
    monkeypatch.setenv("AUXHEAD_DEBUG", "1")
    shown = call("strip", "nowhere.pt").stderr
    assert shown.startswith("Traceback (most recent call last):\n")
    assert "shipping/strip.py" in shown
    assert shown.endswith(plain)
    monkeypatch.setenv("AUXHEAD_DEBUG", "0")
    assert call("strip", "nowhere.pt").stderr == plain


# -- train ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "model=yolov8n.yaml",
            "from scratch it was ahead of yolov8n on all three data sets measured: model=yolov8n-p234.yaml",
        ),
        ("model=yolo11s-p234-down.yaml pretrained=yolo11s.pt", "yolov8n was level or better"),
        ("model=yolov8n.pt", None),
        ("model=yolov8n.yaml pretrained=yolov8n.pt", None),
        ("model=yolov8n-p234.yaml", None),
        ("model=yolov8n-p234.pt", None),
        ("model=yolov8n-p234.yaml pretrained=runs/best.pt", None),
        ("model=yolov8n-p2.yaml pretrained=yolov8n.pt", None),
        ("model=yolov8n-slim.yaml", None),
        ("model=yolov8n.yaml heads=center", None),
    ],
)
def test_a_better_layout_is_offered_from_scratch_and_no_other_from_weights(words: str, said: str | None) -> None:
    offer = " ".join(_offer(read_train_words(f"data=signs.yaml {words}".split())))
    assert said in offer if said else not offer


def test_dry_run_prints_the_plan_and_leaves_nothing(
    several: dict[str, subprocess.CompletedProcess[str]], call: Callable[..., Any]
) -> None:
    done = several["detect"]
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["epochs", "3", "ultralytics"] in rows
    assert "close_mosaic=" in done.stdout.partition("Ultralytics' defaults for the rest:")[2]
    plan = json.loads(call(*done.args, "--json").stdout)
    assert (plan["in_force"]["epochs"], plan["in_force"]["close_mosaic"]) == (3, 10)
    assert plan["auxhead"]["heads"]["center"]["gain"] == 12
    assert (
        plan["ultralytics"].items() >= {"epochs": 3, "box": 0.01, "fliplr": 0.0, "batch": 4, "task": "detect"}.items()
    )
    assert "train: 8 images" in done.stderr
    folder = Path(plan["ultralytics"]["project"])
    assert sorted(path.name for path in folder.iterdir()) == ["a.certificate.json", "a.pt", "run"]  # of other commands


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nosuch.yaml", "nosuch.yaml"),
        ("yolov8n-p22.yaml", "did you mean"),
        ("rtdetr-l.yaml", "RTDETRDecoder"),
        ("yolov8n-pose.yaml", "ending in Pose"),
        ("nosuch.pt", "no such file"),
        ("yolov8n.pt", "no network to download it"),
    ],
)
def test_a_dry_run_refuses_models_that_training_would_refuse(
    model: str, words: str, signs: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auxhead.training.model_check.is_online", lambda: False)
    done = call("train", "--dry-run", f"data={signs}", f"model={model}")
    assert done.returncode == 2
    assert words in done.stderr
    assert not done.stdout


def test_train_hands_words_on_as_keys(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def train(**keys: Any) -> SimpleNamespace:
        seen.update(keys)
        return SimpleNamespace(best=Path("runs/best.pt"))

    monkeypatch.setattr(import_module("auxhead.training.train"), "train", train)
    files = ["model=yolov8n.yaml", "signs.yaml"]
    done = call("detect", "train", "epochs", "=", "3", "--center.gain=6", "rect", "heads=center", *files)
    assert done.returncode == 0
    wanted = {"epochs": 3, "center.gain": 6, "rect": True, "heads": "center"}
    assert seen == wanted | {"model": "yolov8n.yaml", "data": "signs.yaml"}
    assert done.stdout.strip().endswith(f"The detector to ship: {Path('runs/best.pt')}")
    assert "p234" not in done.stderr
    offered = call("train", "model=yolov8s.yaml", "data=signs.yaml").stderr
    assert "measured: model=yolov8s-p234.yaml" in offered
    assert "auxhead design data=signs.yaml" in offered
    assert "p234" not in call("train", "model=mine.yaml", "data=signs.yaml").stderr


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ("model=yolov8n.pt epochs=3", "compare price data={data} model=yolov8n.pt epochs=3 imgsz=64"),
        ("model=yolov8n.pt heads=center", "compare data={data} arms=plain,center model=yolov8n.pt epochs=1 imgsz=64"),
        (
            "model=yolov8n-p234.yaml pretrained=yolov8n.pt",
            "compare data={data} arms=plain,p234 model=yolov8n.pt epochs=1",
        ),
        ("model=yolo26s-p2.yaml", "compare data={data} arms=plain,p2 model=yolo26s.yaml epochs=1"),
        ("model=own/made.yaml", ""),
    ],
)
def test_a_terminal_gets_the_lines_to_go_on_with(
    asked: str, lines: str, signs: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path("a run")
    run.mkdir()
    (run / "args.yaml").write_text(f"data: {signs}\nepochs: 1\nimgsz: 64\nmodel: yolov8n.pt\n")
    result = SimpleNamespace(best=run / "best.pt", save_dir=run)
    monkeypatch.setattr(import_module("auxhead.training.train"), "train", lambda **_: result)
    words = ["train", *asked.split(), str(signs)]
    assert "Next:" not in call(*words).stdout
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = [shlex.split(line) for line in call(*words).stdout.partition("Next:\n")[2].splitlines()]
    pictures = str(signs.parent / "images" / "val")
    assert ["auxhead", "evaluate", "a run/best.pt", f"data={signs}"] in shown
    assert ["yolo", "predict", "model=a run/best.pt", f"source={pictures}"] in shown
    assert ["yolo", "export", "model=a run/best.pt", "format=onnx"] in shown
    compare = lines.format(data=signs).split()
    assert [line[1 : len(compare) + 1] for line in shown if line[1] == "compare"] == ([compare] if compare else [])
    folder = call("train", "model=yolov8n.pt", "data=a set").stdout  # of another format: the run names what it became
    assert f"source={pictures}" in folder
    assert "'data=a set'" in folder
    resumed = [shlex.split(line) for line in call("train", "resume=x").stdout.partition("Next:\n")[2].splitlines()]
    assert ["auxhead", "compare", "price", f"data={signs}", "model=yolov8n.pt", "epochs=1", "imgsz=64"] in resumed


def test_train_json_is_the_only_output(several: dict[str, subprocess.CompletedProcess[str]]) -> None:
    done = several["train"]
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) == set(auxhead.TrainResult.__dataclass_fields__)
    assert result["gradients"]["gain/center"] == 2
    assert result["certificate"]["float32_difference"] == 0
    assert Path(result["best"]).is_file()
    assert "1/1" in done.stderr  # Ultralytics' own output


@pytest.mark.slow
def test_ctrl_c_leaves_a_detector_and_says_how_to_go_on(words: list[str], tmp_path: Path) -> None:
    line = [*COMMAND, "train", *words, "epochs=50", f"project={tmp_path}", "name=run"]
    process = subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    wait_for(lambda: process.poll() is not None or (tmp_path / "run" / "weights" / "last.state.pt").exists())
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    out, err = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert f"auxhead train resume={tmp_path / 'run'}" in out
    assert err.splitlines()[-1] == "auxhead: stopped"
    assert "Traceback" not in out + err
    model, _ = load_checkpoint(str(tmp_path / "run" / "weights" / "best.pt"))
    assert model.task == "detect"


# -- strip, env -----------------------------------------------------------------------------------------------------


def test_strip_json_is_the_only_output(
    several: dict[str, subprocess.CompletedProcess[str]], run_folder: Path, call: Callable[..., Any]
) -> None:
    done = several["strip"]
    assert done.returncode == 0, done.stderr
    certificate = json.loads(done.stdout)
    assert Certificate.from_dict(certificate).float32_difference == 0
    assert certificate["real_images"]
    plain = run_folder.with_name("a.pt")
    assert json.loads(plain.with_name("a.certificate.json").read_text()) == certificate
    again = call("strip", str(plain), "--json")
    assert (again.returncode, json.loads(again.stdout)) == (0, None)
    assert "a.pt is a plain detector already" in again.stderr


def test_strip_in_words(run_folder: Path, call: Callable[..., Any]) -> None:
    done = call("strip", str(run_folder))
    assert done.returncode == 0
    assert "Certificate for best-detect.pt" in done.stdout
    plain = run_folder / "weights" / "best-detect.pt"
    stamp = plain.stat().st_mtime_ns
    again = call("strip", str(plain))
    assert again.returncode == 0
    assert "is a plain detector already; nothing written" in again.stdout
    assert plain.stat().st_mtime_ns == stamp
    refused = call("strip", str(run_folder))
    assert (refused.returncode, plain.stat().st_mtime_ns) == (2, stamp)
    assert "exist_ok" in refused.stderr
    assert call("strip", str(run_folder), "exist_ok").returncode == 0
    assert plain.stat().st_mtime_ns > stamp


def test_env_prints_versions(several: dict[str, subprocess.CompletedProcess[str]], call: Callable[..., Any]) -> None:
    done = several["env"]
    assert done.returncode == 0
    assert "new Ultralytics Settings" in done.stderr  # said on standard output otherwise
    facts = json.loads(done.stdout)
    assert facts["auxhead"] == auxhead.__version__
    assert facts["torch"] == torch.__version__
    assert {"ultralytics", "python", "cpu", "gpu", "system"} <= set(facts)
    lines = call("env").stdout.splitlines()
    assert [line[:22].strip() for line in lines] == list(facts)
    assert lines[0].split() == ["auxhead", auxhead.__version__]


# -- demo -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_demo(quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("auxhead.demonstration.demo")
    monkeypatch.setattr(module, "PICTURES", {"train": 12, "val": 4, "size": 64})
    small = {key: quick[key] for key in ("imgsz", "batch", "nbs", "device")}
    monkeypatch.setattr(module, "SETTINGS", {**module.SETTINGS, **small})


@pytest.mark.slow
@pytest.mark.usefixtures("small_demo")
def test_demo_trains_and_compares(call: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20) / "demo"  # longer than a terminal is wide
    done = call("demo", f"out={folder}", "epochs=2", "flip_variant")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    epochs = [line for line in lines if ": epoch " in line]
    assert [line.partition(",")[0] for line in epochs] == [
        *("plain: epoch 1 of 2", "plain: epoch 2 of 2", "p234: epoch 1 of 2", "p234: epoch 2 of 2")
    ]
    assert all("; about " in line and line.endswith(" left") for line in epochs[:-1])
    assert epochs[-1].endswith("; done")
    counts = {}
    for arm in ("plain", "p234"):
        best = folder / arm / "weights" / "best.pt"
        assert load_checkpoint(str(best))[0].task == "detect"
        (row,) = (line for line in lines if line.split()[:1] == [arm] and len(line.split()) == 7)
        cells = row.split()
        (price,) = auxhead.cost([str(best)], imgsz=64)
        assert cells[3:5] == [f"{price.fused.parameters:,}", f"{price.fused.gflops:.2f}"]
        assert all(0 <= float(cell) <= 1 for cell in cells[1:3])
        assert cells[5].endswith("x")
        counts[arm] = price.fused.parameters
    assert counts["p234"] < counts["plain"] / 3
    assert f"  yolo predict model={folder / 'p234' / 'weights' / 'best.pt'} source=YOURS" in done.stdout
    assert "drawing signs" in done.stderr
    assert "arrow" in (folder / "data" / "data.yaml").read_text()
    trained = (folder / "p234" / "weights" / "best.pt").stat().st_mtime_ns
    again = call("demo", f"out={folder}", "epochs=2", "flip_variant")
    assert (again.returncode, ": epoch " in again.stdout) == (0, False)
    assert (folder / "p234" / "weights" / "best.pt").stat().st_mtime_ns == trained


def test_demo_prints_paths_as_they_are(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("auxhead.demonstration.demo")
    price = module.cost(["yolov8n.yaml"], nc=1, imgsz=64)[0]
    row = module.DemoRow("plain", 0.5, 0.25, 1.25, price, Path("/a[bold]b:warning:/best.pt"))
    monkeypatch.setattr(module, "demo", lambda **_: [row])
    (emitted,) = json.loads(call("demo", "--json").stdout)
    assert (emitted["arm"], emitted["best"], emitted["cost"]["nc"]) == ("plain", "/a[bold]b:warning:/best.pt", 1)
    done = call("demo")
    assert "model='/a[bold]b:warning:/best.pt'" in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.split()[:3] == ["plain", "0.500", "0.250"])
    assert line.split()[5:] == ["-", "1.2"]


@pytest.mark.usefixtures("small_demo")
def test_demo_refuses_a_folder_of_somebody_else(call: Callable[..., Any], tmp_path: Path) -> None:
    thesis = tmp_path / "out" / "data" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("mine")
    done = call("demo", f"out={tmp_path / 'out'}")
    assert done.returncode == 2
    assert "auxhead: OutputError" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [thesis]


def test_inspect_prints_writes_and_refuses(signs: Path, call: Callable[..., Any]) -> None:
    done = call("inspect", f"data={signs}", "imgsz=64", "out=seen")
    assert done.returncode == 0
    assert "P3-P5: no candidate anchor" in done.stdout
    assert "  bands=ai-tod: " in done.stdout
    assert {path.name for path in Path("seen").iterdir()} == {"inspect.json", "inspect.png", "report.html"}
    again = call("inspect", f"data={signs}", "imgsz=64", "out=seen")
    assert again.returncode == 2
    assert "exist_ok=true" in again.stderr
    emitted = call("inspect", str(signs), "imgsz=64", "--json")
    assert json.loads(emitted.stdout) == json.loads(Path("seen/inspect.json").read_text())
