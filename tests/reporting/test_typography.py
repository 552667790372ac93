"""The page's characters: they replace plain ones, and change nothing else."""

from __future__ import annotations

from auxhead import formats
from auxhead.reporting import typography

DASH, MINUS, SPACE, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}", "\N{MULTIPLICATION SIGN}"


def test_numbers_get_the_characters_of_print() -> None:
    expected = {
        typography.points(None): DASH,
        typography.points(-0.01): f"{MINUS}1.0",
        typography.interval([-0.01, 0.02]): f"{MINUS}1.0{SPACE}to{SPACE}+2.0",
        typography.with_interval(-0.01, [-0.02, 0.0]): f"{MINUS}1.0 ({MINUS}2.0{SPACE}to{SPACE}0.0)",
        typography.by_seed({"0": -0.1, "1": 0.1, "2": None}, sign=True): f"{MINUS}10.0 +10.0 {DASH}",
        typography.probability(0.0004): f"<{SPACE}0.001",
        typography.times(1.5): f"1.50{SPACE}{TIMES}",
        typography.percent(1.38): f"138{SPACE}%",
        typography.typeset("+1.0 (-1.0 to 2.0) -"): f"+1.0 ({MINUS}1.0{SPACE}to{SPACE}2.0){SPACE}{DASH}",
        typography.duration(305): f"5{SPACE}min{SPACE}05{SPACE}s",
    }
    assert list(expected) == list(expected.values())


def test_every_filter_is_a_writer_of_numbers_and_names() -> None:
    for written in typography.FILTERS:
        assert written is typography.typeset or hasattr(formats, written.__name__)
