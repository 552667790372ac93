"""A teacher that is trained before its student, with the same keys, and found again by what it was trained from."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from ultralytics.nn.tasks import DetectionModel, yaml_model_load
from ultralytics.utils import LOGGER

from auxhead.augmentation.check import check_views
from auxhead.errors import ConfigError, ModelError
from auxhead.files import sha256
from auxhead.formats import times
from auxhead.host.arguments import in_force
from auxhead.host.datasets import read_data, read_source
from auxhead.host.models import fetch_weights, weights_file
from auxhead.keys.heads.teacher import NOTHING_MORE
from auxhead.labels.data_yaml import SPLITS
from auxhead.labels.fingerprint import data_hash
from auxhead.labels.listing import list_images
from auxhead.layouts.ready_made import ready_made
from auxhead.metrics.step_cost import StepCost
from auxhead.model.choices import PLAN_FILE, RunPlan
from auxhead.progress import silent
from auxhead.shipping.cost import build
from auxhead.shipping.counts import Counts
from auxhead.training.begin_or_resume import begin, resume
from auxhead.training.launch import run_folder
from auxhead.training.model_check import check_arguments, check_model
from auxhead.training.result import RESULT_FILE, read_result
from auxhead.training.resuming.asked import OBEYED
from auxhead.training.teaching.check import (
    GRID,
    noted,
    require_levels,
    require_sizes,
    teacher_spec,
    whole_cells,
    with_spec,
)

PLACE = {"project", "name", "exist_ok", "save_dir", "resume"}
"""Arguments of Ultralytics' that say where a run goes."""

NO_MATTER = {*PLACE, "cache", "device", "plots", "save_period", "verbose", "workers"}
"""Arguments that don't make another teacher: where it is trained, on what, and what else is written."""

DIGITS = 12  # of the hash in a folder's name. Source: own choice; two of a thousand teachers share them once in 10^8
FROM = ("model", "pretrained")  # arguments that name what a training starts from


@dataclass(frozen=True)
class OwnTeacher:
    """A teacher that a run trains first.

    Attributes:
        folder: Of its training, beside the student's run; its name holds a hash of the keys and the data.
        plan: What its training adds to Ultralytics' arguments.
        arguments: Ultralytics' arguments of its training.
        cost: Operations for a picture; None where they can't be counted yet.
    """

    folder: Path
    plan: RunPlan
    arguments: Mapping[str, Any]
    cost: StepCost | None

    @property
    def state(self) -> str:
        """How far its training is: finished, begun or new."""
        if (self.folder / RESULT_FILE).is_file():
            return "finished"
        return "begun" if (self.folder / PLAN_FILE).is_file() else "new"

    def said(self) -> list[str]:
        """Say what is trained first, where, and what it takes."""
        asked = in_force(self.arguments)
        about = f"{asked['model']} at imgsz={asked['imgsz']}, epochs={asked['epochs']}, batch={asked['batch']}"
        if self.state == "finished":
            lines = [f"The teacher is trained already: {self.folder} ({about})"]
        elif self.state == "begun":
            lines = [f"The teacher goes on first: {self.folder} ({about})"]
        else:
            lines = [f"The teacher is trained first: {about}, in {self.folder}"]
        if self.cost and self.state == "finished":
            lines.append(
                f"A step of the student takes about {times(self.cost.ratio)} the operations of one without a teacher. "
                "An estimate; no time was measured."
            )
        elif self.cost:
            lines.append(
                f"Both trainings take about {times(self.cost.with_its_training)} the operations of training the "
                f"student alone, that of the teacher {times(self.cost.teacher / self.cost.student)}. An estimate; no "
                "time was measured."
            )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        cost = self.cost and {**asdict(self.cost), "with_its_training": self.cost.with_its_training}
        arguments = dict(self.arguments)
        return {
            "folder": str(self.folder),
            "state": self.state,
            "arguments": arguments,
            "cost": cost,
            "said": self.said(),
        }


def own_teacher(plan: RunPlan, arguments: Mapping[str, Any]) -> OwnTeacher | None:
    """Check the training of a teacher that is to be trained first, as far as it goes without training.

    Args:
        plan: What the student's run was asked for.
        arguments: Ultralytics' arguments of the student's run, its data checked.

    Returns:
        What would be trained; None where no teacher is to be trained.

    Raises:
        ConfigError: Sizes, epochs or levels don't suit a teacher, or it would be the student itself.
        DataError: The data can't be used, or crops= would show the teacher nothing new.
        ModelError: One of the two models is none that can be trained.
    """
    spec = teacher_spec(plan)
    if spec is None or not spec.automatic:
        return None
    if spec.scale == 1 and spec.model == str(arguments["model"]):
        fix = "add teacher.scale=2, or name another teacher.model="
        raise ConfigError("a teacher that sees more than its student", NOTHING_MORE, "heads=teacher", fix)
    check_model(arguments, plan)
    own = replace(plan, heads={})
    theirs = {key: value for key, value in arguments.items() if key not in PLACE}
    theirs["model"] = spec.model or arguments["model"]
    if str(theirs["model"]).endswith(".pt") and theirs["model"] != arguments["model"]:
        theirs.pop("pretrained", None)  # what the student starts from would take the place of the teacher's own weights
    check_arguments(theirs, own.heads)
    check_model(theirs, own)
    student, teacher = (_network(str(given["model"])) for given in (arguments, theirs))
    grid = max(GRID, int(max(_strides(student)))) if student else GRID
    imgsz = whole_cells(in_force(arguments)["imgsz"], grid)
    theirs["imgsz"] = spec.scale * imgsz
    if student and teacher:
        require_sizes(spec, in_force(arguments), _strides(teacher), grid)
        require_levels(spec, _strides(teacher), _strides(student))
    data = read_data(str(arguments["data"]))
    check_views(own, data, theirs, list_images(data["train"]))
    LOGGER.info("Hashing keys, pictures and labels, by which a trained teacher is found again")
    folder = run_folder(arguments).parent / f"teacher-{_identity(own, theirs, data)[:DIGITS]}"
    return OwnTeacher(folder, own, theirs, _cost(student, teacher, imgsz, spec.scale))


def with_own_teacher(plan: RunPlan, arguments: Mapping[str, Any]) -> RunPlan:
    """Train a run's teacher, go on with its training, or find it trained; then note it as one that was given.

    Args:
        plan: What the student's run was asked for; without a teacher to be trained it comes back as it is.
        arguments: Ultralytics' arguments of the student's run, its data checked.

    Raises:
        AuxHeadError: As `own_teacher`, and whatever a training raises.
        ModelError: The weights of a finished teacher are gone, or others.
    """
    spec = teacher_spec(plan)
    if spec is None or not spec.automatic:
        return plan
    for name in {str(spec.model), *(str(arguments.get(key)) for key in FROM)}:
        fetch_weights(name)  # their content says which teacher it is
    first = own_teacher(plan, arguments)
    if first is None:
        return plan
    for line in first.said():
        LOGGER.info(line)
    if first.state != "finished":
        _train(first, trust=plan.trust)
    file, digest = _finished(first.folder)
    return with_spec(plan, noted(spec.model_copy(update={"model": None}), file, digest))


def _train(first: OwnTeacher, *, trust: bool) -> None:
    """Train a teacher to its end, from whatever moment its folder was left at."""
    try:
        if first.state == "begun":
            asked = {key: first.arguments[key] for key in sorted(NO_MATTER & {*OBEYED}) if key in first.arguments}
            resume({**asked, "resume": str(first.folder), **({"trust": True} if trust else {})}, None)
        else:
            begin(first.plan, {**first.arguments, "save_dir": str(first.folder)})
    except KeyboardInterrupt:
        LOGGER.info("the teacher is not finished: the same command as before goes on with it, then trains the student")
        raise
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()  # batch=-1 takes what it sees as free


def _finished(folder: Path) -> tuple[Path, str]:
    """Return the weights of a finished teacher and their SHA-256.

    Raises:
        ModelError: They are gone, or not those that its training has left.
    """
    result = read_result(folder)
    digest = sha256(result.best) if result.best.is_file() else None
    if digest is None or digest != result.certificate.sha256:
        raise ModelError(
            expected=f"the teacher that was trained here (SHA-256 {result.certificate.sha256})",
            found="no such file" if digest is None else f"another file (SHA-256 {digest})",
            where=str(result.best),
            fix=f"bring it back, or remove {folder} to train it anew",
        )
    return result.best, digest


def _network(model: str) -> DetectionModel | None:
    """Build or open a model; None for weights that Ultralytics has still to download."""
    return None if model.endswith(".pt") and weights_file(model) is None else build(model, None, None)


def _strides(network: DetectionModel) -> tuple[float, ...]:
    return tuple(map(float, network.stride))


def _cost(student: DetectionModel | None, teacher: DetectionModel | None, imgsz: int, scale: int) -> StepCost | None:
    """Count what a picture takes of both; None where that can't be done."""
    if student is None or teacher is None:
        return None
    cost = StepCost(Counts.of(teacher, scale * imgsz).gflops, Counts.of(student, imgsz).gflops)
    return cost if cost.teacher and cost.student else None  # 0: Ultralytics can't count them


def _identity(plan: RunPlan, arguments: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Hash what a teacher is made from: keys that aren't at their defaults, what it starts from, and the data."""
    defaults, every = in_force({}), in_force(arguments)
    keys = {key: value for key, value in every.items() if key not in {*NO_MATTER, *FROM, "data"}}
    splits = ("train", str(every["split"]))
    made_from = {
        "keys": {key: value for key, value in keys.items() if value != defaults.get(key)},
        "from": {key: _content(every[key]) for key in FROM},
        "plan": plan.to_dict(),
        "data": data_hash(read_source(str(arguments["data"])), silent, splits),
        "entries": {key: data[key] for key in data if key not in {*SPLITS, "path", "yaml_file", "download"}},
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).hexdigest()


def _content(name: Any) -> Any:
    """Say what a model or weights are, wherever they lie."""
    if not isinstance(name, (str, Path)):
        return name
    if Path(name).suffix == ".pt":
        file = weights_file(name)
        return sha256(file) if file else str(name)
    described = yaml_model_load(ready_made(name))
    return {key: value for key, value in described.items() if key != "yaml_file"}
