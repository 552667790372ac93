"""Contracts with the parts of Ultralytics that auxhead builds on although they are not documented."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ultralytics.cfg import get_cfg
from ultralytics.data.augment import Mosaic
from ultralytics.data.utils import check_det_dataset
from ultralytics.engine.trainer import BaseTrainer, autocast
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn import tasks
from ultralytics.nn.modules.head import Detect
from ultralytics.nn.tasks import DetectionModel, _SafeLoad, yaml_model_load
from ultralytics.utils import ROOT, SETTINGS, checks
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss
from ultralytics.utils.tal import TaskAlignedAssigner

from auxhead.errors import HostVersionError
from auxhead.host import compat
from auxhead.host.checkpoint import nothing_installed
from auxhead.host.compat import ATTRIBUTES, TOUCH_POINTS, TouchPoint
from auxhead.keys.host import EXTRA_KEYS

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
    monkeypatch.setitem(TOUCH_POINTS, gone, TouchPoint("...", "a test needs it"))
    with pytest.raises(HostVersionError, match="a test needs it") as caught:
        compat.require_host()
    assert "pip install" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("ultralytics.engine.trainer:BaseTrainer.save_metrics", lambda self: None),
        ("ultralytics.engine.trainer:BaseTrainer.save_metrics", lambda self, metrics, epoch=0: None),  # we override it
        ("ultralytics.nn.tasks:torch_safe_load", lambda weight, only=None: None),
        ("ultralytics.nn.tasks:torch_safe_load", lambda safe_only, weight: None),
        ("ultralytics.nn.tasks:torch_safe_load", lambda weight, safe_only, device: None),
        ("ultralytics.utils.tal:make_anchors", lambda strides, feats, grid_cell_offset=0.5: None),
        ("ultralytics.utils.tal:make_anchors", lambda feats, *, strides, grid_cell_offset=0.5: None),
    ],
    ids=["fewer", "more than ours takes", "renamed", "other order", "one more is needed", "swapped", "by name only"],
)
def test_a_changed_signature_is_named(name: str, changed: object, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, path = name.partition(":")
    owner, _, function = path.rpartition(".")
    place = import_module(module)
    monkeypatch.setattr(getattr(place, owner) if owner else place, function, changed)
    with pytest.raises(HostVersionError) as caught:
        compat.require_host()
    assert name in caught.value.found
    assert TOUCH_POINTS[name].reason in caught.value.found
    assert caught.value.found.count(" takes ") == 1


def test_other_parameters_may_come_where_we_only_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "torch_safe_load", lambda weight, device=None, *, safe_only=False, **more: None)
    compat.require_host()


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
    yaml = yaml_model_load("yolov8n.yaml") | {
        "activation": f"open({str(tmp_path / 'seen')!r}, 'w').close() or nn.SiLU()"
    }
    with _SafeLoad.loading(str(tmp_path / "empty.pt")), pytest.raises(TypeError, match="activation"):
        DetectionModel(deepcopy(yaml), verbose=False)
    assert not (tmp_path / "seen").exists()
    DetectionModel(deepcopy(yaml), verbose=False)
    assert (tmp_path / "seen").exists()  # what it would do otherwise


# -- what only instances have ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_ones(tiny: dict[str, object], signs: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A stock trainer ready for its first batch, and an end-to-end model with its criterion."""
    folder = str(tmp_path_factory.mktemp("contract"))
    trainer = DetectionTrainer(overrides={**tiny, "project": folder, "workers": 0})
    trainer._setup_train()
    model = DetectionModel("yolo26n.yaml", nc=3, verbose=False)
    model.args = get_cfg()
    return SimpleNamespace(trainer=trainer, model=model, criterion=model.init_criterion(), data=str(signs))


def amp(one: SimpleNamespace) -> bool:
    with autocast(True, device="cpu"):
        wide = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16
    return wide and one.trainer.amp is False and "self.amp, device=" in inspect.getsource(BaseTrainer._do_train)


def replaced(one: SimpleNamespace) -> bool:
    batch = next(iter(one.trainer.train_loader))
    assert set(batch) >= {"img", "cls", "bboxes", "batch_idx", "im_file"}
    assert one.trainer.preprocess_batch(batch)["img"].dtype is torch.float32
    return "self.preprocess_batch(batch)" in inspect.getsource(BaseTrainer._do_train)


def branch(one: SimpleNamespace) -> bool:
    head = one.model.model[-1]
    told = []
    for end2end in (True, False):
        one.model.end2end = end2end
        told.append((head.end2end, vars(head)["_end2end"]))
    return told == [(True, True), (False, False)]


def single(one: SimpleNamespace) -> bool:
    """Take the one-to-one branch away: what is left is what the one-to-many branch gives."""
    model = deepcopy(one.model).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        both = model(image)[1]["one2many"]
        model.model[-1].one2one_cv2 = model.model[-1].one2one_cv3 = None
        alone = model(image)[1]
    return all(torch.equal(alone[part], both[part]) for part in ("boxes", "scores"))


def anchors(one: SimpleNamespace) -> bool:
    keys = {"topk": 10, "num_classes": 1, "alpha": 0.5, "beta": 6.0}
    values = [TaskAlignedAssigner(**keys, stride=stride).stride_val for stride in ([8.0, 16.0, 32.0], [4.0, 8.0])]
    return values == [16.0, 8.0]


def entries(one: SimpleNamespace) -> bool:
    found = check_det_dataset(one.data)
    there = {"yaml_file", "channels", "names", "nc", "train", "val"} <= set(found)
    return there and found["channels"] == 3 and Path(found["yaml_file"]).resolve() == Path(one.data).resolve()


def kinds(one: SimpleNamespace) -> bool:
    """Build both kinds of class branch, whose parts have other names."""
    names = []
    for legacy in (True, False):
        head = type("Detect", (Detect,), {"legacy": legacy})(3, 16, False, (64, 128, 256))
        names.append(list(head.cv3.state_dict()))
    other = DetectionModel("yolov8n.yaml", nc=3, verbose=False).model[-1]
    return names == [list(other.cv3.state_dict()), list(one.model.model[-1].cv3.state_dict())]


def aimed(one: SimpleNamespace) -> bool:
    """Build the loss of a branch from what it asks of a model."""
    branch = Detect(nc=3, reg_max=4, ch=(8,))
    branch.stride = torch.tensor([4.0])
    weights = torch.tensor([1.0, 2.0, 3.0])
    asked = SimpleNamespace(
        parameters=branch.parameters, args=one.model.args, model=[branch], class_weights=weights.view(1, 1, 3)
    )
    loss = v8DetectionLoss(asked, tal_topk=7)
    told = (loss.assigner.topk, loss.assigner.stride, loss.reg_max, loss.hyp)
    return torch.equal(loss.class_weights.flatten(), weights) and told == (7, [4.0], 4, one.model.args)


def buffered(one: SimpleNamespace) -> bool:
    """Load one image more than the buffer of a mosaic holds: the oldest one goes."""
    data = one.trainer.get_dataloader(one.trainer.data["train"], batch_size=1, rank=-1, mode="train").dataset
    data.max_buffer_length = 3
    for image in (0, 1, 2, 1):
        data.load_image(image)
    return data.buffer == [1, 2] and data.ims[0] is None and data.ims[1] is not None


def mixing(one: SimpleNamespace) -> bool:
    """Let a mosaic of pictures that are all in memory be made of those in the buffer."""
    mosaic = Mosaic(SimpleNamespace(cache="ram", buffer=[5], __len__=lambda: 9), imgsz=64)
    usual, mosaic.buffer_enabled = mosaic.buffer_enabled, True
    return not usual and mosaic.get_indexes() == [5, 5, 5]


def stepping(one: SimpleNamespace) -> bool:
    source = inspect.getsource(BaseTrainer._do_train)
    once = source.count("optimizer_step()") == source.count("last_opt_step = ni") == 1
    return once and "last_opt_step = -1" in source and "if ni - last_opt_step >= self.accumulate:" in source


CHECKS: dict[str, Callable[[SimpleNamespace], object]] = {
    "BaseDataset.buffer": buffered,
    "BaseTrainer.accumulate": stepping,
    "BaseTrainer.amp": amp,
    "BaseTrainer.preprocess_batch": replaced,
    "BaseTrainer.test_loader": lambda one: next(iter(one.trainer.test_loader))["img"].dtype is torch.uint8,
    "Detect._end2end": branch,
    "Detect.cv2": lambda one: [layers[0].conv.in_channels for layers in one.model.model[-1].cv2] == [64, 128, 256],
    "Detect.legacy": kinds,
    "Detect.one2one_cv2": single,
    "E2ELoss.o2m": lambda one: one.criterion.o2m == pytest.approx(0.8),
    "E2ELoss.o2o": lambda one: one.criterion.o2o == pytest.approx(0.2),
    "E2ELoss.one2many": lambda one: isinstance(one.criterion.one2many, v8DetectionLoss),
    "E2ELoss.one2one": lambda one: callable(one.criterion.one2one.loss),
    "Mosaic.buffer_enabled": mixing,
    "ROOT/cfg/models": lambda one: (
        {"yolov8.yaml", "yolov8-p2.yaml"} <= {path.name for path in (ROOT / "cfg" / "models").rglob("*.yaml")}
    ),
    "SETTINGS": lambda one: {"datasets_dir", "runs_dir"} <= set(SETTINGS),
    "TaskAlignedAssigner.stride_val": anchors,
    "check_det_dataset": entries,
    "checks.AUTOINSTALL": lambda one: checks.AUTOINSTALL is False,  # as YOLO_AUTOINSTALL says here
    "v8DetectionLoss.class_weights": aimed,
    "v8DetectionLoss.hyp": lambda one: one.criterion.one2many.hyp is one.model.args,
    "v8DetectionLoss.loss_names": lambda one: one.criterion.one2many.loss_names == ("box_loss", "cls_loss", "l1_loss"),
}


def test_every_attribute_has_its_check() -> None:
    assert set(CHECKS) == set(ATTRIBUTES)


@pytest.mark.parametrize("name", CHECKS)
def test_attributes_are_what_we_take_them_for(name: str, tiny_ones: SimpleNamespace) -> None:
    assert CHECKS[name](tiny_ones), ATTRIBUTES[name]
