"""Read and check what a training was asked for, as far as that needs neither torch nor Ultralytics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from auxhead.errors import ConfigError
from auxhead.formats import escaped, is_text
from auxhead.keys.augmentation import AUGMENTATION_KEYS, CropsKeys, FlipsKeys, augmentation_words, read_augmentation
from auxhead.keys.convert import PoseKeys, SegmentKeys
from auxhead.keys.heads.base import HeadSpec
from auxhead.keys.heads.registry import head_names, head_spec, spec_class
from auxhead.keys.host import FLAGS, VERBATIM, host_defaults, host_flags, is_host_key
from auxhead.keys.reading import (
    Vocabulary,
    closest,
    config_error,
    describe,
    of_kind,
    parse_words,
    read_file,
    unknown,
)
from auxhead.keys.train import RECIPES, ROUTE_KEYS, TrainKeys

NOT_OURS = {"mode": "train", "task": "detect"}
"""Words of an Ultralytics command line that mean what `auxhead train` does anyway."""

NATIVE_ONLY = ("heads", "select", "ignore")
"""Keys of ours that Ultralytics' own pose and segment trainers have no place for."""

FILES = ("model", "data")
"""Keys that a new training can't do without."""

EXPECTED = "keys of `yolo detect train` and of auxhead"
FIX = "correct them; `auxhead train --help` lists our keys, `yolo cfg` Ultralytics'"


@dataclass(frozen=True)
class Asked:
    """What a training was asked for.

    Attributes:
        own: Our keys; wrong ones have fallen back to their defaults.
        heads: Keys of each head by name.
        labels: What a box becomes on a pose or segment route; None on the native one.
        flips: What a mirror does to classes.
        crops: Which views are cut from native pixels.
        theirs: Keys of Ultralytics, whose values are not checked yet.
        task: Task of the model that will train.
        problems: What is wrong, a line each.
    """

    own: TrainKeys
    heads: Mapping[str, HeadSpec]
    labels: PoseKeys | SegmentKeys | None
    flips: FlipsKeys
    crops: CropsKeys
    theirs: dict[str, Any]
    task: str
    problems: list[str]


def read_train_words(words: Sequence[str], more: Mapping[str, FieldInfo] | None = None) -> dict[str, Any]:
    """Turn the words of a training into keys and Python values; they are not checked yet.

    Args:
        words: What the user typed; `detect` and `train` are skipped, `cfg=FILE` brings the keys of a YAML file, below
            those given as words.
        more: Keys that the command has beside those of a training.

    Raises:
        ConfigError: Words that are no `key=value`, all of them at once, or a file that can't be read.
    """
    more = more or {}
    vocabulary = Vocabulary(
        known=[*more, *known_keys()],
        flags=of_kind(bool, TrainKeys.model_fields) | host_flags(),
        verbatim=of_kind(str, more) | VERBATIM | {"flips", "flips.never"},
        skipped=set(NOT_OURS.values()),
        mappings=("flips",),
        fix=FIX,
        objects={} if more else TrainKeys.object_keys,
    )
    return with_key_file(parse_words(words, vocabulary))


def known_keys() -> list[str]:
    """Return every key that `auxhead train` understands."""
    heads = [f"{name}.{key}" for name in head_names() for key in spec_class(name).model_fields]
    labels = [f"{route}.{key}" for route, model in ROUTE_KEYS.items() for key in model.model_fields]
    every = [*TrainKeys.model_fields, *heads, *labels, *augmentation_words(), *host_defaults(), *FLAGS]
    return list(dict.fromkeys(every))


def with_key_file(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Put the keys of cfg=FILE below those given beside it; heads may be nested in the file.

    Raises:
        ConfigError: The file can't be read.
    """
    if keys.get("cfg") is None:
        return dict(keys)
    return {**flatten_heads(read_file(keys["cfg"])), **{key: value for key, value in keys.items() if key != "cfg"}}


def require_ours(given: Mapping[str, Any], *, files: bool = True) -> None:
    """Name all mistakes that can be seen without torch: unknown keys, wrong values of ours, missing files.

    Args:
        given: Keys as typed.
        files: Whether model and data are needed.

    Raises:
        ConfigError: There are mistakes.
    """
    problems = check_ours(given, files=files).problems
    if problems:
        raise config_error(problems, EXPECTED, FIX)


def check_ours(given: Mapping[str, Any], *, files: bool = False) -> Asked:
    """Part keys into ours and Ultralytics', and check what can be checked without Ultralytics.

    Args:
        given: Keys as typed: Ultralytics' own, ours, `<head>.<key>`, `<route>.<key>`; `heads` may also map names to
            their keys, or be a list of names.
        files: Whether model and data are needed.

    Raises:
        ConfigError: The file named by `cfg` can't be read.
    """
    asked = flatten_heads(with_key_file(given))
    keys = with_recipe(asked)
    ours = {key: value for key, value in keys.items() if key in TrainKeys.model_fields}
    theirs = {key: value for key, value in keys.items() if not (key in ours or key in AUGMENTATION_KEYS or "." in key)}
    own, problems = _check_own(ours)
    names = _names(own.heads) if own.route == "native" else []
    heads, head_problems = _check_heads(names, keys)
    labels, label_problems = _check_labels(own.route, keys)
    flips, crops, augmentation_problems = read_augmentation(keys)
    task = NOT_OURS["task"] if own.route == "native" else own.route
    problems += head_problems + label_problems + augmentation_problems + _check_route(own, asked) + _check_names(theirs)
    problems += _check_fixed(theirs, {**NOT_OURS, "task": task})
    known = [*names, *AUGMENTATION_KEYS, *(route for route in ROUTE_KEYS if route == own.route)]
    problems += [_idle(key, own) for key in keys if "." in key and key.partition(".")[0] not in known]
    problems += _check_text(theirs) + (_missing(keys) if files else [])
    theirs = {key: value for key, value in theirs.items() if is_host_key(key)}
    return Asked(own, heads, labels, flips, crops, theirs, task, problems)


def flatten_heads(given: Mapping[str, Any]) -> dict[str, Any]:
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
    asked: Any = (keys.get("recipe"), keys.get("route", TrainKeys().route))
    settings = RECIPES.get(asked, {}) if all(isinstance(word, str) for word in asked) else {}
    names = [*_names(str(keys.get("heads", settings.get("heads", "")))), *ROUTE_KEYS]
    recipe = {key: value for key, value in settings.items() if "." not in key or key.partition(".")[0] in names}
    for given, replaced in (("share", "gain"), ("gain", "share")):  # two ways to say one thing
        recipe = {
            k: v
            for k, v in recipe.items()
            if not (k.endswith(f".{replaced}") and keys.get(f"{k[: -len(replaced)]}{given}") is not None)
        }
    return {**recipe, **keys}


def _check_own(ours: Mapping[str, Any]) -> tuple[TrainKeys, list[str]]:
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


def _check_heads(names: Sequence[str], keys: Mapping[str, Any]) -> tuple[dict[str, HeadSpec], list[str]]:
    """Check the keys of each head."""
    specs: dict[str, HeadSpec] = {}
    problems: list[str] = []
    for name in names:
        own = {key.partition(".")[2]: value for key, value in keys.items() if key.startswith(f"{name}.")}
        try:
            specs[name] = head_spec(name, own)
        except ValidationError as error:
            problems += describe(error, spec_class(name), f"{name}.")
        except ConfigError as error:
            problems.append(f"heads: {error.found} is no head; {closest(name, head_names()) or error.expected}")
    return specs, problems


def _check_labels(route: str, keys: Mapping[str, Any]) -> tuple[PoseKeys | SegmentKeys | None, list[str]]:
    """Check the keys of the labels that a route trains on."""
    if route not in ROUTE_KEYS:
        return None, []
    own = {key.partition(".")[2]: value for key, value in keys.items() if key.startswith(f"{route}.")}
    try:
        return ROUTE_KEYS[route].model_validate(own), []
    except ValidationError as error:
        return None, describe(error, ROUTE_KEYS[route], f"{route}.")


def _check_route(own: TrainKeys, asked: Mapping[str, Any]) -> list[str]:
    """Name the keys that a pose or segment route has no place for."""
    if own.route == "native":
        return []
    problems = [
        f"{key}={asked[key]}: of the native route; route={own.route} trains Ultralytics' own {own.route} model"
        for key in NATIVE_ONLY
        if key in asked
    ]
    if own.recipe and (own.recipe, own.route) not in RECIPES:
        problems.append(f"recipe={own.recipe}: has no settings for route={own.route}")
    return problems


def _check_names(theirs: Mapping[str, Any]) -> list[str]:
    """Name the keys that neither we nor Ultralytics know."""
    return [unknown(key, known_keys()) for key in theirs if not is_host_key(key)]


def _check_text(theirs: Mapping[str, Any]) -> list[str]:
    """Name the values that Ultralytics can't write into args.yaml, which is UTF-8."""
    why = "bytes that are no UTF-8 text, which no file of a run can hold; rename it, or name a link to it"
    return [f"{key}={escaped(str(value))}: {why}" for key, value in theirs.items() if not is_text(str(value))]


def _check_fixed(theirs: Mapping[str, Any], fixed: Mapping[str, str]) -> list[str]:
    """Name the keys that can have one value only, and have another."""
    problems = []
    for key, only in fixed.items():
        if theirs.get(key) is not None and theirs[key] != only:
            instead = f"route={theirs[key]}" if theirs[key] in list(ROUTE_KEYS) else f"{key}={only}"
            problems.append(f"{key}={theirs[key]}: auxhead trains detectors, {instead}")
    return problems


def _idle(key: str, own: TrainKeys) -> str:
    """Say why a dotted key belongs to nothing that was asked for."""
    prefix = key.partition(".")[0]
    if key in known_keys() and prefix in ROUTE_KEYS:
        return f"{key}: only with route={prefix}"
    if prefix not in head_names():
        return unknown(key, known_keys())
    if own.route == "native":
        asked = [*_names(own.heads), prefix]
        return f"{key}: head {prefix} is not among heads={own.heads}; write heads={','.join(asked)}"
    return f"{key}: heads belong to the native route, not to route={own.route}"


def _missing(keys: Mapping[str, Any]) -> list[str]:
    """Name the files that a training needs and that were not given, or that are no file names."""
    problems = []
    for key in FILES:
        value = keys.get(key)
        if value is None:
            problems.append(f"{key}: required; name one file with {key}=FILE")
        elif not isinstance(value, (str, Path)):
            problems.append(f"{key}={value}: expected a file, {key}=FILE")
    return problems
