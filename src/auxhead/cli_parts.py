"""What all commands of the command line share: words and keys in, progress and JSON out."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auxhead.progress import Progress

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

PAGE = 132  # columns of tables that don't go to a terminal
WORDS = {"allow_extra_args": True, "help_option_names": []}
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output, all else on error.")]


def key_help(models: Callable[[], dict[str, type[BaseModel]]], note: str = "") -> Any:
    """Make a --help flag that lists keys from their pydantic models, imported only then.

    Args:
        models: Gives the models by the prefix of their keys, "center." for instance.
        note: Printed below the keys.
    """

    def show(context: typer.Context, asked: bool) -> None:
        if not asked:
            return
        from auxhead.keys.train import ROUTE_KEYS

        typer.echo(context.get_help())
        for prefix, model in models().items():
            owner = "route" if prefix.removesuffix(".") in ROUTE_KEYS else "head"
            typer.echo(f"\nKeys {prefix}* of the {owner}:" if prefix else "\nKeys:")
            for name, field in sorted(model.model_fields.items(), key=lambda item: not item[1].is_required()):
                default = "" if field.default is None else f" (default {field.default})"
                default = " (required)" if field.is_required() else default
                typer.echo(f"  {prefix + name + '=':26}{field.description}{default}")
        typer.echo(note)
        raise typer.Exit

    return typer.Option("--help", "-h", callback=show, is_eager=True, help="Show this message and all keys.")


def page_console() -> Console:
    """Make a console for tables: as wide as the terminal, or as a page."""
    from rich.console import Console

    console = Console(markup=False, emoji=False)  # paths may hold brackets and colons
    return console if console.is_terminal else Console(markup=False, emoji=False, width=PAGE)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Show a bar for each kind of work that is reported, on standard error; no report, no bar."""
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True, markup=False, emoji=False))
    tasks: dict[str, Any] = {}

    def tell(what: str, done: int, total: int) -> None:
        if not tasks:
            bar.start()
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done)

    try:
        yield tell
    finally:
        if tasks:
            bar.stop()


@contextlib.contextmanager
def json_only(asked: bool) -> Iterator[None]:
    """Send everything that libraries print to standard error while JSON is asked for on standard output."""
    with contextlib.redirect_stdout(sys.stderr) if asked else contextlib.nullcontext():
        yield


def emit(content: Any) -> None:
    """Print a result as JSON."""
    typer.echo(json.dumps(content, indent=2, default=str))
