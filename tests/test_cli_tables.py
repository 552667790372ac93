"""Tables in narrow terminals: words stay whole."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from auxhead.cli.parts import page_console, print_table, print_text

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


def test_sentences_break_between_words_in_a_terminal_and_nowhere_else() -> None:
    text = "  imgsz=416: enlarges the images 1.6 times\n/a/path/that/is/longer/than/the/terminal/report.html"
    shown, kept = io.StringIO(), io.StringIO()
    print_text(Console(file=shown, width=30, force_terminal=True, highlight=False), text)
    print_text(Console(file=kept, width=30), text)
    assert shown.getvalue().splitlines() == ["  imgsz=416: enlarges the", "  images 1.6 times", text.splitlines()[1]]
    assert kept.getvalue() == f"{text}\n"


def test_numbers_are_not_colored_by_halves(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_text(page_console(), "21,954 boxes at bands=ai-tod")
    assert capsys.readouterr().out == "21,954 boxes at bands=ai-tod\n"
