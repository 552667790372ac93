"""What a new model starts from: the weights of another one."""

from __future__ import annotations

import json
from pathlib import Path

from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import LOGGER, RANK

from auxhead.errors import ModelError
from auxhead.files import write_atomic
from auxhead.layouts.layout import take_apart
from auxhead.model.transplant import same_layout, transplant

TRANSPLANT_FILE = "transplant.json"  # beside args.yaml: which tensors of pretrained= went where


def start_from(weights: DetectionModel, model: DetectionModel, source: str, folder: Path) -> None:
    """Move weights into a new model: by number where the layers are the same, else by what the layers are for.

    Args:
        weights: Where they come from.
        model: What gets them.
        source: The file of the weights, as it was given.
        folder: The run's; gets `transplant.json` if layers had to be matched.

    Raises:
        ModelError: The layouts differ, and nothing fits.
    """
    if same_layout(weights, model) or not (_understood(weights) and _understood(model)):
        model.load(weights)
        return
    done = transplant(weights, model, source)
    if RANK in {-1, 0}:
        write_atomic(folder / TRANSPLANT_FILE, json.dumps(done.to_dict(), indent=1).encode())
        LOGGER.info(f"{done} (see {TRANSPLANT_FILE})")


def _understood(model: DetectionModel) -> bool:
    """Tell whether a model's layers can be told apart; warn if not: numbers of layers mean little between layouts."""
    name = str(model.yaml.get("yaml_file", "a model"))
    try:
        take_apart(model.yaml, name)
    except ModelError as error:
        if RANK in {-1, 0}:
            LOGGER.warning(f"{name}: {error.found}: weights are moved by the numbers of layers, as Ultralytics does")
        return False
    return True
