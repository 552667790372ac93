"""What `auxhead strip` takes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from auxhead.keys.reading import Keys


class StripKeys(Keys):
    """The keys of `auxhead strip`."""

    object_keys: ClassVar = {"": "file"}

    file: str = Field(description="a pose or segment model (best.pt), a training state or a run's folder")
    out: str | None = Field(default=None, description="where to write (default: best-detect.pt beside best.pt)")
    data: str | None = Field(
        default=None, description="data.yaml: compare outputs on its validation pictures, and validate both models"
    )
    exist_ok: bool = Field(default=False, description="replace a file that stands there")
    trust: bool = Field(
        default=False, description="run whatever code a foreign file contains (needed for classes of other packages)"
    )
