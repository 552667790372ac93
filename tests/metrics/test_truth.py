import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from ultralytics.utils.patches import imread

from auxhead.errors import DataError
from auxhead.labels.data_yaml import read_data_yaml
from auxhead.labels.listing import list_images
from auxhead.metrics.truth import image_size, network_scale, polygon_area, read_yolo

NAMES = {0: "car", 1: "dog"}
XMP = '<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'


@pytest.fixture
def data_set(tmp_path: Path):
    """Write images (width, height) with label files; None leaves the label file out."""

    def write(*files: tuple[tuple[int, int], str | None]) -> list[Path]:
        images = []
        for index, (size, label) in enumerate(files):
            images.append(tmp_path / "images" / f"{index}.png")
            images[-1].parent.mkdir(exist_ok=True)
            Image.new("L", size).save(images[-1])
            if label is not None:
                (tmp_path / "labels").mkdir(exist_ok=True)
                (tmp_path / "labels" / f"{index}.txt").write_text(label)
        return images

    return write


def test_boxes_are_in_pixels_of_their_image(data_set):
    images = data_set(
        ((200, 100), "1 .5 .5 .25 .5\n0 .125 .25 .25 .5\n"),
        ((64, 64), None),
        ((32, 64), ""),
        ((40, 80), "0 .5 .5 1 1\n"),
    )
    truth = read_yolo(images, NAMES)
    assert truth.names == ("car", "dog")
    assert truth.files == tuple(map(str, images))
    assert truth.sizes.tolist() == [[200, 100], [64, 64], [32, 64], [40, 80]]
    assert truth.image.tolist() == [0, 0, 3]
    assert truth.cls.tolist() == [1, 0, 0]
    assert truth.boxes.tolist() == [[75, 25, 50, 50], [0, 0, 50, 50], [0, 0, 40, 80]]
    assert truth.areas.tolist() == [2500, 2500, 3200]
    assert not truth.crowd.any()


def test_boxes_keep_the_precision_of_float32(data_set):
    truth = read_yolo(data_set(((1000, 1000), "0 .1 .2 .3 .4\n")), NAMES)
    assert truth.boxes[0] == pytest.approx([-50, 0, 300, 400], abs=1e-4)


def test_names_are_in_the_order_of_their_ids(data_set):
    assert read_yolo(data_set(((9, 9), None)), {1: "dog", 0: "car"}).names == ("car", "dog")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_picture_on_its_side_is_as_large_as_it_is_shown(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    assert image_size(path) == ((20, 40) if orientation >= 5 else (40, 20))
    path.with_suffix(".txt").write_text("0 .5 .5 .5 .5\n")
    shown = [5, 10, 10, 20] if orientation >= 5 else [10, 5, 20, 10]
    assert read_yolo([path], NAMES).boxes.tolist() == [shown]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_tiff_on_its_side_is_as_large_as_ultralytics_reads_it(tmp_path, orientation, compression, mode):
    path = tmp_path / "a.tif"
    Image.new(mode, (40, 20)).save(path, tiffinfo={ExifTags.Base.Orientation: orientation}, compression=compression)
    assert image_size(path) == imread(str(path)).shape[1::-1] == ((20, 40) if orientation >= 5 else (40, 20))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("exif", [False, True])
def test_an_orientation_in_xmp_turns_nothing_as_in_ultralytics(tmp_path, exif, suffix):
    path = tmp_path / f"a.{suffix}"
    words: dict[str, Any] = {"exif": Image.Exif()} if exif else {}
    if suffix == "png":
        words["pnginfo"] = PngInfo()
        words["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP)
    else:
        words["xmp"] = XMP.encode()
    Image.new("RGB", (40, 20)).save(path, **words)
    with Image.open(path) as image:
        assert image.getexif()[ExifTags.Base.Orientation] == 6
    assert image_size(path) == imread(str(path)).shape[1::-1] == (40, 20)


def test_the_area_of_a_polygon(data_set):
    rows = "0 .1 .1 .5 .1 .1 .3\n1 .2 .2 .6 .2 .6 .4 .2 .4\n"
    images = data_set(((100, 200), rows))
    by_box, by_polygon = read_yolo(images, NAMES), read_yolo(images, NAMES, area="polygon")
    assert by_box.boxes == pytest.approx(np.array([[10, 20, 40, 40], [20, 40, 40, 40]]), abs=1e-4)
    assert (by_box.boxes == by_polygon.boxes).all()
    assert by_box.areas == pytest.approx([1600, 1600], abs=0.01)
    assert by_polygon.areas == pytest.approx([800, 1600], abs=0.01)


def test_rows_without_polygon_keep_the_area_of_the_box(data_set):
    images = data_set(((100, 200), "0 .5 .5 .2 .2\n"))
    assert read_yolo(images, NAMES, area="polygon").areas == pytest.approx([800], abs=0.01)


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([(0, 0), (4, 0), (4, 3), (0, 3)], 12),
        ([(0, 3), (4, 3), (4, 0), (0, 0)], 12),
        ([(0, 0), (4, 0), (4, 4), (2, 1)], 6),  # 8 of the triangle less 2 of the dent
        ([(1, 1), (2, 2)], 0),
        ([(5, 5)], 0),
    ],
)
def test_polygon_area(points, area):
    assert polygon_area(np.array(points, dtype=float)) == area


def test_rows_that_repeat_another_count_once(data_set):
    rows = "0 .5 .5 .2 .2\n1 .5 .5 .2 .2\n0 0.50 .5 .2 .2\n0 .5 .5 .2 .2\n0 0 .5 0 .2\n0 -0.0 .5 0 .2\n"
    truth = read_yolo(data_set(((10, 10), rows)), NAMES)
    assert sorted(truth.cls.tolist()) == [0, 0, 1]


def test_pose_rows_have_boxes(data_set):
    images = data_set(((100, 100), "0 .5 .5 .2 .2 .1 .1 2 .3 .3 2\n"))
    truth = read_yolo(images, NAMES, kpt_shape=[2, 3])
    assert truth.boxes == pytest.approx(np.array([[40, 40, 20, 20]]), abs=1e-4)
    assert truth.areas == pytest.approx([400], abs=0.01)


def test_no_image():
    truth = read_yolo([], NAMES, progress=lambda done, total: pytest.fail("nothing was read"))
    assert (truth.files, truth.sizes.shape, truth.boxes.shape) == ((), (0, 2), (0, 4))


def test_progress_reaches_the_total(data_set):
    seen: list[tuple[int, int]] = []
    read_yolo(data_set(*[((8, 8), None)] * 5), NAMES, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)
    assert seen == sorted(set(seen))


def test_bad_label_rows_are_an_error_that_names_them(data_set):
    images = data_set(((9, 9), "0 .5 .5 .2 .2\n7 .5 .5 .2 .2\n"), ((9, 9), "0 .5\n"))
    with pytest.raises(DataError) as caught:
        read_yolo(images, NAMES)
    assert f"{images[0].parents[1] / 'labels' / '0.txt'}:2" in str(caught.value)
    assert f"{images[0].parents[1] / 'labels' / '1.txt'}:1" in str(caught.value)


@pytest.mark.parametrize("content", [b"no picture", b"", b"\x89PNG\r\n\x1a\n"], ids=["text", "empty", "cut"])
def test_a_file_without_picture_is_an_error_that_names_it(data_set, content):
    images = data_set(*[((9, 9), "0 .5 .5 .2 .2\n")] * 3)
    images[1].write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_yolo(images, NAMES)
    assert caught.value.found == "1 of 3 that can't"
    assert [str(image) in caught.value.where for image in images] == [False, True, False]


def test_all_images_that_cannot_be_opened_are_counted_and_the_first_named(data_set):
    images = data_set(*[((9, 9), "0 .5 .5 .2 .2\n")] * 14)
    for image in images[1:13]:
        image.unlink()
    with pytest.raises(DataError, match="No such file") as caught:
        read_yolo(images, NAMES)
    assert caught.value.found == "12 of 14 that can't"
    assert caught.value.where.startswith("the first 10 of them")
    assert [str(image) in caught.value.where for image in images] == [False] + [True] * 10 + [False] * 3


def test_scaled_boxes_are_those_of_an_enlarged_image(data_set):
    truth = read_yolo(data_set(((200, 100), "0 .5 .5 .25 .5\n"), ((10, 20), "1 .5 .5 1 1\n")), NAMES)
    factors = network_scale(truth.sizes, 400)
    assert factors.tolist() == [2, 20]
    larger = truth.scaled(factors)
    assert larger.boxes.tolist() == [[150, 50, 100, 100], [0, 0, 200, 400]]
    assert larger.areas.tolist() == [10000, 80000]


def assert_as_ultralytics(data: Path) -> int:
    """Compare with what Ultralytics' validation reads; returns the number of boxes."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    source = read_data_yaml(data)
    described = check_det_dataset(str(data))
    assert described["names"] == source.names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = build_yolo_dataset(get_cfg(overrides={"task": "detect"}), described["val"], 4, described, mode="val")
    truth = read_yolo(list_images(source.splits["val"]), source.names, kpt_shape=source.kpt_shape)
    by_file = {label["im_file"]: label for label in theirs.labels}
    assert sorted(by_file) == list(truth.files)
    for index, file in enumerate(truth.files):
        label, size, own = by_file[file], truth.sizes[index], truth.image == index
        assert tuple(size[::-1]) == tuple(label["shape"])
        boxes = label["bboxes"].astype(float) * np.tile(size, 2)
        rows = np.c_[label["cls"], boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]]
        ours = np.c_[truth.cls[own], truth.boxes[own]]
        one, other = (sorted(map(tuple, side.round(6))) for side in (ours, rows))
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    return len(truth.image)


def test_signs_are_read_as_ultralytics_reads_them(signs):
    assert assert_as_ultralytics(signs) > 10


def test_odd_labels_are_read_as_ultralytics_reads_them(data_set, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data_set(
        ((40, 20), "0 .1 .1 .5 .1 .1 .3\n1 .2 .2 .6 .2 .6 .4 .2 .4\n"),
        ((40, 20), "0 .5 .5 .2 .2\n0 .5 .5 .2 .2\n0 .3 .3 1.005 0\n"),
        ((30, 30), None),
        ((30, 31), ""),
        ((40, 20), "0 .5 .25 .5 .25\n"),
    )
    Image.new("RGB", (40, 20)).save(tmp_path / "images" / "4.png", exif=exif)
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [car, dog]\n")
    assert assert_as_ultralytics(tmp_path / "data.yaml") == 5


def test_gtsdb_is_read_as_ultralytics_reads_it(real_data):
    assert assert_as_ultralytics(real_data("gtsdb")) == 361
