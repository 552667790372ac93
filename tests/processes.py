"""Processes that tests start and look after."""

from __future__ import annotations

import os
from pathlib import Path

from tests.patience import wait_for


def number_in(path: str) -> int:
    """Wait for a number that a process writes into a file, its process id for instance."""
    wait_for(lambda: Path(path).is_file() and Path(path).read_text().endswith("\n"))
    return int(Path(path).read_text())


def is_alive(process: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
