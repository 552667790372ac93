"""Times of models by clocks that the models themselves move: whose time, with how many threads, against whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from auxhead.shipping import latency
from auxhead.shipping.latency import Latency, Spread, measure, race

CORES = 3


class Clocks:
    """Stands for the module `time`; a forward pass moves both clocks, by different lengths."""

    def __init__(self) -> None:
        self.wall = self.processor = 100.0
        self.resolution = 1e-9
        self.passes: list[tuple[str, int]] = []

    def perf_counter(self) -> float:
        return self.wall

    def thread_time(self) -> float:
        return self.processor

    def get_clock_info(self, name: str) -> SimpleNamespace:
        assert name == "thread_time"
        return SimpleNamespace(resolution=self.resolution)


class Model(torch.nn.Module):
    """Takes so long, pass after pass, by either clock."""

    def __init__(self, name: str, clocks: Clocks, wall: Iterable[float], processor: Iterable[float]) -> None:
        super().__init__()
        self.yaml = {"channels": 4}
        self.name, self.clocks = name, clocks
        self.seconds: dict[int, Iterator[float]] = {CORES: iter(wall), 1: iter(processor)}

    def forward(self, image: torch.Tensor) -> None:
        assert image.shape == (1, 4, 32, 32)
        assert torch.is_inference_mode_enabled()
        threads = torch.get_num_threads()
        self.clocks.passes.append((self.name, threads))
        seconds = next(self.seconds[threads])
        self.clocks.wall += seconds if threads == CORES else 1000  # as if other work had the core meanwhile
        self.clocks.processor += seconds if threads == 1 else 1000


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    before = torch.get_num_threads()
    made = Clocks()
    monkeypatch.setattr(latency, "time", made)
    monkeypatch.setattr(latency, "cores", lambda: CORES)
    monkeypatch.setattr(latency, "WARM_UP", 1)
    torch.set_num_threads(2)
    yield made
    torch.set_num_threads(before)


def times(models: list[Model], device: str = "cpu", rounds: int = 4, tell: Any = None) -> list[Latency]:
    return measure(models, torch.device(device), 32, rounds, tell or (lambda *_: None))


def test_ratios_are_taken_round_by_round(clocks: Clocks) -> None:
    # The first number of each is the warm-up's. A machine that slows down from round to round leaves ratios alone.
    first = Model("first", clocks, wall=[9, 1, 2, 4, 8], processor=[9, 1, 10, 100, 1000])
    second = Model("second", clocks, wall=[7, 2, 2, 12, 32], processor=[7, 3, 30, 300, 3000])
    one, other = times([first, second])
    unit = {"ratio": 1, "low": 1, "high": 1}
    assert one == Latency("cpu", 3000, **unit, processor=Spread(55_000, **unit))
    # Wall ratios 2, 1, 3, 4; of four, the quartiles are the second and the third.
    assert other == Latency("cpu", 7000, ratio=2.5, low=2, high=3, processor=Spread(165_000, ratio=3, low=3, high=3))
    assert other.decisive == other.processor


def test_models_take_turns_with_all_cores_and_then_with_one_thread(clocks: Clocks) -> None:
    told: list[tuple[str, int, int]] = []
    models = [Model(name, clocks, wall=[1] * 3, processor=[1] * 3) for name in "ab"]
    times(models, rounds=2, tell=lambda *what: told.append(what))
    assert clocks.passes == [("a", CORES), ("b", CORES)] * 3 + [("a", 1), ("b", 1)] * 3
    assert told == [(task, turn, 2) for task in ("timing", "timing one thread") for turn in (1, 2)]
    assert torch.get_num_threads() == 2


def test_threads_are_given_back_after_an_error(clocks: Clocks) -> None:
    with pytest.raises(KeyError):
        times([Model("a", clocks, wall=[1] * 5, processor=[])], tell=lambda *what: {}[what])
    assert torch.get_num_threads() == 2


def test_other_devices_have_no_processor_time(clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    (one,) = times([Model("a", clocks, wall=[1] * 5, processor=[])], device="meta")
    assert one == Latency("meta", 1000, 1, 1, 1)
    assert one.decisive == Spread(1000, 1, 1, 1)
    assert waited == [torch.device("meta")] * 10  # before and after each pass
    assert {threads for _, threads in clocks.passes} == {CORES}


def test_a_clock_that_stands_still_within_a_pass_says_nothing(clocks: Clocks) -> None:
    models = [Model(name, clocks, wall=[1] * 5, processor=[1, 0, 0, 15, 0]) for name in "ab"]
    assert [(one.processor, one.decisive.ratio) for one in times(models)] == [(None, 1), (None, 1)]


def test_no_model_takes_no_time(clocks: Clocks) -> None:
    assert times([]) == []


def test_a_race_runs_by_processor_time_alone(clocks: Clocks) -> None:
    first = Model("first", clocks, wall=[], processor=[9, 1, 10, 100, 1000])
    second = Model("second", clocks, wall=[], processor=[7, 3, 30, 300, 3000])
    spreads, clock = race([first, second], torch.device("cpu"), 32, 4, lambda *_: None)
    assert [spread.ratio for spread in spreads] == [1, 3]
    assert clock == "processor time of one thread"
    assert {threads for _, threads in clocks.passes} == {1}
    assert torch.get_num_threads() == 2


def test_a_race_runs_by_wall_time_where_the_other_clock_is_coarse(clocks: Clocks) -> None:
    clocks.resolution = 0.015
    first = Model("first", clocks, wall=[9, 1, 1, 1, 1], processor=[])
    second = Model("second", clocks, wall=[9, 2, 2, 2, 2], processor=[])
    spreads, clock = race([first, second], torch.device("cpu"), 32, 4, lambda *_: None)
    assert ([spread.ratio for spread in spreads], clock) == ([1, 2], "time")
