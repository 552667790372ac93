"""The commit of the code that runs, where it can be known."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LETTERS = 12  # of a commit: no two in a repository of any size begin alike. Source: own choice, as Linux' kernel
PATIENCE = 10  # seconds that git may take, as on a network drive; without an answer the commit is left out
ABOVE = 2  # folders above a package in which its checkout may be: src, and what is around src


def commit(package: str = "auxhead") -> str | None:
    """Return the commit of a package as it is imported here, with "-dirty" where a checkout has changes of its own.

    Args:
        package: Its name.

    Returns:
        12 letters; None where it came from an index or a file, which have a version alone, or git can't tell, or there
        is no such package.

    Source:
        direct_url.json of an installation, PEP 610.
    """
    found = find_spec(package)
    if not (found and found.origin):
        return None
    folder = Path(found.origin).resolve().parent
    origin = _origin(package, folder)
    if origin is None:
        return _of_checkout(folder)
    known = origin.get("vcs_info", {}).get("commit_id")
    return str(known)[:LETTERS] if known else None


def _origin(package: str, folder: Path) -> dict[str, Any] | None:
    """Return what an installation knows of where it came from; None if the package is imported from another folder.

    That is so for one that is installed to be edited, and for one that PYTHONPATH puts before it.
    """
    try:
        installation = distribution(package)
        if Path(str(installation.locate_file(package))).resolve() != folder:
            return None
        content: dict[str, Any] = json.loads(installation.read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return content


def _of_checkout(package: Path) -> str | None:
    """Ask git; far above a folder without a repository of its own, another one would answer."""
    folder = next((above for above in [*package.parents][:ABOVE] if (above / ".git").exists()), None)
    if not folder:
        return None
    words = ["git", "-C", str(folder), "describe", "--always", "--dirty", f"--abbrev={LETTERS}", "--exclude=*"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # another git may be at work there
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE, env=environment)  # noqa: S603 - words of our own
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
