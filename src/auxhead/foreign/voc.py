"""Pascal VOC: its own folders, Roboflow's exports, and folders of splits with xml beside the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auxhead.errors import DataError
from auxhead.foreign.data_set import Annotated, DataSet, Split, names_of, numbered, splits_in_order
from auxhead.foreign.folders import Album, deeper, files_in, folders_below, split_folders, unannotated
from auxhead.foreign.voc_xml import VocFile, read_voc_file
from auxhead.labels.problems import LabelProblem
from auxhead.metrics.results.boxes import shares

EXPECTED = "Pascal VOC: Annotations/ with ImageSets/Main/train.txt and val.txt, or xml files in train/ and val/"
FIX = (
    "name the folder that holds these; else move pictures with their xml files into train/ and val/, or list their "
    "names in ImageSets/Main/train.txt and val.txt"
)
LISTS = "ImageSets/Main"
BETWEEN = (
    0.5  # share of boxes with fractions: tools that write any write most so; VOC2012 has a few. Source: own choice
)
PLACES = ("", "Annotations", "annotations")  # of the xml files of a split
PICTURES = ("", "images", "JPEGImages")  # of its pictures
KIT_DEPTH = 3  # folders between the one named and a kit's own: VOCtrainval/VOCdevkit/VOC2007


@dataclass(frozen=True)
class _Listed:
    """The xml files of a split in one folder, with the album of their pictures."""

    files: Sequence[Path]
    album: Album
    prefix: str = ""  # of the new names: two years may have equal ones


def read_voc(folder: Path) -> DataSet:
    """Read a data set of Pascal VOC.

    Splits are the lists in `ImageSets/Main` (trainval counts where there is no val, test is val then), else folders
    that are called so. Classes are all names that occur, sorted. Boxes of difficult objects are regions to pass over.

    Pixels count from 1, as in VOC, and 1 is taken off all four corners, so that labels are those of Ultralytics' own
    script; in a data set with a box that begins below 1, or where most have coordinates that are no whole numbers, they
    count from 0. Which of the two is said. VOC's own evaluation counts the last column and row as part of the box,
    which makes it a pixel wider and higher.

    Args:
        folder: The devkit, one year of it, or the folder of the splits.

    Raises:
        DataError: Train or val isn't there, or is there twice.

    Source:
        Everingham et al., "The Pascal Visual Object Classes Challenge" development kit: the first pixel is (1, 1), and
        VOCcode/VOCevaldet.m adds 1 to differences of corners. Ultralytics 8.4.190, cfg/datasets/VOC.yaml, takes 1 off
        all four; supervision 0.31 off left and top alone.
    """
    kits = _kits(folder)
    listed, lists = _from_lists(folder, kits) if kits else (_from_folders(folder), [])
    places = {name: Split(name, (), parts[0].files[0].parent) for name, parts in listed.items()}
    ordered, remarks = splits_in_order(places, expected=EXPECTED, where=str(folder), fix=FIX)
    of = {"val": "test"} if "val" not in listed else {}  # where test serves as val
    read = {one.name: _pictures(listed[of.get(one.name, one.name)]) for one in ordered}
    every = [picture for pictures in read.values() for picture in pictures]
    _require_pixels(every, folder)
    shift, said = _first_pixel(every)
    names = sorted(names_of(every))
    splits = tuple(Split(one.name, numbered(_shifted(read[one.name], shift), names), one.where) for one in ordered)
    xml = [file for parts in listed.values() for part in parts for file in part.files if file.is_file()]
    albums = {id(part.album): part.album for parts in listed.values() for part in parts}.values()
    left = []
    if not kits:
        left += unannotated(albums, "an xml file without objects")
        left += deeper([album.folders[0] for album in albums], ".xml", len(xml))
    return DataSet("Pascal VOC", tuple(names), splits, tuple(dict.fromkeys([*lists, *xml])), (*remarks, *said, *left))


def _kits(folder: Path) -> list[Path]:
    """Find folders laid out as a year of VOC's development kit."""
    found, level = [], [folder]
    for _ in range(KIT_DEPTH + 1):
        found += [one for one in level if (one / LISTS).is_dir() and (one / "Annotations").is_dir()]
        level = [] if found else [below for one in level for below in folders_below(one)]
    return found


def _from_lists(folder: Path, kits: Sequence[Path]) -> tuple[dict[str, list[_Listed]], list[Path]]:
    """Collect what the lists of all years name."""
    found: dict[str, list[_Listed]] = {}
    lists = []
    for kit in kits:
        album = Album([kit / "JPEGImages"])
        prefix = kit.relative_to(folder).as_posix() if len(kits) > 1 else ""
        for name, file in _lists(kit / LISTS).items():
            lists.append(file)
            lines = [line.strip() for line in file.read_text("utf-8-sig", "replace").splitlines() if line.strip()]
            files = list(dict.fromkeys(_xml_of(kit / "Annotations", line) for line in lines))
            if files:
                found.setdefault(name, []).append(_Listed(files, album, prefix))
    return found, lists


def _xml_of(annotations: Path, line: str) -> Path:
    """Name the xml file of a line: a name, which may have spaces, or one with more behind it."""
    names = [f"{stem}{suffix}" for stem in (line, line.split(maxsplit=1)[0]) for suffix in (".xml", ".XML")]
    return next((annotations / name for name in names if (annotations / name).is_file()), annotations / names[-2])


def _lists(folder: Path) -> dict[str, Path]:
    """Choose the lists of one year: a trainval counts where nothing of it is kept apart as val."""
    found = {name: folder / f"{name}.txt" for name in ("train", "val", "test")}
    if not found["val"].is_file() and (folder / "trainval.txt").is_file():
        found["train"] = folder / "trainval.txt"
    return {name: file for name, file in found.items() if file.is_file()}


def _from_folders(folder: Path) -> dict[str, list[_Listed]]:
    """Collect the xml files of folders that are called as splits are."""
    folders = split_folders(folder, lambda one: bool(_xml(one)), EXPECTED)
    if not folders:
        found = "xml files, but no folders of splits and no ImageSets/Main"
        raise DataError(EXPECTED, found, str(folder), FIX)
    return {name: [_Listed(_xml(one), Album([one / place for place in PICTURES]))] for name, one in folders.items()}


def _xml(folder: Path) -> list[Path]:
    return sorted(file for place in PLACES for file in files_in(folder / place, ".xml"))


def _pictures(parts: Sequence[_Listed]) -> list[Annotated]:
    """Read the files of one split."""
    made = []
    for part in parts:
        for file in part.files:
            told = read_voc_file(file) if file.is_file() else _absent(file)
            image = part.album.of(file, told.called)
            inside = f"{part.prefix}/{image.name}" if part.prefix else image.name
            made.append(Annotated(image, inside, told.size, told.objects, told.problems))
    return made


def _absent(file: Path) -> VocFile:
    return VocFile(problems=(LabelProblem(file, None, "expected an xml file, found nothing of that name", ""),))


def _require_pixels(pictures: Sequence[Annotated], folder: Path) -> None:
    """Refuse boxes that are shares of their pictures, as no tool should write them into xml files of VOC."""
    boxes = np.array([one[1:5] for picture in pictures for one in picture.objects], dtype=np.float64).reshape(-1, 4)
    if shares(boxes):
        raise DataError(
            expected="xmin, ymin, xmax and ymax in pixels",
            found=f"{len(boxes)} boxes below 1",
            where=str(folder),
            fix="are these shares of the picture? multiply them by its width and height",
        )


def _first_pixel(pictures: Sequence[Annotated]) -> tuple[int, list[str]]:
    """Tell what the first pixel is called: 1, unless boxes begin before it, or most of them between pixels."""
    objects = [one for picture in pictures for one in picture.objects]
    before = sum(one.left < 1 or one.top < 1 for one in objects)
    between = sum(any(number % 1 for number in one[1:5]) for one in objects)
    if before or between > len(objects) * BETWEEN:
        told = f"boxes that begin before 1: {before:,}" if before else f"boxes with fractions of pixels: {between:,}"
        return 0, [f"pixels count from 0 here, not from 1 as in VOC ({told})"]
    return 1, ["1 px was taken off all corners, as pixels count from 1 in VOC"] if objects else []


def _shifted(pictures: Sequence[Annotated], shift: int) -> list[Annotated]:
    return [
        one._replace(objects=[each._replace(left=each.left - shift, top=each.top - shift) for each in one.objects])
        for one in pictures
    ]
