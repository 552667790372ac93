"""What the report on the machine says about the installed Ultralytics."""

from __future__ import annotations

import pytest

from auxhead.host import compat, environment
from auxhead.host.compat import TESTED


@pytest.mark.parametrize(
    ("release", "words"),
    [
        (TESTED[0], ""),
        (TESTED[1], ""),
        ("8.4.9", "OLDER"),
        ("8.3.253", "OLDER"),
        ("8.4.180rc1", "OLDER"),  # before the release
        ("8.4.190.post1", "newer"),
        ("8.10.0", "newer"),
        ("9.0.0.dev0+local", "newer"),
        ("8.4", "OLDER"),
        ("from-a-branch", "no number"),
    ],
)
def test_any_release_is_compared(release: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "version", lambda _: release)
    told = environment.environment()["ultralytics"]
    assert told.startswith(f"{release} (tested with {TESTED[0]} to {TESTED[1]}")
    assert (words in told) if words else told.endswith(f"{TESTED[1]})")
