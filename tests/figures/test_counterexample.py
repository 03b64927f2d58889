"""The picture of a counterexample: the policies and relations it tells are those of the library at its problem."""

from fractions import Fraction

import numpy as np
import pytest

from figures import counterexample
from proofs_checks import Counterexample, conjecture
from proofs_checks.counterexamples import Told
from proofs_checks.kernel.instances import Numbers, named
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import Effort
from proofs_checks.quantities import Δr, margin_under, δ_cpo, δ_dpo, δ_rlhf
from tabular import cpo, losses, rlhf
from tabular.testing import labelled_problems
from tabular.testing.made import preferences_of, problem_of

FEW = Effort(draws=200, climbs=1, steps=10)
ipo = margin_under("ipo")


@pytest.fixture(scope="module")
def hard():
    claim = relation(δ_cpo, ">=", δ_rlhf)
    return conjecture("hard", labelled_problems("one-way"), claim, effort=FEW).check().counterexample


def test_the_policies_that_the_claim_names_are_drawn_and_no_others(hard):
    table = counterexample.compute(hard)
    problem = problem_of(hard.parts)
    labels = preferences_of(hard.parts, problem)
    assert list(table.settings["looks"]) == ["reference", "cpo", "rlhf"]
    for name, policy in (
        ("reference", problem.log_ref),
        ("rlhf", rlhf.optimal_policy(problem)),
        ("cpo", cpo.constrained_optimum(problem, labels).log_policy),
    ):
        np.testing.assert_allclose(table[f"{name}_0"], np.exp(policy[0]), rtol=1e-9)
    margins = [float(labels.delta(np.log(table[f"{name}_0"]))[0]) for name in ("cpo", "rlhf")]
    np.testing.assert_allclose([table["left"][0], table["right"][0]], margins, atol=1e-9)
    assert margins[0] < margins[1]


def test_both_sides_stand_where_they_are_and_the_claim_fails(hard):
    drawn = counterexample.draw(counterexample.compute(hard))
    line, left, right = drawn.panels["b"].lines[-3:]
    assert list(line.get_xdata()) == [left.get_xdata()[0], right.get_xdata()[0]]
    assert left.get_xdata()[0] == pytest.approx(hard.at["δ_cpo"])
    assert right.get_xdata()[0] == pytest.approx(hard.at["δ_rlhf"])
    (text,) = [text.get_text() for text in drawn.panels["b"].texts if ":" in text.get_text()]
    assert text.startswith("claim, violated: $δ_{\\mathrm{cpo}}$ ≥ ")
    shares = [line.get_ydata() for line in drawn.panels["a"].lines]
    assert [len(share) for share in shares] == [len(hard.parts["reward"][0])] * 3


def test_the_minimiser_of_another_loss_and_a_limit():
    space = labelled_problems("one-way", pairs=(1, 1))
    wrong = conjecture(
        "ipo", space, relation(ipo.symbol, ">", 0), [relation(Δr, ">", -9)], quantities=(ipo,), effort=FEW
    )
    found = wrong.check().counterexample
    table = counterexample.compute(found)
    problem = problem_of(found.parts)
    solved = losses.solve(problem, preferences_of(found.parts, problem), losses.get("ipo"))
    assert table.settings["looks"]["δ_ipo"] == "ipo()"
    np.testing.assert_allclose(table["δ_ipo_0"], np.exp(solved.log_policy[0]))
    assert table.settings["holds"] == [True, False]
    assert table.settings["words"][0] == "Δr > −9"
    endless = conjecture("endless", space, relation(δ_dpo, "<", 30), effort=FEW).check().counterexample
    table = counterexample.compute(endless)
    assert table.settings["looks"]["dpo"] == "DPO, a limit"
    assert (table["left"][0], table["right"][0]) == (np.inf, 30)
    drawn = counterexample.draw(table)
    assert "∞" in [text.get_text() for text in drawn.panels["b"].texts]
    assert all(np.isfinite(line.get_xdata()).all() for line in drawn.panels["b"].lines)


def test_numbers_alone_and_predicates_have_no_policies():
    (x,) = named("x")
    found = conjecture("far", Numbers({x: (1, 2)}), relation(x, "<", 3)).check().counterexample
    table = counterexample.compute(found)
    assert list(counterexample.draw(table).panels) == ["a"]
    assert table["right"].tolist() == [3.0]
    parts = {"ref": ((1, Fraction(1, 3)),), "reward": ((1, 0),), "beta": 1}
    told = (Told("a claim in words, cost $5", "claim", False),)
    table = counterexample.compute(Counterexample(False, "shown", parts, {}, "told", told))
    assert list(table.settings["looks"]) == ["reference", "rlhf"]
    assert np.isnan(table["left"]).all()
    assert [text.get_text() for text in counterexample.draw(table).panels["b"].texts] == [
        "claim, violated: a claim in words, cost \\$5"
    ]
    assert "seen in floats only" in counterexample.caption(table)
