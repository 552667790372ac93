"""How flips= and crops= are typed."""

from __future__ import annotations

from typing import Any

import pytest

from auxhead.errors import ConfigError
from auxhead.keys.augmentation import CropsKeys, FlipsKeys, read_augmentation
from auxhead.keys.train_reading import known_keys, read_train_words

NOTHING = FlipsKeys(swap={}, never=[])


@pytest.mark.parametrize(
    ("words", "flips"),
    [
        (["epochs=3"], FlipsKeys()),
        (["flips={keep left: keep right}"], FlipsKeys(swap={"keep left": "keep right"})),
        (["flips={a:b}"], FlipsKeys(swap={"a": "b"})),
        (["flips={a:", "b,", "c:", "d}", "epochs=3"], FlipsKeys(swap={"a": "b", "c": "d"})),
        (["flips={30: 50}"], FlipsKeys(swap={"30": "50"})),
        (["flips.never=[stop,", "no,", "007]"], FlipsKeys(never=["stop", "no", "007"])),
        (['flips.never=[stop, "30"]'], FlipsKeys(never=["stop", "30"])),
        (["flips.never=stop"], FlipsKeys(never=["stop"])),
        (["flips=none"], NOTHING),
        (["flips={}"], FlipsKeys(swap={})),
        (["flips=none", "flips.never=[stop]"], FlipsKeys(swap={}, never=["stop"])),
        (["flips.never=none"], FlipsKeys(never=[])),
    ],
)  # fmt: skip
def test_flips_are_read(words: list[str], flips: FlipsKeys) -> None:
    assert read_augmentation(read_train_words(words)) == (flips, CropsKeys(), [])


@pytest.mark.parametrize(
    ("words", "crops"),
    [
        (["crops=0.67"], {"share": 0.67}),
        (["crops=1", "crops.window=0.4-0.5", "crops.small=24"], {"share": 1.0, "window": [0.4, 0.5], "small": 24.0}),
        (["crops=1", "crops.window=[0.4,", "0.5]"], {"share": 1.0, "window": [0.4, 0.5]}),
        (["crops=1", "crops.window=0.5"], {"share": 1.0, "window": [0.5, 0.5]}),
        (["crops=1", "crops.from=shrunk", "crops.force"], {"share": 1.0, "from": "shrunk", "force": True}),
        (["crops=none"], {}),
    ],
)
def test_crops_are_read(words: list[str], crops: dict[str, Any]) -> None:
    words = [word if "=" in word or not word.startswith("crops") else f"{word}=true" for word in words]
    assert read_augmentation(read_train_words(words)) == (FlipsKeys(), CropsKeys.model_validate(crops), [])


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["flips={a: b, c: a}"], "flips: a has two mirror images, b and c"),
        (["flips={a: b}", "flips.never=[b]"], "flips: b: either has a mirror image, or is never mirrored"),
        (["flips=left"], "flips='left': expected {class: its mirror image}"),
        (["flips={left}"], "flips='{left}': left: expected its mirror image, {left: CLASS}"),
        (["flips={a: [b]}"], "flips='{a: [b]}': expected names of classes, not lists in lists"),
        (["flips.swap={a: b}"], "flips.swap: unknown key; did you mean flips?"),
        (["crops=2"], "crops=2: Input should be less than or equal to 1"),
        (["crops=1", "crops.window=0.7-0.3"], "crops.window='0.7-0.3': expected two shares of the picture"),
        (["crops=1", "crops.window=0.3-0.5-0.7"], "crops.window='0.3-0.5-0.7': expected two shares"),
        (["crops=1", "crops.from=full"], "crops.from='full': Input should be 'native' or 'shrunk'"),
        (["crops.smal=3", "crops=1"], "crops.smal: unknown key; did you mean crops.small"),
        (["crops.small=3"], "crops.small: only with crops=, such as crops=0.67"),
        (["crops=0.5", "rect=true"], "crops=0.5: rect=true shows whole pictures"),
    ],
)
def test_mistakes_are_one_line_each(words: list[str], problem: str) -> None:
    lines = read_augmentation(read_train_words(words))[2]
    assert len(lines) == 1
    assert lines[0].startswith(problem)


def test_a_bracket_left_open_is_named() -> None:
    with pytest.raises(ConfigError, match="unmatched bracket"):
        read_train_words(["flips={a: b"])


def test_words_are_among_those_that_are_known() -> None:
    assert {"flips", "flips.never", "crops", "crops.window", "crops.small", "crops.from", "crops.force"} <= {
        *known_keys()
    }
    assert not {"flips.swap", "crops.share", "crops.source"} & {*known_keys()}
