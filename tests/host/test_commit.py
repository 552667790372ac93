"""The commit of an installation: of a repository, of a checkout, and none where there is none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from auxhead.host.commit import commit
from auxhead.host.environment import environment

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a package `planted` as some direct_url.json says."""
    folder = tmp_path / "site-packages"
    package(folder)
    monkeypatch.syspath_prepend(str(folder))
    place = folder / "planted-1.0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    return lambda content: (place / "direct_url.json").write_text(json.dumps(content))


def package(folder: Path) -> None:
    (folder / "planted").mkdir(parents=True)
    (folder / "planted" / "__init__.py").touch()


def git(folder: Path, *words: str) -> str:
    own = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *own, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def checkout(folder: Path) -> str:
    """Make a repository with one commit."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("1")
    git(folder, "add", "file")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "tag", "-a", "v1", "-m", "tagged")
    return git(folder, "rev-parse", "HEAD")


def test_an_index_knows_none(site: Any) -> None:
    assert commit("planted") is None
    site({"url": "https://example.org/planted-1.0.whl", "archive_info": {}})
    assert commit("planted") is None
    assert commit("no-such-package") is None


def test_an_installation_from_a_repository_names_it(site: Any) -> None:
    site({"url": "https://example.org/planted.git", "vcs_info": {"vcs": "git", "commit_id": SHA}})
    assert commit("planted") == SHA[:12]


def test_a_checkout_is_asked(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a checkout"
    head = checkout(folder)
    site({"url": folder.as_uri(), "dir_info": {}})  # copied once: the checkout may have moved on since
    assert commit("planted") is None
    package(folder / "src")
    monkeypatch.syspath_prepend(str(folder / "src"))  # what an installation to be edited does, and PYTHONPATH
    git(folder, "add", "src")
    assert commit("planted") == f"{head[:12]}-dirty"
    git(folder, "commit", "-q", "-m", "second")
    assert commit("planted") == git(folder, "rev-parse", "HEAD")[:12]
    site({"url": "https://example.org/planted.git", "vcs_info": {"vcs": "git", "commit_id": SHA}})
    assert commit("planted") != SHA[:12]


def test_a_repository_far_around_the_package_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(tmp_path / "around")
    package(tmp_path / "around" / "inner" / "src")
    monkeypatch.syspath_prepend(str(tmp_path / "around" / "inner" / "src"))
    assert commit("planted") is None


@pytest.mark.parametrize("found", [None, SHA[:12]])
def test_it_stands_beside_the_version(found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auxhead.host.environment.commit", lambda: found)
    assert environment().get("commit") == found
