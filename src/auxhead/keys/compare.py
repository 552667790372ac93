"""What `auxhead compare` takes: what to compare, and where and how to run it; and what `auxhead report` takes of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from auxhead.keys.evaluate import Split
from auxhead.keys.reading import Keys, floats

Checkpoint = Literal["last", "best"]
ExecutorName = Literal["local", "ray", "slurm"]


PLACES = frozenset({"data", "device"})
"""Training keys that say where, not what: they are no part of what makes a run."""


class PlanKeys(Keys):
    """What a comparison compares: the keys of a plan's YAML file, and of `auxhead compare` without one."""

    data: str = Field(description="data.yaml of the detection data set, or a folder in another format (COCO, VOC, ...)")
    arms: dict[str, dict[str, Any] | None] = Field(
        description="training keys of each arm by its name; on the command line ready-made arms: plain,center,p2"
    )
    base: dict[str, Any] = Field(default={}, description="training keys that all arms share")
    seeds: list[int] = Field(default=[0, 1, 2], description="seeds of every arm: 0,1,2 or 0-2")
    screen: int | None = Field(
        default=None, ge=2, description="with confirm=: train all arms on so many seeds, which only choose the best one"
    )
    confirm: int | None = Field(
        default=None, ge=2, description="with screen=: train that one and the control on so many fresh seeds, to decide"
    )
    budget: float | None = Field(
        default=None, gt=0, description="with screen=: dearest arm it may choose, times the control's GFLOPs and time"
    )
    control: str = Field(default="plain", description="arm that the others are compared with")
    primary: str = Field(
        default="mAP50", description="the one measure that decides: mAP50, mAP50-95, center_AP, 8-16/AP50, ..."
    )
    margin: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="smallest difference that matters, 0.01 for a point: equal within it is said",
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
        return value if isinstance(value, str) else floats(value)

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
        self._check_stages()
        if self.split == "train":
            message = "split=train: expected val or test"
            raise ValueError(message)
        return self

    def _check_stages(self) -> None:
        """Check that screening and confirming are asked for together, and instead of seeds."""
        if (self.screen is None) != (self.confirm is None):
            message = "screen= and confirm= belong together: screen=3 confirm=5"
            raise ValueError(message)
        if self.screen is None and self.budget is not None:
            message = f"budget={self.budget}: it is about what screen= chooses; expected screen= and confirm= too"
            raise ValueError(message)
        if self.screen is not None and "seeds" in self.model_fields_set:
            message = (
                f"seeds={self.seeds} and screen={self.screen}: expected one of them; screen= takes seeds from 0 on"
            )
            raise ValueError(message)


class SlicesKeys(Keys):
    """What an arm may say beside the keys of its training: that its detector is measured on slices of the pictures."""

    slices: int = Field(ge=32, description="side of slices of the pictures, pixels, as in `auxhead evaluate`")
    overlap: float = Field(default=0.2, ge=0, lt=1, description="share of a slice that the next one shows again")


class CompareKeys(Keys):
    """The keys of `auxhead compare` that say where and how to run, not what."""

    out: str | None = Field(default=None, description="folder of the comparison (default: runs/compare/PLAN)")
    executor: ExecutorName = Field(
        default="local", description="local: this machine; ray: a Ray cluster; slurm: a job of SLURM for each run"
    )
    slots: int | None = Field(
        default=None,
        ge=1,
        description="local: runs at a time, each with its share of the cores or a GPU (default: one a GPU)",
    )
    address: str | None = Field(default=None, description="ray: auto or HOST:PORT (default: Ray on this machine)")
    sbatch: str | None = Field(
        default=None, description="slurm: options of sbatch for each run: --partition=gpu --time=8:00:00 ..."
    )
    cpus: float = Field(default=1, gt=0, description="ray, slurm: cores of a run")
    gpus: float = Field(default=0, ge=0, description="ray, slurm: GPUs of a run")
    retries: int = Field(
        default=3,
        ge=0,
        description="ray, slurm: how often a run whose machine died, or whose time was up, is tried again",
    )

    @model_validator(mode="after")
    def _check_executor(self) -> Self:
        idle = [key for key, of in OF_EXECUTORS.items() if key in self.model_fields_set and self.executor not in of]
        if idle:
            given = " ".join(f"{key}={getattr(self, key)}" for key in idle)
            wanted = " or ".join(f"executor={name}" for name in OF_EXECUTORS[idle[0]])
            message = f"{given}: without effect on executor={self.executor}; expected {wanted} beside {idle[0]}="
            raise ValueError(message)
        return self


OF_EXECUTORS = {
    "slots": ("local",),
    "address": ("ray",),
    "sbatch": ("slurm",),
    **dict.fromkeys(("cpus", "gpus", "retries"), ("ray", "slurm")),
}
"""Keys that say how some executors run, which others would pass over."""

PAGES = frozenset({".html", ".htm"})
"""Endings of a page's name; any other out= of a report is a folder."""


class ReportKeys(Keys):
    """The keys of `auxhead report`."""

    object_keys: ClassVar = {"": "folder"}

    folder: str = Field(description="folder of a comparison, finished or not")
    out: str | None = Field(
        default=None, description="html file to write, or a folder (default: report.html in the comparison's folder)"
    )
    control: str | None = Field(
        default=None, description="compare with this arm instead of the plan's control; needs an out= of its own"
    )
    pictures: bool = Field(default=True, description="show crops of the images; off for a page that others may see")

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.control is None:
            return self
        place = Path(self.out or self.folder)
        beside = place.parent if place.suffix.lower() in PAGES else place  # its tables go there, too
        if beside.resolve() == Path(self.folder).resolve():
            found = f"found {self.out}, which is in the comparison's" if self.out else "found none"
            wanted = "expected out= in another folder, so that the declared comparison's report stays"
            message = f"control={self.control}: {wanted}; {found}"
            raise ValueError(message)
        return self
