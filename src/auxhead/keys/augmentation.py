"""How training pictures are shown: classes that a mirror changes, and views cut from native pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from auxhead.keys.reading import Keys, describe, floats, unknown

Pixels = Literal["native", "shrunk"]


class FlipsKeys(Keys):
    """What a mirror does to classes; None leaves it to the data.yaml."""

    swap: dict[str, str] | None = Field(
        default=None,
        description="classes that are each other's mirror image, {keep-left: keep-right}; none: not even data.yaml's",
    )
    never: list[str] | None = Field(
        default=None, description="classes that a mirror spoils, [stop, 30]: pictures with one aren't mirrored"
    )

    @field_validator("swap", mode="before")
    @classmethod
    def _read_pairs(cls, value: Any) -> Any:
        found = _read(value)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            message = "expected {class: its mirror image}"
            raise ValueError(message)  # noqa: TRY004  pydantic tells no other
        split = ((key, other) if other else _halves(key) for key, other in found.items())  # {a:b} without a space
        return {_name(key): _name(other) for key, other in split}

    @field_validator("never", mode="before")
    @classmethod
    def _read_names(cls, value: Any) -> Any:
        found = _read(value)
        if isinstance(found, (list, tuple)):
            return [_name(name) for name in found]
        return found if found is None else [_name(found)]  # one name needs no brackets

    @model_validator(mode="after")
    def _require_pairs(self) -> FlipsKeys:
        partners: dict[str, str] = {}
        for pair in (self.swap or {}).items():
            for name, other in (pair, pair[::-1]):
                if partners.setdefault(name, other) != other:
                    message = f"{name} has two mirror images, {partners[name]} and {other}"
                    raise ValueError(message)
        both = sorted(partners.keys() & set(self.never or ()))
        if both:
            message = f"{', '.join(both)}: either has a mirror image, or is never mirrored"
            raise ValueError(message)
        return self


class CropsKeys(Keys):
    """Training views that are cut from the picture as it is on disk, and resized to imgsz."""

    share: float = Field(
        default=0.0, ge=0, le=1, description="share of the training views that are cut from native pixels, such as 0.67"
    )
    window: list[float] = Field(
        default=[0.35, 0.7], description="shortest and longest side of a cut, of the picture's longer side"
    )
    small: float = Field(
        default=32.0,
        gt=0,
        description="half of the cuts hold an object below so many pixels at imgsz, where there is one",
    )
    source: Pixels = Field(
        default="native", alias="from", description="native; shrunk: the same cuts from the picture at imgsz, a control"
    )
    force: bool = Field(default=False, description="cut, although the pictures are hardly larger than imgsz")

    @field_validator("window", mode="before")
    @classmethod
    def _read_range(cls, value: Any) -> Any:
        if isinstance(value, (int, float)):
            return [float(value)] * 2
        return floats(value.replace("-", ",") if isinstance(value, str) else value)

    @field_validator("window")
    @classmethod
    def _require_range(cls, value: list[float]) -> list[float]:
        if len(value) != 2 or not 0 < value[0] <= value[1] <= 1:
            message = "expected two shares of the picture, the smaller one first, such as 0.35-0.7"
            raise ValueError(message)
        return value


AUGMENTATION_KEYS: dict[str, type[FlipsKeys | CropsKeys]] = {"flips": FlipsKeys, "crops": CropsKeys}
"""Keys by their prefix: `crops.small=`; the first of each is written without a name of its own: `crops=0.67`."""

BARE = {"flips": "swap", "crops": "share"}
"""The key that a prefix stands for where it stands alone."""

NOTHING: dict[str, Any] = {"swap": {}, "never": [], "share": 0.0}
"""What none means for a key that has a data.yaml or a default behind it."""


def augmentation_words() -> dict[str, str]:
    """Map each word that can be typed to the key of its model that it sets: {"crops": "share", "crops.small": ...}."""
    return {
        word(prefix, name, field): field.alias or name
        for prefix, model in AUGMENTATION_KEYS.items()
        for name, field in model.model_fields.items()
    }


def word(prefix: str, name: str, field: FieldInfo) -> str:
    """Return how a key is typed, for instance crops, crops.small, crops.from.

    Args:
        prefix: Its prefix, without a dot; others than ours are put before the name.
        name: Of the field.
        field: May have another name for users.
    """
    return prefix if BARE.get(prefix) == name else ".".join(filter(None, (prefix, field.alias or name)))


def read_augmentation(keys: Mapping[str, Any]) -> tuple[FlipsKeys, CropsKeys, list[str]]:
    """Read the keys of augmentation among those of a training.

    Args:
        keys: As typed; `flips=none` asks for no mirror classes, whatever the data.yaml says.

    Returns:
        Both models, at their defaults where nothing (or something wrong) was given, and what is wrong, a line each.
    """
    read: dict[str, Any] = {}
    words = augmentation_words()
    given = [word for word in keys if word.partition(".")[0] in AUGMENTATION_KEYS]
    problems = [unknown(word, words) for word in given if word not in words]
    for prefix, model in AUGMENTATION_KEYS.items():
        typed = {words[word]: keys[word] for word in given if word in words and word.partition(".")[0] == prefix}
        own = {name: NOTHING.get(name) if value is None else value for name, value in typed.items()}
        if own.get("swap") == {}:  # flips=none
            own.setdefault("never", [])
        try:
            read[prefix] = model.model_validate(own)
        except ValidationError as error:
            lines = describe(error, model, f"{prefix}.")
            problems += [line.replace(f"{prefix}.{BARE[prefix]}=", f"{prefix}=") for line in lines]
            read[prefix] = model()
    if keys.get("crops") and keys.get("rect") is True:
        problems.append(f"crops={keys['crops']}: rect=true shows whole pictures in their own shape; choose one of them")
    if not keys.get("crops") and (idle := [word for word in given if word.startswith("crops.") and word in words]):
        problems.append(f"{', '.join(idle)}: only with crops=, such as crops=0.67")
    return read["flips"], read["crops"], problems


def _read(value: Any) -> Any:
    """Read what was typed as YAML, in which everything is text; what is no text already is left as it is."""
    if not isinstance(value, str):
        return value
    try:
        return yaml.load(value, Loader=yaml.BaseLoader)  # noqa: S506  builds text, lists and dictionaries only
    except (yaml.YAMLError, RecursionError):
        message = "expected {class: its mirror image} or [class, class]"
        raise ValueError(message) from None


def _name(value: Any) -> str:
    """Take a class name; what is nested in one may be endless, and is not looked at."""
    if isinstance(value, (Mapping, list, tuple, set)):
        message = "expected names of classes, not lists in lists"
        raise ValueError(message)  # noqa: TRY004  pydantic tells no other
    return str(value)


def _halves(text: Any) -> tuple[str, str]:
    name, colon, other = str(text).partition(":")
    if not (colon and name.strip() and other.strip()):
        message = f"{text}: expected its mirror image, {{{text}: CLASS}}"
        raise ValueError(message)
    return name.strip(), other.strip()
