"""A trainer whose training pictures are shown as its plan says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ultralytics.data import build
from ultralytics.models.yolo.detect import DetectionTrainer

from auxhead.augmentation.crops import resolve_crops
from auxhead.augmentation.dataset import ViewDataset, Views
from auxhead.augmentation.flips import resolve_flips
from auxhead.augmentation.regions import set_apart
from auxhead.errors import ConfigError
from auxhead.host.arguments import longest_side
from auxhead.labels.listing import ignore_path, list_images
from auxhead.model.choices import RunPlan


def resolve_views(plan: RunPlan, data: Mapping[str, Any], arguments: Mapping[str, Any]) -> Views:
    """Complete what a plan says about training pictures.

    Args:
        plan: Of which `flips` and `crops` matter.
        data: The data.yaml as Ultralytics reads it.
        arguments: Every argument of Ultralytics' in force, of which `imgsz` and `single_cls` matter.

    Raises:
        ConfigError: Classes that the data set doesn't have.
        DataError: Entries of ours in the data.yaml are wrong.
    """
    flips = resolve_flips(plan.flips, data, single_cls=bool(arguments["single_cls"]))
    return Views(flips, resolve_crops(plan.crops, longest_side(arguments["imgsz"])))


@contextmanager
def shown_as(views: Views) -> Iterator[None]:
    """Let Ultralytics build data sets that show these views; without any, its own."""
    stock = build.YOLODataset
    if views != Views():
        build.YOLODataset = partial(ViewDataset, views=views)
    try:
        yield
    finally:
        build.YOLODataset = stock


class ViewTrainer(DetectionTrainer):
    """A detection trainer of Ultralytics', or one of its pose or segment trainers, with views of its pictures."""

    plan: ClassVar[RunPlan] = RunPlan()
    regions = False

    def build_dataset(self, img_path: Any, mode: str = "train", batch: int | None = None) -> Any:
        """Build Ultralytics' data set; the one for training shows what the plan says."""
        views = Views()
        if mode == "train":
            if self.plan.crops.share and self.args.rect:
                found = "crops= with rect=True, which shows whole pictures in their own shape"
                raise ConfigError("views of one shape", found, "the keys given", "leave one of them out")
            self.regions = self.plan.route == "native" and self.plan.ignore and _have_regions(img_path)
            views = replace(resolve_views(self.plan, self.data, vars(self.args)), regions=self.regions)
        with shown_as(views):
            return super().build_dataset(img_path, mode, batch)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Prepare a batch as ever, and set ignored regions apart from its objects."""
        prepared: dict[str, Any] = super().preprocess_batch(batch)
        return set_apart(prepared, len(self.data["names"])) if self.regions else prepared


def _have_regions(entries: Any) -> bool:
    """Tell whether any picture of a split, as a data.yaml names it, has a file of ignored regions."""
    listed = entries if isinstance(entries, (list, tuple)) else [entries]
    return any(ignore_path(image).is_file() for image in list_images([Path(one) for one in listed]))
