"""The command `auxhead design`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

from auxhead.cli.key_help import key_help
from auxhead.cli.parts import (
    PAGE,
    WIDE,
    Json,
    Words,
    emit,
    json_only,
    page_console,
    print_table,
    print_text,
    progress,
    say,
)


def design(
    words: Words = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("design")] = False,
) -> None:
    """Design detectors for your objects at the price of one you know: signs.yaml like=yolov8n out=designs."""
    from auxhead.keys.design import DesignKeys
    from auxhead.keys.reading import read_keys

    keys = read_keys(words or [], DesignKeys)
    with json_only(as_json), progress() as tell:
        from auxhead.designs.design import design as run
        from auxhead.designs.tables import remarks, table

        found = run(**keys.model_dump(), progress=tell)
    if as_json:
        emit(found.to_dict())
        return
    console = page_console(WIDE if found.device else PAGE)
    print_table(console, table(found))
    for line in remarks(found):
        print_text(console, line)
    if keys.out:
        plan = Path(keys.out, "plan.yaml")
        how = f"; compare with: auxhead compare {shlex.quote(str(plan))}" if plan.is_file() else ""
        say(f"\nWritten to {keys.out}{how}")
