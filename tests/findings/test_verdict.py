"""What may be said: every kind of verdict, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auxhead.findings.statistics import Difference, Ends, difference
from auxhead.findings.verdict import Circumstances, verdict
from auxhead.formats import interval

CENTER = Circumstances("center", "plain", "mAP50", planned=3, gflops_ratio=1.0)


def found(value: float, t: Ends | None, images: Ends | None = None, seeds: int = 3) -> Difference:
    return Difference(value, dict.fromkeys(range(seeds), value), t, images, None, 1.0, 0.25)


def test_an_arm_beats() -> None:
    said = verdict(found(0.021, (0.004, 0.038), (0.002, 0.04)), CENTER)
    assert said.kind == "beats"
    assert said.sentence == "center beats plain by +2.1 mAP50 (95 % t interval +0.4 to +3.8, 3 seeds; same GFLOPs)"


def test_an_arm_loses() -> None:
    said = verdict(found(-0.032, (-0.05, -0.014), (-0.04, -0.02)), replace(CENTER, arm="tutorial", gflops_ratio=1.66))
    assert said.to_dict() == {
        "kind": "loses",
        "sentence": "tutorial loses to plain by -3.2 mAP50 (95 % t interval -5.0 to -1.4, 3 seeds; 1.66x the GFLOPs)",
    }


@pytest.mark.parametrize("t", [(-0.01, 0.016), (0.0, 0.016), (-0.01, 0.0)])
def test_no_difference_is_found(t: Ends) -> None:
    said = verdict(found(0.003, t, (0.001, 0.005)), CENTER)
    assert said.kind == "none"
    rest = f"+0.3 mAP50 (95 % t interval {interval(t)}, 3 seeds; same GFLOPs), though ahead on every seed"
    assert said.sentence == f"no difference found between center and plain: {rest}"


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ([-0.03, -0.05, -0.08], "GFLOPs), though behind on every seed"),
        ([0.03, 0.05, 0.09], "GFLOPs), though ahead on every seed"),
        ([-0.03, 0.0, -0.08], "GFLOPs)"),
        ([0.01, 0.09], "GFLOPs)"),
    ],
)
def test_seeds_that_agree_without_showing_a_difference_are_told_of(gaps: list[float], said: str) -> None:
    told = verdict(difference(dict(enumerate(gaps))), replace(CENTER, planned=len(gaps)))
    assert told.kind == "none"
    assert told.sentence.endswith(said)


def test_one_seed_is_no_claim() -> None:
    said = verdict(found(0.021, None, (0.01, 0.03), seeds=1), replace(CENTER, planned=1))
    assert said.kind == "no_claim"
    assert said.sentence == "center against plain, one seed: no claim (+2.1 mAP50)"


@given(st.floats(-1, 1), st.integers(1, 5), st.one_of(st.none(), st.just((0.5, 0.6))))
def test_one_seed_never_yields_a_claim(gap: float, planned: int, images: Ends | None) -> None:
    said = verdict(difference({0: gap}, images), replace(CENTER, planned=planned))
    assert said.kind == "no_claim"
    assert "no claim" in said.sentence
    assert "beats" not in said.sentence
    assert "loses" not in said.sentence


def test_seeds_that_change_nothing_are_no_claim() -> None:
    said = verdict(difference({0: 0.02, 1: 0.02, 2: 0.02}), CENTER)
    assert said.kind == "no_claim"
    assert said.sentence == "center against plain, the same difference on each of 3 seeds: no claim (+2.0 mAP50)"


def test_an_arm_that_is_the_control_is_no_claim() -> None:
    said = verdict(difference({0: 0.0, 1: 0.0, 2: -0.0}), CENTER)
    assert said.kind == "no_claim"
    assert said.sentence == "center against plain, the same numbers on each of 3 seeds: no claim (0.0 mAP50)"


def test_arms_that_have_learned_nothing_are_no_claim() -> None:
    said = verdict(found(0.0001, (0.00005, 0.00015)), replace(CENTER, learned=False))
    assert said.kind == "no_claim"
    assert said.sentence == "center against plain: no claim, neither has learned anything (mAP50 is 0 for both)"


@pytest.mark.parametrize(("value", "t", "words"), [(0.053, (0.01, 0.1), "ahead of"), (-0.053, (-0.1, -0.01), "behind")])
def test_what_correction_for_many_arms_takes_away_is_a_lean(value: float, t: Ends, words: str) -> None:
    one = replace(found(value, t), p_holm=0.18)
    said = verdict(one, replace(CENTER, tested=6))
    assert said.kind == "leans"
    assert said.sentence.startswith(f"center leans {words} plain: {100 * value:+.1f} mAP50 (95 % t interval")
    assert said.sentence.endswith(
        ": no claim, 6 arms were compared with plain, and corrected for that (Holm) p is 0.18"
    )
    assert verdict(replace(one, p_holm=0.049), CENTER).kind in {"beats", "loses"}
    assert verdict(replace(one, p_holm=0.051), CENTER).kind == "leans"


def test_no_difference_says_what_would_have_shown() -> None:
    said = verdict(replace(found(0.003, (-0.01, 0.016)), detectable=0.0412), CENTER)
    assert said.sentence.endswith("; seeds spread like these show 4.1 or more 4 times of 5")


def test_equal_within_a_margin_is_more_than_no_difference_found() -> None:
    near = difference({0: 0.001, 1: -0.002, 2: 0.0, 3: 0.001})
    said = verdict(near, replace(CENTER, planned=4, margin=0.01))
    assert said.kind == "equal"
    assert said.sentence.startswith("center and plain are equal within 1.0 mAP50: 0.0 mAP50 (95 % t interval")
    assert verdict(near, replace(CENTER, planned=4, margin=0.001)).kind == "none"
    assert verdict(near, replace(CENTER, planned=4)).kind == "none"


def test_lost_seeds_are_said() -> None:
    two = found(0.021, (0.004, 0.038), seeds=2)
    said = verdict(two, replace(CENTER, failed=1)).sentence
    assert said == (
        "center beats plain by +2.1 mAP50 (95 % t interval +0.4 to +3.8, 2 of 3 seeds; 1 failed; same GFLOPs)"
    )
    early = verdict(two, CENTER)
    assert early.kind == "no_claim"
    assert early.sentence == (
        "center against plain so far: +2.1 mAP50 (95 % t interval +0.4 to +3.8, 2 of 3 seeds; 1 not finished; "
        "same GFLOPs): no claim before all runs have ended"
    )
    assert "2 of 5 seeds; 1 failed; 2 not finished;" in verdict(two, replace(CENTER, planned=5, failed=1)).sentence
    one = verdict(found(0.021, None, seeds=1), replace(CENTER, failed=2)).sentence
    assert one == "center against plain, one seed: no claim (+2.1 mAP50; 1 of 3 seeds; 2 failed)"


@pytest.mark.parametrize(
    ("value", "t", "images", "doubt"),
    [
        (0.021, (0.004, 0.038), (-0.003, 0.041), True),
        (0.021, (0.004, 0.038), (0.003, 0.041), False),
        (-0.021, (-0.038, -0.004), (-0.041, 0.003), True),
        (-0.021, (-0.038, -0.004), (-0.041, -0.003), False),
        (0.003, (-0.01, 0.016), (-0.01, 0.02), False),
    ],
)
def test_other_images_might_turn_it(value: float, t: Ends, images: Ends, doubt: bool) -> None:
    said = verdict(found(value, t, images), CENTER).sentence
    tail = f", but other images might turn it: 95 % interval over images {interval(images)}"
    assert said.endswith(tail) == doubt
    assert ("images" in said) == doubt


def test_runs_that_differ_otherwise_are_no_claim() -> None:
    said = verdict(found(0.021, (0.004, 0.038)), replace(CENTER, unfair=("seed 0: batch is 32 instead of 16",)))
    assert said.kind == "unfair"
    assert said.sentence == (
        "center against plain, no claim: the runs differ in more than the arm declares "
        "(seed 0: batch is 32 instead of 16)"
    )
    many = verdict(found(0.021, None, seeds=1), replace(CENTER, unfair=tuple("abcde")))
    assert many.kind == "unfair"
    assert many.sentence.endswith("(a; b; c; and 2 more)")


def test_an_unknown_cost_is_left_out() -> None:
    said = verdict(found(0.021, (0.004, 0.038)), replace(CENTER, gflops_ratio=None)).sentence
    assert said.endswith("(95 % t interval +0.4 to +3.8, 3 seeds)")
    assert verdict(found(0.021, (0.004, 0.038)), replace(CENTER, gflops_ratio=1.004)).sentence.endswith("same GFLOPs)")
    assert "0.50x the GFLOPs" in verdict(found(0.021, (0.004, 0.038)), replace(CENTER, gflops_ratio=0.5)).sentence
