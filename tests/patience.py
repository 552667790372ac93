"""How long a test waits: as long as it takes, as no test measures time; only what hangs for good is given up."""

from __future__ import annotations

import time
from collections.abc import Callable

HANG = 600.0
"""Seconds after which something hangs, on the busiest machine; a limit for `timeout=` and for nothing else."""

LASTING = 3600
"""Seconds of a process that a test is to stop: longer than any test waits, so that it can't end by itself."""


def wait_for(condition: Callable[[], object], pause: float = 0.02) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)
