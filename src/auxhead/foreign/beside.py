"""Data sets of other formats where one for YOLO is asked for: converted beside themselves, once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from auxhead.errors import AuxHeadError, OutputError
from auxhead.foreign.recognize import convert_line, format_of
from auxhead.foreign.to_yolo import to_yolo
from auxhead.formats import printable
from auxhead.keys.convert import OnError
from auxhead.progress import Steps

SUFFIX = "-yolo"
"""What the name of a converted folder ends in."""


def say_aside(text: str) -> None:
    """Write a text to standard error, so that standard output stays what was asked for."""
    sys.stderr.write(f"{printable(text)}\n")


def as_yolo(
    data: str, *, on_error: OnError = "fail", progress: Steps | None = None, say: Callable[[str], None] = say_aside
) -> str:
    """Name a data set as Ultralytics reads it; one of another format is converted first, or found up to date.

    Args:
        data: What a command got as `data`. In a format of `LAYOUTS`: a folder, a json of COCO's or TT100K's, or COCO
            jsons with commas between them. Anything else comes back as it is.
        on_error: What pictures do that can't be used, as in `to_yolo`.
        progress: Called as progress(done, total), in pictures.
        say: Called with what the conversion found and left out, if it wrote anything.

    Returns:
        The new data.yaml: in a folder of the source's name with "-yolo" behind it, beside the source (of jsons: beside
        the folder of the first).

    Raises:
        ConfigError, DataError: The data set can't be converted.
        OutputError: The folder beside it holds something else, or can't be written.
    """
    if not format_of(data):
        return data
    place = Path(data) if Path(data).exists() else Path(data.partition(",")[0])
    source = (place if place.is_dir() else place.parent).resolve()
    out = source.with_name(f"{source.name}{SUFFIX}")
    try:
        found = to_yolo(data, out, on_error=on_error, only_same=True, progress=progress)
    except AuxHeadError as error:
        if isinstance(error, OutputError):
            error.fix = f"{error.fix}; choose the place with `{convert_line(data)}`, and name NEW/data.yaml"
        elif "on_error" in error.fix:  # which not every command has
            error.fix = f"{error.fix}, also with `{convert_line(data)} on_error=skip`"
        elif error.fix.endswith("pictures=FOLDER"):
            error.fix = f"{error.fix}, with `{convert_line(data)} pictures=FOLDER`, and then NEW/data.yaml"
        raise
    if found.fresh:
        say(str(found))
    return str(found.data)
