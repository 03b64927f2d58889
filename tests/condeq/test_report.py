"""The report page: complete, self-contained, the same each time, and honest about what is missing."""

import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pooch
import pytest

import figures
import proofs_checks
from condeq import (
    report,
    report_audit,
    report_failures,
    report_guarantees,
    report_headlines,
    report_losses,
    report_text,
    report_votes,
)
from proofs_checks.text import as_dict


class Page(HTMLParser):
    """The tags of a page in order, with their attributes, and its text without style sheets."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self._inside_style = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside_style = tag == "style"

    def handle_endtag(self, tag):
        self._inside_style = False

    def handle_data(self, data):
        if not self._inside_style:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


EMPTY = {"examples": [], "guarantees": [], "real_guarantees": None, "votes": None, "audit": None, "tally": []}
ABSENT = {"guarantees": "no rewards", "votes": "no votes", "audit": "no run"}


def timeless(page):
    return re.sub(r'<p id="time">.*?</p>', "", page)


def test_page_holds_every_part(small_report, real_data):
    page = Page(small_report.page)
    for result in small_report.results:
        assert result["id"] in {attributes.get("id") for _, attributes in page.tags}
        for check in result["checks"]:
            assert re.split("[_*^]", check["name"])[0] in page.text
    assert len(page.all("figure")) == 2
    parts = [
        "summary",
        "verdicts",
        "figures",
        "failures",
        "guarantees",
        "losses",
        "votes",
        "audit",
        "made",
        "not-covered",
    ]
    assert set(parts) <= {attributes.get("id") for attributes in page.all("section")}
    assert small_report.summary.missing == []
    for number in ("300 of 500", "500 of 500 (100.0 %)", "371 of 500 (74.2 %)", "129 of 500 (25.8 %)", "0.00053"):
        assert number in page.text


def test_counts_in_the_summary_are_those_of_the_results(small_report):
    page = Page(small_report.page)
    tiles = re.findall(r"<li class=\"[\w-]+\"><strong>(\d+)</strong>([A-Z ]+)<br>", small_report.page)
    assert {verdict: int(n) for n, verdict in tiles} == Counter(r["verdict"] for r in small_report.results)
    checks = sum(len(result["checks"]) for result in small_report.results)
    assert f"{checks} checks" in page.text


def test_headlines_rest_on_statements_with_a_verdict():
    known = proofs_checks.statements()
    for _, names in report_headlines.HEADLINES:
        for name in names:
            statement, _ = known[name]
            assert statement.expected.value not in ("UNDECIDED", "NOT CHECKABLE HERE")


def test_a_headline_is_dropped_with_one_of_its_grounds():
    names = {name for _, names in report_headlines.HEADLINES for name in names}
    results = [{"id": name, "as_expected": True} for name in names]
    assert len(report_headlines.headlines(results)) == len(report_headlines.HEADLINES)
    doubted = [result | {"as_expected": result["id"] != "price"} for result in results]
    assert len(report_headlines.headlines(doubted)) == len(report_headlines.HEADLINES) - 1


def test_what_does_not_hold_is_listed(small_report):
    assert "What does not hold: 1 statement<" in small_report.page
    assert 'href="#prop-3.4-necessity"' in small_report.page


def test_page_fetches_nothing(small_report):
    page = Page(small_report.page)
    assert [script for script in page.all("script") if script] == []  # one, and it is in the page
    assert not re.search(
        r"https?://|import|fetch|XMLHttp", re.search(r"<script>(.*?)</script>", small_report.page, re.S)[1]
    )
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.all("img"))
    assert all(link["href"] == "data:," for link in page.all("link"))
    assert not re.search(r"url\(|@import|https?://", re.search(r"<style>(.*?)</style>", small_report.page, re.S)[1])


def test_figures_of_one_column_stay_narrow(small_report, tmp_path):
    drawn = {name: figures.save(name, tmp_path, ["svg"]) for name in ("undesirable_region", "target_margins")}
    assert [report._columns(figure) for figure in drawn.values()] == [2, 1]
    assert {image["class"] for image in Page(small_report.page).all("img")} == {"columns-2"}


def test_links_lead_somewhere(small_report):
    page = Page(small_report.page)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids
        elif link["href"].startswith("https:"):
            assert re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{5}", link["href"])
        else:
            assert (small_report.directory / link["href"]).is_file()


def test_page_can_be_read_by_machine_and_on_a_phone(small_report):
    page = Page(small_report.page)
    assert page.all("html") == [{"lang": "en"}]
    assert any("width=device-width" in meta.get("content", "") for meta in page.all("meta"))
    assert all(image["alt"] for image in page.all("img"))
    assert all(header.get("scope") in {"row", "col"} for header in page.all("th"))
    assert [tag for tag, _ in page.tags if tag == "h1"] == ["h1"]
    for _, attributes in page.tags:
        for reference in ("aria-labelledby", "aria-describedby"):
            assert reference not in attributes or f'id="{attributes[reference]}"' in small_report.page


def test_the_summary_does_not_call_decided_what_is_not(small_report):
    row = small_report.results[0]
    results = [row, row | {"id": "other", "verdict": "NOT CHECKABLE HERE"}]
    text = " ".join(Page(report._page(results, {}, EMPTY, ABSENT, 0)).text.split())
    assert "2 statements were put to the test and 1 were decided; the others need more than finite spaces" in text
    assert "were decided" not in Page(small_report.page).text


def test_findings_link_to_the_statements_they_name(small_report):
    naming = small_report.results[0] | {"conclusion": "See prop-3.4, not prop-3.4-weaker or xprop-3.4; price."}
    known = naming | {"id": "prop-3.4", "conclusion": ""}
    page = report._page([naming, known, known | {"id": "price"}], {}, EMPTY, ABSENT, 0)
    assert 'See <a href="#prop-3.4">prop-3.4</a>, not prop-3.4-weaker or xprop-3.4; price.' in page


def test_a_probability_that_is_there_is_not_shown_as_0():
    """The witness of a response nobody labelled: e^(-24578) on the winner is far below the least double."""
    failures = report_failures.examples()[1].rows[0].failures
    witness = next(failure.witness for failure in failures if failure.kind == "chosen probability falls")
    assert re.match(r"polite e\^\(−[\d.e+]+\), rude e\^\(−[\d.e+]+\), off-topic 1; loss 0, δ", witness)


def test_failures_tell_what_removes_them():
    assumption = report_failures.examples()[0].rows[0].failures[1]
    beta, margin, hard = assumption.removed_by
    assert beta.startswith(f"β = {0.5 / np.log(9):.4g} (")  # delta_ref + Dr/beta = 0
    gamma = (0.5 * np.log(9) - 0.5) / (1 / 0.1 + 1 / 0.9)  # beta delta_ref + Dr + gamma (1/pi_w + 1/pi_l) = 0
    assert margin.startswith(f"the margin of Eq. 17 at γ = {gamma:.4g} (")
    assert hard.startswith(f"the hard constraint, multiplier {0.5 * (np.log(9) - 1) / 2:.4g} (π_w ≥ e^m π_l")


def test_failure_lists_name_every_pair(small_report):
    page = Page(small_report.page)
    for example in report_failures.examples():
        assert example.title in page.text
        for row in example.rows:
            assert row.label in page.text
            assert row.failures
    pair = report_failures.examples()[0].rows[0]
    assert pair.label == "helpful > harmful"
    assert pair.delta_ref == f"−{np.log(9):.4g}"
    assert pair.delta_rlhf == f"−{np.log(9) - 1:.4g}"
    assert pair.threshold == f"{np.log1p(1 / 3):.4g}"
    assert [failure.kind for failure in pair.failures] == [
        "pessimistic reference",
        "assumption violated",
        "loss falls while inverted",
    ]


def test_guarantees_are_those_of_the_table(small_report):
    """The hard constraint leaves no label inverted; where outcomes agree, readings share a row and none is lost."""
    for part in report_guarantees.small():
        assert part.title in small_report.page
        readings = ", ".join(row[0] for row in part.rows)
        assert readings == ", ".join(report_guarantees.NAMES.values())
        hard = next(row for row in part.rows if "hard constraint" in row[0])
        assert hard[3:6] == ("0.0 %", "100.0 %", "0")
        assert all(len(row) == len(report_guarantees.COLUMNS) for row in part.rows)
    pair = report_guarantees.small()[0].rows
    assert [row[1] for row in pair if "Eq. 10" in row[0]] == ["no: UNBOUNDED"]
    assert pair[0][5] == f"−{np.log(9) - 1:.3g}"


def test_the_map_of_losses_says_of_every_cell_what_carries_it(verdicts):
    """A statement that this report verified is linked, with its argument; a failure shows its numbers."""
    verified = [as_dict(verdicts[name]) for name in ("map-vote-fails", "map-target-if")]
    table = report_losses.section(verified)
    cells = {(row.loss, cell.statement): cell for row in table.rows for cell in row.cells if cell.linked}
    assert {name for _, name in cells} == {"map-vote-fails", "map-target-if"}
    assert cells["ipo", "map-vote-fails"].witness == "x = -1/6"
    assert cells["ecpo", "map-target-if"].condition == "γ/β ≥ 1/e"
    assert all(cell.argument for cell in cells.values())
    page = report._page(verified, {}, EMPTY, ABSENT, 0)
    assert sum(table.count.values()) == 31 * 13
    assert len(re.findall(r'<td class="(?:holds|if|fails|open)">', page)) == 31 * 13
    for answer, count in table.count.items():
        assert page.count(f'<td class="{answer}">') == count
    assert page.count('href="#map-vote-fails"') >= 4
    assert "<dd><strong>◐ holds if γ/β ≥ 1/e.</strong>" in page
    assert "map-convex-holds, not verified in this report" in page


def test_votes_have_the_known_verdicts(real_data):
    count = {what: prompts for what, prompts, _ in report_votes.section().rows}
    assert (count["UNIQUE"], count["SET"], count["UNATTAINED"]) == (23, 0, 147)
    one, several, undecided = list(count.values())[3:6]
    assert one + several + undecided == 147


def test_verdicts_are_saved_without_times(small_report):
    saved = json.loads((small_report.directory / "verdicts.json").read_text(encoding="utf-8"))
    expected = [{k: v for k, v in result.items() if k != "seconds"} for result in small_report.results]
    assert saved == expected


def test_progress_goes_to_its_end(small_report):
    done, total, _ = zip(*small_report.told, strict=True)
    assert list(done) == sorted(done)
    assert set(total) == {done[-1]}


def test_without_data_the_report_says_what_is_missing_and_why(report_without_data, small_report):
    page = Page(report_without_data.page)
    assert [line.split(":")[0] for line in report_without_data.summary.missing] == [
        "figure real_run",
        "guarantees",
        "votes",
        "audit",
    ]
    assert page.text.count("Missing from this report") == 1
    assert page.text.count("Not in this report: why.") == 4
    assert [link for link in page.all("a") if link["href"] == "#missing"] == 4 * [{"href": "#missing"}]
    for line in report_without_data.summary.missing:
        assert page.text.count(line.split(": ", 1)[1]) == 1
    assert "CONDEQ_DATA must name a directory" in page.text
    assert len(page.all("figure")) == 1
    assert "verdicts.json" in report_without_data.page
    assert [r["verdict"] for r in report_without_data.results] == [r["verdict"] for r in small_report.results]


def test_without_network_the_report_says_so(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError

    monkeypatch.delenv("CONDEQ_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", unreachable)
    missing = {}
    assert report._unless_missing(missing, "audit", report_audit.section, report.RUN) is None
    assert "could not be downloaded (ConnectionError)" in missing["audit"]


def test_any_other_exception_surfaces(monkeypatch, tmp_path):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(proofs_checks, "verify", lambda progress, processes: [])
    monkeypatch.setattr(figures, "save", broken)
    with pytest.raises(ZeroDivisionError):
        report.build(tmp_path)


def test_the_same_page_each_time(small_report, tmp_path, monkeypatch):
    """Drawn again into another directory, under another clock."""
    drawn = {name: figures.save(name, tmp_path, report.FORMATS) for name in ("undesirable_region",)}
    results = small_report.results
    slower = [result | {"seconds": result["seconds"] + 1} for result in results]
    pages = [report._page(rows, drawn, EMPTY, ABSENT, time) for rows, time in ((results, 1), (slower, 9))]
    assert pages[0] != pages[1]
    assert timeless(pages[0]) == timeless(pages[1])


def test_texts_are_escaped_and_indices_set(small_report, tmp_path):
    result = dict(small_report.results[0])
    result |= {
        "conclusion": "<script>alert(1)</script> if δ_ref < 0 & r_w > r_l",
        "as_expected": False,
        "expected": "PROVED",
    }
    result["checks"] = [result["checks"][0] | {"witness": "<i>1</i>"}]
    page = report._page([result], {}, EMPTY, ABSENT, 0)
    assert "<code>&lt;i&gt;1&lt;/i&gt;</code>" in page
    assert (
        "&lt;script&gt;alert(1)&lt;/script&gt; if δ<sub>ref</sub> &lt; 0 &amp; r<sub>w</sub> &gt; r<sub>l</sub>" in page
    )
    assert len(Page(page).all("script")) == 1  # the page's own
    assert "expected PROVED" in page


def test_mathematics_is_set():
    assert report_text.math("e^{−λe^m/β}") == "e<sup>−λe<sup>m</sup>/β</sup>"
    assert report_text.math("|δ_ref|^2") == '<span class="whole">|δ<sub>ref</sub>|</span><sup>2</sup>'
    assert report_text.math("Var_{π*}(r), π_other, Ψ_13") == ("Var<sub>π*</sub>(r), π<sub>other</sub>, Ψ<sub>13</sub>")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("π_(t+1)/p", "π<sub>t+1</sub>/p"),
        ("π_1π_2", "π<sub>1</sub>π<sub>2</sub>"),
        ("π*_β′", "π*<sub>β′</sub>"),
        ("n̄_i, r_00, ℓ_w", "n̄<sub>i</sub>, r<sub>00</sub>, ℓ<sub>w</sub>"),
        ("L_HyPO(δ)", "L<sub>HyPO</sub>(δ)"),
        ("e^(β·(δ(t) − δ_ref))", "e<sup>(β·(δ(t) − δ<sub>ref</sub>))</sup>"),
    ],
)
def test_indices_that_once_were_raw(text, html):
    assert report_text.math(text) == html


def test_no_statement_shows_a_raw_index():
    """In no title, hypothesis, claim, source or finding; names of code have lower-case words on both sides."""
    for statement, _ in proofs_checks.statements().values():
        for words in (statement.title, statement.hypotheses, statement.claim, statement.source, statement.conclusion):
            bare = re.sub(r"<[^>]+>", "", report_text.math(words))
            assert [word for word in re.findall(r"\S*[_^]\S*", bare) if not re.search("[a-z]_[a-z]{2}", word)] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("arXiv 2305.18290, Eq. 7", ["2305.18290"]),
        ("Azar et al. 2310.12036, Xu et al. 2404.10719v2", ["2310.12036", "2404.10719v2"]),
        ("at 2313.12036 or 12310.12036, 2310.120361, −2310.12036 and 0.2310.12036", []),
    ],
)
def test_every_arxiv_number_is_a_link(text, numbers):
    links = Page(report_text.math(text)).all("a")
    assert [link["href"] for link in links] == [f"https://arxiv.org/abs/{number}" for number in numbers]


def test_no_arxiv_number_of_the_page_is_left_bare(small_report):
    outside = re.sub(r"<a [^>]*>[^<]*</a>|<title>.*?</title>", "", small_report.page)
    assert re.findall(r"arXiv[: ]\d{4}\.\d{4,5}", outside) == []
    assert 'href="https://arxiv.org/abs/2605.20834"' in small_report.page
    assert not re.search(r"<a [^>]*>(?:(?!</a>).)*<a ", small_report.page)


def test_what_the_panels_are_called_is_no_setting(small_report):
    settings = re.findall(r"<dt>(\w+)</dt>", small_report.page)
    assert "delta_ref_misaligned" in settings
    assert not {"own", "references"} & set(settings)


@pytest.mark.parametrize("text", ["proofs_checks/prop_3_4.py", "log_ref", "code_clip", "snake_case", "x_long"])
def test_names_of_code_are_left_alone(text):
    assert report_text.math(text) == text
