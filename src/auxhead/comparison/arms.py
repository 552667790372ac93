"""What an arm is: the keys of a training, and how they differ from the control's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from auxhead.errors import ConfigError, UnfairComparisonError
from auxhead.host.models import sibling, stock_name
from auxhead.keys.compare import SlicesKeys
from auxhead.keys.design import MULTIPLE
from auxhead.keys.reading import closest, validated
from auxhead.keys.train_reading import with_recipe
from auxhead.shipping.cost import imgsz_within

Keys = Mapping[str, Any]

OURS = ("data", "seed", "project", "name", "save_dir", "exist_ok", "resume", "save", "val", "time", "patience", "cfg")
"""Keys that a comparison sets itself, the same way for every run."""

SHARED = (
    "device",
    "fraction",
    "single_cls",
    "select",
    "on_error",
    "trust",
    "deterministic",
    "workers",
    "cache",
    "split",
)
"""Keys that belong into `base`: an arm that sets them is no longer trained or measured like the others."""

BUDGET = ("epochs", "batch")
"""Keys of a recipe that the shared ones replace: how long an arm is trained is the comparison's to say."""

ADAMS = ("adam", "adamax", "adamw", "nadam", "radam")
"""Optimizers that Ultralytics' default lr0, which is for SGD, is far too high for."""

SLICING = tuple(SlicesKeys.model_fields)
"""Keys of an arm that say how its detector looks at pictures; its training doesn't know them."""

LONGER = 1.5
"""Of the epochs. Source: docs/remedies.md: what the arms of `levers` take of plain's time in training, at most 1.48."""
LARGER = 1.5  # of the image size. Source: own choice, about the GFLOPs of a P2 head on an n model


def _larger(base: Keys) -> int:
    """Return the image size of larger images, a multiple of the coarsest stride."""
    return round(int(base["imgsz"]) * LARGER / MULTIPLE) * MULTIPLE


def _longer(epochs: Any) -> Any:
    """Return the epochs of a longer training; what is no number is for Ultralytics to refuse."""
    return math.ceil(epochs * LONGER) if isinstance(epochs, int) else epochs


PRESETS: dict[str, Callable[[Keys], dict[str, Any]]] = {
    "plain": lambda _base: {},
    "plain-noflip": lambda _base: {"fliplr": 0.0, "flipud": 0.0},
    "plain-gains": lambda _base: {"box": 0.01, "dfl": 0.01},
    "plain-noflip-gains": lambda _base: {"box": 0.01, "dfl": 0.01, "fliplr": 0.0, "flipud": 0.0},
    "center": lambda _base: {"heads": "center"},
    "detect": lambda _base: {"heads": "detect"},
    "mask": lambda _base: {"heads": "mask"},
    "center-noflip": lambda _base: {"heads": "center", "fliplr": 0.0, "flipud": 0.0},
    "center-nogain": lambda _base: {"heads": "center", "center.gain": 0.0},
    "center-sigma1": lambda _base: {"heads": "center", "center.sigma": 1.0},
    "center-tutorial": lambda _base: {"heads": "center", "recipe": "tutorial"},
    "tutorial": lambda _base: {"route": "pose", "recipe": "tutorial"},
    "crops": lambda _base: {"crops": 0.67},
    "crops-shrunk": lambda _base: {"crops": 0.67, "crops.from": "shrunk"},
    "p2": lambda base: {"model": sibling(base["model"], "p2")},
    "ghost-p2": lambda base: {"model": sibling(base["model"], "ghost-p2")},
    "p234": lambda base: {"model": sibling(base["model"], "p234")},
    "p234-down": lambda base: {"model": sibling(base["model"], "p234-down")},
    "p3": lambda base: {"model": sibling(base["model"], "p3")},
    "p234-crops": lambda base: {"model": sibling(base["model"], "p234"), "crops": 0.67},
    "slices": lambda base: {"slices": base["imgsz"]},
    "longer": lambda base: {"epochs": _longer(base["epochs"])},
    "larger": lambda base: {"imgsz": _larger(base)},
    "larger-slim": lambda base: {"imgsz": _larger(base), "model": sibling(base["model"], "slim")},
}
"""Ready-made arms. Source: the controls that the pose-head tutorial's claim needs (docs/compare.md)."""

SAME_PRICE = frozenset({"p3"})
"""Ready-made arms whose images are as large as the control's GFLOPs allow: without a neck, much is left for them."""


def default_base(base: Keys, nc: int) -> dict[str, Any]:
    """Complete the shared keys, so that nothing that matters is left to be chosen run by run.

    Args:
        base: Shared keys as given.
        nc: Classes of the data.

    Raises:
        ConfigError: imgsz is no image size.

    Source:
        epochs, imgsz and batch are Ultralytics' defaults; without an optimizer, or with one of Adam's kind and no lr0,
        the rest is what its optimizer=auto takes for less than 10,000 batches (engine/trainer.py, build_optimizer).
    """
    fitted = {"optimizer": "AdamW", "lr0": round(0.002 * 5 / (4 + nc), 6), "momentum": 0.9, "warmup_bias_lr": 0.0}
    start = {"model": "yolov8n.yaml", "epochs": 100, "imgsz": 640, "batch": 16, "heads": "none", "plots": False}
    unfitted = str(base.get("optimizer", "AdamW")).lower() in ADAMS and not ("optimizer" in base and "lr0" in base)
    filled = {**start, **(fitted if unfitted else {}), **base}
    require_imgsz(filled["imgsz"], "the keys that all arms share")
    return filled


def require_imgsz(imgsz: Any, where: str) -> None:
    """Check an image size: one that Ultralytics would round isn't the one that is measured.

    Args:
        imgsz: What was given.
        where: By whom, for the message.

    Raises:
        ConfigError: It is none.
    """
    whole = isinstance(imgsz, int) and not isinstance(imgsz, bool)
    if not whole or imgsz < MULTIPLE or imgsz % MULTIPLE:
        raise ConfigError(
            expected=f"an image size in pixels, a multiple of {MULTIPLE}",
            found=f"imgsz={imgsz}: no multiple of {MULTIPLE}" if whole else f"imgsz={imgsz}: no whole number",
            where=where,
            fix=f"write imgsz={max(1, math.ceil(imgsz / MULTIPLE)) * MULTIPLE if whole else 640}",
        )


def has_model(name: str, base: Keys) -> bool:
    """Tell whether the model's family has what a ready-made arm needs: a P2 variant, say.

    Args:
        name: The arm's.
        base: The shared keys, completed.
    """
    with suppress(ConfigError):
        PRESETS[name](base)
        return True
    return False


def declared_keys(name: str, own: Keys | None, base: Keys, nc: int) -> dict[str, Any]:
    """Return the keys that make an arm what it is.

    Args:
        name: The arm's.
        own: Its keys as given; None: the ready-made arm of that name.
        base: The shared keys, completed.
        nc: Classes of the data.

    Returns:
        The keys, those of its recipe written out as far as they change something.

    Raises:
        ConfigError: There is no ready-made arm of that name, or the model has no such variant.
        ModelError: What the model computes can't be counted.
    """
    if own is None:
        if name not in PRESETS:
            raise ConfigError(
                expected=f"a ready-made arm: {', '.join(PRESETS)}",
                found=f"no keys, and no ready-made arm of that name; {closest(name, PRESETS)}".removesuffix("; "),
                where=f"arms: {name}",
                fix="correct the name, or give it keys in a plan file: {heads: center, center.share: 0.2}",
            )
        own = PRESETS[name](base)
        if name in SAME_PRICE:
            given = str(base["model"])
            like = f"{stock_name(given)}.yaml" if given.endswith(".pt") else given  # weights may not be downloaded yet
            own["imgsz"] = imgsz_within(own["model"], like, base["imgsz"], nc)
    filled = with_recipe(own)
    same = {key for key, value in filled.items() if repr(base.get(key, ...)) == repr(value)}  # 1 and 1.0 hash otherwise
    idle = {"recipe", *BUDGET, *same} - own.keys()
    return {key: value for key, value in filled.items() if key != "recipe" and key not in idle}


def slicing(declared: Keys) -> dict[str, Any]:
    """Return how an arm's detector looks at slices of the pictures, as keys of `auxhead evaluate`; {} if at the whole.

    Args:
        declared: Keys that the arm declares.

    Raises:
        ConfigError: They are wrong.
    """
    own = {key: declared[key] for key in SLICING if key in declared}
    return validated(SlicesKeys, own).model_dump() if own else {}


def training_keys(base: Keys, declared: Keys) -> dict[str, Any]:
    """Put shared and own keys of an arm together.

    Args:
        base: The shared keys, completed.
        declared: The arm's, recipe written out.

    Returns:
        Keys of `auxhead train`, without data, seed and folder. On the pose and segment routes the model becomes its
        sibling of that task, and weights of a detector its `pretrained`.
    """
    keys = {**base, **{key: value for key, value in declared.items() if key not in SLICING}}
    route = keys.get("route", "native")
    if route != "native":
        keys = {key: value for key, value in keys.items() if key not in {"heads", "select"}}
        if "model" not in declared:
            keys["model"] = sibling(base["model"], {"segment": "seg"}.get(route, route))
    weights = str(base["model"])
    if weights.endswith(".pt") and str(keys["model"]).endswith((".yaml", ".yml")) and "pretrained" not in keys:
        keys["pretrained"] = weights
    return keys


def refuse_unequal(name: str, keys: Keys, declared: Keys) -> list[str]:
    """Say what of an arm's keys no fair comparison can be made with.

    Args:
        name: The arm's; "base" for the shared keys.
        keys: All its keys.
        declared: Those that it gives itself.

    Returns:
        One line a key; empty when all is well.
    """
    lines = [f"{name}: {key}={declared[key]}: the comparison sets it for all runs" for key in OURS if key in declared]
    if name != "base":
        lines += [
            f"{name}: {key}={declared[key]}: put it into base, it has to be equal" for key in SHARED if key in declared
        ]
    if len(str(keys.get("device", "")).split(",")) > 1:
        lines.append(f"{name}: device={keys['device']}: one GPU a run; several runs at a time use several (slots=)")
    if keys.get("optimizer") == "auto":
        lines.append(f"{name}: optimizer=auto: it chooses by the number of batches; name one, with its lr0")
    if name != "base" and "optimizer" in declared and "lr0" not in declared:
        lines.append(f"{name}: optimizer={declared['optimizer']}: no lr0; name its own, the shared one is for another")
    if (classes := declared.get("classes")) is not None:
        lines.append(f"{name}: classes={classes}: all classes of the data are measured; name data of these alone")
    batch = keys.get("batch")
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        lines.append(f"{name}: batch={batch}: a whole number, as a batch that fits the memory differs between models")
    return lines


def require_different(effective: Mapping[str, Keys]) -> None:
    """Check that no two arms are the same training.

    Args:
        effective: Everything that decides a training and how its detector looks at pictures, by arm.

    Raises:
        UnfairComparisonError: Two are; comparing them would show how far runs of one seed agree, and nothing else.
    """
    names = list(effective)
    twins = [
        f"{one} and {other}"
        for place, one in enumerate(names)
        for other in names[place + 1 :]
        if effective[one] == effective[other]
    ]
    if twins:
        raise UnfairComparisonError(
            expected="arms that differ in something",
            found=f"the same training: {', '.join(twins)}",
            where="arms",
            fix="change a key of one of them, or leave it out",
        )
