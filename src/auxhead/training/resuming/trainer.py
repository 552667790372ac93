"""Ultralytics' detection trainer, able to go on after an epoch as if it had never been stopped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from ultralytics.cfg import get_save_dir
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import unwrap_model

from auxhead.training.resuming.loader import ResumableLoader, has_own_randomness, resumable_loaders
from auxhead.training.resuming.owner import LOCK_FILE, owned

CHANGING = ("augmentations", "batch", "cache", "channels_last", "close_mosaic", "freeze", "imgsz")
"""Arguments that a resume may change, and that change what is trained."""

OTHER_DATA = "other images or labels"


class ResumableTrainer(DetectionTrainer):
    """Train as Ultralytics does; `standing` and `go_on` carry over what its checkpoints lack.

    That is the state of the loader with all random states, and where batches are accumulated the gradients of those
    that have not led to a step yet. The run's folder is held from its choice to the end of the training.
    """

    train_loader: Any
    _left: Mapping[str, Any] | None = None
    _pending = 0
    _behind = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Set up as Ultralytics does, in a folder that no other process is at."""
        self._hold = ExitStack()
        try:
            super().__init__(*args, **kwargs)
        except BaseException:
            self._hold.close()
            raise

    def check_resume(self, overrides: dict[str, Any]) -> None:
        """Read what is resumed, as Ultralytics does; then the run's folder is known, and taken."""
        super().check_resume(overrides)
        if RANK > 0:
            return
        folder = Path(get_save_dir(self.args))
        self.args.save_dir = str(folder)  # Ultralytics would choose another one, as this one exists now
        if RANK == -1 or not (folder / LOCK_FILE).exists():  # who launches several GPUs holds it, or has emptied it
            self._hold.enter_context(owned(folder))

    def train(self) -> None:
        """Train, and let go of the folder."""
        with self._hold:
            super().train()

    # -- what is noted and set ------------------------------------------------------------------------------------

    def standing(self) -> dict[str, Any] | None:
        """Note after an epoch what going on needs beside the tensors; None where it can't be known.

        Returns:
            Plain data and tensors, for `go_on`; None with several GPUs, each of which has random states of its own.
        """
        if RANK != -1 or not isinstance(self.train_loader, ResumableLoader):
            return None
        parameters = unwrap_model(self.model).named_parameters() if self._pending else ()
        return {
            "loader": self.train_loader.standing(),
            "pending": self._pending,
            "gradients": {name: p.grad for name, p in parameters if p.grad is not None},
            "own_randomness": has_own_randomness(self.train_loader.dataset),
            "workers": self.train_loader.num_workers,
            "data": self._data,
            "views": repr(getattr(self.train_loader.dataset, "views", None)),
            "arguments": {key: getattr(self.args, key, None) for key in CHANGING},
        }

    def go_on(self, left: Mapping[str, Any] | None) -> str:
        """Go on exactly where `standing` was noted, if that is possible.

        Args:
            left: What was noted.

        Returns:
            Why the run can't go on exactly; "" where it does.
        """
        why = self._why_not(left)
        if not why and left is not None:
            ends = self.epochs - self.args.close_mosaic  # Ultralytics replaces the workers when mosaics end
            anew = bool(self.args.close_mosaic) and self.start_epoch == ends
            self.train_loader.go_on(left["loader"], anew=anew)
            self._left = left
        return why

    def _why_not(self, left: Mapping[str, Any] | None) -> str:
        if left is None:
            return "its state holds no random states"
        now, dataset = vars(self.args), self.train_loader.dataset
        reasons = {
            OTHER_DATA: left["data"] != self._data,  # first, as it is no reason to go on differently but to stop
            "several GPUs have random states of their own": RANK != -1,
            "Albumentations keeps random states of its own": left["own_randomness"] or has_own_randomness(dataset),
            f"{self.train_loader.num_workers} loading processes instead of {left['workers']}": left["workers"]
            != self.train_loader.num_workers,
            f"time={self.args.time} makes its length a matter of the clock": bool(self.args.time),
            "other flips= or crops=": left.get("views", "None") != repr(getattr(dataset, "views", None)),
            **{
                f"{key}={now.get(key)} instead of {value}": now.get(key) != value
                for key, value in left["arguments"].items()
            },
        }
        return next((why for why, holds in reasons.items() if holds), "")

    # -- hooks ----------------------------------------------------------------------------------------------------

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:
        """Build a loader of training batches that can go on; also where memory lacks, and Ultralytics starts over."""
        if mode != "train":
            return super().get_dataloader(dataset_path, batch_size, rank, mode)
        self._pending = self._behind = 0
        self._left = None
        self.__dict__.pop("_data", None)
        with resumable_loaders():
            return super().get_dataloader(dataset_path, batch_size, rank, mode)

    @cached_property
    def _data(self) -> str:
        return data_digest(self.train_loader.dataset)

    @property
    def accumulate(self) -> int:
        """How many batches make a step, as Ultralytics' loop counts them.

        The loop takes the last step to have been before the first batch ever; until the first step after a resume
        this is how much later it was.
        """
        return self._accumulate + self._behind

    @accumulate.setter
    def accumulate(self, batches: int) -> None:
        self._accumulate = batches

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Count the batch as one that waits for a step; before the first one after a resume, set what waited then."""
        if self._left is not None:
            left, self._left = self._left, None
            for name, parameter in unwrap_model(self.model).named_parameters():
                if name in left["gradients"]:
                    parameter.grad = left["gradients"][name].to(parameter.device)
            self._pending = left["pending"]
            self._behind = len(self.train_loader) * self.start_epoch - self._pending
        self._pending += 1
        prepared: dict[str, Any] = super().preprocess_batch(batch)
        return prepared

    def optimizer_step(self) -> None:
        """Step; from here on the loop knows when it was."""
        super().optimizer_step()
        self._pending = self._behind = 0

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """Recover as Ultralytics does, which drops the gradients that wait."""
        recovered: bool = super()._handle_nan_recovery(epoch)
        if recovered:
            self._pending = self._behind = 0
        return recovered


def data_digest(dataset: Any) -> str:
    """Hash which images a data set of Ultralytics' has, their labels and ignored regions, wherever they lie."""
    total, regions = hashlib.sha256(), getattr(dataset, "regions", {})
    for label in dataset.labels:
        total.update(os.fsencode(Path(label["im_file"]).name) + b"\0")
        for kind in ("cls", "bboxes"):
            total.update(label[kind].tobytes())
        if label["im_file"] in regions:
            total.update(b"ignored" + regions[label["im_file"]].tobytes())
    return total.hexdigest()
