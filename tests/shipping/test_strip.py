"""Strip: the detector inside stock pose and segment models of every family, and its proof."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from ultralytics import YOLO
from ultralytics.nn.modules.head import Detect, Pose
from ultralytics.nn.tasks import DetectionModel, PoseModel, SegmentationModel, load_checkpoint, yaml_model_load
from ultralytics.utils import YAML
from ultralytics.utils.torch_utils import initialize_weights

import auxhead
from auxhead.errors import DataError, ModelError, OutputError, VerificationError
from auxhead.shipping.contained import detect_yaml, detector_of
from auxhead.shipping.strip_certificate import StripCertificate

LICENSE = "AGPL-3.0 License (https://ultralytics.com/license)"


def with_head(name: str, head: str, nc: int = 80, kpt_shape: tuple[int, int] = (17, 3)) -> dict[str, Any]:
    """A detector's YAML with another last layer, as people write them for families without one."""
    yaml = yaml_model_load(name)
    source, repeats, _, _ = yaml["head"][-1]
    arguments = ["nc", "kpt_shape"] if head.startswith("Pose") else ["nc", 32, 64]
    yaml["head"][-1] = [source, repeats, head, arguments]
    return {**yaml, "nc": nc, **({"kpt_shape": list(kpt_shape)} if head.startswith("Pose") else {})}


def build(yaml: str | dict[str, Any], nc: int | None = None, seed: int = 0) -> DetectionModel:
    """A pose or segment model with weights and statistics that differ everywhere."""
    config = yaml_model_load(yaml) if isinstance(yaml, str) else yaml
    kind = PoseModel if "kpt_shape" in config else SegmentationModel
    model = kind(config, nc=nc, verbose=False)
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if value.is_floating_point() and "dfl" not in name:
            noise = torch.rand(value.shape, generator=generator)
            value.mul_(0.5 + noise) if value.ndim > 1 or "running_var" in name else value.add_(noise / 10)
    model.names = {i: f"class {i}" for i in range(model.yaml["nc"])}
    task = "pose" if kind is PoseModel else "segment"
    model.args = {"task": task, "imgsz": 64, "data": "mine.yaml", "model": f"yolo-{task}.yaml"}
    return model.eval()


def write(model: nn.Module, path: Path, *, halved: bool = True) -> Path:
    """A checkpoint as Ultralytics leaves one after training."""
    arguments = dict(getattr(model, "args", {}))
    content = {
        "epoch": -1,
        "model": deepcopy(model).half() if halved else model,
        "ema": None,
        "optimizer": None,
        "train_args": arguments,
    }
    content |= {"date": "2026-01-02", "version": "8.4.190", "license": LICENSE, "train_metrics": {"fitness": 0.25}}
    torch.save(content, path)
    return path


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- every family ---------------------------------------------------------------------------------------------------

# Every family once, and every kind of head, with few, many and other keypoints, and three or four strides.
QUICK = {"v8-pose", "11-seg", "26-p2-pose"}
"""Both kinds of class branch and of inference, both tasks; the others say the same of their family, and take longer."""
FAMILIES: dict[str, tuple[Any, int, str]] = {
    "v8-pose": ("yolov8n-pose.yaml", 2, "yolov8n.yaml"),
    "v8-pose-p6": ("yolov8n-pose-p6.yaml", 1, "yolov8n-p6.yaml"),
    "11-seg": ("yolo11n-seg.yaml", 120, "yolo11n.yaml"),
    "12-pose": ("yolo12n-pose.yaml", 4, "yolo12n.yaml"),
    "26-seg": ("yolo26n-seg.yaml", 3, "yolo26n.yaml"),
    "v9-seg": (with_head("yolov9t.yaml", "Segment"), 5, "yolov9t.yaml"),
    "v6-pose": (with_head("yolov6n.yaml", "Pose", kpt_shape=(1, 2)), 7, "yolov6n.yaml"),
    "v5-pose": (with_head("yolov5n.yaml", "Pose", kpt_shape=(5, 3)), 1, "yolov5n.yaml"),
    "26-p2-pose": (with_head("yolo26n-p2.yaml", "Pose26", kpt_shape=(1, 3)), 2, "yolo26n-p2.yaml"),
}


@pytest.mark.core
@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FAMILIES]
)
def test_every_family_gives_the_detector_of_its_yaml(family: str, tmp_path: Path) -> None:
    yaml, nc, stock_yaml = FAMILIES[family]
    model = build(deepcopy(yaml), nc)
    source = write(model, tmp_path / "best.pt")
    certificate = auxhead.strip(source)
    assert isinstance(certificate, StripCertificate)
    out = tmp_path / "best-detect.pt"

    stock = DetectionModel(stock_yaml, nc=nc, verbose=False)
    left, right = load_checkpoint(str(source))[0], load_checkpoint(str(out))[0]
    assert type(right) is DetectionModel
    assert type(right.model[-1]) is Detect
    moved, before = right.state_dict(), left.state_dict()
    assert {name: value.shape for name, value in moved.items()} == {k: v.shape for k, v in stock.state_dict().items()}
    assert all(torch.equal(value, before[name]) for name, value in moved.items())
    with torch.inference_mode():
        image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
        theirs, ours = left(image)[0], right(image)[0]
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    assert ours.shape == (1, 4 + nc, theirs.shape[2])
    assert torch.equal(ours, theirs[:, : 4 + nc])
    assert len(ours.unique()) > 100  # not a comparison of nothing with nothing
    assert right.names == model.names
    assert torch.equal(right.stride, left.stride)
    assert right.task == "detect"

    parameters = sum(value.numel() for value in stock.parameters())
    assert certificate.parameters == certificate.stock_counts.parameters == parameters
    assert certificate.source_counts.parameters - certificate.parameters == certificate.left_out_parameters > 0
    assert certificate.tensors_moved + certificate.tensors_left_out == len(before)
    assert certificate.tensors_moved == len(stock.state_dict())
    assert certificate.counts == certificate.stock_counts
    assert 0 < certificate.gflops < certificate.source_counts.gflops
    assert certificate.float32_difference == 0
    assert certificate.task == ("pose" if "pose" in family else "segment")
    stored = list(torch.load(out, weights_only=False)["model"].parameters())
    assert not any(parameter.requires_grad for parameter in stored)
    assert {parameter.dtype for parameter in stored} == {torch.float16}
    assert certificate.precision == "float16"


def test_detect_yaml_changes_the_last_layer_only() -> None:
    yaml = {**yaml_model_load("yolo26n-pose.yaml"), "channels": 4, "nc": 6}
    before = deepcopy(yaml)
    detect = detect_yaml(yaml)
    assert yaml == before
    assert detect["head"][-1] == [yaml["head"][-1][0], 1, "Detect", ["nc"]]
    assert detect["head"][:-1] == yaml["head"][:-1]
    assert "kpt_shape" not in detect
    same = set(yaml) - {"head", "kpt_shape"}
    assert {"scale", "reg_max", "end2end", "channels", "nc"} <= same
    assert {key: detect[key] for key in same} == {key: yaml[key] for key in same}


def test_other_channels_and_literal_class_counts(tmp_path: Path) -> None:
    yaml = yaml_model_load("yolov8n-seg.yaml")
    yaml |= {"nc": 5, "head": [*yaml["head"][:-1], [*yaml["head"][-1][:3], [5, 16, 48]]]}
    model = SegmentationModel(yaml, ch=1, verbose=False).eval()
    assert auxhead.strip(write(model, tmp_path / "gray.pt")).float32_difference == 0
    out = load_checkpoint(str(tmp_path / "gray-detect.pt"))[0]
    assert out.yaml["channels"] == 1
    assert out.model[-1].nc == 5


def test_class_branches_as_wide_as_pretrained_ones(tmp_path: Path) -> None:
    model = build("yolo26n-pose.yaml", 3)
    model.load(build("yolo26n-pose.yaml", 80), verbose=False)  # 80 classes make a wider branch than 3
    certificate = auxhead.strip(write(model, tmp_path / "wide.pt"))
    out = load_checkpoint(str(tmp_path / "wide-detect.pt"))[0]
    assert out.model[-1].cv3[0][-1].in_channels == out.model[-1].one2one_cv3[0][-1].in_channels == 80
    assert out.model[-1].cv3[0][-1].out_channels == 3
    assert certificate.counts == certificate.stock_counts


def other_branch(model: DetectionModel, *, settings: bool = True) -> DetectionModel:
    """The model with the other class branch, as Ultralytics 8.3.0 to 8.3.16 built YOLOv8 with YOLO11's."""
    old = model.model[-1]
    kind = type(old)
    part = {"kpt_shape": old.kpt_shape} if isinstance(old, Pose) else {"nm": old.nm, "npr": old.npr}
    turned = type(kind.__name__, (kind,), {"legacy": isinstance(old.cv3[0][0], nn.Sequential)})
    new = turned(old.nc, *part.values(), old.reg_max, False, tuple(branch[0].conv.in_channels for branch in old.cv2))
    old.cv3 = new.cv3
    if settings:
        initialize_weights(model)
    return model


@pytest.mark.parametrize(
    ("yaml", "settings"),
    [("small-pose.yaml", True), ("small-pose.yaml", False), ("small-seg.yaml", True), ("yolo11n-seg.yaml", True)],
)  # the small ones have YOLOv8's branch
def test_the_class_branch_of_another_release_is_kept(
    yaml: str, settings: bool, small_models: Path, tmp_path: Path
) -> None:
    model = other_branch(build(str(small_models / yaml) if "small" in yaml else yaml, 2), settings=settings)
    certificate = auxhead.strip(write(model, tmp_path / "old.pt"))
    assert certificate.float32_difference == 0
    assert certificate.counts == certificate.stock_counts
    assert not certificate.as_built
    assert "8.3.0 to 8.3.16" in str(certificate)
    again = StripCertificate.from_dict(json.loads((tmp_path / "old-detect.certificate.json").read_text()))
    assert again == certificate
    out = load_checkpoint(str(tmp_path / "old-detect.pt"))[0]
    assert type(out.model[-1]) is Detect
    moved, before = out.state_dict(), load_checkpoint(str(tmp_path / "old.pt"))[0].state_dict()
    assert [name for name in moved if "cv3" in name] == [n for n in before if "cv3" in n and "proto" not in n]
    assert all(torch.equal(value, before[name]) for name, value in moved.items())
    assert YOLO(tmp_path / "old-detect.pt").predict(torch.zeros(1, 3, 64, 64), verbose=False)


def test_the_class_branch_of_another_release_may_be_wider_and_exports(small_models: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxslim")
    model, wide = (other_branch(build(str(small_models / "small-pose.yaml"), classes)) for classes in (2, 80))
    model.load(wide, verbose=False)
    certificate = auxhead.strip(write(model, tmp_path / "old.pt"), check_export=True)
    assert load_checkpoint(str(tmp_path / "old-detect.pt"))[0].model[-1].cv3[0][-1].in_channels == 80
    assert certificate.export.nodes == certificate.export.stock_nodes


@pytest.mark.parametrize("names", [["a", "b"], ("a", "b"), {"0": "a", "1": "b"}, {0: "a", 1: "b"}], ids=str)
def test_names_in_every_form_that_ultralytics_takes(names: Any, small_models: Path, tmp_path: Path) -> None:
    model = build(str(small_models / "small-pose.yaml"), 2)
    model.names = names
    auxhead.strip(write(model, tmp_path / "renamed.pt"))
    assert load_checkpoint(str(tmp_path / "renamed-detect.pt"))[0].names == {0: "a", 1: "b"}
    assert YOLO(tmp_path / "renamed-detect.pt").names == {0: "a", 1: "b"}


@pytest.mark.parametrize("end2end", [False, True])
def test_the_choice_of_boxes_stays(end2end: bool, tmp_path: Path) -> None:
    model = build("yolo26n-pose.yaml", 3)
    model.end2end = end2end
    model.set_head_attr(max_det=7, agnostic_nms=True)
    auxhead.strip(write(model, tmp_path / "best.pt"))
    theirs, ours = (load_checkpoint(str(tmp_path / name))[0] for name in ("best.pt", "best-detect.pt"))
    assert (ours.end2end, ours.model[-1].max_det, ours.model[-1].agnostic_nms) == (end2end, 7, True)
    with torch.inference_mode():
        image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
        boxes = ours(image)[0]
        assert boxes.shape == ((1, 7, 6) if end2end else (1, 7, 84))
        assert torch.equal(boxes, theirs(image)[0][..., :6] if end2end else theirs(image)[0][:, :7])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])  # float16: above
def test_precision_is_kept(dtype: torch.dtype, small_models: Path, tmp_path: Path) -> None:
    model = build(str(small_models / "small-pose.yaml"), 1).to(dtype)
    certificate = auxhead.strip(write(model, tmp_path / "best.pt", halved=False))
    out = torch.load(tmp_path / "best-detect.pt", weights_only=False)["model"]
    assert {value.dtype for value in out.parameters()} == {dtype}
    assert certificate.precision == str(dtype).removeprefix("torch.")
    stored = model.state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in out.state_dict().items())


# -- what a real training leaves ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keypoints(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The signs with their centers as keypoints, as the tutorial writes them."""
    folder = tmp_path_factory.mktemp("keypoints") / "data"
    shutil.copytree(signs.parent, folder, ignore=shutil.ignore_patterns("*.cache"))
    for label in (folder / "labels").rglob("*.txt"):
        rows = (row.split() for row in label.read_text().splitlines())
        label.write_text("".join(f"{' '.join(row)} {row[1]} {row[2]} 1\n" for row in rows))
    YAML.save(folder / "data.yaml", {**YAML.load(signs), "path": str(folder), "kpt_shape": [1, 3]})
    return folder / "data.yaml"


@pytest.fixture(scope="module")
def pose_run(
    keypoints: Path, quick: dict[str, Any], small_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a stock pose training, with last.pt from its middle as weights/middle.pt."""
    folder = tmp_path_factory.mktemp("pose")
    arguments = {key: value for key, value in quick.items() if key != "model"} | {"data": str(keypoints), "epochs": 1}
    model = YOLO(small_models / "small-pose.yaml")
    model.add_callback("on_model_save", lambda trainer: shutil.copy(trainer.last, trainer.wdir / "middle.pt"))
    model.train(**arguments, project=str(folder), name="run")
    return folder / "run"


def test_run_folder_and_middle_of_training(
    pose_run: Path, trained: auxhead.TrainResult, signs: Path, tmp_path: Path
) -> None:
    middle = torch.load(pose_run / "weights" / "middle.pt", weights_only=False)
    assert middle["model"] is None
    assert middle["optimizer"]
    for source, name in ((pose_run, "best"), (pose_run / "weights" / "middle.pt", "middle")):
        certificate = auxhead.strip(source, tmp_path / f"{name}.pt")
        theirs = load_checkpoint(str(pose_run / "weights" / f"{name}.pt"))[0]
        ours = load_checkpoint(str(tmp_path / f"{name}.pt"))[0]
        trained_on = theirs.state_dict()
        assert all(torch.equal(value, trained_on[key]) for key, value in ours.state_dict().items())
        assert certificate.source == f"{name}.pt"
        image = str(next((signs.parent / "images" / "val").iterdir()))
        keys = {"imgsz": 64, "conf": 1e-4, "verbose": False}
        expected = YOLO(pose_run / "weights" / f"{name}.pt").predict(image, **keys)[0].boxes.data
        opened = YOLO(tmp_path / f"{name}.pt")
        assert opened.task == "detect"
        assert len(expected) > 10
        assert torch.equal(opened.predict(image, **keys)[0].boxes.data, expected)

    out = torch.load(tmp_path / "best.pt", weights_only=False)
    source = torch.load(pose_run / "weights" / "best.pt", weights_only=False)
    for key in ("date", "version", "license", "docs", "git", "train_metrics", "train_results"):
        assert out[key] == source[key], key
    assert out["train_args"] == {
        **{k: str(v) if isinstance(v, Path) else v for k, v in source["train_args"].items()},
        "task": "detect",
    }
    assert out["epoch"] == -1
    stock = torch.load(trained.best, weights_only=False)  # a detector as stock training leaves it
    assert set(out) == set(source) >= set(stock) - {"auxhead"}
    assert {k: type(v) for k, v in vars(stock["model"]).items()} == {k: type(v) for k, v in vars(out["model"]).items()}
    assert out["model"].args["task"] == "detect"
    assert out["model"].args["data"] == source["train_args"]["data"]


def test_stripped_file_trains_on(pose_run: Path, quick: dict[str, Any], tmp_path: Path) -> None:
    auxhead.strip(pose_run, tmp_path / "start.pt")
    result = auxhead.train(**{**quick, "model": str(tmp_path / "start.pt"), "epochs": 1}, project=str(tmp_path))
    assert result.certificate.float32_difference == 0


@pytest.mark.core
def test_certificate_is_written_printed_and_read_back(pose_run: Path, tmp_path: Path) -> None:
    certificate: Any = auxhead.strip(pose_run, tmp_path / "plain.pt")
    written = json.loads((tmp_path / "plain.certificate.json").read_text())
    assert StripCertificate.from_dict(written) == certificate == StripCertificate.from_dict(certificate.to_dict())
    assert set(files(tmp_path)) == {tmp_path / "plain.pt", tmp_path / "plain.certificate.json"}
    for path, found in (
        (pose_run / "weights" / "best.pt", certificate.source_sha256),
        (tmp_path / "plain.pt", certificate.sha256),
    ):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == found
    text = str(certificate)
    assert text in certificate._repr_html_()
    assert "Certificate for plain.pt (from the pose model best.pt)" in text
    assert f"{certificate.tensors_moved} moved, equal bit for bit" in text
    assert "difference 0 in float32 on 2 random images" in text
    assert f"{certificate.source_counts.parameters:,} parameters" in text
    assert certificate.sha256 in text


def test_real_images_are_compared_and_classes_counted(pose_run: Path, signs: Path, tmp_path: Path) -> None:
    data = YAML.load(signs)
    YAML.save(tmp_path / "other.yaml", {**data, "path": str(signs.parent), "names": {0: "a"}})
    with pytest.raises(DataError, match="6 classes"):
        auxhead.strip(pose_run, tmp_path / "plain.pt", str(tmp_path / "other.yaml"))
    with pytest.raises(DataError, match=r"nowhere\.yaml"):
        auxhead.strip(pose_run, tmp_path / "plain.pt", "nowhere.yaml")
    assert not (tmp_path / "plain.pt").exists()


# -- what is refused, and what a refusal leaves -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def stock_pose(small_models: Path) -> DetectionModel:
    return build(str(small_models / "small-pose.yaml"), 2)


@pytest.fixture
def alter(stock_pose: DetectionModel, tmp_path: Path) -> Callable[[Callable[[nn.Module], None]], Path]:
    """Write a pose model after changing it."""

    def change(how: Callable[[nn.Module], None]) -> Path:
        model = deepcopy(stock_pose)
        how(model)
        return write(model, tmp_path / "best.pt")

    return change


def test_tensors_that_do_not_match_are_listed(alter, tmp_path: Path) -> None:
    def widen(model: nn.Module) -> None:
        model.model[0].conv = nn.Conv2d(3, 24, 3, 2, 1, bias=False)

    def add(model: nn.Module) -> None:
        model.model[-1].cv2[0][0].extra = nn.Linear(2, 3)

    def remove(model: nn.Module) -> None:
        model.model[1].bn = nn.Identity()

    for how, found in (
        (widen, r"model\.0\.conv\.weight: \(24, 3, 3, 3\) .* \(16, 3, 3, 3\)"),
        (add, r"model\.6\.cv2\.0\.0\.extra\.weight: \(3, 2\) in the model, no place"),
        (remove, r"5 differences\n .*model\.1\.bn\.weight: \(32,\) in the detector, missing"),
    ):
        source = alter(how)
        before = files(tmp_path)
        with pytest.raises(VerificationError, match=found):
            auxhead.strip(source)
        assert files(tmp_path) == before


def test_outputs_that_differ_leave_nothing(alter, tmp_path: Path) -> None:
    def other_activation(model: nn.Module) -> None:
        model.model[0].act = nn.ReLU()  # the YAML says SiLU, and no tensor shows it

    source = alter(other_activation)
    out = tmp_path / "out.pt"
    out.write_bytes(b"an older file")
    before = files(tmp_path)
    with pytest.raises(VerificationError, match=r"an output difference of [0-9.]+[1-9]"):
        auxhead.strip(source, out, exist_ok=True)
    assert files(tmp_path) == before


def test_a_file_that_changed_on_its_way_is_found(alter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import importlib

    module = importlib.import_module("auxhead.shipping.strip")
    original = module.compose

    def forge(*arguments: Any) -> dict[str, Any]:
        content = original(*arguments)
        with torch.no_grad():
            content["model"].model[3].conv.weight[0, 0, 0, 0] += 0.5
        return content

    source = alter(lambda _: None)
    monkeypatch.setattr(module, "compose", forge)
    with pytest.raises(VerificationError, match=r"1 tensors that differ \(model\.3\.conv\.weight\)"):
        auxhead.strip(source)
    assert not (tmp_path / "best-detect.pt").exists()


def test_a_name_too_long_for_its_certificate_is_refused_before_anything_is_written(alter, tmp_path: Path) -> None:
    source = alter(lambda model: None)
    before = files(tmp_path)
    with pytest.raises(OSError, match="too long"):
        auxhead.strip(source, tmp_path / f"{'d' * 248}.pt")  # 251 bytes do, but not 265 for its .certificate.json
    assert files(tmp_path) == before


def test_out_is_not_replaced_unasked(alter, tmp_path: Path) -> None:
    source = alter(lambda _: None)
    (tmp_path / "best-detect.pt").write_bytes(b"an older file")
    with pytest.raises(OutputError, match="exist_ok"):
        auxhead.strip(source)
    assert (tmp_path / "best-detect.pt").read_bytes() == b"an older file"
    assert auxhead.strip(source, exist_ok=True) is not None
    before = source.read_bytes()
    with pytest.raises(OutputError, match="name another out="):
        auxhead.strip(source, source, exist_ok=True)
    assert source.read_bytes() == before
    with pytest.raises(OutputError, match=r"\.pt"):
        auxhead.strip(source, tmp_path / "out.onnx")
    with pytest.raises(OutputError):
        auxhead.strip(source, "/dev/null/below.pt")
    assert auxhead.strip(tmp_path / "best-detect.pt") is None  # plain already


def test_a_certificate_alone_is_not_replaced_unasked_either(alter, tmp_path: Path) -> None:
    source = alter(lambda _: None)
    proof = tmp_path / "best-detect.certificate.json"
    proof.write_text("an older one")
    with pytest.raises(OutputError, match="exist_ok"):
        auxhead.strip(source)
    assert proof.read_text() == "an older one"
    assert not (tmp_path / "best-detect.pt").exists()
    assert auxhead.strip(source, exist_ok=True) is not None
    assert proof.read_text() != "an older one"


def test_a_kill_between_the_two_files_leaves_no_certificate_of_another(
    alter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = alter(lambda _: None)
    written: list[Path] = []
    auxhead.strip(source)

    def killed(path: Path, content: bytes) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)
        path.write_bytes(content)

    monkeypatch.setattr("auxhead.shipping.ship.write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        auxhead.strip(source, exist_ok=True)
    assert [path.name for path in written] == ["best-detect.pt"]
    assert not (tmp_path / "best-detect.certificate.json").exists()


def test_models_of_subclasses_are_refused(tmp_path: Path) -> None:
    from auxhead.host.models import task_of

    class Mine(PoseModel):  # type: ignore[misc]
        pass

    model = build("yolov8n-pose.yaml", 1)
    model.__class__ = Mine
    with pytest.raises(ModelError, match="own classes"):
        task_of(model, "mine.pt")


def test_detector_of_leaves_the_model_as_it_was() -> None:
    model = build("yolov8n-seg.yaml", 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    yaml = deepcopy(model.yaml)
    detector, left_out = detector_of(model, "best.pt")
    assert model.yaml == yaml
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert {name.split(".")[2] for name in left_out} == {"cv4", "proto"}
    with torch.no_grad():
        detector.model[0].conv.weight.zero_()
    assert torch.equal(model.model[0].conv.weight, before["model.0.conv.weight"])
