"""Lay an inspection out: a table, and lines below it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from auxhead.formats import percent, plain
from auxhead.inspection.result import Inspection, SplitInspection
from auxhead.metrics.results.boxes import MANY

CLASSES = 20  # shown of a data set's
IMAGES = 5  # named of a kind


def table(found: Inspection) -> list[list[str]]:
    """Return the table of an inspection, a split a column; the first row is the head."""
    columns = [_cells(one, found.names) for one in found.splits.values()]
    head = [f"at {found.imgsz} px", *found.splits]
    return [head, *([label, *(cells[label] for cells in columns)] for label in columns[0])]


def remarks(found: Inspection) -> list[str]:
    """Return what the table has no place for: what stands out, and keys worth setting."""
    worth = [f"  {shlex.quote(f'{one.key}={one.value}')}: {one.reason}" for one in found.suggestions]
    return [*findings(found), "\nWorth setting:", *worth]


def findings(found: Inspection) -> list[str]:
    """Return what stands out: unusable images, empty classes, copies, mirrored names; details are indented."""
    lines = [line for name, one in found.splits.items() for line in _images(name, one)]
    lines += [
        f"No box in {name}: {', '.join(one.empty_classes)}" for name, one in found.splits.items() if one.empty_classes
    ]
    lines += [
        f"Boxes of {name} that end far outside of their image: {one.outside} of {one.boxes}. Are the rows left, top, "
        "right, bottom as shares? YOLO's are x_center y_center width height."
        for name, one in found.splits.items()
        if one.outside > max(1, MANY * one.boxes)
    ]
    if found.from_one:
        lines.append(
            f"No label has class id 0 ({found.names[0]}), and every other id occurs: were they counted from 1? "
            "Ultralytics counts from 0."
        )
    for where, count in {**found.copies.within, **found.copies.between}.items():
        lines += [f"Images of {where} with the same bytes: {count}"] if count else []
    lines += [f"  {first} = {second}" for first, second in found.copies.pairs]
    lines += _near(found)
    if found.mirrored:
        names = [f"{hint.name} ({hint.reason})" for hint in found.mirrored]
        more = f" and {len(names) - CLASSES} more" if len(names) > CLASSES else ""
        lines.append(f"Classes that a mirror may change, by their names: {', '.join(names[:CLASSES])}{more}")
    return lines


def _near(found: Inspection) -> list[str]:
    """Say which images of one split look nearly like one of another, and what that means."""
    lines = []
    for where, pairs in found.near.between.items():
        first, second = where.split("/")
        if pairs:
            share = percent(len(pairs) / found.splits[second].images)
            lines.append(
                f"Images of {second} that look nearly like one of {first}: {len(pairs)} ({share}). Neighbours of one "
                f"video? Scores on {second} are then better than on new pictures: split by video or place."
            )
            lines += [f"  {pair.first} ~ {pair.second}" for pair in pairs[:IMAGES]]
    if found.near.unread:
        lines.append(f"Images that were not looked at for near copies, as Pillow can't read them: {found.near.unread}")
    return lines


def _images(name: str, one: SplitInspection) -> list[str]:
    """Say which images of a split are left out, share their labels, or are listed twice, and which labels have none."""
    lines = []
    if one.left_out:
        lines.append(f"Images of {name} that Ultralytics leaves out: {len(one.left_out)}")
        lines += [f"  {image}: {reason}" for image, reason in list(one.left_out.items())[:IMAGES]]
    if one.shared:
        files = "1 label file" if len(one.shared) == 1 else f"{len(one.shared)} label files"
        lines.append(f"Images of {name} that share a label file: {sum(map(len, one.shared))} share {files}")
        lines += [f"  {', '.join(group)}" for group in one.shared[:IMAGES]]
    if one.twice:
        lines.append(f"Images of {name} that are listed twice or more: {len(one.twice)}")
        lines += [f"  {image}" for image in one.twice[:IMAGES]]
    if one.unclaimed:
        lines.append(f"Label files of {name} without an image, so that their boxes are lost: {len(one.unclaimed)}")
        lines += [
            f"  {label}" + (f" (is it that of {near}?)" if near else "")
            for label, near in list(one.unclaimed.items())[:IMAGES]
        ]
    return lines


def _cells(one: SplitInspection, names: Sequence[str]) -> dict[str, str]:
    """Return the cells of one split by their labels; a dash where nothing can be measured."""
    rows = {"images": f"{one.images:,}", "images without boxes": f"{one.without_boxes:,}", "boxes": f"{one.boxes:,}"}
    rows |= {f"  {name}": f"{count:,}" for name, count in zip(names[:CLASSES], one.per_class, strict=False)}
    if len(names) > CLASSES:
        rows[f"  {len(names) - CLASSES} more classes"] = f"{sum(one.per_class[CLASSES:]):,}"
    rows["classes without a box"] = f"{len(one.empty_classes)}"
    rows["side: mean, median, px"] = f"{plain(one.sizes.mean)}, {plain(one.sizes.median)}"
    rows |= {f"  side {band} px": f"{count:,}" for band, count in one.sizes.bands.items()}
    rows |= {f"smaller than a cell of {level} px": percent(share, 1) for level, share in one.sizes.below_stride.items()}
    for levels, anchors in one.anchors.items():
        rows[f"{levels}: no candidate anchor"] = percent(anchors.none, 1)
        rows[f"{levels}: 1 to 3 of them"] = percent(anchors.few, 1)
        rows[f"{levels}: all contested"] = percent(anchors.contested, 1)
    rows["cut off at the border"] = percent(one.truncated, 1)
    rows["rows that repeat another"] = f"{one.repeated:,}"
    return rows | {"boxes with two classes": f"{one.disagreeing:,}"}
