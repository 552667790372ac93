"""Put the page together: template, style, script, figures, pictures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from auxhead.formats import finite, printable
from auxhead.reporting.arm_charts import FIGURES, band_measure
from auxhead.reporting.arm_styles import all_arms, color_rules, looks
from auxhead.reporting.crops import HEIGHT, WIDTH
from auxhead.reporting.curve_charts import FIGURES as LINES
from auxhead.reporting.inline_svg import Drawing, drawing
from auxhead.reporting.picture_wall import Wall
from auxhead.reporting.tables import BADGES, tables
from auxhead.reporting.typography import FILTERS, NOTHING


def figures(analysis: Mapping[str, Any]) -> dict[str, Drawing | None]:
    """Draw all figures.

    Args:
        analysis: The report's numbers.

    Returns:
        forest, cost, screening, bands, curves and precision; None where there is nothing to draw yet.
    """
    arms = looks(all_arms(analysis), analysis["control"])
    with drawing():
        return {name: make(analysis, arms) for name, make in {**FIGURES, **LINES}.items()}


def page(analysis: Mapping[str, Any], drawings: Mapping[str, Drawing | None], wall: Wall) -> str:
    """Write the page.

    Args:
        analysis: The report's numbers.
        drawings: The figures, by name.
        wall: The pictures.

    Returns:
        The HTML. Whatever comes from the user's files is escaped, and no script but the page's own is allowed to run.
    """
    script = _read("report.js")
    template = _environment().from_string(_read("report.html.j2"))
    return template.render(
        analysis=analysis,
        badges=BADGES,
        band_measure=band_measure(analysis),
        dash=NOTHING,
        drawings=drawings,
        dark=color_rules(dark=True),
        light=color_rules(dark=False),
        looks=looks(all_arms(analysis), analysis["control"]),
        picture=(WIDTH, HEIGHT),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=_read("report.css"),
        wall=wall,
        **tables(analysis),
    )


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, finalize=_shown, lstrip_blocks=True, trim_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {function.__name__: function for function in FILTERS}
    return environment


def _shown(value: Any) -> Any:
    """Make what was not measured a dash, and text printable."""
    if value is None or isinstance(value, float):
        return NOTHING if finite(value) is None else f"{value:g}"
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _read(name: str) -> str:
    return files("auxhead.reporting").joinpath(name).read_text(encoding="utf-8")
