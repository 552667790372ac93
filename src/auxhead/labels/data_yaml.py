"""Read a data.yaml without Ultralytics, resolving its paths as Ultralytics does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from auxhead.errors import DataError
from auxhead.labels.listing import Sources
from auxhead.labels.source import Source
from auxhead.mistyped import how_to_correct
from auxhead.places import datasets_dir
from auxhead.yaml_files import oversized

SPLITS = ("train", "val", "test", "minival")  # Source: Ultralytics, data/utils.py, check_det_dataset
EXPECTED = "a data.yaml with val and names"
FIX = (
    "correct the file; paths in it are relative to its own folder, or to its `path:` if it has one, which itself "
    "counts from the working folder, else from Ultralytics' folder of data sets; write / instead of \\"
)


def read_data_yaml(data: Path) -> Source:
    """Read the data.yaml of a detection data set.

    Args:
        data: The file itself: names of data sets (coco8) and archives are Ultralytics' alone to resolve.

    Returns:
        Its splits with absolute paths, which needn't exist, its names by id, its keypoints and channels.

    Raises:
        DataError: The file is missing, no YAML, or says nothing that makes a data set.

    Source:
        Ultralytics 8.4.190, data/utils.py, check_det_dataset and check_class_names.
    """
    content = {key: None if value == "None" else value for key, value in _load(data).items()}
    _check_types(content, data)
    if "validation" in content and "val" not in content:
        content["val"] = content["validation"]
    root = _root(content.get("path"), data)
    splits = {split: _resolve(content[split], split, root, data) for split in SPLITS if content.get(split)}
    return Source(
        data=data.resolve(),
        splits=splits,
        names=_names(content, data),
        kpt_shape=content.get("kpt_shape"),
        channels=int(content.get("channels") or 3),
    )


def require_utf8(data: Path) -> None:
    """Refuse a data.yaml that loses letters where it is read, as Ultralytics leaves out what isn't UTF-8: Fugnger.

    Args:
        data: The file; one that isn't there, or is no YAML, is for its reader to judge.

    Raises:
        DataError: It holds such letters elsewhere than in comments.
    """
    try:
        raw = data.read_bytes()
        text, marked = (raw.decode(errors=how) for how in ("ignore", "replace"))
        lost = marked != text and yaml.safe_load(marked) != yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return
    if lost:
        found = "letters in another encoding, which would be left out"
        raise DataError("a data.yaml in UTF-8", found, str(data), "save the file as UTF-8")


def _load(data: Path) -> dict[str, Any]:
    if too_large := oversized(data):
        raise DataError(EXPECTED, too_large, str(data), "correct the file")
    require_utf8(data)
    try:
        content = yaml.safe_load(data.read_text(encoding="utf-8", errors="ignore"))
    except (OSError, yaml.YAMLError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error).replace("\n", " ")
        fix = how_to_correct(str(data)) or "correct the path or the file"
        raise DataError(EXPECTED, found, str(data), fix) from error
    if not isinstance(content, dict):
        raise DataError(EXPECTED, f"{type(content).__name__} instead of key: value lines", str(data), FIX)
    return content


def _check_types(content: dict[str, Any], data: Path) -> None:
    """Refuse what Ultralytics refuses by its type, and what makes no shape of keypoints."""
    kinds = {"path": (str,), "channels": (int,), "kpt_shape": (list, tuple)}
    for key, types in kinds.items():
        value = content.get(key)
        wrong = value is not None and (not isinstance(value, types) or isinstance(value, bool))
        if key == "kpt_shape" and value is not None and not wrong:
            wrong = len(value) != 2 or not all(isinstance(number, int) for number in value)
        if wrong:
            expected = {"path": "a folder", "channels": "a whole number"}.get(key, "[keypoints, 2 or 3]")
            raise DataError(f"{key}: {expected}", f"{key}: {value!s:.80}", str(data), FIX)


def _names(content: dict[str, Any], data: Path) -> dict[int, str]:
    names, nc = content.get("names"), content.get("nc")
    try:
        whole = None if nc is None else float(nc)
    except (TypeError, ValueError):
        whole = 0.5
    if whole is not None and not whole.is_integer():
        raise DataError("nc: a whole number", f"nc: {nc!s:.80}", str(data), FIX)
    if names is None and whole:
        return {index: f"class_{index}" for index in range(int(whole))}
    if isinstance(names, list):
        names = dict(enumerate(names))
    expected = "names: a list, or a name for each class id"
    if not isinstance(names, dict):
        found = "neither names nor nc" if names is None else f"names: {names!s:.80}"
        raise DataError(expected, found, str(data), FIX)
    try:
        by_id = {int(index): str(name) for index, name in names.items()}
    except (TypeError, ValueError) as error:
        raise DataError(expected, f"names: {names!s:.80}", str(data), FIX) from error
    if sorted(by_id) != list(range(len(by_id))) or not by_id:
        raise DataError("names of the class ids 0 to n - 1", f"ids {sorted(by_id)}", str(data), FIX)
    if whole is not None and whole != len(by_id):
        raise DataError(f"nc: {len(by_id)}, as there are names", f"nc: {nc}", str(data), FIX)
    return dict(sorted(by_id.items()))


def _root(path: object, data: Path) -> Path:
    root = Path(str(path)) if path else data.absolute().parent
    return root if root.exists() or root.is_absolute() else (datasets_dir() / root).resolve()


def _resolve(value: object, split: str, root: Path, data: Path) -> Sources:
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) for entry in entries):
        raise DataError(f"{split}: a path, or a list of paths", f"{value!r:.80}", str(data), FIX)
    if isinstance(value, list):
        return [(root / str(entry)).resolve() for entry in entries]
    path = (root / str(value)).resolve()
    return (root / str(value)[3:]).resolve() if not path.exists() and str(value).startswith("../") else path
