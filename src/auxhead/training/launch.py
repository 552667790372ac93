"""Run one of Ultralytics' trainers, native or stock, with the errors and the cleaning up that a command needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from typing import Any

from ultralytics.engine.trainer import BaseTrainer
from ultralytics.utils import LOGGER
from ultralytics.utils.callbacks import get_default_callbacks

from auxhead.errors import AuxHeadError, OutputError
from auxhead.host.calls import told_as

Callbacks = Mapping[str, Callable[[Any], None]] | None


def drive(kind: Callable[..., BaseTrainer], arguments: Mapping[str, Any], callbacks: Callbacks = None) -> BaseTrainer:
    """Build a trainer, train, and return it.

    Args:
        kind: A trainer class of Ultralytics, or one that takes the same `overrides`.
        arguments: Ultralytics' arguments.
        callbacks: Functions of the trainer by the name of Ultralytics' event; they are called before its own.

    Raises:
        OutputError: The run's folder can't be written to.
    """

    def refuse(error: BaseException) -> OutputError:
        return OutputError(
            expected="a folder for the run that can be written to",
            found=str(error),
            where=str(arguments.get("project") or "runs/"),
            fix="choose another one with project=",
        )

    every = get_default_callbacks()
    for event, callback in (callbacks or {}).items():
        every[event].insert(0, callback)
    with told_as(refuse, (OSError,)):
        trainer = kind(overrides=dict(arguments), _callbacks=every)  # some are called while it is built
    try:
        trainer.train()
    except AuxHeadError:
        new = not (arguments.get("exist_ok") or arguments.get("resume") or arguments.get("save_dir"))
        if new and not trainer.last.exists():
            shutil.rmtree(trainer.save_dir, ignore_errors=True)  # nothing was trained: leave no run that looks like one
        raise
    except KeyboardInterrupt:
        LOGGER.info(f"\nstopped; go on with: auxhead train resume={trainer.save_dir}")
        raise
    return trainer
