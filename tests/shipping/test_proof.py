"""Certificates are the same after they were written and read, and files keep the keys that they always had."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, get_type_hints

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from auxhead.host.validation import Row
from auxhead.shipping.certificate import Certificate
from auxhead.shipping.counts import Counts, Versions
from auxhead.shipping.onnx_check import ExportFacts
from auxhead.shipping.proof import GROUPS, Proof
from auxhead.shipping.strip_certificate import StripCertificate
from auxhead.training.result import TrainResult, read_result, write_result

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = {int: st.integers(), float: NUMBERS, str: st.text(), bool: st.booleans()}


def plain(kind: type, **others: st.SearchStrategy) -> st.SearchStrategy:
    """Any object of a data class, numbers and texts as they come."""
    return st.builds(
        kind, **{name: PLAIN[hint] for name, hint in get_type_hints(kind).items() if hint in PLAIN}, **others
    )


OPERATORS = st.dictionaries(st.text(), st.integers())
EXPORT = plain(ExportFacts, operators=OPERATORS, stock_operators=OPERATORS)


def proofs(kind: type[Proof]) -> st.SearchStrategy[Proof]:
    """Any certificate of a kind."""
    groups = {name: plain(GROUPS[name][1]) for name in GROUPS if name in kind.__dataclass_fields__}
    rows = {"validation": st.lists(plain(Row), max_size=2).map(tuple)} if kind is StripCertificate else {}
    return plain(kind, **groups, **rows, export=st.none() | EXPORT)


PROOFS = proofs(Certificate) | proofs(StripCertificate)

COUNTS = ("parameters", "gflops", "layers")
VERSIONS = ("auxhead", "ultralytics", "torch")
COMMON = {"weights", "sha256", "tensors_moved", "tensors_left_out", "left_out_parameters", "float32_difference"}
COMMON |= {*COUNTS, *(f"stock_{name}" for name in COUNTS), "imgsz", *VERSIONS, "export"}
KEYS = {
    Certificate: COMMON
    | {"epoch", "select", "images", "real_images"}
    | {"saved_precision", "saved_box_difference", "saved_score_difference"},
    StripCertificate: COMMON
    | {"source", "source_sha256", "task", "random_images", "real_images", "precision", "validation"}
    | {f"source_{name}" for name in COUNTS},
}
"""The keys of the files that version 0.1 wrote: runs made with it are read for ever."""
ADDED: dict[type[Proof], set[str]] = {StripCertificate: {"as_built"}}
"""Keys that came later; files without them are read, too."""


@settings(max_examples=30)
@given(PROOFS)
def test_what_is_written_is_read_back(proof: Proof) -> None:
    assert type(proof).from_dict(proof.to_dict()) == proof
    assert type(proof).from_dict(json.loads(proof.to_json())) == proof


@settings(max_examples=30)
@given(PROOFS)
def test_files_keep_their_keys(proof: Proof) -> None:
    written = json.loads(proof.to_json())
    assert set(written) == KEYS[type(proof)] | ADDED.get(type(proof), set())
    assert [written[name] for name in COUNTS] == [proof.parameters, proof.gflops, proof.counts.layers]
    assert [written[f"stock_{name}"] for name in COUNTS] == list(asdict(proof.stock_counts).values())
    assert [written[name] for name in VERSIONS] == list(asdict(proof.versions).values())


@pytest.mark.parametrize("kind", KEYS)
def test_a_file_with_other_keys_is_refused(kind: type[Proof]) -> None:
    written = dict.fromkeys(KEYS[kind] - {"export", "validation"}, 1)
    assert kind.from_dict(written).export is None
    with pytest.raises(TypeError, match="surprise"):
        kind.from_dict({**written, "surprise": 1})
    with pytest.raises(KeyError, match="gflops"):
        kind.from_dict({name: value for name, value in written.items() if name != "gflops"})


@settings(max_examples=30)
@given(PROOFS)
def test_results_are_read_back(tmp_path_factory: pytest.TempPathFactory, proof: Any) -> None:
    run = tmp_path_factory.mktemp("run")
    write_result(run, {"metrics/mAP50(B)": 0.5, "grad/box": 2.0}, ("a warning",), proof)
    found = read_result(run)
    last = run / "weights" / "last.pt"
    assert found == TrainResult(
        run, run / "weights" / proof.weights, last, {"metrics/mAP50(B)": 0.5}, {"grad/box": 2.0}, ("a warning",), proof
    )
    told = found.to_dict()
    assert json.loads(json.dumps(told))["certificate"] == json.loads(proof.to_json())
    assert told["last"] == str(last)


def test_counts_and_versions() -> None:
    counts = Counts.of(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()), 64)
    assert (counts.parameters, counts.layers) == (9, 2)
    assert str(Counts(3_157_200, 8.857, 129)) == "3,157,200, 8.86, 129"
    assert Versions.installed().torch == str(torch.__version__)
