"""The container and the templates of reports say what README and command line say; a container can't be built here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))


def steps(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def test_the_container_is_installed_as_the_readme_says() -> None:
    assert "`pip install .`" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert steps("RUN")[-1] == "pip install ."
    assert steps("ENTRYPOINT") == ['["auxhead"]']
    assert [f"ARG {line}" for line in steps("ARG")] == ["ARG TORCH_INDEX="]
    assert {line.partition(" ")[0] for line in DOCKERFILE.splitlines() if line[:1].isalpha()} == {
        *("FROM", "ARG", "ENV", "RUN", "WORKDIR", "COPY", "ENTRYPOINT")
    }


def test_the_container_gets_what_the_wheel_is_made_of_and_nothing_else() -> None:
    copied = {name for line in steps("COPY") for name in line.split()[:-1]}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in == {"pyproject.toml", "README.md", "LICENSE", "src"}
    assert all((ROOT / name).exists() for name in copied)


def test_the_container_has_a_python_that_we_take() -> None:
    (image,) = steps("FROM")
    assert (
        f"Programming Language :: Python :: {re.search(r'3[.][0-9]+', image)[0]}"
        in (ROOT / "pyproject.toml").read_text()
    )


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.stem)
def test_a_report_brings_versions(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert head.keys() == {"name", "about"}
    assert "`auxhead version`" in text
    assert "`yolo checks`" in text


def test_there_is_a_report_for_bugs_and_one_about_accuracy() -> None:
    assert [template.stem for template in TEMPLATES] == ["accuracy", "bug"]
    assert "auxhead inspect" in TEMPLATES[0].read_text(encoding="utf-8")
