"""Screen, then confirm: what chooses an arm, and that fresh seeds alone decide about it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.findings.ledger_maker import ARMS, make_ledger

from auxhead.errors import ConfigError
from auxhead.findings.analysis import analyse, verdict_lines
from auxhead.findings.latency import read_latency
from auxhead.findings.records import read_plan, read_runs
from auxhead.findings.screening import Choice, choose
from auxhead.findings.tables import write_tables
from auxhead.reporting.report import report

FRESH = (3, 4, 5, 6, 7)
VALUES = {  # three seeds that choose, five that decide: center's lead of 5 points there is one of 2 here
    "plain": (0.50, 0.52, 0.51, 0.50, 0.51, 0.49, 0.50, 0.52),
    "plain-noflip": (0.505, 0.515, 0.512),
    "center": (0.55, 0.56, 0.565, 0.52, 0.53, 0.515, 0.52, 0.535),
    "p2": (0.58, 0.61, 0.60),
}
STAGES: dict[str, Any] = {"values": VALUES, "confirm": FRESH}
TIMES = {"plain": 1.0, "plain-noflip": 1.0, "center": 1.0, "p2": 1.7}


def chosen(folder: Path, **keys: Any) -> Choice:
    make_ledger(folder, **STAGES, **keys)
    plan = {**read_plan(folder), "split": "val"}
    latency, _ = read_latency(folder, plan["control"])
    return choose(plan, read_runs(folder, plan), ("all", "AP50"), latency)


def test_the_arm_with_the_largest_lead_goes_on(tmp_path: Path) -> None:
    found = chosen(tmp_path / "a")
    assert (found.arm, found.ended) == ("p2", True)
    assert found.sentence == (
        "screening on seeds 0, 1 and 2 chose p2 of 3 arms, ahead of plain by +8.7 mAP50 there; "
        "what is claimed rests on fresh seeds 3, 4, 5, 6 and 7 alone"
    )


@pytest.mark.parametrize(
    ("budget", "latency", "expected"),
    [
        (1.0, None, "center"),  # p2's GFLOPs are 1.66 of plain's
        (1.65, None, "center"),
        (1.66, None, "p2"),
        (1.68, TIMES, "center"),  # its time is above the budget, too
        (1.7, TIMES, "p2"),
        (None, TIMES, "p2"),
    ],
)
def test_a_budget_is_about_both_prices(
    tmp_path: Path, budget: float | None, latency: dict[str, float] | None, expected: str
) -> None:
    found = chosen(tmp_path / "a", budget=budget, latency=latency)
    assert found.arm == expected
    assert ("p2: dearer than the budget" in found.sentence) == (expected == "center")


def test_nothing_is_chosen_before_every_run_has_ended(tmp_path: Path) -> None:
    for state in ("missing", "stale"):
        found = chosen(tmp_path / state, **{state: [("plain-noflip", 2)]})
        assert (found.arm, found.ended) == (None, False)
        assert "nothing is chosen yet" in found.sentence


def test_an_arm_that_failed_on_a_seed_is_out(tmp_path: Path) -> None:
    assert chosen(tmp_path / "a", failed=[("p2", 1)]).arm == "center"
    assert chosen(tmp_path / "b", failed=[("plain", 1)]).arm is None


def test_nothing_goes_on_where_no_arm_leads(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", confirm=FRESH, values={"plain": (0.5,), "center": (0.49,), "p2": (0.5,)})
    plan = read_plan(tmp_path / "a")
    found = choose(plan, read_runs(tmp_path / "a", plan), ("all", "AP50"), {})
    assert (found.arm, found.ended) == (None, True)
    assert "no arm leads plain, nothing is left to confirm" in found.sentence


def test_fresh_seeds_alone_decide(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", **STAGES, chosen="center", budget=1.0, latency=TIMES)
    analysis = analyse(tmp_path / "a")
    assert [arm["name"] for arm in analysis["arms"]] == ["plain", "center"]
    gap = analysis["arms"][1]["against_control"]["primary"]
    assert list(map(int, gap["by_seed"])) == list(FRESH)
    assert gap["value"] == pytest.approx(0.02)
    assert gap["p_holm"] == gap["p_t"]  # one arm, nothing to correct for
    *_, screened, verdict = verdict_lines(analysis)
    assert screened.startswith("screening on seeds 0, 1 and 2 chose center of 3 arms, ahead of plain by +4.8 mAP50")
    assert verdict.startswith("center beats plain by +2.0 mAP50 (95 % t interval")
    assert verdict.endswith("5 fresh seeds; same GFLOPs; same latency)")
    assert analysis["status"] == {"planned": 22, "finished": 22, "failed": 0, "missing": 0}
    assert [arm["name"] for arm in analysis["screening"]["arms"]] == list(ARMS)


def test_seeds_that_choose_claim_nothing(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", **STAGES)
    analysis = analyse(tmp_path / "a")
    kinds = {arm["against_control"]["verdict"]["kind"] for arm in analysis["arms"] if arm["against_control"]}
    assert kinds == {"no_claim"}
    assert "no claim from seeds that choose an arm" in verdict_lines(analysis)[-1]
    assert not analysis["warnings"]


def test_half_of_the_fresh_seeds_claim_nothing_yet(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", **STAGES, chosen="center", missing=[("center", 6), ("plain", 7)])
    line = verdict_lines(analyse(tmp_path / "a"))[-1]
    assert "3 of 5 fresh seeds; 2 not finished" in line
    assert "no claim before all runs have ended" in line


def test_val_chooses_and_test_decides(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", **STAGES, chosen="center", split="test")
    analysis = analyse(tmp_path / "a")
    assert analysis["split"] == "test"
    values = {arm["name"]: arm["numbers"]["all"]["AP50"]["by_seed"] for arm in analysis["arms"]}
    assert values["plain"]["3"] == pytest.approx(0.49)  # the ledger's test split is a point below
    screened = {arm["name"]: arm["numbers"]["all"]["AP50"]["by_seed"] for arm in analysis["screening"]["arms"]}
    assert screened["plain"]["0"] == pytest.approx(0.50)


def test_another_control_is_one_that_fresh_seeds_know(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", **STAGES, chosen="center")
    assert analyse(tmp_path / "a", "center")["control"] == "center"
    with pytest.raises(ConfigError, match=r"plain, center"):
        analyse(tmp_path / "a", "p2")


def test_tables_and_the_page_tell_both_stages(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a", **STAGES, chosen="center", latency=TIMES)
    written = report(tmp_path / "a")
    with (tmp_path / "a" / "numbers.csv").open(encoding="utf-8") as file:
        rows = {(row["arm"], row["band"], row["measure"]): row for row in csv.DictReader(file)}
    assert float(rows["center", "all", "AP50"]["seed_7"]) == pytest.approx(0.535)
    assert rows["center", "all", "AP50"]["seed_0"] == ""
    assert len((tmp_path / "a" / "runs.csv").read_text().splitlines()) == 1 + 12 + 10
    text = written.page.read_text(encoding="utf-8")
    section = text.partition('<section id="screening">')[2].partition("</section>")[0]
    assert all(arm in section for arm in ARMS)
    assert "goes on" in section
    assert "1.70" in section
    assert "<svg" in section
    json.dumps(write_tables(written.analysis, tmp_path / "a") and written.analysis, allow_nan=False)


def test_pages_without_stages_say_nothing_of_them(tmp_path: Path) -> None:
    make_ledger(tmp_path / "a")
    assert "creening" not in report(tmp_path / "a", pictures=False).page.read_text(encoding="utf-8")
