"""The analysis of made-up ledgers: whole, half-finished, unfair, moved and broken ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from tests.findings.ledger_maker import ARMS, HOSTILE, NAMES, VALUES, make_ledger

from auxhead.errors import ConfigError, ResumeError
from auxhead.findings.analysis import analyse, verdict_lines
from auxhead.findings.tables import numbers_table, runs_table, write_tables

TWO = {"plain": {}, "center": {"heads": "center"}}

Analysis = dict[str, Any]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison; tests only read it."""
    return make_ledger(tmp_path_factory.mktemp("comparison") / "ledger")


@pytest.fixture(scope="module")
def analysis(ledger: Path) -> Analysis:
    return analyse(ledger)


def arm(analysis: Mapping[str, Any], name: str) -> Any:
    return next(one for one in analysis["arms"] if one["name"] == name)


def gap(analysis: Mapping[str, Any], name: str = "center") -> Any:
    return arm(analysis, name)["against_control"]


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    """Change the content of a json file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_finished_comparison_is_described(analysis: Analysis, ledger: Path) -> None:
    plan = json.loads((ledger / "plan.json").read_text())
    assert list(analysis) == [
        *("schema", "auxhead", "name", "plan", "status", "split", "primary", "control", "warnings"),
        *("data", "arms", "screening", "latency", "fairness", "runs", "environment"),
    ]
    assert analysis["schema"] == "auxhead.report/1"
    assert analysis["plan"] == {key: value for key, value in plan.items() if key != "runs"}
    assert analysis["status"] == {"planned": 12, "finished": 12, "failed": 0, "missing": 0}
    assert analysis["primary"] == {"name": "mAP50", "band": "all", "measure": "AP50"}
    assert analysis["data"] == {
        "file": plan["data"],
        "images": 7,
        "boxes": 54,
        "bands": {"all": 54, "<8": 24, "8-16": 24, "16-32": 6, ">=32": 0},
        "names": list(NAMES),
        "sha256": "d" * 64,
    }
    assert [one["name"] for one in analysis["arms"]] == list(ARMS)
    assert analysis["fairness"] == json.loads((ledger / "unfair.json").read_text())
    assert analysis["environment"] == json.loads((ledger / "environment.json").read_text())
    assert [(row["arm"], row["seed"]) for row in analysis["runs"]] == [
        (run["arm"], run["seed"]) for run in plan["runs"]
    ]


def test_another_control_is_possible_and_said(ledger: Path) -> None:
    late = analyse(ledger, "center")
    assert late["control"] == "center"
    assert "declared before the runs, is plain" in late["warnings"][0]
    assert gap(late, "center") is None
    assert gap(late, "plain")["primary"]["value"] == pytest.approx(-gap(analyse(ledger))["primary"]["value"])
    with pytest.raises(ConfigError, match="did you mean center"):
        analyse(ledger, "centre")


def test_where_the_data_lies_on_this_machine_is_not_told(tmp_path: Path) -> None:
    folder = make_ledger(tmp_path / "ledger", arms=TWO)
    rewrite(folder / "plan.json", lambda plan: plan.update(data_file="/home/somebody/data.yaml"))
    assert "somebody" not in json.dumps(analyse(folder))


def test_values_are_averaged_over_seeds(analysis: Analysis) -> None:
    plain = arm(analysis, "plain")
    low, high = stats.t.interval(0.95, 2, loc=0.51, scale=stats.sem(VALUES["plain"]))
    assert plain["numbers"]["all"]["AP50"] == {
        "mean": pytest.approx(0.51),
        "low": pytest.approx(low),
        "high": pytest.approx(high),
        "by_seed": {"0": 0.5, "1": 0.52, "2": 0.51},
    }
    assert plain["numbers"]["<8"]["AP"]["mean"] == pytest.approx(0.51 * 0.8 * 0.6)
    assert plain["numbers"][">=32"]["AP"] == {"mean": None, "low": None, "high": None, "by_seed": {}}
    assert plain["ultralytics"]["mAP50"] == {"0": 0.505, "1": 0.525, "2": 0.515}
    assert [row["name"] for row in plain["classes"]] == list(NAMES)
    assert plain["classes"][1] == {
        "name": HOSTILE,
        "boxes": 24,
        **{name: pytest.approx(0.51 * of) for name, of in {"AP": 0.6, "AP50": 1, "AR": 0.7, "center_AP": 0.95}.items()},
    }
    assert plain["classes"][2] == {"name": "bus", "boxes": 0, "AP": None, "AP50": None, "AR": None, "center_AP": None}


def test_the_primary_difference_is_paired_by_seed(analysis: Analysis, ledger: Path) -> None:
    found = gap(analysis)["primary"]
    test = stats.ttest_rel(VALUES["center"], VALUES["plain"])
    ends = test.confidence_interval(0.95)
    draws = [
        np.load(ledger / "runs" / f"center-{seed}/val/draws.npz")["all/AP50"].astype(float)
        - np.load(ledger / "runs" / f"plain-{seed}/val/draws.npz")["all/AP50"]
        for seed in range(3)
    ]
    assert found["by_seed"] == pytest.approx({"0": 0.05, "1": 0.04, "2": 0.055})
    assert found["value"] == pytest.approx(0.145 / 3)
    assert found["t"] == pytest.approx([ends.low, ends.high])
    assert found["images"] == pytest.approx(np.quantile(np.mean(draws, axis=0), [0.025, 0.975], method="weibull"))
    assert found["p_t"] == pytest.approx(test.pvalue)
    assert (found["p_flip"], found["flip_floor"]) == (0.25, 0.25)
    assert gap(analysis)["seeds"] == [0, 1, 2]
    assert gap(analysis, "plain") is None
    assert gap(analysis)["differences"]["all"]["AP50"] == {
        name: found[name] for name in ("value", "by_seed", "t", "images")
    }
    assert gap(analysis)["differences"]["8-16"]["center_AP"]["value"] == pytest.approx(0.145 / 3 * 1.1 * 0.95, abs=1e-6)
    assert ">=32" not in gap(analysis)["differences"]
    assert [row["AP50"] for row in gap(analysis)["classes"]] == [pytest.approx(0.145 / 3)] * 2 + [None]


def test_arms_are_judged_in_words(analysis: Analysis) -> None:
    assert [gap(analysis, name)["verdict"]["kind"] for name in ("plain-noflip", "center", "p2")] == [
        "none",
        "beats",
        "beats",
    ]
    assert verdict_lines(analysis) == [
        (
            "no difference found between plain-noflip and plain: +0.1 mAP50 "
            "(95 % t interval -1.2 to +1.3, 3 seeds; same GFLOPs); "
            "seeds spread like these show 1.7 or more 4 times of 5"
        ),
        "center beats plain by +4.8 mAP50 (95 % t interval +2.9 to +6.7, 3 seeds; same GFLOPs)",
        "p2 beats plain by +8.7 mAP50 (95 % t interval +7.2 to +10.1, 3 seeds; 1.66x the GFLOPs)",
    ]


def test_secondary_measures_leave_out_the_primary_and_are_corrected(analysis: Analysis) -> None:
    rows = gap(analysis)["secondary"]
    assert [row["name"] for row in rows] == [
        *("AP", "AP75", "center_AP", "recall@1FPPI", "NWD_AP"),
        *("<8/AP50", "8-16/AP50"),  # 16-32 has 6 boxes only
    ]
    assert (rows[-1]["band"], rows[-1]["measure"]) == ("8-16", "AP50")
    assert [row["p_holm"] for row in rows] == pytest.approx([7 * min(row["p_t"] for row in rows)] * 7, rel=1e-3)
    assert rows[0]["value"] == pytest.approx(0.145 / 3 * 0.6)


def test_primary_p_values_are_corrected_for_the_arms(analysis: Analysis) -> None:
    center, p2 = (gap(analysis, name)["primary"] for name in ("center", "p2"))
    assert p2["p_t"] < center["p_t"]
    assert p2["p_holm"] == pytest.approx(3 * p2["p_t"])
    assert center["p_holm"] == pytest.approx(2 * center["p_t"])
    assert not analysis["warnings"]


def test_costs_and_times_are_held_against_the_control(analysis: Analysis) -> None:
    price = {"parameters": 5_312_000, "gflops": 13.28, "imgsz": 96, "looks": None}
    price |= {"gflops_ratio": 1.66, "latency": None}
    assert arm(analysis, "p2")["cost"] == price
    assert arm(analysis, "plain")["cost"]["gflops_ratio"] == 1.0
    ratios = [(99.6 + seed) / (60 + seed) for seed in range(3)]
    training = arm(analysis, "p2")["training"]
    assert training["seconds"] == pytest.approx(100.6)
    assert training["ratio"] == pytest.approx(sorted(ratios)[1])
    assert training["cpu_seconds"] == pytest.approx(201.2)
    assert training["cpu_ratio"] == pytest.approx(sorted(ratios)[1])


def test_a_share_of_p2s_gain_is_recovered(analysis: Analysis) -> None:
    found = gap(analysis)["recovered"]
    assert found["value"] == pytest.approx(0.145 / 0.26)
    assert found["by_seed"] == pytest.approx({"0": 5 / 8, "1": 4 / 9, "2": 5.5 / 9})
    assert gap(analysis, "p2")["recovered"] is None


@pytest.mark.parametrize("arms", [TWO, TWO | {"p2": {"model": "yolov8n-p2.yaml"}}])
def test_nothing_is_recovered_where_p2_gains_nothing(tmp_path: Path, arms: Mapping[str, Any]) -> None:
    made = make_ledger(tmp_path / "ledger", arms=arms, values=VALUES | {"p2": (0.4, 0.7, 0.4)})
    assert gap(analyse(made))["recovered"] is None


def test_curves_are_ultralytics_own(analysis: Analysis) -> None:
    center = arm(analysis, "center")
    assert center["curve"]["mAP50"]["0"] == pytest.approx([0.11, 0.22, 0.33, 0.44, 0.55])
    assert center["curve"]["mAP50-95"]["2"][-1] == pytest.approx(0.565 * 0.6)
    assert center["against_control"]["epochs_to_control"] == {
        "by_seed": dict.fromkeys("012", 5),
        "median": 5.0,
        "of": 5,
    }
    assert gap(analysis, "p2")["epochs_to_control"]["by_seed"] == dict.fromkeys("012", 5)
    assert center["pr"]["recall"] == pytest.approx(np.linspace(0, 1, 101))
    assert center["pr"]["precision"]["1"][0] == 1.0


def test_a_faster_arm_reaches_the_control_earlier(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO, values={"plain": (0.4, 0.4), "center": (0.7, 0.3)}, seeds=(3, 8))
    assert gap(analyse(made))["epochs_to_control"] == {"by_seed": {"3": 3, "8": None}, "median": None, "of": 5}


def test_runs_are_listed_with_what_became_of_them(tmp_path: Path) -> None:
    made = make_ledger(
        tmp_path / "ledger", failed=[("center", 1)], missing=[("p2", 2)], stale=[("plain-noflip", 0), ("p2", 0)]
    )
    found = analyse(made)
    assert found["status"] == {"planned": 12, "finished": 8, "failed": 1, "missing": 3}
    rows = {(row["arm"], row["seed"]): row for row in found["runs"]}
    assert [rows[run]["status"] for run in (("plain", 0), ("center", 1), ("p2", 2), ("p2", 0))] == [
        *("finished", "failed", "missing", "stale"),
    ]
    assert rows["center", 1]["reason"] == "out of memory"
    assert rows["plain", 0]["primary"] == 0.5
    assert rows["plain", 0]["seconds"] == 66.0
    assert rows["p2", 0]["primary"] is None
    assert found["warnings"] == [
        "1 of 12 runs failed: center-1 (out of memory)",
        "1 of 12 runs not finished: p2-2",
        "2 of 12 runs made by another plan and not counted: plain-noflip-0; p2-0",
    ]
    assert arm(found, "center")["seeds"] == [0, 2]
    assert arm(found, "center")["failed"] == [{"seed": 1, "reason": "out of memory"}]
    assert gap(found)["verdict"]["kind"] == "leans"
    assert gap(found)["verdict"]["sentence"] == (
        "center leans ahead of plain: +5.2 mAP50 (95 % t interval +2.1 to +8.4, 2 of 3 seeds; 1 failed; same GFLOPs): "
        "no claim, 3 arms were compared with plain, and corrected for that (Holm) p is 0.061"
    )
    assert gap(found, "p2")["verdict"] == {
        "kind": "no_claim",
        "sentence": "p2 against plain, one seed: no claim (+9.0 mAP50; 1 of 3 seeds; 2 not finished)",
    }
    assert verdict_lines(found)[:2] == [f"warning: {line}" for line in found["warnings"][:2]]


def test_a_seed_that_failed_for_the_control_is_lost_for_all(tmp_path: Path) -> None:
    found = analyse(make_ledger(tmp_path / "ledger", failed=[("plain", 0), ("center", 0)]))
    assert gap(found)["seeds"] == [1, 2]
    assert "2 of 3 seeds; 1 failed;" in gap(found)["verdict"]["sentence"]
    assert "2 of 3 seeds; 1 failed;" in gap(found, "plain-noflip")["verdict"]["sentence"]


def test_nothing_finished_is_no_reason_to_fail(tmp_path: Path) -> None:
    missing = [(name, seed) for name in TWO for seed in range(3)]
    made = make_ledger(tmp_path / "ledger", arms=TWO, missing=missing)
    (made / "unfair.json").unlink()
    (made / "environment.json").unlink()
    found = analyse(made)
    assert found["status"] == {"planned": 6, "finished": 0, "failed": 0, "missing": 6}
    assert found["fairness"] == {"differences": [], "notes": [], "equal": []}
    assert found["environment"] == {}
    assert found["data"]["boxes"] is None
    assert found["warnings"] == ["6 of 6 runs not finished: plain-0; center-0; plain-1; center-1; plain-2; and 1 more"]
    assert arm(found, "center") == {
        "name": "center",
        "declared": {"heads": "center"},
        "seeds": [],
        "failed": [],
        "cost": None,
        "training": {"seconds": None, "ratio": None, "cpu_seconds": None, "cpu_ratio": None},
        "numbers": {},
        "ultralytics": {"mAP50": {}, "mAP50-95": {}},
        "classes": [],
        "curve": {"mAP50": {}, "mAP50-95": {}},
        "pr": {"recall": [], "precision": {}},
        "against_control": None,
    }
    assert verdict_lines(found)[-1] == "center against plain: no seed of both is finished"
    write_tables(found, made)
    assert numbers_table(found).height == 0


def test_only_the_control_is_finished(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO, missing=[("center", seed) for seed in range(3)])
    found = analyse(made)
    assert arm(found, "plain")["numbers"]["all"]["AP50"]["mean"] == pytest.approx(0.51)
    assert gap(found) is None


def test_one_seed_yields_no_claim(tmp_path: Path) -> None:
    found = analyse(make_ledger(tmp_path / "ledger", arms=TWO, seeds=(7,)))
    assert verdict_lines(found) == ["center against plain, one seed: no claim (+5.0 mAP50)"]
    assert arm(found, "plain")["numbers"]["all"]["AP50"] == {
        "mean": 0.5,
        "low": None,
        "high": None,
        "by_seed": {"7": 0.5},
    }
    assert {row["p_holm"] for row in gap(found)["secondary"]} == {None}


def test_the_test_split_is_what_counts_if_the_plan_says_so(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO, split="test")
    found = analyse(made)
    assert found["split"] == "test"
    assert arm(found, "plain")["numbers"]["all"]["AP50"]["by_seed"]["0"] == 0.49
    shutil.rmtree(made / "runs" / "center-1" / "test")
    found = analyse(made)
    assert found["warnings"][0] == "1 of 6 runs finished, but not measured on the split: center-1"
    assert found["status"]["finished"] == 6
    assert gap(found)["seeds"] == [0, 2]


@pytest.mark.parametrize(
    ("primary", "value", "words"),
    [
        ("mAP50-95", 0.029, "+2.9 mAP50-95 ("),
        ("center_AP", 0.95 * 0.145 / 3, "+4.6 center_AP ("),
        ("8-16/AP50", 1.1 * 0.145 / 3, "+5.3 AP50 of 8-16 ("),
    ],
)
def test_any_measure_may_be_primary(tmp_path: Path, primary: str, value: float, words: str) -> None:
    found = analyse(make_ledger(tmp_path / "ledger", arms=TWO, primary=primary))
    assert gap(found)["primary"]["value"] == pytest.approx(value)
    assert words in gap(found)["verdict"]["sentence"]
    own = (found["primary"]["band"], found["primary"]["measure"])
    others = [(row["band"], row["measure"]) for row in gap(found)["secondary"]]
    assert own not in others
    assert {("all", "AP"), ("all", "AP50"), ("8-16", "AP50")} - {own} <= set(others)


def test_epochs_are_counted_on_the_stricter_map_where_that_is_primary(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO, seeds=(0,), primary="mAP50-95")
    curve = made / "runs" / "center-0" / "train" / "results.csv"
    curve.write_text("epoch, metrics/mAP50(B), metrics/mAP50-95(B)\n1,0.1,0.4\n2,0.9,nan\n")
    assert gap(analyse(made))["epochs_to_control"]["by_seed"] == {"0": 1}
    assert arm(analyse(made), "center")["curve"]["mAP50-95"] == {"0": [0.4, None]}


def test_a_primary_measure_without_boxes_is_said(tmp_path: Path) -> None:
    found = analyse(make_ledger(tmp_path / "ledger", arms=TWO, primary=">=32/AP50"))
    assert found["warnings"] == ["nothing to compare: AP50 of >=32 was not measured, or its band has no boxes"]
    assert gap(found) is None


def test_an_unknown_primary_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="8-16/AP75"):
        analyse(make_ledger(tmp_path / "ledger", arms=TWO, seeds=(0,), primary="8-16/AP75"))


def test_a_weak_control_is_a_warning(tmp_path: Path) -> None:
    weak = make_ledger(tmp_path / "weak", arms=TWO, values={"plain": (0.29, 0.3, 0.28), "center": (0.4, 0.41, 0.43)})
    warnings = analyse(weak)["warnings"]
    assert len(warnings) == 1
    assert warnings[0].startswith("a control this weak answers little: plain reaches 29.0 mAP50")
    strong = make_ledger(tmp_path / "strong", arms=TWO, values={"plain": (0.3, 0.31, 0.32)})
    assert not analyse(strong)["warnings"]


ROW = {"arm": "center", "seed": 1, "what": "batch", "found": 32, "expected": 16}


@pytest.mark.parametrize(("of", "hit"), [("center", {"center"}), ("plain", {"plain-noflip", "center", "p2"})])
def test_undeclared_differences_forbid_a_claim(tmp_path: Path, of: str, hit: set[str]) -> None:
    made = make_ledger(tmp_path / "ledger", unfair={"differences": [{**ROW, "arm": of}], "notes": [], "equal": []})
    found = analyse(made)
    kinds = {name: gap(found, name)["verdict"]["kind"] for name in ("plain-noflip", "center", "p2")}
    assert {name for name, kind in kinds.items() if kind == "unfair"} == hit
    assert gap(found)["verdict"]["sentence"] == (
        "center against plain, no claim: the runs differ in more than the arm declares "
        "(seed 1: batch is 32 instead of 16)"
    )
    assert found["warnings"] == [
        f"runs differ in more than their arms declare: {of}, seed 1: batch is 32 instead of 16"
    ]


def test_what_became_of_lost_seeds_does_not_make_the_others_unfair(tmp_path: Path) -> None:
    unfair = {"differences": [ROW], "notes": [], "equal": []}
    found = analyse(make_ledger(tmp_path / "ledger", unfair=unfair, failed=[("plain", 1)]))
    assert gap(found)["verdict"]["kind"] == "leans"


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [("settings", "max_det", 100), ("settings", "iou", 0.5), ("data", "labels_sha256", "7" * 64)],
)
def test_measuring_otherwise_is_unfair(tmp_path: Path, where: str, key: str, value: object) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO)
    rewrite(made / "runs/center-2/val/metrics.json", lambda content: content[where].update({key: value}))
    found = analyse(made)
    assert gap(found)["verdict"]["kind"] == "unfair"
    assert f"seed 2: evaluation: {key} is" in gap(found)["verdict"]["sentence"]
    row = found["fairness"]["differences"][0]
    assert (row["arm"], row["seed"], row["found"]) == ("center", 2, value)


def test_measuring_as_declared_is_fair(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms={"plain": {}, "center": {"max_det": 100}})
    for seed in range(3):
        rewrite(made / f"runs/center-{seed}/val/metrics.json", lambda content: content["settings"].update(max_det=100))
    assert gap(analyse(made))["verdict"]["kind"] == "beats"


def test_other_images_might_turn_a_claim(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO)
    for seed in range(3):
        path = made / f"runs/center-{seed}/val/draws.npz"
        draws = dict(np.load(path))
        draws["all/AP50"] += np.random.default_rng(5).normal(0, 0.1, 200).astype(np.float32)
        np.savez(path, **draws)
    sentence = gap(analyse(made))["verdict"]["sentence"]
    assert sentence.startswith("center beats plain by +4.8 mAP50")
    assert "but other images might turn it: 95 % interval over images -" in sentence


def test_without_resamples_there_is_no_interval_over_images(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO)
    for name in ("draws", "curves"):
        (made / f"runs/center-1/val/{name}.npz").unlink()
    (made / "runs/center-1/train/results.csv").unlink()
    found = analyse(made)
    assert gap(found)["primary"]["images"] is None
    assert gap(found)["verdict"]["kind"] == "beats"
    assert list(arm(found, "center")["pr"]["precision"]) == ["0", "2"]
    assert gap(found)["epochs_to_control"]["by_seed"]["1"] is None


def test_seeds_that_change_nothing_yield_no_claim(tmp_path: Path) -> None:
    found = analyse(make_ledger(tmp_path / "ledger", arms=TWO, values={"plain": (0.5,), "center": (0.6,)}))
    assert gap(found)["verdict"]["kind"] == "no_claim"


def test_a_moved_comparison_says_the_same(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO)
    before = analyse(made)
    shutil.move(made, tmp_path / "elsewhere")
    assert analyse(tmp_path / "elsewhere") == before


def test_a_folder_without_plan_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(ResumeError) as caught:
        analyse(tmp_path)
    assert str(tmp_path) == caught.value.where
    assert all((caught.value.expected, caught.value.found, caught.value.fix))
    with pytest.raises(ResumeError, match="no such folder"):
        analyse(tmp_path / "absent")


def test_a_plan_of_another_version_is_refused(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO, seeds=(0,))
    rewrite(made / "plan.json", lambda plan: plan.update(schema="auxhead.plan/2"))
    with pytest.raises(ResumeError, match=r"auxhead\.plan/2"):
        analyse(made)


@pytest.mark.parametrize(
    "name",
    ["result.json", "val/metrics.json", "val/draws.npz", "val/curves.npz", "train/results.csv"],
)
@pytest.mark.parametrize("content", [b"[1]", b"{", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO, seeds=(0,))
    path = made / "runs" / "center-0" / name
    path.write_bytes(content + b"\n1,2\n" if path.suffix == ".csv" else content)
    with pytest.raises(ResumeError) as caught:
        analyse(made)
    assert caught.value.where == str(path)


def test_tables_hold_what_the_analysis_holds(analysis: Analysis, tmp_path: Path) -> None:
    files = write_tables(analysis, tmp_path / "out")
    assert [file.name for file in files] == ["runs.csv", "numbers.csv", "report.json"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(file.name for file in files)
    assert json.loads((tmp_path / "out/report.json").read_text()) == analysis
    runs = pl.read_csv(tmp_path / "out/runs.csv")
    assert runs.select("arm", "seed", "primary").rows() == [
        (row["arm"], row["seed"], row["primary"]) for row in analysis["runs"]
    ]
    numbers = pl.read_csv(tmp_path / "out/numbers.csv")
    keys = {"arm": "center", "band": "8-16", "measure": "AP50"}
    row = numbers.row(by_predicate=pl.all_horizontal(pl.col(key) == value for key, value in keys.items()), named=True)
    found, own = gap(analysis)["differences"]["8-16"]["AP50"], arm(analysis, "center")["numbers"]["8-16"]["AP50"]
    assert row == {
        **keys,
        "boxes": 24,
        **{name: pytest.approx(own[name]) for name in ("mean", "low", "high")},
        "difference": pytest.approx(found["value"]),
        **dict(zip(("t_low", "t_high", "images_low", "images_high"), [*found["t"], *found["images"]], strict=True)),
        **{f"seed_{seed}": value for seed, value in own["by_seed"].items()},
    }
    assert row["mean"] == pytest.approx(fmean(VALUES["center"]) * 1.1, abs=1e-6)
    plain = numbers.filter(pl.col("arm") == "plain")
    assert plain["difference"].null_count() == plain.height == 31


def test_tables_of_failed_runs_have_gaps(tmp_path: Path) -> None:
    made = make_ledger(tmp_path / "ledger", arms=TWO, failed=[("center", 0)], missing=[("plain", 2)])
    table = runs_table(analyse(made))
    assert table.filter(pl.col("primary").is_null()).select("arm", "seed", "status").rows() == [
        ("center", 0, "failed"),
        ("plain", 2, "missing"),
    ]


def test_neither_torch_nor_ultralytics_is_needed(ledger: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from auxhead.findings import analysis, tables; "
        f"found = analysis.analyse(Path({str(ledger)!r})); tables.numbers_table(found); "
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'ultralytics', 'torchvision')"
        " or name.startswith(('auxhead.model', 'auxhead.host', 'auxhead.training'))])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_latency_is_a_price_beside_gflops(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", latency={"plain": 1.0, "center": 1.0, "p2": 1.6})
    found = analyse(tmp_path / "a")
    times = {one["name"]: one["cost"]["latency"] for one in found["arms"]}
    assert times["p2"] == pytest.approx({"milliseconds": 32.0, "ratio": 1.6, "low": 1.58, "high": 1.63})
    assert times["plain-noflip"] is None
    assert found["latency"] == {
        "device": "cpu",
        "hardware": "AVX2, 2 cores",
        "clock": "processor time of one thread",
    }
    assert "; 1.66x the GFLOPs; 1.60x the latency)" in arm(found, "p2")["against_control"]["verdict"]["sentence"]
    assert "; same GFLOPs; same latency)" in arm(found, "center")["against_control"]["verdict"]["sentence"]
    other = analyse(tmp_path / "a", "p2")
    assert arm(other, "center")["cost"]["latency"]["ratio"] == pytest.approx(1 / 1.6)
    rewrite(tmp_path / "a" / "latency.json", lambda content: content["arms"].pop("plain"))
    assert analyse(tmp_path / "a")["latency"] is None


def test_what_was_changed_after_results_is_a_warning(tmp_path: Path) -> None:
    folder = make_ledger(tmp_path / "a")
    plan = json.loads((folder / "plan.json").read_text())
    edits = [
        {"key": "primary", "before": "mAP50-95", "after": "mAP50", "finished": 6},
        {"key": "seeds", "before": [0, 1], "after": [0, 1, 2], "finished": 1},
        {"key": "margin", "before": 0.01, "after": None, "finished": 2},
    ]
    (folder / "plan.json").write_text(json.dumps(plan | {"edits": edits}))
    assert analyse(folder)["warnings"] == [
        "primary changed from mAP50-95 to mAP50 when 6 runs had finished",
        "seeds changed from 0 and 1 to 0, 1 and 2 when 1 run had finished",
        "margin changed from 0.01 to none when 2 runs had finished",
    ]
