"""The scenes of the metrics' tests serve here, too."""

from tests.metrics.conftest import build, cases, plain

__all__ = ["build", "cases", "plain"]
