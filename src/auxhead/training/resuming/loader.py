"""A loader of training batches that can go on where another one stood after an epoch, bit for bit.

What a batch holds depends on random numbers of three places: the order of the images (the loader's generator), the
augmentation (Python, numpy and torch, in each worker or, without workers, in this process), and on the images that
mosaics are made of, where they are not all in memory (the data set's buffer, in each worker), or on views of them.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import get_worker_info
from ultralytics.data import build
from ultralytics.data.augment import Albumentations
from ultralytics.data.build import InfiniteDataLoader

from auxhead.augmentation.dataset import ViewDataset, transforms_in
from auxhead.training.resuming.random_state import random_state, set_random_state

TRACE = "auxhead"
"""Key under which a worker's state travels with each of its batches."""


class ResumableLoader(InfiniteDataLoader):
    """Ultralytics' loader, whose batches are the same; it also knows where it stands.

    Workers load batches of the next epoch ahead, so that their states are read off with the batches: each worker sends
    with a batch what its state is after it, and the last batches of an epoch tell where every worker goes on.
    """

    worker_init_fn: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what Ultralytics' loader takes; `collate_fn` and `generator` are needed."""
        super().__init__(*args, **{**kwargs, "collate_fn": _Traced(kwargs["collate_fn"])})
        self.order = _Order(self.batch_sampler.sampler, self.generator)
        object.__setattr__(self, "batch_sampler", self.order)  # DataLoader allows no other way
        self.traces: deque[bytes] = deque(maxlen=max(self.num_workers, 1))
        self.left: Mapping[str, Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of an epoch; the first time after `go_on` as the other loader would have."""
        if self.left is not None:
            left, self.left = self.left, None
            self._go_on(left)
        for batch in super().__iter__():
            if TRACE in batch:
                self.traces.append(batch.pop(TRACE))
            yield batch
        self.order.epoch_over()

    def standing(self) -> dict[str, Any]:
        """Note where the loader stands after a whole epoch.

        Returns:
            Plain data and tensors, for `go_on`.
        """
        return {
            "generator": self.generator.get_state(),
            "order": self.order.done,
            "workers": [pickle.loads(trace) for trace in self.traces],  # noqa: S301 - from our own processes
            "here": random_state(),
            "buffer": _buffer(self.dataset),
        }

    def go_on(self, left: Mapping[str, Any], *, anew: bool) -> None:
        """Make the next epoch the one that would have followed in another process.

        Args:
            left: What `standing` noted there.
            anew: Whether its workers would have been replaced at the start of that epoch, as where mosaics end.
        """
        self.left = {**left, "anew": anew}

    def _go_on(self, left: Mapping[str, Any]) -> None:
        self.reset()
        self.generator.set_state(left["generator"])
        if not self.num_workers:
            _fill_buffer(self.dataset, left["buffer"])
        if not left["anew"]:
            self.order.after = left["order"]
            self.traces.extend(pickle.dumps(worker) for worker in left["workers"])
            usual, self.worker_init_fn = self.worker_init_fn, _AsLeft(left["workers"])
            self.iterator = self._get_iterator()
            self.worker_init_fn = usual  # of workers that a reset starts
        set_random_state(left["here"])


class _Order:
    """Repeats a sampler for ever, and notes the generator's state before the order of each epoch is drawn."""

    def __init__(self, sampler: Any, generator: torch.Generator) -> None:
        self.sampler = sampler  # Ultralytics' loader measures its length by it
        self.generator = generator
        self.after: torch.Tensor | None = None
        self.done: torch.Tensor | None = None
        self.drawn: deque[torch.Tensor] = deque()  # of epochs that are not over; workers are given later ones early

    def __iter__(self) -> Iterator[Any]:
        self.drawn.clear()
        if self.after is not None:
            self.generator.set_state(self.after)
            self.after = None
            deque(self.sampler, maxlen=0)  # torch draws once more at the end of an order
        while True:
            self.drawn.append(self.generator.get_state())
            yield from iter(self.sampler)

    def epoch_over(self) -> None:
        """Count an epoch whose batches have all been used; `done` is the state before its order was drawn."""
        self.done = self.drawn.popleft()


class _Traced:
    """Collates a batch, and in a worker sends along what the worker's state is now."""

    def __init__(self, collate: Callable[[Sequence[Any]], dict[str, Any]]) -> None:
        self.collate = collate

    def __call__(self, samples: Sequence[Any]) -> dict[str, Any]:
        batch = self.collate(samples)
        worker = get_worker_info()
        if worker is not None:
            state = {"random": random_state(), "buffer": _buffer(worker.dataset)}
            batch[TRACE] = pickle.dumps(state)  # bytes pass through pinned memory as they are
        return batch


class _AsLeft:
    """Starts each worker in the state of the one that would have given its first batch."""

    def __init__(self, workers: Sequence[Mapping[str, Any]]) -> None:
        self.workers = workers

    def __call__(self, number: int) -> None:
        worker = get_worker_info()
        _fill_buffer(worker.dataset, self.workers[number]["buffer"])  # type: ignore[union-attr]
        set_random_state(self.workers[number]["random"])


def _buffer(dataset: Any) -> list[Any]:
    """Note which images mosaics are made of; with cuts, also which part of them."""
    return dataset.shown_lately() if _is_cut(dataset) else list(getattr(dataset, "buffer", ()))


def _is_cut(dataset: Any) -> bool:
    return isinstance(dataset, ViewDataset) and dataset.views.crops is not None


def _fill_buffer(dataset: Any, images: Sequence[Any]) -> None:
    """Load the images that a data set had in its buffer, in their order."""
    if not images:
        return
    if _is_cut(dataset):
        dataset.show_again(images)
        return
    dataset.buffer, length = [], dataset.max_buffer_length
    dataset.max_buffer_length = len(images) + 1  # or the first ones would be dropped again
    for image in images:
        dataset.load_image(image)
    dataset.max_buffer_length = length


@contextmanager
def resumable_loaders() -> Iterator[None]:
    """Let Ultralytics build loaders that can go on."""
    stock = build.InfiniteDataLoader
    build.InfiniteDataLoader = ResumableLoader
    try:
        yield
    finally:
        build.InfiniteDataLoader = stock


def has_own_randomness(dataset: Any) -> bool:
    """Tell whether augmentations keep random states of their own, which nobody can read off: Albumentations do."""
    return any(
        isinstance(transform, Albumentations) and transform.transform is not None
        for transform in transforms_in(getattr(dataset, "transforms", None))
    )
