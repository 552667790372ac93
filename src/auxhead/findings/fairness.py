"""Hold finished runs against each other: what was equal, what could not be, and what should have been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from auxhead.errors import UnfairComparisonError

Facts = Mapping[str, Any]
NoteKind = Literal["equal", "declared", "unequal"]
"""Equal; different because an arm says so; different because it can't be equal."""

PLACES = ("data", "name", "project", "save_dir", "seed", "exist_ok", "resume", "task", "model", "cfg", "pretrained")
"""Arguments that say where or which, not how; model, weights and data are compared by what they are."""

PIXELS = (
    "imgsz", "batch", "workers", "rect", "multi_scale", "cache", "augmentations", "hsv_h", "hsv_s", "hsv_v", "degrees",
    "translate", "scale", "shear", "perspective", "flipud", "fliplr", "bgr", "mosaic", "mixup", "cutmix", "copy_paste",
    "copy_paste_mode", "auto_augment", "erasing", "fraction", "single_cls", "classes", "route",
    "flips", "flips.never", "crops", "crops.window", "crops.small", "crops.from", "crops.force", "teacher.scale",
)  # fmt: skip
"""Keys that change what the network is shown. Facts hold Ultralytics' under `arguments`, ours under `loaded`."""

AS_BEFORE = {"teacher.scale": 1}
"""How pictures were loaded in runs whose facts don't say."""

OF_ROUTE = ("fliplr", "flipud", "overlap_mask", "mask_ratio", "pose", "kobj", "rle")
"""Arguments that Ultralytics' pose and segment trainers set or use themselves."""

LANES = {"cpu_bf16", "amp"}
"""Keys that say in which precision a CPU trains."""

CONDITIONS = ("epochs", "batch", "imgsz", "optimizer", "lr0", "lrf", "momentum", "weight_decay", "nbs", "amp")
"""Arguments that the report names even when they are equal."""

SHOWN = 6  # keys named in a line


@dataclass(frozen=True)
class Fairness:
    """How fair a comparison is.

    Attributes:
        differences: What differs beyond what an arm declares: arm, seed, what, found, expected.
        notes: What is equal, declared, or can't be equal, of initial weights, first batches and the schedule, and stops
            after which runs went on with other random numbers: arm, what, kind, why.
        equal: What is equal in all runs: what, value.
    """

    differences: Sequence[Mapping[str, Any]]
    notes: Sequence[Mapping[str, str]]
    equal: Sequence[Mapping[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for unfair.json."""
        return {name: [dict(row) for row in rows] for name, rows in vars(self).items()}

    def require_fair(self, where: str) -> None:
        """Refuse a comparison of runs that differ in more than they should.

        Raises:
            UnfairComparisonError: They do; it names the first ten differences.
        """
        if not self.differences:
            return
        lines = [
            f"{row['arm']}, seed {row['seed']}: {row['what']} is {row['found']} instead of {row['expected']}"
            for row in self.differences
        ]
        more = f"\n          and {len(lines) - 10} more" if len(lines) > 10 else ""
        raise UnfairComparisonError(
            expected="runs that differ in nothing but what their arms declare",
            found="\n          ".join(lines[:10]) + more,
            where=where,
            fix="declare it in the arm, or delete the folders of these runs and start again under equal conditions",
        )


def check(arms: Mapping[str, Mapping[str, Any]], control: str, runs: Mapping[tuple[str, int], Facts]) -> Fairness:
    """Compare the facts of every finished run with those of the control's run of the same seed.

    Args:
        arms: Keys that each arm declares.
        control: The arm that the others are compared with.
        runs: Facts of the finished runs (`auxhead.training.start_facts`) by arm and seed.

    Returns:
        What was found. Without a pair of runs everything is empty.

    Examples:
        >>> facts = {"initial": {"w": "(1,):ab"}, "batches": "cd", "hardware": {}, "versions": {}}
        >>> runs = {(arm, 0): {**facts, "arguments": {"epochs": 3, "lr0": lr}} for arm, lr in (("a", 0.1), ("b", 0.2))}
        >>> check({"a": {}, "b": {}}, "a", runs).differences
        [{'arm': 'b', 'seed': 0, 'what': 'lr0', 'found': 0.2, 'expected': 0.1}]
        >>> check({"a": {}, "b": {"lr0": 0.2}}, "a", runs).differences
        []
    """
    differences: list[dict[str, Any]] = []
    notes: dict[tuple[str, str], tuple[NoteKind, str]] = {}
    for (arm, seed), facts in runs.items():
        other = runs.get((control, seed))
        if other is None:
            continue
        for what, found, expected in _own(facts):
            differences.append({"arm": arm, "seed": seed, "what": what, "found": found, "expected": expected})
        for what, why in _stops(facts, seed):
            notes[arm, what] = ("unequal", why)
        if arm == control:
            continue
        declared = {**arms[control], **arms[arm]}  # what the control declares, the arm lacks: declared as well
        for what, found, expected in _unequal(declared, facts, other):
            differences.append({"arm": arm, "seed": seed, "what": what, "found": found, "expected": expected})
        for what, kind, why in _notes(declared, facts, other):
            notes.setdefault((arm, what), (kind, why))
    rows = [{"arm": arm, "what": what, "kind": kind, "why": why} for (arm, what), (kind, why) in notes.items()]
    return Fairness(differences, rows, list(_equal(runs, control)) if runs else [])


def _own(facts: Facts) -> Iterator[tuple[str, Any, Any]]:
    """Find what a run has changed by itself on the way."""
    arguments = facts["arguments"]
    done, end = facts.get("epochs_done"), facts.get("batch_at_end")
    if done is not None and done != arguments["epochs"]:
        yield "epochs trained", done, arguments["epochs"]
    if end is not None and end != arguments["batch"]:
        yield "batch at the end (halved for lack of memory)", end, arguments["batch"]


def _stops(facts: Facts, seed: int) -> Iterator[tuple[str, str]]:
    """Name the stops after which a run did not go on bit for bit as if there had been none."""
    for resume in facts.get("resumes", ()):
        if resume["inexact"]:
            why = f"went on after epoch {resume['epoch']}, with other random numbers: {resume['inexact']}"
            yield f"stop of seed {seed} after epoch {resume['epoch']}", why


def _unequal(declared: Mapping[str, Any], facts: Facts, control: Facts) -> Iterator[tuple[str, Any, Any]]:
    """Find what differs from the control although the arm doesn't declare it."""
    allowed = {*PLACES, *declared, *(OF_ROUTE if "route" in declared else ())}
    arguments, others = facts["arguments"], control["arguments"]
    for key in dict.fromkeys([*arguments, *others]):
        if key not in allowed and arguments.get(key) != others.get(key):
            yield key, arguments.get(key), others.get(key)
    for kind in ("versions", "hardware"):
        for key, value in facts[kind].items():
            lane = key == "bfloat16" and (declared.keys() & LANES or key not in control[kind])  # earlier facts lack it
            if value != control[kind].get(key) and not lane:
                yield f"{kind}: {key}", value, control[kind].get(key)
    if _carries(facts, control) and not declared.keys() & {"pretrained", "model"}:
        unequal = [name for name, digest in control["initial"].items() if facts["initial"][name] != digest]
        if unequal:
            yield f"{len(unequal)} initial tensors of the detector", unequal[0], "the control's, bit for bit"
    if (
        not _pixels(declared, facts, control)
        and _same_detector(facts, control)
        and facts["batches"] != control["batches"]
    ):
        yield "first batches", facts["batches"], control["batches"]


def _carries(facts: Facts, control: Facts) -> bool:
    """Say whether the model has every tensor of the control's, in the same shape."""
    shapes = {name: digest.partition(":")[0] for name, digest in facts["initial"].items()}
    return all(shapes.get(name) == digest.partition(":")[0] for name, digest in control["initial"].items())


def _same_detector(facts: Facts, control: Facts) -> bool:
    return _carries(facts, control) and len(facts["initial"]) == len(control["initial"])


def _pixels(declared: Mapping[str, Any], facts: Facts, control: Facts) -> list[str]:
    """Name the keys by which an arm is shown other pixels than the control."""
    own, others = ({**run["arguments"], **run.get("loaded", AS_BEFORE)} for run in (facts, control))
    return [key for key in PIXELS if key in declared and (key not in own or own[key] != others.get(key))]


def _notes(declared: Mapping[str, Any], facts: Facts, control: Facts) -> Iterator[tuple[str, NoteKind, str]]:
    """Say what is equal, what differs because an arm says so, and what can't be equal."""
    own, others = facts["initial"], control["initial"]
    same = sum(others.get(name) == digest for name, digest in own.items())
    if not _same_detector(facts, control):
        why = (
            f"{same} of the control's {len(others)} initial tensors are equal bit for bit, of {len(own)} in this model"
        )
        yield "initial weights", "unequal", f"another architecture: {why}"
    elif same == len(others):
        yield "initial weights", "equal", "equal bit for bit with the control's of the same seed"
    if facts["batches"] == control["batches"]:
        yield "first batches", "equal", "equal bit for bit with the control's of the same seed"
    elif pixels := _pixels(declared, facts, control):
        yield "first batches", "declared", f"other pixels, as it is declared: {', '.join(pixels[:SHOWN])}"
    else:
        yield "first batches", "unequal", "another architecture draws other random numbers before the first batch"
    for key in sorted(declared.keys() & {"epochs", "optimizer", "lr0", "batch"}):
        yield key, "declared", f"{facts['arguments'].get(key)} instead of {control['arguments'].get(key)}"
    if "weights_of" in facts:
        yield "training", "declared", f"none of its own: it measures the weights of {facts['weights_of']}"
    if "route" in declared:
        own_way = f"Ultralytics' own {declared['route']} trainer, on labels converted from the same boxes"
        yield "trainer", "declared", own_way


def _equal(runs: Mapping[tuple[str, int], Facts], control: str) -> Iterator[dict[str, str]]:
    """List what is the same in all runs."""
    every = list(runs.values())
    for key in CONDITIONS:
        values = {str(facts["arguments"].get(key)) for facts in every}
        if len(values) == 1:
            yield {"what": key, "value": values.pop()}
    for kind in ("hardware", "versions"):
        for key in every[0][kind]:
            values = {str(facts[kind].get(key)) for facts in every}
            if len(values) == 1:
                yield {"what": f"{kind}: {key}", "value": values.pop()}
    detectors = [
        facts["initial"] == runs[control, seed]["initial"]
        for (arm, seed), facts in runs.items()
        if arm != control and (control, seed) in runs and _same_detector(facts, runs[control, seed])
    ]
    if detectors and all(detectors):
        yield {"what": "initial weights of the same architecture and seed", "value": "equal bit for bit"}
