"""One process at a run's folder at a time."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout
from ultralytics.utils import LOGGER

from auxhead.errors import OutputError
from auxhead.files import remove_temporary, write_atomic
from auxhead.processes import is_running

LOCK_FILE = ".lock"
OWNER_FILE = ".owner.json"
PATIENCE = 30.0
"""Seconds to wait for what a dead process has left running. Source: own choice; the workers of a loader look every 5 s
whether their process lives (torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL)."""


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold a run's folder while the block lasts; what killed writers have left in it is removed.

    The death of the process frees it, however it dies, as soon as the workers of its loader have ended, too: that is
    waited for. The thread that holds it may ask again.

    Args:
        folder: The run's folder; it is made if absent.

    Raises:
        OutputError: It can't be made or written to, or another process is at it.
    """
    lock = _take(folder)
    if lock is None:
        yield
        return
    try:
        if lock.lock_counter == 1:
            _settle(folder)
        yield
    finally:
        if lock.lock_counter == 1:
            (folder / OWNER_FILE).unlink(missing_ok=True)
        lock.release()


def require_no_owner(folder: Path) -> None:
    """Check that a run's folder is free now; nothing in it is changed.

    Raises:
        OutputError: Another process is at it, or it can't be written to.
    """
    if not (folder / LOCK_FILE).is_file():
        return
    lock = _take(folder)
    if lock is not None:
        lock.release()


def _take(folder: Path) -> BaseFileLock | None:
    """Take a folder's lock, and make the folder where there is none; None on a file system without locks."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE, is_singleton=True)
        _acquire(lock, folder)
    except Timeout as error:
        raise _refusal(folder) from error
    except NotImplementedError:  # so filelock says it
        LOGGER.warning(f"{folder}: this file system has no locks; see to it that only one process is at this run")
        return None
    except OSError as error:
        raise OutputError(
            expected="a folder for the run that can be written to",
            found=error.strerror or str(error),
            where=str(folder),
            fix="choose another one with project=",
        ) from error
    return lock


def _settle(folder: Path) -> None:
    for place in (folder, folder / "weights"):
        remove_temporary(place)
    owner = {"process": os.getpid(), "machine": platform.node(), "since": datetime.now(UTC).isoformat(" ", "seconds")}
    write_atomic(folder / OWNER_FILE, json.dumps(owner).encode())


def _acquire(lock: BaseFileLock, folder: Path) -> None:
    """Take the lock at once, or when the workers of a dead process let go of it."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        owner = _owner(folder)
        if owner is None or not _has_died(owner):
            raise
        LOGGER.info(f"{folder}: {_named(owner)}, has died; waiting up to {PATIENCE:g} s for what it has left running")
        lock.acquire(timeout=PATIENCE)


def _refusal(folder: Path) -> OutputError:
    owner = _owner(folder)
    expected, found = "a run that no other process is at", _named(owner)
    if owner is not None and _has_died(owner):
        found += "; it has died, but what it has left running holds the run"
        return OutputError(expected, found, str(folder), f"end that: `fuser {folder / LOCK_FILE}` lists it")
    fix = "wait until it has ended, or stop it; a new run goes elsewhere with name= or project="
    return OutputError(expected, found, str(folder), fix)


def _owner(folder: Path) -> dict[str, Any] | None:
    """Read who holds a folder; None where it can't be read."""
    try:
        owner = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
        return {"process": int(owner["process"]), "machine": owner["machine"], "since": owner["since"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _has_died(owner: Mapping[str, Any]) -> bool:
    return bool(owner["machine"] == platform.node()) and not is_running(owner["process"])


def _named(owner: Mapping[str, Any] | None) -> str:
    if owner is None:
        return "another process, which has not said who it is"
    return f"process {owner['process']} on {owner['machine']}, since {owner['since']}"
