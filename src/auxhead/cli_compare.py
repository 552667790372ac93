"""The commands `auxhead compare` and `auxhead report`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auxhead.cli_parts import Json, emit, json_only, key_help, page_console, progress

if TYPE_CHECKING:
    from pydantic import BaseModel

    from auxhead.comparison.compare import Comparison, DryRun

NOTE = """
Training keys that all arms share work too: model, epochs, imgsz, batch, optimizer, lr0, center.share, ...
Ready-made plans: controls, quick. Ready-made arms: plain, plain-noflip, plain-gains, plain-noflip-gains, center,
center-noflip, center-nogain, center-sigma1, center-tutorial, tutorial, p2, ghost-p2, larger."""


def _compare_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.compare import CompareKeys, PlanKeys

    class Both(PlanKeys, CompareKeys):
        """All keys in one list; arms may come from a plan."""

    return {"": Both}


def _report_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.report import ReportKeys

    return {"": ReportKeys}


def compare(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show runs, differences between arms, and the time, from one timed epoch.")
    ] = False,
    as_json: Json = False,
    _help: Annotated[bool, key_help(_compare_models, NOTE)] = False,
) -> None:
    """Train arms times seeds alike, and say what the differences are worth: plan.yaml, or data=... arms=plain,p2."""
    show = _dry_run if dry_run else _run
    with json_only(as_json):
        found, table = show(context.args)
    if as_json:
        emit(found)
    else:
        table()


def report(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(help="The folder of a comparison, finished or not.")],
    as_json: Json = False,
    _help: Annotated[bool, key_help(_report_models)] = False,
) -> None:
    """Write the page of a comparison anew from its folder, also while it runs: report FOLDER."""
    with json_only(as_json):
        from auxhead.comparison.compare import report as run
        from auxhead.keys.reading import read_words
        from auxhead.keys.report import ReportKeys

        found = run(folder, **read_words(context.args, ReportKeys))
    if as_json:
        emit(found.to_dict())
    else:
        _print_comparison(found)


def _part(words: Sequence[str]) -> tuple[str | None, dict[str, Any]]:
    """Part the words into the plan's name and keys: ours read as in every command, the others as `yolo` reads them."""
    from auxhead.keys.compare import CompareKeys, PlanKeys
    from auxhead.keys.reading import read_words
    from auxhead.training.resolve import known_keys, parse_arguments

    both = {**PlanKeys.model_fields, **CompareKeys.model_fields}
    first = words[0] if words and "=" not in words[0] and words[0] not in {*both, *known_keys()} else None
    rest = list(words)[first is not None :]
    ours = [word for word in rest if "=" in word and word.partition("=")[0].strip() in both]
    theirs = [word for word in rest if word not in ours]
    return first, {**read_words(ours, PlanKeys), **parse_arguments(theirs)}


def _dry_run(words: Sequence[str]) -> tuple[dict[str, Any], Callable[[], None]]:
    """Return what would be done, as plain data and as what prints it."""
    from auxhead.comparison.compare import plan_only

    plan, keys = _part(words)
    with progress() as tell:
        found = plan_only(plan, progress=tell, **keys)
    return found.to_dict(), partial(_print_dry_run, found)


def _run(words: Sequence[str]) -> tuple[dict[str, Any], Callable[[], None]]:
    """Run, and return what was found, as plain data and as what prints it."""
    from rich.console import Console

    from auxhead.comparison.compare import compare as run
    from auxhead.comparison.compare import folder_of
    from auxhead.live import live_runs

    plan, keys = _part(words)
    console = Console(stderr=True, markup=False, emoji=False)
    folder = folder_of(plan, keys)
    console.print(
        f"Comparison in {folder}: its runs write log.txt, `auxhead report {folder}` works at any time", soft_wrap=True
    )
    try:
        with live_runs(console, folder) as table:
            found = run(plan, progress=table.tell, watch=table.watch, say=console.print, **keys)
    except KeyboardInterrupt:
        done = f"{table.finished()} of {len(table.states)} runs are finished, the others go on where they were"
        console.print(f"\nstopped; {done}: give the same command again", soft_wrap=True)
        raise
    return found.to_dict(), partial(_print_comparison, found)


def _print_comparison(found: Comparison) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    console = page_console()
    head, *rows = found.table()
    columns = (Column(cell, justify="left" if cell is head[0] else "right", overflow="fold") for cell in head)
    console.print(found.title, soft_wrap=True)
    table = Table(*columns, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for line in found.verdicts:
        console.print(line, soft_wrap=True)
    console.print(f"\nReport: {found.report}", soft_wrap=True)


def _print_dry_run(found: DryRun) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    console = page_console()
    plan, time = found.plan, found.estimate
    console.print(
        f"{len(plan.arms)} arms x {len(plan.seeds)} seeds on {plan.data}, {plan.split} split, {plan.primary} decides, "
        f"control {plan.control}, weights {plan.checkpoint}.pt, in {found.folder}",
        soft_wrap=True,
    )
    table = Table("arm", Column("differs from the control", overflow="fold"), box=SIMPLE_HEAD)
    for name in ("GFLOPs", "a run"):
        table.add_column(name, justify="right")
    for arm in plan.arms:
        keys = found.to_dict()["differences"].get(arm, {})
        words = _words(keys) if arm != plan.control else "(the control)"
        table.add_row(arm, words, f"{time.gflops[arm]:.2f}", _duration(time.seconds[arm]))
    console.print(table)
    console.print(f"base: {_words({key: {'arm': value} for key, value in plan.base.items()})}", soft_wrap=True)
    console.print(
        f"About {_duration(time.total_seconds)} in all: one epoch of {plan.control} took {time.epoch_seconds:.1f} s, "
        f"a run {time.overhead_seconds:.0f} s beside its epochs; other arms are reckoned by their GFLOPs.",
        soft_wrap=True,
    )


def _words(keys: Mapping[str, Mapping[str, Any]]) -> str:
    return " ".join(f"{key}={_word(pair['arm'])}" for key, pair in keys.items())


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _duration(seconds: float) -> str:
    minutes = max(round(seconds / 60), 0)
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
