from statistics import NormalDist

import numpy as np
import pytest

from auxhead.metrics import intervals
from auxhead.metrics.detections import Detections
from auxhead.metrics.intervals import bias_corrected, draw, estimate, percentile, resample
from auxhead.metrics.measures import numbers

RESAMPLES = 45


@pytest.fixture(scope="module")
def detectors(build):
    """A detector and a worse one, of the same images."""
    truth, found = build.crowded(4)
    worse = Detections(found.image, found.cls, found.boxes + np.array([3, 0, 0, 0]), found.scores)
    return [build.measure(truth, one) for one in (found, worse)]


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)


def test_draws_are_of_as_many_images_and_the_same_for_the_same_seed():
    counts = draw(30, 200, (7, 0))
    assert counts.shape == (200, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.min() == 0
    assert counts.max() > 2
    assert abs(counts.mean(axis=0) - 1).max() < 0.4  # every image has the same chance
    assert (draw(30, 200, (7, 0)) == counts).all()
    assert (draw(30, 200, (8, 0)) != counts).any()
    assert (draw(30, 200, (7, 20)) != counts).any()


def test_resamples_can_be_repeated(detectors):
    first, again, other = (resample(detectors[:1], RESAMPLES, seed)[0] for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)
    assert all(values.shape == (RESAMPLES,) for values in first.values())
    assert first.keys() == numbers(detectors[0], np.ones((1, len(detectors[0].scene.truth.files)))).keys()


def test_resamples_differ_and_lie_around_the_value(detectors):
    values = resample(detectors[:1], RESAMPLES, 0)[0]["all", "AP"]
    assert len(np.unique(values)) > 30  # six images: a few draws are alike by chance
    assert values.min() < float(numbers(detectors[0], np.ones((1, 6)))["all", "AP"][0]) < values.max()


def test_detectors_are_measured_on_the_same_draws(build, detectors):
    alike = build.measure(detectors[0].scene.truth, detectors[0].scene.found)
    one, worse, twin = resample([*detectors, alike], RESAMPLES, 0)
    assert same(one, twin)
    assert not same(one, worse)
    assert same(worse, resample(detectors[1:], RESAMPLES, 0)[0])  # alone or beside others


def test_a_resample_counts_an_image_as_often_as_it_was_drawn(build, detectors, monkeypatch):
    weights = np.array([[0, 2, 1, 0, 3, 0]])
    monkeypatch.setattr(intervals, "draw", lambda images, rows, seed: np.repeat(weights, rows, axis=0))
    assert len(detectors[0].scene.truth.files) == weights.size
    drawn = resample(detectors[:1], 3, 0)[0]
    for key, values in numbers(detectors[0], weights.astype(float)).items():
        assert drawn[key] == pytest.approx(np.repeat(values, 3), abs=1e-6, nan_ok=True)


def test_progress_reaches_the_total(detectors):
    seen: list[tuple[int, int]] = []
    resample(detectors[:1], RESAMPLES, 0, lambda done, total: seen.append((done, total)))
    assert [total for _, total in seen] == [RESAMPLES] * len(seen)
    assert seen == sorted(set(seen))
    assert seen[-1] == (RESAMPLES, RESAMPLES)


def test_no_resample(detectors):
    drawn = resample(detectors, 0, 0, lambda done, total: pytest.fail("nothing was done"))
    assert len(drawn) == 2
    assert sum(len(values) for one in drawn for values in one.values()) == 0


def test_an_interrupt_gets_out_at_once(detectors, monkeypatch):
    started = []

    def counted(images: int, rows: int, seed: object) -> np.ndarray:
        started.append(seed)
        return np.ones((rows, images), dtype=int)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(intervals, "draw", counted)
    with pytest.raises(KeyboardInterrupt):
        resample(detectors[:1], 40_000, 0, interrupt)
    assert len(started) < 200  # of 800 blocks: what was under way, and nothing after


def test_an_error_in_a_resample_gets_out(detectors, monkeypatch):
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(intervals, "draw", fail)
    with pytest.raises(MemoryError):
        resample(detectors, RESAMPLES, 0)


def test_an_interval_holds_95_percent_of_the_draws():
    found = estimate(0.5, np.linspace(0, 1, 2001))
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((0.025, 0.975), abs=0.01)
    assert [type(number) for number in (found.value, found.low, found.high)] == [float] * 3


def test_draws_where_the_number_does_not_exist_are_left_out():
    draws = np.concatenate([np.linspace(0, 1, 2001), np.full(15, np.nan)])
    np.random.default_rng(0).shuffle(draws)
    found = estimate(0.5, draws)
    assert (found.low, found.high) == pytest.approx((0.025, 0.975), abs=0.01)


@pytest.mark.parametrize("missing", [25, 4000])
def test_a_number_that_does_not_exist_in_one_resample_of_a_hundred_has_no_interval(missing):
    found = estimate(0.5, np.concatenate([np.linspace(0, 1, 2001), np.full(missing, np.nan)]))
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_without_draws_there_is_the_value_alone():
    assert estimate(0.25, np.empty(0)) == intervals.Estimate(0.25)


def test_nothing_measured_is_none():
    assert estimate(np.nan, np.linspace(0, 1, 20)) == intervals.Estimate(None)


def test_the_interval_of_a_value_moves_against_the_bias_of_its_draws():
    draws = np.random.default_rng(0).normal(0.52, 0.1, 4000)
    low, high = bias_corrected(0.5, draws)  # Efron's formula, written out with 0.42 of the draws below the value
    shift = 2 * NormalDist().inv_cdf(float(np.mean(draws < 0.5)))
    expected = np.quantile(draws, [NormalDist().cdf(shift + side * 1.959964) for side in (-1, 1)])
    assert (low, high) == pytest.approx(tuple(expected), abs=2e-3)
    plain = percentile(0.5, draws)
    assert low < plain[0]
    assert high < plain[1]


def test_draws_equal_to_the_value_in_single_precision_are_no_bias():
    draws = np.concatenate([np.linspace(0, 1, 501), np.full(1000, 0.3 + 1e-8)])
    assert bias_corrected(0.3, draws) == pytest.approx(bias_corrected(0.3, np.where(draws == 0.3 + 1e-8, 0.3, draws)))


@pytest.mark.parametrize("value", [-1.0, 2.0])
def test_a_value_beyond_its_draws_keeps_an_interval_of_some_width(value):
    low, high = bias_corrected(value, np.linspace(0, 1, 1001))
    assert 0 <= low < high <= 1
    assert high - low > 0.5
