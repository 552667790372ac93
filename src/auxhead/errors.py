"""Everything auxhead raises on purpose.

::

    AuxHeadError
    ├── ConfigError (ValueError)        a key or value of ours or of Ultralytics
    ├── DataError (ValueError)          a data.yaml, split, image or label file
    ├── ModelError (ValueError)         a model that can't carry heads, or a file that holds no model
    ├── AttachError (RuntimeError)      a head that could not be attached, or gets no gradient
    ├── VerificationError (RuntimeError)  a stripped detector that differs from the trained one
    ├── ResumeError (ValueError)        a run folder that can't be continued
    ├── DivergedError (RuntimeError)    a training whose weights are no finite numbers any more
    ├── UnfairComparisonError (ValueError)  runs that differ in more than what they are to be compared for
    ├── OutputError (OSError)           a place that can't be written to
    ├── HostVersionError (ImportError)  an Ultralytics release without a part we build on
    └── MissingExtraError (ImportError)  a package that only one command needs

Every message has four parts: what was expected, what was found, where, what to do.
"""

from __future__ import annotations


class AuxHeadError(Exception):
    """Base of all errors that auxhead raises on purpose.

    Args:
        expected: What would have been right.
        found: What was there instead.
        where: The file (with line), key or folder concerned.
        fix: What the user can do about it.
    """

    def __init__(self, expected: str, found: str, where: str, fix: str) -> None:
        """Keep the four parts as attributes and join them into the message."""
        self.expected = expected
        self.found = found
        self.where = where
        self.fix = fix
        super().__init__(expected, found, where, fix)

    def __reduce__(self) -> tuple[type[AuxHeadError], tuple[str, str, str, str]]:
        """Rebuild from the four parts (OSError would keep only two of them)."""
        return type(self), (self.expected, self.found, self.where, self.fix)

    def __str__(self) -> str:
        """Return the four parts, one a line."""
        return f"expected: {self.expected}\nfound:    {self.found}\nwhere:    {self.where}\nfix:      {self.fix}"


class ConfigError(AuxHeadError, ValueError):
    """A key or value, ours or Ultralytics', is wrong."""


class DataError(AuxHeadError, ValueError):
    """A data.yaml, a split, an image or a label file is wrong."""


class ModelError(AuxHeadError, ValueError):
    """A model can't carry heads, or a file holds no model."""


class AttachError(AuxHeadError, RuntimeError):
    """A head could not be attached, or gets no gradient."""


class VerificationError(AuxHeadError, RuntimeError):
    """A stripped detector differs from the trained one."""


class ResumeError(AuxHeadError, ValueError):
    """A run folder can't be continued."""


class DivergedError(AuxHeadError, RuntimeError):
    """The weights of a training are no finite numbers any more."""


class UnfairComparisonError(AuxHeadError, ValueError):
    """Runs differ in more than what they are to be compared for."""


class OutputError(AuxHeadError, OSError):
    """A place can't be written to."""


class HostVersionError(AuxHeadError, ImportError):
    """The installed Ultralytics lacks a part that auxhead builds on."""


class MissingExtraError(AuxHeadError, ImportError):
    """A package that only one command needs, and that an extra of auxhead brings, is not installed."""
