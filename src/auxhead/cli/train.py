"""The commands that make a detector: `train`, and the tutorial's road in steps, `convert` and `strip`; `demo`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auxhead.cli.key_help import key_help
from auxhead.cli.parts import Json, Words, emit, json_only, page_console, print_table, print_text, progress, say
from auxhead.progress import named

if TYPE_CHECKING:
    from collections.abc import Mapping

THEIRS = "\nAll keys of `yolo detect train` work too (data, model, epochs, imgsz, batch, ...): `yolo cfg` lists them."


def train(
    words: Words = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and print the plan only.")] = False,
    as_json: Json = False,
    _help: Annotated[bool, key_help("train", THEIRS)] = False,
) -> None:
    """Train a detector, with removable heads if asked for: signs.yaml model=yolov8n.pt epochs=100 imgsz=640."""
    from auxhead.keys.train import OF_RESUME
    from auxhead.keys.train_reading import read_train_words, require_ours

    keys = read_train_words(words or [])
    again = bool(keys.get("resume"))
    theirs = {key: value for key, value in keys.items() if key not in OF_RESUME and "." not in key}
    own = {**theirs, "heads": "none"} if again else keys  # the run's own heads are known once it is read
    require_ours(own, files=not again)  # in a second: torch takes ten
    for line in [] if again else _offer(keys):
        say(line, err=True)
    if dry_run:
        (_show_resume if again else _show_plan)(keys, as_json)
        return
    with json_only(as_json):
        from auxhead.training.train import train as run

        result = run(**keys)
    if as_json:
        emit(result.to_dict())
        return
    say(f"\nThe detector to ship: {result.best}")
    if sys.stdout.isatty():
        from auxhead.cli.next_steps import next_steps

        say("\n  ".join(["Next:", *next_steps(result, keys)]))


def _offer(keys: Mapping[str, Any]) -> list[str]:
    """Say which layout was better from the start that is asked for, where another was and no head is asked for.

    Source:
        docs/evidence: "A detector shaped for small objects" and "From COCO weights".
    """
    from auxhead.layouts.ready_made import names

    model, start = Path(str(keys["model"])), str(keys.get("pretrained"))
    stock, layout, _ = model.stem.partition("-p234")
    if {"heads", "route", "recipe"} & keys.keys() or f"{stock}-p234" not in names() or model.suffix == ".pt":
        return []
    if layout and Path(start).name == f"{stock}.pt":
        return [
            f"Training {model} from {start}, of which it takes a part. Where we measured that, from COCO weights, on",
            "objects of 8 px and more at the network's input, yolov8n was level or better: compare both, or train the",
            f"weights as they are, model={start}",
        ]
    if layout or start.endswith(".pt"):
        return []
    return [
        f"Training {model} as it is. For small objects there is a layout with finer maps at about the same price;",
        f"from scratch it was ahead of yolov8n on all three data sets measured: model={stock}-p234.yaml",
        f"or ask what suits yours: auxhead design {shlex.quote('data=' + str(keys['data']))}",
    ]


def _show_plan(keys: Mapping[str, Any], as_json: bool) -> None:
    """Print what a training would do."""
    with json_only(asked=True):
        plan = _plan(keys)
    if as_json:
        emit(plan)
        return
    console = page_console()
    print_table(console, _plan_table(plan))
    for line in plan["teacher"]["said"] if "teacher" in plan else ():
        print_text(console, line)
    defaults = (f"{key}={_word(value)}" for key, value in plan["in_force"].items() if key not in plan["ultralytics"])
    print_text(console, f"Ultralytics' defaults for the rest: {' '.join(defaults)}")


def _show_resume(keys: Mapping[str, Any], as_json: bool) -> None:
    """Print what a resume would do."""
    with json_only(asked=True):
        from auxhead.training.resuming.preview import preview

        found = preview(keys)
    if as_json:
        emit(found.to_dict())
        return
    console = page_console()
    print_table(console, found.table())
    print_text(console, f"Keys that may be given: {', '.join(found.obeyed)}")


def _plan(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Check a training as far as it goes without training, and return what would be done, with all values in force."""
    from auxhead.host.arguments import in_force
    from auxhead.host.checkpoint import restricted
    from auxhead.training.data_check import check_data
    from auxhead.training.model_check import check_arguments, check_model
    from auxhead.training.resolve import resolve
    from auxhead.training.teaching.automatic import own_teacher
    from auxhead.training.teaching.check import check_teacher, settled

    plan, arguments = resolve(keys, files=True)
    with restricted(trust=plan.trust):
        check_arguments(arguments, plan.heads)
        check_model(arguments, plan)
        plan = settled(plan, automatic=True)
        arguments = check_data(arguments, plan)
        first = own_teacher(plan, arguments)
        if first is None:
            check_teacher(plan, arguments)
    found = {"auxhead": plan.to_dict(), "ultralytics": arguments, "in_force": in_force(arguments)}
    return {**found, "teacher": first.to_dict()} if first else found


def _plan_table(plan: Mapping[str, Any]) -> list[list[str]]:
    """Lay out the keys of a dry run, ours and those of Ultralytics that were given or follow from ours."""
    return [
        ["key", "value", "of"],
        *([key, _word(value), "auxhead"] for key, value in plan["auxhead"].items()),
        *([key, _word(value), "ultralytics"] for key, value in plan["ultralytics"].items()),
    ]


def _word(value: Any) -> str:
    return "none" if value in (None, {}, "") else str(value)


def convert(
    words: Words = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("convert")] = False,
) -> None:
    """Write COCO, VOC, VisDrone as YOLO (FOLDER out=NEW to=yolo), or YOLO boxes as keypoints or polygons (to=pose)."""
    from auxhead.keys.convert import ConvertKeys
    from auxhead.keys.reading import read_keys

    keys = read_keys(words or [], ConvertKeys)
    with json_only(as_json), progress() as tell:
        from auxhead.training.converted_labels import convert as run

        conversion = run(progress=named(tell, "Converting"), **keys.model_dump(exclude_unset=True))
    if as_json:
        emit(conversion.to_dict())
    else:
        say(str(conversion))


def strip(
    words: Words = None,
    check_export: Annotated[
        bool, typer.Option("--check-export", help="Export to ONNX, and compare with a stock detector and onnxruntime.")
    ] = False,
    as_json: Json = False,
    _help: Annotated[bool, key_help("strip")] = False,
) -> None:
    """Make a stock detector of a pose or segment model, or of a training state, with its certificate."""
    from auxhead.keys.reading import read_keys
    from auxhead.keys.strip import StripKeys

    keys = read_keys(words or [], StripKeys)
    with json_only(as_json):
        from auxhead.shipping.strip import strip as run

        certificate = run(**keys.model_dump(), check_export=check_export)
    if certificate is None:
        say(f"{keys.file} is a plain detector already; nothing written", err=as_json)
    if as_json:
        emit(certificate and certificate.to_dict())
    elif certificate is not None:
        say(str(certificate))


def demo(
    words: Words = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help("demo")] = False,
) -> None:
    """Generate small signs, and train two detectors of about the same price on them. Minutes, no download."""
    from auxhead.keys.demo import DemoKeys
    from auxhead.keys.reading import read_keys

    keys = read_keys(words or [], DemoKeys)
    console = page_console()
    with json_only(as_json), progress() as tell:
        console.print("Loading PyTorch and Ultralytics ...")
        from auxhead.demonstration.demo import closing, table
        from auxhead.demonstration.demo import demo as run

        say(f"Drawing small signs, and training two detectors for {keys.epochs} epochs each: minutes on two cores.")
        rows = run(**keys.model_dump(), progress=tell, say=say)
    if as_json:
        emit([row.to_dict() for row in rows])
        return
    print_table(console, table(rows))
    for line in closing(rows):
        say(line)
