"""What Ultralytics refuses is told in our words; what we do wrong is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ultralytics.nn.tasks import PoseModel, yaml_model_load

import auxhead
from auxhead.errors import DataError, ModelError
from auxhead.host import predict as predict_room
from auxhead.host.calls import first_line, named_line, told_as
from auxhead.host.datasets import read_data, validation_images


def explain(error: BaseException) -> ModelError:
    return ModelError("a model", first_line(error), "best.pt", "train it again")


def ours(module: str, line: str) -> Callable[..., Any]:
    """A function of another module, as a call of Ultralytics comes back to it or we call it."""
    names: dict[str, Any] = {"__name__": module, "np": np, "torch": torch}
    exec(f"def method(*given):\n    {line}", names)
    return names["method"]


def test_what_ultralytics_raises_is_told_in_our_words() -> None:
    with pytest.raises(ModelError, match=r"nowhere\.yaml") as caught, told_as(explain):
        yaml_model_load("nowhere.yaml")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(ModelError, match="in the end"), told_as(explain):
        ours("ultralytics.somewhere", "raise AttributeError('in the end')")()
    with pytest.raises(ModelError, match="invalid load key"), told_as(explain, (Exception,)):
        torch.load(Path(__file__), weights_only=False)  # torch's own code, called for Ultralytics


@pytest.mark.parametrize(
    "line", ["raise AttributeError('a bug')", "np.stack([])", "torch.cat(['a'])", "None.nothing", "given[0]"]
)
def test_our_mistakes_stay_what_they_are(line: str) -> None:
    mistake = ours("auxhead.somewhere", line)
    with pytest.raises((AttributeError, ValueError, TypeError, IndexError)) as caught, told_as(explain):
        mistake()
    assert not isinstance(caught.value, ModelError)


def test_a_method_of_ours_that_ultralytics_calls() -> None:
    def called(back: Callable[..., Any]) -> None:
        scope: dict[str, Any] = {"__name__": "ultralytics.somewhere"}
        exec("def call(back):\n    return back()", scope)
        with told_as(explain):
            scope["call"](back)

    with pytest.raises(AttributeError, match="a bug"):
        called(ours("auxhead.somewhere", "raise AttributeError('a bug')"))
    with pytest.raises(ModelError, match="a bug"):
        called(ours("ultralytics.elsewhere", "raise AttributeError('a bug')"))
    with pytest.raises(DataError, match="the labels"):
        called(lambda: (_ for _ in ()).throw(DataError("the labels", "none", "here", "mend them")))


def test_an_error_of_ours_in_words_of_ultralytics_is_told_once() -> None:
    ours = DataError("the labels", "none", "here", "mend them")
    ours.__cause__ = OSError("of the system")
    with pytest.raises(DataError) as caught, told_as(explain):
        raise RuntimeError(f"Dataset error: {ours}") from ours
    assert str(caught.value).count("expected:") == 1
    assert str(caught.value.__cause__) == "of the system"


def test_first_lines() -> None:
    assert first_line(ValueError("\n  Dataset not found \n more")) == "Dataset not found"
    assert first_line(KeyError()) == "KeyError"
    assert named_line(KeyError("nc")) == "KeyError: 'nc'"
    assert named_line(AssertionError()) == "AssertionError"


# -- the whole way ----------------------------------------------------------------------------------------------------


def bug(*_: Any, **__: Any) -> None:
    raise AttributeError("a bug of ours")


@pytest.fixture
def pose(tmp_path: Path) -> Path:
    model = PoseModel("yolov8n-pose.yaml", nc=6, verbose=False)
    model.names = dict(enumerate("abcdef"))
    torch.save({"model": model, "train_args": {"imgsz": 64}}, tmp_path / "best.pt")
    return tmp_path / "best.pt"


@pytest.mark.parametrize(
    "place",
    [
        "auxhead.host.checkpoint.stored_precision",
        "auxhead.shipping.contained.detect_yaml",
        "auxhead.shipping.contained._require_match",
        "auxhead.shipping.sameness.equal",
        "auxhead.shipping.strip_certificate.predictions",
        "auxhead.shipping.strip_proof.certify_strip",
        "auxhead.shipping.strip_proof.check_export",
    ],
)
def test_a_bug_in_strip_comes_out_as_itself(place: str, pose: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    module, _, name = place.rpartition(".")
    monkeypatch.setattr(import_module(module), name, bug)
    if name == "equal":
        monkeypatch.setattr(import_module("auxhead.shipping.contained"), name, bug)
    with pytest.raises(AttributeError, match="a bug of ours"):
        auxhead.strip(pose, check_export=True)
    assert [path.name for path in pose.parent.iterdir()] == ["best.pt"]


def test_a_bug_while_predicting_comes_out_as_itself(signs: Path, pose: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_room, "match_names", bug)
    keys: dict[str, Any] = {
        "split": "val",
        "imgsz": 64,
        "batch": 4,
        "device": "cpu",
        "conf": 0.1,
        "iou": 0.7,
        "max_det": 10,
    }
    with pytest.raises(AttributeError, match="a bug of ours"):
        predict_room.predict(pose, str(signs), **keys)


def test_a_bug_while_reading_data_comes_out_as_itself(signs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auxhead.host import datasets

    monkeypatch.setattr(datasets, "require_classes", bug)
    with pytest.raises(AttributeError, match="a bug of ours"):
        validation_images(str(signs), {"imgsz": 64}, 6)


def test_a_bug_of_the_trainer_comes_out_as_itself(tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from auxhead.training import trainer

    monkeypatch.setattr(trainer, "require_detector", bug)
    with pytest.raises(AttributeError, match="a bug of ours"):
        auxhead.train(**{**tiny, "project": "runs"})


# -- one reader of data sets ------------------------------------------------------------------------------------------


def test_only_one_function_asks_ultralytics_for_a_data_set() -> None:
    root = Path(auxhead.__file__).parent
    callers = [path for path in root.rglob("*.py") if "check_det_dataset(" in path.read_text()]
    assert [path.relative_to(root).as_posix() for path in callers] == ["host/datasets.py"]
    assert callers[0].read_text().count("check_det_dataset(") == 1


def test_a_data_set_that_is_none_is_told_in_one_way() -> None:
    found = []
    for read in (read_data, lambda data: validation_images(data, {}, 6)):
        with pytest.raises(DataError) as caught:
            read("nowhere.yaml")
        found.append(str(caught.value))
    assert len(set(found)) == 1
