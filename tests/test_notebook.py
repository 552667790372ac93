"""What Jupyter shows of a result: the command line's tables, escaped; and never an error instead of the result."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest

import auxhead
from auxhead.comparison.compare import Comparison
from auxhead.inspection import tables
from auxhead.notebook import InNotebooks, Shown
from auxhead.shipping import cost
from auxhead.training.result import TrainResult

DOCS = Path(__file__).parent.parent / "docs"
NOTEBOOK = DOCS / "notebook.ipynb"
EVIDENCE = DOCS / "evidence" / "compare" / "p234_hit_uav"


def read(result: InNotebooks) -> tuple[list[list[list[str]]], list[str]]:
    """Return the cells of the tables that a notebook shows, and the text around them."""
    html = result._repr_html_()
    assert html is not None
    root = ElementTree.fromstring(html)
    cells = [[[cell.text or "" for cell in row] for row in table] for table in root.iter("table")]
    return cells, [line.text or "" for line in root.findall("div")]


def test_every_result_shows_itself() -> None:
    results = {"Certificate", "Comparison", "Conversion", "Designs", "DryRun", "Evaluation", "Inspection"}
    results |= {"StripCertificate", "TeacherCheck", "TrainResult"}
    assert all(issubclass(getattr(auxhead, name), InNotebooks) for name in results)


def test_evaluation(signs: Path) -> None:
    found = auxhead.evaluate(predictions=[], data=str(signs), resamples=0)
    cells, lines = read(found)
    assert cells == [rows for _, rows in found.tables()]
    assert lines == [*(title for title, _ in found.tables()), *found.remarks(), f"Page: {found.folder}/report.html"]


def test_inspection(signs: Path) -> None:
    found = auxhead.inspect(signs, imgsz=64)
    assert read(found) == ([tables.table(found)], tables.remarks(found))


def test_costs() -> None:
    found = auxhead.cost(["yolov8n", "yolov8n-p234"], imgsz=64)
    assert read(found) == ([cost.table(found)], [cost.remark(found)])
    assert read(auxhead.cost([])) == ([], [])


def test_conversion(signs: Path) -> None:
    found = auxhead.convert(signs, out="new", to="pose")
    assert read(found) == ([], str(found).splitlines())


def test_comparison() -> None:
    found = Comparison(Path("x"), Path("x/report.html"), json.loads((EVIDENCE / "report.json").read_text()))
    assert read(found) == ([found.table()], [found.title, *found.verdicts, "Report: x/report.html"])


def trained() -> TrainResult:
    metrics = {"metrics/precision(B)": 0.25, "metrics/mAP50(B)": 0.5}
    return TrainResult(Path("run"), Path("run/best.pt"), Path("run/last.pt"), metrics, {}, (), cast(Any, None))


def test_training() -> None:
    table = [["precision", "mAP50"], ["25.0", "50.0"]]
    assert read(trained()) == ([table], ["Validation of best.pt", "The detector to ship: run/best.pt"])
    assert read(replace(trained(), metrics={}, warnings=("slow",))) == (
        [],
        ["slow", "The detector to ship: run/best.pt"],
    )


class Odd(InNotebooks):
    def __init__(self, *parts: str | Shown) -> None:
        self.parts = parts

    def _shown(self) -> Iterator[str | Shown]:
        yield from self.parts


def test_names_are_text_whatever_they_hold() -> None:
    odd = "<b>&amp;\x1b[2J"
    clean = odd.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    assert read(Odd(odd, Shown([[odd], [odd]], odd))) == ([[[clean], [clean]]], [clean, clean])
    assert "monospace" in str(Odd("two\nlines")._repr_html_())


@pytest.mark.parametrize("broken", [Odd(Shown(cast(Any, 3))), InNotebooks()])
def test_what_can_not_be_shown_is_left_to_its_text(broken: InNotebooks) -> None:
    assert broken._repr_html_() is None


def map50(book: Any) -> float:
    """Read what the notebook shows of its training, percent."""
    outputs = [output for cell in book["cells"] for output in cell.get("outputs", ())]
    shown = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    (table,) = (html for html in shown if "Validation of best.pt" in html)
    head, values = ([cell.text for cell in row] for row in ElementTree.fromstring(table).iter("tr"))
    return float(values[head.index("mAP50")] or 0)


def test_the_notebook_of_the_pages_shows_what_it_says_and_nothing_of_a_machine() -> None:
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    assert {*book["metadata"]} == {"kernelspec"}
    assert map50(book) > 30
    assert all(cell["metadata"] == {} for cell in book["cells"])
    kinds = {kind for cell in code for output in cell["outputs"] for kind in output.get("data", {})}
    assert {"text/html", "image/jpeg", "image/png"} <= kinds
    shown = NOTEBOOK.read_text(encoding="utf-8")
    assert not [
        word for word in ("/tmp", "/home/", "/root/", "/work/", "error") if f'"{word}' in shown or f"={word}" in shown
    ]


@pytest.mark.slow
def test_the_notebook_of_the_pages_runs(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("docs_notebook", NOTEBOOK.with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    book = module.executed(NOTEBOOK, tmp_path)
    assert (tmp_path / "notebook-demo" / "evaluated" / "report.html").is_file()
    assert str(tmp_path) not in json.dumps(book)
    assert map50(book) > 30  # it finds something, as the page says
