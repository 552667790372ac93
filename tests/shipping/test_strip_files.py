"""Files that strip must refuse: broken, foreign, hostile, or of a kind that contains no plain detector."""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.small import SMALL
from torch import nn
from ultralytics import YOLO
from ultralytics.nn.modules import head as heads
from ultralytics.nn.tasks import PoseModel
from ultralytics.utils import checks

import auxhead
from auxhead.errors import AuxHeadError, ModelError, ResumeError
from auxhead.host.calls import quiet
from auxhead.host.checkpoint import load
from auxhead.host.models import REFUSED, task_of
from auxhead.shipping.strip_certificate import StripCertificate


@cache
def stock() -> PoseModel:
    content = yaml.safe_load(SMALL.format(head="Pose, [nc, kpt_shape]"))
    model = PoseModel({**content, "kpt_shape": [17, 3]}, nc=2, verbose=False).eval()
    model.names = {0: "a", 1: "b"}
    return model


def pose() -> PoseModel:
    """A pose model to spoil; a copy takes less time than another one."""
    return deepcopy(stock())


def checkpoint(model: Any, **entries: Any) -> dict[str, Any]:
    return {"epoch": -1, "model": model, "ema": None, "train_args": {"task": "pose", "imgsz": 64}, **entries}


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(path: Path, words: str, error: type[AuxHeadError] = ModelError, **keys: Any) -> str:
    """Strip a file that can't be; check that the message has four parts and nothing was written."""
    before = files(path.parent)
    with pytest.raises(error, match=words) as caught:
        auxhead.strip(path, **keys)
    assert files(path.parent) == before
    message = caught.value
    assert all((message.expected, message.found, message.where, message.fix))
    assert path.name in message.where
    return str(message)


# -- broken ---------------------------------------------------------------------------------------------------------


def truncated(path: Path) -> None:
    torch.save(checkpoint(pose()), path)
    path.write_bytes(path.read_bytes()[:-2000])


def damaged(path: Path) -> None:
    torch.save(checkpoint(pose()), path)
    content = bytearray(path.read_bytes())
    start = content.index(b"data.pkl") + 100
    content[start : start + 200] = bytes(200)
    path.write_bytes(content)


def bomb(path: Path) -> None:
    torch.save(checkpoint(pose()), path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/999", bytes(200_000_000))


def fused(path: Path) -> None:
    torch.save(checkpoint(pose().fuse(verbose=False)), path)


def quantized(path: Path) -> None:
    model = pose()
    model.model[0].conv.weight = nn.Parameter(torch.ones(16, 3, 3, 3, dtype=torch.int8), requires_grad=False)
    torch.save(checkpoint(model), path)


def fewer_names(path: Path) -> None:
    model = pose()
    model.names = {0: "a"}
    torch.save(checkpoint(model), path)


def no_yaml(path: Path) -> None:
    model = pose()
    model.yaml["head"] = model.yaml["head"][:-1]
    torch.save(checkpoint(model), path)


def script(path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), path)


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "truncated file, or none of torch.save"),
    "text": (lambda path: path.write_text("<html>404</html>"), "truncated file, or none of torch.save"),
    "truncated": (truncated, "truncated file, or none of torch.save"),
    "damaged": (damaged, "can't be read as one"),
    "bomb": (bomb, "claim to unpack to"),
    "other zip": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "hello"), "can't be read as one"),
    "list": (lambda path: torch.save([1, 2], path), "can't be read as one"),
    "tensor": (lambda path: torch.save(torch.ones(3), path), "can't be read as one"),
    "no model": (lambda path: torch.save({"epoch": 3}, path), "no model, but epoch"),
    "empty dict": (lambda path: torch.save({}, path), "no model, but nothing"),
    "state dict": (lambda path: torch.save(pose().state_dict(), path), "a state dict"),
    "state dict as model": (lambda path: torch.save({"model": pose().state_dict()}, path), "a state dict"),
    "other model": (lambda path: torch.save({"model": nn.Linear(2, 2)}, path), "no model of Ultralytics"),
    "bare model": (lambda path: torch.save(pose(), path), "no model of Ultralytics"),
    "script": (script, "(?i)torchscript"),
    "fused": (fused, "a fused one"),
    "quantized": (quantized, "a quantized model"),
    "qat": (lambda path: torch.save(checkpoint(pose(), modelopt={"x": 1}), path), "a quantized model"),
    "names": (fewer_names, "1 names"),
    "no yaml": (no_yaml, "that the installed Ultralytics can build"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_one_error_and_nothing_is_written(kind: str, tmp_path: Path) -> None:
    make, words = BROKEN[kind]
    make(tmp_path / "best.pt")
    for trust in (False, True) if kind != "script" else (False,):
        refused(tmp_path / "best.pt", words, trust=trust)


def test_places_without_a_model(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.pt", tmp_path):
        with pytest.raises(ModelError, match="no such file"):
            auxhead.strip(path)
    (tmp_path / "best.onnx").write_bytes(b"onnx")
    refused(tmp_path / "best.onnx", r"a \.onnx file")


def test_half_precision_zipped_again_is_no_bomb(tmp_path: Path) -> None:
    torch.save(checkpoint(pose().half()), tmp_path / "stored.pt")
    with (
        zipfile.ZipFile(tmp_path / "stored.pt") as stored,
        zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
    ):
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    assert (tmp_path / "packed.pt").stat().st_size < (tmp_path / "stored.pt").stat().st_size
    assert auxhead.strip(tmp_path / "packed.pt") is not None


# -- foreign and hostile ----------------------------------------------------------------------------------------------


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_file_does_not_run_unless_trusted(protocol: int, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    path = tmp_path / "files" / "best.pt"
    path.parent.mkdir()
    torch.save(checkpoint(pose(), extra=Payload(seen)), path, pickle_protocol=protocol)
    message = refused(path, "mkdir" if protocol == 2 else "can't be read as one")  # restricted loading knows 2 only
    assert not seen.exists()
    assert "trust=true" in message
    assert auxhead.strip(path, trust=True) is not None
    assert seen.exists()
    load(path.parent / "best-detect.pt")  # what comes out needs no trust


def test_code_in_a_state_does_not_run_unless_trusted(tmp_path: Path) -> None:
    for protocol in (2, 4):
        path = tmp_path / f"best{protocol}.state.pt"
        torch.save({"auxhead": {"head_state": {}}, "x": Payload(tmp_path / "seen")}, path, pickle_protocol=protocol)
        refused(path, "a training state", ResumeError)
    (tmp_path / "plain.state.pt").write_bytes(b"cbuiltins\nopen\n(S'seen'\nS'w'\ntR.")  # no archive, but a pickle
    refused(tmp_path / "plain.state.pt", "a training state", ResumeError)
    assert not (tmp_path / "seen").exists()


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of another package, with a layer that people put into models."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "foreign_layers.py").write_text(
        "from torch import nn\nclass Swish(nn.Module):\n    def forward(self, x):\n        return x * x.sigmoid()\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "foreign_layers", raising=False)
    return importlib.import_module("foreign_layers")


def test_foreign_classes_are_named_and_never_installed(
    foreign: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pose()
    model.model[0].act = foreign.Swish()
    path = tmp_path / "files" / "best.pt"
    path.parent.mkdir()
    torch.save(checkpoint(model), path)
    message = refused(path, r"foreign_layers\.Swish")
    assert "trust=true" in message
    model = load(path, trust=True)["model"]
    assert type(model.model[0].act).__name__ == "Swish"

    calls = []
    monkeypatch.setattr(checks, "AUTOINSTALL", True)
    monkeypatch.setattr(checks, "ONLINE", True)
    monkeypatch.setattr(checks.subprocess, "check_output", lambda *words, **_: calls.append(words) or "")
    monkeypatch.delitem(sys.modules, "foreign_layers")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not entry.endswith("site")])
    message = refused(path, "foreign_layers", trust=True)
    assert "install the package that has foreign_layers" in message
    assert calls == []
    assert checks.AUTOINSTALL is True


@pytest.mark.parametrize("where", ["activation", "layer"])
def test_code_in_a_models_yaml_does_not_run(where: str, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    model = pose()
    if where == "activation":
        model.yaml["activation"] = f"open({str(seen)!r}, 'w').close() or nn.SiLU()"
    else:
        model.yaml["backbone"][1] = [-1, 1, "Path.touch", [str(seen)]]
        model.yaml["backbone"][2] = [-1, 1, "load_checkpoint", ["other.pt"]]
    path = tmp_path / "files" / "best.pt"
    path.parent.mkdir()
    torch.save(checkpoint(model), path)
    refused(path, "that the installed Ultralytics can build")
    assert not seen.exists()


def test_safe_loading_opens_what_official_files_contain(tmp_path: Path) -> None:
    import numpy as np

    arguments = {"task": "pose", "imgsz": 64, "save_dir": Path("runs/pose/train"), "project": None}
    content = checkpoint(pose(), train_metrics={"fitness": np.float64(0.5)})
    torch.save({**content, "train_args": arguments}, tmp_path / "best.pt")
    assert auxhead.strip(tmp_path / "best.pt") is not None
    out = load(tmp_path / "best-detect.pt")
    assert out["train_metrics"] == {"fitness": 0.5}
    assert out["train_args"]["task"] == "detect"


# -- other kinds of models --------------------------------------------------------------------------------------------


def test_every_refused_layer_is_known_and_explained_once() -> None:
    for name, sentence in REFUSED.items():
        layer = getattr(heads, name)
        model = pose()
        model.model[-1] = nn.Module.__new__(layer)
        nn.Module.__init__(model.model[-1])
        with pytest.raises(ModelError) as caught:
            task_of(model, "best.pt")
        assert caught.value.found == sentence
        assert sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("yolov8n-obb.yaml", "oriented-box"),
        ("yolo26n-obb.yaml", "oriented-box"),
        ("yolov8n-cls.yaml", "a classifier"),
        ("yolo26n-sem.yaml", "semantic"),
        ("yolov8s-worldv2.yaml", "YOLO-World"),
        ("yolov8n-rtdetr.yaml", "RT-DETR"),
    ],
)
def test_models_without_a_plain_detector_are_refused(name: str, words: str, tmp_path: Path) -> None:
    with quiet():
        if "rtdetr" in name:
            from ultralytics import RTDETR

            RTDETR(name).save(str(tmp_path / "best.pt"))
        else:
            YOLO(name).save(str(tmp_path / "best.pt"))
    refused(tmp_path / "best.pt", words)


@pytest.mark.parametrize("entry", ["model", "ema"])
def test_a_model_in_its_shell_for_several_gpus_is_unwrapped(entry: str, tmp_path: Path) -> None:
    torch.save({"epoch": 3, "train_args": {"task": "pose"}, entry: nn.DataParallel(stock())}, tmp_path / "shell.pt")
    certificate = auxhead.strip(tmp_path / "shell.pt")
    shipped = YOLO(tmp_path / "shell-detect.pt").model.state_dict()
    assert isinstance(certificate, StripCertificate)
    assert all(torch.equal(tensor, stock().state_dict()[name]) for name, tensor in shipped.items())


class Compiled(nn.Module):
    """A shell as `torch.compile` makes it, whose import takes seconds."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._orig_mod = model


def test_a_compiled_model_is_unwrapped_once_it_is_trusted(tmp_path: Path) -> None:
    torch.save(checkpoint(Compiled(pose())), tmp_path / "compiled.pt")
    assert "add trust=true" in refused(tmp_path / "compiled.pt", "Compiled")
    assert auxhead.strip(tmp_path / "compiled.pt", trust=True) is not None


@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolo26n.yaml", "yolov10n.yaml"])
def test_plain_detectors_are_left_alone(name: str, tmp_path: Path) -> None:
    with quiet():
        YOLO(name).save(str(tmp_path / "best.pt"))
    before = files(tmp_path)
    assert auxhead.strip(tmp_path / "best.pt") is None
    assert files(tmp_path) == before
