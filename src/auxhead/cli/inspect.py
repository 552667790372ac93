"""The command `auxhead inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from auxhead.cli.key_help import key_help
from auxhead.cli.parts import Json, Words, emit, json_only, page_console, print_table, print_text, progress, say


def inspect(
    words: Words = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("inspect")] = False,
) -> None:
    """Look at a data set before training on it: signs.yaml imgsz=640 out=signs-inspected."""
    from auxhead.keys.inspect import InspectKeys
    from auxhead.keys.reading import read_keys

    keys = read_keys(words or [], InspectKeys)
    with json_only(as_json), progress() as tell:
        from auxhead.inspection.inspect import PAGE_FILE
        from auxhead.inspection.inspect import inspect as run
        from auxhead.inspection.tables import remarks, table

        found = run(**keys.model_dump(), progress=tell)
    if as_json:
        emit(found.to_dict())
        return
    console = page_console()
    print_table(console, table(found))
    for line in remarks(found):
        print_text(console, line)
    if keys.out:
        say(f"\nResults: {keys.out}\nPage: {Path(keys.out) / PAGE_FILE}")
