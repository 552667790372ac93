"""Ignored regions lie in a training picture where their pixels are, and the loss counts no background there."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.augmentation.pictures import NAMES, build, make_pictures
from tests.model.test_criterion import detector
from torch.nn import functional as F

import auxhead
from auxhead.augmentation.crops import Crops
from auxhead.augmentation.dataset import Views
from auxhead.augmentation.flips import Flips
from auxhead.augmentation.regions import cut_regions, read_regions, set_apart, with_codes
from auxhead.errors import DataError
from auxhead.heads.anchors import spared
from auxhead.host.datasets import read_source
from auxhead.labels.fingerprint import data_hash
from auxhead.model.attach import attach
from auxhead.model.criterion import raw_predictions
from auxhead.progress import silent
from auxhead.training.resuming.trainer import data_digest

pytestmark = pytest.mark.core

BOXES = [
    [(3, 20, 30, 20, 20), (3, 120, 60, 80, 90)],
    [(3, 180, 20, 60, 60), (3, 10, 110, 60, 60)],
    [(3, 90, 90, 40, 40)],
]
CROPS = Crops(share=1.0, shortest=0.5, longest=0.8, small=32.0, shrunk=False, imgsz=128, least=0.0)
ANY, LEFT, RIGHT = len(NAMES), len(NAMES) + 1, len(NAMES) + 2
"""Codes of regions: of every class, and of the first two."""


def with_last_ignored(data: Path, cls: int = -1) -> Path:
    """Make the last object of each picture a region, which is painted as it was."""
    (data.parent / "ignore").mkdir()
    images = data.parent / "images"
    images.rename(data.parent / "pictures")
    (data.parent / "images").mkdir()
    (data.parent / "pictures").rename(images / "train")
    for kind in ("labels", "ignore"):
        (data.parent / kind / "train").mkdir()
    for file in sorted((data.parent / "labels").glob("*.txt")):
        *rows, last = file.read_text().splitlines()
        points = np.array(last.split()[1:], float).reshape(-1, 2)
        center, size = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0)
        numbers = " ".join(map(str, [*center, *size]))
        (data.parent / "ignore" / "train" / file.name).write_text(f"{cls} {numbers}\n")
        file.unlink()
        (data.parent / "labels" / "train" / file.name).write_text("\n".join(rows))
    data.write_text(
        data.read_text().replace("train: images", "train: images/train").replace("val: images", "val: images/train")
    )
    return data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return with_last_ignored(make_pictures(tmp_path / "data", BOXES))


def bright_inside(sample: dict[str, Any]) -> list[tuple[int, float]]:
    """Return the code of each box of a sample, and how bright the middle of it is."""
    pixels = sample["img"].float().mean(0).numpy()
    height, width = pixels.shape
    found = []
    for cls, (cx, cy, w, h) in zip(sample["cls"].reshape(-1).int().tolist(), sample["bboxes"].numpy(), strict=True):
        rows = slice(int((cy - h / 4) * height), int((cy + h / 4) * height) + 1)
        columns = slice(int((cx - w / 4) * width), int((cx + w / 4) * width) + 1)
        found.append((cls, float(pixels[rows, columns].mean())))
    return found


AUGMENTED: dict[str, dict[str, Any]] = {
    "still": {},
    "mirrored": {"fliplr": 1.0},
    "moved": {"translate": 0.2, "scale": 0.4, "flipud": 0.5},
    "mosaic": {"mosaic": 1.0, "scale": 0.3},
    "cut": {"views": Views(crops=CROPS, regions=True)},
}


@pytest.mark.parametrize("task", ["detect", "segment"])
@pytest.mark.parametrize("name", AUGMENTED)
def test_regions_lie_where_their_pixels_are(name: str, task: str, data: Path) -> None:
    arguments: dict[str, Any] = {"views": Views(regions=True), **AUGMENTED[name]}
    dataset = build(data, arguments.pop("views"), task, **arguments)
    seen = 0
    for attempt in range(18):
        random.seed(attempt)
        found = bright_inside(dataset[attempt % 3])
        seen += sum(cls == ANY for cls, _ in found)
        assert {cls for cls, _ in found} <= {3, ANY}
        assert all(brightness > 200 for _, brightness in found)
    assert seen >= 12


def test_a_mirror_makes_of_a_region_one_of_the_mirrored_class(tmp_path: Path) -> None:
    data = with_last_ignored(make_pictures(tmp_path / "data", BOXES), cls=0)
    flips = Flips((1, 0, 2, 3), frozenset())
    dataset = build(data, Views(flips=flips, regions=True), fliplr=1.0)
    assert set(dataset[0]["cls"].reshape(-1).tolist()) == {3, RIGHT}
    dataset = build(data, Views(flips=flips, regions=True), fliplr=0.0)
    assert set(dataset[0]["cls"].reshape(-1).tolist()) == {3, LEFT}
    assert with_codes(flips).partner == (1, 0, 2, 3, 4, 6, 5, 7, 8)


def test_a_cut_keeps_what_of_regions_lies_in_it() -> None:
    rows = np.array([[4, 0.5, 0.5, 1, 1], [4, 0.1, 0.1, 0.1, 0.1], [5, 0.25, 0.75, 0.1, 0.1]], np.float32)
    cut = cut_regions(rows, (50, 50, 150, 150), 200, 200)
    assert cut == pytest.approx(np.array([[4, 0.5, 0.5, 1, 1], [5, 0.05, 0.95, 0.1, 0.1]]), abs=1e-6)
    assert len(cut_regions(rows[1:2], (50, 50, 150, 150), 200, 200)) == 0


def test_all_classes_as_one_make_regions_of_every_class_and_bad_rows_are_named(data: Path) -> None:
    images = sorted(map(str, (data.parent / "images" / "train").iterdir()))
    file = data.parent / "ignore" / "train" / "1.txt"
    file.write_text("2 0.5 0.5 0.1 0.1\n")
    assert [table[0, 0] for table in read_regions(images, 4).values()] == [4, 7, 4]
    assert {table[0, 0] for table in read_regions(images, 1, single_cls=True).values()} == {1}
    file.write_text("4 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DataError, match=r"ignore.train.1\.txt:1"):
        read_regions(images, 4)


def test_other_regions_are_other_data_to_a_comparison(data: Path) -> None:
    file, source = data.parent / "ignore" / "train" / "1.txt", read_source(str(data))
    before = data_hash(source, silent)
    assert data_hash(source, silent) == before
    file.write_text("2 0.5 0.5 0.1 0.1\n")
    changed = data_hash(source, silent)
    file.unlink()
    assert len({before, changed, data_hash(source, silent)}) == 3


def test_other_regions_are_other_data_to_a_resume(data: Path) -> None:
    file, views = data.parent / "ignore" / "train" / "1.txt", Views(regions=True)
    digests = [data_digest(build(data, views)), data_digest(build(data, views))]
    file.write_text("2 0.5 0.5 0.1 0.1\n")
    digests.append(data_digest(build(data, views)))
    file.unlink()
    digests += [data_digest(build(data, views)), data_digest(build(data, Views()))]
    assert len(set(digests)) == 4
    assert digests[0] == digests[1]


def batch(regions: list[list[float]], objects: list[list[float]]) -> dict[str, Any]:
    """Build a batch of two pictures as it comes out of a loader: regions and objects as image, class, box."""
    rows = torch.tensor([*objects, *[[image, 4 + cls, *box] for image, cls, *box in regions]]).reshape(-1, 6)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 64, 64, generator=generator)
    return set_apart({"img": image, "batch_idx": rows[:, 0], "cls": rows[:, 1:2], "bboxes": rows[:, 2:]}, 3)


def test_objects_and_regions_are_set_apart() -> None:
    made = batch([[1, -1, 0.5, 0.5, 0.2, 0.2], [0, 2, 0.25, 0.5, 0.1, 0.1]], [[0, 1, 0.5, 0.5, 0.3, 0.3]])
    assert made["cls"].tolist() == [[1]]
    assert made["batch_idx"].tolist() == [0]
    assert made["ignored"].tolist() == [
        pytest.approx([1, -1, 0.5, 0.5, 0.2, 0.2]),
        pytest.approx([0, 2, 0.25, 0.5, 0.1, 0.1]),
    ]


CORNER = [0, -1, 0.25, 0.25, 0.5, 0.5]
OBJECT = [0, 1, 0.25, 0.25, 0.3, 0.3]


@pytest.mark.parametrize("yaml", ["yolov8n.yaml", "yolov8n-p2.yaml", "yolov10n.yaml", "yolo26n.yaml"])
@pytest.mark.parametrize("heads", ["none", "center"])
@pytest.mark.parametrize("objects", [[], [OBJECT]], ids=["background", "an object"])
@pytest.mark.parametrize("cls", [-1, 2])
def test_the_loss_is_ultralytics_without_the_background_of_regions(
    yaml: str, heads: str, objects: list[list[float]], cls: int
) -> None:
    model = detector(yaml)
    model.criterion = attach(model, _heads(heads), epochs=1)
    model.criterion.detection = type(model).init_criterion(model)
    model.train()
    made = batch([[0, cls, *CORNER[2:]]], objects)
    torch.manual_seed(0)
    preds = model(made["img"])
    _, items = model.criterion(preds, made)
    plain = model.criterion({**preds}, {name: value for name, value in made.items() if name != "ignored"})[1]
    branch = preds.get("one2one", preds)  # Ultralytics reports the losses of that one
    loss = getattr(model.criterion.detection, "one2one", model.criterion.detection)
    raw = raw_predictions(branch, loss)
    inside = spared(made["ignored"], raw, tuple(made["img"].shape[2:])).transpose(1, 2)
    (foreground, *_), _, _ = loss.get_assigned_targets_and_loss(branch, made)
    scores = branch["scores"].permute(0, 2, 1)
    background = F.binary_cross_entropy_with_logits(scores, torch.zeros_like(scores), reduction="none")
    taken = background[inside & ~foreground.bool()[..., None]].sum()
    weight = plain["cls_loss"] / _class_sum(loss, branch, made)
    assert items["cls_loss"].item() == pytest.approx((plain["cls_loss"] - taken * weight).item(), rel=1e-4)
    assert items["cls_loss"] < plain["cls_loss"]
    assert items["box_loss"].item() == plain["box_loss"].item()
    assert inside.sum().item() > 10
    assert not inside[1].any()


def _heads(name: str) -> Any:
    from auxhead.keys.heads.center import CenterSpec

    return {"center": CenterSpec()} if name == "center" else {}


def _class_sum(loss: Any, branch: Any, made: dict[str, Any]) -> torch.Tensor:
    """Sum Ultralytics' classification loss before it is weighed."""
    sums = []
    hook = loss.bce.register_forward_hook(lambda _module, _inputs, output: sums.append(output.detach().sum()))
    loss.get_assigned_targets_and_loss(branch, made)
    hook.remove()
    return sums[0]


def test_a_region_over_the_whole_picture_leaves_no_background() -> None:
    model = detector()
    model.criterion = attach(model, {}, epochs=1)
    model.criterion.detection = model.init_criterion()
    model.train()
    made = batch([[image, -1, 0.5, 0.5, 1, 1] for image in (0, 1)], [])
    loss, items = model.criterion(model(made["img"]), made)
    assert items["cls_loss"] == 0
    loss.sum().backward()
    assert all(not parameter.grad.isnan().any() for parameter in model.parameters() if parameter.grad is not None)


def test_a_training_sets_regions_apart_and_ships(
    quick: dict[str, Any], signs: Path, tmp_path: Path, call: Callable[..., Any]
) -> None:
    import shutil

    shutil.copytree(signs.parent, tmp_path / "signs", ignore=shutil.ignore_patterns("*.cache"))
    data = tmp_path / "signs" / "data.yaml"
    data.write_text("".join(line for line in data.read_text().splitlines(True) if not line.startswith("path")))
    images = sorted((tmp_path / "signs" / "images" / "train").iterdir())
    (tmp_path / "signs" / "ignore" / "train").mkdir(parents=True)
    for image in images[:4]:
        (tmp_path / "signs" / "ignore" / "train" / f"{image.stem}.txt").write_text("-1 0.5 0.5 0.8 0.8\n")
    batches: list[Any] = []

    def watch(trainer: Any) -> None:
        prepare = trainer.preprocess_batch
        trainer.preprocess_batch = lambda made: batches.append(prepare(made)) or batches[-1]

    keys = {**quick, "data": str(data), "epochs": 1, "mosaic": 0.0}
    result = auxhead.train(**keys, project=str(tmp_path / "runs"), callbacks={"on_train_start": watch})
    assert sum(len(made["ignored"]) for made in batches) == 4
    assert all((made["cls"] < 6).all() for made in batches)
    assert sum(len(made["cls"]) for made in batches) > 8
    assert result.best.is_file()
    batches.clear()
    auxhead.train(**keys, ignore=False, project=str(tmp_path / "runs"), callbacks={"on_train_start": watch})
    assert not any("ignored" in made for made in batches)
    assert all((made["cls"] < 6).all() for made in batches)
