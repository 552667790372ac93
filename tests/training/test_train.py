from __future__ import annotations

import json
import os
import pickletools
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from tests.patience import wait_for
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel, load_checkpoint
from ultralytics.utils import SETTINGS, YAML
from ultralytics.utils.torch_utils import strip_optimizer

import auxhead
from auxhead.errors import ConfigError, DataError, ModelError, OutputError, ResumeError, VerificationError
from auxhead.keys.heads.registry import head_spec
from auxhead.model import state
from auxhead.model.choices import RunPlan
from auxhead.shipping.certificate import certify
from auxhead.shipping.ship import ship
from auxhead.training.trainer import make_trainer

RUN_TO_BE_KILLED = """
import json, sys, time
import auxhead

def wait(trainer):  # to be killed: it can't end by itself, however late the signal comes
    if trainer.epoch + 1 == trainer.epochs:
        time.sleep(3600)

auxhead.train(**json.loads(sys.argv[1]), callbacks={"on_train_epoch_start": wait})
"""


def columns(run: Path) -> dict[str, list[float]]:
    header, *rows = [line.split(",") for line in (run / "results.csv").read_text().splitlines()]
    assert all(len(row) == len(header) for row in rows)
    return {name: [float(row[i]) for row in rows] for i, name in enumerate(header)}


# -- what a run leaves ----------------------------------------------------------------------------------------------


@pytest.mark.core
def test_results_carry_the_heads_losses_shares_and_gains(trained: auxhead.TrainResult) -> None:
    table = columns(trained.save_dir)
    assert table["epoch"] == [1, 2]
    assert all(value > 0 for value in table["train/center_loss"])
    assert "val/center_loss" not in table
    assert {"grad/box", "grad/cls", "grad/dfl", "grad/center", "share/center", "gain/center"} <= set(table)
    assert trained.gradients["share/center"] == pytest.approx(0.1, rel=1e-3)
    assert set(trained.metrics) == {
        f"metrics/{name}" for name in ("precision(B)", "recall(B)", "mAP50(B)", "mAP50-95(B)")
    }


@pytest.fixture(scope="module")
def watched(quick: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A trainer that has trained one epoch, and what was seen meanwhile."""
    folder = tmp_path_factory.mktemp("watched")
    trainer = make_trainer(RunPlan(heads={"center": head_spec("center", {})}))(
        overrides={**quick, "epochs": 1, "project": str(folder), "val": False}
    )
    seen: dict[str, torch.Tensor] = {}
    moved: list[bool] = []
    oracle: dict[str, Any] = {}
    kinds: list[type] = []

    def reduce_a_copy(trainer: Any) -> None:
        copy = folder / "copy.pt"
        copy.write_bytes(trainer.best.read_bytes())
        oracle.update(strip_optimizer(copy))
        kinds.append(type(load_checkpoint(str(trainer.last))[0]))

    trainer.add_callback(
        "on_train_start", lambda t: seen.update({k: v.clone() for k, v in t.criterion.heads.named_parameters()})
    )
    trainer.add_callback(
        "on_train_epoch_end",
        lambda t: moved.extend(not torch.equal(seen[k], v) for k, v in t.criterion.heads.named_parameters()),
    )
    trainer.add_callback("on_model_save", reduce_a_copy)
    trainer.train()
    return SimpleNamespace(trainer=trainer, moved=moved, oracle=oracle, kinds=kinds)


def test_head_parameters_move_while_training(watched: SimpleNamespace) -> None:
    trainer = watched.trainer
    optimized = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert watched.moved
    assert all(watched.moved)
    assert all(id(p) in optimized for p in trainer.criterion.heads.parameters())
    assert trainer.args.fliplr == 0.5
    flips = [t.p for t in trainer.train_loader.dataset.transforms.transforms if type(t).__name__ == "RandomFlip"]
    assert flips == [0.0, 0.5]  # vertical, horizontal: as the user's defaults say


@pytest.mark.core
def test_shipped_files_are_stock_and_name_no_class_of_ours(trained: auxhead.TrainResult) -> None:
    for path in (trained.best, trained.last, state.state_path(trained.best), state.state_path(trained.last)):
        model, checkpoint = load_checkpoint(str(path))
        assert type(model) is DetectionModel
        assert "criterion" not in model._modules
        assert checkpoint["auxhead"]["select"] == "mAP50-95"
        with zipfile.ZipFile(path) as archive:
            data = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
        strings = [argument for opcode, argument, _ in pickletools.genops(data) if opcode.name == "GLOBAL"]
        assert strings
        assert not [name for name in strings if name.startswith("auxhead")]


OPEN = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "auxhead":
            raise ImportError("auxhead is not installed here")
sys.meta_path.insert(0, Block())
from ultralytics import YOLO
from ultralytics.nn import tasks
for safe in (False, True):
    tasks.SAFE_LOAD = safe  # what ULTRALYTICS_SAFE_LOAD says
    model = YOLO(sys.argv[1])
    assert model.task == "detect"
boxes = model.predict(sys.argv[2], imgsz=64, verbose=False, conf=0.0001)[0].boxes
print("boxes", len(boxes))
"""


def test_shipped_file_opens_and_predicts_without_auxhead(trained: auxhead.TrainResult, signs: Path) -> None:
    image = next((signs.parent / "images" / "val").iterdir())
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(trained.best), str(image)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "boxes" in done.stdout


def test_shipped_file_is_what_ultralytics_own_reduction_makes(watched: SimpleNamespace) -> None:
    assert watched.kinds == [DetectionModel]  # in the middle of training, too
    oracle = watched.oracle
    ours = torch.load(watched.trainer.best, weights_only=False)
    assert set(ours) == set(oracle)
    same = set(ours) - {"model", "date", "train_results", "auxhead", "train_metrics", "license"}
    assert {key: ours[key] for key in same} == {key: oracle[key] for key in same}
    theirs = oracle["model"].state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours["model"].state_dict().items())
    assert {p.dtype for p in ours["model"].parameters()} == {torch.float16}
    assert not any(p.requires_grad for p in ours["model"].parameters())
    assert set(vars(ours["model"])) == set(vars(oracle["model"]))


@pytest.mark.core
def test_certificate_is_written_and_true(trained: auxhead.TrainResult, quick: dict[str, Any]) -> None:
    certificate = trained.certificate
    assert certificate.float32_difference == 0
    assert certificate.real_images
    assert certificate.images == 4
    assert certificate.tensors_moved == len(load_checkpoint(str(trained.best))[0].state_dict())
    assert certificate.tensors_left_out > 0
    stock = DetectionModel(quick["model"], nc=6, verbose=False)
    assert certificate.parameters == certificate.stock_counts.parameters == sum(p.numel() for p in stock.parameters())
    assert 0 < certificate.saved_box_difference < 1
    written = json.loads((trained.save_dir / "certificate.json").read_text())
    assert written["sha256"] == certificate.sha256
    import hashlib

    assert hashlib.sha256(trained.best.read_bytes()).hexdigest() == certificate.sha256
    assert "of the heads left out" in str(certificate)
    assert "heads" not in str(replace(certificate, tensors_left_out=0))


def test_certificate_refuses_a_file_with_other_weights(trained: auxhead.TrainResult, tmp_path: Path) -> None:
    content = state.load_state(state.state_path(trained.best))
    forged = {**content, "ema": content["ema"]}
    with torch.no_grad():
        forged["ema"].model[0].conv.weight[0, 0, 0, 0] += 0.5
    ship(forged, tmp_path / "forged.pt")
    with pytest.raises(VerificationError, match="different"):
        certify(state.load_state(state.state_path(trained.best)), tmp_path / "forged.pt")


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ({"on_fit_epoch": print}, "did you mean.*on_fit_epoch_end"),
        ({"on_train_end": 5}, "5 for on_train_end"),
        (5, "found:.*5"),
    ],
)
def test_callbacks_that_would_never_be_called_are_refused(
    quick: dict[str, Any], tmp_path: Path, callbacks: Any, message: str
) -> None:
    with pytest.raises(auxhead.ConfigError, match=message):
        auxhead.train(**quick, project=str(tmp_path / "runs"), callbacks=callbacks)
    assert not (tmp_path / "runs").exists()


def test_the_trainer_class_is_of_the_native_route() -> None:
    with pytest.raises(ConfigError, match="route=pose"):
        auxhead.trainer(route="pose")


@pytest.mark.parametrize(("value", "words"), [(1e5, None), (float("nan"), "finite"), (float("inf"), "finite")])
def test_weights_beyond_half_precision_are_clamped_and_what_is_no_number_is_refused(
    trained: auxhead.TrainResult, tmp_path: Path, value: float, words: str | None
) -> None:
    """Ultralytics clamps to 65,504 when it saves; that is no difference that a certificate may stumble over."""
    content = state.load_state(state.state_path(trained.best))
    with torch.no_grad():
        content["ema"].model[0].bn.running_var[0] = value
    ship(content, tmp_path / "large.pt")
    if words is None:
        assert certify(content, tmp_path / "large.pt").float32_difference == 0
        assert load_checkpoint(str(tmp_path / "large.pt"))[0].state_dict()["model.0.bn.running_var"][0] == 65504
    else:
        with pytest.raises(VerificationError, match=r"model\.0\.bn\.running_var[\s\S]*diverged"):
            certify(content, tmp_path / "large.pt")


# -- strip ----------------------------------------------------------------------------------------------------------


def test_strip_writes_the_shipped_weights_again(trained: auxhead.TrainResult, signs: Path, tmp_path: Path) -> None:
    out = tmp_path / "plain.pt"
    certificate = auxhead.strip(trained.save_dir, out, str(signs))
    assert certificate is not None
    assert certificate.float32_difference == 0
    assert certificate.real_images
    again, best = load_checkpoint(str(out))[0].state_dict(), load_checkpoint(str(trained.best))[0].state_dict()
    assert all(torch.equal(again[name], value) for name, value in best.items())
    with pytest.raises(OutputError, match="exist_ok"):
        auxhead.strip(trained.save_dir, out)
    assert auxhead.strip(out) is None  # plain already


def test_strip_refuses_what_it_cannot_strip(trained: auxhead.TrainResult, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        auxhead.strip(tmp_path / "missing.state.pt")
    (tmp_path / "broken.pt").write_bytes(b"no model")
    with pytest.raises(ModelError):
        auxhead.strip(tmp_path / "broken.pt")
    YOLO("yolov8n-obb.yaml").save(str(tmp_path / "obb.pt"))
    with pytest.raises(ModelError, match="oriented-box"):
        auxhead.strip(tmp_path / "obb.pt")
    (tmp_path / "half.state.pt").write_bytes(state.state_path(trained.best).read_bytes()[:1000])
    with pytest.raises(ResumeError):
        auxhead.strip(tmp_path / "half.state.pt")


# -- variants of a run ----------------------------------------------------------------------------------------------


def test_ultralytics_own_entry_point_with_a_finetuned_pt(
    trained: auxhead.TrainResult, tiny: dict[str, Any], tmp_path: Path
) -> None:
    started = load_checkpoint(str(trained.best))[0].state_dict()
    configured: Any = auxhead.trainer(heads={"center": {"gain": 2.0}}, select="mAP50")

    class Checked(configured):  # type: ignore[misc]  # the class can be subclassed like any trainer
        def _setup_train(self) -> None:
            super()._setup_train()
            current = self.model.state_dict()
            assert all(torch.equal(current[name], value) for name, value in started.items())

    arguments = {key: value for key, value in tiny.items() if key != "model"}
    model = YOLO(trained.best)
    model.train(trainer=Checked, project=str(tmp_path), name="own", **{**arguments, "epochs": 1})
    assert type(model.model) is DetectionModel
    checkpoint = torch.load(tmp_path / "own" / "weights" / "best.pt", weights_only=False)
    assert checkpoint["auxhead"]["select"] == "mAP50"
    assert json.loads((tmp_path / "own" / "certificate.json").read_text())["float32_difference"] == 0


def test_other_class_counts_keep_pretrained_widths_and_still_certify(quick: dict[str, Any], tmp_path: Path) -> None:
    YOLO(quick["model"]).save(str(tmp_path / "coco.pt"))  # 80 classes: a wider class branch than 6 classes give
    result = auxhead.train(
        **{**quick, "heads": "center", "model": str(tmp_path / "coco.pt"), "epochs": 1}, project=str(tmp_path)
    )
    assert result.certificate.counts == result.certificate.stock_counts


def test_select_keeps_the_best_epoch_by_that_metric(quick: dict[str, Any], tmp_path: Path) -> None:
    trainer = make_trainer(RunPlan(select="mAP50"))(overrides={**quick, "project": str(tmp_path), "epochs": 3})
    scores = iter([(0.1, 0.09), (0.3, 0.01), (0.2, 0.2)])  # mAP50, mAP50-95
    stock: Any = type(trainer).__mro__[2]
    validator = stock.validate

    def fake(self: Any) -> tuple[dict[str, float], float]:
        metrics, _ = validator(self)
        map50, fitness = next(scores)
        metrics["metrics/mAP50(B)"] = map50
        self.best_fitness = fitness if self.best_fitness is None else max(self.best_fitness, fitness)
        return metrics, fitness

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stock, "validate", fake)
        patch.setattr(trainer, "final_eval", lambda: None)  # best.pt is there before, and this epoch's
        trainer.train()
    assert state.load_state(state.state_path(trainer.best))["epoch"] == 1
    assert torch.load(trainer.best, weights_only=False)["auxhead"]["select"] == "mAP50"


def test_without_validation_the_table_stays_straight(quick: dict[str, Any], tmp_path: Path) -> None:
    result = auxhead.train(**quick, heads="center", val=False, project=str(tmp_path), name="noval")
    table = columns(result.save_dir)
    assert table["epoch"] == [1, 2]
    assert table["share/center"] == pytest.approx([0.1, 0.1], rel=1e-2)


def test_saving_only_at_the_end_still_ships(quick: dict[str, Any], tmp_path: Path) -> None:
    result = auxhead.train(**quick, heads="center", save=False, project=str(tmp_path), name="unsaved")
    assert result.best.exists()
    assert result.certificate.epoch == 2


def test_saving_only_at_the_end_over_an_earlier_run_ships_the_new_one(quick: dict[str, Any], tmp_path: Path) -> None:
    def better_before(trainer: Any) -> None:
        trainer.best_fitness = 0.9

    place: dict[str, Any] = {"project": str(tmp_path), "name": "run", "exist_ok": True, "save": False}
    for seed in (0, 1):
        result = auxhead.train(**quick, **place, seed=seed, callbacks={"on_train_epoch_end": better_before})
        assert torch.load(result.best, weights_only=False)["train_args"]["seed"] == seed


def test_cuts_and_rectangles_are_refused_from_ultralytics_own_entry_point_too(quick: dict[str, Any]) -> None:
    with pytest.raises(auxhead.ConfigError, match="rect=True"):
        YOLO(quick["model"]).train(trainer=auxhead.trainer(crops=0.6), rect=True, **quick)


def test_background_only_data_trains_without_nan(signs: Path, quick: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(signs.parent, tmp_path / "data")
    for label in (tmp_path / "data" / "labels" / "train").glob("*.txt"):
        label.write_text("")
    data = tmp_path / "data" / "data.yaml"
    YAML.save(data, {**YAML.load(signs), "path": str(tmp_path / "data")})
    shown: dict[str, Any] = {
        "flips": {"warning": "prohibition"},
        "flips.never": ["ahead"],
        "crops": 0.9,
        "crops.force": True,
    }
    result = auxhead.train(
        **{**quick, "heads": "center", **shown, "data": str(data), "epochs": 1}, project=str(tmp_path)
    )
    table = columns(result.save_dir)
    assert table["train/center_loss"] == [0.0]
    assert all(value == value for values in table.values() for value in values)


def test_bf16_lane_and_threads(quick: dict[str, Any], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    seen = {}

    def look(trainer: Any) -> None:
        seen["amp"] = trainer.amp
        seen["threads"] = torch.get_num_threads()
        seen["channels_last"] = trainer.model.model[0].conv.weight.is_contiguous(memory_format=torch.channels_last)
        layer = trainer.model.model[1]
        hook: Any = layer.register_forward_hook(lambda m, i, o: seen.update(dtype=o.dtype) or hook.remove())

    auxhead.train(
        **{**quick, "epochs": 1}, cpu_bf16=True, project=str(tmp_path), callbacks={"on_train_epoch_start": look}
    )
    from auxhead.machine import cores

    assert seen == {"amp": True, "threads": cores(), "channels_last": True, "dtype": torch.bfloat16}
    assert torch.get_num_threads() == 1  # given back


def test_tensorboard_sees_the_heads_loss_by_name(
    quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = import_module("ultralytics.utils.callbacks.tensorboard")  # asks for these two when it is imported
    monkeypatch.setattr("ultralytics.utils.TESTS_RUNNING", False)
    monkeypatch.setitem(SETTINGS, "tensorboard", True)
    monkeypatch.delitem(sys.modules, tracker.__name__)
    auxhead.train(**{**quick, "heads": "center", "epochs": 1}, project=str(tmp_path), name="tb")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert {"train/center_loss", "share/center", "grad/center"} <= set(events.Tags()["scalars"])


def test_frozen_detector_is_warned_about(quick: dict[str, Any], tmp_path: Path, caplog) -> None:
    result = auxhead.train(**{**quick, "heads": "center", "epochs": 1, "freeze": 6}, project=str(tmp_path))
    assert "leaves nothing that heads could teach" in caplog.text
    assert result.gradients == {}


def test_a_detector_frozen_as_a_whole_is_refused(quick: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(auxhead.ConfigError, match=r"0 to 5\n.*freeze=10, which freezes all"):
        auxhead.train(**{**quick, "model": "yolov8n-p3.yaml", "freeze": 10}, project=str(tmp_path))


@pytest.mark.slow
def test_real_data_trains_and_ships(real_data, small_models: Path, tmp_path: Path, caplog) -> None:
    result = auxhead.train(
        data=str(real_data("hit_uav")),
        model=str(small_models / "small.yaml"),
        heads="center",
        epochs=1,
        imgsz=64,
        fraction=0.05,
        device="cpu",
        plots=False,
        project=str(tmp_path),
    )
    assert result.certificate.float32_difference == 0
    assert result.certificate.images == 8
    assert columns(result.save_dir)["train/center_loss"][0] > 0
    header = next(line for line in caplog.text.splitlines() if "Instances       Size" in line)
    assert "dfl_loss     center  Instances" in header


# -- resume ---------------------------------------------------------------------------------------------------------


def start(keys: dict[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN_TO_BE_KILLED, json.dumps(keys)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for_file(path: Path, process: subprocess.Popen[bytes]) -> None:
    wait_for(lambda: path.exists() or process.poll() is not None)
    assert process.poll() is None, "the run ended by itself"


@pytest.mark.slow
@pytest.mark.core
def test_killed_run_goes_on_to_the_same_end(quick: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "killed"
    process = start({**quick, "heads": "center", "project": str(tmp_path), "name": "killed"})
    wait_for_file(run / "weights" / "last.state.pt", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    load_checkpoint(str(run / "weights" / "best.pt"))  # usable as it lies there
    left = state.load_state(run / "weights" / "last.state.pt")
    with (run / "results.csv").open("a") as file:
        file.write("2,1.0,0.")  # what a kill in the middle of a line leaves
    seen = {}

    def look(trainer: Any) -> None:
        own = left[state.KEY]
        seen["heads"] = all(
            torch.equal(v, own["head_state"][k]) for k, v in trainer.criterion.heads.state_dict().items()
        )
        weights = trainer.model.state_dict()
        seen["weights"] = all(torch.equal(weights[k], v) for k, v in own["weights"].items())
        moments = next(iter(trainer.optimizer.state_dict()["state"].values()))["exp_avg"]
        seen["optimizer"] = torch.equal(moments, next(iter(left["optimizer"]["state"].values()))["exp_avg"])
        seen["gain"] = trainer.criterion.gains["center"].gain == own["progress"]["gains"]["center"]
        seen["epoch"] = trainer.start_epoch

    result = auxhead.train(resume=str(run), callbacks={"on_train_start": look})
    assert seen == {"heads": True, "weights": True, "optimizer": True, "gain": True, "epoch": left["epoch"] + 1}
    assert columns(run)["epoch"] == [1, 2]
    assert result.certificate.float32_difference == 0
    assert not list((run / "weights").glob(".*"))
    with pytest.raises(ResumeError, match="finished"):
        auxhead.train(resume=str(run))


def test_run_stopped_before_its_first_epoch_starts_over_in_its_folder(quick: dict[str, Any], tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(_: Any) -> None:
        raise Killed

    keys = {**quick, "epochs": 1, "project": str(tmp_path), "name": "early", "heads": {"center": {"gain": 3.0}}}
    with pytest.raises(Killed):
        auxhead.train(**keys, callbacks={"on_train_start": kill})
    run = tmp_path / "early"
    assert not list((run / "weights").iterdir())
    result = auxhead.train(resume=str(run))
    assert result.save_dir == run
    assert result.gradients["gain/center"] == pytest.approx(3.0)


def test_run_killed_after_its_last_epoch_is_completed(
    tiny: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(RunPlan(heads={"center": head_spec("center", {})}))(
        overrides={**tiny, "model": "yolov10n.yaml", "epochs": 1, "project": str(tmp_path), "name": "late"}
    )  # the other family that is end to end

    class Killed(Exception):
        pass

    def kill() -> None:
        raise Killed

    monkeypatch.setattr(trainer, "final_eval", kill)
    with pytest.raises(Killed):
        trainer.train()
    assert not (tmp_path / "late" / "result.json").exists()
    result = auxhead.train(resume=str(tmp_path / "late"))
    assert result.certificate.float32_difference == 0
    assert result.certificate.real_images
    assert columns(tmp_path / "late")["epoch"] == [1]


@pytest.mark.slow
@pytest.mark.core
def test_end_to_end_family_trains_resumes_with_its_heads_and_ships(tiny: dict[str, Any], tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(trainer: Any) -> None:
        raise Stop

    keys = {**tiny, "heads": "center", "model": "yolo26n.yaml", "project": str(tmp_path), "name": "e2e"}
    with pytest.raises(Stop):
        auxhead.train(**keys, callbacks={"on_fit_epoch_end": stop})
    result = auxhead.train(resume=str(tmp_path / "e2e"))
    table = columns(result.save_dir)
    assert table["epoch"] == [1, 2]
    assert all(value > 0 for value in table["train/center_loss"])
    assert result.certificate.float32_difference == 0


def test_nan_in_the_middle_recovers_heads_and_goes_on(quick: dict[str, Any], tmp_path: Path) -> None:
    done: list[bool] = []

    def poison(trainer: Any) -> None:
        if trainer.epoch == 1 and not done:
            done.append(True)
            with torch.no_grad():
                for parameter in trainer.criterion.heads.parameters():
                    parameter.fill_(float("nan"))

    result = auxhead.train(**quick, heads="center", project=str(tmp_path), callbacks={"on_train_batch_start": poison})
    table = columns(result.save_dir)
    assert done
    assert table["epoch"] == [1, 2]
    assert all(value == value for value in table["train/center_loss"])


def test_resume_refuses_folders_that_are_no_runs(tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match="no such folder"):
        auxhead.train(resume=str(tmp_path / "nowhere"))
    with pytest.raises(ResumeError, match=r"auxhead\.json"):
        auxhead.train(resume=str(tmp_path))
    (tmp_path / "auxhead.json").write_text("{}")
    with pytest.raises(ResumeError, match="as auxhead wrote them"):
        auxhead.train(resume=str(tmp_path))
    with pytest.raises(ResumeError, match=r"center\.gain, heads"):
        auxhead.train(**cast("dict[str, Any]", {"resume": str(tmp_path), "heads": "center", "center.gain": 3}))


# -- bad input ------------------------------------------------------------------------------------------------------


def data_set(signs: Path, folder: Path) -> Path:
    shutil.copytree(signs.parent, folder)
    YAML.save(folder / "data.yaml", {**YAML.load(signs), "path": str(folder)})
    for cache in folder.rglob("*.cache"):
        cache.unlink()
    return folder / "data.yaml"


def test_unreadable_images_and_bad_labels_stop_the_run_and_are_named(
    signs: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    data = data_set(signs, tmp_path / "data")
    labels = sorted(path for path in (tmp_path / "data/labels/train").glob("*.txt") if path.read_text())
    image = next((tmp_path / "data/images/train").glob(f"{labels[1].stem}.*"))
    image.write_bytes(b"not an image")
    keys = {**quick, "data": str(data), "epochs": 1, "project": str(tmp_path / "runs"), "name": "x"}
    with pytest.raises(DataError, match=image.name):
        auxhead.train(**keys)
    assert not (tmp_path / "runs").exists()
    labels[0].write_text("0 0.5 0.5 0.1 0.1\n9 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError, match=f"{labels[0].name}:2"):
        auxhead.train(**keys)
    assert not (tmp_path / "runs").exists()
    assert (tmp_path / "auxhead-problems-train.csv").exists()
    read: list[int] = []
    trained = auxhead.train(
        **keys, on_error="skip", callbacks={"on_train_start": lambda t: read.append(len(t.train_loader.dataset))}
    )
    assert trained.best.exists()
    assert read == [6]  # of eight


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": "nowhere.pt"}, ModelError, "nowhere.pt"),
        ({"model": "nowhere.yaml"}, ModelError, "nowhere.yaml"),
        ({"model": "broken.pt"}, ModelError, "broken.pt"),
        ({"model": "yolov8n.ymal"}, ModelError, "yolov8n.ymal"),
        ({"model": "broken.yaml"}, ModelError, "broken.yaml"),
        ({"model": "odd.yaml"}, ModelError, "odd.yaml"),
        ({"data": "broken.yaml"}, DataError, "broken.yaml"),
        ({"model": "yolov8n-pose.yaml"}, ModelError, "Pose"),
        ({"model": "rtdetr-l.yaml"}, ModelError, "RTDETRDecoder"),
        ({"model": None}, ConfigError, "model="),
        ({"data": "nowhere.yaml"}, DataError, "nowhere.yaml"),
        ({"data": "empty.yaml"}, DataError, "empty.yaml"),
        ({"data": "noimages.yaml"}, DataError, "at least one image"),
        ({"project": "/dev/null/below"}, OutputError, "project="),
        ({"distill_model": "yolov8n.yaml"}, ConfigError, "distill_model"),
        ({"heads": "centre"}, ConfigError, "did you mean center"),
        ({"epoch": 3}, ConfigError, "did you mean epochs"),
        ({"flips": {"warnin": "stop"}}, ConfigError, "did you mean warning"),
        ({"flips": {"warning": "stop"}, "single_cls": True}, ConfigError, "one class of all"),
        ({"crops": 0.5}, DataError, "1.00 times"),
        ({"crops": 0.5, "crops.force": True, "rect": True}, ConfigError, "rect=true"),
        ({"crops.small": 9.0}, ConfigError, "only with crops="),
    ],
)
def test_bad_input_is_one_error_and_leaves_nothing(
    change: dict[str, Any], error: type[Exception], words: str, tiny: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "broken.pt").write_bytes(b"no model at all")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "broken.yaml").write_text("nc: [1,\n")
    (tmp_path / "odd.yaml").write_text("nc: 3\nbackbone: [[-1, 1, NoSuchModule, [8]]]\nhead: []\n")
    (tmp_path / "none").mkdir()
    (tmp_path / "noimages.yaml").write_text("train: none\nval: none\nnames: {0: a}\n")
    with pytest.raises(error, match=words):
        auxhead.train(**{**tiny, "heads": "center", "project": str(tmp_path / "runs"), **change})
    assert not list((tmp_path / "runs").rglob("args.yaml")) if (tmp_path / "runs").exists() else True


def test_full_disk_keeps_the_last_good_files(quick: dict[str, Any], tmp_path: Path, monkeypatch) -> None:

    good = {}

    def fill_disk(trainer: Any) -> None:
        if trainer.epoch == 1:
            good["best"] = trainer.best.read_bytes()

            def fsync(_: int) -> None:
                raise OSError(28, "No space left on device")

            monkeypatch.setattr(os, "fsync", fsync)

    with pytest.raises(OutputError, match="No space left"):
        auxhead.train(
            **quick, heads="center", project=str(tmp_path), name="full", callbacks={"on_train_epoch_end": fill_disk}
        )
    weights = tmp_path / "full" / "weights"
    assert (weights / "best.pt").read_bytes() == good["best"]
    assert not list(weights.glob(".*"))
    assert state.load_state(weights / "last.state.pt")["epoch"] == 0
