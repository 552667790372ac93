"""How arms look: colors, shapes, labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from auxhead.formats import printable
from auxhead.reporting.arm_styles import COLORS, CONTROL, LONGEST, SHAPES, looks

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
