import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxhead.errors import ConfigError
from auxhead.metrics.bands import ALL, NAMED, read_bands

edges = st.lists(st.floats(0, 1e6), min_size=1, max_size=6, unique=True).map(sorted).filter(lambda e: e != [0.0])
given_bands = st.one_of(st.sampled_from(sorted(NAMED)), edges, edges.map(lambda e: ",".join(map(repr, e))))


@given(bands=given_bands.map(read_bands), size=st.floats(0, 1e7), which=st.integers(0, 9))
def test_every_size_is_in_exactly_one_band(bands, size, which):
    lows = [band.low for band in bands]
    for one in (size, lows[which % len(lows)]):
        assert sum(band.low <= one < band.high for band in bands) == 1
        area = one * one
        assert sum(band.areas[0] <= area < band.areas[1] for band in bands) == 1


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("coco", ["small <32", "medium 32-96", "large >=96"]),
        ("ai-tod", ["<2", "very tiny 2-8", "tiny 8-16", "small 16-32", "medium 32-64", ">=64"]),
        ("tinyperson", ["<2", "tiny1 2-8", "tiny2 8-12", "tiny3 12-20", "small 20-32", ">=32"]),
    ],
)
def test_named_bands(name, titles):
    assert [band.name for band in read_bands(name)] == titles


@pytest.mark.parametrize("given", ["0,8,16.5", "8,16.5", " 8 , 16.5 ", [8, 16.5], (0, 8, 16.5)])
def test_numbers(given):
    bands = read_bands(given)
    assert [band.name for band in bands] == ["<8", "8-16.5", ">=16.5"]
    assert [(band.low, band.high) for band in bands] == [(0, 8), (8, 16.5), (16.5, math.inf)]
    assert [band.areas for band in bands] == [(0, 64), (64, 272.25), (272.25, math.inf)]


def test_all_sizes_are_in_the_band_of_all():
    assert ALL.areas == (0, math.inf)


@pytest.mark.parametrize(
    "given",
    ["0", "8,4", "8,8", "a,b", "", "nan,2", "2,nan", "nan", "inf", "2,inf", "-1,3", "coco,8", "8;16", [], [None], 8],
)
def test_anything_else_is_an_error_that_says_what_would_do(given):
    with pytest.raises(ConfigError, match="ai-tod, coco, tinyperson") as caught:
        read_bands(given)
    assert caught.value.found == repr(given)
    assert caught.value.where == "bands="
