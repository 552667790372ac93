"""What `auxhead cost` takes."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from auxhead.keys.reading import Keys


class CostKeys(Keys):
    """The keys of `auxhead cost`."""

    nc: int | None = Field(default=None, ge=1, description="classes (default: what the YAML or file has)")
    kpt_shape: tuple[int, int] | None = Field(
        default=None, description="keypoints and numbers each, of pose YAMLs, such as [1,3] (default: the YAML's own)"
    )
    imgsz: int = Field(default=640, ge=32, description="image size for GFLOPs and latency, pixels")
    latency: bool = Field(default=False, description="time forward passes of all models in turns, as ratios")
    device: str | int | None = Field(default=None, description="device of the latency (default: a GPU, else the CPU)")
    rounds: int = Field(default=20, ge=3, description="rounds of the latency measurement; medians are shown")

    @field_validator("kpt_shape", mode="before")
    @classmethod
    def _read_list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("kpt_shape")
    @classmethod
    def _check_shape(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and (value[0] < 1 or value[1] not in {2, 3}):
            message = "expected at least one keypoint, of 2 or 3 numbers"
            raise ValueError(message)
        return value
