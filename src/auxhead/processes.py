"""Processes of this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def is_running(process: int) -> bool:
    """Tell whether a process of this machine runs; one that has died and that nobody has asked after does not.

    Args:
        process: Its number, from 1.

    Returns:
        True where it can't be known, as on Windows: there, the question would end the process.
    """
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # somebody else's
    with suppress(OSError):  # /proc is Linux's
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[:1] != [b"Z"]
    return True
