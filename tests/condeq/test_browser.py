"""The report in a real browser: it opens without complaint, a row expands, a phone needs no sideways scrolling."""

from pathlib import Path

import pytest

from tests.browser import chromium

VISIBLE = "return document.querySelector(arguments[0]).checkVisibility({contentVisibilityAuto: true})"
WIDTHS = "return [document.documentElement.scrollWidth, window.innerWidth]"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as session:
        yield session


@pytest.fixture
def browser(session, small_report):
    """The page as it opens, on a desktop screen."""
    session.viewport(1200, 900)
    session.open(small_report.summary.page.as_uri())
    return session


def test_a_row_expands_and_is_photographed(browser, tmp_path):
    panel = "#prop-3\\.4 details .panel"
    assert not browser.run(VISIBLE, panel)
    closed = browser.run("return document.body.scrollHeight")
    browser.click("#prop-3\\.4 summary")
    assert browser.run(VISIBLE, panel)
    assert browser.run("return document.body.scrollHeight") > closed + 100
    assert "Hypotheses" in browser.run("return document.querySelector(arguments[0]).innerText", panel)
    browser.screenshot(tmp_path / "expanded.png", whole_page=True)
    assert (tmp_path / "expanded.png").read_bytes().startswith(b"\x89PNG")


def test_one_verdict_alone_can_be_shown(browser):
    """And a link to a hidden row still leads to it."""
    rows = "return [...document.querySelectorAll('.verdicts > tbody')].filter(r => r.checkVisibility()).map(r => r.id)"
    assert len(browser.run(rows)) == 3
    browser.click("#show-refuted")
    assert browser.run(rows) == ["prop-3.4-necessity"]
    browser.run("location.hash = 'prop-3.4'")
    assert browser.run(rows) == ["prop-3.4", "prop-3.4-necessity"]


def test_every_figure_is_shown(browser):
    sizes = browser.run("return [...document.images].map(image => [image.complete, image.naturalWidth])")
    assert sizes
    assert all(complete and width > 300 for complete, width in sizes)


def test_the_browser_has_nothing_to_complain_of(browser):
    assert browser.console_errors() == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_no_sideways_scrolling_on_small_screens(browser, width):
    browser.viewport(width, 844, mobile=True)
    browser.run("document.querySelectorAll('details').forEach(details => details.open = true)")
    page, window = browser.run(WIDTHS)
    assert page == window == width


def test_an_address_in_a_missing_parts_reason_does_not_widen_the_page(browser):
    browser.viewport(320, 844, mobile=True)
    reason = f"<p class='missing'>https://{'a' * 200}</p>"
    browser.run("document.querySelector('#audit').insertAdjacentHTML('beforeend', arguments[0])", reason)
    assert browser.run(WIDTHS) == [320, 320]


@pytest.mark.parametrize("width", [390, 900, 1200])
def test_an_exact_fraction_of_many_digits_does_not_widen_the_page(browser, width):
    browser.viewport(width, 844, mobile=True)
    browser.run("document.querySelectorAll('details').forEach(details => details.open = true)")
    browser.run("document.querySelector('.verdicts .panel td').textContent = arguments[0]", "7" * 300)
    assert browser.run(WIDTHS) == [width, width]


def test_it_prints(browser):
    """On paper: what was opened, the kinds of failure, and no empty summaries of closed rows."""
    browser.devtools("Emulation.setEmulatedMedia", {"media": "print"})
    shown = {part: browser.run(VISIBLE, part) for part in (".failures summary", "#def-3\\.3 summary", "nav", "h1")}
    browser.devtools("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == {".failures summary": True, "#def-3\\.3 summary": False, "nav": False, "h1": True}
    pdf = browser.devtools("Page.printToPDF", {"printBackground": True})["data"]
    assert len(pdf) > 50_000


def test_a_page_that_is_too_wide_is_noticed(browser, tmp_path):
    wide = tmp_path / "wide.html"
    wide.write_text("<meta name=viewport content='width=device-width'><div style='width:900px'>wide</div>")
    browser.viewport(390, 844, mobile=True)
    browser.open(Path(wide).as_uri())
    page, window = browser.run(WIDTHS)
    assert page > 390 or window > 390
