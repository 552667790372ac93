"""One run in a process of its own: train, measure, write the result last.

`python -m auxhead.comparison.worker FOLDER [--split test | --rehearse]`, with `run.json` in the folder. Exit code 0:
the result is written, 1: it is written and tells why the run failed, 75: another process is at this run, 130: stopped.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from filelock import Timeout

from auxhead.comparison import ledger
from auxhead.comparison.machines.parent_watch import watch_parent
from auxhead.errors import OutputError, VerificationError
from auxhead.evaluation.files import CURVES_FILE, DRAWS_FILE
from auxhead.files import remove_temporary, write_atomic
from auxhead.findings.files import RESULT_FILE, RUN_SCHEMA, TRAINING_FOLDER, read_json
from auxhead.labels.data_yaml import SPLITS
from auxhead.results_csv import RESULTS_FILE, read_rows

if TYPE_CHECKING:  # they need torch, which a run that is finished doesn't
    from auxhead.evaluation.result import Detector
    from auxhead.training.start_facts import Witness

BUSY = 75  # EX_TEMPFAIL of sysexits.h
STOPPED = 130


def main(words: list[str]) -> int:
    """Do the run of a folder, or measure it on another split."""
    watch_parent()
    if hasattr(signal, "SIGUSR2"):  # SLURM warns all processes of a job with it; the one that started this answers
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    folder = Path(words[0])
    split = words[words.index("--split") + 1] if "--split" in words else None
    try:
        with ledger.run_lock(folder):
            for place in (folder, *(folder / name for name in SPLITS)):
                remove_temporary(place, of_dead=True)
            task = read_json(folder / ledger.RUN_FILE) or {}
            if not {"--rehearse", "--split"} & set(words) and ledger.is_finished(folder, task["hash"]):
                return 0
            return _do(folder, task, split, rehearse="--rehearse" in words)
    except Timeout:
        print(f"{folder.name}: another process is at this run", flush=True)  # noqa: T201 - goes into the log
        return BUSY
    except KeyboardInterrupt:
        print(f"{folder.name}: stopped", flush=True)  # noqa: T201
        return STOPPED


def _do(folder: Path, task: Mapping[str, Any], split: str | None, *, rehearse: bool) -> int:
    """Do what was asked; code of files runs where the plan trusts them."""
    from auxhead.host.checkpoint import restricted

    with restricted(trust=bool(task["keys"].get("trust"))):
        if rehearse:
            return _rehearse(folder, task)
        if split is None:
            return _run(folder, task)
        _measure(folder, task, split)
        return 0


def _run(folder: Path, task: Mapping[str, Any]) -> int:
    """Train and measure; whatever goes wrong becomes the result."""
    started, clock = datetime.now(UTC), time.perf_counter()
    failures = _earlier_failures(folder)
    result: dict[str, Any] = {
        "schema": RUN_SCHEMA,
        **{key: task[key] for key in ("arm", "seed", "hash", "command")},
        "status": "failed",
        "reason": None,
        "failures": failures,
        "started": started.isoformat(),
    }
    try:
        trained = _trained(folder, task)
        result["goes_on"] = True  # a failure from here on is not the training's
        result |= _measured(folder, task, trained)
        result["status"] = "finished"
    except KeyboardInterrupt:
        raise
    except Exception as error:  # noqa: BLE001 - every way to fail is a result of the run
        traceback.print_exc()
        result["reason"] = reason(error)
        if isinstance(error, (OutputError, OSError)):  # a full disk
            result["goes_on"] = True
    part = result.pop("resumed", False)  # times of a part of a run are no times of the run
    result["seconds"] = {**result.get("seconds", {}), "total": None if part else time.perf_counter() - clock}
    result["cpu_seconds"] = None if part else _cpu_seconds()
    result["ended"] = datetime.now(UTC).isoformat()
    ledger.write_json(folder / RESULT_FILE, result)
    return 0 if result["status"] == "finished" else 1


def _rehearse(folder: Path, task: Mapping[str, Any]) -> int:
    """Measure start weights on every split that counts; whatever goes wrong becomes the result."""
    result: dict[str, Any] = {"hash": task["hash"], "status": "finished", "reason": None}
    try:
        _write_start_weights(task, folder / TRAINING_FOLDER / "weights" / f"{task['checkpoint']}.pt")
        for split in task["splits"]:
            numbers = _measure(folder, task, split).numbers
            known = {
                f"{band}/{name}" for band, own in numbers.items() for name, one in own.items() if one.value is not None
            }
            result.setdefault("measures", {})[split] = sorted(known)
    except Exception as error:  # noqa: BLE001 - as in _run
        traceback.print_exc()
        result |= {"status": "failed", "reason": reason(error)}
    for name in (TRAINING_FOLDER, *task["splits"]):
        shutil.rmtree(folder / name, ignore_errors=True)
    ledger.write_json(folder / RESULT_FILE, result)
    return 0 if result["status"] == "finished" else 1


def _write_start_weights(task: Mapping[str, Any], path: Path) -> None:
    """Write a detector as it is before training, as a stock file."""
    from auxhead.host.datasets import read_source
    from auxhead.model.state import save
    from auxhead.shipping.cost import build
    from auxhead.shipping.ship import half

    keys = task["keys"]
    single = bool(keys.get("single_cls"))
    names = {0: "item"} if single else dict(read_source(str(keys["data"])).names)  # as Ultralytics calls a single class
    detector = build(str(keys["model"]), len(names), None)
    detector.names = names
    detector.args = {"task": "detect", "imgsz": int(keys["imgsz"]), "single_cls": single}
    save({"model": half(detector), "train_args": detector.args, "epoch": -1}, path)


def _earlier_failures(folder: Path) -> list[Mapping[str, Any]]:
    """Remember how earlier attempts failed, and clear away what the last one trained if that is why it failed."""
    before = read_json(folder / RESULT_FILE)
    if before is not None and before.get("status") == "failed":
        again = any(one.get("reason") == before.get("reason") for one in ledger.read_failures(folder))
        ledger.add_failure(folder, before)
        kept = before.get("killed") or (before.get("goes_on") and not again)  # what fails twice alike may be damaged
        if not kept:  # it would fail again where it goes on
            shutil.rmtree(folder / TRAINING_FOLDER, ignore_errors=True)
    ledger.forget_measurements(folder)  # of this run; or of how it was measured before
    return ledger.read_failures(folder)


class _Trained(NamedTuple):
    """A training that has ended.

    Attributes:
        facts: What it started from.
        seconds: How long it took; None of a part, and of one that another run has done.
        resumed: Whether a part of it, or all, had been done before.
        other: The result of the run whose weights are measured; None of one that has trained.
    """

    facts: dict[str, Any]
    seconds: float | None
    resumed: bool
    other: dict[str, Any] | None


def _trained(folder: Path, task: Mapping[str, Any]) -> _Trained:
    """Train, or take the weights of another run."""
    clock = time.perf_counter()
    other = _trained_elsewhere(folder, task)
    if other is not None:
        shutil.rmtree(folder / TRAINING_FOLDER, ignore_errors=True)  # of a plan in which it trained for itself
        facts = {**other["facts"], "weights_of": task["weights_of"]["run"]}
        return _Trained(facts, None, resumed=False, other=other)
    resumed = (folder / TRAINING_FOLDER).is_dir()
    facts = _train(folder, task)
    return _Trained(facts, None if resumed else time.perf_counter() - clock, resumed, None)


def _measured(folder: Path, task: Mapping[str, Any], trained: _Trained) -> dict[str, Any]:
    """Measure what was trained."""
    from auxhead.shipping.cost import cost

    other = trained.other
    weights = _weights(folder, task)
    clock = time.perf_counter()
    price = cost([str(weights)], imgsz=int(task["keys"]["imgsz"]))[0].fused
    found = _measure(folder, task, "val")
    looks = {"looks": found.looks or 1.0} if "slices" in task["measured"] else {}
    if other is not None and found.sha256 != other["weights_sha256"]:
        raise VerificationError("the weights of that run", "others", str(weights), "delete its result.json, rerun")
    return {
        "resumed": trained.resumed,
        **({"weights_of": task["weights_of"]["run"]} if other is not None else {}),
        "seconds": {"train": trained.seconds, "evaluate": time.perf_counter() - clock},
        "cost": {
            "parameters": price.parameters,
            "gflops": price.gflops * looks.get("looks", 1),
            "layers": price.layers,
            "imgsz": int(task["keys"]["imgsz"]),
            **looks,
        },
        "weights": Path(os.path.relpath(weights, folder)).as_posix(),
        "weights_sha256": found.sha256,
        "facts": trained.facts,
    }


def _trained_elsewhere(folder: Path, task: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the result of the run whose weights this one measures; None for one that trains.

    Raises:
        VerificationError: That run isn't finished.
    """
    shared = task.get("weights_of")
    if not shared:
        return None
    other = folder.with_name(shared["run"])
    if not ledger.is_finished(other, shared["hash"]):
        raise VerificationError(
            f"{shared['run']} finished", "no result of it", str(other), "start the comparison again"
        )
    return ledger.read_result(other, shared["hash"])


def _train(folder: Path, task: Mapping[str, Any]) -> dict[str, Any]:
    """Train, or go on with a training that was killed; return what it started from."""
    from auxhead.model.choices import PLAN_FILE as CHOICES_FILE
    from auxhead.training.result import RESULT_FILE as RESULT_OF_TRAINING
    from auxhead.training.start_facts import FACTS_FILE, Witness
    from auxhead.training.train import train

    run = folder / TRAINING_FOLDER
    witness = Witness(folder / FACTS_FILE)
    if not (run / RESULT_OF_TRAINING).is_file():
        if (run / CHOICES_FILE).is_file():
            train(callbacks=_callbacks(witness, task), resume=str(run))
        else:
            shutil.rmtree(run, ignore_errors=True)
            witness.file.unlink(missing_ok=True)
            place: dict[str, Any] = {"project": str(folder.resolve()), "name": TRAINING_FOLDER, "exist_ok": True}
            train(callbacks=_callbacks(witness, task), **task["keys"], **place)
    _require_finite(run)
    facts = read_json(witness.file)
    if facts is None:
        raise VerificationError("what the training started from", "nothing", str(witness.file), "delete the run, rerun")
    return facts


def _callbacks(witness: Witness, task: Mapping[str, Any]) -> dict[str, Callable[[Any], None]]:
    """Let the witness look on, and trackers (W&B, MLflow, ...) see the plan as the project and the run by its name."""
    own: dict[str, Any] = {}
    events = witness.callbacks()

    def named(trainer: Any) -> None:
        own.update(project=trainer.args.project, name=trainer.args.name)
        trainer.args.project, trainer.args.name = task["plan"], f"{task['arm']}-{task['seed']}"

    def started(trainer: Any) -> None:
        trainer.args.project, trainer.args.name = own["project"], own["name"]  # what checkpoints keep
        events["on_train_start"](trainer)

    return {**events, "on_pretrain_routine_start": named, "on_train_start": started}


def _require_finite(run: Path) -> None:
    """Check that the training has not diverged: Ultralytics ends some that have as if all was well.

    Raises:
        VerificationError: The last epoch's losses are no numbers.
    """
    rows = read_rows(run / RESULTS_FILE)
    wrong = [name for name, value in rows[-1].items() if "loss" in name and value is None] if rows else []
    if wrong or not rows:
        raise VerificationError(
            expected="finite losses after the last epoch",
            found=f"no number: {', '.join(wrong)}" if rows else "no epoch",
            where=str(run / RESULTS_FILE),
            fix="lower lr0 or the gains of this arm",
        )


def _weights(folder: Path, task: Mapping[str, Any]) -> Path:
    """Return the detector that is measured; on the pose and segment routes it is stripped first."""
    from auxhead.shipping.strip import strip

    other = _trained_elsewhere(folder, task)
    if other is not None:
        return folder.with_name(task["weights_of"]["run"]) / str(other["weights"])
    weights = folder / TRAINING_FOLDER / "weights"
    if task["keys"].get("route", "native") == "native":
        return weights / f"{task['checkpoint']}.pt"
    detector = weights / f"{task['checkpoint']}-detect.pt"
    strip(weights / f"{task['checkpoint']}.pt", out=str(detector), exist_ok=True)
    return detector


def _measure(folder: Path, task: Mapping[str, Any], split: str) -> Detector:
    """Evaluate the run's detector on a split."""
    from auxhead.evaluation.evaluate import evaluate

    keys: Mapping[str, Any] = {**task["keys"], "split": split}
    place = folder / split
    evaluation = evaluate(
        data=keys["data"],
        model=str(_weights(folder, task)),
        split=keys["split"],
        out=str(place),
        exist_ok=True,
        imgsz=int(keys["imgsz"]),
        batch=min(int(keys["batch"]), 16),
        device=keys.get("device"),
        on_error=keys.get("on_error", "fail"),
        **task["measured"],
    )
    one = evaluation.detectors[0]
    recalls = np.linspace(0, 1, len(one.precision), dtype=np.float32)
    _write_arrays(place / CURVES_FILE, {"recall": recalls, "precision": one.precision.astype(np.float32)})
    # last, as it says that the split has been measured
    _write_arrays(place / DRAWS_FILE, {"/".join(key): values.astype(np.float32) for key, values in one.draws.items()})
    return one


def _write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def reason(error: BaseException) -> str:
    """Say in one line why a run failed."""
    found = str(getattr(error, "found", "")) or str(error)
    first = next((line.strip() for line in found.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}".removesuffix(": ")


def _cpu_seconds() -> float:
    """Return the processor time of this process and its loaders, seconds."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    sys.exit(main(sys.argv[1:]))
