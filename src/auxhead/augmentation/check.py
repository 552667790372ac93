"""Say before a training whether its pictures can be shown as asked for, and whether that shows more."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from ultralytics.utils import LOGGER

from auxhead.augmentation.crops import NATIVE
from auxhead.augmentation.trainer import resolve_views
from auxhead.errors import DataError
from auxhead.host.arguments import in_force
from auxhead.labels.workers import in_order
from auxhead.metrics.truth import image_size
from auxhead.model.choices import RunPlan


def check_views(plan: RunPlan, data: Mapping[str, Any], arguments: Mapping[str, Any], images: Sequence[Path]) -> None:
    """Check flips and crops against a data set.

    Args:
        plan: Of which `flips` and `crops` matter.
        data: The data.yaml as Ultralytics reads it.
        arguments: Ultralytics' arguments.
        images: The training pictures.

    Raises:
        ConfigError: Classes that the data set doesn't have.
        DataError: Entries of ours in the data.yaml are wrong, or the pictures have hardly more pixels than imgsz.
    """
    every = in_force(arguments)
    views = resolve_views(plan, data, every)
    if views.flips is not None and not (every["fliplr"] or every["flipud"]):
        LOGGER.warning("flips= changes nothing, as fliplr=0 and flipud=0 mirror no picture")
    if views.crops is None or not images:
        return
    imgsz = views.crops.imgsz
    with closing(in_order(_longer, images)) as sides:
        times = [side / imgsz for side in sides]
    reach = sum(each >= NATIVE for each in times) / len(times)
    LOGGER.info(
        f"crops: training pictures have {median(times):.2f} times imgsz={imgsz} on their longer side (median); "
        f"{reach:.0%} have the {NATIVE} times that a cut needs"
    )
    if reach < 0.5 and not plan.crops.force:
        smaller = int(median(times) * imgsz / NATIVE / 32) * 32
        lower = f"train at imgsz={smaller} or below, " if smaller else ""
        raise DataError(
            expected=f"training pictures of {NATIVE} times imgsz={imgsz} or more, as cuts of native pixels show",
            found=f"{median(times):.2f} times (median), {reach:.0%} of the pictures reach it: nothing to gain",
            where=str(data.get("yaml_file", "")),
            fix=f"{lower}leave crops= out, or cut all the same with crops.force=true",
        )


def _longer(image: Path) -> int:
    """Return the longer side of a picture, pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about large pictures: only the header is read
        return max(image_size(Path(image)))
