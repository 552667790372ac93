"""How an image comes into a new data set: by a link, or as a copy."""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
import threading

from auxhead.errors import OutputError
from auxhead.files import TEMPORARY_SUFFIX

# Paths are strings here: pathlib would take longer than linking the files.
# ruff: noqa: PTH100, PTH105, PTH116, PTH118, PTH120, PTH121, PTH211

HARD, SYMBOLIC, COPY = "hard link", "symbolic link", "copy"


def find_image(path: str) -> tuple[str, os.stat_result | None]:
    """Return the file behind an image's name and its state; None if there is no file."""
    try:
        state = os.lstat(path)
    except (OSError, ValueError):
        return path, None
    if stat.S_ISREG(state.st_mode):
        return path, state
    real = os.path.realpath(path)  # a hard link to a symbolic link would be one more symbolic link
    return real, regular(real)


def regular(path: str) -> os.stat_result | None:
    """Return the state of a file; None for anything else, which Ultralytics takes for missing, too."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state if stat.S_ISREG(state.st_mode) else None


def link_image(image: str, target: str) -> str | None:
    """Give an image a second name by a hard link, else by a symbolic one, else by a copy.

    Args:
        image: The image itself, not a link to it.
        target: The new name.

    Returns:
        Which way it was; None if the image already had this name.

    Raises:
        OSError: None of the ways is open.
        OutputError: Another image has this name.
    """
    try:
        os.link(image, target)
    except FileExistsError:
        _check_same(image, target)
        return None
    except OSError:  # another disk, a file system without links, too many links, somebody else's image, ...
        return _link_by_name(image, target)
    return HARD


def _link_by_name(image: str, target: str) -> str | None:
    try:
        os.symlink(os.path.abspath(image), target)
    except OSError:
        return copy_image(image, target)
    return SYMBOLIC


def copy_image(image: str, target: str) -> str | None:
    """Copy an image with its times, and return as link_image does."""
    if os.path.lexists(target):
        _check_same(image, target)
        return None
    beside = os.path.join(os.path.dirname(target), f".{threading.get_ident()}{TEMPORARY_SUFFIX}")
    shutil.copy2(image, beside)
    os.replace(beside, target)  # a name that is there is a whole image: another thread may be about to compare it
    return COPY


def _check_same(image: str, target: str) -> None:
    """Accept that a list names an image twice, but not that two images get one name."""
    if not os.path.samefile(image, target) and not filecmp.cmp(image, target, shallow=False):
        raise OutputError(
            expected="images with names of their own",
            found="another image that gets the same one",
            where=image,
            fix="rename one of them, or list every image by one path",
        )
