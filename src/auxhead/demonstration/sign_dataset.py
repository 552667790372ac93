"""A small synthetic data set of small signs in YOLO format, for a first training that needs no download."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from auxhead.demonstration.sign_drawing import Label, Sign, draw_picture, flip_signs, plain_signs
from auxhead.errors import ConfigError, OutputError
from auxhead.progress import Steps

_VERSION = 1  # raise it when the same parameters no longer give the same pictures
_EMPTY_EVERY = 12  # one picture in so many is pure background. Source: own choice
_RECORD = "signs.json"


def make_signs(
    folder: Path,
    *,
    train: int,
    val: int,
    size: int,
    seed: int = 0,
    flip_variant: bool = False,
    progress: Steps | None = None,
) -> Path:
    """Write a data set of small synthetic signs, or reuse the one that the same parameters made in that folder.

    The same parameters give the same bytes as long as numpy and Pillow stay the same; picture n of a split doesn't
    depend on how many follow it. The folder appears only once it is complete.

    Args:
        folder: Where to put it. It may be missing, empty, or made by an earlier call with the same parameters.
        train: Training pictures, at least 1.
        val: Validation pictures, at least 1.
        size: Width and height of a picture, pixels, at least 64. Signs measure 6 to 32 pixels whatever the size.
        seed: Start of the random numbers, at least 0.
        flip_variant: Replace four of the six mirror-symmetric classes by two pairs (arrow and curve, left and right)
            that a horizontal flip turns into each other.
        progress: Called after each picture with the number done and the total; not called when reusing.

    Returns:
        The data.yaml, absolute; the ``path`` in it is absolute too.

    Raises:
        ConfigError: A number is too small.
        OutputError: The folder holds something else, was made with other parameters, or can't be written.
    """
    _check_numbers(train=(train, 1), val=(val, 1), size=(size, 64), seed=(seed, 0))
    folder = folder.expanduser().resolve()
    recipe = _Recipe(str(folder), train, val, size, seed, flip_variant)
    with _writing(folder):
        free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if free:
        _build(folder, recipe, progress)
    else:
        _check_reusable(folder, recipe)
    return folder / "data.yaml"


@dataclass(frozen=True)
class _Recipe:
    """All that decides what a data set holds; kept in it as json."""

    folder: str  # data.yaml names it, so a moved data set is another one
    train: int
    val: int
    size: int
    seed: int
    flip_variant: bool
    version: int = _VERSION
    made_by: str = "auxhead.signs"


def _check_numbers(**numbers: tuple[int, int]) -> None:
    """Refuse all numbers below their minimum at once."""
    bad = {key: (value, least) for key, (value, least) in numbers.items() if value < least}
    if bad:
        raise ConfigError(
            expected=", ".join(f"{key} of at least {least}" for key, (_, least) in bad.items()),
            found=", ".join(f"{key}={value}" for key, (value, _) in bad.items()),
            where="the parameters of the sign data set",
            fix="raise " + " and ".join(bad),
        )


def _check_reusable(folder: Path, recipe: _Recipe) -> None:
    """Refuse a folder that isn't the complete data set of this recipe."""
    wanted = asdict(recipe)
    try:
        made = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        made = None
    if not isinstance(made, dict) or made.get("made_by") != recipe.made_by:
        raise OutputError(
            expected="a missing or empty folder, or one that an earlier call made",
            found=f"something else, without a readable {_RECORD} of ours",
            where=str(folder),
            fix="name another folder; this one is left as it is",
        )
    differing = [key for key in wanted if made.get(key) != wanted[key]]
    if differing:
        raise OutputError(
            expected="a data set made with " + ", ".join(f"{key}={wanted[key]}" for key in differing),
            found="one made with " + ", ".join(f"{key}={made.get(key)}" for key in differing),
            where=str(folder / _RECORD),
            fix="name another folder, or delete this one to have it made anew",
        )
    missing = [name for name in _file_names(recipe) if not (folder / name).is_file()]
    if missing:
        raise OutputError(
            expected="the complete data set",
            found=f"{len(missing)} files missing, the first is {missing[0]}",
            where=str(folder),
            fix="delete the folder to have it made anew, or name another one",
        )


def _file_names(recipe: _Recipe) -> Iterator[str]:
    """Yield what has to be there, relative to the folder."""
    yield "data.yaml"
    for split, count in (("train", recipe.train), ("val", recipe.val)):
        for index in range(count):
            yield f"images/{split}/{index:05d}.jpg"
            yield f"labels/{split}/{index:05d}.txt"


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            expected="a place that can be written to",
            found=str(error),
            where=str(folder),
            fix="name a folder on a disk with space where you may write",
        ) from error


def _build(folder: Path, recipe: _Recipe, progress: Steps | None) -> None:
    """Make the data set beside the folder and move it into place."""
    signs = flip_signs() if recipe.flip_variant else plain_signs()
    with contextlib.ExitStack() as stack:
        with _writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            holder = tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent)
        # One level down, since the temporary folder itself is closed to other users.
        work = Path(stack.enter_context(holder)) / "signs"
        _write_pictures(work, recipe, signs, progress)
        with _writing(folder):
            (work / _RECORD).write_text(json.dumps(asdict(recipe), indent=2) + "\n", encoding="utf-8")
            (work / "data.yaml").write_text(_data_yaml(recipe, signs), encoding="utf-8")
            if folder.exists():
                folder.rmdir()  # empty, or this fails; Windows renames onto nothing that exists
            work.rename(folder)


def _write_pictures(work: Path, recipe: _Recipe, signs: tuple[Sign, ...], progress: Steps | None) -> None:
    """Write the pictures and labels of both splits."""
    done = 0
    for split_number, (split, count) in enumerate((("train", recipe.train), ("val", recipe.val))):
        images, labels = work / "images" / split, work / "labels" / split
        with _writing(Path(recipe.folder)):
            images.mkdir(parents=True)
            labels.mkdir(parents=True)
        for index in range(count):
            # A stream of its own for each picture: more pictures don't change those before.
            rng = np.random.default_rng([recipe.seed, split_number, index])
            empty = index % _EMPTY_EVERY == _EMPTY_EVERY - 1
            picture, found = draw_picture(rng, recipe.size, signs, empty=empty)
            with _writing(Path(recipe.folder)):
                picture.save(images / f"{index:05d}.jpg", quality=92, subsampling=0)
                (labels / f"{index:05d}.txt").write_text(_label_text(found, recipe.size), encoding="utf-8")
            done += 1
            if progress is not None:
                progress(done, recipe.train + recipe.val)


def _label_text(labels: list[Label], size: int) -> str:
    """Return YOLO lines: class, center x, center y, width, height, shares of the picture."""
    return "".join(
        f"{kind} {(x1 + x2) / 2 / size:.6f} {(y1 + y2) / 2 / size:.6f} {(x2 - x1) / size:.6f} {(y2 - y1) / size:.6f}\n"
        for kind, (x1, y1, x2, y2) in labels
    )


def _data_yaml(recipe: _Recipe, signs: tuple[Sign, ...]) -> str:
    """Return the data.yaml; a JSON string is a YAML string, whatever characters the path has."""
    lines = ["# Synthetic small signs, made by auxhead", f"path: {json.dumps(recipe.folder, ensure_ascii=False)}"]
    lines += ["train: images/train", "val: images/val", "names:"]
    return "\n".join(lines + [f"  {number}: {sign.name}" for number, sign in enumerate(signs)]) + "\n"
