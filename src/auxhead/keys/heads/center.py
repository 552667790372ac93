"""The keys of the center head."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from auxhead.keys.heads.base import HeadSpec

Metric = Literal["oks", "nwd", "dotd", "smooth_l1"]


class CenterSpec(HeadSpec):
    """Keys of the center head."""

    metric: Metric = Field(default="oks", description="how the distance to the box center becomes a loss")
    sigma: float = Field(
        default=0.25, gt=0, description="OKS: tolerance as a fraction of the box size (the tutorial's is 1.0)"
    )
    constant: float | None = Field(
        default=None,
        gt=0,
        description="NWD, DotD: distance in pixels of the network input at which the similarity is 1/e "
        "(default: the objects' mean size)",
    )
    visibility: bool = Field(default=False, description="also predict a visibility logit, as pose heads do")
    visibility_gain: float = Field(
        default=1 / 12, ge=0, description="weight of the visibility term relative to the center term"
    )
