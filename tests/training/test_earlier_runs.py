"""Files that earlier versions wrote stay readable; those in `earlier_run` are from before the rooms moved."""

from __future__ import annotations

import json
from pathlib import Path

from auxhead.model.choices import RunPlan
from auxhead.shipping.certificate import Certificate
from auxhead.training.result import read_result

EARLIER = Path(__file__).parent / "earlier_run"


def test_a_result_of_an_earlier_version_is_read() -> None:
    result = read_result(EARLIER)
    assert (result.certificate.parameters, result.certificate.gflops) == (3_012_018, 0.082)
    assert result.best == EARLIER / "weights" / "best.pt"
    written = json.loads((EARLIER / "certificate.json").read_text())
    assert Certificate.from_dict(written) == result.certificate
    assert result.certificate.to_dict() == written


def test_the_choices_of_an_earlier_version_are_read() -> None:
    assert RunPlan.from_dict(json.loads((EARLIER / "auxhead.json").read_text())) == RunPlan()
