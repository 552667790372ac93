"""What a comparison would do, before it does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auxhead.comparison.arms import slicing
from auxhead.comparison.estimate import Estimate
from auxhead.comparison.plan import ComparisonPlan, differences
from auxhead.formats import duration
from auxhead.notebook import InNotebooks, Shown


@dataclass(frozen=True)
class DryRun(InNotebooks):
    """What a comparison would do.

    Attributes:
        plan: The plan, completed.
        folder: Where it would go.
        estimate: How long it would take.
        warnings: Of arms that see nothing new on their larger images, a sentence each.
    """

    plan: ComparisonPlan
    folder: Path
    estimate: Estimate
    warnings: tuple[str, ...] = ()

    def _shown(self) -> Iterator[str | Shown]:
        """Return the arms between the remarks."""
        above, below = self.remarks()
        yield from (above, Shown(self.table()), below)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "plan": self.plan.to_dict(),
            "folder": str(self.folder),
            "differences": {
                arm: {key: {"control": pair[0], "arm": pair[1]} for key, pair in keys.items()}
                for arm, keys in differences(self.plan).items()
            },
            "estimate": self.estimate.to_dict(),
            "warnings": list(self.warnings),
        }

    def table(self) -> list[list[str]]:
        """Lay the arms out: how each differs from the control, and what it costs; the first row is the head."""
        rows = [["arm", "differs from the control", "GFLOPs", "a run"]]
        found = differences(self.plan)
        for arm in self.plan.arms:
            words = _words({key: pair[1] for key, pair in found.get(arm, {}).items()})
            own = "(the control)" if arm == self.plan.control else words
            look = " a look" if slicing(self.plan.arms[arm]) else ""
            rows.append([arm, own, f"{self.estimate.gflops[arm]:.2f}{look}", duration(self.estimate.seconds[arm])])
        return rows

    def remarks(self) -> tuple[str, str]:
        """Return what stands above the table, and what below it."""
        plan, time = self.plan, self.estimate
        fresh = f", then the best and {plan.control} x {len(plan.confirm)} fresh seeds," if plan.confirm else ""
        above = (
            f"{len(plan.arms)} arms x {len(plan.seeds)} seeds{fresh} on {plan.data}, {plan.split} split, "
            f"{plan.primary} decides, control {plan.control}, weights {plan.checkpoint}.pt, in {self.folder}"
        )
        below = (
            f"base: {_words(plan.base)}\n"
            f"About {duration(time.total_seconds)} in all: one epoch of {plan.control} took {time.epoch_seconds:.1f} "
            f"s, a run {time.overhead_seconds:.0f} s beside its epochs; the time of other arms follows their "
            "GFLOPs and their teacher's."
        )
        return above, "\n".join([below, *self.warnings])

    def __str__(self) -> str:
        """Return the remarks with the arms between them, a line each."""
        above, below = self.remarks()
        return "\n".join([above, *("  ".join(row) for row in self.table()[1:]), below])


def _words(keys: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={'none' if value is None else value}" for key, value in keys.items())
