"""Run docs/notebook.ipynb and keep what it shows: `uv run python docs/notebook.py`, after a change of its cells."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("notebook.ipynb")
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def executed(notebook: Path, folder: Path) -> Any:
    """Run all cells in a folder.

    Args:
        notebook: The file, which is only read.
        folder: Where the kernel works.

    Returns:
        The notebook with what its cells show, without paths and times of this machine.

    Raises:
        CellExecutionError: A cell fails.
    """
    book = nbformat.read(notebook, as_version=4)
    NotebookClient(book, timeout=None, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in book.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            output.metadata = {}
            if "text" in output:
                output.text = _without(output.text, folder)
            for kind, data in output.get("data", {}).items():
                if kind.startswith("text/"):
                    output.data[kind] = _without(data, folder)
    book.metadata = KERNEL
    return book


def _without(text: str, folder: Path) -> str:
    """Write paths in a folder as if one stood in it, and objects without their place in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", text.replace(f"{folder}/", "").replace(str(folder), "."))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        nbformat.write(executed(NOTEBOOK, Path(scratch).resolve()), NOTEBOOK)
