"""Read the xml of one picture of Pascal VOC. Whatever it declares is refused: files come from strangers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate

from auxhead.foreign.data_set import Object
from auxhead.labels.problems import LabelProblem

LARGEST = 1 << 25  # bytes of a file: 100,000 boxes. Source: own choice
LINE = "line"  # the attribute that tells where an element begins; neither VOC nor CVAT has one of this name
CORNERS = ("xmin", "ymin", "xmax", "ymax")
YES = {"1", "true", "yes"}  # VOC writes 1. Source of the others: own choice


@dataclass(frozen=True)
class VocFile:
    """What one file says.

    Attributes:
        size: Width and height, pixels; None where they are missing, or 0.
        called: The name of its picture; '' where there is none.
        objects: Boxes as they are written, whether pixels count from 0 or 1; difficult ones are ignored ones.
        problems: What is wrong with it.
    """

    size: tuple[int, int] | None = None
    called: str = ""
    objects: tuple[Object, ...] = ()
    problems: tuple[LabelProblem, ...] = ()


def read_voc_file(path: Path) -> VocFile:
    """Read one file; what is wrong with it is told with its lines, never raised."""
    try:
        if path.stat().st_size > LARGEST:
            return _broken(path, None, f"a file of more than {LARGEST >> 20} MiB")
        root = parse_xml(path.read_bytes())
    except ExpatError as error:
        return _broken(path, error.lineno, f"broken xml: {error}")
    except (OSError, ValueError, LookupError) as error:  # LookupError: an encoding that there isn't
        return _broken(path, None, getattr(error, "strerror", None) or str(error))
    if root.tag != "annotation":
        return _broken(path, None, f"<{root.tag}>")
    objects, problems = [], []
    for one in root.findall("object"):
        try:
            objects.append(_object(one))
        except ValueError as error:
            problems.append(LabelProblem(path, int(one.get(LINE, 0)), str(error), _shown(one)))
    return VocFile(_size(root), _text(root, "filename"), tuple(objects), tuple(problems))


def parse_xml(raw: bytes) -> Element:
    """Parse xml without any declaration of a document type: entities, which can grow without end, need one.

    Every element gets the line on which it begins as its attribute LINE, beside its own.

    Raises:
        ExpatError: It is no xml.
        ValueError: It declares a document type.

    Source:
        defusedxml's forbid_dtd, with the parser that Python has: no package more for one handler.
    """
    builder, parser = TreeBuilder(), ParserCreate()

    def refuse(*_: Any) -> None:
        message = "a declaration of a document type (<!DOCTYPE), as no annotation needs; take it out if you trust it"
        raise ValueError(message)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda tag, own: builder.start(tag, {**own, LINE: str(parser.CurrentLineNumber)})
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(raw, True)
    return builder.close()


def _broken(path: Path, line: int | None, found: str) -> VocFile:
    problem = LabelProblem(path, line, f"expected an <annotation> of Pascal VOC, found {found}", "")
    return VocFile(problems=(problem,))


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _number(element: Element, tag: str) -> float:
    text = _text(element, tag)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        message = f"expected a number as {tag}, found {text[:40]!r}"
        raise ValueError(message)
    return value


def _size(root: Element) -> tuple[int, int] | None:
    """Return width and height; a size that can't be one is as good as none, as the picture has its own."""
    size = root.find("size")
    try:
        sides = [int(_number(size, side)) for side in ("width", "height")] if size is not None else []
    except ValueError:
        return None
    return (sides[0], sides[1]) if sides and min(sides) > 0 else None


def _object(one: Element) -> Object:
    """Bring an object to its name and box; parts of it, which have boxes of their own, are passed over."""
    name, box = _text(one, "name"), one.find("bndbox")
    if not name or box is None:
        message = f"expected an object with {'a bndbox' if name else 'a name'}, found none"
        raise ValueError(message)
    left, top, right, bottom = (_number(box, corner) for corner in CORNERS)
    if right < left or bottom < top:
        message = "expected xmin <= xmax and ymin <= ymax, found the opposite"
        raise ValueError(message)
    return Object(name, left, top, right - left, bottom - top, _text(one, "difficult").lower() in YES)


def _shown(one: Element) -> str:
    """Write the texts of an object in one line."""

    def texts() -> Iterator[str]:
        yield from (f"{each.tag}={each.text.strip()}" for each in one.iter() if each.text and each.text.strip())

    return " ".join(texts())[:200]
