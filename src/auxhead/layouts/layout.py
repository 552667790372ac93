"""Build the YAML of a detector that predicts on other levels, out of the layers of one that exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auxhead.errors import ConfigError
from auxhead.layouts.roles import JOIN, Layer, Roles, scaled

FINEST = 2  # stride 4: finer maps cost more than all other levels together. Source: own choice

ATTENTION = frozenset({"C2PSA", "PSA"})
"""Layers of a tail in which every position looks at every other: 16 times dearer at half the stride."""

ATTENTION_FROM = (
    4  # P4: where such a layer costs no more than a stage. Source: measured; on P3 it doubles yolo11n's GFLOPs
)

PLAIN = {"A2C2f": ("C3k2", (False,))}
"""What works at stride 4 where a family's own block needs more channels, with its arguments. Source: yolo12.yaml, which
itself starts with C3k2 and uses A2C2f, whose channels are multiples of 32, from P4 on."""


@dataclass(frozen=True)
class Layout:
    """What of a detector's layout is asked for.

    Attributes:
        levels: Levels that it predicts on, each next to the one before: (2, 3, 4) has strides 4, 8 and 16. Stages of
            the backbone beyond the last one are left out.
        up_again: Whether the coarser levels get what the finer ones found (the neck's path up, as in stock detectors),
            or are read on the way down.
        reg_max: Bins a box side is told with; None: as it is.
        width: Factor on the channels of every layer.
    """

    levels: tuple[int, ...]
    up_again: bool = True
    reg_max: int | None = None
    width: float = 1.0

    @property
    def name(self) -> str:
        """What files and arms call it: p234, p234-down."""
        return f"p{''.join(map(str, self.levels))}{'' if self.up_again else '-down'}"


class _Sheet:
    """Lines of a YAML as they are added, with their indices."""

    def __init__(self) -> None:
        self.lines: list[list[Any]] = []

    def add(self, *layers: Layer) -> int:
        """Add layers that read the one before; give the index of the last."""
        self.lines += [layer.line() for layer in layers]
        return len(self.lines) - 1

    def join(self, index: int) -> None:
        """Add a layer that joins the one before with another."""
        self.add(replace(JOIN, source=(-1, index)))


def build(roles: Roles, layout: Layout, where: str) -> dict[str, Any]:
    """Build a detector's YAML.

    Args:
        roles: Layers of the detector to build from.
        layout: What is asked for. The levels of the detector itself give its own YAML.
        where: The detector's name, for the message.

    Returns:
        Content of a YAML that Ultralytics builds by itself.

    Raises:
        ConfigError: Levels that can't be had from it, or a width that its YAML can't express.
    """
    _require_levels(roles, layout, where)
    first, last = layout.levels[0], layout.levels[-1]
    sheet = _Sheet()
    sheet.add(roles.stem)
    kept = {level: sheet.add(*roles.stages[level]) for level in range(2, last + 1)}
    narrower = roles.stages[last][1].args[0] / roles.stages[max(roles.stages)][1].args[0]
    tail = [layer for layer in roles.tail if last >= ATTENTION_FROM or layer.module not in ATTENTION]
    made = {last: sheet.add(*(scaled(layer, narrower) for layer in tail))}
    length = len(sheet.lines)
    joined = dict(made)
    for level in range(last - 1, first - 1, -1):
        if roles.lateral:
            joined[level + 1] = sheet.add(_at(roles.lateral, level + 1))
        sheet.add(roles.enlarge)
        sheet.join(kept[level])
        made[level] = joined[level] = sheet.add(_at(roles.top_down, level))
    for level in layout.levels[1:] if layout.up_again else ():
        shrink, work = _step_up(roles, level)
        sheet.add(shrink)
        sheet.join(joined[level])
        made[level] = sheet.add(work)
    sheet.add(replace(roles.detect, source=tuple(made[level] for level in layout.levels)))
    rest = {**roles.rest, **({} if layout.reg_max is None else {"reg_max": layout.reg_max})}
    return {**_widened(rest, layout.width, where), "backbone": sheet.lines[:length], "head": sheet.lines[length:]}


def _at(layers: Mapping[int, Layer], level: int) -> Layer:
    """Return the layer of a level; below the finest one, that one with half the channels a level."""
    if level in layers:
        return layers[level]
    finest = layers[min(layers)]
    if finest.module in PLAIN:
        module, args = PLAIN[finest.module]
        finest = replace(finest, module=module, args=(finest.args[0], *args))
    return scaled(finest, 0.5 ** (min(layers) - level))


def _step_up(roles: Roles, level: int) -> Sequence[Layer]:
    """Return the layers that lead up to a level; where there is none, the next one's with this level's channels."""
    if level in roles.bottom_up:
        return roles.bottom_up[level]
    work = _at(roles.top_down, level)
    shrink, above = roles.bottom_up[min(roles.bottom_up)]
    return scaled(shrink, work.args[0] / above.args[0]), work


def _widened(rest: Mapping[str, Any], width: float, where: str) -> dict[str, Any]:
    """Multiply the widths of all sizes."""
    if width == 1:
        return dict(rest)
    if "scales" not in rest:
        raise ConfigError(
            "a detector whose YAML lists sizes", "none: its width is fixed", where, "leave its width as it is"
        )
    scales = {size: [depth, round(own * width, 4), most] for size, (depth, own, most) in rest["scales"].items()}
    return {**rest, "scales": scales}


def _require_levels(roles: Roles, layout: Layout, where: str) -> None:
    """Check that levels are two at least, neighbours, and that there are stages for them.

    Raises:
        ConfigError: They are not.
    """
    levels = layout.levels
    possible = range(FINEST, max(roles.stages) + 1)
    if len(levels) < 2 or levels != tuple(range(levels[0], levels[0] + len(levels))) or not {*levels} <= {*possible}:
        raise ConfigError(
            expected=f"two or more levels in a row out of {', '.join(f'P{level}' for level in possible)}",
            found=", ".join(f"P{level}" for level in levels) or "none",
            where=where,
            fix="choose for instance P2, P3, P4",
        )
