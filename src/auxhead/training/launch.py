"""Run one of Ultralytics' trainers, native or stock, with the errors and the cleaning up that a command needs."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ultralytics.cfg import get_cfg, get_save_dir
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.utils import LOGGER
from ultralytics.utils.callbacks import get_default_callbacks

from auxhead.errors import AuxHeadError, ConfigError, OutputError
from auxhead.formats import require_text
from auxhead.host.calls import first_line, told_as

Callbacks = Mapping[str, Callable[[Any], None]] | None

NO_PLACE = {
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO") if hasattr(errno, name)
}
"""What the system says of a place that can't be written to, or of a disk that fails."""


def run_folder(arguments: Mapping[str, Any]) -> Path:
    """Return the folder that Ultralytics would make for a run, a new one unless told otherwise.

    Raises:
        OutputError: Its path can't be written down.
    """
    folder = Path(get_save_dir(get_cfg(overrides=dict(arguments))))
    require_text(folder)
    for part in folder.parts:
        with suppress(FileNotFoundError):
            os.lstat(Path(os.sep, part))  # names that are too long end here, whether or not their folder is there yet
    return folder


def _cannot_do(error: BaseException) -> ConfigError:
    return ConfigError(
        "a training that Ultralytics can do", first_line(error), "the keys given", "correct what it names"
    )


def drive(kind: Callable[..., BaseTrainer], arguments: Mapping[str, Any], callbacks: Callbacks = None) -> BaseTrainer:
    """Build a trainer, train, and return it.

    Args:
        kind: A trainer class of Ultralytics, or one that takes the same `overrides`.
        arguments: Ultralytics' arguments.
        callbacks: Functions of the trainer by the name of Ultralytics' event; they are called before its own.

    Raises:
        ConfigError: Ultralytics can't do what the arguments ask for, such as an optimizer that it doesn't know.
        OutputError: The run's folder can't be written to, or no longer.
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
        with told_as(_cannot_do, (NotImplementedError,)):
            trainer.train()
    except OSError as error:
        if isinstance(error, AuxHeadError) or error.errno not in NO_PLACE:
            raise
        raise OutputError(
            expected="room and permission to write what a training leaves",
            found=error.strerror or str(error),
            where=str(error.filename or trainer.save_dir),
            fix=f"make room, then go on: auxhead train resume={trainer.save_dir}",
        ) from error
    except KeyboardInterrupt:
        LOGGER.info(f"\nstopped; go on with: auxhead train resume={trainer.save_dir}")
        raise
    return trainer
