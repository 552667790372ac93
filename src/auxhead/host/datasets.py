"""Data sets as Ultralytics reads them, with one error for what can't be used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from ultralytics.cfg import get_cfg
from ultralytics.data import YOLODataset, build_yolo_dataset, dataset
from ultralytics.data.utils import check_det_dataset, convert_ndjson_to_yolo_if_needed, find_dataset_yaml
from ultralytics.utils import LOGGER, ROOT, YAML, clean_url
from ultralytics.utils.checks import check_file

from auxhead.errors import DataError
from auxhead.foreign.recognize import how_to_convert
from auxhead.heads.base import ObjectSizes
from auxhead.host.calls import first_line, quiet, told_as
from auxhead.labels.data_yaml import FIX, SPLITS, require_ids, require_shapes, require_utf8
from auxhead.labels.label_cache import read_label_cache
from auxhead.labels.listing import Sources, entries, iter_images
from auxhead.labels.source import Source
from auxhead.metrics.truth import image_size
from auxhead.mistyped import how_to_correct
from auxhead.yaml_files import oversized

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".txz", ".tbz2")
"""Ends of addresses that Ultralytics downloads and unpacks. Source: Ultralytics 8.4.190, data/utils.py,
check_det_dataset, which runs any other `download:` of a data.yaml as Python or in a shell."""

CERTIFICATE_IMAGES = 8
"""Validation images that the certificate compares outputs on. Source: own choice, a second on a CPU."""


def load_cache(path: Path) -> dict[str, Any]:
    """Load a cache of labels for Ultralytics; one that holds more than data is scanned anew, and that is said.

    Raises:
        FileNotFoundError: There is none that can be used: Ultralytics then reads the labels, and writes another.
    """
    try:
        return read_label_cache(Path(path))
    except ValueError as error:
        LOGGER.warning(f"{path}: not used, and written anew, as it is no cache of labels ({error})")
        raise FileNotFoundError(path) from error


dataset.load_dataset_cache_file = load_cache  # Ultralytics' own runs whatever code the file names


def read_data(data: str, split: str = "") -> dict[str, Any]:
    """Read a data.yaml, or whatever else Ultralytics takes as `data`, and resolve its paths.

    Args:
        data: A data.yaml, a name of Ultralytics' (coco8), a folder with a data.yaml, an archive or .ndjson file, or the
            address of one; Ultralytics unpacks, converts or downloads it first, into its own folder of data sets. The
            `download` of a data.yaml is followed only where it is the address of an archive, or Ultralytics' own.
        split: A split that it must have beside train and val.

    Returns:
        Its entries, with absolute paths of the splits, `names` by class id, `nc` and `channels`.

    Raises:
        DataError: The file or a path in it can't be used.
    """

    def refuse(error: BaseException) -> DataError:
        meant = how_to_convert(data) or (Path(data).suffix in {".yaml", ".yml"} and how_to_correct(data)) or fix
        if isinstance(error, ConnectionError):
            meant = "see that there is a network, or name a data.yaml whose images are here"
        return DataError(
            expected="a data.yaml with train, val and names that point to existing folders or lists",
            found=str(error).strip() or type(error).__name__,
            where=data,
            fix=meant,
        )

    fix = FIX
    with told_as(refuse):
        here = str(convert_ndjson_to_yolo_if_needed(data)).strip()
        if "://" in here:
            here = str(check_file(here))  # which downloads it
    if file := _yaml_of(here):
        if too_large := oversized(file):
            raise refuse(ValueError(too_large))
        require_utf8(file)
    with told_as(refuse):
        code = file is not None and _carries_code(file)
        if code:
            fix = "correct the paths, or fetch the images yourself: its `download:` is code, which is not run here"
        checked: dict[str, Any] = check_det_dataset(here, autodownload=not code, split=split)
    found = Path(checked["yaml_file"])
    if not file:
        require_utf8(found)  # of an archive
    require_shapes(checked, found)
    require_ids(checked["names"], found)
    return checked


def _carries_code(file: Path) -> bool:
    """Tell whether a data.yaml, other than one of Ultralytics' own, would run code to get images that aren't here."""
    if file.resolve().is_relative_to(ROOT):
        return False
    content = YAML.load(file)
    given = str(content.get("download") or "") if isinstance(content, dict) else ""
    return bool(given) and not (given.startswith(("http://", "https://")) and clean_url(given).endswith(ARCHIVES))


def _yaml_of(data: str) -> Path | None:
    """Name the YAML that Ultralytics will read; None of an archive, of what lies elsewhere, and where there is none."""
    if (place := Path(data)).is_dir():
        with suppress(AssertionError):
            return Path(find_dataset_yaml(place))
        return None
    named = (place, place.with_name(f"{place.name}.yaml"), place.with_name(f"{place.name}.yml"))
    return next((one for one in named if one.suffix in {".yaml", ".yml"} and one.is_file()), None)


def read_split(checked: Mapping[str, Any], split: str, arguments: Mapping[str, Any]) -> YOLODataset:
    """Scan the images and labels of a split, into Ultralytics' cache or from it.

    Args:
        checked: What `read_data` gave.
        split: train, val or test; the data has it.
        arguments: Arguments of Ultralytics' that say what is read, and at which size: `task`, `imgsz`, `single_cls`.

    Raises:
        DataError: There are no images, or none that can be read.
    """

    def refuse(error: BaseException) -> DataError:
        return DataError(
            expected=f"images and labels of the {split} split that Ultralytics can read",
            found=first_line(error),
            where=str(checked["yaml_file"]),
            fix="correct the labels or the file",
        )

    hyp, images = get_cfg(overrides=dict(arguments)), checked[split]
    with told_as(refuse):
        return build_yolo_dataset(hyp, images, 1, checked, mode="val")


def validation_images(data: str, arguments: Mapping[str, Any], nc: int) -> Tensor:
    """Load the first validation pictures as the network sees them.

    Args:
        data: The data set's yaml.
        arguments: Training arguments, of which the image size matters.
        nc: Classes that the detector knows.

    Returns:
        Pictures, shape (B, 3, H, W), 0 to 1, letterboxed to the training size.

    Raises:
        DataError: The data set can't be used.
    """
    checked = read_data(data)
    require_classes(checked, nc, data, single_cls=bool(arguments.get("single_cls")))
    dataset = read_split(checked, "val", {k: v for k, v in arguments.items() if k in {"imgsz", "task", "single_cls"}})
    return torch.stack([dataset[i]["img"] for i in range(min(CERTIFICATE_IMAGES, len(dataset)))]).float() / 255


def require_classes(checked: Mapping[str, Any], nc: int, data: str, *, single_cls: bool) -> None:
    """Check that a data set has a model's number of classes.

    Args:
        checked: The data.yaml as Ultralytics reads it.
        nc: Classes of the model.
        data: The data.yaml, for the message.
        single_cls: Whether the model was trained to see all classes as one.

    Raises:
        DataError: The numbers differ.
    """
    classes = 1 if single_cls else checked["nc"]
    if classes != nc:
        raise DataError(f"{nc} classes, as the model has", f"{classes}", data, "name the data it was trained on")


def cache_labels(data: str, task: str) -> None:
    """Let Ultralytics scan the labels of every split into its caches, so that parallel runs only read them.

    Args:
        data: The data.yaml.
        task: detect, pose or segment.

    Raises:
        DataError: The data can't be used.
    """
    checked = read_data(data)
    with quiet():
        for split in ("train", "val", "test"):
            if checked.get(split):
                read_split(checked, split, {"task": task})


def read_source(data: str) -> Source:
    """Resolve a data set's splits, as Ultralytics does; a test split that is there and holds no image counts as none.

    Raises:
        DataError: It can't be used.
    """
    checked = read_data(data)
    return Source(
        data=Path(checked["yaml_file"]).resolve(),
        splits={name: checked[name] for name in SPLITS if checked.get(name) and not _is_empty(name, checked[name])},
        names=checked["names"],
        kpt_shape=checked.get("kpt_shape"),
        channels=checked["channels"],
    )


def _is_empty(split: str, sources: Sources) -> bool:
    """Tell whether a split that nobody needs is an empty folder, as some exports have."""
    there = split == "test" and all(entry.exists() for entry in entries(sources))
    return there and not any(group.names for group in iter_images(sources))


def object_sizes(labels: Iterable[Mapping[str, Any]], imgsz: int) -> ObjectSizes | None:
    """Measure the training boxes at the size the network sees them, without augmentation; None without boxes.

    Args:
        labels: Of a dataset of Ultralytics'; where it has taken the images' shapes away (rect), their headers are read.
        imgsz: The longer side at the network input, pixels.
    """
    areas = []
    for label in labels:
        if len(boxes := label["bboxes"]):
            shape = label.get("shape") or image_size(Path(label["im_file"]))
            areas.append(boxes[:, 2] * boxes[:, 3] * math.prod(shape) * (imgsz / max(shape)) ** 2)
    if not areas:
        return None
    area = np.concatenate(areas)
    return ObjectSizes(mean=float(np.sqrt(area).mean()), rms=float(np.sqrt(area.mean())))
