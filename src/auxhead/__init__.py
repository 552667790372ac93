"""YOLO detectors that see small objects better, at the price of the one you know.

Everything heavy is imported on first use, so that `import auxhead` costs nothing.
"""

from __future__ import annotations

from auxhead._version import __version__
from auxhead.errors import (
    AttachError,
    AuxHeadError,
    ConfigError,
    DataError,
    DivergedError,
    HostVersionError,
    MissingExtraError,
    ModelError,
    OutputError,
    ResumeError,
    UnfairComparisonError,
    VerificationError,
)

TYPE_CHECKING = False  # type checkers know the name; the module typing takes longer than all of this
if TYPE_CHECKING:
    from typing import Any

    from auxhead.comparison.compare import Comparison, compare, report
    from auxhead.comparison.dry_run import DryRun
    from auxhead.demonstration.demo import demo
    from auxhead.designs.design import design
    from auxhead.designs.result import Designs
    from auxhead.evaluation.result import Evaluation
    from auxhead.evaluation.teacher import TeacherCheck, teacher_check
    from auxhead.host.environment import environment
    from auxhead.inspection.inspect import inspect
    from auxhead.inspection.result import Inspection
    from auxhead.labels.conversion.result import Conversion
    from auxhead.reporting.evaluation.evaluate import evaluate
    from auxhead.shipping.certificate import Certificate
    from auxhead.shipping.cost import Cost, cost
    from auxhead.shipping.strip import strip
    from auxhead.shipping.strip_certificate import StripCertificate
    from auxhead.training.converted_labels import convert
    from auxhead.training.result import TrainResult
    from auxhead.training.train import train, trainer

_LAZY = {
    "Certificate": "auxhead.shipping.certificate",
    "Comparison": "auxhead.comparison.compare",
    "Conversion": "auxhead.labels.conversion.result",
    "Cost": "auxhead.shipping.cost",
    "Designs": "auxhead.designs.result",
    "DryRun": "auxhead.comparison.dry_run",
    "Evaluation": "auxhead.evaluation.result",
    "Inspection": "auxhead.inspection.result",
    "StripCertificate": "auxhead.shipping.strip_certificate",
    "TeacherCheck": "auxhead.evaluation.teacher",
    "TrainResult": "auxhead.training.result",
    "compare": "auxhead.comparison.compare",
    "convert": "auxhead.training.converted_labels",
    "cost": "auxhead.shipping.cost",
    "demo": "auxhead.demonstration.demo",
    "design": "auxhead.designs.design",
    "environment": "auxhead.host.environment",
    "evaluate": "auxhead.reporting.evaluation.evaluate",
    "inspect": "auxhead.inspection.inspect",
    "report": "auxhead.comparison.compare",
    "strip": "auxhead.shipping.strip",
    "teacher_check": "auxhead.evaluation.teacher",
    "train": "auxhead.training.train",
    "trainer": "auxhead.training.train",
}

__all__ = [
    "AttachError",
    "AuxHeadError",
    "Certificate",
    "Comparison",
    "ConfigError",
    "Conversion",
    "Cost",
    "DataError",
    "Designs",
    "DivergedError",
    "DryRun",
    "Evaluation",
    "HostVersionError",
    "Inspection",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "ResumeError",
    "StripCertificate",
    "TeacherCheck",
    "TrainResult",
    "UnfairComparisonError",
    "VerificationError",
    "__version__",
    "compare",
    "convert",
    "cost",
    "demo",
    "design",
    "environment",
    "evaluate",
    "inspect",
    "report",
    "strip",
    "teacher_check",
    "train",
    "trainer",
]


def __getattr__(name: str) -> Any:
    """Import public names when they are first asked for."""
    if name not in _LAZY:
        message = f"module 'auxhead' has no attribute '{name}'"
        raise AttributeError(message)
    from importlib import import_module

    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted(__all__)
