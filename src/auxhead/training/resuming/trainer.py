"""Ultralytics' detection trainer, able to go on after an epoch as if it had never been stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import unwrap_model

from auxhead.training.resuming.loader import ResumableLoader, has_own_randomness, resumable_loaders


class ResumableTrainer(DetectionTrainer):
    """Train as Ultralytics does; `standing` and `go_on` carry over what its checkpoints lack.

    That is the state of the loader with all random states, and where batches are accumulated the gradients of those
    that have not led to a step yet.
    """

    train_loader: Any
    _left: Mapping[str, Any] | None = None
    _pending = 0
    _behind = 0

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
        if RANK != -1:
            return "several GPUs have random states of their own"
        if left["own_randomness"] or has_own_randomness(self.train_loader.dataset):
            return "Albumentations keeps random states of its own"
        if left["workers"] != self.train_loader.num_workers:
            return f"it has {self.train_loader.num_workers} loading processes instead of {left['workers']}"
        if self.args.time:
            return f"time={self.args.time} makes its length a matter of the clock"
        return ""

    # -- hooks ----------------------------------------------------------------------------------------------------

    def get_dataloader(self, *args: Any, **kwargs: Any) -> Any:
        """Build a loader that can go on."""
        with resumable_loaders():
            return super().get_dataloader(*args, **kwargs)

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
