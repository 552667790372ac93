"""Weights that change their layout: moved by role, equal bit for bit, and nothing else touched."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ultralytics.nn.tasks import DetectionModel

from auxhead.errors import ModelError
from auxhead.layouts.ready_made import ready_made
from auxhead.model.transplant import Transplant, same_layout, transplant


def made(name: str, nc: int = 80, seed: int = 0) -> DetectionModel:
    """Build a model whose every tensor, also those that are zero or one at first, says where it comes from."""
    torch.manual_seed(seed)
    model = DetectionModel(ready_made(f"{name}.yaml"), nc=nc, verbose=False)
    for value in model.state_dict().values():
        value.copy_(torch.rand(value.shape) if value.is_floating_point() else torch.full_like(value, seed + 7))
    return model


def moved(source: DetectionModel, target: DetectionModel) -> Transplant:
    before = {name: value.clone() for name, value in target.state_dict().items()}
    giving = {name: value.clone() for name, value in source.state_dict().items()}
    done = transplant(source, target, "source.pt")
    every = [*done.moved, *done.fitted, *done.left]
    assert sorted(every) == sorted(before)
    after = target.state_dict()
    for name, value in after.items():
        if name in done.fitted:
            continue
        assert torch.equal(value, giving[done.moved[name]] if name in done.moved else before[name]), name
    assert all(torch.equal(value, giving[name]) for name, value in source.state_dict().items())
    assert done.moved_parameters == sum(after[name].numel() for name in done.moved)
    return done


@pytest.mark.parametrize(
    "name", ["yolov5n", "yolov8n", "yolov8n-p2", "yolov8n-p234-down", "yolov8n-p3", "yolov9t", "yolo12n", "yolo26n"]
)
def test_the_same_layout_gets_everything(name: str) -> None:
    done = moved(made(name), made(name, seed=1))
    assert done.left == ()
    assert done.moved == {name: name for name in done.moved}


@pytest.mark.parametrize("family", ["yolov5n", "yolov8n", "yolov9t", "yolo11n", "yolo12n", "yolo26n"])
@pytest.mark.parametrize("layout", ["p234", "p234-down", "p3"])
def test_a_layout_for_small_objects_starts_from_the_stock_detector(family: str, layout: str) -> None:
    target = made(f"{family}-{layout}", seed=1)
    done = moved(made(family), target)
    backbone = len(target.yaml["backbone"]) - sum(
        line[2] in {"SPPF", "C2PSA", "SPPELAN"} for line in target.yaml["backbone"]
    )
    lost = [name for name in done.left if int(name.split(".")[1]) < backbone]
    assert lost == []  # stage for stage
    assert done.moved_parameters / done.parameters > (0.2 if layout == "p3" else 0.6)  # much of p3 is its head


def test_layers_are_found_by_what_they_are_for() -> None:
    done = moved(made("yolov8n"), made("yolov8n-p234", seed=1))
    assert done.moved["model.6.cv1.conv.weight"] == "model.6.cv1.conv.weight"  # P4 stage
    assert done.moved["model.10.cv1.conv.weight"] == "model.15.cv1.conv.weight"  # P3 on the way down
    assert done.moved["model.19.cv1.conv.weight"] == "model.18.cv1.conv.weight"  # P4 on the way up
    assert done.moved["model.20.cv3.1.0.conv.weight"] == "model.22.cv3.0.0.conv.weight"  # classes at P3
    assert done.moved["model.20.cv3.2.0.conv.weight"] == "model.22.cv3.1.0.conv.weight"  # classes at P4
    assert done.moved["model.20.cv3.0.1.conv.weight"] == "model.22.cv3.0.1.conv.weight"  # P2 has the shapes of P3 there
    assert "model.7.cv1.conv.weight" in done.left  # SPPF: half the channels
    assert "model.13.cv1.conv.weight" in done.left  # P2 on the way down
    assert "model.20.cv2.1.0.conv.weight" in done.left  # boxes: other bins


def test_ultralytics_own_p2_model_keeps_its_levels_apart() -> None:
    done = moved(made("yolov8n"), made("yolov8n-p2", seed=1))
    assert (
        done.moved["model.28.cv2.1.0.conv.weight"] == "model.22.cv2.0.0.conv.weight"
    )  # P3, not the first for the first
    assert done.moved["model.28.cv2.3.0.conv.weight"] == "model.22.cv2.2.0.conv.weight"
    assert done.moved["model.27.cv1.conv.weight"] == "model.21.cv1.conv.weight"


def test_a_unit_moves_whole_or_not_at_all() -> None:
    done = moved(made("yolov8n", nc=80), made("yolov8n", nc=3, seed=1))
    assert "model.22.cv3.0.0.conv.weight" in done.left
    assert "model.22.cv3.0.0.bn.num_batches_tracked" in done.left  # the only tensor of that unit whose shape fits


@pytest.mark.parametrize(
    ("source", "target", "rows"),
    [
        (["bus", "car"], ["car", "bus"], [1, 0]),  # the same classes in another order
        (["bus", "car"], ["Car ", "van", "bus"], [1, None, 0]),
        (["bus", "car"], ["bus", "car"], [0, 1]),
        (["0", "1"], ["bus", "car"], [0, 1]),  # without names rows are those of their numbers
        (["0", "1"], ["bus", "car", "van"], [None, None, None]),
    ],
)
def test_rows_of_classes_go_by_their_names_as_in_ultralytics(
    source: list[str], target: list[str], rows: list[Any]
) -> None:
    giving, taking = made("yolov8n", nc=len(source)), made("yolov8n-p3", nc=len(target), seed=1)
    giving.names, taking.names = dict(enumerate(source)), dict(enumerate(target))
    stock = made("yolov8n", nc=len(target), seed=2)
    stock.names = taking.names
    initial = taking.state_dict()["model.5.cv3.0.2.weight"].clone()
    done = moved(giving, taking)
    stock.load(giving, verbose=False)

    given, got = giving.model[-1].cv3[0][2], taking.model[-1].cv3[0][2]
    for place, row in enumerate(rows):
        expected = initial[place] if row is None else given.weight[row]
        assert torch.equal(got.weight[place], expected)
        if row is not None:
            assert torch.equal(got.bias[place], given.bias[row])
            assert torch.equal(stock.model[-1].cv3[0][2].weight[place], expected)
    is_fitted = source != target and "0" not in source
    assert ("model.5.cv3.0.2.weight" in done.fitted) == is_fitted
    assert f"{len(done.moved) + len(done.fitted)} of {len(taking.state_dict())} tensors" in str(done)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_first_layer_is_fitted_to_other_channels_as_in_ultralytics(channels: int) -> None:
    giving = made("yolov8n")
    taking, stock = (
        DetectionModel(ready_made(f"{name}.yaml"), ch=channels, verbose=False) for name in ("yolov8n-p3", "yolov8n")
    )
    done = transplant(giving, taking, "source.pt")
    stock.load(giving, verbose=False)
    first = "model.0.conv.weight"
    assert done.fitted == {first: first}
    assert "model.0.bn.weight" in done.moved
    known = min(channels, 3)
    assert torch.equal(taking.state_dict()[first][:, :known], stock.state_dict()[first][:, :known])


def test_end_to_end_heads_move_both_branches() -> None:
    done = moved(made("yolo26n"), made("yolo26n-p234", seed=1))
    assert done.moved["model.21.one2one_cv3.1.0.0.conv.weight"] == "model.23.one2one_cv3.0.0.0.conv.weight"


def test_nothing_that_fits_is_an_error() -> None:
    with pytest.raises(ModelError, match="same purpose and the same shape") as caught:
        transplant(made("yolov8s"), made("yolov8n-p234"), "yolov8s.pt")
    assert caught.value.where == "pretrained=yolov8s.pt"


def test_same_layout_is_about_layers_not_sizes() -> None:
    assert same_layout(made("yolov8n"), made("yolov8s", nc=3))
    assert not same_layout(made("yolov8n"), made("yolov8n-p234"))
