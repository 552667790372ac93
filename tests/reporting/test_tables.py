"""The words of the page that are made out of the analysis."""

from __future__ import annotations

from typing import Any

from auxhead.reporting.arm_styles import by_effect
from auxhead.reporting.clocks import clock, on_gpu
from auxhead.reporting.tables import Fairness, answer, fair, trained


def against(kind: str, value: float) -> dict[str, Any]:
    return {"verdict": {"kind": kind}, "primary": {"value": value}}


def test_the_answer_names_every_arm_once_by_what_came_out() -> None:
    arms = [
        ("a", "beats", 0.05),
        ("b", "none", 0.01),
        ("c", "beats", 0.031),
        ("d", "unfair", 0.0),
        ("e", "loses", -0.02),
    ]
    analysis = {
        "control": "plain",
        "primary": {"name": "mAP50"},
        "arms": [{"name": "plain", "against_control": None}]
        + [{"name": name, "against_control": against(kind, value)} for name, kind, value in arms],
    }
    others = by_effect(analysis)
    assert [arm["name"] for arm in others] == ["a", "c", "b", "d", "e"]
    said = answer(analysis, others).replace("\N{MINUS SIGN}", "-")
    expected = (
        "a (+5.0) and c (+3.1) beat plain; e (-2.0) loses to plain; b shows no difference to plain; d is not comparable"
    )
    assert said == f"{expected}. Points of mAP50."
    assert answer(analysis, []) == "Nothing can be said yet."


def test_the_lead_says_what_was_trained_and_leaves_out_what_is_not_noted() -> None:
    base = {"model": "models/yolov8n.yaml", "epochs": 1, "imgsz": 160}
    there = {"gpu": "a GPU", "auxhead": "1.2", "ultralytics": "8.4.190 (tested with 8.4.180 to 8.4.190)"}
    told = trained({"plan": {"base": base}, "environment": there, "runs": []})
    assert told == "yolov8n.yaml from scratch, 1 epoch, 160 px, on a GPU, auxhead 1.2, Ultralytics 8.4.190"
    started = {**base, "pretrained": "there/yolov8n.pt"}
    assert trained({"plan": {"base": started}, "environment": {}, "runs": []}).startswith(
        "yolov8n.yaml from yolov8n.pt, 1 epoch"
    )
    assert trained({"plan": {"base": {"model": "yolov8n.pt"}}, "environment": {}, "runs": []}) == "yolov8n.pt"


def test_fairness_is_said_in_a_sentence() -> None:
    row = {kind: Fairness(kind, "lr0", "all", "0.1") for kind in ("unfair", "declared", "equal", "unequal")}
    assert fair([]) == ""
    assert fair([row["equal"]] * 3) == "Yes: 3 conditions equal in all runs."
    assert fair([row["equal"], row["declared"], row["unequal"]]).endswith(
        "1 condition equal in all runs, 1 difference declared by the arms and 1 that can't be equal."
    )
    assert fair([row["unfair"], row["equal"]]).startswith("No: 1 difference that no arm declares.")


def test_a_machine_that_notes_no_gpu_is_a_cpu() -> None:
    noted = {"cpu": "AVX2, 2 cores", "gpu": "none"}
    assert not on_gpu({"environment": noted})
    assert clock({"environment": noted}).name == "processor time"
    assert trained({"plan": {"base": {"model": "yolov8n.pt"}}, "environment": noted, "runs": []}).endswith(
        "on a CPU (AVX2, 2 cores)"
    )
    assert on_gpu({"environment": {**noted, "gpu": "NVIDIA H100"}})
