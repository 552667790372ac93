"""Use the whole CPU when training on one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from ultralytics.engine.trainer import BaseTrainer

from auxhead.machine import cores


def has_fast_bf16() -> bool:
    """Return whether the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # absent: older torch
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def take_cpu(trainer: BaseTrainer, bf16: bool | None = None) -> None:
    """Let a trainer that is set up, and trains on the CPU, use all of it; on other devices nothing changes.

    Args:
        trainer: A trainer before its first batch. Its model moves to channels_last in place.
        bf16: Whether to train under bfloat16 autocast; None: where the CPU multiplies bfloat16 in hardware.
    """
    if trainer.device.type != "cpu":
        return
    torch.set_num_threads(cores())
    trainer.model.to(memory_format=torch.channels_last)
    wanted = bf16 if bf16 is not None else has_fast_bf16()
    if wanted and trainer.args.amp not in {False, "fp32"}:
        trainer.amp = True  # the training loop then runs under CPU autocast, whose type is bfloat16


@contextmanager
def restored_threads() -> Iterator[None]:
    """Give the caller's torch thread count back afterwards; Ultralytics and the CPU lane both change it."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
