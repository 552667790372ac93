"""Plans: what is read, completed, refused, and what a run's hash depends on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from ultralytics.utils import ROOT

from auxhead.comparison.arms import PRESETS, default_base, training_keys
from auxhead.comparison.compare import _resolve
from auxhead.comparison.data import prepare, without_detail
from auxhead.comparison.plan import ComparisonPlan, differences, resolve_plan
from auxhead.comparison.plan_file import READY_MADE, read_plan
from auxhead.demonstration.sign_dataset import make_signs
from auxhead.errors import ConfigError, DataError, UnfairComparisonError
from auxhead.labels.data_yaml import read_data_yaml


def resolved(data: Path, arms: Any = None, **keys: Any) -> ComparisonPlan:
    base = keys.pop("base", {"epochs": 2, "imgsz": 64})
    name, own = read_plan(None, {"data": str(data), "arms": arms or {"plain": {}, "b": {"box": 1.0}}, **keys}, base)
    return resolve_plan(name, own, "hash of the data")


def test_a_file_is_read_and_what_is_given_beside_it_wins(signs: Path, tmp_path: Path) -> None:
    plan = tmp_path / "mine.yaml"
    plan.write_text(
        f"data: {signs}\nbase: {{epochs: 3, imgsz: 64}}\nseeds: [4, 5]\n"
        "arms:\n  plain: {}\n  center: {heads: center}\n"
    )
    name, own = read_plan(plan, {"primary": "center_AP"}, {"epochs": 7})
    assert (name, own.primary, own.seeds) == ("mine", "center_AP", [4, 5])
    assert own.base == {"epochs": 7, "imgsz": 64}


def test_relative_data_counts_from_the_plans_folder_if_it_is_there(signs: Path, tmp_path: Path) -> None:
    plan = signs.parent / "beside.yaml"
    plan.write_text("data: data.yaml\narms: {plain: {}, b: {box: 1.0, model: data.yaml, teacher.weights: data.yaml}}\n")
    own = read_plan(plan, {}, {})[1]
    assert own.data == str(signs.resolve())
    assert own.arms["b"] == {"box": 1.0, "model": own.data, "teacher.weights": own.data}  # any file will do here
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("data: data.yaml\narms: {plain: {}, b: {box: 1.0}}\n")
    assert read_plan(elsewhere, {}, {})[1].data == "data.yaml"


def test_every_run_of_an_arm_has_one_teacher_which_has_to_be_there(signs: Path, tmp_path: Path) -> None:
    file, teacher = tmp_path / "mine.yaml", tmp_path / "big.pt"
    arm = "{heads: teacher, teacher.weights: big.pt, teacher.scale: 2}"
    file.write_text(f"data: {signs}\nbase: {{epochs: 20, imgsz: 64}}\narms:\n  plain: {{}}\n  taught: {arm}\n")

    def hashes() -> dict[str, str]:
        return {run.arm: run.train_hash for run in resolve_plan(*read_plan(file, {"seeds": [0]}, {})).runs()}

    with pytest.raises(ConfigError, match="taught: no such file"):
        hashes()
    teacher.write_bytes(b"a teacher")
    first = hashes()
    assert hashes() == first
    teacher.write_bytes(b"another one")
    assert [arm for arm, found in hashes().items() if found != first[arm]] == ["taught"]
    shown = differences(resolve_plan(*read_plan(file, {"seeds": [0]}, {})))["taught"]
    assert shown == {
        "heads": ("none", "teacher"),
        "teacher.weights": (None, str(teacher)),
        "teacher.scale": (None, 2),
    }


@pytest.mark.parametrize("name", ["controls", "levers", "price", "quick"])
def test_ready_made_plans_resolve_on_any_data(name: str, signs: Path) -> None:
    found, own = read_plan(name, {"data": str(signs)}, {"imgsz": 64, "epochs": 2})
    plan = resolve_plan(found, own)
    assert plan.control == "plain"
    assert set(plan.keys) >= {"plain", "center"}


def test_arms_with_the_names_of_heads_train_them(signs: Path) -> None:
    plan = resolved(signs, arms=["plain", "center", "detect", "mask"])
    assert differences(plan) == {name: {"heads": ("none", name)} for name in ("center", "detect", "mask")}


@pytest.mark.parametrize(
    ("given", "expected"),
    [("0-2", [0, 1, 2]), (5, [5]), ((3, 1), [3, 1]), ([0], [0])],
)
def test_seeds_are_a_range_a_number_or_a_list(given: Any, expected: list[int], signs: Path) -> None:
    assert list(resolved(signs, seeds=given).seeds) == expected


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"seeds": [1, 1]}, "seeds"),
        ({"seeds": []}, "seeds"),
        ({"primry": "mAP50"}, "did you mean primary"),
        ({"screen": 3}, "screen= and confirm= belong together"),
        ({"confirm": 5}, "screen= and confirm= belong together"),
        ({"screen": 1, "confirm": 5}, "screen"),
        ({"screen": 3, "confirm": 5, "seeds": [0, 1]}, "seeds=[0, 1] and screen=3: expected one of them"),
        ({"budget": 1.0}, "budget=1.0: it is about what screen= chooses"),
        ({"control": "nobody"}, "control=nobody is none of the arms"),
        ({"primary": "mAP5"}, "did you mean mAP50"),
        ({"primary": "99-100/AP50"}, "99-100/AP50"),
        ({"arms": {"plain": {}, "../b": {"box": 1.0}}}, "names of arms"),
        ({"arms": {"plain": {}, "b": {"bxo": 1.0}}}, "b: bxo: unknown key; did you mean box"),
        ({"arms": {"plain": {}, "centre": None}}, "did you mean center"),
        ({"arms": {"plain": {}, "b": {"heads": "center", "center.sigm": 1.0}}}, "center.sigm"),
    ],
)
def test_mistakes_are_named(keys: dict[str, Any], words: str, signs: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(signs, **keys)
    assert words in str(caught.value)


def test_mistakes_of_all_arms_come_at_once(signs: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(signs, arms={"plain": {}, "one": {"bxo": 1}, "two": {"heads": "centre"}})
    assert "one: bxo" in str(caught.value)
    assert "two: heads: 'centre' is no head" in str(caught.value)


@pytest.mark.parametrize(
    ("arms", "base", "words"),
    [
        ({"plain": {}, "again": {}}, {}, "the same training: plain and again"),
        ({"plain": {}, "same": {"fliplr": 0.5, "heads": "none"}}, {"fliplr": 0.5}, "the same training"),
        ({"plain": {}, "b": {"optimizer": "auto"}}, {}, "b: optimizer=auto"),
        ({"plain": {}, "b": {"optimizer": "SGD"}}, {}, "b: optimizer=SGD: no lr0"),
        ({"plain": {}, "b": {"box": 1.0}}, {"optimizer": "auto"}, "base: optimizer=auto"),
        ({"plain": {}, "b": {"box": 1.0}}, {"batch": -1}, "batch=-1"),
        ({"plain": {}, "b": {"box": 1.0}}, {"batch": 0.7}, "batch=0.7"),
        ({"plain": {}, "b": {"data": "other.yaml"}}, {}, "b: data=other.yaml"),
        ({"plain": {}, "b": {"patience": 3}}, {}, "b: patience=3"),
        ({"plain": {}, "b": {"seed": 3}}, {}, "b: seed=3"),
        (
            {"plain": {}, "b": {"box": 1.0}},
            {"classes": [0]},
            "base: classes=[0]: all classes",
        ),
        ({"plain": {}, "b": {"device": 0}}, {}, "b: device=0: put it into base"),
        ({"plain": {}, "b": {"box": 1.0}}, {"time": 1.0}, "base: time=1.0"),
        ({"plain": {}, "b": {"box": 1.0}}, {"device": "0,1"}, "one GPU a run"),
    ],
)
def test_arms_that_no_fair_comparison_can_be_made_of_are_refused(
    arms: dict[str, Any], base: dict[str, Any], words: str, signs: Path
) -> None:
    with pytest.raises(UnfairComparisonError) as caught:
        resolved(signs, arms=arms, base={"epochs": 2, "imgsz": 64, **base})
    assert words in str(caught.value)


def test_the_best_checkpoint_of_a_pose_model_is_another_choice(signs: Path) -> None:
    arms = {"plain": None, "tutorial": None}
    assert resolved(signs, arms=arms).checkpoint == "last"
    with pytest.raises(UnfairComparisonError, match="chooses a pose model's by boxes and pose"):
        resolved(signs, arms=arms, checkpoint="best")


def test_the_recipe_is_written_out_but_not_its_length(signs: Path) -> None:
    plan = resolved(signs, arms={"plain": None, "tutorial": None}, base={"epochs": 2, "batch": 4, "imgsz": 64})
    keys = plan.keys["tutorial"]
    assert (keys["epochs"], keys["batch"]) == (2, 4)
    assert (keys["box"], keys["scale"], keys["pose.flips"], keys["route"]) == (0.01, 0.0, False, "pose")
    assert keys["model"] == "yolov8n-pose.yaml"
    assert not {"heads", "recipe"} & keys.keys()
    shared = {"epochs": 2, "imgsz": 64, "scale": 0.0, "warmup_epochs": 1.0}
    declared = resolved(signs, arms={"plain": None, "tutorial": None}, base=shared).arms["tutorial"]
    assert not {"scale", "warmup_epochs"} & declared.keys()  # as the control has them, too
    assert {"route", "box", "shear"} <= declared.keys()


def test_ready_made_arms_follow_the_model(signs: Path) -> None:
    plan = resolved(signs, arms=dict.fromkeys(PRESETS), base={"model": "yolov8s.yaml", "imgsz": 64})
    assert plan.keys["p2"]["model"] == "yolov8s-p2.yaml"
    assert plan.keys["ghost-p2"]["model"] == "yolov8s-ghost-p2.yaml"
    assert plan.keys["tutorial"]["model"] == "yolov8s-pose.yaml"
    assert plan.keys["larger"]["imgsz"] == 96
    assert plan.keys["longer"]["epochs"] == 150
    assert (plan.keys["larger-slim"]["imgsz"], plan.keys["larger-slim"]["model"]) == (96, "yolov8s-slim.yaml")
    assert (plan.keys["p3"]["model"], plan.keys["p3"]["imgsz"]) == ("yolov8s-p3.yaml", 96)  # of 64
    absent = resolved(signs, arms={"plain": None, "p3": None}, base={"model": "yolov8s.pt", "imgsz": 64})
    assert absent.keys["p3"]["imgsz"] == 96  # though there is no such file
    with pytest.raises(ConfigError, match="there is no yolo11n-ghost-p2"):
        resolved(signs, arms={"plain": None, "ghost-p2": None}, base={"model": "yolo11n.yaml", "imgsz": 64})


def test_the_price_is_that_of_the_users_own_yaml(signs: Path, tmp_path: Path) -> None:
    stock = next((ROOT / "cfg" / "models").rglob("yolov8.yaml")).read_text(encoding="utf-8")
    (tmp_path / "yolov8.yaml").write_text(stock.replace("n: [0.33, 0.25, 1024]", "n: [0.33, 0.50, 1024]"))
    plan = resolved(
        signs, arms={"plain": None, "p3": None}, base={"model": str(tmp_path / "yolov8n.yaml"), "imgsz": 64}
    )
    assert plan.keys["p3"]["imgsz"] == 192  # 96 at the price of Ultralytics' own yolov8n


@pytest.mark.parametrize("arm", ["longer", "center"])
def test_epochs_that_are_none_are_named(signs: Path, arm: str) -> None:
    with pytest.raises(ConfigError, match="'epochs=abc' is of invalid type str"):
        resolved(signs, arms={"plain": None, arm: None}, base={"epochs": "abc"})


@pytest.mark.parametrize(
    ("imgsz", "fix"), [(100, "imgsz=128"), (8, "imgsz=32"), ("big", "imgsz=640"), ([64], "imgsz=640")]
)
@pytest.mark.parametrize("arm", ["p3", "larger", "slices", "center"])
def test_an_image_size_that_is_none_is_named(signs: Path, arm: str, imgsz: Any, fix: str) -> None:
    with pytest.raises(ConfigError, match=rf"a multiple of 32\n(.*\n)+.*{fix}"):
        resolved(signs, arms={"plain": None, arm: None}, base={"imgsz": imgsz})


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("yolov8n.pt", set()),
        ("yolov5nu.pt", {"ghost-p2"}),
        ("yolo26n.yaml", {"ghost-p2"}),
        ("yolov9c.yaml", {"ghost-p2", "p2", "p3", "larger-slim"}),
    ],
)
def test_a_ready_made_plan_leaves_out_what_a_family_lacks(model: str, missing: set[str], signs: Path) -> None:
    every = yaml.safe_load((READY_MADE / "price.yaml").read_text(encoding="utf-8"))["arms"]
    _, own = read_plan("price", {"data": str(signs)}, {"model": model})
    assert set(every) - set(own.arms) == missing
    _, asked = read_plan("price", {"data": str(signs), "arms": "plain,ghost-p2"}, {"model": model})
    assert set(asked.arms) == {"plain", "ghost-p2"}  # what is asked for by name is refused where it doesn't exist


def test_fresh_seeds_follow_those_that_choose(signs: Path) -> None:
    plan = resolved(signs, arms=["plain", "center", "p234"], screen=2, confirm=3, budget=1.0)
    assert (plan.seeds, plan.confirm, plan.budget, plan.chosen) == ((0, 1), (2, 3, 4), 1.0, None)
    screening = [run.name for run in plan.runs()]
    assert screening == ["plain-0", "center-0", "p234-0", "plain-1", "center-1", "p234-1"]
    runs = [run.name for run in replace(plan, chosen="p234").runs()]
    assert runs == [*screening, "plain-2", "p234-2", "plain-3", "p234-3", "plain-4", "p234-4"]
    hashes = {run.name: run.hash for run in resolved(signs, arms=["plain", "p234"], seeds="0-4").runs()}
    assert all(hashes[run.name] == run.hash for run in replace(plan, chosen="p234").runs() if run.arm != "center")


def test_seeds_given_beside_a_plan_replace_its_stages_and_the_other_way_round(signs: Path, tmp_path: Path) -> None:
    own = read_plan("price", {"data": str(signs), "seeds": "0-1"}, {})[1]
    assert (own.seeds, own.screen, own.confirm, own.budget) == ([0, 1], None, None, None)
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"data: {signs}\narms: {{plain: {{}}, b: {{box: 1.0}}}}\nseeds: [7, 8]\n")
    own = read_plan(plan, {"screen": 2, "confirm": 2}, {})[1]
    assert (own.screen, own.confirm) == (2, 2)


def test_arms_of_another_architecture_start_from_the_same_weights() -> None:
    base = default_base({"model": "yolov8n.pt"}, 4)
    assert "pretrained" not in training_keys(base, {"heads": "center"})
    assert training_keys(base, {"model": "yolov8n-p2.yaml"})["pretrained"] == "yolov8n.pt"
    assert training_keys(base, {"route": "pose"})["pretrained"] == "yolov8n.pt"


def test_without_an_optimizer_it_is_the_one_that_auto_would_take(signs: Path) -> None:
    base_of_one = resolved(signs, base={"single_cls": True, "imgsz": 64}).base["lr0"]
    assert base_of_one == 0.002  # as Ultralytics counts one class by then
    base = default_base({}, 4)
    assert (base["optimizer"], base["lr0"], base["momentum"]) == ("AdamW", 0.00125, 0.9)
    assert resolved(signs).base["lr0"] != base_of_one
    assert "momentum" not in default_base({"optimizer": "SGD", "lr0": 0.01}, 4)
    assert "lr0" not in default_base({"optimizer": "SGD"}, 4)
    fitted = default_base({"optimizer": "adamw"}, 4)
    assert (fitted["optimizer"], fitted["lr0"], fitted["warmup_bias_lr"]) == ("adamw", 0.00125, 0.0)
    assert "momentum" not in default_base({"optimizer": "Adam", "lr0": 0.003}, 4)


def test_runs_go_seed_by_seed_and_stop_nothing_early(signs: Path) -> None:
    runs = list(resolved(signs, seeds=[3, 4]).runs())
    assert [run.name for run in runs] == ["plain-3", "b-3", "plain-4", "b-4"]
    assert all(run.keys["patience"] == 0 for run in runs)
    assert len({run.hash for run in runs}) == 4


def test_a_runs_hash_follows_what_is_trained_and_measured_and_nothing_else(signs: Path) -> None:
    plan = resolved(signs)
    first = next(plan.runs())
    for other in (replace(plan, control="b"), replace(plan, primary="mAP50-95"), replace(plan, data_file="/elsewhere")):
        assert next(other.runs()).hash == first.hash
    on_another_device = {arm: {**keys, "device": "cpu"} for arm, keys in plan.keys.items()}
    assert next(replace(plan, keys=on_another_device).runs()).hash == first.hash
    measured_otherwise = next(replace(plan, bands="coco").runs())
    assert measured_otherwise.train_hash == first.train_hash
    assert measured_otherwise.hash != first.hash
    longer = {arm: {**keys, "epochs": 3} for arm, keys in plan.keys.items()}
    for other in (replace(plan, keys=longer), replace(plan, data_sha256="other"), replace(plan, checkpoint="best")):
        assert next(other.runs()).train_hash != first.train_hash


def test_differences_are_those_to_the_control(signs: Path) -> None:
    plan = resolved(signs, arms={"plain": {}, "b": {"box": 1.0, "heads": "center"}})
    assert differences(plan) == {"b": {"heads": ("none", "center"), "box": (None, 1.0)}}


def test_the_test_split_decides_where_there_is_one(signs: Path, tmp_path: Path) -> None:
    assert resolved(signs).split == "val"
    with pytest.raises(DataError, match="a test split"):
        resolved(signs, split="test")
    with_test = signs.parent / "with_test.yaml"
    with_test.write_text(signs.read_text() + "\ntest: images/val\n")
    assert resolved(with_test).split == "test"
    assert resolved(with_test, split="val").split == "val"


def test_no_plan_and_a_plan_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean controls"):
        read_plan("control", {}, {})
    bad = tmp_path / "bad.yaml"
    bad.write_text("- a list")
    with pytest.raises(ConfigError, match="key: value lines"):
        read_plan(bad, {}, {})


def test_weights_are_downloaded_once_before_the_runs(signs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr("auxhead.host.models.is_online", lambda: True)
    monkeypatch.setattr("auxhead.host.models.attempt_download_asset", fetched.append)
    monkeypatch.setattr("auxhead.comparison.data.cache_labels", lambda *_: None)
    arms: list[dict[str, Any]] = [
        {"model": "yolov8n.pt", "imgsz": 64},
        {"model": "yolov8n-p234.yaml", "pretrained": "yolov8n.pt"},
        {"model": "mine.pt"},
    ]
    prepare(str(signs), arms)
    assert fetched == ["yolov8n.pt"]
    monkeypatch.setattr("auxhead.host.models.is_online", lambda: False)
    prepare(str(signs), arms)
    assert fetched == ["yolov8n.pt"]


def test_an_arm_whose_images_are_larger_than_the_pictures_is_named(tmp_path: Path) -> None:
    data = make_signs(tmp_path / "data", train=5, val=1, size=64)
    arms = {"plain": {}, "same": {"box": 1.0}, "own": {"imgsz": 64}, "beyond": {"imgsz": 96}}
    (warning,) = without_detail(resolved(data, arms, base={"epochs": 2, "imgsz": 32}))
    assert "beyond: imgsz=96" in warning
    assert "at most 64 px" in warning

    pictures = sorted((data.parent / "images" / "train").iterdir())
    for path in pictures[: len(pictures) // 2 + 1]:
        Image.new("RGB", (64, 96)).save(path)
    assert without_detail(resolved(data, arms, base={"epochs": 2, "imgsz": 32})) == []


def test_a_control_on_enlarged_pictures_is_the_users_choice(signs: Path) -> None:
    arms = {"plain": {}, "smaller": {"imgsz": 320}, "same": {"box": 1.0}}
    assert without_detail(resolved(signs, arms, base={"epochs": 2, "imgsz": 640})) == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"imgsz": 72}, "odd: imgsz=72: no multiple of 32"),
        ({"imgsz": [64, 64]}, r"odd: imgsz=\[64, 64\]: no whole number"),
        ({"imgsz": True}, "odd: imgsz=True: no whole number"),
    ],
)
def test_image_sizes_of_arms_are_those_that_are_measured(signs: Path, keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        resolved(signs, {"plain": {}, "odd": keys})


def test_the_split_that_is_validated_on_is_for_all_arms(signs: Path) -> None:
    with pytest.raises(UnfairComparisonError, match="odd: split=test"):
        resolved(signs, {"plain": {}, "odd": {"split": "test"}})


def test_a_yaml_of_all_sizes_is_what_a_name_with_a_size_means(
    signs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = (ROOT / "cfg" / "models" / "v8" / "yolov8.yaml").read_text()
    arms = {"plain": {}, "own": {"model": "yolov8n-own.yaml"}}
    Path("yolov8-own.yaml").write_text(source)
    contents = resolved(signs, arms).contents
    assert contents is not None
    assert {arm: [*own] for arm, own in contents.items()} == {"own": ["model"]}


def test_a_comparison_begun_before_contents_were_noted_keeps_its_runs(signs: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text((ROOT / "cfg" / "models" / "v8" / "yolov8.yaml").read_text())
    arms = {"plain": {}, "own": {"model": str(own)}}
    before = replace(resolved(signs, arms), contents=None)
    hashes = {run.name: run.hash for run in before.runs()}
    assert hashes != {run.name: run.hash for run in resolved(signs, arms).runs()}
    keys: dict[str, Any] = {"arms": arms, "epochs": 2, "imgsz": 64, "out": str(tmp_path / "out"), "data": str(signs)}
    for content, same in (
        ({key: value for key, value in before.to_dict().items() if key != "contents"}, True),
        (resolved(signs, arms).to_dict(), False),
    ):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "plan.json").write_text(json.dumps(content, default=str))
        found = _resolve(None, keys, lambda *_: None)[0]
        assert (found.contents is None) == same


def test_another_content_of_a_named_file_is_another_training(signs: Path, tmp_path: Path) -> None:
    arms = {
        "plain": {},
        "own": {"model": str(tmp_path / "own.yaml")},
        "start": {"pretrained": str(tmp_path / "best.pt")},
    }

    def hashes(data: Path = signs) -> dict[str, str]:
        return {run.arm: run.train_hash for run in resolved(data, arms).runs() if run.seed == 0}

    source = (ROOT / "cfg" / "models" / "v8" / "yolov8.yaml").read_text()
    (tmp_path / "own.yaml").write_text(source)
    (tmp_path / "best.pt").write_bytes(b"one")
    first = hashes()
    assert hashes() == first
    (tmp_path / "own.yaml").write_text(source.replace("C2f", "C3"))
    changed = hashes()
    assert {arm for arm in arms if changed[arm] != first[arm]} == {"own"}
    (tmp_path / "best.pt").write_bytes(b"two")
    assert {arm for arm in arms if hashes()[arm] != changed[arm]} == {"start"}

    mirrored = tmp_path / "mirrored.yaml"
    mirrored.write_text(f"path: {signs.parent}\n{signs.read_text().replace('path:', '# path:')}\n")
    before = hashes(mirrored)
    names = list(read_data_yaml(mirrored).names.values())
    mirrored.write_text(f"{mirrored.read_text()}\nflips: {{{names[0]}: {names[1]}}}\n")
    assert all(hashes(mirrored)[arm] != before[arm] for arm in arms)
