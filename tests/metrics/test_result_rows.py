"""Results are read some at a time, and say what they would if they were read at once."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auxhead.errors import DataError
from auxhead.evaluation import readings
from auxhead.evaluation.readings import Reading, Readings
from auxhead.metrics import results_file
from auxhead.metrics.results import rows as module
from auxhead.metrics.results.rows import Columns, read_blocks
from auxhead.metrics.results_file import read_results, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
SPACES = st.text(" \t\n\r", max_size=3)
slow = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, content: bytes) -> list[Any]:
    path.write_bytes(content)
    return [row for block in read_blocks(path) for row in block]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
@slow
@given(rows=st.lists(VALUES, max_size=6), space=SPACES, after=SPACES, at_once=st.integers(4, 40), ascii_=st.booleans())
def test_blocks_are_the_list(rows, space, after, at_once, ascii_, encoding, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ", at_once)
    text = json.dumps(rows, separators=(f"{space},{after}", f"{after}:{space}"), ensure_ascii=ascii_)
    assert read(tmp_path / "rows.json", (space + text + after).encode(encoding, "surrogatepass")) == rows


@slow
@given(
    rows=st.lists(VALUES, max_size=4),
    place=st.integers(0, 200),
    put=st.sampled_from([*'[]{},:"1e- x', ""]),
    drop=st.integers(0, 2),
)
@example(rows=[1], place=2, put=",", drop=0)  # [1,]
@example(rows=[1], place=1, put=",", drop=0)  # [,1]
@example(rows=[1], place=3, put="]", drop=0)  # [1]]
@example(rows=[12, 3], place=3, put="", drop=1)  # [12 3]
@example(rows=[1], place=2, put="", drop=1)  # [1
@example(rows=[{}, {}], place=3, put="[", drop=1)  # [{}[ {}]
def test_what_is_no_list_is_refused(rows, place, put, drop, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ", 5)
    text = json.dumps(rows)
    text = text[:place] + put + text[place + drop :]
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    if isinstance(expected, list):
        assert read(tmp_path / "rows.json", text.encode()) == expected
    else:
        with pytest.raises(ValueError, match=r"."):
            read(tmp_path / "rows.json", text.encode())


def test_an_endless_row_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ", 16)
    monkeypatch.setattr(module, "LONGEST", 64)
    with pytest.raises(ValueError, match="no end"):
        read(tmp_path / "rows.json", b'[{"a": "' + b"x" * 200 + b'"}]')


ROW = {"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4.5], "score": 0.5}


def test_columns_of_rows():
    other = ROW | {"image_id": "7", "file_name": "7.png", "bbox": ["1", 2, 3, 4]}
    columns = Columns([[ROW, other], [ROW]])
    assert columns.rows == 3
    assert columns.boxes.tolist() == [[1, 2, 3, 4.5], [1, 2, 3, 4], [1, 2, 3, 4.5]]
    assert columns.scores.tolist() == [0.5] * 3
    assert columns.images.codes.tolist() == [0, 1, 0]
    assert columns.images.parts == [{"image_id": 7}, {"image_id": "7", "file_name": "7.png"}]
    assert columns.classes.parts == [{"category_id": 3}]
    assert not columns.bad


def test_no_row_has_no_columns():
    columns = Columns([[]])
    assert (columns.boxes.shape, columns.scores.shape, columns.images.codes.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"score": None}, "score None"),
        ({"score": "high"}, "high"),
        ({"score": float("nan")}, "score of at least 0, found nan"),
        ({"score": 10**400}, "too large"),
        ({"score": -1}, "score of at least 0"),
        ({"score": [0.5]}, "score [0.5]"),
        ({"bbox": [1, 2, 3]}, "four numbers"),
        ({"bbox": "1234"}, "list of four numbers"),
        ({"bbox": {"1": 1, "2": 2, "3": 3, "4": 4}}, "list of four numbers"),
        ({"bbox": [1, 2, -3, 4]}, "width and height"),
        ({"bbox": [1, 2, 3, None]}, "NoneType"),
        ({"bbox": [1, 2, 3, [4]]}, "list"),
        ({"bbox": [1, 2, 3, float("inf")]}, "finite"),
        ({"bbox": [1, 2, 3, 10**400]}, "too large"),
    ],
    ids=str,
)
def test_a_bad_row_is_named_and_the_others_read(changed, problem):
    columns = Columns([[ROW], [ROW, ROW | changed, ROW]])
    assert list(columns.bad) == [2]
    assert problem in str(columns.bad[2])
    assert columns.boxes[[0, 1, 3]].tolist() == [[1, 2, 3, 4.5]] * 3
    assert not np.any(columns.boxes[2])


@pytest.mark.parametrize("row", [None, 5, "row", [1, 2]])
def test_a_row_that_is_no_object_is_named(row):
    columns = Columns([[ROW, row]])
    assert list(columns.bad) == [1]
    assert columns.images.parts == [{"image_id": 7}, row]


def test_an_id_that_is_no_id_is_another_one():
    rows = [ROW | {"image_id": one} for one in (1, True, [1], None, "1")]
    assert len(Columns([rows]).images.parts) == 5


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_detections_are_written_as_one_list(count, build, tmp_path, monkeypatch):
    monkeypatch.setattr(results_file, "WRITTEN", 2)
    found = build.found([(place % 2, 1, place, 2, 3, 4.5, 0.1 * place) for place in range(count)])
    written = b"".join(to_json(found, ["pictures/a/1.png", "pictures/b/x.png"]))
    assert written == json.dumps(rows := json.loads(written)).encode()
    assert [row["file_name"] for row in rows] == ["a/1.png", "b/x.png", "a/1.png", "b/x.png", "a/1.png"][:count]
    assert [row["image_id"] for row in rows] == [1, "x", 1, "x", 1][:count]
    truth = replace(build.truth([], images=2), files=("pictures/a/1.png", "pictures/b/x.png"))
    (tmp_path / "found.json").write_bytes(written)
    again = read_results(tmp_path / "found.json", truth)
    assert again.boxes.tolist() == found.boxes.tolist()
    assert again.scores == pytest.approx(found.scores, abs=1e-7)
    assert (again.image.tolist(), again.cls.tolist()) == (found.image.tolist(), found.cls.tolist())


def test_what_is_wrong_with_rows_on_images_left_out_is_passed_over(build, tmp_path):
    truth = replace(build.truth([(0, 0, 1, 2, 3, 4)]), files=("a.png",), left_out=("b.png",))
    row = {"file_name": "a.png", "category_id": 0, "bbox": [1, 2, 3, 4], "score": 0.5}
    rows = [row, {"file_name": "b.png", "category_id": 99, "bbox": None}, row]
    (tmp_path / "found.json").write_text(json.dumps(rows))
    found = read_results(tmp_path / "found.json", truth)
    assert found.left_out == 1
    assert found.boxes.tolist() == [[1, 2, 3, 4]] * 2
    (tmp_path / "found.json").write_text(json.dumps([row, {**row, "bbox": None}]))
    with pytest.raises(DataError, match="row 1: "):
        read_results(tmp_path / "found.json", truth)


def test_the_collector_is_as_it_was():
    broken: Any = [[ROW], None]
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(TypeError):
            Columns(broken)
        assert gc.isenabled() == enabled
    gc.enable()


def test_a_reading_that_changes_a_rare_class_is_found_below_the_best_scores(build, monkeypatch):
    monkeypatch.setattr(readings, "POOL", 4)
    truth = replace(build.truth([(0, 2, 50 * place, 0, 10, 10) for place in range(4)]), names=("a", "c", "b"))
    common = [(0, 0, 500, 500, 10, 10, 0.9)] * 10
    found = build.found([*common, *((0, 1, 50 * place, 0, 10, 10, 0.1) for place in range(4))])
    fit = Readings(truth, found, "own").fit(Reading(classes="classes in alphabetical order of their names"))
    assert (fit.hits, fit.own, fit.of) == (4, 0, 4)
