"""Layouts that come with the library, found by names like Ultralytics' own: yolov8n-p234.yaml."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "cfg"
"""Their YAMLs, one for all sizes of a family. Source: written by benchmarks/write_layouts.py."""

FAMILIES = ("yolov5", "yolov8", "yolov9t", "yolov9s", "yolov9m", "yolov9c", "yolo11", "yolo12", "yolo26")
"""Detectors of Ultralytics that they are cut from."""

LAYOUTS = ("p234", "p234-down", "p3", "slim", "p2")
"""What they are called. p3 and slim are for larger images: p3 is the backbone up to stride 8, slim the usual layout
with fewer channels. p2 stands here where Ultralytics has none."""

SIZES = "nsmlx"


def ready_made(model: str | Path) -> str:
    """Return the file of a ready-made layout.

    Args:
        model: A name such as yolov8n-p234.yaml, or anything else that names a model.

    Returns:
        Where Ultralytics finds the YAML and its size; anything but a ready-made layout comes back as it is, also a
        file of the user's that has the name of one.
    """
    name = Path(model)
    if str(model) != name.name or name.suffix not in {".yaml", ".yml"} or name.is_file() or all_sizes(name).is_file():
        return str(model)
    inside = FOLDER / f"{name.stem}.yaml"
    return str(inside) if inside.is_file() or all_sizes(inside).is_file() else str(model)


def names() -> list[str]:
    """List the names of ready-made layouts, every size of them, without .yaml."""
    found = []
    for family in FAMILIES:
        sizes = SIZES if family[-1].isdigit() else [""]
        found += [f"{family}{size}-{layout}" for size in sizes for layout in LAYOUTS]
    return [name for name in found if ready_made(f"{name}.yaml") != f"{name}.yaml"]  # not every family has all


def all_sizes(path: Path) -> Path:
    """Name the file that has all sizes, by Ultralytics' rule: yolov8n-p234.yaml and yolov8-p234.yaml."""
    return path.with_name(re.sub(r"(\d+)([nslmx])(?=[-.])", r"\1", path.name))
