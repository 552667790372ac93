"""Read a data.yaml without Ultralytics, resolving its paths as Ultralytics does."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from auxhead.errors import DataError
from auxhead.labels.listing import Sources
from auxhead.labels.source import Source
from auxhead.mistyped import how_to_correct
from auxhead.places import datasets_dir
from auxhead.yaml_files import UNPRINTABLE, oversized

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
    require_shapes(content, data)
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
        encoding = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8"
        text, right = raw.decode(errors="ignore"), raw.decode(encoding, errors="replace")
        wanted = yaml.safe_load(right)
    except (OSError, ValueError, yaml.YAMLError):
        return
    try:
        lost = right != text and wanted != _as_read(text)
    except yaml.YAMLError:
        lost = True
    if lost:
        found = "letters in another encoding, which would be left out"
        raise DataError("a data.yaml in UTF-8", found, str(data), "save the file as UTF-8")


def _as_read(text: str) -> Any:
    """Load a YAML as Ultralytics does: a second time without what isn't printable, as in UTF-16."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return yaml.safe_load(UNPRINTABLE.sub("", text))


def _load(data: Path) -> dict[str, Any]:
    if too_large := oversized(data):
        raise DataError(EXPECTED, too_large, str(data), "correct the file")
    require_utf8(data)
    try:
        content = _as_read(data.read_text(encoding="utf-8", errors="ignore"))
    except (OSError, yaml.YAMLError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error).replace("\n", " ")
        fix = how_to_correct(str(data)) or "correct the path or the file"
        raise DataError(EXPECTED, found, str(data), fix) from error
    if not isinstance(content, dict):
        raise DataError(EXPECTED, f"{type(content).__name__} instead of key: value lines", str(data), FIX)
    return content


def _check_types(content: dict[str, Any], data: Path) -> None:
    """Refuse a path that is no text, as Ultralytics does."""
    if not isinstance(path := content.get("path"), str | None):
        raise DataError("path: a folder", f"path: {path!s:.80}", str(data), FIX)


def require_shapes(content: Mapping[str, Any], data: str | Path) -> None:
    """Refuse what makes no shape of keypoints or pictures; Ultralytics lets some of it pass.

    Args:
        content: Of a data.yaml.
        data: The file, for the message.

    Raises:
        DataError: `kpt_shape` or `channels` is none.
    """
    shape, channels = content.get("kpt_shape"), content.get("channels")
    if shape is not None and not (isinstance(shape, list | tuple) and len(shape) == 2 and all(map(_is_whole, shape))):
        raise DataError("kpt_shape: [keypoints, 2 or 3]", f"kpt_shape: {shape!s:.80}", str(data), FIX)
    if channels is not None and not _is_whole(channels):
        raise DataError("channels: a whole number", f"channels: {channels!s:.80}", str(data), FIX)


def require_ids(ids: Iterable[int], data: str | Path) -> None:
    """Refuse class ids that aren't 0 to n - 1; Ultralytics lets negative ones pass.

    Raises:
        DataError: They aren't, or there is none.
    """
    found = sorted(ids)
    if found != list(range(len(found))) or not found:
        raise DataError("names of the class ids 0 to n - 1", f"ids {found}", str(data), FIX)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


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
    require_ids(by_id, data)
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
