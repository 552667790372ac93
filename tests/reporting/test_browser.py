"""The page in a real browser: sorting, narrow screens, dark schemes, paper, and names that would like to act."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.findings.ledger_maker import HOSTILE, make_ledger
from tests.reporting.conftest import CONTRAST

from auxhead.reporting.report import report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NASTY = "<img src=x onerror=alert(1)>"
ARMS = {"plain": {}, "center": {"heads": "center"}, NASTY: {"name": "\"'><b>"}, "p2": {"model": "m"}, "y" * 120: {}}
VALUES = {"plain": (0.5, 0.52), "center": (0.55, 0.56), NASTY: (0.45, 0.5), "p2": (0.6, 0.62), "y" * 120: (0.5, 0.9)}
NAMES = ("car", HOSTILE, "z" * 150)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with names that would like to act, and with long ones."""
    folder = tmp_path_factory.mktemp("browser") / "ledger"
    unfair = {"differences": [{"arm": "p2", "seed": 0, "what": NASTY, "found": HOSTILE, "expected": "w" * 200}]}
    make_ledger(folder, arms=ARMS, values=VALUES, seeds=(0, 1), names=NAMES, failed=[("p2", 1)], unfair=unfair)
    return report(folder).page.as_uri()


def column(page: Page, table: str, place: int) -> list[str]:
    """The texts of a column, as they stand."""
    script = "([name, place]) => [...document.querySelector(`table[data-name=${name}]`).tBodies[0].rows]"
    return page.evaluate(f"{script}.map((row) => row.cells[place].firstChild.textContent.trim())", [table, place])


def head(page: Page, table: str, place: int) -> Any:
    return page.locator(f"table[data-name={table}] th[data-column='{place}']")


def announced(page: Page) -> str:
    return page.locator("#status").inner_text()


def test_numbers_are_sorted_both_ways_by_mouse(show: Any) -> None:
    page = show()
    button = head(page, "Arms", 3).get_by_role("button")
    before = column(page, "Arms", 3)
    assert before != sorted(before, key=float)
    button.click()
    assert column(page, "Arms", 3) == sorted(before, key=float, reverse=True)
    assert head(page, "Arms", 3).get_attribute("aria-sort") == "descending"
    assert announced(page) == "Arms, sorted by mean, descending"
    button.click()
    assert column(page, "Arms", 3) == sorted(before, key=float)
    assert announced(page) == "Arms, sorted by mean, ascending"


def test_texts_are_sorted_both_ways_by_keyboard(show: Any) -> None:
    page = show()
    before = column(page, "Classes", 0)
    ordered = ["<script>alert(1)</script>", "car", "z" * 150]
    assert before != ordered
    button = head(page, "Classes", 0).get_by_role("button")
    button.focus()
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    page.keyboard.press("Enter")
    assert column(page, "Classes", 0) == ordered
    assert head(page, "Classes", 0).get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Space")
    assert column(page, "Classes", 0) == ordered[::-1]
    assert head(page, "Classes", 0).get_attribute("aria-sort") == "descending"


def test_what_was_not_measured_stays_last_and_one_column_sorts(show: Any) -> None:
    page = show()
    for _ in range(2):
        head(page, "Arms", 1).get_by_role("button").click()
        assert column(page, "Arms", 1)[-1] == "\N{EN DASH}"
    assert column(page, "Arms", 0)[-1] == "plain"
    head(page, "Arms", 0).get_by_role("button").click()
    assert page.locator("table[data-name=Arms] th[aria-sort]").count() == 1
    for table, count in {"Arms": 9, "Classes": 3 + 2 * 4, "Runs": 6}.items():
        assert page.locator(f"table[data-name={table}] th button").count() == count


def test_every_column_sorts_what_is_below_it(show: Any) -> None:
    page = show()
    for table in ("Arms", "Classes", "Runs"):
        for place in range(page.locator(f"table[data-name={table}] thead tr:last-child > *").count()):
            spot = head(page, table, place)
            if spot.count() and spot.get_attribute("data-kind") == "number":
                values = page.evaluate(  # clicks of the mouse are tried above; dozens of them take seconds
                    "([name, place]) => { document.querySelector("
                    "`table[data-name=${name}] th[data-column='${place}'] button`).click();"
                    " return [...document.querySelector(`table[data-name=${name}]`).tBodies[0].rows]"
                    ".map((row) => row.cells[place].dataset.value).filter((value) => value).map(Number); }",
                    [table, place],
                )
                assert values == sorted(values, reverse=True), (table, place)


def test_tab_reaches_the_skip_link_first_and_every_table(show: Any) -> None:
    page = show()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "verdict"
    unreachable = page.evaluate(
        "[...document.querySelectorAll('table, pre')].filter((one) => one.closest('[tabindex=\"0\"]') === null).length"
    )
    assert unreachable == 0


def test_the_page_never_scrolls_sideways(show: Any) -> None:
    page = show()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        wide, there = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= there <= width
        narrow = page.locator("svg.narrow").first.is_visible()
        assert narrow != page.locator("svg.wide").first.is_visible()
        assert narrow == (width < 800)


def test_figures_can_be_read_on_a_phone(show: Any) -> None:
    page = show(390)
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.narrow text')].map((one) => "
        "parseFloat(getComputedStyle(one).fontSize) * one.ownerSVGElement.getBoundingClientRect().width"
        " / one.ownerSVGElement.viewBox.baseVal.width))"
    )
    assert smallest >= 10


def test_hostile_names_are_shown_and_do_nothing(show: Any) -> None:
    page = show()
    page.wait_for_timeout(200)
    for text in (NASTY, HOSTILE):
        assert page.get_by_text(text, exact=True).first.is_visible()
    assert page.locator("img, script:not(:last-of-type)").count() == 0
    labels = page.locator("svg.wide text").all_text_contents()
    assert any(label.startswith("<img src=x") for label in labels)


def test_other_scripts_are_forbidden(browser: Browser, address: str) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(address)
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://127.0.0.1:9/x\" onerror=\"window.x=1\">')"
    )
    page.evaluate(
        "(() => { const s = document.createElement('script'); s.text = 'window.x = 1'; document.body.append(s); })()"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.x") is None
    assert any("Content Security Policy" in error for error in errors)
    page.close()


def test_text_and_figures_stand_out_in_light_and_dark(show: Any) -> None:
    page = show()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    inks = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert max(ground) < 60 if scheme == "dark" else min(ground) > 230
        worst = page.evaluate(CONTRAST)
        assert worst["ratio"] >= 4.5, worst
        inks.add(page.evaluate("getComputedStyle(document.querySelector('svg.wide text')).fill"))
    assert len(inks) == 2


def test_paper_is_white_and_leaves_folded_what_is_folded(show: Any) -> None:
    page = show(color_scheme="dark")
    folded = page.locator("details:not([open])").count()
    assert folded > 3
    page.evaluate(
        "addEventListener('beforeprint', () => "
        "{ window.folded = document.querySelectorAll('details:not([open])').length; })"
    )
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    assert page.evaluate("folded") == folded
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for gone in ("nav", ".copy", ".anchor", ".help"):
        assert not page.locator(gone).first.is_visible()
    assert page.evaluate(CONTRAST)["ratio"] >= 4.5


def test_six_arms_fit_on_six_sheets(browser: Browser, tmp_path: Path) -> None:
    """As many arms, sizes and measures as the largest page of the evidence has."""
    arms: dict[str, dict[str, Any]] = {"plain": {}, **{f"arm-{place}": {"heads": "x"} for place in range(5)}}
    values = {arm: (0.5 + 0.02 * place, 0.53, 0.5) for place, arm in enumerate(arms)}
    made = make_ledger(tmp_path / "ledger", arms=arms, values=values, names=("a", "b", "c", "d"))
    page = browser.new_page()
    page.goto(report(made, pictures=False).page.as_uri())
    sheets = page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n")
    page.close()
    assert 1 < sheets <= 6


def test_a_heading_is_linked_by_mouse_and_keyboard(show: Any) -> None:
    page = show()
    anchor = page.locator("#sizes h2 .anchor")
    shown = "getComputedStyle(document.querySelector('#sizes h2 .anchor')).opacity"
    assert page.evaluate(shown) == "0"
    page.locator("#sizes h2").hover()
    assert page.evaluate(shown) == "1"
    page.mouse.move(0, 0)
    page.keyboard.press("Tab")
    anchor.focus()
    assert page.evaluate(shown) == "1"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#sizes"


COPY_REFUSED = "navigator.clipboard.writeText = () => Promise.reject(new Error('no'));"


def test_commands_are_copied_from_a_file_and_it_is_said_where_that_is_refused(show: Any) -> None:
    page = show(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    blocks = page.locator("pre, code.command").count()
    assert page.locator("button.copy").count() == blocks > 2
    for refused in ("", COPY_REFUSED):
        page.evaluate(f"{refused} document.getElementById('status').textContent = ''")
        button = page.locator("td .copy").first
        button.click()
        page.wait_for_function("document.getElementById('status').textContent === 'Copied'")
        assert button.text_content() == "Copied"
        assert page.evaluate("navigator.clipboard.readText()") == page.locator("td code.command").first.text_content()
        page.evaluate("navigator.clipboard.__proto__.writeText.call(navigator.clipboard, '')")
    page.evaluate(f"{COPY_REFUSED} document.execCommand = () => false;")
    page.locator("button.copy").last.click()
    page.wait_for_function("document.getElementById('status').textContent.includes('no page copy')")
    assert page.evaluate("getSelection().toString().trim()").startswith("# plain, seed 0")


def test_without_scripts_there_is_no_dead_button(browser: Browser, address: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(address)
    assert page.locator("button").count() == 0
    assert page.locator("#commands .anchor").count() == 1
    page.context.close()


def test_pictures_are_drawn(show: Any) -> None:
    """Each of the three panels of a picture shows the same pixels where no box is drawn."""
    from PIL import Image

    page = show()
    page.add_style_tag(content=".drawn, .view text { display: none; }")
    views = page.locator(".picture").first.locator(".view svg")
    assert views.count() == 3
    shots = [Image.open(io.BytesIO(views.nth(place).screenshot())).convert("RGB") for place in range(3)]
    size = (min(shot.width for shot in shots), min(shot.height for shot in shots))
    first, *others = [list(shot.resize(size).resize((16, 12)).tobytes()) for shot in shots]
    assert max(first) - min(first) > 20
    for other in others:
        assert max(abs(one - two) for one, two in zip(first, other, strict=True)) < 40
