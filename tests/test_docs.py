"""What README and docs say is true: commands parse, keys and defaults are the models', tables come from their files."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from auxhead.cli import app, parts
from auxhead.cli.compare import _plan_and_keys
from auxhead.cli.cost import _names_and_keys
from auxhead.comparison.arms import PRESETS
from auxhead.comparison.compare import _require_known
from auxhead.keys.compare import CompareKeys, PlanKeys, ReportKeys
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.keys.heads.center import CenterSpec
from auxhead.keys.heads.detect import DetectSpec
from auxhead.keys.heads.mask import MaskSpec
from auxhead.keys.heads.teacher import TeacherSpec
from auxhead.keys.heads.teacher_check import TeacherCheckKeys
from auxhead.keys.inspect import InspectKeys
from auxhead.keys.reading import Keys, read_keys, validated
from auxhead.keys.train import OF_RESUME, TrainKeys
from auxhead.keys.train_reading import read_train_words
from auxhead.model.gradients import INTERVAL, WARMUP_INTERVAL
from auxhead.training.resolve import resolve

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEMPLATES = sorted((ROOT / ".github").rglob("*.md"))
TEXTS = {page: page.read_text(encoding="utf-8") for page in [*PAGES, *TEMPLATES]}


def blocks(text: str, language: str) -> list[str]:
    """List the blocks of a language; all are read, as the end of one looks like the start of one without language."""
    return [block for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.DOTALL) if kind == language]


def test_ci_runs_the_readme_test_command() -> None:
    commands = [block.strip() for block in blocks(TEXTS[ROOT / "README.md"], "") if "pytest" in block]
    assert len(commands) == 1
    run = (ROOT / ".ci" / "run").read_text().splitlines()
    assert commands[0] in run
    assert "uv run pytest -m slow" in run


def commands(text: str) -> list[list[str]]:
    """List the words of each line of ours that a page shows to be typed."""
    lines = "".join([*blocks(text, ""), *blocks(text, "bash")]).splitlines()
    typed = [re.fullmatch(r"(?:.*uv run )?auxhead (.*)", line) for line in lines]
    return [shlex.split(line[1], comments=True) for line in typed if line]


def check_command(words: list[str]) -> str:
    """Read a line as its command does, short of files that it names, and say which command it is."""
    command = get_command(app.app)
    name = " ".join(words[: 2 if words[0] == "teacher" else 1])
    for word in name.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    flags = {word for word in words if word.startswith("--")}
    assert flags <= {option for one in command.params for option in one.opts}, words
    own = [word for word in words[len(name.split()) :] if word not in flags]
    if name == "train":
        keys = read_train_words(own)
        again = {"resume", *OF_RESUME} if "resume" in keys else set()
        resolve({key: value for key, value in keys.items() if key not in again})
    elif name == "compare":
        plan, keys = _plan_and_keys(own)
        where = {key: value for key, value in keys.items() if key in CompareKeys.model_fields}
        validated(CompareKeys, where)
        _require_known({key: value for key, value in keys.items() if key not in {*PlanKeys.model_fields, *where}})
        if plan is None:
            given = {key: value for key, value in keys.items() if key in PlanKeys.model_fields}
            assert PlanKeys.model_validate(given).arms.keys() <= PRESETS.keys(), words
    elif name != "env":
        (_, _, model), *_ = parts.models(name)
        assert issubclass(model, Keys)
        read_keys(_names_and_keys(own, model)[1] if name == "cost" else own, model)
    return name


@pytest.mark.usefixtures("size_head")
def test_every_line_of_the_pages_is_a_command_with_keys_there_are() -> None:
    seen = {check_command(words) for text in TEXTS.values() for words in commands(text)}
    assert seen >= parts.KEYS.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXTS[page]):
        assert (page.parent / target).exists(), target


def test_pictures_of_the_gallery_are_shown_small_and_ask_nobody() -> None:
    pictures = sorted((ROOT / "docs" / "images" / "gallery").iterdir())
    page = TEXTS[ROOT / "docs" / "gallery.md"]
    assert {picture.name for picture in pictures} == set(re.findall(r"\]\(images/gallery/([^)]+)\)", page))
    assert sum(picture.stat().st_size for picture in pictures) < 1_200_000
    for picture in (ROOT / "docs" / "images").rglob("*.svg"):
        text = re.sub(r'\bxmlns(:\w+)?="[^"]*"|<!--.*?-->', "", picture.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"""url\((?!['"]?#)|@import|@font-face|href=|<(script|image|style src)""", text), (
            picture.name
        )


def stated_defaults(page: str) -> dict[str, str]:
    """Read the tables of a page: the last column by the first."""
    rows = re.findall(r"^\|(.+?)\|(?:.+)\|(.*)\|$", page, re.MULTILINE)
    return {first.strip(" `"): last.strip(" `") for first, last in rows}


def assert_stated(stated: str, default: Any) -> None:
    if isinstance(default, bool):
        assert stated == str(default).lower()
    elif isinstance(default, (int, float)) and "/" not in stated:
        assert float(stated) == default
    elif isinstance(default, str):
        assert stated == default


def test_pages_name_every_key_and_its_default() -> None:
    training, center = TEXTS[ROOT / "docs" / "training.md"], TEXTS[ROOT / "docs" / "center-head.md"]
    for name in TrainKeys.model_fields:
        assert f"`{name}=`" in training
    for head, page, spec in (
        ("center", center, CenterSpec),
        ("detect", TEXTS[ROOT / "docs" / "detect-head.md"], DetectSpec),
        ("mask", TEXTS[ROOT / "docs" / "mask-head.md"], MaskSpec),
        ("teacher", TEXTS[ROOT / "docs" / "teacher.md"], TeacherSpec),
    ):
        stated = stated_defaults(page)
        for name, field in spec.model_fields.items():
            assert_stated(stated[f"{head}.{name}"], field.default)
    assert f"Every {INTERVAL} batches ({WARMUP_INTERVAL} during warm-up)" in TEXTS[ROOT / "docs" / "gradient-shares.md"]


def benchmark(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPARISONS = [
    "ceiling_gtsdb4",
    "controls_gtsdb4",
    "crops_nuclei",
    "gtsdb4",
    "heads_nuclei",
    "hit_uav",
    "hours_hit_uav",
    "mask_nuclei",
    "mirrored",
    "mirrored_flips",
    "p234_gtsdb4",
    "p234_hit_uav",
    "p234_hit_uav_h100",
    "pretrained_gtsdb4",
    "pretrained_hit_uav",
    "pretrained_p2345_gtsdb4",
    "p234_deeppcb",
    "p234_teacher",
    "border_deeppcb",
    "border_gtsdb4",
    "long_pixels_gtsdb4",
    "pixels_gtsdb4",
    "pixels_hit_uav",
    "pixels_v5_hit_uav",
    "share_gtsdb4",
    "small_gtsdb4",
    "small_teacher_gtsdb4",
    "small_hit_uav",
    "teacher_controls",
    "teacher_vs_pixels",
    "teacher_nuclei",
]


@pytest.mark.parametrize("name", COMPARISONS)
def test_tables_of_comparisons_come_from_their_reports(name: str) -> None:
    folder = ROOT / "docs" / "evidence" / "compare"
    analysis = json.loads((folder / name / "report.json").read_text(encoding="utf-8"))
    assert benchmark("compare_tables").table(analysis) in TEXTS[ROOT / "docs" / "evidence" / "README.md"]
    assert analysis["status"]["finished"] == analysis["status"]["planned"]
    plan = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    assert list(plan["arms"]) == [arm["name"] for arm in analysis["arms"]]
    assert plan["base"].items() <= analysis["plan"]["base"].items()
    page = (folder / name / "report.html").read_text(encoding="utf-8")
    assert "image/jpeg" not in page  # the data sets stay where they are
    for arm in analysis["arms"]:
        if arm["against_control"]:
            assert arm["against_control"]["verdict"]["sentence"] in page.replace("&#39;", "'")


def test_the_page_about_comparing_names_every_key() -> None:
    page = TEXTS[ROOT / "docs" / "compare.md"]
    for name in (*PlanKeys.model_fields, *CompareKeys.model_fields, *ReportKeys.model_fields):
        assert f"{name}" in page
    for name in PRESETS:
        assert f"`{name}`" in page


def test_evidence_tables_come_from_the_committed_results() -> None:
    module = benchmark("center_vs_plain")
    results = json.loads((ROOT / "docs" / "evidence" / "center_vs_plain.json").read_text())
    assert all(result["command"] == module.command(*(result[k] for k in ("data", "arm", "seed"))) for result in results)
    assert module.table(results) in TEXTS[ROOT / "docs" / "evidence" / "README.md"]


@pytest.mark.parametrize("road", ["gtsdb4_pose", "nuclei_polygons", "nuclei_boxes"])
def test_stripped_models_have_the_metrics_of_the_trained_ones(road: str) -> None:
    text = (ROOT / "docs" / "evidence" / f"road_{road}.txt").read_text(encoding="utf-8")
    table = re.search(r"^model +parameters.*\n(.*)\n(.*)$", text, re.MULTILINE)
    assert table is not None
    trained, stripped = (line.split() for line in table.groups())
    assert trained[3:7] == stripped[3:7]
    assert float(stripped[5]) > 0
    printed = [line.split() for line in re.findall(r"^ +all( .*)$", text, re.MULTILINE)][-2:]  # Ultralytics' own
    assert printed[0][:6] == printed[1]
    if road == "gtsdb4_pose":
        assert table[0] in TEXTS[ROOT / "docs" / "evidence" / "README.md"]
        assert table[0] in TEXTS[ROOT / "docs" / "tutorial.md"]


def test_evaluation_pages_name_every_key_and_show_the_evidence() -> None:
    page = TEXTS[ROOT / "docs" / "evaluate.md"]
    for name in EvaluateKeys.model_fields:
        assert f"`{name}=`" in page
    evidence = (ROOT / "docs" / "evidence" / "ultralytics_val_hit_uav.txt").read_text(encoding="utf-8")
    assert evidence.partition("\n\n")[2].rstrip("\n") in page
    for name in InspectKeys.model_fields:
        assert f"{name}=" in TEXTS[ROOT / "docs" / "inspect.md"]
    for name in TeacherCheckKeys.model_fields:
        assert f"`{name}=`" in TEXTS[ROOT / "docs" / "teacher.md"]


def test_the_page_of_errors_shows_the_tree() -> None:
    page = TEXTS[ROOT / "docs" / "errors.md"]
    source = (ROOT / "src" / "auxhead" / "errors.py").read_text(encoding="utf-8")
    tree = source.partition("::\n\n")[2].partition("\nEvery message")[0]
    assert "\n".join(line[4:] for line in tree.rstrip().splitlines()) in page
    for name, kind in vars(importlib.import_module("auxhead.errors")).items():
        if isinstance(kind, type):
            builtin = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"]
            assert f"{name} ({builtin[0]})" in page or name == "AuxHeadError"


def variables_of(source: str) -> set[str]:
    """Name the environment variables of a module: keys of os.environ, and names that look like one.

    A key that is no text must be a constant of the module, so that it is found, too; a loop has its names in one.
    """
    tree = ast.parse(source)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    constants: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            constants[statement.targets[0].id] = statement.value
    found = {text for text in texts if re.fullmatch(r"(AUXHEAD|YOLO|ULTRALYTICS|OMP|CUDA|XDG|WANDB|RAY)_\w+", text)}
    for node in ast.walk(tree):
        key = None
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            key = node.slice
        elif isinstance(node, ast.Call) and re.fullmatch(r"os\.(environ\.\w+|getenv)", ast.unparse(node.func)):
            key = node.args[0]
        if isinstance(key, ast.Name):
            key = constants.get(key.id)
        if isinstance(key, ast.Constant):
            found.add(str(key.value))
    return found


def test_the_page_of_variables_lists_those_of_the_code_and_no_other() -> None:
    page = TEXTS[ROOT / "docs" / "environment.md"]
    listed = {name for row in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    used = set().union(*map(variables_of, sources))
    assert listed == used | {"AUXHEAD_DATA"}  # which only the tests read
