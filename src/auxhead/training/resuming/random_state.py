"""The random states of a process: noted, and set again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """Note the random states of Python, numpy and torch in this process, and of every GPU in use.

    Returns:
        Plain data and tensors, for `set_random_state`.
    """
    of_numpy: dict[str, Any] = dict(np.random.get_state(legacy=False))
    words = of_numpy.pop("state")
    return {
        "python": random.getstate(),
        "numpy": {**of_numpy, "state": {"key": words["key"].tobytes(), "pos": words["pos"]}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # type: ignore[no-untyped-call]
    }


def set_random_state(noted: Mapping[str, Any]) -> None:
    """Set the random states of this process to what `random_state` noted, here or in another process.

    GPUs are left alone where their number is another one.
    """
    version, words, gauss = noted["python"]
    random.setstate((version, tuple(words), gauss))
    words = noted["numpy"]["state"]
    np.random.set_state({**noted["numpy"], "state": {**words, "key": np.frombuffer(words["key"], dtype=np.uint32)}})
    torch.set_rng_state(noted["torch"])
    if noted["cuda"] and len(noted["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(noted["cuda"])
