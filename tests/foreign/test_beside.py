"""Commands take a data set of another format as it is: it is converted beside itself, once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.foreign.layouts import WRITERS, coco, labels_of, scene, scene_for

import auxhead
from auxhead.foreign.beside import as_yolo
from auxhead.model.choices import RunPlan
from auxhead.training.data_check import check_data
from auxhead.training.resolve import resolve


@pytest.mark.parametrize("layout", ["COCO", "VisDrone"])
def test_it_is_what_convert_writes(tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my set"
    (coco if layout == "COCO" else WRITERS[layout])(folder, scene_for(layout))
    found = as_yolo(str(folder))
    assert found == str(tmp_path / "my set-yolo" / "data.yaml")
    asked = auxhead.convert(folder, out=str(tmp_path / "asked"), to="yolo")
    for split in ("train", "val"):
        for ignored in (False, True):
            by_itself = labels_of(Path(found), split, ignored=ignored)
            assert by_itself == labels_of(asked.data, split, ignored=ignored)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"Found {layout.partition(',')[0]}." in err
    assert all(remark in err for remark in asked.remarks)
    assert as_yolo(str(folder)) == found
    assert capsys.readouterr().err == ""  # up to date


def test_a_changed_source_is_converted_anew(tmp_path: Path) -> None:
    made = scene()
    coco(tmp_path / "set", made)
    before = labels_of(Path(as_yolo(str(tmp_path / "set"))), "val")
    made["val"]["val-0"].pop(0)
    coco(tmp_path / "set", made)
    after = labels_of(Path(as_yolo(str(tmp_path / "set"))), "val")
    assert sum(map(len, after.values())) == sum(map(len, before.values())) - 1


def test_jsons_lie_beside_their_folder(tmp_path: Path) -> None:
    coco(tmp_path / "set", scene())
    jsons = sorted((tmp_path / "set").rglob("*.json"))
    assert len(jsons) == 2
    folder = jsons[0].parent
    assert as_yolo(",".join(map(str, jsons))) == str(folder.with_name(f"{folder.name}-yolo") / "data.yaml")


def test_jsons_of_one_folder_take_no_others_place(tmp_path: Path) -> None:
    coco(tmp_path / "set", scene())
    (tmp_path / "set" / "images").mkdir()
    for file in [*(tmp_path / "set").glob("*/*.png")]:
        file.rename(tmp_path / "set" / "images" / file.name)
    for split, other in (("train", "val"), ("val", "train")):
        shutil.copy(tmp_path / "set" / f"{split}.json", tmp_path / "set" / f"fold2_{other}.json")
    one, two = (f"{tmp_path}/set/{fold}train.json,{tmp_path}/set/{fold}val.json" for fold in ("", "fold2_"))
    found = as_yolo(one)
    before = labels_of(Path(found), "train")
    with pytest.raises(auxhead.OutputError, match="what was made of") as caught:
        as_yolo(two)
    assert f"`auxhead convert {two} out=NEW to=yolo`" in caught.value.fix
    assert labels_of(Path(found), "train") == before
    assert as_yolo(one) == found


def test_pictures_elsewhere_are_named_to_convert(tmp_path: Path) -> None:
    coco(tmp_path / "set", scene())
    moved = [shutil.move(tmp_path / "set" / f"{one}.json", tmp_path / f"{one}.json") for one in ("train", "val")]
    jsons = ",".join(map(str, moved))
    shutil.move(tmp_path / "set", tmp_path / "far" / "away")
    with pytest.raises(auxhead.DataError) as caught:
        as_yolo(jsons)
    assert f"`auxhead convert {jsons} out=NEW to=yolo pictures=FOLDER`" in caught.value.fix


@pytest.mark.parametrize("place", ["coco8", "coco8.yaml", "no such folder", "a.json,b.json", "https://x.org/y.zip"])
def test_all_else_is_left_to_ultralytics(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signs: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert as_yolo(place) == place
    for same in (str(signs), str(signs.parent)):
        assert as_yolo(same) == same


def test_a_folder_of_that_name_is_not_touched(tmp_path: Path) -> None:
    coco(tmp_path / "set", scene())
    theirs = tmp_path / "set-yolo" / "mine.txt"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    with pytest.raises(auxhead.OutputError) as caught:
        as_yolo(str(tmp_path / "set"))
    assert f"`auxhead convert {tmp_path / 'set'} out=NEW to=yolo`" in caught.value.fix
    assert [path.name for path in theirs.parent.iterdir()] == ["mine.txt"]


def test_pictures_that_are_not_there_stop_it_or_are_left_out(tmp_path: Path) -> None:
    coco(tmp_path / "set", scene())
    lost = next(path for path in (tmp_path / "set").rglob("train-1.*") if path.suffix != ".json")
    lost.unlink()
    with pytest.raises(auxhead.DataError, match=r"train-1.*") as caught:
        auxhead.inspect(str(tmp_path / "set"))
    assert f"`auxhead convert {tmp_path / 'set'} out=NEW to=yolo on_error=skip`" in caught.value.fix
    assert not (tmp_path / "set-yolo").exists()
    assert len(labels_of(Path(as_yolo(str(tmp_path / "set"), on_error="skip")), "train")) == 5


def compare_wrongly(data: str) -> None:
    with pytest.raises(auxhead.ConfigError, match="epoch"):  # nothing is trained
        auxhead.compare(data=data, arms={"plain": None, "wrong": {"epoch": 1}}, seeds=[0])


def check_wrongly(data: str) -> None:
    with pytest.raises(auxhead.ModelError):
        auxhead.teacher_check("absent.pt", data=data, model="absent.pt")


COMMANDS: dict[str, Callable[[str, Path], object]] = {
    "inspect": lambda data, _: auxhead.inspect(data),
    "convert": lambda data, place: auxhead.convert(data, out=str(place / "posed"), to="pose"),
    "evaluate": lambda data, place: auxhead.evaluate(
        predictions=str(place / "p.json"), data=data, out=str(place / "o"), resamples=2
    ),
    "design": lambda data, place: auxhead.design(data, like="yolov8n", imgsz=64, price="gflops"),
    "train": lambda data, _: check_data(*reversed(resolve({"data": data, "model": "yolov8n.yaml"}))),
    "teacher check": lambda data, _: check_wrongly(data),
    "compare": lambda data, _: compare_wrongly(data),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_it(tmp_path: Path, command: str) -> None:
    coco(tmp_path / "set", scene())
    (tmp_path / "p.json").write_text("[]")
    COMMANDS[command](str(tmp_path / "set"), tmp_path)
    assert (tmp_path / "set-yolo" / "data.yaml").is_file()


def test_a_training_is_told_the_new_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco(tmp_path / "set", scene())
    plan, arguments = resolve({"data": str(tmp_path / "set"), "model": "yolov8n.yaml"})
    assert isinstance(plan, RunPlan)
    assert check_data(arguments, plan)["data"] == str(tmp_path / "set-yolo" / "data.yaml")
    out, err = capsys.readouterr()
    assert "Converting" in out + err
    assert "24/24" in out + err
    shutil.rmtree(tmp_path / "set")  # hard links keep the pictures
    assert auxhead.inspect(str(tmp_path / "set-yolo" / "data.yaml")).splits["val"].images == 6


def test_data_of_a_plan_may_lie_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auxhead.comparison.plan_file import read_plan

    (tmp_path / "plans").mkdir()
    coco(tmp_path / "plans" / "set", scene())
    (tmp_path / "plans" / "plan.yaml").write_text("data: set\narms:\n  plain:\n  center:\n")
    monkeypatch.chdir(tmp_path)
    assert read_plan("plans/plan.yaml", {}, {})[1].data == str(tmp_path / "plans" / "set")
