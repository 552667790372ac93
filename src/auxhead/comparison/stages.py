"""From screening to confirming: which arm the finished runs of a comparison choose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from auxhead.comparison.plan import ComparisonPlan
from auxhead.findings.latency import read_latency
from auxhead.findings.measures import primary_key
from auxhead.findings.records import read_runs
from auxhead.findings.screening import choose
from auxhead.metrics.bands import read_bands


def with_choice(folder: Path, plan: ComparisonPlan) -> ComparisonPlan:
    """Complete a plan with the arm that goes on to fresh seeds, as far as that is known.

    Args:
        folder: Of the comparison; it needn't exist yet.
        plan: What is compared, nothing chosen.

    Returns:
        The plan itself where it has no fresh seeds, or where nothing is chosen (yet).

    Raises:
        ResumeError: A file of the comparison is broken.
    """
    if not plan.confirm:
        return plan
    screened = {**plan.to_dict(), "split": "val"}
    primary = primary_key(plan.primary, [band.name for band in read_bands(plan.bands)])
    latency, _ = read_latency(folder, plan.control)
    choice = choose(screened, read_runs(folder, screened), primary, latency)
    return replace(plan, chosen=choice.arm)
