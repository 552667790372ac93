"""What `auxhead teacher check` takes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from auxhead.keys.convert import OnError
from auxhead.keys.reading import Keys


class TeacherCheckKeys(Keys):
    """The keys of `auxhead teacher check`."""

    object_keys: ClassVar = {"": "weights"}

    weights: str = Field(description="the teacher: a detector's .pt with the classes of the data")
    data: str = Field(
        description="data.yaml; both are measured on its val split, the teacher also on training pictures"
    )
    model: str = Field(description="the student: best.pt of a plain training")
    scale: Literal[1, 2] = Field(default=1, description="size of the picture that the teacher looks at, times imgsz")
    imgsz: int | None = Field(default=None, ge=32, description="the student's image size (default: its own)")
    limit: int = Field(
        default=500, ge=1, description="most training pictures that are looked at, evenly taken from all"
    )  # Source: own choice; minutes on a CPU at twice 640 px
    out: str | None = Field(default=None, description="folder of the results (default: runs/teacher/NAMES)")
    exist_ok: bool = Field(default=False, description="replace results of something else that stand in out")
    resamples: int = Field(default=1000, ge=0, description="bootstrap resamples of the images; 0: no intervals")
    seed: int = Field(default=0, ge=0, description="seed of the resamples")
    on_error: OnError = Field(
        default="fail", description="bad labels, images that Ultralytics can't read: list them, or leave them out"
    )
    batch: int = Field(default=16, ge=1, description="images per batch")
    device: str | int | None = Field(default=None, description="as Ultralytics' device (default: a GPU, else the CPU)")
    trust: bool = Field(default=False, description="run whatever code a foreign model file contains")

    @field_validator("weights", "model")
    @classmethod
    def _trained(cls, value: str) -> str:
        if not value.lower().endswith(".pt"):
            message = "no trained detector, expected a .pt; train a plain one first, and name its best.pt"
            raise ValueError(message)
        return value
