"""The synthetic sign data set: same bytes for the same parameters, tight labels, nothing half finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from auxhead.demonstration import sign_drawing as signs
from auxhead.demonstration.sign_dataset import make_signs
from auxhead.errors import ConfigError, OutputError

SIZE = 96


def files(folder: Path) -> dict[str, bytes]:
    """Return what a data set holds apart from the two files that name its folder."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths if p.name not in ("data.yaml", "signs.json")}


def boxes(text: str) -> list[tuple[int, np.ndarray]]:
    """Return class and x1, y1, x2, y2 (shares of the picture) of each label line."""
    rows = [[float(part) for part in line.split()] for line in text.splitlines()]
    return [(int(kind), np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])) for kind, x, y, w, h in rows]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_signs(tmp_path_factory.mktemp("plain") / "signs", train=36, val=12, size=SIZE).parent


@pytest.fixture
def labels(plain: Path) -> list[tuple[int, np.ndarray]]:
    return [label for path in sorted((plain / "labels").rglob("*.txt")) for label in boxes(path.read_text())]


# What is written


def test_the_same_seed_gives_the_same_bytes_however_many_pictures_follow(plain: Path, tmp_path: Path) -> None:
    short = files(make_signs(tmp_path / "short", train=12, val=2, size=SIZE).parent)
    assert len(short) == 28
    assert short.items() <= files(plain).items()


def test_another_seed_gives_other_bytes(plain: Path, tmp_path: Path) -> None:
    first, other = files(plain), files(make_signs(tmp_path / "other", train=2, val=1, size=SIZE, seed=1).parent)
    assert len(other) == 6
    assert all(first[name] != content for name, content in other.items())


def test_no_two_pictures_are_alike(plain: Path) -> None:
    pictures = [content for name, content in files(plain).items() if name.endswith(".jpg")]
    assert len(set(pictures)) == len(pictures) == 48


def test_data_yaml_names_existing_folders_and_all_classes(tmp_path: Path) -> None:
    data = make_signs(tmp_path / "odd: näme #1 🚸", train=1, val=1, size=SIZE)
    assert data == tmp_path.resolve() / "odd: näme #1 🚸" / "data.yaml"
    content = yaml.safe_load(data.read_text(encoding="utf-8"))
    root = Path(content["path"])
    assert root.is_absolute()
    for split in ("train", "val"):
        pictures = list((root / content[split]).iterdir())
        assert len(pictures) == 1
        with Image.open(pictures[0]) as picture:
            assert (picture.size, picture.mode) == ((SIZE, SIZE), "RGB")
    assert list(content["names"].items()) == list(
        enumerate(["prohibition", "ahead", "priority", "warning", "first_aid", "stop"])
    )


def test_a_relative_folder_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = make_signs(Path("here"), train=1, val=1, size=64)
    assert yaml.safe_load(data.read_text())["path"] == str(data.parent) == str(tmp_path.resolve() / "here")


@pytest.mark.parametrize("flip_variant", [False, True])
def test_every_class_occurs(flip_variant: bool, plain: Path, tmp_path: Path) -> None:
    if flip_variant:
        plain = make_signs(tmp_path / "flip", train=30, val=1, size=SIZE, flip_variant=True).parent
    text = "".join(path.read_text() for path in (plain / "labels" / "train").glob("*.txt"))
    counts = np.bincount([kind for kind, _ in boxes(text)], minlength=6)
    assert len(counts) == len(yaml.safe_load((plain / "data.yaml").read_text())["names"]) == 6
    assert counts.min() > counts.mean() / 2


def test_one_picture_in_twelve_has_an_empty_label_file(plain: Path) -> None:
    for split, empty in (("train", {"00011", "00023", "00035"}), ("val", {"00011"})):
        texts = {path.stem: path.read_text() for path in (plain / "labels" / split).iterdir()}
        assert {stem for stem, text in texts.items() if not text} == empty
        assert {path.stem for path in (plain / "images" / split).iterdir()} == set(texts)


# Labels


def test_label_lines_are_yolo_with_six_digits_inside_the_picture(plain: Path, labels: list) -> None:
    lines = [line for path in (plain / "labels").rglob("*.txt") for line in path.read_text().splitlines()]
    for line in lines:
        kind, *numbers = line.split()
        assert kind in "012345"
        assert [len(number.partition(".")[2]) for number in numbers] == [6] * 4
    corners = np.array([box for _, box in labels])
    assert len(corners) > 200
    assert corners.min() > -1e-6
    assert corners.max() < 1 + 1e-6
    assert (corners[:, 2:] > corners[:, :2]).all()


def test_whole_signs_measure_6_to_32_pixels_and_most_are_small(labels: list) -> None:
    corners = np.array([box for _, box in labels]) * SIZE
    whole = corners[(corners.min(axis=1) > 0.01) & (corners.max(axis=1) < SIZE - 0.01)]
    longer = (whole[:, 2:] - whole[:, :2]).max(axis=1)
    assert longer.min() >= 6 - 0.01
    assert longer.max() <= 32 + 2 / 8 + 0.01  # a drawn edge may fill the subpixel it ends in
    assert np.median(longer) < 16
    assert longer.min() < 8
    assert longer.max() > 24


def test_some_signs_are_cut_by_the_border(labels: list) -> None:
    corners = np.array([box for _, box in labels]) * SIZE
    cut = (corners.min(axis=1) < 0.01) | (corners.max(axis=1) > SIZE - 0.01)
    assert 0.02 < cut.mean() < 0.4


def test_signs_of_a_picture_do_not_overlap(plain: Path) -> None:
    for path in (plain / "labels").rglob("*.txt"):
        found = [box for _, box in boxes(path.read_text())]
        for number, one in enumerate(found):
            for other in found[:number]:
                overlap = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
                assert overlap.min() <= 0


@pytest.mark.parametrize("number", range(8))
def test_labels_are_tight_to_the_pixels(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a flat ground without distractors, each box rounded outwards is the bounding box of its changed pixels."""
    ground = np.array([120.25, 60.5, 200.75], np.float32)  # no sign has this color, whatever the light
    monkeypatch.setattr(signs, "_background", lambda rng, size: np.tile(ground, (size, size, 1)))
    monkeypatch.setattr(signs, "_DISTRACTORS", (0, 0))
    monkeypatch.setattr(signs, "_expose", lambda rng, canvas: canvas)
    rng = np.random.default_rng(number)
    canvas, found = signs.draw_picture(rng, SIZE, signs.plain_signs(), empty=False)
    changed = (np.asarray(canvas) != ground).any(axis=2)
    assert changed.any()
    for _, (x1, y1, x2, y2) in found:
        left, top, right, bottom = int(x1), int(y1), int(np.ceil(x2)), int(np.ceil(y2))
        part = changed[top:bottom, left:right]
        assert part.any(axis=1)[[0, -1]].all()
        assert part.any(axis=0)[[0, -1]].all()
        changed[top:bottom, left:right] = False
    assert not changed.any()


@pytest.mark.parametrize(
    ("center", "expected"),
    [
        ((20.0, 20.0), (10, 10, 30, 30)),
        ((20.3, 20.7), (10.3, 10.7, 30.3, 30.7)),
        ((0.0, 20.0), (0, 10, 10, 30)),  # half a disc
        ((64.0, 64.0), (54, 54, 64, 64)),  # a quarter
        ((20.0, -8.0), (14, 0, 26, 2)),  # a cap: as wide as what is seen, not as the disc
    ],
)
def test_the_box_of_a_disc_is_known(center: tuple[float, float], expected: tuple[float, ...]) -> None:
    ahead = signs.plain_signs()[1]
    _, box = signs._visible(signs._draw(ahead, center, 20.0, 0.0), 64)
    assert box == pytest.approx(expected, abs=0.3)


def test_visible_share() -> None:
    ahead = signs.plain_signs()[1]
    assert signs._visible(signs._draw(ahead, (32, 32), 20.0, 0.0), 64)[0] == 1
    assert signs._visible(signs._draw(ahead, (0, 32), 20.0, 0.0), 64)[0] == pytest.approx(0.5, abs=0.02)
    assert signs._visible(signs._draw(ahead, (-30, 32), 20.0, 0.0), 64)[0] == 0


@pytest.mark.parametrize("tilt", [0.0, 7.0, -10.0])
def test_the_longer_side_is_the_asked_length_after_the_tilt(tilt: float) -> None:
    for sign in signs.plain_signs():
        _, (x1, y1, x2, y2) = signs._visible(signs._draw(sign, (32.2, 31.9), 12.0, tilt), 64)
        assert max(x2 - x1, y2 - y1) == pytest.approx(12, abs=0.3)


def test_edges_are_smooth() -> None:
    canvas = np.full((64, 64, 3), 255, np.float32)
    signs._paste(canvas, signs._draw(signs.plain_signs()[1], (32, 32), 20.0, 0.0), 1.0, 0.0)
    row = canvas[23, :, 0]  # crosses the disc near its top
    assert ((row > signs._BLUE[0]) & (row < 255)).sum() >= 2


# The two variants


def drawn(sign: signs.Sign) -> np.ndarray:
    return signs._draw(sign, (16, 16), 32.0, 0.0).rgb


def test_plain_classes_look_the_same_in_a_mirror_and_differ_from_each_other() -> None:
    pictures = {sign.name: drawn(sign) for sign in signs.plain_signs()}
    for name, picture in pictures.items():
        assert np.abs(picture - picture[:, ::-1]).mean() < 3, name
        for other, second in pictures.items():
            if other != name and second.shape == picture.shape:
                assert np.abs(picture - second).mean() > 20, (name, other)


@pytest.mark.parametrize("kind", ["arrow", "curve"])
def test_a_mirrored_left_sign_is_the_right_one(kind: str) -> None:
    by_name = {sign.name: drawn(sign) for sign in signs.flip_signs()}
    left, right = by_name[f"{kind}_left"], by_name[f"{kind}_right"]
    assert np.abs(left[:, ::-1] - right).mean() < 3  # the last subpixel of an edge isn't symmetric
    assert np.abs(left - right).mean() > 12
    pictogram = {sign.name: sign for sign in signs.flip_signs()}[f"{kind}_left"].layers[1][0]
    assert (pictogram[:, 0] < -0.75).sum() == 1  # the tip of the head points to the left
    assert pictogram[:, 0].max() < 0.75


# Folders


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        assert not (tmp_path / "signs").exists()
        assert total == 6
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_signs(tmp_path / "signs", train=4, val=2, size=64, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_at_the_last_step_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(source: Path, target: Path) -> None:
        assert (source / "data.yaml").is_file()
        assert target == tmp_path.resolve() / "signs"
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_signs(tmp_path / "signs", train=1, val=1, size=64)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_leaves_only_the_folder(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    make_signs(tmp_path / "new" / "signs", train=2, val=1, size=64, progress=lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["signs"]
    assert sorted(path.name for path in (tmp_path / "new/signs").iterdir()) == [
        "data.yaml", "images", "labels", "signs.json",
    ]  # fmt: skip


def test_the_same_parameters_reuse_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "signs"
    data = make_signs(folder, train=2, val=1, size=64)
    (folder / "labels" / "train.cache").write_text("what Ultralytics leaves there")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    def never(done: int, total: int) -> None:
        pytest.fail("made again")

    assert make_signs(folder, train=2, val=1, size=64, progress=never) == data
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("change", [{"train": 3}, {"val": 2}, {"size": 65}, {"seed": 1}, {"flip_variant": True}])
def test_other_parameters_are_refused_by_name(change: dict, plain: Path) -> None:
    (key, value), = change.items()  # fmt: skip
    before = files(plain)
    old = {"train": 36, "val": 12, "size": SIZE, "seed": 0, "flip_variant": False}
    with pytest.raises(OutputError, match="name another folder") as caught:
        make_signs(plain, **(old | change))
    assert caught.value.expected == f"a data set made with {key}={value}"
    assert caught.value.found == f"one made with {key}={old[key]}"
    assert files(plain) == before


def test_a_moved_data_set_is_refused_since_its_yaml_names_the_old_place(tmp_path: Path) -> None:
    make_signs(tmp_path / "old", train=1, val=1, size=64)
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(OutputError, match="folder=") as caught:
        make_signs(tmp_path / "new", train=1, val=1, size=64)
    assert str(tmp_path / "old") in caught.value.found


@pytest.mark.parametrize("name", ["data.yaml", "images/train/00001.jpg", "labels/val/00000.txt"])
def test_an_incomplete_data_set_is_not_reused(name: str, tmp_path: Path) -> None:
    make_signs(tmp_path / "signs", train=2, val=1, size=64)
    (tmp_path / "signs" / name).unlink()
    with pytest.raises(OutputError, match=f"1 files missing, the first is {name}"):
        make_signs(tmp_path / "signs", train=2, val=1, size=64)


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"seed": 0}', b"\xff\xfe"])
def test_a_foreign_folder_is_left_alone(content: str | bytes | None, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    if content is not None:
        (tmp_path / "signs.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = files(tmp_path)
    with pytest.raises(OutputError, match="this one is left as it is") as caught:
        make_signs(tmp_path, train=1, val=1, size=64)
    assert caught.value.where == str(tmp_path.resolve())
    assert files(tmp_path) == before


def test_an_empty_folder_may_be_there_already(tmp_path: Path) -> None:
    (tmp_path / "signs").mkdir()
    assert make_signs(tmp_path / "signs", train=1, val=1, size=64).is_file()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_is_no_folder_is_an_output_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError):
        make_signs(tmp_path / place, train=1, val=1, size=64)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_filled_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    def fill(done: int, total: int) -> None:
        (tmp_path / "signs").mkdir(exist_ok=True)
        (tmp_path / "signs" / "mine").write_text("mine")

    with pytest.raises(OutputError, match="that can be written"):
        make_signs(tmp_path / "signs", train=1, val=1, size=64, progress=fill)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["signs", "signs/mine"]


def test_what_progress_raises_is_not_an_output_error(tmp_path: Path) -> None:
    def broken(done: int, total: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        make_signs(tmp_path / "signs", train=1, val=1, size=64, progress=broken)


def test_all_bad_numbers_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make_signs(tmp_path / "signs", train=0, val=1, size=63, seed=-1)
    assert caught.value.expected == "train of at least 1, size of at least 64, seed of at least 0"
    assert caught.value.found == "train=0, size=63, seed=-1"
    assert not (tmp_path / "signs").exists()
