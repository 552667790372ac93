"""Who may be at a run, what a resume may be asked for, and what it makes of a damaged run."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.patience import HANG, LASTING
from ultralytics.cfg import get_cfg
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.utils import YAML

import auxhead
from auxhead.errors import DivergedError, OutputError, ResumeError
from auxhead.files import TEMPORARY_SUFFIX, sha256, write_atomic
from auxhead.model import state
from auxhead.results_csv import read_rows
from auxhead.training.resuming.asked import OBEYED
from auxhead.training.resuming.owner import LOCK_FILE, OWNER_FILE, owned


class Stop(Exception):
    pass


def stop(_: Any) -> None:
    raise Stop


@pytest.fixture(scope="module")
def data(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that tests may move."""
    folder = tmp_path_factory.mktemp("moved") / "signs"
    shutil.copytree(signs.parent, folder)
    YAML.save(folder / "data.yaml", {**YAML.load(signs), "path": str(folder)})
    for cache in folder.rglob("*.cache"):
        cache.unlink()
    return folder / "data.yaml"


@pytest.fixture(scope="module")
def stopped(quick: dict[str, Any], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after the first of its two epochs."""
    project = tmp_path_factory.mktemp("stopped")
    keys = {**quick, "heads": "center", "data": str(data), "epochs": 2, "batch": 2}
    with pytest.raises(Stop):
        auxhead.train(**keys, project=str(project), name="run", callbacks={"on_model_save": stop})
    return project / "run"


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def epochs(run: Path) -> list[float | None]:
    return [row["epoch"] for row in read_rows(run / "results.csv")]


# -- one owner ------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[Any]:
    """Hold folders in another thread, whose locks are not ours."""
    ends: list[threading.Event] = []
    threads: list[threading.Thread] = []

    def hold(folder: Path) -> threading.Event:
        begun, end = threading.Event(), threading.Event()

        def held() -> None:
            with owned(folder):
                begun.set()
                end.wait()

        threads.append(threading.Thread(target=held))
        threads[-1].start()
        ends.append(end)
        begun.wait()
        return end

    yield hold
    for end in ends:
        end.set()
    for thread in threads:
        thread.join()


def test_a_run_that_another_is_at_is_neither_resumed_nor_begun_anew(
    run: Path, quick: dict[str, Any], elsewhere: Any
) -> None:
    elsewhere(run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    again = {"project": str(run.parent), "name": "run", "exist_ok": True}
    for keys in ({"resume": str(run)}, {**quick, **again}):
        with pytest.raises(OutputError, match=f"process {os.getpid()} on .*, since 20"):
            auxhead.train(**keys)
    with pytest.raises(OutputError, match="no other process is at"):  # as from YOLO(...).train(trainer=...)
        auxhead.trainer(heads="none")(overrides={**quick, **again})
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_folder_is_free_again_afterwards_and_may_be_taken_twice_by_its_owner(tmp_path: Path, elsewhere: Any) -> None:
    with owned(tmp_path / "run"):
        with pytest.raises(Stop), owned(tmp_path / "run"):
            raise Stop
        assert (tmp_path / "run" / OWNER_FILE).is_file()
    assert not (tmp_path / "run" / OWNER_FILE).exists()
    elsewhere(tmp_path / "run").set()


LEAVES_A_WORKER = f"""
import os, signal, sys, time
from pathlib import Path
from auxhead.training.resuming.owner import owned

with owned(Path(sys.argv[1])):
    lock = next(file for file in Path("/proc/self/fd").iterdir() if str(file.readlink()).endswith("/{LOCK_FILE}"))
    os.dup(int(lock.name))  # as older releases of filelock, which leave a process that is forked the lock's descriptor
    worker = os.fork()
    if not worker:
        os.close(1)
        time.sleep({LASTING})
    print(worker, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def left_by_the_dead(tmp_path: Path) -> Iterator[int]:
    """A process that a killed one has left, and that holds its run."""
    line = [sys.executable, "-c", LEAVES_A_WORKER, str(tmp_path / "run")]
    worker = int(subprocess.run(line, stdout=subprocess.PIPE, check=False, timeout=HANG).stdout.split()[-1])
    yield worker
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)


def test_what_a_dead_process_has_left_is_waited_for(
    tmp_path: Path, left_by_the_dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        os.kill(left_by_the_dead, signal.SIGKILL)

    monkeypatch.setattr("auxhead.training.resuming.owner.LOGGER.info", tell)
    monkeypatch.setattr("auxhead.training.resuming.owner.PATIENCE", HANG)
    with owned(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / OWNER_FILE).read_text())["process"] == os.getpid()
    assert re.fullmatch(r".*run: process \d+ on .*, since .*, has died; waiting up to 600 s for .*", "".join(told))


def test_what_a_dead_process_has_left_and_does_not_end_is_one_message(
    tmp_path: Path, left_by_the_dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auxhead.training.resuming.owner.PATIENCE", 0.0)
    with pytest.raises(OutputError, match=r"it has died, but what it has left running[\s\S]*fuser .*\.lock"):
        owned(tmp_path / "run").__enter__()
    owner = json.loads((tmp_path / "run" / OWNER_FILE).read_text())
    write_atomic(tmp_path / "run" / OWNER_FILE, json.dumps({**owner, "machine": "another"}).encode())
    monkeypatch.setattr("auxhead.training.resuming.owner.PATIENCE", None)  # a wait without end
    with pytest.raises(OutputError, match=r"on another, since .*[\s\S]*wait until it has ended"):  # who knows
        owned(tmp_path / "run").__enter__()


def test_a_file_in_place_of_the_folder_is_one_message(quick: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="can be written to"):
        auxhead.train(**quick, heads="center", project=str(tmp_path), name="run", exist_ok=True)


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr("auxhead.training.resuming.owner.FileLock.acquire", none)
    with owned(tmp_path / "run"):
        pass
    assert "has no locks" in caplog.text


@pytest.mark.parametrize("event", ["on_train_start", "on_model_save"])
def test_a_start_over_a_finished_run_leaves_nothing_of_its_end(
    event: str, trained: auxhead.TrainResult, quick: dict[str, Any], tmp_path: Path
) -> None:
    run = shutil.copytree(trained.save_dir, tmp_path / "run")
    old = sha256(run / "weights" / "best.pt")
    keys = {**quick, "heads": "center", "epochs": 1, "project": str(tmp_path), "name": "run", "exist_ok": True}
    with pytest.raises(Stop):
        auxhead.train(**keys, callbacks={event: stop})
    assert not (run / "result.json").exists()
    assert not (run / "certificate.json").exists()
    assert (sha256(run / "weights" / "best.pt") == old) is (event == "on_train_start")
    result = auxhead.train(resume=str(run))
    assert epochs(run) == [1]
    assert result.certificate.sha256 == sha256(run / "weights" / "best.pt") != old


def test_what_killed_writers_left_goes_also_from_a_finished_run(trained: auxhead.TrainResult, tmp_path: Path) -> None:
    run = shutil.copytree(trained.save_dir, tmp_path / "run")
    for place in (run, run / "weights"):
        (place / f".5f3a{TEMPORARY_SUFFIX}").write_text("half")
    with pytest.raises(ResumeError, match="a finished one"):
        auxhead.train(resume=str(run))
    assert {path.name for path in run.rglob(".*")} <= {LOCK_FILE}


# -- what is asked --------------------------------------------------------------------------------------------------


def test_keys_that_a_resume_cant_obey_are_named_with_what_the_run_has(run: Path) -> None:
    with pytest.raises(ResumeError, match=r"epochs=9 \(the run has 2\), lr0=0\.5 \(the run has 0") as caught:
        auxhead.train(resume=str(run), epochs=9, lr0=0.5, imgsz=96, seed=0)
    assert "seed" not in caught.value.found  # as it is
    assert "imgsz" not in caught.value.found


def test_keys_that_a_resume_obeys_are_noted(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def look(trainer: Any) -> None:
        seen.append(next(iter(trainer.train_loader))["img"].shape[-1])
        raise Stop

    with pytest.raises(Stop):
        auxhead.train(resume=str(run), imgsz=96, epochs=2, callbacks={"on_train_start": look})
    assert "goes on with imgsz=96 instead of 64" in caplog.text
    assert "not bit for bit as without the stop: imgsz=96 instead of 64" in caplog.text
    assert "Resume ignores" not in caplog.text
    assert seen == [96]


def test_every_key_that_is_said_to_be_obeyed_is_obeyed_by_ultralytics(run: Path) -> None:
    values: dict[str, Any] = {"freeze": 1, "patience": 3, "augmentations": [], "cache": "disk", "device": "cpu"}
    values |= {"close_mosaic": 1, "time": 2.5, "save_period": 4, "batch": 1, "imgsz": 32, "workers": 3, "plots": True}
    values |= {"val": False, "channels_last": True, "data": "other.yaml"}
    assert values.keys() == set(OBEYED)
    trainer = BaseTrainer.__new__(BaseTrainer)
    trainer.args = get_cfg(overrides={"resume": str(run / "weights" / "last.pt"), "data": "other.yaml"})
    trainer.check_resume({**values, "resume": str(run / "weights" / "last.pt")})
    assert {key: getattr(trainer.args, key) for key in values} == values


def test_data_that_moved_are_found_where_they_are_said_to_be(
    run: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = shutil.move(data.parent, tmp_path / "signs")
    try:
        with pytest.raises(ResumeError, match=r"resume=.*run data=NEW"):
            auxhead.train(resume=str(run))
        YAML.save(tmp_path / "signs" / "data.yaml", {**YAML.load(tmp_path / "signs" / "data.yaml"), "path": folder})
        auxhead.train(resume=str(run), data=f"{folder}/data.yaml")
    finally:
        shutil.move(folder, data.parent)
        YAML.save(data, {**YAML.load(data), "path": str(data.parent)})
    assert epochs(run) == [1, 2]
    assert "not bit for bit" not in caplog.text


def test_a_run_whose_end_alone_is_missing_finds_data_that_moved(
    run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auxhead.train(resume=str(run))
    for name in ("result.json", "certificate.json"):
        (run / name).unlink()
    monkeypatch.chdir(run / "weights")
    folder = shutil.move(data.parent, tmp_path / "signs")
    try:
        YAML.save(tmp_path / "signs" / "data.yaml", {**YAML.load(tmp_path / "signs" / "data.yaml"), "path": folder})
        result = auxhead.train(resume="last.pt", data=f"{folder}/data.yaml")  # by a name without a folder, too
    finally:
        shutil.move(folder, data.parent)
        YAML.save(data, {**YAML.load(data), "path": str(data.parent)})
    assert epochs(run) == [1, 2]
    assert result.certificate.float32_difference == 0


def test_other_data_under_the_same_name_are_refused_unless_they_are_named(
    run: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    label = next(path for path in sorted((data.parent / "labels" / "train").iterdir()) if path.read_text().strip())
    before = label.read_text()
    label.write_text("\n".join(before.splitlines()[1:]))
    try:
        with pytest.raises(ResumeError, match="other images or labels"):
            auxhead.train(resume=str(run), imgsz=96)
        with pytest.raises(Stop):
            auxhead.train(resume=str(run), data=str(data), callbacks={"on_train_start": stop})
    finally:
        label.write_text(before)
    assert "not bit for bit as without the stop: other images or labels" in caplog.text


def test_a_run_is_gone_on_with_on_the_data_that_were_looked_at(run: Path, tmp_path: Path) -> None:
    latest, mark = run / "weights" / "last.state.pt", tmp_path / "mark"
    content = state.load_state(latest)
    hidden = {"train": "images", "val": "images", "names": ["a"], "download": f"import os; os.mkdir({str(mark)!r})"}
    YAML.save(tmp_path / "hidden.yaml", hidden)
    content["train_args"]["data"] = str(tmp_path / "hidden.yaml")
    state.save(content, latest)
    auxhead.train(resume=str(run))
    assert not mark.exists()
    assert epochs(run) == [1, 2]


# -- damage ---------------------------------------------------------------------------------------------------------


def test_a_run_without_its_best_state_goes_on_with_the_last_one(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    (run / "weights" / "best.state.pt").write_bytes(b"half")
    (run / "results.csv").write_bytes(b"\xff\x00")
    result = auxhead.train(resume=str(run))
    assert "the last epoch (1) counts as the best one so far" in caplog.text
    assert epochs(run) == [1, 2]
    assert result.certificate.float32_difference == 0


def test_a_run_without_arguments_is_one_message(run: Path) -> None:
    (run / "args.yaml").write_text("")
    with pytest.raises(ResumeError, match=r"args\.yaml"):
        auxhead.train(resume=str(run))


def test_a_run_that_diverges_keeps_its_last_good_epoch(
    quick: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def poison(trainer: Any) -> None:
        if trainer.epoch >= first:
            with torch.no_grad():
                next(trainer.model.parameters()).fill_(float("nan"))

    run, first = tmp_path / "late", 1
    with pytest.raises(DivergedError, match=r"in epoch 2\n.*loss.*\n.*\n.*lr0 .*epoch 1 is kept"):
        auxhead.train(
            **quick, heads="center", project=str(tmp_path), name="late", callbacks={"on_train_batch_start": poison}
        )
    assert state.load_state(run / "weights" / "last.state.pt")["epoch"] == 0
    first = 5
    auxhead.train(resume=str(run))
    assert epochs(run) == [1, 2]
    first = 0
    with pytest.raises(DivergedError, match="in epoch 1") as caught:
        auxhead.train(
            **quick, heads="center", project=str(tmp_path), name="early", callbacks={"on_train_batch_end": poison}
        )
    assert "is kept" not in caught.value.fix
    assert not list(tmp_path.glob("early/weights/*"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_fails_is_one_message(
    number: int, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(number, os.strerror(number), "results.csv")

    with monkeypatch.context() as patch:
        patch.setattr(BaseTrainer, "save_metrics", full)
        with pytest.raises(OutputError, match=rf"{os.strerror(number)}\nwhere: +results\.csv\nfix: .*resume="):
            auxhead.train(**quick, heads="center", project=str(tmp_path), name="run")


@pytest.mark.parametrize("error", [OutputError, DivergedError])
def test_a_new_run_without_an_epoch_stays_only_where_the_disk_was_full(
    quick: dict[str, Any], tmp_path: Path, error: type[auxhead.AuxHeadError]
) -> None:
    """Its message says to make room, and to go on with it; what else fails so early leaves no run behind."""

    def fail(_: Any) -> None:
        raise error("room", "No space left on device", "results.csv", "make room")

    with pytest.raises(error):
        auxhead.train(**quick, heads="none", project=str(tmp_path), name="run", callbacks={"on_train_epoch_end": fail})
    assert (tmp_path / "run").exists() == (error is OutputError)
    if error is OutputError:
        assert auxhead.train(resume=str(tmp_path / "run")).best.is_file()
