"""Draw the pictures of docs/gallery.md anew: pages in a browser, one on paper, and what commands show in a terminal.

    uv run --with pypdfium2 python benchmarks/gallery.py comparison=teacher_nuclei data=nuclei/data.yaml
        [out=docs/images/gallery] [only=help,inspect,design,live,compare,evaluate]

`comparison` is the folder of a finished docs/evidence/compare/teacher_nuclei.yaml, with its predictions, and `data` its
data set: cell nuclei, Data Science Bowl 2018, CC0. Commands run in a terminal of 100 columns; paths are shown as if
one had stood beside the data. The comparison that runs has pictures drawn as for `auxhead demo`, and is stopped
by Ctrl-C once it was looked at. Needs Chromium; a few minutes on two quiet cores.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pypdfium2
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from auxhead.demonstration.sign_dataset import make_signs

AUXHEAD = str(Path(sys.executable).with_name("auxhead"))
COLUMNS, ROWS = 100, 50
QUALITY = 80  # of WebP
TALL = 1500  # pixels of a page that are shown
MARGIN = 32  # pixels beside a section
ANSI = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)|\r|\n)")
FONTS = 'ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace'
SVG = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # which a server would be asked for
SVG = re.sub(r"font-family: Fira Code, monospace", f"font-family: {FONTS}", SVG)
Scheme = Literal["light", "dark"]
RUNNING = re.compile(r"running\s+[1-9]\d*\s+\d+:\d\d")


def main(comparison: str, data: str, out: str = "docs/images/gallery", only: str = "") -> None:
    """Draw what is asked for, or all."""
    target, ledger, source = Path(out).resolve(), Path(comparison).resolve(), Path(data).resolve()
    target.mkdir(parents=True, exist_ok=True)
    steps = {"help": _help, "inspect": _inspect, "design": _design, "live": _live}
    pages = {"compare": _compare, "evaluate": _evaluate}
    asked = only.split(",") if only else [*steps, *pages]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        (work / source.parent.name).symlink_to(source.parent)
        (work / ledger.name).symlink_to(ledger)
        names = (f"{source.parent.name}/{source.name}", ledger.name)
        show = _shorten(work, source, ledger)
        for name in asked:
            if name in steps:
                steps[name](work, names[0], target, show)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            if "inspect" in asked:
                _tops(browser, work / "inspected" / "report.html", target / "inspect", show, schemes=("light",))
            for name in asked:
                if name in pages:
                    pages[name](browser, work, names, target, show)
            browser.close()
    for path in sorted(target.iterdir()):
        print(f"{path.stat().st_size:9,} {path.name}")


def _shorten(work: Path, source: Path, ledger: Path) -> Callable[[str], str]:
    """Make what takes the folders of this machine out of a text."""
    folders = sorted({str(one) for one in (work, source.parent.parent, ledger.parent)}, key=len, reverse=True)
    return lambda text: re.sub("|".join(f"{re.escape(folder)}/" for folder in folders), "", text)


# Terminals ------------------------------------------------------------------------------------------------------------


def _help(work: Path, data: str, target: Path, show: Callable[[str], str]) -> None:
    _terminal(["help"], work, target / "help.svg", show)


def _inspect(work: Path, data: str, target: Path, show: Callable[[str], str]) -> None:
    _terminal(["inspect", data, "imgsz=320", "out=inspected"], work, target / "inspect.svg", show)


def _design(work: Path, data: str, target: Path, show: Callable[[str], str]) -> None:
    words = ["design", data, "like=yolov8n.yaml", "imgsz=320", "out=designs"]
    _terminal(words, work, target / "design.svg", show)
    _save(Image.open(work / "designs" / "design.png"), target / "design.webp")


def _live(work: Path, data: str, target: Path, show: Callable[[str], str]) -> None:
    make_signs(work / "signs", train=24, val=12, size=160)
    words = "compare data=signs/data.yaml arms=plain,p234 model=yolov8n.yaml epochs=20 imgsz=96 slots=2 out=compared"
    _terminal(words.split(), work, target / "compare-live.svg", show, until=lambda text: len(RUNNING.findall(text)) > 1)


def _terminal(
    words: list[str],
    work: Path,
    path: Path,
    show: Callable[[str], str],
    until: Callable[[str], bool] = lambda text: False,
) -> None:
    """Run a command in a terminal, to its end or until its screen is as wanted, and draw the screen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    quiet = {"YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "TERM": "xterm-256color"}
    variables = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}} | quiet
    process = subprocess.Popen(
        [AUXHEAD, *words],
        cwd=work,
        env=variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written, seen = b"", ""
    while not until(seen):
        try:
            if select.select([ours], [], [], 0.5)[0]:
                written += os.read(ours, 65536)
        except OSError:  # the terminal is closed: the command has ended
            break
        seen = screen(written.decode(errors="ignore"))
    if process.poll() is None and until(seen):
        os.killpg(process.pid, signal.SIGINT)
        while True:
            try:
                if not os.read(ours, 65536):
                    break
            except OSError:
                break
    process.wait()
    os.close(ours)
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
    typed = f"$ auxhead {' '.join(words)}\n"
    for line in Text.from_ansi(typed + show(seen).rstrip()).split("\n", allow_blank=True):
        for place in range(0, max(len(line), 1), COLUMNS):  # a terminal breaks lines wherever they are too long
            console.print(line[place : place + COLUMNS], no_wrap=True, crop=True)
    path.write_text(console.export_svg(title="", code_format=SVG, unique_id=path.stem) + "\n", encoding="utf-8")


def screen(text: str) -> str:
    r"""Return what a terminal shows at last, with its colors: lines may be erased, and written anew.

    >>> screen("a\r\nb\r\n\x1b[1A\x1b[2Kc")
    'a\nc'
    """
    lines, row, begins = [""], 0, False
    for part in ANSI.split(text):
        if part == "\n":
            row, begins = row + 1, False
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            begins = True
        elif part.startswith("\x1b[") and part.endswith("A"):
            row = max(row - int(part[2:-1] or 1), 0)
        elif part.startswith("\x1b[") and part.endswith("K"):
            lines[row] = ""
        elif part and (part.endswith("m") or not part.startswith("\x1b")):
            lines[row] = part if begins else lines[row] + part
            begins = False
    return "\n".join(lines)


# Pages ----------------------------------------------------------------------------------------------------------------


def _compare(browser: Browser, work: Path, names: tuple[str, str], target: Path, show: Callable[[str], str]) -> None:
    _run("report", names[1], "out=page", work=work)
    page = work / "page" / "report.html"
    _tops(browser, page, target / "compare", show)
    _tops(browser, page, target / "compare-phone", show, width=390)
    _section(browser, page, "#pictures", target / "compare-pictures.webp", show, until="h4 >> nth=1")
    _paper(browser, page, target / "compare-paper.webp", show)


def _evaluate(browser: Browser, work: Path, names: tuple[str, str], target: Path, show: Callable[[str], str]) -> None:
    for arm in ("teacher", "plain"):
        shutil.copy(work / names[1] / f"runs/{arm}-0/val/predictions-train-last.json", work / f"{arm}.json")
    _run("evaluate", "predictions=teacher.json", f"data={names[0]}", "versus=plain.json", "out=evaluated", work=work)
    page = work / "evaluated" / "report.html"
    _tops(browser, page, target / "evaluate", show, schemes=("light",))
    _section(browser, page, "#mistakes", target / "evaluate-mistakes.webp", show)
    _section(
        browser, page, "#pictures", target / "evaluate-misses.webp", show, scheme="dark", until=".picture >> nth=6"
    )


def _run(*words: str, work: Path) -> None:
    subprocess.run([AUXHEAD, *words], cwd=work, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _opened(
    browser: Browser, page: Path, show: Callable[[str], str], width: int = 1280, **options: Any
) -> Iterator[Page]:
    shortened = page.with_suffix(".shown.html")
    shortened.write_text(show(page.read_text(encoding="utf-8")), encoding="utf-8")
    opened = browser.new_page(viewport={"width": width, "height": 900}, **options)
    opened.goto(shortened.as_uri())
    yield opened
    opened.close()


def _tops(
    browser: Browser,
    page: Path,
    target: Path,
    show: Callable[[str], str],
    *,
    width: int = 1280,
    schemes: Sequence[Scheme] = ("light", "dark"),
) -> None:
    """Show how a page begins."""
    for scheme in schemes:
        with _opened(browser, page, show, width, color_scheme=scheme) as opened:
            clip = {"x": 0, "y": 0, "width": width, "height": TALL}
            picture = opened.screenshot(clip=clip, full_page=True)  # type: ignore[arg-type]
        name = f"{target.name}-{scheme}" if len(schemes) > 1 else target.name
        _save(Image.open(io.BytesIO(picture)), target.with_name(f"{name}.webp"))


def _section(
    browser: Browser,
    page: Path,
    name: str,
    path: Path,
    show: Callable[[str], str],
    *,
    scheme: Scheme = "light",
    until: str = "",
) -> None:
    """Show a section of a page, to its end or until something in it begins."""
    with _opened(browser, page, show, color_scheme=scheme) as opened:
        own = opened.locator(name)
        box, end = own.bounding_box(), own.locator(until).bounding_box() if until else None
        high = (end["y"] if end else box["y"] + box["height"]) - box["y"] - MARGIN / 2
        clip = {"x": box["x"] - MARGIN, "y": box["y"] + MARGIN / 2, "width": box["width"] + 2 * MARGIN, "height": high}
        picture = opened.screenshot(clip=clip, full_page=True)
    _save(Image.open(io.BytesIO(picture)), path)


def _paper(browser: Browser, page: Path, path: Path, show: Callable[[str], str]) -> None:
    """Show a page as it is printed: all sheets on one."""
    with _opened(browser, page, show) as opened:
        document = pypdfium2.PdfDocument(opened.pdf(prefer_css_page_size=True))
    sheets = [sheet.render(scale=0.75).to_pil() for sheet in document]
    (width, height), across = sheets[0].size, 2
    all_ = Image.new("RGB", (across * (width + 8) + 8, -(-len(sheets) // across) * (height + 8) + 8), (150, 150, 150))
    for place, sheet in enumerate(sheets):
        all_.paste(sheet, (8 + place % across * (width + 8), 8 + place // across * (height + 8)))
    _save(all_, path)


def _save(picture: Image.Image, path: Path) -> None:
    picture.convert("RGB").save(path, quality=QUALITY, method=6)


if __name__ == "__main__":
    main(**dict(word.split("=", 1) for word in sys.argv[1:]))
