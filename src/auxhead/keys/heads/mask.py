"""The keys of the mask head."""

from __future__ import annotations

from auxhead.keys.heads.base import HeadSpec


class MaskSpec(HeadSpec):
    """Keys of the mask head: those of every head."""
