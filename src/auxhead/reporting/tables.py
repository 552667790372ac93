"""What the tables of the page show, row by row, out of the analysis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from auxhead.formats import finite, listed, plural
from auxhead.metrics.bands import ALL
from auxhead.reporting.arm_charts import band_measure
from auxhead.reporting.arm_styles import by_effect
from auxhead.reporting.clocks import clock, on_gpu
from auxhead.reporting.typography import signed

Analysis = Mapping[str, Any]
Arm = Mapping[str, Any]

BADGES = {
    "beats": ("▲", "better"),
    "loses": ("▼", "worse"),
    "leans": ("~", "leans, no claim"),
    "equal": ("=", "equal"),
    "none": ("?", "no difference shown"),
    "no_claim": ("?", "no claim"),
    "unfair": ("!", "not comparable"),
}
"""Sign and words for each kind of verdict."""
FIRST_CLASSES = 12  # rows of classes that are not folded. Source: own choice
MOST_CLASSES = 400  # rows that the page shows; report.json has them all


class Row(NamedTuple):
    """A row with a cell for each arm.

    Attributes:
        name: Of the row.
        boxes: How many it is about; None where that says nothing.
        cells: One for each arm, in the order of the page; None where there is nothing.
    """

    name: str
    boxes: int | None
    cells: list[Mapping[str, Any] | None]


class Fairness(NamedTuple):
    """A row of the table of what was equal and what was not.

    The kind is unfair, equal, declared (an arm says that it differs) or unequal (it can't be equal).
    """

    kind: str
    what: str
    who: str
    text: str


def tables(analysis: Analysis) -> dict[str, Any]:
    """Lay out the tables of the page.

    Args:
        analysis: The report's numbers.

    Returns:
        summary, screened (the same of the seeds that chose an arm), others (arms with a difference to the control, the
        largest first), by_band, secondary, by_class, more_classes (how many are left out), several_classes,
        fairness, fair (the same in a
        sentence), standing, answer, trained and training_time
        (in words).
    """
    others = by_effect(analysis)
    classes = _by_class(analysis, others)
    return {
        "summary": _summary(analysis, analysis["arms"]),
        "screened": _summary(analysis, analysis["screening"]["arms"] if analysis["screening"] else ()),
        "others": others,
        "by_band": _by_band(analysis),
        "secondary": _secondary(others),
        "by_class": classes[:MOST_CLASSES],
        "several_classes": len((analysis["data"] or {}).get("names", ())) != 1,  # one class is in every other number
        "more_classes": max(0, len(classes) - MOST_CLASSES),
        "fairness": _fairness(analysis["fairness"]),
        "fair": fair(_fairness(analysis["fairness"])),
        "answer": answer(analysis, others),
        "trained": trained(analysis),
        "training_time": clock(analysis).name,
        "standing": standing(analysis["status"]),
    }


def standing(status: Mapping[str, int]) -> str:
    """Say how many runs there are and what became of them."""
    planned, finished = status["planned"], status["finished"]
    if finished == planned:
        return f"all {plural(planned, 'run')} finished" if planned > 1 else "its run is finished"
    words = {"failed": "failed", "missing": "not finished yet", "stale": "of another plan"}
    rest = [f"{count} {words[kind]}" for kind, count in status.items() if kind in words and count]
    return f"{finished} of {plural(planned, 'run')} finished" + (f", {listed(rest)}" if rest else "")


def answer(analysis: Analysis, others: Sequence[Arm]) -> str:
    """Say in a line what came out: who is better, who is worse, where nothing was found.

    Args:
        analysis: The report's numbers.
        others: Arms with a difference to the control, as by_effect gives them; without any, nothing can be said yet.
    """
    said: dict[str, list[str]] = {}
    for arm in others:
        against = arm["against_control"]
        kind = against["verdict"]["kind"]
        change = f" ({signed(against['primary']['value'])})" if kind in ("beats", "loses", "leans") else ""
        said.setdefault(kind, []).append(f"{arm['name']}{change}")
    control, measure = analysis["control"], analysis["primary"]["name"]
    words = {
        "beats": ("beats {}", "beat {}"),
        "loses": ("loses to {}", "lose to {}"),
        "equal": ("is as good as {}", "are as good as {}"),
        "leans": ("leans away from {}, too little for a claim", "lean away from {}, too little for a claim"),
        "none": ("shows no difference to {}", "show no difference to {}"),
        "no_claim": ("allows no claim", "allow no claim"),
        "unfair": ("is not comparable", "are not comparable"),
    }
    parts = [
        f"{listed(said[kind])} {(one if len(said[kind]) == 1 else more).format(control)}"
        for kind, (one, more) in words.items()
        if kind in said
    ]
    return f"{'; '.join(parts)}. Points of {measure}." if parts else "Nothing can be said yet."


def trained(analysis: Analysis) -> str:
    """Say what all arms start from, on what, by which versions, and when; what isn't noted is left out."""
    base, there = analysis["plan"]["base"], analysis["environment"]
    model = str(base.get("model", "")).rpartition("/")[2]
    start = str(base.get("pretrained", "")).rpartition("/")[2]
    weights = "" if model.endswith(".pt") else f"from {start}" if start.endswith(".pt") else "from scratch"
    commit = f" (commit {there['commit']})" if "commit" in there else ""
    ended = max((str(run["ended"]) for run in analysis["runs"] if run["ended"]), default="")
    device = there["gpu"] if on_gpu(analysis) else f"a CPU ({there['cpu']})" if "cpu" in there else ""
    parts = [
        f"{model} {weights}".strip(),
        plural(base["epochs"], "epoch") if "epochs" in base else "",
        f"{base['imgsz']} px" if "imgsz" in base else "",
        f"on {device}" if device else "",
        f"auxhead {there['auxhead']}{commit}" if "auxhead" in there else "",
        f"Ultralytics {there['ultralytics'].partition(' ')[0]}" if "ultralytics" in there else "",
        f"ended {ended.partition('T')[0]}" if ended else "",
    ]
    return ", ".join(part for part in parts if part)


def fair(rows: Sequence[Fairness]) -> str:
    """Say in a sentence whether the runs are equal but for what their arms declare; '' without any check."""
    count = Counter(row.kind for row in rows)
    if not rows:
        return ""
    if count["unfair"]:
        return f"No: {plural(count['unfair'], 'difference')} that no arm declares. Arms with one are not compared."
    kept = [
        f"{plural(count['declared'], 'difference')} declared by the arms" if count["declared"] else "",
        f"{count['unequal']} that can't be equal" if count["unequal"] else "",
    ]
    rest = listed([part for part in kept if part])
    return f"Yes: {plural(count['equal'], 'condition')} equal in all runs" + (f", {rest}." if rest else ".")


def _summary(analysis: Analysis, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Flatten the numbers of each arm; None for what was not measured."""
    primary = analysis["primary"]
    timed = clock(analysis)
    rows = []
    for arm in arms:
        own = (arm["numbers"] or {}).get(primary["band"], {}).get(primary["measure"]) or {}
        against, cost, training = (arm[name] or {} for name in ("against_control", "cost", "training"))
        taken = {"seconds": training.get(timed.seconds), "ratio": training.get(timed.ratio)}
        parts = {
            "own": (own, ("mean", "low", "high", "by_seed")),
            "change": (against.get("primary") or {}, ("value", "t", "images", "p_holm", "p_flip", "flip_floor")),
            "cost": (cost, ("parameters", "gflops", "gflops_ratio", "looks")),
            "latency": (cost.get("latency") or {}, ("milliseconds", "ratio", "low", "high")),
            "training": (taken, ("seconds", "ratio")),
            "reached": (against.get("epochs_to_control") or {}, ("median", "of", "by_seed")),
        }
        row: dict[str, Any] = {name: {key: of.get(key) for key in keys} for name, (of, keys) in parts.items()}
        row |= {"arm": arm, "control": arm["name"] == analysis["control"]}
        rows.append(row | {"recovered": (against.get("recovered") or {}).get("value")})
    return rows


def _by_band(analysis: Analysis) -> list[Row]:
    measure, bands = band_measure(analysis), (analysis["data"] or {}).get("bands", {})
    rows = []
    for band, boxes in ((band, boxes) for band, boxes in bands.items() if boxes):
        cells: list[Mapping[str, Any] | None] = []
        for arm in analysis["arms"]:
            value = (arm["numbers"] or {}).get(band, {}).get(measure)
            against = arm["against_control"] or {}
            change = against.get("differences", {}).get(band, {}).get(measure) or {}
            cells.append(value and {**value, "change": change.get("value"), "t": change.get("t")})
        rows.append(Row("all sizes" if band == ALL.name else band, boxes, cells))
    return rows


def _secondary(others: Sequence[Arm]) -> list[Row]:
    by_arm = [
        {(one["band"], one["measure"]): one for one in arm["against_control"].get("secondary") or ()} for arm in others
    ]
    keys = list(dict.fromkeys(key for own in by_arm for key in own))
    names = [measure if band == ALL.name else f"{measure}, size {band}" for band, measure in keys]
    return [Row(name, None, [own.get(key) for own in by_arm]) for name, key in zip(names, keys, strict=True)]


def _by_class(analysis: Analysis, others: Sequence[Arm]) -> list[Row]:
    control = next((arm for arm in analysis["arms"] if arm["name"] == analysis["control"]), None)
    own: Sequence[Arm] = (control or {}).get("classes") or next(
        (arm["classes"] for arm in analysis["arms"] if arm["classes"]), []
    )
    changes = [_places(arm["against_control"].get("classes") or ()) for arm in others]
    values = [_places(arm["classes"] or ()) for arm in others]
    before = _places((control or {}).get("classes") or ())
    rows = []
    for place, row in enumerate(own):
        cells: list[Mapping[str, Any] | None] = [before.get(place)]
        for value, change in zip(values, changes, strict=True):
            there = value.get(place)
            cells.append(there and {**there, "change": (change.get(place) or {}).get("AP50")})
        rows.append(Row(row["name"], row["boxes"], cells))
    return rows


def _places(rows: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Number classes: their names needn't differ."""
    return dict(enumerate(rows))


def _fairness(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Fairness]:
    unfair = [
        Fairness("unfair", str(one["what"]), _who(one), f"{one['found']}, where {one['expected']} was expected")
        for one in found.get("differences", ())
    ]
    notes = [
        Fairness(str(one.get("kind", "declared")), str(one["what"]), _who(one), str(one["why"]))
        for one in found.get("notes", ())
    ]
    equal = [Fairness("equal", str(one["what"]), "all", str(one["value"])) for one in found.get("equal", ())]
    return [*unfair, *notes, *equal]


def _who(one: Mapping[str, Any]) -> str:
    seed = one.get("seed")
    return f"{one.get('arm')}" + ("" if finite(seed) is None else f", seed {seed}")
