"""Who may import whom: architecture.md as a table, held against the syntax tree of every file."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import auxhead

ROOT = Path(auxhead.__file__).parent
GROUND = "_version errors keys files machine progress results_csv"
WORK = f"{GROUND} heads labels metrics signs"


@dataclass(frozen=True)
class Room:
    """What the files of a room may import beside the standard library and each other."""

    ours: str = ""
    others: str = ""


ROOMS = {
    "_version": Room(),
    "errors": Room(),
    "keys": Room("errors", "pydantic"),
    "files": Room("errors"),
    "machine": Room(),
    "progress": Room(),
    "results_csv": Room("errors files"),
    "heads": Room("_version errors keys", "pydantic torch torchvision"),
    "labels": Room(GROUND, "defusedxml numpy yaml"),
    "metrics": Room(f"{GROUND} labels", "PIL faster_coco_eval matplotlib numpy polars"),
    "signs": Room(GROUND, "PIL numpy"),
    "yolo": Room(WORK, "numpy pydantic torch torchvision ultralytics yaml"),
    "demo": Room(f"{WORK} yolo"),
    "evaluation": Room(f"{WORK} yolo", "numpy polars pydantic"),
    "comparison": Room(f"{WORK} yolo evaluation", "filelock numpy polars ray scipy statsmodels yaml"),
    "reporting": Room(f"{GROUND} labels metrics comparison", "PIL jinja2 markupsafe matplotlib numpy polars"),
    "comparing": Room(f"{WORK} yolo evaluation comparison reporting", "torch"),
    "live": Room(f"{GROUND} comparison", "rich"),
    "cli_parts": Room(GROUND, "pydantic rich typer"),
    "cli_compare": Room(f"{WORK} yolo comparison comparing live cli_parts", "pydantic rich typer"),
    "cli": Room(f"{WORK} yolo demo evaluation cli_parts cli_compare", "pydantic rich typer"),
    "__main__": Room("cli"),
    "": Room("_version errors"),  # auxhead itself, which imports the rest on first use
}


class Import(NamedTuple):
    name: str
    line: int
    on_load: bool


SOURCES = {
    ".".join(["auxhead", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path.read_text()
    for path in sorted(ROOT.rglob("*.py"))
}


def room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


@cache
def tree(source: str) -> ast.Module:
    return ast.parse(source)


def imports(source: str, modules: Mapping[str, str]) -> Iterator[Import]:
    """List the modules a file imports, but for those that only type checkers see."""

    def walk(node: ast.AST, on_load: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, on_load) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = "." * child.level + (child.module or "")
                for alias in child.names:
                    inner = f"{base}.{alias.name}"
                    yield Import(inner if inner in modules else base, child.lineno, on_load)
            else:
                function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from walk(child, on_load and not function)

    yield from walk(tree(source), on_load=True)


def violations(sources: Mapping[str, str]) -> list[str]:
    """Name every import that the table doesn't allow, and every circle."""
    found = []
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        allowed = ROOMS[room(module)]
        for name, line, on_load in imports(source, sources):
            top = name.partition(".")[0]
            if top == "auxhead":
                fine = name in sources and room(name) in {room(module), *allowed.ours.split()}
                if on_load:
                    graph.setdefault(module, set()).add(name)
            else:
                fine = top in sys.stdlib_module_names or top in allowed.others.split()
            if not fine:
                found.append(f"{module}:{line} imports {name}")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append(f"circle: {' -> '.join(error.args[1])}")
    return found


def test_imports_follow_the_architecture() -> None:
    assert set(map(room, SOURCES)) <= set(ROOMS), "a new room: give it a row in ROOMS"
    assert violations(SOURCES) == []


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("auxhead.errors", "from auxhead.keys.reading import closest", "imports auxhead.keys.reading"),
        ("auxhead.files", "from auxhead import yolo", "imports auxhead.yolo"),
        ("auxhead.keys.reading", "def f():\n    import auxhead.heads.base", "imports auxhead.heads.base"),
        ("auxhead.keys.reading", "import torch", "imports torch"),
        ("auxhead.heads.planted", "import ultralytics", "imports ultralytics"),
        ("auxhead.heads.planted", "from auxhead.files import write_atomic", "imports auxhead.files"),
        ("auxhead.heads.planted", "class A:\n    def f(self):\n        from auxhead.cli import app", "auxhead.cli"),
        ("auxhead.heads.planted", "from auxhead.heads import base\nfrom auxhead.yolo import state", "yolo.state"),
        ("auxhead.labels.planted", "def f():\n    from torch import nn", "imports torch"),
        ("auxhead.labels.planted", "from auxhead.heads.base import Head", "imports auxhead.heads.base"),
        ("auxhead.signs", "from ultralytics.utils import YAML", "imports ultralytics.utils"),
        ("auxhead.yolo.planted", "from auxhead.demo import demo", "imports auxhead.demo"),
        ("auxhead.demo", "import ultralytics", "imports ultralytics"),
        ("auxhead.comparison.planted", "from auxhead.reporting import page", "imports auxhead.reporting"),
        ("auxhead.reporting", "try:\n    import torch\nexcept ImportError:\n    pass", "imports torch"),
        ("auxhead.cli", "def f():\n    from ultralytics import YOLO", "imports ultralytics"),
        ("auxhead.yolo.planted", "import auxhead", "imports auxhead"),
        ("auxhead.yolo.planted", "from . import state", "imports ."),
        ("auxhead.heads.registry", "from auxhead.heads.planted import A", "circle"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str, found: str) -> None:
    extra = {"auxhead.reporting": "page = 1", "auxhead.heads.planted": "from auxhead.heads.registry import head_class"}
    assert violations({**SOURCES, **extra}) == []
    assert any(found in line for line in violations({**SOURCES, **extra, module: source}))


def test_what_only_type_checkers_import_does_not_count() -> None:
    source = "if TYPE_CHECKING:\n    from auxhead.cli import app\nif typing.TYPE_CHECKING:\n    import torch"
    assert violations({**SOURCES, "auxhead.errors": source}) == []


def test_import_and_command_line_load_nothing_heavy() -> None:
    script = (
        "import sys, json; before = set(sys.modules); top = lambda: sorted({n.split('.')[0] for n in sys.modules});"
        "import auxhead; light = top(); import auxhead.cli; print(json.dumps([light, top()]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    package, command_line = map(set, json.loads(done.stdout))
    heavy = {"torch", "torchvision", "ultralytics", "pydantic", "numpy", "PIL"}
    assert not package & {*heavy, "typer", "rich"}
    assert not command_line & heavy


def test_public_names_are_what_is_there() -> None:
    def imported(statements: list[ast.stmt]) -> dict[str, str]:
        froms = [node for node in statements if isinstance(node, ast.ImportFrom) and "auxhead" in node.module]
        return {alias.name: node.module for node in froms for alias in node.names}

    body = tree(SOURCES["auxhead"]).body
    guard = next(node for node in body if isinstance(node, ast.If))
    assert imported(guard.body) == auxhead._LAZY
    assert set(auxhead.__all__) == {*imported(body), *auxhead._LAZY}
    assert len(auxhead.__all__) == len(set(auxhead.__all__))
    assert dir(auxhead) == sorted(auxhead.__all__)
    errors = import_module("auxhead.errors")
    raised = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert raised <= set(auxhead.__all__)


def test_lazy_names_resolve_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in auxhead._LAZY:
        monkeypatch.delitem(vars(auxhead), name, raising=False)
    monkeypatch.delitem(sys.modules, "auxhead.demo", raising=False)
    for name, module in auxhead._LAZY.items():
        first = getattr(auxhead, name)
        assert callable(first)
        assert getattr(auxhead, name) is first, f"auxhead.{name} is something else the second time"
        assert first is getattr(import_module(module), name)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = auxhead.nonsense
