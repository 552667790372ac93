"""Mirrored pictures get the mirrored class, and some pictures are never mirrored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError
from ultralytics.data.augment import CopyPaste, RandomFlip

from auxhead.errors import ConfigError, DataError
from auxhead.keys.augmentation import FlipsKeys
from auxhead.keys.reading import closest, config_error, describe

MIRRORING = ("Flip", "Transpose", "D4", "SquareSymmetry")
"""Parts of the names of Albumentations' transforms that mirror. Source: its documentation, spatial-level transforms."""


@dataclass(frozen=True)
class Flips:
    """What a mirror does to the classes of a data set.

    Attributes:
        partner: Class of the mirrored object, by class; most are their own.
        never: Classes that a mirror spoils.
    """

    partner: tuple[int, ...]
    never: frozenset[int]


def completed(asked: FlipsKeys, data: Mapping[str, Any]) -> FlipsKeys:
    """Take from a data.yaml what was not asked for.

    Args:
        asked: As typed.
        data: Entries of the data.yaml, of which `flips` and `flips.never` are ours.

    Raises:
        DataError: The entries of the data.yaml are wrong.
        ConfigError: What was asked for contradicts them.
    """
    written = {"swap": data.get("flips"), "never": data.get("flips.never")}
    try:
        of_data = FlipsKeys.model_validate(written)
    except ValidationError as error:
        lines = [line.replace("flips.swap=", "flips: ") for line in describe(error, FlipsKeys, "flips.")]
        expected = "flips: {class: its mirror image}, and flips.never: [class, ...]"
        raise DataError(expected, "; ".join(lines), str(data.get("yaml_file", "data.yaml")), "correct it") from error
    given = {name: value for name, value in asked if value is not None}
    try:
        return FlipsKeys.model_validate({**dict(of_data), **given})
    except ValidationError as error:
        problems = [f"{line} (one of them stands in data.yaml)" for line in describe(error, FlipsKeys, "flips")]
        raise config_error(problems, "flips= and flips.never= that go together", "correct them") from error


def resolve_flips(asked: FlipsKeys, data: Mapping[str, Any], *, single_cls: bool = False) -> Flips | None:
    """Turn names into classes.

    Args:
        asked: As typed; what is None is taken from the data.yaml.
        data: Entries of the data.yaml as Ultralytics reads them: `names` by class, and ours.
        single_cls: Whether all classes are one: then there is nothing to swap.

    Returns:
        Classes and their mirror images; None where a mirror changes nothing.

    Raises:
        ConfigError: Names that the data set doesn't have, all of them at once.
        DataError: The entries of the data.yaml are wrong.
    """
    flips = completed(asked, data)
    if single_cls:  # Ultralytics has put one name in the place of all
        if asked.swap or asked.never:
            found = "flips= with single_cls=true, which makes one class of all"
            raise ConfigError("classes that a mirror may change", found, "the keys given", "leave one of them out")
        return None
    names = {str(name): int(cls) for cls, name in data["names"].items()}
    named = [*(flips.swap or {}).keys(), *(flips.swap or {}).values(), *(flips.never or ())]
    every = [str(name) for name in data["names"].values()]
    unknown = [name for name in dict.fromkeys(named) if name not in names]
    problems = [f"{name}: no class of that name; {closest(name, names)}".removesuffix("; ") for name in unknown]
    problems += [f"{name}: several classes of that name" for name in dict.fromkeys(named) if every.count(name) > 1]
    if problems:
        raise config_error(problems, "classes of the data set in flips= and flips.never=", "correct the names")
    partner = list(range(len(every)))
    for one, other in (flips.swap or {}).items():
        partner[names[one]], partner[names[other]] = names[other], names[one]
    never = frozenset(names[name] for name in flips.never or ())
    changes = never or partner != sorted(partner)
    return Flips(tuple(partner), never) if changes else None


class ClassFlip(RandomFlip):
    """Ultralytics' flip that knows what it does to classes; it draws the same random numbers.

    A picture with a class that a mirror spoils stays as it is, in both directions. A left-right mirror swaps classes;
    an upside-down one doesn't, as what points left still does.
    """

    def __init__(self, flip: RandomFlip, flips: Flips) -> None:
        """Take the place of a flip."""
        super().__init__(flip.p, flip.direction, flip.flip_idx)
        self.flips = flips

    def get_params(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Decide as Ultralytics does, but never for what may not be mirrored."""
        params: dict[str, Any] = super().get_params(labels)
        params["flip"] = params["flip"] and not spoilt(labels["cls"], self.flips).any()
        return params

    def apply_instances(self, labels: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Mirror boxes, and what they are."""
        labels = super().apply_instances(labels, params)
        if params["flip"] and params["direction"] == "horizontal":
            labels["cls"] = mirrored(labels["cls"], self.flips)
        return labels


class ClassCopyPaste(CopyPaste):
    """Ultralytics' copy-paste of mirrored objects into their own picture, which knows what that does to classes."""

    def __init__(self, paste: CopyPaste, flips: Flips) -> None:
        """Take the place of a copy-paste of mode flip."""
        super().__init__(paste.dataset, paste.pre_transform, paste.p, paste.mode)
        self.flips = flips

    def get_params(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Choose as Ultralytics does, without objects that a mirror spoils."""
        params: dict[str, Any] = super().get_params(labels)
        chosen = params["selected"]
        params["selected"] = chosen[~spoilt(labels["cls"], self.flips)[chosen]]
        params["labels2_cls"] = mirrored(labels["cls"], self.flips)
        return params


def spoilt(cls: Any, flips: Flips) -> Any:
    """Tell which objects a mirror spoils: classes of shape (n, 1) or (n,) give booleans of shape (n,)."""
    return np.isin(np.asarray(cls).reshape(-1), list(flips.never))


def mirrored(cls: Any, flips: Flips) -> Any:
    """Return the classes of mirrored objects, in the shape and type of the classes given."""
    return np.asarray(flips.partner, dtype=cls.dtype)[cls.astype(int)]


def with_classes(transforms: Any, flips: Flips) -> None:
    """Let each mirror in a tree of Ultralytics' transforms know the classes, in place.

    Raises:
        ConfigError: Albumentations mirror as well, which know no classes.
    """
    for inner in (getattr(transforms, "pre_transform", None), *_listed(transforms)):
        if inner is not None:
            with_classes(inner, flips)
    _require_no_other_mirror(getattr(transforms, "transform", None))
    if isinstance(getattr(transforms, "transforms", None), list):
        transforms.transforms = [_knowing(transform, flips) for transform in transforms.transforms]


def _listed(node: Any) -> Iterable[Any]:
    inner = getattr(node, "transforms", None)
    return inner if isinstance(inner, list) else ()


def _knowing(transform: Any, flips: Flips) -> Any:
    if type(transform) is RandomFlip:
        return ClassFlip(transform, flips)
    if type(transform) is CopyPaste and transform.mode == "flip":
        return ClassCopyPaste(transform, flips)
    return transform


def _require_no_other_mirror(albumentations: Any) -> None:
    mirrors = [name for name in _names(albumentations) if any(part in name for part in MIRRORING)]
    if mirrors:
        raise ConfigError(
            "mirrors that know their classes, fliplr= and flipud=",
            f"{', '.join(mirrors)} in augmentations=, beside flips=",
            "the keys given",
            "take them out of augmentations=, or set flips=none",
        )


def _names(node: Any) -> Iterable[str]:
    yield type(node).__name__
    for inner in _listed(node):
        yield from _names(inner)
