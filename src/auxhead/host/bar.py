"""Progress in a training, as Ultralytics shows its own."""

from __future__ import annotations

from ultralytics.utils import TQDM

from auxhead.progress import Steps


def bar(task: str) -> Steps:
    """Return what shows a bar of Ultralytics' from the first step on, and closes it at the last.

    Args:
        task: A word or two that stand before it.
    """
    shown: list[TQDM] = []

    def step(done: int, total: int) -> None:
        if not shown:
            shown.append(TQDM(total=total, desc=task))
        shown[0].update(done - shown[0].n)
        if done >= total:
            shown.pop().close()

    return step
