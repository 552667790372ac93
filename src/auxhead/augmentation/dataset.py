"""Ultralytics' data set, which shows classes and pixels as asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from random import random
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from ultralytics.data import YOLODataset
from ultralytics.data.augment import Mosaic
from ultralytics.utils import LOGGER

from auxhead.augmentation.crops import Crops, Window, cut_labels, draw_window, in_pixels
from auxhead.augmentation.flips import Flips, with_classes
from auxhead.augmentation.regions import cut_regions, read_regions, with_codes, with_regions

Pixels = npt.NDArray[np.uint8]


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


class View(NamedTuple):
    """A picture or a cut of it, before it is augmented.

    Attributes:
        window: What is cut, in pixels of what it is cut from; None: it is shown whole.
        label: Its objects, as in the labels of Ultralytics' data sets.
        pixels: Its pixels and their sizes, as Ultralytics' data sets name them.
    """

    window: Window | None
    label: dict[str, Any]
    pixels: dict[str, Any]


class ViewDataset(YOLODataset):
    """Training pictures of which some are cut from native pixels, and whose classes are mirrored with them.

    Without flips and crops it is Ultralytics' data set, random numbers included. While views are cut, each picture is
    shown anew when its turn comes, once an epoch, and mosaics are made of it and of what was shown lately: Ultralytics
    makes them so of pictures loaded lately. Views are held for that, as many as Ultralytics would hold pictures, and no
    pictures; with `cache="ram"` all pictures are held, as they are on disk.
    """

    def __init__(self, *args: Any, views: Views, **kwargs: Any) -> None:
        """Take what Ultralytics' data set takes, and the views."""
        self.views = views
        self.whole = False
        self.shown: dict[int, View] = {}
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

    @property
    def _cuts_native(self) -> bool:
        return self.views.crops is not None and not self.views.crops.shrunk

    # -- classes --------------------------------------------------------------------------------------------------

    def build_transforms(self, hyp: Any) -> Any:
        """Build Ultralytics' transforms, and tell the mirrors among them what the classes are."""
        transforms = super().build_transforms(hyp)
        if self.views.flips is not None:
            with_classes(transforms, with_codes(self.views.flips) if self.views.regions else self.views.flips)
        if self.views.crops is not None:
            for transform in transforms_in(transforms):
                if isinstance(transform, Mosaic):
                    transform.buffer_enabled = True  # with cache="ram", too
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
        self.show_again(())
        super().close_mosaic(hyp)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a training sample: a new view of a picture, alone or with others that were shown lately."""
        if self.views.crops is not None and not self.whole:
            self.shown.pop(index, None)
            self.shown[index] = self._view(index, self._draw(index, self.views.crops))
            if len(self.shown) > self.max_buffer_length:
                del self.shown[next(iter(self.shown))]
            self.buffer = list(self.shown)
        sample: dict[str, Any] = super().__getitem__(index)
        return sample

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """Return a picture or a cut of it, and the labels in it: as shown lately, otherwise a new view."""
        if self.views.crops is None or self.whole:
            stock: dict[str, Any] = super().get_image_and_label(index)
            return stock
        view = self.shown.get(index)
        if view is None:  # mixup takes any picture
            view = self._view(index, self._draw(index, self.views.crops))
        label = {**{name: _own(value) for name, value in view.label.items()}, **view.pixels}
        finished: dict[str, Any] = self.update_labels_info(label)
        return finished

    def shown_lately(self) -> list[tuple[int, Window | None]]:
        """Return which pictures mosaics are made of, oldest first, each with its window; None: it is shown whole."""
        return [(index, view.window) for index, view in self.shown.items()]

    def show_again(self, views: Iterable[tuple[int, Window | None]]) -> None:
        """Make mosaics of what `shown_lately` returned, in another process."""
        self.shown = {index: self._view(index, window) for index, window in views}
        self.buffer = list(self.shown)

    def _draw(self, index: int, crops: Crops) -> Window | None:
        """Draw the window of a picture in pixels of what it is cut from; None: it is shown whole."""
        height, width = self._shape(index)
        if random() >= crops.share or max(height, width) < crops.least:  # noqa: S311
            return None
        window = draw_window(height, width, self.labels[index]["bboxes"], crops)
        if crops.shrunk:
            height, width = _size(height, width, self.imgsz)
        return in_pixels(window, height, width)

    def _view(self, index: int, window: Window | None) -> View:
        """Build what Ultralytics' data set knows of a picture before it is augmented, for a window of it."""
        if window is None:
            label = dict(self.labels[index])
            shown, before, after = self.load_image(index)
        else:
            picture = self._native(index) if self._cuts_native else self.load_image(index)[0]
            height, width = picture.shape[:2]
            label = cut_labels(self.labels[index], window, height, width)
            if label["im_file"] in self.regions:
                label["regions"] = cut_regions(self.regions[label["im_file"]], window, height, width)
            left, top, right, bottom = window
            view = picture[top:bottom, left:right]
            resized = _shrunk(view, self.imgsz)
            shown = view.copy() if resized is view else resized  # of the picture only the view is held
            before, after = view.shape[:2], resized.shape[:2]
        del label["shape"]
        ratios = after[0] / before[0], after[1] / before[1]
        return View(window, label, {"img": shown, "ori_shape": before, "resized_shape": after, "ratio_pad": ratios})

    def load_image(self, i: int, rect_mode: bool = True, resize_short: bool = False) -> Any:
        """Load a picture as Ultralytics does; while views are cut, from its native pixels, and hold none of its own."""
        if self.views.crops is None:
            return super().load_image(i, rect_mode, resize_short)
        if not self._cuts_native:
            return YOLODataset.load_image(self._reader(), i, rect_mode, resize_short)
        native = self._native(i)
        if self.cache == "ram" and isinstance(self.ims, list) and self.ims[i] is None:  # it is measured, or cached
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

    def _reader(self) -> Any:
        """Return this data set, with what it has in memory, as one that holds no more pictures."""
        reader = copy(self)
        reader.augment = False
        return reader

    def _native(self, index: int) -> Pixels:
        """Return a picture as it is on disk, from memory where it is there."""
        if self.cache == "ram" and (held := self.ims[index]) is not None:
            return held  # type: ignore[no-any-return]
        reader = self._reader()
        reader.imgsz = self._shape(index)  # so that nothing is resized
        native: Pixels = YOLODataset.load_image(reader, index, rect_mode=False)[0]
        return native


def _own(value: Any) -> Any:
    """Copy what transforms change in place: arrays of a label, and lists of its outlines, but no outline itself."""
    return value.copy() if isinstance(value, (np.ndarray, list)) else value


def transforms_in(node: Any) -> Iterator[Any]:
    """Yield each transform in a tree of Ultralytics' transforms."""
    yield node
    for inner in (*(getattr(node, "transforms", None) or ()), getattr(node, "pre_transform", None)):
        if inner is not None:
            yield from transforms_in(inner)


def _size(height: int, width: int, imgsz: int) -> tuple[int, int]:
    """Return height and width of a picture whose longer side becomes imgsz.

    Source:
        Ultralytics, data/base.py, BaseDataset.load_image.
    """
    ratio = imgsz / max(height, width)
    return min(int(np.ceil(height * ratio)), imgsz), min(int(np.ceil(width * ratio)), imgsz)


def _shrunk(picture: Pixels, imgsz: int) -> Pixels:
    """Resize a picture so that its longer side is imgsz, as Ultralytics does."""
    height, width = picture.shape[:2]
    if max(height, width) == imgsz:
        return picture
    size = _size(height, width, imgsz)[::-1]
    resized: Pixels = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return resized if resized.ndim == 3 else resized[..., None]
