"""Do before many runs what each of them would do."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ultralytics.cfg import get_cfg
from ultralytics.data import build_yolo_dataset
from ultralytics.utils import SETTINGS

from auxhead.errors import DataError
from auxhead.files import write_atomic
from auxhead.yolo.compat import UNUSABLE
from auxhead.yolo.data import read_data
from auxhead.yolo.quiet import quiet


def cache_labels(data: str, task: str) -> None:
    """Let Ultralytics scan the labels of every split into its caches, so that parallel runs only read them.

    Args:
        data: The data.yaml.
        task: detect, pose or segment.

    Raises:
        DataError: The data can't be used.
    """
    checked = read_data(data)
    try:
        with quiet():
            for split in ("train", "val", "test"):
                if checked.get(split):
                    build_yolo_dataset(get_cfg(overrides={"task": task}), checked[split], 1, checked, mode="val")
    except UNUSABLE as error:
        raise DataError(
            "labels that Ultralytics can read", str(error), data, "correct the labels or the file"
        ) from error


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
