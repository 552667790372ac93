"""Which heads there are, and where their keys stand."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from auxhead.errors import ConfigError
from auxhead.keys.heads.base import HeadSpec

BUILT_IN = {
    "center": "auxhead.keys.heads.center:CenterSpec",
    "detect": "auxhead.keys.heads.detect:DetectSpec",
    "mask": "auxhead.keys.heads.mask:MaskSpec",
    "teacher": "auxhead.keys.heads.teacher:TeacherSpec",
}
"""Where the keys of our own heads stand; their modules are in `auxhead.heads.registry`."""

ENTRY_POINT_GROUP = "auxhead.heads"
"""Entry points by which other packages bring heads; each names a `Head`, whose `Spec` holds its keys."""


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
