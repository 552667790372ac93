"""A comparison before anything runs: arms and seeds, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from auxhead._version import __version__
from auxhead.comparison.arms import (
    declared_keys,
    default_base,
    refuse_unequal,
    require_different,
    require_imgsz,
    slicing,
    training_keys,
)
from auxhead.errors import AuxHeadError, UnfairComparisonError
from auxhead.files import sha256
from auxhead.findings.files import PLAN_SCHEMA, RUNS_FOLDER
from auxhead.findings.measures import primary_key
from auxhead.host.datasets import read_data, read_source
from auxhead.host.models import own_file
from auxhead.host.slices import require_sahi
from auxhead.keys.compare import PLACES, PlanKeys
from auxhead.keys.reading import config_error
from auxhead.labels.source import require_splits
from auxhead.metrics.bands import read_bands
from auxhead.model.choices import RunPlan
from auxhead.training.resolve import resolve
from auxhead.training.teaching.check import settled, teacher_spec

OF_DATA_YAML = ("flips", "flips.never")
"""Entries of a data.yaml that change a training, beside its pictures and labels."""

TEACHER = "teacher.sha256"
"""Key that a plan adds to arms with a teacher."""


@dataclass(frozen=True)
class PlannedRun:
    """One arm with one seed.

    Attributes:
        arm: Name of the arm.
        seed: The seed.
        keys: Keys of `auxhead train`, without a folder.
        measured: Keys of `auxhead evaluate`, without a model and a folder.
        train_hash: Of everything that decides the training.
        hash: Of that and of how it is measured.
        weights_of: Name of the run that trains the same; its weights are measured instead of training again. None: it
            trains.
    """

    arm: str
    seed: int
    keys: Mapping[str, Any]
    measured: Mapping[str, Any]
    train_hash: str
    hash: str
    weights_of: str | None = None

    @property
    def name(self) -> str:
        """What tables and folders call it."""
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True)
class ComparisonPlan:
    """Everything that is declared before the first run.

    Attributes:
        name: Of the plan.
        data: The data.yaml as it was given; tables and commands show it.
        data_file: The same, absolute.
        data_sha256: Of its pictures and labels.
        base: Shared keys, completed.
        arms: Keys that make each arm what it is.
        keys: Keys of each arm's training, shared ones included.
        seeds: Of every arm.
        confirm: Fresh seeds of the control and of the arm that the others chose; empty without such a stage.
        budget: Dearest arm that may be chosen, times the control's GFLOPs and time; None: any.
        chosen: That arm, once the seeds of every arm have chosen it.
        primary: The measure that decides.
        control: Arm that the others are compared with.
        checkpoint: Weights that are measured: last or best.
        split: Split that the verdict is about.
        bands: Size bands.
        resamples: Bootstrap resamples of the images.
        margin: Smallest difference that matters, a fraction; None: none was named.
        asked: Training keys that were given on the command line, by which a folder without a name of its own is known.
        contents: By arm, what its keys name but don't say, as hashes: models, weights and entries of the data.yaml.
            None in a comparison that was begun before they were noted.
    """

    name: str
    data: str
    data_file: str
    data_sha256: str
    base: Mapping[str, Any]
    arms: Mapping[str, Mapping[str, Any]]
    keys: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    primary: str
    control: str
    checkpoint: str
    split: str
    bands: str | list[float]
    resamples: int
    margin: float | None = None
    confirm: tuple[int, ...] = ()
    budget: float | None = None
    chosen: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    contents: Mapping[str, Mapping[str, str]] | None = None

    def classes(self) -> int:
        """Count the classes that every detector is trained on.

        Raises:
            DataError: The data can't be used.
        """
        return 1 if self.base.get("single_cls") else len(read_source(self.data_file).names)

    def runs(self) -> Iterator[PlannedRun]:
        """List the runs, seed by seed, so that a comparison cut short has every arm; fresh seeds once one is chosen.

        Of runs with the same training, which differ in how their detectors look at pictures, one trains for all: the
        first that looks at whole pictures, if any does.
        """
        fresh = self.confirm if self.chosen else ()
        runs = [self._run(arm, seed) for seed in self.seeds for arm in self.keys]
        runs += [self._run(arm, seed) for seed in fresh for arm in self.keys if arm in {self.control, self.chosen}]
        trains: dict[str, str] = {}
        for run in sorted(runs, key=lambda run: "slices" in run.measured):
            trains.setdefault(run.train_hash, run.name)
        for run in runs:
            other = trains[run.train_hash]
            yield run if other == run.name else replace(run, weights_of=other)

    def _run(self, arm: str, seed: int) -> PlannedRun:
        measured = {"bands": self.bands, "resamples": self.resamples, **slicing(self.arms[arm])}
        trained = {**self.keys[arm], "seed": seed, "data": self.data_file, "patience": 0}
        asked = {"data": self.data_sha256, "checkpoint": self.checkpoint, **(self.contents or {}).get(arm, {})}
        placeless = {key: value for key, value in trained.items() if key not in PLACES}
        train_hash = _hash([placeless, asked])
        return PlannedRun(arm, seed, trained, measured, train_hash, _hash([train_hash, measured]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for plan.json."""
        runs = [
            {"arm": run.arm, "seed": run.seed, "hash": run.hash, "folder": f"{RUNS_FOLDER}/{run.name}"}
            for run in self.runs()
        ]
        kept = {key: value for key, value in vars(self).items() if key != "keys"}
        return {
            "schema": PLAN_SCHEMA,
            "auxhead": __version__,
            **kept,
            "seeds": list(self.seeds),
            "confirm": list(self.confirm),
            "runs": runs,
        }


def resolve_plan(name: str, own: PlanKeys, data_sha256: str = "") -> ComparisonPlan:
    """Complete a plan and check everything that can be checked before the first run.

    Args:
        name: Of the plan.
        own: Its keys.
        data_sha256: Of the pictures and labels.

    Raises:
        ConfigError: Keys of base or of an arm are wrong, all of them at once.
        DataError: The data can't be used, or has no such split.
        UnfairComparisonError: Arms that no fair comparison can be made of.
        MissingExtraError: An arm has slices, and sahi isn't installed.
    """
    source = read_source(own.data)
    nc = 1 if own.base.get("single_cls") else len(source.names)
    base = default_base(own.base, nc)
    split = own.split or ("test" if source.splits.get("test") else "val")
    require_splits(source.splits, [split], own.data, "choose another with split=")
    _check_measure(own)
    entries = _entries(str(source.data))
    contents: dict[str, dict[str, str]] = {}
    arms, keys, effective, problems, unequal = {}, {}, {}, [], refuse_unequal("base", base, own.base)
    for arm, given in own.arms.items():
        try:
            arms[arm] = declared_keys(arm, given, base, nc)
            looking = slicing(arms[arm])
            arms[arm] |= looking
            keys[arm] = training_keys(base, arms[arm])
            unequal += refuse_unequal(arm, keys[arm], arms[arm])
            require_imgsz(keys[arm]["imgsz"], arm)
            plan, arguments = resolve({**keys[arm], "data": own.data})
            keys[arm] = {**keys[arm], **_teacher_of(settled(plan))}
            contents[arm] = entries | _contents(keys[arm])
        except AuxHeadError as error:
            problems += [f"{arm}: {line.strip()}" for line in error.found.splitlines() if "problem" not in line]
            continue
        effective[arm] = {**plan.to_dict(), **arguments, **looking}
        if own.checkpoint == "best" and plan.route != "native":
            unequal.append(
                f"{arm}: checkpoint=best: Ultralytics chooses a {plan.route} model's by boxes and {plan.route}"
            )
    if problems:
        raise config_error(problems, "keys of `auxhead train` in base and in every arm", "correct them in the plan")
    if unequal:
        raise UnfairComparisonError(
            "arms that are trained and measured alike",
            "\n          ".join(sorted(set(unequal))),
            "base and arms",
            "take these keys out, or compare in two plans",
        )
    require_different(effective)
    if any(slicing(own) for own in arms.values()):
        require_sahi()
    return ComparisonPlan(
        name=name,
        data=own.data,
        data_file=str(source.data),
        data_sha256=data_sha256,
        base=base,
        arms=arms,
        keys=keys,
        seeds=tuple(own.seeds if own.screen is None else range(own.screen)),
        confirm=tuple(range(own.screen, own.screen + own.confirm)) if own.screen and own.confirm else (),
        budget=own.budget,
        margin=own.margin,
        primary=own.primary,
        control=own.control,
        checkpoint=own.checkpoint,
        split=split,
        bands=own.bands,
        resamples=own.resamples,
        contents={arm: own for arm, own in contents.items() if own},
    )


def _entries(data: str) -> dict[str, str]:
    """Hash what a data.yaml says about training itself; {} where it says nothing."""
    content = read_data(data)
    own = {key: content[key] for key in OF_DATA_YAML if content.get(key)}
    return {"entries": _hash(own)} if own else {}


def _contents(keys: Mapping[str, Any]) -> dict[str, str]:
    """Hash the files that an arm's keys name; Ultralytics' own weights and ready-made YAMLs are told by their names."""
    files = {key: own_file(str(keys[key])) for key in ("model", "pretrained") if keys.get(key)}
    return {key: sha256(file) for key, file in files.items() if file}


def _check_measure(own: PlanKeys) -> None:
    """Check that the primary measure will exist."""
    bands = [band.name for band in read_bands(own.bands)]
    primary_key(own.primary, bands)


def _teacher_of(plan: RunPlan) -> dict[str, str]:
    """Return the key that holds every run of an arm to one teacher: another file is another training."""
    spec = teacher_spec(plan)
    return {TEACHER: spec.sha256} if spec and spec.sha256 else {}


def differences(plan: ComparisonPlan) -> dict[str, dict[str, tuple[Any, Any]]]:
    """List by arm the keys that differ from the control's, with both values; None where a key isn't set.

    A teacher's digest is left out: `teacher.weights` names the file.
    """
    every = {arm: {**keys, **slicing(plan.arms[arm])} for arm, keys in plan.keys.items()}
    control = every[plan.control]
    return {
        arm: {
            key: (control.get(key), keys.get(key))
            for key in dict.fromkeys([*control, *keys])
            if control.get(key) != keys.get(key) and key != TEACHER
        }
        for arm, keys in every.items()
        if arm != plan.control
    }


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
