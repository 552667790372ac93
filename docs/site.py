"""Build the documentation site into the folder site/: `uv run --group docs python docs/site.py`.

Its pages are the markdown files of this repository, with the links that a code host follows. The generator reads one
folder and doesn't follow links to others, so the files are copied into build/pages first, each at its place. A broken
link between pages ends the build.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from zensical.main import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "build" / "pages"
COPIED = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "docs", "benchmarks"]

if __name__ == "__main__":
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir(parents=True)
    for name in COPIED:
        source, target = ROOT / name, PAGES / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    try:
        cli(["build", "--clean", "--strict", "--config-file", str(ROOT / "zensical.toml")])
    except RuntimeError as error:  # what is wrong has been printed
        sys.exit(str(error))
