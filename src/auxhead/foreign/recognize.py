"""Tell the format of a data set by a look at its files, and read it."""

from __future__ import annotations

import re
import shlex
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from auxhead.errors import ConfigError, DataError
from auxhead.foreign.coco import read_coco_set
from auxhead.foreign.cvat import read_cvat
from auxhead.foreign.data_set import DataSet
from auxhead.foreign.folders import DEEPEST, DEPTH, ends_in, walk
from auxhead.foreign.labelme import read_labelme
from auxhead.foreign.tt100k import read_tt100k
from auxhead.foreign.visdrone import read_visdrone
from auxhead.foreign.voc import read_voc

LAYOUTS = {
    "COCO": "json files of train and val, with images, annotations and categories",
    "TT100K": "annotations.json or annotations_all.json, with imgs and types",
    "VisDrone": "folders ...-train and ...-val, with images/ and annotations/*.txt",
    "Pascal VOC": "Annotations/*.xml with ImageSets/Main, or xml files in train/ and val/",
    "CVAT": "annotations.xml of CVAT for images, with subsets or folders called train and val",
    "LabelMe": "json files beside their pictures, in train/ and val/",
}
"""The formats, in the order in which they are tried."""
HEAD = 1 << 16  # bytes of a file that are looked at. Source: own choice
SAMPLES = 20  # files of each kind that are looked at in a folder. Source: own choice
KEYS = {
    "TT100K": r'^\s*\{\s*"(imgs|types)"',
    "COCO": r'^\s*\{\s*"(info|licenses)"|"(images|annotations|categories)"\s*:\s*\[',
    "LabelMe": r'"(shapes|imageData|imagePath)"\s*:',
}
"""How json files of a format begin, or what they have near their beginning."""
SPLITS = re.compile(r"^(train|val|validation)\s*:", re.MULTILINE)  # of a data.yaml
ROW = re.compile(r"\s*-?\d+(,-?\d+){7},?\s*(\n|$)")
FOLDERS = 1000  # that are looked into: a home folder, named by mistake, has more. Source: own choice
SHOWN = 6  # kinds of files that a message names


def read_foreign(data: str, pictures: str | None) -> DataSet:
    """Read a data set in whatever format it is.

    Args:
        data: A folder; a json of COCO's or TT100K's; or COCO jsons with commas between them.
        pictures: Folder below which the names of the pictures count; None: looked for.

    Raises:
        ConfigError: `pictures` has no effect on the format.
        DataError: The format isn't known, or the data set can't be used.
    """
    place = Path(data)
    if not place.exists() and "," not in data:
        raise DataError(
            f"a data set in one of these formats:{_known()}", "no such file or folder", data, "correct the path"
        )
    form = recognize(place) if place.exists() else "COCO"  # several jsons
    if not form:
        raise _unknown(place)
    if form == "COCO":
        return read_coco_set(data, pictures)
    if form == "TT100K":
        return read_tt100k(place, pictures)
    if pictures is not None:
        fix = "leave it out: pictures lie beside their annotations, or where this format has them"
        raise ConfigError("keys that have an effect", f"pictures= without effect on {form}", data, fix)
    readers = {"VisDrone": read_visdrone, "Pascal VOC": read_voc, "CVAT": read_cvat, "LabelMe": read_labelme}
    return readers[form](place)


def recognize(place: Path) -> str:
    """Name the format of a data set by its files; '' if it is none of those in LAYOUTS.

    Args:
        place: A folder, in which some folders and some files of each are looked at, or a json file.
    """
    if place.is_file():
        return (_format_of(place) or "COCO") if ends_in(place, ".json") else ""
    for depth in (DEPTH, DEEPEST):
        found = {_format_of(file) for files in islice(walk(place, depth), FOLDERS) for file in _samples(files)}
        if form := next((form for form in LAYOUTS if form in found), ""):
            return form
    return ""


def format_of(data: str) -> str:
    """Name the format of what a command got as `data`; '' if Ultralytics reads it, or nobody knows it.

    Args:
        data: A folder, a json file, json files with commas between them, or whatever else Ultralytics takes.
    """
    place, listed = Path(data), [Path(name.strip()) for name in data.split(",")]
    try:
        if len(listed) > 1 and not place.exists():
            return "COCO" if all(ends_in(one, ".json") and one.is_file() for one in listed) else ""
        return "" if place.is_dir() and any(map(_is_data_yaml, place.glob("*.y*ml"))) else recognize(place)
    except (OSError, ValueError):  # a name that no file can have
        return ""


def how_to_convert(data: str) -> str:
    """Say how a data set of another format becomes one for YOLO; '' if it is in none that is known."""
    form = format_of(data)
    return form and f"a data set in the format of {form} becomes one for YOLO with `{convert_line(data)}`"


def convert_line(data: str) -> str:
    """Return the command that converts a data set of another format."""
    return f"auxhead convert {shlex.quote(data)} out=NEW to=yolo"


def _is_data_yaml(file: Path) -> bool:
    """Tell a data.yaml from what else ends so in a folder, such as .pre-commit-config.yaml."""
    return not file.name.startswith(".") and bool(SPLITS.search(_head(file)))


def _samples(files: Iterable[Path]) -> list[Path]:
    """Choose the first files of each kind."""
    by_kind: dict[str, list[Path]] = {".json": [], ".xml": [], ".txt": []}
    for file in files:
        kind = file.suffix.lower()
        of_label_studio = file.name == "notes.json" and (file.parent / "classes.txt").is_file()  # its export for YOLO
        if kind in by_kind and not of_label_studio and (kind != ".txt" or file.parent.name == "annotations"):
            by_kind[kind].append(file)
    return [file for known in by_kind.values() for file in known[:SAMPLES]]


def _head(file: Path) -> str:
    """Read the beginning of a file; '' if it can't be read."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(HEAD)
    except OSError:
        return ""
    encoding = "utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    return raw.decode(encoding, errors="ignore")


def _format_of(file: Path) -> str:
    """Tell the format of one file by its beginning."""
    head = _head(file)
    if ends_in(file, ".xml"):
        root = re.search("<annotations?\\b", head)
        return {"<annotation": "Pascal VOC", "<annotations": "CVAT"}[root[0]] if root else ""
    if ends_in(file, ".txt"):
        return "VisDrone" if ROW.match(head) else ""
    return next((form for form, key in KEYS.items() if re.search(key, head)), "")


def _unknown(place: Path) -> DataError:
    """Build the error for a folder or file in no format that is known."""
    listed = [[place]] if place.is_file() else islice(walk(place, DEEPEST), FOLDERS)
    every = [file for files in listed for file in files]
    kinds = Counter(file.suffix or file.name for file in every)
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(SHOWN))
    found = f"files of other formats: {told}" if told else "no file in it"
    fix = "name the folder that holds train and val of one of these formats"
    if any(kind in kinds for kind in (".yaml", ".yml")) and ".txt" in kinds:
        fix = "is this a data set for YOLO already? name its data.yaml: auxhead train data=FOLDER/data.yaml"
    elif any(file.name == "obj.names" or (file.suffix == ".txt" and "labels" in file.parts) for file in every):
        fix = (
            "are these labels for YOLO? write a data.yaml with train:, val: (folders of pictures called images, beside "
            "labels) and names: (the lines of classes.txt, or of obj.names)"
        )
    return DataError(f"a data set in one of these formats:{_known()}", found, str(place), fix)


def _known() -> str:
    return "".join(f"\n  {form}: {layout}" for form, layout in LAYOUTS.items())
