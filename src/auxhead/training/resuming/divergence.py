"""Weights that are no finite numbers any more: none of them reaches a file that a resume would go on from."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from auxhead.errors import DivergedError


def mended(averaged: nn.Module, live: nn.Module) -> nn.Module:
    """Replace averaged tensors that a passing NaN has poisoned by the live model's, where those are finite."""
    current = live.state_dict()
    for name, value in averaged.state_dict().items():
        if not torch.isfinite(value).all() and torch.isfinite(current[name]).all():
            value.copy_(current[name])
    return averaged


def require_finite(trainer: Any) -> None:
    """Check the weights of a trainer of Ultralytics' after an epoch.

    Raises:
        DivergedError: Some are no finite numbers.
    """
    wrong = [name for name, value in trainer.model.state_dict().items() if not torch.isfinite(value).all()]
    if wrong:
        raise diverged(trainer, f"{len(wrong)} tensors that are not finite, such as {wrong[0]}")


def diverged(trainer: Any, found: str) -> DivergedError:
    """Say where a training has diverged, and what may help."""
    losses = ", ".join(f"{name} {float(value):.3g}" for name, value in (trainer.tloss or {}).items())
    kept = f"; epoch {trainer.epoch} is kept, and resume={trainer.save_dir} goes on from it" if trainer.epoch else ""
    return DivergedError(
        expected=f"finite numbers in epoch {trainer.epoch + 1}",
        found=f"{found}; mean losses: {losses}",
        where=str(trainer.save_dir),
        fix=f"start again with a lower lr0 (it was {trainer.args.lr0}) or lower gains of the loss that rose{kept}",
    )
