"""A builder of tiny data sets."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ["YOLO_AUTOINSTALL"] = "false"  # before any test module imports ultralytics


@pytest.fixture
def data_set(tmp_path: Path) -> Callable[..., list[Path]]:
    """Build images/*.jpg (empty files: nobody opens them) with labels/*.txt; None leaves the label file out."""

    def build(*labels: str | bytes | None) -> list[Path]:
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
