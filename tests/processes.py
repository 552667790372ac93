"""Processes that tests start and look after."""

from __future__ import annotations

import os
from pathlib import Path

from tests.patience import LASTING, wait_for

STUCK = f"""
import time
import auxhead.files

write = auxhead.files.write_atomic

def write_once(path, content):
    if path.name == "last.state.pt" and path.exists():
        time.sleep({LASTING})
    write(path, content)

auxhead.files.write_atomic = write_once
"""


def stuck_trainings(folder: Path) -> dict[str, str]:
    """Return an environment in which a training of several epochs waits in its second one, to be stopped there.

    It can't end by itself, however late the signal comes: Python runs a `sitecustomize` before anything else.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STUCK)
    known = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *known])}


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
