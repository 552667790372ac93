"""The keys of heads: those that every head has, and which heads there are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from auxhead.errors import ConfigError
from auxhead.keys.reading import Keys

Schedule = Literal["constant", "linear", "cosine", "detach"]

BUILT_IN = {"center": "auxhead.keys.center:CenterSpec"}
"""Where the keys of our own heads stand; their modules are in `auxhead.heads.registry`."""

ENTRY_POINT_GROUP = "auxhead.heads"
"""Entry points by which other packages bring heads; each names a `Head`, whose `Spec` holds its keys."""


class HeadSpec(Keys):
    """The keys every head understands; a head adds its own in a subclass."""

    share: float | None = Field(
        default=0.1,
        gt=0,
        le=1,
        description="gradient of the head on the shared feature maps, as a fraction of the detection loss's; "
        "the gain follows it",
    )
    gain: float | None = Field(default=None, ge=0, description="fixed loss gain, instead of share")
    schedule: Schedule = Field(
        default="constant",
        description="how the head's weight changes: constant; linear or cosine down to 0 at schedule_epoch; "
        "detach: from schedule_epoch on the head no longer reaches the detector",
    )
    schedule_epoch: int | None = Field(
        default=None, ge=1, description="epoch at which the schedule ends (default: the last one; detach needs it)"
    )

    @model_validator(mode="after")
    def _one_way_to_weigh(self) -> Self:
        if self.gain is not None and self.share is not None:
            if "share" in self.model_fields_set:
                msg = "gain and share exclude each other: gain fixes the weight, share lets it follow the gradients"
                raise ValueError(msg)
            object.__setattr__(self, "share", None)  # frozen for users, not for its own validator
        if self.gain is None and self.share is None:
            msg = "one of gain and share is needed"
            raise ValueError(msg)
        if self.schedule == "detach" and self.schedule_epoch is None:
            msg = "schedule=detach needs schedule_epoch, the first epoch without the head's pull on the detector"
            raise ValueError(msg)
        return self


def head_names() -> list[str]:
    """Return the names of all heads that can be asked for, built in or installed, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))})


def installed_head(name: str) -> EntryPoint:
    """Find a head that another package brings.

    Raises:
        ConfigError: There is no head of that name.
    """
    found = [point for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == name]
    if not found:
        raise ConfigError(
            expected=f"a head among {', '.join(head_names())}",
            found=f"'{name}'",
            where="heads",
            fix="name one of them, or install the package that brings it",
        )
    return found[0]


def not_a_head(name: str, loaded: object) -> ConfigError:
    """Say that an entry point names something else than a head."""
    return ConfigError(
        expected="a subclass of auxhead.heads.base.Head",
        found=repr(loaded),
        where=f"entry point '{name}' of the group {ENTRY_POINT_GROUP}",
        fix="correct the package that registers it",
    )


def spec_class(name: str) -> type[HeadSpec]:
    """Return the class of a head's keys; only heads of other packages are imported for it.

    Raises:
        ConfigError: No head of that name, or an installed one that is no `Head`.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
    loaded = installed_head(name).load()
    spec = getattr(loaded, "Spec", None)
    if not (isinstance(spec, type) and issubclass(spec, HeadSpec)):
        raise not_a_head(name, loaded)
    return spec


def head_spec(name: str, keys: Mapping[str, Any]) -> HeadSpec:
    """Check the keys of one head.

    Raises:
        ConfigError: No such head.
        pydantic.ValidationError: Keys or values are wrong.
    """
    given = {key: value for key, value in keys.items() if not (key in {"gain", "share"} and value is None)}
    return spec_class(name).model_validate(given)
