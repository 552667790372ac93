"""No conversion touches its source, leaves half a result, or removes what isn't its own."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from auxhead.errors import DataError, OutputError
from auxhead.files import TEMPORARY_SUFFIX
from auxhead.keys.convert import PoseKeys, SegmentKeys
from auxhead.labels.conversion import files as convert_files
from auxhead.labels.conversion import folder as convert_folder
from auxhead.labels.conversion import job as convert_job

BOX = "1 0.5 0.5 0.2 0.4\n"
SMALL = {
    "images/train/1.jpg": None,
    "images/train/2.jpg": None,
    "images/val/3.jpg": None,
    "labels/train/1.txt": BOX,
    "labels/val/3.txt": "",
}


def png(side: int) -> bytes:
    """Draw a picture, another one for each side."""
    file = BytesIO()
    Image.new("L", (side, side)).save(file, "png")
    return file.getvalue()


@pytest.fixture
def small(tree, snapshot):
    """A small data set that must be the same at the end of the test."""
    root = tree(SMALL)
    before = snapshot()
    yield root
    assert snapshot() == before


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def state(out: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in [out, *out.rglob("*")]}


def test_a_second_run_writes_nothing(small, run, tmp_path):
    first = run()
    before = state(tmp_path)
    second = run(progress=lambda done, total: pytest.fail("there is nothing to do"))
    assert state(tmp_path) == before
    assert (first.fresh, second.fresh) == (True, False)
    assert (second.splits, second.linked, second.data) == (first.splits, first.linked, first.data)


def test_a_label_cache_of_ultralytics_is_no_reason_to_refuse(small, run, tmp_path):
    run()
    (tmp_path / "out/labels/train.cache").write_bytes(b"x")
    assert not run().fresh
    assert run(target=PoseKeys(keypoints="corners")).fresh
    assert not (tmp_path / "out/labels/train.cache").exists()


CHANGES = {
    "label": lambda root: (root / "labels/train/1.txt").write_text("2 0.5 0.5 0.2 0.4\n"),
    "label with the same size": lambda root: os.utime(root / "labels/train/1.txt", (1e9, 1e9 + 1)),
    "new label": lambda root: (root / "labels/train/2.txt").write_text(BOX),
    "label moved": lambda root: (root / "labels/train/1.txt").rename(root / "labels/train/2.txt"),
    "image added": lambda root: (root / "images/train/0.png").write_bytes(png(17)),
    "image removed": lambda root: (root / "images/train/2.jpg").unlink(),
    "image renamed": lambda root: (root / "images/train/2.jpg").rename(root / "images/train/4.jpg"),
    "image changed": lambda root: (root / "images/train/2.jpg").write_bytes(png(18)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_source_is_converted_anew(change, tree, run, tmp_path):
    root = tree(SMALL)
    run()
    CHANGES[change](root)
    assert run().fresh
    assert not run().fresh
    kept = {path.stem for path in (root / "labels/train").iterdir()}
    assert {path.stem for path in (tmp_path / "out/labels/train").iterdir()} == kept
    images = {path.name for path in (root / "images/train").iterdir()}
    assert {path.name for path in (tmp_path / "out/images/train").iterdir()} == images
    assert names_in(tmp_path) == ["out", "src"]


@pytest.mark.parametrize(
    "keys",
    [
        {"target": PoseKeys(keypoints="corners")},
        {"target": PoseKeys(visibility=False)},
        {"target": PoseKeys(flips=False)},
        {"target": PoseKeys(kpt_oks_sigmas=0.2)},
        {"target": SegmentKeys()},
        {"images": "copy"},
        {"source": {"channels": 1}},
        {"splits": {"test": "images/val"}},
    ],
    ids=str,
)
def test_other_keys_are_converted_anew(keys, small, run):
    run()
    assert run(**keys).fresh
    assert not run(**keys).fresh
    assert run().fresh


def test_a_list_whose_order_changes_is_converted_anew(tree, run, tmp_path):
    root = tree({**SMALL, "train.txt": "./images/train/1.jpg\n./images/train/2.jpg\n"})
    run("train.txt")
    (root / "train.txt").write_text("./images/train/2.jpg\n./images/train/1.jpg\n")
    assert run("train.txt").fresh
    assert (tmp_path / "out/train.txt").read_text() == "./images/train/2.jpg\n./images/train/1.jpg\n"


@pytest.mark.parametrize("lost", ["data.yaml", "conversion.json"])
def test_a_result_without_its_yaml_is_converted_anew(lost, small, run, tmp_path):
    run()
    (tmp_path / "out" / lost).unlink()
    if lost == "data.yaml":
        assert run().fresh
    else:
        with pytest.raises(OutputError, match=r"no conversion\.json"):
            run()


def test_a_result_that_was_moved_is_converted_anew(small, run, tmp_path):
    run()
    (tmp_path / "out").rename(tmp_path / "moved")
    assert run(out="moved").fresh


# Places that are refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["nothing", "a conversion"])
def test_foreign_files_are_never_removed(after, small, run, tmp_path):
    if after == "a conversion":
        run()
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out/thesis.tex").write_text("years of work")
    before = state(tmp_path / "out")
    with pytest.raises(OutputError, match=r"no conversion wrote: thesis\.tex"):
        run(target=SegmentKeys(), progress=lambda done, total: pytest.fail("refuse before the work, not after it"))
    assert state(tmp_path / "out") == before


def test_a_file_that_comes_while_we_build_is_kept(small, run, tmp_path):
    run()

    def put(done, total):
        (tmp_path / "out/thesis.tex").write_text("years of work")

    with pytest.raises(OutputError, match=r"thesis\.tex"):
        run(target=SegmentKeys(), progress=put)
    assert (tmp_path / "out/thesis.tex").read_text() == "years of work"
    assert names_in(tmp_path) == ["out", "src"]


def test_names_of_ours_alone_are_no_proof(small, run, tmp_path):
    (tmp_path / "out/images").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"no conversion\.json beside images"):
        run()
    (tmp_path / "out/conversion.json").write_text("[]")
    with pytest.raises(OutputError):
        run()


def test_an_empty_folder_and_missing_parents_are_fine(small, run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run(out="empty").fresh
    assert run(out="a/b/c").fresh


def test_files_and_links_are_refused(small, run, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder", target_is_directory=True)
    (tmp_path / "dangling").symlink_to("nowhere")
    for out, found in (("file", "a file"), ("link", "a symbolic link"), ("dangling", "a symbolic link")):
        with pytest.raises(OutputError, match=found):
            run(out=out)
    with pytest.raises(OutputError, match=r"NotADirectoryError|FileExistsError"):
        run(out="file/out")


@pytest.mark.parametrize("out", ["src/images/train/pose", "src/images/train", "src/images", "src", ".", "link/pose"])
def test_source_and_result_stay_apart(out, small, run, tmp_path):
    (tmp_path / "link").symlink_to(small / "images/val", target_is_directory=True)
    with pytest.raises(OutputError, match="apart from the source"):
        run(out=out)


def test_a_result_beside_the_images_is_fine(tree, run):
    tree(SMALL)
    assert run(out="src/pose").fresh


def test_a_list_that_names_images_of_the_result_is_refused(tree, run, tmp_path):
    root = tree(SMALL)
    run()
    (root / "val.txt").write_text(f"{tmp_path}/out/images/val/3.jpg\n")
    with pytest.raises(OutputError, match="apart from the source"):
        run(val="val.txt")
    with pytest.raises(OutputError, match="apart from the source"):
        run(train=tmp_path / "out/images/train", val=tmp_path / "out/images/val")
    assert (tmp_path / "out/images/val/3.jpg").exists()


# Interruptions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("earlier", [False, True])
def test_an_interruption_leaves_what_was_there(error, earlier, small, run, tmp_path):
    if earlier:
        run(target=SegmentKeys())
    before = state(tmp_path / "out") if earlier else {}

    def stop(done, total):
        raise error

    with pytest.raises(error):
        run(progress=stop)
    assert names_in(tmp_path) == (["out", "src"] if earlier else ["src"])
    assert not earlier or state(tmp_path / "out") == before


SLOW = """
import sys, time
from pathlib import Path
from auxhead.keys.convert import PoseKeys
from auxhead.labels.conversion.convert import convert
from auxhead.labels.source import Source
root = Path(sys.argv[1])
def wait(done, total):
    print("begun", flush=True)
    time.sleep(3600)
splits = {"train": root / "src/images/train", "val": root / "src/images/val"}
convert(Source(root / "src/data.yaml", splits, {0: "a", 1: "b", 2: "c"}), root / "out", PoseKeys(), progress=wait)
"""


def test_a_killed_run_leaves_no_result_and_the_next_one_cleans_up(small, run, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"begun\n"
        hidden = [name for name in names_in(tmp_path) if name not in {"out", "src"}]
        assert len(hidden) == 1
        assert run(out="other").fresh
        assert run(target=SegmentKeys()).fresh  # to the same place, while the other still runs
        assert hidden[0] in names_in(tmp_path)
        shutil.rmtree(tmp_path / "out")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert names_in(tmp_path) == sorted([hidden[0], "other", "src"])
    assert run().fresh
    assert names_in(tmp_path) == ["other", "out", "src"]


def test_leftovers_of_other_places_and_machines_stay(small, run, tmp_path):
    mine = convert_folder._prefix(tmp_path / "out")
    dead = 2**22 + 1  # beyond the highest process id of Linux
    kept = [f".out.elsewhere.{dead}.0.auxhead-tmp", f"{mine.replace('.out.', '.out2.')}{dead}.0.auxhead-tmp", ".out.x"]
    gone = [f"{mine}{dead}.0.auxhead-tmp", f"{mine}{dead}.12.old.auxhead-tmp"]
    for name in kept + gone:
        (tmp_path / name / "images").mkdir(parents=True)
    run()
    assert names_in(tmp_path) == sorted(["out", "src", *kept])


def test_several_at_once_share_one_result(small, run, tmp_path):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: run(), range(12)))
    assert sum(conversion.fresh for conversion in found) == 1
    assert len({json.dumps({**conversion.to_dict(), "fresh": None}) for conversion in found}) == 1
    assert names_in(tmp_path) == ["out", "src"]


def test_several_at_once_may_want_different_things(small, run, tmp_path):
    targets = [PoseKeys(), SegmentKeys(), PoseKeys(keypoints="corners")]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda i: run(target=targets[i % 3]), range(12)))
    assert all(conversion.data.exists() for conversion in found)
    assert names_in(tmp_path) == ["out", "src"]
    assert not all(conversion.fresh for conversion in [run(), run()])


def test_a_build_that_cannot_be_moved_leaves_the_old_result(small, run, tmp_path, monkeypatch):
    run()
    before = state(tmp_path / "out")
    monkeypatch.setattr(convert_folder, "_moved", lambda build, out: out.exists() is None or full())

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        run(target=SegmentKeys())
    assert state(tmp_path / "out") == before


def test_an_old_result_comes_back_if_the_new_one_cannot_take_its_place(small, run, tmp_path, monkeypatch):
    run()
    before = state(tmp_path / "out").keys()
    rename = Path.rename

    def fail(self, target):
        if Path(target) == tmp_path / "out" and not Path(target).exists() and ".old" not in self.name:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        run(target=SegmentKeys())
    assert state(tmp_path / "out").keys() == before
    assert names_in(tmp_path) == ["out", "src"]


def test_a_full_disk_is_named_and_leaves_nothing(small, run, tmp_path, monkeypatch):
    write = os.write

    def full(file, content):
        if content.startswith(b"1 0.5"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run()
    assert names_in(tmp_path) == ["src"]


def test_short_writes_are_continued(small, run, tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:3]))
    run()
    assert (tmp_path / "out/labels/train/1.txt").read_text() == "1 0.5 0.5 0.2 0.4 0.5 0.5 1\n"


# Links and copies -----------------------------------------------------------------------------------------------------


def refuse(*_, **__):
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def test_without_hard_links_images_are_symbolic_links(small, run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refuse)
    assert run().linked == {"symbolic link": 3}
    new = tmp_path / "out/images/train/1.jpg"
    assert new.readlink() == small / "images/train/1.jpg"
    assert not run().fresh


def test_without_any_links_images_are_copies(small, run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "symlink", refuse)
    assert run().linked == {"copy": 3}
    assert (tmp_path / "out/images/train/1.jpg").read_bytes() == (small / "images/train/1.jpg").read_bytes()


@pytest.mark.parametrize("images", ["link", "copy"])
def test_copies_are_apart_and_repeated_lines_are_copied_once(images, tree, run, tmp_path, snapshot):
    root = tree({**SMALL, "train.txt": "./images/train/1.jpg\n" * 3})
    before = snapshot()
    found = run("train.txt", images=images)
    assert sum(found.linked.values()) == 2
    assert found.splits["train"].images == 3
    same = (tmp_path / "out/images/train/1.jpg").samefile(root / "images/train/1.jpg")
    assert same == (images == "link")
    shutil.rmtree(tmp_path / "out")
    assert snapshot() == before


@pytest.mark.parametrize("images", ["link", "copy"])
def test_two_images_never_get_one_name(images, tree, run, monkeypatch):
    """Only links on the way to an image could bring it about; here the rule for names is broken instead."""
    tree({"a/images/1.jpg": png(11), "a/labels/1.txt": BOX, "b/images/1.jpg": png(12), "images/val/1.jpg": None})
    monkeypatch.setattr(convert_files, "relative", lambda folder, root: "")
    with pytest.raises(OutputError, match="gets the same one"):
        run(["a/images", "b/images"], images=images)


def test_an_image_that_cannot_be_copied_is_named(small, run, tmp_path, monkeypatch):
    def denied(image, beside):
        raise PermissionError(13, "Permission denied", image)

    monkeypatch.setattr(shutil, "copy2", denied)
    with pytest.raises(OutputError) as caught:
        run(images="copy")
    assert caught.value.where == str(small / "images/train/1.jpg")
    assert names_in(tmp_path) == ["src"]


def test_a_slow_disk_is_read_in_threads_with_the_same_result(tree, run, tmp_path, monkeypatch, snapshot):
    tree({f"d{i}/images/{j}.jpg": None for i in range(12) for j in range(5)} | {"images/val/1.jpg": None})
    tree({f"d{i}/labels/{j}.txt": BOX * (i % 3) for i in range(12) for j in range(5)})
    before = snapshot()
    run([f"d{i}/images" for i in range(12)], out="quick")
    read = convert_files._read
    monkeypatch.setattr(convert_files, "_read", lambda label: (time.sleep(0.005), read(label))[1])
    monkeypatch.setattr("auxhead.labels.listing.BATCH", 5)
    monkeypatch.setattr("auxhead.labels.conversion.writer.batches", lambda groups: ([group] for group in groups))
    run([f"d{i}/images" for i in range(12)], out="slow")
    quick, slow = tmp_path / "quick/images", tmp_path / "slow/images"
    labels = [path.relative_to(quick) for path in quick.rglob("*.txt")]
    assert len(labels) == 60
    assert all((quick / label).read_bytes() == (slow / label).read_bytes() for label in labels)
    assert snapshot() == before


def test_a_manifest_of_another_release_is_no_up_to_date_result(small, run, monkeypatch):
    run()
    monkeypatch.setattr(convert_job, "VERSION", convert_folder.VERSION + 1)
    assert run().fresh


def test_failed_runs_keep_an_earlier_result(tree, run, tmp_path):
    root = tree(SMALL)
    run()
    before = state(tmp_path / "out")
    (root / "labels/train/1.txt").write_text("x")
    with pytest.raises(DataError):
        run()
    assert state(tmp_path / "out") == before


def test_ctrl_c_right_after_the_folder_is_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Path.mkdir

    def stopped(path: Path, *args: Any, **keys: Any) -> None:
        make(path, *args, **keys)
        if path.name.endswith(TEMPORARY_SUFFIX):
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "mkdir", stopped)
    with pytest.raises(KeyboardInterrupt), convert_folder.build_folder(tmp_path / "out"):
        pytest.fail("it was stopped before")
    assert list(tmp_path.iterdir()) == []
