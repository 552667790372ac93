"""Words are read without Ultralytics, and as Ultralytics reads them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ultralytics.cfg import (
    DEFAULT_CFG_DICT,
    _handle_deprecation,
    check_dict_alignment,
    merge_equals_args,
    parse_key_value_pair,
    smart_value,
)
from ultralytics.utils import YAML

from auxhead.errors import ConfigError, HostVersionError
from auxhead.heads import registry
from auxhead.keys import host
from auxhead.keys.compare import CompareKeys
from auxhead.keys.convert import ConvertKeys
from auxhead.keys.cost import CostKeys
from auxhead.keys.design import DesignKeys
from auxhead.keys.evaluate import EvaluateKeys
from auxhead.keys.heads import registry as key_registry
from auxhead.keys.inspect import InspectKeys
from auxhead.keys.reading import Keys, Vocabulary, parse_words, read_file, read_keys, read_words, validated
from auxhead.keys.train import TrainKeys
from auxhead.keys.train_reading import read_train_words
from auxhead.keys.words.grammar import join_words, read_value

# -- contracts with Ultralytics -------------------------------------------------------------------------------------

PIECES = st.text(alphabet="ab1=[],. '", max_size=6).filter(lambda text: text.strip())


@given(words=st.lists(PIECES, max_size=6))
@example(words=["epochs", "=", "3"])
@example(words=["a=[1,", "2]", "b", "=3"])
@example(words=["a=[", "=", "3]"])
@example(words=["=", "3"])
@example(words=["a", "="])
def test_words_are_joined_as_ultralytics_joins_them(words: list[str]) -> None:
    try:
        wanted = merge_equals_args(list(words))
    except (SyntaxError, IndexError):
        with pytest.raises(ValueError, match="bracket"):
            join_words(words)
        return
    assert join_words(words) == wanted


VALUES = st.one_of(
    st.sampled_from(
        ["none", "True", "FALSE", "1e-3", "[1, 2]", "(0.5, 2.0)", "a.pt", "'x'", "1_000", "0x10", "nan", "-1"]
    ),
    st.text(max_size=8),
    st.integers().map(str),
    st.floats().map(str),
)


@given(text=VALUES)
def test_values_are_read_as_ultralytics_reads_them(text: str) -> None:
    ours, theirs = read_value(text), smart_value(text)
    assert type(ours) is type(theirs)
    assert ours == theirs or ours != ours


@given(key=st.sampled_from(["name", "project", "epochs", "model"]), value=VALUES)
def test_pairs_are_read_as_ultralytics_reads_them(key: str, value: str) -> None:
    word = f"{key}={value}"
    try:
        wanted = parse_key_value_pair(word)
    except AssertionError:
        return  # no value: an error in both
    if "[" in value or "]" in value or value.strip().endswith(",") or value.startswith("="):
        return  # joined with other words first
    found = parse_words([word], Vocabulary([], verbatim=host.VERBATIM))
    assert found == {wanted[0]: wanted[1]} or wanted[1] != wanted[1]


def test_keys_of_ultralytics_are_those_in_its_file() -> None:
    assert {key: None if value == "None" else value for key, value in host.host_defaults().items()} == DEFAULT_CFG_DICT


def test_old_and_extra_keys_are_taken_as_ultralytics_takes_them() -> None:
    for key in host.OLD_KEYS:
        assert key not in _handle_deprecation({key: True})
        assert key not in DEFAULT_CFG_DICT
    check_dict_alignment(DEFAULT_CFG_DICT, dict.fromkeys(host.EXTRA_KEYS))
    with pytest.raises(SyntaxError):
        check_dict_alignment(DEFAULT_CFG_DICT, {"save_dirr": 1})


@pytest.mark.parametrize(
    "content", ["epochs: 3\nlr0: 1e-2\nname: None\ncache: ram\n", "a: [1, 2]\nb: {c: 1}\n", "x: '1'\ny: yes\n"]
)
def test_files_are_read_as_ultralytics_reads_them(content: str) -> None:
    Path("keys.yaml").write_text(content)
    assert read_file("keys.yaml") == YAML.load("keys.yaml")


def test_without_ultralytics_there_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    host.host_defaults.cache_clear()
    monkeypatch.setattr(host, "find_spec", lambda _: None)
    with pytest.raises(HostVersionError, match="no Ultralytics"):
        host.host_defaults()
    host.host_defaults.cache_clear()


# -- one reader for all commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["imgsz", "=", "320"], {"imgsz": 320}),
        (["--imgsz=320,", "plots"], {"imgsz": 320, "plots": True}),
        (["bands=0,8", "distances=[0.1,", "0.2]"], {"bands": (0, 8), "distances": [0.1, 0.2]}),
        (["cfg=keys.yaml", "imgsz=64"], {"imgsz": 64, "conf": 0.5}),
    ],
)
def test_commands_with_keys_of_their_own_read_as_train_does(words: list[str], keys: dict[str, object]) -> None:
    Path("keys.yaml").write_text("imgsz: 320\nconf: 0.5\n")
    assert read_words(words, EvaluateKeys) == keys
    if "bands=0,8" not in words:
        assert read_train_words(words) == keys


@pytest.mark.parametrize("value", ["2026", "1e3", "007", "true", "[1]"])
def test_text_stays_text_whatever_it_looks_like(value: str) -> None:
    assert read_keys([f"out={value}", "data=x.yaml", "to=pose"], ConvertKeys).out == value
    assert read_train_words([f"out={value}"], CompareKeys.model_fields) == {"out": value}
    assert read_words(["out=none"], EvaluateKeys) == {"out": None}


@pytest.mark.parametrize(
    ("words", "model", "keys"),
    [
        (["signs.yaml", "imgsz=64"], InspectKeys, {"data": "signs.yaml", "imgsz": 64}),
        (["imgsz", "=", "64", "2026"], InspectKeys, {"data": "2026", "imgsz": 64}),
        (["exist_ok", "signs.yaml"], InspectKeys, {"data": "signs.yaml", "exist_ok": True}),
        (["best.pt", "data=x.yaml"], EvaluateKeys, {"model": "best.pt", "data": "x.yaml"}),
        (["preds.JSON", "data=x.yaml"], EvaluateKeys, {"predictions": "preds.JSON", "data": "x.yaml"}),
        (["models/openvino_model", "data=x.yaml"], EvaluateKeys, {"model": "models/openvino_model", "data": "x.yaml"}),
        (["signs.yaml", "to=pose"], ConvertKeys, {"data": "signs.yaml", "to": "pose"}),
        (["signs.yaml", "like=yolov8n"], DesignKeys, {"data": "signs.yaml", "like": "yolov8n"}),
    ],
)
def test_the_first_bare_word_is_what_a_command_is_about(
    words: list[str], model: type[Keys], keys: dict[str, object]
) -> None:
    assert read_words(words, model) == keys


def test_words_of_ultralytics_keep_their_meaning_beside_the_data() -> None:
    words = ["detect", "train", "exist_ok", "signs.yaml", "model=a.pt"]
    assert read_train_words(words) == {"exist_ok": True, "data": "signs.yaml", "model": "a.pt"}
    with pytest.raises(ConfigError, match="yaml: not a key=value pair"):  # a comparison is about its plan
        read_train_words(["signs.yaml"], CompareKeys.model_fields)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gpus=1"], "gpus=1.0: without effect on executor=local; expected executor=ray or executor=slurm"),
        (["executor=slurm", "slots=2"], "slots=2: without effect on executor=slurm; expected executor=local"),
        (["executor=ray", "sbatch=--time=1"], "sbatch=--time=1: without effect on executor=ray"),
        (["address=auto", "retries=1"], "address=auto retries=1: without effect on executor=local"),
    ],
)
def test_keys_of_another_executor_are_refused(words: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        validated(CompareKeys, read_words(words, CompareKeys))


def test_keys_of_the_executor_are_taken() -> None:
    assert validated(CompareKeys, {"slots": 2}).slots == 2
    assert validated(CompareKeys, {"executor": "ray", "gpus": 1, "address": "auto"}).gpus == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.yaml", "data=b.yaml"], "a.yaml: data=b.yaml is given as well"),
        (["data=b.yaml", "a.yaml"], "a.yaml: data=b.yaml is given as well"),
        (["a.yaml", "b.yaml"], "b.yaml: data=a.yaml is given as well"),
        (["exist_okk", "a.yaml"], "exist_okk: not a key=value pair; did you mean exist_ok"),
        (["imgs"], "imgs: not a key=value pair; did you mean imgsz"),
    ],
)
def test_what_a_command_is_about_is_given_once(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        read_words(words, InspectKeys)
    assert "1 problem\n" in error.value.found


def test_a_name_that_is_like_a_key_is_read_where_there_is_such_a_file() -> None:
    Path("imgs").mkdir()
    assert read_words(["imgs"], InspectKeys) == {"data": "imgs"}


def test_the_long_list_of_keys_stands_last() -> None:
    with pytest.raises(ConfigError) as error:
        read_keys(["modl=x.pt"], EvaluateKeys)
    assert max(str(error.value).splitlines(), key=len).startswith("fix: ")
    assert error.value.fix.endswith(", trust=")


def test_a_word_without_a_value_is_named() -> None:
    with pytest.raises(ConfigError, match="latenci: not a key=value pair; did you mean latency"):
        read_words(["latenci", "nc"], CostKeys)
    with pytest.raises(ConfigError, match="nc: no value; write nc=value"):
        read_words(["latenci", "nc"], CostKeys)


def test_built_in_heads_and_their_keys_belong_together() -> None:
    assert set(registry.BUILT_IN) == set(key_registry.BUILT_IN)
    for name in registry.BUILT_IN:
        assert registry.head_class(name).Spec is key_registry.spec_class(name)


# -- no torch -------------------------------------------------------------------------------------------------------

COMMANDS = ("train", "convert", "strip", "cost", "inspect", "evaluate", "demo", "compare", "report")
LINES = [
    *([command, "--help"] for command in COMMANDS),
    ["--help"],
    ["--version"],
    ["help", "train"],
    ["train", "epoch=1"],
    ["train", "center.gian=1", "model=a.pt", "data=b.yaml"],
    ["train", "--dry-run", "select=mAP"],
    ["train", "resume=runs", "epoch=3"],
    ["convert", "dta=x.yaml"],
    ["strip", "x.pt", "outt=y"],
    ["cost", "yolov8n", "imgs=3"],
    ["inspect", "imgsz=64"],
    ["inspect", "a.yaml", "data=b.yaml"],
    ["train", "a.yaml"],
    ["evaluate", "modl=x"],
    ["demo", "epoch=3"],
    ["compare", "sedes", "data"],
    ["report", "nowhere", "picturs"],
    ["val", "best.pt"],
    ["signs.yaml"],
    ["train", "--data", "x.yaml"],
    ["strip", "--out", "x.pt"],
]
PROGRAM = """
import json, sys
from auxhead.cli import app
heavy = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["auxhead", *words]
    try:
        app.main()
    except SystemExit as end:
        assert end.code in (0, 2), (words, end.code)
    heavy += [(words, name) for name in ("torch", "ultralytics", "polars") if name in sys.modules]
    assert not heavy, heavy
"""


def test_help_and_errors_about_words_load_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(LINES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count("auxhead: ConfigError") == len(LINES) - len(COMMANDS) - 3


def test_the_help_of_heads_names_all_of_ours() -> None:
    told = TrainKeys.model_fields["heads"].description
    assert told is not None
    assert f": {', '.join(sorted(key_registry.BUILT_IN))};" in told
