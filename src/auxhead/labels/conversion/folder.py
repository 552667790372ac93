"""The folder a conversion writes: whose it is, how it is built beside its place and moved there in one step."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from auxhead.errors import OutputError
from auxhead.files import TEMPORARY_SUFFIX
from auxhead.processes import is_running

MANIFEST = "conversion.json"
VERSION = 2  # of what we write; raise it when a new release writes other files, so that old ones are made anew
DATA, PROBLEMS = "data.yaml", "problems.csv"
OURS = frozenset(
    {MANIFEST, DATA, PROBLEMS, "images", "labels", "ignore", "train.txt", "val.txt", "test.txt", "minival.txt"}
)
ATTEMPTS = 10  # at moving a folder into a place that other processes move theirs into

_numbers = itertools.count()  # tells builds of this process apart


def resolve(out: Path | str) -> Path:
    """Return where the folder shall be, with the links on the way there resolved.

    Raises:
        OutputError: It is a link or a file.
    """
    place = Path(os.path.abspath(out))  # noqa: PTH100  drops `..` and a trailing separator
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise OutputError(
            expected="a folder, or a name for a new one",
            found="a symbolic link" if place.is_symlink() else "a file",
            where=str(place),
            fix="choose another out=",
        )
    return place.parent.resolve() / place.name


def read_manifest(out: Path) -> Mapping[str, Any] | None:
    """Read what an earlier conversion noted about a folder; None if the folder isn't one of its own."""
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "fingerprint" in manifest else None


def holds(out: Path, fingerprint: str) -> bool:
    """Whether a folder is the whole result of a conversion with this fingerprint."""
    manifest = read_manifest(out)
    return manifest is not None and manifest["fingerprint"] == fingerprint and (out / DATA).is_file()


def write_manifest(build: Path, manifest: Mapping[str, Any]) -> None:
    """Note how a folder was made; the last file of all, so that its presence means that the rest is there."""
    (build / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def check_ours(out: Path) -> None:
    """See that a folder may be replaced.

    Raises:
        OutputError: It holds something that no conversion wrote.
    """
    names = sorted(entry.name for entry in out.iterdir()) if out.is_dir() else []
    foreign = [name for name in names if name not in OURS]
    if foreign or (names and read_manifest(out) is None):
        shown = ", ".join((foreign or names)[:5]) + (", ..." if len(foreign or names) > 5 else "")
        raise OutputError(
            expected="a new or empty folder, or one that holds an earlier conversion and nothing else",
            found=f"files that no conversion wrote: {shown}" if foreign else f"no {MANIFEST} beside {shown}",
            where=str(out),
            fix="choose another out=, or move these files away",
        )


def check_apart(out: Path, searched: Iterable[str], listed: Iterable[str]) -> None:
    """See that source and result don't lie in each other.

    Args:
        out: The result, with links resolved.
        searched: Folders whose images are all taken, at any depth.
        listed: Files and folders that are only read.

    Raises:
        OutputError: `out` lies in a searched folder, or contains a searched or listed one.
    """
    for source, is_searched in [*((path, True) for path in searched), *((path, False) for path in listed)]:
        real = Path(os.path.realpath(source))
        inside = is_searched and out.is_relative_to(real)
        if inside or real.is_relative_to(out):
            raise OutputError(
                expected="a folder apart from the source data",
                found=f"a folder {'inside of' if inside else 'that contains'} {source}",
                where=str(out),
                fix="choose another out=",
            )


@contextmanager
def build_folder(out: Path) -> Iterator[Path]:
    """Make a hidden folder beside `out` to build in, and remove it at the end, whatever happens.

    What killed conversions to the same `out` left there is removed first.

    Raises:
        OutputError: The folder can't be made.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(out)
    build = out.with_name(f"{_prefix(out)}{os.getpid()}.{next(_numbers)}{TEMPORARY_SUFFIX}")
    try:
        build.mkdir()  # in here: Ctrl-C may come before the next line
        yield build
    finally:
        shutil.rmtree(build, ignore_errors=True)


def publish(build: Path, out: Path, fingerprint: str) -> bool:
    """Move a finished build into its place; a folder of ours that stood there is removed.

    Returns:
        False if another process has put the same there meanwhile; the build is left to be removed then.

    Raises:
        OutputError: The place holds what no conversion wrote.
        OSError: The folder can't be moved.
    """
    aside = build.with_name(build.name.removesuffix(TEMPORARY_SUFFIX) + f".old{TEMPORARY_SUFFIX}")
    try:
        for _ in range(ATTEMPTS):
            if _moved(build, out):
                return True
            if holds(out, fingerprint):
                return False
            check_ours(out)
            shutil.rmtree(aside, ignore_errors=True)
            with suppress(FileNotFoundError):  # another process was faster
                out.rename(aside)
    except BaseException:
        with suppress(OSError):
            aside.rename(out)  # the old one, unless something stands there
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    raise OutputError(
        expected="a place that nobody else writes to",
        found=f"another conversion, {ATTEMPTS} times in a row",
        where=str(out),
        fix="run one conversion to a folder at a time",
    )


def _moved(build: Path, out: Path) -> bool:
    """Move a folder to where nothing or an empty folder is, or say that there is more."""
    try:
        build.rename(out)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        return False
    return True


def _prefix(out: Path) -> str:
    return f".{out.name}.{socket.gethostname()}."


def _remove_leftovers(out: Path) -> None:
    """Remove what conversions to `out` left that were killed on this machine; those that run keep theirs."""
    name = re.compile(rf"{re.escape(_prefix(out))}(\d{{1,9}})\.\d+(?:\.old)?{re.escape(TEMPORARY_SUFFIX)}")
    for entry in out.parent.iterdir():
        match = name.fullmatch(entry.name)
        if match and not is_running(int(match[1])):
            shutil.rmtree(entry, ignore_errors=True)
