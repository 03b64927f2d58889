"""``condeq check --latex``: the statement's own words, verdict and witness, in formulas that a parser reads."""

import re
from pathlib import Path

import pytest

import proofs_checks
from condeq import theorem_latex
from figures import latex
from proofs_checks.text import as_dict
from tests.figures.test_latex import is_latex

ROOT = Path(__file__).parents[2]


def test_every_character_of_the_sources_has_a_command():
    """Titles, claims, arguments, names of checks: whatever the sources say can be written."""
    found = set()
    for package in ("proofs_checks", "figures"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(path.read_text(encoding="utf-8"))
    accents = "\u0302\u0304\u0303"  # stand after a letter
    assert len(found) > 150
    for character in found - set(accents):
        assert latex.text(character).isascii()


@pytest.mark.parametrize("field", ["title", "hypotheses", "claim", "source", "conclusion"])
def test_every_statement_is_latex(field):
    for statement, _ in proofs_checks.statements().values():
        assert is_latex(latex.text(getattr(statement, field)))


@pytest.mark.parametrize("name", ["prop-3.4", "prop-3.4-necessity", "thm-4.9"])
def test_it_holds_statement_verdict_and_witness(name):
    (result,) = proofs_checks.verify([name])
    known, written = as_dict(result), theorem_latex.theorems([result])
    body = written.split("\\begin{theorem}", 1)[1]
    assert rf"\label{{thm:{name}}}" in body
    for key in ("statement", "conclusion"):
        assert latex.text(known[key]).rstrip(".") in body
    assert rf"\textsc{{{known['verdict'].lower()}}}" in body
    for check in known["checks"]:
        assert not check["witness"] or latex.text(check["witness"]) in body
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", written)
    assert environments == [("begin", "theorem"), ("end", "theorem"), ("begin", "proof"), ("end", "proof")]
    assert re.sub(r"\\[{}]", "", written).count("{") == re.sub(r"\\[{}]", "", written).count("}")


def test_the_command_prints_it(condeq):
    code, out, err = condeq("check", "prop-3.4", "def-3.3", "--latex")
    assert (code, err) == (0, "")
    assert out.count(r"\begin{theorem}") == 2
    assert out.isascii()
    assert condeq("check", "prop-3.5", "--latex")[0] == 2
