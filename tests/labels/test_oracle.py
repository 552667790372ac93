"""Our verdict on a label file is Ultralytics' verdict."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from ultralytics.data.base import BaseDataset
from ultralytics.data.utils import IMG_FORMATS, img2label_paths, verify_image_label

from auxhead.errors import DataError
from auxhead.labels.check import check_labels
from auxhead.labels.listing import IMAGE_SUFFIXES, label_path, list_images

NC = 3


@dataclass(frozen=True)
class Verdict:
    """What Ultralytics makes of one image and its label file."""

    corrupt: bool
    boxes: int
    empty: bool
    message: str


@pytest.fixture(scope="session")
def one_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real image of 16 x 16 pixels, whose label file the tests write over and over."""
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    Image.new("L", (16, 16)).save(folder / "images" / "a.png")
    return folder / "images" / "a.png"


def judge(image: Path, nc: int, *, single_cls: bool, kpt_shape: tuple[int, int] | None) -> Verdict:
    """Ask Ultralytics about one image; kpt_shape as in data.yaml."""
    label = img2label_paths([str(image)])[0]
    with warnings.catch_warnings():  # else a warning turned into an error would count as corrupt
        warnings.simplefilter("ignore")
        result = verify_image_label((str(image), label, "", False, nc, *(kpt_shape or (0, 0)), single_cls))
    _, boxes, _, _, _, _, _, empty, corrupt, message = result
    return Verdict(bool(corrupt), 0 if boxes is None else len(boxes), bool(empty), message)


good_class = st.sampled_from(["0", "1", "2", "2.0", "-0", "0e0", "1_0e-1", "-1e-50"])
bad_class = st.sampled_from(
    ["3", "17", "-1", "-0.005", "-1e-10", "0.5", "2.0000001", "2.9999999", "2.99", "1e39", "inf", "nan", "car", "0x1"]
)
good_number = st.one_of(
    st.sampled_from(["0", "1", ".5", "5e-1", "+.25", "1.01", "-0.0", "1.0", "0.1", "0.9", "1e-46"]),
    st.floats(0, 1).map(repr),
)
edge_number = st.sampled_from(["1.01", "1.0100001", "1.0100000001", "-.01", "-0.0100001", "-1e-9", "-1e-50", "1.005"])
bad_number = st.sampled_from(
    [
        "1.02",
        "640",
        "-.02",
        "-1",
        "nan",
        "-nan",
        "inf",
        "-inf",
        "1e39",
        "3.4e38",
        "-3.4e38",
        "x",
        "0,5",
        "1\x00",
        "\u0661",
    ]
)
separator = st.sampled_from([" ", " ", "\t", "  ", "\xa0"])
newline = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n \t\n", "\f", "\x85", "\u2028"])


def mostly(usual: st.SearchStrategy[str], *rare: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw from `usual` nine times in ten, so that whole files have a chance to be good."""
    return st.integers(0, 9).flatmap(lambda i: usual if i else st.one_of(*rare))


@st.composite
def row(draw: st.DrawFn, columns: st.SearchStrategy[int]) -> str:
    cells = [draw(mostly(good_class, bad_class))]
    cells += [draw(mostly(good_number, edge_number, bad_number)) for _ in range(draw(columns) - 1)]
    return draw(separator).join(cells)


boxes, polygons = st.just(5), st.sampled_from([7, 7, 9, 11, 3])
columns = st.sampled_from([boxes, polygons, st.sampled_from([5, 7]), st.sampled_from([5, 14]), st.integers(1, 14)])


@st.composite
def label_file(draw: st.DrawFn) -> bytes:
    rows = draw(st.lists(row(draw(columns)), max_size=5))
    rows += draw(st.lists(st.sampled_from(rows), max_size=1)) if rows else []
    text = "".join(line + draw(newline) for line in rows)
    return draw(st.sampled_from(["", "", "\ufeff"])).encode() + text.encode()


def assert_same_verdict(raw, one_image, *, single_cls=False, kpt_shape=None):
    label_path(one_image).write_bytes(raw)
    theirs = judge(one_image, NC, single_cls=single_cls, kpt_shape=kpt_shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = check_labels([one_image], NC, single_cls=single_cls, kpt_shape=kpt_shape)
    assert bool(ours.problems) == theirs.corrupt, theirs.message
    assert (ours.corrupt, ours.empty, ours.boxes) == (theirs.corrupt, theirs.empty, theirs.boxes)


@settings(max_examples=200)
@given(raw=label_file(), single_cls=st.booleans(), kpt_shape=st.sampled_from([None, None, (3, 3), (1, 2)]))
def test_generated_rows(raw, single_cls, kpt_shape, one_image):
    assert_same_verdict(raw, one_image, single_cls=single_cls, kpt_shape=kpt_shape)


@settings(max_examples=100)
@given(raw=st.one_of(st.binary(max_size=12), st.text("0 .5\n\ufeff", max_size=40).map(str.encode)))
def test_any_bytes(raw, one_image):
    assert_same_verdict(raw, one_image)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef",
        b"\xef\xbb",
        b"\xef\xbb\xbf",
        b"\xff\xfe0\x00",
        b"0 .5 .5 .2 \xe9\n",
        b"0 .5 .5 .2 .2\n0 .1 .1 .2 .2 .3 .3\n",
        b"0 .1 .1 .2 .2 .3 .3\n0 .5 .5\n",
        b"0 .1 .1 .2 .2 .3 .3\n0\n",
        b"0 .1 .1 1.05 .2 .3 .3\n",
        b"0 1.1 .1 1.2 .2 1.2 .3\n",
        b"nan .5 .5 .2 .2\n",
        b"0 .1 .1 nan .2 .3 .3\n",
    ],
)
def test_files_once_thought_about(raw, one_image):
    assert_same_verdict(raw, one_image)


def test_image_suffixes():
    assert IMAGE_SUFFIXES == IMG_FORMATS


def their_images(source):
    data_set = object.__new__(BaseDataset)
    data_set.prefix, data_set.fraction = "", 1.0
    return data_set.get_img_files(source)


@pytest.mark.parametrize("source", ["images", "train.txt", "{}/images", "{}/train.txt", ["images/b", "train.txt"]])
def test_images_and_label_paths(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("images/a.jpg", "images/b/images/c.PNG", "images/b/.d/e.jpg", "images/b/f.g/h.gif", "i.webp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"0")
    lines = ["./images/a.jpg", "images/b/images/c.PNG", "./i.webp", "", f"{tmp_path}/images/a.jpg", "a.jpg ", "./b/x.y"]
    (tmp_path / "train.txt").write_text("\n".join(lines))
    source = source.format(tmp_path) if isinstance(source, str) else source
    theirs = their_images(source)
    ours = list_images(source)
    assert [image.absolute() for image in ours] == [tmp_path / image for image in theirs]
    assert [label_path(i).absolute() for i in ours] == [tmp_path / label for label in img2label_paths(theirs)]


@pytest.mark.parametrize("source", ["missing", "bad.txt", "empty.txt"])
def test_sources_that_ultralytics_refuses(source, tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"\xff\xd8")
    (tmp_path / "empty.txt").write_text("a.gif")
    with pytest.raises(FileNotFoundError):
        their_images(str(tmp_path / source))
    with pytest.raises(DataError):
        list_images(tmp_path / source)
