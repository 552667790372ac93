"""Help of a command: all its keys from their models, with choices and defaults as one types them."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer

from auxhead.cli.parts import PAGE, models

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

COLUMN = 28  # where the meaning of a key begins: the longest key but two fits before it


def key_help(command: str, note: str = "") -> Any:
    """Make a --help flag that lists a command's keys from their models, imported only then.

    Args:
        command: Its name.
        note: Printed below the keys.
    """

    def show(context: typer.Context, asked: bool) -> None:
        if not asked:
            return
        from auxhead.keys.augmentation import word

        typer.echo(context.get_help())
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PAGE
        before = ""
        for title, prefix, model in models(command):
            typer.echo(f"\n{title}:" if title != before else "", nl=title != before)
            before = title
            for name, field in sorted(model.model_fields.items(), key=lambda item: not item[1].is_required()):
                typer.echo(_entry(word(prefix, name, field), meaning(field), width))
        typer.echo("\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in note.splitlines()))
        raise typer.Exit

    return typer.Option("--help", "-h", callback=show, is_eager=True, help="Show this message and all keys.")


def _entry(key: str, meaning: str, width: int) -> str:
    """Lay out a key and what it means, in lines as wide as the terminal; names in them are not broken."""
    indent = " " * COLUMN
    head = f"  {key}= ".ljust(COLUMN)
    return textwrap.fill(
        meaning, width, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def meaning(field: FieldInfo) -> str:
    """Say what a key means, what it may be and what it is when it isn't given."""
    choices = _choices(field.annotation)
    said = str(field.description)
    unsaid = set(choices) - set(re.findall(r"[\w+-]+", said))
    more = [f"{', '.join(choices[:-1])} or {choices[-1]}"] if unsaid else []
    if field.is_required():
        more.append("required")
    elif field.default not in (None, {}, [], ""):
        more.append(f"default {typed(field.default)}")
    return f"{said} ({'; '.join(more)})" if more else said


def _choices(annotation: Any) -> list[str]:
    """List the words that a key may be, one of which may be None; none where it may be anything else."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    inner = [one for one in get_args(annotation) if one is not type(None)]
    return _choices(inner[0]) if len(inner) == 1 and type(None) in get_args(annotation) else []


def typed(value: Any) -> str:
    """Write a value as one types it.

    >>> typed(True), typed([2.0, 4.0, 8.0]), typed(1 / 12), typed("best")
    ('true', '2,4,8', '0.0833333', 'best')
    """
    if isinstance(value, (list, tuple)):
        return ",".join(map(typed, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
