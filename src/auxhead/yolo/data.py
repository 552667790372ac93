"""Read a data.yaml as Ultralytics does, with one error for what can't be used."""

from __future__ import annotations

from typing import Any

from ultralytics.data.utils import check_det_dataset

from auxhead.errors import DataError
from auxhead.yolo.compat import UNUSABLE


def read_data(data: str) -> dict[str, Any]:
    """Read a data.yaml, a name of Ultralytics' (coco8) or an archive, and resolve its paths.

    Returns:
        Its entries, with absolute paths of the splits, `names` by class id, `nc` and `channels`.

    Raises:
        DataError: The file or a path in it can't be used.
    """
    try:
        checked: dict[str, Any] = check_det_dataset(data)
    except UNUSABLE as error:
        raise DataError(
            expected="a data.yaml with train, val and names that point to existing folders or lists",
            found=str(error).strip() or type(error).__name__,
            where=data,
            fix="correct the file; paths in it are relative to its `path:`, or to its own folder",
        ) from error
    return checked
