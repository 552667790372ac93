import glob
import os
from pathlib import Path

import pytest

from auxhead.errors import DataError
from auxhead.labels.listing import (
    BATCH,
    IMAGE_SUFFIXES,
    batches,
    iter_images,
    label_folder,
    label_path,
    list_images,
    passed_over,
    sharing,
)


def names(sources):
    return [group.folder + name for group in iter_images(sources) for name in group.names]


def test_jpegs_that_ultralytics_passes_over_are_listed(tree):
    files = {"a/1.jpg": None, "a/b/2.JFIF": None, "a/3.jpe": None, "a/4.gif": None}
    root = tree({**files, "list.txt": "./a/3.jpe\n./a/1.jpg \n./a/1.jpg"})
    assert passed_over(root / "a") == [root / "a/3.jpe", root / "a/b/2.JFIF"]
    assert passed_over([root / "list.txt"]) == [root / "a/1.jpg ", root / "a/3.jpe"]
    assert names([root / "list.txt"]) == [str(root / "a/1.jpg")]
    assert names(root / "a") == [str(root / "a/1.jpg")]


def test_folders_give_what_glob_gives(tree):
    """glob is what Ultralytics searches with; links to folders are followed, hidden names are not."""
    root = tree(
        {
            "a/1.jpg": None,
            "a/b.c/2.x.PNG": None,
            "a/.d/3.jpg": None,
            "a/.4.jpg": None,
            "a/e[1]/5.tif": None,
            "a/notes.txt": "",
            "a/jpg": "",
            "far/6.bmp": None,
            "far/g/7 8.jpeg": None,
        }
    )
    (root / "a/folder.jpg").mkdir()
    (root / "a/dangling.png").symlink_to("nowhere")
    (root / "a/link").symlink_to(root / "far", target_is_directory=True)
    (root / "a/7.webp").symlink_to("1.jpg")
    found = glob.glob(str(root / "a" / "**" / "*.*"), recursive=True)  # noqa: PTH207
    expected = sorted(name for name in found if name.rpartition(".")[2].lower() in IMAGE_SUFFIXES)
    assert len(expected) == 8
    assert sorted(names(root / "a")) == expected == [str(path) for path in list_images(root / "a")]


def test_a_link_that_leads_back_is_not_followed(tree):
    root = tree({"a/1.jpg": None, "a/b/2.jpg": None})
    (root / "a/b/back").symlink_to(root / "a", target_is_directory=True)
    assert sorted(names(root / "a")) == [str(root / "a/1.jpg"), str(root / "a/b/2.jpg")]


def test_the_working_folder_and_the_root_keep_their_spelling(tree, monkeypatch):
    monkeypatch.chdir(tree({"images/1.jpg": None}))
    assert names(".") == glob.glob("**/*.jpg", recursive=True) == ["images/1.jpg"]  # noqa: PTH207


def test_a_closed_folder_is_passed_over(tree):
    root = tree({"a/1.jpg": None, "a/closed/2.jpg": None})
    (root / "a/closed").chmod(0)
    try:
        if os.access(root / "a/closed", os.R_OK):
            pytest.skip("this user may read everything")
        assert names(root / "a") == [str(root / "a/1.jpg")]
    finally:
        (root / "a/closed").chmod(0o755)


@pytest.mark.parametrize(
    "text",
    [
        "./a/1.jpg\n./b/2.jpg\n",
        "\ufeff\n  ./a/1.jpg\r\n\r\n/far/3.PNG\rc.bmp\n./no.md",
        "a.jpg\x0bb.jpg\x85c.jpg\u2028d.jpg \n  e.jpg  \n \n",
        "jpg\nx/jpg\n",
        "",
        " \n",
    ],
)
def test_lists_give_the_lines_that_ultralytics_takes(text, tmp_path):
    source = tmp_path / "train.txt"
    source.write_bytes(text.encode())
    with source.open(encoding="utf-8-sig") as file:
        lines = file.read().strip().splitlines()
    theirs = [x.replace("./", f"{tmp_path}/", 1) if x.startswith("./") else x for x in lines]
    assert names(source) == [x for x in theirs if x.rpartition(".")[-1].lower() in IMAGE_SUFFIXES]


def test_a_list_keeps_order_and_repetition(tmp_path):
    (tmp_path / "l.txt").write_text("/b/2.jpg\n/a/1.jpg\n/b/2.jpg\n")
    assert names([tmp_path / "l.txt"]) == ["/b/2.jpg", "/a/1.jpg", "/b/2.jpg"]


def test_a_list_that_is_no_text_says_so_even_far_down(tmp_path):
    (tmp_path / "l.txt").write_bytes(b"/a/1.jpg\n" * 10_000 + b"\xff")
    with pytest.raises(DataError, match="byte 0xff"):
        names(tmp_path / "l.txt")


def test_groups_and_batches_are_bounded(tmp_path):
    lines = [f"/a/{i}.jpg" for i in range(BATCH + 1)] + [f"/{i}/x.jpg" for i in range(BATCH)]
    (tmp_path / "l.txt").write_text("\n".join(lines))
    groups = list(iter_images(tmp_path / "l.txt"))
    assert [len(group.names) for group in groups[:3]] == [BATCH, 1, 1]
    found = list(batches(groups))
    assert [sum(len(group.names) for group in batch) for batch in found] == [BATCH, BATCH, 1]
    assert [group for batch in found for group in batch] == groups


@pytest.mark.parametrize("image", ["/d/images/t/a.b.jpg", "/images/x/images/a.jpg", "/d/i/a.jpg", "images/a.jpg"])
def test_label_folder_agrees_with_label_path(image):
    folder, _, name = image.rpartition("/")
    assert label_folder(folder + "/") + name.rsplit(".", 1)[0] + ".txt" == str(label_path(image))


def test_images_that_share_a_label_file_are_grouped():
    paths = [Path(name) for name in ("/d/images/1.png", "/d/images/1.jpg", "/d/images/1.png", "/d/images/2.png")]
    others = [Path("/d/images/a/1.jpg"), Path("/d/other/1.jpg"), Path("/d/labels/1.bmp")]
    assert sharing([*paths, *others]) == [[Path("/d/images/1.jpg"), Path("/d/images/1.png"), Path("/d/labels/1.bmp")]]
    assert sharing([]) == []
