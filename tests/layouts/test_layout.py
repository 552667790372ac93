"""Layouts against Ultralytics' own YAMLs: what is taken apart can be put together again."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import yaml
from torch.nn import ModuleList
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

from auxhead.errors import ConfigError, ModelError
from auxhead.layouts.layout import Layout, build, take_apart
from auxhead.layouts.sheet import text
from auxhead.shipping.counts import Counts

STOCK = ["yolov5n", "yolov8n", "yolov8n-p2", "yolov8n-p6", "yolov8n-ghost", "yolov8n-ghost-p2", "yolov9t", "yolov9s"]
STOCK += ["yolov9m", "yolov9c", "yolov10n", "yolov10m", "yolov10x", "yolo11n", "yolo12n", "yolo26n", "yolo26n-p2"]


def stock(name: str) -> dict[str, Any]:
    """Read a YAML of Ultralytics, without what reading adds to it."""
    content: dict[str, Any] = yaml_model_load(f"{name}.yaml")
    return {key: value for key, value in content.items() if key not in {"yaml_file", "scale"}}


def cut(name: str, *levels: int, **options: Any) -> dict[str, Any]:
    return build(take_apart(stock(name), name)[0], Layout(levels, **options), name)


def built(content: dict[str, Any], nc: int = 3) -> DetectionModel:
    return DetectionModel({**content, "nc": nc, "scale": "n"}, verbose=False)


@pytest.mark.parametrize("name", STOCK)
def test_a_detectors_own_levels_give_its_own_yaml(name: str) -> None:
    content = stock(name)
    roles, words = take_apart(content, name)
    assert build(roles, Layout(roles.levels), name) == content
    assert len(words) == len(content["backbone"]) + len(content["head"])


@pytest.mark.parametrize(("name", "finer"), [("yolov8n", "yolov8n-p2"), ("yolo26n", "yolo26n-p2")])
def test_a_level_more_gives_ultralytics_own_p2_model(name: str, finer: str) -> None:
    assert cut(name, 2, 3, 4, 5) == stock(finer)
    assert cut(finer, 3, 4, 5) == stock(name)


@pytest.mark.parametrize("name", STOCK)
def test_text_is_read_back(name: str) -> None:
    content = stock(name)
    written = text(content, "first\nsecond")
    assert written.startswith("# first\n# second\n")
    assert yaml.safe_load(written) == content


ALL = list(
    product(
        ["yolov5n", "yolov8n", "yolov9t", "yolo11n", "yolo12n", "yolo26n"],
        [(2, 3), (2, 3, 4), (2, 3, 4, 5), (3, 4), (3,)],
        [True, False],
    )
)


@pytest.mark.parametrize(
    ("name", "levels", "up_again"),  # every pair of two of them here, the other half among the slow tests
    [pytest.param(*one, marks=pytest.mark.slow if (n // 8 + n // 2 + n) % 2 else ()) for n, one in enumerate(ALL)],
)
def test_every_layout_is_built_with_the_strides_asked_for(name: str, levels: tuple[int, ...], up_again: bool) -> None:
    model = built(cut(name, *levels, up_again=up_again))
    assert model.stride.tolist() == [2**level for level in levels]


def test_p234_of_yolov8n_costs_less_than_yolov8n() -> None:
    def price(content: dict[str, Any]) -> Counts:
        return Counts.of(built(content).fuse(verbose=False), 640)

    plain, small, down = (
        price(stock("yolov8n")),
        price(cut("yolov8n", 2, 3, 4, reg_max=8)),
        price(cut("yolov8n", 2, 3, 4, reg_max=8, up_again=False)),
    )
    assert (plain.parameters, round(plain.gflops, 2)) == (3_006_233, 8.09)
    assert (small.parameters, round(small.gflops, 2)) == (827_281, 7.49)
    assert (down.parameters, round(down.gflops, 2)) == (626_929, 6.46)


def test_attention_never_comes_to_a_fine_map() -> None:
    assert "C2PSA" in {line[2] for line in cut("yolo11n", 2, 3, 4)["backbone"]}
    assert "C2PSA" not in {line[2] for line in cut("yolo11n", 2, 3)["backbone"]}


def test_width_narrows_every_size_and_nothing_else() -> None:
    narrow = cut("yolov8n", 3, 4, 5, width=0.5)
    assert narrow["scales"]["n"] == [0.33, 0.125, 1024]
    assert narrow["scales"]["x"] == [1.0, 0.625, 512]
    assert {**narrow, "scales": None} == {**stock("yolov8n"), "scales": None}


def test_depth_leaves_out_repeated_blocks_and_nothing_else() -> None:
    shallow = cut("yolov8n", 3, 4, 5, depth=1 / 3)
    assert shallow["scales"]["m"] == [0.2233, 0.75, 768]
    assert {**shallow, "scales": None} == {**stock("yolov8n"), "scales": None}
    blocks = [len(layer.m) for layer in built(shallow).model if hasattr(layer, "m") and isinstance(layer.m, ModuleList)]
    assert blocks == [1] * 8  # of 1, 2, 2, 1 in the backbone


@pytest.mark.parametrize(
    "name", ["yolov3", "yolov3-tiny", "yolov6n", "yolov9e", "yolov8n-worldv2", "yolov8n-rtdetr", "yolov8n-seg"]
)
def test_other_kinds_of_models_are_refused_by_name(name: str) -> None:
    with pytest.raises(ModelError, match="another order of layers") as caught:
        take_apart(stock(name), name)
    assert caught.value.where == name


@pytest.mark.parametrize(
    "content", [{}, {"backbone": [], "head": []}, {"backbone": [[1, 2]], "head": 3}, {"backbone": None}]
)
def test_what_is_no_detectors_yaml_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="another order of layers"):
        take_apart(content, "mine.yaml")


def test_a_detector_without_a_neck_is_taken_apart_and_has_no_other_level() -> None:
    content = cut("yolov8n", 3)
    roles, words = take_apart(content, "mine.yaml")
    assert build(roles, Layout((3,)), "mine.yaml") == content
    assert words == ["stem", "into P2", "P2 stage", "into P3", "P3 stage", "Detect"]
    with pytest.raises(ConfigError, match=r"in a row out of P3\n"):
        build(roles, Layout((2, 3)), "mine.yaml")


@pytest.mark.parametrize("levels", [(), (2, 4), (4, 3), (1, 2), (1,), (4, 5, 6)])
def test_levels_that_no_layout_has_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="levels in a row out of P2, P3, P4, P5"):
        cut("yolov8n", *levels)


@pytest.mark.parametrize("options", [{"width": 0.5}, {"depth": 0.5}])
def test_a_fixed_size_is_said(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="its width and depth are fixed"):
        cut("yolov9t", 2, 3, 4, **options)
