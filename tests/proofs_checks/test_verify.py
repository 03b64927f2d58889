"""The registry: every statement once, its verdict, its text, THEOREMS.md and the entry point."""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from condeq import report
from proofs_checks import (
    Verdict,
    close_names,
    explain,
    slowest,
    statements,
    summary,
    table_rows,
    text,
    verify,
)
from proofs_checks.__main__ import main
from proofs_checks.kernel import symbolic
from proofs_checks.kernel.statement import Quantifier
from proofs_checks.own import gradient_flow_member as flow_member
from proofs_checks.text import markdown_of, theorems_markdown
from proofs_checks.yang_2026 import definition_3_3, equations_13_17
from tabular import cpo, dpo, flow, rlhf
from tabular.errors import InputError

ROOT = Path(__file__).parents[2]
KNOWN = statements()
TRUE = {Verdict.PROVED, Verdict.CERTIFIED, Verdict.SUPPORTED}


@pytest.mark.parametrize("name", KNOWN)
def test_statement(name):
    result = verify([name])[0]
    outcomes = [outcome for outcome in result.outcomes if outcome.quantifier is not Quantifier.OUT_OF_REACH]
    assert result.as_expected, explain(name, result)
    assert all(outcome.finding.passed for outcome in outcomes)
    assert all(outcome.sound for outcome in outcomes), "a wrong version passed"
    assert all(outcome.controls for outcome in outcomes), "a check without a negative control"
    if result.verdict is Verdict.REFUTED:
        assert any(outcome.finding.witness for outcome in outcomes)
    if result.verdict in TRUE:  # a violation was sought, unless every item of a finite list was gone through
        carriers = {outcome.quantifier for outcome in outcomes if not outcome.corroborates}
        sought = Quantifier.PROPERTY in {outcome.quantifier for outcome in outcomes}
        assert sought or carriers == {Quantifier.EXHAUSTIVE}
    json.dumps(result.to_dict())


def test_there_are_enough_statements_and_every_verdict_occurs():
    assert len(KNOWN) >= 30
    assert {statement.expected for statement, _ in KNOWN.values()} == set(Verdict) - {Verdict.UNDECIDED}


def test_every_statement_file_is_registered_and_no_id_is_used_twice():
    files = (ROOT / "proofs_checks").rglob("*.py")
    holding = {path for path in files if "STATEMENTS = (" in path.read_text(encoding="utf-8")}
    assert {path.relative_to(ROOT).as_posix() for path in holding} == {file for _, file in KNOWN.values()}


@pytest.mark.parametrize("name", KNOWN)
def test_texts_are_plain_and_sources_honest(name):
    statement, file = KNOWN[name]
    texts = [getattr(statement, key) for key in ("title", "source", "hypotheses", "claim", "method", "conclusion")]
    assert all(text.strip() for text in texts)
    assert not any("\\" in text or "$" in text for text in texts)
    assert (ROOT / file).is_file()
    if "Yang et al." in statement.source:
        assert "as transcribed" in statement.source


def test_theorems_markdown_is_current():
    """The verdicts are the expected ones, as test_statement makes sure."""
    rows = [(statement, file, statement.expected) for statement, file in KNOWN.values()]
    written = (ROOT / "THEOREMS.md").read_text(encoding="utf-8")
    assert written == markdown_of(rows), "run: python -m proofs_checks --write THEOREMS.md"


def test_progress_table_and_summary():
    seen, names = [], ["def-3.3", "thm-3.5", "fig-2"]
    found = verify(names, progress=lambda done, total, result: seen.append((done, total, result.statement.id)))
    assert seen == [(1, 3, "def-3.3"), (2, 3, "thm-3.5"), (3, 3, "fig-2")]
    assert [row[0] for row in table_rows(found)] == names
    assert "every verdict is the expected one" in summary(found)
    assert len(slowest(found, 2)) == 2
    assert theorems_markdown(found).count("| proofs_checks/") == 3
    assert [result.verdict for result in verify(names, processes=2)] == [result.verdict for result in found]


def test_the_explanation_holds_what_a_reader_needs():
    text = explain("thm-3.5")
    for part in ("REFUTED", "as transcribed", "witness:", "wrong version", "Conclusion"):
        assert part in text


@pytest.mark.parametrize(("wrong", "close"), [("thm-35", "thm-3.5"), ("prop-3.5", "prop-3.4"), ("gamma", "gamma-max")])
def test_an_unknown_name_lists_the_close_ones(wrong, close):
    assert close in close_names(wrong)
    with pytest.raises(InputError, match=close.replace(".", r"\.")):
        verify([wrong])


def test_a_name_like_no_other_still_gets_one_sentence():
    with pytest.raises(InputError, match=r"there is no statement 'zzz': there are \d+"):
        explain("zzz")


def test_entry_point(capsys, tmp_path):
    assert main(["def-3.3", "fig-2", "--json", "--processes", "1"]) == 0
    assert [known["id"] for known in json.loads(capsys.readouterr().out)] == ["def-3.3", "fig-2"]
    assert main(["prop-3.4"]) == 0
    assert "PROVED" in capsys.readouterr().out
    assert main(["def-3.3", "fig-2", "--processes", "1"]) == 0
    assert "NOT CHECKABLE HERE" in capsys.readouterr().out
    assert main(["def-3.3", "--write", str(tmp_path / "T.md")]) == 0
    assert "def-3.3" in (tmp_path / "T.md").read_text(encoding="utf-8")


def test_entry_point_exits_with_one_for_an_unexpected_verdict_and_two_for_bad_use(capsys, monkeypatch):
    assert main(["thm-35"]) == 2
    assert "thm-3.5" in capsys.readouterr().err
    changed = tuple(replace(statement, expected=Verdict.REFUTED) for statement in definition_3_3.STATEMENTS)
    monkeypatch.setattr(definition_3_3, "STATEMENTS", changed)
    assert main(["def-3.3", "def-3.3-loss", "--processes", "1"]) == 1
    assert "expected REFUTED" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["eq-17", "eq-17-overstates-always"])
def test_the_witness_against_the_reference_margin_prefers_the_winner(name):
    """Δr/β = δ − 2κ(1 + cosh δ) − δ_ref > 0 at a local maximum: 2κ sinh δ < 1."""
    words = next(o.finding.witness for o in verify([name])[0].outcomes)
    κ, δ_ref, δ = (float(Fraction(part.split(" = ")[1])) for part in words.split(", "))
    reward = δ - 2 * κ * (1 + np.cosh(δ)) - δ_ref
    assert reward > 0
    assert 2 * κ * np.sinh(δ) < 1
    margins = [2 * κ * (1 + np.cosh(d)) for d in (δ_ref, δ)]
    assert margins[0] < margins[1] if name == "eq-17-overstates-always" else abs(margins[0] - margins[1]) > 0.01


def test_the_printed_case_of_an_understated_margin():
    """β = 1, δ_ref = −.1, Δr = .15, γ = .1 has its local maximum at δ = .473."""
    δ = brentq(lambda d: equations_13_17._reward_difference(0.1, -0.1, d) - 0.15, 0, 1)
    assert δ == pytest.approx(0.473, abs=5e-4)
    assert equations_13_17._missing(0.1, -0.1, δ) == pytest.approx(0.0218, abs=1e-4)
    assert equations_13_17._understated(0.1, -0.1, δ) > 0


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("eq-10", "hypotheses", "over policies with full support on the labelled responses"),
        ("thm-4.9", "hypotheses", "over policies with full support on the labelled responses"),
        ("cycle", "method", "written out for three responses; a longer cycle adds terms of the same kind"),
        ("flow-member", "hypotheses", "labels whose loss has a minimiser"),
        ("dpo-ordered", "hypotheses", "One pair alone, labelled in one order"),
        ("dpo-solution-set", "hypotheses", "positive weight"),
        ("hard-any", "title", "The library's"),
    ],
)
def test_the_limits_of_a_statement_are_said(name, field, words):
    assert words in getattr(KNOWN[name][0], field)


def test_verdicts_claim_no_more_than_they_hold():
    assert "where both sides are defined" in Quantifier.IDENTITY.value
    assert "where both sides are defined" in text._MEANINGS["PROVED"]
    assert "where both sides are defined" in symbolic.vanishes.__doc__
    assert "stated box" in text._MEANINGS["CERTIFIED"]
    assert "instance" in text._MEANINGS["CERTIFIED"]
    assert report.MEANING["CERTIFIED"] == "rigorously, on a stated box or instance"
    assert report.MEANING["PROVED"] == "by identities, where both sides are defined"


def test_the_flow_member_is_known_up_to_one_constant_per_prompt():
    """Literally, the log-ratio of the unlabelled response is not 0: the probabilities sum to 1 once more."""
    log_ratio = (flow_member._library_example().log_policy - np.log([0.2, 0.3, 0.5]))[0]
    assert abs(log_ratio[2]) > 0.1
    assert (log_ratio - log_ratio[2])[:2].mean() == pytest.approx(0, abs=1e-9)
    assert "less one constant per prompt" in KNOWN["flow-member"][0].claim


@pytest.mark.parametrize(
    ("name", "module", "function"),
    [
        ("dpo-ordered", dpo, "gradient"),
        ("dpo-unlabelled-response", dpo, "loss"),
        ("assumption-3.1", rlhf, "optimal_policy"),
        ("flow-monotone", flow, "margin_at"),
        ("triangle-defect", cpo, "reference_margin"),
    ],
)
def test_a_sign_flipped_in_the_library_is_seen(monkeypatch, name, module, function):
    right = getattr(module, function)
    monkeypatch.setattr(module, function, lambda *args, **kwargs: -right(*args, **kwargs))
    result = verify([name])[0]
    assert result.verdict is Verdict.UNDECIDED
    assert "FAILED" in explain(name, result)


@pytest.mark.parametrize("library", ["flint", "sympy"])
def test_without_a_library_no_verdict_stands_that_needs_it(monkeypatch, library):
    """Identities need both libraries, bounds need the first; searches still run."""
    monkeypatch.setitem(sys.modules, library, None)
    for imports_flint in ("interval", "certificates"):
        monkeypatch.delitem(sys.modules, f"proofs_checks.kernel.{imports_flint}", raising=False)
    for name in ("prop-5.1", "gamma-window", "def-3.3", "dpo-ordered", "dpo-solution-set-three", "threshold-computed"):
        without = verify([name])[0]
        missing = [o for o in without.outcomes if f"the library {library} is missing" in o.finding.summary]
        assert without.verdict is (Verdict.UNDECIDED if missing else KNOWN[name][0].expected)
        only_searched, needs_only_flint = name == "threshold-computed", name == "dpo-solution-set-three"
        assert bool(missing) == (not only_searched and not (needs_only_flint and library == "sympy"))
