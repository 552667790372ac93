"""The keys of the teacher."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from auxhead.keys.heads.base import HeadSpec

AUTO = "auto"
"""What stands in place of a file where the teacher is trained first."""

NOTHING_MORE = (
    "weights=auto with the student's own model and scale=1: such a teacher sees what the student sees; add "
    "teacher.scale=2, or name a better-sighted one with teacher.model="
)


class TeacherSpec(HeadSpec):
    """Keys of the teacher: a detector that looks at the same pictures, to whose predictions ours are drawn."""

    share: float | None = Field(
        default=0.3,
        gt=0,
        le=1,
        description="gradient of the teaching on the shared feature maps, as a fraction of the detection loss's; "
        "the gain follows it",
    )
    weights: str | None = Field(
        default=None,
        description="the teacher: a detector's .pt with the same classes, or auto: train it first, in a folder beside "
        "the run, and use it again; only gain=0 does without",
    )
    model: str | None = Field(
        default=None, description="with weights=auto: the model to train as the teacher (default: the student's)"
    )
    scale: Literal[1, 2] = Field(
        default=1,
        description="size of the picture that the teacher looks at, times imgsz; 2 loads all at twice the size",
    )
    warmup: int = Field(default=500, ge=0, description="batches over which the teaching rises to its full weight")
    permute: bool = Field(
        default=False, description="negative control: teach each picture what is seen in another one of its batch"
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="SHA-256 that the weights must have; a run notes its teacher's, so that a resume finds the same",
    )

    @property
    def looks(self) -> bool:
        """Whether a teacher is asked at all: with gain=0 only the pictures are loaded as for one."""
        return self.gain != 0

    @property
    def automatic(self) -> bool:
        """Whether the teacher is trained before its student."""
        return self.looks and self.weights == AUTO

    @model_validator(mode="after")
    def _something_to_train(self) -> Self:
        if self.model is not None and self.weights != AUTO:
            msg = (
                f"model={self.model}: only with weights=auto, which trains it; a teacher that is there is weights=FILE"
            )
            raise ValueError(msg)
        if self.automatic and self.sha256 is not None:
            msg = "sha256: of a file that is there; weights=auto trains one"
            raise ValueError(msg)
        if self.automatic and self.scale == 1 and self.model is None:
            raise ValueError(NOTHING_MORE)
        return self

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> Self:
        if self.looks and self.weights is None:
            msg = (
                "weights is required: name a detector's .pt, or auto; only gain=0, which asks no teacher, does without"
            )
            raise ValueError(msg)
        if self.schedule == "detach":
            msg = "schedule=detach: a teacher has nothing of its own to train; linear and cosine end the teaching"
            raise ValueError(msg)
        return self
