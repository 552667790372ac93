"""How else a command line may be spelled: keys as options, Ultralytics' words, files where a command belongs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from auxhead.cli.parts import KEYS, known_words
from auxhead.errors import ConfigError

OF_YOLO = {
    "val": "model=best.pt data=signs.yaml",
    "predict": "model=best.pt source=pictures",
    "track": "model=best.pt source=video.mp4",
    "export": "model=best.pt format=onnx",
    "benchmark": "model=best.pt data=signs.yaml",
}
"""Modes of Ultralytics that we have no command for, with the words they need. Source: `ultralytics.cfg.MODES`."""

KEYS_OF_YOLO = {".pt": "model", ".onnx": "model", ".yaml": "data", ".yml": "data"}
"""What a bare file means to these modes, by its ending."""

DATA = ("inspect {}", "design {} like=yolov8n", "train {} model=yolov8n.pt", "convert {} out=NEW to=pose")
MODEL = ("evaluate {} data=signs.yaml", "cost {}", "strip {}")
TEACHER = "teacher check {} data=signs.yaml model=best.pt"
TAKERS = {
    **dict.fromkeys((".yaml", ".yml"), (*DATA, "compare {}")),
    ".pt": (*MODEL, TEACHER),
    ".onnx": MODEL,
    ".json": ("evaluate {} data=signs.yaml",),
}
"""Command lines that take a file, by its ending."""

OF_FOLDERS = ("report {}", "strip {}")
"""Command lines that take a folder: of a comparison, of a training."""


def understood(words: Sequence[str], options: Mapping[str, Collection[str]]) -> list[str]:
    """Write a command line as its commands read it.

    Args:
        words: What was typed.
        options: The options of each command, such as --json.

    Raises:
        ConfigError: The first word belongs to `yolo`, is a key or a file: with the line that was meant.
    """
    if not words:
        return []
    first, *rest = words
    if first == "detect" and rest[:1] and rest[0] in {"train", *OF_YOLO}:  # `yolo detect train`, one word changed
        return understood(rest, options)
    if first == "help":
        return [*_called(rest, options), "--help"] if not rest or rest[0] in options else rest[:1]
    if first == "version":
        return ["--version"]
    if first in options:
        called = _called(words, options)
        own = [name for name in options if name.startswith(f"{first} ")]
        if own and len(called) == 1 and rest and re.search(r"[.=/]", rest[0]):
            fix = shlex.join(["auxhead", *own[0].split(), *rest])
            raise ConfigError(f"a command of `auxhead {first}`", rest[0], "the second word", fix)
        return [*called, *_as_keys(" ".join(called), words[len(called) :], options[" ".join(called)])]
    if first in OF_YOLO:
        raise _of_yolo(first, rest)
    if first and not first.startswith("-") and (lines := _lines(first)):
        fix = "\n          ".join(["say what to do with it", *lines])
        raise ConfigError("a command first, then what it is about", first, "the first word", fix)
    return list(words)


def _called(words: Sequence[str], options: Collection[str]) -> list[str]:
    """Return the words that call a command: one, or those of a group's command, such as `teacher check`."""
    return list(words[: 2 if " ".join(words[:2]) in options else 1])


def _of_yolo(mode: str, rest: Sequence[str]) -> ConfigError:
    """Return the message about a mode of Ultralytics: the line of `yolo` that does it."""
    keys = (KEYS_OF_YOLO.get(Path(word).suffix.lower(), "") if "=" not in word else "" for word in rest)
    typed = shlex.join(f"{key}={word}" if key else word for key, word in zip(keys, rest, strict=True))
    fix = f"yolo {mode} {typed or OF_YOLO[mode]}"
    if mode == "val":
        fix += "; or, on small objects and with intervals: auxhead evaluate best.pt data=signs.yaml"
    expected = "a command of auxhead: it trains and measures, and leaves Ultralytics files"
    return ConfigError(expected, f"{mode}, which Ultralytics does", "the first word", fix)


def _lines(word: str) -> list[str]:
    """List the command lines that a word may have been meant for, if it is a key or a file."""
    if "=" in word:
        return [f"auxhead train {word} ...", "auxhead --help"]
    lines = TAKERS.get(Path(word).suffix.lower(), OF_FOLDERS if Path(word).is_dir() else ())
    return [f"auxhead {line.format(shlex.quote(word))}" for line in lines]


def _as_keys(command: str, words: Sequence[str], options: Collection[str]) -> list[str]:
    """Write `--data=x.yaml` and `--data x.yaml` as `data=x.yaml`, and `--exist-ok` as `exist_ok`."""
    written: list[str] = []
    place = 0
    while place < len(words):
        word, place = words[place], place + 1
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or word in options or not name:
            written.append(word)
        elif equals:
            written.append(f"{name.replace('-', '_')}={value}")
        else:
            more = words[place] if place < len(words) else ""
            key, taken = _as_key(command, word, more, options)
            written.append(key)
            place += taken
    return written


def _as_key(command: str, word: str, more: str, options: Collection[str]) -> tuple[str, bool]:
    """Write an option that we don't have as a key, and tell whether it has taken the next word as its value."""
    from auxhead.keys.reading import closest

    key = word.removeprefix("--").replace("-", "_")
    known, flags = known_words(command) if command in KEYS else ((), ())
    if key in flags and more.lower() not in {"true", "false"}:
        return key, False
    valued = bool(more) and "=" not in more and more not in options and not re.match(r"-[^\d.]", more)
    if key in known and not valued:
        return key, False
    if key in known or (valued and closest(key, known) and not closest(word, options)):
        return f"{key}={more}", True
    return word, False
