"""What seeds and images say about a difference: intervals and tests, paired by seed, on plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from auxhead.metrics.intervals import LEVEL, estimate, percentile
from auxhead.metrics.truth import Floats

SAME = 1e-9  # fractions: numbers this near to each other are the same but for rounding. Source: own choice
SAME_COST = 0.005  # of the control's price: what prints as 1.00x is the same cost. Source: own choice
POWER = 0.8  # chance of showing what is there. Source: the custom that Cohen proposes
MOST_FLIPS = 99_999  # sign flips that are tried: all of them up to 16 seeds. Source: own choice

Ends = tuple[float, float]
"""Lower and upper end of an interval."""


@dataclass(frozen=True)
class Difference:
    """An arm minus the control, paired by seed.

    Attributes:
        value: Mean over the seeds, -1 to 1.
        by_seed: The difference of each seed.
        t: 95 % t interval over seeds; None with one seed, or where all seeds differ by the same.
        images: 95 % interval over images; None without resamples.
        p_t: Two-sided p of the paired t test, None where `t` is.
        p_flip: Two-sided p of the sign-flip test.
        flip_floor: The smallest `p_flip` that so many seeds can give.
        p_holm: `p_t` corrected for what was tested beside it; None where `p_t` is, or nothing was corrected.
        detectable: As the function of that name gives it; None where it wasn't asked for.
    """

    value: float
    by_seed: Mapping[int, float]
    t: Ends | None
    images: Ends | None
    p_t: float | None
    p_flip: float
    flip_floor: float
    p_holm: float | None = None
    detectable: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: seeds are strings, intervals lists."""
        ends = {name: list(found) if (found := getattr(self, name)) else None for name in ("t", "images")}
        return asdict(self) | ends | {"by_seed": {str(seed): one for seed, one in self.by_seed.items()}}


def difference(by_seed: Mapping[int, float], images: Ends | None = None) -> Difference:
    """Put together all that is known of a difference.

    Args:
        by_seed: Arm minus control, fractions, at least one seed.
        images: As image_interval gives it.
    """
    values = list(by_seed.values())
    p_flip, floor = flip_test(values)
    return Difference(
        value=fmean(values),
        by_seed=dict(by_seed),
        t=t_interval(values),
        images=images,
        p_t=paired_p(values),
        p_flip=p_flip,
        flip_floor=floor,
    )


def t_interval(values: Sequence[float]) -> Ends | None:
    """Return the 95 % interval of the mean by Student's t, not cut at 0 or 1.

    Args:
        values: One for each seed.

    Returns:
        None for fewer than two values, and for values that are all the same: there is no spread to judge by, and a
        width of nothing would claim what a single seed says. Zeros alone give (0, 0).

    Source:
        Student, "The probable error of a mean" (1908), as scipy.stats.ttest_1samp computes it.

    Examples:
        >>> [round(end, 4) for end in t_interval([0.01, 0.02, 0.03])]
        [-0.0048, 0.0448]
        >>> t_interval([0.02]) is None, t_interval([0.0, 0.0])
        (True, (0.0, 0.0))
    """
    if len(values) < 2 or _alike(values):
        return (0.0, 0.0) if len(values) > 1 and _zero(values) else None
    ends = stats.ttest_1samp(values, 0.0).confidence_interval(LEVEL)
    return float(ends.low), float(ends.high)


def paired_p(differences: Sequence[float]) -> float | None:
    """Return the two-sided p of the paired t test.

    Args:
        differences: Arm minus control, one for each seed.

    Returns:
        0 to 1; None for fewer than two, and for differences that are all the same. Zeros alone give 1.

    Source:
        As t_interval.

    Examples:
        >>> round(paired_p([0.01, 0.02, 0.03]), 4)
        0.0742
    """
    if len(differences) < 2 or _alike(differences):
        return 1.0 if len(differences) > 1 and _zero(differences) else None
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def detectable(differences: Sequence[float]) -> float | None:
    """Return the smallest true difference that so many seeds, spread like these, would show four times of five.

    Args:
        differences: Arm minus control, one for each seed.

    Returns:
        Above 0, for a paired t test at the level of the intervals; None for fewer than two, and where all are the same.

    Source:
        Cohen, "Statistical Power Analysis for the Behavioral Sciences" (1988), as statsmodels' TTestPower computes it.
    """
    if len(differences) < 2 or _alike(differences):
        return None
    from statsmodels.stats.power import TTestPower  # type: ignore[import-untyped]  # slow to import

    size = TTestPower().solve_power(nobs=len(differences), alpha=1 - LEVEL, power=POWER)
    return float(np.ravel(size)[0]) * stdev(differences)


def equal_within(differences: Sequence[float], margin: float) -> bool:
    """Tell whether seeds show that two arms differ by less than a margin, which is more than showing no difference.

    Args:
        differences: Arm minus control, one for each seed.
        margin: Smallest difference that would matter, above 0.

    Returns:
        Whether both one-sided t tests reject the margin; False for fewer than two differences.

    Source:
        Schuirmann, "A comparison of the two one-sided tests procedure" (1987), as statsmodels' ttost_mean computes it.

    Examples:
        >>> equal_within([0.001, -0.002, 0.0], 0.01), equal_within([0.01, -0.02, 0.0], 0.01)
        (True, False)
    """
    if len(differences) < 2:
        return False
    if _alike(differences):
        return abs(fmean(differences)) < margin
    from statsmodels.stats.weightstats import DescrStatsW  # type: ignore[import-untyped]  # slow to import

    return bool(DescrStatsW(np.asarray(differences)).ttost_mean(-margin, margin)[0] < 1 - LEVEL)


def flip_test(differences: Sequence[float]) -> tuple[float, float]:
    """Return the two-sided p of the sign-flip test of the mean, and the smallest p that so many seeds can give.

    Args:
        differences: Arm minus control, one for each of n >= 1 seeds.

    Returns:
        p, exact up to 16 seeds, by 99,999 random flips beyond; and 2 / 2^n (2 / 100,000 if that is more). Three seeds
        can't give less than 0.25, six are the first below 0.05.

    Source:
        Fisher, "The Design of Experiments" (1935), as scipy.stats.permutation_test computes it.

    Examples:
        >>> flip_test([0.01, 0.02, 0.03])
        (0.25, 0.25)
        >>> flip_test([0.01, -0.02, 0.03, 0.04, 0.05, 0.06])
        (0.09375, 0.03125)
    """
    floor = max(2.0 ** (1 - len(differences)), 2 / (MOST_FLIPS + 1))
    if len(differences) < 2:
        return 1.0, floor
    found = stats.permutation_test(
        (np.asarray(differences, dtype=np.float64),),
        lambda sample, axis: sample.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=MOST_FLIPS,
        random_state=0,
    )
    return float(found.pvalue), floor


def image_interval(arm: Sequence[Floats], control: Sequence[Floats]) -> Ends | None:
    """Return the 95 % interval of the mean difference over other images of the same kind, the seeds being as they are.

    Args:
        arm: Its number in each resample of the images, one array of shape (r,) for each seed; NaN where undefined.
        control: The same of the control, on the same resamples.

    Returns:
        None without seeds or resamples, where half of the resamples or more are undefined, and where the arrays differ
        in length, as they can't be of the same resamples then.
    """
    if not arm or len({len(draws) for draws in (*arm, *control)}) > 1:
        return None
    gaps = np.asarray(arm, dtype=np.float64) - np.asarray(control, dtype=np.float64)
    found = estimate(0.0, gaps.mean(axis=0), percentile)
    return None if found.low is None or found.high is None else (found.low, found.high)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p values for being tested together; None stays None and counts for nothing.

    Source:
        Holm, "A simple sequentially rejective multiple test procedure" (1979), by statsmodels.

    Examples:
        >>> holm([0.01, None, 0.04])
        [0.02, None, 0.04]
    """
    tested = [p for p in p_values if p is not None]
    if not tested:
        return list(p_values)
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]  # slow to import

    corrected = iter(multipletests(tested, method="holm")[1].tolist())
    return [None if p is None else float(next(corrected)) for p in p_values]


def epochs_to(curve: Sequence[float | None], target: float | None) -> int | None:
    """Return the first epoch, from 1, whose value is at least the target.

    Returns:
        None where no epoch reaches it, and for a target of None or 0, which says nothing.

    Examples:
        >>> epochs_to([0.1, None, 0.3], 0.2)
        3
    """
    if not target:
        return None
    return next((epoch for epoch, value in enumerate(curve, 1) if value is not None and value >= target), None)


def median_epoch(epochs: Sequence[int | None]) -> float | None:
    """Return the median over seeds, None being later than any epoch; None if the median is, or nothing is given."""
    middle = median(math.inf if epoch is None else epoch for epoch in epochs) if epochs else math.inf
    return float(middle) if math.isfinite(middle) else None


def same_cost(ratio: float) -> bool:
    """Tell whether an arm's price is the control's but for what doesn't show."""
    return abs(ratio - 1) < SAME_COST


def recovered(
    gains: Mapping[int, float], reference: Mapping[int, float]
) -> tuple[float, dict[int, float | None]] | None:
    """Return the share of another arm's gain that an arm reaches.

    Args:
        gains: Arm minus control by seed.
        reference: The same of the other arm.

    Returns:
        Mean gain over mean gain, on the seeds that both have, and the share of each seed, None where the other arm
        gained nothing. None where it gained nothing in the mean, or no seed is shared.
    """
    seeds = [seed for seed in gains if seed in reference]
    if not seeds or fmean(reference[seed] for seed in seeds) <= SAME:
        return None
    shares = {seed: gains[seed] / reference[seed] if reference[seed] > SAME else None for seed in seeds}
    return fmean(gains[seed] for seed in seeds) / fmean(reference[seed] for seed in seeds), shares


def _alike(values: Sequence[float]) -> bool:
    return max(values) - min(values) <= SAME


def _zero(values: Sequence[float]) -> bool:
    return max(map(abs, values)) <= SAME
