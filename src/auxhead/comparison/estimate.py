"""How long a comparison will take, from one timed epoch of the control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from auxhead.comparison.ledger import LOG_FILE
from auxhead.comparison.machines.job import Executor
from auxhead.comparison.plan import ComparisonPlan
from auxhead.comparison.run import Runs
from auxhead.errors import ConfigError
from auxhead.findings.files import TRAINING_FOLDER
from auxhead.host.arguments import in_force
from auxhead.metrics.step_cost import TRAINING
from auxhead.progress import Progress
from auxhead.results_csv import RESULTS_FILE, read_rows
from auxhead.shipping.cost import cost
from auxhead.training.resolve import resolve
from auxhead.training.teaching.check import teacher_spec


@dataclass(frozen=True)
class Estimate:
    """How long runs will take.

    Attributes:
        epoch_seconds: One epoch of the control as it was timed, validation included.
        overhead_seconds: What a run takes beside its epochs: start-up, measuring.
        gflops: Of each arm's model, for one look at an image, at its size.
        seconds: Of one run of each arm: the control's epoch by the ratio of GFLOPs, those of a teacher's looks among
            them, times the epochs; no epochs where another arm trains the same.
        total_seconds: Of all runs, with so many at a time; those on fresh seeds at most.
    """

    epoch_seconds: float
    overhead_seconds: float
    gflops: Mapping[str, float]
    seconds: Mapping[str, float]
    total_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def estimate(plan: ComparisonPlan, scratch: Path, executor: Executor, slots: int, tell: Progress) -> Estimate:
    """Train the control for one epoch, and extrapolate.

    Args:
        plan: The comparison.
        scratch: An empty folder for that epoch.
        executor: What will run the comparison.
        slots: How many runs there will be at a time.
        tell: Called as progress(task, done, total).

    Raises:
        ConfigError: The control can't be trained; the end of its log says why.
    """
    short = {**plan.keys[plan.control], "epochs": 1, "close_mosaic": 0}  # most epochs have mosaics, and any teacher
    once = replace(
        plan,
        keys={plan.control: short},
        arms={plan.control: {}},
        seeds=plan.seeds[:1],
        confirm=(),
        resamples=0,
        split="val",
    )
    runs = Runs(scratch / "one", once, _ignore)
    tell("Timing one epoch", 0, 1)
    runs.open(tell)
    runs.execute(executor)
    tell("Timing one epoch", 1, 1)
    run = next(iter(runs.all.values()))
    place = runs.place(run)
    if runs.state(run) != "finished":
        log = (place / LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        raise ConfigError(
            expected="a control that can be trained",
            found="\n          ".join([runs.reason(run), *log[-5:]]),
            where=plan.control,
            fix="correct base or the control's keys",
        )
    epoch = read_rows(place / TRAINING_FOLDER / RESULTS_FILE)[-1]["time"] or 0.0
    total = float(runs.result(run)["seconds"]["total"])
    # the class branch of a fine level is dear: 80 classes would mislead
    nc = plan.classes()
    gflops = {
        arm: cost([str(keys["model"])], nc=nc, imgsz=int(keys["imgsz"]))[0].fused.gflops
        for arm, keys in plan.keys.items()
    }
    works = {arm: work_of({**keys, "data": plan.data}, gflops[arm]) for arm, keys in plan.keys.items()}
    timed = work_of({**short, "data": plan.data}, gflops[plan.control])
    shares = {run.arm for run in plan.runs() if run.weights_of}
    seconds = {arm: total - epoch + (arm not in shares) * epoch * works[arm] / timed for arm in plan.keys}
    dearest = max((seconds[arm] for arm in plan.keys if arm != plan.control), default=0.0)  # the one chosen isn't known
    fresh = len(plan.confirm) * (seconds[plan.control] + dearest)
    everything = sum(seconds.values()) * len(plan.seeds) + fresh
    return Estimate(epoch, total - epoch, gflops, seconds, everything / slots)


def work_of(keys: Mapping[str, Any], gflops: float) -> float:
    """Count what a training takes for each picture.

    Args:
        keys: Of the training.
        gflops: One look of its detector, forward.

    Returns:
        GFLOPs of the forward passes, each of which stands for its backward pass, too; so a teacher's look, which is
        followed by none, counts a third. It doesn't look in the last epochs, without mosaics. Loading, losses and
        validation aren't counted.
    """
    plan, arguments = resolve(keys)
    epochs = int(arguments["epochs"])
    spec = teacher_spec(plan)
    if spec is None or not spec.looks:
        return epochs * gflops
    taught = max(epochs - int(in_force(arguments)["close_mosaic"]), 0)
    look = cost([str(spec.weights)], imgsz=spec.scale * int(arguments["imgsz"]))[0].fused.gflops
    return epochs * gflops + taught * look / TRAINING


def _ignore(_name: str, _state: str, _remark: str) -> None:
    """Report nothing."""
