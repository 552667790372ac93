"""`auxhead compare` and `auxhead report` as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.comparison.in_process import InProcess
from tests.comparison.made_up import NOT_DRAWN
from tests.patience import HANG, wait_for
from tests.processes import Forks, stuck_trainings

import auxhead
from auxhead.comparison.compare import folder_of

WORDS = ["imgsz=64", "batch=4", "nbs=4", "device=cpu", "workers=0", "optimizer=AdamW", "lr0=0.001", "resamples=20"]


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "auxhead", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, error = process.communicate(timeout=HANG)
    return process.returncode, out, error


@pytest.mark.slow
def test_a_comparison_from_its_first_run_to_another_seed(
    signs: Path, small_models: Path, tmp_path: Path, call: Any, forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One story, as every chapter needs the ones before and trainings are dear."""
    folder = tmp_path / "out"
    model = f"model={small_models / 'small.yaml'}"
    words = ["compare", f"data={signs}", model, "arms=plain,center", "seeds=0", "epochs=2", f"out={folder}", *WORDS]
    monkeypatch.setattr("auxhead.reporting.report.figures", lambda _: NOT_DRAWN)  # those of processes are drawn
    ctrl_c_stops_cleanly(words, folder, call)
    the_same_command_goes_on_and_says_what_it_found_and_where(words, folder, forks)
    the_same_command_again_does_nothing_and_says_the_same(words, folder, call)
    the_report_is_written_anew_from_the_folder_alone(folder, call)
    a_report_loads_nothing_that_trains(folder)
    a_page_for_others_shows_no_pictures(folder, call, tmp_path)
    another_control_is_a_page_of_its_own_and_says_so(folder, call, tmp_path)
    monkeypatch.setattr("auxhead.comparison.compare._executor", lambda *_: InProcess())
    a_seed_more_keeps_what_is_there(words, folder, call)


def ctrl_c_stops_cleanly(words: list[str], folder: Path, call: Any) -> None:
    process = start(*words, env=stuck_trainings(folder.with_name("stuck")))
    rows = folder / "runs" / "plain-0" / "train" / "results.csv"
    wait_for(lambda: process.poll() is not None or (rows.is_file() and len(rows.read_text().splitlines()) > 2))
    assert process.poll() is None, finish(process)
    assert _workers(folder)
    process.send_signal(signal.SIGINT)
    code, _, error = finish(process)
    assert code == 130, error
    assert "0 of 2 runs are finished" in error
    assert "give the same command again" in error
    assert not _workers(folder)
    assert not (folder / "runs" / "plain-0" / "result.json").exists()
    done = call("report", str(folder))
    assert done.returncode == 0
    assert "no seed of both is finished" in done.stdout


def _workers(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "auxhead.comparison.worker" in words and any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


def the_same_command_goes_on_and_says_what_it_found_and_where(words: list[str], folder: Path, forks: Forks) -> None:
    done = forks.run(*words)
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    runs = folder / "runs"
    plain, center = (json.loads((runs / name / "result.json").read_text()) for name in ("plain-0", "center-0"))
    assert plain["seconds"]["train"] is None  # it went on
    assert center["seconds"]["train"] > 0
    rows = (runs / "plain-0" / "train" / "results.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1", "2"]
    assert "center against plain: no claim, neither has learned anything" in printed
    assert "2 of 2 runs finished" in printed
    assert "plain-0: finished" in printed
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "neither has learned anything" in page
    assert str(folder.parent) not in page  # a page to be sent around names no folder of this machine


def the_same_command_again_does_nothing_and_says_the_same(words: list[str], folder: Path, call: Any) -> None:
    results = [*(folder / "runs" / name / "result.json" for name in ("plain-0", "center-0")), folder / "latency.json"]
    before = [path.stat().st_mtime_ns for path in results]
    done = call(*words, "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["status"] == {"planned": 2, "finished": 2, "failed": 0, "missing": 0}
    assert found["fairness"]["differences"] == []
    plain, center = (arm["cost"]["latency"] for arm in found["arms"])
    assert plain == center  # the same layers, measured once
    assert plain["ratio"] == 1
    assert plain["milliseconds"] > 0
    assert found["latency"]["device"] == "cpu"
    assert [path.stat().st_mtime_ns for path in results] == before


def the_report_is_written_anew_from_the_folder_alone(folder: Path, call: Any) -> None:
    (folder / "report.html").unlink()
    done = call("report", str(folder))
    assert done.returncode == 0
    assert "no claim" in done.stdout
    assert (folder / "report.html").is_file()


def a_seed_more_keeps_what_is_there(words: list[str], folder: Path, call: Any) -> None:
    before = (folder / "runs" / "center-0" / "result.json").stat().st_mtime_ns
    done = call(*["seeds=0,1" if word == "seeds=0" else word for word in words])
    assert done.returncode == 0
    assert (folder / "runs" / "center-0" / "result.json").stat().st_mtime_ns == before
    assert any(line.split()[:2] == ["center", "2"] for line in done.stdout.splitlines())
    assert json.loads((folder / "report.json").read_text())["status"]["finished"] == 4


def test_a_dry_run_shows_the_plan_and_the_time_and_leaves_nothing(
    signs: Path, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auxhead.comparison.compare._executor", lambda *_: InProcess())
    words = ["compare", f"data={signs}", "arms=plain,plain-noflip,p2", "seeds=0-2", "epochs=40", *WORDS]
    done = call(*words, "--dry-run")
    assert done.returncode == 0
    assert "3 arms x 3 seeds" in done.stdout
    assert "fliplr=0.0" in done.stdout
    assert "model=yolov8n-p2.yaml" in done.stdout
    assert "About " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_python_has_the_dry_run_too(signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("auxhead.comparison.estimate")
    arms = {"plain": 1.0, "larger": 2.0}
    monkeypatch.setattr(module, "estimate", lambda *_: module.Estimate(1.0, 2.0, arms, arms, 3.0))
    keys: dict[str, Any] = {"data": str(signs), "arms": [*arms], "imgsz": 64, "device": "cpu"}
    found = auxhead.compare(dry_run=True, **keys)
    assert isinstance(found, auxhead.DryRun)
    assert found.to_dict()["differences"]["larger"]["imgsz"] == {"control": 64, "arm": 96}
    assert "2 arms x 3 seeds" in str(found)
    assert "larger  imgsz=96" in str(found)
    assert ">imgsz=96<" in str(found._repr_html_())
    assert "warning: larger: imgsz=96" in str(found)
    assert found.to_dict()["warnings"] == list(found.warnings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["compare", "data=nowhere.yaml", "arms=plain,center"], "nowhere.yaml"),
        (["compare", "data={signs}", "arms=plain,centre"], "did you mean center"),
        (["compare", "data={signs}", "arms=plain,center", "epoch=3"], "epoch: unknown key; did you mean epochs"),
        (["compare", "data={signs}", "arms=plain,center", "seed=3"], "seed=3: the comparison sets it"),
        (["compare", "data={signs}", "arms=plain"], "two arms at least"),
        (["compare", "nothing.yaml"], "no such file"),
        (["compare", "data={signs}"], "arms: required"),
        (["compare", "controls"], "data: required"),
        (["report", "nowhere"], "plan.json"),
    ],
)
def test_mistakes_are_named_and_exit_with_2(words: list[str], expected: str, signs: Path, call: Any) -> None:
    done = call(*(word.format(signs=signs) for word in words))
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert "Comparison in" not in done.stderr  # there is none


def a_report_loads_nothing_that_trains(folder: Path) -> None:
    code = f"""
import sys, auxhead
auxhead.report({str(folder)!r})
print([name for name in ("torch", "ultralytics") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def a_page_for_others_shows_no_pictures(folder: Path, call: Any, tmp_path: Path) -> None:
    whole = (folder / "report.html").read_text(encoding="utf-8")
    assert "image/jpeg" in whole
    assert 'id="pictures"' in whole
    done = call("report", str(folder), "pictures=false", f"out={tmp_path / 'for_others.html'}")
    assert done.returncode == 0
    page = (tmp_path / "for_others.html").read_text(encoding="utf-8")
    assert "image/jpeg" not in page
    assert 'id="pictures"' not in page


def another_control_is_a_page_of_its_own_and_says_so(folder: Path, call: Any, tmp_path: Path) -> None:
    done = call("report", str(folder), "control=center", f"out={tmp_path / 'late'}")
    assert done.returncode == 0
    assert "declared before the runs, is plain" in done.stdout
    assert "declared before the runs, is plain" in (tmp_path / "late" / "report.html").read_text(encoding="utf-8")
    late = json.loads((tmp_path / "late" / "report.json").read_text())
    assert [arm["name"] for arm in late["arms"] if arm["against_control"]] == ["plain"]
    assert json.loads((folder / "report.json").read_text())["control"] == "plain"
    refused = call("report", str(folder), "control=center")
    assert refused.returncode == 2
    assert "out=" in refused.stderr
    refused = call("report", str(folder), "control=centre", f"out={tmp_path}")
    assert "did you mean center" in refused.stderr


@pytest.mark.parametrize(("finished", "code"), [(0, 1), (1, 3), (2, 0)])
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_the_exit_code_says_whether_every_run_finished(
    finished: int, code: int, words: list[str], call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"status": {"planned": 2, "finished": finished}}
    monkeypatch.setattr("auxhead.cli.compare._run", lambda *_: (found, lambda: None))
    assert call("compare", "data=signs.yaml", "arms=plain,center", *words).returncode == code


def test_another_comparison_without_a_name_takes_no_others_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = {"data": "d.yaml", "arms": "plain,p2", "epochs": 3, "model": "yolov8n.yaml"}
    first = folder_of(None, keys)
    first.mkdir(parents=True)
    (first / "plan.json").write_text(json.dumps({"asked": {"epochs": 3, "model": "yolov8n.yaml"}}))
    assert folder_of(None, {**keys, "arms": "plain,p234", "seeds": "0-4", "slots": 2, "device": 1}) == first
    other = first.with_name("compare-2")
    assert folder_of(None, {**keys, "epochs": 4}) == folder_of(None, {**keys, "imgsz": 64}) == other
    assert folder_of(None, {**keys, "out": "here"}) == Path("here")
    named = folder_of("price", keys)
    named.mkdir()
    (named / "plan.json").write_text(json.dumps({"asked": {"epochs": 9}}))
    assert folder_of("price", keys) == named.with_name("price-2")
    assert folder_of("price.yaml", keys) == named  # the file is the plan, and may be edited
    (first / "plan.json").write_text("{}")  # of an earlier release
    assert folder_of(None, {**keys, "epochs": 4}) == first
