"""Contracts with the parts of Ultralytics that auxhead builds on although they are not documented."""

from __future__ import annotations

import inspect
from copy import deepcopy
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch
from ultralytics.cfg import get_cfg
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.nn.tasks import DetectionModel, _SafeLoad, yaml_model_load
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss

from auxhead.errors import HostVersionError
from auxhead.host import compat
from auxhead.host.checkpoint import nothing_installed
from auxhead.training.resolve import EXTRA_KEYS

pytestmark = pytest.mark.core


def test_all_touch_points_are_there() -> None:
    compat.require_host()


@pytest.mark.parametrize(
    "gone",
    [
        "ultralytics.nn.tasks:DetectionModel.no_such_method",
        "ultralytics.no_such_module:thing",
        "ultralytics.cfg:nothing",
    ],
)
def test_a_missing_touch_point_is_named(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compat.TOUCH_POINTS, gone, "a test needs it")
    with pytest.raises(HostVersionError, match="a test needs it") as caught:
        compat.require_host()
    assert "pip install" in str(caught.value)


def test_missing_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(compat, "version", missing)
    with pytest.raises(HostVersionError, match="pip install ultralytics"):
        compat.installed()


def test_head_hands_out_its_inputs_and_the_loss_its_assignment() -> None:
    model = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    model.args = get_cfg()
    image = torch.rand(2, 3, 64, 64)
    preds = model(image)
    assert [tuple(map_.shape) for map_ in preds["feats"]] == [(2, 64, 8, 8), (2, 128, 4, 4), (2, 256, 2, 2)]
    assert preds["boxes"].shape == (2, 64, 84)
    batch = {
        "img": image,
        "cls": torch.tensor([[1.0]]),
        "bboxes": torch.tensor([[0.5, 0.25, 0.5, 0.25]]),
        "batch_idx": torch.tensor([1.0]),
    }
    criterion = model.init_criterion()
    assigned, loss, items = criterion.get_assigned_targets_and_loss(preds, batch)
    foreground, _, boxes, anchors, strides = assigned
    assert foreground.shape == (2, 84)
    assert foreground.dtype == torch.bool
    assert not foreground[0].any()
    assert foreground[1].any()
    assert torch.allclose(boxes[1][foreground[1]], torch.tensor([16.0, 8.0, 48.0, 24.0]))  # pixels of the input
    assert tuple(anchors[0].tolist()) == (0.5, 0.5)
    assert tuple(anchors[1].tolist()) == (1.5, 0.5)  # x first
    assert strides.flatten().unique().tolist() == [8, 16, 32]
    assert tuple(items) == criterion.loss_names
    stock, _ = criterion(preds, batch)
    assert torch.equal(stock, loss * 2)  # times the batch size


def test_end_to_end_criterion_weighs_two_branches() -> None:
    model = DetectionModel("yolo26n.yaml", nc=3, verbose=False)
    model.args = get_cfg()
    criterion = model.init_criterion()
    assert isinstance(criterion, E2ELoss)
    assert isinstance(criterion.one2many, v8DetectionLoss)
    assert criterion.o2m + criterion.o2o == pytest.approx(1.0)
    preds = model(torch.rand(1, 3, 64, 64))
    assert preds["one2many"]["feats"][0].requires_grad
    assert not preds["one2one"]["feats"][0].requires_grad


def test_trainer_calls_our_hooks_in_the_order_we_rely_on() -> None:
    setup = inspect.getsource(BaseTrainer._setup_train)
    order = [
        "self.setup_model()",
        "self.model.to(self.device)",
        "self.set_model_attributes()",
        "attempt_compile(",
        "DistributedDataParallel(",
        "self._build_train_pipeline()",
        "self.set_class_weights()",
        "ModelEMA(",
        "self.resume_training(",
    ]
    places = [setup.index(call) for call in order]
    assert places == sorted(places)
    loop = inspect.getsource(BaseTrainer._do_train)
    order = [
        "self._model_train()",
        "autocast(",
        "self.model(batch)",
        ".backward()",
        "self.validate()",
        "self.save_metrics(",
    ]
    places = [loop.index(call) for call in [*order, "self.save_model()", "self.final_eval()"]]
    assert places == sorted(places)


def test_ultralytics_accepts_the_same_extra_keys() -> None:
    from ultralytics.cfg import check_dict_alignment

    check_dict_alignment({}, dict.fromkeys(EXTRA_KEYS))
    with pytest.raises(SyntaxError):
        check_dict_alignment({}, {"something": 1})


def test_ultralytics_installs_nothing_where_we_forbid_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from ultralytics.utils import checks

    calls = []
    monkeypatch.setattr(checks, "AUTOINSTALL", True)
    monkeypatch.setattr(checks, "ONLINE", True)
    monkeypatch.setattr(checks.subprocess, "check_output", lambda *words, **_: calls.append(words) or "")
    with nothing_installed():
        assert checks.check_requirements("no-such-package-of-anybody") is False
    assert calls == []
    assert checks.AUTOINSTALL is True
    checks.check_requirements("no-such-package-of-anybody")
    assert calls  # what it would do otherwise


def test_restricted_building_evaluates_nothing(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "empty.pt")
    yaml = yaml_model_load("yolov8n.yaml") | {"activation": f"open({str(tmp_path / 'seen')!r}, 'w') and nn.SiLU()"}
    with _SafeLoad.loading(str(tmp_path / "empty.pt")), pytest.raises(TypeError, match="activation"):
        DetectionModel(deepcopy(yaml), verbose=False)
    assert not (tmp_path / "seen").exists()
    DetectionModel(deepcopy(yaml), verbose=False)
    assert (tmp_path / "seen").exists()  # what it would do otherwise
