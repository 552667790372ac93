"""The detection loss with heads beside it.

The heads live inside the criterion, and the criterion is a module of the model while it trains: the optimizer, the
EMA, the multi-GPU wrapper and the device see the heads' parameters, while the model itself stays Ultralytics' own
class, whose validation, inference and checkpoints never meet them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from auxhead.heads.base import IGNORED, Head, HeadSpec, Moment, ObjectSizes, RawPredictions, Targets
from auxhead.model.gradients import INTERVAL, WARMUP_INTERVAL, GainControl, GradientLog, gradient_norms
from auxhead.model.sparing import sparing
from auxhead.model.taps import Tap


def schedule_factor(spec: HeadSpec, epoch: int, epochs: int) -> float:
    """Return the factor of a head's gain in an epoch.

    Args:
        spec: The head's keys.
        epoch: Epoch, from 0.
        epochs: Epochs of the whole run.

    Returns:
        1 for constant and detach; else from 1 in the first epoch down to 0 at `schedule_epoch`.
    """
    if spec.schedule in {"constant", "detach"}:
        return 1.0
    end = spec.schedule_epoch or epochs
    done = min(epoch / max(end - 1, 1), 1.0)
    return 1 - done if spec.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2


def _keep_heads(module: nn.Module, incompatible: Any) -> None:
    """Let a plain detector's state dict load into a model with heads: the heads keep what they have."""
    own = {f"criterion.{name}" for name, _ in module.named_parameters()}
    if own <= set(incompatible.missing_keys):
        kept = [key for key in incompatible.missing_keys if not key.startswith("criterion.")]
        incompatible.missing_keys[:] = kept


HALF_CELLS = 128
"""Cells up to which bfloat16, with eight significant bits, holds n + 0.5."""


def raw_predictions(branch: Mapping[str, Any], owner: Any) -> RawPredictions:
    """Name what a branch of Ultralytics' Detect gives, with the strides of its loss or of its model."""
    levels = tuple((int(map_.shape[2]), int(map_.shape[3])) for map_ in branch["feats"])
    return RawPredictions(branch["boxes"], branch["scores"], levels, tuple(map(float, owner.stride)))


def with_exact_grids(preds: Any) -> Any:
    """Let the detection loss place its anchors in float32 where bfloat16 has no half cells left.

    Ultralytics places them in the type of the feature maps, of which it takes nothing but shapes. Beyond 128 cells, as
    on stride 4 from 513 px on, bfloat16 rounds their centers by half a cell.

    Args:
        preds: What a detector returns in training: a branch, or several by name.

    Returns:
        The same, with stand-ins of the same shapes in place of such maps.

    Source:
        Ultralytics, utils/tal.py, make_anchors, and utils/loss.py, v8DetectionLoss.get_assigned_targets_and_loss.
    """
    if not isinstance(preds, dict):
        return preds
    if "feats" not in preds:
        return {name: with_exact_grids(branch) for name, branch in preds.items()}
    maps = preds["feats"]
    if all(map_.dtype != torch.bfloat16 or max(map_.shape[2:]) <= HALF_CELLS for map_ in maps):
        return preds
    one = maps[0].new_zeros((), dtype=torch.float32)
    return {**preds, "feats": [one.expand(map_.shape) for map_ in maps]}


def _targets(
    assigned: tuple[Tensor, ...], batch: dict[str, Any], raw: RawPredictions, moment: Moment, host: Any
) -> Targets:
    foreground, object_index, boxes, anchors, strides = assigned
    high, wide = batch["img"].shape[-2:]
    return Targets(foreground, object_index, boxes, anchors, strides, (high, wide), batch, raw, moment, host)


class HeadCriterion(nn.Module):
    """Ultralytics' detection criterion plus the losses of the heads.

    Attributes:
        heads: The heads by name.
        gains: Their gain controls.
        taps: Where the finer maps that heads ask for come from, by stride.
        detection: Ultralytics' criterion of this model (`DetectionModel.init_criterion`), set before the first batch.
        warmup_batches: Batches after which followed gains move slowly, set with `detection`.
        term_names: Names of the heads' loss items, known from the first batch on.
        log: Gradient norms and gains since the last epoch.
        epoch: Epoch that the schedules use, from 0, kept by the trainer.
        closing: Whether the last epochs have begun, those without mosaics, kept by the trainer.
    """

    def __init__(self, heads: Mapping[str, Head], epochs: int, taps: Mapping[float, Tap] | None = None) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(heads)
        self.gains = {name: GainControl(head.spec.share, head.spec.gain) for name, head in heads.items()}
        self.taps = dict(taps or {})
        self.epochs = epochs
        self.warmup_batches = 0
        self.detection: Any = None
        self.term_names: tuple[str, ...] = ()
        self.log = GradientLog()
        self.epoch = 0
        self.closing = False
        self.batches = 0
        self.register_load_state_dict_post_hook(_keep_heads)  # type: ignore[no-untyped-call]

    def fit_data(self, sizes: ObjectSizes) -> None:
        """Tell the heads how large the training objects are."""
        for name in self.heads:
            self._head(name).fit_data(sizes)

    def update(self) -> None:
        """Pass Ultralytics' call after each epoch on to criteria that anneal (v10, 26)."""
        if hasattr(self.detection, "update"):
            self.detection.update()

    def forward(self, preds: Any, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the losses of a batch.

        Args:
            preds: What the model returned; outside training the heads stay silent.
            batch: Ultralytics' batch.

        Returns:
            The loss vector times the batch size, and the detached items by name: the detector's as Ultralytics gives
            them, and in training the heads' with their gains applied.
        """
        with sparing(self._branches(preds, batch), batch):
            return self._losses(preds, batch)

    def _branches(self, preds: Any, batch: Mapping[str, Any]) -> dict[str, tuple[Any, RawPredictions]]:
        """Return the losses of the detector's branches and what these predict; none where no region is ignored."""
        if not self.training or IGNORED not in batch:
            return {}
        if hasattr(self.detection, "one2many"):
            both = {name: getattr(self.detection, name) for name in ("one2many", "one2one")}
            return {name: (loss, raw_predictions(preds[name], loss)) for name, loss in both.items()}
        return {"one2many": (self.detection, raw_predictions(preds, self.detection))}

    def _losses(self, preds: Any, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the detector's losses and those of the heads."""
        features = preds.get("one2many", preds)["feats"] if self.training else []
        preds = with_exact_grids(preds)
        if not (self.training and self.heads):
            result: tuple[Tensor, dict[str, Tensor]] = self.detection(preds, batch)
            return result
        end_to_end = hasattr(self.detection, "one2many")
        branch, loss_of = (preds["one2many"], self.detection.one2many) if end_to_end else (preds, self.detection)
        weight = self.detection.o2m if end_to_end else 1.0
        assigned, terms, items = loss_of.get_assigned_targets_and_loss(branch, batch)
        size = batch["img"].shape[0]
        moment = Moment(self.batches, self.closing)
        targets = _targets(assigned, batch, raw_predictions(branch, loss_of), moment, loss_of)
        loss = terms * size * weight
        if end_to_end:
            one2one, items = self.detection.one2one.loss(preds["one2one"], batch)
            loss = loss + one2one * self.detection.o2o
        finer = {stride: each.take(stride) for stride, each in self.taps.items()}
        extra = {name: self._run(name, features, finer, targets) for name in self.heads}
        factors = {name: self._factor(name, moment) for name in self.heads}
        interval = INTERVAL if self._is_warm() else WARMUP_INTERVAL
        if self.batches % interval == 0 and (shared := [map_ for map_ in features if map_.requires_grad]):
            self._measure(dict(zip(loss_of.loss_names, terms, strict=True)), extra, factors, shared)
        self.batches += 1
        weighted = {
            term: value * factors[name] * (self.gains[name].gain or 0.0)
            for name, terms_ in extra.items()
            for term, value in terms_.items()
        }
        self.term_names = tuple(weighted)
        added = torch.stack(list(weighted.values())) * size * weight
        return torch.cat([loss, added]), {**items, **{name: value.detach() for name, value in weighted.items()}}

    def _is_warm(self) -> bool:
        return self.batches >= self.warmup_batches

    def _factor(self, name: str, moment: Moment) -> float:
        head = self._head(name)
        return schedule_factor(head.spec, self.epoch, self.epochs) * head.strength(moment)

    def _head(self, name: str) -> Head:
        return cast("Head", self.heads[name])

    def _run(
        self, name: str, features: list[Tensor], finer: Mapping[float, Tensor], targets: Targets
    ) -> dict[str, Tensor]:
        """Run one head, cut off from the detector once its schedule says so."""
        head = self._head(name)
        spec = head.spec
        features = [*features, *(finer[stride] for stride in head.finer)]
        if spec.schedule == "detach" and self.epoch + 1 >= (spec.schedule_epoch or 0):
            features = [map_.detach() for map_ in features]
        return head.loss(head(features), targets)

    def _measure(
        self,
        detection: dict[str, Tensor],
        extra: dict[str, dict[str, Tensor]],
        factors: dict[str, float],
        features: list[Tensor],  # those that anything below learns from: freeze= may leave out the finer ones
    ) -> None:
        """Measure gradients, let the gains follow, and log both."""
        norms = gradient_norms(detection, features)
        if not norms["sum"]:
            return  # a compiled model: all that it returns is one node, and nothing can be measured on the maps
        row = {f"grad/{name.removesuffix('_loss')}": norms[name] for name in detection}
        row["grad/detection"] = norms["sum"]
        for name, terms in extra.items():
            total = torch.stack(list(terms.values())).sum()
            unit = gradient_norms({"head": total}, features)["head"] if total.requires_grad else 0.0
            control = self.gains[name]
            control.update(unit, norms["sum"], warm=self._is_warm())
            gain = (control.gain or 0.0) * factors[name]
            row[f"grad/{name}"] = gain * unit
            row[f"share/{name}"] = gain * unit / norms["sum"] if norms["sum"] else 0.0
            row[f"gain/{name}"] = gain
        self.log.add(row)

    def progress(self) -> dict[str, Any]:
        """Return what the gains have come to and after how many batches, for the training state."""
        gains = {name: control.gain for name, control in self.gains.items()}
        return {"gains": gains, "batches": self.batches, "log": self.log.last}

    def load_progress(self, progress: Mapping[str, Any]) -> None:
        """Go on from `progress`."""
        self.batches = progress["batches"]
        self.log.last = dict(progress["log"])
        for name, gain in progress["gains"].items():
            self.gains[name].gain = gain
