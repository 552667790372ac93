"""How arms look, the same in every figure and table: a color that CSS knows in light and dark, and a shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auxhead.formats import printable, shortened

# Source: own choice, found by search: every pair, and the control's gray, at least 7 apart (100 times the distance in
# Oklab) to normal, protan and deutan eyes (Machado et al., 2009), and a contrast of 3 to the ground (WCAG 2.2, 1.4.11).
CONTROL = ("#6B6F75", "#A3A8AE")
COLORS = (
    ("#0B5FCC", "#1E9BD2"),
    ("#DB7400", "#FF8B2E"),
    ("#2E9E78", "#3FE0A4"),
    ("#6A1B6E", "#FFA7F7"),
    ("#A3122A", "#C4526F"),
    ("#8A6700", "#F8D62A"),
    ("#2809A2", "#9560F0"),
)
"""On the light and on the dark ground; the first ones are farthest apart."""

# Names as matplotlib has them, and the same shape for HTML, as a path around 0, 0 within 5 units.
SHAPES: Mapping[str, str] = {
    "o": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "s": "M-3.6-3.6h7.2v7.2h-7.2z",
    "^": "M0-4.6 4.6 3.8h-9.2z",
    "D": "M0-4.8 4.8 0 0 4.8-4.8 0z",
    "v": "M0 4.6 4.6-3.8h-9.2z",
    "P": "M-1.7-4.6h3.4v2.9h2.9v3.4h-2.9v2.9h-3.4v-2.9h-2.9v-3.4h2.9z",
    "X": "M-4.6-2.3-2.3-4.6 0-2.3 2.3-4.6 4.6-2.3 2.3 0 4.6 2.3 2.3 4.6 0 2.3-2.3 4.6-4.6 2.3-2.3 0z",
    "p": "M0-4.8 4.6-1.5 2.8 3.9h-5.6l-1.8-5.4z",
    "<": "M-4.6 0 3.8-4.6v9.2z",
}
LONGEST = 22  # letters of a name in a figure


@dataclass(frozen=True)
class Look:
    """How one arm looks.

    Attributes:
        name: The arm's.
        label: The name as figures show it: short, printable, no two alike.
        place: Number of its color; 0 is the control's.
        marker: matplotlib's name of its shape.
    """

    name: str
    label: str
    place: int
    marker: str

    @property
    def shape(self) -> str:
        """The shape as a path of SVG."""
        return SHAPES[self.marker]

    @property
    def color(self) -> str:
        """The color as a value of CSS."""
        return f"var(--arm-{self.place})"


def looks(arms: Sequence[Mapping[str, Any]], control: str) -> dict[str, Look]:
    """Give every arm its look, the control gray dots.

    Args:
        arms: As the analysis lists them; each has a `name`.
        control: Name of the control.

    Returns:
        By name. Colors come round again after seven arms, shapes after eight, so that no two of 56 are alike.
    """
    names = [arm["name"] for arm in arms]
    labels = dict(zip(names, _labels(names), strict=True))
    found = {control: Look(control, labels[control], 0, "o")} if control in labels else {}
    others = list(SHAPES)[1:]
    for place, name in enumerate(name for name in names if name != control):
        found[name] = Look(name, labels[name], 1 + place % len(COLORS), others[place % len(others)])
    return {name: found[name] for name in names}


def all_arms(analysis: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the entries of all arms of a comparison, also of those that a screening has left out of the claim."""
    screening = analysis["screening"]
    arms: Sequence[Mapping[str, Any]] = screening["arms"] if screening else analysis["arms"]
    return arms


def by_effect(analysis: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the arms that have a difference to the control, the largest one first."""
    arms = [arm for arm in analysis["arms"] if arm["against_control"]]
    return sorted(arms, key=lambda arm: -arm["against_control"]["primary"]["value"])


def _labels(names: Iterable[str]) -> list[str]:
    short = [_short(name) for name in names]
    return [f"{label} ({place})" if short.count(label) > 1 else label for place, label in enumerate(short, start=1)]


def _short(name: str) -> str:
    return shortened(" ".join(printable(name).split()), LONGEST, middle=True)


def color_rules(dark: bool) -> list[tuple[str, str]]:
    """List CSS variables and their values for one of the two grounds."""
    return [(f"--arm-{place}", pair[dark]) for place, pair in enumerate((CONTROL, *COLORS))]
