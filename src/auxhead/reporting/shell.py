"""What all pages are made in: templates that escape, one style, one script, colors for light and dark."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from auxhead.formats import finite, printable
from auxhead.reporting.arm_styles import color_rules
from auxhead.reporting.crops import HEIGHT, WIDTH
from auxhead.reporting.typography import FILTERS, NOTHING


def rendered(template: str, **content: Any) -> str:
    """Write a page.

    Args:
        template: Its file, below the folder of this module; it includes `head.html.j2`.
        **content: What it shows. All but what comes from here is escaped.

    Returns:
        The HTML, which needs no other file; no script but the pages' own is allowed to run in it.
    """
    script = _read("report.js")
    return (
        _environment()
        .get_template(template)
        .render(
            dash=NOTHING,
            dark=color_rules(dark=True),
            light=color_rules(dark=False),
            picture=(WIDTH, HEIGHT),
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            style=_read("report.css"),
            **content,
        )
    )


@cache  # it holds the compiled templates
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=_shown,
        loader=FunctionLoader(_read),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
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
