"""Rows of a results file, one block after the other, and what they say in columns: files may be larger than memory."""

from __future__ import annotations

import codecs
import gc
import json
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from auxhead.metrics.results.boxes import read_box
from auxhead.metrics.results.problems import BadRowError
from auxhead.metrics.truth import Floats

READ = 2**20  # bytes read at once: some 10,000 rows. Source: own choice
LONGEST = 2**26  # characters in which a row must end: no detector's row is a thousandth as long. Source: own choice
SPACE = " \t\n\r"  # Source: RFC 8259, 2
SPACES = frozenset(SPACE)
DECODER = json.JSONDecoder()
COMPLETE = "give every row numbers for bbox and score, and an id for its image and class"
IMAGE = ("file_name", "image_id")
CLASS = ("category_id", "category_name")
Codes = npt.NDArray[np.int32]
Result = TypeVar("Result")


def read_blocks(path: Path) -> Iterator[list[Any]]:
    """Read the elements of a json list, some at a time, so that the file is never in memory as a whole.

    Args:
        path: In UTF-8, 16 or 32, with or without a byte-order mark.

    Raises:
        OSError: It can't be read.
        ValueError: It is no json, or no list.
        RecursionError: It is nested too deeply.
    """
    with path.open("rb") as file:
        first = file.read(READ)
        decode = codecs.getincrementaldecoder(json.detect_encoding(first))("surrogatepass").decode
        text = decode(first).lstrip(SPACE)
        while not text[1:].strip(SPACE) and (more := file.read(READ)):
            text = (text + decode(more)).lstrip(SPACE)
        if text[:1] != "[":
            raise ValueError("no list")
        text = text[1:].lstrip(SPACE)
        text = text if text[:1] == "]" else f",{text}"  # a comma before each element
        while not text.startswith("]"):
            rows, text = _elements(text)
            yield rows
            more = file.read(READ)
            if len(text) > LONGEST or not (more or text.startswith("]")):
                raise ValueError("no end")
            text += decode(more, not more)
        while more := file.read(READ):
            text += decode(more).strip(SPACE)
        if text[1:].strip(SPACE):
            raise ValueError("something behind the list")


def _elements(text: str) -> tuple[list[Any], str]:
    """Read elements, each with a comma before it, that surely end in a text; with the rest of the text."""
    rows, place = [], 0
    with suppress(ValueError):  # nearly always a row ends at the last brace: all of them at once
        last = text.rindex("}") + 1
        if text.startswith(","):
            rows, place = json.loads(f"[{text[1:last]}]"), last
    while text[(start := _skip(text, place)) : start + 1] == ",":
        try:
            row, end = DECODER.raw_decode(text, _skip(text, start + 1))
        except ValueError:
            break  # the rest of it comes with the next bytes
        if text[(after := _skip(text, end)) : after + 1] not in {",", "]"}:
            break  # the first half of a number is a number
        rows.append(row)
        place = end
    return rows, text[_skip(text, place) :]


def _skip(text: str, place: int) -> int:
    """Return the place of the next character that is no space."""
    while text[place : place + 1] in SPACES:
        place += 1
    return place


class Columns:
    """What rows say: boxes and scores as numbers; images and classes as they are named, each name once.

    Attributes:
        images: How k rows name their images.
        classes: How they name their classes.
        bad: What is wrong with box or score, by place; both are 0 there.
    """

    def __init__(self, blocks: Iterable[Sequence[Any]]) -> None:
        """Read all of them."""
        self.images, self.classes = _Names(IMAGE), _Names(CLASS)
        self.bad: dict[int, BadRowError] = {}
        self._boxes, self._scores = array("d"), array("d")
        collected = gc.isenabled()
        gc.disable()  # rows hold no cycles, and looking for some takes a fifth of the time
        try:
            for rows in blocks:
                self._add(rows)
        finally:
            if collected:
                gc.enable()

    @property
    def rows(self) -> int:
        """Count them."""
        return len(self._scores)

    @property
    def boxes(self) -> Floats:
        """Left, top, width, height, shape (k, 4)."""
        return np.frombuffer(self._boxes).reshape(-1, 4) if self._boxes else np.empty((0, 4))

    @property
    def scores(self) -> Floats:
        """Confidence, shape (k,)."""
        return np.frombuffer(self._scores) if self._scores else np.empty(0)

    def _add(self, rows: Sequence[Any]) -> None:
        start = self.rows
        try:
            scores = np.array([row["score"] for row in rows], dtype=np.float64)
            boxes = np.array([row["bbox"] for row in rows], dtype=np.float64)
            fine = scores.shape == (len(rows),) and boxes.shape == (len(rows), 4)
            fine = fine and bool(np.isfinite(scores).all() and np.isfinite(boxes).all())
            fine = fine and bool((scores >= 0).all() and (boxes[:, 2:] >= 0).all())
        except (KeyError, OverflowError, TypeError, ValueError):
            fine = False
        if not fine:  # one after the other, to tell which are wrong and how
            read, bad = each(dict(enumerate(rows)), _box_and_score)
            self.bad |= {start + place: problem for place, problem in bad.items()}
            table = np.array([read.get(place, (0.0,) * 5) for place in range(len(rows))]).reshape(-1, 5)
            boxes, scores = table[:, :4], table[:, 4]
        self._boxes.frombytes(np.ascontiguousarray(boxes).tobytes())
        self._scores.frombytes(np.ascontiguousarray(scores).tobytes())
        self.images.add(rows)
        self.classes.add(rows)


class _Names:
    """The different ways in which rows fill some of their columns.

    Attributes:
        parts: Each of them once, as a row of these columns alone; what is no object stays as it is.
    """

    def __init__(self, columns: tuple[str, str]) -> None:
        self.columns = columns
        self.parts: list[Any] = []
        self._codes = array("i")
        self._known: dict[Hashable, int] = {}

    @property
    def codes(self) -> Codes:
        """Which of the parts each row has, shape (k,)."""
        return np.frombuffer(self._codes, dtype=np.int32) if self._codes else np.empty(0, dtype=np.int32)

    def add(self, rows: Sequence[Any]) -> None:
        one, other = self.columns
        known = self._known
        for row in rows:
            try:
                # True is 1 to a dictionary, but no id; what is absent isn't None.
                key: Hashable = (row.get(one, ...), row.get(other, ...), type(row.get(one)), type(row.get(other)))
                code = known.get(key)
            except (AttributeError, TypeError):
                key = repr(row)
                code = known.get(key)
            if code is None:
                code = known[key] = len(self.parts)
                told = isinstance(row, Mapping)
                self.parts.append({name: row[name] for name in self.columns if name in row} if told else row)
            self._codes.append(code)


def _box_and_score(row: Mapping[str, Any]) -> list[float]:
    if not isinstance(row["score"], int | float | str):
        raise BadRowError(f"score {row['score']!r}, no number", COMPLETE)
    score = float(row["score"])
    return [*read_box(row["bbox"], score), score]


def each(rows: Mapping[int, Any], read: Callable[[Any], Result]) -> tuple[dict[int, Result], dict[int, BadRowError]]:
    """Read rows; with what is wrong with the others, both by place."""
    made: dict[int, Result] = {}
    bad: dict[int, BadRowError] = {}
    for place, row in rows.items():
        try:
            made[place] = read(row)
        except BadRowError as problem:
            bad[place] = problem
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            bad[place] = BadRowError(f"no {error}" if isinstance(error, KeyError) else str(error), COMPLETE)
    return made, bad
