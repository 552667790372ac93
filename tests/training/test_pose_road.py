"""The tutorial's road in one command: convert, train Ultralytics' own model, strip, validate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel, PoseModel, SegmentationModel, load_checkpoint
from ultralytics.utils import SETTINGS, YAML

import auxhead
from auxhead.training.pose_road import TRAINERS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the signs, whose files nobody else touches."""
    return copied(signs, tmp_path_factory.mktemp("source") / "signs")


@pytest.fixture(scope="module")
def keys(
    tiny: dict[str, Any], data: Path, small_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Arguments of the smallest pose run."""
    project = str(tmp_path_factory.mktemp("runs"))
    return {
        **tiny,
        "data": str(data),
        "model": str(small_models / "small-pose.yaml"),
        "route": "pose",
        "project": project,
    }


@pytest.fixture(scope="module")
def source(data: Path) -> dict[str, tuple[bytes, int]]:
    """The files of the signs before anything was trained on them."""
    return snapshot(data.parent)


@pytest.fixture(scope="module")
def posed(keys: dict[str, Any], source: dict[str, tuple[bytes, int]]) -> auxhead.TrainResult:
    """A finished run of Ultralytics' own model."""
    return auxhead.train(**{**keys, "model": "yolov8n-pose.yaml", "epochs": 1}, name="posed")


def begun(**keys: Any) -> Any:
    """Return the trainer of a run that is stopped before its first batch, once everything is set up."""
    seen: list[Any] = []

    def stop(trainer: Any) -> None:
        seen.append(trainer)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        auxhead.train(**keys, callbacks={"on_train_start": stop})
    return seen[0]


def copied(data: Path, folder: Path) -> Path:
    """Copy a data set, whose yaml names its own folder, without what Ultralytics has written beside it."""
    shutil.copytree(data.parent, folder, ignore=shutil.ignore_patterns("*.cache"))
    YAML.save(folder / data.name, {**YAML.load(data), "path": str(folder)})
    return folder / data.name


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_stock_pose_model_is_trained_and_stripped(posed: auxhead.TrainResult) -> None:
    pose, checkpoint = load_checkpoint(str(posed.save_dir / "weights" / "best.pt"))
    assert type(pose) is PoseModel
    assert pose.yaml["kpt_shape"] == [1, 3]
    assert "auxhead" not in checkpoint
    assert type(load_checkpoint(str(posed.best))[0]) is DetectionModel
    assert posed.best.name == "best-detect.pt"
    trained_on = YAML.load(checkpoint["train_args"]["data"])
    assert (trained_on["kpt_shape"], trained_on["flip_idx"]) == ([1, 3], [0])
    assert Path(checkpoint["train_args"]["data"]).is_relative_to(SETTINGS["datasets_dir"])


def test_the_table_shows_both_models_with_equal_boxes(posed: auxhead.TrainResult) -> None:
    before, after = posed.certificate.validation
    assert before.boxes == after.boxes
    assert before.parameters > after.parameters
    assert before.pose_map50 is not None
    assert after.pose_map50 is None
    assert posed.metrics["metrics/mAP50(B)"] == after.map50
    assert posed.certificate.counts == posed.certificate.stock_counts
    written = json.loads((posed.save_dir / "result.json").read_text())
    assert len(written["certificate"]["validation"]) == 2


def test_stock_ultralytics_agrees_on_the_table(posed: auxhead.TrainResult, data: Path) -> None:
    metrics = YOLO(posed.best).val(data=str(data), imgsz=64, batch=4, device="cpu", plots=False)
    assert metrics.box.mean_results() == list(posed.certificate.validation[-1].boxes)


def test_labels_are_converted_once_and_the_source_is_only_read(
    keys: dict[str, Any], posed: auxhead.TrainResult, data: Path, source: dict[str, tuple[bytes, int]]
) -> None:
    converted = Path(YAML.load(posed.save_dir / "args.yaml")["data"])
    labels = {path: content for path, content in snapshot(converted.parent).items() if not path.endswith(".cache")}
    again = begun(**keys, name="again")
    assert YAML.load(again.save_dir / "args.yaml")["data"] == str(converted)
    after = snapshot(converted.parent)
    assert {path: after[path] for path in labels} == labels
    assert {path: content for path, content in snapshot(data.parent).items() if path in source} == source


def test_keys_of_the_labels_arrive(keys: dict[str, Any]) -> None:
    labels = {"pose.keypoints": "center+corners", "pose.visibility": False, "pose.kpt_oks_sigmas": 0.25}
    trainer = begun(**keys, **labels, **{"pose.flips": "off"}, name="five")
    assert type(trainer) is TRAINERS["pose"]
    assert trainer.model.model[-1].kpt_shape == [5, 2]
    assert trainer.data["kpt_oks_sigmas"] == [0.25] * 5
    flips = [t.p for t in trainer.train_loader.dataset.transforms.transforms if type(t).__name__ == "RandomFlip"]
    assert flips == [0.0, 0.0]


def test_segment_route(keys: dict[str, Any], small_models: Path) -> None:
    model = str(small_models / "small-seg.yaml")
    changed = {**keys, "route": "segment", "model": model, "segment.shape": "ellipse", "epochs": 1}
    shown: dict[str, Any] = {"flips": {"prohibition": "warning"}, "crops": 0.5, "crops.force": True}
    seen: list[Any] = []
    watch = {"on_train_start": lambda trainer: seen.append(trainer.train_loader.dataset)}
    result = auxhead.train(**changed, **shown, name="segmented", callbacks=watch)
    assert seen[0].views.crops.share == 0.5
    assert seen[0].views.flips.partner == (3, 1, 2, 0, 4, 5)
    assert type(load_checkpoint(str(result.save_dir / "weights" / "best.pt"))[0]) is SegmentationModel
    assert type(load_checkpoint(str(result.best))[0]) is DetectionModel
    before, after = result.certificate.validation
    assert before.boxes == after.boxes
    assert before.mask_map50 is not None


def test_a_stopped_run_goes_on(keys: dict[str, Any]) -> None:
    def stop(trainer: Any) -> None:
        raise KeyboardInterrupt

    def stop_in_the_second_epoch(trainer: Any) -> None:
        if trainer.epoch == 1:
            raise KeyboardInterrupt

    run = Path(str(keys["project"])) / "stopped"
    with pytest.raises(KeyboardInterrupt):
        auxhead.train(**keys, name="stopped", callbacks={"on_train_epoch_start": stop})
    assert not list((run / "weights").iterdir())
    with pytest.raises(KeyboardInterrupt):  # it started over
        auxhead.train(resume=run, callbacks={"on_train_epoch_end": stop_in_the_second_epoch})
    assert (run / "weights" / "last.pt").is_file()
    assert not (run / "result.json").exists()
    begun_at: list[int] = []
    result = auxhead.train(resume=run, callbacks={"on_train_start": lambda t: begun_at.append(t.start_epoch)})
    assert begun_at == [1]
    assert result.save_dir == run
    assert len((run / "results.csv").read_text().splitlines()) == 3
    assert result.best.exists()
    with pytest.raises(auxhead.ResumeError, match="a finished one"):
        auxhead.train(resume=run)


def test_a_run_that_only_lacks_its_end(keys: dict[str, Any], posed: auxhead.TrainResult) -> None:
    run = Path(shutil.copytree(posed.save_dir, posed.save_dir.with_name("endless")))
    for name in ("result.json", "certificate.json", "weights/best-detect.pt"):
        (run / name).unlink()
    result = auxhead.train(resume=run)
    assert result.certificate.validation == posed.certificate.validation


@pytest.mark.parametrize("best", [None, b"cut off"])
def test_a_kill_between_the_two_checkpoints_of_an_epoch_loses_nothing(
    best: bytes | None, posed: auxhead.TrainResult, tmp_path: Path
) -> None:
    """Ultralytics writes last.pt, then best.pt of the same epoch."""
    run = Path(shutil.copytree(posed.save_dir, tmp_path / "run"))
    for name in ("result.json", "certificate.json", "weights/best-detect.pt", "weights/best.pt"):
        (run / name).unlink()
    if best is not None:
        (run / "weights" / "best.pt").write_bytes(best)
    result = auxhead.train(resume=run)
    assert (run / "weights" / "best.pt").read_bytes() == (run / "weights" / "last.pt").read_bytes()
    assert result.certificate is not None


@pytest.mark.parametrize("kind", ["cut off", "text", "empty", "tensors", "no model"])
def test_a_broken_checkpoint_is_one_message_and_the_run_stays_as_it_is(
    kind: str, posed: auxhead.TrainResult, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(posed.save_dir, tmp_path / "run"))
    (run / "result.json").unlink()
    last = run / "weights" / "last.pt"
    whole = last.read_bytes()
    last.write_bytes({"cut off": whole[: len(whole) // 2], "text": b"weights"}.get(kind, b""))
    if kind in {"tensors", "no model"}:
        torch.save({"model": {"a": torch.zeros(1)} if kind == "tensors" else None, "optimizer": {}}, last)
    before = snapshot(run)
    with pytest.raises(auxhead.ResumeError, match=r"start a new run; .*best\.pt is what") as caught:
        auxhead.train(resume=run)
    assert caught.value.where == str(last)
    assert snapshot(run) == before


@pytest.mark.parametrize(
    ("model", "found"),
    [("yolov8n.yaml", "a detect model"), ("yolov8n-seg.yaml", "a segment model"), ("nowhere-pose.yaml", "nowhere")],
)
def test_other_models_are_refused_before_anything_is_written(
    keys: dict[str, Any], model: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "datasets_dir", str(tmp_path / "datasets"))
    with pytest.raises(auxhead.ModelError) as caught:
        auxhead.train(**{**keys, "model": model, "project": str(tmp_path / "runs")})
    assert found in caught.value.found
    assert "yolov8n-pose.yaml" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_bad_labels_stop_it_or_are_left_out(keys: dict[str, Any], data: Path, tmp_path: Path) -> None:
    broken = copied(data, tmp_path / "broken")
    label = min((broken.parent / "labels").rglob("*.txt"))
    label.write_text("0 0.5 0.5 0.1\n")
    changed = {**keys, "data": str(broken), "project": str(tmp_path / "runs")}
    with pytest.raises(auxhead.DataError, match=f"{label.name}:1"):
        auxhead.train(**changed)
    assert not (tmp_path / "runs").exists()
    trainer = begun(**changed, on_error="skip")
    converted = Path(YAML.load(trainer.save_dir / "args.yaml")["data"]).parent
    assert len(list((converted / "images").rglob("*.*"))) == 11


def test_a_folder_of_data_sets_that_cannot_be_written_to(
    keys: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setitem(SETTINGS, "datasets_dir", str(tmp_path / "file"))
    with pytest.raises(auxhead.OutputError) as caught:
        auxhead.train(**{**keys, "project": str(tmp_path / "runs")})
    assert "yolo settings datasets_dir=" in caught.value.fix
    assert not (tmp_path / "runs").exists()
