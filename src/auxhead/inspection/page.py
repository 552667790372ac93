"""The page of an inspection: what stands out, sizes, classes, shapes, near copies, what is worth setting."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auxhead._version import __version__
from auxhead.formats import listed, percent, plain, plural
from auxhead.inspection.boxes import STRIDES
from auxhead.inspection.charts import bars, draw_classes, draw_shapes, draw_sizes
from auxhead.inspection.result import Inspection
from auxhead.inspection.tables import findings, table
from auxhead.reporting.chart_parts import panels
from auxhead.reporting.inline_svg import Drawing, draw, drawing
from auxhead.reporting.shell import rendered

ROW = 26  # pixels of a class
MANY = 0.1  # share of the boxes that is worth a sentence. Source: own choice
SHORT = 14  # letters of a class on a phone


def page(inspection: Inspection, pairs: Path | None = None) -> str:
    """Write the page.

    Args:
        inspection: What was found.
        pairs: The picture of near copies, if there is one; it gets into the page.

    Returns:
        The HTML, which needs no other file. Whatever comes from the user's files is escaped.
    """
    return rendered(
        "inspection.html.j2",
        title=f"{Path(inspection.data).parent.name} · data set",
        name=f"{Path(inspection.data).parent.name}/{Path(inspection.data).name}",
        answer=answer(inspection),
        command=shlex.join(["auxhead", "inspect", f"data={inspection.data}", f"imgsz={inspection.imgsz}"]),
        drawings=figures(inspection),
        findings=grouped(findings(inspection)),
        imgsz=inspection.imgsz,
        lead=lead(inspection),
        looks={},
        numbers=table(inspection),
        pairs=base64.b64encode(pairs.read_bytes()).decode() if pairs else "",
        splits={name: split.boxes for name, split in inspection.splits.items()},
        suggestions=[(f"{one.key}={one.value}", one.reason) for one in inspection.suggestions],
        version=__version__,
    )


def answer(inspection: Inspection) -> str:
    """Say in a line how small the boxes of the training split are."""
    train = inspection.splits["train"]
    if not train.boxes:
        return "The training split has no box, so nothing can be learned from it."
    half = (
        f"Half of the {train.boxes:,} boxes of train are below {plain(train.sizes.median)} px at {inspection.imgsz} px"
    )
    for stride in STRIDES:
        if (below := train.sizes.below_stride[str(stride)] or 0.0) >= MANY:
            return f"{half}; {percent(below)} are smaller than a cell of P{stride.bit_length() - 1} ({stride} px)."
    return f"{half}; hardly one is smaller than a cell of any level."


def lead(inspection: Inspection) -> str:
    """Say what was looked at."""
    splits = [
        f"{plural(split.images, 'image')} with {plural(split.boxes, 'box')} in {name}"
        for name, split in inspection.splits.items()
    ]
    return (
        f"{inspection.data}: {listed(splits)}, {plural(len(inspection.names), 'class')}. Measured in a letterbox of "
        f"{inspection.imgsz} px, without augmentation."
    )


def grouped(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Put lines that begin with spaces below the line that they belong to.

    >>> grouped(["a", "  b", "c"])
    [('a', ['b']), ('c', [])]
    """
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("  ") and found:
            found[-1][1].append(line.strip())
        else:
            found.append((line, []))
    return found


def figures(inspection: Inspection) -> Mapping[str, Drawing | None]:
    """Draw all figures: sizes, classes and shapes; None without a box."""
    if not any(split.boxes for split in inspection.splits.values()):
        return dict.fromkeys(("sizes", "classes", "shapes"))
    counts = {
        name: sum(split.per_class[place] for split in inspection.splits.values())
        for place, name in enumerate(inspection.names)
    }
    said = "; ".join(f"{name}: {one.sizes.median:.1f} px" for name, one in inspection.splits.items() if one.boxes)
    most = sorted(counts, key=lambda name: -counts[name])[:5]
    with drawing():
        return {
            "sizes": draw(
                "sizes", "Sizes of the boxes", f"Medians: {said}", partial(_one, inspection, draw_sizes, 360)
            ),
            "classes": draw(
                "classes",
                "Boxes of each class",
                ", ".join(f"{counts[name]:,} {name}" for name in most),
                partial(_classes, inspection),
            ),
            "shapes": draw(
                "shapes",
                "Widths and heights of the boxes",
                "How often each width meets each height.",
                partial(_one, inspection, draw_shapes, 440),
            ),
        }


def _one(inspection: Inspection, make: Callable[[Axes, Inspection], None], height: int, wide: bool) -> Figure:
    figure, (axes,) = panels(wide, height if wide else 320, width=760)
    make(axes, inspection)
    return figure


def _classes(inspection: Inspection, wide: bool) -> Figure:
    figure, (axes,) = panels(wide, ROW * max(bars(inspection), 5) + 60, width=760)
    draw_classes(axes, inspection, *(() if wide else (SHORT,)))
    return figure
