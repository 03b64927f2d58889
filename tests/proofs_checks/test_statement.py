"""The verdict rule: the weakest link, and nothing that goes wrong makes it stronger."""

import itertools
from dataclasses import replace

import pytest

from proofs_checks.statement import Check, Control, Finding, Outcome, Quantifier, Statement, Verdict, run, verdict_of

PASSED, FAILED, OPEN = Finding(True, ""), Finding(False, ""), Finding(None, "")
STRENGTH = [Verdict.UNDECIDED, Verdict.SUPPORTED, Verdict.CERTIFIED, Verdict.PROVED]


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


@pytest.mark.parametrize("quantifier", [kind for kind in Quantifier if kind not in RIGOROUS])
def test_a_failure_in_floats_or_of_a_search_only_unsettles(quantifier):
    assert verdict_of([outcome(quantifier, FAILED, is_claim=True), outcome(Quantifier.IDENTITY)]) is Verdict.UNDECIDED


def test_a_second_route_carries_a_missing_part_no_further_than_support():
    missing = outcome(Quantifier.BOX, OPEN)
    second = outcome(Quantifier.PROPERTY, corroborates=True)
    assert verdict_of([missing]) is Verdict.UNDECIDED
    assert verdict_of([missing, second]) is Verdict.SUPPORTED
    assert verdict_of([outcome(Quantifier.BOX), second]) is Verdict.CERTIFIED
    assert verdict_of([second]) is Verdict.UNDECIDED, "corroboration alone covers nothing"


@pytest.mark.parametrize("finding", [PASSED, FAILED, OPEN])
def test_a_second_route_whose_control_slips_through_unsettles_the_verdict(finding):
    """With a sign flipped in the library the search fails and its control passes: that must not cancel out."""
    leaking = outcome(Quantifier.PROPERTY, finding, (("wrong version", False),), corroborates=True)
    assert verdict_of([outcome(Quantifier.IDENTITY), leaking]) is Verdict.UNDECIDED


KINDS = [
    outcome(kind, finding, (("wrong version", sound),), corroborates, is_claim)
    for kind, finding, sound, corroborates, is_claim in itertools.product(
        Quantifier, (PASSED, FAILED, OPEN), (True, False), (True, False), (True, False)
    )
]


def at_most(verdict, other):
    """The partial order: UNDECIDED below all; SUPPORTED < CERTIFIED < PROVED; no others are comparable."""
    if verdict in {Verdict.UNDECIDED, other}:
        return True
    return {verdict, other} <= set(STRENGTH) and STRENGTH.index(verdict) < STRENGTH.index(other)


def test_a_pass_that_is_not_run_never_strengthens_a_verdict():
    """All pairs of outcomes. A sound check may also lose its controls, as it does where a library is missing."""
    for first, second in itertools.product([kind for kind in KINDS if kind.finding is PASSED], KINDS):
        before = verdict_of([first, second])
        for controls in (first.controls, ()) if first.sound else (first.controls,):
            not_run = replace(first, finding=OPEN, controls=controls)
            assert at_most(verdict_of([not_run, second]), before), (first, second)
            assert verdict_of([second, not_run]) is verdict_of([not_run, second])


def test_a_control_that_slips_through_never_strengthens_a_verdict():
    for first, second in itertools.product([kind for kind in KINDS if kind.sound], KINDS):
        leaking = replace(first, controls=(("wrong version", False),))
        assert at_most(verdict_of([leaking, second]), verdict_of([first, second])) or (
            verdict_of([leaking, second]) is Verdict.VACUOUS and first.refutes
        )


DIRECT = {Quantifier.COUNTEREXAMPLE, Quantifier.VACUITY, Quantifier.OUT_OF_REACH}


def test_a_corroborating_check_that_was_not_run_counts_as_if_it_were_not_there():
    for other, kind in itertools.product(KINDS, set(Quantifier) - DIRECT):
        assert verdict_of([other, outcome(kind, OPEN, (), corroborates=True)]) is verdict_of([other])


@pytest.mark.parametrize("kind", [Quantifier.COUNTEREXAMPLE, Quantifier.VACUITY])
@pytest.mark.parametrize("corroborates", [True, False])
def test_an_open_search_for_a_counterexample_or_for_vacuity_leaves_the_claim_open(kind, corroborates):
    others = [outcome(Quantifier.IDENTITY), outcome(Quantifier.PROPERTY, corroborates=True)]
    assert verdict_of([outcome(kind, OPEN, (), corroborates), *others]) is Verdict.UNDECIDED


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
