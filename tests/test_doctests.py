"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = [
    "findings.fairness",
    "findings.measures",
    "findings.statistics",
    "findings.verdict",
    "formats",
    "heads.center",
    "keys.reading",
    "metrics.bands",
    "metrics.closeness",
    "metrics.intervals",
    "metrics.matching",
    "metrics.results_file",
    "metrics.truth",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(import_module(f"auxhead.{name}"))
    assert found.attempted > 0, "no example in it"
    assert found.failed == 0, "see the output"
