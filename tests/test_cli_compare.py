"""`auxhead compare` and `auxhead report` as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.patience import HANG, wait_for

WORDS = ["imgsz=64", "batch=4", "nbs=4", "device=cpu", "workers=0", "optimizer=AdamW", "lr0=0.001", "resamples=20"]


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "auxhead", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, error = process.communicate(timeout=HANG)
    return process.returncode, out, error


def test_a_comparison_from_its_first_run_to_another_seed(signs: Path, tmp_path: Path, call: Any) -> None:
    """One story, as every chapter needs the ones before and trainings are dear."""
    folder = tmp_path / "out"
    words = ["compare", f"data={signs}", "arms=plain,center", "seeds=0", "epochs=1", f"out={folder}", *WORDS]
    code, out, error = finish(start(*words))
    assert code == 0, error
    it_says_what_it_found_and_where(folder, out + error)
    the_same_command_again_does_nothing_and_says_the_same(words, folder)
    the_report_is_written_anew_from_the_folder_alone(folder, call)
    a_report_loads_nothing_that_trains(folder)
    a_page_for_others_shows_no_pictures(folder, call, tmp_path)
    another_control_is_a_page_of_its_own_and_says_so(folder, call, tmp_path)
    a_seed_more_keeps_what_is_there(words, folder)


def it_says_what_it_found_and_where(folder: Path, printed: str) -> None:
    assert "center against plain, one seed: no claim" in printed
    assert "2 of 2 runs finished" in printed
    assert "plain-0: finished" in printed
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "one seed: no claim" in page
    assert str(folder.parent) not in page  # a page to be sent around names no folder of this machine


def the_same_command_again_does_nothing_and_says_the_same(words: list[str], folder: Path) -> None:
    results = [folder / "runs" / name / "result.json" for name in ("plain-0", "center-0")]
    before = [path.stat().st_mtime_ns for path in results]
    code, out, error = finish(start(*words, "--json"))
    assert code == 0, error
    found = json.loads(out)
    assert found["status"] == {"planned": 2, "finished": 2, "failed": 0, "missing": 0}
    assert found["fairness"]["differences"] == []
    assert [path.stat().st_mtime_ns for path in results] == before


def the_report_is_written_anew_from_the_folder_alone(folder: Path, call: Any) -> None:
    (folder / "report.html").unlink()
    done = call("report", str(folder))
    assert done.returncode == 0
    assert "no claim" in done.stdout
    assert (folder / "report.html").is_file()


def a_seed_more_keeps_what_is_there(words: list[str], folder: Path) -> None:
    before = (folder / "runs" / "center-0" / "result.json").stat().st_mtime_ns
    code, out, error = finish(start(*["seeds=0,1" if word == "seeds=0" else word for word in words]))
    assert code == 0, error
    assert (folder / "runs" / "center-0" / "result.json").stat().st_mtime_ns == before
    assert "2 seeds" in out
    assert json.loads((folder / "report.json").read_text())["status"]["finished"] == 4


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(signs: Path, tmp_path: Path) -> None:
    words = ["compare", f"data={signs}", "arms=plain,center", "seeds=0", "epochs=8", "out=out", *WORDS]
    process = start(*words)
    rows = tmp_path / "out" / "runs" / "plain-0" / "train" / "results.csv"
    wait_for(lambda: process.poll() is not None or (rows.is_file() and len(rows.read_text().splitlines()) > 2))
    assert process.poll() is None, finish(process)
    process.send_signal(signal.SIGINT)
    code, _, error = finish(process)
    assert code == 130, error
    assert "0 of 2 runs are finished" in error
    assert "give the same command again" in error
    assert not _workers(tmp_path)
    assert not (tmp_path / "out" / "runs" / "plain-0" / "result.json").exists()
    code, out, error = finish(start("report", "out"))
    assert code == 0, error
    assert "no seed of both is finished" in out
    code, _, error = finish(start(*words))
    assert code == 0, error
    plain, center = (
        json.loads((tmp_path / "out" / "runs" / name / "result.json").read_text()) for name in ("plain-0", "center-0")
    )
    assert plain["seconds"]["train"] is None  # it went on
    assert center["seconds"]["train"] > 0
    assert [row.split(",")[0] for row in rows.read_text().splitlines()[1:]] == [str(epoch) for epoch in range(1, 9)]


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


def test_a_dry_run_shows_the_plan_and_the_time_and_leaves_nothing(signs: Path, tmp_path: Path) -> None:
    words = ["compare", f"data={signs}", "arms=plain,plain-noflip,p2", "seeds=0-2", "epochs=40", *WORDS]
    code, out, error = finish(start(*words, "--dry-run"))
    assert code == 0, error
    assert "3 arms x 3 seeds" in out
    assert "fliplr=0.0" in out
    assert "model=yolov8n-p2.yaml" in out
    assert "About " in out
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


def a_report_loads_nothing_that_trains(folder: Path) -> None:
    code = f"""
import sys, auxhead
auxhead.report({str(folder)!r})
print([name for name in ("torch", "ultralytics") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def a_page_for_others_shows_no_pictures(folder: Path, call: Any, tmp_path: Path) -> None:
    assert "image/jpeg" in (folder / "report.html").read_text(encoding="utf-8")
    done = call("report", str(folder), "pictures=false", f"out={tmp_path / 'for_others.html'}")
    assert done.returncode == 0
    page = (tmp_path / "for_others.html").read_text(encoding="utf-8")
    assert "image/jpeg" not in page
    assert "Pictures were left out" in page


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
