"""What to do with a detector that has just been trained: command lines of ours and of Ultralytics, with its paths."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auxhead.errors import ConfigError
from auxhead.keys.reading import read_file

if TYPE_CHECKING:
    from auxhead.training.result import TrainResult

NAMED = re.compile(r"(yolo[a-z]*\d+[a-z]*)(?:-(p2|ghost-p2|p234|p234-down))?")
"""Detectors that a comparison can vary by their names, and the variants that are ready-made arms."""


def next_steps(result: TrainResult, keys: Mapping[str, Any]) -> list[str]:
    """Write the lines to go on with, ready to be pasted into a shell.

    Args:
        result: What the training has left.
        keys: What it was asked for; a resume's are completed from the run.
    """
    run = _of_run(result.save_dir)
    asked = {**run, **keys}
    data, best = str(asked.get("data", "DATA.yaml")), str(result.best)
    lines = [
        ["auxhead", "evaluate", best, f"data={data}"],
        ["auxhead", "compare", *_comparison(asked, data)],
        ["yolo", "predict", f"model={best}", f"source={_pictures(data, str(run.get('data')))}"],
        ["yolo", "export", f"model={best}", "format=onnx"],
    ]
    return [shlex.join(line) for line in lines if len(line) > 2]


def _of_run(folder: Path) -> dict[str, Any]:
    """Read what Ultralytics has noted of a run."""
    try:
        return read_file(folder / "args.yaml")
    except ConfigError:  # nothing that a line to paste would be worth an error
        return {}


def _comparison(asked: Mapping[str, Any], data: str) -> list[str]:
    """Write what tells whether the choice made pays: a head, a layout, or, of a usual detector, other layouts."""
    named = NAMED.fullmatch(Path(str(asked.get("model"))).stem)
    if not named:
        return []
    base, variant = named.groups()
    start = str(asked.get("pretrained"))
    model = start if variant and start.endswith(".pt") else f"{base}{Path(str(asked['model'])).suffix or '.yaml'}"
    arm = variant or ("center" if asked.get("heads") == "center" else None)
    shared = [f"{key}={asked[key]}" for key in ("epochs", "imgsz") if key in asked]
    return [*([f"data={data}", f"arms=plain,{arm}"] if arm else ["price", f"data={data}"]), f"model={model}", *shared]


def _pictures(*data: str) -> str:
    """Name the folder of the validation pictures, if one of these files says where it is."""
    for file in data:
        try:
            content = read_file(file)
        except ConfigError:
            continue
        folder = Path(file).parent / str(content.get("path") or "") / str(content.get("val"))
        if folder.is_dir():
            return str(folder)
    return "PICTURES"
