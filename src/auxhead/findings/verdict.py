"""The sentence about an arm and the control: what the seeds allow to say, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from auxhead.findings.statistics import Difference, Ends, equal_within, same_cost
from auxhead.formats import first_few, interval, points, signed, times
from auxhead.metrics.intervals import LEVEL

ALIKE = 3  # least seeds of which it is told that they agree; own choice
SHOWN = 3  # undeclared differences that a sentence names

Kind = Literal["beats", "loses", "leans", "none", "equal", "no_claim", "unfair"]
Stage = Literal["all", "screening", "fresh"]
"""What seeds are for: to decide; to choose an arm, which claims nothing; to decide about that arm, being fresh."""


@dataclass(frozen=True)
class Verdict:
    """A verdict on one arm.

    Attributes:
        kind: beats or loses (the t interval excludes 0, also after correction for several arms), leans (it does before
            that only), equal (within the margin), none (no difference found), no_claim, unfair.
        sentence: The same in words, in points.
    """

    kind: Kind
    sentence: str

    def to_dict(self) -> dict[str, str]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Circumstances:
    """The facts that the sentence gives beside the difference.

    Attributes:
        arm: Name of the arm.
        control: Name of the control.
        measure: Name of the measure.
        planned: Seeds that were planned.
        failed: Seeds for which the arm's or the control's run failed.
        gflops_ratio: GFLOPs over the control's; None if unknown.
        latency_ratio: Time of its detector over the control's; None if it wasn't measured.
        unfair: Differences between the runs that the arm doesn't declare, in words.
        stage: What the seeds are for.
        tested: Arms that were compared with the control.
        margin: Smallest difference that would matter, a fraction; None: none was named.
        learned: Whether either arm has a value above 0 on the measure.
    """

    arm: str
    control: str
    measure: str
    planned: int
    failed: int = 0
    gflops_ratio: float | None = None
    latency_ratio: float | None = None
    unfair: Sequence[str] = ()
    stage: Stage = "all"
    tested: int = 1
    margin: float | None = None
    learned: bool = True


def verdict(found: Difference, around: Circumstances) -> Verdict:
    """Say whether an arm beats the control.

    No claim comes from one seed, from seeds that choose an arm, before all runs have ended, or from unfair runs.

    Args:
        found: The difference on the primary measure.
        around: The arms it compares, and how their runs went.

    Source:
        A claim needs a 95 % t interval over seeds without 0, and where several arms are compared with one control a p
        below 0.05 after correction (Holm): own choice.

    Examples:
        >>> from auxhead.findings.statistics import difference
        >>> around = Circumstances("center", "plain", "mAP50", planned=3, gflops_ratio=1.0)
        >>> verdict(difference({0: 0.020, 1: 0.021, 2: 0.022}), around).sentence
        'center beats plain by +2.1 mAP50 (95 % t interval +1.9 to +2.3, 3 seeds; same GFLOPs)'
        >>> verdict(difference({0: 0.02}), around).sentence
        'center against plain, one seed: no claim (+2.0 mAP50; 1 of 3 seeds; 2 not finished)'
    """
    pair = f"{around.arm} against {around.control}"
    if around.unfair:
        named = first_few(around.unfair, SHOWN)
        return Verdict("unfair", f"{pair}, no claim: the runs differ in more than the arm declares ({named})")
    if not around.learned:
        return Verdict("no_claim", f"{pair}: no claim, neither has learned anything ({around.measure} is 0 for both)")
    if found.t is None or found.t[0] == found.t[1]:
        seeds = len(found.by_seed)
        same = "the same numbers" if found.t else "the same difference"
        why = "one seed" if seeds == 1 else f"{same} on each of {seeds} seeds"
        gone = f"; {_seeds(found, around)}" if seeds < around.planned else ""
        return Verdict("no_claim", f"{pair}, {why}: no claim ({_gap(found.value, around)}{gone})")
    return _claim(found, found.t, around)


def _claim(found: Difference, t: Ends, around: Circumstances) -> Verdict:
    """Word a difference that has an interval over seeds."""
    details = [f"95 % t interval {interval(t)}, {_seeds(found, around)}", *_cost(around)]
    rest = f"{_gap(found.value, around)} ({'; '.join(details)})"
    if _open(found, around) > 0:  # to look early, and stop when it looks well, is a way to find what isn't there
        pair = f"{around.arm} against {around.control}"
        return Verdict("no_claim", f"{pair} so far: {rest}: no claim before all runs have ended")
    if around.stage == "screening":
        pair = f"{around.arm} against {around.control} in screening"
        return Verdict("no_claim", f"{pair}: {rest}: no claim from seeds that choose an arm")
    if t[0] <= 0 <= t[1]:
        return _no_difference(found, around, rest)
    ahead = t[0] > 0
    if found.p_holm is not None and found.p_holm >= 1 - LEVEL:
        words = "leans ahead of" if ahead else "leans behind"
        why = f"{around.tested} arms were compared with {around.control}, and corrected for that (Holm) p is"
        return Verdict("leans", f"{around.arm} {words} {around.control}: {rest}: no claim, {why} {found.p_holm:.2g}")
    if found.images and (found.images[0] <= 0 if ahead else found.images[1] >= 0):
        rest += f", but other images might turn it: 95 % interval over images {interval(found.images)}"
    if ahead:
        return Verdict("beats", f"{around.arm} beats {around.control} by {rest}")
    return Verdict("loses", f"{around.arm} loses to {around.control} by {rest}")


def _no_difference(found: Difference, around: Circumstances, rest: str) -> Verdict:
    """Say that no difference was found, and what that is worth."""
    if around.margin is not None and equal_within(list(found.by_seed.values()), around.margin):
        within = f"{points(around.margin)} {around.measure}"
        return Verdict("equal", f"{around.arm} and {around.control} are equal within {within}: {rest}")
    worth = _everywhere(list(found.by_seed.values()))
    if found.detectable is not None:
        worth += f"; seeds spread like these show {points(found.detectable)} or more 4 times of 5"
    return Verdict("none", f"no difference found between {around.arm} and {around.control}: {rest}{worth}")


def _everywhere(gaps: Sequence[float]) -> str:
    """Say that all of several seeds point the same way; two do so half of the time by chance alone, and say nothing."""
    if len(gaps) < ALIKE or min(gaps) <= 0 <= max(gaps):
        return ""
    return f", though {'ahead' if gaps[0] > 0 else 'behind'} on every seed"


def _gap(value: float, around: Circumstances) -> str:
    return f"{signed(value)} {around.measure}"


def _seeds(found: Difference, around: Circumstances) -> str:
    """Count the seeds, and say what became of those that are missing."""
    paired, open_ = len(found.by_seed), _open(found, around)
    fresh = "fresh " if around.stage == "fresh" else ""
    if paired >= around.planned:
        return f"{paired} {fresh}seeds"
    failed = [f"{around.failed} failed"] if around.failed else []
    return "; ".join(
        [f"{paired} of {around.planned} {fresh}seeds", *failed, *([f"{open_} not finished"] if open_ > 0 else [])]
    )


def _open(found: Difference, around: Circumstances) -> int:
    """Count the seeds that have neither ended well nor failed."""
    return around.planned - len(found.by_seed) - around.failed


def _cost(around: Circumstances) -> list[str]:
    """Name both prices, as far as they are known."""
    prices = {"GFLOPs": around.gflops_ratio, "latency": around.latency_ratio}
    return [
        f"same {name}" if same_cost(ratio) else f"{times(ratio)} the {name}"
        for name, ratio in prices.items()
        if ratio is not None
    ]
