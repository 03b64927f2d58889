"""The site as a reader opens it from disk: no complaint, no request elsewhere, nothing too wide or inaccessible."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import figures
from docs import check
from docs.__main__ import ELSEWHERE, gather
from docs.generate import plots, reference, statements
from tests.browser import COLOURS, chromium
from tests.every_figure import copied

ROOT = Path(__file__).parents[2]
SAVE = plots.save
PAGES = (
    "index",
    "theory/5_cpo",
    "statements/index",
    "statements/def-3.3",
    "losses/index",
    "losses/cdpo",
    "how_to/watch_it_move",
    "reference/tabular.rlhf",
)
#: of the reference, a module of each package, one with every kind of object, and those that other pages link to
MODULES = {
    "tabular": ["tabular", "tabular.flow", "tabular.rlhf"],
    "proofs_checks": ["proofs_checks.kernel.relation"],
    "figures": ["figures.table"],
}


def drawn_once(folder):
    """In place of ``plots.save``: one curve for all losses, which look alike; drawing and writing them is slow."""
    image = folder / "curve.svg"

    def save(name, path):
        if not image.exists():
            SAVE(name, image)
        shutil.copy(image, path)

    return save


def told(results):
    """The results that pages written by hand name, and those that these rest on or give way to."""
    known, kept = {result["id"]: result for result in results}, set()
    pages = [*(ROOT / "docs" / "site").rglob("*.md"), *(ROOT / name for name in ELSEWHERE)]
    waiting = [name for page in pages for name in statements.cited(page.read_text(encoding="utf-8"))]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept.add(name)
            waiting += [*known[name]["rests_on"], *known[name]["instead"]]
    return [result for result in results if result["id"] in kept]


@pytest.fixture(scope="module")
def site(results, drawn, tmp_path_factory):
    """Half of the book's pages: most of the reference and the statements that no page names are left out.

    They are made by the same templates, and take most of the time; ``.ci/run`` builds the whole, too.
    Built beside this process: what Sphinx's own libraries warn of is not ours to refuse.
    """
    out = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", copied(drawn))
        patch.setattr(plots, "save", drawn_once(out))
        patch.setattr(reference, "modules", lambda: MODULES)
        gather(out / "source", told(results))
    places = ["-d", str(out / "doctrees"), str(out / "source"), str(out / "html")]
    # a quarter of the build goes to freeing what the process gives back at its end, one gigabyte
    kept = "import gc, sphinx.cmd.build as build; gc.disable(); raise SystemExit(build.main())"
    command = [sys.executable, "-c", kept, "-b", "html", "-W", "-q", *places]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    yield out / "html"
    shutil.rmtree(out)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as session:
        yield session


def test_every_link_leads_somewhere_and_nothing_is_fetched(site):
    assert check.problems(site) == []


@pytest.mark.parametrize("page", PAGES)
def test_opens_from_disk_without_complaint_and_without_scrolling_sideways(site, browser, page):
    browser.viewport(400, 900, mobile=True)
    browser.open((site / f"{page}.html").as_uri())
    for width in (400, 1000, 1600):
        browser.viewport(width, 900, mobile=width < 500)
        assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), width
    assert browser.console_errors() == []
    elsewhere = "return performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('file:'))"
    assert [name for name in browser.run(elsewhere) if not name.startswith("data:")] == []


@pytest.mark.parametrize(
    ("page", "named"), [("theory/5_cpo", 1), ("losses/cdpo", 1), ("losses/dpo", 1), ("statements/def-3.3", 0)]
)
def test_the_margin_marks_the_page_that_is_open_and_no_other(site, browser, page, named):
    browser.open((site / f"{page}.html").as_uri())
    marked = browser.run("return [...document.querySelectorAll('.sidebar-tree .current-page > a')].map(a => a.href)")
    assert marked == [f"{(site / page).as_uri()}.html#"] * named


def serious(found):
    """What axe finds that keeps somebody from reading the page."""
    return [line for line in found if line.startswith(("serious", "critical"))]


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(site, browser, page):
    browser.viewport(1000, 900)
    browser.scheme("light")
    browser.open((site / f"{page}.html").as_uri())
    assert serious(browser.accessibility()) == []
    browser.scheme("dark")
    assert serious(browser.accessibility(COLOURS)) == []


def test_the_slider_moves_the_policies_and_the_table_follows(site, browser):
    browser.viewport(1000, 900)
    browser.open((site / "how_to" / "watch_it_move.html").as_uri())
    moved = browser.run("""
        const scene = document.querySelectorAll('.moving')[1], slider = scene.querySelector('input');
        slider.value = slider.max;
        slider.dispatchEvent(new Event('input'));
        const cells = [...scene.querySelectorAll('tr[data-loss=dpo] td')].map(cell => Number(cell.textContent));
        return [cells, Number(scene.querySelector('circle[data-loss=dpo]').getAttribute('cx'))];
    """)
    assert moved[0] == [0.5, 0.083, 0.417]
    assert moved[1] == pytest.approx(0.5 * 30 + 0.0833 * 390 + 0.4167 * 210, abs=0.05)


def test_a_word_is_found_without_a_server(site, browser):
    browser.open((site / "search.html").as_uri() + "?q=isotonic")
    browser.run("""return new Promise(done => {
        const look = () => document.querySelectorAll('ul.search li').length >= 3 ? done() : setTimeout(look, 20);
        look();
    })""")
    assert browser.console_errors() == []


def test_the_generated_lists_are_json(site):
    source = site.parent / "source"
    assert (
        len(json.loads((source / "verdicts.json").read_text())) == len(list((source / "statements").glob("*.md"))) - 2
    )


def test_axe_would_find_a_picture_without_words(site, browser):
    browser.open((site / "index.html").as_uri())
    browser.run("document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    assert [line.split(",")[0] for line in browser.accessibility()] == ["critical: image-alt"]
