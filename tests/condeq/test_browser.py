"""The report in a real browser: it opens without complaint, a row expands, a phone needs no sideways scrolling."""

from pathlib import Path

import pytest

from tests.browser import COLOURS, chromium

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


ROWS = "return [...document.querySelectorAll('.verdicts > tbody')].filter(r => r.checkVisibility()).map(r => r.id)"
CHOOSE = """const field = document.getElementById('filter')[arguments[0]];
field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}))"""
ALL = ["def-3.3", "prop-3.4", "prop-3.4-necessity"]


def test_one_verdict_alone_can_be_shown(browser):
    """And a link to a hidden row still leads to it."""
    assert browser.run(ROWS) == ALL
    browser.run(CHOOSE, "verdict", "refuted")
    assert browser.run(ROWS) == ["prop-3.4-necessity"]
    assert browser.run("return document.getElementById('shown').textContent") == "1 of 3 statements"
    browser.run("location.hash = 'prop-3.4'")
    assert browser.run(ROWS) == ["prop-3.4", "prop-3.4-necessity"]


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ("necessary", ["prop-3.4-necessity"]),
        ("pessimistic RLHF", ["prop-3.4"]),
        ("δ_ref < δ", ALL),
        ("delta_ref < delta", ALL),
        ("proposition_3_4.py", ["prop-3.4", "prop-3.4-necessity"]),
        ("no such words", []),
    ],
)
def test_text_search_is_of_all_that_a_row_holds(browser, asked, rows):
    """All words, in any order of letters Greek or spelled, evidence included."""
    browser.run(CHOOSE, "q", asked)
    assert browser.run(ROWS) == rows


def test_filters_join_and_the_address_keeps_them(browser, small_report):
    source, origin = browser.run(
        "const row = document.getElementById('prop-3.4').dataset; return [row.source, row.origin]"
    )
    for field, value in (("q", "optimum"), ("verdict", "proved"), ("source", source), ("origin", origin)):
        browser.run(CHOOSE, field, value)
    browser.run(CHOOSE, "sort", "title")
    assert browser.run(ROWS) == ["prop-3.4"]
    address = browser.run("return location.href")
    for part in ("q=optimum", "verdict=proved", f"source={source}", f"origin={origin}", "sort=title"):
        assert part in address
    browser.open("about:blank")
    browser.open(address)
    assert browser.run(ROWS) == ["prop-3.4"]
    assert browser.run("return document.getElementById('filter').q.value") == "optimum"
    browser.click("#all-again")
    assert browser.run(ROWS) == ALL
    assert browser.run("return location.search") == ""
    browser.open(f"{small_report.summary.page.as_uri()}?verdict=nothing&sort=5")  # a state that nobody made
    assert browser.run(ROWS) == ALL


def test_rows_can_be_sorted(browser):
    browser.run(CHOOSE, "sort", "verdict")
    assert browser.run(ROWS)[-1] == "prop-3.4-necessity"
    browser.run(CHOOSE, "sort", "title")
    titles = browser.run("return [...document.querySelectorAll('.verdicts > tbody > tr > th')].map(t => t.innerText)")
    assert titles == sorted(titles)
    browser.run(CHOOSE, "sort", "")
    assert browser.run(ROWS) == ALL


def test_all_evidence_opens_at_once(browser):
    opened = "return document.querySelectorAll('.evidence > td > details[open]').length"
    browser.run(CHOOSE, "verdict", "proved")
    browser.click("#open-all")
    assert browser.run(opened) == 2  # of the rows that are shown
    assert browser.run("return document.getElementById('open-all').textContent") == "Close all"
    browser.click("#open-all")
    assert browser.run(opened) == 0


def test_a_loss_of_the_map_opens_what_is_told_of_it(browser):
    told = "return document.querySelector('#loss-simpo .panel').checkVisibility()"
    assert not browser.run(told)
    link = ".map a[href='#loss-simpo']"
    browser.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", link)  # not below the bar
    browser.click(link)
    assert browser.run(told)


@pytest.mark.parametrize(
    ("width", "scheme", "rules"),
    [(400, "light", ()), (400, "dark", COLOURS), (1000, "dark", COLOURS), (1600, "light", ())],
)
def test_everybody_can_read_it(browser, width, scheme, rules):
    """By axe: contrast, names, order, focus; nothing is wrong in either scheme or at any width, all details open."""
    browser.scheme(scheme)
    browser.viewport(width, 900, mobile=width < 500)
    browser.run("document.querySelectorAll('details').forEach(details => details.open = true)")
    page, window = browser.run(WIDTHS)
    found = browser.accessibility(rules)
    browser.scheme("light")
    assert found == []
    assert page <= window


BAD = """
<html lang=en><title>t</title><style>@media (prefers-color-scheme: dark) { .grey { color: #ccc } }</style>
<main><h1>t</h1><ul><li>one<li>two<li>three<li class=grey>four<li>five<li><img src='data:,'><li>six
<li style='color:#ccc'>pale</ul></main>
"""


def test_axe_would_notice(browser, tmp_path):
    """A row unlike the two first of its list, too, and a colour that is wrong in the dark alone."""
    (tmp_path / "bad.html").write_text(BAD)
    browser.open((tmp_path / "bad.html").as_uri())
    pale, image = "serious: color-contrast", "critical: image-alt"
    assert [line.split(", first")[0] for line in browser.accessibility()] == [f"{pale}, 1 times", f"{image}, 1 times"]
    browser.scheme("dark")
    found = browser.accessibility(COLOURS)
    browser.scheme("light")
    assert [line.split(", first")[0] for line in found] == [f"{pale}, 2 times"]


def test_figures_are_dark_with_the_page(browser):
    """White paper becomes the page's own ground."""
    look = "return [getComputedStyle(document.images[0]).filter, getComputedStyle(document.body).backgroundColor]"
    assert browser.run(look)[0] == "none"
    browser.scheme("dark")
    shown, ground = browser.run(look)
    browser.scheme("light")
    assert shown == "invert(0.92) hue-rotate(180deg)"
    assert ground == f"rgb({round(255 * 0.08)}, {round(255 * 0.08)}, {round(255 * 0.08)})"


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
    """On paper: the evidence of every row, opened or not, and nothing that only a screen can use."""
    browser.devtools("Emulation.setEmulatedMedia", {"media": "print"})
    browser.run("return document.body.scrollHeight")  # lay it out: what was closed counts as hidden until then
    parts = (".failures .panel", "#def-3\\.3 .panel", "#filter", "nav", "h1")
    shown = {part: browser.run(VISIBLE, part) for part in parts}
    browser.devtools("Emulation.setEmulatedMedia", {"media": ""})
    assert [shown[part] for part in parts] == [True, True, False, False, True]
    pdf = browser.devtools("Page.printToPDF", {"printBackground": True})["data"]
    assert len(pdf) > 50_000


def test_a_page_that_is_too_wide_is_noticed(browser, tmp_path):
    wide = tmp_path / "wide.html"
    wide.write_text("<meta name=viewport content='width=device-width'><div style='width:900px'>wide</div>")
    browser.viewport(390, 844, mobile=True)
    browser.open(Path(wide).as_uri())
    page, window = browser.run(WIDTHS)
    assert page > 390 or window > 390
