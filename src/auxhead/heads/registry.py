"""The names by which users ask for heads."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from auxhead.errors import ConfigError
from auxhead.heads.base import Head

BUILT_IN = {
    "center": "auxhead.heads.center:CenterHead",
}
ENTRY_POINT_GROUP = "auxhead.heads"


def head_names() -> list[str]:
    """Return the names of all heads that can be asked for, built in or installed, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))})


def head_class(name: str) -> type[Head]:
    """Return the class of a head.

    Raises:
        ConfigError: No head of that name, or an installed one that is no `Head`.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        loaded = getattr(import_module(module), attribute)
    else:
        found = [point for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == name]
        if not found:
            raise ConfigError(
                expected=f"a head among {', '.join(head_names())}",
                found=f"'{name}'",
                where="heads",
                fix="name one of them, or install the package that brings it",
            )
        loaded = found[0].load()
    if not (isinstance(loaded, type) and issubclass(loaded, Head)):
        raise ConfigError(
            expected="a subclass of auxhead.heads.base.Head",
            found=repr(loaded),
            where=f"entry point '{name}' of the group {ENTRY_POINT_GROUP}",
            fix="correct the package that registers it",
        )
    return loaded
