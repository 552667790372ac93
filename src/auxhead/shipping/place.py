"""Put a file where it belongs only once it is proven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from auxhead.files import write_atomic
from auxhead.shipping.proof import Proof

AnyProof = TypeVar("AnyProof", bound=Proof)


def place(target: Path, write: Callable[[Path], None], prove: Callable[[Path], AnyProof]) -> AnyProof:
    """Write a file somewhere else, prove it, and only then put it, and the proof, where they belong.

    Args:
        target: Where the file shall be; the proof goes beside it, as `<name>.certificate.json`.
        write: Writes the file to the path it is given, which has the target's name.
        prove: Proves the file there, or raises.

    Raises:
        OutputError: The target can't be written.
    """
    with TemporaryDirectory(prefix="auxhead-") as folder:
        trial = Path(folder) / target.name
        write(trial)
        certificate = prove(trial)
        content = trial.read_bytes()
    write_atomic(target, content)
    write_atomic(target.with_suffix(".certificate.json"), certificate.to_json().encode())
    return certificate
