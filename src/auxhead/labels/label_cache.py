"""Read the caches of labels that Ultralytics writes, without running code that stands in one."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MODULES = [f"numpy.{core}.{module}" for core in ("core", "_core") for module in ("multiarray", "numeric")]
KNOWN = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # bytes, in old pickles
    *((module, name) for module in MODULES for name in ("_reconstruct", "scalar", "_frombuffer")),
}
"""What rebuilds numbers and arrays; text, lists and dictionaries need nothing. Source: numpy, arrays' `__reduce__`."""
VERSION = (1, 0)  # of numpy's files: what a single dictionary needs. Source: NEP 1


class _Unpickler(pickle.Unpickler):
    """Rebuilds plain data and arrays only."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            message = f"it names {module}.{name}"
            raise pickle.UnpicklingError(message)
        return super().find_class(module, name)


def read_label_cache(path: Path) -> dict[str, Any]:
    """Read a `labels.cache` as Ultralytics' load_dataset_cache_file does, where it holds data alone.

    Args:
        path: The file, as `numpy.save` writes a dictionary.

    Returns:
        What it holds.

    Raises:
        FileNotFoundError: It isn't there.
        ValueError: It is no such file, or names anything but numbers, text, lists, dictionaries and arrays.

    Source:
        Ultralytics 8.4.190, data/utils.py; NEP 1, "A Simple File Format for NumPy Arrays".
    """
    with path.open("rb") as file:
        gc.disable()  # as Ultralytics does: collecting would take most of the time
        try:
            return _unpickled(file)
        except Exception as error:  # a broken pickle can raise anything
            message = f"{type(error).__name__}: {error}"
            raise ValueError(message) from error
        finally:
            gc.enable()


def _unpickled(file: BinaryIO) -> dict[str, Any]:
    if np.lib.format.read_magic(file) == VERSION:
        np.lib.format.read_array_header_1_0(file)
        found = _Unpickler(file).load()
        content = found.item() if isinstance(found, np.ndarray) and found.ndim == 0 else None
        if isinstance(content, dict):
            return content
    message = "it holds no dictionary"
    raise pickle.UnpicklingError(message)
