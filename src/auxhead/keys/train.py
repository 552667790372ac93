"""What `auxhead train` takes beside the keys of Ultralytics."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from auxhead.keys.convert import OnError, PoseKeys, SegmentKeys
from auxhead.keys.reading import Keys

Metric = Literal["mAP50-95", "mAP50"]
Recipe = Literal["tutorial"]
Route = Literal["native", "pose", "segment"]


class TrainKeys(Keys):
    """The keys of `auxhead train` that Ultralytics doesn't have."""

    object_keys: ClassVar = {"": "data"}

    heads: str = Field(
        default="none",  # Source: own evidence (docs/evidence): no head has shown a gain yet
        description="removable heads, comma-separated: center, detect, mask, teacher; none trains the detector alone",
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
    ignore: bool = Field(
        default=True,
        description="learn no background in ignored regions beside the labels; false: learn it, as Ultralytics does",
    )
    trust: bool = Field(
        default=False, description="run code in checkpoints and model YAMLs; only for files of people you trust"
    )


OF_RESUME = ("teacher.weights",)
"""Keys of ours that a resume takes as well: they say where a file of the run is now."""

RECIPES: dict[tuple[Recipe, Route], dict[str, Any]] = {
    # Source: Mohammed Yasin, "Pose Head For Auxiliary Loss" (2024): OKS sigma 1.0 (Ultralytics' for one keypoint),
    # pose gain 12, kobj 1 = 12 / 12, box and dfl gains 0.01, and flips off, as Ultralytics did without flip_idx.
    ("tutorial", "native"): {
        "heads": "center",
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


ROUTE_KEYS: dict[str, type[PoseKeys | SegmentKeys]] = {"pose": PoseKeys, "segment": SegmentKeys}
"""Keys of the labels that a route trains on, written `pose.keypoints=` on the command line of a training."""
