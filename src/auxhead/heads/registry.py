"""The names by which users ask for heads."""

from __future__ import annotations

from importlib import import_module

from auxhead.heads.base import Head
from auxhead.keys.heads.registry import installed_head, not_a_head

BUILT_IN = {
    "center": "auxhead.heads.center:CenterHead",
    "detect": "auxhead.model.detect:DetectHead",
    "mask": "auxhead.heads.mask:MaskHead",
    "teacher": "auxhead.heads.teacher:TeacherHead",
}
"""Our own heads; their keys are in `auxhead.keys.heads.registry`. One that is made of Ultralytics' modules lives in a
room that may import these, and is only named here."""


def head_class(name: str) -> type[Head]:
    """Return the class of a head.

    Raises:
        ConfigError: No head of that name, or an installed one that is no `Head`.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        loaded = getattr(import_module(module), attribute)
    else:
        loaded = installed_head(name).load()
    if not (isinstance(loaded, type) and issubclass(loaded, Head)):
        raise not_a_head(name, loaded)
    return loaded
