"""Put the page of a comparison together: numbers, figures, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auxhead.reporting.arm_charts import FIGURES, band_measure
from auxhead.reporting.arm_styles import all_arms, looks
from auxhead.reporting.curve_charts import FIGURES as LINES
from auxhead.reporting.curve_charts import curve_measure
from auxhead.reporting.inline_svg import Drawing, drawing
from auxhead.reporting.picture_wall import Wall
from auxhead.reporting.shell import rendered
from auxhead.reporting.tables import BADGES, FIRST_CLASSES, tables


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
    return rendered(
        "report.html.j2",
        analysis=analysis,
        badges=BADGES,
        band_measure=band_measure(analysis),
        curve_measure=curve_measure(analysis),
        drawings=drawings,
        first_classes=FIRST_CLASSES,
        looks=looks(all_arms(analysis), analysis["control"]),
        version=analysis["auxhead"],
        wall=wall,
        **tables(analysis),
    )
