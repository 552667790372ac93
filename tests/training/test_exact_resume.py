"""A run that was stopped ends with the same tensors as one that was not."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from ultralytics.data.build import InfiniteDataLoader, seed_worker

import auxhead
from auxhead.model import state
from auxhead.training.resuming.loader import ResumableLoader
from auxhead.training.resuming.preview import preview
from auxhead.training.resuming.random_state import random_state, set_random_state

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than cores: as users do


class Noisy(torch.utils.data.Dataset[tuple[int, float, float, float]]):
    """Samples that hold a draw of every kind of random number."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[int, float, float, float]:
        return index, random.random(), float(np.random.rand()), float(torch.rand(1))


def loader(kind: type[InfiniteDataLoader], size: int, workers: int) -> Any:
    ahead = {"prefetch_factor": 4} if workers else {}
    return kind(
        Noisy(size),
        batch_size=2,
        shuffle=True,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=seed_worker,
        generator=torch.Generator().manual_seed(5),
        **ahead,
    )


def collate(samples: list[Any]) -> dict[str, Any]:
    return {"samples": samples}


def epoch(source: Any) -> list[Any]:
    return [batch["samples"] for batch in source]


def seeded(kind: type[InfiniteDataLoader], size: int, workers: int) -> Any:
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    return loader(kind, size, workers)


@given(size=st.integers(4, 9), stop=st.integers(1, 3), new=st.integers(1, 4))
@settings(max_examples=12)
def test_loader_without_workers_gives_the_batches_of_ultralytics_also_after_a_stop(
    size: int, stop: int, new: int
) -> None:
    _check_loader(size, 0, stop, new)


@pytest.mark.parametrize("new", [2, 3])  # a reset at the epoch after the stop, and later
def test_loader_with_workers_gives_the_batches_of_ultralytics_also_after_a_stop(new: int) -> None:
    _check_loader(7, 2, 2, new)


def _check_loader(size: int, workers: int, stop: int, new: int) -> None:
    """Compare epochs of a stock loader, of ours, and of one that goes on; before epoch `new` workers are replaced."""

    def epochs(source: Any, first: int) -> list[Any]:
        found = []
        for number in range(first, 5):
            if number == new:
                source.reset()
            found.append(epoch(source))
            if number + 1 == stop and isinstance(source, ResumableLoader):
                left.append(source.standing())
        source.close()
        return found

    left: list[Any] = []
    stock = epochs(seeded(InfiniteDataLoader, size, workers), 0)
    assert epochs(seeded(ResumableLoader, size, workers), 0) == stock
    random.seed(8)
    fresh = loader(ResumableLoader, size, workers)
    fresh.go_on(left[0], anew=stop == new)
    if new < stop:
        fresh.reset()  # as Ultralytics does where mosaics have ended before
    assert epochs(fresh, stop) == stock[stop:]


def test_random_states_are_set_as_they_were() -> None:
    np.random.standard_normal()  # leaves a second draw behind
    noted = random_state()
    draws = [random.gauss(0, 1), np.random.standard_normal(), torch.rand(1).item()]
    set_random_state(noted)
    assert [random.gauss(0, 1), np.random.standard_normal(), torch.rand(1).item()] == draws


def tensors(trainer: Any) -> dict[str, Tensor]:
    live, averaged = trainer.model.state_dict(), trainer.ema.ema.state_dict()
    named = {**live, **{f"ema.{name}": value for name, value in averaged.items()}}
    return {name: value.clone() for name, value in named.items()}


def unequal(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name, value in one.items() if not torch.equal(value, other[name])]


def with_workers(number: int) -> Callable[[Any], None]:
    """Ask for loading processes, which Ultralytics leaves out on a CPU."""

    def ask(trainer: Any) -> None:
        trainer.args.workers = number

    return ask


def keeping(ends: dict[str, dict[str, Tensor]], name: str) -> Callable[[Any], None]:
    def keep(trainer: Any) -> None:
        ends[name] = tensors(trainer)

    return keep


@pytest.mark.slow
@pytest.mark.core
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(
            {"workers": 0, "nbs": 12, "warmup_epochs": 0, "multi_scale": 0.5, "epochs": 4, "close_mosaic": 2}
            | {"heads": "center,detect"},
            id="steps across epochs",
        ),
        pytest.param(
            {"workers": 2, "nbs": 8, "warmup_epochs": 1, "epochs": 3, "close_mosaic": 1, "crops": 0.5}
            | {"crops.force": True, "flips.never": "prohibition"},
            id="two workers, warm-up, cuts and flips",
        ),
    ],
)
def test_run_killed_after_any_epoch_ends_with_the_same_tensors(
    keys: dict[str, Any], quick: dict[str, Any], tmp_path: Path
) -> None:
    ends: dict[str, dict[str, Tensor]] = {}
    waiting: list[int] = []

    def copy(trainer: Any) -> None:  # what a kill leaves
        waiting.append(trainer._pending)
        assert trainer.train_loader.num_workers == keys["workers"]
        shutil.copytree(trainer.save_dir, tmp_path / f"after{trainer.epoch + 1}")

    common = {**quick, "mosaic": 1.0, "batch": 4, "heads": "center", **keys}
    start = {"on_pretrain_routine_start": with_workers(keys["workers"])}
    events = {**start, "on_model_save": copy, "on_train_end": keeping(ends, "straight")}
    auxhead.train(**common, project=str(tmp_path), name="straight", callbacks=events)
    if keys["nbs"] == 12:
        assert any(waiting), "no gradient waits for a step across epochs: the data fit too well"
    for done in range(1, keys["epochs"]):
        run = tmp_path / f"after{done}"
        auxhead.train(resume=str(run), callbacks={**start, "on_train_end": keeping(ends, run.name)})
        assert unequal(ends["straight"], ends[run.name]) == []
    assert len(ends) == keys["epochs"]


def test_a_run_that_had_stopped_early_is_finished_and_not_trained_on(quick: dict[str, Any], tmp_path: Path) -> None:
    """Killed in its last validation; only another patience lets it go on."""

    def nothing_better(trainer: Any) -> None:
        trainer.stopper.best_fitness = 2.0  # fitness is 1 at most

    def copy(trainer: Any) -> None:
        if trainer.stop:
            shutil.copytree(trainer.save_dir, tmp_path / "killed")

    keys = {**quick, "project": str(tmp_path), "epochs": 4, "patience": 2}
    events = {"on_train_epoch_end": nothing_better, "on_model_save": copy}
    whole = auxhead.train(**keys, name="whole", callbacks=events)
    killed = tmp_path / "killed"
    shutil.copytree(killed, tmp_path / "longer")
    foretold = preview({"resume": str(killed)})
    assert (foretold.done, foretold.left) == (2, 0)
    resumed = auxhead.train(resume=str(killed))
    rows = [(run / "results.csv").read_text().splitlines() for run in (whole.save_dir, killed)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3
    for name in ("last.pt", "best.pt"):
        one, other = (torch.load(run / "weights" / name, weights_only=False) for run in (whole.save_dir, killed))
        assert unequal(one["model"].state_dict(), other["model"].state_dict()) == []
    assert resumed.metrics == whole.metrics
    assert preview({"resume": str(tmp_path / "longer"), "patience": 50}).left == 2
    auxhead.train(resume=str(tmp_path / "longer"), patience=50)
    assert len((tmp_path / "longer" / "results.csv").read_text().splitlines()) == 5


def test_what_is_not_saved_meanwhile_is_saved_where_training_stops_early(quick: dict[str, Any], tmp_path: Path) -> None:
    def nothing_better(trainer: Any) -> None:
        trainer.stopper.best_fitness = 2.0

    keys = {**quick, "project": str(tmp_path), "name": "run", "epochs": 4, "patience": 1, "save": False}
    result = auxhead.train(**keys, callbacks={"on_train_epoch_end": nothing_better})
    assert result.certificate.float32_difference == 0
    assert len((tmp_path / "run" / "results.csv").read_text().splitlines()) == 2
    assert all(weights.is_file() for weights in (result.best, result.last))


def test_resume_that_cant_be_exact_says_why(
    quick: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stop(Exception):
        pass

    def stop(trainer: Any) -> None:
        raise Stop

    keys = {**quick, "project": str(tmp_path), "name": "run", "workers": 0, "batch": 2}
    with pytest.raises(Stop):
        auxhead.train(**keys, callbacks={"on_model_save": stop})
    events = {"on_pretrain_routine_start": with_workers(1), "on_train_start": stop}
    with pytest.raises(Stop):
        auxhead.train(resume=str(tmp_path / "run"), callbacks=events)
    assert "not bit for bit as without the stop: 1 loading processes instead of 0" in caplog.text
    plan = tmp_path / "run" / "auxhead.json"
    own = json.loads(plan.read_text())
    plan.write_text(json.dumps({**own, "crops": {"share": 0.5, "force": True}}))
    with pytest.raises(Stop):
        auxhead.train(resume=str(tmp_path / "run"), callbacks={"on_train_start": stop})
    assert "not bit for bit as without the stop: other flips= or crops=" in caplog.text
    plan.write_text(json.dumps(own))
    old = tmp_path / "run" / "weights" / "last.state.pt"
    content = state.load_state(old)
    del content[state.KEY]["standing"]
    state.save(content, old)
    auxhead.train(resume=str(tmp_path / "run"))
    assert "its state holds no random states" in caplog.text
