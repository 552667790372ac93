"""What counts as fair: facts of runs, changed one at a time."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxhead.errors import UnfairComparisonError
from auxhead.findings.fairness import check

FACTS: dict[str, Any] = {
    "arguments": {"epochs": 3, "batch": 4, "imgsz": 64, "optimizer": "AdamW", "lr0": 0.001, "fliplr": 0.5, "box": 7.5}
    | {"save_dir": "a", "seed": 0, "model": "yolov8n.yaml", "data": "data.yaml"},
    "initial": {"model.0.weight": "16x3:aa", "model.22.cv2.weight": "64x16:bb"},
    "batches": ["first", "second"],
    "hardware": {"device": "cpu", "name": "AVX512", "bfloat16": False},
    "versions": {"auxhead": "1", "ultralytics": "8.4.190"},
    "batch_at_end": 4,
    "epochs_done": 3,
}
EARLIER = {**FACTS, "hardware": {"device": "cpu", "name": "AVX512"}}
ARMS: dict[str, dict[str, Any]] = {"plain": {}, "b": {}}


def found(declared: dict[str, Any], **changes: Any) -> Any:
    """Check a control and an arm whose facts differ in these places: section__key=value, or section=value."""
    other = deepcopy(FACTS)
    for path, value in changes.items():
        section, _, key = path.partition("__")
        if key:
            other[section][key] = value
        else:
            other[section] = value
    return check({"plain": {}, "b": declared}, "plain", {("plain", 0): FACTS, ("b", 0): other})


def test_equal_runs_are_fair_and_say_what_was_equal() -> None:
    fair = found({"heads": "center"})
    assert fair.differences == []
    fair.require_fair("here")
    why = {row["what"]: row["why"] for row in fair.notes}
    assert why["initial weights"].startswith("equal bit for bit")
    assert why["first batches"].startswith("equal bit for bit")
    equal = {row["what"]: row["value"] for row in fair.equal}
    assert equal["epochs"] == "3"
    assert equal["versions: ultralytics"] == "8.4.190"
    assert "equal bit for bit" in equal["initial weights of the same architecture and seed"]


@pytest.mark.parametrize(
    ("declared", "changes", "what"),
    [
        ({"heads": "center"}, {"arguments__lr0": 0.01}, "lr0"),
        ({"heads": "center"}, {"arguments__fliplr": 0.0}, "fliplr"),
        ({"heads": "center"}, {"versions__ultralytics": "8.4.191"}, "versions: ultralytics"),
        ({"heads": "center"}, {"hardware__device": "cuda"}, "hardware: device"),
        ({"heads": "center"}, {"hardware__bfloat16": True}, "hardware: bfloat16"),
        ({"heads": "center"}, {"batches": ["first", "other"]}, "first batches"),
        ({"heads": "center"}, {"initial__model.0.weight": "16x3:cc"}, "1 initial tensors of the detector"),
        (
            {"route": "pose"},
            {"initial": {**FACTS["initial"], "model.0.weight": "16x3:cc", "pose": "1:dd"}},
            "1 initial",
        ),
        ({"heads": "teacher", "teacher.scale": 1}, {"batches": ["x", "y"], "loaded": {"teacher.scale": 1}}, "first"),
        ({"heads": "center"}, {"epochs_done": 2}, "epochs trained"),
        ({"heads": "center"}, {"batch_at_end": 2}, "batch at the end"),
    ],
)
def test_what_an_arm_does_not_declare_must_be_equal(declared: Any, changes: Any, what: str) -> None:
    fair = found(declared, **changes)
    assert [row["what"].startswith(what) for row in fair.differences] == [True]
    with pytest.raises(UnfairComparisonError) as caught:
        fair.require_fair("report.html")
    assert f"b, seed 0: {what}" in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "changes"),
    [
        ({"fliplr": 0.0}, {"arguments__fliplr": 0.0, "batches": ["x", "y"]}),
        ({"lr0": 0.01}, {"arguments__lr0": 0.01}),
        ({"cpu_bf16": True}, {"hardware__bfloat16": True}),
        ({"amp": False}, {"hardware__bfloat16": True, "arguments__amp": False}),
        ({"route": "pose"}, {"arguments__kobj": 1.0, "arguments__fliplr": 0.0, "batches": ["x", "y"]}),
        ({"model": "yolov8n-p2.yaml"}, {"initial": {"model.0.weight": "16x3:cc"}, "batches": ["x", "y"]}),
        ({}, {"arguments__save_dir": "b", "arguments__model": "same.yaml", "arguments__data": "copy.yaml"}),
    ],
)
def test_what_an_arm_declares_or_cannot_have_equal_is_a_note(declared: Any, changes: Any) -> None:
    fair = found(declared, **changes)
    assert fair.differences == []
    assert {row["arm"] for row in fair.notes} == {"b"}


def test_facts_of_earlier_runs_that_lack_the_lane_are_no_difference() -> None:
    assert check({"a": {}, "b": {}}, "a", {("a", 0): EARLIER, ("b", 0): FACTS}).differences == []


def test_pictures_loaded_at_another_size_differ_as_declared_and_those_of_one_size_have_to_be_equal() -> None:
    """Plain, a teacher at twice the size, and its control, which loads as large pictures for nobody."""
    taught = {"heads": "teacher", "teacher.scale": 2}
    arms = {"plain": {}, "taught": taught, "alone": {**taught, "teacher.gain": 0.0}}
    plain = {**FACTS, "loaded": {"teacher.scale": 1}}
    large = {**FACTS, "loaded": {"teacher.scale": 2}, "batches": ["large", "larger"]}
    runs = {("plain", 0): plain, ("taught", 0): large, ("alone", 0): large}
    for control in arms:
        fair = check(arms, control, runs)
        assert fair.differences == []
    kinds = {row["arm"]: row["kind"] for row in check(arms, "alone", runs).notes if row["what"] == "first batches"}
    assert kinds == {"plain": "declared", "taught": "equal"}
    other = {**runs, ("taught", 0): {**large, "batches": ["large", "another"]}}
    assert [row["what"] for row in check(arms, "alone", other).differences] == ["first batches"]
    assert check(arms, "plain", other).differences == []


def test_a_changed_budget_is_said_even_when_it_is_declared() -> None:
    fair = found({"epochs": 6}, arguments__epochs=6, epochs_done=6)
    assert fair.differences == []
    assert {"arm": "b", "what": "epochs", "kind": "declared", "why": "6 instead of 3"} in fair.notes


def test_a_stop_that_changed_the_random_numbers_is_named_also_of_the_control() -> None:
    stopped = [{"epoch": 2, "inexact": ""}, {"epoch": 5, "inexact": "other workers"}]
    control = {**FACTS, "resumes": stopped}
    fair = check(ARMS, "plain", {("plain", 0): control, ("b", 0): {**FACTS, "resumes": stopped[:1]}})
    assert [row for row in fair.notes if "stop" in row["what"]] == [
        {
            "arm": "plain",
            "what": "stop of seed 0 after epoch 5",
            "kind": "unequal",
            "why": "went on after epoch 5, with other random numbers: other workers",
        }
    ]


def test_notes_say_of_which_kind_they_are() -> None:
    kinds = {row["what"]: row["kind"] for row in found({"heads": "center"}).notes}
    assert kinds == {"initial weights": "equal", "first batches": "equal"}
    flips = found({"fliplr": 0.0}, arguments__fliplr=0.0, batches=["x", "y"])
    assert {row["what"]: row["kind"] for row in flips.notes} == {
        "initial weights": "equal",
        "first batches": "declared",
    }
    p2 = found({"model": "yolov8n-p2.yaml"}, initial={"model.0.weight": "16x3:cc"}, batches=["x", "y"])
    assert {row["kind"] for row in p2.notes} == {"unequal"}


KEYS = {"fliplr": (0.5, 0.0), "lr0": (0.001, 0.01), "box": (7.5, 0.01), "epochs": (3, 6), "mosaic": (1.0, 0.0)}


@given(st.sets(st.sampled_from(sorted(KEYS))), st.sets(st.sampled_from(sorted(KEYS))), st.sampled_from(["a", "b", "c"]))
def test_what_is_fair_does_not_depend_on_which_arm_is_the_control(one: set[str], other: set[str], control: str) -> None:
    arms = {"a": {key: KEYS[key][1] for key in one}, "b": {key: KEYS[key][1] for key in other}, "c": {}}

    def facts(declared: dict[str, Any]) -> Any:
        arguments = {**FACTS["arguments"], "mosaic": 1.0, **declared}
        batches = [str(sorted(declared.keys() & {"fliplr", "mosaic"})), "second"]
        return {**FACTS, "arguments": arguments, "batches": batches, "epochs_done": arguments["epochs"]}

    runs = {(arm, 0): facts(declared) for arm, declared in arms.items()}
    assert check(arms, control, runs).differences == []
    undeclared = {**runs, ("c", 0): facts({"box": 1.0})}
    unfair = {row["what"] for row in check(arms, control, undeclared).differences}
    pairs = [arm for arm in arms if arm != control and "c" in {arm, control}]
    assert unfair == ({"box"} if any("box" not in arms[arm] | arms[control] for arm in pairs) else set())


def test_only_runs_of_one_seed_are_held_against_each_other() -> None:
    other = {**deepcopy(FACTS), "batches": ["z"]}
    fair = check(ARMS, "plain", {("plain", 0): FACTS, ("b", 1): other})
    assert (fair.differences, fair.notes) == ([], [])
    assert check(ARMS, "plain", {}).to_dict() == {"differences": [], "notes": [], "equal": []}
