"""Ultralytics' settings."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ultralytics.utils import SETTINGS

from auxhead.files import write_atomic


def copy_settings(folder: Path) -> dict[str, str]:
    """Give a run Ultralytics' settings in a folder of its own, as runs side by side would write into one file.

    Args:
        folder: Where they go.

    Returns:
        The environment variables that make Ultralytics use them.

    Raises:
        OutputError: They can't be written.
    """
    write_atomic(folder / "Ultralytics" / "settings.json", json.dumps(dict(SETTINGS), indent=2).encode())
    return {
        "YOLO_CONFIG_DIR": str(folder.resolve()),
        "YOLO_AUTOINSTALL": os.environ.get("YOLO_AUTOINSTALL", "false"),  # no run may change what the others run with
    }
