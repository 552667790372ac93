"""Which run to go on with, and what is asked of it: everything that is checked before anything is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER

from auxhead.errors import AuxHeadError, ResumeError
from auxhead.foreign.beside import as_yolo
from auxhead.formats import require_text
from auxhead.host.bar import bar
from auxhead.keys.augmentation import AUGMENTATION_KEYS
from auxhead.keys.train import OF_RESUME, TrainKeys
from auxhead.model.choices import PLAN_FILE, RunPlan
from auxhead.training.resolve import resolve
from auxhead.training.result import RESULT_FILE
from auxhead.training.resuming.asked import check_asked, require_data, saved_arguments
from auxhead.training.teaching.check import found_again


@dataclass(frozen=True)
class Chosen:
    """A run that may be gone on with.

    Attributes:
        run: Its folder.
        plan: What it noted at its start, and what is trusted now.
        saved: Its own arguments; `data` is the detection data set, also where its labels were converted.
        asked: Ultralytics' arguments that were given now.
    """

    run: Path
    plan: RunPlan
    saved: Mapping[str, Any]
    asked: Mapping[str, Any]


def find_run(resume: str) -> Path:
    """Find the folder of a run by itself or by a file in `weights/`.

    Raises:
        ResumeError: No run of ours has begun there.
        OutputError: Its path can't be written down.
    """
    run = Path(resume)
    run = run.absolute().parents[1] if run.is_file() else run
    if not (run / PLAN_FILE).is_file():
        raise ResumeError(
            expected=f"the folder of a run of auxhead, with {PLAN_FILE} in it",
            found="no such folder" if not run.is_dir() else f"a folder without {PLAN_FILE}",
            where=str(run),
            fix="name the folder that the run printed at its start (resume=runs/detect/train); where its teacher was "
            "still being trained (teacher.weights=auto), give the command of its start again",
        )
    require_text(run)
    return run


def choose(run: Path, keys: Mapping[str, Any]) -> Chosen:
    """Check that a run can be gone on with, and with these keys.

    Args:
        run: Its folder.
        keys: Keys as typed, without `resume`.

    Raises:
        ConfigError: A key is unknown or its value wrong.
        DataError: Data named in place of the run's can't be read.
        ResumeError: It is finished, its files are damaged, its data or its teacher are gone, or keys can't be obeyed.
    """
    if (run / RESULT_FILE).is_file():
        raise ResumeError("an unfinished run", "a finished one", str(run), "start a new run")
    moved = {key: keys[key] for key in OF_RESUME if key in keys}
    keys = {key: value for key, value in keys.items() if key not in moved}
    own = {*TrainKeys.model_fields, *AUGMENTATION_KEYS} - {"trust"}
    ours = sorted(key for key in keys if key in own or "." in key)
    if ours:
        raise ResumeError(
            "keys of Ultralytics only", ", ".join(ours), str(run), "leave them out; the run keeps its own"
        )
    given, arguments = resolve({"heads": "none", **keys})
    asked = {key: arguments[key] for key in keys if key in arguments}
    plan = replace(_read_plan(run), trust=given.trust, other_data="data" in asked)
    plan = found_again(plan, run, moved.get("teacher.weights"))
    if "data" in asked:
        asked["data"] = as_yolo(str(asked["data"]), on_error=plan.on_error, progress=bar("Converting"), say=LOGGER.info)
    saved = saved_arguments(run)
    saved["data"] = plan.source or saved["data"]
    check_asked(run, asked, saved)
    require_data(run, str(asked.get("data") or saved["data"]), asked="data" in asked)
    return Chosen(run, plan, saved, asked)


def _read_plan(run: Path) -> RunPlan:
    path = run / PLAN_FILE
    try:
        return RunPlan.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        found = error.found if isinstance(error, AuxHeadError) else repr(error)
        raise ResumeError("the keys of a run, as auxhead wrote them", found, str(path), "start a new run") from error
