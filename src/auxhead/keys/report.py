"""What `auxhead report` takes."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from auxhead.keys.reading import Keys


class ReportKeys(Keys):
    """The keys of `auxhead report`."""

    out: str | None = Field(
        default=None, description="html file to write, or a folder (default: report.html in the comparison's folder)"
    )
    control: str | None = Field(
        default=None, description="compare with this arm instead of the plan's control; needs an out= of its own"
    )

    pictures: bool = Field(default=True, description="show crops of the images; off for a page that others may see")

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.control is not None and self.out is None:
            message = f"control={self.control}: expected out= too, so that the declared comparison's report stays"
            raise ValueError(message)
        return self
