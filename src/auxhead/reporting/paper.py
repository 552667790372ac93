"""Pictures of their own, as PNG: the style of the pages in their light colors."""

from __future__ import annotations

from contextlib import AbstractContextManager
from io import BytesIO

from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from auxhead.reporting.arm_styles import COLORS
from auxhead.reporting.inline_svg import GRID, GROUND, INK, QUIET, STYLE, drawing

LIGHT = {INK: "#1c2024", QUIET: "#5c636b", GRID: "#e6e6e3", GROUND: "#ffffff"}  # Source: report.css, :root
SHARP = 110  # pixels an inch, of which the pages have 72

PAPER = {key: LIGHT.get(value, value) if isinstance(value, str) else value for key, value in STYLE.items()} | {
    "axes.prop_cycle": cycler(color=[light for light, _ in COLORS]),
    "figure.dpi": SHARP,
    "figure.facecolor": LIGHT[GROUND],
    "legend.frameon": False,
}


def on_paper() -> AbstractContextManager[None]:
    """Draw in the pages' light colors, whatever the user's own matplotlib settings are."""
    return drawing(PAPER)


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG; to be called where it was drawn, `on_paper`."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
