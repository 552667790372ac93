"""Read what the user typed, in Ultralytics' grammar, and report every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ultralytics.cfg import DEFAULT_CFG_DICT, _handle_deprecation, check_cfg, merge_equals_args, parse_key_value_pair
from ultralytics.utils import YAML

from auxhead.errors import AuxHeadError, ConfigError
from auxhead.heads.registry import head_class, head_names
from auxhead.keys.convert import PoseKeys, SegmentKeys
from auxhead.keys.reading import closest, config_error, describe, unknown, validated
from auxhead.keys.train import RECIPES, ROUTE_KEYS, TrainKeys
from auxhead.model.choices import RunPlan, head_spec

Keys = TypeVar("Keys", bound=BaseModel)

NOT_OURS = {"mode": "train", "task": "detect"}
"""Words of an Ultralytics command line that mean what `auxhead train` does anyway."""

NATIVE_ONLY = ("heads", "select")
"""Keys of ours that Ultralytics' own pose and segment trainers have no place for."""

EXTRA_KEYS = {"augmentations", "save_dir"}
"""Keys that Ultralytics accepts beside its defaults. Source: `ultralytics.cfg.check_dict_alignment`."""

FLAGS = {"end2end", "half", "int8", "nms"}
"""Keys without a boolean default that Ultralytics lets stand alone. Source: `ultralytics.cfg.entrypoint`."""

TRAIN_FIX = "correct them; `auxhead train --help` lists our keys, `yolo cfg` Ultralytics'"
OWN_FIX = "correct them; --help lists all keys"


def parse_arguments(arguments: Sequence[str], own: type[BaseModel] = TrainKeys) -> dict[str, Any]:
    """Turn `key=value` words into a dictionary of Python values.

    Args:
        arguments: Words as the shell hands them over, spaces around "=" allowed; bare boolean keys mean True, the words
            `detect` and `train` are skipped, `cfg=FILE` brings the keys of a YAML file, below those given as words.
        own: Our keys of the command; training takes Ultralytics' as well.

    Raises:
        ConfigError: Words that are no `key=value`, all of them at once.
    """
    given: dict[str, Any] = {}
    problems: list[str] = []
    known, fix = (known_keys(), TRAIN_FIX) if own is TrainKeys else (list(own.model_fields), OWN_FIX)
    try:
        words = merge_equals_args(list(arguments))
    except (IndexError, SyntaxError) as error:  # IndexError: "=" where no key can be
        problem = str(error) if isinstance(error, SyntaxError) else f"{' '.join(arguments)}: a bracket or '=' too many"
        raise config_error([problem], "key=value words", fix) from error
    for word in (word.removeprefix("--").removesuffix(",") for word in words):
        if "=" in word:
            try:
                key, value = parse_key_value_pair(word)
            except (AssertionError, SyntaxError, ValueError) as error:
                problems.append(f"{word}: {error}")
                continue
            given = _with_file({**given, key: value})
        elif word in known and _stands_alone(word, own):
            given[word] = True
        elif word in known:
            problems.append(f"{word}: no value; write {word}=value")
        elif word not in NOT_OURS.values():
            problems.append(unknown(word, known, what="not a key=value pair"))
    if problems:
        raise config_error(problems, "key=value words", fix)
    return given


def _stands_alone(key: str, own: type[BaseModel]) -> bool:
    """Say whether a key without value means True."""
    if key in own.model_fields:
        return own.model_fields[key].annotation in (bool, bool | None)
    return key in FLAGS or isinstance(DEFAULT_CFG_DICT.get(key), bool)


def _with_file(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Put the keys of cfg=FILE below those given beside it."""
    path = keys.get("cfg")
    if path is None:
        return dict(keys)
    try:
        content = YAML.load(path)
        below = {str(key): value for key, value in content.items() if key != "cfg"}
    except (AssertionError, AttributeError, OSError, TypeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        found = reason or str(error)
        raise ConfigError("a YAML file of keys", found, f"cfg={path}", "correct the path or the file") from error
    return {**_flatten_heads(below), **{key: value for key, value in keys.items() if key != "cfg"}}


def parse_own(arguments: Sequence[str], model: type[Keys]) -> Keys:
    """Read the `key=value` words of a command that takes no keys of Ultralytics.

    Raises:
        ConfigError: Unknown keys (with the closest match), wrong types or values, all of them at once.
    """
    return validated(model, parse_arguments(arguments, model))


def known_keys() -> list[str]:
    """Return every key that `auxhead train` understands."""
    heads = [f"{name}.{key}" for name in head_names() for key in head_class(name).Spec.model_fields]
    labels = [f"{route}.{key}" for route, model in ROUTE_KEYS.items() for key in model.model_fields]
    return list(dict.fromkeys([*TrainKeys.model_fields, *heads, *labels, *DEFAULT_CFG_DICT, *FLAGS]))


def require_files(arguments: Mapping[str, Any]) -> None:
    """Check that a training names its model and its data.

    Raises:
        ConfigError: One is missing, or no file name.
    """
    for key in ("model", "data"):
        if not isinstance(arguments.get(key), (str, Path)):
            raise ConfigError(f"{key}=FILE", f"{key}={arguments.get(key)}", key, f"name one file with {key}=")


def resolve(given: Mapping[str, Any]) -> tuple[RunPlan, dict[str, Any]]:
    """Split keys into our plan and Ultralytics' arguments, and check all of them.

    Args:
        given: Keys as typed: Ultralytics' own, ours, `<head>.<key>`, `<route>.<key>`; `heads` may also map names to
            their keys, or be a list of names.

    Returns:
        The plan, and the arguments for Ultralytics' trainer (checked, not completed by its defaults).

    Raises:
        ConfigError: Unknown keys (with the closest match), wrong types or values, all of them at once.
    """
    asked = _flatten_heads(_with_file(given))
    keys = with_recipe(asked)
    ours = {key: value for key, value in keys.items() if key in TrainKeys.model_fields}
    own, problems = _own(ours)
    native = own.route == "native"
    names = _names(own.heads) if native else []
    specs, head_problems = _head_specs(names, keys)
    labels, label_problems = _labels(own.route, keys)
    theirs = {key: value for key, value in keys.items() if key not in ours and "." not in key}
    task = NOT_OURS["task"] if native else own.route
    arguments, their_problems = _ultralytics(theirs, {**NOT_OURS, "task": task})
    problems += head_problems + label_problems + their_problems
    if not native:
        problems += [
            f"{key}={asked[key]}: of the native route; route={own.route} trains Ultralytics' own {own.route} model"
            for key in NATIVE_ONLY
            if key in asked
        ]
        if own.recipe and (own.recipe, own.route) not in RECIPES:
            problems.append(f"recipe={own.recipe}: has no settings for route={own.route}")
    for key in (key for key in keys if "." in key and key.partition(".")[0] not in [*names, own.route]):
        problems.append(_idle(key, own))
    if problems:
        raise config_error(problems, "keys of `yolo detect train` and of auxhead", TRAIN_FIX)
    plan = RunPlan(specs, own.select, own.on_error, own.cpu_bf16, own.route, labels)
    return plan, {**arguments, **NOT_OURS, "task": task}


def _idle(key: str, own: TrainKeys) -> str:
    """Say why a dotted key belongs to nothing that was asked for."""
    prefix = key.partition(".")[0]
    if key in known_keys() and prefix in ROUTE_KEYS:
        return f"{key}: only with route={prefix}"
    if prefix in head_names():
        return (
            f"{key}: head {prefix} is not among heads={own.heads}"
            if own.route == "native"
            else (f"{key}: heads belong to the native route, not to route={own.route}")
        )
    return unknown(key, known_keys())


def _labels(route: str, keys: Mapping[str, Any]) -> tuple[PoseKeys | SegmentKeys | None, list[str]]:
    """Check the keys of the labels that a route trains on."""
    if route not in ROUTE_KEYS:
        return None, []
    own = {key.partition(".")[2]: value for key, value in keys.items() if key.startswith(f"{route}.")}
    try:
        return ROUTE_KEYS[route].model_validate(own), []
    except ValidationError as error:
        return None, describe(error, ROUTE_KEYS[route], f"{route}.")


def _own(ours: Mapping[str, Any]) -> tuple[TrainKeys, list[str]]:
    """Check our keys; wrong ones fall back to their defaults, so that the others can be checked on."""
    try:
        return TrainKeys.model_validate(ours), []
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors()}
        right = {key: value for key, value in ours.items() if key not in wrong}
        return TrainKeys.model_validate(right), describe(error, TrainKeys)


def _names(heads: str) -> list[str]:
    """Split heads=a,b into names, each once."""
    names = (name.strip() for name in heads.split(","))
    return list(dict.fromkeys(name for name in names if name not in {"", "none"}))


def _flatten_heads(given: Mapping[str, Any]) -> dict[str, Any]:
    """Write heads={"center": {"gain": 6}} as heads=center center.gain=6; other forms are left for the check."""
    keys = dict(given)
    heads = keys.get("heads")
    if heads is None and "heads" in keys:
        keys["heads"] = "none"
    elif isinstance(heads, Mapping) and all(own is None or isinstance(own, Mapping) for own in heads.values()):
        keys["heads"] = ",".join(str(name) for name in heads)
        keys |= {f"{name}.{key}": value for name, own in heads.items() for key, value in (own or {}).items()}
    elif isinstance(heads, (list, tuple)):
        keys["heads"] = ",".join(str(name) for name in heads)
    return keys


def with_recipe(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in a recipe's keys for the heads asked for; what was given explicitly wins.

    Args:
        keys: Keys of a training; without `recipe` they come back as they are.
    """
    names = [*_names(str(keys.get("heads", TrainKeys().heads))), *ROUTE_KEYS]
    asked: Any = (keys.get("recipe"), keys.get("route", TrainKeys().route))
    settings = RECIPES.get(asked, {}) if all(isinstance(word, str) for word in asked) else {}
    recipe = {key: value for key, value in settings.items() if "." not in key or key.partition(".")[0] in names}
    for given, replaced in (("share", "gain"), ("gain", "share")):  # two ways to say one thing
        recipe = {
            k: v
            for k, v in recipe.items()
            if not (k.endswith(f".{replaced}") and keys.get(f"{k[: -len(replaced)]}{given}") is not None)
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
            problems += describe(error, head_class(name).Spec, f"{name}.")
        except AuxHeadError as error:
            problems.append(f"heads: {error.found} is no head; {closest(name, head_names()) or error.expected}")
    return specs, problems


def _ultralytics(theirs: Mapping[str, Any], fixed: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Bring Ultralytics' keys up to date and check each alone, with its own functions, so that none hides another."""
    problems = []
    try:
        arguments = _handle_deprecation(dict(theirs))
    except TypeError as error:  # of the old keys, only end2end is checked
        problems.append(str(error))
        arguments = _handle_deprecation({key: value for key, value in theirs.items() if key != "end2end"})
    for key, value in arguments.items():
        if key not in DEFAULT_CFG_DICT and key not in EXTRA_KEYS:
            problems.append(unknown(key, known_keys()))
            continue
        try:
            check_cfg({key: value})
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    for key, only in fixed.items():
        if arguments.get(key) is not None and arguments[key] != only:
            instead = f"route={arguments[key]}" if arguments[key] in list(ROUTE_KEYS) else f"{key}={only}"
            problems.append(f"{key}={arguments[key]}: auxhead trains detectors, {instead}")
    return arguments, problems
