"""Numbers and names in words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auxhead import formats
from auxhead.formats import NOTHING

WRITERS = {
    **{
        write.__name__: write
        for write in (formats.points, formats.signed, formats.probability, formats.times, formats.plain)
    },
    **{write.__name__: write for write in (formats.whole, formats.millions, formats.percent, formats.duration)},
    "interval": lambda value: formats.interval([value, 0.1]),
    "values": lambda value: formats.interval([0.1, value], sign=False),
    "with_interval": lambda value: formats.with_interval(value, [0.1, 0.2]),
    "by_seed": lambda value: formats.by_seed({"0": value}),
}


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, "0.5"])
@pytest.mark.parametrize("writer", list(WRITERS))
def test_what_was_not_measured_is_a_dash(value: object, writer: str) -> None:
    assert WRITERS[writer](value) == NOTHING


def test_numbers_in_words() -> None:
    expected = {
        formats.points(0.5123): "51.2",
        formats.points(-0.01): "-1.0",
        formats.points(0.3, 0): "30",
        formats.signed(0.0312): "+3.1",
        formats.signed(-0.0312): "-3.1",
        formats.signed(-0.0001): "0.0",
        formats.interval([-0.01, 0.02]): "-1.0 to +2.0",
        formats.interval([-0.0001, 0.145]): "0.0 to +14.5",
        formats.interval([0.4, 0.5], sign=False): "40.0 to 50.0",
        formats.interval(None): NOTHING,
        formats.interval([]): NOTHING,
        formats.with_interval(0.035, (-0.021, 0.091)): "+3.5 (-2.1 to +9.1)",
        formats.with_interval(0.45, (0.4, 0.5), sign=False): "45.0 (40.0 to 50.0)",
        formats.with_interval(0.45, (None, None), sign=False): "45.0",
        formats.by_seed({"10": 0.3, "2": 0.2, "0": 0.1}): "10.0 20.0 30.0",
        formats.by_seed({"0": -0.1, "1": 0.1}, sign=True): "-10.0 +10.0",
        formats.by_seed({"0": None, "1": 0.1}): "- 10.0",
        formats.by_seed(None): NOTHING,
        formats.probability(0.25): "0.250",
        formats.probability(0.0004): "< 0.001",
        formats.times(1.5): "1.50x",
        formats.whole(12345): "12,345",
        formats.whole(np.int64(7)): "7",
        formats.millions(3_010_000): "3.01 M",
        formats.percent(1.38): "138 %",
        formats.duration(4.52): "4.5 s",
        formats.duration(59.7): "1 min 00 s",
        formats.duration(305): "5 min 05 s",
        formats.duration(2450): "41 min",
        formats.duration(3599): "1 h 00 min",
        formats.duration(12_000): "3 h 20 min",
        formats.short_hash("0123456789abcdef"): "0123456789ab",
        formats.short_hash(None): NOTHING,
        formats.listed(["a"]): "a",
        formats.listed(["a", "b", "c"]): "a, b and c",
        formats.first_few(["a", "b"], 2): "a; b",
        formats.first_few(["a", "b", "c"], 2): "a; b; and 1 more",
        formats.plural(1, "box"): "1 box",
        formats.plural(2000, "box"): "2,000 boxes",
        formats.plural(2, "class"): "2 classes",
        formats.plural(0, "seed"): "0 seeds",
    }
    assert list(expected) == list(expected.values())


@pytest.mark.parametrize("middle", [False, True])
def test_long_text_is_cut_to_length(middle: bool) -> None:
    letters = "abcdefghij"
    for longest in range(1, 12):
        text = formats.shortened(letters, longest, middle=middle)
        assert len(text) == min(longest, len(letters))
        assert (text == letters) == (longest >= len(letters))
        assert letters.startswith(text.partition("…")[0])
        assert letters.endswith(text.rpartition("…")[2])
