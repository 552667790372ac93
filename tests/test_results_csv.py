"""The one reader of results.csv, and what brings it in line with a state."""

from __future__ import annotations

from pathlib import Path

import pytest

from auxhead.results_csv import read_rows, restore

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
    whole_table = restore(table, 2, {})
    assert whole_table == (len(rows) >= 2)  # without the state there is nothing to mend it from
    assert [row["epoch"] for row in read_rows(table)] == ([1.0, 2.0] if whole_table else [])
    table.write_text(WHOLE[:length])
    assert restore(table, 2, {"epoch": [1, 2, 3], "time": [2.0, 3.0, 4], "loss": [0.5, "nan", "inf"]})
    assert read_rows(table) == whole[:2]


def test_nothing_to_read(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.csv") == []
    assert not restore(tmp_path / "none.csv", 3, {})
    assert not (tmp_path / "none.csv").exists()
    (tmp_path / "empty.csv").write_text("")
    assert read_rows(tmp_path / "empty.csv") == []


def test_rows_of_epochs_to_come_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("epoch,time\n1,2.0\n2,3.0\n3,4\n4,")
    assert restore(path, 2, {"epoch": [1, 2], "time": [7.0, 8.0]})
    assert path.read_text() == "epoch,time\n1,2.0\n2,3.0\n"


@pytest.mark.parametrize(
    "garbage", [b"", b"\n", b"\xff\xfe\x00", b"epoch,time\n1,2.0\n\xff\xfe,3\n", b"a,b\n1,2\n2,3\n"]
)
def test_garbage_is_written_anew_from_what_the_state_has_noted(garbage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(garbage)
    assert all(row.get("epoch") in {1.0, None} for row in read_rows(path))
    assert restore(path, 2, {"epoch": [1, 2, 3], "time": [2.5, 3.5, 4.5]})
    assert path.read_text() == "epoch,time\n1,2.5\n2,3.5\n"
    path.write_bytes(garbage)
    assert not restore(path, 2, {"epoch": [1], "time": [2.5]})
    assert not path.exists()  # Ultralytics begins a new one, with its header
