"""What `auxhead convert` takes, and what a box becomes in a pose or segmentation data set."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from auxhead.keys.reading import Keys

OnError = Literal["fail", "skip"]
Target = Literal["pose", "segment", "yolo"]
Keypoints = Literal["center", "corners", "center+corners"]
Shape = Literal["box", "ellipse"]
Images = Literal["link", "copy"]


class PoseKeys(Keys):
    """What a box becomes in a pose data set."""

    keypoints: Keypoints = Field(default="center", description="points of each box: center, corners, center+corners")
    visibility: bool = Field(default=True, description="write a third number, visible=1, with every keypoint")
    flips: bool = Field(
        default=True, description="write flip_idx; without it (flips=off) Ultralytics turns fliplr and flipud off"
    )
    kpt_oks_sigmas: float | list[float] | None = Field(
        default=None, description="OKS sigma of all keypoints or of each (default: Ultralytics' 1/keypoints)"
    )

    @field_validator("flips", mode="before")
    @classmethod
    def _read_off(cls, value: Any) -> Any:
        return {"on": True, "off": False}.get(value, value) if isinstance(value, str) else value

    @field_validator("kpt_oks_sigmas")
    @classmethod
    def _check_sigmas(cls, value: float | list[float] | None, info: ValidationInfo) -> list[float] | None:
        count = {"center": 1, "corners": 4, "center+corners": 5}.get(info.data.get("keypoints", ""), 0)
        if value is None or not count:
            return None
        sigmas = value if isinstance(value, list) else [value] * count
        if len(sigmas) != count or not all(0 < sigma < float("inf") for sigma in sigmas):
            message = f"expected one positive number, or one for each of the {count} keypoints"
            raise ValueError(message)
        return sigmas


class SegmentKeys(Keys):
    """What a box becomes in a segmentation data set."""

    shape: Shape = Field(default="box", description="outline drawn for boxes; rows that are polygons stay as they are")


class ConvertKeys(PoseKeys, SegmentKeys):
    """The keys of `auxhead convert`."""

    object_keys: ClassVar = {"": "data"}

    data: str = Field(
        description="data.yaml of the detection data set; for to=yolo a folder (COCO, Pascal VOC, VisDrone, TT100K, "
        "CVAT, LabelMe), or train.json,val.json"
    )
    out: str = Field(description="folder of the new data set")
    to: Target = Field(
        description="what to write: pose or segment labels of YOLO boxes, or boxes of another format as yolo"
    )
    pictures: str | None = Field(
        default=None, description="to=yolo: folder in which the names of the pictures count (default: looked for)"
    )
    min_boxes: int = Field(
        default=0, ge=0, description="to=yolo: leave out classes with fewer boxes (100 is usual for TT100K)"
    )
    images: Images = Field(
        default="link", description="link: hard links, else symbolic ones, else copies; copy: copies"
    )
    on_error: OnError = Field(default="fail", description="bad labels: stop and list them, or leave their images out")

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        others = [model for kind, model in (("pose", PoseKeys), ("segment", SegmentKeys)) if kind != self.to]
        names = {name for model in others for name in model.model_fields} | (
            {"pictures", "min_boxes"} if self.to != "yolo" else set()
        )
        idle = sorted(self.model_fields_set & names)
        if idle:
            message = f"{', '.join(f'{key}=' for key in idle)} without effect on to={self.to}"
            raise ValueError(message)
        return self
