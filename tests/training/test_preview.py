"""What `auxhead train resume=RUN --dry-run` says, that it changes nothing, and that it refuses what a resume would."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.processes import Forks

import auxhead
from auxhead.errors import AuxHeadError, ConfigError, DataError, ResumeError
from auxhead.training.resuming.asked import OBEYED
from auxhead.training.resuming.owner import owned
from auxhead.training.resuming.preview import preview


class Stop(Exception):
    pass


def stop(_: Any) -> None:
    raise Stop


def begun(event: str, keys: dict[str, Any], project: Path) -> Path:
    with pytest.raises(Stop):
        auxhead.train(**keys, project=str(project), name="run", callbacks={event: stop})
    return project / "run"


@pytest.fixture(scope="module")
def stopped(quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after the first of its three epochs."""
    return begun("on_model_save", {**quick, "heads": "center", "epochs": 3}, tmp_path_factory.mktemp("stopped"))


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def files(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_keys_of_its_heads_are_left_to_the_run(run: Path, forks: Forks) -> None:
    done = forks.run("train", f"resume={run}", "center.gain=3")
    assert done.returncode == 2
    assert "center.gain" in done.stderr
    assert "leave them out; the run keeps its own" in done.stderr


def test_a_dry_run_of_a_resume_says_where_it_goes_on_and_changes_nothing(run: Path, forks: Forks) -> None:
    before = files(run)
    done = forks.run("train", f"resume={run}", "plots=true", "--dry-run")
    assert done.returncode == 0, done.stderr
    rows = {
        key.strip(): value.strip()
        for key, _, value in (line.strip().partition("  ") for line in done.stdout.splitlines())
    }
    assert rows["heads"] == "center"
    assert rows["goes on"] == "with epoch 2"
    assert (rows["epochs done"], rows["epochs left"]) == ("1 of 3", "2")
    assert rows["plots (given)"] == "True instead of False"
    assert f"Keys that may be given: {', '.join(OBEYED)}" in " ".join(done.stdout.split())
    assert files(run) == before
    words = ["train", f"resume={run / 'weights' / 'last.pt'}", "--dry-run", "--json"]
    told = json.loads(forks.run(*words).stdout)
    assert (told["run"], told["done"], told["left"], told["changed"]) == (str(run), 1, 2, {})


def test_a_dry_run_foretells_the_resume(run: Path) -> None:
    """What it says is left is what is trained then."""
    trained: list[int] = []
    foretold = preview({"resume": str(run)})
    auxhead.train(resume=str(run), callbacks={"on_train_epoch_start": lambda trainer: trained.append(trainer.epoch)})
    assert [epoch + 1 for epoch in trained] == [foretold.done + 1, foretold.done + 2]
    assert foretold.left == 2


def test_a_run_before_its_first_epoch_starts_over(quick: dict[str, Any], tmp_path: Path) -> None:
    run = begun("on_train_start", quick, tmp_path)
    found = preview({"resume": str(run)})
    assert (found.done, found.left) == (0, 2)
    assert "starts over" in found.how


@pytest.mark.parametrize("damaged", [True, False])
def test_what_else_a_resume_would_do_is_said(damaged: bool, run: Path) -> None:
    state = run / "weights" / ("best.state.pt" if damaged else "last.state.pt")
    if damaged:
        state.write_bytes(b"")
    else:
        content = torch.load(state, weights_only=False)
        torch.save({**content, "epoch": 2}, state)
    before = files(run)
    found = preview({"resume": str(run)})
    assert ("the last epoch counts as the best" if damaged else "the result is missing") in found.how
    assert found.left == (2 if damaged else 0)
    assert files(run) == before


def test_runs_of_the_other_routes_are_foretold(quick: dict[str, Any], small_models: Path, tmp_path: Path) -> None:
    keys = {**quick, "route": "pose", "model": str(small_models / "small-pose.yaml")}
    run = begun("on_model_save", keys, tmp_path)
    found = preview({"resume": str(run)})
    assert (found.route, found.heads, found.done, found.left) == ("pose", (), 1, 1)
    content = torch.load(run / "weights" / "last.pt", weights_only=False)
    torch.save({**content, "optimizer": None, "epoch": -1}, run / "weights" / "last.pt")
    assert "the result is missing" in preview({"resume": str(run)}).how


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"lr0": 0.5}, ResumeError),
        ({"heads": "center"}, ResumeError),
        ({"workers": "many"}, ConfigError),
        ({"data": "nowhere.yaml"}, DataError),
    ],
    ids=str,
)
def test_a_dry_run_refuses_what_a_resume_refuses(keys: dict[str, Any], kind: type[AuxHeadError], run: Path) -> None:
    refuses_alike({"resume": str(run), **keys}, kind)


def test_a_dry_run_refuses_runs_that_a_resume_refuses(
    run: Path, trained: auxhead.TrainResult, tmp_path: Path, call: Callable[..., Any]
) -> None:
    refuses_alike({"resume": str(tmp_path)}, ResumeError)
    refuses_alike({"resume": str(trained.save_dir)}, ResumeError)
    (run / "weights" / "last.state.pt").write_bytes(b"broken")
    refuses_alike({"resume": str(run)}, ResumeError)
    done = call("train", f"resume={run}", "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("heads", [{"center": {"gain": "many"}}, {"nosuch": {}}, []])
def test_a_damaged_plan_of_a_run_is_one_message(heads: Any, run: Path) -> None:
    plan = json.loads((run / "auxhead.json").read_text())
    (run / "auxhead.json").write_text(json.dumps({**plan, "heads": heads}))
    with pytest.raises(ResumeError) as caught:
        preview({"resume": str(run)})
    assert "Error(" not in caught.value.found.replace("AttributeError(", "")
    assert str(caught.value).count("expected:") == 1


def test_a_dry_run_of_a_run_that_another_is_at_is_refused(run: Path, forks: Forks) -> None:
    with owned(run):
        done = forks.run("train", f"resume={run}", "--dry-run")
    assert done.returncode == 2
    assert "a run that no other process is at" in done.stderr


def refuses_alike(keys: dict[str, Any], kind: type[AuxHeadError]) -> None:
    with pytest.raises(kind) as foretold:
        preview(keys)
    with pytest.raises(kind) as real:
        auxhead.train(**keys)
    assert str(foretold.value) == str(real.value)
