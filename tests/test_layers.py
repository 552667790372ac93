"""Who may import whom: architecture.md as a table, held against the syntax tree of every file."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

import auxhead

ROOT = Path(auxhead.__file__).parent
ROOMS = {  # from the ground up: a room imports itself and rooms above it in this list, and the packages beside it
    "_version": "",
    "errors": "",
    "processes": "psutil",
    "files": "",
    "mistyped": "",
    "places": "",
    "progress": "",
    "machine": "",
    "results_csv": "",
    "formats": "",
    "notebook": "jinja2",
    "yaml_files": "yaml",
    "keys": "pydantic yaml",
    "heads": "torch torchvision",
    "labels": "PIL defusedxml numpy yaml",
    "metrics": "PIL numpy polars",
    "foreign": "numpy yaml",
    "layouts": "yaml",
    "model": "torch ultralytics",
    "host": "numpy packaging sahi torch ultralytics yaml",
    "augmentation": "cv2 numpy pydantic torch ultralytics",
    "shipping": "torch ultralytics",
    "training": "filelock numpy pydantic torch ultralytics",
    "evaluation": "matplotlib numpy polars",
    "findings": "numpy polars scipy statsmodels",
    "reporting": "PIL jinja2 markupsafe matplotlib numpy polars",
    "inspection": "PIL matplotlib numpy yaml",
    "designs": "matplotlib numpy scipy torch yaml",
    "comparison": "filelock numpy ray torch yaml",
    "demonstration": "PIL numpy",
    "cli": "pydantic rich typer",
    "__main__": "",
}
DOOR = {"_version", "errors"}  # what auxhead itself imports; the rest on first use, and for type checkers
LIGHT = {
    "keys",
    "labels",
    "metrics",
    "foreign",
    "layouts",
    "evaluation",
    "findings",
    "reporting",
}  # loading these loads no torch


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
    """List the modules a file imports; what only type checkers see counts as imported on load."""
    for base, inner, line, on_load in statements(source):
        yield Import(inner if inner in modules else base, line, on_load)


@cache  # of a file, whatever is planted beside it
def statements(source: str) -> list[tuple[str, str, int, bool]]:
    """List what a file imports as a package and as a module of it, either of which may be meant."""

    def walk(node: ast.AST, on_load: bool) -> Iterator[tuple[str, str, int, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, alias.name, child.lineno, on_load) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = "." * child.level + (child.module or "")
                yield from ((base, f"{base}.{alias.name}", child.lineno, on_load) for alias in child.names)
            else:
                function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from walk(child, on_load and not function)

    return list(walk(tree(source), on_load=True))


def may_import(importer: str, imported: str, *, on_load: bool) -> bool:
    """Tell whether a room may import another: from the list upwards, and light ones only light ones on load."""
    order = list(ROOMS)
    if imported not in order or order.index(imported) > order.index(importer):
        return False
    ground = order[: order.index("keys")]
    return not (on_load and importer in LIGHT and imported not in {*LIGHT, *ground})


def violations(sources: Mapping[str, str]) -> list[str]:
    """Name every import that the list doesn't allow, and every circle."""
    found = []
    graph: dict[str, set[str]] = {}
    for module, source in sources.items():
        here = room(module)
        if not here:
            continue
        for name, line, on_load in imports(source, sources):
            top = name.partition(".")[0]
            if top == "auxhead":
                fine = name in sources and may_import(here, room(name), on_load=on_load)
                if on_load:
                    graph.setdefault(module, set()).add(name)
            else:
                fine = top in sys.stdlib_module_names or top in ROOMS[here].split()
            if not fine:
                found.append(f"{module}:{line} imports {name}")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append(f"circle: {' -> '.join(error.args[1])}")
    return found


def test_imports_follow_the_architecture() -> None:
    assert set(map(room, SOURCES)) - {""} == set(ROOMS), "a new room, or one that is gone: mend ROOMS"
    assert violations(SOURCES) == []


def test_the_package_itself_imports_next_to_nothing() -> None:
    body = [node for node in tree(SOURCES["auxhead"]).body if not isinstance(node, ast.If)]
    found = imports(ast.unparse(ast.Module(body, [])), SOURCES)
    ours = {room(one.name) for one in found if one.name.startswith("auxhead")}
    assert ours == DOOR


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("auxhead.errors", "from auxhead.keys.reading import closest", "imports auxhead.keys.reading"),
        ("auxhead.files", "from auxhead import model", "imports auxhead.model"),
        ("auxhead.keys.reading", "def f():\n    import auxhead.heads.base", "imports auxhead.heads.base"),
        ("auxhead.keys.reading", "import torch", "imports torch"),
        ("auxhead.heads.planted", "import ultralytics", "imports ultralytics"),
        ("auxhead.files", "from auxhead.keys.reading import closest", "imports auxhead.keys.reading"),
        (
            "auxhead.heads.planted",
            "class A:\n    def f(self):\n        from auxhead.cli import app",
            "imports auxhead.cli.app",
        ),
        ("auxhead.heads.planted", "from auxhead.heads import base\nfrom auxhead.model import state", "model.state"),
        ("auxhead.labels.planted", "def f():\n    from torch import nn", "imports torch"),
        ("auxhead.labels.planted", "from auxhead.heads.base import Head", "imports auxhead.heads.base"),
        ("auxhead.demonstration.planted", "from ultralytics.utils import YAML", "imports ultralytics.utils"),
        ("auxhead.training.planted", "from auxhead.demonstration.demo import demo", "imports auxhead.demonstration"),
        ("auxhead.evaluation.planted", "from auxhead.host.predict import predict", "imports auxhead.host.predict"),
        ("auxhead.findings.planted", "from auxhead.reporting import page", "imports auxhead.reporting"),
        ("auxhead.reporting.planted", "try:\n    import torch\nexcept ImportError:\n    pass", "imports torch"),
        ("auxhead.cli.planted", "def f():\n    from ultralytics import YOLO", "imports ultralytics"),
        ("auxhead.training.planted", "import auxhead", "imports auxhead"),
        ("auxhead.training.planted", "from . import state", "imports ."),
        ("auxhead.heads.registry", "from auxhead.heads.planted import A", "circle"),
        ("auxhead.heads.registry", "if TYPE_CHECKING:\n    from auxhead.heads.planted import A", "circle"),
        ("auxhead.errors", "if TYPE_CHECKING:\n    from auxhead.files import sha256", "imports auxhead.files"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str, found: str) -> None:
    extra = {"auxhead.heads.planted": "from auxhead.heads.registry import head_class"}
    assert violations({**SOURCES, **extra}) == []
    assert any(found in line for line in violations({**SOURCES, **extra, module: source}))


def test_import_and_command_line_load_nothing_heavy() -> None:
    script = (
        "import sys, json; before = set(sys.modules); top = lambda: sorted({n.split('.')[0] for n in sys.modules});"
        "import auxhead; light = top(); import auxhead.cli.app; print(json.dumps([light, top()]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    package, command_line = map(set, json.loads(done.stdout))
    heavy = {"torch", "torchvision", "ultralytics", "pydantic", "numpy", "PIL"}
    assert not package & {*heavy, "typer", "rich"}
    assert not command_line & heavy


def test_public_names_are_what_is_there() -> None:
    def imported(statements: list[ast.stmt]) -> dict[str, str]:
        froms = [node for node in statements if isinstance(node, ast.ImportFrom) and "auxhead" in (node.module or "")]
        return {alias.name: str(node.module) for node in froms for alias in node.names}

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
    monkeypatch.delitem(sys.modules, "auxhead.demonstration.demo", raising=False)
    monkeypatch.delitem(
        vars(import_module("auxhead.demonstration")), "demo", raising=False
    )  # which an import sets anew
    for name, module in auxhead._LAZY.items():
        first = getattr(auxhead, name)
        assert callable(first)
        assert getattr(auxhead, name) is first, f"auxhead.{name} is something else the second time"
        assert first is getattr(import_module(module), name)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = auxhead.nonsense
