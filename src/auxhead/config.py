"""Our own keys: what can be set, checked strictly, all mistakes at once."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from auxhead.errors import ConfigError

Keys = TypeVar("Keys", bound=BaseModel)
Metric = Literal["mAP50-95", "mAP50"]
OnError = Literal["fail", "skip"]
Recipe = Literal["tutorial"]
Route = Literal["native", "pose", "segment"]
Target = Literal["pose", "segment"]
Keypoints = Literal["center", "corners", "center+corners"]
Shape = Literal["box", "ellipse"]
Images = Literal["link", "copy"]
Split = Literal["train", "val", "test"]
Pixels = Literal["original", "network"]
Area = Literal["box", "polygon"]
Categories = Literal["index", "ultralytics"]
Checkpoint = Literal["last", "best"]
ExecutorName = Literal["local", "ray"]


class TrainKeys(BaseModel):
    """The keys of `auxhead train` that Ultralytics doesn't have."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    heads: str = Field(
        default="center", description="removable heads, comma-separated; none trains the plain detector the same way"
    )
    route: Route = Field(
        default="native",
        description="native: heads of ours; pose, segment: convert the labels, train Ultralytics' own model, strip it",
    )
    recipe: Recipe | None = Field(
        default=None, description="ready-made settings; tutorial: the pose-head tutorial's (route=pose: to the letter)"
    )
    select: Metric = Field(default="mAP50-95", description="validation metric that chooses best.pt")
    on_error: OnError = Field(
        default="fail", description="bad labels or images: stop and list them, or train without their images"
    )
    cpu_bf16: bool | None = Field(
        default=None, description="on CPUs: bfloat16 autocast (default: where the CPU has AVX512-BF16 or AMX)"
    )


RECIPES: dict[tuple[Recipe, Route], dict[str, Any]] = {
    # Source: Mohammed Yasin, "Pose Head For Auxiliary Loss" (2024): OKS sigma 1.0 (Ultralytics' for one keypoint),
    # pose gain 12, kobj 1 = 12 / 12, box and dfl gains 0.01, and flips off, as Ultralytics did without flip_idx.
    ("tutorial", "native"): {
        "center.metric": "oks",
        "center.sigma": 1.0,
        "center.gain": 12.0,
        "center.visibility": True,
        "box": 0.01,
        "dfl": 0.01,
        "fliplr": 0.0,
        "flipud": 0.0,
    },
    # Source: the same tutorial, its training arguments and labels.
    ("tutorial", "pose"): {
        "pose.keypoints": "center",
        "pose.visibility": True,
        "pose.flips": False,
        "box": 0.01,
        "dfl": 0.01,
        "epochs": 10,
        "batch": 41,
        "warmup_epochs": 1.0,
        "close_mosaic": 1,
        "hsv_h": 0.0,
        "hsv_s": 0.0,
        "hsv_v": 0.0,
        "scale": 0.0,
        "shear": 0.0,
        "translate": 0.0,
    },
}


def read_words(words: Iterable[str], model: type[BaseModel]) -> dict[str, Any]:
    """Read `key=value` words without Ultralytics, with the values that its grammar gives them.

    Args:
        words: What the user typed.
        model: The keys there are; `plots` alone means `plots=true` if it is a boolean one.

    Raises:
        ConfigError: A word is no `key=value`.

    Source:
        Ultralytics, cfg/__init__.py, parse_key_value_pair and smart_value.
    """
    keys: dict[str, Any] = {}
    for word in words:
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals and isinstance(getattr(model.model_fields.get(key), "default", None), bool):
            value = "true"
        if not (key and value):
            fix = closest(key, model.model_fields) or "--help lists all keys"
            raise ConfigError("key=value words", repr(word), "the words given", fix)
        keys[key] = _value(value)
    return keys


def _value(text: str) -> Any:
    named = {"none": None, "true": True, "false": False}
    if text.lower() in named:
        return named[text.lower()]
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def closest(key: str, known: Iterable[str], prefix: str = "") -> str:
    """Return the hint that names the keys most like a mistyped one, or '' when none is like it."""
    matches = get_close_matches(key, list(known), n=2, cutoff=0.6)
    return f"did you mean {' or '.join(prefix + match for match in matches)}?" if matches else ""


def unknown(key: str, known: Iterable[str], prefix: str = "", what: str = "unknown key") -> str:
    """Return the line about a key that is none, with the closest ones."""
    return f"{prefix}{key}: {what}; {closest(key, known, prefix)}".removesuffix("; ")


def describe(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """Turn pydantic's messages into one line a key: the key, what it got, what was wrong.

    Args:
        error: What pydantic raised.
        model: What was checked; its keys are suggested for unknown ones.
        prefix: Put before each key, such as "center.".
    """
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            lines.append(f"{prefix}{key}: required: {model.model_fields[key].description}")
        elif item["type"] == "extra_forbidden":
            lines.append(unknown(key, model.model_fields, prefix))
        else:
            lines.append(f"{prefix}{key}={item['input']!r}: {message}" if key else f"{prefix.rstrip('.')}: {message}")
    return lines


def config_error(problems: list[str], known: str, fix: str) -> ConfigError:
    """Join all problems of a command into one error."""
    return ConfigError(
        expected=known,
        found=f"{len(problems)} problem{'s' if len(problems) > 1 else ''}\n          " + "\n          ".join(problems),
        where="the keys given",
        fix=fix,
    )


def validated(model: type[Keys], keys: Mapping[str, Any]) -> Keys:
    """Check the keys of a command that takes none of Ultralytics.

    Raises:
        ConfigError: Unknown keys (with the closest match), wrong types or values, all of them at once.
    """
    try:
        return model.model_validate(keys)
    except ValidationError as error:
        known = f"keys {', '.join(f'{name}=' for name in model.model_fields)}"
        raise config_error(describe(error, model), known, "correct them; --help lists all keys") from error


class DemoKeys(BaseModel):
    """The keys of `auxhead demo`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    out: str = Field(default="auxhead-demo", description="folder for the pictures and both runs")
    flip_variant: bool = Field(default=False, description="classes that a mirror confuses (arrows left and right)")
    seed: int = Field(default=0, ge=0, description="seed of the pictures and of both trainings")
    epochs: int = Field(default=20, ge=1, description="epochs of each training")


class StripKeys(BaseModel):
    """The keys of `auxhead strip`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    out: str | None = Field(default=None, description="where to write (default: best-detect.pt beside best.pt)")
    data: str | None = Field(
        default=None, description="data.yaml: compare outputs on its validation pictures, and validate both models"
    )
    exist_ok: bool = Field(default=False, description="replace a file that stands there")
    trust: bool = Field(
        default=False, description="run whatever code a foreign file contains (needed for classes of other packages)"
    )


class PoseKeys(BaseModel):
    """What a box becomes in a pose data set."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

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


class SegmentKeys(BaseModel):
    """What a box becomes in a segmentation data set."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    shape: Shape = Field(default="box", description="outline drawn for boxes; rows that are polygons stay as they are")


class ConvertKeys(PoseKeys, SegmentKeys):
    """The keys of `auxhead convert`."""

    data: str = Field(description="data.yaml of the detection data set")
    out: str = Field(description="folder of the new data set")
    to: Target = Field(description="kind of labels to write: pose or segment")
    images: Images = Field(
        default="link", description="link: hard links, else symbolic ones, else copies; copy: copies"
    )
    on_error: OnError = Field(default="fail", description="bad labels: stop and list them, or leave their images out")

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        other = SegmentKeys if self.to == "pose" else PoseKeys
        idle = sorted(self.model_fields_set & set(other.model_fields))
        if idle:
            message = f"{', '.join(f'{key}=' for key in idle)} without effect on to={self.to}"
            raise ValueError(message)
        return self


class CostKeys(BaseModel):
    """The keys of `auxhead cost`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    nc: int | None = Field(default=None, ge=1, description="classes (default: what the YAML or file has)")
    kpt_shape: tuple[int, int] | None = Field(
        default=None, description="keypoints and numbers each, of pose YAMLs, such as [1,3] (default: the YAML's own)"
    )
    imgsz: int = Field(default=640, ge=32, description="image size for GFLOPs and latency, pixels")
    latency: bool = Field(default=False, description="measure forward passes of all models in turns, as ratios")
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


class InspectKeys(BaseModel):
    """The keys of `auxhead inspect`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    data: str = Field(description="data.yaml of the detection data set")
    imgsz: int = Field(default=640, ge=32, description="size of the network input that pixels refer to")
    out: str | None = Field(
        default=None, description="folder for inspect.json and inspect.png (default: nothing is written)"
    )
    exist_ok: bool = Field(default=False, description="replace such files that stand there")


class EvaluateKeys(BaseModel):
    """The keys of `auxhead evaluate`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    data: str = Field(description="data.yaml, or with predictions= the truth as a COCO json")
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
    plots: bool = Field(default=False, description="draw curves and histograms (.svg and .png)")
    categories: Categories = Field(
        default="index", description="category_id of predictions=: class index, or as Ultralytics' save_json writes it"
    )
    imgsz: int | None = Field(default=None, ge=32, description="image size (default: the model's own)")
    batch: int = Field(default=16, ge=1, description="images per batch")
    device: str | int | None = Field(default=None, description="as Ultralytics' device (default: a GPU, else the CPU)")
    conf: float = Field(default=0.001, ge=0, le=1, description="lowest score of a prediction")
    iou: float = Field(default=0.7, ge=0, le=1, description="overlap at which NMS drops a prediction")
    max_det: int = Field(default=300, ge=1, description="most predictions of an image; COCO's maxDets as well")
    trust: bool = Field(default=False, description="run whatever code a foreign model file contains")

    @field_validator("distances", "distances_px", mode="before")
    @classmethod
    def _read_numbers(cls, value: Any) -> Any:
        return _floats(value)

    @field_validator("bands", mode="before")
    @classmethod
    def _read_bands(cls, value: Any) -> Any:
        return value if isinstance(value, str) else _floats(value)

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
        if self.data.endswith(".json") and (self.model or (self.versus and not self.versus.endswith(".json"))):
            message = "a model needs the pictures: expected a data.yaml, as data= is a COCO json"
            raise ValueError(message)
        return self


class PlanKeys(BaseModel):
    """What a comparison compares: the keys of a plan's YAML file, and of `auxhead compare` without one."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    data: str = Field(description="data.yaml of the detection data set")
    arms: dict[str, dict[str, Any] | None] = Field(
        description="training keys of each arm by its name; on the command line ready-made arms: plain,center,p2"
    )
    base: dict[str, Any] = Field(default={}, description="training keys that all arms share")
    seeds: list[int] = Field(default=[0, 1, 2], description="seeds of every arm: 0,1,2 or 0-2")
    control: str = Field(default="plain", description="arm that the others are compared with")
    primary: str = Field(
        default="mAP50", description="the one measure that decides: mAP50, mAP50-95, center_AP, 8-16/AP50, ..."
    )
    checkpoint: Checkpoint = Field(
        default="last", description="weights that are measured: last, or best (chosen on val, by select=)"
    )
    split: Split | None = Field(
        default=None, description="split of the verdict: val, or test, measured once at the end (default: test if any)"
    )
    bands: str | list[float] = Field(default="ai-tod", description="size bands, as in `auxhead evaluate`")
    resamples: int = Field(default=1000, ge=0, description="bootstrap resamples of the images; 0: no such intervals")

    @field_validator("arms", mode="before")
    @classmethod
    def _read_names(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else value
        return {str(name).strip(): None for name in names} if isinstance(names, (list, tuple)) else names

    @field_validator("seeds", mode="before")
    @classmethod
    def _read_seeds(cls, value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"\d+-\d+", value):
            first, last = map(int, value.split("-"))
            return list(range(first, last + 1))
        return [value] if isinstance(value, int) else list(value) if isinstance(value, tuple) else value

    @field_validator("bands", mode="before")
    @classmethod
    def _read_bands(cls, value: Any) -> Any:
        return value if isinstance(value, str) else _floats(value)

    @field_validator("seeds")
    @classmethod
    def _check_seeds(cls, value: list[int]) -> list[int]:
        if not value or len(set(value)) != len(value) or min(value) < 0:
            message = "expected different whole numbers from 0 on, such as 0,1,2 or 0-2"
            raise ValueError(message)
        return value

    @field_validator("arms")
    @classmethod
    def _check_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        wrong = [name for name in value if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name)]
        if wrong:
            message = f"names of arms are made of letters, digits and ._+-, unlike {', '.join(map(repr, wrong))}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _check_control(self) -> Self:
        if len(self.arms) < 2:
            message = f"expected two arms at least, got {', '.join(self.arms) or 'none'}"
            raise ValueError(message)
        if self.control not in self.arms:
            message = f"control={self.control} is none of the arms {', '.join(self.arms)}"
            raise ValueError(message)
        if self.split == "train":
            message = "split=train: expected val or test"
            raise ValueError(message)
        return self


class CompareKeys(BaseModel):
    """The keys of `auxhead compare` that say where and how to run, not what."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    out: str | None = Field(default=None, description="folder of the comparison (default: runs/compare/PLAN)")
    executor: ExecutorName = Field(default="local", description="local: this machine; ray: a Ray cluster")
    slots: int | None = Field(
        default=None,
        ge=1,
        description="local: runs at a time, each with its share of the cores or a GPU (default: one a GPU)",
    )
    address: str | None = Field(default=None, description="ray: auto or HOST:PORT (default: Ray on this machine)")
    cpus: float = Field(default=1, gt=0, description="ray: cores of a run")
    gpus: float = Field(default=0, ge=0, description="ray: GPUs of a run")
    retries: int = Field(default=3, ge=0, description="ray: how often a run whose machine died is tried again")


class ReportKeys(BaseModel):
    """The keys of `auxhead report`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

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


def _floats(value: Any) -> Any:
    """Read what `0,8,16` became on its way from the command line: a tuple, one number or a string."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, int | float):
        value = [value]
    try:
        return [float(number) for number in value]
    except (TypeError, ValueError):
        return value


ROUTE_KEYS: dict[str, type[PoseKeys | SegmentKeys]] = {"pose": PoseKeys, "segment": SegmentKeys}
"""Keys of the labels that a route trains on, written `pose.keypoints=` on the command line of a training."""
