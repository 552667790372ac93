"""The one reader and trimmer of results.csv."""

from __future__ import annotations

from pathlib import Path

import pytest

from auxhead.results_csv import read_rows, trim

WHOLE = "                  epoch,         time,    loss\n1,2.0,0.5\n2,3.0,nan\n3,4,inf\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    path.write_text(WHOLE)
    return path


def test_read_rows(table: Path) -> None:
    assert read_rows(table) == [
        {"epoch": 1.0, "time": 2.0, "loss": 0.5},
        {"epoch": 2.0, "time": 3.0, "loss": None},
        {"epoch": 3.0, "time": 4.0, "loss": None},
    ]


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_file_cut_anywhere_gives_whole_rows_only(table: Path, length: int) -> None:
    whole = read_rows(table)
    table.write_text(WHOLE[:length])
    rows = read_rows(table)
    assert [row["epoch"] for row in rows] == [row["epoch"] for row in whole[: len(rows)]]
    trim(table, 2)
    assert [row["epoch"] for row in read_rows(table)] == [row["epoch"] for row in rows if (row["epoch"] or 9) <= 2]


def test_nothing_to_read(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.csv") == []
    trim(tmp_path / "none.csv", 3)
    assert not (tmp_path / "none.csv").exists()
    (tmp_path / "empty.csv").write_text("")
    assert read_rows(tmp_path / "empty.csv") == []


def test_trim_keeps_whole_rows_of_finished_epochs(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("epoch,time\n1,2.0\n2,3.0\n3,4\n4,")
    trim(path, 2)
    assert path.read_text() == "epoch,time\n1,2.0\n2,3.0\n"


def test_bytes_that_are_no_text_end_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(b"epoch,time\n1,2.0\n\xff\xfe,3\n")
    assert [row["epoch"] for row in read_rows(path)] == [1.0, None]
    trim(path, 5)
    assert read_rows(path) == [{"epoch": 1.0, "time": 2.0}]
