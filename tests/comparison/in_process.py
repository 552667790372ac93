"""Workers of a comparison without processes: each of those would import torch, which takes longer than the training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from auxhead.comparison import worker


@dataclass
class InProcess:
    """An executor that runs workers in this process; what is in `deaths` it kills before they begin."""

    deaths: dict[str, int] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)

    def run(self, jobs: Any, tell: Any) -> None:
        for job in jobs:
            self.started.append(job.name)
            tell(job, "running", None)
            words = list(job.command[3:])
            tell(job, "ended", self.deaths.pop(job.name, None) or worker.main(words))
