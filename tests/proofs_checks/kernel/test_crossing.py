"""Edges of a premise: found between an instance that meets it and one that does not, and only where there is one."""

from fractions import Fraction

import numpy as np
import pytest
import sympy

from proofs_checks.kernel import crossing
from proofs_checks.kernel.crossing import edges
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.relation import Condition, Implies, Not, relation
from proofs_checks.kernel.search import Effort, scores, seek

x, y = sympy.symbols("x y", real=True)
LINE = Numbers({x: (-9, 9)})
FIVE = relation(y, "=", 5)


def at(premise, given=(), instances=LINE, count=50):
    values, answers = instances.draw(np.random.default_rng(0), count)
    return edges(instances, given, Implies(premise, FIVE), values, answers)


def ends(found):
    return [answers[-1][-1] for answers in found]


def test_two_edges_are_found_to_the_last_halving_and_meet_the_premise():
    found = ends(at(relation(x, ">", sympy.sqrt(2))))
    assert len(found) == 2
    assert all(0 < value - 2**0.5 < 18 / 2**25 for value in found)
    below = ends(at(relation(x, "<=", sympy.sqrt(2))))
    assert all(0 <= 2**0.5 - value < 18 / 2**25 for value in below)
    shallow = ends(at(relation(x / 10**4, ">", sympy.sqrt(2) / 10**4)))
    assert all(0 < value - 2**0.5 < 1e-4 for value in shallow), "however small the margins of all of them are"
    assert len(shallow) == 2


def test_what_the_hypotheses_forbid_is_no_edge():
    inside = ends(at(relation(x, ">", 1), (relation(x, ">", -3),)))
    assert inside == pytest.approx([1, 1], abs=1e-5)
    assert at(relation(x, ">", 1), (relation(x, ">", 2),)) == [], "nobody misses the premise"
    assert at(relation(x, ">", 1), (relation(x, "<", 0),)) == [], "nobody meets it"
    nearer = ends(at(relation(x, ">", 1), (relation(x**2, ">", 4),)))
    assert all(value > 2 for value in nearer), "between −2 and 2 no instance is one of the statement's"


@pytest.mark.parametrize("claim", [FIVE, Implies(relation(x, "=", 1), FIVE), Implies(Not(relation(x, "=", 1)), FIVE)])
def test_a_claim_without_premise_and_an_equality_have_no_edge(claim):
    with_a_tie = Numbers({x: (-9, 9)}, points=({x: 1},))
    values, answers = with_a_tie.draw(np.random.default_rng(0), 50)
    assert edges(with_a_tie, (), claim, values, answers) == []
    assert edges(with_a_tie, (), Implies(relation(x, "!=", 1), FIVE), values, answers) == []


def test_the_way_is_halved_twenty_five_times():
    """A premise that begins after the last share is met there; one that begins at half of it is not seen."""
    start, end = ([("number", -9, 9, value)] for value in (9.0, -9.0))
    for halvings, met_there in ((25, True), (26, False)):
        begins = 9 - 18 * Fraction(1, 2**halvings)
        found = crossing._edge(LINE, (), relation(x, ">=", begins), start, end)
        assert (found[0][-1] == begins) is met_there
        assert (found is start) is not met_there


def test_hypotheses_need_no_large_margin():
    assert len(at(relation(x, ">", 1), (relation(x / 1000 + Fraction(1, 2), ">", 0),))) == 2


class Outside(Condition):
    """|x| > 1; on the line between it says neither."""

    words = "outside"

    def satisfied(self, values):
        return np.maximum(np.abs(values[x]) - 1, 0)


def test_on_the_way_what_is_not_certainly_met_is_not_met():
    assert ends(at(relation(x, ">", 0), (Outside(),))) == pytest.approx([1, 1], abs=1e-5)


class Unsure(Condition):
    """0 says neither that it holds nor that it fails."""

    words = "unsure"

    def satisfied(self, values):
        return np.zeros(len(values[x]))

    violated = satisfied


def test_what_is_not_certainly_met_is_no_hypothesis_and_no_premise():
    assert at(relation(x, ">", 1), (Unsure(),)) == []
    assert at(Unsure()) == []
    assert np.isneginf(scores((Unsure(),), relation(x, ">", 1), {x: np.array([0.0, 5.0])})).all()
    assert scores((), Unsure(), {x: np.array([0.0, 5.0])}).tolist() == [0, 0]
    assert seek(LINE, (), Unsure(), Effort(draws=50, climbs=1, steps=2)).candidates == ()


def test_the_contrary_of_an_inequality_has_the_edge_of_it():
    assert ends(at(Not(relation(x, ">", 1)))) == pytest.approx([1, 1], abs=1e-5)
    assert all(value <= 1 for value in ends(at(Not(relation(x, ">", 1)))))


SIZE, TOTAL = named("n", "Σ")


def lists(draw):
    return {"values": [draw.number(0, 9) for _ in range(draw.integer(1, 3))]}


LISTS = Instances(lists, "lists", {SIZE: lambda values: len(values), TOTAL: lambda values: sum(values)})


def test_between_instances_of_one_shape_the_numbers_move_and_nothing_else():
    for answers in at(relation(TOTAL, ">", 10), instances=LISTS):
        assert sum(value for *_, value in answers[1:]) == pytest.approx(10, abs=1e-4)
        assert answers[0][-1] == len(answers) - 1
        assert isinstance(answers[0][-1], int)
    assert at(relation(SIZE, ">", 1), instances=LISTS) == [], "no way leads from one shape to another"


def test_where_the_premise_has_no_value_there_is_no_edge():
    inverse = Instances(lambda draw: {"t": draw.integer(0, 3)}, "t", {x: lambda t: t, y: lambda t: 1 / t})
    values, answers = inverse.draw(np.random.default_rng(0), 50)
    claim = Implies(relation(y, ">", 1), relation(x, ">", 5))
    assert edges(inverse, (relation(x, ">", 0),), claim, values, answers) == []
