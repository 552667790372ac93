import csv
from pathlib import Path

import pytest

from auxhead.errors import DataError, OutputError
from auxhead.labels.check import check_labels
from auxhead.labels.listing import label_path
from auxhead.labels.problems import LabelProblem, LabelReport, ProblemLog, problems_error, write_problems


def report_of(*problems: LabelProblem) -> LabelReport:
    return LabelReport(9, 8, 1, 0, len({p.path for p in problems}), 5, 0, problems)


def many(count: int) -> LabelReport:
    return report_of(
        *[LabelProblem(Path(f"/l/{i}.txt"), i, f"expected x, found {i}", f"row {i}") for i in range(count)]
    )


def test_the_error_shows_ten_rows_the_count_and_the_csv(tmp_path):
    error = problems_error(many(23), tmp_path / "problems.csv")
    assert isinstance(error, DataError)
    lines = error.where.splitlines()
    assert lines == ["the first 10:", *(f"  /l/{i}.txt:{i}: expected x, found {i}" for i in range(10))]
    assert error.found.startswith("23 bad rows in 23 of 8 label files")
    assert f"all 23 are listed in {tmp_path / 'problems.csv'}" in error.fix


def test_the_error_without_a_csv_names_none():
    error = problems_error(many(1))
    assert "listed" not in error.fix
    assert error.where == "all of them:\n  /l/0.txt:0: expected x, found 0"
    assert error.found.startswith("1 bad row in 1 of 8 label files;")


def test_the_csv_holds_every_problem(data_set, tmp_path):
    images = data_set('0 .5\n\n9 .5 .5 "2 .2', b"0 \xe9")
    report = check_labels(images, nc=4)
    write_problems(report, tmp_path / "problems.csv")
    with (tmp_path / "problems.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    first, second = (str(label_path(image)) for image in images)
    assert rows == [
        ["path", "line", "problem", "row"],
        [first, "1", "expected 5 columns, found 2", "0 .5"],
        [first, "3", "expected a number in column 4, found '\"2'", '9 .5 .5 "2 .2'],
        [second, "1", "expected UTF-8 text, found byte 0xe9 at column 3", r"0 \xe9"],
    ]


def test_a_problem_of_a_whole_file_has_no_line(tmp_path):
    problem = LabelProblem(Path("/l/\udce9.txt"), None, "expected a file that can be read", "")
    write_problems(report_of(problem), tmp_path / "p.csv")
    assert r"/l/\udce9.txt,,expected a file" in (tmp_path / "p.csv").read_text(encoding="utf-8")


def test_a_failed_write_leaves_the_earlier_csv_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "problems.csv"
    path.write_text("earlier")

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        write_problems(many(3), path)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="FileNotFoundError"):
        write_problems(many(1), tmp_path / "no" / "problems.csv")


def bad_row(name: str, line: int | None = 1) -> LabelProblem:
    return LabelProblem(Path(name), line, "expected x, found y", "y")


def test_a_log_without_problems_writes_no_file(tmp_path):
    log = ProblemLog(tmp_path / "p.csv")
    log.close()
    assert log.count == 0
    assert list(tmp_path.iterdir()) == []


def test_a_log_writes_all_keeps_ten_and_names_each_file_once(tmp_path):
    log = ProblemLog(tmp_path / "p.csv")
    for i in range(8):
        log.add_rows([bad_row(f"/l/{i}.txt", 1), bad_row(f"/l/{i}.txt", 2)])
    log.add_rows([bad_row("/l/0.txt", 1)])  # of another image with the same label file
    log.add_image(bad_row("/i/1.jpg", None))
    log.add_image(bad_row("/i/1.jpg", None))
    log.close()
    assert (log.rows, log.files, log.images, log.count, len(log.first)) == (16, 8, 1, 17, 10)
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 18
    error = log.error(9, tmp_path / "elsewhere.csv")
    assert error.found.startswith("1 image that can't be used and 16 bad rows in 8 of 9 label files")
    assert error.fix.startswith("put the images in their places")
    assert "all 17 are listed in" in error.fix
    assert "elsewhere.csv" in error.fix
