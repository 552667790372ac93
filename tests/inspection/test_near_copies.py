"""Near copies: the hash against imagehash, what is seen through and what isn't, real sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from auxhead.inspection import near_copies
from auxhead.inspection.copies import digest_files
from auxhead.inspection.near_copies import Near, find_near_copies, look


def scene(seed: int, size: tuple[int, int] = (320, 256)) -> Image.Image:
    """Draw a random landscape: soft hills of gray, as large as an eighth of the picture, in color."""
    random = np.random.default_rng(seed)
    hills = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(hills).resize(size, Image.Resampling.BICUBIC)


def near(tmp_path: Path, train: dict[str, Image.Image], val: dict[str, Image.Image]) -> Near:
    splits = {}
    for split, images in {"train": train, "val": val}.items():
        (tmp_path / split).mkdir()
        for name, image in images.items():
            image.save(tmp_path / split / name, quality=40)  # of a JPEG; other formats have none
        splits[split] = [str(tmp_path / split / name) for name in images]
    return find_near_copies(splits, digest_files(sorted(chain(*splits.values()))))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_the_hash_is_that_of_imagehash(mode: str, seed: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (40 + seed, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(tmp_path / "a.png")
    found = look(tmp_path / "a.png")
    assert found is not None
    with Image.open(tmp_path / "a.png") as image:
        assert (found[0].reshape(16, 16).astype(bool) == imagehash.dhash(image, 16).hash).all()


def test_a_large_jpeg_that_is_decoded_small_has_nearly_that_hash(tmp_path: Path) -> None:
    scene(1, (2000, 1500)).save(tmp_path / "a.jpg")
    found = look(tmp_path / "a.jpg")
    assert found is not None
    with Image.open(tmp_path / "a.jpg") as image:
        assert (found[0].reshape(16, 16).astype(bool) != imagehash.dhash(image, 16).hash).sum() <= 8


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "smaller.png": lambda image: image.resize((200, 160)),
    "saved.jpg": lambda image: image,
    "darker.png": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "gray.png": lambda image: image.convert("L"),
    "moved.png": lambda image: ImageOps.fit(image.crop((6, 0, 320, 256)), image.size),
    "deep.tif": lambda image: Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 200 + 3000),
}
"""Near copies: a change of a picture, by the name it is saved under."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_picture_is_found_again_after(name: str, tmp_path: Path) -> None:
    train = {f"{seed}.png": scene(seed) for seed in range(20)}
    found = near(tmp_path, train, {name: CHANGES[name](train["7.png"])})
    (pair,) = found.between["train/val"]
    assert (Path(pair.first).name, Path(pair.second).name) == ("7.png", name)
    assert pair.bits <= near_copies.BITS
    assert near_copies.CORRELATION <= pair.correlation <= 1
    assert found.unread == 0


OTHERS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "another": lambda _: scene(99),
    "mirrored": ImageOps.mirror,
    "negative": ImageOps.invert,
    "plain": lambda image: Image.new("RGB", image.size, (90, 90, 90)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_looks_otherwise_is_none(name: str, tmp_path: Path) -> None:
    plain = Image.new("RGB", (320, 256), (80, 80, 80))
    train = {"plain.png": plain, **{f"{seed}.png": scene(seed) for seed in range(20)}}
    assert near(tmp_path, train, {"a.png": OTHERS[name](train["7.png"])}).between == {"train/val": ()}


def test_files_with_the_same_bytes_are_copies_and_not_near_ones(tmp_path: Path) -> None:
    found = near(tmp_path, {"a.png": scene(1), "b.png": scene(1).resize((160, 128))}, {"c.png": scene(1)})
    assert found.between == {"train/val": ()}


def test_each_image_has_its_nearest_and_the_nearest_pairs_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_copies, "ROWS", 2)  # several blocks
    train = {"a.png": scene(1), "a-dark.png": ImageEnhance.Contrast(scene(1)).enhance(0.3), "b.png": scene(2)}
    moved = ImageOps.fit(scene(1).crop((14, 10, 320, 256)), (320, 256))
    val = {"x.png": moved, "n.png": scene(5), "y.jpg": scene(1), "z.jpg": scene(2)}
    pairs = near(tmp_path, train, val).between["train/val"]
    assert sorted(Path(pair.second).name for pair in pairs) == ["x.png", "y.jpg", "z.jpg"]
    assert [pair.bits for pair in pairs] == sorted(pair.bits for pair in pairs)
    assert Path(pairs[-1].second).name == "x.png"
    assert next(Path(pair.first).name for pair in pairs if pair.second.endswith("y.jpg")).startswith("a")


def test_what_pillow_cant_read_is_counted_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    scene(1).save(tmp_path / "a.png")
    files = {"train": [str(tmp_path / "bad.jpg")], "val": [str(tmp_path / "a.png")]}
    found = find_near_copies(files, {file: file for own in files.values() for file in own})
    assert found == Near({"train/val": ()}, 1)
    assert find_near_copies({"train": []}, {}) == Near({}, 0)
    assert find_near_copies({"train": [], "val": []}, {}) == Near({"train/val": ()}, 0)


def test_inspect_names_draws_and_lists_them(tmp_path: Path, call: Any) -> None:
    for split, kind in (("train", "png"), ("val", "jpg")):
        for part in ("images", "labels"):
            (tmp_path / "data" / part / split).mkdir(parents=True)
        for seed in (1, 2) if split == "train" else (2, 3):
            scene(seed).save(tmp_path / "data" / "images" / split / f"{split}{seed}.{kind}")
            (tmp_path / "data" / "labels" / split / f"{split}{seed}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    data = tmp_path / "data" / "data.yaml"
    data.write_text("train: images/train\nval: images/val\nnames: [thing]\n")
    done = call("inspect", str(data), f"out={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert "Images of val that look nearly like one of train: 1 (50 %)" in done.stdout
    assert "train2.png ~ " in done.stdout
    (pair,) = json.loads((tmp_path / "out" / "inspect.json").read_text())["near"]["between"]["train/val"]
    assert (Path(pair["first"]).name, Path(pair["second"]).name) == ("train2.png", "val2.jpg")
    with Image.open(tmp_path / "out" / "near_copies.jpg") as wall:
        assert wall.size[0] > 2 * 300
        left, right = (np.asarray(wall.crop((x, 40, x + 240, 230)), float).ravel() for x in (30, 330))
    assert np.corrcoef(left, right)[0, 1] > 0.95
    (tmp_path / "data" / "images" / "val" / "val2.jpg").unlink()
    call("inspect", str(data), f"out={tmp_path / 'out'}", "exist_ok=true")
    assert not (tmp_path / "out" / "near_copies.jpg").exists()


@pytest.mark.parametrize(("name", "count"), [("hit_uav", 67), ("gtsdb", 0)])
def test_neighbours_of_a_video_are_found_and_roads_that_resemble_each_other_are_not(
    name: str, count: int, real_data: Callable[[str], Path]
) -> None:
    images = real_data(name).parent / "images"
    splits = {split: sorted(map(str, (images / split).iterdir())) for split in ("train", "val")}
    pairs = find_near_copies(splits, digest_files(sorted(chain(*splits.values())))).between["train/val"]
    assert len(pairs) == count
    if name == "hit_uav":  # files end in the number of the picture of its flight: 1_130_30_0_07145.jpg
        numbers = [[int(Path(file).stem.rsplit("_", 1)[1]) for file in (pair.first, pair.second)] for pair in pairs]
        assert max(abs(first - second) for first, second in numbers) < 70
