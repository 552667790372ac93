"""Where results go: one rule for all commands; and the folders that Ultralytics' settings name, read without it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path

RULE = (
    "Results go to runs/COMMAND/NAME, below Ultralytics' runs_dir, or where out= says (train: project=, name=); others "
    "of that name go to NAME-2. What belongs to a file or folder that was given lies beside it."
)
"""What `auxhead help` says of it; docs/files.md says it at length."""


def results_folder(command: str, name: str, goes_on: Callable[[Path], bool]) -> Path:
    """Return the folder of a command's results where `out` names none: runs/COMMAND/NAME, or NAME-2, NAME-3, ...

    Args:
        command: The command.
        name: What its results are about.
        goes_on: Tells whether a folder that is there is to be gone on with, instead of counting on.

    Source:
        Ultralytics, cfg/__init__.py, get_save_dir (runs_dir), and utils/files.py, increment_path (the numbers).
    """
    first = runs_dir() / command / name
    numbered = (first.with_name(f"{name}-{number}") for number in count(2))
    return next(folder for folder in chain([first], numbered) if not folder.exists() or goes_on(folder))


def runs_dir() -> Path:
    """Return the folder of all runs, as Ultralytics has it: relative to the working folder, if it is relative."""
    return _setting("runs_dir") or _clone() / "runs"


def datasets_dir() -> Path:
    """Return the folder that a relative `path:` of a data.yaml counts from."""
    return _setting("datasets_dir") or Path("datasets")  # Ultralytics' own place for it before it has settings


def _setting(name: str) -> Path | None:
    """Read a folder from Ultralytics' settings; None before it has any, or where they can't be read."""
    home = Path.home()
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    if sys.platform == "win32":
        folder = home / "AppData" / "Roaming"
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    folder = Path(os.environ.get("YOLO_CONFIG_DIR") or folder).expanduser()
    try:
        return Path(json.loads((folder / "Ultralytics" / "settings.json").read_text(encoding="utf-8"))[name])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _clone() -> Path:
    """Return the root of the clone that Ultralytics is installed in, or the working folder.

    Source:
        Ultralytics, utils/__init__.py, SettingsManager (what it writes into its first settings), and utils/git.py.
    """
    spec = find_spec("ultralytics")
    above = Path(spec.origin).resolve().parents if spec and spec.origin else ()
    return next((folder for folder in above if (folder / ".git").exists()), Path())
