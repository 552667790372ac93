"""The commands `auxhead teacher ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from auxhead.cli.key_help import key_help
from auxhead.cli.parts import SETTINGS, Json, Words, emit, json_only, page_console, print_table, print_text, progress

teacher = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Ask what a teacher would teach: teacher check."
)


@teacher.callback()
def _root() -> None:
    """Let the group be one, although it has one command."""


@teacher.command(
    context_settings=SETTINGS,
    options_metavar="[OPTIONS] TEACHER.pt data=DATA.yaml model=BEST.pt",
    short_help="Ask whether there is something to learn from a teacher, and at which price.",
)
def check(
    words: Words = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("teacher check")] = False,
) -> None:
    """Ask whether there is something to learn from a teacher: big.pt data=signs.yaml model=best.pt scale=2."""
    from auxhead.keys.heads.teacher_check import TeacherCheckKeys
    from auxhead.keys.reading import read_words, validated

    keys = read_words(words or [], TeacherCheckKeys)
    validated(TeacherCheckKeys, keys)  # before torch takes its time
    with json_only(as_json), progress() as tell:
        from auxhead.evaluation.teacher import teacher_check as run

        found = run(progress=tell, **keys)
    if as_json:
        emit(found.to_dict())
        return
    console = page_console()
    print_text(console, found.verdict())
    print_table(console, found.table())
    for line in found.remarks():
        print_text(console, line)
    print_text(console, f"\nResults: {found.folder}")
