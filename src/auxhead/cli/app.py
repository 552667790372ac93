"""The command line as a whole: its commands, and what an error becomes."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from auxhead._version import __version__
from auxhead.cli.compare import compare, report
from auxhead.cli.cost import cost
from auxhead.cli.design import design
from auxhead.cli.evaluate import evaluate
from auxhead.cli.inspect import inspect
from auxhead.cli.parts import PAGE, SETTINGS, Json, emit, json_only, say
from auxhead.cli.spellings import understood
from auxhead.cli.teacher import teacher
from auxhead.cli.train import convert, demo, strip, train
from auxhead.errors import AuxHeadError, OutputError
from auxhead.formats import printable, shortened
from auxhead.places import RULE


class Journey(TyperGroup):
    """Commands in the order in which one meets them; typer puts groups behind all others."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name them, the groups after the command that they belong to."""
        names = super().list_commands(ctx)
        names.remove(TEACHER)
        names.insert(names.index(evaluate.__name__) + 1, TEACHER)
        return names


app = typer.Typer(
    cls=Journey,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": PAGE},
    epilog=RULE,
)
JOURNEY: dict[Callable[..., None], str] = {  # and what each is about
    demo: "",
    inspect: "DATA.yaml",
    design: "DATA.yaml like=MODEL",
    train: "DATA.yaml model=MODEL",
    evaluate: "BEST.pt|RESULTS.json data=DATA.yaml",
    compare: "[PLAN]",
    report: "FOLDER",
    convert: "DATA.yaml|FOLDER out=NEW to=pose|segment|yolo",
    strip: "BEST.pt|FOLDER",
    cost: "",
}
for command, about in JOURNEY.items():
    line = f"[OPTIONS] {about}".strip()
    summary = (command.__doc__ or "").partition(": ")[0].rstrip(".")
    app.command(context_settings=SETTINGS, options_metavar=line, short_help=f"{summary}.")(command)

TEACHER = "teacher"
app.add_typer(teacher, name=TEACHER)

DEBUG = "AUXHEAD_DEBUG"
"""Environment variable: where it is set and not 0, an error comes with its whole traceback."""
MISTYPED: type[Exception] = typer.BadParameter.__bases__[0]  # click's UsageError, which typer names only inside
LONGEST = 200  # letters of a name that is too long for the system
STOPPED = 130  # what shells give a process that Ctrl-C ended


def main() -> None:
    """Run the command line and exit: 0 done, 2 a mistake we can name, 130 stopped by Ctrl-C, 1 anything else."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be anything, also where Ultralytics prints them
        sys.stdout.reconfigure(errors="backslashreplace")
    commands = get_command(app)
    options = {
        name: {"-h", "--help", *(word for one in command.params for word in one.opts)}
        for name, command in _commands(commands)
    }
    try:
        code = commands(understood(sys.argv[1:], options), standalone_mode=False)
    except AuxHeadError as error:
        _tell(error)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        fix = "give shorter names to the files and folders that you name"
        where = shortened(str(error.filename), LONGEST, middle=True)
        _tell(OutputError("names of files that the system can hold, mostly 255 bytes", str(error.strerror), where, fix))
    except typer.Abort as error:
        if isinstance(error.__cause__, EOFError):  # of a file that ends too early; typer takes it for Ctrl-D
            raise error.__cause__ from None
        code = STOPPED
    except KeyboardInterrupt:
        code = STOPPED
    except MISTYPED as error:
        error.show()  # type: ignore[attr-defined]  # what typer says about its own flags and commands
        sys.exit(2)
    if code == STOPPED:
        print("auxhead: stopped", file=sys.stderr)  # noqa: T201
    sys.exit(code if isinstance(code, int) else 0)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """List commands by the words that call them, those of groups after their group."""
    for name, command in group.commands.items():
        yield before + name, command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")


def _tell(error: AuxHeadError) -> NoReturn:
    """Print one message, and where it comes from if that is asked for, and exit."""
    if os.environ.get(DEBUG, "0") not in {"", "0"}:
        traceback.print_exc()
    print(printable(f"auxhead: {type(error).__name__}\n{error}"), file=sys.stderr)  # noqa: T201 - no frame
    sys.exit(2)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"auxhead {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """YOLO detectors that see small objects better, at the price of the one you know."""


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
            say(f"{name:22}{value}")
