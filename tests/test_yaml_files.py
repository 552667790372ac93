"""YAMLs that would take the memory of the machine are refused before anything reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auxhead.yaml_files import NODES, oversized

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
)
VALUES = st.recursive(
    st.integers() | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=2), inner),
)


def written(folder: Path, text: str, name: str = "x.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "more than 100,000 values"),
        ("a: &a [*a]", "more than 100,000 values"),
        (f"names: [{'x, ' * NODES}x]", "more than 100,000 values"),
        ("[" * 200 + "]" * 200, "lists in lists"),
        ("[" * 100_000, "lists in lists"),
        ("# \x07\n" + BOMB, "more than 100,000 values"),
        ("# \x07\n" + "[" * 200 + "]" * 200, "lists in lists"),
        ("\x00".join(f"names: {'[' * 200}"), "lists in lists"),
        ("", ""),
        ("a: [", ""),  # its reader says what is wrong
        ("a: &a [1, 2]\nb: *a", ""),
        (f"names: [{'x, ' * (NODES // 2)}x]", ""),
    ],
    ids=[
        "bomb",
        "itself",
        "long",
        "deep",
        "deep and cut off",
        "bomb and bell",
        "deep and bell",
        "UTF-16",
        "empty",
        "broken",
        "alias",
        "half as long",
    ],
)
def test_what_expands_beyond_reason_is_named(text: str, words: str, tmp_path: Path) -> None:
    found = oversized(written(tmp_path, text))
    assert bool(found) == bool(words)
    assert words in found


@given(VALUES)
def test_what_is_small_is_let_through(value: Any) -> None:
    path = Path("value.yaml")
    path.write_text(yaml.safe_dump(value))
    assert oversized(path) == ""


def test_a_size_in_the_name_of_a_model_hides_nothing(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, BOMB, "yolov8-bomb.yaml")
    monkeypatch.chdir(tmp_path)
    for named in ("yolov8n-bomb.yaml", "yolov8n-bomb", str(tmp_path / "yolov8s-bomb.yaml")):
        told = call("cost", named)
        assert (told.returncode, "more than 100,000 values" in told.stderr) == (2, True), told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["train", "data={bomb}", "model={model}"],
        ["train", "data={data}", "model={bomb}"],
        ["train", "data={data}", "model={bomb}", "--dry-run"],
        ["train", "data={data}", "model={bomb}", "route=pose", "--dry-run"],
        ["train", "cfg={bomb}"],
        ["inspect", "data={bomb}"],
        ["convert", "data={bomb}", "to=pose", "out=out"],
        ["evaluate", "data={bomb}", "predictions={results}"],
        ["evaluate", "data={bomb}", "model={data}"],
        ["cost", "{bomb}"],
        ["design", "data={data}", "like={bomb}"],
        ["design", "data={bomb}", "like=yolov8n.yaml"],
        ["compare", "{bomb}"],
        ["compare", "data={bomb}", "model={model}", "arms=plain,center"],
        ["compare", "cfg={bomb}"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_it_in_one_message(
    words: list[str], quick: dict[str, Any], call: Callable[..., Any], tmp_path: Path
) -> None:
    bomb = written(tmp_path, BOMB, "bomb-pose.yaml" if "route=pose" in words else "bomb.yaml")
    results = written(tmp_path, "[]", "results.json")
    told = call(*(word.format(bomb=bomb, results=results, data=quick["data"], model=quick["model"]) for word in words))
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert "more than 100,000 values" in told.stderr
    assert str(bomb) in told.stderr
