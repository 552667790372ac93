"""The command `auxhead cost`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auxhead.cli.key_help import key_help
from auxhead.cli.parts import (
    PAGE,
    WIDE,
    Json,
    complete,
    emit,
    json_only,
    page_console,
    print_table,
    print_text,
    progress,
)

if TYPE_CHECKING:
    from pydantic import BaseModel


def cost(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL|KEY=VALUE",
            help="Names (yolov8n), YAMLs or .pt files, and keys.",
            show_default=False,
            autocompletion=complete,
        ),
    ] = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("cost")] = False,
) -> None:
    """Count parameters, GFLOPs and layers of models, and time them: yolov8n yolov8n-p2 best.pt nc=48 latency=true."""
    from auxhead.keys.cost import CostKeys
    from auxhead.keys.reading import read_keys

    names, given = _names_and_keys(words or [], CostKeys)
    keys = read_keys(given, CostKeys)
    with json_only(as_json), progress() as tell:
        from auxhead.shipping.cost import cost as run
        from auxhead.shipping.cost import remark, table

        costs = run(names, **keys.model_dump(), progress=tell)
    if as_json:
        emit([one.to_dict() for one in costs])
    else:
        console = page_console(WIDE if keys.latency else PAGE)
        print_table(console, table(costs))
        print_text(console, remark(costs))


def _names_and_keys(words: Sequence[str], keys: type[BaseModel]) -> tuple[list[str], list[str]]:
    """Separate model names from `key=value` words."""
    from auxhead.errors import ConfigError
    from auxhead.keys.words.grammar import join_words

    try:
        every = join_words(words)
    except ValueError:  # for the reader of keys to tell
        every = list(words)
    joined = [word for word in every if word in keys.model_fields or ("=" in word and not Path(word).is_file())]
    names = [word for word in every if word not in joined]
    if not names:
        raise ConfigError("models to count", "none", "auxhead cost", "name some, such as yolov8n yolov8n-p2 best.pt")
    return names, joined
