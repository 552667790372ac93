"""Builders of tiny data sets, and Ultralytics' opinion on them."""

import io
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

os.environ["YOLO_AUTOINSTALL"] = "false"  # before any test module imports ultralytics

from auxhead.keys.convert import PoseKeys
from auxhead.labels.conversion.convert import convert
from auxhead.labels.listing import label_path
from auxhead.labels.source import Source

Content = str | bytes | None


@pytest.fixture
def data_set(tmp_path: Path) -> Callable[..., list[Path]]:
    """Build images/*.jpg (empty files: nobody opens them) with labels/*.txt; None leaves the label file out."""

    def build(*labels: Content) -> list[Path]:
        images = [tmp_path / "images" / f"{i:04d}.jpg" for i in range(len(labels))]
        for image, label in zip(images, labels, strict=True):
            image.parent.mkdir(exist_ok=True)
            image.touch()
            if label is not None:
                path = tmp_path / "labels" / f"{image.stem}.txt"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(label.encode() if isinstance(label, str) else label)
        return images

    return build


@pytest.fixture(scope="session")
def pixels() -> bytes:
    """A picture that Ultralytics takes, whatever the suffix of its file."""
    buffer = io.BytesIO()
    Image.new("L", (16, 16)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def tree(tmp_path: Path, pixels: bytes) -> Callable[[Mapping[str, Content]], Path]:
    """Write files below `src`: text, bytes, or None for a picture; times are of long ago.

    Folders of pictures without any label file get an empty one, for the first picture, unless they shall stay bare.
    """

    def write(files: Mapping[str, Content], *, bare: bool = False) -> Path:
        root = tmp_path / "src"
        for name, content in {**({} if bare else _empty_labels(files)), **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pixels if content is None else content.encode() if isinstance(content, str) else content)
            os.utime(path, (1e9, 1e9))
        return root

    return write


def _empty_labels(files: Mapping[str, Content]) -> dict[str, Content]:
    """Name an empty label file for each folder of pictures that has none."""
    added: dict[str, Content] = {}
    for folder in {str(Path(name).parent) for name, content in files.items() if content is None}:
        labels = [
            str(label_path(Path("/", name)))[1:]
            for name, content in files.items()
            if content is None and str(Path(name).parent) == folder
        ]
        if not any(label in files for label in labels):
            added[labels[0]] = ""
    return added


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., object]:
    """Convert `src` to `out`, keys as in the command; by default images/train, images/val, three classes, to pose."""

    def call(train="images/train", val="images/val", *, out="out", target=None, source=None, **keys):
        root = tmp_path / "src"
        splits = {"train": train, "val": val, **keys.pop("splits", {})}
        splits = {
            name: [root / entry for entry in found] if isinstance(found, list) else root / found
            for name, found in splits.items()
            if found
        }
        described = Source(root / "data.yaml", splits, {0: "a", 1: "b", 2: "c"}, **(source or {}))
        return convert(described, tmp_path / out, target or PoseKeys(), **keys)

    return call


@pytest.fixture(scope="session")
def judge() -> Callable[..., SimpleNamespace]:
    """Ask Ultralytics about an image and its label file, as keypoint labels of a shape or (None) as a detector's."""
    from ultralytics.data.utils import img2label_paths, verify_image_label

    def ask(image: Path, nc: int = 3, keypoints=None, *, kpt_shape=(0, 0)) -> SimpleNamespace:
        label = img2label_paths([str(image)])[0]
        with warnings.catch_warnings():  # else a warning turned into an error would count as corrupt
            warnings.simplefilter("ignore")
            result = verify_image_label(
                (str(image), label, "", keypoints is not None, nc, *(keypoints or kpt_shape), False)
            )
        names = ("image", "boxes", "shape", "segments", "keypoints", "missing", "found", "empty", "corrupt", "message")
        return SimpleNamespace(**dict(zip(names, result, strict=True)))

    return ask


@pytest.fixture
def snapshot(tmp_path: Path) -> Callable[[], dict[str, tuple[bytes, int] | str]]:
    """Read everything below `src` with its times, to see that it stays as it was."""

    def read() -> dict[str, tuple[bytes, int] | str]:
        paths = sorted((tmp_path / "src").rglob("*"))
        return {
            str(p): str(p.readlink())
            if p.is_symlink()
            else (p.read_bytes() if p.is_file() else b"", p.stat().st_mtime_ns)
            for p in paths
        }

    return read
