"""The keys that editors complete are those that the commands check, with types that these take."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import auxhead
from auxhead.keys.augmentation import AUGMENTATION_KEYS
from auxhead.keys.compare import CompareKeys, PlanKeys, ReportKeys
from auxhead.keys.convert import ConvertKeys
from auxhead.keys.design import DesignKeys
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.keys.heads.teacher_check import TeacherCheckKeys
from auxhead.keys.host import EXTRA_KEYS, host_defaults
from auxhead.keys.reading import Keys
from auxhead.keys.train import TrainKeys
from auxhead.keys.words import typed

OF_ULTRALYTICS = (host_defaults().keys() | EXTRA_KEYS) - {"task", "mode", "data", "split", "resume", "cfg"}
"""Without those that are always the same in a training, stand elsewhere, or are for the command line."""

FUNCTIONS: dict[str, tuple[Any, list[type[Keys]], set[str], set[str]]] = {
    "convert": (typed.ConvertWords, [ConvertKeys], {"data"}, set()),
    "design": (typed.DesignWords, [DesignKeys], {"data"}, set()),
    "evaluate": (typed.EvaluateWords, [EvaluateKeys], set(), set()),
    "teacher_check": (typed.TeacherCheckWords, [TeacherCheckKeys], set(), set()),
    "report": (typed.ReportWords, [ReportKeys], {"folder"}, set()),
    "trainer": (typed.TrainerWords, [TrainKeys], set(), {*AUGMENTATION_KEYS}),
    "train": (typed.TrainWords, [TrainKeys], set(), {*AUGMENTATION_KEYS, "resume", *OF_ULTRALYTICS}),
    "compare": (
        typed.CompareWords,
        [TrainKeys, PlanKeys, CompareKeys],
        set(),
        {*AUGMENTATION_KEYS, "resume", *OF_ULTRALYTICS},
    ),
}
"""Functions: their type, the models of their keys, keys that are parameters of their own, and other keys."""


def members(annotation: Any) -> set[Any]:
    return set(get_args(annotation)) if get_origin(annotation) in {Union, UnionType} else {annotation}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_types_have_every_key_and_take_what_the_models_take(name: str) -> None:
    words, models, own, more = FUNCTIONS[name]
    hints = get_type_hints(words)
    fields = {key: field for model in models for key, field in model.model_fields.items()}
    assert hints.keys() == (fields.keys() | more) - own
    for key in fields.keys() - own - {"arms"}:  # any mapping does for those
        assert members(fields[key].annotation) <= members(hints[key]), key
    keys = inspect.signature(getattr(auxhead, name)).parameters["keys"]
    assert keys.annotation == f"Unpack[{words.__name__}]"


CALLS = """
import auxhead
auxhead.train("signs.yaml", model="yolov8n.pt", epochs=3, heads={"center": {"gain": 6}}, flips={"left": "right"})
auxhead.evaluate("best.pt", data="signs.yaml", bands="coco", slices=640)
auxhead.compare(data="signs.yaml", arms=["plain", "p234"], seeds="0-4", epochs=100)
auxhead.evaluate("best.pt", data="signs.yaml", resample=5)
auxhead.train("signs.yaml", epoch=3)
auxhead.convert("signs.yaml", out="new", to="poses")
"""


@pytest.mark.slow
def test_a_type_checker_finds_what_is_mistyped(tmp_path: Path) -> None:
    (tmp_path / "calls.py").write_text(CALLS)
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--ignore-missing-imports", "calls.py"]
    source = Path(auxhead.__file__).parents[1]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache")],
        cwd=tmp_path,
        env={"MYPYPATH": str(source), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line]
    assert found == ["6", "7", "8"], done.stdout + done.stderr
