"""A second start of the demo goes on with what the first has left."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import auxhead
from auxhead.demonstration import demo

KEYS: dict[str, Any] = {"epochs": 12, "cpu_bf16": None, "model": "yolov8n.yaml"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(demo, "train", lambda callbacks, **keys: calls.append(keys))
    return calls


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    run = tmp_path / "demo" / "p234"
    run.mkdir(parents=True)
    (run / "args.yaml").write_text("epochs: 12\nmodel: yolov8n.yaml\n")
    (run / "auxhead.json").write_text(json.dumps({"heads": {}, "cpu_bf16": None}))
    return run


def test_a_training_begins_goes_on_and_is_read_when_it_is_done(
    begun: Path, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = begun.with_name("plain")
    demo._trained(other, KEYS, {})
    demo._trained(begun, KEYS, {})
    assert asked == [{**KEYS, "project": str(other.parent), "name": "plain", "exist_ok": True}, {"resume": str(begun)}]
    (begun / "result.json").write_text("{}")
    done: Any = SimpleNamespace()
    monkeypatch.setattr(demo, "read_result", lambda run: done if run == begun else None)
    assert demo._trained(begun, KEYS, {}) is done
    assert len(asked) == 2


@pytest.mark.parametrize("change", [{"epochs": 3}, {"cpu_bf16": False}])
def test_a_demo_of_other_keys_is_left_as_it_is(
    begun: Path, change: dict[str, Any], asked: list[dict[str, Any]]
) -> None:
    (key, value), = change.items()  # fmt: skip
    with pytest.raises(auxhead.OutputError, match="another one with out=") as caught:
        demo._trained(begun, {**KEYS, **change}, {})
    assert caught.value.expected == f"a demo with {key}={value}"
    assert caught.value.where == str(begun.parent)
    assert not asked


def test_the_time_left_counts_what_is_left_also_after_a_stop() -> None:
    said: list[str] = []
    tell = demo._Watch(4, said.append).callbacks("p234")["on_fit_epoch_end"]
    for epoch in (2, 3, 4):  # the first two were trained before the stop; Ultralytics calls once more at the end
        tell(SimpleNamespace(epoch=epoch, metrics={}))
    assert len(said) == 2
    assert "epoch 3 of 4" in said[0]
    assert said[1] == "p234: epoch 4 of 4, mAP50 0.000; done"
