"""The keys of the functions that take many, as types: what an editor completes and a type checker holds calls to.

Nothing here runs; a test holds every name and type to the models that check what is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict


class ConvertWords(TypedDict, total=False):
    """The keys of `auxhead.convert`."""

    shape: Literal["box", "ellipse"]
    keypoints: Literal["center", "corners", "center+corners"]
    visibility: bool
    flips: bool
    kpt_oks_sigmas: float | list[float] | None
    out: str | Path
    to: Literal["pose", "segment", "yolo"]
    pictures: str | None
    min_boxes: int
    images: Literal["link", "copy"]
    on_error: Literal["fail", "skip"]


class DesignWords(TypedDict, total=False):
    """The keys of `auxhead.design`."""

    like: str | Path
    imgsz: int
    price: Literal["both", "gflops", "latency"]
    budget: float
    device: str | int | None
    rounds: int
    out: str | Path | None
    pretrained: str | Path | None
    exist_ok: bool


class EvaluateWords(TypedDict, total=False):
    """The keys of `auxhead.evaluate`."""

    data: str | Path
    model: str | Path | None
    predictions: str | Path | Mapping[Any, Any] | Iterable[Any] | None  # or in memory
    versus: str | Path | None
    split: Literal["train", "val", "test"]
    out: str | Path | None
    exist_ok: bool
    bands: str | list[float]
    pixels: Literal["original", "network"]
    area: Literal["box", "polygon"]
    distances: str | list[float]
    distances_px: str | list[float]
    nwd: float | None
    resamples: int
    seed: int
    fail_below: str | list[str]
    plots: bool
    objects: bool
    pictures: bool
    categories: Literal["own", "index", "ultralytics"]
    single_cls: bool | None
    on_error: Literal["fail", "skip"]
    imgsz: int | None
    batch: int
    device: str | int | None
    conf: float
    iou: float
    slices: int | None
    overlap: float
    max_det: int
    trust: bool


class TeacherCheckWords(TypedDict, total=False):
    """The keys of `auxhead.teacher_check`."""

    weights: str | Path
    data: str | Path
    model: str | Path
    scale: Literal[1, 2]
    imgsz: int | None
    limit: int
    out: str | Path | None
    exist_ok: bool
    resamples: int
    seed: int
    on_error: Literal["fail", "skip"]
    batch: int
    device: str | int | None
    trust: bool


class ReportWords(TypedDict, total=False):
    """The keys of `auxhead.report`."""

    out: str | Path | None
    control: str | None
    pictures: bool


class HostWords(TypedDict, total=False):
    """The keys of `yolo detect train`, whose values Ultralytics checks."""

    model: Any
    epochs: Any
    time: Any
    patience: Any
    batch: Any
    imgsz: Any
    save: Any
    save_period: Any
    cache: Any
    device: Any
    workers: Any
    project: Any
    name: Any
    exist_ok: Any
    pretrained: Any
    cls_remap: Any
    optimizer: Any
    verbose: Any
    seed: Any
    deterministic: Any
    single_cls: Any
    rect: Any
    cos_lr: Any
    close_mosaic: Any
    amp: Any
    fraction: Any
    profile: Any
    freeze: Any
    multi_scale: Any
    compile: Any
    channels_last: Any
    overlap_mask: Any
    mask_ratio: Any
    dropout: Any
    val: Any
    save_json: Any
    conf: Any
    iou: Any
    max_det: Any
    quantize: Any
    dnn: Any
    plots: Any
    nms: Any
    source: Any
    vid_stride: Any
    stream_buffer: Any
    visualize: Any
    augment: Any
    agnostic_nms: Any
    classes: Any
    retina_masks: Any
    embed: Any
    show: Any
    save_frames: Any
    save_txt: Any
    save_conf: Any
    save_crop: Any
    show_labels: Any
    show_conf: Any
    show_boxes: Any
    line_width: Any
    format: Any
    optimize: Any
    dynamic: Any
    simplify: Any
    opset: Any
    workspace: Any
    lr0: Any
    lrf: Any
    momentum: Any
    weight_decay: Any
    warmup_epochs: Any
    warmup_momentum: Any
    warmup_bias_lr: Any
    distill_model: Any
    dis: Any
    box: Any
    cls: Any
    cls_pw: Any
    dfl: Any
    pose: Any
    kobj: Any
    rle: Any
    angle: Any
    dlog: Any
    dgrad: Any
    dlam: Any
    nbs: Any
    hsv_h: Any
    hsv_s: Any
    hsv_v: Any
    degrees: Any
    translate: Any
    scale: Any
    shear: Any
    perspective: Any
    flipud: Any
    fliplr: Any
    bgr: Any
    mosaic: Any
    mixup: Any
    cutmix: Any
    copy_paste: Any
    copy_paste_mode: Any
    auto_augment: Any
    erasing: Any
    tracker: Any
    augmentations: Any
    save_dir: Any


class TrainerWords(TypedDict, total=False):
    """The keys of `auxhead.trainer`."""

    heads: str | Sequence[str] | Mapping[str, Mapping[str, Any]]
    route: Literal["native", "pose", "segment"]
    recipe: Literal["tutorial"] | None
    select: Literal["mAP50-95", "mAP50"]
    on_error: Literal["fail", "skip"]
    cpu_bf16: bool | None
    ignore: bool
    trust: bool
    flips: Mapping[str, Any]
    crops: float | Mapping[str, Any]


class TrainWords(TrainerWords, HostWords, total=False):
    """The keys of `auxhead.train`."""

    resume: str | Path


class CompareWords(TrainWords, total=False):
    """The keys of `auxhead.compare`: of the plan, of where it runs, and training keys that all arms share."""

    data: str | Path
    arms: str | Sequence[str] | Mapping[str, Mapping[str, Any] | None]
    base: dict[str, Any]
    seeds: str | int | list[int]
    screen: int | None
    confirm: int | None
    budget: float | None
    control: str
    primary: str
    margin: float | None
    checkpoint: Literal["last", "best"]
    split: Literal["train", "val", "test"] | None
    bands: str | list[float]
    resamples: int
    out: str | Path | None
    executor: Literal["local", "ray", "slurm"]
    slots: int | None
    address: str | None
    sbatch: str | None
    cpus: float
    gpus: float
    retries: int
