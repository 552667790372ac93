import os
from pathlib import Path

import pytest

from auxhead.errors import DataError
from auxhead.labels.check import check_labels
from auxhead.labels.listing import label_path, list_images

GOOD = "0 .5 .5 .2 .2\n"


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("/d/images/train/a.b.JPG", "/d/labels/train/a.b.txt"),
        ("/images/x/images/a.jpg", "/images/x/labels/a.txt"),
        ("/d/myimages/a.jpg", "/d/myimages/a.txt"),
        ("images/a.jpg", "images/a.txt"),
    ],
)
def test_label_path(image, label):
    assert label_path(Path(image)) == Path(label)


def test_a_report_counts_every_kind_of_file(data_set):
    images = data_set(GOOD * 3, None, "", " \n", f"{GOOD}0 .5\n9 .5 .5 .2 .2", GOOD + "1 .1 .1 .1 .1")
    report = check_labels(images, nc=4)
    assert (report.images, report.found, report.missing, report.empty, report.corrupt) == (6, 5, 1, 2, 1)
    assert (report.boxes, report.duplicates) == (3, 2)
    assert [p.place for p in report.problems] == [f"{label_path(images[4])}:{line}" for line in (2, 3)]
    assert report.problems[0].row == "0 .5"


def test_no_image_gives_zeros():
    report = check_labels([], nc=1, progress=lambda done, total: pytest.fail("nothing was done"))
    assert (report.images, report.found, report.missing, report.boxes, report.problems) == (0, 0, 0, 0, ())


def test_images_that_share_a_label_file_name_its_rows_once(data_set):
    (image,) = data_set("0 .5")
    report = check_labels([image, image.with_suffix(".png")], nc=1)
    assert (report.images, report.corrupt, len(report.problems)) == (2, 2, 1)


def test_problems_keep_the_order_of_the_images_and_progress_reaches_the_total(data_set):
    images = data_set(*["0 .5"] * 150)
    seen: list[tuple[int, int]] = []
    report = check_labels(images, nc=1, progress=lambda done, total: seen.append((done, total)))
    assert [p.path for p in report.problems] == [label_path(image) for image in images]
    assert seen == [(64, 150), (128, 150), (150, 150)]


def test_an_interrupt_in_progress_gets_out(data_set):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_labels(data_set(*[GOOD] * 100), nc=1, progress=interrupt)


def test_a_folder_in_place_of_a_label_file_is_a_missing_one(data_set):
    (image,) = data_set(None)
    label_path(image).mkdir(parents=True)
    assert check_labels([image], nc=1).missing == 1


def test_a_label_file_that_cannot_be_read_is_a_problem(data_set, monkeypatch):
    images = data_set(GOOD, GOOD)
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path == label_path(images[1]):
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    report = check_labels(images, nc=1)
    assert (report.corrupt, report.boxes) == (1, 1)
    assert report.problems[0].line is None
    assert report.problems[0].place == str(label_path(images[1]))
    assert report.problems[0].what == "expected a file that can be read, found PermissionError: Permission denied"


def test_kpt_shape_lets_pose_rows_through(data_set):
    images = data_set("0 .5 .5 .2 .2 .1 .1 2 .3 .3 2 .2 .2 2\n")
    assert check_labels(images, nc=1).corrupt == 1
    assert check_labels(images, nc=1, kpt_shape=[3, 3]).boxes == 1


def test_list_images_of_a_folder_goes_deep_and_skips_other_and_hidden_files(tmp_path):
    for name in (
        "b/c.d/2.JPEG",
        "b/1.tif",
        "a[1]/0.png",
        "notes.txt",
        "video.mp4",
        ".hidden.jpg",
        ".cache/3.jpg",
        "jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = list_images(tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in found] == ["a[1]/0.png", "b/1.tif", "b/c.d/2.JPEG"]
    assert list_images([str(tmp_path / "b"), tmp_path / "a[1]"]) == found


def test_list_images_of_a_text_file(tmp_path):
    source = tmp_path / "train.txt"
    source.write_text("\ufeff./images/b.jpg\r\n\r\n/far/a.PNG\r\nimages/c.bmp\r\n./notes.md\r\n", encoding="utf-8")
    assert list_images([source]) == [Path("/far/a.PNG"), tmp_path / "images/b.jpg", Path("images/c.bmp")]


def test_a_relative_list_finds_its_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.txt").write_text("./images/a.jpg\n./b.jpg\n")
    images = list_images("train.txt")
    assert [label_path(image) for image in images] == [Path("b.txt"), tmp_path / "labels/a.txt"]


def test_a_coco_file_as_a_list_of_images_is_told_where_it_belongs(tmp_path):
    (tmp_path / "gt.json").write_text('{"images": []}')
    with pytest.raises(DataError, match=r"of a COCO file, write data=gt\.json"):
        list_images([tmp_path / "gt.json"])


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("missing", None, "nothing of that name"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "a file that isn't UTF-8 (byte 0xff)"),
        ("list.txt", b"a.mp4\nb.csv\n", "2 other names, such as a.mp4"),
        ("empty.txt", b"", "nothing"),
        ("long.txt", b"a" * 5000, f"1 other names, such as {'a' * 119}…"),
    ],
)
def test_a_source_without_images_says_which_and_what_is_accepted(tmp_path, name, content, found):
    source = tmp_path / name
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list_images([source])
    assert caught.value.found == found
    assert caught.value.where == str(source)
    assert "image" in caught.value.expected


def test_no_image_at_all_lists_the_suffixes(tmp_path):
    with pytest.raises(DataError, match=r"avif bmp .* webp"):
        list_images(tmp_path)
    with pytest.raises(DataError, match="an empty list"):
        list_images([])


@pytest.mark.parametrize("split", [("train", 890, 7570), ("val", 285, 2388)], ids=lambda s: s[0])
def test_hit_uav(split):
    root = os.environ.get("AUXHEAD_DATA")
    if not root:
        pytest.skip("AUXHEAD_DATA names no folder of data sets")
    name, images, boxes = split
    report = check_labels(list_images(Path(root) / "hit_uav" / "images" / name), nc=4)
    assert (report.images, report.boxes, report.duplicates, report.problems) == (images, boxes, 0, ())
