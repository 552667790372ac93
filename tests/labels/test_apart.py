"""Results stay out of the folders whose pictures are data."""

from __future__ import annotations

from pathlib import Path

import pytest

from auxhead.errors import OutputError
from auxhead.labels.apart import require_apart


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Folders of a data set, with a list of the images of one split."""
    for folder in ("images/train", "labels/train", "images/val", "flat"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    (tmp_path / "data" / "images" / "val" / "a.png").touch()
    (tmp_path / "data" / "val.txt").write_text("./images/val/a.png\n")
    (tmp_path / "link").symlink_to(tmp_path / "data" / "images")
    return tmp_path / "data"


@pytest.mark.parametrize("source", ["images/train", "val.txt"])
@pytest.mark.parametrize(
    "out", ["images", "images/train", "images/train/a/b", "labels/out", "images/out", "../link/out"]
)
def test_a_folder_of_images_or_labels_is_refused(out: str, source: str, data: Path) -> None:
    with pytest.raises(OutputError, match=r"apart from the images and labels[^\n]*\nfound: *one inside of") as caught:
        require_apart(data / out, [data / source])
    assert caught.value.where == str(data / out)


@pytest.mark.parametrize("source", ["images/train", "val.txt", "flat", "nowhere"])
@pytest.mark.parametrize("out", [".", "results", "imagesque", "images-out", "../results"])
def test_beside_them_is_fine(out: str, source: str, data: Path) -> None:
    require_apart(data / out, [[str(data / source)]])


def test_a_searched_folder_by_any_name_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data / "flat")
    for out in ("results", data / "flat", "../flat/a"):
        with pytest.raises(OutputError):
            require_apart(out, [data / "images", data / "flat"])
