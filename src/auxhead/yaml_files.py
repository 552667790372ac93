"""Look at a YAML before anything reads it: aliases of aliases can make gigabytes of a few hundred bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
"""What Ultralytics takes out of a YAML that it can't load. Source: Ultralytics 8.4.190, utils/__init__.py, YAML."""
NODES = 100_000
"""Most values that a YAML may expand to. Source: own choice; COCO has 200, a list of files one a file."""
DEPTH = 100
"""Most levels of lists in lists. Source: own choice; a model's YAML has 5."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first needs libyaml


def oversized(path: Path) -> str:
    """Say why a YAML must not be read.

    Args:
        path: The file; one that isn't there, or is no YAML, is for its reader to judge.

    Returns:
        What is wrong with it; '' if nothing is. Aliases count as often as they are used.
    """
    try:
        text = UNPRINTABLE.sub("", path.read_text(encoding="utf-8", errors="ignore"))  # else the parser stops there
        return _judge(yaml.parse(text, Loader=LOADER))
    except (OSError, yaml.YAMLError):
        return ""


def _judge(events: Iterable[yaml.Event]) -> str:
    """Count what a YAML expands to from its events, which come without recursion whatever is nested in what."""
    sizes: dict[str, int] = {}  # of what has a name (&name); one that is still open is endless
    open_ones: list[list[Any]] = [["", 0]]  # name and size, the outermost first
    for event in events:
        name = getattr(event, "anchor", None) or ""
        if isinstance(event, yaml.CollectionStartEvent):
            open_ones.append([name, 1])
            sizes[name] = NODES + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            name, size = open_ones.pop()
            sizes[name] = size
            open_ones[-1][1] += size
        elif isinstance(event, yaml.AliasEvent):
            open_ones[-1][1] += sizes.get(name, 1)
        elif isinstance(event, yaml.ScalarEvent):
            sizes[name] = 1
            open_ones[-1][1] += 1
        if len(open_ones) > DEPTH:
            return f"lists in lists, more than {DEPTH} deep"
        if open_ones[-1][1] > NODES:
            return f"more than {NODES:,} values, once its aliases (*name) are written out"
    return ""
