"""One arm held against the control: paired by seed, on every measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median
from typing import Any

from auxhead.findings.latency import Times
from auxhead.findings.records import Key, Run
from auxhead.findings.statistics import (
    Difference,
    Ends,
    detectable,
    difference,
    epochs_to,
    holm,
    image_interval,
    median_epoch,
    recovered,
    t_interval,
)
from auxhead.findings.verdict import Circumstances, Stage, Verdict, verdict
from auxhead.formats import shortened
from auxhead.metrics.bands import ALL

SECONDARY = ("AP", "AP50", "AP75", "center_AP", "recall@1FPPI", "NWD_AP")
"""Measures of all sizes that are looked at beside the primary one. Source: own choice."""

FEWEST_BOXES = 20  # in a band whose AP50 is looked at: below, a box moves it by points. Source: own choice
NOTHING = 0.0005  # a mean below it prints as 0.0 points
REFERENCE = "p2"  # arm whose gain is the measure of what other arms recover
LONGEST = 40  # letters of a value in a sentence


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm, with the runs that count.

    Attributes:
        name: Its name.
        declared: Keys that make it what it is.
        runs: Finished and measured runs by seed.
        failed: Reasons of the seeds that failed.
    """

    name: str
    declared: Mapping[str, Any]
    runs: Mapping[int, Run]
    failed: Mapping[int, str]

    @property
    def cost(self) -> Mapping[str, Any]:
        """What its first run counted; empty without runs."""
        return next((run.result.get("cost") or {} for run in self.runs.values()), {})

    @property
    def gflops(self) -> float | None:
        """Billions of operations for one image; None if unknown."""
        return self.cost.get("gflops")


@dataclass(frozen=True)
class Question:
    """What is asked of every arm.

    Attributes:
        control: Arm that the others are compared with.
        reference: Arm whose gain is recovered; None without one.
        primary: Band and measure that decide.
        measure: Name of the primary measure in sentences.
        planned: Seeds of every arm.
        boxes: Annotated boxes by band.
        unfair: Undeclared differences, as rows with arm, seed, what, found and expected.
        stage: What the seeds are for, where a comparison screens first; as in `Circumstances`.
        latency: Times of the arms' detectors; empty where they weren't measured.
        margin: Smallest difference that would matter, a fraction; None: none was named.
        primaries: What `primaries` gives, once it is known.
    """

    control: Arm
    reference: Arm | None
    primary: Key
    measure: str
    planned: Sequence[int]
    boxes: Mapping[str, int]
    unfair: Sequence[Mapping[str, Any]]
    stage: Stage = "all"
    latency: Times = field(default_factory=dict)
    margin: float | None = None
    primaries: Mapping[str, Difference] = field(default_factory=dict)


def primaries(arms: Sequence[Arm], asked: Question) -> dict[str, Difference]:
    """Compare every arm with the control on the primary measure, corrected for being so many, with what seeds can show.

    Returns:
        By arm; those without a seed in common with the control are left out.
    """
    found = {
        arm.name: compared(arm, asked.control, asked.primary)
        for arm in arms
        if arm.name != asked.control.name and paired(arm, asked.control, asked.primary)
    }
    corrected = holm([one.p_t for one in found.values()])
    return {
        name: replace(one, p_holm=p, detectable=detectable(list(one.by_seed.values())))
        for (name, one), p in zip(found.items(), corrected, strict=True)
    }


def against(arm: Arm, asked: Question) -> dict[str, Any] | None:
    """Compare an arm with the control.

    Args:
        arm: Any arm.
        asked: What is asked.

    Returns:
        The entry `against_control` of the analysis; None for the control, and where no seed of both is measured.
    """
    primary = asked.primaries.get(arm.name)
    if primary is None:
        return None
    gains = primary.by_seed
    return {
        "seeds": list(gains),
        "primary": primary.to_dict(),
        "secondary": _secondary(arm, asked),
        "differences": _differences(arm, asked.control, list(gains)),
        "classes": _classes(arm, asked.control, list(gains)),
        "verdict": _verdict(arm, asked, primary).to_dict(),
        "epochs_to_control": _epochs(arm, asked, list(gains)),
        "recovered": _recovered(arm, asked, gains),
    }


def paired(arm: Arm, control: Arm, key: Key) -> dict[int, float]:
    """Return arm minus control for each seed that has the number in both."""
    return {
        seed: run.numbers[key] - control.runs[seed].numbers[key]
        for seed, run in arm.runs.items()
        if seed in control.runs and key in run.numbers and key in control.runs[seed].numbers
    }


def compared(arm: Arm, control: Arm, key: Key) -> Difference:
    """Return all that is known of a difference on one measure, which a seed at least must have in both."""
    by_seed = paired(arm, control, key)
    return difference(by_seed, _images(arm, control, key, list(by_seed)))


def gflops_ratio(arm: Arm, control: Arm) -> float | None:
    """Return an arm's GFLOPs over the control's; None if either is unknown."""
    return arm.gflops / control.gflops if arm.gflops and control.gflops else None


def in_words(row: Mapping[str, Any]) -> str:
    """Say what an undeclared difference is."""
    found, expected = (shortened(str(row.get(name)), LONGEST) for name in ("found", "expected"))
    where = "" if row.get("seed") is None else f"seed {row['seed']}: "
    return f"{where}{row.get('what')} is {found} instead of {expected}"


def _images(arm: Arm, control: Arm, key: Key, seeds: Sequence[int]) -> Ends | None:
    """Return the interval over images; None where a run has no resamples."""
    name = "/".join(key)
    pairs = [(arm.runs[seed].draws.get(name), control.runs[seed].draws.get(name)) for seed in seeds]
    whole = [(one, other) for one, other in pairs if one is not None and other is not None]
    if len(whole) < len(pairs):
        return None
    return image_interval([one for one, _ in whole], [other for _, other in whole])


def _secondary(arm: Arm, asked: Question) -> list[dict[str, Any]]:
    """Compare on the secondary measures, corrected for being so many."""
    bands = [band for band, boxes in asked.boxes.items() if band != ALL.name and boxes >= FEWEST_BOXES]
    keys = [*((ALL.name, measure) for measure in SECONDARY), *((band, "AP50") for band in bands)]
    keys = [key for key in keys if key != asked.primary and paired(arm, asked.control, key)]
    found = [compared(arm, asked.control, key) for key in keys]
    corrected = holm([one.p_t for one in found])
    return [
        {"name": measure if band == ALL.name else f"{band}/{measure}", "band": band, "measure": measure}
        | replace(one, p_holm=p).to_dict()
        for (band, measure), one, p in zip(keys, found, corrected, strict=True)
    ]


def _differences(arm: Arm, control: Arm, seeds: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Compare on everything, uncorrected."""
    table: dict[str, dict[str, Any]] = {}
    for key in arm.runs[seeds[0]].numbers:
        by_seed = paired(arm, control, key)
        if by_seed:
            ends = {"t": t_interval(list(by_seed.values())), "images": _images(arm, control, key, list(by_seed))}
            table.setdefault(key[0], {})[key[1]] = {
                "value": fmean(by_seed.values()),
                "by_seed": {str(seed): gap for seed, gap in by_seed.items()},
                **{name: found and list(found) for name, found in ends.items()},
            }
    return table


def _classes(arm: Arm, control: Arm, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Compare class by class; None for a class without boxes."""

    def gap(place: int, measure: str) -> float | None:
        pairs = [
            (arm.runs[seed].of_class(place, measure), control.runs[seed].of_class(place, measure)) for seed in seeds
        ]
        gaps = [one - other for one, other in pairs if one is not None and other is not None]
        return fmean(gaps) if gaps else None

    return [
        {"name": row["name"], "boxes": row["boxes"], "AP50": gap(place, "AP50"), "AP": gap(place, "AP")}
        for place, row in enumerate(arm.runs[seeds[0]].detector["classes"])
    ]


def _verdict(arm: Arm, asked: Question, primary: Difference) -> Verdict:
    """Word the primary difference."""
    names = {arm.name, asked.control.name}
    seeds = {None, *primary.by_seed}
    unfair = [in_words(row) for row in asked.unfair if row.get("arm") in names and row.get("seed") in seeds]
    return verdict(
        primary,
        Circumstances(
            arm=arm.name,
            control=asked.control.name,
            measure=asked.measure,
            planned=len(asked.planned),
            failed=len({*arm.failed, *asked.control.failed}),
            gflops_ratio=gflops_ratio(arm, asked.control),
            latency_ratio=asked.latency.get(arm.name, {}).get("ratio"),
            unfair=unfair,
            stage=asked.stage,
            tested=len(asked.primaries),
            margin=asked.margin,
            learned=any(_learned(one, asked.primary) for one in (arm, asked.control)),
        ),
    )


def _learned(arm: Arm, primary: Key) -> bool:
    """Tell whether an arm's mean on the measure is more than prints as 0."""
    return fmean(run.numbers[primary] for run in arm.runs.values() if primary in run.numbers) >= NOTHING


def _epochs(arm: Arm, asked: Question, seeds: Sequence[int]) -> dict[str, Any]:
    """Tell when each seed's run reaches what the control's ends with, by Ultralytics' own numbers."""
    name = "mAP50-95" if asked.primary == (ALL.name, "AP") else "mAP50"
    by_seed, length = {}, 0
    for seed in seeds:
        own, other = arm.runs[seed].curves.get(name, []), asked.control.runs[seed].curves.get(name, [])
        by_seed[str(seed)] = epochs_to(own, other[-1] if other else None)
        length = max(length, len(other) if own else 0)
    return {"by_seed": by_seed, "median": median_epoch(list(by_seed.values())), "of": length}


def _recovered(arm: Arm, asked: Question, gains: Mapping[int, float]) -> dict[str, Any] | None:
    """Tell the share of the reference's gain; None for the reference itself."""
    if asked.reference is None or arm.name == asked.reference.name:
        return None
    found = recovered(gains, paired(asked.reference, asked.control, asked.primary))
    return found and {"value": found[0], "by_seed": {str(seed): share for seed, share in found[1].items()}}


def timing(arm: Arm, control: Arm) -> dict[str, float | None]:
    """Return median seconds of an arm's trainings, and their median ratio to the control's of the same seed.

    Of an arm that measures another's weights, None.
    """
    found: dict[str, float | None] = {}
    for name, ratio in (("seconds", "ratio"), ("cpu_seconds", "cpu_ratio")):
        own, other = _seconds(arm, name), _seconds(control, name)
        ratios = [value / other[seed] for seed, value in own.items() if other.get(seed)]
        found[name] = median(own.values()) if own else None
        found[ratio] = median(ratios) if ratios else None
    return found


def _seconds(arm: Arm, name: str) -> dict[int, float]:
    taken = {
        seed: (run.result.get("seconds") or {}).get("train") if name == "seconds" else run.result.get(name)
        for seed, run in arm.runs.items()
        if not run.result.get("weights_of")
    }
    return {seed: value for seed, value in taken.items() if value is not None}
