"""The files of a comparison's folder that findings are made of: their names, and reading them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auxhead.errors import ResumeError

PLAN_FILE = "plan.json"
RUNS_FOLDER = "runs"
RESULT_FILE = "result.json"
TRAINING_FOLDER = "train"  # of a run
FAIRNESS_FILE = "unfair.json"
ENVIRONMENT_FILE = "environment.json"
LATENCY_FILE = "latency.json"
PLAN_SCHEMA = "auxhead.plan/1"
RUN_SCHEMA = "auxhead.run/1"
LATENCY_SCHEMA = "auxhead.latency/1"


RESTORE = "restore the file from a backup, or delete it: what it was the record of is then done again"
RUN_AGAIN = f"delete the run's {RESULT_FILE} and start the comparison again: it makes that run anew"


def read_json(path: Path, fix: str = RESTORE) -> dict[str, Any] | None:
    """Read one of a comparison's files; None when there is none.

    Args:
        path: The file.
        fix: What to do when it is broken.

    Raises:
        ResumeError: It is no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise broken(path, str(error), fix) from error
    if not isinstance(content, dict):
        raise broken(path, type(content).__name__, fix)
    return content


def broken(path: Path, found: str, fix: str) -> ResumeError:
    """Return the error for a file that holds something else than it should."""
    return ResumeError("a file of a comparison, as auxhead wrote it", found, str(path), fix)
