"""Every block of code on the pages is run, or read by what would read it; so is each line of `yolo` in a sentence."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest
import yaml
from markdown_it import MarkdownIt
from tests.comparison.made_up import NOT_DRAWN, VALUES, make_up
from tests.test_docs import check_command
from ultralytics import YOLO
from ultralytics.cfg import DEFAULT_CFG_DICT, MODES, TASKS
from ultralytics.utils import SETTINGS

import auxhead
from auxhead.augmentation.flips import resolve_flips
from auxhead.comparison.estimate import Estimate
from auxhead.comparison.plan import resolve_plan
from auxhead.comparison.plan_file import read_plan
from auxhead.host.datasets import read_data
from auxhead.keys.augmentation import FlipsKeys
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.keys.reading import read_keys
from auxhead.metrics.ignored import read_ignored
from auxhead.training.resolve import resolve
from auxhead.training.result import TrainResult

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

FAKED = {
    ("docs/evaluate.md", "fiftyone"): "FiftyOne needs a database server, which can't be installed where the tests run",
}
"""Packages of others that a block takes and that aren't there, with the reason; stand-ins take their place."""


class Block(NamedTuple):
    """A block of code on a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """List the fenced blocks of a page."""
    name, tokens = page.relative_to(ROOT).as_posix(), MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return [
        Block(name, token.map[0] + 1, token.info.strip(), token.content) for token in tokens if token.type == "fence"
    ]


def spans_of(page: Path) -> list[str]:
    """List what stands in backticks within the sentences and tables of a page."""
    tokens = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
    return [one.content for token in tokens for one in token.children or () if one.type == "code_inline"]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def of(*languages: str) -> pytest.MarkDecorator:
    """Ask for all blocks of some languages."""
    chosen = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=map(str, chosen))


def test_every_block_has_a_check() -> None:
    assert {block.language for block in BLOCKS} == {"", "bash", "python", "text", "toml", "yaml"}


# -- lines of a shell -------------------------------------------------------------------------------------------------


def check_shell(script: str) -> None:
    """Let bash read a script, and read its lines as `auxhead`, `yolo` and pip would."""
    subprocess.run(["bash", "-n"], input=script, text=True, check=True, capture_output=True)
    for line in re.split(r"\n|&&", script.replace("\\\n", " ")):
        typed = line.strip().removeprefix("uv run ")
        if typed.startswith(("auxhead ", "yolo ", "pip ")):
            check_line(shlex.split(typed, comments=True))


def check_line(words: list[str]) -> None:
    """Read a line that is typed for one of these."""
    if words[:1] == ["auxhead"]:
        check_command(words[1:])
    elif words[:1] == ["yolo"]:
        check_yolo(words[1:])
    elif words[:2] == ["pip", "install"]:
        extras = {extra for word in words for extra in re.findall(r"^(?:\.|auxhead)\[(\w+)\]$", word)}
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert extras <= project["optional-dependencies"].keys(), words


def check_yolo(words: list[str]) -> None:
    """Read a line as Ultralytics' own command does: its task and mode, and each key."""
    plain = [word for word in words if "=" not in word]
    given = {word.partition("=")[0] for word in words if "=" in word}
    if plain == ["settings"]:
        assert given <= SETTINGS.keys(), words
        return
    assert [word for word in plain if word not in {*TASKS, *MODES, "cfg"}] == [], words
    assert len(plain) == 1 or [*map(len, ({*plain} & {*TASKS}, {*plain} & {*MODES}))] == [1, 1], words
    assert given <= DEFAULT_CFG_DICT.keys(), words


def is_typed(block: Block) -> bool:
    """Tell whether a block without a language is typed, and not what is shown."""
    return bool(re.match(r"(auxhead|yolo|pip|python3?|uv|docker|tensorboard) ", block.text))


@of("", "bash")
@pytest.mark.usefixtures("size_head")
def test_what_is_typed_into_a_shell(block: Block) -> None:
    if block.language == "bash" or is_typed(block):
        check_shell(block.text)


def test_most_blocks_without_a_language_are_typed() -> None:
    assert sum(is_typed(block) for block in BLOCKS if not block.language) > 25


def test_lines_of_yolo_within_sentences() -> None:
    lines = [span for page in PAGES for span in spans_of(page) if span.startswith("yolo ")]
    assert len(lines) > 15
    for line in lines:
        check_yolo(shlex.split(line)[1:])


@pytest.mark.parametrize(
    "script",
    [
        "for x in 1 2; do auxhead env",
        "auxhead train epoch=3 data=a.yaml model=b.pt",
        "auxhead trian",
        "yolo export format=onnx formt=onnx",
        "yolo detect val train",
        "yolo settings mlfow=False",
        'pip install ".[slum]"',
    ],
)
def test_a_broken_line_fails(script: str) -> None:
    with pytest.raises((AssertionError, subprocess.CalledProcessError, auxhead.AuxHeadError, KeyError)):
        check_shell(script)


# -- files ------------------------------------------------------------------------------------------------------------


def check_yaml(text: str, signs: Path) -> None:
    """Read a YAML as what it is: a plan, entries of a data.yaml, hooks of pre-commit, or a workflow."""
    content = yaml.safe_load(text)
    readers: dict[str, Callable[[], None]] = {
        "arms": lambda: check_plan(text, signs),
        "flips": lambda: check_flips(content, signs),
        "repos": lambda: check_hooks(content),
        "jobs": lambda: check_workflow(content),
    }
    known = [key for key in readers if key in content]
    assert len(known) == 1, f"no reader for a YAML with {', '.join(map(str, content))}"
    readers[known[0]]()


def check_plan(text: str, signs: Path) -> None:
    Path("plan.yaml").write_text(text)
    Path("yolov8n-1280.pt").touch()  # of plans with a teacher, whose weights are looked for
    base = {} if "base:" in text else {"model": "yolov8n.yaml"}
    name, own = read_plan("plan.yaml", {"data": str(signs)}, base)
    assert resolve_plan(name, own).arms.keys() == yaml.safe_load(text)["arms"].keys()


def check_flips(content: dict[str, Any], signs: Path) -> None:
    names = [*content["flips"].keys(), *content["flips"].values(), *content.get("flips.never", ())]
    data = {**yaml.safe_load(signs.read_text()), **content, "names": list(map(str, names))}
    Path("data.yaml").write_text(yaml.safe_dump(data))
    flips = resolve_flips(FlipsKeys(), read_data("data.yaml"))
    assert flips is not None
    assert len(flips.never) == len(content.get("flips.never", ()))


def check_hooks(content: dict[str, Any]) -> None:
    for repository in content["repos"]:
        for hook in repository["hooks"]:
            assert {"id", "name", "entry", "language"} <= hook.keys()
            check_shell(hook["entry"])


def check_workflow(content: dict[Any, Any]) -> None:
    assert True in content  # `on`, which YAML reads as true
    for job in content["jobs"].values():
        for step in job["steps"]:
            assert len({"run", "uses"} & step.keys()) == 1, step
            check_shell(step.get("run", ""))


@of("yaml")
def test_yaml(block: Block, signs: Path) -> None:
    check_yaml(block.text, signs)


@pytest.mark.parametrize(
    "text",
    [
        "arms: {plain: {}, wide: {epoch: 3}}\nseeds: [0]\ncontrol: plain",
        "arms: {plain: {}}\nprimry: mAP50",
        "flips: {left: right}\nflips.never: [left]",
        "repos: [{repo: local, hooks: [{id: a, name: b, language: system, entry: auxhead inspect dta=x}]}]",
        "on: push\njobs: {one: {steps: [{run: auxhead evaluate model=a.pt data=b.yaml fail_bellow=AP50:0.4}]}}",
        "something: else",
        "a: [",
    ],
)
def test_a_broken_yaml_fails(text: str, signs: Path) -> None:
    with pytest.raises((AssertionError, auxhead.AuxHeadError, yaml.YAMLError)):
        check_yaml(text, signs)


@of("text")
def test_labels_that_are_shown_are_rows_of_regions(block: Block) -> None:
    if re.fullmatch(r"(-?\d+( [\d.]+){4}\n)+", block.text):
        Path("1.txt").write_text(block.text)
        rows, bad = read_ignored(Path("1.txt"), 10)
        assert (len(rows), bad) == (len(block.text.splitlines()), [])


@of("toml")
def test_a_package_names_the_head_that_its_page_shows(block: Block, size_head: None) -> None:
    project = tomllib.loads(block.text)["project"]
    for place in project["entry-points"]["auxhead.heads"].values():
        module, _, name = place.partition(":")
        assert issubclass(getattr(importlib.import_module(module), name), auxhead.heads.base.Head)


# -- Python -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_hand(signs: Path, small_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare a folder as the pages have it: signs.yaml, its pictures, best.pt; trainings are checked and made up."""
    shutil.copytree(signs.parent, "signs", ignore=shutil.ignore_patterns("*.cache"))
    Path("signs.yaml").write_text(
        yaml.safe_dump({**yaml.safe_load(signs.read_text()), "path": str(Path("signs").resolve())})
    )
    model = YOLO(small_models / "small.yaml", task="detect")
    model.model.names = dict(enumerate(map(str, range(80)))) | read_data("signs.yaml")["names"]
    model.save("best.pt")
    make_up(Path("signs.yaml").resolve(), monkeypatch)
    monkeypatch.setitem(VALUES, "center", 0.52)
    monkeypatch.setattr("auxhead.reporting.report.figures", lambda _: NOT_DRAWN)
    monkeypatch.setattr("auxhead.comparison.estimate.estimate", made_up_estimate)
    monkeypatch.setattr(auxhead, "train", made_up_training)


def made_up_training(data: str, **keys: Any) -> TrainResult:
    """Read the keys of a training as it does, and give a result of nothing."""
    resolve({"data": data, **keys})
    assert Path(data).is_file()
    run = Path("run")
    return TrainResult(run, run / "best.pt", run / "last.pt", {}, {}, (), MagicMock())


def made_up_estimate(plan: Any, *_: Any) -> Estimate:
    ones = dict.fromkeys(plan.arms, 1.0)
    return Estimate(1.0, 1.0, ones, ones, 1.0)


def stand_in(name: str, block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package in its place that takes every call, but no file that isn't there."""

    def opened(*_: Any, labels_path: str, **__: Any) -> MagicMock:
        assert json.loads(Path(labels_path).read_text())["images"]
        return dataset

    dataset = MagicMock()
    dataset.merge_dir.side_effect = opened
    package = MagicMock()
    package.Dataset.from_dir.side_effect = opened
    monkeypatch.setitem(sys.modules, name, package)
    for line in typed_above(block):  # what writes the files
        keys = read_keys(line[2:], EvaluateKeys).model_dump(exclude_unset=True)
        auxhead.evaluate(**keys, imgsz=64, device="cpu", resamples=0, pictures=False)


def typed_above(block: Block) -> list[list[str]]:
    """List the lines of `auxhead evaluate` in the block of a shell that stands before a block."""
    before = [one for one in BLOCKS if one.page == block.page and one.line < block.line][-1]
    return [shlex.split(line) for line in before.text.splitlines() if line.startswith("auxhead evaluate ")]


def run_python(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "snippet"})


@of("python")
def test_python(block: Block, at_hand: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for page, package in FAKED:
        if page == block.page and re.search(rf"^import {package}\b", block.text, re.MULTILINE):
            stand_in(package, block, monkeypatch)
    run_python(block)


def test_what_is_faked_is_needed_and_is_not_there() -> None:
    for page, package in FAKED:
        using = [one for one in BLOCKS if one.page == page and re.search(rf"^import {package}\b", one.text, re.M)]
        assert using, f"{page} takes no {package} any more"
        assert importlib.util.find_spec(package) is None, f"{package} is there: run the block with it"


@pytest.mark.parametrize(
    "text",
    [
        "import auxhead\nauxhead.trian('signs.yaml')",
        "import auxhead\nauxhead.train('signs.yaml', model='yolov8n.yaml', epoch=3)",
        "import auxhead\nprint(auxhead.train('signs.yaml', model='yolov8n.yaml').bets)",
        "import auxhead\nauxhead.compare(data='signs.yaml', arms=['plain', 'centre'], model='yolov8n.yaml')",
        "from auxhead.heads.base import Heads",
        "print(",
    ],
)
def test_a_broken_python_fails(text: str, at_hand: None) -> None:
    with pytest.raises((AttributeError, ImportError, SyntaxError, auxhead.AuxHeadError)):
        run_python(Block("a page", 1, "python", text))
