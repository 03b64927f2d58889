"""The verdict rule: the weakest link, and nothing that goes wrong makes it stronger."""

import itertools
from dataclasses import replace

import pytest

from proofs_checks.kernel.statement import (
    Check,
    Control,
    Finding,
    Outcome,
    Quantifier,
    Statement,
    Verdict,
    run,
    verdict_of,
)

PASSED, FAILED, OPEN = Finding(True, ""), Finding(False, ""), Finding(None, "")


def outcome(quantifier, finding=PASSED, controls=(("wrong version", True),), corroborates=False, is_claim=False):
    return Outcome("a check", quantifier, corroborates, is_claim, finding, controls)


@pytest.mark.parametrize(
    ("quantifiers", "expected"),
    [
        ([Quantifier.IDENTITY], Verdict.PROVED),
        ([Quantifier.BOX], Verdict.CERTIFIED),
        ([Quantifier.EXISTENCE], Verdict.CERTIFIED),
        ([Quantifier.CASES], Verdict.SUPPORTED),
        ([Quantifier.PROPERTY], Verdict.SUPPORTED),
        ([Quantifier.COUNTEREXAMPLE], Verdict.REFUTED),
        ([Quantifier.VACUITY], Verdict.VACUOUS),
        ([Quantifier.OUT_OF_REACH], Verdict.NOT_CHECKABLE_HERE),
        ([Quantifier.IDENTITY, Quantifier.BOX], Verdict.CERTIFIED),
        ([Quantifier.IDENTITY, Quantifier.BOX, Quantifier.PROPERTY], Verdict.SUPPORTED),
        ([Quantifier.IDENTITY, Quantifier.COUNTEREXAMPLE], Verdict.REFUTED),
        ([Quantifier.PROPERTY, Quantifier.OUT_OF_REACH], Verdict.NOT_CHECKABLE_HERE),
        ([], Verdict.UNDECIDED),
    ],
)
def test_the_weakest_link_decides(quantifiers, expected):
    assert verdict_of([outcome(quantifier) for quantifier in quantifiers]) is expected


DECIDABLE = [quantifier for quantifier in Quantifier if quantifier is not Quantifier.OUT_OF_REACH]


@pytest.mark.parametrize("quantifier", DECIDABLE)
def test_an_undecided_check_proves_nothing(quantifier):
    assert verdict_of([outcome(quantifier, OPEN)]) is Verdict.UNDECIDED


@pytest.mark.parametrize("quantifier", DECIDABLE)
def test_a_control_that_passes_takes_the_check_away(quantifier):
    for leak in [("wrong version", False)], [("one", True), ("another", False)]:
        assert verdict_of([outcome(quantifier, controls=tuple(leak))]) is Verdict.UNDECIDED


RIGOROUS = [Quantifier.IDENTITY, Quantifier.BOX, Quantifier.EXHAUSTIVE]


@pytest.mark.parametrize("quantifier", RIGOROUS)
def test_a_rigorous_failure_of_the_claim_itself_refutes_and_of_a_step_unsettles(quantifier):
    others = [outcome(Quantifier.IDENTITY)]
    assert verdict_of([outcome(quantifier, FAILED, is_claim=True), *others]) is Verdict.REFUTED
    assert verdict_of([outcome(quantifier, FAILED), *others]) is Verdict.UNDECIDED


@pytest.mark.parametrize("quantifier", [kind for kind in DECIDABLE if kind not in RIGOROUS])
def test_a_failure_in_floats_or_of_a_search_only_unsettles(quantifier):
    assert verdict_of([outcome(quantifier, FAILED, is_claim=True), outcome(Quantifier.IDENTITY)]) is Verdict.UNDECIDED


def test_a_second_route_carries_nothing():
    second = outcome(Quantifier.PROPERTY, corroborates=True)
    assert verdict_of([outcome(Quantifier.BOX), second]) is Verdict.CERTIFIED
    assert verdict_of([second]) is Verdict.UNDECIDED, "corroboration alone covers nothing"


@pytest.mark.parametrize("finding", [PASSED, FAILED, OPEN])
def test_a_second_route_whose_control_slips_through_unsettles_the_verdict(finding):
    """With a sign flipped in the library the search fails and its control passes: that must not cancel out."""
    leaking = outcome(Quantifier.PROPERTY, finding, (("wrong version", False),), corroborates=True)
    assert verdict_of([outcome(Quantifier.IDENTITY), leaking]) is Verdict.UNDECIDED


LEAKING = (("wrong version", False),)
KINDS = [
    outcome(kind, finding, (("wrong version", sound),), corroborates, is_claim)
    for kind, finding, sound, corroborates, is_claim in itertools.product(
        Quantifier, (PASSED, FAILED, OPEN), (True, False), (True, False), (True, False)
    )
]


@pytest.mark.parametrize("lost", [{"finding": OPEN}, {"finding": OPEN, "controls": ()}, {"controls": LEAKING}])
def test_a_check_that_cannot_run_or_be_trusted_leaves_no_verdict_standing(lost):
    """Whatever it would have found, alone or beside any other: it might have failed."""
    for first, second in itertools.product([kind for kind in KINDS if kind.quantifier in DECIDABLE], KINDS):
        for outcomes in [replace(first, **lost)], [replace(first, **lost), second], [second, replace(first, **lost)]:
            assert verdict_of(outcomes) is Verdict.UNDECIDED, outcomes


def test_a_failure_never_strengthens_a_verdict_but_refutes():
    for first, second in itertools.product([kind for kind in KINDS if kind.finding is PASSED], KINDS):
        failed = verdict_of([replace(first, finding=FAILED), second])
        assert failed in {Verdict.UNDECIDED, Verdict.REFUTED} or first.quantifier is Quantifier.OUT_OF_REACH


@pytest.mark.parametrize("quantifier", RIGOROUS)
def test_a_failure_refutes_only_if_its_controls_failed_too(quantifier):
    """A machine that fails everything it is given refutes nothing. (A control passes here: it failed nothing.)"""
    leaking = outcome(quantifier, FAILED, (("wrong version", False),), is_claim=True)
    assert verdict_of([leaking, outcome(Quantifier.IDENTITY)]) is Verdict.UNDECIDED


def test_one_part_of_the_claim_is_no_second_route_to_another():
    assert verdict_of([outcome(Quantifier.BOX, OPEN), outcome(Quantifier.PROPERTY)]) is Verdict.UNDECIDED


def statement(*checks, expected=Verdict.PROVED):
    return Statement("s", "title", "source", "hypotheses", "claim", "method", "conclusion", expected, checks)


def test_a_missing_library_is_said_and_weakens():
    def needs_it():
        raise ModuleNotFoundError("No module named 'flint'", name="flint")

    result = run(statement(Check("c", Quantifier.BOX, needs_it, (Control("wrong", needs_it),))))
    assert result.verdict is Verdict.UNDECIDED
    assert not result.as_expected
    assert result.to_dict()["checks"][0]["summary"] == "not run: the library flint is missing"
    assert result.to_dict()["checks"][0]["passed"] is None


@pytest.mark.parametrize("problem", [ValueError("the rows"), ZeroDivisionError(), AttributeError("no such name")])
def test_whatever_stops_a_check_or_its_control_is_said_and_unsettles(problem):
    def stops():
        raise problem

    proof = Check("p", Quantifier.IDENTITY, lambda: PASSED, (Control("wrong", lambda: FAILED),))
    for broken in (
        Check("c", Quantifier.PROPERTY, stops, corroborates=True),
        Check("c", Quantifier.PROPERTY, lambda: PASSED, (Control("wrong", stops),), corroborates=True),
    ):
        result = run(statement(proof, broken))
        assert result.verdict is Verdict.UNDECIDED
        said = result.outcomes[1].finding.summary
        assert said.startswith(f"not run: {type(problem).__name__}")
        assert str(problem) in said


def test_a_control_must_be_refuted_not_merely_undecided():
    check = Check("c", Quantifier.IDENTITY, lambda: PASSED, (Control("wrong", lambda: OPEN),))
    assert run(statement(check)).verdict is Verdict.UNDECIDED
    check = Check("c", Quantifier.IDENTITY, lambda: PASSED, (Control("wrong", lambda: FAILED),))
    assert run(statement(check)).verdict is Verdict.PROVED


def test_the_dictionary_follows_the_contract():
    check = Check("c", Quantifier.IDENTITY, lambda: PASSED, (Control("wrong", lambda: FAILED),))
    known = run(statement(check), "proofs_checks/s.py").to_dict()
    assert set(known) == {
        *("id", "title", "source", "file", "statement", "hypotheses", "verdict", "expected"),
        *("as_expected", "method", "conclusion", "seconds", "checks"),
    }
    assert set(known["checks"][0]) == {
        *("name", "quantifier", "passed", "summary", "residual", "witness", "controls"),
    }
    assert known["checks"][0]["controls"] == [{"name": "wrong", "failed_as_it_should": True}]
