"""Ultralytics' detection trainer with a teacher beside it, who sees the same pictures at their own size."""

from __future__ import annotations

from copy import copy
from typing import Any, ClassVar

from torch.nn import functional as F
from ultralytics.utils import LOGGER, RANK
from ultralytics.utils.torch_utils import unwrap_model

from auxhead.heads.teacher import LARGE, TeacherHead
from auxhead.model.choices import RunPlan
from auxhead.model.criterion import HeadCriterion
from auxhead.training.resuming.trainer import ResumableTrainer
from auxhead.training.teaching.check import GRID, NAME, open_teacher, require_levels, require_sizes, teacher_spec


class TaughtTrainer(ResumableTrainer):
    """Load pictures as large as the teacher wants them, and show them to student and teacher.

    The student gets the mean of each square of pixels: its cells lie exactly on the teacher's, and it is what OpenCV's
    linear resize to half the size gives. `args.imgsz` stays the student's.
    """

    plan: ClassVar[RunPlan] = RunPlan()
    model: Any
    args: Any
    criterion: HeadCriterion

    @property
    def picture_scale(self) -> int:
        """Side of a loaded training picture over imgsz."""
        spec = teacher_spec(self.plan)
        return spec.scale if spec else 1

    def meet_teacher(self) -> None:
        """Open the teacher and introduce it to the head; without one nothing happens.

        Raises:
            ConfigError: Sizes, epochs or levels don't suit it.
            ModelError: It can't be opened, or can't teach this student.
        """
        spec = teacher_spec(self.plan)
        if spec is None:
            return
        model = unwrap_model(self.model)
        teacher = None
        if spec.looks:
            teacher = open_teacher(spec, self.data["names"], self.data["channels"], trust=self.plan.trust)
        strides = tuple(map(float, model.stride))
        require_sizes(spec, vars(self.args), teacher.strides if teacher else None, max(int(max(strides)), GRID))
        if teacher is None:
            return
        require_levels(spec, teacher.strides, strides)
        head = self.criterion.heads[NAME]
        if isinstance(head, TeacherHead):
            head.meet(teacher.to(self.device))
        if RANK in {-1, 0}:
            LOGGER.info(
                f"Teacher {spec.weights}: {teacher.parameters:,} parameters, looks at {spec.scale} x imgsz; "
                f"pictures take {spec.scale**2} times the memory of a plain training's"
            )

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Build training data at the teacher's size; validation stays at the student's."""
        if mode != "train":
            return super().build_dataset(img_path, mode, batch)
        own, self.args = self.args, copy(self.args)
        self.args.imgsz = own.imgsz * self.picture_scale
        try:
            return super().build_dataset(img_path, mode, batch)
        finally:
            self.args = own

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Shrink the pictures to the student's size, and keep the large ones for the teacher."""
        prepared = super().preprocess_batch(batch)
        if self.picture_scale > 1:
            prepared[LARGE] = prepared["img"]
            prepared["img"] = F.avg_pool2d(prepared["img"], self.picture_scale)
        return prepared

    def _model_train(self) -> None:
        """Tell the criterion at the start of an epoch whether it is one of the last, without mosaics."""
        super()._model_train()
        closing = self.args.close_mosaic
        if closing and self.epoch >= self.epochs - closing:  # for good, also where time= moves the end away again
            self.criterion.closing = True
