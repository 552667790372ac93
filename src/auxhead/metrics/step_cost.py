"""What a training step takes in operations, with a teacher and without."""

from __future__ import annotations

from dataclasses import dataclass

TRAINING = 3
"""Operations of a forward and a backward pass over those of the forward pass. Source: own derivation; going back
through a convolution takes two of its size, for the gradients of its input and of its weights."""


@dataclass(frozen=True)
class StepCost:
    """Operations of a training step for one picture; those of losses, the optimizer and loading are not counted.

    Attributes:
        teacher: Billions of operations of the teacher's forward pass, at its size.
        student: Likewise of the student's, at its own; more than 0.
    """

    teacher: float
    student: float

    @property
    def ratio(self) -> float:
        """Operations of a step with the teacher over those of one without.

        >>> round(StepCost(teacher=35.0, student=8.75).ratio, 2)
        2.33
        """
        return 1 + self.teacher / (TRAINING * self.student)

    @property
    def with_its_training(self) -> float:
        """Operations of both trainings, of as many steps each, over those of the student's alone without a teacher.

        >>> round(StepCost(teacher=35.0, student=8.75).with_its_training, 2)
        6.33
        """
        return self.ratio + self.teacher / self.student
