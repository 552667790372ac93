"""What models cost: the tutorial's numbers, Ultralytics' own as the oracle, refused models."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics import YOLO

import auxhead
from auxhead.shipping.cost import cost, model_names
from auxhead.shipping.counts import Counts

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


def test_files_keep_their_classes_or_take_others(trained: auxhead.TrainResult) -> None:
    own, other = cost([trained.best], imgsz=64)[0], cost([trained.best], nc=48, imgsz=64)[0]
    assert own.unfused.parameters == trained.certificate.parameters
    assert (own.nc, other.nc, other.unfused.parameters) == (6, 48, 3_020_208)


def test_latency_is_a_ratio_to_the_first_model(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {3_151_904: iter([0.1, 0.2, 0.1, 0.4] * 3), 3_348_240: iter([0.2, 0.4, 0.3, 0.8] * 3)}

    def forward(model: torch.nn.Module, image: torch.Tensor, device: torch.device) -> float:
        assert (image.shape, device.type, torch.is_inference_mode_enabled()) == ((1, 3, 64, 64), "cpu", True)
        return next(seconds[sum(parameter.numel() for parameter in model.parameters())])

    monkeypatch.setattr("auxhead.shipping.latency._forward", forward)
    monkeypatch.setattr("auxhead.shipping.latency.WARM_UP", 4)
    told: list[tuple[str, int, int]] = []
    keys: dict[str, Any] = {"imgsz": 64, "latency": True, "device": "cpu", "rounds": 4}
    first, second = cost(["yolov8n", "yolov8n-p2"], **keys, progress=lambda *what: told.append(what))
    assert first.latency.ratio == first.latency.low == first.latency.high == 1
    assert (second.latency.ratio, second.latency.milliseconds) == (pytest.approx(2), pytest.approx(350))
    assert (second.latency.low, second.latency.high) == (pytest.approx(2), pytest.approx(2))
    assert told[-1] == ("timing", 4, 4)


def test_latency_is_measured_and_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    (one,) = cost(["yolov8n"], imgsz=64, latency=True, device="cpu", rounds=3)
    assert one.latency.milliseconds > 0
    assert torch.get_num_threads() == before


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
        ("yolov8n-p3", "yolov8", "did you mean yolov8n-p"),
        ("nowhere.yaml", "nowhere.yaml", "correct the name"),
        ("nowhere.pt", "no such file", ""),
        ("yolov8n-cls", "classify model", "leave it out"),
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
