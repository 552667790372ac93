"""The command line: words in, one call, a table or one message out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from auxhead import cli_compare
from auxhead._version import __version__
from auxhead.cli_parts import WORDS, Json, emit, json_only, key_help, page_console, progress
from auxhead.errors import AuxHeadError
from auxhead.progress import named

if TYPE_CHECKING:
    from pydantic import BaseModel

    from auxhead.inspection.result import Inspection, SplitInspection
    from auxhead.shipping.cost import Cost

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
CLASSES = 20  # shown of a data set's
STOPPED = 130  # what shells give a process that Ctrl-C ended


def main() -> None:
    """Run the command line and exit: 0 done, 2 a mistake we can name, 130 stopped by Ctrl-C, 1 anything else."""
    words = sys.argv[1:]
    if words[:2] == ["detect", "train"]:  # `yolo detect train ...` with one word changed
        words = words[1:]
    words = [word.removeprefix("--") if "=" in word else word for word in words]  # `--epochs=3`, as `yolo` takes it
    try:
        code = app(words, standalone_mode=False)
    except AuxHeadError as error:
        print(f"auxhead: {type(error).__name__}\n{error}", file=sys.stderr)  # noqa: T201 - one message, no frame
        sys.exit(2)
    except typer.Abort as error:
        if isinstance(error.__cause__, EOFError):  # of a file that ends too early; typer takes it for Ctrl-D
            raise error.__cause__ from None
        code = STOPPED
    except KeyboardInterrupt:
        code = STOPPED
    except Exception as error:
        if not hasattr(error, "exit_code") or not hasattr(error, "show"):
            raise
        error.show()  # what typer says about its own flags and commands
        sys.exit(2)
    if code == STOPPED:
        print("auxhead: stopped", file=sys.stderr)  # noqa: T201
    sys.exit(code if isinstance(code, int) else 0)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"auxhead {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train YOLO detectors with extra heads that are thrown away before the weights are shipped."""


def _train_models() -> dict[str, type[BaseModel]]:
    from auxhead.heads.registry import head_class, head_names
    from auxhead.keys.train import TrainKeys

    return {"": TrainKeys, **{f"{name}.": head_class(name).Spec for name in head_names()}, **_label_models()}


def _label_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.train import ROUTE_KEYS

    return {f"{route}.": model for route, model in ROUTE_KEYS.items()}


def _demo_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.demo import DemoKeys

    return {"": DemoKeys}


def _convert_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.convert import ConvertKeys

    return {"": ConvertKeys}


def _cost_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.cost import CostKeys

    return {"": CostKeys}


def _evaluate_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.evaluate import EvaluateKeys

    return {"": EvaluateKeys}


def _inspect_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.inspect import InspectKeys

    return {"": InspectKeys}


def _strip_models() -> dict[str, type[BaseModel]]:
    from auxhead.keys.strip import StripKeys

    return {"": StripKeys}


THEIRS = "\nAll keys of `yolo detect train` work too (data, model, epochs, imgsz, batch, ...): `yolo cfg` lists them."


@app.command(context_settings=WORDS)
def train(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and print the plan only.")] = False,
    as_json: Json = False,
    _help: Annotated[bool, key_help(_train_models, THEIRS)] = False,
) -> None:
    """Train a detector with removable heads: data=signs.yaml model=yolov8n.pt heads=center epochs=100 imgsz=640."""
    with json_only(as_json or dry_run):
        from auxhead.training.data_check import check_data
        from auxhead.training.pose_road import require_task
        from auxhead.training.resolve import parse_arguments, require_files, resolve
        from auxhead.training.train import train as run

        keys = parse_arguments(context.args)
        if dry_run:
            plan, arguments = resolve(keys)
            require_files(arguments)
            if plan.route != "native":
                require_task(arguments["model"], plan.route)
            check_data(arguments, plan)
        else:
            result = run(**keys)
    if dry_run:
        emit({"auxhead": plan.to_dict(), "ultralytics": arguments})
    elif as_json:
        emit(result.to_dict())
    else:
        typer.echo(f"\nThe detector to ship: {result.best}")


@app.command(context_settings=WORDS)
def convert(
    context: typer.Context,
    as_json: Json = False,
    _help: Annotated[bool, key_help(_convert_models)] = False,
) -> None:
    """Write boxes as keypoint or polygon labels: data=signs.yaml out=signs-pose to=pose (or to=segment)."""
    with json_only(as_json), progress() as tell:
        from auxhead.keys.convert import ConvertKeys
        from auxhead.training.converted_labels import convert as run
        from auxhead.training.resolve import parse_own

        keys = parse_own(context.args, ConvertKeys)
        conversion = run(named(tell, "Converting"), **keys.model_dump(exclude_unset=True))
    if as_json:
        emit(conversion.to_dict())
        return
    for name, split in conversion.splits.items():
        left_out = f", {split.left_out} left out" if split.left_out else ""
        typer.echo(
            f"{name}: {split.images} images, {split.boxes} boxes; {split.missing} without label file, "
            f"{split.empty} with an empty one{left_out}"
        )
    typer.echo(f"{'Written to' if conversion.fresh else 'Nothing has changed since it was written:'} {conversion.data}")


@app.command(context_settings=WORDS)
def strip(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A pose or segment model (best.pt), a training state or a run's folder.")],
    check_export: Annotated[
        bool, typer.Option("--check-export", help="Export to ONNX, and compare with a stock detector and onnxruntime.")
    ] = False,
    as_json: Json = False,
    _help: Annotated[bool, key_help(_strip_models)] = False,
) -> None:
    """Make a stock detector of a pose or segment model, or of a training state, with its certificate."""
    with json_only(as_json):
        from auxhead.keys.strip import StripKeys
        from auxhead.shipping.strip import strip as run
        from auxhead.training.resolve import parse_own

        keys = parse_own(context.args, StripKeys)
        certificate = run(file, **keys.model_dump(), check_export=check_export)
    if certificate is None:
        typer.echo(f"{file} is a plain detector already; nothing written", err=as_json)
    if as_json:
        emit(certificate and certificate.to_dict())
    elif certificate is not None:
        typer.echo(str(certificate))


@app.command(context_settings=WORDS)
def cost(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL|KEY=VALUE", help="Names (yolov8n), YAMLs or .pt files, and keys.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    _help: Annotated[bool, key_help(_cost_models)] = False,
) -> None:
    """Count parameters, GFLOPs and layers of models, and time them: yolov8n yolov8n-p2 best.pt nc=48 latency=true."""
    from auxhead.keys.cost import CostKeys

    models, given = _names_and_keys(words or [], CostKeys)
    with json_only(as_json), progress() as tell:
        from auxhead.shipping.cost import cost as run
        from auxhead.training.resolve import parse_own

        keys = parse_own(given, CostKeys)
        costs = run(models, **keys.model_dump(), progress=tell)
    if as_json:
        emit([one.to_dict() for one in costs])
    else:
        _print_costs(costs)


def _names_and_keys(words: list[str], keys: type[BaseModel]) -> tuple[list[str], list[str]]:
    """Part model names from `key=value` words."""
    from auxhead.errors import ConfigError

    joined = [word for word in words if "=" in word or word in keys.model_fields]
    names = [word for word in words if word not in joined]
    if not names:
        raise ConfigError("models to count", "none", "auxhead cost", "name some, such as yolov8n yolov8n-p2 best.pt")
    return names, joined


def _print_costs(costs: Sequence[Cost]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    heads = ["nc", "params", "fused", "GFLOPs", "fused", "layers", "fused"]
    heads += [f"ms ({costs[0].latency.device})", "ratio"] if costs[0].latency else []
    numbers = (Column(head, justify="right", no_wrap=True) for head in heads)
    table = Table(Column("model", overflow="fold"), "task", *numbers)
    for one in costs:
        pairs = zip(asdict(one.unfused).values(), asdict(one.fused).values(), strict=True)
        counts = [f"{value:.2f}" if isinstance(value, float) else f"{value:,}" for pair in pairs for value in pair]
        time = one.latency
        timed = [f"{time.milliseconds:.1f}", f"{time.ratio:.2f} ({time.low:.2f}-{time.high:.2f})"] if time else []
        table.add_row(one.model, one.task, str(one.nc), *counts, *timed)
    console = Console(markup=False, emoji=False)
    console.print(table)
    console.print(f"At {costs[0].imgsz} px; fused is what predicts." + (RATIO_NOTE if costs[0].latency else ""))


RATIO_NOTE = " Ratio: to the first model, median of the rounds (quartiles); one image, float32, without NMS."


@app.command(context_settings=WORDS)
def inspect(
    context: typer.Context,
    as_json: Json = False,
    _help: Annotated[bool, key_help(_inspect_models)] = False,
) -> None:
    """Look at a data set before training on it: data=signs.yaml imgsz=640 out=signs-inspected."""
    with json_only(as_json), progress() as tell:
        from auxhead.inspection.inspect import inspect as run
        from auxhead.keys.inspect import InspectKeys
        from auxhead.training.resolve import parse_own

        keys = parse_own(context.args, InspectKeys)
        found = run(**keys.model_dump(), progress=tell)
    if as_json:
        emit(found.to_dict())
    else:
        _print_inspection(found)
        if keys.out:
            typer.echo(f"\nWritten to {keys.out}")


def _print_inspection(found: Inspection) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    console = Console(markup=False, emoji=False)
    columns = (Column(name, justify="right", no_wrap=True) for name in found.splits)
    table = Table(Column(f"at {found.imgsz} px", overflow="fold"), *columns, box=SIMPLE_HEAD)
    splits = [_inspected(one, found.names) for one in found.splits.values()]
    for label in splits[0]:
        table.add_row(label, *(cells[label] for cells in splits))
    console.print(table)
    for name, one in found.splits.items():
        if one.empty_classes:
            console.print(f"No box in {name}: {', '.join(one.empty_classes)}")
    for where, count in {**found.copies.within, **found.copies.between}.items():
        if count:
            console.print(f"Images of {where} with the same bytes: {count}")
    for first, second in found.copies.pairs:
        console.print(f"  {first} = {second}", soft_wrap=True)
    if found.mirrored:
        names = [f"{hint.name} ({hint.reason})" for hint in found.mirrored]
        more = f" and {len(names) - CLASSES} more" if len(names) > CLASSES else ""
        console.print(f"Classes that a mirror may change, by their names: {', '.join(names[:CLASSES])}{more}")
    console.print("\nWorth setting:")
    for suggestion in found.suggestions:
        console.print(f"  {suggestion.key}={suggestion.value}: {suggestion.reason}", soft_wrap=True)


def _inspected(one: SplitInspection, names: Sequence[str]) -> dict[str, str]:
    """Return the cells of one split by their labels; what can't be measured is a dash."""
    rows = {"images": f"{one.images:,}", "images without boxes": f"{one.without_boxes:,}", "boxes": f"{one.boxes:,}"}
    rows |= {f"  {name}": f"{count:,}" for name, count in zip(names[:CLASSES], one.per_class, strict=False)}
    if len(names) > CLASSES:
        rows[f"  {len(names) - CLASSES} more classes"] = f"{sum(one.per_class[CLASSES:]):,}"
    rows["classes without a box"] = f"{len(one.empty_classes)}"
    rows["side: mean, median, px"] = f"{_px(one.sizes.mean)}, {_px(one.sizes.median)}"
    rows |= {f"  side {band} px": f"{count:,}" for band, count in one.sizes.bands.items()}
    rows |= {f"smaller than a cell of {level} px": _share(share) for level, share in one.sizes.below_stride.items()}
    for levels, anchors in one.anchors.items():
        rows[f"{levels}: no candidate anchor"] = _share(anchors.none)
        rows[f"{levels}: 1 to 3 of them"] = _share(anchors.few)
        rows[f"{levels}: all contested"] = _share(anchors.contested)
    rows["cut off at the border"] = _share(one.truncated)
    rows["rows that repeat another"] = f"{one.repeated:,}"
    return rows | {"boxes with two classes": f"{one.disagreeing:,}"}


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _px(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


@app.command(context_settings=WORDS)
def evaluate(
    context: typer.Context,
    as_json: Json = False,
    _help: Annotated[bool, key_help(_evaluate_models)] = False,
) -> None:
    """Measure small objects, with intervals: model=best.pt (or predictions=preds.json) data=signs.yaml versus=b.pt."""
    with json_only(as_json), progress() as tell:
        from auxhead.evaluation.evaluate import evaluate as run
        from auxhead.keys.evaluate import EvaluateKeys
        from auxhead.keys.reading import read_words

        keys = read_words(context.args, EvaluateKeys)
        result = run(tell, **keys)
    if as_json:
        emit(result.to_dict())
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    console = page_console()
    for title, (head, *rows) in result.tables():
        columns = (Column(cell, justify="right" if cell is not head[0] else "left", overflow="fold") for cell in head)
        table = Table(*columns, title=title, title_justify="left", box=SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for remark in result.remarks():
        console.print(remark, soft_wrap=True)
    console.print(f"\nResults: {result.folder}", soft_wrap=True)


@app.command(context_settings=WORDS)
def demo(
    context: typer.Context,
    _help: Annotated[bool, key_help(_demo_models)] = False,
) -> None:
    """Generate small signs, train on them plain and with heads=center, and compare. A few minutes, no download."""
    from rich.console import Console
    from rich.table import Column, Table

    console = Console(markup=False, emoji=False)  # paths may hold brackets and colons
    console.print("Loading PyTorch and Ultralytics ...")
    from auxhead.demonstration.demo import demo as run
    from auxhead.keys.demo import DemoKeys
    from auxhead.training.resolve import parse_own

    keys = parse_own(context.args, DemoKeys)

    with progress() as tell:
        rows = run(**keys.model_dump(), progress=tell)
    table = Table(Column(no_wrap=True), "mAP50", "mAP50-95", "parameters", "GFLOPs", "s/epoch", "float32 difference")
    for row in rows:
        proof = row.certificate
        seconds = "-" if row.epoch_seconds is None else f"{row.epoch_seconds:.1f}"
        numbers = (f"{row.map50:.3f}", f"{row.map50_95:.3f}", f"{proof.parameters:,}", f"{proof.gflops:.2f}")
        table.add_row(row.arm, *numbers, seconds, f"{proof.float32_difference:g}")
    console.print(table)
    console.print("From scratch, one seed: this shows that it works, not that the head pays on your data.")
    console.print(f"\n{rows[-1].certificate}\n", soft_wrap=True)
    for row in rows:
        console.print(f"{row.arm}: {row.best}", soft_wrap=True)


app.command("compare", context_settings=WORDS)(cli_compare.compare)
app.command("report", context_settings=WORDS)(cli_compare.report)


@app.command()
def env(as_json: Json = False) -> None:
    """Print versions, hardware and settings, for bug reports."""
    with json_only(as_json):
        from auxhead.host.environment import environment

        facts = environment()
    if as_json:
        emit(facts)
    else:
        for name, value in facts.items():
            typer.echo(f"{name:22}{value}")
