"""The commit that an installed package was made from, where its installation knows one."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

LETTERS = 12  # of a commit: no two in a repository of any size begin alike. Source: own choice, as Linux' kernel
PATIENCE = 10  # seconds that git may take, as on a network drive; without an answer the commit is left out


def commit(package: str = "auxhead") -> str | None:
    """Return the commit that a package was installed from, with "-dirty" where a checkout has changes of its own.

    Args:
        package: Its name among the installed ones.

    Returns:
        12 letters; None where it came from an index or a file, which have a version alone, or git can't tell.

    Source:
        direct_url.json of an installation, PEP 610.
    """
    try:
        content = json.loads(distribution(package).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, OSError, ValueError):
        return None
    known = content.get("vcs_info", {}).get("commit_id")
    if known:
        return str(known)[:LETTERS]
    editable = content.get("dir_info", {}).get("editable")
    return _of_checkout(Path(url2pathname(urlparse(content["url"]).path))) if editable else None


def _of_checkout(folder: Path) -> str | None:
    """Ask git; of a folder without a repository of its own, one around it would answer."""
    if not (folder / ".git").exists():
        return None
    words = ["git", "-C", str(folder), "describe", "--always", "--dirty", f"--abbrev={LETTERS}", "--exclude=*"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}  # another git may be at work there
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE, env=environment)  # noqa: S603 - words of our own
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
