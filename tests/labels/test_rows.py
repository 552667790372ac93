from pathlib import Path
from typing import Any

import pytest

from auxhead.labels.rows import Rules, check_rows

GOOD = "0 .5 .5 .2 .2"
POLYGON = "0 .1 .1 .3 .1 .3 .4"
FILE = Path("a.txt")
EITHER = "expected 5 columns (or a class and at least 3 pairs x y)"


def problems(text: str | bytes, **rules: Any) -> list[tuple[int | None, str]]:
    raw = text.encode() if isinstance(text, str) else text
    return [(p.line, p.what) for p in check_rows(raw, Rules(**{"nc": 4, **rules}), FILE).problems]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n\t\n",
        "\ufeff",
        GOOD,
        f"{GOOD}\r\n{GOOD[:-1]}3\r\n",
        f"\ufeff{GOOD}\n",
        "0\t.5\t.5\t.2\t.2",
        "3 5e-1 5.E-01 +.2 1.01",
        "-0.0 -.01 -.01 0 0",
        POLYGON,
        f"{POLYGON}\n0 .5 .5",  # one point, let through beside a longer row
        "0 -.05 .1 .2 .1 .2 .3",  # leaves the image, but its box has center and size within the limits
        "0 .8 .8 1.05 .8 .9 .9",
    ],
)
def test_what_ultralytics_accepts_has_no_problem(text):
    assert problems(text) == []


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("0 .5 .5 .2", "expected 5 columns, found 4"),
        ("0", "expected 5 columns, found 1"),
        ("0 .5 .5", "expected 5 columns, found 3"),
        (
            "0 .5 .5 .2 .2 .9",
            f"{EITHER}, found 6: is the last one a score, as predictions have?",
        ),
        ("0 .1 .1 .2 .2 .3 .3 .4", f"{EITHER}, found 8"),
        ("0 .5 x .2 .2", "expected a number in column 3, found 'x'"),
        ("0,.5,.5,.2,.2 1 1 1 1", "expected a number in column 1, found '0,.5,.5,.2,.2'"),
        ("car .5 .5 .2 .2", "expected a number in column 1, found 'car'"),
        ("0 .5 .5 .2 nan", "expected a finite number in column 5, found 'nan'"),
        ("inf .5 .5 .2 .2", "expected a finite number in column 1, found 'inf'"),
        ("0 .5 .5 -1e39 .2", "expected a finite number in column 4, found '-1e39'"),
        ("4 .5 .5 .2 .2", "expected a class id from 0 to 3, found '4': ids count from 0"),
        ("5 .5 .5 .2 .2", "expected a class id from 0 to 3, found '5'"),
        ("1.5 .5 .5 .2 .2", "expected a class id from 0 to 3, found '1.5'"),
        ("-1 .5 .5 .2 .2", "expected a class id from 0 to 3, found '-1'"),
        ("-.005 .5 .5 .2 .2", "expected a class id from 0 to 3, found '-.005'"),
        ("0 1.0100001 .5 .2 .2", "expected x_center from 0 to 1, found '1.0100001'"),
        ("0 .5 -.0100001 .2 .2", "expected y_center from 0 to 1, found '-.0100001'"),
        ("0 .5 .5 -.001 .2", "expected width from 0 to 1, found '-.001'"),
        ("0 .5 .5 .2 320", "expected height from 0 to 1, found '320'"),
        ("9 .5 .5 .2 2", "expected a class id from 0 to 3, found '9'; expected height from 0 to 1, found '2'"),
        ("0 1.25 .1 1.5 .1 1.5 .2", "expected x_center of the polygon's box from 0 to 1, found 1.375"),
        ("0 .1 .1 1.5 .1 .2 .2", "expected width of the polygon's box from 0 to 1, found 1.4"),
        (
            "0 .5 .5 .25 .5 .9 2",
            (
                "expected y_center of the polygon's box from 0 to 1, found 1.25; expected height of the polygon's box "
                "from 0 to 1, found 1.5: are the last two a score and a track id, as predictions have?"
            ),
        ),
        ("0 .1 .1 nan .1 .2 .2", "expected a finite number in column 4, found 'nan'"),
    ],
)
def test_a_bad_row_says_what_was_expected_and_found(row, what):
    assert problems(row) == [(1, what)]


def test_every_bad_row_is_named_with_its_physical_line():
    text = f"\r\n{GOOD}\r\n0 2 .5 .2 .2\r\n\r\n0 .5\r\n{GOOD}\r\nx .5 .5 .2 .2"
    assert [line for line, _ in problems(text)] == [3, 5, 7]


def test_a_form_feed_starts_a_row_but_no_line():
    assert problems(f"{GOOD}\f0 .5\n7 .5 .5 .2 .2") == [
        (1, "expected 5 columns, found 2"),
        (2, "expected a class id from 0 to 3, found '7'"),
    ]


def test_a_mixed_file_is_no_problem_where_it_is_allowed():
    mixed = f"{GOOD}\n{POLYGON}\n0 .5 .5\n{GOOD}"
    assert problems(mixed)
    assert problems(mixed, mixed=True) == []
    assert problems("0 .5 .5 .2 .2 .1 .1 2 .1\n0 .5 .5", mixed=True, pose_columns=9) == [
        (2, "expected 5 columns, found 3")
    ]


def test_the_rarer_kind_of_a_mixed_file_is_the_problem():
    assert problems(f"{GOOD}\n{POLYGON}\n{GOOD}") == [(2, "expected only boxes as in line 1, found a polygon")]
    assert problems(f"{POLYGON}\n{POLYGON}\n{GOOD}") == [(3, "expected only polygons as in line 1, found a box")]
    assert problems(f"{POLYGON}\n{GOOD}") == [(2, "expected only polygons as in line 1, found a box")]


def test_boxes_beside_a_malformed_long_row_are_not_blamed():
    assert [line for line, _ in problems(f"{GOOD}\n0 .1 .1 .2 .2 .3 .3 .4\n{GOOD}")] == [2]


def test_single_cls_lifts_the_upper_class_limit_only():
    assert problems("17 .5 .5 .2 .2", single_cls=True) == []
    assert problems("-1 .5 .5 .2 .2", single_cls=True) == [(1, "expected a whole class id of at least 0, found '-1'")]


def test_pose_rows_are_boxes_where_the_data_has_a_kpt_shape():
    pose = f"{GOOD} .1 .1 2 .3 .3 2 nan x 9"
    assert problems(pose) != []
    assert problems(f"{pose}\n{GOOD}", pose_columns=14) == []


def test_a_bad_byte_hides_no_other_row():
    assert problems(b"0 .5 .5 .2 .2\n0 .5 \xe9 .2 .2\n0 .5") == [
        (2, "expected UTF-8 text, found byte 0xe9 at column 6"),
        (3, "expected 5 columns, found 2"),
    ]
    assert check_rows(b"0 \xe9", Rules(4), FILE).problems[0].row == r"0 \xe9"


def test_utf16_is_one_problem():
    assert problems(f"{GOOD}\n{GOOD}".encode("utf-16")) == [(1, "expected UTF-8 text, found UTF-16 text")]


def test_a_long_row_and_a_long_cell_are_cut():
    (problem,) = check_rows(f"{'x' * 1000} 0 0 0 0".encode(), Rules(4), FILE).problems
    assert len(problem.row) == 200
    assert problem.what == f"expected a number in column 1, found '{'x' * 37}...'"


@pytest.mark.parametrize(
    ("text", "duplicates"),
    [
        (f"{GOOD}\n0.0 0.50 5e-1 .2 .2\n{GOOD}", 2),
        ("0 0.0 .5 .2 .2\n-0 -0.0 .5 .2 .2", 1),
        (f"{POLYGON}\n{POLYGON}", 1),
        ("0 .1 .1 .3 .1 .3 .4\n0 .1 .1 .3 .4 .1 .4", 0),  # other polygon, same box
        (f"{GOOD}\n{GOOD}\n0 .5", 0),
    ],
)
def test_duplicates(text, duplicates):
    assert check_rows(text.encode(), Rules(4), FILE).duplicates == duplicates
