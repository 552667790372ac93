"""How results show themselves in a notebook: the tables and lines that the command line prints, as plain HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from auxhead.formats import printable


class Shown(NamedTuple):
    """A table.

    Attributes:
        rows: Cells, the first row being the head; the first column stands to the left, numbers to the right.
        title: Printed above.
    """

    rows: Sequence[Sequence[str]]
    title: str = ""


TEMPLATE = """\
{%- set line = "margin: 0.3em 0; white-space: pre-wrap; text-align: left" -%}
<div style="max-width: 100%; overflow-x: auto">
{%- for part in parts %}
{%- if part is string %}
<div style="{{ line }}{% if '\\n' in part %}; font-family: monospace{% endif %}">{{ part }}</div>
{%- else %}
{%- if part.title %}
<div style="{{ line }}; font-weight: bold">{{ part.title }}</div>
{%- endif %}
<table style="border-collapse: collapse">
{%- for row in part.rows %}
{%- set cell = "th" if loop.first else "td" %}
<tr>
{%- for text in row -%}
<{{ cell }} style="padding: 0.2em 0.8em; text-align: {{ 'left' if loop.first else 'right' }}">{{ text }}</{{ cell }}>
{%- endfor -%}
</tr>
{%- endfor %}
</table>
{%- endif %}
{%- endfor %}
</div>"""
"""Has no colors of its own: those of the notebook hold, by day and by night."""


class InNotebooks:
    """A result that a notebook shows as a table."""

    def _shown(self) -> Iterable[str | Shown]:
        """Return what the command line prints: lines, and tables."""
        raise NotImplementedError

    def _repr_html_(self) -> str | None:
        """Return the HTML that Jupyter asks for; None, and it shows the text, where that can't be made.

        Source:
            IPython, "Integrating your objects with IPython", rich display.
        """
        try:
            from jinja2 import Environment

            return printable(Environment(autoescape=True).from_string(TEMPLATE).render(parts=list(self._shown())))
        except Exception:  # noqa: BLE001  a look at a result must not hide it
            return None
