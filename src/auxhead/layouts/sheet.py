"""A detector's YAML as text that people read: a line a layer, with its number and stride."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from auxhead.layouts.roles import JOIN, Layer


def text(content: Mapping[str, Any], comment: str) -> str:
    """Write a detector's YAML.

    Args:
        content: `backbone`, `head` and the rest.
        comment: What it is, in a line or several.

    Returns:
        The text; `yaml.safe_load` gives the content again.
    """
    strides: list[int] = []
    lines = [f"# {line}" for line in comment.splitlines()]
    for key, value in content.items():
        if key in {"backbone", "head"}:
            lines += ["", f"{key}:", *(_layer(line, strides) for line in value)]
        elif isinstance(value, dict):
            lines += [f"{key}:", *(f"  {name}: {_flow(own)}" for name, own in value.items())]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _layer(line: Sequence[Any], strides: list[int]) -> str:
    """Write a layer, and note the stride of its map."""
    layer, index = Layer.read(line), len(strides)
    source = layer.source if isinstance(layer.source, int) else layer.source[0]
    stride = strides[source] if strides else 1
    strides.append(stride * 2 if layer.halves else stride // 2 if layer.module == "nn.Upsample" else stride)
    note = f"P{_level(strides[-1])}/{strides[-1]}"
    if not isinstance(layer.source, int) and layer.module != JOIN.module:
        note = f"{layer.module}({', '.join(f'P{_level(strides[source])}' for source in layer.source)})"
    return f"  - {_flow(list(line))} # {index}-{note}"


def _level(stride: int) -> int:
    return stride.bit_length() - 1


def _flow(value: Any) -> str:
    """Write a value in one line."""
    line: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return line.removesuffix("\n").removesuffix("\n...")
