"""Ultralytics without its output."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ultralytics.utils import LOGGER


@contextmanager
def quiet() -> Iterator[None]:
    """Let Ultralytics print errors only (its progress bars follow its logger), and restore its level afterwards."""
    level = LOGGER.level
    LOGGER.setLevel(logging.ERROR)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
