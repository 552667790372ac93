"""How hard each loss term pulls on the features that the detector and the heads share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed

INTERVAL, WARMUP_INTERVAL = 32, 16
"""Batches between two measurements, after and during warm-up. Source: own choice; benchmarks/epoch.py states what it
costs."""

PACE, WARMUP_PACE = 0.2, 0.5
"""Part of the way (in log gain) towards each newly measured gain, after and during warm-up. Source: own choice: after
warm-up a single odd batch moves the gain by a fifth of its oddness."""


def gradient_norms(terms: Mapping[str, Tensor], features: Sequence[Tensor]) -> dict[str, float]:
    """Measure the gradient of each term, and of their sum, on shared feature maps.

    Args:
        terms: Scalar losses that are part of the graph.
        features: The maps, each part of the graph of every term (a term that isn't counts as 0).

    Returns:
        L2 norm over all maps of each term's gradient, and of the summed gradient under the key "sum". Where several
        processes train together, the root of the summed squares over all of them. The graph stays usable.
    """
    # float16 gradients of single terms underflow without a scale, as they would in training
    scale = 1024.0 if features[0].dtype is torch.float16 else 1.0
    total = [torch.zeros_like(map_, dtype=torch.float32) for map_ in features]
    squares = {}
    for name, term in terms.items():
        gradients = torch.autograd.grad(
            term, features, torch.full_like(term, scale), retain_graph=True, materialize_grads=True
        )
        squares[name] = _squared_norm(gradients)
        total = [before + gradient for before, gradient in zip(total, gradients, strict=True)]
    squares["sum"] = _squared_norm(total)
    values = torch.stack(list(squares.values()))
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(values)
    return {name: math.sqrt(value) / scale for name, value in zip(squares, values.tolist(), strict=True)}


def _squared_norm(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([tensor.float().square().sum() for tensor in tensors]).sum()


def follow(gain: float | None, wanted: float, pace: float) -> float:
    """Move a gain part of the way towards another, on a logarithmic scale.

    Args:
        gain: The present gain, or None when there is none yet.
        wanted: Where to go, above 0.
        pace: Part of the way, 0 to 1.

    Returns:
        The new gain: `wanted` itself when there was none.
    """
    if not gain:
        return wanted
    return math.exp((1 - pace) * math.log(gain) + pace * math.log(wanted))


@dataclass
class GainControl:
    """The gain of one head: fixed, or following a share of the detection loss's gradient.

    Attributes:
        share: Wanted fraction of the detection loss's gradient norm, or None for a fixed gain.
        gain: The present gain; None until a followed one was first measured (the head weighs nothing till then).
    """

    share: float | None
    gain: float | None

    def update(self, unit: float, detection: float, *, warm: bool) -> None:
        """Take in one measurement; an infinite one, as overflows give under mixed precision, moves nothing.

        Args:
            unit: Gradient norm of the head at gain 1.
            detection: Gradient norm of the detection loss.
            warm: Whether warm-up is over.
        """
        if self.share is not None and 0 < unit < math.inf and 0 < detection < math.inf:
            self.gain = follow(self.gain, self.share * detection / unit, PACE if warm else WARMUP_PACE)


@dataclass
class GradientLog:
    """Means of the measurements of an epoch, as columns of results.csv.

    Attributes:
        last: What the last closed epoch came to.
    """

    _sums: dict[str, float] = field(default_factory=dict)
    _count: int = 0
    last: dict[str, float] = field(default_factory=dict)

    def add(self, row: Mapping[str, float]) -> None:
        """Take in one measurement; the keys must be the same each time. One with infinities or NaN says nothing."""
        if not all(map(math.isfinite, row.values())):
            return
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in row.items()}
        self._count += 1

    def close_epoch(self) -> dict[str, float]:
        """Return the means since the last call, or the previous means where nothing was measured since."""
        if self._count:
            self.last = {name: value / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return dict(self.last)


CLASS_ONLY = 0.05
"""Box and DFL gradient below this fraction of the class gradient: the run learns classes only. Source: own choice,
an order of magnitude under what default gains give (docs/gradient-shares.md)."""

DEFAULT_GAINS = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
"""Source: Ultralytics' default.yaml."""


def gain_warnings(row: Mapping[str, float], heads: Sequence[str], gains: Mapping[str, float]) -> list[str]:
    """Name gain settings that defeat the training, with the figures.

    Early in a training classes outweigh boxes by themselves; a run counts as class-only when its own gains make it so,
    that is when the same gradients would be balanced at Ultralytics' default gains.

    Args:
        row: One row as logged: grad/<term> for box, cls, dfl (or l1) and every head, grad/detection.
        heads: Names of the heads.
        gains: The run's gains `box`, `cls` and `dfl`.

    Returns:
        A sentence each; empty when nothing is wrong.
    """
    sentences = []
    ratio, usual = _box_to_class(row, gains, gains), _box_to_class(row, gains, DEFAULT_GAINS)
    if ratio < CLASS_ONLY <= usual:
        sentences.append(
            f"the run is close to class-only: box= and dfl= pull {ratio:.3g} times as hard as cls= on the shared "
            f"features, at default gains it would be {usual:.3g} times; raise box= and dfl="
        )
    sentences += [
        f"head {head} outweighs the detector: it pulls with {row[f'grad/{head}']:.3g} on the shared features, "
        f"the detection loss with {row['grad/detection']:.3g}; lower {head}.gain, or use {head}.share=0.1"
        for head in heads
        if row[f"grad/{head}"] > row["grad/detection"]
    ]
    return sentences


def _box_to_class(row: Mapping[str, float], gains: Mapping[str, float], wanted: Mapping[str, float]) -> float:
    """Return how hard box terms would pull at other gains, relative to the class term."""

    def pull(term: str, gain: str) -> float:
        if not gains[gain]:
            return math.inf if wanted[gain] else 0.0  # nothing can be measured of a term that is switched off
        return row.get(f"grad/{term}", 0.0) * wanted[gain] / gains[gain]

    classes = pull("cls", "cls")
    boxes = math.hypot(pull("box", "box"), pull("dfl", "dfl"), pull("l1", "dfl"))
    return boxes / classes if classes else math.inf


def gradient_summary(row: Mapping[str, float], heads: Sequence[str], warnings: Sequence[str]) -> list[str]:
    """Say in words how hard each term pulled at the end of a run.

    Args:
        row: One row as logged; empty when nothing was measured.
        heads: Names of the heads.
        warnings: What `gain_warnings` says of the row.

    Returns:
        A line each; empty for an empty row.
    """
    if not row:
        return []
    terms = ", ".join(
        f"{name.removeprefix('grad/')} {value:.3g}" for name, value in row.items() if name.startswith("grad/")
    )
    lines = [f"Gradient norms on the shared features, last epoch: {terms}"]
    lines += [
        f"  head {head}: {row[f'share/{head}']:.3f} of the detection loss's, at gain {row[f'gain/{head}']:.3g}"
        for head in heads
    ]
    return lines + [f"  warning: {sentence}" for sentence in warnings]
