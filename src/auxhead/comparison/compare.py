"""Compare arms and write the report: the rooms of running and of reporting, joined."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, overload

from auxhead.files import path_given
from auxhead.findings.analysis import verdict_lines
from auxhead.findings.files import LATENCY_FILE, PLAN_FILE, read_json
from auxhead.foreign.beside import as_yolo
from auxhead.formats import by_seed, interval, plain, points, require_text, signed, times, whole
from auxhead.keys.compare import PLACES, CompareKeys, PlanKeys, ReportKeys
from auxhead.keys.convert import OnError
from auxhead.keys.reading import config_error, unknown, validated
from auxhead.notebook import InNotebooks, Shown
from auxhead.places import results_folder
from auxhead.progress import Progress, named, silent
from auxhead.reporting.report import report as write_report

if TYPE_CHECKING:
    from typing import Unpack

    from auxhead.keys.words.typed import CompareWords, ReportWords

if TYPE_CHECKING:  # the report needs nothing of what trains
    from auxhead.comparison.dry_run import DryRun
    from auxhead.comparison.machines.job import Executor
    from auxhead.comparison.plan import ComparisonPlan
    from auxhead.comparison.run import Watch


NOT_TRAINING = PlanKeys.model_fields.keys() | CompareKeys.model_fields.keys()
"""Keys of a comparison's own."""


@dataclass(frozen=True)
class Comparison(InNotebooks):
    """What a comparison has found so far.

    Attributes:
        folder: Where everything is.
        report: The page.
        analysis: Every number, as in report.json.
    """

    folder: Path
    report: Path
    analysis: Mapping[str, Any]

    def _shown(self) -> Iterator[str | Shown]:
        """Return the table, the verdicts, and where the page is."""
        yield Shown(self.table(), self.title)
        yield from self.verdicts
        yield f"Report: {self.report}"

    @property
    def verdicts(self) -> list[str]:
        """What can be said about each arm, one sentence each, warnings first."""
        return verdict_lines(dict(self.analysis))

    @property
    def title(self) -> str:
        """What the table shows."""
        status, primary = self.analysis["status"], self.analysis["primary"]["name"]
        data = self.analysis["plan"]["data"]
        return (
            f"{primary} on {data} ({self.analysis['split']}), {status['finished']} of {status['planned']} runs finished"
        )

    def table(self) -> list[list[str]]:
        """Lay the arms out as rows of cells, the first row being the head; values in percent, differences in points."""
        primary = self.analysis["primary"]["name"]
        head = ["arm", "seeds", primary, "by seed", "difference", "95 % t", "GFLOPs", "latency", "params"]
        return [head, *(_row(arm, self.analysis["primary"]) for arm in self.analysis["arms"])]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"folder": str(self.folder), "report": str(self.report), "verdicts": self.verdicts, **self.analysis}

    def __str__(self) -> str:
        """Return the verdicts and where the report is."""
        return "\n".join([*self.verdicts, f"Report: {self.report}"])


@overload
def compare(
    plan: str | Path | None = None,
    *,
    dry_run: Literal[False] = False,
    progress: Progress | None = None,
    watch: Watch | None = None,
    say: Callable[[str], None] | None = None,
    **keys: Unpack[CompareWords],
) -> Comparison: ...


@overload
def compare(
    plan: str | Path | None = None,
    *,
    dry_run: Literal[True],
    progress: Progress | None = None,
    **keys: Unpack[CompareWords],
) -> DryRun: ...


def compare(
    plan: str | Path | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
    watch: Watch | None = None,
    say: Callable[[str], None] | None = None,
    **keys: Unpack[CompareWords],
) -> Comparison | DryRun:
    """Train every arm with every seed under equal conditions, measure all, and say what the differences are worth.

    Args:
        plan: A plan's YAML file, or the name of a ready-made plan (controls, levers, price, quick); None: `keys` say
            all.
        dry_run: Check it only, and say what it would do, with the time of one epoch as a measure.
        progress: Called as progress(task, done, total).
        watch: Called as watch(run, state, remark) when a run's state changes.
        say: Called with a sentence for each change of an edited plan, and for each arm that sees nothing new on its
            larger images.
        **keys: Keys of a plan (`data`, `arms`, `seeds`, `control`, `primary`, ...), of the execution (`out`, `slots`,
            `executor`, ...), and training keys that all arms share (`epochs`, `imgsz`, ...). With `screen` and
            `confirm` instead of `seeds`, a few seeds of all arms choose one, and fresh seeds decide about it.

    Returns:
        The verdicts, all numbers and the report. Called again it goes on where it was left. With `dry_run`: runs,
        differences between arms, and the time.

    Raises:
        ConfigError: Keys or values are wrong, all of them at once.
        DataError: The data can't be used.
        UnfairComparisonError: Arms can't be compared, or runs differ in more than their arms declare; the report is
            written all the same.
        ResumeError: `out` holds a comparison on other data.
        OutputError: `out` holds something else, or can't be written to.
        MissingExtraError: executor=ray without Ray, executor=slurm without submitit.
    """
    if dry_run:
        return _plan_only(plan, keys, progress or silent)
    resolved, own, folder = _resolve(plan, keys, progress or silent)
    from auxhead.comparison.checks import require_trainable
    from auxhead.comparison.data import without_detail
    from auxhead.comparison.latency import measure_latency
    from auxhead.comparison.rehearsal import rehearse
    from auxhead.comparison.run import Runs, with_choice
    from auxhead.host.checkpoint import restricted

    hear: Callable[[str], None] = say or (lambda _sentence: None)

    def opened(stage: ComparisonPlan) -> Runs:
        runs = Runs(folder, stage, watch or _unwatched)
        for remark in runs.open(progress or silent):
            hear(remark)
        return runs

    executor = _executor(own, resolved)  # a cluster that isn't there is said before anything is written
    trust = bool(resolved.base.get("trust"))

    def begun() -> ComparisonPlan:
        return resolved if _is_untimed(folder, resolved) else with_choice(folder, resolved)

    left = dict.fromkeys(run.arm for run in Runs(folder, begun(), _unwatched).unfinished())
    with restricted(trust=trust):
        require_trainable(resolved, left, folder, progress or silent)
    runs = opened(begun())  # again: another process may have chosen meanwhile
    for warning in without_detail(resolved):
        hear(warning)
    rehearse(runs, executor, progress or silent)
    try:
        runs.execute(executor)
        with restricted(trust=trust):
            measure_latency(runs, progress or silent)
        further = with_choice(folder, resolved)
        if further.chosen != runs.plan.chosen:
            runs = opened(further)
            runs.execute(executor)
        runs.measure_test(executor)
    finally:
        fairness = runs.check_fairness()
    written = write_report(folder)
    fairness.require_fair(str(written.page))
    return Comparison(folder, written.page, written.analysis)


def report(folder: str | Path, **keys: Unpack[ReportWords]) -> Comparison:
    """Write the page of a comparison anew, finished or not, from nothing but its folder.

    Args:
        folder: The comparison's folder.
        **keys: `out`, the html file or a folder (default: report.html in the comparison's folder); `control`, an arm to
            compare with instead of the plan's; `pictures`, false for a page without crops of the images.

    Raises:
        ConfigError: Keys or values are wrong, or there is no such arm.
        ResumeError: It isn't the folder of a comparison, or a file in it is broken.
        OutputError: The page can't be written.
    """
    folder = path_given(folder, 'auxhead.report("runs/compare/price")')
    own = validated(ReportKeys, {"folder": folder, **keys})
    written = write_report(folder, own.out, own.control, pictures=own.pictures)
    return Comparison(Path(folder), written.page, written.analysis)


def folder_of(plan: str | Path | None, keys: Mapping[str, Any]) -> Path:
    """Return where a comparison goes: `out`, or a folder named after its plan.

    Args:
        plan: A plan's file, or the name of a ready-made one, or None.
        keys: All that was given beside it. Without a file, other training keys than those of the comparison that is
            there are another comparison: it goes into a folder of the next number.
    """
    if keys.get("out"):
        return Path(str(keys["out"]))
    name = Path(plan).stem if plan else "compare"
    asked = _asked(keys)

    def goes_on(folder: Path) -> bool:
        standing = (read_json(folder / PLAN_FILE) or {}).get("asked", asked)
        return bool(plan and Path(plan).suffix) or standing == asked

    return results_folder("compare", name, goes_on)


def _asked(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training keys among those given, as a plan's file holds them."""
    given = {**(keys.get("base") or {}), **{key: value for key, value in keys.items() if key not in NOT_TRAINING}}
    own = {key: value for key, value in given.items() if key not in PLACES}
    return dict(json.loads(json.dumps(own, default=str)))


def _is_untimed(folder: Path, plan: ComparisonPlan) -> bool:
    """Tell whether times, which are a part of the price, are still to be measured before an arm can be chosen."""
    chosen = (read_json(folder / PLAN_FILE) or {}).get("chosen")
    return plan.budget is not None and chosen is None and not (folder / LATENCY_FILE).is_file()


def _unwatched(_name: str, _state: str, _remark: str) -> None:
    """Watch nothing."""


def _plan_only(plan: str | Path | None, keys: Mapping[str, Any], tell: Progress) -> DryRun:
    """Check a comparison and say what it would do."""
    resolved, own, folder = _resolve(plan, keys, tell)
    from auxhead.comparison.checks import require_trainable
    from auxhead.comparison.data import without_detail
    from auxhead.comparison.dry_run import DryRun
    from auxhead.comparison.estimate import estimate
    from auxhead.host.checkpoint import restricted

    executor = _executor(own, resolved)
    at_once = len(getattr(executor, "slots", ())) or 1  # a cluster tells only when runs wait for it
    trust = bool(resolved.base.get("trust"))
    place = None
    if own.executor != "local":  # other machines see it, too
        place = next(there for there in folder.absolute().parents if there.is_dir())
    with TemporaryDirectory(prefix="auxhead-dry-", dir=place) as scratch, restricted(trust=trust):
        require_trainable(resolved, resolved.keys, folder, tell)
        time = estimate(resolved, Path(scratch), executor, at_once, tell)
        return DryRun(resolved, folder, time, tuple(without_detail(resolved)))


def _row(arm: Mapping[str, Any], primary: Mapping[str, str]) -> list[str]:
    """Lay one arm out; a dash stands for what was not measured."""
    number = arm["numbers"].get(primary["band"], {}).get(primary["measure"]) or {}
    found = (arm["against_control"] or {}).get("primary") or {}
    cost = arm["cost"] or {}
    return [
        arm["name"],
        f"{len(arm['seeds'])}",
        points(number.get("mean")),
        by_seed(number.get("by_seed")),
        signed(found.get("value")),
        interval(found.get("t")),
        plain(cost.get("gflops"), 2),
        times((cost.get("latency") or {}).get("ratio")),
        whole(cost.get("parameters")),
    ]


def _resolve(
    plan: str | Path | None, keys: Mapping[str, Any], tell: Progress
) -> tuple[ComparisonPlan, CompareKeys, Path]:
    """Sort the keys into those of the plan, of the execution and of the training, and complete the plan."""
    given = {key: value for key, value in keys.items() if key in PlanKeys.model_fields and key != "base"}
    where = {key: value for key, value in keys.items() if key in CompareKeys.model_fields}
    shared = {key: value for key, value in keys.items() if key not in NOT_TRAINING}
    _require_known(shared)
    own = validated(CompareKeys, where)
    plan = None if plan is None else path_given(plan, 'auxhead.compare("plan.yaml")')
    from auxhead.comparison.plan import resolve_plan
    from auxhead.comparison.plan_file import read_plan
    from auxhead.host.datasets import read_source
    from auxhead.labels.apart import require_apart
    from auxhead.labels.fingerprint import data_hash  # the checks above need no torch

    name, content = read_plan(plan, given, {**(keys.get("base") or {}), **shared})
    on_error: OnError = "skip" if content.base.get("on_error") == "skip" else "fail"
    yolo = as_yolo(content.data, on_error=on_error, progress=named(tell, "Converting"))
    content = content.model_copy(update={"data": yolo})
    resolve = partial(resolve_plan, name, content)
    resolve()  # mistakes come before the hashing of the data
    source, folder = read_source(content.data), folder_of(plan, keys)
    require_text(folder.absolute(), source.data)
    require_apart(folder, source.splits.values())
    standing = read_json(folder / PLAN_FILE) or {"contents": {}}
    resolved = replace(resolve(data_hash(source, tell)), asked=_asked(keys))
    return (resolved if standing.get("contents") is not None else replace(resolved, contents=None)), own, folder


def _require_known(shared: Mapping[str, Any]) -> None:
    """Check the names of shared training keys before they turn up in every arm."""
    from auxhead.keys.train_reading import known_keys

    known = [*PlanKeys.model_fields, *CompareKeys.model_fields, *known_keys()]
    wrong = [unknown(key, known) for key in shared if key not in known]
    if wrong:
        fix = "correct them; `auxhead compare --help` lists our keys, `yolo cfg` Ultralytics'"
        raise config_error(wrong, "keys of a comparison, and of the trainings it runs", fix)


def _executor(own: CompareKeys, plan: ComparisonPlan) -> Executor:
    from auxhead.comparison.machines.local import LocalExecutor

    if own.executor == "ray":
        from auxhead.comparison.machines.ray_cluster import RayExecutor

        return RayExecutor(address=own.address, cpus=own.cpus, gpus=own.gpus, retries=own.retries)
    if own.executor == "slurm":
        from auxhead.comparison.machines.slurm import SlurmExecutor

        return SlurmExecutor(own.sbatch or "", cpus=own.cpus, gpus=own.gpus, retries=own.retries)
    return LocalExecutor(own.slots, () if "device" in plan.base else gpus())


def gpus() -> range:
    """Return the numbers of this machine's GPUs."""
    import torch

    return range(torch.cuda.device_count())
