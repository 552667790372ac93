"""The commands `auxhead compare` and `auxhead report`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auxhead.cli.key_help import key_help
from auxhead.cli.parts import Json, Words, emit, json_only, page_console, print_table, print_text, progress

if TYPE_CHECKING:
    from auxhead.comparison.compare import Comparison
    from auxhead.comparison.dry_run import DryRun

NOTE = """
Training keys that all arms share work too: model, epochs, imgsz, batch, optimizer, lr0, center.share, ...
Ready-made plans: controls, levers, price, quick.
Ready-made arms: plain, plain-noflip, plain-gains, plain-noflip-gains, center, center-noflip, center-nogain, \
center-sigma1, center-tutorial, detect, mask, tutorial, crops, crops-shrunk, p2, ghost-p2, p234, p234-down, \
p234-crops, p3, larger, larger-slim, slices."""


NONE_FINISHED, SOME_FAILED = 1, 3  # exit codes


def compare(
    words: Words = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show runs, differences between arms, and the time, from one timed epoch.")
    ] = False,
    as_json: Json = False,
    _help: Annotated[bool, key_help("compare", NOTE)] = False,
) -> None:
    """Train detectors alike with several seeds, and say what the differences are worth: plan.yaml, or arms=plain,p2."""
    plan, keys = _plan_and_keys(words or [])
    show = _dry_run if dry_run else _run
    with json_only(as_json):
        found, table = show(plan, keys)
    if as_json:
        emit(found)
    else:
        table()
    if not dry_run and found["status"]["finished"] < found["status"]["planned"]:
        raise typer.Exit(SOME_FAILED if found["status"]["finished"] else NONE_FINISHED)


def report(
    words: Words = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("report")] = False,
) -> None:
    """Write the page of a comparison anew from its folder, also while it runs: report FOLDER."""
    from auxhead.keys.compare import ReportKeys
    from auxhead.keys.reading import read_words, validated

    keys = read_words(words or [], ReportKeys)
    validated(ReportKeys, keys)
    with json_only(as_json):
        from auxhead.comparison.compare import report as run

        found = run(**keys)
    if as_json:
        emit(found.to_dict())
    else:
        _print_comparison(found)


def _plan_and_keys(words: Sequence[str]) -> tuple[str | None, dict[str, Any]]:
    """Separate the plan's name from the keys; shared training keys are read as `auxhead train` reads them."""
    from auxhead.keys.compare import CompareKeys, PlanKeys
    from auxhead.keys.train_reading import known_keys, read_train_words

    ours = {**PlanKeys.model_fields, **CompareKeys.model_fields}
    named = bool(words) and "=" not in words[0] and words[0] not in {*ours, *known_keys()}
    return (words[0] if named else None), read_train_words(words[named:], ours)


def _dry_run(plan: str | None, keys: Mapping[str, Any]) -> tuple[dict[str, Any], Callable[[], None]]:
    """Return what would be done, as plain data and as what prints it."""
    from auxhead.comparison.compare import compare as run

    with progress() as tell:
        found = run(plan, dry_run=True, progress=tell, **keys)
    return found.to_dict(), partial(_print_dry_run, found)


def _run(plan: str | None, keys: Mapping[str, Any]) -> tuple[dict[str, Any], Callable[[], None]]:
    """Run, and return what was found, as plain data and as what prints it."""
    from auxhead.cli.runs_table import live_runs
    from auxhead.comparison.compare import compare as run
    from auxhead.comparison.compare import folder_of

    console = page_console(err=True)
    folder = folder_of(plan, keys)
    again = shlex.join(["auxhead", "report", str(folder)])
    where = f"Comparison in {folder}: its runs write log.txt, `{again}` works at any time"
    unsaid = iter([where])  # for when there is something to do: a plan with a mistake has no folder
    try:
        with live_runs(console, folder) as table:

            def tell(task: str, done: int, total: int) -> None:
                for line in unsaid:
                    print_text(console, line)
                table.tell(task, done, total)

            found = run(plan, progress=tell, watch=table.watch, say=partial(print_text, console), **keys)
    except KeyboardInterrupt as error:
        done = f"{table.finished()} of {len(table.states)} runs are finished"
        rest = str(error) or "the others go on where they were: give the same command again"
        print_text(console, f"\nstopped; {done}, {rest}")
        raise
    return found.to_dict(), partial(_print_comparison, found)


def _print_comparison(found: Comparison) -> None:
    console = page_console()
    print_text(console, found.title)
    print_table(console, found.table())
    for line in found.verdicts:
        print_text(console, line)
    print_text(console, f"\nReport: {found.report}")


def _print_dry_run(found: DryRun) -> None:
    console = page_console()
    head, foot = found.remarks()
    print_text(console, head)
    print_table(console, found.table())
    print_text(console, foot)
