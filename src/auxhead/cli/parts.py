"""What all commands of the command line share: where their keys stand, progress, tables and JSON."""

from __future__ import annotations

import contextlib
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auxhead.formats import printable

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.table import Table

PAGE = 132  # columns of tables that don't go to a terminal
WIDE = 168  # likewise, of tables that also show measured times
BESIDE = 3  # columns that rich leaves beside each of a table's
LONGEST = 40  # columns of a name or word that isn't broken
SETTINGS = {"help_option_names": [], "max_content_width": PAGE}
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output, all else on error.")]

KEYS: Mapping[str, Sequence[tuple[str, str]]] = {
    "train": [("train", "TrainKeys")],
    "convert": [("convert", "ConvertKeys")],
    "strip": [("strip", "StripKeys")],
    "cost": [("cost", "CostKeys")],
    "inspect": [("inspect", "InspectKeys")],
    "design": [("design", "DesignKeys")],
    "evaluate": [("evaluate", "EvaluateKeys")],
    "teacher check": [("heads.teacher_check", "TeacherCheckKeys")],
    "compare": [("compare", "PlanKeys"), ("compare", "CompareKeys")],
    "report": [("compare", "ReportKeys")],
    "demo": [("demo", "DemoKeys")],
}
"""Where the keys of each command stand: modules of `auxhead.keys`, and classes in them."""


def models(command: str) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Import the models of a command's keys: a title, the prefix of the keys without its dot, and the model."""
    for module, name in KEYS[command]:
        yield "Keys", "", getattr(import_module(f"auxhead.keys.{module}"), name)
    if command == "train":
        from auxhead.keys.augmentation import AUGMENTATION_KEYS
        from auxhead.keys.heads.registry import head_names, spec_class
        from auxhead.keys.train import ROUTE_KEYS

        yield from (("Keys of what training pictures show", name, model) for name, model in AUGMENTATION_KEYS.items())
        yield from ((f"Keys {name}.* of the head", name, spec_class(name)) for name in head_names())
        yield from ((f"Keys {name}.* of the route", name, model) for name, model in ROUTE_KEYS.items())


def known_words(command: str) -> tuple[set[str], set[str]]:
    """Name the keys of a command, and those of them that may stand alone."""
    from auxhead.keys.augmentation import word
    from auxhead.keys.reading import of_kind

    known, flags = set(), set()
    for _, prefix, model in models(command):
        alone = of_kind(bool, model.model_fields)
        for name, field in model.model_fields.items():
            known.add(word(prefix, name, field))
            flags |= {word(prefix, name, field)} if name in alone else set()
    if command in ("train", "compare"):
        from auxhead.keys.host import host_flags
        from auxhead.keys.train_reading import known_keys

        known |= {*known_keys()}
        flags |= host_flags()
    return known, flags


def complete(context: typer.Context, incomplete: str) -> list[str]:
    """Offer a shell the keys of a command that begin as a word does; names of files it completes by itself."""
    group = context.parent.info_name if context.parent and context.parent.parent else ""  # of `teacher check`
    command, before = f"{group} {context.info_name}".strip(), context.params.get("words") or []
    if command not in KEYS or "=" in incomplete or before[-1:] == ["="]:  # bash parts data=x into three words
        return []
    return [f"{key}=" for key in sorted(known_words(command)[0]) if key.startswith(incomplete)]


Words = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", hidden=True, autocompletion=complete)]


def page_console(page: int = PAGE, *, err: bool = False) -> Console:
    """Make a console for tables: as wide as the terminal, or as a page of so many columns; or for standard error."""
    from rich.console import Console

    class Printable(Console):
        """Names and paths come from other people: they may hold brackets, colons, and commands to a terminal."""

        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*(printable(one) if isinstance(one, str) else one for one in objects), **options)

    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    console = Printable(**plain, stderr=err)
    return console if err or console.is_terminal else Printable(**plain, width=page)


def say(text: str, *, err: bool = False) -> None:
    """Print a line of text."""
    typer.echo(printable(text), err=err)


def print_text(console: Console, text: str) -> None:
    """Print sentences: words and paths stay whole in a terminal; elsewhere a line stays one, for what searches it."""
    lines = text.split("\n")
    if console.is_terminal:
        lines = [_wrapped(line, console.width) for line in lines]
    console.print("\n".join(lines), soft_wrap=True)


def _wrapped(line: str, width: int) -> str:
    """Break a line between words; what follows is indented as it is."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def print_table(console: Console, rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print a table that a result has laid out; in parts, where it is so wide that words would be broken.

    Args:
        console: Where.
        rows: Rows of cells, the first of which is the head; the first column stands to the left, numbers to the right.
        title: Printed above.
    """
    room = console.width - 1  # rich draws one space more than those beside columns
    for place, columns in enumerate(_parts(rows, room)):
        part = [[row[column] for column in columns] for row in rows]
        console.print(_table(part, _widths(part, room), None if place else title))


def _parts(rows: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Share the columns out among tables that fit, each with the first column; one table where whole words fit.

    >>> _parts([["name", "seconds", "bytes"], ["a long name", "1.5 (1.2 to 1.9)", "12,345"]], 40)
    [[0, 1, 2]]
    >>> _parts([["name", "seconds", "bytes"], ["a long name", "1.5 (1.2 to 1.9)", "12,345"]], 32)
    [[0, 1], [0, 2]]
    """
    whole, words = _cells(rows), _words(rows)
    if sum(words) + BESIDE * len(words) <= width:
        return [list(range(len(whole)))]
    parts = [[0]]
    for place in range(1, len(whole)):
        if len(parts[-1]) > 1 and sum(whole[column] + BESIDE for column in [*parts[-1], place]) > width:
            parts.append([0])
        parts[-1].append(place)
    return parts


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Make columns narrower until they fit, those first whose longest word leaves the most room.

    >>> _widths([["name", "seconds", "bytes"], ["a long name", "1.5 (1.2 to 1.9)", "12,345"]], 35)
    [11, 9, 6]
    """
    widths, least = _cells(rows), _words(rows)
    while sum(widths) + BESIDE * len(widths) > width:
        room, place = max((have - word, place) for place, (have, word) in enumerate(zip(widths, least, strict=True)))
        if not room:
            break  # rich breaks words, then
        widths[place] -= 1
    return widths


def _cells(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the length of the longest cell of each column."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _words(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the length of the longest word of each column; names in the first one stay whole, long paths needn't."""
    words = [max(len(word) for cell in column for word in cell.split() or [""]) for column in zip(*rows, strict=True)]
    return [max(words[0], min(_cells(rows)[0], LONGEST)), *(min(word, LONGEST) for word in words[1:])]


def _table(rows: Sequence[Sequence[str]], widths: Sequence[int], title: str | None) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    head, *body = rows
    columns = [
        Column(cell, overflow="fold", width=width, justify="right" if place else "left")
        for place, (cell, width) in enumerate(zip(head, widths, strict=True))
    ]
    table = Table(*columns, title=printable(title) if title else None, title_justify="left", box=SIMPLE_HEAD)
    for row in body:
        table.add_row(*map(printable, row))
    return table


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show how far each kind of work is that is reported, on standard error; no report, nothing shown.

    A terminal gets bars. Elsewhere, a bar would come only once it is full: a file or a pipe gets lines.
    """
    console = page_console(err=True)
    with _bars(console) if console.is_terminal and not console.is_dumb_terminal else _lines() as tell:
        yield tell


@contextlib.contextmanager
def _lines() -> Iterator[Callable[[str, int, int], None]]:
    """Print a line when a kind of work starts, and whenever another quarter of it is done."""
    quarters: dict[str, int] = {}

    def tell(task: str, done: int, total: int) -> None:
        quarter = 4 * done // total if total else 4
        if quarter > quarters.get(task, -1):
            quarters[task] = quarter
            say(f"{task} {done}/{total}", err=True)

    yield tell


@contextlib.contextmanager
def _bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each kind of work."""
    from rich.progress import Progress

    bar = Progress(console=console)
    tasks: dict[str, Any] = {}

    def tell(task: str, done: int, total: int) -> None:
        if not tasks:
            bar.start()
        if task not in tasks:
            tasks[task] = bar.add_task(task, total=total)
        bar.update(tasks[task], completed=done)

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
