"""Check a teacher before the first batch: its file, its classes, and the sizes that it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER, SETTINGS

from auxhead.errors import ConfigError, ModelError, ResumeError
from auxhead.files import sha256
from auxhead.formats import plural
from auxhead.heads.teacher import level_for
from auxhead.host import checkpoint
from auxhead.host.arguments import in_force, longest_side
from auxhead.host.datasets import read_data
from auxhead.host.models import weights_file
from auxhead.keys.heads.teacher import TeacherSpec
from auxhead.model.choices import RunPlan
from auxhead.model.teacher import Teacher, class_order, require_teacher

NAME = "teacher"
GRID = 32  # what image sizes are multiples of, at least. Source: Ultralytics' BaseTrainer._setup_train


def teacher_spec(plan: RunPlan) -> TeacherSpec | None:
    """Return the keys of a run's teacher; None: it has none."""
    spec = plan.heads.get(NAME)
    return spec if isinstance(spec, TeacherSpec) else None


def settled(plan: RunPlan, *, automatic: bool = False) -> RunPlan:
    """Note which file a run's teacher is, by its absolute path and its content; without a teacher nothing changes.

    Args:
        plan: What a run was asked for.
        automatic: Whether a teacher that is still to be trained is left as it is.

    Raises:
        ConfigError: The teacher is still to be trained, by somebody else.
        ModelError: There is no such file, or it isn't the one that teacher.sha256 names.
    """
    spec = teacher_spec(plan)
    if spec is None or not spec.looks or (automatic and spec.automatic):
        return plan
    if spec.automatic:
        raise ConfigError(
            expected="a teacher that is there, teacher.weights=FILE",
            found="teacher.weights=auto, which only `auxhead train` understands: train it once, and name its best.pt",
            where="heads=teacher",
            fix="auxhead train ... heads=teacher teacher.weights=auto, then teacher.weights=FILE here",
        )
    return with_spec(plan, settled_spec(spec))


def settled_spec(spec: TeacherSpec) -> TeacherSpec:
    """Note which file the teacher is that some keys ask for, as `settled` does.

    Raises:
        ModelError: As settled.
    """
    file = weights_file(str(spec.weights))
    if file is None:
        raise ModelError(
            expected="a teacher: a detector's .pt file",
            found="no such file, here or in Ultralytics' folder of weights",
            where=f"teacher.weights={spec.weights}",
            fix=f"correct the path, or put the file into {SETTINGS['weights_dir']}",
        )
    digest = sha256(file)
    if spec.sha256 not in {None, digest}:
        fix = "name that file, or leave teacher.sha256= out"
        raise ModelError(f"a teacher whose SHA-256 is {spec.sha256}", digest, str(file), fix)
    return noted(spec, file, digest)


def found_again(plan: RunPlan, run: Path, moved: str | None) -> RunPlan:
    """Find the teacher of a run that goes on; without a teacher nothing changes.

    Args:
        plan: What the run noted.
        run: Its folder.
        moved: Where the teacher is said to be now; None: where it was.

    Raises:
        ResumeError: It isn't there, another file is in its place, or none was ever asked.
    """
    spec = teacher_spec(plan)
    if spec is None or not spec.looks:
        if moved is not None:
            found = f"teacher.weights={moved}, and a run without one"
            raise ResumeError("a run with a teacher", found, str(run), "leave teacher.weights= out")
        return plan
    file = Path(moved or str(spec.weights))
    digest = sha256(file) if file.is_file() else None
    if digest is None or digest != spec.sha256:
        raise ResumeError(
            expected=f"the teacher that this run learns from (SHA-256 {spec.sha256})",
            found="no such file" if digest is None else f"another file (SHA-256 {digest})",
            where=str(file),
            fix=f"bring it back, or say where it is now: auxhead train resume={run} teacher.weights=FILE",
        )
    return with_spec(plan, noted(spec, file, digest))


def check_teacher(plan: RunPlan, arguments: Mapping[str, Any]) -> None:
    """Open the teacher and check all that can be checked before the student is built.

    Args:
        plan: A settled plan.
        arguments: Ultralytics' arguments; those about sizes, epochs, `data` and `single_cls` matter.

    Raises:
        ModelError, ConfigError: As ready_teacher.
    """
    spec = teacher_spec(plan)
    if spec is not None and spec.looks:
        ready_teacher(spec, arguments, trust=plan.trust)
    elif spec is not None:
        require_sizes(spec, in_force(arguments), None, GRID)


def ready_teacher(spec: TeacherSpec, arguments: Mapping[str, Any], *, trust: bool) -> Teacher:
    """Open a teacher that suits a data set, sizes and epochs.

    Args:
        spec: Keys of a settled plan, which ask for one.
        arguments: As for check_teacher.
        trust: Whether the file's code may run.

    Raises:
        ModelError: The file is no detector, would run code, or has other classes or channels.
        ConfigError: Sizes or epochs don't suit a teacher; all that is wrong with them.
    """
    data = read_data(str(arguments["data"]))
    names = {0: "item"} if arguments.get("single_cls") else data["names"]  # as Ultralytics calls a single class
    teacher = open_teacher(spec, names, int(data["channels"]), trust=trust)
    require_sizes(spec, in_force(arguments), teacher.strides, GRID)
    return teacher


def open_teacher(spec: TeacherSpec, names: Mapping[int, str], channels: int, *, trust: bool) -> Teacher:
    """Open a teacher's file, without running its code unless it is trusted.

    Args:
        spec: Keys of a settled plan.
        names: The student's classes.
        channels: Of the data set's pictures.
        trust: Whether the file's code may run.

    Raises:
        ModelError: It is no detector that can teach these classes on these pictures.
    """
    where = str(spec.weights)
    opened = checkpoint.open_model(Path(where), trust=trust, accept=lambda *_: "detect")
    network = require_teacher(opened.model, where)
    its = int(network.yaml.get("channels", 3))
    if its != channels:
        raise ModelError(
            f"a teacher for pictures with {channels} channels", f"one for {its}", where, "train one on this data set"
        )
    order = class_order(network.names, names, where)
    if left_out := len(network.names) - len(order):
        LOGGER.info(f"teacher: knows the data's classes by name, and {plural(left_out, 'other')} that it doesn't teach")
    return Teacher(network, order)


def require_sizes(spec: TeacherSpec, arguments: Mapping[str, Any], strides: Sequence[float] | None, grid: int) -> None:
    """Check that pictures can be shown to student and teacher at once, cell on cell.

    Args:
        spec: The teacher's keys.
        arguments: Every argument of Ultralytics' in force.
        strides: Of the teacher's levels, pixels of its input; None where none is asked.
        grid: What the student's image size is rounded up to a multiple of, pixels.

    Raises:
        ConfigError: They can't; all reasons.
    """
    asked = arguments["imgsz"]
    imgsz = whole_cells(asked, grid)
    coarsest = int(max(strides)) if strides else 1
    epochs, closing = arguments["epochs"], arguments["close_mosaic"]
    problems = []
    if imgsz * spec.scale % coarsest:
        problems.append(
            f"imgsz={asked} and teacher.scale={spec.scale}: {imgsz * spec.scale} px is no multiple of the teacher's "
            f"coarsest stride, {coarsest}"
        )
    if spec.scale > 1 or coarsest > grid:
        problems += [
            f"{key}={arguments[key]}: pictures of other sizes than imgsz don't halve into whole cells"
            for key in ("rect", "multi_scale")
            if arguments[key]
        ]
    if strides and closing and closing >= epochs and not arguments["time"]:
        problems.append(
            f"close_mosaic={closing} of epochs={epochs}: the teacher is silent in the last close_mosaic epochs, which "
            "are all"
        )
    if problems:
        raise ConfigError(
            expected="sizes and epochs that suit a teacher",
            found="; ".join(problems),
            where="heads=teacher",
            fix="correct them: imgsz a multiple of 64 suits every teacher, and close_mosaic less than epochs",
        )


def whole_cells(imgsz: Any, grid: int) -> int:
    """Return the side of the network input, pixels: `imgsz` as it is typed, rounded up to whole cells.

    >>> whole_cells(60, 32)
    64
    """
    return math.ceil(longest_side(imgsz) / grid) * grid


def require_levels(spec: TeacherSpec, theirs: Sequence[float], strides: Sequence[float]) -> None:
    """Check that some level of the teacher's has a level of the student's to teach.

    Args:
        spec: The teacher's keys.
        theirs: Pixels of its own input per cell of each of its levels.
        strides: Likewise of the student, finest first.

    Raises:
        ConfigError: None has.
    """
    if all(level_for(stride / spec.scale, strides) is None for stride in theirs):
        raise ConfigError(
            expected=f"a teacher with a level no coarser than the student's coarsest, {max(strides):g} px a cell",
            found=f"levels of {', '.join(f'{stride / spec.scale:g}' for stride in theirs)} px",
            where=f"teacher.weights={spec.weights}, teacher.scale={spec.scale}",
            fix="choose another teacher, or teacher.scale=2",
        )


def noted(spec: TeacherSpec, file: Path, digest: str) -> TeacherSpec:
    """Return a teacher's keys with the file that was found: its absolute path and its SHA-256."""
    return spec.model_copy(update={"weights": str(file.resolve()), "sha256": digest})


def with_spec(plan: RunPlan, spec: TeacherSpec) -> RunPlan:
    """Return a plan with other keys of its teacher."""
    return replace(plan, heads={**plan.heads, NAME: spec})
