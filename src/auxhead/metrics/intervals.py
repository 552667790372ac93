"""Paired bootstrap over images: how far numbers would move on other images of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from auxhead.machine import cores
from auxhead.metrics.measures import Matched, Numbers, numbers
from auxhead.metrics.precision import Weights
from auxhead.metrics.truth import Floats
from auxhead.progress import Steps

AT_ONCE = 50  # resamples side by side: bounds the memory
EXACT = 2**24  # float32 counts exactly up to here
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
NORMAL = NormalDist()
TIE = 1e-6  # draws this near to the value equal it: they are counted in float32
MOST_BIAS = 0.5  # standard deviations, so that the interval keeps to the draws' middle. Source: own choice
DEFINED = 0.99
"""Share of resamples in which a number must exist for an interval, which boxes of less than five images don't reach: of
one image alone all draws are the same, an interval without width. Source: own choice."""


Interval = Callable[[float, Floats], tuple[float, float]]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: As measured, 0 to 1 (differences -1 to 1); None where there is nothing to measure.
        low: Lower end of the 95 % interval; None where there is none.
        high: Upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


def resample(
    detectors: Sequence[Matched],
    resamples: int,
    seed: int,
    progress: Steps | None = None,
    measure: Callable[[Matched, Weights], Numbers] = numbers,
) -> list[Numbers]:
    """Measure detectors on images drawn with replacement, the same draws for all of them.

    Args:
        detectors: One or more, of the same images.
        resamples: How many draws of as many images as there are.
        seed: Of the draws.
        progress: Called as progress(done, total) with numbers of draws.
        measure: Takes a detector and weights of its images, shape (r, n); gives shape (r,) by band and measure.

    Returns:
        For each detector, by band and measure, shape (resamples,). An image that was drawn twice counts twice.
    """
    starts = range(0, resamples, AT_ONCE)
    images = len(detectors[0].scene.truth.files)

    def block(start: int) -> list[Numbers]:
        weights = draw(images, min(AT_ONCE, resamples - start), (seed, start))
        return [measure(one, weights.astype(np.float32 if _small(one) else np.float64)) for one in detectors]

    parts: list[list[Numbers]] = []
    with ThreadPoolExecutor(cores()) as pool:  # numpy lets other threads run while it adds up
        try:
            for part in pool.map(block, starts):
                parts.append(part)
                if progress:
                    progress(min(len(parts) * AT_ONCE, resamples), resamples)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [
        {key: np.concatenate([part[which][key] for part in parts]) for key in (parts[0][which] if parts else ())}
        for which in range(len(detectors))
    ]


def draw(images: int, rows: int, seed: Sequence[int]) -> npt.NDArray[np.int64]:
    """Draw images with replacement; how often each was drawn, shape (rows, images), rows summing up to `images`."""
    random = np.random.default_rng(list(seed))
    counts: npt.NDArray[np.int64] = random.multinomial(images, np.full(images, 1 / max(images, 1)), size=rows)
    return counts


def percentile(_value: float, draws: Floats) -> tuple[float, float]:
    """Return the 95 % interval between quantiles of the draws: for what resampling moves without a bias.

    Args:
        draws: The number in each resample, shape (k,), none NaN, k >= 1.

    Source:
        Efron, "Bootstrap methods: another look at the jackknife" (1979). Differences between detectors are such, and
        covered in 94 to 97 % of the simulated cases (benchmarks/coverage.py).

    Examples:
        >>> [round(end, 4) for end in percentile(0.5, np.linspace(0, 1, 101))]
        [0.0155, 0.9845]
    """
    low, high = np.quantile(draws.astype(np.float64), TAILS, method="weibull")
    return float(low), float(high)


def bias_corrected(value: float, draws: Floats) -> tuple[float, float]:
    """Return the 95 % interval between quantiles that are moved by the share of draws below the value.

    Args:
        value: As measured.
        draws: The same in each resample, shape (k,), none NaN, k >= 1.

    Source:
        Efron, "Nonparametric standard errors and confidence intervals" (1981). Average precision needs it: repeated
        images raise it, so that the percentile interval lies too high. With 300 images it covers the truth in 93 to
        96 % of the simulated cases (percentile: 89 to 96 %), with 100 in 91 to 95 % (benchmarks/coverage.py).

    Examples:
        >>> [round(end, 3) for end in bias_corrected(0.4, np.linspace(0, 1, 101))]
        [0.0, 0.936]
    """
    share = float(((draws < value - TIE).mean() + (draws <= value + TIE).mean()) / 2)
    most = NORMAL.cdf(MOST_BIAS)  # a value beyond all draws would leave no width
    shift = 2 * NORMAL.inv_cdf(min(max(share, 1 - most), most))
    levels = [NORMAL.cdf(shift + NORMAL.inv_cdf(tail)) for tail in TAILS]
    low, high = np.quantile(draws.astype(np.float64), levels, method="weibull")
    return float(low), float(high)


def estimate(value: float, draws: Floats, interval: Interval = bias_corrected) -> Estimate:
    """Put a value and its resamples together.

    Args:
        value: As measured; NaN for nothing.
        draws: The same in each resample; NaN where it does not exist. Empty, or mostly NaN: no interval.
        interval: How the interval is made of them.

    Examples:
        >>> estimate(0.5, np.empty(0)), estimate(np.nan, np.empty(0))
        (Estimate(value=0.5, low=None, high=None), Estimate(value=None, low=None, high=None))
    """
    if np.isnan(value):
        return Estimate(None)
    real = draws[~np.isnan(draws)]
    if len(real) <= DEFINED * len(draws):
        return Estimate(float(value))
    return Estimate(float(value), *interval(value, real))


def _small(one: Matched) -> bool:
    """Tell whether counts of any resample surely stay below what float32 holds exactly."""
    return len(one.scene.found.image) + len(one.scene.truth.image) < EXACT // 8
