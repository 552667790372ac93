"""Cuts show native pixels, and their labels lie where the pixels are."""

from __future__ import annotations

import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.augmentation.pictures import GRAY, build, make_pictures
from ultralytics.cfg import get_cfg
from ultralytics.utils import LOGGER

from auxhead.augmentation import dataset as module
from auxhead.augmentation.check import check_views
from auxhead.augmentation.crops import Crops, cut_labels, draw_window, in_pixels, resolve_crops
from auxhead.augmentation.dataset import Views
from auxhead.augmentation.trainer import resolve_views
from auxhead.host.datasets import read_data
from auxhead.keys.augmentation import CropsKeys
from auxhead.model.choices import RunPlan

pytestmark = pytest.mark.core

ALWAYS = Crops(share=1.0, shortest=0.35, longest=0.7, small=32.0, shrunk=False, imgsz=128, least=0.0)
BOXES = [[(3, 20, 30, 20, 20), (3, 150, 100, 24, 24)], [(3, 180, 20, 60, 60)], [], [(3, 90, 90, 9, 9)]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "data", BOXES)


def painted(picture: Any) -> Any:
    """Return left, top, right, bottom of what is brighter than the ground, shares of the picture."""
    bright = picture.float().mean(0).numpy() > (GRAY + 255) / 2
    height, width = bright.shape
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    return np.array([columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height])


@pytest.mark.parametrize("changes", [{}, {"shrunk": True}], ids=["native", "shrunk"])
@pytest.mark.parametrize("cache", [None, "ram", "disk"])
def test_boxes_lie_where_the_objects_are(changes: dict[str, Any], cache: str | None, data: Path) -> None:
    dataset = build(data, Views(crops=Crops(**{**vars(ALWAYS), **changes})), "detect", cache=cache)
    found = 0
    for attempt in range(40):
        random.seed(attempt)
        sample = dataset[attempt % 4]
        if len(sample["cls"]) == 1 and attempt % 4 in {1, 3}:  # one object a picture
            (cx, cy, w, h), found = sample["bboxes"][0].numpy(), found + 1
            expected = painted(sample["img"])
            assert [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2] == pytest.approx(expected, abs=0.02)
            assert w > 9 / 256 * 1.3  # larger than in the whole picture
    assert found >= 8


def test_native_pixels_are_shown_and_shrunk_ones_are_the_control(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", [[(3, 100, 80, 16, 16)]])
    stripes = np.zeros((192, 256, 3), np.uint8)
    stripes[:, ::2] = 255  # gone once two columns become one
    Image.fromarray(stripes).save(tmp_path / "data" / "images" / "0.png")
    contrast = {}
    for shrunk in (False, True):
        crops = Crops(**{**vars(ALWAYS), "shortest": 0.5, "longest": 0.5, "shrunk": shrunk})
        random.seed(1)
        contrast[shrunk] = build(data, Views(crops=crops), "detect")[0]["img"].float().mean(0)[40:88].std(dim=1).mean()
    assert contrast[False] > 120
    assert contrast[True] < 5


def test_the_same_random_numbers_give_the_same_windows_of_both(data: Path) -> None:
    drawn = []
    for shrunk in (False, True):
        dataset = build(data, Views(crops=Crops(**{**vars(ALWAYS), "share": 0.5, "shrunk": shrunk})), "detect")
        random.seed(5)
        shapes = [dataset.get_image_and_label(index % 4)["ori_shape"] for index in range(12)]
        drawn.append((np.array(shapes), random.random()))
    (native, after), (half, after_half) = drawn
    cut = (native != (192, 256)).any(1)
    assert 2 < cut.sum() < 10
    assert native[cut] == pytest.approx(2 * half[cut], abs=2)  # the picture is twice as large as imgsz
    assert after == after_half


@pytest.mark.parametrize("shrunk", [False, True])
def test_mosaics_are_made_of_cuts_from_the_first_picture_on(shrunk: bool, data: Path) -> None:
    dataset = build(data, Views(crops=Crops(**{**vars(ALWAYS), "shrunk": shrunk})), "detect", mosaic=1.0)
    random.seed(2)
    assert dataset[0]["img"].shape == (3, 128, 128)
    assert dataset.buffer == [0]
    assert dataset.ims == [None] * 4  # of pictures only what is shown of them


def test_what_is_painted_on_a_cut_is_not_painted_on_the_picture(data: Path) -> None:
    half = Crops(**{**vars(ALWAYS), "shortest": 0.5, "longest": 0.5})  # 128 of 256 pixels: nothing is resized
    dataset = build(data, Views(crops=half), "detect", cache="ram")
    shown = dataset.get_image_and_label(0)["img"]
    assert shown.shape == (128, 128, 3)
    assert not np.shares_memory(shown, dataset.ims[0])


@pytest.mark.parametrize("shrunk", [False, True])
@pytest.mark.parametrize("cache", [None, "ram"])
def test_a_mosaic_is_made_of_a_new_view_and_of_those_shown_lately(
    cache: str | None, shrunk: bool, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = build(data, Views(crops=Crops(**{**vars(ALWAYS), "shrunk": shrunk})), "detect", mosaic=1.0, cache=cache)
    dataset.max_buffer_length = 2
    cut: list[Any] = []
    monkeypatch.setattr(module, "draw_window", lambda *given: cut.append(draw_window(*given)) or cut[-1])
    for turn, index in enumerate((0, 1, 1, 2, 3), start=1):
        before = dict(dataset.shown)
        assert dataset[index]["img"].shape == (3, 128, 128)
        assert len(cut) == turn  # four parts, one cut
        assert dataset.shown[index] is not before.get(index)
        assert all(dataset.shown[other] is before[other] for other in dataset.buffer if other != index)
    assert dataset.buffer == [2, 3]


def test_what_was_shown_lately_can_be_shown_again_elsewhere(data: Path) -> None:
    crops = Crops(**{**vars(ALWAYS), "share": 0.5})
    there, here = (build(data, Views(crops=crops), "detect", mosaic=1.0, mixup=0.5) for _ in range(2))
    random.seed(3)
    for index in (2, 0, 1, 0):
        there[index]
    left, state = there.shown_lately(), random.getstate()
    assert [index for index, _ in left] == [2, 1, 0]
    assert len({window is None for _, window in left}) == 2
    expected = [there[index]["img"] for index in (1, 3)]
    here.show_again(left)
    random.setstate(state)
    assert all(torch.equal(here[index]["img"], each) for index, each in zip((1, 3), expected, strict=True))


def test_a_view_is_as_it_was_however_often_it_is_shown(data: Path) -> None:
    dataset = build(data, Views(crops=ALWAYS), "detect", mosaic=1.0)
    dataset.show_again([(0, (0, 0, 256, 192))])
    view = dataset.shown[0]
    assert len(view.label["cls"]) == len(view.label["segments"]) == 2
    view.label["keypoints"] = np.full((len(view.label["cls"]), 2, 3), 0.5, np.float32)
    before = deepcopy(view)
    for _ in range(2):  # as transforms do
        shown = dataset.get_image_and_label(0)
        shown["instances"].denormalize(128, 128)
        shown["cls"] += 1
    assert np.array_equal(view.pixels["img"], before.pixels["img"])
    assert all(np.array_equal(view.label[name], before.label[name]) for name in ("cls", "bboxes", "keypoints"))
    assert all(np.array_equal(*pair) for pair in zip(view.label["segments"], before.label["segments"], strict=True))


@pytest.mark.parametrize("cache", [None, "ram"])
def test_a_share_of_nothing_is_ultralytics_own_picture(cache: str | None, data: Path) -> None:
    arguments = {"mosaic": 1.0, "scale": 0.5, "fliplr": 0.5, "mixup": 0.3, "cache": cache}
    stock = build(data, Views(), "detect", **arguments)
    small = Crops(**{**vars(ALWAYS), "least": 1000.0})  # every picture is smaller, and shown whole
    ours = build(data, Views(crops=small), "detect", **arguments)
    assert type(ours) is not type(stock)
    for index in range(4):
        random.seed(1)  # one draw more decides on a cut
        whole = ours.get_image_and_label(index)
        assert np.array_equal(whole["img"], stock.get_image_and_label(index)["img"])
        assert np.array_equal(whole["instances"].bboxes, stock.get_image_and_label(index)["instances"].bboxes)


def test_whole_pictures_are_shown_once_mosaic_is_closed(data: Path) -> None:
    dataset = build(data, Views(crops=ALWAYS), "detect", mosaic=1.0)
    stock = build(data, Views(), "detect")
    dataset.close_mosaic(
        get_cfg(overrides={"hsv_v": 0.0, "hsv_s": 0.0, "hsv_h": 0.0, "scale": 0.0, "translate": 0.0, "fliplr": 0.0})
    )
    assert all(torch.equal(dataset[index]["img"], stock[index]["img"]) for index in range(4))


def test_the_memory_for_native_pictures_is_told_beforehand(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(LOGGER, "info", said.append)
    build(data, Views(crops=ALWAYS), "detect", cache="ram")
    assert any(line.endswith("caching native pictures takes 0.00 GB, 4.0 times as much as at imgsz") for line in said)


def test_half_of_the_windows_hold_a_small_object() -> None:
    boxes = np.array([[0.9, 0.9, 0.02, 0.02], [0.3, 0.3, 0.6, 0.6]])
    random.seed(0)
    windows = np.array([draw_window(480, 640, boxes, ALWAYS) for _ in range(2000)])
    held = (windows[:, :2] <= boxes[0, :2] - 0.01).all(1) & (windows[:, 2:] >= boxes[0, :2] + 0.01 - 1e-9).all(1)
    elsewhere = np.array([draw_window(480, 640, boxes[1:], ALWAYS) for _ in range(2000)])
    by_chance = (elsewhere[:, 2:] >= 0.91).all(1).mean()
    assert held.mean() == pytest.approx(0.5 + by_chance / 2, abs=0.05)


shares = st.floats(0, 1, width=32)


@given(st.integers(1, 3000), st.integers(1, 3000), st.lists(st.tuples(shares, shares, shares, shares), max_size=5))
def test_windows_lie_in_their_picture(height: int, width: int, boxes: list[tuple[float, ...]]) -> None:
    window = draw_window(height, width, np.array(boxes, np.float32).reshape(-1, 4), ALWAYS)
    assert 0 <= window[0] < window[2] <= 1 + 1e-9
    assert 0 <= window[1] < window[3] <= 1 + 1e-9
    left, top, right, bottom = in_pixels(window, height, width)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@given(st.lists(st.tuples(shares, shares, shares, shares), min_size=1, max_size=6))
def test_boxes_are_kept_by_center_and_visible_share(boxes: list[tuple[float, ...]]) -> None:
    window, height, width = (30, 10, 80, 60), 100, 120
    label = {"cls": np.zeros((len(boxes), 1)), "bboxes": np.array(boxes, np.float32), "segments": [], "keypoints": None}
    cut = cut_labels(label, window, height, width)
    expected = []
    for cx, cy, w, h in np.array(boxes, np.float32).astype(float) * [width, height, width, height]:
        edges = max(cx - w / 2, 30), max(cy - h / 2, 10), min(cx + w / 2, 80), min(cy + h / 2, 60)
        seen = max(edges[2] - edges[0], 0) * max(edges[3] - edges[1], 0)
        if any(abs(value) < 1e-3 for value in (cx - 30, cx - 80, cy - 10, cy - 60, seen - 0.3 * w * h)) and w * h:
            return  # on the edge of the rule, where rounding decides
        if w * h > 0 and 30 <= cx < 80 and 10 <= cy < 60 and seen >= 0.3 * w * h:
            expected.append([(edges[0] - 30) / 50, (edges[1] - 10) / 50, (edges[2] - 30) / 50, (edges[3] - 10) / 50])
    center, half = cut["bboxes"][:, :2], cut["bboxes"][:, 2:] / 2
    assert len(cut["cls"]) == len(expected)
    assert np.concatenate([center - half, center + half], 1) == pytest.approx(
        np.array(expected).reshape(-1, 4), abs=1e-3
    )


def test_polygons_and_keypoints_are_cut_with_their_boxes() -> None:
    label: dict[str, Any] = {
        "cls": np.array([[1.0], [2.0]], np.float32),
        "bboxes": np.array([[0.5, 0.5, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1]], np.float32),
        "segments": [np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.6]], np.float32), np.ones((3, 2), np.float32)],
        "keypoints": np.array([[[0.5, 0.5, 2], [0.6, 0.5, 2]], [[0.9, 0.9, 2], [0.9, 0.9, 2]]], np.float32),
    }
    before = label["keypoints"].copy()
    cut = cut_labels(label, (30, 30, 55, 80), 100, 100)
    assert cut["cls"].tolist() == [[1.0]]
    outline = cut["segments"][0]
    x, y = outline.T
    assert (outline.min(axis=0), outline.max(axis=0)) == (pytest.approx([0.4, 0.2]), pytest.approx([1, 0.6], abs=0.002))
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx((200 - 25) / (25 * 50), abs=0.001)  # of the triangle, without its corner
    whole = cut_labels(label, (0, 0, 100, 80), 100, 100)["segments"][0]
    assert whole == pytest.approx(np.array([[0.4, 0.5], [0.6, 0.5], [0.5, 0.75]]), abs=1e-6)
    assert cut["keypoints"][0] == pytest.approx(np.array([[0.8, 0.4, 2], [1.2, 0.4, 0]]), abs=1e-6)
    assert np.array_equal(label["keypoints"], before)


def test_keys_become_crops() -> None:
    assert resolve_crops(CropsKeys(), 640) is None
    asked = CropsKeys.model_validate({"share": 0.67, "from": "shrunk", "window": "0.4-0.5"})
    assert resolve_crops(asked, 320) == Crops(0.67, 0.4, 0.5, 32.0, shrunk=True, imgsz=320, least=416.0)
    assert resolve_crops(CropsKeys(share=1.0, force=True), 320).least == 0


@pytest.mark.parametrize("imgsz", [64, [64], (64, 32)])
def test_a_size_may_be_typed_as_a_list(imgsz: Any, data: Path) -> None:
    pictures = list((data.parent / "images").iterdir())
    check_views(RunPlan(), read_data(str(data)), {"imgsz": imgsz}, pictures)
    views = resolve_views(RunPlan(crops=CropsKeys(share=1.0)), {"names": {}}, {"imgsz": imgsz, "single_cls": False})
    assert views.crops is not None
    assert views.crops.least == 1.3 * 64
