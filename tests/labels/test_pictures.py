"""Images that Ultralytics leaves out: its own check's verdict on every kind of damage, and no file changed."""

import os
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ultralytics.data.utils import check_image
from ultralytics.utils.patches import imread

from auxhead.labels.pictures import image_problem, split_usable


def picture(kind: str = "jpeg", size: tuple[int, int] = (64, 48), mode: str = "RGB", **keys) -> bytes:
    file = BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(file, kind, **keys)
    return file.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[274] = 6
    return picture(exif=exif)


def cut(kind: str) -> bytes:
    content = picture(kind)
    return content[: len(content) * 9 // 10]


def long_tiff(kind: type) -> bytes:
    file = BytesIO()
    Image.fromarray(np.arange(64 * 48, dtype=kind).reshape(48, 64)).save(file, "tiff")
    return file.getvalue()


JPEG, PNG = picture(), picture("png")
CONTENTS = {
    "jpeg": JPEG,
    "png": PNG,
    "webp": picture("webp"),
    "tiff": picture("tiff"),
    "bmp": picture("bmp"),
    "jpeg 2000": picture("jpeg2000"),
    "mpo": picture("mpo"),
    "turned": turned(),
    "gray": picture(mode="L"),
    "10 x 10": picture("png", (10, 10)),
    "9 x 10": picture("png", (9, 10)),
    "10 x 9": picture("jpeg", (10, 9)),
    "gif": picture("gif", mode="P"),
    "ico": picture("ico"),
    "ppm": picture("ppm"),
    "pdf": picture("pdf"),
    "half a jpeg": JPEG[: len(JPEG) // 2],
    "header of a jpeg": JPEG[:200],
    "jpeg without end": JPEG[:-2],
    "jpeg with more behind it": JPEG + b"more",
    "half a png": PNG[: len(PNG) // 2],
    "header of a png": PNG[:40],
    "png with a wrong check sum": PNG[:100] + b"\0\0\0\0" + PNG[104:],
    "half a webp": picture("webp")[:100],
    "half a tiff": picture("tiff")[:100],
    "half a bmp": picture("bmp")[:100],
    "nine tenths of a tiff": cut("tiff"),
    "nine tenths of a bmp": cut("bmp"),
    "nine tenths of a jpeg 2000": cut("jpeg2000"),
    "nine tenths of an mpo": cut("mpo"),
    "tiff of 16 bits": long_tiff(np.uint16),
    "tiff of 32 bits": long_tiff(np.float32),
    "text": b"no picture",
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "empty": b"",
    "one byte": b"\xff",
    **({"nine tenths of an avif": cut("avif")} if "AVIF" in Image.SAVE else {}),  # Pillow writes it from 11.3 on
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # check_image leaves files open
@pytest.mark.parametrize("kind", CONTENTS)
def test_the_verdict_is_ultralytics_own_and_nothing_is_written(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("ultralytics.utils.patches._pil_plugins_registered", True)  # it looks for no package to install
    path, theirs = tmp_path / "images" / "1.jpg", tmp_path / "theirs.jpg"
    path.parent.mkdir()
    path.write_bytes(CONTENTS[kind])
    shutil.copy(path, theirs)
    try:
        check_image(str(theirs))
        taken = imread(str(theirs)) is not None  # which the check doesn't try: such a file ends its training
    except Exception:  # noqa: BLE001  as it does itself
        taken = False
    problem = image_problem(path)
    assert (problem is None) == taken
    assert path.read_bytes() == CONTENTS[kind]
    assert [entry.name for entry in path.parent.iterdir()] == ["1.jpg"]


def test_reasons_say_what_was_found(tmp_path):
    def why(content: bytes) -> str:
        path = tmp_path / "1.jpg"
        path.write_bytes(content)
        problem = image_problem(path)
        assert problem is not None
        assert (problem.path, problem.line, problem.row) == (path, None, "")
        return problem.what

    assert why(CONTENTS["9 x 10"]) == "expected at least 10 x 10 pixels, found 9 x 10"
    assert why(CONTENTS["gif"]) == "expected an image in a format that Ultralytics reads, found GIF"
    assert "truncated" in why(CONTENTS["half a jpeg"])
    assert why(b"text") == "expected an image file, found no image in it"


def test_what_is_no_file_is_no_image(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")  # opening it would wait for somebody to write
    names = ["gone.jpg", "folder.jpg", "pipe.jpg", "\0.jpg"]
    found = [image_problem(tmp_path / name).what.rsplit("found ", 1)[1] for name in names]
    assert found == ["nothing of that name", "a folder", "no file", "nothing of that name"]


def test_heif_is_left_to_the_package_that_ultralytics_opens_it_with(tmp_path):
    (tmp_path / "1.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(80))
    assert image_problem(tmp_path / "1.heic") is None


def test_images_are_parted_in_their_order(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(6)]
    for i, path in enumerate(paths):
        path.write_bytes(picture("png", (8 + i, 20)))
    told: list[tuple[int, int]] = []
    usable, problems = split_usable(paths, lambda done, total: told.append((done, total)))
    assert usable == paths[2:]
    assert [problem.path for problem in problems] == paths[:2]
    assert told == [(i, 6) for i in range(1, 7)]
    assert split_usable([]) == ([], ())
    assert isinstance(usable[0], Path)
