"""Bring matplotlib's figures into the page: colors and fonts of the page, ids of their own, short numbers."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.rcsetup import cycler

from auxhead.formats import printable
from auxhead.reporting.arm_styles import COLORS

# Colors that stand for CSS variables until the figure is in the page.
INK, QUIET, GRID, GROUND = "#000001", "#000002", "#000003", "#000004"
VARIABLES: Mapping[str, str] = {INK: "--ink", QUIET: "--quiet", GRID: "--grid", GROUND: "--panel"}
DOTS = 72  # pixels of the page to an inch, so that matplotlib's points are the page's pixels


def arm_color(place: int) -> str:
    """Return the color that stands for an arm's CSS variable, place 0 to 255."""
    return f"#0001{place:02x}"


STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 13,
    "axes.linewidth": 1.0,
    "axes.prop_cycle": cycler(color=[arm_color(1 + place) for place in range(len(COLORS))]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "font.size": 13,
    "grid.color": GRID,
    "grid.linewidth": 1.0,
    "lines.linewidth": 2.0,
    "lines.markersize": 7,
    "svg.fonttype": "none",
    "svg.hashsalt": "auxhead",
    "text.color": INK,
    "text.parse_math": False,  # names may hold dollars
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 12,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 12,
}

_NUMBER = re.compile(r"-?\d+\.\d+")
_FAMILY = re.compile(r"font-family:[^;]*;?")
_FONT = re.compile(r"font: (.*?\d+(?:\.\d+)?px) [^;]*")
_USED = re.compile(r"(?:^|url\()#([^)]+)")
_COLOR = re.compile(r"#0000(?:0[1-4])|#0001[0-9a-f]{2}")
_GEOMETRY = ("d", "x", "y", "width", "height", "transform", "points", "cx", "cy", "r")


@dataclass(frozen=True)
class Drawing:
    """One figure in the two widths that the page shows it in.

    Attributes:
        wide: For screens and paper, as SVG.
        narrow: For phones.
    """

    wide: str
    narrow: str


@contextmanager
def drawing(style: Mapping[str, Any] = STYLE) -> Iterator[None]:
    """Ignore the user's own matplotlib settings, and warnings about letters that the fonts lack."""
    with matplotlib.style.context(["default", dict(style)]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def draw(name: str, title: str, text: str, make: Callable[[bool], Figure]) -> Drawing:
    """Draw a figure in both widths.

    Args:
        name: Of the figure, unique in the page; letters only.
        title: What screen readers call it.
        text: Description of the figure, which screen readers read out.
        make: Called as make(wide); draws the figure.
    """
    return Drawing(*(_inline(make(wide), f"{name}-{'wn'[not wide]}", title, text) for wide in (True, False)))


def _inline(figure: Figure, prefix: str, title: str, text: str) -> str:
    ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05).execute(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())  # noqa: S314  matplotlib wrote it
    _adopt(root, prefix)
    width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
    root.attrib.clear()
    root.attrib |= {
        "viewBox": f"0 0 {width:g} {height:g}",
        "class": "wide" if prefix.endswith("-w") else "narrow",
        "style": f"--width:{width:g}px" if prefix.endswith("-w") else "",
        "role": "img",
        "aria-labelledby": f"{prefix}-title",
        "aria-describedby": f"{prefix}-text",
    }
    for place, (tag, content) in enumerate((("title", title), ("desc", text))):
        element = ET.Element(tag, {"id": f"{prefix}-{'text' if place else 'title'}"})
        element.text = printable(content)
        root.insert(place, element)
    return ET.tostring(root, encoding="unicode")


def _adopt(root: ET.Element, prefix: str) -> None:
    """Take out what would reach beyond the figure, and rename what could meet its like in another one."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    used = {name for element in root.iter() for value in element.attrib.values() for name in _USED.findall(value)}
    for element in root.iter():
        element.tag = _local(element.tag)
        if element.tag not in {"text", "tspan"}:
            element.text = None
        element.tail = None
        changed = dict(_attributes(element.attrib, prefix, used))
        element.attrib.clear()
        element.attrib.update(changed)


def _attributes(given: Mapping[str, str], prefix: str, used: Collection[str]) -> Iterator[tuple[str, str]]:
    for key, value in given.items():
        name = _local(key)
        if name == "id":
            yield from [(name, f"{prefix}-{value}")] if value in used else ()
        elif name == "href":
            yield name, f"#{prefix}-{value[1:]}"
        elif name == "clip-path":
            yield name, value.replace("url(#", f"url(#{prefix}-")
        elif name == "style":
            style = _FAMILY.sub("", _FONT.sub(r"font-size: \1", _COLOR.sub(_variable, value)))
            yield name, style.replace(": ", ":").replace("; ", ";")
        else:
            yield name, " ".join(_NUMBER.sub(_rounded, value).split()) if name in _GEOMETRY else value


def _variable(found: re.Match[str]) -> str:
    color = found.group()
    return f"var({VARIABLES.get(color) or f'--arm-{int(color[5:], 16)}'})"


def _rounded(found: re.Match[str]) -> str:
    return f"{round(float(found.group()), 2):g}"


def _local(name: Any) -> str:
    return str(name).rpartition("}")[2]
