"""What `auxhead design` takes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from auxhead.keys.reading import Keys

MULTIPLE = 32  # image sizes are multiples of the largest stride. Source: Ultralytics, utils/checks.py, check_imgsz


class DesignKeys(Keys):
    """The keys of `auxhead design`."""

    object_keys: ClassVar = {"": "data"}

    data: str = Field(description="data.yaml of the detection data set, or a folder in another format (COCO, VOC, ...)")
    like: str = Field(description="detector whose price is the limit: yolov8n, yolo26s.yaml, best.pt")
    imgsz: int = Field(default=640, ge=64, multiple_of=MULTIPLE, description="image size of the training, pixels")
    price: Literal["both", "gflops", "latency"] = Field(
        default="both", description="what must hold: gflops, latency (measured here) or both"
    )
    budget: float = Field(default=1.0, gt=0, le=10, description="largest price allowed, as a multiple of like's")
    device: str | int | None = Field(default=None, description="device of the latency (default: a GPU, else the CPU)")
    rounds: int = Field(default=5, ge=3, description="rounds of the latency measurement")
    out: str | None = Field(
        default=None, description="folder for the YAMLs, plan.yaml, design.json and design.png (default: none)"
    )
    pretrained: str | None = Field(
        default=None, description="weights that all arms of plan.yaml start from, moved to layers of the same purpose"
    )
    exist_ok: bool = Field(default=False, description="replace such files that stand there")
