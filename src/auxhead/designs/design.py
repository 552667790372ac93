"""Design detectors for the objects of a data set, at the price of one that is known."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml

from auxhead.designs.advice import advise, is_finer, ranked
from auxhead.designs.candidates import TRIED, Family, layouts, read_family
from auxhead.designs.offers import Survey, detail, offer, seen_by_a_cell, survey
from auxhead.designs.prices import Limit, Priced, enlarged, within
from auxhead.designs.result import Design, Designs, short_name
from auxhead.errors import ConfigError, ModelError
from auxhead.files import path_given, require_free, write_atomic
from auxhead.foreign.beside import as_yolo
from auxhead.formats import require_text
from auxhead.host.checkpoint import restricted
from auxhead.host.cpu import restored_threads
from auxhead.host.datasets import read_source
from auxhead.host.models import sibling, stock_name
from auxhead.keys.design import DesignKeys
from auxhead.keys.reading import validated
from auxhead.labels.apart import require_apart
from auxhead.labels.check import check_labels
from auxhead.labels.listing import list_images
from auxhead.labels.misplaced import require_labels
from auxhead.layouts.layout import Layout
from auxhead.layouts.sheet import text
from auxhead.metrics.truth import Truth, read_yolo
from auxhead.progress import Progress, named, silent
from auxhead.shipping.cost import build, count, kind
from auxhead.shipping.latency import choose_device

if TYPE_CHECKING:
    from typing import Unpack

    from auxhead.keys.words.typed import DesignWords

PLAN, RESULT, PICTURE = "plan.yaml", "design.json", "design.png"
COMPARED = 3  # designs that the plan compares at most: each is a training for every seed. Source: own choice
TOLD_FROM = 0.999  # share of the boxes whose longer side the bins of a design should tell. Source: own choice


@restricted()
def design(data: str | Path | None = None, *, progress: Progress | None = None, **keys: Unpack[DesignWords]) -> Designs:
    """Design detectors for the objects of a data set, at the price of one that is known.

    Args:
        data: Its data.yaml.
        progress: Called as progress(task, done, total).
        **keys: `like`, `imgsz`, `price` (both, gflops, latency), `budget`, `device`, `rounds`, `out`, `exist_ok`,
            `pretrained`.

    Returns:
        Candidates, best first, with their prices and what they offer the boxes of the training split; nothing is
        trained.

    Raises:
        ConfigError: Keys or values are wrong, or the device can't be used.
        DataError: The data set can't be used.
        ModelError: `like` is no detector whose layers can be told apart.
        OutputError: `out` holds such files already, or can't be written to.
    """
    given: dict[str, Any] = {**keys}
    if data is not None:
        given["data"] = path_given(data, 'auxhead.design("data.yaml", like=...)')
    own = validated(DesignKeys, given)
    tell = progress or silent
    if own.out is not None:
        require_free(Path(own.out), (PLAN, RESULT, PICTURE), exist_ok=own.exist_ok)
    own = own.model_copy(update={"data": as_yolo(own.data, progress=named(tell, "converting"))})
    source = read_source(own.data)
    if own.out is not None:
        require_text(Path(own.out).absolute(), source.data, own.like, own.pretrained or "")
        require_apart(own.out, source.splits.values())
    known = build(own.like, len(source.names), None)
    if kind(known) != "detect":
        raise ModelError("a detector", f"a {kind(known)} model", own.like, "name the detector of the same family")
    family = read_family(known.yaml, own.like, len(source.names))
    if own.out is not None:
        alike = sorted(
            path.name for path in Path(own.out).glob(f"{family.name}-p*.yaml")
        )  # a design may be one of them
        require_free(Path(own.out), alike, exist_ok=own.exist_ok)
    require_labels("train", source.splits["train"], source.data)
    images = list_images(source.splits["train"])
    check_labels(images, len(source.names), kpt_shape=source.kpt_shape)
    truth = read_yolo(images, source.names, kpt_shape=source.kpt_shape, progress=named(tell, "reading train"))
    with restored_threads():
        torch.set_num_threads(1)  # on a busy machine, two threads of small work wait for each other
        found = _search(family, known, truth, own, tell)
    if own.out is not None:
        _write(found, Path(own.out), own)
    return found


def _search(family: Family, known: Any, truth: Truth, own: DesignKeys, tell: Progress) -> Designs:
    """Survey the boxes, price the candidates, and rank them."""
    boxes = survey(truth, own.imgsz, sorted({*(one.levels for one in TRIED), family.layout.levels}), tell)
    longest = boxes.sides.max(axis=1, initial=0.0)
    enough = float(np.quantile(longest, TOLD_FROM)) if len(longest) else 0.0
    fused = known.fuse(verbose=False).eval()
    like = Priced(family.layout, own.imgsz, {}, fused, count(fused, own.imgsz))
    device = None if own.price == "gflops" else choose_device(own.device)
    limit = Limit(like, own.budget, own.price != "latency", device, own.imgsz, own.rounds)
    priced = within(family, limit, list(layouts(family, enough)), tell)
    priced += enlarged(family, limit, enough, detail(truth), tell)
    larger = [one for one in priced if one.imgsz != own.imgsz]
    surveys = {one.imgsz: survey(truth, one.imgsz, [one.layout.levels], tell) for one in larger}
    surveys[own.imgsz] = boxes
    first = _design(family, limit, surveys, like, f"{family.name}{family.variant}")
    small = float(boxes.small.mean()) if len(longest) else None
    others = ranked(
        [_design(family, limit, surveys, one, family.file_stem(one.layout)) for one in priced], small or 0.0
    )
    weights = own.pretrained is not None or own.like.endswith(".pt")
    best, reasons = advise(first, others, small, own.budget, weights=weights)
    percentiles = np.percentile(longest, [50, 99, 100]).tolist() if len(longest) else None
    return Designs(
        data=own.data,
        imgsz=own.imgsz,
        nc=family.nc,
        boxes=len(longest),
        pictures=len(truth.files),
        looked_at=boxes.pictures,
        small_share=small,
        longest=None if percentiles is None else (percentiles[0], percentiles[1], percentiles[2]),
        device=str(device or ""),
        clock=next((one.clock for one in priced if one.clock), ""),
        like=first,
        candidates=tuple(others),
        best=best,
        reasons=tuple(reasons),
    )


def _design(family: Family, limit: Limit, surveys: Mapping[int, Survey], one: Priced, name: str) -> Design:
    """Put price and offer of a layout together; surveys are those of the boxes by image size."""
    bins = int(one.content.get("reg_max", family.bins))
    seen = seen_by_a_cell(one.model.cpu(), one.imgsz)
    return Design(
        name=name,
        layout=one.layout,
        imgsz=one.imgsz,
        yaml=one.content,
        counts=one.counts,
        gflops_ratio=one.counts.gflops / limit.like.counts.gflops,
        time=one.time,
        offer=offer(surveys[one.imgsz], one.layout, bins, seen, surveys[limit.imgsz].small),
        fits=one is limit.like or limit.holds(one),
        note=_trim(one.layout),
    )


def _trim(layout: Layout) -> str:
    """Say what was trimmed."""
    parts = [
        f"{share:.0%} of the {what}" for what, share in (("width", layout.width), ("depth", layout.depth)) if share != 1
    ]
    return f"{' and '.join(parts)}, for its price" if parts else ""


def _write(found: Designs, out: Path, own: DesignKeys) -> None:
    """Write YAMLs of the designs whose price holds, a plan to compare them, all numbers, and a picture."""
    from auxhead.designs.plot import plot_designs  # matplotlib takes its time

    affordable = [one for one in found.candidates if one.fits]
    for one in affordable:
        write_atomic(out / f"{one.name}.yaml", text(one.yaml, _comment(one, found)).encode())
    for name in _earlier(out) - {one.name for one in affordable}:
        (out / f"{name}.yaml").unlink(missing_ok=True)  # of other data or another price: it would pass for one of these
    plan = _plan(found, own)
    if len(plan["arms"]) > 1:
        how = f"# Compare the designs: auxhead compare {shlex.quote(str(out / PLAN))}\n"
        write_atomic(out / PLAN, f"{how}{yaml.safe_dump(plan, sort_keys=False)}".encode())
    else:
        (out / PLAN).unlink(missing_ok=True)  # nothing to compare it with
    write_atomic(out / RESULT, json.dumps(found.to_dict(), indent=2, allow_nan=False).encode())
    plot_designs(found, out / PICTURE)


def _earlier(out: Path) -> set[str]:
    """Name the designs whose YAMLs an earlier call wrote into a folder."""
    try:
        before = json.loads((out / RESULT).read_text(encoding="utf-8"))
        return {
            str(one["name"]) for one in before["candidates"] if one["fits"] and one["name"] == Path(one["name"]).name
        }
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _plan(found: Designs, own: DesignKeys) -> Mapping[str, Any]:
    """Make a plan: plain, the designs that are worth a training, and P2 models as ceilings."""
    known = own.like if Path(own.like).suffix else f"{own.like}.yaml"
    finer = [one for one in found.candidates if one.fits and is_finer(one, found.like)]
    worth = finer[:COMPARED]
    arms: dict[str, Any] = {"plain": None}
    arms |= {one.name: {"model": f"{one.name}.yaml"} | _larger(one, found) for one in worth}
    arms |= {name: None for name in ("p2", "ghost-p2") if _has(known, name)}
    base = {"model": _found_from_anywhere(known), "imgsz": found.imgsz, "epochs": 100, "batch": 16}
    base |= {"pretrained": _found_from_anywhere(own.pretrained)} if own.pretrained else {}
    return {
        "data": _found_from_anywhere(own.data),
        "base": base,
        "screen": 3,
        "confirm": 5,
        "budget": own.budget,
        "primary": "mAP50",
        "control": "plain",
        "arms": arms,
    }


def _larger(one: Design, found: Designs) -> dict[str, int]:
    """Return the image size of a design, as keys of an arm, where it isn't that of the others."""
    return {} if one.imgsz == found.imgsz else {"imgsz": one.imgsz}


def _found_from_anywhere(name: str) -> str:
    """Return the whole path of a file that is here; other names mean the same from any folder."""
    return str(Path(name).resolve()) if Path(name).is_file() else name


def _has(known: str, variant: str) -> bool:
    """Tell whether Ultralytics has a variant of a model, and another one than it is."""
    try:
        return Path(sibling(known, variant)).stem != stock_name(known)
    except ConfigError:
        return False


def _comment(one: Design, found: Designs) -> str:
    """Say what a file is."""
    levels = ", ".join(f"P{level}" for level in one.layout.levels)
    price = f"{one.counts.gflops:.2f} GFLOPs, {one.gflops_ratio:.2f} times those of {found.like.name}"
    return (
        f"{one.name}: a detector of Ultralytics' own modules that predicts on {levels}\n"
        f"designed for {short_name(found.data)} at {one.imgsz} px and {found.nc} classes: {price} at {found.imgsz} px\n"
        f"Train it with: yolo detect train model={one.name}.yaml imgsz={one.imgsz} data=..."
    )
