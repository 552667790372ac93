"""Build the YAML of a detector that predicts on other levels, out of the layers of one that exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auxhead.errors import ConfigError, ModelError
from auxhead.layouts.roles import JOIN, Layer, Roles, read_roles, scaled

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
            the backbone beyond the last one are left out. A single one is read as the backbone leaves it.
        up_again: Whether the coarser levels get what the finer ones found (the neck's path up, as in stock detectors),
            or are read on the way down.
        reg_max: Bins a box side is told with; None: as it is.
        width: Factor on the channels of every layer.
        depth: Factor on the blocks that a layer repeats, of which one is always left.
    """

    levels: tuple[int, ...]
    up_again: bool = True
    reg_max: int | None = None
    width: float = 1.0
    depth: float = 1.0

    @property
    def name(self) -> str:
        """What files and arms call it: p234, p234-down."""
        return f"p{''.join(map(str, self.levels))}{'' if self.up_again else '-down'}"


class _Sheet:
    """Lines of a YAML as they are added, with what each is for.

    Attributes:
        lines: The layers.
        roles: What they are for, in words.
        backbone: How many of them are the backbone.
    """

    def __init__(self) -> None:
        self.lines: list[list[Any]] = []
        self.roles: list[str] = []
        self.backbone = 0

    def add(self, role: str, layer: Layer) -> int:
        """Add a layer; give its index."""
        self.lines.append(layer.line())
        self.roles.append(role)
        return len(self.lines) - 1


def build(roles: Roles, layout: Layout, where: str) -> dict[str, Any]:
    """Build a detector's YAML.

    Args:
        roles: Layers of the detector to build from.
        layout: What is asked for. The levels of the detector itself give its own YAML.
        where: The detector's name, for the message.

    Returns:
        Content of a YAML that Ultralytics builds by itself.

    Raises:
        ConfigError: Levels that can't be had from it, or a width or depth that its YAML can't express.
    """
    _require_levels(roles, layout, where)
    sheet = _assemble(roles, layout)
    rest = {**roles.rest, **({} if layout.reg_max is None else {"reg_max": layout.reg_max})}
    cut = sheet.backbone
    return {**_sized(rest, layout, where), "backbone": sheet.lines[:cut], "head": sheet.lines[cut:]}


def take_apart(yaml: Mapping[str, Any], where: str) -> tuple[Roles, list[str]]:
    """Tell the roles of a detector's layers, and prove it: put together again they are its YAML.

    Args:
        yaml: Its content: `backbone`, `head` and the rest.
        where: Its name, for the message.

    Returns:
        The roles, and in words what each layer is for, in the order of the layers: "P3 stage", "P4 on the way up".

    Raises:
        ModelError: Its layers are not those of a backbone, a path down, perhaps one up, and a Detect.
    """
    roles = read_roles(yaml, where)
    sheet = _assemble(roles, Layout(roles.levels, roles.up_again))
    lines = [Layer.read(line).line() for line in [*yaml["backbone"], *yaml["head"]]]
    if sheet.lines != lines:
        different = next(number for number, line in enumerate(lines) if line not in sheet.lines[number : number + 1])
        raise ModelError(
            expected="a detector whose layers read each other as in Ultralytics' own",
            found=f"layer {different}: {lines[different]}",
            where=where,
            fix="name a detector of Ultralytics such as yolov8n, yolo11n, yolo12n or yolo26n",
        )
    return roles, sheet.roles


def _assemble(roles: Roles, layout: Layout) -> _Sheet:
    """Put layers together: backbone, path down, perhaps a path up, Detect."""
    first, last = layout.levels[0], layout.levels[-1]
    sheet = _Sheet()
    sheet.add("stem", roles.stem)
    kept = {}
    for level in range(2, last + 1):
        shrink, work = roles.stages[level]
        sheet.add(f"into P{level}", shrink)
        kept[level] = sheet.add(f"P{level} stage", work)
    narrower = roles.stages[last][1].args[0] / roles.stages[max(roles.stages)][1].args[0]
    for layer in roles.tail if len(layout.levels) > 1 else ():  # a neck hands on what it sees; it would start untrained
        if last >= ATTENTION_FROM or layer.module not in ATTENTION:
            sheet.add(f"tail {layer.module}", scaled(layer, narrower))
    made = {last: len(sheet.lines) - 1}
    sheet.backbone = len(sheet.lines)
    joined = dict(made)
    for level in range(last - 1, first - 1, -1):
        if roles.lateral:
            joined[level + 1] = sheet.add(f"P{level + 1} before it is enlarged", _at(roles.lateral, level + 1))
        sheet.add(f"P{level + 1} enlarged", roles.enlarge)
        sheet.add(f"P{level} joined on the way down", replace(JOIN, source=(-1, kept[level])))
        made[level] = joined[level] = sheet.add(f"P{level} on the way down", _at(roles.top_down, level))
    for level in layout.levels[1:] if layout.up_again else ():
        shrink, work = _step_up(roles, level)
        sheet.add(f"up to P{level}", shrink)
        sheet.add(f"P{level} joined on the way up", replace(JOIN, source=(-1, joined[level])))
        made[level] = sheet.add(f"P{level} on the way up", work)
    sheet.add("Detect", replace(roles.detect, source=tuple(made[level] for level in layout.levels)))
    return sheet


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


def _sized(rest: Mapping[str, Any], layout: Layout, where: str) -> dict[str, Any]:
    """Multiply the depths and widths of all sizes."""
    if layout.width == layout.depth == 1:
        return dict(rest)
    if "scales" not in rest:
        raise ConfigError(
            expected="a detector whose YAML lists sizes",
            found="none: its width and depth are fixed",
            where=where,
            fix="leave them as they are",
        )
    scales = {
        size: [round(depth * layout.depth, 4), round(width * layout.width, 4), most]
        for size, (depth, width, most) in rest["scales"].items()
    }
    return {**rest, "scales": scales}


def _require_levels(roles: Roles, layout: Layout, where: str) -> None:
    """Check that levels are neighbours, and that there are stages for them.

    Raises:
        ConfigError: They are not.
    """
    levels = layout.levels
    possible = range(FINEST, max(roles.stages) + 1) if roles.top_down else roles.levels  # without a neck, its own
    if not levels or levels != tuple(range(levels[0], levels[0] + len(levels))) or not {*levels} <= {*possible}:
        raise ConfigError(
            expected=f"levels in a row out of {', '.join(f'P{level}' for level in possible)}",
            found=", ".join(f"P{level}" for level in levels) or "none",
            where=where,
            fix="choose for instance P2, P3, P4",
        )
