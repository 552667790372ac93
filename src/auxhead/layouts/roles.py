"""What each layer of a detector's YAML is for: stem, stages, tail, top-down path, bottom-up path, Detect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from auxhead.errors import ModelError

STRIDED = frozenset({"Conv", "GhostConv"})
"""Modules whose third argument is a stride."""

HALVES = frozenset({"AConv", "ADown", "SCDown"})
"""Modules that always halve a map. Source: ultralytics/nn/modules/block.py; SCDown only with stride 2, its only use."""


@dataclass(frozen=True)
class Layer:
    """A line of a YAML: what a layer reads, how often it is repeated, its module and arguments."""

    source: int | Sequence[int]
    repeats: int
    module: str
    args: Sequence[Any]

    @classmethod
    def read(cls, line: Sequence[Any]) -> Layer:
        """Read a line of `backbone:` or `head:`."""
        source, repeats, module, args = line
        return cls(tuple(source) if isinstance(source, list) else source, repeats, str(module), tuple(args))

    def line(self) -> list[Any]:
        """Return the layer as a line of a YAML."""
        source = self.source if isinstance(self.source, int) else list(self.source)
        return [source, self.repeats, self.module, list(self.args)]

    @property
    def halves(self) -> bool:
        """Whether its map is half as wide and high as what it reads."""
        return self.module in HALVES or (self.module in STRIDED and len(self.args) > 2 and self.args[2] == 2)


@dataclass(frozen=True)
class Roles:
    """The layers of a detector by what they are for; keys of mappings are levels (3: P3, stride 8).

    Attributes:
        stem: First layer, to stride 2.
        stages: Of the backbone, from stride 4 on: the layer that halves, and those that work.
        tail: What follows the last stage at its stride (SPPF, attention).
        top_down: By the level they work at, the layers after each joining with the backbone.
        lateral: By the level they leave, the layers before it is enlarged (v5).
        enlarge: The layer that doubles a map.
        bottom_up: By the level they work at: the layer that halves the level before, and those after the joining.
        detect: The last layer.
        levels: Levels that it predicts on.
        up_again: Whether the neck leads up again, so that coarser levels get what finer ones found.
        rest: Everything else in the YAML: classes, scales, reg_max.
    """

    stem: Layer
    stages: Mapping[int, tuple[Layer, Layer]]
    tail: Sequence[Layer]
    top_down: Mapping[int, Layer]
    lateral: Mapping[int, Layer]
    enlarge: Layer
    bottom_up: Mapping[int, tuple[Layer, Layer]]
    detect: Layer
    levels: tuple[int, ...]
    up_again: bool
    rest: Mapping[str, Any] = field(default_factory=dict)


DETECT = frozenset({"Detect", "v10Detect"})
"""Last layers of plain detectors."""

JOIN = Layer((-1,), 1, "Concat", (1,))

ENLARGE = Layer(-1, 1, "nn.Upsample", (None, 2, "nearest"))  # as in all of Ultralytics' detectors


def read_roles(yaml: Mapping[str, Any], where: str) -> Roles:
    """Tell the roles of the layers of a detector's YAML.

    Args:
        yaml: Its content: `backbone`, `head` and the rest.
        where: Its name, for the message.

    Raises:
        ModelError: Its layers are not those of a backbone, perhaps a path down and one up, and a Detect, in this order.
    """
    try:
        backbone = [Layer.read(line) for line in yaml["backbone"]]
        head = [Layer.read(line) for line in yaml["head"]]
        stem, stages, tail = _backbone(backbone)
        top_down, lateral, enlarge, bottom_up = _neck(head[:-1], max(stages))
        up_again = bool(bottom_up)
        levels = tuple(range(min(top_down, default=max(stages)), 1 + (max(bottom_up) if up_again else max(stages))))
        _expect_detect(head[-1], len(levels))
        rest = {key: value for key, value in yaml.items() if key not in {"backbone", "head", "yaml_file", "scale"}}
        return Roles(stem, stages, tail, top_down, lateral, enlarge, bottom_up, head[-1], levels, up_again, rest)
    except (KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
        raise ModelError(
            expected="a detector whose YAML is a backbone, a path down to P3, one up again and a Detect",
            found=f"another order of layers ({type(error).__name__}: {error})",
            where=where,
            fix="name a detector of Ultralytics such as yolov8n, yolo11n, yolo12n or yolo26n",
        ) from error


def _backbone(layers: Sequence[Layer]) -> tuple[Layer, dict[int, tuple[Layer, Layer]], list[Layer]]:
    stem, *others = layers
    if not stem.halves or any(layer.source != -1 for layer in layers):
        raise ValueError("the backbone is no plain sequence")
    starts = [index for index, layer in enumerate(others) if layer.halves]
    if starts[:1] != [0]:
        raise ValueError("the second layer does not halve the map")
    stages = {level: (others[start], others[start + 1]) for level, start in enumerate(starts, start=2)}
    if any(following - start != 2 for start, following in pairwise(starts)):
        raise ValueError("a stage is not one layer that halves and one that works")
    return stem, stages, others[starts[-1] + 2 :]


def _neck(
    layers: Sequence[Layer], last: int
) -> tuple[dict[int, Layer], dict[int, Layer], Layer, dict[int, tuple[Layer, Layer]]]:
    """Walk down from the last stage while maps are enlarged, then up again; without layers there is no neck."""
    walk: Iterator[Layer] = iter(layers)
    top_down: dict[int, Layer] = {}
    lateral: dict[int, Layer] = {}
    bottom_up: dict[int, tuple[Layer, Layer]] = {}
    enlarge = ENLARGE
    level = last
    for layer in walk:
        if layer.halves:
            level += 1
            _expect_join(next(walk))
            bottom_up[level] = (layer, next(walk))
        elif layer.module != "nn.Upsample":
            lateral[level] = layer
        elif bottom_up:
            raise ValueError("a map is enlarged after the path up has begun")
        else:
            enlarge = layer
            level -= 1
            _expect_join(next(walk))
            top_down[level] = next(walk)
    if layers and not top_down:
        raise ValueError("no map is enlarged")
    return top_down, lateral, enlarge, bottom_up


def _expect_join(layer: Layer) -> None:
    if layer.module != "Concat":
        raise ValueError(f"{layer.module} where two maps should be joined")


def _expect_detect(layer: Layer, levels: int) -> None:
    count = 1 if isinstance(layer.source, int) else len(layer.source)
    if layer.module not in DETECT or count != levels:
        raise ValueError(f"{layer.module} of {count} maps at the end, where the neck has {levels}")


def scaled(layer: Layer, ratio: float) -> Layer:
    """Return a layer with another number of channels.

    Args:
        layer: The layer.
        ratio: By which its channels, outer and inner, are multiplied.
    """
    count = CHANNELS.get(layer.module, 1)
    channels = (round(value * ratio) for value in layer.args[:count])
    return replace(layer, args=(*channels, *layer.args[count:]))


CHANNELS = {"RepNCSPELAN4": 3, "ELAN1": 3, "SPPELAN": 2}
"""Leading arguments that count channels, where it is more than one. Source: ultralytics/nn/modules/block.py."""
