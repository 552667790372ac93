"""Read what was typed, and say what is wrong with it: all mistakes at once."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from auxhead.errors import ConfigError

AnyKeys = TypeVar("AnyKeys", bound=BaseModel)


class Keys(BaseModel):
    """Keys of ours: unknown ones and wrong types are refused, and nothing changes them afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def read_words(words: Iterable[str], model: type[BaseModel]) -> dict[str, Any]:
    """Read `key=value` words without Ultralytics, with the values that its grammar gives them.

    Args:
        words: What the user typed.
        model: The keys there are; `plots` alone means `plots=true` if it is a boolean one.

    Raises:
        ConfigError: A word is no `key=value`.

    Source:
        Ultralytics, cfg/__init__.py, parse_key_value_pair and smart_value.
    """
    keys: dict[str, Any] = {}
    for word in words:
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals and isinstance(getattr(model.model_fields.get(key), "default", None), bool):
            value = "true"
        if not (key and value):
            fix = closest(key, model.model_fields) or "--help lists all keys"
            raise ConfigError("key=value words", repr(word), "the words given", fix)
        keys[key] = _value(value)
    return keys


def _value(text: str) -> Any:
    named = {"none": None, "true": True, "false": False}
    if text.lower() in named:
        return named[text.lower()]
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def closest(key: str, known: Iterable[str], prefix: str = "") -> str:
    """Return the hint that names the keys most like a mistyped one, or '' when none is like it."""
    matches = get_close_matches(key, list(known), n=2, cutoff=0.6)
    return f"did you mean {' or '.join(prefix + match for match in matches)}?" if matches else ""


def unknown(key: str, known: Iterable[str], prefix: str = "", what: str = "unknown key") -> str:
    """Return the line about a key that is none, with the closest ones."""
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
            lines.append(f"{prefix}{key}={item['input']!r}: {message}" if key else f"{prefix.rstrip('.')}: {message}")
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
        known = f"keys {', '.join(f'{name}=' for name in model.model_fields)}"
        raise config_error(describe(error, model), known, "correct them; --help lists all keys") from error


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
