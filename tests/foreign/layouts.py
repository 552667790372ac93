"""One scene of boxes, written in the layout of every format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import ignore_path, label_path, list_images

SIZE = (64, 48)
NAMES = ("bicycle", "car", "pedestrian")  # sorted, and classes of VisDrone
VISDRONE = ("pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor")


class Box(NamedTuple):
    name: str  # "" of a region for every class
    box: tuple[int, int, int, int]
    ignored: bool = False


Scene = dict[str, dict[str, list[Box]]]


def scene(seed: int = 0, *, ignored: bool = True, every: bool = True) -> Scene:
    """Boxes of whole pixels in six pictures a split; every class occurs; the last picture shows nothing."""
    random = np.random.default_rng(seed)
    made: Scene = {}
    for split in ("train", "val"):
        pictures: dict[str, list[Box]] = {f"{split}-{place}": [] for place in range(6)}
        for place, boxes in enumerate(list(pictures.values())[:-1]):
            for at in range(4):
                width, height = (int(side) for side in random.integers(4, 20, 2))
                left, top = int(random.integers(0, SIZE[0] - width)), int(random.integers(0, SIZE[1] - height))
                is_ignored = ignored and at == 3
                name = "" if is_ignored and every and place % 2 else NAMES[(place + at) % 3]
                boxes.append(Box(name, (left, top, width, height), is_ignored))
        made[split] = pictures
    return made


def picture(file: Path, size: tuple[int, int] = SIZE) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (len(str(file)) % 255, 90, 90)).save(file)


def text(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def coco(root: Path, made: Scene, names: tuple[str, ...] = NAMES) -> None:
    """Write COCO jsons, in which a region for every class is one crowd of each."""
    for split, pictures in made.items():
        rows: list[dict[str, Any]] = []
        for image, boxes in enumerate(pictures.values()):
            for one in boxes:
                for name in [one.name] if one.name else names:
                    area = one.box[2] * one.box[3]
                    about = {"id": len(rows) + 1, "image_id": image, "category_id": names.index(name), "area": area}
                    rows.append(about | {"bbox": list(one.box), "iscrowd": int(one.ignored)})
        images = [
            {"id": place, "file_name": f"{name}.png", "width": SIZE[0], "height": SIZE[1]}
            for place, name in enumerate(pictures)
        ]
        kinds = [{"id": place, "name": name} for place, name in enumerate(names)]
        text(root / f"{split}.json", json.dumps({"images": images, "annotations": rows, "categories": kinds}))
        for name in pictures:
            picture(root / split / f"{name}.png")


def xml(name: str, boxes: list[Box], size: tuple[int, int] | None = SIZE, first: int = 1) -> str:
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    objects = "".join(
        f"\n<object><name>{one.name}</name><difficult>{int(one.ignored)}</difficult><bndbox>"
        f"<xmin>{left + first}</xmin><ymin>{top + first}</ymin>"
        f"<xmax>{left + width + first}</xmax><ymax>{top + height + first}</ymax></bndbox></object>"
        for one in boxes
        for left, top, width, height in [one.box]
    )
    return f"<annotation><filename>{name}.png</filename>{sides}{objects}</annotation>"


def voc_kit(root: Path, made: Scene, kit: str = "VOCdevkit/VOC2012") -> None:
    for split, pictures in made.items():
        text(root / kit / "ImageSets" / "Main" / f"{split}.txt", "\n".join(pictures) + "\n")
        text(root / kit / "ImageSets" / "Main" / f"car_{split}.txt", "".join(f"{name} -1\n" for name in pictures))
        for name, boxes in pictures.items():
            text(root / kit / "Annotations" / f"{name}.xml", xml(name, boxes))
            picture(root / kit / "JPEGImages" / f"{name}.png")


def voc_beside(root: Path, made: Scene) -> None:
    for split, pictures in made.items():
        folder = root / {"val": "valid"}.get(split, split)
        for name, boxes in pictures.items():
            text(folder / f"{name}.xml", xml(name, boxes))
            picture(folder / f"{name}.png")


def voc_below(root: Path, made: Scene) -> None:
    for split, pictures in made.items():
        for name, boxes in pictures.items():
            text(root / split / "annotations" / f"{name}.xml", xml(name, boxes, None))
            picture(root / split / "images" / f"{name}.png")


def visdrone(root: Path, made: Scene, end: str = "") -> None:
    for split, pictures in made.items():
        folder = root / f"VisDrone2019-DET-{split}"
        for name, boxes in pictures.items():
            rows = [
                f"{','.join(map(str, one.box))},{int(not one.ignored)},"
                f"{VISDRONE.index(one.name) + 1 if one.name else 0},0,0{end}"
                for one in boxes
            ]
            text(folder / "annotations" / f"{name}.txt", "\n".join(rows))
            picture(folder / "images" / f"{name}.png")


def visdrone_commas(root: Path, made: Scene) -> None:
    visdrone(root, made, ",")


def tt100k(root: Path, made: Scene) -> None:
    images = {}
    for split, pictures in made.items():
        folder = {"val": "test"}.get(split, split)
        for name, boxes in pictures.items():
            objects = [
                {"category": one.name, "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True))}
                for one in boxes
                for left, top, width, height in [one.box]
                for corners in [(left, top, left + width, top + height)]
            ]
            images[name] = {"id": name, "path": f"{folder}/{name}.png", "objects": objects}
            picture(root / folder / f"{name}.png")
    text(root / "annotations.json", json.dumps({"types": ["unused", *NAMES], "imgs": images}))


def labelme(root: Path, made: Scene) -> None:
    for split, pictures in made.items():
        for name, boxes in pictures.items():
            shapes = [shape(one, place) for place, one in enumerate(boxes)]
            about = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": f"..\\{name}.png"}
            sides = {"imageData": None, "imageHeight": SIZE[1], "imageWidth": SIZE[0]}
            text(root / split / f"{name}.json", json.dumps(about | sides))
            picture(root / split / f"{name}.png")


def shape(one: Box, place: int) -> dict[str, Any]:
    left, top, width, height = one.box
    right, bottom = left + width, top + height
    points: list[list[float]] = [[right, bottom], [left, top]]
    if place % 2:
        points = [[left + width / 2, top], [right, top + 1], [left + 1, bottom], [left, bottom - 1]]
    kind = "polygon" if place % 2 else "rectangle"
    return {"label": one.name or "__ignore__", "points": points, "group_id": None, "shape_type": kind, "flags": {}}


def cvat_image(name: str, boxes: list[Box], subset: str = "") -> str:
    """Write the element of a picture, every other object of which is a polygon."""
    shapes = ""
    for place, one in enumerate(boxes):
        left, top, width, height = one.box
        right, bottom = left + width, top + height
        if place % 2:
            points = f"{left + width / 2},{top};{right},{top + 1};{left + 1},{bottom};{left},{bottom - 1}"
            shapes += f'<polygon label="{one.name}" source="manual" occluded="0" points="{points}" z_order="0"/>\n'
        else:
            corners = f'xtl="{left:.2f}" ytl="{top:.2f}" xbr="{right:.2f}" ybr="{bottom:.2f}"'
            shapes += (
                f'<box label="{one.name}" occluded="0" {corners} z_order="0"><attribute name="a">b</attribute></box>\n'
            )
    of = f'subset="{subset}" ' if subset else ""
    return f'<image id="0" name="{name}.png" {of}width="{SIZE[0]}" height="{SIZE[1]}">\n{shapes}</image>\n'


def cvat_xml(images: str) -> str:
    meta = "<version>1.1</version><meta><task><labels><label><name>unused</name></label></labels></task></meta>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n{meta}\n{images}</annotations>'


def cvat_project(root: Path, made: Scene) -> None:
    images = ""
    for split, pictures in made.items():
        subset = {"train": "Train", "val": "Validation"}[split]
        images += "".join(cvat_image(name, boxes, subset) for name, boxes in pictures.items())
        for name in pictures:
            picture(root / "images" / subset / f"{name}.png")
    text(root / "annotations.xml", cvat_xml(images))


def cvat_tasks(root: Path, made: Scene) -> None:
    for split, pictures in made.items():
        text(root / split / "annotations.xml", cvat_xml("".join(map(cvat_image, pictures, pictures.values()))))
        for name in pictures:
            picture(root / split / "images" / f"{name}.png")


WITHOUT_REGIONS = {"TT100K", "CVAT"}
"""Formats that know none."""

WRITERS: dict[str, Callable[[Path, Scene], None]] = {
    "Pascal VOC, kit": voc_kit,
    "Pascal VOC, beside": voc_beside,
    "Pascal VOC, below": voc_below,
    "VisDrone": visdrone,
    "VisDrone, commas": visdrone_commas,
    "TT100K": tt100k,
    "CVAT, project": cvat_project,
    "CVAT, tasks": cvat_tasks,
    "LabelMe": labelme,
}


def scene_for(layout: str, seed: int = 0) -> Scene:
    """A scene that the format of a layout can hold."""
    form = layout.partition(",")[0]
    made = scene(seed, ignored=form not in WITHOUT_REGIONS, every=form in {"VisDrone", "LabelMe"})
    if form == "LabelMe":  # it has regions for every class alone
        made = {
            split: {name: [one for one in boxes if not (one.ignored and one.name)] for name, boxes in pictures.items()}
            for split, pictures in made.items()
        }
    return made


def labels_of(data: Path, split: str, *, ignored: bool = False) -> dict[str, list[tuple[Any, ...]]]:
    """Class name and box of each row by picture, thousandths of a pixel; a region for every class once for each."""
    source = read_data_yaml(data)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for image in list_images(source.splits[split]):
        rows = found.setdefault(image.stem, [])
        file = ignore_path(image) if ignored else label_path(image)
        for line in file.read_text().splitlines() if file.is_file() else ():
            cls, x, y, w, h = map(float, line.split())
            box = np.round(np.array([x - w / 2, y - h / 2, w, h]) * (*SIZE, *SIZE) * 1000).astype(int).tolist()
            rows += [(name, *box) for name in (NAMES if cls == -1 else [source.names[int(cls)]])]
        rows.sort()
    return found
