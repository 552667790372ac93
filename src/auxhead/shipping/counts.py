"""The size of a model, and the versions that a proof was made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from ultralytics import __version__ as ultralytics_version
from ultralytics.utils.torch_utils import get_flops, get_num_params

from auxhead._version import __version__


@dataclass(frozen=True)
class Counts:
    """Size of one model.

    Attributes:
        parameters: Number of parameters.
        gflops: Billions of operations for one image; a multiplication and an addition count as two.
        layers: Modules without children.
    """

    parameters: int
    gflops: float
    layers: int

    @classmethod
    def of(cls, model: torch.nn.Module, imgsz: int) -> Self:
        """Count as Ultralytics' `model.info()` does.

        Args:
            model: A model of Ultralytics, unfused as it trains or fused as it predicts.
            imgsz: Image size for the GFLOPs, pixels.

        Returns:
            The counts; 0.0 GFLOPs where Ultralytics can't count the operations.
        """
        layers = sum(1 for module in model.modules() if not list(module.children()))
        return cls(get_num_params(model), round(get_flops(model, imgsz), 3), layers)

    def __str__(self) -> str:
        """Return the three numbers, the GFLOPs with two decimals."""
        return f"{self.parameters:,}, {self.gflops:.2f}, {self.layers}"


@dataclass(frozen=True)
class Versions:
    """Releases that a proof was made with.

    Attributes:
        auxhead: Ours.
        ultralytics: Of Ultralytics.
        torch: Of torch.
    """

    auxhead: str
    ultralytics: str
    torch: str

    @classmethod
    def installed(cls) -> Self:
        """Return what runs here."""
        return cls(__version__, ultralytics_version, str(torch.__version__))
