"""What a mirrored picture is said to show is what it shows."""

from __future__ import annotations

import random
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.augmentation.pictures import NAMES, STILL, build, halves, make_pictures
from ultralytics.cfg import get_cfg
from ultralytics.data.augment import Albumentations

from auxhead.augmentation.dataset import Views
from auxhead.augmentation.flips import Flips, resolve_flips, with_classes
from auxhead.errors import ConfigError, DataError
from auxhead.keys.augmentation import FlipsKeys

pytestmark = pytest.mark.core

DATA = {"names": dict(enumerate(NAMES)), "yaml_file": "signs.yaml"}
SIDES = Flips((1, 0, 2, 3), frozenset())
PICTURES = [
    [(0, 20, 30, 40, 40), (3, 150, 100, 40, 40)],
    [(1, 150, 30, 40, 40)],
    [(0, 90, 90, 60, 60)],
    [(2, 40, 100, 40, 40)],
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "data", PICTURES)


def contradictions(dataset: Any) -> float:
    """Return the share of boxes that show the mirror image of what they are said to be; others may lie on top."""
    seen = []
    for attempt in range(10):
        random.seed(attempt)
        np.random.seed(attempt)
        seen += [each for index in range(4) for each in halves(dataset[index])]
    assert {name for name, *_ in seen} == set(NAMES)
    sides = {"left": 1, "right": -1, "text": 1, "ball": 0}
    return sum(sides[name] * (near - far) < -20 for name, near, far in seen) / len(seen)


@pytest.mark.parametrize(
    "mixing",
    [
        {},
        {"mosaic": 1.0, "scale": 0.3, "translate": 0.1},
        {"mixup": 1.0},
        {"cutmix": 1.0},
        {"copy_paste": 1.0},
        {"copy_paste": 1.0, "copy_paste_mode": "mixup"},
        {"mosaic": 1.0, "mixup": 0.5, "cutmix": 0.5, "copy_paste": 0.5, "scale": 0.3},
    ],
    ids=str,
)
def test_classes_agree_with_pixels_however_pictures_are_mixed(mixing: dict[str, Any], data: Path) -> None:
    arguments = {"fliplr": 0.5, "flipud": 0.2, **mixing}
    knowing = contradictions(build(data, Views(flips=Flips(SIDES.partner, frozenset({2}))), **arguments))
    stock = contradictions(build(data, Views(), **arguments))
    assert knowing <= 0.04 < 0.2 < stock


@pytest.mark.parametrize("direction", ["fliplr", "flipud"])
def test_what_a_mirror_spoils_is_never_mirrored(direction: str, data: Path) -> None:
    dataset = build(data, Views(flips=Flips(SIDES.partner, frozenset({2}))), "segment", **{direction: 1.0})
    still = build(data, Views())
    same = [torch.equal(dataset[index]["img"], still[index]["img"]) for index in range(4)]
    assert same == [False, False, False, True]


def test_a_picture_upside_down_keeps_its_sides(data: Path) -> None:
    dataset = build(data, Views(flips=SIDES), flipud=1.0)
    assert [halves(dataset[index])[0][0] for index in range(4)] == ["left", "right", "left", "text"]


def test_random_numbers_are_drawn_as_without(data: Path) -> None:
    arguments = {"fliplr": 0.5, "mosaic": 1.0, "copy_paste": 0.5, "scale": 0.5}
    pictures = []
    for views in (Views(), Views(flips=SIDES)):
        dataset = build(data, views, "segment", **arguments)
        random.seed(3)
        np.random.seed(3)
        pictures.append([dataset[index]["img"] for index in (0, 1, 2, 3, 0, 1)])
    assert all(map(torch.equal, *pictures))


def test_a_closed_mosaic_goes_on_knowing_classes(data: Path) -> None:
    dataset = build(data, Views(flips=SIDES), fliplr=1.0, mosaic=1.0)
    dataset.close_mosaic(get_cfg(overrides={**STILL, "fliplr": 1.0}))
    assert {name for name, *_ in halves(dataset[0])} == {"right", "ball"}


@pytest.mark.parametrize(("inner", "refused"), [("HorizontalFlip", True), ("D4", True), ("Blur", False)])
def test_mirrors_of_albumentations_are_refused(inner: str, refused: bool, data: Path) -> None:
    dataset = build(data, Views())
    one_of = SimpleNamespace(transforms=[type(inner, (), {})()])  # as its Compose and OneOf hold theirs
    held = next(each for each in dataset.transforms.transforms if isinstance(each, Albumentations))
    held.transform = SimpleNamespace(transforms=[one_of])
    with pytest.raises(ConfigError, match=f"{inner} in augmentations=") if refused else nullcontext():
        with_classes(dataset.transforms, SIDES)


def test_names_become_classes() -> None:
    assert resolve_flips(FlipsKeys(), DATA) is None
    assert resolve_flips(FlipsKeys(swap={"left": "right"}), DATA) == SIDES
    assert resolve_flips(FlipsKeys(swap={"right": "left", "left": "right"}, never=["text"]), DATA) == Flips(
        (1, 0, 2, 3), frozenset({2})
    )
    assert resolve_flips(FlipsKeys(swap={"ball": "ball"}), DATA) is None


def test_classes_that_share_a_name_keep_their_numbers() -> None:
    names = {0: "same", 1: "same", 2: "left", 3: "right"}
    assert resolve_flips(FlipsKeys(swap={"left": "right"}), {"names": names}) == Flips((0, 1, 3, 2), frozenset())


def test_the_data_yaml_may_say_it() -> None:
    written = {**DATA, "flips": {"left": "right"}, "flips.never": ["text"]}
    both = Flips((1, 0, 2, 3), frozenset({2}))
    assert resolve_flips(FlipsKeys(), written) == both
    assert resolve_flips(FlipsKeys(never=["ball"]), written) == Flips((1, 0, 2, 3), frozenset({3}))
    assert resolve_flips(FlipsKeys(swap={}, never=[]), written) is None
    assert resolve_flips(FlipsKeys(), written, single_cls=True) is None
    assert resolve_flips(FlipsKeys(), {**written, "names": {0: "item"}}, single_cls=True) is None  # as Ultralytics says


def test_wrong_names_come_all_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve_flips(FlipsKeys(swap={"lefd": "right"}, never=["txt"]), DATA)
    assert "lefd: no class of that name; did you mean left?" in raised.value.found
    assert "txt: no class of that name; did you mean text?" in raised.value.found
    with pytest.raises(ConfigError, match="left: several classes of that name"):
        resolve_flips(FlipsKeys(never=["left"]), {"names": {0: "left", 1: "left"}})
    with pytest.raises(ConfigError, match="one class of all"):
        resolve_flips(FlipsKeys(swap={"left": "right"}), DATA, single_cls=True)


NESTED = "{left: " + "[" * 5000 + "]" * 5000 + "}"
ENDLESS = "{left: &a [x, x], right: &b [*a, *a], ball: [*b, *b]}"


@pytest.mark.parametrize(
    "entry",
    [
        {"flips": True},
        {"flips": {"left": "right", "ball": "right"}},
        {"flips": "left"},
        {"flips": NESTED},
        {"flips": ENDLESS},
        {"flips.never": [["left"]]},
        {"flips.never": {"left": "right"}},
    ],
    ids=lambda entry: str(entry)[:40],
)
def test_wrong_entries_of_the_data_yaml_are_named(entry: dict[str, Any]) -> None:
    with pytest.raises(DataError) as raised:
        resolve_flips(FlipsKeys(), {**DATA, **entry})
    assert raised.value.where == "signs.yaml"


def test_what_contradicts_the_data_yaml_is_named() -> None:
    with pytest.raises(ConfigError, match=r"one of them stands in data\.yaml"):
        resolve_flips(FlipsKeys(never=["left"]), {**DATA, "flips": {"left": "right"}})
