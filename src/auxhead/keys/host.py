"""The keys of `yolo detect train`, read from Ultralytics' own file without importing it (which loads torch)."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from auxhead.errors import HostVersionError

DEFAULTS = Path("cfg") / "default.yaml"

FLAGS = {"end2end", "half", "int8", "nms"}
"""Keys without a boolean default that may stand alone. Source: `ultralytics.cfg.entrypoint`."""

EXTRA_KEYS = {"augmentations", "save_dir"}
"""Keys that Ultralytics accepts beside its defaults. Source: `ultralytics.cfg.check_dict_alignment`."""

OLD_KEYS = {
    *("boxes", "hide_labels", "hide_conf", "line_thickness"),
    *("label_smoothing", "save_hybrid", "crop_fraction", "keras", "end2end", "half", "int8"),
}
"""Keys of earlier releases that Ultralytics translates or drops. Source: `ultralytics.cfg._handle_deprecation`."""

VERBATIM = {"name", "project"}
"""Keys whose values stay text. Source: `ultralytics.cfg.parse_key_value_pair`."""


@cache
def host_defaults() -> dict[str, Any]:
    """Return the keys of Ultralytics with their defaults.

    Raises:
        HostVersionError: Ultralytics is not installed, or keeps its keys somewhere else.
    """
    spec = find_spec("ultralytics")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / DEFAULTS
        if path.is_file():
            defaults: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            return defaults
    raise HostVersionError(
        expected=f"Ultralytics, with its keys in {DEFAULTS}",
        found="no such file" if spec else "no Ultralytics",
        where="this Python environment",
        fix="pip install ultralytics, or a newer auxhead",
    )


def host_flags() -> set[str]:
    """Return the keys of Ultralytics that mean true when they stand alone."""
    return FLAGS | {key for key, value in host_defaults().items() if isinstance(value, bool)}


def is_host_key(key: str) -> bool:
    """Tell whether Ultralytics takes a key."""
    return key in host_defaults() or key in EXTRA_KEYS or key in OLD_KEYS
