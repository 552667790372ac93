"""Ultralytics' detection trainer with heads beside the detector."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from ultralytics import __version__ as ultralytics_version
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import LOCAL_RANK, LOGGER, RANK
from ultralytics.utils.torch_utils import torch_distributed_zero_first, unwrap_model

from auxhead._version import __version__
from auxhead.augmentation.trainer import ViewTrainer
from auxhead.errors import ConfigError, ModelError, ResumeError
from auxhead.files import write_atomic
from auxhead.host.calls import UNUSABLE, first_line, named_line, told_as
from auxhead.host.cpu import take_cpu
from auxhead.host.datasets import CERTIFICATE_IMAGES, object_sizes
from auxhead.layouts.ready_made import ready_made
from auxhead.model import state
from auxhead.model.attach import attach, plain, require_detector
from auxhead.model.choices import PLAN_FILE, RunPlan
from auxhead.model.gradients import gain_warnings, gradient_summary
from auxhead.results_csv import restore
from auxhead.shipping.certificate import Certificate, certify
from auxhead.shipping.cost import advice
from auxhead.shipping.ship import half, reduced, ship
from auxhead.training.data_check import check_images
from auxhead.training.model_check import require_plain
from auxhead.training.pretrained import start_from
from auxhead.training.result import write_result
from auxhead.training.resuming.divergence import diverged, mended, require_finite
from auxhead.training.resuming.leftovers import forget_earlier_run
from auxhead.training.resuming.trainer import OTHER_DATA
from auxhead.training.teaching.trainer import TaughtTrainer

METRIC_COLUMNS = {"mAP50-95": "metrics/mAP50-95(B)", "mAP50": "metrics/mAP50(B)"}


class HeadTrainer(ViewTrainer, TaughtTrainer):
    """Train a detector with removable heads; what it saves is plain.

    Configure it with `make_trainer`; the class itself trains without heads. What differs from `DetectionTrainer`: the
    criterion carries heads, checkpoints are written whole or not at all and hold no optimizer (that lies in
    `last.state.pt`), a run that goes on does so exactly, and the best checkpoint can be chosen by another metric.
    """

    best_fitness: Any
    last: Path
    certificate: Certificate | None = None
    gain_warnings: tuple[str, ...] = ()
    inexact = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Set up as Ultralytics does, and note the plan in the run folder for a later resume."""
        super().__init__(*args, **kwargs)
        if RANK in {-1, 0}:
            if not self.resume:
                forget_earlier_run(self.save_dir)
            write_atomic(self.save_dir / PLAN_FILE, json.dumps(self.plan.to_dict(), indent=2).encode())

    # -- set-up ---------------------------------------------------------------------------------------------------

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> DetectionModel:
        """Build the stock detector, refusing what is none; weights of another layout are moved by what they are for."""
        if weights is not None:
            own = str(self.args.model)
            require_detector(weights, where=own if own.endswith(".pt") else f"pretrained={self.args.pretrained}")
        model = require_detector(super().get_model(cfg, None, verbose), where=str(self.args.model))
        if weights is not None:
            start_from(weights, model, str(self.args.pretrained), self.save_dir)
        return model

    def setup_model(self) -> Any:
        """Load or build the model, with one error for what is none."""
        source = str(self.model)

        def refuse(error: BaseException) -> ModelError:
            return ModelError(
                expected="a model: a detector's .pt file or .yaml",
                found=named_line(error),
                where=f"model={source}",
                fix=advice(source),
            )

        if isinstance(self.model, str):
            self.model = ready_made(self.model)
        with told_as(refuse, (*UNUSABLE, EOFError, UnpicklingError)):
            return super().setup_model()

    def set_model_attributes(self) -> None:
        """Attach the heads: the model is on its device, and neither compiled nor wrapped yet."""
        super().set_model_attributes()
        require_plain(vars(self.args), self.plan.heads)
        self.criterion = attach(self.model, self.plan.heads, epochs=self.epochs, seed=self.args.seed)
        self.meet_teacher()

    def set_class_weights(self) -> None:
        """Complete the criterion once the training labels are known."""
        super().set_class_weights()
        for loader in (self.train_loader, self.test_loader):
            check_images(loader.dataset, self.plan.on_error)
        self.criterion.detection = unwrap_model(self.model).init_criterion()
        self.criterion.warmup_batches = round(self.args.warmup_epochs * len(self.train_loader))
        sizes = object_sizes(self.train_loader.dataset.labels, self.args.imgsz)
        if sizes is not None:
            self.criterion.fit_data(sizes)

    def _setup_train(self) -> None:
        """Set up as Ultralytics does, then use the whole CPU when training on one."""
        try:
            super()._setup_train()
        except RuntimeError as error:
            if "froze the entire model" not in str(error):
                raise
            last = len(unwrap_model(self.model).model) - 1
            raise ConfigError(
                expected=f"layers that are left to train: this model's are 0 to {last}",
                found=f"freeze={self.args.freeze}, which freezes all of them",
                where="freeze=",
                fix="freeze=3 freezes the first three, freeze=[0,1] those two",
            ) from error
        parameters = unwrap_model(self.model).model[:-1].parameters()
        if self.plan.heads and not any(parameter.requires_grad for parameter in parameters):
            LOGGER.warning(
                f"freeze={self.args.freeze} leaves nothing that heads could teach: they train for themselves"
            )
        take_cpu(self, self.plan.cpu_bf16)

    # -- every epoch ----------------------------------------------------------------------------------------------

    def _model_train(self) -> None:
        """Tell the schedules the epoch, at its start (also when one is repeated)."""
        super()._model_train()
        self.criterion.epoch, self.criterion.epochs = self.epoch, self.epochs  # time= changes the latter

    def progress_string(self) -> str:
        """Head the progress columns (11 wide) with names that fit: center for center_loss."""
        header: str = super().progress_string()
        for name in self.criterion.term_names:
            header = header.replace(f"{name:>11}", f"{name.removesuffix('_loss'):>11}")
        return header

    def label_loss_items(self, loss_items: Any = None, prefix: str = "train") -> Any:
        """Name the loss items; heads are silent in validation, so they have no validation loss."""
        labelled = super().label_loss_items(loss_items, prefix)
        silent = {f"val/{name}" for name in self.criterion.term_names}
        if loss_items is None:
            return [name for name in labelled if name not in silent]
        return {name: value for name, value in labelled.items() if name not in silent}

    def validate(self) -> tuple[dict[str, float] | None, float | None]:
        """Validate as Ultralytics does, with the chosen metric as fitness."""
        best = self.best_fitness
        metrics, fitness = super().validate()
        if metrics is not None and self.plan.select != "mAP50-95":
            fitness = metrics[METRIC_COLUMNS[self.plan.select]]
            self.best_fitness = fitness if best is None else max(best, fitness)
        return metrics, fitness

    def save_metrics(self, metrics: dict[str, float]) -> None:
        """Write results.csv with gradient norms, shares and gains; trackers read them from `self.metrics`."""
        row = self.criterion.log.close_epoch()
        rounded = {name: float(f"{value:.5g}") for name, value in row.items()}
        self.metrics.update(rounded)
        if rounded and self.epoch >= self.args.warmup_epochs:
            before, self.gain_warnings = self.gain_warnings, tuple(self._gain_warnings(row))
            for sentence in self.gain_warnings if not before else ():
                LOGGER.warning(sentence)
        super().save_metrics({**{k: v for k, v in metrics.items() if k not in rounded}, **rounded})

    # -- checkpoints ----------------------------------------------------------------------------------------------

    def save_model(self) -> bool:
        """Write best.pt and last.pt as stock detectors, and beside them the states to go on from.

        The states come before and after the detectors they belong to: best.pt always follows from best.state.pt, and
        an epoch counts as done once last.state.pt is there.
        """
        require_finite(self)
        detector = mended(plain(self.ema.ema), unwrap_model(self.model))
        detector = detector.to(memory_format=torch.contiguous_format)
        own = {"version": __version__, **self.plan.to_dict()}
        common = {
            "epoch": self.epoch,
            "best_fitness": self.best_fitness,
            "stopper": {"best_fitness": self.stopper.best_fitness, "best_epoch": self.stopper.best_epoch},
            "model": None,
            "updates": self.ema.updates,
            "optimizer": None,
            "scaler": None,
            "train_args": vars(self.args),
            "train_metrics": {**self.metrics, "fitness": self.fitness},
            "train_results": self.read_results_csv(),
            "date": datetime.now().astimezone().isoformat(),
            "version": ultralytics_version,
            "license": "AGPL-3.0 (https://ultralytics.com/license)",
            "docs": "https://docs.ultralytics.com",
        }
        trained = {**common, "ema": detector, state.KEY: {**own, "head_state": self.criterion.heads.state_dict()}}
        shipped = state.to_bytes({**common, "ema": half(detector), state.KEY: own})
        best = state.state_path(
            self.best
        )  # save=False reaches this at the end only, maybe over an earlier run's best.pt
        if self.best_fitness == self.fitness or not best.exists():
            state.save(trained, best)
            write_atomic(self.best, shipped)
        write_atomic(self.last, shipped)
        if self.save_period > 0 and self.epoch % self.save_period == 0:
            write_atomic(self.wdir / f"epoch{self.epoch}.pt", shipped)
        own_parts = unwrap_model(self.model).state_dict()
        weights = {name: value for name, value in own_parts.items() if not name.startswith("criterion.")}
        trained[state.KEY] |= {"weights": weights, "progress": self.criterion.progress(), "standing": self.standing()}
        trained[state.KEY]["stopped"] = bool(self.stop)  # Ultralytics has asked its early stopping by now
        trained |= {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}
        state.save(trained, state.state_path(self.last))
        return True

    def _load_checkpoint_state(self, ckpt: dict[str, Any]) -> None:
        """Restore what Ultralytics restores, and the heads."""
        super()._load_checkpoint_state(ckpt)
        self.ema.ema = plain(self.ema.ema)
        self.criterion.heads.load_state_dict(ckpt[state.KEY]["head_state"])
        self.criterion.load_progress(ckpt[state.KEY]["progress"])

    def _handle_nan_recovery(self, epoch: int) -> bool:
        """Recover from the training state: last.pt holds neither optimizer nor heads."""
        last, self.last = self.last, state.state_path(self.last)
        try:
            recovered: bool = super()._handle_nan_recovery(epoch)
        except RuntimeError as error:  # it has tried three times
            raise diverged(self, first_line(error)) from error
        finally:
            self.last = last
        return recovered

    def resume_training(self, ckpt: dict[str, Any] | None) -> None:
        """Go on from a training state: weights before averaging, heads, optimizer, epoch, and files that agree."""
        self.ema.ema = plain(self.ema.ema)
        if ckpt is None or not self.resume:
            return
        model = unwrap_model(self.model)
        del model.criterion  # Ultralytics puts a fresh one, which is no module, on end-to-end models
        super().resume_training(ckpt)
        self.criterion.detection = model.__dict__.pop("criterion", None) or self.criterion.detection
        model.criterion = self.criterion
        model.load_state_dict(ckpt[state.KEY]["weights"])
        self.inexact = self.go_on(ckpt[state.KEY].get("standing"))
        if self.inexact == OTHER_DATA and not self.plan.other_data:
            fix = f"bring them back, or go on with these: auxhead train resume={self.save_dir} data={self.args.data}"
            raise ResumeError("the data that this run was trained on", OTHER_DATA, str(self.args.data), fix)
        if self.inexact:
            LOGGER.warning(f"goes on, but not bit for bit as without the stop: {self.inexact}")
        if RANK in {-1, 0}:
            restore(self.csv, self.start_epoch, ckpt["train_results"])
            best = state.state_path(self.best)
            if best.exists():  # a kill between two files of one epoch
                kept = state.load_state(best)
                self.best_fitness = kept["train_metrics"]["fitness"]
                ship(kept, self.best)

    def final_eval(self) -> None:
        """Reduce the checkpoints as Ultralytics does, without a moment of half a file; validate and certify best.pt."""
        with torch_distributed_zero_first(LOCAL_RANK):
            if RANK in {-1, 0}:
                if not state.state_path(self.last).exists():  # save=False, and an end before the last epoch
                    self.save_model()
                last, best = (state.load_state(state.state_path(weights)) for weights in (self.last, self.best))
                for trained, weights in ((last, self.last), (best, self.best)):
                    ship({**trained, "train_results": self.read_results_csv()}, weights)
                last = reduced(last)
        LOGGER.info(f"\nValidating {self.best}...")
        self.validator.args.plots = self.args.plots
        self.validator.args.compile = False
        self.metrics = self.validator(model=self.best)
        self.metrics.pop("fitness", None)
        self.epoch += 1  # Ultralytics' trackers log the best metrics one step after the last epoch
        self.run_callbacks("on_fit_epoch_end")
        self.epoch -= 1
        if RANK in {-1, 0}:
            images = next(iter(self.test_loader))["img"][:CERTIFICATE_IMAGES].float() / 255
            self.certificate = certify(best, self.best, images)
            gradients = self.criterion.log.last
            warnings = self._gain_warnings(gradients)
            write_result(self.save_dir, {**self.metrics, **gradients}, warnings, self.certificate)
            state.save(last, state.state_path(self.last))
            LOGGER.info(f"\n{self.certificate}\n")
            for line in gradient_summary(gradients, list(self.plan.heads), warnings):
                LOGGER.info(line)

    def _gain_warnings(self, row: Mapping[str, float]) -> list[str]:
        return gain_warnings(row, list(self.plan.heads), vars(self.args)) if row else []


def make_trainer(plan: RunPlan) -> type[HeadTrainer]:
    """Return a trainer class for `YOLO(...).train(trainer=...)` that follows a plan.

    The class is made on the fly, so that Ultralytics' multi-GPU launcher pickles it whole, plan included.
    """
    return type("ConfiguredHeadTrainer", (HeadTrainer,), {"plan": plan, "__doc__": HeadTrainer.__doc__})
