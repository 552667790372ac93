from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ultralytics.cfg import DEFAULT_CFG_DICT, _handle_deprecation

from auxhead.errors import ConfigError
from auxhead.keys.convert import PoseKeys, SegmentKeys
from auxhead.keys.demo import DemoKeys
from auxhead.keys.heads.center import CenterSpec
from auxhead.keys.heads.registry import head_spec
from auxhead.keys.reading import read_keys
from auxhead.keys.strip import StripKeys
from auxhead.keys.train import RECIPES
from auxhead.keys.train_reading import NOT_OURS, known_keys, read_train_words, require_ours
from auxhead.model.choices import RunPlan
from auxhead.training.resolve import resolve


def refused(keys: Mapping[str, Any]) -> list[str]:
    """Return the lines of the error about some keys, one a problem."""
    with pytest.raises(ConfigError) as caught:
        resolve(keys)
    count, *lines = [line.strip() for line in caught.value.found.splitlines()]
    assert count == f"{len(lines)} problem" + "s" * (len(lines) > 1)
    return lines


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("epochs=3 lr0=1e-2 model=a.pt", {"epochs": 3, "lr0": 0.01, "model": "a.pt"}),
        ("epochs = 3 imgsz= 64 batch =4", {"epochs": 3, "imgsz": 64, "batch": 4}),
        ("device=[0,1] classes = [1, 2]", {"device": [0, 1], "classes": [1, 2]}),
        ("name=007 project=1e3", {"name": "007", "project": "1e3"}),
        ("val=False cache=ram freeze=None", {"val": False, "cache": "ram", "freeze": None}),
        ("rect cos_lr cpu_bf16 nms half", {"rect": True, "cos_lr": True, "cpu_bf16": True, "nms": True, "half": True}),
        ("detect train epochs=3", {"epochs": 3}),
        ("epochs=3, imgsz=64,", {"epochs": 3, "imgsz": 64}),
        ("--epochs=3 --rect", {"epochs": 3, "rect": True}),
        ("center.gain=6 heads=center", {"center.gain": 6, "heads": "center"}),
        ("epochs=3 epochs=4", {"epochs": 4}),
        ("model=a=b.pt", {"model": "a=b.pt"}),
        ("", {}),
    ],
)
def test_words_become_keys(words: str, keys: dict[str, Any]) -> None:
    assert read_train_words(words.split()) == keys
    assert {key: type(value) for key, value in read_train_words(words.split()).items()} == {
        key: type(value) for key, value in keys.items()
    }


def test_words_that_are_no_keys_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        read_train_words(["rekt", "epochs", "imgsz=", "fliplr=0.5", "qqqqq"])
    _, *lines = [line.strip() for line in caught.value.found.splitlines()]
    assert lines == [
        "epochs: no value; write epochs=value",
        "imgsz=: missing 'imgsz' value",
        "rekt: not a key=value pair; did you mean rect?",
    ]  # qqqqq may be the data
    assert "auxhead train --help" in caught.value.fix


@pytest.mark.parametrize("words", [["imgsz=[64,"], ["a=[", "=", "3]"], ["imgsz=64]"]])
def test_loose_brackets_are_one_error(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="bracket"):
        read_train_words(words)


@pytest.mark.parametrize("words", [["epochs=3", "cfg=keys.yaml"], ["cfg=keys.yaml", "epochs=3"]])
def test_keys_of_a_file_lie_below_words(words: list[str]) -> None:
    Path("keys.yaml").write_text("epochs: 9\nlr0: 0.02\nheads: {center: {gain: 6}}\ncfg: other.yaml\n7: x\n")
    keys = read_train_words(words)
    assert keys == {"epochs": 3, "lr0": 0.02, "heads": "center", "center.gain": 6, "7": "x"}
    assert read_train_words([*words, "center.gain=7"])["center.gain"] == 7
    assert refused(keys) == ["7: unknown key"]
    asked = {
        "cfg": "keys.yaml",
        "epochs": 3,
        "heads": {"center": {"gain": 5}},
    }  # as `auxhead.train(cfg=...)` hands it over
    assert refused(asked) == ["7: unknown key"]
    Path("keys.yaml").write_text("epochs: 9\nlr0: 0.02\nheads: {center: {gain: 6}}\n")
    plan, arguments = resolve(asked)
    assert plan.heads["center"].gain == 5
    assert arguments == {**NOT_OURS, "epochs": 3, "lr0": 0.02}


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("no.yaml", None, "No such file"),
        ("keys.txt", "epochs: 9", "Not a YAML file"),
        ("list.yaml", "- epochs\n", "mapping|items"),
        ("broken.yaml", "epochs: [", "YAML syntax error"),
        ("x" * 300 + ".yaml", None, "too long"),
        ("3", None, "Not a YAML file"),
    ],
)
def test_file_of_keys_that_is_none(name: str, content: str | None, found: str) -> None:
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(ConfigError, match=found) as caught:
        read_train_words([f"cfg={name}"])
    assert caught.value.where == f"cfg={name}"


def test_commands_with_keys_of_their_own() -> None:
    keys = read_keys(["out=x", "flip_variant", "epochs", "=", "3"], DemoKeys)
    assert keys == DemoKeys(out="x", flip_variant=True, epochs=3)
    assert read_keys(["best.pt"], StripKeys) == StripKeys(file="best.pt")
    with pytest.raises(ConfigError) as caught:
        read_keys(["epoch=3", "seed=-1", "outt=x", "fliplr=0.5"], DemoKeys)
    assert caught.value.found.splitlines()[0] == "4 problems"
    for line in ("epoch: unknown key; did you mean epochs?", "seed=-1: ", "outt: unknown key; did you mean out?"):
        assert line in caught.value.found
    assert "out=, flip_variant=, seed=, epochs=" in caught.value.fix
    assert "yolo cfg" not in caught.value.fix  # no keys of training
    with pytest.raises(ConfigError, match="flip_varient: not a key=value pair; did you mean flip_variant") as caught:
        read_keys(["flip_varient"], DemoKeys)
    assert "yolo cfg" not in caught.value.fix


# -- Ultralytics' keys ----------------------------------------------------------------------------------------------


def test_every_key_of_ultralytics_passes_unchanged() -> None:
    plan, arguments = resolve(DEFAULT_CFG_DICT)
    assert arguments == DEFAULT_CFG_DICT
    assert plan == RunPlan()
    for key, value in DEFAULT_CFG_DICT.items():
        assert resolve({key: value})[1] == {**NOT_OURS, key: value}
    own = {"augmentations": [object()], "save_dir": "x", "device": [0, 1], "epochs": 1e2, "name": 7}
    assert resolve(own)[1] == {**NOT_OURS, **own}


@pytest.mark.parametrize(
    "old", [{"hide_labels": True}, {"line_thickness": 2}, {"label_smoothing": 0.1}, {"end2end": True}, {"half": True}]
)
def test_old_keys_mean_what_ultralytics_makes_of_them(old: dict[str, Any]) -> None:
    assert resolve(old)[1] == {**NOT_OURS, **_handle_deprecation(dict(old))}
    assert not set(old) & set(resolve(old)[1])


def test_all_mistakes_are_named_at_once() -> None:
    lines = refused(
        {
            "epoch": 3,
            "lr0": "fast",
            "flipud": 1.5,
            "end2end": "maybe",
            "task": "pose",
            "mode": ["val"],
            "select": "mAP",
            "on_error": 3,
            "heads": "center,centre,center",
            "center.gian": 6,
            "center.metric": "Extra inputs",
            "centre.gain": 6,
            "hide_labels": True,
            "qqqqq": 1,
            "imgsz": 64,
        }
    )
    expected = [
        "epoch: unknown key; did you mean epochs?",
        "'lr0=fast' is of invalid type str.",
        "'flipud=1.5' is an invalid value.",
        "Deprecated 'end2end' must be a bool.",
        "task=pose: auxhead trains detectors, route=pose",
        "mode=['val']: auxhead trains detectors, mode=train",
        "select='mAP': Input should be 'mAP50-95' or 'mAP50'",
        "on_error=3: Input should be 'fail' or 'skip'",
        "heads: 'centre' is no head; did you mean center?",
        "center.gian: unknown key; did you mean center.gain?",
        "center.metric='Extra inputs': Input should be 'oks'",
        "qqqqq: unknown key",
    ]
    unmatched = [start for start in expected if not any(line.startswith(start) for line in lines)]
    assert not unmatched, lines
    assert len(lines) == len(expected)
    assert not any(line.endswith(("; ", ";")) for line in lines)


def test_model_and_data_have_to_be_named_together_with_all_other_mistakes() -> None:
    require_ours({"model": "yolov8n.yaml", "data": Path("signs.yaml")})
    for keys, lines in (
        ({"model": "a.pt"}, ["data: required; name one file with data=FILE"]),
        ({"data": "a.yaml"}, ["model: required; name one file with model=FILE"]),
        ({"model": 3, "data": ""}, ["model=3: expected a file, model=FILE"]),
        (
            {"epoch": 3, "heads": "center", "center.gian": 1, "select": "mAP"},
            [
                "select='mAP': Input should be 'mAP50-95' or 'mAP50'",
                "center.gian: unknown key; did you mean center.gain?",
                "epoch: unknown key; did you mean epochs?",
                "model: required; name one file with model=FILE",
                "data: required; name one file with data=FILE",
            ],
        ),
    ):
        with pytest.raises(ConfigError) as caught:
            require_ours(keys)
        assert [line.strip() for line in caught.value.found.splitlines()[1:]] == lines
        with pytest.raises(ConfigError) as caught:
            resolve(keys, files=True)
        assert [line.strip() for line in caught.value.found.splitlines()[1:]] == lines


# -- heads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        {"heads": "center", "center.gain": 6, "center.metric": "nwd"},
        {"center.gain": 6.0, "center.metric": "nwd", "heads": "center"},
        {"heads": {"center": {"gain": 6, "metric": "nwd"}}},
        {"heads": {"center": {"gain": 6, "share": None}}, "center.metric": "nwd"},
        {"heads": ["center"], "center.gain": 6, "center.metric": "nwd"},
        {"heads": " center,none,, center", "center.gain": 6, "center.metric": "nwd"},
    ],
)
def test_head_keys_in_every_form(keys: dict[str, Any]) -> None:
    plan, arguments = resolve(keys)
    assert plan == RunPlan(heads={"center": CenterSpec(gain=6.0, metric="nwd")})
    assert plan.heads["center"].share is None
    assert arguments == NOT_OURS


@pytest.mark.parametrize("heads", ["none", None, "", [], {}, "none,"])
def test_no_heads(heads: object) -> None:
    plan, _ = resolve({"heads": heads, "select": "mAP50", "on_error": "skip", "cpu_bf16": False})
    assert plan == RunPlan(heads={}, select="mAP50", on_error="skip", cpu_bf16=False)


@pytest.mark.parametrize("heads", ["center", {"center": None}, {"center": {}}, ("center",)])
def test_head_with_its_defaults(heads: object) -> None:
    default = RunPlan(heads={"center": CenterSpec(share=0.1)})
    assert resolve({"heads": heads})[0] == default
    assert resolve({"heads": heads, "center.gain": None, "center.share": None})[0] == default


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"heads": "centre"}, "heads: 'centre' is no head; did you mean center?"),
        ({"heads": "qqqqq"}, "heads: 'qqqqq' is no head; a head among center"),
        ({"center.gain": 6}, "center.gain: head center is not among heads=none; write heads=center"),
        ({"centre.gain": 6}, "centre.gain: unknown key; did you mean center.gain"),
        ({"heads": {"center": 6}}, "heads={'center': 6}: "),
        ({"heads": {1: 2}}, "heads={1: 2}: "),
        ({"heads": 5}, "heads=5: "),
        ({"heads": "center", "center.gain": 6, "center.share": 0.2}, "center: gain and share exclude each other"),
        ({"heads": "center", "center.gain": "six"}, "center.gain='six': "),
        ({"heads": "center", "center.gain": True}, "center.gain=True: "),
        ({"heads": "center", "center.schedule": "detach"}, "center: schedule=detach needs schedule_epoch"),
        ({"heads": "center", "center.": 1}, "center.: unknown key"),
        ({"center": {"gain": 6}}, "center: unknown key"),
    ],
)
def test_head_mistakes(keys: dict[str, Any], problem: str) -> None:
    lines = refused(keys)
    assert len(lines) == 1
    assert lines[0].startswith(problem)


# -- recipes --------------------------------------------------------------------------------------------------------

TUTORIAL = {"box": 0.01, "dfl": 0.01, "fliplr": 0.0, "flipud": 0.0}


def test_tutorial_recipe() -> None:
    plan, arguments = resolve({"recipe": "tutorial"})
    assert plan == RunPlan(heads={"center": CenterSpec(metric="oks", sigma=1.0, gain=12.0, visibility=True)})
    assert arguments == {**NOT_OURS, **TUTORIAL}
    written = {f"center.{key}": getattr(plan.heads["center"], key) for key in ("metric", "sigma", "gain", "visibility")}
    assert RECIPES["tutorial", "native"] == {"heads": "center", **written, **TUTORIAL}  # nothing in it goes unused


def test_explicit_keys_win_over_a_recipe() -> None:
    keys = {"recipe": "tutorial", "fliplr": 0.5, "center.sigma": 0.3, "center.share": 0.2}
    plan, arguments = resolve(keys)
    assert plan == RunPlan(heads={"center": CenterSpec(metric="oks", sigma=0.3, share=0.2, visibility=True)})
    assert plan.heads["center"].gain is None
    assert arguments == {**NOT_OURS, **TUTORIAL, "fliplr": 0.5}
    nested = {"recipe": "tutorial", "heads": {"center": {"sigma": 0.3, "share": 0.2}}, "fliplr": 0.5}
    assert resolve(nested) == (plan, arguments)
    assert resolve({"recipe": "tutorial", "center.gain": 3})[0].heads["center"].gain == 3
    assert resolve({"recipe": "tutorial", "center.share": None})[0].heads["center"].gain == 12


def test_recipe_without_heads_keeps_ultralytics_part() -> None:
    nothing: tuple[Any, ...] = ("none", None, [])
    for heads in nothing:
        assert resolve({"recipe": "tutorial", "heads": heads}) == (RunPlan(), {**NOT_OURS, **TUTORIAL})
    assert resolve({"recipe": None}) == resolve({})
    assert refused({"recipe": "tutorail"}) == ["recipe='tutorail': Input should be 'tutorial'"]


# -- routes ---------------------------------------------------------------------------------------------------------


def test_a_route_brings_its_labels_and_task() -> None:
    plan, arguments = resolve({"route": "pose", "pose.keypoints": "center+corners", "pose.flips": "off", "pose": 6.0})
    assert plan == RunPlan(route="pose", labels=PoseKeys(keypoints="center+corners", flips=False))
    assert arguments == {"mode": "train", "task": "pose", "pose": 6.0}
    assert RunPlan.from_dict(plan.to_dict()) == plan
    plan, arguments = resolve({"route": "segment", "task": "segment"})
    assert (plan.labels, arguments["task"]) == (SegmentKeys(), "segment")
    assert RunPlan.from_dict(plan.to_dict()) == plan


def test_the_tutorial_to_the_letter() -> None:
    # Source: Mohammed Yasin, "Pose Head For Auxiliary Loss" (2024): labels `class x y w h x y 1`, no flip_idx, and
    # `epochs=10 warmup_epochs=1 close_mosaic=1 hsv_h=0 hsv_v=0 hsv_s=0 scale=0 shear=0 translate=0 box=0.01 dfl=0.01`.
    plan, arguments = resolve({"recipe": "tutorial", "route": "pose"})
    assert plan.labels == PoseKeys(keypoints="center", visibility=True, flips=False, kpt_oks_sigmas=None)
    still = dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "scale", "shear", "translate"), 0.0)
    gains = {"box": 0.01, "dfl": 0.01, "epochs": 10, "warmup_epochs": 1.0, "close_mosaic": 1, "batch": 41}
    assert arguments == {"mode": "train", "task": "pose", **still, **gains}
    plan, arguments = resolve({"recipe": "tutorial", "route": "pose", "epochs": 30, "pose.flips": True})
    assert (plan.labels, arguments["epochs"]) == (PoseKeys(), 30)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"route": "pose", "heads": "center"}, "heads=center: of the native route"),
        ({"route": "pose", "select": "mAP50"}, "select=mAP50: of the native route"),
        ({"route": "pose", "center.gain": 3}, "center.gain: heads belong to the native route, not to route=pose"),
        ({"route": "segment", "recipe": "tutorial"}, "recipe=tutorial: has no settings for route=segment"),
        ({"route": "segment", "pose.flips": "off"}, "pose.flips: only with route=pose"),
        ({"pose.flips": "off"}, "pose.flips: only with route=pose"),
        ({"native.x": 1}, "native.x: unknown key"),
        ({"route": "pose", "pose.keypoint": "center"}, "pose.keypoint: unknown key; did you mean pose.keypoints"),
        ({"route": "pose", "pose.kpt_oks_sigmas": [0.1, 0.2]}, "pose.kpt_oks_sigmas=[0.1, 0.2]: expected one positive"),
        ({"route": "pose", "pose.kpt_oks_sigmas": -1.0}, "pose.kpt_oks_sigmas=-1.0: expected one positive"),
        ({"route": "poes"}, "route='poes': Input should be 'native', 'pose' or 'segment'"),
        ({"task": "pose"}, "task=pose: auxhead trains detectors, route=pose"),
        ({"route": "pose", "task": "obb"}, "task=obb: auxhead trains detectors, task=pose"),
    ],
)
def test_keys_that_do_not_fit_the_route(keys: dict[str, Any], problem: str) -> None:
    lines = refused(keys)
    assert len(lines) == 1
    assert lines[0].startswith(problem)


# -- properties -----------------------------------------------------------------------------------------------------

OLD = ["hide_labels", "half", "int8", "end2end", "label_smoothing", "augmentations", "centre.gain", "center.", "."]
KEYS = st.one_of(st.sampled_from([*known_keys(), *OLD]), st.text(max_size=12))
WORD_VALUES = [
    "none",
    "True",
    "-1",
    "0.5",
    "1e999",
    "nan",
    "[1,2]",
    "[]",
    "{}",
    "{1:2}",
    "{'center':6}",
    "center",
    "x=y",
]
LITERALS = [
    "{'center':{'gain':6}}",
    "{'center':{1:2}}",
    "(1,2)",
    "b'x'",
    "...",
    "9" * 400,
    "[[1]]",
    "{1}",
    "'",
    "cfg.yaml",
]
VALUES = st.one_of(st.sampled_from([*WORD_VALUES, *LITERALS]), st.text(max_size=8), st.integers().map(str))
PAIRS = st.builds("{}={}".format, KEYS, VALUES)
LOOSE = st.one_of(st.sampled_from(["=", "[", "]", ",", "--", "detect", "rect", "epochs", "heads"]), st.text(max_size=8))
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)


@settings(max_examples=150)
@given(words=st.lists(st.one_of(PAIRS, PAIRS, LOOSE), max_size=6))
@example(words=["end2end=3"])
@example(words=["task=[1]"])
@example(words=["a=[", "=", "3]"])
@example(words=["select=\udcff", "\udcff=1", "heads=\udcff"])
def test_any_words_give_a_plan_or_one_error(words: list[str]) -> None:
    try:
        plan, arguments = resolve(read_train_words(words))
    except ConfigError:
        return
    assert set(arguments) <= {*DEFAULT_CFG_DICT, "augmentations", "save_dir"}
    assert RunPlan.from_dict(plan.to_dict()) == plan


@settings(max_examples=100)
@given(keys=st.dictionaries(KEYS, ANYTHING, max_size=5))
def test_any_values_give_a_plan_or_one_error(keys: dict[str, Any]) -> None:
    try:
        plan, _ = resolve(keys)
    except ConfigError:
        return
    assert RunPlan.from_dict(plan.to_dict()) == plan


POSITIVE = st.floats(min_value=1e-6, max_value=1e6)
WEIGHT: st.SearchStrategy[dict[str, float]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"share": st.floats(min_value=1e-6, max_value=1)}),
    st.fixed_dictionaries({"gain": st.floats(min_value=0, max_value=1e6)}),
)
CENTER = st.fixed_dictionaries(
    {"schedule": st.sampled_from(["constant", "linear", "cosine", "detach"]), "schedule_epoch": st.integers(1, 9)},
    optional={
        "metric": st.sampled_from(["oks", "nwd", "dotd", "smooth_l1"]),
        "sigma": POSITIVE,
        "constant": st.one_of(st.none(), POSITIVE),
        "visibility": st.booleans(),
        "visibility_gain": st.floats(min_value=0, max_value=9),
    },
)


@settings(max_examples=100)
@given(
    center=st.one_of(st.none(), st.builds(dict.__or__, WEIGHT, CENTER)),
    select=st.sampled_from(["mAP50-95", "mAP50"]),
    on_error=st.sampled_from(["fail", "skip"]),
    cpu_bf16=st.sampled_from([None, True, False]),
)
def test_plans_survive_json(center: dict[str, Any] | None, select: Any, on_error: Any, cpu_bf16: bool | None) -> None:
    heads = {} if center is None else {"center": head_spec("center", center)}
    plan = RunPlan(heads=heads, select=select, on_error=on_error, cpu_bf16=cpu_bf16)
    again = RunPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    for name, spec in plan.heads.items():
        assert again.heads[name].model_dump() == spec.model_dump()
        assert spec.model_dump().items() >= center.items()
        assert (spec.gain is None) != (spec.share is None)
