"""The pages that belong together as a site: what is generated is up to date, all are in the menu, the example works."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.test_docs import PAGES, ROOT, TEXTS, blocks, check_command

import auxhead
from auxhead.heads.base import RawPredictions, SharedFeatures, Targets
from auxhead.results_csv import read_rows

DOCS = ROOT / "docs"


def test_the_page_of_commands_is_what_its_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("docs_commands", DOCS / "commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == TEXTS[DOCS / "commands.md"], "run docs/commands.py"


def menu(entries: list[dict[str, Any]]) -> list[str]:
    """List the pages of a menu."""
    found: list[str] = []
    for entry in entries:
        for target in entry.values():
            found += menu(target) if isinstance(target, list) else [target]
    return found


def test_the_menu_has_every_page_once() -> None:
    listed = menu(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"])
    assert sorted(listed) == sorted([*(str(page.relative_to(ROOT)) for page in PAGES), "CHANGELOG.md", "SECURITY.md"])


def test_the_page_of_python_has_every_public_name() -> None:
    listed = re.findall(r"^::: (\S+)$", TEXTS[DOCS / "python.md"], re.MULTILINE)
    for path in listed:
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name).__doc__, path
    errors = {name for name, kind in vars(auxhead.errors).items() if isinstance(kind, type)} - {"AuxHeadError"}
    assert {f"auxhead.{name}" for name in auxhead.__all__ if name not in {*errors, "__version__"}} <= set(listed)


def test_docstrings_of_the_page_have_sections_that_the_site_knows() -> None:
    """A section with another head, such as "Attributes (more):", is shown as one long line."""
    known = {"Args", "Attributes", "Returns", "Raises", "Source"}
    for path in re.findall(r"^::: (\S+)$", TEXTS[DOCS / "python.md"], re.MULTILINE):
        module, _, name = path.rpartition(".")
        heads = re.findall(r"^ *(\S.*):\n +\S", getattr(importlib.import_module(module), name).__doc__, re.MULTILINE)
        assert {head for head in heads if head[0].isupper()} <= known, path


def test_numbers_of_the_readme_are_those_of_the_remedies_and_these_come_from_the_evidence() -> None:
    readme, page = TEXTS[ROOT / "README.md"], TEXTS[DOCS / "remedies.md"]
    evidence = TEXTS[DOCS / "evidence" / "README.md"].replace(" … ", " to ")
    number, price = r"[+-][\d.]+(?:\*\*)? \(([^)]* to [^)]*)\)", r"[\d.]+x (?:GFLOPs|on a GPU|on a CPU)"
    assert len(re.findall(number, readme)) > 4
    for measured in re.finditer(number, readme):
        assert measured[0] in page, measured[0]
    for measured in re.finditer(number, page):
        assert measured[1] in evidence, measured[0]
    for cost in re.findall(price, readme):
        assert cost in page, cost


@pytest.mark.usefixtures("size_head")
def test_the_head_of_the_page_trains_ships_and_stays_out(quick: dict[str, Any], tmp_path: Path) -> None:
    head = {"size": {"share": 0.05, "beta": 0.5}}
    result = auxhead.train(**{**quick, "epochs": 1, "heads": head}, project=str(tmp_path))
    (row,) = read_rows(result.save_dir / "results.csv")
    assert row["train/size_loss"] is not None
    assert row["train/size_loss"] > 0
    assert result.gradients["share/size"] > 0
    assert isinstance(result.certificate, auxhead.Certificate)
    assert result.certificate.float32_difference == 0
    assert b"size_head" not in result.best.read_bytes()


@pytest.mark.usefixtures("size_head")
def test_the_head_of_the_page_measures_octaves_and_bears_an_empty_batch() -> None:
    module = importlib.import_module("size_head")
    head = module.SizeHead(module.SizeSpec(beta=1e-6), SharedFeatures(channels=(4,), strides=(8.0,), nc=1))
    output = head([torch.zeros(1, 4, 2, 2)]) * 0 + 1  # octaves: a side of 16 px at stride 8
    boxes = torch.tensor([[[0.0, 0.0, 32.0, 32.0]]]).expand(1, 4, 4)
    anchors, strides = torch.full((4, 2), 0.5), torch.full((4, 1), 8.0)
    raw = RawPredictions(torch.zeros(1, 4, 4), torch.zeros(1, 1, 4), ((2, 2),), (8.0,))
    for foreground, expected in ((torch.tensor([[True, False, False, True]]), 1.0), (torch.zeros(1, 4).bool(), 0.0)):
        targets = Targets(foreground, foreground.long(), boxes, anchors, strides, (16, 16), {}, raw)
        loss = head.loss(output, targets)["size_loss"]
        assert loss.item() == pytest.approx(expected, abs=1e-5)
        assert loss.requires_grad


def test_blocks_of_the_page_are_the_files_that_it_names() -> None:
    page = TEXTS[DOCS / "own-head.md"]
    (package,) = (tomllib.loads(block) for block in blocks(page, "toml"))
    assert package["project"]["entry-points"]["auxhead.heads"] == {"size": "size_head:SizeHead"}


def test_the_checks_in_ci_are_commands_and_the_limit_ends_the_job() -> None:
    hooks, workflow = (yaml.safe_load(block) for block in blocks(TEXTS[DOCS / "ci.md"], "yaml"))
    (hook,) = hooks["repos"][0]["hooks"]
    steps = [step["run"] for step in workflow["jobs"]["evaluate"]["steps"] if "run" in step]
    lines = [shlex.split(line) for line in [hook["entry"], *steps]]
    read = [check_command(words[1:]) for words in lines if words[0] == "auxhead"]
    assert read == ["inspect", "inspect", "evaluate", "evaluate"]
    assert any(word.startswith("fail_below=") for word in lines[-2])
