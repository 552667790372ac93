from __future__ import annotations

import copy
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError
from tests.model.test_criterion import FAMILIES, batch, detector
from tests.small import SMALL
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import box_iou
from ultralytics.cfg import get_cfg
from ultralytics.nn.modules.conv import Concat
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss
from ultralytics.utils.torch_utils import ModelEMA

from auxhead.errors import AttachError, ConfigError
from auxhead.heads.base import IGNORED, RawPredictions, SharedFeatures, Targets
from auxhead.heads.teacher import decode_boxes
from auxhead.keys.heads.center import CenterSpec
from auxhead.keys.heads.detect import DetectSpec
from auxhead.model.attach import attach, plain
from auxhead.model.criterion import HeadCriterion
from auxhead.model.detect import DetectHead
from auxhead.model.taps import finer_maps


def with_assistant(model: DetectionModel, **keys: Any) -> HeadCriterion:
    criterion = attach(model, {"detect": DetectSpec(**keys)}, epochs=10)
    criterion.detection = model.init_criterion()
    return criterion


def assistant(criterion: HeadCriterion) -> DetectHead:
    head = criterion.heads["detect"]
    assert isinstance(head, DetectHead)
    return head


def terms(items: dict[str, Tensor]) -> dict[str, float]:
    return {name: value.item() for name, value in items.items() if name.startswith("detect_")}


# -- where it sits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model_yaml", "layer"), [("yolov8n.yaml", 2), ("yolo26n.yaml", 2), ("yolov3-tiny.yaml", 4)])
def test_finer_maps_are_the_last_ones_of_their_strides(model_yaml: str, layer: int) -> None:
    model = DetectionModel(model_yaml, nc=1, verbose=False)
    given: dict[int, tuple[int, ...]] = {}
    hooks = [
        layer.register_forward_hook(lambda layer, _, out, i=i: given.update({i: tuple(out.shape)}))
        for i, layer in enumerate(model.model[:10])
    ]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = finer_maps(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 128, 128))
    for hook in hooks:
        hook.remove()
    place = found[4.0]
    assert place.layer == layer
    assert given[place.layer] == (1, place.channels, 32, 32)
    assert given[place.layer + 1][-1] == 16
    assert max(found) < min(model.stride)


@pytest.mark.parametrize("model_yaml", FAMILIES)
def test_every_family_has_an_assistant_on_stride_4_that_teaches_it(model_yaml: str) -> None:
    model = detector(model_yaml)
    stock = copy.deepcopy(model)
    criterion = with_assistant(model, gain=1.0)
    assert assistant(criterion).branch.stride.tolist() == [4.0]
    assert assistant(criterion).finer == (() if "p2" in model_yaml else (4.0,))
    data = batch()
    torch.manual_seed(5)
    loss, items = model(data)
    torch.manual_seed(5)
    stock_loss, stock_items = stock(data)
    assert torch.equal(loss[: len(stock_loss)], stock_loss)
    assert all(torch.equal(items[name], stock_items[name]) for name in stock_items)
    last = "l1" if "26" in model_yaml else "dfl"  # as the detector's
    assert list(terms(items)) == ["detect_box_loss", "detect_cls_loss", f"detect_{last}_loss"]
    assert all(value > 0 for value in terms(items).values())
    weight = criterion.detection.o2m if isinstance(criterion.detection, E2ELoss) else 1.0
    assert loss[-3:].sum().item() == pytest.approx(sum(terms(items).values()) * 2 * weight, rel=1e-5)

    model.zero_grad()
    loss[-3:].sum().backward()  # the assistant's terms alone
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in criterion.heads["detect"].parameters())
    assert next(model.model[0].parameters()).grad.abs().sum() > 0
    finest = model.model[model.model[-1].f[0]]  # gives the finest map that the detector's own head reads
    assert all(p.grad.abs().sum() > 0 for p in finest.parameters())
    assert all(p.grad is None or not p.grad.any() for p in model.model[-1].parameters())


def test_strides_are_the_detectors_levels_or_finer_ones() -> None:
    shapes = {}
    for strides in ((2, 4), (8,), (4, 8, 32)):
        model = detector()
        head = assistant(with_assistant(model, strides=strides, gain=1.0))
        shapes[strides] = (head.finer, [branch[0].conv.in_channels for branch in head.branch.cv2])
        loss, _ = model(batch())
        assert torch.isfinite(loss).all()
    assert shapes == {
        (2, 4): ((2.0, 4.0), [16, 32]),
        (8,): ((), [64]),
        (4, 8, 32): ((4.0,), [32, 64, 256]),
    }
    with pytest.raises(ConfigError, match=r"(?s)strides among 2, 4, 8, 16, 32, .* 3, 64\n.*detect\.strides=3,4,64"):
        with_assistant(detector(), strides=(3, 4, 64))


# -- what it predicts and how that is judged --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_yaml", "strides"), [("yolo11n.yaml", (8, 16, 32)), ("yolo26n-p2.yaml", (4, 8, 16, 32))], ids=["dfl", "l1"]
)
def test_with_a_detectors_weights_its_loss_is_that_detectors(model_yaml: str, strides: tuple[int, ...]) -> None:
    model = detector(model_yaml)
    model.class_weights = torch.tensor([1.0, 3.0, 0.5])
    criterion = with_assistant(model, strides=strides, gain=1.0)
    branch, own = assistant(criterion).branch, model.model[-1]
    missing, _ = branch.load_state_dict(own.state_dict(), strict=False)
    assert missing == []
    data = batch()
    preds = model(data["img"])
    branch_of = preds.get("one2many", preds)
    loss_of = getattr(criterion.detection, "one2many", criterion.detection)
    _, expected, _ = loss_of.get_assigned_targets_and_loss(branch_of, data)
    _, items = criterion(preds, data)
    assert list(terms(items).values()) == pytest.approx(expected.tolist(), rel=1e-6)


def test_its_loss_on_stride_4_is_ultralytics_loss_of_a_detect_there() -> None:
    model = detector()
    criterion = with_assistant(model, gain=1.0)
    head = assistant(criterion)
    data = batch(size=96)
    seen: list[Tensor] = []
    handle = model.model[2].register_forward_hook(lambda _, __, out: seen.append(out))
    preds = model(data["img"])
    handle.remove()
    step = [nn.Upsample(scale_factor=2, mode="nearest"), Concat(1), copy.deepcopy(head.joins[0])]  # of yolov8-p2.yaml
    joined = step[2](step[1]([step[0](preds["feats"][0]), seen[0]]))
    stock = copy.deepcopy(head.branch)
    alone = SimpleNamespace(parameters=stock.parameters, args=model.args, model=[stock], class_weights=None)
    _, expected = v8DetectionLoss(alone).loss(stock([joined]), data)
    _, items = criterion(preds, data)
    assert terms(items) == pytest.approx({f"detect_{name}": value.item() for name, value in expected.items()})


def test_one_batch_is_learned_until_its_own_boxes_fit() -> None:
    torch.manual_seed(0)
    model = DetectionModel(yaml.safe_load(SMALL.format(head="Detect, [nc]")), nc=3, verbose=False)
    model.args = get_cfg()
    criterion = with_assistant(model, gain=1.0)
    head = assistant(criterion)
    data = batch(objects=2, size=64)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    outputs: list[Tensor] = []
    head.register_forward_hook(lambda _, __, out: outputs.append(out.detach()))
    center, side = data["bboxes"][:, :2], data["bboxes"][:, 2:]
    truth = torch.cat((center - side / 2, center + side / 2), 1) * 64

    def fit() -> float:
        """Mean over the objects of the largest IoU among the ten predictions that score highest for its class."""
        raw = RawPredictions(outputs[-1][:, :64], outputs[-1][:, 64:], ((16, 16),), (4.0,))
        best = []
        for box, image, label in zip(truth, data["batch_idx"].long(), data["cls"].long()[:, 0], strict=True):
            top = raw.scores[image, label].topk(10).indices
            best.append(box_iou(decode_boxes(raw, image.expand(10), top), box[None]).max().item())
        return sum(best) / len(best)

    values, fits = [], []
    for _ in range(60):
        loss, items = model(data)
        values.append(sum(terms(items).values()))
        fits.append(fit())
        optimizer.zero_grad()
        loss[-3:].sum().backward()
        optimizer.step()
    assert values[-1] < values[0] / 10
    assert fits[0] < 0.3
    assert fits[-1] > 0.7


def test_nothing_is_learned_where_nobody_looked() -> None:
    model = DetectionModel("yolov8n.yaml", nc=1, verbose=False)
    model.args = detector().args
    with_assistant(model, gain=1.0)
    data = batch(objects=0)
    everywhere = [[float(place), -1, 0.5, 0.5, 1.0, 1.0] for place in range(len(data["img"]))]
    ignored = {**data, IGNORED: torch.tensor(everywhere)}
    assert terms(model(data)[1])["detect_cls_loss"] > 0
    assert set(terms(model(ignored)[1]).values()) == {0.0}


@pytest.mark.parametrize(("model_yaml", "narrow"), [("yolov8n.yaml", True), ("yolo26n.yaml", False)])
def test_a_batch_without_objects_is_all_background(model_yaml: str, narrow: bool) -> None:
    model = DetectionModel(model_yaml, nc=1, verbose=False)
    model.args = detector().args
    with_assistant(model, gain=1.0)
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        loss, items = model(batch(objects=0))
    values = list(terms(items).values())
    assert values[1] > 0
    assert (values[0], values[2]) == (0, 0)
    loss.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_its_anchors_are_exact_in_bfloat16_beyond_128_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedFeatures(channels=(16,), strides=(8.0,), nc=3, reg_max=16, finer={4.0: 8})
    head = DetectHead(DetectSpec(), shared)
    high, wide = 32, 1024
    data = batch(images=1) | {"img": torch.zeros(1, 3, high, wide)}
    host = SimpleNamespace(hyp=detector().args, class_weights=None)
    nothing = torch.zeros(0)
    raw = RawPredictions(nothing, nothing, ((4, 128),), (8.0,))
    targets = Targets(nothing, nothing, nothing, nothing, nothing, (high, wide), data, raw, host=host)
    stock = v8DetectionLoss.get_assigned_targets_and_loss
    anchors: list[Tensor] = []

    def spy(*given: Any) -> Any:
        result = stock(*given)
        anchors.append(result[0][3])
        return result

    monkeypatch.setattr(v8DetectionLoss, "get_assigned_targets_and_loss", spy)
    losses = head.loss(torch.randn(1, 67, 8 * 256).bfloat16(), targets)
    assert all(torch.isfinite(value) for value in losses.values())
    assert torch.equal(anchors[0][:256, 0], torch.arange(256) + 0.5)  # bfloat16 has no halves from 128 on


def test_its_pull_follows_its_share_and_ends_where_its_schedule_says() -> None:
    model = detector()
    criterion = with_assistant(model)
    model(batch())
    row = criterion.log.close_epoch()
    assert row["share/detect"] == pytest.approx(0.25, rel=1e-4)
    model = detector()
    criterion = with_assistant(model, gain=1.0, schedule="detach", schedule_epoch=3)
    for epoch, reaches in ((1, True), (2, False)):
        criterion.epoch = epoch
        model.zero_grad()
        loss, _ = model(batch())
        loss[-3:].sum().backward()
        assert any(p.grad is not None and p.grad.any() for p in model.model.parameters()) == reaches
        assert all(p.grad.any() for p in criterion.parameters())


# -- beside the detector, and off again -------------------------------------------------------------------------------


def saved(model: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save(model, buffer)
    return buffer.getvalue()


def test_without_it_the_model_is_the_stock_one_in_every_byte() -> None:
    model = detector()
    stock = saved(plain(model))
    criterion = attach(model, {"center": CenterSpec(), "detect": DetectSpec()}, epochs=1)
    criterion.detection = model.init_criterion()
    assert saved(plain(model)) == stock
    model(batch())  # notes maps, moves statistics
    bare = plain(model)
    assert b"auxhead" not in saved(bare)
    again = with_assistant(model)  # the earlier one's hooks are gone
    assert len(model.model[2]._forward_hooks) == len(again.taps) == 1


def test_nothing_runs_or_stays_outside_of_training() -> None:
    model = detector()
    criterion = with_assistant(model)
    criterion.heads["detect"].register_forward_hook(lambda *_: pytest.fail("the assistant ran"))
    model.eval()
    with torch.no_grad():
        preds = model(batch()["img"])
        _, items = model.loss(batch(), preds)
    assert set(items) == {"box_loss", "cls_loss", "dfl_loss"}
    assert criterion.taps[4.0].map is None


def test_copies_note_maps_of_their_own() -> None:
    model = detector()
    criterion = with_assistant(model, gain=1.0)
    model(batch())
    average = ModelEMA(model).ema
    copied = average.criterion
    assert copied.taps[4.0] is not criterion.taps[4.0]
    average.train()
    preds = average(batch()["img"].clone().requires_grad_())
    assert copied.taps[4.0].map is not None
    assert criterion.taps[4.0].map is None
    copied(preds, batch())
    with pytest.raises(AttachError, match=r"(?s)map of stride 4, .*let the model"):
        copied(preds, batch())  # taken already


def test_the_page_states_what_it_costs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "detect-head.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| (yolo\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d,]+) \|$", page, re.MULTILINE)
    assert len(stated) == 4
    for name, own, added, parameters in stated:
        model = detector(f"{name}.yaml")
        criterion = with_assistant(model)
        with torch.no_grad(), FlopCounterMode(display=False) as counted:
            preds = model(torch.zeros(1, 3, 64, 64))
        features = preds.get("one2many", preds)["feats"]
        head = assistant(criterion)
        finer = torch.zeros(1, head.shared.finer[4.0], 16, 16)
        with torch.no_grad(), FlopCounterMode(display=False) as more:
            head([*features, finer])
        assert (own, added) == tuple(f"{each.get_total_flops() * 100 / 1e9:.1f}" for each in (counted, more))  # 640 px
        assert int(parameters.replace(",", "")) == sum(p.numel() for p in head.parameters())


# -- keys --------------------------------------------------------------------------------------------------------------


def test_strides_are_read_as_typed_and_as_written_down() -> None:
    typed: list[Any] = [4, (8, 4), [4, 16]]
    assert [DetectSpec(strides=given).strides for given in typed] == [(4,), (4, 8), (4, 16)]
    assert DetectSpec.model_validate({**DetectSpec(strides=(4, 8)).model_dump(mode="json")}).strides == (4, 8)


@pytest.mark.parametrize(
    "keys", [{"strides": ()}, {"strides": (4, 4)}, {"strides": 0}, {"strides": True}, {"reg_max": 0}]
)
def test_keys_that_mean_nothing_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DetectSpec(**keys)
