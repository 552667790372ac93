import math
import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auxhead.keys.convert import Keypoints, PoseKeys, SegmentKeys
from auxhead.labels.conversion.rows import FLIP_IDX, RowConverter, _text, row_writer
from auxhead.labels.rows import Rules, check_rows

FILE = Path("a.txt")
KINDS: tuple[Keypoints, ...] = ("center", "corners", "center+corners")
TARGETS = [
    *(PoseKeys(keypoints=kind, visibility=visible) for kind in KINDS for visible in (True, False)),
    SegmentKeys(),
    SegmentKeys(shape="ellipse"),
]


def convert(text, target=None, *, nc=3, pose_columns=None):
    rules = Rules(nc, pose_columns=pose_columns)
    return RowConverter(rules, row_writer(target or PoseKeys()))(
        text if isinstance(text, bytes) else text.encode(), FILE
    )


@pytest.mark.parametrize(
    ("keypoints", "visibility", "row"),
    [
        ("center", True, "1 0.50 .25 0.5 0.250 0.50 .25 1"),
        ("center", False, "1 0.50 .25 0.5 0.250 0.50 .25"),
        ("corners", True, "1 0.50 .25 0.5 0.250 0.25 0.125 1 0.75 0.125 1 0.75 0.375 1 0.25 0.375 1"),
        ("corners", False, "1 0.50 .25 0.5 0.250 0.25 0.125 0.75 0.125 0.75 0.375 0.25 0.375"),
        (
            "center+corners",
            True,
            "1 0.50 .25 0.5 0.250 0.50 .25 1 0.25 0.125 1 0.75 0.125 1 0.75 0.375 1 0.25 0.375 1",
        ),
    ],
)
def test_keypoints_of_a_box(keypoints, visibility, row):
    target = PoseKeys(keypoints=keypoints, visibility=visibility)
    assert convert("1 0.50 .25 0.5 0.250\n", target).content.decode() == row + "\n"
    assert convert("1\t0.50 .25 0.5 0.250", target).content.decode() == row + "\n"


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("0 -.005 1.01 .1 .1", "0 -.005 1.01 .1 .1 0 1 1"),
        ("0 1.0000001 1 .1 .1", "0 1.0000001 1 .1 .1 1 1 1"),
        ("2.0 5e-1 +.25 1_0e-2 0", "2.0 5e-1 +.25 1_0e-2 0 5e-1 +.25 1"),
        ("0 .1 .1 .3 .1 .3 .4", "0 0.2 0.25 0.20000002 0.3 0.2 0.25 1"),
        ("0 .5 .5 .2 .2 .1 .1 2", "0 .5 .5 .2 .2 .5 .5 1"),
    ],
)
def test_the_text_of_a_box_is_kept_and_keypoints_stay_on_the_image(source, row):
    pose_columns = 8 if len(source.split()) == 8 else None
    assert convert(source, pose_columns=pose_columns).content.decode() == row + "\n"


def test_corners_beyond_the_image_move_to_its_edge():
    cells = convert("0 0.1 0.95 0.5 0.5\n", PoseKeys(keypoints="corners")).content.decode().split()[5:]
    assert cells == ["0.0", "0.7", "1", "0.35", "0.7", "1", "0.35", "1.0", "1", "0.0", "1.0", "1"]


def test_outlines():
    assert convert("1 .5 .5 .5 .5", SegmentKeys()).content == b"1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n"
    polygon = "1 .1 1e-1 .30 .1 .3 .4\n1\t.2 .2 .3 .3 .4 .2\n"
    for shape in ("box", "ellipse"):
        assert convert(polygon, SegmentKeys(shape=shape)).content.decode() == polygon.replace("\t", " ")


def test_the_ellipse_touches_its_box_and_has_the_area_it_says():
    cells = convert("1 0.5 0.5 0.5 0.25", SegmentKeys(shape="ellipse")).content.split()
    points = np.array(cells[1:], float).reshape(-1, 2)
    assert len(points) == 32
    assert points.min(axis=0).tolist() == [0.25, 0.375]
    assert points.max(axis=0).tolist() == [0.75, 0.625]
    assert np.allclose(((points - 0.5) / [0.25, 0.125]) ** 2 @ [1, 1], 1)
    x, y = points.T
    area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    assert area / (math.pi * 0.25 * 0.125) == pytest.approx(0.9936, abs=1e-4)


@pytest.mark.parametrize("text", ["", "\n \t\r\n", "\ufeff", b"\xef\xbb"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_no_row_gives_no_byte(text, target):
    assert convert(text, target) == (b"", 0, ())


def test_flip_idx_swaps_left_and_right_and_is_its_own_inverse():
    assert set(KINDS) == set(FLIP_IDX)
    for kind in KINDS:
        flip_idx = FLIP_IDX[kind]
        cells = convert("0 0.3 0.4 0.2 0.1", PoseKeys(keypoints=kind, visibility=False)).content.split()[5:]
        points = np.array(cells, float).reshape(-1, 2)
        mirrored = points * [-1, 1] + [0.6, 0]
        assert np.allclose(mirrored[flip_idx], points)


def test_bad_rows_are_those_of_check_rows():
    text = b"0 .5 .5 .2 .2\n3 .5 .5 .2 .2\n0 .5 .5 .2\n"
    found = convert(text)
    assert found.problems == check_rows(text, Rules(3), FILE).problems
    assert (len(found.problems), found.content, found.rows) == (2, b"", 0)


plain_number = st.one_of(
    st.sampled_from(["0", "1", "0.", "1.", "1.0", ".5", "0.0", "1.000000", "0." + "3" * 30]),
    st.floats(0, 1).map(lambda v: f"{v:.6f}"),
)
odd_number = st.sampled_from(
    ["01", "1.01", "-0.0", "1e-3", "1.5", "nan", ".", "", "0.5 ", "0." + "3" * 31, "x", "\u0660"]
)
plain_row = st.tuples(st.sampled_from("012"), plain_number, plain_number, plain_number, plain_number).map(" ".join)
odd_row = st.lists(st.one_of(plain_number, plain_number, odd_number, st.just("3")), max_size=8).map(" ".join)
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", " \n", "\t\r\n", "\n\n", "\r", ""])


@st.composite
def label_file(draw):
    odd = draw(st.integers(0, 3)) == 0
    rows = draw(st.lists(st.one_of(plain_row, odd_row) if odd else plain_row, max_size=5))
    return "".join(row + draw(ends) for row in rows).encode()


@settings(max_examples=300)
@given(raw=label_file(), target=st.sampled_from(TARGETS))
@example(raw=b"0 .5 .5 .2 .2\n0 .5 .5 .2 .2 .1 .1 2\n", target=TARGETS[0])
@example(raw=b"0 .5 .5 .2 .20 .5 .5 .2 .2\n", target=TARGETS[0])
@example(raw=b"0 .5 .5 .2 .2\x000 .5 .5 .2 .2\n", target=TARGETS[0])
def test_the_fast_way_is_the_careful_way(raw, target):
    rows = RowConverter(Rules(3), row_writer(target))
    quick = rows.plain(raw)
    assert quick is None or quick == rows.careful(raw, FILE)


def test_ordinary_files_go_the_fast_way():
    rows = RowConverter(Rules(80), row_writer(PoseKeys()))
    assert rows.plain(b"79 0.584559 0.536250 0.030882 0.045000\r\n0 1 0 1.0 .5") is not None
    assert rows.plain(b"80 0.584559 0.536250 0.030882 0.045000\n") is None


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_float32_text_brings_the_number_back(bits):
    value: np.float32 = np.array([bits], np.uint32).view(np.float32)[0]
    if np.isfinite(value):
        assert np.array([_text(value)], dtype=np.float32)[0].tobytes() == value.tobytes()


numbers = st.floats(0, 1, width=32).map(lambda value: repr(float(value)))


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("012"), numbers, numbers, numbers, numbers), min_size=1, max_size=5))
def test_boxes_and_centers_come_back_bit_for_bit(rows):
    content = convert("\n".join(map(" ".join, rows))).content.decode()
    found = np.array([line.split() for line in content.splitlines()], dtype=np.float32)
    expected = np.array(rows, dtype=np.float32)
    assert (found[:, :5] == expected).all()
    assert (found[:, 5:7] == expected[:, 1:3]).all()
    assert (found[:, 7] == 1).all()


@pytest.mark.parametrize(
    "raw",
    [b"1" * 2_000_000, b"0." + b"5" * 2_000_000, b"0 .5 .5 " * 250_000, b" " * 2_000_000],
    ids=lambda r: str(r[:9]),
)
def test_no_content_makes_the_search_slow(raw):
    rows = RowConverter(Rules(3), row_writer(PoseKeys()))
    started = time.process_time()
    assert rows.plain(raw) is None
    assert time.process_time() - started < 5


def test_random_bytes_never_raise():
    draw = random.Random(0)
    for _ in range(300):
        convert(draw.randbytes(draw.randrange(60)))
