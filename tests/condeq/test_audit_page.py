"""The audit's page says what the audit found, and a real browser shows it at three widths and in the dark."""

import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from condeq import audit_page, svg
from tabular import logs
from tabular.audit import audit
from tabular.auditing import words
from tabular.logs import PairLog
from tests.browser import chromium

WIDTHS = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


class Tree(HTMLParser):
    """Checks that every element is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


def run_log(tmp_path, n=60):
    rng = np.random.default_rng(3)
    ref = -rng.exponential(60, (2, n)) - 1
    policy = np.minimum(ref + rng.normal([[0], [-12]], 6, (2, n)), 0)
    names = ("ref_chosen_logps", "ref_rejected_logps", "policy_chosen_logps", "policy_rejected_logps")
    texts = {"prompt": ["<script>alert(1)</script> " + "long" * 80] * n, "source": ["a", "b"] * (n // 2)}
    pl.DataFrame(texts | dict(zip(names, [*ref, *policy], strict=True))).write_parquet(tmp_path / "log.parquet")
    return logs.read_pairs(tmp_path / "log.parquet")


@pytest.fixture
def result(tmp_path):
    return audit(run_log(tmp_path), 0.1)


def test_the_page_says_what_was_found(result):
    page = audit_page.page(result, ["source"])
    tree = Tree()
    tree.feed(page)
    assert tree.open == []
    plain = re.sub(r"\s+", " ", page.replace("&#39;", "'").replace("&gt;", ">").replace("&lt;", "<"))
    assert words.story(result) in plain
    assert f"{100 * result.share_pessimistic:.1f} %" in page
    assert f"{result.loss[-1]:.4f}" in page
    assert "by source" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=|url\(|@import", page)  # nothing is fetched
    assert page.count("<svg") == 4
    assert page.count('class="dots wrong"') == 1


def test_every_pair_in_u_is_drawn_as_one(result):
    page = audit_page.page(result)
    path = re.search(r'<path class="dots wrong" d="([^"]*)"', page).group(1)
    inside = (result.delta_ref < result.delta) & (result.delta < 0)
    reach = audit_page._reach(result.delta_ref, result.delta)
    assert path.count("M") == np.sum(inside & (np.abs(result.delta_ref) <= reach) & (np.abs(result.delta) <= reach)) > 0


@pytest.mark.parametrize("loss", ["dpo", "ipo", "hinge", "kto", "fdpo_forward_kl", "ecpo"])
def test_pages_of_odd_logs(loss):
    """No policy, one pair, ties, extremes, other losses: a page all the same, and no nan in a picture."""
    from tabular import losses

    for log in (
        PairLog("one", [-9.0], [-7.0]),
        PairLog("tie", [-9.0, -9.0], [-9.0, -9.0], [-9.0, -9.0], [-9.0, -9.0]),
        PairLog("far", [-1e4, -1.0], [-1.0, -1e4], [-1e4, -2.0], [-3.0, -1e4]),
    ):
        page = audit_page.page(audit(log, 0.5, losses.typical(loss)))
        pictures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
        assert "nan" not in pictures
        assert "inf" not in pictures.replace("infinity", "")


def test_a_large_log_is_drawn_in_part_and_says_so():
    rng = np.random.default_rng(0)
    ref = -rng.exponential(60, (2, 5000))
    page = audit_page.page(audit(PairLog("many", *ref, *ref), 0.1))
    assert "3,000 of 5,000 pairs drawn at random" in page
    assert len(page) < 400_000


def test_coordinates():
    plot = svg.Plot((0, 10), (1e-2, 1e2), "t", "x", "y", log_y=True)
    x, y = plot.at([0, 5, 10], [1e-2, 1, 1e2])
    assert x[1] == pytest.approx((x[0] + x[2]) / 2)
    assert y[1] == pytest.approx((y[0] + y[2]) / 2)
    assert y[0] > y[2]
    assert svg.ticks(-1, 1) == [-1.0, -0.5, 0.0, 0.5, 1.0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.mark.parametrize("width", [400, 800, 1300])
def test_a_browser_shows_it(browser, result, tmp_path, width):
    (tmp_path / "page.html").write_text(audit_page.page(result, ["source"]), encoding="utf-8")
    browser.scheme("light")
    browser.viewport(width, 900, mobile=width < 800)
    browser.open((tmp_path / "page.html").as_uri())
    page, window = browser.run(WIDTHS)
    assert page == window
    assert browser.console_errors() == []
    light = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.scheme("dark")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") != light
    outside = """return [...document.querySelectorAll('svg text')].filter(text => {
        const box = text.getBBox(), m = text.getCTM(), svg = text.ownerSVGElement.getBoundingClientRect();
        const at = text.getBoundingClientRect();
        return at.left < svg.left - 1 || at.right > svg.right + 1 || at.top < svg.top - 1 || at.bottom > svg.bottom + 1;
    }).map(text => text.textContent)"""
    assert browser.run(outside) == []
