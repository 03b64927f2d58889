"""The site as a reader opens it from disk: no complaint, no request elsewhere, nothing too wide or inaccessible."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import axe_core_python
import pytest

import figures
from docs import check
from docs.__main__ import gather
from docs.generate import plots
from tests.browser import chromium
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
AXE = next(Path(axe_core_python.__file__).parent.rglob("axe.min.js"))
SERIOUS = """
return axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations
    .filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200)]));
"""


def drawn_and_one_written(folder):
    """In place of ``plots.save``: every curve is drawn, but only the first is written as an image, which is slow."""
    image = folder / "curve.svg"

    def save(name, path):
        plots.draw(name) if image.exists() else SAVE(name, image)
        shutil.copy(image, path)

    return save


@pytest.fixture(scope="module")
def site(results, drawn, tmp_path_factory):
    """The whole site, built beside this process: what Sphinx's own libraries warn of is not ours to refuse."""
    out = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", copied(drawn))
        patch.setattr(plots, "save", drawn_and_one_written(out))
        gather(out / "source", results)
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


@pytest.mark.parametrize("width", [400, 1000, 1600])
@pytest.mark.parametrize("page", PAGES)
def test_opens_from_disk_without_complaint_and_without_scrolling_sideways(site, browser, page, width):
    browser.viewport(width, 900, mobile=width < 500)
    browser.open((site / f"{page}.html").as_uri())
    assert browser.console_errors() == []
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    elsewhere = "return performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('file:'))"
    assert [name for name in browser.run(elsewhere) if not name.startswith("data:")] == []


@pytest.mark.parametrize(
    ("page", "named"), [("theory/5_cpo", 1), ("losses/cdpo", 1), ("losses/dpo", 1), ("statements/def-3.3", 0)]
)
def test_the_margin_marks_the_page_that_is_open_and_no_other(site, browser, page, named):
    browser.open((site / f"{page}.html").as_uri())
    marked = browser.run("return [...document.querySelectorAll('.sidebar-tree .current-page > a')].map(a => a.href)")
    assert marked == [f"{(site / page).as_uri()}.html#"] * named


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(site, browser, page, dark):
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.devtools("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.viewport(1000, 900)
    browser.open((site / f"{page}.html").as_uri())
    browser.run(AXE.read_text(encoding="utf-8"))
    assert browser.run(SERIOUS) == []


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
    found = "return document.querySelectorAll('ul.search li').length"
    browser.run("return new Promise(done => setTimeout(done, 1500))")
    assert browser.run(found) >= 3
    assert browser.console_errors() == []


def test_the_generated_lists_are_json(site):
    source = site.parent / "source"
    assert (
        len(json.loads((source / "verdicts.json").read_text())) == len(list((source / "statements").glob("*.md"))) - 2
    )


def test_axe_would_find_a_picture_without_words(site, browser):
    browser.open((site / "index.html").as_uri())
    browser.run("document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    browser.run(AXE.read_text(encoding="utf-8"))
    assert [rule for rule, *_ in browser.run(SERIOUS)] == ["image-alt"]
