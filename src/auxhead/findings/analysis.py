"""What a comparison says, from its files alone: one plain dict, which report.json holds and the page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from auxhead._version import __version__
from auxhead.errors import ConfigError
from auxhead.findings.against import REFERENCE, Arm, Question, in_words, primaries
from auxhead.findings.entries import arm_entry, run_row
from auxhead.findings.files import ENVIRONMENT_FILE, FAIRNESS_FILE, read_json
from auxhead.findings.latency import Times, read_latency
from auxhead.findings.measures import ALIASES, primary_key
from auxhead.findings.records import Key, Run, read_plan, read_runs
from auxhead.findings.screening import choose
from auxhead.findings.verdict import Stage
from auxhead.formats import first_few, listed, plural, points
from auxhead.keys.reading import closest
from auxhead.metrics.bands import ALL, read_bands

SCHEMA = "auxhead.report/1"
WEAK = 0.3  # mAP50 of a control below which differences say little about a usable detector. Source: own choice
SHOWN = 5  # runs that a warning names
PRIVATE = ("runs", "data_file")  # of a plan: the runs are listed apart, and a page is sent to others

MEASURED_BY = ("edges", "pixels", "area", "conf", "iou", "max_det", "resamples", "seed", "slices", "overlap")
"""Settings of an evaluation that have to be equal for a difference to mean anything."""
MEASURED_ON = ("images_sha256", "labels_sha256")


def analyse(folder: Path, control: str | None = None) -> dict[str, Any]:
    """Work out what a comparison says; a half-finished one says what it can.

    Args:
        folder: Of the comparison.
        control: Arm to compare the others with, instead of the one that was declared; a warning says so.

    Returns:
        Plain data, fractions 0 to 1, ready for JSON (schema auxhead.report/1).

    Raises:
        ResumeError: It isn't the folder of a comparison, or one of its files is broken.
        ConfigError: The plan's primary measure doesn't exist, or there is no such arm.
    """
    declared = read_plan(folder)
    plan = declared if control is None else {**declared, "control": _require_arm(control, _compared(declared))}
    primary = primary_key(plan["primary"], [band.name for band in read_bands(plan["bands"])])
    runs = read_runs(folder, plan)
    fairness = _fairness(folder, plan, runs)
    latency, timed = read_latency(folder, plan["control"])
    about = _About(primary, fairness["differences"], latency)
    on_val = runs if plan["split"] == "val" else read_runs(folder, {**plan, "split": "val"})
    screening = _screening(plan, on_val, about) if plan.get("confirm") else None
    deciding, stage = _deciding(plan, screening)
    entries, asked, data = _entries(deciding, on_val if stage == "screening" else runs, about, stage)
    return {
        "schema": SCHEMA,
        "auxhead": __version__,
        "name": plan["name"],
        "plan": {key: value for key, value in plan.items() if key not in PRIVATE},
        "status": _status(runs),
        "split": deciding["split"],
        "primary": {"name": plan["primary"], "band": primary[0], "measure": primary[1]},
        "control": plan["control"],
        "warnings": [*_chosen_late(plan, declared), *_edited(plan), *_warnings(runs, asked)],
        "data": data,
        "arms": entries,
        "screening": screening,
        "latency": timed,
        "fairness": fairness,
        "runs": [run_row(run, primary) for run in runs],
        "environment": read_json(folder / ENVIRONMENT_FILE) or {},
    }


def _compared(plan: Mapping[str, Any]) -> list[str]:
    """Name the arms that a claim may be about: all, or the two that fresh seeds are trained for."""
    return [plan["control"], plan["chosen"]] if plan.get("chosen") else list(plan["arms"])


@dataclass(frozen=True)
class _About:
    """What is the same for every part of a comparison."""

    primary: Key
    unfair: Sequence[Mapping[str, Any]]
    latency: Times


def _entries(
    plan: Mapping[str, Any], runs: Sequence[Run], about: _About, stage: Stage
) -> tuple[list[dict[str, Any]], Question, dict[str, Any]]:
    """Say everything about each arm of a plan on the plan's seeds."""
    own = [run for run in runs if run.seed in plan["seeds"] and run.arm in plan["arms"]]
    arms = [_arm(name, keys, own) for name, keys in plan["arms"].items()]
    data = _data(plan, own)
    question = _question(plan, about, arms, data["bands"], stage)
    asked = replace(question, primaries=primaries(arms, question))
    return [arm_entry(arm, asked) for arm in arms], asked, data


def _screening(plan: Mapping[str, Any], runs: Sequence[Run], about: _About) -> dict[str, Any]:
    """Say what the seeds that choose an arm say, measured on val whatever the split of the claim."""
    choice = choose(plan, runs, about.primary, about.latency)
    return {
        "seeds": plan["seeds"],
        "confirm": plan["confirm"],
        "budget": plan.get("budget"),
        "chosen": plan.get("chosen"),
        "sentence": choice.sentence,
        "arms": _entries(plan, runs, about, "screening")[0],
    }


def _deciding(plan: Mapping[str, Any], screening: Mapping[str, Any] | None) -> tuple[dict[str, Any], Stage]:
    """Return the part of a plan that decides: all of it, its screening while that lasts, or the fresh seeds."""
    if screening is None:
        return {**plan}, "all"
    if screening["chosen"] is None:
        return {**plan, "split": "val"}, "screening"
    arms = {name: keys for name, keys in plan["arms"].items() if name in _compared(plan)}
    return {**plan, "arms": arms, "seeds": plan["confirm"]}, "fresh"


def _require_arm(name: str, arms: Sequence[str]) -> str:
    if name not in arms:
        fix = closest(name, arms) or "name one of them"
        raise ConfigError(f"one of the arms {', '.join(arms)}", name, "control", fix)
    return name


def _chosen_late(plan: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[str]:
    """Say that the question was asked after the answers were known."""
    if plan["control"] != declared["control"]:
        yield f"compared with {plan['control']}; the plan's control, declared before the runs, is {declared['control']}"


def verdict_lines(analysis: Mapping[str, Any]) -> list[str]:
    """Return the warnings, and then one sentence for each arm but the control, in the order of the plan.

    Args:
        analysis: As analyse gives it.
    """
    control = analysis["control"]
    sentences = [
        arm["against_control"]["verdict"]["sentence"]
        if arm["against_control"]
        else f"{arm['name']} against {control}: no seed of both is finished"
        for arm in analysis["arms"]
        if arm["name"] != control
    ]
    screening = [analysis["screening"]["sentence"]] if analysis["screening"] else []
    return [*(f"warning: {line}" for line in analysis["warnings"]), *screening, *sentences]


def _arm(name: str, declared: Mapping[str, Any], runs: Sequence[Run]) -> Arm:
    own = [run for run in runs if run.arm == name]
    return Arm(
        name=name,
        declared=declared,
        runs={run.seed: run for run in own if run.metrics is not None},
        failed={run.seed: str(run.result.get("reason")) for run in own if run.status == "failed"},
    )


def _question(
    plan: Mapping[str, Any], about: _About, arms: Sequence[Arm], boxes: Mapping[str, int], stage: Stage
) -> Question:
    by_name = {arm.name: arm for arm in arms}
    name, primary = str(plan["primary"]), about.primary
    return Question(
        control=by_name[plan["control"]],
        reference=by_name.get(REFERENCE),
        primary=primary,
        measure=name if name in ALIASES or primary[0] == ALL.name else f"{primary[1]} of {primary[0]}",
        planned=plan["seeds"],
        boxes=boxes,
        unfair=about.unfair,
        stage=stage,
        latency=about.latency,
        margin=plan.get("margin"),
    )


def _status(runs: Sequence[Run]) -> dict[str, int]:
    """Count runs by what became of them; stale ones are as good as missing."""
    ended = {status: sum(run.status == status for run in runs) for status in ("finished", "failed")}
    return {"planned": len(runs), **ended, "missing": len(runs) - sum(ended.values())}


def _data(plan: Mapping[str, Any], runs: Sequence[Run]) -> dict[str, Any]:
    """Describe the data that was measured on; None where nothing was."""
    found: Mapping[str, Any] = next((run.metrics["data"] for run in runs if run.metrics), {})
    return {
        "file": plan["data"],
        "images": found.get("images"),
        "boxes": found.get("boxes"),
        "bands": found.get("bands", {}),
        "names": found.get("names", []),
        "sha256": plan["data_sha256"],
    }


def _fairness(folder: Path, plan: Mapping[str, Any], runs: Sequence[Run]) -> dict[str, Any]:
    """Read what was found out about fairness, and add what the measurements themselves say."""
    found = {"differences": [], "notes": [], "equal": [], **(read_json(folder / FAIRNESS_FILE) or {})}
    return found | {"differences": [*found["differences"], *_measured_otherwise(plan, runs)]}


def _measured_otherwise(plan: Mapping[str, Any], runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Name runs that were measured on other data, or by other settings, than the first of the control."""
    measured = sorted((run for run in runs if run.metrics), key=lambda run: run.arm != plan["control"])
    expected = _ways(measured[0]) if measured else {}
    control = plan["arms"][plan["control"]]  # what it declares, an arm lacks: declared as well
    return [
        {"arm": run.arm, "seed": run.seed, "what": f"evaluation: {what}", "found": found, "expected": expected[what]}
        for run in measured
        for what, found in _ways(run).items()
        if found != expected[what] and what not in {**control, **plan["arms"][run.arm]}
    ]


def _ways(run: Run) -> dict[str, Any]:
    metrics = run.metrics or {}
    settings, data = metrics.get("settings", {}), metrics.get("data", {})
    return {name: settings.get(name) for name in MEASURED_BY} | {name: data.get(name) for name in MEASURED_ON}


def _edited(plan: Mapping[str, Any]) -> Iterator[str]:
    """Say what decides and was changed when runs had finished already."""
    for edit in plan.get("edits", []):
        before, after = (
            "none" if value is None else listed(list(map(str, value))) if isinstance(value, list) else str(value)
            for value in (edit["before"], edit["after"])
        )
        yield f"{edit['key']} changed from {before} to {after} when {plural(edit['finished'], 'run')} had finished"


def _warnings(runs: Sequence[Run], asked: Question) -> Iterator[str]:
    """Say loudly what a reader of the tables must know."""
    total = len(runs)
    kinds: tuple[tuple[str, Callable[[Run], bool]], ...] = (
        ("failed", lambda run: run.status == "failed"),
        ("not finished", lambda run: run.status == "missing"),
        ("made by another plan and not counted", lambda run: run.status == "stale"),
        ("finished, but not measured on the split", lambda run: run.status == "finished" and run.metrics is None),
    )
    for words, applies in kinds:
        own = [run for run in runs if applies(run)]
        if own:
            yield f"{len(own)} of {total} runs {words}: {first_few([_named(run) for run in own], SHOWN)}"
    if asked.unfair:
        rows = [f"{row.get('arm')}, {in_words(row)}" for row in asked.unfair]
        yield f"runs differ in more than their arms declare: {first_few(rows, SHOWN)}"
    control = [
        run.numbers[ALL.name, "AP50"] for run in asked.control.runs.values() if (ALL.name, "AP50") in run.numbers
    ]
    if control and fmean(control) < WEAK:
        reached = f"{asked.control.name} reaches {points(fmean(control))} mAP50, below {points(WEAK, 0)}"
        yield f"a control this weak answers little: {reached}; train longer before believing a difference"
    if asked.control.runs and not any(asked.primary in run.numbers for run in asked.control.runs.values()):
        yield f"nothing to compare: {asked.measure} was not measured, or its band has no boxes"


def _named(run: Run) -> str:
    reason = run.result.get("reason") if run.status == "failed" else None
    return f"{run.name} ({reason})" if reason else run.name
