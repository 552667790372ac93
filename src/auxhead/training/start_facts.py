"""Write down what a training starts from, so that runs can be held against each other."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from ultralytics.utils.torch_utils import unwrap_model

from auxhead._version import __version__
from auxhead.files import write_atomic
from auxhead.host.compat import installed
from auxhead.model.attach import plain

BATCHES = 2  # hashed at most, in the first epoch. Source: own choice; the second shows that the first was no accident
FACTS_FILE = "facts.json"
OF_STOCK = "Ultralytics' own trainer keeps neither random states nor full precision"  # routes pose and segment


@dataclass
class Witness:
    """Callbacks of a trainer that note its start and how far it comes.

    Attributes:
        file: Where the facts go. A run that goes on after an epoch keeps what its start wrote; one that starts over
            before that writes anew.
    """

    file: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def callbacks(self) -> dict[str, Callable[[Any], None]]:
        """Return the functions for the trainer, by Ultralytics' event."""
        return {"on_train_start": self._start, "on_train_epoch_end": self._epoch_end}

    def _start(self, trainer: Any) -> None:
        if trainer.start_epoch and self.file.is_file():
            self.facts = json.loads(self.file.read_text(encoding="utf-8"))
            resume = {"epoch": trainer.start_epoch, "inexact": getattr(trainer, "inexact", OF_STOCK)}
            self.facts["resumes"] = [*self.facts.get("resumes", ()), resume]
            self._write()
            return
        self.facts = {
            "arguments": {key: _plain(value) for key, value in vars(trainer.args).items()},
            "initial": tensor_hashes(plain(unwrap_model(trainer.model)).state_dict()),
            "loaded": {"teacher.scale": getattr(trainer, "picture_scale", 1)},
            "batches": [],
            "resumes": [],
            "hardware": hardware(trainer.device),
            "versions": {
                "auxhead": __version__,
                "ultralytics": installed(),
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
        }
        preprocess = trainer.preprocess_batch

        def watched(batch: dict[str, Any]) -> Any:
            if len(self.facts["batches"]) < BATCHES and not trainer.epoch:  # later ones a resumed run would lack
                self.facts["batches"].append(batch_hash(batch))
                self._write()
            else:
                trainer.preprocess_batch = preprocess
            return preprocess(batch)

        trainer.preprocess_batch = watched
        self._write()

    def _epoch_end(self, trainer: Any) -> None:
        """Note how far it came, before the epoch is saved: a run that is killed after its last one has no other end."""
        if trainer.device.type == "cpu":  # the lane is chosen after the start, by what the CPU multiplies in hardware
            self.facts["hardware"]["bfloat16"] = bool(trainer.amp)
        self.facts["batch_at_end"] = int(trainer.batch_size)  # Ultralytics halves it where the memory is too small
        self.facts["epochs_done"] = int(trainer.epoch) + 1
        self._write()

    def _write(self) -> None:
        write_atomic(self.file, json.dumps(self.facts, indent=1).encode())


def tensor_hashes(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Hash every tensor of a model, with its shape: name -> shape and the first 16 digits of a SHA-256."""
    return {
        name: f"{'x'.join(map(str, value.shape))}:{_digest(value.detach().cpu().contiguous())[:16]}"
        for name, value in state.items()
        if isinstance(value, Tensor)
    }


def batch_hash(batch: Mapping[str, Any]) -> str:
    """Hash a batch as the loader gives it: names of the images, pixels, classes and boxes."""
    total = hashlib.sha256()
    for name in batch["im_file"]:
        total.update(os.fsencode(Path(name).name) + b"\0")
    for key in ("img", "cls", "bboxes", "batch_idx"):
        total.update(_digest(batch[key].detach().cpu().contiguous()).encode())
    return total.hexdigest()


def hardware(device: torch.device) -> dict[str, str]:
    """Name what a training runs on, as far as it changes speed or rounding."""
    if device.type == "cuda":
        return {"device": "cuda", "name": torch.cuda.get_device_name(device)}
    return {"device": device.type, "name": torch.backends.cpu.get_cpu_capability()}


def _digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str, list, dict, type(None))) else str(value)
