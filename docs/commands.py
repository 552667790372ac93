"""Write docs/commands.md from the models of the keys: `uv run python docs/commands.py`. A test holds the page to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from typer.main import get_command

from auxhead.cli.app import app
from auxhead.cli.key_help import meaning
from auxhead.cli.parts import KEYS, models
from auxhead.keys.augmentation import word

PAGE = Path(__file__).with_name("commands.md")
MORE = {
    "demo": "../README.md#try-it",
    "inspect": "inspect.md",
    "design": "design.md",
    "train": "training.md",
    "evaluate": "evaluate.md",
    "teacher check": "teacher.md#is-there-something-to-learn",
    "compare": "compare.md",
    "report": "compare.md#runs",
    "convert": "tutorial.md#1-auxhead-convert",
    "strip": "files.md#auxhead-strip",
    "cost": "tutorial.md#what-a-model-costs",
    "env": "environment.md",
}
"""Where each command is told about."""

HEAD = """\
# Commands and keys

What `auxhead COMMAND --help` prints, on one page. It is written by `docs/commands.py` from the models that check the
keys, and a test holds it to them. Keys are typed `key=value`. Every command also takes `--help` and `--json`, which
prints the result as JSON on standard output, and all else on standard error. `auxhead --version` prints the version.
`train` and `compare` take every key of `yolo detect train` as well: `yolo cfg` lists them."""


def page() -> str:
    """Return the whole page."""
    commands = dict(_commands(get_command(app)))
    listed = [(f"[`{name}`](#auxhead-{name.replace(' ', '-')})", one.short_help) for name, one in commands.items()]
    parts = [HEAD, _table("command", listed)]
    for name, command in commands.items():
        parts += _command(name, command)
    return "\n\n".join(parts) + "\n"


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """List commands in the order of the help, those of a group in its place."""
    for name in group.list_commands(None):
        command = group.commands[name]
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            command.short_help = command.short_help or command.help
            yield before + name, command


def _command(name: str, command: Any) -> Iterator[str]:
    """Write about one command, in blocks."""
    yield f"## `auxhead {name}`"
    yield f"{command.short_help} [How]({MORE[name]})."
    given = ["KEY=VALUE" if one.hidden else one.metavar for one in command.params if one.param_type_name == "argument"]
    line = " ".join(["auxhead", name, command.options_metavar, *(f"{word} ..." for word in given)])
    yield f"```text\n{line}\n```"
    flags = [one for one in command.params if one.param_type_name == "option" and not one.is_eager]
    if rows := [(f"`{one.opts[-1]}`", one.help) for one in flags if one.opts[-1] != "--json"]:
        yield _table("flag", rows)
    for title, group in groupby(models(name) if name in KEYS else (), key=lambda model: model[0]):
        rows = []
        for _, prefix, model in group:
            fields = sorted(model.model_fields.items(), key=lambda item: not item[1].is_required())
            rows += [(f"`{word(prefix, key, field)}=`", meaning(field)) for key, field in fields]
        yield _table(title.lower() if title == "Keys" else f"k{title[1:]}", rows)


def _table(head: str, rows: Sequence[tuple[str, str]]) -> str:
    """Lay out a table of two columns."""
    cells = [(head, "what"), ("---", "---"), *rows]
    return "\n".join(f"| {first} | {second.replace('|', chr(92) + '|')} |" for first, second in cells)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
