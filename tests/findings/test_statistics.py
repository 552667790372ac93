"""Intervals and tests over seeds: scipy, statsmodels and plain counting are the oracles."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from auxhead.findings import statistics as own

grid = st.integers(-64, 64).map(lambda number: number / 64)
"""Fractions whose sums are exact, so that ties are ties."""
few = st.lists(grid, min_size=1, max_size=7)
spread = st.lists(grid, min_size=2, max_size=9).filter(lambda values: max(values) > min(values))


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """Precision warnings of scipy would reach the users."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_t_interval_is_that_of_the_tables() -> None:
    half = 4.302653 * 0.01 / math.sqrt(3)  # t of 2 degrees of freedom at 97.5 %, from any table
    assert own.t_interval([0.01, 0.02, 0.03]) == pytest.approx((0.02 - half, 0.02 + half), abs=1e-8)
    half = 12.706205 * (0.02 / math.sqrt(2)) / math.sqrt(2)  # of 1 degree
    assert own.t_interval([0.01, 0.03]) == pytest.approx((0.02 - half, 0.02 + half), abs=1e-8)


@given(spread, st.data())
def test_t_interval_and_p_agree_with_the_paired_test(arm: list[float], data: st.DataObject) -> None:
    control = data.draw(st.lists(grid, min_size=len(arm), max_size=len(arm)))
    gaps = [one - other for one, other in zip(arm, control, strict=True)]
    if max(gaps) == min(gaps):
        return
    found = stats.ttest_rel(arm, control)
    ends = stats.t.interval(0.95, len(gaps) - 1, loc=np.mean(gaps), scale=stats.sem(gaps))
    assert own.paired_p(gaps) == pytest.approx(found.pvalue)
    assert own.t_interval(gaps) == pytest.approx(ends)


@given(spread, st.integers(-8, 8))
def test_t_interval_moves_and_turns_with_its_values(values: list[float], shift: int) -> None:
    low, high = own.t_interval(values) or (math.nan, math.nan)
    assert low <= fmean(values) <= high
    assert own.t_interval([value + shift for value in values]) == pytest.approx((low + shift, high + shift))
    assert own.t_interval([-value for value in values]) == pytest.approx((-high, -low))
    assert own.t_interval(list(reversed(values))) == pytest.approx((low, high))


@given(spread)
def test_the_interval_leaves_out_zero_where_p_is_below_five_percent(values: list[float]) -> None:
    low, high = own.t_interval(values) or (math.nan, math.nan)
    p = own.paired_p(values)
    assert p is not None
    if abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (low > 0 or high < 0)


def test_t_interval_covers_the_mean_in_nineteen_of_twenty_cases() -> None:
    samples = np.random.default_rng(3).normal(0.02, 0.01, (1000, 3))
    ends = [own.t_interval(sample.tolist()) for sample in samples]
    assert fmean(low <= 0.02 <= high for low, high in filter(None, ends)) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("values", [[], [0.1], [0.05, 0.05], [0.55 - 0.5, 0.56 - 0.51, 0.57 - 0.52]])
def test_without_a_spread_there_is_neither_interval_nor_p(values: list[float]) -> None:
    assert own.t_interval(values) is None
    assert own.paired_p(values) is None


def test_zeros_alone_are_no_difference() -> None:
    assert own.t_interval([0.0, 0.0, 0.0]) == (0.0, 0.0)
    assert own.paired_p([0.0, 0.0, 1e-17]) == 1.0
    assert own.flip_test([0.0, 0.0, 0.0]) == (1.0, 0.25)


@given(few)
def test_flip_p_is_the_share_of_sign_flips_at_least_as_extreme(values: list[float]) -> None:
    sums = [sum(s * value for s, value in zip(signs, values, strict=True)) for signs in _signs(len(values))]
    p, floor = own.flip_test(values)
    assert p == pytest.approx(fmean(abs(total) >= abs(sum(values)) for total in sums))
    assert floor == 2 / 2 ** len(values)
    assert floor <= p <= 1


def _signs(count: int) -> Iterator[Sequence[int]]:
    return itertools.product((1, -1), repeat=count)


def test_six_seeds_are_the_first_that_a_sign_flip_can_tell_apart() -> None:
    assert [own.flip_test([0.01] * seeds) for seeds in (1, 3, 5, 6)] == [
        (1.0, 1.0),
        (0.25, 0.25),
        (0.0625, 0.0625),
        (0.03125, 0.03125),
    ]


def test_many_seeds_are_flipped_at_random_but_always_alike() -> None:
    values = [0.01 * number for number in range(1, 19)]
    assert own.flip_test(values) == own.flip_test(values) == (2e-5, 2e-5)


@settings(max_examples=10)  # statsmodels collects garbage in every call: slow where there is much to look through
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_that_of_the_paper(p_values: list[float]) -> None:
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    expected, most = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (len(p_values) - rank) * p_values[place]))
        expected[place] = most
    corrected = own.holm(p_values)
    assert corrected == pytest.approx(expected)
    assert corrected == (multipletests(p_values, method="holm")[1].tolist() if p_values else [])


def test_holm_passes_over_what_was_not_tested() -> None:
    assert own.holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert own.holm([None]) == [None]
    assert own.holm([]) == []


def test_interval_over_images_is_between_quantiles_of_the_mean_gap() -> None:
    random = np.random.default_rng(0)
    arm, control = random.normal(0.5, 0.02, (3, 999)), random.normal(0.45, 0.02, (3, 999))
    gaps = np.sort((arm - control).mean(axis=0))
    assert own.image_interval(list(arm), list(control)) == pytest.approx((gaps[24], gaps[974]))  # (999 + 1) * 0.025


def test_interval_over_images_keeps_pairs_together() -> None:
    shared: Any = np.random.default_rng(0).normal(0, 0.3, 400).astype(np.float32)
    low, high = own.image_interval([shared + np.float32(0.02)], [shared]) or (math.nan, math.nan)
    assert low == pytest.approx(0.02, abs=1e-6)
    assert high == pytest.approx(0.02, abs=1e-6)


def test_interval_over_images_drops_what_is_undefined_in_any_seed() -> None:
    whole = np.linspace(0, 1, 1000)
    holes = whole.copy()
    holes[:9] = np.nan
    zeros = np.zeros(1000)
    low, high = own.image_interval([whole, holes], [zeros, zeros]) or (math.nan, math.nan)
    assert low == pytest.approx(0.009 + 0.025 * 0.991, abs=0.002)
    assert high > 0.97
    holes[:10] = np.nan
    assert own.image_interval([whole, holes], [zeros, zeros]) is None


def test_no_interval_over_images_without_common_resamples() -> None:
    assert own.image_interval([], []) is None
    assert own.image_interval([np.empty(0)], [np.empty(0)]) is None
    assert own.image_interval([np.zeros(5)], [np.zeros(6)]) is None


def test_a_target_is_reached_in_the_first_epoch_at_or_above_it() -> None:
    curve = [0.1, None, 0.3, 0.2, 0.5]
    assert own.epochs_to(curve, 0.3) == 3
    assert own.epochs_to(curve, 0.31) == 5
    assert own.epochs_to(curve, 0.6) is None
    assert own.epochs_to([], 0.1) is None
    assert own.epochs_to(curve, None) is None
    assert own.epochs_to(curve, 0.0) is None  # a control that learned nothing is reached by anything


def test_seeds_that_never_arrive_are_later_than_all_others() -> None:
    assert own.median_epoch([3, 5, 4]) == 4.0
    assert own.median_epoch([3, None, 4]) == 4.0
    assert own.median_epoch([3, None, None]) is None
    assert own.median_epoch([3, None]) is None
    assert own.median_epoch([]) is None


def test_a_gain_is_recovered_in_the_mean_and_by_seed() -> None:
    share, by_seed = own.recovered({0: 0.02, 1: 0.04, 3: 0.9}, {0: 0.05, 1: -0.01, 2: 0.9}) or (math.nan, {})
    assert share == pytest.approx(0.06 / 0.04)
    assert by_seed == {0: pytest.approx(0.4), 1: None}
    assert own.recovered({0: 0.02}, {0: 0.0}) is None
    assert own.recovered({0: 0.02, 1: 0.02}, {0: 0.05, 1: -0.06}) is None
    assert own.recovered({0: 0.02}, {1: 0.05}) is None


@settings(max_examples=25)
@given(few)
def test_a_difference_is_whole_and_fit_for_json(values: list[float]) -> None:
    found = own.difference(dict(enumerate(values)), (-0.1, 0.1))
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain == found.to_dict()
    assert plain["value"] == fmean(values)
    assert plain["by_seed"] == {str(seed): value for seed, value in enumerate(values)}
    assert plain["images"] == [-0.1, 0.1]
    assert (plain["t"] is None) == (plain["p_t"] is None)
    assert plain["p_holm"] is None


def test_a_single_seed_has_no_interval() -> None:
    assert own.difference({4: 0.2}).to_dict() == {
        "value": 0.2,
        "by_seed": {"4": 0.2},
        "t": None,
        "images": None,
        "p_t": None,
        "p_flip": 1.0,
        "flip_floor": 1.0,
        "p_holm": None,
        "detectable": None,
    }


@settings(max_examples=20)
@given(st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=12), st.floats(1.5, 5))
def test_what_seeds_can_show_follows_their_spread(values: list[float], factor: float) -> None:
    assume(max(values) - min(values) > 1e-3)
    smallest = own.detectable(values)
    assert smallest is not None
    assert own.detectable([factor * value for value in values]) == pytest.approx(factor * smallest, rel=1e-4)
    assert own.detectable([value + 0.1 for value in values]) == pytest.approx(smallest, rel=1e-4)
    deviation, seeds = np.std(values, ddof=1), len(values)
    limit = stats.t.ppf(0.975, seeds - 1)
    shift = smallest / deviation * math.sqrt(seeds)
    power = 1 - stats.nct.cdf(limit, seeds - 1, shift) + stats.nct.cdf(-limit, seeds - 1, shift)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_seeds_that_are_alike_or_alone_can_show_nothing() -> None:
    assert own.detectable([0.1]) is None
    assert own.detectable([0.1, 0.1]) is None


@given(st.lists(st.floats(-0.05, 0.05), min_size=3, max_size=8), st.floats(0.001, 0.1))
def test_equal_within_a_margin_is_the_ninety_percent_interval_inside_it(values: list[float], margin: float) -> None:
    assume(max(values) - min(values) > 1e-4)
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    assume(min(abs(abs(low) - margin), abs(abs(high) - margin)) > 1e-6)
    assert own.equal_within(values, margin) == (-margin < low and high < margin)


def test_seeds_that_are_alike_or_alone_are_equal_or_not() -> None:
    assert not own.equal_within([0.0], 0.1)
    assert own.equal_within([0.01, 0.01], 0.02)
    assert not own.equal_within([0.03, 0.03], 0.02)
