"""What the functions of the package are called with first: the object of their work, as on the command line."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import auxhead
from auxhead.errors import ConfigError

FUNCTIONS = ("train", "convert", "design", "inspect", "evaluate", "cost", "strip", "report", "compare", "teacher_check")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrong", [3, print, {"on_train_end": print}])
def test_what_is_no_path_is_one_message(name: str, wrong: Any) -> None:
    models = [7, "best.pt"] if name == "cost" and isinstance(wrong, dict) else wrong
    with pytest.raises(ConfigError, match=r"found: .*\((int|dict|builtin_function_or_method)\)") as error:
        getattr(auxhead, name)(models)
    assert f"auxhead.{name}(" in error.value.expected
    assert error.value.where == "the first argument"


@pytest.mark.parametrize(
    ("name", "words", "keys", "key"),
    [
        ("cost", ["yolov8n"], {"nc": 0}, "nc"),
        ("cost", ["yolov8n"], {"latency": True, "rounds": 0}, "rounds"),
        ("inspect", ["data.yaml"], {"imgsz": 0}, "imgsz"),
        ("inspect", ["data.yaml"], {"imgsz": "640"}, "imgsz"),
        ("strip", ["best.pt"], {"out": 5}, "out"),
        ("demo", [], {"out": "demo", "epochs": 0}, "epochs"),
    ],
)
def test_values_that_are_none_of_their_kind_are_named_before_anything_is_done(
    name: str, words: list[str], keys: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError, match=rf"\b{key}=\S+: Input should be"):
        getattr(auxhead, name)(*words, **keys)
    assert not Path("demo").exists()


@pytest.mark.parametrize("kind", [str, Path])
def test_the_object_comes_first_and_callbacks_by_name(kind: type, signs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = auxhead.convert(kind(signs), out="out", to="pose")
    assert not auxhead.convert(data=str(signs), out="out", to="pose").fresh
    assert converted.fresh
    monkeypatch.setattr(import_module("auxhead.training.train"), "begin", lambda *given: given)
    seen: Any = auxhead.train(kind(signs), model="yolov8n.yaml", callbacks={"on_train_end": print})
    named: Any = auxhead.train(data=str(signs), model="yolov8n.yaml", callbacks={"on_train_end": print})
    assert seen == named
    assert seen[-1] == {"on_train_end": print}


def test_a_results_file_and_a_model_are_told_apart(signs: Path) -> None:
    Path("none.json").write_text("[]")
    settings: dict[str, Any] = {"data": str(signs), "resamples": 0}
    first = auxhead.evaluate("none.json", **settings, out="first")
    assert first.detectors[0].predictions
    assert first.to_dict()["detectors"] == auxhead.evaluate(predictions="none.json", **settings).to_dict()["detectors"]
    assert json.loads(Path("first/metrics.json").read_text())["settings"]["sources"] == ["none.json"]
    with pytest.raises(ConfigError, match=r"found: +none\.json and predictions=b\.json"):
        auxhead.evaluate("none.json", predictions="b.json", **settings)
    with pytest.raises(auxhead.ModelError, match=r"nowhere\.pt"):
        auxhead.evaluate("nowhere.pt", **settings)


def test_one_model_is_no_sequence_of_letters() -> None:
    assert auxhead.cost("yolov8n", imgsz=64) == auxhead.cost(["yolov8n"], imgsz=64)
    assert auxhead.cost(Path("yolov8n.yaml"), imgsz=64)[0].model == "yolov8n.yaml"
