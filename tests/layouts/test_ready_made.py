"""Ready-made layouts: the files, their names, and a training that only knows the name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.write_layouts import sheets
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

import auxhead
from auxhead.errors import ConfigError
from auxhead.host.models import sibling
from auxhead.layouts.ready_made import FOLDER, names, ready_made
from auxhead.shipping.cost import cost, imgsz_within


def test_files_are_what_the_builder_makes_of_ultralytics_yamls() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}
    assert {name: yaml.safe_load(content) for name, content in files.items()} == {
        name: yaml.safe_load(content) for name, content in sheets().items()
    }, "run benchmarks/write_layouts.py"


@pytest.mark.parametrize("name", names())
def test_every_name_leads_ultralytics_to_its_yaml_and_size(name: str) -> None:
    content = yaml_model_load(ready_made(f"{name}.yaml"))
    family, _, layout = name.partition("-")
    assert content["scale"] == (family[-1] if family[-1] in "nsmlx" else "")
    assert Path(content["yaml_file"]).parent == FOLDER
    detect = content["head"][-1][0]
    assert (detect == sorted(detect)) == (layout != "p234-down")  # on the way down, coarser maps come first


@pytest.mark.parametrize("name", [name for name in names() if "n-" in name or "v9" in name])
def test_the_smallest_of_each_family_is_built(name: str) -> None:
    model = DetectionModel(ready_made(f"{name}.yaml"), nc=3, verbose=False)
    levels = {"slim": [8, 16, 32], "p2": [4, 8, 16, 32], "p3": [8]}
    assert model.stride.tolist() == levels.get(name.partition("-")[2], [4, 8, 16])


@pytest.mark.parametrize("size", ["yolov5n", "yolov8n", "yolov8s", "yolo11n", "yolo26n"])
def test_slim_models_pay_for_larger_images_with_channels(size: str) -> None:
    stock, slim = cost([f"{size}.yaml"], nc=10)[0], cost([f"{size}-slim.yaml"], nc=10, imgsz=960)[0]
    assert 0.75 < slim.fused.gflops / stock.fused.gflops <= 1.0  # channels come in eights: steps of n models are large
    assert slim.fused.parameters < stock.fused.parameters / 2


@pytest.mark.parametrize("name", [name for name in names() if name.endswith("-p3")])
def test_a_detector_without_a_neck_leaves_room_for_larger_images(name: str) -> None:
    imgsz = imgsz_within(f"{name}.yaml", f"{name.removesuffix('-p3')}.yaml", 640, nc=10)
    assert imgsz >= 1.15 * 640


@pytest.mark.parametrize("like", ["yolov8n", "yolo11n"])
def test_images_are_as_large_as_the_operations_of_another_detector_allow(like: str) -> None:
    def gflops(model: str, imgsz: int) -> float:
        return cost([f"{model}.yaml"], nc=3, imgsz=imgsz)[0].fused.gflops

    found = imgsz_within(f"{like}-p3.yaml", f"{like}.yaml", 320, nc=3)
    assert found % 32 == 0
    assert gflops(f"{like}-p3", found) <= gflops(like, 320) < gflops(f"{like}-p3", found + 32)


def test_a_dearer_detector_gets_smaller_images_but_some() -> None:
    assert imgsz_within("yolov8n-p2.yaml", "yolov8n.yaml", 640, nc=3) == 512
    assert imgsz_within("yolov8s.yaml", "yolov8n.yaml", 32, nc=3) == 32


def test_p2_models_are_made_where_ultralytics_has_none() -> None:
    ours = yaml_model_load(ready_made("yolo11n-p2.yaml"))
    assert len(ours["head"][-1][0]) == len(yaml_model_load("yolov8n-p2.yaml")["head"][-1][0])
    assert "yolov8n-p2" not in names()


@pytest.mark.parametrize(
    "name", ["yolov8n.yaml", "yolov8n-p2.yaml", "best.pt", "my/yolov8n-p234.yaml", "yolov8n-p24.yaml"]
)
def test_other_names_stay_as_they_are(name: str) -> None:
    assert ready_made(name) == name


@pytest.mark.parametrize("own", ["yolov8n-p234.yaml", "yolov8-p234.yaml"])
def test_a_file_of_the_users_comes_first(own: str) -> None:
    Path(own).write_text("nc: 1\n")
    assert ready_made("yolov8n-p234.yaml") == "yolov8n-p234.yaml"


@pytest.mark.parametrize("model", ["yolov8s.pt", "yolov8s.yaml", "yolov8s-p2.yaml", "yolov8s-p234-down.yaml"])
def test_a_models_layout_is_found_by_its_name(model: str) -> None:
    assert sibling(model, "p234") == "yolov8s-p234.yaml"


def test_a_model_without_layouts_is_named() -> None:
    with pytest.raises(ConfigError, match=r"there is no yolov6n-p234\.yaml"):
        sibling("yolov6n.yaml", "p234")


def test_a_training_by_name_ships_a_stock_file(tiny: dict[str, Any]) -> None:
    done = auxhead.train(
        **{**tiny, "model": "yolov8n-p234.yaml", "epochs": 1}, heads="center", project="runs", name="run"
    )
    arguments = yaml.safe_load((done.save_dir / "args.yaml").read_text())
    assert arguments["model"] == "yolov8n-p234.yaml"
    shipped = YOLO(done.best).model
    assert type(shipped) is DetectionModel
    assert shipped.stride.tolist() == [4, 8, 16]
    assert {type(part).__module__.partition(".")[0] for part in shipped.modules()} <= {"torch", "ultralytics"}
    again = auxhead.train(**{**tiny, "model": str(done.best), "epochs": 1}, heads="none", project="runs", name="again")
    assert again.best.is_file()
