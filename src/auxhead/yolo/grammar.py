"""Read what the user typed, in Ultralytics' grammar, and report every mistake at once."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ultralytics.cfg import DEFAULT_CFG_DICT, _handle_deprecation, check_cfg, merge_equals_args, parse_key_value_pair
from ultralytics.utils import YAML

from auxhead.config import RECIPES, TrainKeys, closest, config_error, describe
from auxhead.errors import AuxHeadError, ConfigError
from auxhead.heads.registry import head_class, head_names
from auxhead.yolo.plan import Plan, head_spec

Keys = TypeVar("Keys", bound=BaseModel)

NOT_OURS = {"mode": "train", "task": "detect"}
"""Words of an Ultralytics command line that mean what `auxhead train` does anyway."""

EXTRA_KEYS = {"augmentations", "save_dir"}
"""Keys that Ultralytics accepts beside its defaults. Source: `ultralytics.cfg.check_dict_alignment`."""


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Turn `key=value` words into a dictionary of Python values.

    Args:
        arguments: Words as the shell hands them over, spaces around "=" allowed; bare boolean keys mean True, the words
            `detect` and `train` are skipped, `cfg=FILE` brings the keys of a YAML file.

    Raises:
        ConfigError: Words that are no `key=value`, all of them at once.
    """
    given: dict[str, Any] = {}
    problems: list[str] = []
    try:
        words = merge_equals_args(list(arguments))
    except SyntaxError as error:
        raise config_error([str(error)], "key=value words") from error
    for word in (word.removeprefix("--").removesuffix(",") for word in words):
        if "=" in word:
            try:
                key, value = parse_key_value_pair(word)
            except (AssertionError, SyntaxError, ValueError) as error:
                problems.append(f"{word}: {error}")
                continue
            given |= _from_yaml(value) if key == "cfg" and value is not None else {key: value}
        elif isinstance(DEFAULT_CFG_DICT.get(word), bool):
            given[word] = True
        elif word not in NOT_OURS.values():
            problems.append(f"{word}: not a key=value pair; {closest(word, known_keys()) or 'write key=value'}")
    if problems:
        raise config_error(problems, "key=value words")
    return given


def _from_yaml(path: Any) -> dict[str, Any]:
    if not Path(str(path)).is_file():
        raise ConfigError("a YAML file of keys", "no such file", f"cfg={path}", "correct the path")
    return {key: value for key, value in YAML.load(path).items() if key != "cfg"}


def parse_own(arguments: Sequence[str], model: type[Keys]) -> Keys:
    """Read the `key=value` words of a command that takes no keys of Ultralytics.

    Raises:
        ConfigError: Unknown keys (with the closest match), wrong types or values, all of them at once.
    """
    given = parse_arguments(arguments)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        known = f"keys {', '.join(f'{name}=' for name in model.model_fields)}"
        raise config_error(with_hints(describe(error), model), known) from error


def with_hints(lines: list[str], model: type[BaseModel], prefix: str = "") -> list[str]:
    """Add the closest key to each line about an unknown one."""
    keyed = [(line, line.partition("=")[0]) for line in lines]
    return [
        f"{key}: unknown key; {closest(key.removeprefix(prefix), model.model_fields)}"
        if "Extra inputs" in line
        else line
        for line, key in keyed
    ]


def known_keys() -> list[str]:
    """Return every key that `auxhead train` understands."""
    heads = [f"{name}.{key}" for name in head_names() for key in head_class(name).Spec.model_fields]
    return [*TrainKeys.model_fields, *heads, *DEFAULT_CFG_DICT]


def _unknown(key: str) -> str:
    return f"{key}: unknown key; {closest(key, known_keys())}".removesuffix("; ")


def resolve(given: Mapping[str, Any]) -> tuple[Plan, dict[str, Any]]:
    """Split keys into our plan and Ultralytics' arguments, and check all of them.

    Args:
        given: Keys as typed: Ultralytics' own, ours, `<head>.<key>`; `heads` may also map names to their keys, or be a
            list of names.

    Returns:
        The plan, and the arguments for Ultralytics' trainer (checked, not completed by its defaults).

    Raises:
        ConfigError: Unknown keys (with the closest match), wrong types or values, all of them at once.
    """
    problems: list[str] = []
    keys = _with_recipe(_flatten_heads(given))
    ours = {key: value for key, value in keys.items() if key in TrainKeys.model_fields}
    try:
        own = TrainKeys.model_validate(ours)
    except ValidationError as error:
        problems += describe(error)
        own = TrainKeys()
    names = [name.strip() for name in own.heads.split(",") if name.strip() not in {"", "none"}]
    specs, head_problems = _head_specs(names, keys)
    problems += head_problems
    theirs = {key: value for key, value in keys.items() if key not in ours and "." not in key}
    problems += _ultralytics_problems(theirs)
    for key in (key for key in keys if "." in key and key.partition(".")[0] not in names):
        head = key.partition(".")[0]
        idle = f"{key}: head {head} is not among heads={own.heads}"
        problems.append(idle if head in head_names() else _unknown(key))
    if problems:
        raise config_error(problems, "keys of `yolo detect train` and of auxhead")
    plan = Plan(heads=specs, select=own.select, on_error=own.on_error, cpu_bf16=own.cpu_bf16)
    return plan, {**_handle_deprecation(theirs), **NOT_OURS}


def _flatten_heads(given: Mapping[str, Any]) -> dict[str, Any]:
    """Write heads={"center": {"gain": 6}} as heads=center center.gain=6."""
    keys = dict(given)
    heads = keys.get("heads")
    if heads is None and "heads" in keys:
        keys["heads"] = "none"
    elif isinstance(heads, Mapping):
        keys["heads"] = ",".join(heads)
        keys |= {f"{name}.{key}": value for name, own in heads.items() for key, value in own.items()}
    elif isinstance(heads, (list, tuple)):
        keys["heads"] = ",".join(str(name) for name in heads)
    return keys


def _with_recipe(keys: dict[str, Any]) -> dict[str, Any]:
    """Fill in a recipe's keys for the heads asked for; what was given explicitly wins."""
    heads = str(keys.get("heads", TrainKeys().heads)).split(",")
    recipe = {
        key: value
        for key, value in RECIPES.get(str(keys.get("recipe")), {}).items()
        if "." not in key or key.partition(".")[0] in heads
    }
    for given, replaced in (("share", "gain"), ("gain", "share")):  # two ways to say one thing
        recipe = {
            k: v
            for k, v in recipe.items()
            if not (k.endswith(f".{replaced}") and f"{k[: -len(replaced)]}{given}" in keys)
        }
    return {**recipe, **keys}


def _head_specs(names: Sequence[str], keys: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Check the keys of each head."""
    specs, problems = {}, []
    for name in names:
        own = {key.partition(".")[2]: value for key, value in keys.items() if key.startswith(f"{name}.")}
        try:
            specs[name] = head_spec(name, own)
        except ValidationError as error:
            problems += with_hints(describe(error, f"{name}."), head_class(name).Spec, f"{name}.")
        except AuxHeadError as error:
            problems.append(f"heads: {error.found} is no head; {closest(name, head_names()) or error.expected}")
    return specs, problems


def _ultralytics_problems(theirs: Mapping[str, Any]) -> list[str]:
    """Check Ultralytics' keys one at a time with its own functions, so that none hides another."""
    problems = []
    for key, value in theirs.items():
        with contextlib.suppress(SyntaxError):
            current = _handle_deprecation({key: value})
            if set(current) - set(DEFAULT_CFG_DICT) - EXTRA_KEYS:
                problems.append(_unknown(key))
                continue
            try:
                check_cfg(current)
            except (TypeError, ValueError) as error:
                problems.append(str(error))
    wrong = {key: theirs[key] for key in NOT_OURS if theirs.get(key) not in {None, NOT_OURS[key]}}
    problems += [f"{key}={value}: auxhead trains detectors, {key}={NOT_OURS[key]}" for key, value in wrong.items()]
    return problems
