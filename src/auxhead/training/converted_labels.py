"""Boxes to keypoint or polygon labels: the data set that Ultralytics' own pose or segment training takes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultralytics.utils import SETTINGS

from auxhead.errors import OutputError
from auxhead.files import path_given
from auxhead.foreign.beside import as_yolo
from auxhead.foreign.to_yolo import to_yolo
from auxhead.host.datasets import read_source
from auxhead.keys.convert import ConvertKeys, OnError, PoseKeys, SegmentKeys
from auxhead.keys.reading import validated
from auxhead.keys.train import ROUTE_KEYS
from auxhead.labels.conversion.convert import convert as convert_labels
from auxhead.labels.conversion.result import Conversion
from auxhead.labels.conversion.splits import NEEDED
from auxhead.labels.source import require_splits
from auxhead.progress import Steps

if TYPE_CHECKING:
    from typing import Unpack

    from auxhead.keys.words.typed import ConvertWords


def convert(
    data: str | Path | None = None, *, progress: Steps | None = None, **keys: Unpack[ConvertWords]
) -> Conversion:
    """Write a data set anew: YOLO boxes as keypoints (to="pose") or polygons ("segment"), or other formats as YOLO's.

    Args:
        data: The data.yaml; for to="yolo" a folder of COCO, Pascal VOC, VisDrone, TT100K, CVAT or LabelMe,
            or COCO jsons with commas between them.
        progress: Called as progress(done, total), in images.
        **keys: `out`, `to`, for yolo `pictures` and `min_boxes`, for pose `keypoints`, `visibility`, `flips`,
            `kpt_oks_sigmas`, for segment `shape`; for all `images` ("link" or "copy") and `on_error` ("fail" or
            "skip").

    Returns:
        Where the new data.yaml is, what was counted, and whether anything had to be written.

    Raises:
        ConfigError: Keys or values are wrong, all of them at once.
        DataError: The data set can't be used; bad rows are listed with file and line.
        OutputError: `out` is no place for it.
    """
    given: dict[str, Any] = {**keys}
    if data is not None:
        given["data"] = path_given(data, 'auxhead.convert("data.yaml", out=..., to=...)')
    own = validated(ConvertKeys, given)
    if own.to == "yolo":
        rest = own.model_dump(include={"pictures", "min_boxes", "images", "on_error"})
        return to_yolo(own.data, Path(own.out), **rest, progress=progress)
    target = ROUTE_KEYS[own.to].model_validate(own.model_dump(include=set(ROUTE_KEYS[own.to].model_fields)))
    source = read_source(as_yolo(own.data, on_error=own.on_error, progress=progress))
    require_splits(source.splits, NEEDED, source.data)
    return convert_labels(source, Path(own.out), target, images=own.images, on_error=own.on_error, progress=progress)


def convert_cached(
    data: str, labels: PoseKeys | SegmentKeys, on_error: OnError, progress: Steps | None = None
) -> Conversion:
    """Convert into a folder of its own among Ultralytics' data sets, or find it there up to date.

    Args:
        data: The detection data set's yaml.
        labels: What a box becomes.
        on_error: What bad labels do.
        progress: As in `convert`.

    Raises:
        DataError: The data set can't be used.
        OutputError: The folder can't be written to.
    """
    source = read_source(data)
    kind = next(name for name, model in ROUTE_KEYS.items() if type(labels) is model)
    asked = json.dumps([str(source.data), kind, labels.model_dump()])
    digest = hashlib.sha256(asked.encode()).hexdigest()[:8]
    name = f"{source.data.parent.name}-{source.data.stem}-{kind}-{digest}"
    out = Path(SETTINGS["datasets_dir"]) / "auxhead" / name
    try:
        return convert_labels(source, out, labels, on_error=on_error, progress=progress)
    except OutputError as error:
        fix = "free some disk space, or choose another place for data sets: yolo settings datasets_dir=FOLDER"
        raise OutputError(error.expected, error.found, error.where, fix) from error
