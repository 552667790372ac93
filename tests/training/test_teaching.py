"""A teacher beside a training: what is checked before it, what it is shown, and what a run leaves and finds again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from tests.training.conftest import save_model
from torch.nn import functional as F
from ultralytics.nn.tasks import DetectionModel, PoseModel
from ultralytics.utils import YAML

import auxhead
from auxhead.errors import AuxHeadError, ConfigError, ModelError, ResumeError
from auxhead.heads.teacher import LARGE
from auxhead.keys.heads.registry import head_spec
from auxhead.model import state
from auxhead.model.choices import RunPlan
from auxhead.training.start_facts import Witness
from auxhead.training.teaching.check import check_teacher, settled
from auxhead.training.teaching.trainer import TaughtTrainer
from auxhead.training.trainer import make_trainer


def keys_of(teacher: Path, **keys: Any) -> dict[str, Any]:
    own = {"weights": str(teacher), "scale": 2, "warmup": 0, **keys}
    return {"close_mosaic": 1, **{f"teacher.{key}": value for key, value in own.items()}}


# -- what it is shown -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched(quick: dict[str, Any], teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A run of three epochs, the last one without mosaics, what was seen meanwhile, and what a kill had left."""
    folder = tmp_path_factory.mktemp("taught")
    shown: list[tuple[int, ...]] = []
    seen = SimpleNamespace(shown=shown, killed=folder / "killed")

    def begin(trainer: Any) -> None:
        look = trainer.criterion.heads["teacher"].outside.look
        seen.network = look.network
        seen.before = {name: value.clone() for name, value in look.network.state_dict().items()}
        look.network.register_forward_hook(lambda _, given, out: shown.append((trainer.epoch, *given[0].shape)))
        ids = {id(parameter) for parameter in look.network.parameters()}
        seen.optimized = any(id(p) in ids for group in trainer.optimizer.param_groups for p in group["params"])

    def after(trainer: Any) -> None:
        seen.imgsz = (trainer.args.imgsz, trainer.test_loader.dataset.imgsz, trainer.train_loader.dataset.imgsz)
        seen.averaged = any(module is seen.network for module in trainer.ema.ema.modules())

    def save_point(trainer: Any) -> None:
        if not trainer.epoch:
            shutil.copytree(trainer.save_dir, seen.killed)

    def end(trainer: Any) -> None:
        seen.end = tensors(trainer)

    events = {"on_train_start": begin, "on_train_epoch_end": after, "on_model_save": save_point, "on_train_end": end}
    keys = {**quick, **keys_of(teacher), "epochs": 3, "heads": "center,teacher"}
    seen.result = auxhead.train(**keys, project=str(folder), name="run", callbacks=events)
    return seen


def tensors(trainer: Any) -> dict[str, torch.Tensor]:
    live, averaged = trainer.model.state_dict(), trainer.ema.ema.state_dict()
    return {name: value.clone() for name, value in (live | {f"ema.{k}": v for k, v in averaged.items()}).items()}


@pytest.mark.core
def test_the_teacher_looks_at_twice_the_size_while_there_are_mosaics(watched: SimpleNamespace) -> None:
    assert watched.shown == [(epoch, 4, 3, 128, 128) for epoch in (0, 0, 1, 1)]
    assert watched.imgsz == (64, 64, 128)
    assert YAML.load(watched.result.save_dir / "args.yaml")["imgsz"] == 64
    header, first, _, last = (watched.result.save_dir / "results.csv").read_text().splitlines()
    rows = [dict(zip(header.split(","), row.split(","), strict=True)) for row in (first, last)]
    assert {"grad/teacher", "share/teacher", "gain/teacher", "grad/center"} <= set(rows[0])
    assert float(rows[0]["share/teacher"]) == pytest.approx(0.3, rel=1e-3)
    assert float(rows[0]["train/teach_cls_loss"]) > 0
    assert float(rows[1]["train/teach_cls_loss"]) == 0
    assert not any(name.startswith("val/teach") for name in rows[0])


@pytest.mark.core
def test_the_teacher_stays_as_it_is_and_gets_into_no_file(watched: SimpleNamespace, teacher: Path) -> None:
    after = watched.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in watched.before.items())
    assert not watched.network.training
    assert not watched.optimized
    assert not watched.averaged
    weights = watched.result.save_dir / "weights"
    for name in ("best.state.pt", "last.state.pt"):
        heads = state.load_state(weights / name)[state.KEY]["head_state"]
        assert heads
        assert all(key.startswith("center.") for key in heads)
    assert watched.result.best.stat().st_size < 1.1 * teacher.stat().st_size  # one detector, of the same layers
    noted = json.loads((watched.result.save_dir / "auxhead.json").read_text())["heads"]["teacher"]
    assert noted["weights"] == str(teacher.resolve())
    assert len(noted["sha256"]) == 64


def test_without_gain_pictures_are_loaded_for_a_teacher_that_nobody_asks(quick: dict[str, Any], tmp_path: Path) -> None:
    plan = RunPlan(heads={"teacher": head_spec("teacher", {"gain": 0.0, "scale": 2})})
    trainer = make_trainer(plan)(overrides={**quick, "project": str(tmp_path)})
    trainer._setup_train()
    batch = next(iter(trainer.train_loader))
    pictures = batch["img"].clone()
    assert pictures.shape[-1] == 128
    prepared = trainer.preprocess_batch(batch)
    assert torch.equal(prepared[LARGE], pictures.float() / 255)
    assert prepared["img"].shape[-1] == 64
    picture = pictures[0].permute(1, 2, 0).numpy()
    half = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_LINEAR)
    difference = np.abs(prepared["img"][0].permute(1, 2, 0).numpy() * 255 - half)
    assert difference.max() <= 0.5  # OpenCV rounds
    assert torch.equal(prepared["img"], F.avg_pool2d(prepared[LARGE], 2))
    witness = Witness(tmp_path / "facts.json")
    witness.callbacks()["on_train_start"](trainer)
    assert witness.facts["loaded"] == {"teacher.scale": 2}  # by which a comparison knows whose pictures may differ


# -- what is checked before it ----------------------------------------------------------------------------------------


def plan_of(**keys: Any) -> RunPlan:
    return settled(RunPlan(heads={"teacher": head_spec("teacher", keys)}))


def other(kind: str, signs: Path, small_models: Path, folder: Path) -> Path:
    """Save a model that can't teach, for one reason."""
    names, small = YAML.load(signs)["names"], small_models / "small.yaml"
    coarse = folder / "coarse.yaml"
    more = small.read_text().replace("head:", "  - [-1, 1, Conv, [64, 3, 2]]\nhead:").replace("[3, 4, 5]", "[4, 5, 6]")
    coarse.write_text(more)
    model: Any = {
        "classes": lambda: DetectionModel(str(small), nc=2, verbose=False),
        "task": lambda: PoseModel(str(small_models / "small-pose.yaml"), nc=len(names), verbose=False),
        "channels": lambda: DetectionModel(str(small), ch=1, nc=len(names), verbose=False),
        "coarse": lambda: DetectionModel(str(coarse), nc=len(names), verbose=False),
    }[kind]()
    if len(model.names) == len(names):
        model.names = dict(names)
    return save_model(model, folder / f"{kind}.pt")


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("classes", ModelError, "it lacks"),
        ("task", ModelError, "PoseModel ending in Pose"),
        ("channels", ModelError, "3 channels"),
        ("coarse", ConfigError, "96 px is no multiple of the teacher's coarsest stride, 64"),
    ],
)
def test_a_teacher_that_doesnt_fit_is_refused(
    kind: str, error: type[AuxHeadError], message: str, signs: Path, small_models: Path, tmp_path: Path
) -> None:
    plan = plan_of(weights=str(other(kind, signs, small_models, tmp_path)))
    with pytest.raises(error, match=message) as caught:
        check_teacher(plan, {"data": str(signs), "imgsz": 96})
    assert "teacher" in caught.value.where or kind in caught.value.where


def test_files_that_are_no_teacher_are_refused(teacher: Path, signs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file") as caught:
        plan_of(weights="nowhere.pt")
    assert caught.value.where == "teacher.weights=nowhere.pt"
    with pytest.raises(ModelError, match="SHA-256"):
        plan_of(weights=str(teacher), sha256="0" * 64)
    assert plan_of(gain=0.0, weights="nowhere.pt").heads["teacher"].model_dump()["sha256"] is None  # not asked
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "dict.pt")
    (tmp_path / "text.pt").write_text("no model")
    for name, found in (("dict.pt", "state dict"), ("text.pt", "truncated")):
        with pytest.raises(ModelError, match=found):
            check_teacher(plan_of(weights=str(tmp_path / name)), {"data": str(signs), "imgsz": 64})


def test_sizes_and_epochs_that_dont_suit_are_named_together(teacher: Path, signs: Path) -> None:
    plan = plan_of(weights=str(teacher), scale=2)
    wrong = {"data": str(signs), "imgsz": 64, "rect": True, "multi_scale": 0.5, "epochs": 10}
    with pytest.raises(ConfigError) as caught:
        check_teacher(plan, wrong)
    assert all(word in caught.value.found for word in ("rect=True", "multi_scale=0.5", "close_mosaic=10 of epochs=10"))
    check_teacher(plan, {"data": str(signs), "imgsz": 60, "epochs": 10, "close_mosaic": 0})  # 60: rounded up to 64
    same_size = plan_of(weights=str(teacher))
    check_teacher(same_size, {"data": str(signs), "imgsz": 64, "rect": True, "multi_scale": 0.5})


@pytest.mark.core
def test_a_dry_run_checks_the_teacher_too(
    call: Callable[..., Any], quick: dict[str, Any], teacher: Path, signs: Path, small_models: Path, tmp_path: Path
) -> None:
    words = [f"{key}={value}" for key, value in quick.items()]
    fine = call("train", *words, "heads=teacher", f"teacher.weights={teacher}", "close_mosaic=1", "--dry-run", "--json")
    assert fine.returncode == 0, fine.stderr
    assert json.loads(fine.stdout)["auxhead"]["heads"]["teacher"]["weights"] == str(teacher)
    wrong = other("classes", signs, small_models, tmp_path)
    refused = call("train", *words, "heads=teacher", f"teacher.weights={wrong}", "close_mosaic=1", "--dry-run")
    assert refused.returncode == 2
    assert "it lacks" in refused.stderr
    missing = call("train", *words, "heads=teacher", "--dry-run")
    assert missing.returncode == 2
    assert "weights is required" in missing.stderr


# -- a second start ---------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_resume_finds_its_teacher_or_says_which_is_missing_and_ends_as_without_the_stop(
    watched: SimpleNamespace, teacher: Path, tmp_path: Path, call: Callable[..., Any]
) -> None:
    run, gone = watched.killed, tmp_path / "gone.pt"
    plan = json.loads((run / "auxhead.json").read_text())
    plan["heads"]["teacher"]["weights"] = str(gone)
    (run / "auxhead.json").write_text(json.dumps(plan))
    with pytest.raises(ResumeError, match="no such file") as caught:
        auxhead.train(resume=str(run))
    assert caught.value.where == str(gone)
    assert f"resume={run} teacher.weights=FILE" in caught.value.fix
    gone.write_bytes(b"another one")
    refused = call("train", f"resume={run}", "--dry-run")
    assert refused.returncode == 2
    assert "another file" in refused.stderr
    shown = call("train", f"resume={run}", f"teacher.weights={teacher}", "--dry-run", "--json")
    assert shown.returncode == 0, shown.stderr
    ends: list[dict[str, torch.Tensor]] = []
    events = {"on_train_end": lambda trainer: ends.append(tensors(trainer))}
    moved: dict[str, Any] = {"teacher.weights": str(teacher)}
    auxhead.train(resume=str(run), callbacks=events, **moved)
    assert ends[0].keys() == watched.end.keys()
    assert [name for name, value in ends[0].items() if not torch.equal(value, watched.end[name])] == []
    assert json.loads((run / "auxhead.json").read_text())["heads"]["teacher"]["weights"] == str(teacher.resolve())


def test_teaching_that_has_ended_with_the_mosaics_does_not_begin_again() -> None:
    trainer: Any = TaughtTrainer.__new__(TaughtTrainer)
    trainer.model, trainer.freeze_layer_names = torch.nn.Conv2d(1, 1, 1), []
    trainer.args, trainer.criterion = SimpleNamespace(close_mosaic=10), SimpleNamespace(closing=False)
    seen = []
    for trainer.epoch, trainer.epochs in ((0, 100), (1, 10), (2, 30), (3, 40)):  # as time= estimates them anew
        trainer._model_train()
        seen.append(trainer.criterion.closing)
    assert seen == [False, True, True, True]  # as Ultralytics keeps them closed
