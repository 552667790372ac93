"""Layers that heads share."""

from __future__ import annotations

from functools import partial

from torch import nn
from torchvision.ops import Conv2dNormActivation

conv3x3 = partial(
    Conv2dNormActivation,
    kernel_size=3,
    norm_layer=partial(nn.BatchNorm2d, eps=1e-3, momentum=0.03),
    activation_layer=nn.SiLU,
)
"""A 3x3 convolution with batch norm and SiLU, as conv3x3(channels in, channels out). Source: Ultralytics' Conv, and the
constants that its models give batch norm."""
