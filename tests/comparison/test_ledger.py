"""The folder of a comparison: opened, gone on with, edited, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auxhead.comparison import ledger
from auxhead.errors import OutputError, ResumeError
from auxhead.findings.files import PLAN_FILE, RESULT_FILE


def plan(hashes: dict[str, str], **keys: Any) -> dict[str, Any]:
    runs = [{"arm": name, "seed": 0, "hash": digest, "folder": f"runs/{name}-0"} for name, digest in hashes.items()]
    return {"name": "signs", "data": "data.yaml", "data_sha256": "d", "runs": runs, **keys}


def task(train_hash: str = "t", digest: str = "h") -> dict[str, Any]:
    return {"arm": "plain", "seed": 0, "train_hash": train_hash, "hash": digest, "keys": {}}


def finish(run: Path, digest: str = "h", status: str = "finished") -> None:
    ledger.write_json(run / RESULT_FILE, {"hash": digest, "status": status, "reason": "NaN"})


def test_the_same_plan_goes_on_in_silence(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert ledger.open_ledger(folder, plan({"plain": "1"})) == []
    before = (folder / PLAN_FILE).stat().st_mtime_ns
    assert ledger.open_ledger(folder, plan({"plain": "1"})) == []
    assert (folder / PLAN_FILE).stat().st_mtime_ns == before


def test_an_edited_plan_says_what_it_changes(tmp_path: Path) -> None:
    ledger.open_ledger(tmp_path / "out", plan({"plain": "1", "b": "2", "c": "3"}))
    remarks = ledger.open_ledger(tmp_path / "out", plan({"plain": "1", "b": "other", "d": "4"}))
    assert remarks == [
        "the plan has changed for b-0: done again",
        "no longer in the plan, left where they are: c-0",
    ]


def test_what_decides_and_was_changed_after_results_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    asked = {"primary": "mAP50", "seeds": [0], "margin": None}
    ledger.open_ledger(folder, plan({"plain": "1", "b": "2"}, **asked))
    ledger.open_ledger(folder, plan({"plain": "1", "b": "2"}, **asked | {"margin": 0.01}))
    assert "edits" not in json.loads((folder / PLAN_FILE).read_text())  # nothing to look at yet
    finish(folder / "runs" / "plain-0", "1")
    finish(folder / "runs" / "b-0", "2", status="failed")
    later = plan({"plain": "1", "b": "2"}, **asked | {"margin": 0.01, "primary": "mAP50-95"})
    edit = {"key": "primary", "before": "mAP50", "after": "mAP50-95", "finished": 1}
    for _ in range(2):
        ledger.open_ledger(folder, later)
        assert json.loads((folder / PLAN_FILE).read_text())["edits"] == [edit]
    ledger.open_ledger(folder, {**later, "seeds": [0, 1]})
    more = {"key": "seeds", "before": [0], "after": [0, 1], "finished": 1}
    assert json.loads((folder / PLAN_FILE).read_text())["edits"] == [edit, more]


def test_folders_of_something_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"without plan\.json"):
        ledger.ledger_lock(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file"):
        ledger.ledger_lock(tmp_path / "file")
    with ledger.ledger_lock(tmp_path / "new"):
        ledger.open_ledger(tmp_path / "new", plan({}))
    ledger.ledger_lock(tmp_path / "new")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data_sha256": "other"}, "have changed since"),
        ({"data_sha256": "other", "data": "elsewhere.yaml"}, "elsewhere.yaml"),
        ({"name": "cells"}, "plan signs"),
    ],
)
def test_another_comparison_or_changed_data_is_refused_and_nothing_lost(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    ledger.open_ledger(tmp_path / "out", plan({"plain": "1"}))
    before = (tmp_path / "out" / PLAN_FILE).read_bytes()
    with pytest.raises(ResumeError, match=words):
        ledger.open_ledger(tmp_path / "out", plan({"plain": "1"}, **change))
    assert (tmp_path / "out" / PLAN_FILE).read_bytes() == before


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / PLAN_FILE).write_text('{"half":')
    with pytest.raises(ResumeError, match=PLAN_FILE):
        ledger.open_ledger(tmp_path, plan({}))


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "plain-0"
    assert ledger.open_run(run, task())
    finish(run)
    assert not ledger.open_run(run, task())


def test_a_failed_run_is_to_be_done_again(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "plain-0"
    ledger.open_run(run, task())
    finish(run, status="failed")
    assert ledger.open_run(run, task())


def test_another_training_moves_the_old_one_out_of_the_way(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "plain-0"
    for number, digest in enumerate(("h1", "h2", "h1", "h2")):
        assert ledger.open_run(run, task(f"t{digest}", digest))
        finish(run, digest)
        (run / "weights").write_text(str(number))
    kept = {path.name: (path / "weights").read_text() for path in (tmp_path / "stale").iterdir()}
    assert kept == {"plain-0-h1": "0", "plain-0-h2": "1", "plain-0-h1-2": "2"}


def test_another_measurement_keeps_the_training(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "plain-0"
    ledger.open_run(run, task("t", "h1"))
    finish(run, "h1")
    (run / "weights").write_text("w")
    assert ledger.open_run(run, task("t", "h2"))
    assert (run / "weights").read_text() == "w"
    assert json.loads((run / ledger.RUN_FILE).read_text())["hash"] == "h2"


def test_a_running_run_is_not_moved(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "plain-0"
    ledger.open_run(run, task())
    with ledger.run_lock(run), pytest.raises(ResumeError, match="another process"):
        ledger.open_run(run, task("other"))
    assert run.is_dir()


def test_failures_are_kept_in_order(tmp_path: Path) -> None:
    assert ledger.read_failures(tmp_path) == []
    ledger.add_failure(tmp_path, {"reason": "NaN", "ended": "1", "more": 1})
    ledger.add_failure(tmp_path, {"reason": "out of memory", "ended": "2"})
    assert [failure["reason"] for failure in ledger.read_failures(tmp_path)] == ["NaN", "out of memory"]
