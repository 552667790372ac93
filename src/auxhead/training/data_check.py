"""Check a data set before anything is built from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER

from auxhead.errors import DataError
from auxhead.host.calls import quiet
from auxhead.host.datasets import read_data
from auxhead.labels.check import check_labels
from auxhead.labels.listing import list_images
from auxhead.labels.problems import problems_error, write_problems
from auxhead.model.choices import RunPlan


def check_data(arguments: Mapping[str, Any], plan: RunPlan) -> None:
    """Check the data set before anything is built.

    Args:
        arguments: Ultralytics' arguments, of which `data` and `single_cls` matter.
        plan: Says whether bad labels stop the run.

    Raises:
        DataError: The yaml or a split can't be used, or label rows are wrong; more than ten go into a csv.
    """
    source = str(arguments["data"])
    if source.rsplit(".", 1)[-1] not in {"yaml", "yml"}:
        return  # archives, URLs and ndjson: Ultralytics unpacks them first
    data = read_data(source)
    nc = 1 if arguments.get("single_cls") else int(data["nc"])
    for split in ("train", "val"):
        sources = data[split] if isinstance(data[split], list) else [data[split]]
        report = check_labels(
            list_images(sources),
            nc,
            single_cls=bool(arguments.get("single_cls")),
            kpt_shape=data.get("kpt_shape"),
        )
        LOGGER.info(
            f"{split}: {report.images} images, {report.boxes} boxes; {report.missing} without label file, "
            f"{report.empty} with an empty one, {report.duplicates} duplicate rows that Ultralytics removes"
        )
        if not report.problems:
            continue
        path = Path.cwd() / f"auxhead-problems-{split}.csv"
        write_problems(report, path)
        bad_rows = problems_error(report, path)
        if plan.on_error == "fail":
            raise bad_rows
        LOGGER.warning(f"training without the images of these labels (on_error=skip)\n{bad_rows}")


def check_images(dataset: Any, on_error: str) -> None:
    """Report images that Ultralytics leaves out without stopping (unreadable, or with a bad label file).

    Raises:
        DataError: There are some, and `on_error` is fail.
    """
    with quiet():  # it measures how fast images are read, again
        left_out = sorted(set(dataset.get_img_files(dataset.img_path)) - set(dataset.im_files))
    if not left_out:
        return
    shown = "\n          ".join(left_out[:10]) + ("\n          ..." if len(left_out) > 10 else "")
    if on_error == "skip":
        LOGGER.warning(f"training without {len(left_out)} images that can't be read:\n          {shown}")
        return
    raise DataError(
        expected="images that can be read, with labels that can be used",
        found=f"{len(left_out)} that Ultralytics would leave out silently",
        where=shown,
        fix="repair or remove them, or train without them with on_error=skip",
    )
