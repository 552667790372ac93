"""The keys of the assistant: a second detection branch."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from auxhead.keys.heads.base import HeadSpec


class DetectSpec(HeadSpec):
    """Keys of the assistant: it detects on finer maps than the detector, by an assignment of its own.

    Source:
        share: YOLOv9's auxiliary branch has 0.25 of the main one's loss weight (utils/loss_tal_dual.py of its
        repository), and a share is the nearest thing to that. It is not tuned.
    """

    share: float | None = Field(
        default=0.25,
        gt=0,
        le=1,
        description="gradient of the assistant on the shared feature maps, as a fraction of the detection loss's; "
        "the gain follows it",
    )
    strides: tuple[int, ...] = Field(
        default=(4,),
        description="pixels per cell of the maps it detects on, such as 4,8: the detector's own levels, or finer "
        "maps of the backbone",
    )
    reg_max: int | None = Field(
        default=None, ge=1, description="bins of a distance to a side of a box (default: as many as the detector's)"
    )

    @field_validator("strides", mode="before")
    @classmethod
    def _read_list(cls, value: Any) -> Any:
        if isinstance(value, list):
            return tuple(value)
        return (value,) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("strides")
    @classmethod
    def _check_strides(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or len(set(value)) != len(value) or min(value) < 1:
            message = "expected different whole numbers from 1 on, such as 4 or 4,8"
            raise ValueError(message)
        return tuple(sorted(value))
