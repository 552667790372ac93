"""Our own keys: what can be set, checked strictly, all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auxhead.errors import ConfigError

Metric = Literal["mAP50-95", "mAP50"]
OnError = Literal["fail", "skip"]
Recipe = Literal["tutorial"]


class TrainKeys(BaseModel):
    """The keys of `auxhead train` that Ultralytics doesn't have."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    heads: str = Field(
        default="center", description="removable heads, comma-separated; none trains the plain detector the same way"
    )
    recipe: Recipe | None = Field(
        default=None, description="ready-made settings; tutorial: the pose-head tutorial's, in our native way"
    )
    select: Metric = Field(default="mAP50-95", description="validation metric that chooses best.pt")
    on_error: OnError = Field(
        default="fail", description="bad labels or images: stop and list them, or train without their images"
    )
    cpu_bf16: bool | None = Field(
        default=None, description="on CPUs: bfloat16 autocast (default: where the CPU has AVX512-BF16 or AMX)"
    )


RECIPES: dict[str, dict[str, Any]] = {
    # Source: science.md's reading of the tutorial: OKS sigma 1.0 (Ultralytics' for one keypoint), pose gain 12,
    # kobj 1 = 12 / 12, box and dfl gains 0.01, and flips off, as Ultralytics did without flip_idx.
    "tutorial": {
        "center.metric": "oks",
        "center.sigma": 1.0,
        "center.gain": 12.0,
        "center.visibility": True,
        "box": 0.01,
        "dfl": 0.01,
        "fliplr": 0.0,
        "flipud": 0.0,
    },
}


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
        if item["type"] == "extra_forbidden":
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

    out: str | None = Field(default=None, description="where to write (default: best-detect.pt beside best.state.pt)")
    data: str | None = Field(
        default=None, description="data.yaml whose validation pictures the outputs are compared on"
    )
    exist_ok: bool = Field(default=False, description="replace a file that stands there")
