"""What `auxhead evaluate` takes."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from auxhead.keys.convert import OnError
from auxhead.keys.reading import Keys, floats

Split = Literal["train", "val", "test"]
Pixels = Literal["original", "network"]
Area = Literal["box", "polygon"]
Categories = Literal["own", "index", "ultralytics"]


class EvaluateKeys(Keys):
    """The keys of `auxhead evaluate`."""

    object_keys: ClassVar = {"": "model", ".json": "predictions"}

    data: str = Field(
        description="data.yaml or a folder in another format; with predictions= also a COCO json, the truth"
    )
    model: str | None = Field(default=None, description="detector to measure: best.pt, best.onnx, a folder of OpenVINO")
    predictions: str | None = Field(default=None, description="COCO-format results (.json) of any detector, instead")
    versus: str | None = Field(default=None, description="a second model or predictions file, for paired differences")
    split: Split = Field(default="val", description="split of the data to measure on")
    out: str | None = Field(default=None, description="folder of the results (default: runs/evaluate/NAME)")
    exist_ok: bool = Field(default=False, description="replace results of something else that stand in out")
    bands: str | list[float] = Field(
        default="ai-tod", description="size bands: ai-tod, coco, tinyperson, or edges such as 0,8,16,32,96"
    )
    pixels: Pixels = Field(default="original", description="pixels of sizes and distances: original, or network input")
    area: Area = Field(default="box", description="what puts a box into its band: its own area or its polygon's")
    distances: list[float] = Field(
        default=[0.1, 0.25, 0.5], description="thresholds of center-distance AP, in sizes of the true box"
    )
    distances_px: list[float] = Field(default=[2.0, 4.0, 8.0], description="the same in pixels")
    nwd: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="constant of NWD-AP, pixels (default: the mean size)"
    )
    resamples: int = Field(default=1000, ge=0, description="bootstrap resamples of the images; 0: no intervals")
    seed: int = Field(default=0, ge=0, description="seed of the resamples")
    fail_below: list[str] = Field(
        default=[], description="limits such as AP50:0.4,8-16:AP50:0.3; exit code 4 where one is not reached"
    )
    plots: bool = Field(default=False, description="draw curves and histograms (.svg and .png)")
    objects: bool = Field(
        default=False, description="write what became of every box and detection as COCO jsons, for FiftyOne and others"
    )
    pictures: bool = Field(
        default=True, description="show crops of the images in report.html; off for a page that others may see"
    )
    categories: Categories = Field(
        default="own",
        description="how category_id counts in predictions=: own (ids of data=), index (from 0), ultralytics (from 1)",
    )
    single_cls: bool | None = Field(
        default=None, description="measure all classes as one (default: if a model was trained so)"
    )
    on_error: OnError = Field(
        default="fail", description="bad labels, images that Ultralytics can't read: list them, or leave them out"
    )
    imgsz: int | None = Field(default=None, ge=32, description="image size (default: the model's own)")
    batch: int = Field(default=16, ge=1, description="images per batch")
    device: str | int | None = Field(default=None, description="as Ultralytics' device (default: a GPU, else the CPU)")
    conf: float = Field(default=0.001, ge=0, le=1, description="lowest score of a prediction")
    iou: float = Field(default=0.7, ge=0, le=1, description="overlap at which NMS drops a prediction")
    slices: int | None = Field(
        default=None, ge=32, description="side of slices of the pictures, pixels: model= looks at each, by sahi"
    )
    overlap: float = Field(default=0.2, ge=0, lt=1, description="share of a slice that the next one shows again")
    max_det: int = Field(default=300, ge=1, description="most predictions of an image; COCO's maxDets as well")
    trust: bool = Field(default=False, description="run whatever code a foreign model file contains")

    @field_validator("distances", "distances_px", mode="before")
    @classmethod
    def _read_numbers(cls, value: Any) -> Any:
        return floats(value)

    @field_validator("fail_below", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("bands", mode="before")
    @classmethod
    def _read_bands(cls, value: Any) -> Any:
        return value if isinstance(value, str) else floats(value)

    @field_validator("distances", "distances_px")
    @classmethod
    def _check_distances(cls, value: list[float]) -> list[float]:
        if not value or not all(0 < number < float("inf") for number in value) or sorted(set(value)) != value:
            message = "expected rising positive numbers, such as 0.1,0.25,0.5"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        if (self.model is None) == (self.predictions is None):
            message = "expected either model= or predictions="
            raise ValueError(message)
        if self.predictions is not None and not self.predictions.endswith(".json"):
            message = f"predictions={self.predictions}: expected a results file, .json; a model is model="
            raise ValueError(message)
        if self.slices and self.model is None:
            message = f"slices={self.slices}: expected model= beside it, as predictions are made already"
            raise ValueError(message)
        if "overlap" in self.model_fields_set and not self.slices:
            message = f"overlap={self.overlap}: expected slices= beside it, the side of the slices in pixels"
            raise ValueError(message)
        if self.data.endswith(".json") and (self.model or (self.versus and not self.versus.endswith(".json"))):
            message = "a model needs the pictures: expected a data.yaml, as data= is a COCO json"
            raise ValueError(message)
        return self
