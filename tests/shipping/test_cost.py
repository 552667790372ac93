"""What models cost: the tutorial's numbers, Ultralytics' own as the oracle, refused models."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ultralytics import YOLO
from ultralytics.models.yolo.detect.train import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel

import auxhead
from auxhead.errors import ModelError
from auxhead.shipping.cost import cost, model_names, table
from auxhead.shipping.counts import Counts
from auxhead.shipping.latency import Latency, Spread

room = import_module("auxhead.shipping.cost")  # the package has the function under that name


def test_the_tutorials_numbers() -> None:
    # Source: Mohammed Yasin, "Pose Head For Auxiliary Loss" (2024), its tables.
    plain, p2 = cost(["yolov8n", "yolov8n-p2.yaml"])
    assert (plain.unfused.parameters, round(plain.unfused.gflops, 1)) == (3_157_200, 8.9)
    assert (p2.unfused.parameters, round(p2.unfused.gflops, 1)) == (3_354_144, 17.4)
    plain, pose = cost(["yolov8n", "yolov8n-pose"], nc=48, kpt_shape=(1, 3))
    assert (plain.fused.parameters, round(plain.fused.gflops, 1)) == (3_015_008, 8.1)
    assert (pose.fused.parameters, round(pose.fused.gflops, 1)) == (3_086_681, 8.4)
    assert [one.task for one in (plain, pose)] == ["detect", "pose"]


@pytest.mark.parametrize("name", ["yolov10n", "yolo26n-seg", "yolov8n-obb"])
def test_counts_are_those_of_ultralytics_info(name: str) -> None:
    (ours,) = cost([name], imgsz=320)
    host = YOLO(f"{name}.yaml")
    layers, parameters, _, gflops = host.info(imgsz=320, verbose=True)
    assert ours.unfused.parameters == parameters
    assert ours.unfused.gflops == pytest.approx(gflops, abs=1e-3)
    host.model.eval().fuse(verbose=False)
    layers, parameters, _, gflops = host.info(imgsz=320)
    assert (ours.fused.layers, ours.fused.parameters) == (layers, parameters)
    assert ours.fused.gflops == pytest.approx(gflops, abs=1e-3)


def test_files_keep_their_classes_or_take_others(trained: auxhead.TrainResult, quick: dict[str, Any]) -> None:
    own, other = cost([trained.best], imgsz=64)[0], cost([trained.best], nc=48, imgsz=64)[0]
    assert own.unfused.parameters == trained.certificate.parameters
    stock = DetectionModel(quick["model"], nc=48, verbose=False)
    assert (own.nc, other.nc) == (6, 48)
    assert other.unfused.parameters == sum(value.numel() for value in stock.parameters()) > own.unfused.parameters


def test_a_file_costs_at_other_classes_what_a_training_that_starts_from_it_makes(tmp_path: Path) -> None:
    file = tmp_path / "yolov8n.pt"
    weights = DetectionModel("yolov8n.yaml", nc=80, verbose=False)
    torch.save({"model": weights, "train_args": {}}, file)
    names = {0: "a", 1: "b", 2: "c"}
    trainer = DetectionTrainer.__new__(DetectionTrainer)
    trainer.data, trainer.args = {"nc": 3, "channels": 3, "names": names}, SimpleNamespace(cls_remap=True)
    starts = trainer.get_model(cfg=weights.yaml, weights=weights, verbose=False)
    from_file, from_name = cost([file, "yolov8n"], nc=3, imgsz=64)
    assert from_file.unfused.parameters == sum(value.numel() for value in starts.parameters())
    assert from_file.unfused.parameters >= from_name.unfused.parameters  # 8.4.190 keeps the width of 80 classes


def test_a_file_without_its_yaml_is_counted_but_not_built_anew(tmp_path: Path) -> None:
    file = tmp_path / "bare.pt"
    model = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    model.yaml = None
    torch.save({"model": model, "train_args": {}}, file)
    assert cost(file, imgsz=64)[0].nc == 3
    with pytest.raises(auxhead.ModelError, match=r"knows its YAML[\s\S]*none in the file"):
        cost(file, nc=5, imgsz=64)


def test_latency_of_fused_models_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(models: Any, device: torch.device, imgsz: int, rounds: int, tell: Any) -> list[Latency]:
        assert (device.type, imgsz, rounds) == ("cpu", 64, 4)
        tell("timing", 4, 4)
        return [Latency("cpu", sum(one.numel() for one in model.parameters()), 1, 1, 1) for model in models]

    monkeypatch.setattr("auxhead.shipping.cost.measure", measure)
    told: list[tuple[str, int, int]] = []
    keys: dict[str, Any] = {"imgsz": 64, "latency": True, "device": "cpu", "rounds": 4}
    timed = cost(["yolov8n", "yolov8n-p2"], **keys, progress=lambda *what: told.append(what))
    assert [one.latency.milliseconds for one in timed] == [3_151_904, 3_348_240]
    assert told[-2:] == [("counting", 2, 2), ("timing", 4, 4)]


def test_times_of_a_cpu_in_json_and_table() -> None:
    timed = Latency("cpu", 20.04, 1.5, 0.91, 2.0, Spread(31.06, 1.25, 1.24, 1.26))
    one = room.Cost("a", "detect", 1, 64, Counts(1, 1.0, 1), Counts(1, 1.0, 1), timed)
    plain = json.loads(json.dumps(one.to_dict()))["latency"]
    spread = {"milliseconds": 31.06, "ratio": 1.25, "low": 1.24, "high": 1.26}
    assert plain == {
        "device": "cpu",
        "milliseconds": 20.04,
        "ratio": 1.5,
        "low": 0.91,
        "high": 2.0,
        "processor": spread,
    }
    head, row = room.table([one])
    assert head[-4:] == ["ms (cpu)", "ratio", "processor ms", "ratio"]
    assert row[-4:] == ["20.0", "1.50 (0.91 to 2.00)", "31.1", "1.25 (1.24 to 1.26)"]
    assert len(head) == len(row)
    assert all(word in room.remark([one]) for word in ("wall time, on all cores", "processor time on one thread"))


def test_times_of_another_device_and_none() -> None:
    timed = room.Cost("a", "detect", 1, 64, Counts(1, 1.0, 1), Counts(1, 1.0, 1), Latency("cuda:0", 2.0, 1, 1, 1))
    assert timed.to_dict()["latency"]["processor"] is None
    head, row = room.table([timed])
    assert (head[-2:], row[-2:]) == (["ms (cuda:0)", "ratio"], ["2.0", "1.00 (1.00 to 1.00)"])
    assert len(head) == len(row)
    assert room.remark([timed]).endswith("ms: wall time.")
    untimed = replace(timed, latency=None)
    assert room.table([untimed])[0][-1] == "fused"
    assert "ms" not in room.remark([untimed])


def test_latency_is_measured() -> None:
    (one,) = cost(["yolov8n"], imgsz=64, latency=True, device="cpu", rounds=3)
    assert one.latency.milliseconds > 0
    assert one.latency.decisive.milliseconds > 0


def test_every_name_that_is_suggested_exists() -> None:
    names = model_names()
    assert {"yolov8n", "yolov8x-p2", "yolo26n-pose", "yolov9t"} <= set(names)
    assert cost(["yolov8n-ghost-p2"], imgsz=64)[0].unfused.parameters == 2_033_944


def test_no_model_costs_nothing() -> None:
    assert cost([]) == []


@pytest.mark.parametrize(
    ("name", "found", "fix"),
    [
        ("yolov8q", "yolov8q.yaml", "did you mean yolov8"),
        ("yolov8n-p32", "yolov8", "did you mean yolov8n-p"),
        ("nowhere.yaml", "nowhere.yaml", "correct the path"),
        ("nowhere.pt", "no such file", ""),
        ("yolov8n-cls", "classify model", "name a detector"),
    ],
)
def test_other_models_are_refused(name: str, found: str, fix: str) -> None:
    with pytest.raises(auxhead.ModelError) as caught:
        cost([name])
    assert found in caught.value.found
    assert caught.value.fix.startswith(fix)


def test_a_yaml_that_is_none_and_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("nc: 3\nbackbone: [[-1, 1, Nothing, [3]]]\nhead: []\n")
    (tmp_path / "broken.pt").write_bytes(b"nothing")
    for name in ("broken.yaml", "broken.pt"):
        with pytest.raises(auxhead.ModelError, match=name):
            cost([tmp_path / name])


def test_a_data_yaml_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("train: a\nval: b\nnames: [x]\n")
    for nc in (None, 3):
        with pytest.raises(auxhead.ModelError, match="no layers"):
            cost([tmp_path / "data.yaml"], nc=nc)


def test_words_of_the_command_may_stand_apart_and_files_may_have_a_sign_of_equality(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lr=0.1").mkdir()
    torch.save({"model": DetectionModel("yolov8n.yaml", nc=3, verbose=False)}, "lr=0.1/best.pt")
    told = call("cost", "yolov8n", "lr=0.1/best.pt", "imgsz", "=", "64", "nc= 3", "--json")
    assert [(one["model"], one["imgsz"], one["nc"]) for one in json.loads(told.stdout)] == [
        ("yolov8n", 64, 3),
        ("lr=0.1/best.pt", 64, 3),
    ]
    assert "unknown key" in call("cost", "yolov8n", "lr=0.2/best.pt").stderr


def test_weights_that_are_not_here_are_named_with_what_to_do() -> None:
    with pytest.raises(ModelError, match="no network to download it"):
        cost("yolo26x.pt")


def test_a_size_that_cannot_be_counted() -> None:
    with pytest.raises(auxhead.ModelError, match="imgsz=0"):
        room.count(torch.nn.Sequential(torch.nn.Linear(2, 2)), 0)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(auxhead.ConfigError, match="device=cuda:7"):
        cost(["yolov8n"], imgsz=64, latency=True, device="cuda:7")


def test_counts_are_plain_data() -> None:
    (one,) = cost(["yolov8n"], imgsz=64)
    assert one.to_dict()["unfused"] == {"parameters": 3_157_200, "gflops": one.unfused.gflops, "layers": 129}
    assert isinstance(one.unfused, Counts)


def test_files_that_hold_a_fused_model_have_no_unfused_size(tmp_path: Path) -> None:
    (plain,) = cost(["yolov8n.yaml"], nc=3, imgsz=64)
    model = DetectionModel("yolov8n.yaml", nc=3, verbose=False).fuse(verbose=False)
    torch.save({"model": model.half(), "train_args": {}}, tmp_path / "fused.pt")
    (found,) = cost([tmp_path / "fused.pt"], imgsz=64)
    assert found.unfused is None
    assert found.fused == plain.fused
    assert table([found])[1][3:5] == ["-", f"{plain.fused.parameters:,}"]


def test_weights_are_found_where_ultralytics_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"model": DetectionModel("yolov8n.yaml", nc=3, verbose=False), "train_args": {}}, tmp_path / "own.pt")
    monkeypatch.setattr("auxhead.host.models.SETTINGS", {"weights_dir": str(tmp_path)})
    assert cost(["own.pt"], imgsz=64)[0].nc == 3
