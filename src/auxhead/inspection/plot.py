"""One picture of a data set: how large its boxes are, how many each class has, what shape they have."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from auxhead.files import write_atomic
from auxhead.formats import printable
from auxhead.inspection.charts import COLORS, bars, draw_classes, draw_shapes, draw_sizes
from auxhead.inspection.result import Inspection
from auxhead.reporting.paper import on_paper, png


def plot_inspection(inspection: Inspection, path: Path) -> None:
    """Draw sizes, classes and shapes of the boxes of all splits into a PNG.

    Args:
        inspection: What to draw. A data set without boxes gives empty axes that say so.
        path: Where the picture shall be; a file that stands there is replaced.

    Raises:
        OutputError: It can't be written.
    """
    with on_paper():
        write_atomic(path, png(_figure(inspection)))


def _figure(inspection: Inspection) -> Figure:
    figure = Figure(figsize=(16, max(5.2, 1.6 + 0.24 * bars(inspection))), layout="constrained")
    title = f"{Path(inspection.data).parent.name}/{Path(inspection.data).name} at imgsz={inspection.imgsz}"
    figure.suptitle(printable(title), fontsize=15, weight="bold")
    sizes, classes, shapes = figure.subplots(1, 3, width_ratios=[1.1, 1, 1.1])
    if any(split.boxes for split in inspection.splits.values()):
        draw_sizes(sizes, inspection)
        draw_classes(classes, inspection)
        draw_shapes(shapes, inspection)
        sizes.set_title("Sizes; dashed: a cell of each level,\nand how many boxes are smaller")
        classes.set_title("Boxes of each class")
        shapes.set_title("Shapes; line: square")
        keys = [
            Patch(facecolor=COLORS[name], label=f"{name} ({split.boxes:,})")
            for name, split in inspection.splits.items()
        ]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    else:
        for axes in (sizes, classes, shapes):
            axes.set_axis_off()
            style = {"ha": "center", "va": "center", "fontsize": 14, "color": rcParams["axes.edgecolor"]}
            axes.text(0.5, 0.5, "no boxes", **style)
    return figure
