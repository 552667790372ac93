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
PLAN_SCHEMA = "auxhead.plan/1"
RUN_SCHEMA = "auxhead.run/1"


def read_json(path: Path) -> dict[str, Any] | None:
    """Read one of the ledger's files; None when there is none.

    Raises:
        ResumeError: It is no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from error
    if not isinstance(content, dict):
        raise _broken(path, type(content).__name__)
    return content


def _broken(path: Path, found: str) -> ResumeError:
    fix = "restore the file from a backup, or delete it: what it was the record of is then done again"
    return ResumeError("a JSON file that auxhead wrote", found, str(path), fix)
