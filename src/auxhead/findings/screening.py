"""Screen, then confirm: a few seeds choose an arm, and fresh ones decide about it alone.

The best of several arms owes a part of its lead to luck. Seeds that had no part in choosing it know nothing of that, so
their claim needs no correction for how many arms there were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from auxhead.findings.latency import Times
from auxhead.findings.records import Key, Run
from auxhead.formats import listed, plural, signed, times

ROUNDING = 1.005  # a price may be this much over the budget, what two decimals of a ratio hide; as in `auxhead design`


@dataclass(frozen=True)
class Choice:
    """What a screening says.

    Attributes:
        arm: The arm that goes on to the fresh seeds; None: none does, or not yet.
        ended: Whether all its runs have ended; before that nothing is chosen.
        sentence: What was chosen, and out of what; or why nothing was.
    """

    arm: str | None
    ended: bool
    sentence: str


def choose(plan: Mapping[str, Any], runs: Sequence[Run], primary: Key, latency: Times) -> Choice:
    """Choose the arm that leads the control by most on the seeds of the screening.

    Args:
        plan: Of the comparison, with `seeds` of the screening, `confirm` and `budget`.
        runs: Its runs as measured on the val split; others than the screening's are left out.
        primary: Band and measure that decide.
        latency: Times by arm; where an arm has none, its GFLOPs alone are its price.

    Returns:
        The arm with the highest mean of differences, paired by seed, of those that finished every seed and, with a
        budget, cost no more than so many times the control. None where no arm leads.
    """
    own = [run for run in runs if run.seed in plan["seeds"]]
    seeds = f"seeds {listed([str(seed) for seed in plan['seeds']])}"
    if any(run.status not in {"finished", "failed"} for run in own):
        return Choice(None, False, f"screening on {seeds} has not ended: nothing is chosen yet")
    control = {run.seed: run for run in own if run.arm == plan["control"] and primary in run.numbers}
    leads, dear = {}, []
    for arm in plan["arms"]:
        values = {run.seed: run.numbers[primary] for run in own if run.arm == arm and primary in run.numbers}
        if arm == plan["control"] or len(values) < len(plan["seeds"]) or not values.keys() <= control.keys():
            continue
        if _too_dear(plan.get("budget"), next(run for run in own if run.arm == arm), control, latency.get(arm)):
            dear.append(arm)
        else:
            leads[arm] = fmean(value - control[seed].numbers[primary] for seed, value in values.items())
    others = plural(len(plan["arms"]) - 1, "arm")
    kept = f" ({listed(dear)}: dearer than the budget of {times(plan['budget'])})" if dear else ""
    best = max(leads, key=lambda arm: leads[arm], default=None)
    if best is None or leads[best] <= 0:
        none = f"no arm leads {plan['control']}" if best else "no arm finished every seed within the budget"
        return Choice(None, True, f"screening on {seeds}: {none}, nothing is left to confirm{kept}")
    lead = f"by {signed(leads[best])} {plan['primary']}"
    fresh = listed([str(seed) for seed in plan["confirm"]])
    chosen = f"screening on {seeds} chose {best} of {others}, ahead of {plan['control']} {lead} there{kept}"
    return Choice(best, True, f"{chosen}; what is claimed rests on fresh seeds {fresh} alone")


def _too_dear(budget: float | None, run: Run, control: Mapping[int, Run], latency: Mapping[str, float] | None) -> bool:
    """Tell whether GFLOPs or time are above the budget; what wasn't counted is not."""
    if budget is None:
        return False
    own, other = ((one.result.get("cost") or {}).get("gflops") for one in (run, next(iter(control.values()))))
    ratios = [own / other] if own and other else []
    ratios += [latency["ratio"]] if latency else []
    return any(ratio > budget * ROUNDING for ratio in ratios)
