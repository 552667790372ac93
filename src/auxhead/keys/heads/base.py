"""The keys that every head has."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from auxhead.keys.reading import Keys

Schedule = Literal["constant", "linear", "cosine", "detach"]


class HeadSpec(Keys):
    """The keys every head understands; a head adds its own in a subclass."""

    share: float | None = Field(
        default=0.1,
        gt=0,
        le=1,
        description="gradient of the head on the shared feature maps, as a fraction of the detection loss's; "
        "the gain follows it",
    )
    gain: float | None = Field(default=None, ge=0, description="fixed loss gain, instead of share")
    schedule: Schedule = Field(
        default="constant",
        description="how the head's weight changes: constant; linear or cosine down to 0 at schedule_epoch; "
        "detach: from schedule_epoch on the head no longer reaches the detector",
    )
    schedule_epoch: int | None = Field(
        default=None, ge=1, description="epoch at which the schedule ends (default: the last one; detach needs it)"
    )

    @model_validator(mode="after")
    def _one_way_to_weigh(self) -> Self:
        if self.gain is not None and self.share is not None:
            if "share" in self.model_fields_set:
                msg = "gain and share exclude each other: gain fixes the weight, share lets it follow the gradients"
                raise ValueError(msg)
            object.__setattr__(self, "share", None)  # frozen for users, not for its own validator
        if self.gain is None and self.share is None:
            msg = "one of gain and share is needed"
            raise ValueError(msg)
        if self.schedule == "detach" and self.schedule_epoch is None:
            msg = "schedule=detach needs schedule_epoch, the first epoch without the head's pull on the detector"
            raise ValueError(msg)
        return self
