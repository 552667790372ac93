from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.loss import E2ELoss
from ultralytics.utils.tal import make_anchors

from auxhead.errors import ModelError
from auxhead.keys.heads.center import CenterSpec
from auxhead.model.attach import attach, plain, require_detector
from auxhead.model.criterion import schedule_factor, with_exact_grids
from auxhead.model.gradients import (
    INTERVAL,
    WARMUP_INTERVAL,
    GainControl,
    GradientLog,
    follow,
    gain_warnings,
    gradient_norms,
)

FAMILIES = [
    "yolov3-tiny.yaml",
    "yolov5n.yaml",
    "yolov5n-p6.yaml",
    "yolov6n.yaml",
    "yolov8n.yaml",
    "yolov8n-p2.yaml",
    "yolov8n-p6.yaml",
    "yolov8n-ghost.yaml",
    "yolov8n-ghost-p2.yaml",
    "yolov9t.yaml",
    "yolov10n.yaml",
    "yolo11n.yaml",
    "yolo12n.yaml",
    "yolo26n.yaml",
    "yolo26n-p2.yaml",
]


def detector(yaml: str = "yolov8n.yaml", seed: int = 0) -> DetectionModel:
    torch.manual_seed(seed)
    model = DetectionModel(yaml, nc=3, verbose=False)
    model.args = get_cfg()
    return model


def batch(objects: int = 3, size: int = 64, images: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    n = objects * images
    return {
        "img": torch.rand(images, 3, size, size, generator=generator),
        "cls": torch.randint(0, 3, (n, 1), generator=generator).float(),
        "bboxes": torch.cat(
            [0.3 + 0.4 * torch.rand(n, 2, generator=generator), 0.1 + 0.3 * torch.rand(n, 2, generator=generator)], 1
        ),
        "batch_idx": torch.arange(images).repeat_interleave(objects).float(),
    }


def with_head(model: DetectionModel, **keys: Any):
    criterion = attach(model, {"center": CenterSpec(**keys)}, epochs=10)
    criterion.detection = model.init_criterion()
    return criterion


@pytest.mark.parametrize("yaml", FAMILIES)
def test_every_family_trains_head_and_backbone_and_keeps_its_own_loss(yaml: str) -> None:
    model = detector(yaml)
    stock = copy.deepcopy(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    criterion = with_head(model, gain=1.0)
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    data = batch()
    torch.manual_seed(5)
    loss, items = model(data)
    torch.manual_seed(5)
    stock_loss, stock_items = stock(data)
    assert torch.equal(loss[: len(stock_loss)], stock_loss)
    assert set(items) == {*stock_items, "center_loss"}
    assert all(torch.equal(items[name], stock_items[name]) for name in stock_items)
    assert items["center_loss"] > 0
    weight = criterion.detection.o2m if isinstance(criterion.detection, E2ELoss) else 1.0
    assert loss[-1].item() == pytest.approx(items["center_loss"].item() * 2 * weight, rel=1e-5)

    model.zero_grad()
    loss[-1].backward()  # the head's term alone
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for p in criterion.heads["center"].branches[0].parameters()
    )
    assert next(model.model[0].parameters()).grad.abs().sum() > 0
    box_branch = [p.grad for p in model.model[-1].cv2.parameters()]
    assert all(gradient is None or not gradient.any() for gradient in box_branch)


def test_validation_and_inference_never_run_the_heads() -> None:
    model = detector()
    stock = copy.deepcopy(model).eval()
    criterion = with_head(model)
    criterion.heads["center"].register_forward_hook(lambda *_: pytest.fail("the head ran"))
    model.eval()
    data = batch()
    with torch.no_grad():
        preds = model(data["img"])
        assert torch.equal(preds[0], stock(data["img"])[0])
        _, items = model.loss(data, preds)
    assert set(items) == {"box_loss", "cls_loss", "dfl_loss"}


def test_batch_without_objects_gives_zero_and_no_nan() -> None:
    model = detector()
    with_head(model, gain=2.0, visibility=True)
    loss, items = model(batch(objects=0))
    assert items["center_loss"] == 0
    assert items["center_vis_loss"] == 0
    loss.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_nothing_of_a_training_forward_stays_on_the_model() -> None:
    model = detector()
    with_head(model)
    model(batch())
    copy.deepcopy(model)  # refuses tensors inside a graph


def test_attaching_seeds_no_generator_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr("torch.cuda.manual_seed_all", seeded.append)
    attach(DetectionModel("yolov8n.yaml", nc=2, verbose=False), {"center": CenterSpec()}, epochs=1)
    assert seeded == []


def test_attaching_leaves_the_random_state_alone() -> None:
    model = detector()
    state = torch.get_rng_state()
    attach(model, {"center": CenterSpec()}, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_plain_model_is_stock_and_can_be_trained_again() -> None:
    model = detector()
    with_head(model)
    model(batch())
    bare = plain(model)
    assert type(bare) is DetectionModel
    assert "criterion" not in bare._modules
    assert not any("criterion" in name for name in bare.state_dict())
    bare.loss(batch())  # builds Ultralytics' own criterion, which is no module
    assert model.criterion is not None


def test_plain_detector_loads_into_a_model_with_heads() -> None:
    model = detector()
    criterion = with_head(model)
    kept = {name: value.clone() for name, value in criterion.state_dict().items()}
    model.load_state_dict(detector(seed=3).state_dict())
    after = criterion.state_dict()
    assert all(torch.equal(after[name], value) for name, value in kept.items())
    assert torch.equal(model.model[0].conv.weight, detector(seed=3).model[0].conv.weight)
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict({k: v for k, v in detector().state_dict().items() if not k.startswith("model.0.")})


@pytest.mark.parametrize(
    "yaml",
    [
        "yolov8n-pose.yaml",
        "yolov8n-seg.yaml",
        "yolov8n-obb.yaml",
        "yolov8n-cls.yaml",
        "yolov8n-rtdetr.yaml",
        "yolov8s-world.yaml",
    ],
)
def test_other_models_are_refused_in_a_sentence(yaml: str) -> None:
    from ultralytics import RTDETR, YOLO

    model = (RTDETR if "rtdetr" in yaml else YOLO)(yaml).model
    with pytest.raises(ModelError, match="Detect head") as caught:
        require_detector(model, where=yaml)
    assert yaml in str(caught.value)


def test_share_sets_the_measured_gradient() -> None:
    model = detector()
    criterion = with_head(model, share=0.2)
    model(batch())
    row = criterion.log.close_epoch()
    assert row["share/center"] == pytest.approx(0.2, rel=1e-4)
    assert row["grad/center"] == pytest.approx(0.2 * row["grad/detection"], rel=1e-4)
    assert criterion.gains["center"].gain == pytest.approx(row["gain/center"])
    assert {"grad/box", "grad/cls", "grad/dfl"} <= set(row)


def test_nothing_is_logged_where_no_gradient_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled model returns one node, and its maps have no part in what the losses come from."""
    model = detector()
    criterion = with_head(model, gain=1.0)
    monkeypatch.setattr("auxhead.model.criterion.gradient_norms", lambda terms, _: dict.fromkeys([*terms, "sum"], 0.0))
    loss, _ = model(batch())
    assert loss.sum() > 0
    assert criterion.log.close_epoch() == {}


def test_gradient_norms_are_those_of_autograd() -> None:
    features = [torch.randn(2, 3, requires_grad=True), torch.randn(4, requires_grad=True)]
    terms = {"a": (features[0] ** 2).sum(), "b": 3 * features[1].sum(), "none": torch.zeros((), requires_grad=True) * 1}
    norms = gradient_norms(terms, features)
    assert norms["a"] == pytest.approx(2 * features[0].norm().item())
    assert norms["b"] == pytest.approx(6.0)
    assert norms["none"] == 0
    assert norms["sum"] == pytest.approx((4 * features[0].norm() ** 2 + 36).sqrt().item())
    terms["a"].backward()  # the graph is still there


def test_gradients_are_measured_every_so_many_batches_and_frozen_features_never() -> None:
    model = detector()
    criterion = with_head(model, gain=1.0)
    rows: list[Any] = []
    criterion.log.add = rows.append
    for _ in range(INTERVAL + 1):
        model(batch(images=1))
    assert len(rows) == 2
    criterion.warmup_batches, criterion.batches = 10 * INTERVAL, WARMUP_INTERVAL
    model(batch(images=1))
    assert len(rows) == 3
    for frozen, measured in ((16, 4), (22, 4)):  # P3 comes out of layer 15, P4 and P5 of layers 18 and 21
        for parameter in model.model[:frozen].parameters():
            parameter.requires_grad = False
        criterion.batches = 0
        model(batch())
        assert len(rows) == measured
    assert min(rows[-1]["grad/detection"], rows[-1]["grad/center"]) > 0


def test_detached_head_learns_without_pulling_on_the_detector() -> None:
    model = detector()
    criterion = with_head(model, gain=1.0, schedule="detach", schedule_epoch=5)
    for epoch, pulls in ((3, True), (4, False)):
        criterion.epoch = epoch
        model.zero_grad()
        model(batch())[0][-1].backward()
        assert (model.model[0].conv.weight.grad is not None and bool(model.model[0].conv.weight.grad.any())) is pulls
        assert criterion.heads["center"].branches[0][2].weight.grad.any()


@pytest.mark.parametrize(
    ("keys", "epochs", "expected"),
    [
        ({}, (0, 9), (1.0, 1.0)),
        ({"schedule": "linear"}, (0, 9), (1.0, 0.0)),
        ({"schedule": "linear", "schedule_epoch": 5}, (2, 4, 9), (0.5, 0.0, 0.0)),
        ({"schedule": "cosine"}, (0, 9), (1.0, 0.0)),
        ({"schedule": "cosine", "schedule_epoch": 5}, (2,), (0.5,)),
        ({"schedule": "detach", "schedule_epoch": 5}, (9,), (1.0,)),
    ],
)
def test_schedule_factors(keys: dict[str, Any], epochs: tuple[int, ...], expected: tuple[float, ...]) -> None:
    spec = CenterSpec(**keys)
    assert [schedule_factor(spec, epoch, 10) for epoch in epochs] == pytest.approx(expected)


def test_gain_follows_slowly_and_only_when_asked() -> None:
    assert follow(None, 4.0, 0.1) == 4.0
    assert follow(1.0, 4.0, 0.5) == pytest.approx(2.0)
    fixed = GainControl(share=None, gain=3.0)
    fixed.update(1.0, 100.0, warm=True)
    assert fixed.gain == 3.0
    followed = GainControl(share=0.1, gain=None)
    followed.update(0.0, 1.0, warm=False)
    assert followed.gain is None
    followed.update(2.0, 10.0, warm=False)
    assert followed.gain == pytest.approx(0.5)
    followed.update(2.0, 1000.0, warm=True)
    assert followed.gain == pytest.approx(0.5 * 100**0.2)


def test_log_averages_an_epoch_and_repeats_itself_without_measurements() -> None:
    log = GradientLog()
    assert log.close_epoch() == {}
    log.add({"x": 1.0})
    log.add({"x": 3.0})
    assert log.close_epoch() == {"x": 2.0}
    assert log.close_epoch() == {"x": 2.0}


@pytest.mark.parametrize("wrong", [math.inf, math.nan])
def test_measurements_that_are_no_numbers_move_nothing(wrong: float) -> None:
    control, log = GainControl(0.1, 2.0), GradientLog()
    control.update(wrong, 1.0, warm=True)
    control.update(1.0, wrong, warm=True)
    assert control.gain == 2.0
    log.add({"grad/box": 3.0})
    log.add({"grad/box": wrong})
    assert log.close_epoch() == {"grad/box": 3.0}


def test_gain_warnings_name_the_figures() -> None:
    usual = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
    row = {"grad/box": 1.0, "grad/cls": 1.0, "grad/dfl": 1.0, "grad/detection": 2.0, "grad/center": 0.2}
    assert gain_warnings(row, ["center"], usual) == []
    outweighed = gain_warnings({**row, "grad/center": 2.5}, ["center"], usual)
    assert len(outweighed) == 1
    assert "2.5" in outweighed[0]
    assert "center.share" in outweighed[0]
    small = {**row, "grad/box": 0.001, "grad/dfl": 0.001}
    assert gain_warnings(small, ["center"], usual) == []  # the start of a training, not its gains
    class_only = gain_warnings(small, ["center"], {"box": 0.01, "cls": 0.5, "dfl": 0.01})
    assert len(class_only) == 1
    assert "class-only" in class_only[0]
    assert "0.00141" in class_only[0]
    assert gain_warnings({**row, "grad/box": 0.0, "grad/dfl": 0.0}, [], {"box": 0.0, "cls": 0.5, "dfl": 0.0})
    assert gain_warnings({**row, "grad/cls": 0.0}, [], {**usual, "cls": 0.0}) == []


def test_bfloat16_has_no_half_cells_left_on_wide_grids() -> None:
    maps = [torch.zeros(1, 2, 3, 160, dtype=torch.bfloat16), torch.zeros(1, 2, 2, 80, dtype=torch.bfloat16)]
    expected = make_anchors([map_.float() for map_ in maps], [4, 8], 0.5)
    rounded = make_anchors(maps, [4, 8], 0.5)
    assert not torch.equal(rounded[0].float(), expected[0])
    preds = with_exact_grids({"one2many": {"feats": maps, "scores": 1}, "one2one": {"feats": maps}})
    for branch in preds.values():
        assert all(map(torch.equal, make_anchors(branch["feats"], [4, 8], 0.5), expected))
    assert preds["one2many"]["scores"] == 1
    for narrow in ({"feats": maps[1:]}, {"feats": [map_.float() for map_ in maps]}, [maps]):
        kept = with_exact_grids(narrow)
        assert kept["feats"][0] is narrow["feats"][0] if isinstance(narrow, dict) else kept is narrow


@pytest.mark.parametrize("heads", [{"center": CenterSpec()}, {}])
def test_anchors_of_a_wide_bfloat16_grid_lie_in_their_cells(heads: dict[str, Any], monkeypatch) -> None:
    model = detector("yolov8n-p2.yaml")
    criterion = attach(model, heads, epochs=1)
    criterion.detection = model.init_criterion()
    placed: list[torch.Tensor] = []
    assign = criterion.detection.assigner.forward

    def watch(scores: Any, boxes: Any, anchors: torch.Tensor, *rest: Any) -> Any:
        placed.append(anchors)
        return assign(scores, boxes, anchors, *rest)

    monkeypatch.setattr(criterion.detection.assigner, "forward", watch)
    shown = {**batch(images=1), "img": torch.rand(1, 3, 32, 1056)}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = criterion(model.train()(shown["img"]), shown)
    columns = placed[0][: 8 * 264, 0].unique()  # of stride 4, pixels
    assert torch.equal(columns.float(), 4 * torch.arange(264) + 2)
    loss.sum().backward()
    assert all(parameter.grad is not None for parameter in model.model[0].parameters())
