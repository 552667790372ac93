"""Run one of Ultralytics' trainers, native or stock, with the errors and the cleaning up that a command needs."""

from __future__ import annotations

import errno
import os
import shlex
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
from auxhead.keys.reading import closest

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


def require_events(callbacks: Callbacks) -> None:
    """Check what is to be called, and when: Ultralytics passes over events that it doesn't know.

    Args:
        callbacks: Functions by the name of Ultralytics' event; None: none.

    Raises:
        ConfigError: They are no such mapping, or there is no such event.
    """
    events, given = get_default_callbacks(), {} if callbacks is None else callbacks
    expected, fix = "functions by the names of Ultralytics' events", 'write callbacks={"on_fit_epoch_end": FUNCTION}'
    if not isinstance(given, Mapping):
        raise ConfigError(expected, f"{given!r:.80}", "callbacks=", fix)
    for event, call in given.items():
        if event not in events:
            raise ConfigError(expected, f"no event {event!r}", "callbacks=", closest(str(event), events) or fix)
        if not callable(call):
            raise ConfigError(expected, f"{call!r:.80} for {event}", "callbacks=", fix)


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
            fix=f"make room, then go on: auxhead train {shlex.quote(f'resume={trainer.save_dir}')}",
        ) from error
    except KeyboardInterrupt:
        LOGGER.info(f"\nstopped; go on with: auxhead train {shlex.quote(f'resume={trainer.save_dir}')}")
        raise
    return trainer
