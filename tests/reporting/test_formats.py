"""Numbers in words, and how arms look."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from auxhead.reporting import formats
from auxhead.reporting.arm_styles import COLORS, CONTROL, LONGEST, SHAPES, looks, printable

GROUNDS = ("#ffffff", "#171a1e")  # --panel in report.css
# Source: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency"
# (2009), severity 1.0.
EYES = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
# Source: Ottosson, "A perceptual color space for image processing" (2020).
LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(color: str) -> np.ndarray:
    channels = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(linear(color) @ (0.2126, 0.7152, 0.0722)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def arms(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize("ground", [0, 1])
@pytest.mark.parametrize("eye", list(EYES))
def test_colors_can_be_told_apart_by_all_eyes(ground: int, eye: str) -> None:
    labs = [LAB @ np.cbrt(LMS @ np.clip(EYES[eye] @ linear(pair[ground]), 0, 1)) for pair in (CONTROL, *COLORS)]
    apart = min(float(np.linalg.norm(one - other)) for one, other in combinations(labs, 2))
    assert 100 * apart > 5


@pytest.mark.parametrize("pair", [CONTROL, *COLORS])
def test_colors_stand_out_from_their_ground(pair: tuple[str, str]) -> None:
    for color, ground in zip(pair, GROUNDS, strict=True):
        assert contrast(color, ground) >= 3


def test_no_two_arms_look_alike_and_the_control_is_gray() -> None:
    found = looks(arms(*(f"arm-{place}" for place in range(40)), "plain"), "plain")
    assert list(found)[-1] == "plain"
    assert (found["plain"].place, found["plain"].marker) == (0, "o")
    assert len({(look.place, look.marker) for look in found.values()}) == 41
    assert 0 not in {look.place for name, look in found.items() if name != "plain"}
    assert {look.marker for look in found.values()} <= set(SHAPES)


def test_a_look_stays_the_same_when_the_control_stands_elsewhere() -> None:
    first, last = looks(arms("plain", "a", "b"), "plain"), looks(arms("a", "b", "plain"), "plain")
    assert first["b"] == last["b"]


def test_labels_are_short_and_differ() -> None:
    long = "x" * 200
    found = looks(arms(long + "a" + "y" * 20, long + "b" + "y" * 20, "two\nlines\x00"), "none of them")
    labels = [look.label for look in found.values()]
    assert len(set(labels)) == 3
    assert all(len(label) <= LONGEST + 4 and label.isprintable() for label in labels)


def test_what_cannot_be_printed_is_replaced() -> None:
    assert printable("a\x00\x1b[31m\ud800\u202egnp\ufffe") == "a��[31m��gnp�"
    assert printable("漢字 é\n\t$") == "漢字 é\n\t$"


DASH, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
WRITERS = {
    **{
        write.__name__: write
        for write in (formats.points, formats.signed, formats.probability, formats.times, formats.plain)
    },
    **{write.__name__: write for write in (formats.whole, formats.millions, formats.percent, formats.duration)},
    "interval": lambda value: formats.interval([value, 0.1]),
    "span": lambda value: formats.span(0.1, value),
    "by_seed": lambda value: formats.by_seed({"0": value}),
}


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, "0.5"])
@pytest.mark.parametrize("writer", list(WRITERS))
def test_what_was_not_measured_is_a_dash(value: object, writer: str) -> None:
    assert WRITERS[writer](value) == DASH


def test_numbers_in_words() -> None:
    expected = {
        formats.points(0.5123): "51.2",
        formats.points(-0.01): f"{MINUS}1.0",
        formats.signed(0.0312): "+3.1",
        formats.signed(-0.0312): f"{MINUS}3.1",
        formats.signed(-0.0001): "0.0",
        formats.interval([-0.01, 0.02]): f"{MINUS}1.0 to +2.0",
        formats.interval(None): DASH,
        formats.interval([]): DASH,
        formats.span(0.4, 0.5): "40.0 to 50.0",
        formats.by_seed({"10": 0.3, "2": 0.2, "0": 0.1}): "10.0 20.0 30.0",
        formats.by_seed({"0": -0.1, "1": 0.1}, sign=True): f"{MINUS}10.0 +10.0",
        formats.by_seed(None): DASH,
        formats.probability(0.25): "0.250",
        formats.probability(0.0004): "< 0.001",
        formats.times(1.5): f"1.50 {TIMES}",
        formats.whole(12345): "12,345",
        formats.millions(3_010_000): "3.01 M",
        formats.percent(1.38): "138 %",
        formats.duration(4.52): "4.5 s",
        formats.duration(59.7): "1 min 00 s",
        formats.duration(305): "5 min 05 s",
        formats.duration(2450): "41 min",
        formats.duration(3599): "1 h 00 min",
        formats.duration(12_000): "3 h 20 min",
        formats.short("0123456789abcdef"): "0123456789ab",
        formats.short(None): DASH,
        formats.listed(["a"]): "a",
        formats.listed(["a", "b", "c"]): "a, b and c",
        formats.plural(1, "box"): "1 box",
        formats.plural(2000, "box"): "2,000 boxes",
        formats.plural(2, "class"): "2 classes",
        formats.plural(0, "seed"): "0 seeds",
    }
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in expected] == list(expected.values())
