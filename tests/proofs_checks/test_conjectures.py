"""Conjectures of one's own: wrong ones fall to small certified witnesses, true ones stand, empty ones are said."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from proofs_checks import Verdict, conjecture, statements
from proofs_checks.conjectures import Conjecture
from proofs_checks.kernel.arithmetic import log
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.quantities import (
    L_policy,
    Δr,
    attained,
    dimension,
    margin_under,
    rise_w,
    β,
    δ_cpo,
    δ_dpo,
    δ_policy,
    δ_rlhf,
)
from tabular import InputError, Status, cpo, dpo, losses, rlhf
from tabular.testing import labelled_problems, problems, votes
from tabular.testing.made import preferences_of, problem_of

OURS = (
    "accuracy-logged",
    "chosen-falls",
    "prop-3.4-necessity",
    "prop-3.4-vanishes",
    "thm-3.5-if",
    "thm-3.5-only-if",
    "worst-case-accuracy-weights",
    "hypo-majority-first",
    "eq-19-each-label",
    "isotonic-arithmetic",
)
#: How many responses the known witness has, where the statement speaks of problems.
RESPONSES = {"chosen-falls": 3, "thm-3.5-if": 2, "thm-3.5-only-if": 2}


@pytest.mark.parametrize("name", OURS)
def test_our_refuted_statements_fall_as_conjectures(name):
    found = Conjecture(statements()[name][0]).check()
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample.certified
    if name in RESPONSES:
        assert len(found.counterexample.parts["ref"]) == RESPONSES[name]


ipo = margin_under("ipo")
PLANTED = {
    "a set: labels leave one minimiser": (
        conjecture("set", labelled_problems("population"), relation(dimension, "=", 0)),
        (3, 2),
        lambda problem, labels, _: dpo.solve(problem, labels).status is Status.SET,
    ),
    "existence: some policy minimises": (
        conjecture("exists", labelled_problems(), relation(attained, "=", 1)),
        (2, 1),
        lambda problem, labels, _: dpo.solve(problem, labels).status is Status.UNATTAINED,
    ),
    "a threshold: half of log 2 is enough": (
        conjecture(
            "threshold",
            labelled_problems("one-way", policy=True),
            relation(δ_policy, ">", 0),
            [relation(L_policy, "<", log(2) / 2)],
        ),
        (2, 1),
        lambda problem, labels, parts: (
            (policy := problem_of({**parts, "ref": parts["policy"]}).log_ref)[0, 0] < policy[0, 1]
            and dpo.loss(policy, problem, labels) < np.log(2) / 2
        ),
    ),
    "another loss: IPO prefers the winner": (
        conjecture(
            "ipo",
            labelled_problems("one-way", pairs=(1, 1)),
            relation(ipo.symbol, ">", 0),
            quantities=(ipo,),
            effort=OBJECTS,
        ),
        (2, 1),
        lambda problem, labels, _: labels.delta(losses.solve(problem, labels, losses.get("ipo")).log_policy)[0] < 0,
    ),
    "the flow: a winner rises at once": (
        conjecture("flow", labelled_problems("one-way"), relation(rise_w, ">", 0)),
        (3, 2),
        lambda problem, labels, _: _speed(problem, labels) <= 1e-12,
    ),
    "the hard constraint only raises a margin": (
        conjecture("hard", labelled_problems("one-way"), relation(δ_cpo, ">=", δ_rlhf)),
        (3, 2),
        lambda problem, labels, _: (
            labels.delta(cpo.constrained_optimum(problem, labels).log_policy)[0]
            < labels.delta(rlhf.optimal_policy(problem))[0]
        ),
    ),
}


def _speed(problem, labels):
    """d log π_w/dt at the reference, by a difference quotient along the library's gradient."""
    step = problem.log_ref - 1e-6 * dpo.gradient(problem.log_ref, problem, labels)
    step -= np.logaddexp.reduce(step, axis=1, keepdims=True)
    return (step - problem.log_ref)[labels.prompt[0], labels.winner[0]]


@pytest.mark.parametrize("name", PLANTED)
def test_planted_wrong_conjectures_fall_to_the_smallest_witness_which_the_library_confirms(name):
    wrong, (responses, labels), confirmed = PLANTED[name]
    found = wrong.check()
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample.certified
    parts = found.counterexample.parts
    assert (len(parts["reward"]), len(parts["reward"][0]), len(parts["labels"])) == (1, responses, labels)
    problem = problem_of(parts)
    assert confirmed(problem, preferences_of(parts, problem), parts)


def test_a_true_one_stands_and_says_what_was_covered():
    """The theorem's own near miss, a margin a hundredth larger, falls."""
    stands = conjecture("thm", labelled_problems("population"), relation(δ_dpo, "=", δ_rlhf)).check()
    near = relation(δ_dpo, "=", Fraction(101, 100) * δ_rlhf)
    falls = conjecture("miss", labelled_problems("population"), near).check()
    assert stands.verdict is Verdict.SUPPORTED
    assert stands.met >= 4000
    assert "Problems of 2 to 4 responses with population labels" in stands.words
    assert falls.verdict is Verdict.REFUTED


def test_a_hypothesis_that_nothing_meets_supports_nothing():
    empty = conjecture("empty", problems(), relation(δ_rlhf, ">", 0), [relation(Δr, ">", 7)]).check()
    assert empty.verdict is Verdict.UNDECIDED
    assert "looks vacuous" in empty.words


def test_a_hypothesis_that_is_not_needed_is_said():
    idle = conjecture("idle", problems(), relation(β, ">", 0), [relation(Δr, ">", 0)]).check()
    assert idle.verdict is Verdict.UNDECIDED
    assert "without “Δr > 0”" in idle.words


def test_a_predicate_of_the_librarys_objects_is_violated_in_floats_and_not_certified():
    def ranks_right(problem, preferences):
        """The RLHF optimum ranks every label right."""
        return bool((preferences.delta(rlhf.optimal_policy(problem)) > 0).all())

    found = conjecture("floats", labelled_problems("one-way"), ranks_right, effort=OBJECTS).check()
    assert found.verdict is Verdict.UNDECIDED
    assert found.counterexample.certified is False
    assert len(found.counterexample.parts["reward"][0]) == 2


def test_the_answer_is_the_same_on_an_executor():
    wrong = conjecture("exists", labelled_problems(), relation(attained, "=", 1))
    with ThreadPoolExecutor(2) as pool:
        assert wrong.check(pool) == wrong.check()


def test_what_cannot_be_asked_is_said():
    with pytest.raises(InputError, match="nobody measures δ_ipo"):
        conjecture("unknown", labelled_problems(), relation(ipo.symbol, ">", 0))
    with pytest.raises(InputError, match="says not how it is made"):
        conjecture("votes", votes(), relation(β, ">", 0))
