"""Turn words into checked keys, and say what is wrong with them: all mistakes at once. Needs no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic.fields import FieldInfo

from auxhead.errors import ConfigError
from auxhead.keys.words.grammar import join_words, read_value
from auxhead.yaml_files import oversized

OWN_FIX = "correct them; --help lists all keys"


class Keys(BaseModel):
    """Keys of ours: unknown ones and wrong types are refused, and nothing changes them afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    object_keys: ClassVar[Mapping[str, str]] = {}  # what is given first, without its key: the key by the file's ending

    @field_validator("*", mode="before")
    @classmethod
    def _read_paths(cls, value: Any) -> Any:
        return os.fsdecode(value) if isinstance(value, os.PathLike) else value


AnyKeys = TypeVar("AnyKeys", bound=Keys)


@dataclass(frozen=True)
class Vocabulary:
    """The words that a command takes.

    Attributes:
        known: All keys, for the closest match to a mistyped one.
        flags: Keys that mean true when they stand alone.
        verbatim: Keys whose values stay text, whatever they look like.
        skipped: Words that mean nothing here.
        mappings: Keys whose values may be `{a: b}`, typed with spaces.
        objects: Keys of what the command is about, which may be left out, by the ending of its name; "" for all others.
        fix: What to do about a mistake.
    """

    known: Collection[str]
    flags: Collection[str] = ()
    verbatim: Collection[str] = ()
    skipped: Collection[str] = ()
    mappings: Collection[str] = ()
    objects: Mapping[str, str] = field(default_factory=dict)
    fix: str = OWN_FIX


def parse_words(words: Sequence[str], vocabulary: Vocabulary) -> dict[str, Any]:
    """Turn `key=value` words into keys and Python values, in Ultralytics' grammar.

    Args:
        words: What the user typed; spaces around "=" and leading dashes are allowed. The first bare word that means
            nothing else is what the command is about.
        vocabulary: The words there are. Keys that it doesn't know are returned as well: the check of keys names them.

    Returns:
        The keys; the last of equal ones counts. No words give an empty dictionary.

    Raises:
        ConfigError: Words that are no `key=value`, all of them at once.

    Source:
        Ultralytics, cfg/__init__.py: merge_equals_args, parse_key_value_pair and entrypoint.
    """
    keys: dict[str, Any] = {}
    problems: list[str] = []
    bare: list[str] = []
    try:
        joined = join_words(words, vocabulary.mappings)
    except ValueError as error:
        raise config_error([str(error)], "key=value words", vocabulary.fix) from error
    for word in (word.removeprefix("--").removesuffix(",") for word in joined):
        key, equals, value = (part.strip() for part in word.partition("="))
        if equals and value:
            text = key in vocabulary.verbatim and value.lower() != "none"
            keys[key] = value if text else read_value(value)
        elif equals:
            problems.append(f"{word}: missing '{key}' value")
        elif word in vocabulary.flags:
            keys[word] = True
        elif word in vocabulary.known and not (vocabulary.objects and Path(word).exists()):
            problems.append(f"{word}: no value; write {word}=value")
        elif word not in vocabulary.skipped:
            bare.append(word)
    problems += _take_object(bare, keys, vocabulary)
    if problems:
        raise config_error(problems, "key=value words", vocabulary.fix)
    return keys


def _take_object(bare: Sequence[str], keys: dict[str, Any], vocabulary: Vocabulary) -> list[str]:
    """Put what the command is about among the keys, and say what is wrong with all other bare words."""
    problems = []
    for word in bare:
        mistyped = not re.search(r"[./\\]", word) and closest(word, vocabulary.known) and not Path(word).exists()
        if mistyped or not vocabulary.objects:
            problems.append(unknown(word, vocabulary.known, what="not a key=value pair"))
        elif (key := by_ending(vocabulary.objects, word)) in keys:
            problems.append(f"{word}: {key}={keys[key]} is given as well; leave one out")
        else:
            keys[key] = word
    return problems


def by_ending(objects: Mapping[str, str], path: str) -> str:
    """Name the key of what a command is about.

    >>> by_ending({"": "model", ".json": "predictions"}, "preds.json")
    'predictions'
    """
    return objects.get(Path(path).suffix.lower(), objects[""])


def read_words(words: Sequence[str], model: type[Keys]) -> dict[str, Any]:
    """Read the words of a command that takes no keys of Ultralytics; the keys are not checked yet.

    Args:
        words: What the user typed; `cfg=FILE` brings the keys of a YAML file, below those given as words.
        model: The keys there are; boolean ones may stand alone, and those of text stay text (`out=2026`).

    Raises:
        ConfigError: A word is no `key=value`, or the file can't be read.
    """
    fields = model.model_fields
    known = Vocabulary(list(fields), of_kind(bool, fields), of_kind(str, fields), objects=model.object_keys)
    return with_file(parse_words(words, known))


def of_kind(kind: type, fields: Mapping[str, FieldInfo]) -> set[str]:
    """Name the keys whose values are of one type and no other; they may be optional."""
    return {name for name, field in fields.items() if field.annotation in (kind, kind | None)}


def read_keys(words: Sequence[str], model: type[AnyKeys]) -> AnyKeys:
    """Read and check the words of a command that takes no keys of Ultralytics.

    Raises:
        ConfigError: As read_words and validated.
    """
    return validated(model, read_words(words, model))


def with_file(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Put the keys of the YAML file named by `cfg` below those given beside it; without `cfg` they stay as they are.

    Raises:
        ConfigError: The file can't be read, or holds no keys.
    """
    path = keys.get("cfg")
    if path is None:
        return dict(keys)
    return {**read_file(path), **{key: value for key, value in keys.items() if key != "cfg"}}


def read_file(path: object) -> dict[str, Any]:
    """Read a YAML file of keys; a `cfg` in it is left out.

    Raises:
        ConfigError: It can't be read, or holds no keys.
    """
    if not str(path).lower().endswith((".yaml", ".yml")):
        found = f"Not a YAML file: {path}"
    elif not (found := oversized(Path(str(path)))):
        try:
            content = yaml.safe_load(Path(str(path)).read_text(encoding="utf-8", errors="ignore"))
            if isinstance(content, dict):
                pairs = ((str(key), None if value == "None" else value) for key, value in content.items())
                return {key: value for key, value in pairs if key != "cfg"}
            found = f"no mapping of keys to values, but {type(content).__name__}"
        except OSError as error:
            found = error.strerror or str(error)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            found = f"YAML syntax error: {error}"
    raise ConfigError("a YAML file of keys", found, f"cfg={path}", "correct the path or the file")


def closest(key: str, known: Iterable[str], prefix: str = "") -> str:
    """Return the hint that names the keys most like a mistyped one, or '' when none is like it.

    >>> closest("epoch", ["epochs", "imgsz"])
    'did you mean epochs?'
    >>> closest("P3", ["p3", "plain"])
    'did you mean p3?'
    """
    named = {name.lower(): name for name in known}
    matches = get_close_matches(key.lower(), named, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(prefix + named[match] for match in matches)}?" if matches else ""


def unknown(key: str, known: Iterable[str], prefix: str = "", what: str = "unknown key") -> str:
    """Return the line about a key that does not exist, with the closest ones."""
    return f"{prefix}{key}: {what}; {closest(key, known, prefix)}".removesuffix("; ")


def describe(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """Turn pydantic's messages into one line a key: the key, what it got, what was wrong.

    Args:
        error: What pydantic raised.
        model: What was checked; its keys are suggested for unknown ones.
        prefix: Put before each key, such as "center.".
    """
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            lines.append(f"{prefix}{key}: required: {model.model_fields[key].description}")
        elif item["type"] == "extra_forbidden":
            lines.append(unknown(key, model.model_fields, prefix))
        else:
            named = f"{prefix}{key}={item['input']!r}" if key else prefix.rstrip(".")
            lines.append(f"{named}: {message}" if named else message)
    return lines


def config_error(problems: list[str], known: str, fix: str) -> ConfigError:
    """Join all problems of a command into one error."""
    return ConfigError(
        expected=known,
        found=f"{len(problems)} problem{'s' if len(problems) > 1 else ''}\n          " + "\n          ".join(problems),
        where="the keys given",
        fix=fix,
    )


def validated(model: type[AnyKeys], keys: Mapping[str, Any]) -> AnyKeys:
    """Check the keys of a command that takes none of Ultralytics.

    Raises:
        ConfigError: Unknown keys (with the closest match), wrong types or values, all of them at once.
    """
    try:
        return model.model_validate(keys)
    except ValidationError as error:
        known = ", ".join(f"{name}=" for name in model.model_fields)
        raise config_error(
            describe(error, model), "keys there are, and values of their kind", f"{OWN_FIX}: {known}"
        ) from error


def floats(value: Any) -> Any:
    """Read what `0,8,16` became on its way from the command line: a tuple, one number or a string."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, int | float):
        value = [value]
    try:
        return [float(number) for number in value]
    except (TypeError, ValueError):
        return value
