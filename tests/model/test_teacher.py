from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel, PoseModel

from auxhead.errors import ModelError
from auxhead.heads.teacher import LARGE, TeacherHead
from auxhead.keys.heads.center import CenterSpec
from auxhead.keys.heads.teacher import TeacherSpec
from auxhead.model.attach import attach, plain
from auxhead.model.criterion import HeadCriterion
from auxhead.model.teacher import Teacher, class_order, require_teacher

NAMES = {0: "a", 1: "b", 2: "c"}


def normalisations(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def detector(yaml: str = "yolov8n.yaml", seed: int = 0) -> DetectionModel:
    """A detector that sees something everywhere, as if its normalisation had been trained."""
    torch.manual_seed(seed)
    model = DetectionModel(yaml, nc=3, verbose=False)
    model.args, model.names = get_cfg(), dict(NAMES)
    for branches in (model.model[-1].cv3, getattr(model.model[-1], "one2one_cv3", None) or []):
        for branch in branches:
            nn.init.zeros_(branch[-1].bias)
    for module in normalisations(model):
        module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.rand(2, 3, 64, 64))
    return model


def batch(size: int = 64, scale: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    large = torch.rand(2, 3, size * scale, size * scale, generator=generator)
    return {
        "img": nn.functional.avg_pool2d(large, scale),
        **({LARGE: large} if scale > 1 else {}),
        "cls": torch.tensor([[0.0], [1.0], [2.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.3, 0.3], [0.3, 0.4, 0.2, 0.2], [0.6, 0.6, 0.4, 0.1]]),
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
    }


def taught(model: DetectionModel, teacher: Teacher, **keys: Any) -> HeadCriterion:
    specs = {"teacher": TeacherSpec(**{"weights": "t.pt", "warmup": 0, **keys})}
    criterion = attach(model, specs, epochs=10)
    criterion.detection = model.init_criterion()
    head = criterion.heads["teacher"]
    assert isinstance(head, TeacherHead)
    head.meet(teacher)
    return criterion


def frozen_statistics(model: nn.Module) -> None:
    """Let normalisation in a training forward do what it does in use, as the teacher's does."""
    for module in normalisations(model):
        module.eval()


@pytest.mark.parametrize("yaml", ["yolov8n.yaml", "yolov10n.yaml", "yolo26n.yaml"])
def test_a_copy_of_oneself_teaches_nothing_and_another_one_reaches_all_branches(yaml: str) -> None:
    model = detector(yaml)
    criterion = taught(model, Teacher(copy.deepcopy(model), range(3)), gain=1.0)
    frozen_statistics(model)
    _, items = model(batch())
    assert items["teach_cls_loss"] == pytest.approx(0, abs=1e-5)
    assert items["teach_box_loss"] == pytest.approx(0, abs=1e-4)
    criterion.heads["teacher"].meet(Teacher(detector(yaml, seed=3), range(3)))
    loss, items = model(batch())
    assert items["teach_cls_loss"] > 1e-3
    model.zero_grad()
    loss[-2:].sum().backward()  # the teacher's terms alone
    detect = model.model[-1]
    assert model.model[0].conv.weight.grad.abs().sum() > 0
    assert all(branch[-1].weight.grad.abs().sum() > 0 for branch in (*detect.cv2[:1], *detect.cv3[:1]))
    other = [parameter.grad for name, parameter in detect.named_parameters() if "one2one" in name]
    assert not any(gradient is not None and gradient.any() for gradient in other)


def test_predictions_come_in_the_students_order_of_classes() -> None:
    model, images = detector(), batch()["img"]
    shuffled = copy.deepcopy(model)
    order = [2, 0, 1]  # the teacher's class 0 is the student's 2
    for branch in shuffled.model[-1].cv3:
        branch[-1].weight.data = branch[-1].weight.data[order]
        branch[-1].bias.data = branch[-1].bias.data[order] + torch.tensor(order)
    for branch in model.model[-1].cv3:
        branch[-1].bias.data += torch.arange(3)
    shuffled.names = {place: NAMES[own] for place, own in enumerate(order)}
    found = class_order(shuffled.names, NAMES, "t.pt")
    assert torch.equal(Teacher(shuffled, found)(images).scores, Teacher(model, range(3))(images).scores)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({0: "a", 1: "b"}, "it lacks c"),
        ({0: "a", 1: "b", 2: "x"}, "it lacks c; it has beside x"),
    ],
)
def test_other_classes_are_named(names: dict[int, str], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        class_order(names, NAMES, "t.pt")
    assert caught.value.found == message
    assert "t.pt" in caught.value.where


def test_a_teacher_may_know_more_and_write_names_otherwise() -> None:
    assert class_order({0: "d", 1: "C ", 2: "a", 3: "B", 4: "A"}, NAMES, "t.pt") == [2, 3, 1]
    model, images = detector(), batch()["img"]
    some = class_order(model.names, {0: "C", 1: "a"}, "t.pt")
    assert torch.equal(Teacher(model, some)(images).scores, Teacher(model, range(3))(images).scores[:, [2, 0]])


def test_classes_that_share_a_name_have_to_be_in_the_same_order() -> None:
    twins = {0: "a", 1: "b", 2: "a"}
    assert class_order(twins, twins, "t.pt") == [0, 1, 2]
    with pytest.raises(ModelError, match="share a name"):
        class_order({0: "a", 1: "a", 2: "b"}, twins, "t.pt")


def test_what_cant_teach_is_refused() -> None:
    with pytest.raises(ModelError, match="PoseModel") as caught:
        require_teacher(PoseModel("yolov8n-pose.yaml", verbose=False), "p.pt")
    assert caught.value.where == "teacher.weights=p.pt"
    fused = detector("yolov10n.yaml")
    fused.model[-1].cv2 = None
    with pytest.raises(ModelError, match="fused"):
        require_teacher(fused, "f.pt")


def test_the_share_is_measured_through_the_detectors_own_head() -> None:
    model = detector()
    criterion = taught(model, Teacher(detector(seed=3), range(3)), share=0.3, scale=2)
    model(batch(scale=2))
    row = criterion.log.close_epoch()
    assert row["share/teacher"] == pytest.approx(0.3, rel=1e-4)
    assert row["grad/teacher"] == pytest.approx(0.3 * row["grad/detection"], rel=1e-4)
    criterion.closing = True
    criterion.batches = 0
    loss, items = model(batch(scale=2))
    assert items["teach_cls_loss"] == items["teach_box_loss"] == 0
    loss.sum().backward()
    assert criterion.log.close_epoch()["share/teacher"] == 0


def test_teaching_rises_over_its_first_batches() -> None:
    teacher, data = Teacher(detector(seed=3), range(3)), batch()
    found = []
    for warmup in (0, 10):
        model = detector()
        frozen_statistics(model)
        taught(model, teacher, gain=1.0, warmup=warmup)
        found.append([model(data)[1]["teach_cls_loss"].item() for _ in range(2)])
    (whole, _), (first, second) = found
    assert (first, second) == (pytest.approx(whole / 10), pytest.approx(whole / 5))


def test_the_teacher_is_nowhere_in_the_model_and_stays_as_it_is() -> None:
    teacher = Teacher(detector(seed=3), range(3))
    before = {name: value.clone() for name, value in teacher.network.state_dict().items()}
    model = detector()
    criterion = taught(model, teacher)
    assert not list(criterion.parameters())
    assert not criterion.state_dict()
    assert not any(module is teacher.network for module in model.modules())
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(batch())[0].sum().backward()
    assert not teacher.network.training
    assert all(torch.equal(value, before[name]) for name, value in teacher.network.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.network.parameters())
    averaged = copy.deepcopy(model)
    assert averaged.criterion.heads["teacher"].outside.look is teacher
    buffer = io.BytesIO()
    torch.save(criterion.heads, buffer)
    assert buffer.tell() < 10_000
    assert not hasattr(plain(model), "criterion")


def test_it_works_beside_a_center_head_under_bfloat16_and_with_other_levels() -> None:
    model = detector("yolov8n-p2.yaml")
    specs = {"center": CenterSpec(gain=1.0), "teacher": TeacherSpec(weights="t.pt", gain=1.0, warmup=0, scale=2)}
    criterion = attach(model, specs, epochs=10)
    criterion.detection = model.init_criterion()
    criterion.heads["teacher"].meet(Teacher(detector("yolo26n.yaml", seed=3), range(3)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, items = model(batch(scale=2))
    loss.sum().backward()
    assert {"center_loss", "teach_cls_loss", "teach_box_loss"} < set(items)
    assert all(value.isfinite() and value > 0 for value in items.values())
