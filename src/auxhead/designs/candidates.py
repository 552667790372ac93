"""Which detectors are tried: layouts of one family at one size, as models whose price can be taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from auxhead.designs.offers import ONE_BIN, reach
from auxhead.errors import ModelError
from auxhead.host.models import size_letter, stock_name
from auxhead.layouts.layout import Layout, build, take_apart
from auxhead.layouts.roles import Roles
from auxhead.shipping.cost import built

TRIED = (
    *(Layout(levels, up_again) for levels in ((2, 3, 4), (2, 3), (2, 3, 4, 5)) for up_again in (True, False)),
    Layout((3, 4)),
)
"""Layouts that are tried. Source: own choice: P2 for small objects, with and without the stages that large ones need,
and P3 and P4 alone for middle sizes."""

ENLARGED = Layout((3,))
"""Layout that is tried on larger images: what it saves without a neck and the stages beyond P3 buys pixels."""

BINS = (8, 16)  # reg_max, of families with bins. Source: 16 is Ultralytics'; 8 halves the box branch at equal precision
STEP = 0.0625  # widths are tried in sixteenths
NARROWEST = 0.5  # of the known detector's width: below it, another size is the better choice
DEPTHS = (1.0, 2 / 3, 1 / 3)  # of its repeated blocks. Source: the steps of yolov8.yaml from l to m to s


@dataclass(frozen=True)
class Family:
    """The known detector, taken apart.

    Attributes:
        name: Its name with its size, which those of designs begin with: yolov8n.
        variant: What its own name has behind that: -p2; mostly nothing.
        yaml: Its YAML as Ultralytics builds it.
        roles: What its layers are for.
        nc: Classes of the data.
    """

    name: str
    variant: str
    yaml: Mapping[str, Any]
    roles: Roles
    nc: int

    @property
    def bins(self) -> int:
        """Bins a side of its boxes."""
        return int(self.yaml.get("reg_max", 16))

    @property
    def layout(self) -> Layout:
        """Its own layout."""
        return Layout(self.roles.levels, self.roles.up_again)

    def content(self, layout: Layout) -> dict[str, Any]:
        """Return the YAML of a layout."""
        return build(self.roles, layout, self.name)

    def fused(self, content: Mapping[str, Any]) -> nn.Module:
        """Build a YAML of the family as it predicts.

        Raises:
            ModelError: Ultralytics can't build it.
        """
        described = {**deepcopy(dict(content)), "scale": self.yaml.get("scale", "")}
        model: nn.Module = built(self.name, described, self.nc, None).fuse(verbose=False).eval()
        return model

    def file_stem(self, layout: Layout) -> str:
        """Name the file and the arm of a layout."""
        bins = f"-r{layout.reg_max}" if layout.reg_max not in {None, BINS[0]} else ""
        width = f"-w{round(layout.width * 100)}" if layout.width != 1 else ""
        depth = f"-d{round(layout.depth * 100)}" if layout.depth != 1 else ""
        return f"{self.name}-{layout.name}{bins}{width}{depth}"


def read_family(yaml: Mapping[str, Any], like: str, nc: int) -> Family:
    """Take a known detector apart.

    Args:
        yaml: Its YAML as Ultralytics reads it, with `scale` and `yaml_file`; or as the first weights files of YOLOv8
            hold it, whose one size stands in `depth_multiple` and `width_multiple`.
        like: Its name or file, as given.
        nc: Classes of the data.

    Raises:
        ModelError: It is laid out in a way that isn't understood, or has no neck that others could be made of.
    """
    yaml = _with_sizes(yaml, like)
    roles, _ = take_apart(yaml, like)
    if not roles.top_down:
        raise ModelError(
            expected="a detector with a neck, of whose stages others can be made",
            found="a backbone and Detect",
            where=like,
            fix="name the usual one of its family, such as yolov8n",
        )
    stem, dash, variant = stock_name(str(yaml.get("yaml_file") or like)).partition("-")
    size = str(yaml.get("scale") or "")
    name = stem if not size or size_letter(stem) == size else f"{stem}{size}"
    return Family(name, f"{dash}{variant}", yaml, replace(roles, rest={"nc": yaml.get("nc", nc), **_rest(roles)}), nc)


def _with_sizes(yaml: Mapping[str, Any], like: str) -> Mapping[str, Any]:
    """List the one size of an older file as today's YAMLs list theirs: depth, width, most channels before it."""
    older = ("depth_multiple", "width_multiple")
    if "scales" in yaml or not any(key in yaml for key in older):
        return yaml
    size = size_letter(like) or "n"  # a letter that Ultralytics finds in names; n: its first one
    depth, width = (float(yaml.get(key, 1)) for key in older)
    most = max(args[0] for *_, args in (*yaml["backbone"], *yaml["head"]) if args and isinstance(args[0], int))
    rest = {key: value for key, value in yaml.items() if key not in older}
    return {**rest, "scales": {size: [depth, width, most]}, "scale": size}


def layouts(family: Family, longest: float) -> Iterator[Layout]:
    """List the layouts that are tried.

    Args:
        family: The known detector.
        longest: Side that bins should tell, pixels of the network input.
    """
    for layout in TRIED:
        if layout != family.layout and layout.levels[-1] <= max(family.roles.stages):
            several = bins(family)
            enough = (count for count in several if count is None or reach(layout, count) >= longest)
            yield replace(layout, reg_max=next(enough, several[-1]))


def narrower(layout: Layout) -> Iterator[Layout]:
    """List a layout's narrower versions, widest first."""
    for sixteenths in range(round(layout.width / STEP) - 1, round(NARROWEST / STEP) - 1, -1):
        yield replace(layout, width=sixteenths * STEP)


def shallower(layout: Layout) -> Iterator[Layout]:
    """List a layout's versions with fewer repeated blocks, deepest first."""
    yield from (replace(layout, depth=depth) for depth in DEPTHS if depth < layout.depth)


def bins(family: Family) -> Sequence[int | None]:
    """List the numbers of bins that are tried, fewest first; of families that tell sides without bins, only None."""
    return (None,) if family.bins == ONE_BIN else BINS


def _rest(roles: Roles) -> dict[str, Any]:
    """Return what a design keeps of a YAML: not the channels and keys that a training noted in it."""
    return {key: value for key, value in roles.rest.items() if key in {"scales", "reg_max", "end2end", "activation"}}
