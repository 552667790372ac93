"""Check a data set before anything is built from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ultralytics.utils import LOGGER

from auxhead.augmentation.check import check_views
from auxhead.errors import ConfigError, DataError
from auxhead.foreign.beside import as_yolo
from auxhead.formats import plural
from auxhead.host.bar import bar
from auxhead.host.calls import quiet
from auxhead.host.datasets import read_data
from auxhead.labels.apart import require_apart
from auxhead.labels.check import check_labels
from auxhead.labels.data_yaml import SPLITS
from auxhead.labels.listing import ignore_path, list_images, sharing
from auxhead.labels.misplaced import require_labels
from auxhead.labels.pictures import split_pictures
from auxhead.labels.problems import LabelReport, told_problems
from auxhead.labels.source import require_splits
from auxhead.model.choices import RunPlan
from auxhead.training.launch import run_folder

ELSEWHERE = "choose another one with project="


def check_data(arguments: Mapping[str, Any], plan: RunPlan) -> dict[str, Any]:
    """Check the data set before anything is built.

    Args:
        arguments: Ultralytics' arguments, of which `data`, `split` and `single_cls` matter.
        plan: Says whether bad labels and images stop the run, and whether labels are converted first.

    Returns:
        The arguments, with the yaml that was read as `data`: what was unpacked or converted for it stays so.

    Raises:
        ConfigError: flips= or classes= names classes that there are not.
        DataError: The yaml or a split can't be used, a split has no label file at all, label rows or images are wrong
            (all of these go into a csv), or crops= would show nothing new.
        OutputError: The run would lie among the images or labels.
    """
    steps = bar("Converting")
    named = as_yolo(str(arguments["data"]), on_error=plan.on_error, progress=steps, say=LOGGER.info)
    data = read_data(named, split=str(arguments.get("split") or ""))
    require_splits(data, ("train", "val"), data["yaml_file"])
    require_apart(run_folder(arguments), [data[split] for split in SPLITS if data.get(split)], ELSEWHERE)
    _require_known(arguments.get("classes"), int(data["nc"]))
    nc = 1 if arguments.get("single_cls") else int(data["nc"])
    for split in ("train", "val"):
        sources = data[split] if isinstance(data[split], list) else [data[split]]
        require_labels(split, sources, Path(data["yaml_file"]).resolve())
        images, bad_images = split_pictures(sources, list_images(sources))
        report = check_labels(
            images,
            nc,
            single_cls=bool(arguments.get("single_cls")),
            kpt_shape=data.get("kpt_shape"),
            mixed=plan.route != "native",  # these labels are converted
        )
        LOGGER.info(f"{split}: {_counts(report)}{_shared(images)}")
        _judge(split, replace(report, bad_images=bad_images), plan.on_error)
        if split == "train":
            check_views(plan, data, arguments, images)
            _tell_ignored(plan, images)
    return {**arguments, "data": data["yaml_file"]}


def _require_known(classes: Any, nc: int) -> None:
    """Refuse ids of classes that there are not: a training on none of the boxes learns nothing.

    Raises:
        ConfigError: There are some.
    """
    ids = classes if isinstance(classes, (list, tuple)) else [] if classes is None else [classes]
    unknown = [one for one in ids if one not in range(nc)]
    if unknown:
        found = f"classes={', '.join(map(str, unknown))}"
        fix = "name classes by their place in names of data.yaml, or leave classes= out"
        raise ConfigError(f"class ids of 0 to {nc - 1}", found, "classes=", fix)


def _counts(report: LabelReport) -> str:
    return (
        f"{report.images} images, {report.boxes} boxes; {report.missing} without label file, "
        f"{report.empty} with an empty one, {report.duplicates} duplicate rows that Ultralytics removes"
    )


def _shared(images: Iterable[Path]) -> str:
    """Say which images get the same labels; nothing where each has its own."""
    groups = sharing(images)
    if not groups:
        return ""
    files = "1 label file" if len(groups) == 1 else f"{len(groups)} label files"
    return f"; {sum(map(len, groups))} images share {files}, such as {', '.join(map(str, groups[0]))}"


def _tell_ignored(plan: RunPlan, images: Iterable[Path]) -> None:
    """Say that stock models know no ignored regions, where there are some to be known."""
    if plan.route == "native" or not plan.ignore:
        return
    count = sum(ignore_path(image).is_file() for image in images)
    if count:
        LOGGER.warning(
            f"train: {plural(count, 'image')} with ignored regions, which route={plan.route} learns as background: its "
            "labels and loss, both Ultralytics' own, know no regions. Only route=native leaves them out; ignore=false "
            "says that background is meant"
        )


def _judge(split: str, report: LabelReport, on_error: str) -> None:
    """Stop for what Ultralytics would leave out, or say that it is left out.

    Raises:
        DataError: There is something, and `on_error` is fail or nothing else is left.
    """
    if not (report.problems or report.bad_images):
        return
    problems = told_problems(report, Path.cwd() / f"auxhead-problems-{split}.csv")
    if on_error == "fail" or report.corrupt == report.images:
        raise problems
    LOGGER.warning(f"{split}: leaving {report.corrupt + len(report.bad_images)} images out (on_error=skip)\n{problems}")


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
