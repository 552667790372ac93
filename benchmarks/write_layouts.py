"""Write the ready-made layouts from Ultralytics' own YAMLs.

uv run python benchmarks/write_layouts.py            # the files
uv run python benchmarks/write_layouts.py slim       # search the widths of SLIM anew, and print them
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from ultralytics.nn.tasks import yaml_model_load

from auxhead.errors import ModelError
from auxhead.files import write_atomic
from auxhead.layouts.layout import Layout, build, take_apart
from auxhead.layouts.ready_made import FAMILIES, FOLDER
from auxhead.layouts.sheet import text

LEVELS = (2, 3, 4)
REG_MAX = 8  # P4 tells sides up to 2 x 8 x 16 = 256 px with it, P3 128. Source: own choice; most small-object data fit
WITHOUT_P3 = ("yolov9c",)  # at equal GFLOPs its images could be 1.02 times as large
WITHOUT_P2 = ("yolov5", "yolo11", "yolo12")  # families of which Ultralytics has no P2 model

LARGER = 1.5  # image size that slim models are for, times the usual. Source: as the arm `larger`
CLASSES, USUAL = 10, 640  # what GFLOPs are compared at. Source: own choice; with many more classes slim ones cost more
SLIM: dict[str, dict[str, float]] = {
    "yolov5": {"n": 0.5, "s": 0.62, "m": 0.62, "l": 0.64, "x": 0.65},
    "yolov8": {"n": 0.5, "s": 0.62, "m": 0.63, "l": 0.65, "x": 0.65},
    "yolo11": {"n": 0.5, "s": 0.62, "m": 0.64, "l": 0.64, "x": 0.65},
    "yolo26": {"n": 0.56, "s": 0.62, "m": 0.65, "l": 0.65, "x": 0.65},
}
"""Factors on each size's widths with which an image 1.5 times as large costs no more GFLOPs. Source: slim_width."""


def sheets() -> dict[str, str]:
    """Return the text of every file, by its name."""
    found = {}
    for family in FAMILIES:
        stock = yaml_model_load(f"{family}n.yaml" if family[-1].isdigit() else f"{family}.yaml")
        roles, _ = take_apart(stock, family)
        bins = None if stock.get("reg_max") == 1 else REG_MAX
        for up_again in (True, False):
            layout = Layout(LEVELS, up_again, bins)
            name = f"{family}-{layout.name}"
            found[f"{name}.yaml"] = text(build(roles, layout, family), _comment(family, name, up_again=up_again))
        if family not in WITHOUT_P3:
            p3 = build(roles, Layout((3,), True, bins), family)
            found[f"{family}-p3.yaml"] = text(p3, _p3_comment(family))
        if family in WITHOUT_P2:
            p2 = build(roles, Layout((2, 3, 4, 5), True, None), family)
            found[f"{family}-p2.yaml"] = text(p2, _p2_comment(family))
        if family in SLIM:
            content = build(roles, Layout((3, 4, 5), True, stock.get("reg_max")), family)
            found[f"{family}-slim.yaml"] = text(_slimmed(content, SLIM[family]), _slim_comment(family))
    return found


def _slimmed(content: dict[str, Any], factors: dict[str, float]) -> dict[str, Any]:
    """Multiply the width of each size by its factor."""
    scales = {
        size: [depth, round(wide * factors[size], 4), most] for size, (depth, wide, most) in content["scales"].items()
    }
    return {**content, "scales": scales}


def slim_width(family: str, size: str) -> float:
    """Return the largest factor, in hundredths, at which a larger image costs no more GFLOPs."""
    from auxhead.shipping.cost import built, count

    stock = yaml_model_load(f"{family}{size}.yaml")
    roles, _ = take_apart(stock, family)
    content = build(roles, Layout((3, 4, 5), True, stock.get("reg_max")), family)

    def gflops(described: dict[str, Any], imgsz: int) -> float:
        model = built(family, {**described, "scale": size}, CLASSES, None)
        return count(model.fuse(verbose=False).eval(), imgsz).gflops

    most = gflops(content, USUAL)
    for hundredths in range(round(100 / LARGER) + 3, 30, -1):  # FLOPs fall with both sides and both channel counts
        slim = _slimmed(content, dict.fromkeys(content["scales"], hundredths / 100))
        with suppress(ModelError):  # attention can't be split into its heads at every width
            if gflops(slim, round(USUAL * LARGER)) <= most:
                return hundredths / 100
    raise ModelError("a width that is cheap enough", "none above 0.3", f"{family}{size}", "leave the family out")


def _p2_comment(family: str) -> str:
    """Say what a P2 file is."""
    return (
        f"{family}-p2: Ultralytics' {family}.yaml (AGPL-3.0) with P2 (stride 4) on top, as its yolov8-p2.yaml has it.\n"
        f"Train it with: auxhead train model={family}n-p2.yaml data=..."
    )


def _p3_comment(family: str) -> str:
    """Say what a P3 file is."""
    sized = f"{family}n" if family[-1].isdigit() else family
    return (
        f"{family}-p3: a detector for small objects in larger images, cut from Ultralytics' {family}.yaml (AGPL-3.0)\n"
        f"Stock modules only: the backbone up to P3 (stride 8), no neck. A cell sees little around it.\n"
        f"Train it on images so large that it costs what {sized} does: auxhead train model={sized}-p3.yaml data=..."
    )


def _slim_comment(family: str) -> str:
    """Say what a slim file is."""
    return (
        f"{family}-slim: Ultralytics' {family}.yaml (AGPL-3.0) with fewer channels: for images 1.5 times as large at\n"
        f"about the same GFLOPs (counted with {CLASSES} classes).\n"
        f"Train it with: auxhead train model={family}n-slim.yaml imgsz=960 data=..."
    )


def _comment(family: str, name: str, *, up_again: bool) -> str:
    """Say what a file is."""
    sized = name.replace(family, f"{family}n") if family[-1].isdigit() else name
    paths = "both paths of the neck" if up_again else "the neck's path down only"
    return (
        f"{name}: a detector for small objects, cut from Ultralytics' {family}.yaml (AGPL-3.0)\n"
        f"Stock modules only: levels P2, P3, P4 (strides 4, 8, 16), {paths}, no stage of stride 32.\n"
        f"Train it with: auxhead train model={sized}.yaml data=..."
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["slim"]:
        for family in SLIM:
            print(family, {size: slim_width(family, size) for size in "nsmlx"}, flush=True)
        sys.exit()
    FOLDER.mkdir(exist_ok=True)
    for name, content in sheets().items():
        write_atomic(FOLDER / name, content.encode())
        print(FOLDER / name)
