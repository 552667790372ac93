"""Files: as they are named, written beside and moved into place, so that one of ours is whole or absent; their hash."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from auxhead.errors import ConfigError, OutputError
from auxhead.processes import is_running

TEMPORARY_SUFFIX = ".auxhead-tmp"
PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds on Windows. Source: about as long as pip asks again, 1 s (_internal/utils/filesystem.py, replace)."""
OLD = 86400.0  # seconds after which nobody is still writing a file. Source: own choice; the largest take minutes


def path_given(value: object, call: str) -> str:
    """Return the file or folder that a function is called with first, as text.

    Args:
        value: What was given.
        call: How the function is called, for the message: `auxhead.convert("data.yaml", ...)`.

    Raises:
        ConfigError: It is no path; whatever else a function takes goes by its name.
    """
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    found = f"{value!r:.80} ({type(value).__name__})"
    fix = "correct it; all else goes by its name, such as callbacks= or progress="
    raise ConfigError(f"a path or a name first, {call}", found, "the first argument", fix)


def sha256(path: Path) -> str:
    """Hash a file's content.

    Returns:
        SHA-256, hexadecimal.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def require_free(folder: Path, names: Sequence[str], *, exist_ok: bool) -> None:
    """Check that files may be written, before any work is done.

    Args:
        folder: Where they shall be.
        names: Their names.
        exist_ok: Whether those that stand there may be replaced.

    Raises:
        OutputError: Some stand there, and may not; or nothing can be written there.
    """
    place = folder.absolute()
    nearest = next((above for above in (place, *place.parents) if os.path.exists(above)), None)  # noqa: PTH110
    if nearest is None or not os.path.isdir(nearest):  # noqa: PTH112  pathlib raises where a folder is closed
        fault = "a file" if nearest else "no such disk"
    else:
        fault = "" if os.access(nearest, os.W_OK | os.X_OK) else "no permission to write there"
    if fault:
        raise OutputError(f"a folder for {' and '.join(names)}", fault, str(nearest or place), "choose another folder")
    there = [name for name in names if (folder / name).exists()]
    if there and not exist_ok:
        raise OutputError(
            expected=f"a folder without {' and '.join(names)}",
            found=" and ".join(there),
            where=str(folder),
            fix="choose another folder, or add exist_ok=true",
        )


def write_atomic(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file so that a reader, or a kill at any moment, never meets half of it.

    Args:
        path: Where the file shall be; its folder is made when absent.
        content: The bytes of the whole file, at once or in parts.

    Raises:
        OutputError: The disk is full, the folder can't be written to, or is no folder. A file that stood at `path`
            is untouched then.
    """
    what = f"{len(content):,} bytes" if isinstance(content, bytes) else "a file"
    temporary = path.with_name(f".{_here()}.{os.getpid()}.{uuid.uuid4().hex[:8]}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        _move(temporary, path)
    except OSError as error:
        raise OutputError(
            expected=f"room and permission to write {what}",
            found=error.strerror or str(error),
            where=str(path),
            fix="choose another name, or move away what stands there"
            if isinstance(error, (IsADirectoryError, NotADirectoryError, FileExistsError))
            else "free some disk space, or choose a folder you may write to (project=, out=)",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)  # it is gone unless something went wrong


def _move(temporary: Path, path: Path) -> None:
    """Move a file into its place; Windows refuses that while somebody reads what stands there: there, ask again.

    Elsewhere readers are in nobody's way, and a refusal is for good.
    """
    for pause in PAUSES if sys.platform == "win32" else ():
        with suppress(PermissionError):
            temporary.replace(path)
            return
        time.sleep(pause)
    temporary.replace(path)


def remove_temporary(folder: Path, *, of_dead: bool = False) -> None:
    """Delete what killed writers left in a folder; an absent folder is fine.

    Args:
        folder: The folder itself, nothing below it.
        of_dead: Whether others may be writing there now: then only what is known to be of a process that is dead goes,
            and of other machines what is older than a day.
    """
    for leftover in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        if not leftover.is_dir() and not (of_dead and _may_be_written(leftover)):
            leftover.unlink(missing_ok=True)


def _may_be_written(temporary: Path) -> bool:
    """Tell whether the process that began a temporary file may still be at it."""
    where, process, *_ = temporary.name.removeprefix(".").split(".")
    if where == _here() and process.isdecimal():
        return is_running(int(process))
    try:
        return time.time() - temporary.stat().st_mtime < OLD
    except OSError:
        return False


@cache
def _here() -> str:
    """Name this machine, or the container on it in which process numbers are counted."""
    with suppress(OSError):
        return hashlib.sha256(f"{platform.node()} {Path('/proc/self/ns/pid').stat().st_ino}".encode()).hexdigest()[:8]
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
