"""Tables in narrow terminals: words stay whole."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from auxhead.cli.parts import print_table

ROWS = [
    ["design", "levels", "GFLOPs", "time", "small", "no own", "too large", ""],
    ["yolov8n", "P3-P5", "2.02", "1.00", "5", "1.2 %", "0.0 %", "the price"],
    ["yolov8n-p2345-down-w88", "P2-P5", "1.84", "0.92 (0.90 to 1.11)", "11", "0.0 %", "0.0 %", "try it"],
]


@pytest.mark.parametrize(("width", "heads"), [(132, 1), (100, 1), (80, 2), (60, 3), (10, 7)])
def test_words_of_a_table_stay_whole(width: int, heads: int) -> None:
    shown = io.StringIO()
    print_table(Console(file=shown, width=width), ROWS, "Designs")
    text = shown.getvalue()
    assert text.count("Designs") == 1
    assert max(map(len, text.splitlines())) <= width
    if width > 10:
        assert text.count("yolov8n-p2345-down-w88") == heads
        words = text.split()
        for word in ("(0.90", "P2-P5", "large", "price"):
            assert word in words


def test_cells_come_once_and_in_order() -> None:
    shown = io.StringIO()
    print_table(Console(file=shown, width=60), ROWS)
    values = [
        word
        for line in shown.getvalue().splitlines()
        if line.strip().startswith("yolov8n ")
        for word in line.split()[1:]
    ]
    assert values == ["P3-P5", "2.02", "1.00", "5", "1.2", "%", "0.0", "%", "the", "price"]
