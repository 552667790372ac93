"""Ultralytics' data set, which shows classes and pixels as asked for."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from random import random
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from ultralytics.data import YOLODataset
from ultralytics.utils import LOGGER

from auxhead.augmentation.crops import Crops, Window, cut_labels, draw_window, in_pixels
from auxhead.augmentation.flips import Flips, with_classes
from auxhead.augmentation.regions import cut_regions, read_regions, with_codes, with_regions

Pixels = npt.NDArray[np.uint8]

HELD = 512 * 2**20
"""Bytes of native pictures that a loading process holds at most, for mosaics to be made of. Source: own choice."""
FEWEST = 16
"""Pictures that it holds all the same. Source: own choice, a batch."""


@dataclass(frozen=True)
class Views:
    """How training pictures are shown.

    Attributes:
        flips: What a mirror does to classes; None: nothing.
        crops: Which views are cut; None: none.
        regions: Whether ignored regions beside the labels go along.
    """

    flips: Flips | None = None
    crops: Crops | None = None
    regions: bool = False


class ViewDataset(YOLODataset):
    """Training pictures of which some are cut from native pixels, and whose classes are mirrored with them.

    Without flips and crops it is Ultralytics' data set, random numbers included. While views are cut, what is held in
    memory (all pictures with `cache="ram"`, else those that mosaics are made of) are pictures as they are on disk.
    """

    max_buffer_length: int

    def __init__(self, *args: Any, views: Views, **kwargs: Any) -> None:
        """Take what Ultralytics' data set takes, and the views."""
        self.views = views
        self.whole = False
        self.regions: dict[str, Any] = {}
        self.outlined = False
        super().__init__(*args, **kwargs)
        if views.regions:
            self.regions = read_regions(self.im_files, len(self.data["names"]), single_cls=self.single_cls)
            self.outlined = any(len(label["segments"]) for label in self.labels)
            count = sum(map(len, self.regions.values()))
            LOGGER.info(
                f"{self.prefix}{count} ignored regions in {len(self.regions)} pictures: no background is learned there"
            )
        if views.crops is not None:
            mean = sum(height * width for height, width in map(self._shape, range(self.ni))) * self.channels / self.ni
            self.max_buffer_length = min(self.max_buffer_length, max(FEWEST, int(HELD / mean)))

    @property
    def _cuts_native(self) -> bool:
        return self.views.crops is not None and not self.views.crops.shrunk

    # -- classes --------------------------------------------------------------------------------------------------

    def build_transforms(self, hyp: Any) -> Any:
        """Build Ultralytics' transforms, and tell the mirrors among them what the classes are."""
        transforms = super().build_transforms(hyp)
        if self.views.flips is not None:
            with_classes(transforms, with_codes(self.views.flips) if self.views.regions else self.views.flips)
        return transforms

    def update_labels_info(self, label: dict[str, Any]) -> dict[str, Any]:
        """Let ignored regions go the way of the objects."""
        rows = label.pop("regions", self.regions.get(label["im_file"], ()))
        finished: dict[str, Any] = super().update_labels_info(with_regions(label, rows, outlines=self.outlined))
        return finished

    # -- pixels ---------------------------------------------------------------------------------------------------

    def close_mosaic(self, hyp: Any) -> None:
        """Show whole pictures from now on, as inference will."""
        self.whole = True
        super().close_mosaic(hyp)

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """Return a picture or a cut of it, and the labels in it."""
        crops = self.views.crops
        if crops is None or self.whole or random() >= crops.share or max(self._shape(index)) < crops.least:  # noqa: S311
            whole: dict[str, Any] = super().get_image_and_label(index)
            return whole
        label = self.labels[index]
        window = draw_window(*self._shape(index), label["bboxes"], crops)
        picture = super().load_image(index)[0] if crops.shrunk else self._native(index)
        height, width = picture.shape[:2]
        return self._cut(index, picture, in_pixels(window, height, width))

    def _cut(self, index: int, picture: Pixels, window: Window) -> dict[str, Any]:
        """Build what Ultralytics' data set returns for a picture, for a window of it."""
        height, width = picture.shape[:2]
        label = cut_labels(self.labels[index], window, height, width)
        del label["shape"]
        if label["im_file"] in self.regions:
            label["regions"] = cut_regions(self.regions[label["im_file"]], window, height, width)
        left, top, right, bottom = window
        view = picture[top:bottom, left:right]
        shown = _shrunk(view, self.imgsz)
        label["img"] = view.copy() if shown is view else shown  # the picture itself is held
        label["ori_shape"], label["resized_shape"] = (bottom - top, right - left), label["img"].shape[:2]
        label["ratio_pad"] = tuple(
            after / before for after, before in zip(label["resized_shape"], label["ori_shape"], strict=True)
        )
        finished: dict[str, Any] = self.update_labels_info(label)
        return finished

    def load_image(self, i: int, rect_mode: bool = True, resize_short: bool = False) -> Any:
        """Load a picture as Ultralytics does; while views are cut, from its native pixels."""
        if not self._cuts_native:
            return super().load_image(i, rect_mode, resize_short)
        native = self._native(i)
        if self.cache == "ram" and self.ims[i] is None:  # it is measured, or cached
            return native, native.shape[:2], native.shape[:2]
        shrunk = _shrunk(native, self.imgsz)
        return shrunk, native.shape[:2], shrunk.shape[:2]

    def check_cache_ram(self, *args: Any, **kwargs: Any) -> bool:
        """Say what the memory has to hold, then look as Ultralytics does whether it can."""
        if self._cuts_native:
            natives = sum(height * width for height, width in map(self._shape, range(self.ni)))
            shrunk = sum(self.imgsz**2 * min(shape) / max(shape) for shape in map(self._shape, range(self.ni)))
            times = natives / shrunk
            size = natives * self.channels / (1 << 30)
            LOGGER.info(
                f"{self.prefix}caching native pictures takes {size:.2f} GB, {times:.1f} times as much as at imgsz"
            )
        fits: bool = super().check_cache_ram(*args, **kwargs)
        return fits

    def _shape(self, index: int) -> tuple[int, int]:
        """Return height and width of a picture on disk, pixels."""
        height, width = self.labels[index]["shape"]
        return int(height), int(width)

    def _native(self, index: int) -> Pixels:
        """Return a picture as it is on disk; it is held where Ultralytics would hold the shrunk one."""
        reader = copy(self)  # shares what is held
        reader.imgsz = self._shape(index)  # so that nothing is resized
        native: Pixels = YOLODataset.load_image(reader, index, rect_mode=False)[0]
        return native


def _shrunk(picture: Pixels, imgsz: int) -> Pixels:
    """Resize a picture so that its longer side is imgsz.

    Source:
        Ultralytics, data/base.py, BaseDataset.load_image.
    """
    height, width = picture.shape[:2]
    ratio = imgsz / max(height, width)
    if ratio == 1:
        return picture
    size = min(int(np.ceil(width * ratio)), imgsz), min(int(np.ceil(height * ratio)), imgsz)
    resized: Pixels = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return resized if resized.ndim == 3 else resized[..., None]
