"""The registry: every statement once, its verdict, its text, THEOREMS.md and the entry point."""

import json
from pathlib import Path

import pytest

from proofs_checks import Verdict, close_names, explain, slowest, statements, summary, table_rows, verify
from proofs_checks.__main__ import main
from proofs_checks.statement import Quantifier
from proofs_checks.text import theorems_markdown
from tabular.errors import InputError

ROOT = Path(__file__).parents[2]
IDS = list(statements())


@pytest.fixture(scope="module")
def results():
    seen = []
    found = verify(progress=lambda done, total, result: seen.append((done, total)))
    assert seen == [(k, len(IDS)) for k in range(1, len(IDS) + 1)]
    return {result.statement.id: result for result in found}


@pytest.mark.parametrize("name", IDS)
def test_the_verdict_is_the_expected_one(results, name):
    assert results[name].verdict is results[name].statement.expected, explain(name, results[name])


@pytest.mark.parametrize("name", IDS)
def test_every_check_has_controls_that_fail(results, name):
    for outcome in results[name].outcomes:
        assert outcome.sound, f"{outcome.name}: a wrong version passed"
        if outcome.quantifier is not Quantifier.OUT_OF_REACH and not outcome.name.startswith("stationary in π_other"):
            assert outcome.controls, f"{outcome.name} has no negative control"


@pytest.mark.parametrize("name", IDS)
def test_every_refutation_shows_its_witness(results, name):
    if results[name].verdict is Verdict.REFUTED:
        assert any(outcome.finding.witness for outcome in results[name].outcomes if outcome.finding.passed)


def test_there_are_enough_statements_and_every_verdict_occurs(results):
    assert len(IDS) >= 30
    assert {result.verdict for result in results.values()} == set(Verdict) - {Verdict.UNDECIDED}


def test_every_statement_file_is_registered():
    from proofs_checks.registry import MODULES

    holding = {
        path.stem
        for path in (ROOT / "proofs_checks").glob("*.py")
        if "STATEMENTS = (" in path.read_text(encoding="utf-8")
    }
    assert holding == set(MODULES)


def test_texts_are_plain(results):
    for result in results.values():
        known = result.to_dict()
        assert all(known[key].strip() for key in ("title", "source", "hypotheses", "statement", "method", "conclusion"))
        assert not any("\\" in known[key] or "$" in known[key] for key in ("title", "hypotheses", "statement"))
        json.dumps(known)


def test_numbered_statements_of_the_paper_say_as_transcribed(results):
    for result in results.values():
        if "Yang et al." in result.statement.source:
            assert "as transcribed" in result.statement.source


def test_theorems_markdown_is_current(results):
    written = (ROOT / "THEOREMS.md").read_text(encoding="utf-8")
    assert written == theorems_markdown(list(results.values())), "run: python -m proofs_checks --write THEOREMS.md"


def test_the_explanation_holds_what_a_reader_needs(results):
    text = explain("thm-3.5", results["thm-3.5"])
    for part in ("REFUTED", "as transcribed", "witness:", "wrong version", "Conclusion"):
        assert part in text


def test_table_and_summary(results):
    ordered = list(results.values())
    assert [row[0] for row in table_rows(ordered)] == IDS
    assert "every verdict is the expected one" in summary(ordered)
    assert len(slowest(ordered, 3)) == 3


@pytest.mark.parametrize(("wrong", "close"), [("thm-35", "thm-3.5"), ("prop-3.5", "prop-3.4"), ("gamma", "gamma-max")])
def test_an_unknown_name_lists_the_close_ones(wrong, close):
    assert close in close_names(wrong)
    with pytest.raises(InputError, match=close.replace(".", r"\.")):
        verify([wrong])


def test_a_name_like_no_other_still_gets_one_sentence():
    with pytest.raises(InputError, match=r"there is no statement 'zzz': there are \d+"):
        explain("zzz")


def test_two_processes_give_the_same_verdicts():
    names = ["def-3.3", "thm-3.5", "fig-2"]
    assert [r.verdict for r in verify(names, processes=2)] == [r.verdict for r in verify(names)]


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
    from proofs_checks import definition_3_3

    changed = tuple(_expecting(s, Verdict.REFUTED) for s in definition_3_3.STATEMENTS)
    monkeypatch.setattr(definition_3_3, "STATEMENTS", changed)
    assert main(["def-3.3", "def-3.3-loss", "--processes", "1"]) == 1
    assert "expected REFUTED" in capsys.readouterr().out


def _expecting(statement, verdict):
    from dataclasses import replace

    return replace(statement, expected=verdict)


def test_without_the_ball_library_verdicts_are_weaker_never_stronger(monkeypatch, results):
    """Identities need their second opinion in balls too, so nothing rigorous is left; searches still run."""
    import sys

    monkeypatch.setitem(sys.modules, "flint", None)
    monkeypatch.delitem(sys.modules, "proofs_checks.interval")
    order = [Verdict.UNDECIDED, Verdict.SUPPORTED, Verdict.CERTIFIED, Verdict.PROVED]
    for name in ("prop-5.1", "gamma-window", "def-3.3", "dpo-ordered"):
        without = verify([name])[0]
        assert order.index(without.verdict) < order.index(results[name].verdict)
        assert any("the library flint is missing" in o.finding.summary for o in without.outcomes)
