"""Names of Ultralytics' models and how they are related."""

from __future__ import annotations

import re
from pathlib import Path

from ultralytics.nn.tasks import yaml_model_load

from auxhead.errors import ConfigError
from auxhead.host.unusable import told_as


def sibling(model: str | Path, variant: str) -> str:
    """Name a variant of a model at the same scale: yolov8n and p2 give yolov8n-p2.yaml.

    Args:
        model: One of Ultralytics' detectors by name: yolov8n.yaml, yolov8n.pt, yolo26s.pt.
        variant: p2, ghost-p2, p6, pose, seg.

    Raises:
        ConfigError: Ultralytics has no such variant.
    """
    base = re.sub(r"-(ghost|p2|p6|ghost-p2|ghost-p6)$", "", Path(model).stem)
    name = f"{base}-{variant}.yaml"

    def refuse(_: BaseException) -> ConfigError:
        return ConfigError(
            expected=f"a model of Ultralytics that has a {variant} variant, such as yolov8n.yaml",
            found=f"{model}; there is no {name}",
            where="arms",
            fix=f"give the arm a model of its own: {{model: FILE.yaml}}, or leave out the arm that needs {variant}",
        )

    with told_as(refuse):
        yaml_model_load(name)
    return name
