"""`auxhead design` from data to files: what it writes is what it says, and stock Ultralytics and `compare` take it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from torch import nn
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

import auxhead
from auxhead.comparison.plan import resolve_plan
from auxhead.comparison.plan_file import read_plan
from auxhead.designs import prices
from auxhead.errors import ConfigError, DataError, ModelError, OutputError
from auxhead.shipping.cost import cost, imgsz_within
from auxhead.shipping.counts import Counts
from auxhead.shipping.latency import Spread

pytestmark = pytest.mark.slow

KEYS: dict[str, Any] = {"like": "yolov8n", "imgsz": 64, "price": "gflops"}


@pytest.fixture(scope="module")
def found(signs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("designs") / "out"
    return auxhead.design(data=str(signs), out=str(out), **KEYS), out


def test_files_hold_what_the_result_says(found: tuple[Any, Path], signs: Path) -> None:
    designs, out = found
    affordable = [one for one in designs.candidates if one.fits]
    assert {path.stem for path in out.glob("*.yaml")} == {"plan", *(one.name for one in affordable)}
    assert designs.best == affordable[0].name == "yolov8n-p234"
    assert json.loads((out / "design.json").read_text()) == json.loads(json.dumps(designs.to_dict()))
    with Image.open(out / "design.png") as picture:
        assert min(picture.size) > 300
    assert f">{designs.best}<" in str(designs._repr_html_())
    for one in affordable:
        assert one.gflops_ratio <= 1.005
        model = DetectionModel(str(out / f"{one.name}.yaml"), nc=designs.nc, verbose=False)
        assert Counts.of(model.fuse(verbose=False), 64) == one.counts
        assert model.stride.tolist() == [2**level for level in one.layout.levels]


def test_the_plan_is_one_that_compare_takes(found: tuple[Any, Path], signs: Path) -> None:
    _, out = found
    plan = resolve_plan(*read_plan(out / "plan.yaml", {}, {"device": "cpu", "epochs": 1}))
    assert list(plan.arms)[:2] == ["plain", "yolov8n-p234"]
    assert list(plan.arms)[-2:] == ["p2", "ghost-p2"]
    assert Path(plan.keys["yolov8n-p234"]["model"]) == (out / "yolov8n-p234.yaml").resolve()
    assert "yolov8n-p34" not in plan.arms  # no finer than plain
    assert (len(plan.seeds), len(plan.confirm), plan.budget) == (3, 5, 1.0)


def test_a_budget_narrows_what_is_too_dear(signs: Path) -> None:
    designs = auxhead.design(data=str(signs), **KEYS, budget=0.7)
    by_name = {one.name: one for one in designs.candidates}
    assert all(one.gflops_ratio <= 0.7 * 1.005 for one in designs.candidates if one.fits)
    narrow = [one for one in designs.candidates if one.layout.width < 1 and one.fits]
    assert narrow
    assert all(f"-w{round(one.layout.width * 100)}" in name for name, one in by_name.items() if one in narrow)


def test_nothing_fits_an_impossible_budget(signs: Path, tmp_path: Path) -> None:
    designs = auxhead.design(data=str(signs), **KEYS, budget=0.01, out=str(tmp_path / "out"))
    assert designs.best is None
    assert "no design with finer cells holds 0.01 times its price" in designs.reasons[0]
    assert [path.name for path in (tmp_path / "out").glob("*.yaml")] == ["plan.yaml"]


def test_what_is_too_slow_is_narrowed_and_measured_again(signs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def slow_at_fine_levels(models: Sequence[Any], _: Any, sizes: Sequence[int], *__: Any) -> tuple[list[Spread], str]:
        """Say that time is the GFLOPs, with a third more for stride 4."""
        prices = [
            Counts.of(model, imgsz).gflops * (1.3 if model.stride[0] == 4 else 1)
            for model, imgsz in zip(models, sizes, strict=True)
        ]
        measured.append(len(models))
        return [Spread(price, *[price / prices[0]] * 3) for price in prices], "a clock"

    monkeypatch.setattr("auxhead.designs.prices.race", slow_at_fine_levels)
    designs = auxhead.design(data=str(signs), like="yolov8n", imgsz=64, device="cpu")
    p234 = next(one for one in designs.candidates if one.layout.levels == (2, 3, 4) and one.layout.up_again)
    assert p234.layout.width < 1
    assert p234.fits
    assert p234.time.ratio <= 1.005
    assert 1 < len(measured) <= 3
    assert designs.clock == "a clock"
    assert "the time" in designs.reasons[0]


def test_what_narrowing_does_not_make_faster_is_made_shallower(signs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_on_a_gpu(models: Sequence[Any], *_: Any) -> tuple[list[Spread], str]:
        """Say that time is the number of convolutions, with as many again for stride 4."""
        times = [
            sum(isinstance(part, nn.Conv2d) for part in model.modules()) * (1.2 if model.stride[0] == 4 else 1)
            for model in models
        ]
        return [Spread(time, *[time / times[0]] * 3) for time in times], "a clock"

    monkeypatch.setattr("auxhead.designs.prices.race", as_on_a_gpu)
    designs = auxhead.design(data=str(signs), like="yolov8m", imgsz=64, device="cpu", price="latency")
    p234 = next(one for one in designs.candidates if one.layout.levels == (2, 3, 4) and one.layout.up_again)
    assert (p234.layout.width, p234.layout.depth) == (1, 2 / 3)
    assert p234.fits
    assert p234.name == "yolov8m-p234-d67"
    assert p234.note == "67% of the depth, for its price"


@pytest.fixture
def large_pictures(tmp_path: Path) -> Path:
    """Write a data set whose pictures are 400 px wide, each with a box of 12 px."""
    for split in ("train", "val"):
        (tmp_path / "images" / split).mkdir(parents=True)
        (tmp_path / "labels" / split).mkdir(parents=True)
        for name in range(3):
            Image.new("RGB", (400, 300), (name, 90, 90)).save(tmp_path / "images" / split / f"{name}.png")
            (tmp_path / "labels" / split / f"{name}.txt").write_text("0 0.5 0.5 0.03 0.04\n")
    data = tmp_path / "data.yaml"
    data.write_text(yaml.safe_dump({"train": "images/train", "val": "images/val", "names": ["a", "b", "c"]}))
    return data


def test_where_pictures_have_more_detail_a_detector_without_a_neck_gets_larger_ones(large_pictures: Path) -> None:
    designs = auxhead.design(data=str(large_pictures), like="yolov8n", imgsz=192, price="gflops", out="out")
    p3 = next(one for one in designs.candidates if one.name == "yolov8n-p3")
    assert designs.best == "yolov8n-p3"
    assert "Try yolov8n-p3 at imgsz=320" in designs.reasons[0]
    assert p3.imgsz == imgsz_within("yolov8n-p3.yaml", "yolov8n.yaml", 192, nc=3) == 320
    assert p3.counts == cost("yolov8n-p3.yaml", nc=3, imgsz=320)[0].fused
    assert Path("out/yolov8n-p3.yaml").read_text().count("imgsz=320") == 1
    plan = resolve_plan(*read_plan("out/plan.yaml", {}, {"device": "cpu", "epochs": 1}))
    assert [plan.keys[arm]["imgsz"] for arm in ("plain", "yolov8n-p3", "yolov8n-p234")] == [192, 320, 192]
    half = auxhead.design(data=str(large_pictures), like="yolov8n", imgsz=192, price="gflops", budget=0.6)
    assert next(one.imgsz for one in half.candidates if one.name == "yolov8n-p3") == 224


def test_fewer_bins_are_kept_where_more_are_too_dear(large_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = prices._largest
    monkeypatch.setattr(
        prices, "_largest", lambda limit, one, *rest: None if one.layout.reg_max == 16 else largest(limit, one, *rest)
    )
    monkeypatch.setattr(prices, "reach", lambda *_: 0.0)  # nothing is long enough
    designs = auxhead.design(data=str(large_pictures), like="yolov8n", imgsz=192, price="gflops")
    assert next(one.imgsz for one in designs.candidates if one.name == "yolov8n-p3") == 320


def test_images_are_no_larger_than_the_pictures(large_pictures: Path) -> None:
    designs = auxhead.design(data=str(large_pictures), like="yolov8n", imgsz=320, price="gflops")
    assert next(one.imgsz for one in designs.candidates if one.name == "yolov8n-p3") == 384  # of 400; GFLOPs allow 512
    designs = auxhead.design(data=str(large_pictures), like="yolov8n", imgsz=384, price="gflops")
    assert "yolov8n-p3" not in {one.name for one in designs.candidates}


def test_images_that_are_too_slow_become_smaller(large_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def area(models: Sequence[Any], _: Any, sizes: Sequence[int], *__: Any) -> tuple[list[Spread], str]:
        """Say that time is the area of the images."""
        return [Spread(size**2, *[size**2 / sizes[0] ** 2 / 1.4] * 3) for size in sizes], "a clock"

    monkeypatch.setattr("auxhead.designs.prices.race", area)
    designs = auxhead.design(data=str(large_pictures), like="yolov8n", imgsz=192, device="cpu")
    p3 = next(one for one in designs.candidates if one.name == "yolov8n-p3")
    assert (p3.imgsz, p3.fits) == (224, True)
    monkeypatch.setattr("auxhead.designs.prices.race", lambda models, *_: ([Spread(1, 9, 9, 9)] * len(models), "slow"))
    designs = auxhead.design(data=str(large_pictures), like="yolov8n", imgsz=192, device="cpu")
    assert "yolov8n-p3" not in {one.name for one in designs.candidates}


@pytest.mark.parametrize("like", ["yolov9t", "yolo12n", "yolo26n.yaml", "yolov8n-p2"])
def test_every_family(like: str, signs: Path) -> None:
    designs = auxhead.design(data=str(signs), like=like, imgsz=64, price="gflops")
    stem = like.removesuffix(".yaml").removesuffix("-p2")
    assert designs.like.name == like.removesuffix(".yaml")
    assert all(one.name.startswith(f"{stem}-p") for one in designs.candidates)
    assert designs.best is not None
    if stem == "yolo26n":
        assert all(one.layout.reg_max is None for one in designs.candidates)


def test_a_file_is_a_price_too(signs: Path, tmp_path: Path) -> None:
    torch.save({"model": DetectionModel("yolov8n.yaml", nc=7, verbose=False)}, tmp_path / "best.pt")
    designs = auxhead.design(data=str(signs), like=str(tmp_path / "best.pt"), imgsz=64, price="gflops", out="out")
    assert designs.like.name == "yolov8n"
    plan = yaml.safe_load(Path("out/plan.yaml").read_text())
    assert plan["base"]["model"].endswith("best.pt")


def test_a_plan_works_from_any_folder(signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"model": DetectionModel("yolov8n.yaml", nc=6, verbose=False)}, tmp_path / "own.pt")
    monkeypatch.chdir(tmp_path)
    auxhead.design(data=str(signs), like="yolov8n", imgsz=64, price="gflops", out="one", pretrained="own.pt")
    auxhead.design(data=str(signs), like="own.pt", imgsz=64, price="gflops", out="two")
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    for name, key in (("one", "pretrained"), ("two", "model")):
        plan = resolve_plan(*read_plan(tmp_path / name / "plan.yaml", {}, {"device": "cpu", "epochs": 1}))
        assert Path(plan.keys["plain"][key]) == tmp_path / "own.pt"


def test_a_detector_of_finer_levels_can_be_designed_on(signs: Path) -> None:
    designs = auxhead.design(data=str(signs), like="yolov8n-p234.yaml", imgsz=64, price="gflops", out="out")
    assert designs.like.name == "yolov8n-p234"
    assert max(one.layout.levels[-1] for one in designs.candidates) == 4
    auxhead.design(data=str(signs), like="yolov8n-p2", imgsz=64, price="gflops", out="p2")
    plan = resolve_plan(*read_plan("p2/plan.yaml", {}, {"device": "cpu", "epochs": 1}))
    assert "p2" not in plan.arms  # which is plain


def test_without_anything_to_compare_there_is_no_plan(signs: Path, call: Any) -> None:
    told = call("design", f"data={signs}", "like=yolov9t", "imgsz=64", "price=gflops", "budget=0.01", "out=out")
    assert told.returncode == 0
    assert not Path("out/plan.yaml").exists()
    assert "compare with" not in told.stdout


@pytest.mark.parametrize(
    ("stock", "called", "name"),
    [("yolov5n", "yolov5nu", "yolov5n"), ("yolov8n", "yolov8n_mine", "yolov8n_mine")],
)
def test_a_size_that_stands_in_a_name_is_not_added_again(
    stock: str, called: str, name: str, signs: Path, tmp_path: Path
) -> None:
    model = DetectionModel(f"{stock}.yaml", nc=6, verbose=False)
    model.yaml["yaml_file"] = f"{called}.yaml"
    torch.save({"model": model}, tmp_path / f"{called}.pt")
    designs = auxhead.design(data=str(signs), like=str(tmp_path / f"{called}.pt"), imgsz=64, price="gflops")
    assert {one.name.partition("-")[0] for one in designs.candidates} == {name}


def test_a_variant_is_called_by_its_own_name(signs: Path) -> None:
    designs = auxhead.design(data=str(signs), like="yolov8n-p2", imgsz=64, price="gflops", out="out")
    assert designs.like.name == "yolov8n-p2"
    assert "times those of yolov8n-p2" in Path("out/yolov8n-p234.yaml").read_text()


def test_the_first_weights_of_yolov8_know_their_size_otherwise(signs: Path, tmp_path: Path) -> None:
    described = yaml_model_load("yolov8s.yaml")
    depth, width, _ = described.pop("scales")["s"]
    older = {**described, "depth_multiple": depth, "width_multiple": width, "nc": 80}  # as in yolov8s.pt
    del older["scale"], older["yaml_file"]
    file = tmp_path / "yolov8s.pt"
    torch.save({"model": DetectionModel(older, verbose=False)}, file)
    from_file, from_name = (
        auxhead.design(data=str(signs), like=str(like), imgsz=64, price="gflops", out=f"of-{kind}")
        for kind, like in (("file", file), ("name", "yolov8s"))
    )
    known, found = ({one.name: one.counts for one in designs.candidates} for designs in (from_name, from_file))
    both = known.keys() & found.keys()
    assert both >= {"yolov8s-p234", "yolov8s-p23-down"}
    assert {name: found[name] for name in both} == {name: known[name] for name in both}
    assert from_file.best == from_name.best == "yolov8s-p234"
    built = [YOLO(f"of-{kind}/yolov8s-p234.yaml").model for kind in ("file", "name")]
    assert len({sum(value.numel() for value in model.parameters()) for model in built}) == 1


@pytest.mark.parametrize(
    ("keys", "kind", "words"),
    [
        ({"like": "yolov8n-seg"}, ModelError, "a segment model"),
        ({"like": "yolov3"}, ModelError, "another order of layers"),
        ({"like": "yolov8n-p3"}, ModelError, "a detector with a neck"),
        ({"like": "yolov8q"}, ModelError, "did you mean"),
        ({"imgsz": 100}, ConfigError, "multiple of 32"),
        ({"price": "money"}, ConfigError, "price"),
        ({"budget": 0}, ConfigError, "budget"),
        ({"data": "nowhere.yaml"}, DataError, "nowhere.yaml"),
        ({"price": "latency", "device": "cuda:9"}, ConfigError, "cuda:9"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    keys: dict[str, Any], kind: type[Exception], words: str, signs: Path, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=words):
        auxhead.design(**{"data": str(signs), **KEYS, "out": str(tmp_path / "out"), **keys})
    assert not (tmp_path / "out").exists()


def test_older_files_are_replaced_only_if_asked(signs: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("mine")
    with pytest.raises(OutputError, match=r"plan\.yaml"):
        auxhead.design(data=str(signs), **KEYS, out=str(tmp_path))
    assert (tmp_path / "plan.yaml").read_text() == "mine"
    (tmp_path / "plan.yaml").unlink()
    (tmp_path / "yolov8n-p2345.yaml").write_text("mine")  # the name of a design
    with pytest.raises(OutputError, match=r"yolov8n-p2345\.yaml"):
        auxhead.design(data=str(signs), **KEYS, out=str(tmp_path))


def test_designs_of_an_earlier_call_are_cleared_away_and_nothing_else(signs: Path, tmp_path: Path) -> None:
    first = auxhead.design(data=str(signs), **KEYS, out=str(tmp_path))
    (tmp_path / "yolov8n-p2-mine.yaml").write_text("mine")
    second = auxhead.design(data=str(signs), **{**KEYS, "budget": 0.7}, out=str(tmp_path), exist_ok=True)
    names = [{one.name for one in designs.candidates if one.fits} for designs in (first, second)]
    assert names[0] - names[1]
    assert {path.stem for path in tmp_path.glob("*.yaml")} == {"plan", "yolov8n-p2-mine", *names[1]}


def test_the_command_prints_the_table_and_the_advice(signs: Path, call: Any) -> None:
    done = call("design", f"data={signs}", "like=yolov8n", "imgsz=64", "price=gflops")
    assert done.returncode == 0, done.stderr
    assert "yolov8n-p234" in done.stdout
    assert "Try yolov8n-p234" in done.stdout
    assert "Nothing was trained" in done.stdout
    done = call("design", f"data={signs}", "like=yolov8n", "imgsz=64", "price=gflops", "--json")
    assert json.loads(done.stdout)["best"] == "yolov8n-p234"
