"""A plan's file: what is read of it, and what is put beside or on top of it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from auxhead.comparison.arms import default_base, has_model
from auxhead.errors import ConfigError
from auxhead.keys.compare import PlanKeys
from auxhead.keys.reading import closest, validated
from auxhead.mistyped import how_to_correct
from auxhead.yaml_files import oversized

FILES = ("model", "teacher.weights")
"""Keys of an arm that may name a file beside the plan."""
READY_MADE = files("auxhead.comparison") / "plans"
STAGES = ("screen", "confirm", "budget")
"""Keys of a comparison that screens before it confirms, instead of one with `seeds`."""


def read_plan(plan: str | Path | None, given: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[str, PlanKeys]:
    """Read a plan, and put what was given beside it on top.

    Args:
        plan: A YAML file, the name of a ready-made plan, or None.
        given: Keys of the plan itself.
        base: Shared training keys.

    Returns:
        Its name and its keys, checked one by one. A relative `data`, and `model` and `teacher.weights` of an arm, count
        from the plan's folder if they are there. Of a ready-made plan, arms that the model's family has no variant for
        are left out.

    Raises:
        ConfigError: No such plan, or wrong keys or values, all of them at once.
    """
    content = dict(_load(plan)) if plan is not None else {}
    name = Path(plan).stem if plan is not None else "compare"
    shared = content.pop("base", None) or {}
    if not isinstance(shared, Mapping):
        raise ConfigError(
            "base: keys of `auxhead train`", f"base: {shared!r}", str(plan), "write one key: value a line"
        )
    if plan is not None:
        content = _beside(content, Path(plan).parent)
    if _is_ready_made(plan) and "arms" not in given:
        content["arms"] = _available(content["arms"], default_base({**shared, **base}, 1))
    if given.get("seeds") is not None:  # asked for now, instead of what the plan asks for
        content = {key: value for key, value in content.items() if key not in STAGES}
    elif given.get("screen") is not None:
        content.pop("seeds", None)
    return name, validated(PlanKeys, {**content, **given, "base": {**shared, **base}})


def _beside(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Let data of a plan, and models and teachers of its arms, be files in the plan's folder."""

    def found(value: Any) -> Any:
        there = isinstance(value, str) and (folder / value).is_file()
        return str((folder / value).resolve()) if there else value

    def data_found(value: Any) -> Any:
        there = isinstance(value, str) and value and (folder / value).is_dir()  # of another format
        return str((folder / value).resolve()) if there else found(value)

    own = dict(content)
    if "data" in own:
        own["data"] = data_found(own["data"])
    if isinstance(own.get("arms"), Mapping):
        own["arms"] = {
            arm: {key: found(value) if key in FILES else value for key, value in keys.items()}
            if isinstance(keys, Mapping)
            else keys
            for arm, keys in own["arms"].items()
        }
    return own


def _available(arms: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out arms that there is no model for: a P2 variant, say, of a family that has none."""
    return {arm: keys for arm, keys in arms.items() if keys is not None or has_model(arm, base)}


def _is_ready_made(plan: str | Path | None) -> bool:
    return str(plan) in _ready_made() and not Path(str(plan)).is_file()


def _ready_made() -> dict[str, Traversable]:
    return {entry.name.removesuffix(".yaml"): entry for entry in READY_MADE.iterdir() if entry.name.endswith(".yaml")}


def _load(plan: str | Path) -> dict[str, Any]:
    ready = _ready_made()
    source = ready[str(plan)] if _is_ready_made(plan) else Path(plan)
    if isinstance(source, Path) and (too_large := oversized(source)):
        raise ConfigError("a plan: a YAML file", too_large, str(plan), "correct the file")
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        missing = isinstance(error, FileNotFoundError)
        meant = (closest(str(plan), ready) or how_to_correct(str(plan))) if missing else ""
        raise ConfigError(
            expected=f"a plan: a YAML file, or one of {', '.join(sorted(ready))}",
            found="no such file" if missing else str(error).replace("\n", " "),
            where=str(plan),
            fix=meant or "correct the path or the file",
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(
            "key: value lines (data, base, seeds, arms, ...)", repr(content)[:80], str(plan), "see docs/compare.md"
        )
    return {str(key): value for key, value in content.items()}
