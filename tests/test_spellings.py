"""What else may be typed: keys as options, Ultralytics' words, a file where a command belongs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import auxhead
from auxhead.cli.app import app
from auxhead.cli.parts import KEYS
from auxhead.cli.spellings import understood
from auxhead.errors import ConfigError

OPTIONS = {command: {"--json", "--dry-run", "--help", "-h"} for command in [*KEYS, "env", "teacher"]}


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("train --data x.yaml --epochs 3", "train data=x.yaml epochs=3"),
        ("train --data=x.yaml --exist-ok --on-error=skip", "train data=x.yaml exist_ok on_error=skip"),
        ("train --crops.small 16 --flips.never stop", "train crops.small=16 flips.never=stop"),
        ("train --exist_ok x.yaml --rect true", "train exist_ok x.yaml rect=true"),
        ("train --json --data --dry-run --seed", "train --json data --dry-run seed"),
        ("train --data = x.yaml", "train data = x.yaml"),
        ("train --dta x.yaml", "train dta=x.yaml"),
        ("train --dryrun x.yaml --nonsense x", "train --dryrun x.yaml --nonsense x"),
        ("evaluate best.pt --conf -1 --seed -h", "evaluate best.pt conf=-1 seed -h"),
        ("compare --arms plain,p2 --slots 2 --imgsz 64", "compare arms=plain,p2 slots=2 imgsz=64"),
        ("strip --out x.pt best.pt", "strip out=x.pt best.pt"),
        ("env --data x", "env --data x"),
        ("teacher check big.pt --data x.yaml --exist-ok", "teacher check big.pt data=x.yaml exist_ok"),
        ("teacher --help", "teacher --help"),
        ("teacher chek", "teacher chek"),
        ("help teacher check", "teacher check --help"),
        ("help teacher", "teacher --help"),
        ("detect train data=x", "train data=x"),
        ("help", "--help"),
        ("help strip", "strip --help"),
        ("help trian", "trian"),
        ("version", "--version"),
        ("--help", "--help"),
        ("trian", "trian"),
        ("", ""),
    ],
)
def test_a_line_is_read_as_it_is_meant(typed: str, read: str) -> None:
    assert understood(typed.split(), OPTIONS) == read.split()


@pytest.mark.parametrize(
    ("typed", "found", "fix"),
    [
        ("val", "val", "yolo val model=best.pt data=signs.yaml; or,"),
        ("detect predict model=a.pt source=b", "predict", "yolo predict model=a.pt source=b"),
        ("export best.pt format=onnx", "export", "yolo export model=best.pt format=onnx"),
        ("signs.yaml", "signs.yaml", "auxhead inspect signs.yaml\n"),
        ("signs.yaml", "signs.yaml", "auxhead train signs.yaml model="),
        ("best.pt", "best.pt", "auxhead evaluate best.pt data="),
        ("big.pt", "big.pt", "auxhead teacher check big.pt data="),
        ("teacher big.pt data=x.yaml", "big.pt", "auxhead teacher check big.pt data=x.yaml\n"),
        ("preds.json", "preds.json", "auxhead evaluate preds.json data="),
        ("folder", "folder", "auxhead report folder\n"),
        ("epochs=3", "epochs=3", "auxhead train epochs=3"),
    ],
)
def test_what_is_no_command_names_the_line_that_was_meant(typed: str, found: str, fix: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(ConfigError) as error:
        understood(typed.split(), OPTIONS)
    assert error.value.found.startswith(found)
    assert fix in error.value.fix + "\n"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("auxhead des", ["design"]),
        ("auxhead train epo", ["epochs="]),
        ("auxhead evaluate best.pt dist", ["distances=", "distances_px="]),
        ("auxhead cost yolov8n im", ["imgsz="]),
        ("auxhead evaluate data = dist", []),
        ("auxhead inspect sig", []),
        ("auxhead teacher ch", ["check"]),
        ("auxhead teacher check big.pt lim", ["limit="]),
    ],
)
def test_a_shell_is_offered_commands_and_keys(
    line: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_AUXHEAD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(line.split()))
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    with pytest.raises(SystemExit):
        get_command(app)([], prog_name="auxhead")
    assert capsys.readouterr().out.split() == offered


def test_these_spellings_reach_the_commands(call: Callable[..., Any], signs: Path) -> None:
    assert call("-V").stdout == call("version").stdout == f"auxhead {auxhead.__version__}\n"
    assert call("help", "inspect").stdout == call("inspect", "--help").stdout
    done = call("predict", "model=a.pt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "fix:      yolo predict model=a.pt\n" in done.stderr
    assert (
        call("inspect", "--data", str(signs), "--imgsz", "64").stdout == call("inspect", str(signs), "imgsz=64").stdout
    )
    assert "no such file" in call("strip", "out=x.pt", "nowhere.pt").stderr
    assert "no plan.json" in call("report", "--out", "x.html", ".").stderr
