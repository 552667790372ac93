"""The command `auxhead evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auxhead.cli.key_help import key_help
from auxhead.cli.parts import Json, Words, emit, json_only, page_console, print_table, print_text, progress

NOT_REACHED = 4  # exit code


def evaluate(
    words: Words = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("evaluate")] = False,
) -> None:
    """Measure small objects, with intervals: best.pt (or preds.json) data=signs.yaml versus=b.pt."""
    from auxhead.keys.evaluate import EvaluateKeys
    from auxhead.keys.reading import read_words, validated

    keys = read_words(words or [], EvaluateKeys)
    validated(EvaluateKeys, keys)  # before numpy, scipy and polars take their time
    with json_only(as_json), progress() as tell:
        from auxhead.evaluation.files import PAGE_FILE
        from auxhead.reporting.evaluation.evaluate import evaluate as run

        result = run(progress=tell, **keys)
    if as_json:
        emit(result.to_dict())
    else:
        console = page_console()
        for title, rows in result.tables():
            print_table(console, rows, title)
        for remark in result.remarks():
            print_text(console, remark)
        print_text(console, f"\nResults: {result.folder}\nPage: {Path(result.folder) / PAGE_FILE}")
    if result.below:
        raise typer.Exit(NOT_REACHED)
