"""What `auxhead inspect` takes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from auxhead.keys.reading import Keys


class InspectKeys(Keys):
    """The keys of `auxhead inspect`."""

    object_keys: ClassVar = {"": "data"}

    data: str = Field(description="data.yaml of the detection data set, or a folder in another format (COCO, VOC, ...)")
    imgsz: int = Field(default=640, ge=32, description="size of the network input that pixels refer to")
    out: str | None = Field(
        default=None, description="folder for report.html, inspect.json and inspect.png (default: nothing is written)"
    )
    exist_ok: bool = Field(default=False, description="replace such files that stand there")
