"""The folder of a comparison: what is to run, what has run, and who is at it.

::

    plan.json               the plan, with the hash of every run
    runs/ARM-SEED/run.json  what the run is to do
                  log.txt   what it printed
                  train/    the training, as `auxhead train` leaves it; absent where another run's weights are measured
                  val/      the measurement, as `auxhead evaluate` leaves it (test/ for the test split)
                  result.json  written last: absent means not finished
    stale/                  runs of an earlier version of the plan, moved out of the way
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from auxhead.errors import OutputError, ResumeError
from auxhead.evaluation.files import DRAWS_FILE
from auxhead.files import TEMPORARY_SUFFIX, remove_temporary, write_atomic
from auxhead.findings.files import PLAN_FILE, RESULT_FILE, RUNS_FOLDER, TRAINING_FOLDER, read_json
from auxhead.results_csv import RESULTS_FILE, read_rows

DECIDING = ("primary", "control", "margin", "split", "bands", "checkpoint", "budget", "seeds", "confirm")
"""Keys of a plan that say what decides."""
RUN_FILE = "run.json"
FAILURES_FILE = "failures.json"
LOG_FILE = "log.txt"
LOCK_FILE = ".lock"
OPENING = 3600.0  # seconds to wait for another process that opens the same folder: converting labels may take long


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write one of the ledger's files, whole or not at all.

    Raises:
        OutputError: It can't be written.
    """
    write_atomic(path, json.dumps(content, indent=1, default=str).encode())


def read_result(run: Path, digest: str) -> dict[str, Any] | None:
    """Read how a run ended; None when it has not, or was another run than the plan's.

    Args:
        run: The run's folder.
        digest: Hash that the plan gives the run.

    Raises:
        ResumeError: The file is broken.
    """
    result = read_json(run / RESULT_FILE)
    return result if result is not None and result.get("hash") == digest else None


def is_finished(run: Path, digest: str) -> bool:
    """Say whether a run has ended well."""
    result = read_result(run, digest)
    return result is not None and result.get("status") == "finished"


def read_failures(run: Path) -> list[Mapping[str, Any]]:
    """List how earlier attempts at a run have failed: reason and time.

    Raises:
        ResumeError: The file is broken.
    """
    return list((read_json(run / FAILURES_FILE) or {}).get("failures", []))


def add_failure(run: Path, result: Mapping[str, Any]) -> None:
    """Keep the reason of a failed attempt before the run is tried again.

    Raises:
        OutputError: It can't be written.
    """
    failure = {key: result.get(key) for key in ("reason", "ended")}
    write_json(run / FAILURES_FILE, {"failures": [*read_failures(run), failure]})


def run_lock(run: Path) -> FileLock:
    """Return the lock that a run holds while it runs; it is free again when its process ends, however it ends."""
    return FileLock(run / LOCK_FILE, timeout=0)


def ledger_lock(folder: Path) -> FileLock:
    """Return the lock for bringing a comparison's folder in line with its plan; makes the folder if it isn't there.

    Raises:
        OutputError: The folder holds something else, or can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        begun = any(path.name != LOCK_FILE and path.suffix != TEMPORARY_SUFFIX for path in folder.iterdir())
        strange = begun and not (folder / PLAN_FILE).is_file()
    except OSError as error:
        found = "a file" if folder.is_file() else str(error)
        raise OutputError(
            "a folder that can be written to", found, str(folder), "choose another one with out="
        ) from error
    if strange:
        raise OutputError(
            expected="an empty folder, or that of an earlier comparison",
            found=f"a folder without {PLAN_FILE}",
            where=str(folder),
            fix="choose another one with out=",
        )
    return FileLock(folder / LOCK_FILE, timeout=OPENING)


def open_ledger(folder: Path, plan: Mapping[str, Any]) -> list[str]:
    """Begin a comparison in a folder, or go on with one; call it with the ledger's lock held.

    Args:
        folder: The folder.
        plan: The plan as plain data.

    Returns:
        Remarks: what an edited plan has changed.

    Raises:
        OutputError: The folder can't be written to.
        ResumeError: It holds a comparison on other data, or its data has changed.
    """
    remove_temporary(folder, of_dead=True)
    standing = read_json(folder / PLAN_FILE)
    if standing is None:
        write_json(folder / PLAN_FILE, plan)
        return []
    _require_same_data(standing, plan, folder)
    remarks = _changes(standing, plan)
    edits = [*standing.get("edits", []), *_edits(folder, standing, plan)]
    plan = {**plan, "edits": edits} if edits else plan
    if remarks or standing != json.loads(json.dumps(plan, default=str)):
        write_json(folder / PLAN_FILE, plan)
    return remarks


def _require_same_data(standing: Mapping[str, Any], plan: Mapping[str, Any], folder: Path) -> None:
    if standing.get("name") != plan["name"]:
        raise ResumeError(
            f"the comparison of plan {plan['name']}", f"plan {standing.get('name')}", str(folder), "choose another out="
        )
    if standing.get("data_sha256") != plan["data_sha256"]:
        same = standing.get("data") == plan["data"]
        raise ResumeError(
            expected=f"the data of the runs that are there: {standing.get('data')}",
            found="pictures or labels that have changed since" if same else str(plan["data"]),
            where=str(folder),
            fix="bring the data back as it was, or choose another out= (nothing was changed here)",
        )


def _edits(folder: Path, standing: Mapping[str, Any], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Note what decides and was changed when there were results to look at: nobody can tell it from luck later."""
    finished = sum(
        (read_json(folder / run["folder"] / RESULT_FILE) or {}).get("status") == "finished"
        for run in standing.get("runs", [])
    )
    now = json.loads(json.dumps(plan, default=str))
    return [
        {"key": key, "before": standing[key], "after": now.get(key), "finished": finished}
        for key in DECIDING
        if finished and key in standing and standing[key] != now.get(key)
    ]


def _changes(standing: Mapping[str, Any], plan: Mapping[str, Any]) -> list[str]:
    before = {run["folder"]: run["hash"] for run in standing.get("runs", [])}
    now = {run["folder"]: run["hash"] for run in plan["runs"]}
    edited = [
        folder.removeprefix(f"{RUNS_FOLDER}/") for folder in now if before.get(folder, now[folder]) != now[folder]
    ]
    gone = [folder.removeprefix(f"{RUNS_FOLDER}/") for folder in before if folder not in now]
    remarks = []
    if edited:
        remarks.append(f"the plan has changed for {', '.join(edited)}: done again")
    if gone:
        remarks.append(f"no longer in the plan, left where they are: {', '.join(gone)}")
    return remarks


def open_run(folder: Path, task: Mapping[str, Any]) -> bool:
    """Bring the folder of a run in line with the plan; call it with the ledger's lock held.

    Args:
        folder: The run's folder.
        task: What the run is to do, with `hash` and `train_hash`.

    Returns:
        Whether there is something to do.

    Raises:
        OutputError: The folder can't be written to.
    """
    standing = read_json(folder / RUN_FILE)
    if standing is not None and standing.get("train_hash") != task["train_hash"]:
        _move_aside(folder, str(standing.get("hash")))
        standing = None
    if standing != json.loads(json.dumps(task, default=str)):
        write_json(folder / RUN_FILE, task)
    return not is_finished(folder, str(task["hash"]))


def drop_results_of_other_weights(runs: Sequence[Path]) -> None:
    """Forget what was measured of weights that have been trained anew since; call it with the ledger's lock held.

    Args:
        runs: Folders of runs. One that measures another's weights names it in its result, with their hash.

    Raises:
        ResumeError: A result is broken.
    """
    for run in runs:
        own = read_json(run / RESULT_FILE) or {}
        if own.get("weights_of"):
            other = read_json(run.with_name(str(own["weights_of"])) / RESULT_FILE) or {}
            if other.get("weights_sha256") != own.get("weights_sha256"):
                forget_measurements(run)


def forget_measurements(run: Path) -> None:
    """Drop a run's result, and that its test split was measured: what stands there is of other weights or measures.

    The predictions stay; `evaluate` takes them again where they still are those of the weights.
    """
    (run / "test" / DRAWS_FILE).unlink(missing_ok=True)
    (run / RESULT_FILE).unlink(missing_ok=True)


def _move_aside(folder: Path, digest: str) -> None:
    """Keep a run of an earlier plan, out of the way; one that is running stays, and says so."""
    target = folder.parents[1] / "stale" / f"{folder.name}-{digest[:8]}"
    try:
        with run_lock(folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while target.exists():
                number += 1
                target = target.with_name(f"{folder.name}-{digest[:8]}-{number}")
            folder.rename(target)
    except Timeout as error:
        raise ResumeError(
            expected="a run that no longer belongs to the plan, and has ended",
            found="another process that is at it",
            where=str(folder),
            fix="let it end, or stop it, and start again",
        ) from error
    except OSError as error:
        raise OutputError("a folder that can be moved", str(error), str(folder), "choose another out=") from error


def epochs_done(run: Path) -> int:
    """Count the epochs that a run has finished so far."""
    try:
        return len(read_rows(run / TRAINING_FOLDER / RESULTS_FILE))
    except OSError:
        return 0
