"""One process at a run's folder at a time."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from ultralytics.utils import LOGGER

from auxhead.errors import OutputError
from auxhead.files import remove_temporary, write_atomic

LOCK_FILE = ".lock"
OWNER_FILE = ".owner.json"


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold a run's folder while the block lasts; what killed writers have left in it is removed.

    The death of the process frees it, however it dies. The thread that holds it may ask again.

    Args:
        folder: The run's folder; it is made if absent.

    Raises:
        OutputError: It can't be made or written to, or another process is at it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE, is_singleton=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(
            expected="a run that no other process is at",
            found=_owner(folder),
            where=str(folder),
            fix="wait until it has ended, or stop it; a new run goes elsewhere with name= or project=",
        ) from error
    except NotImplementedError:  # so filelock says that a file system has no locks
        LOGGER.warning(f"{folder}: this file system has no locks; see to it that only one process is at this run")
        yield
        return
    except OSError as error:
        raise OutputError(
            expected="a folder for the run that can be written to",
            found=error.strerror or str(error),
            where=str(folder),
            fix="choose another one with project=",
        ) from error
    try:
        if lock.lock_counter == 1:
            _settle(folder)
        yield
    finally:
        if lock.lock_counter == 1:
            (folder / OWNER_FILE).unlink(missing_ok=True)
        lock.release()


def _settle(folder: Path) -> None:
    for place in (folder, folder / "weights"):
        remove_temporary(place)
    owner = {"process": os.getpid(), "machine": platform.node(), "since": datetime.now(UTC).isoformat(" ", "seconds")}
    write_atomic(folder / OWNER_FILE, json.dumps(owner).encode())


def _owner(folder: Path) -> str:
    """Say who holds a folder, as far as it can be read."""
    try:
        owner = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
        return f"process {owner['process']} on {owner['machine']}, since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which has not said who it is"
