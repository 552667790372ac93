"""What an earlier run, or a kill, has left in a run's folder."""

from __future__ import annotations

from pathlib import Path

from ultralytics.utils import LOGGER

from auxhead.errors import ResumeError
from auxhead.model import state
from auxhead.training.result import CERTIFICATE_FILE, RESULT_FILE


def forget_earlier_run(run: Path) -> None:
    """Remove from a folder what says that an earlier run in it is finished, or could be gone on with.

    In this order: what is left of it at any moment is a run that can still be finished, or none. Its `best.pt` stays
    until the new run has a better claim to the name.

    Args:
        run: The folder; it may be empty.
    """
    weights = run / "weights"
    for path in (
        run / RESULT_FILE,
        run / CERTIFICATE_FILE,
        state.state_path(weights / "last.pt"),
        weights / "last.pt",
        state.state_path(weights / "best.pt"),
    ):
        path.unlink(missing_ok=True)


def require_best(run: Path) -> None:
    """See to it that the best state can be read; where it can't, the last one takes its place.

    Args:
        run: The folder of a run with a last state.

    Raises:
        ResumeError: The last one can't be read either.
        OutputError: It can't be written.
    """
    best, last = (state.state_path(run / "weights" / name) for name in ("best.pt", "last.pt"))
    try:
        state.load_state(best)
    except ResumeError as error:
        taken = state.load_state(last)
        LOGGER.warning(f"{best}: {error.found}; the last epoch ({taken['epoch'] + 1}) counts as the best one so far")
        state.save({**taken, "best_fitness": taken["train_metrics"]["fitness"]}, best)
