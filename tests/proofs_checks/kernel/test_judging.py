"""What is said of a search: a violation that exact arithmetic confirms, one that it does not, silence."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import exp
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.judging import beyond, disagreements, is_violated, no_violation, of_claim
from proofs_checks.kernel.relation import All, Holds, Iff, Implies, relation
from proofs_checks.kernel.search import Effort, seek

x, y = sympy.symbols("x y", real=True)
PLANE = Numbers({x: (-10, 10), y: (-10, 10)})
LINE = Numbers({x: (-10, 10)})


def test_a_violation_is_found_made_simple_and_certified():
    found = no_violation(PLANE, (relation(x, ">", 0),), relation(y, "<", x + 3))
    assert found.passed is False
    assert found.witness == "x = 1, y = 5"
    assert "certified in exact arithmetic" in found.summary


def test_silence_says_how_many_met_the_hypotheses():
    found = no_violation(PLANE, (relation(x, ">", 0), relation(y, ">", 0)), relation(x + y, ">", 0))
    assert found.passed is True
    met = int(found.summary.split()[3])
    assert 400 < met < 2500
    everywhere = no_violation(PLANE, (), relation(x**2, ">=", 0))
    met = int(everywhere.summary.removeprefix("no violation among ").split()[0])
    assert 3100 < met <= 3200, "2000 drawn and 6 climbs of 200 steps, the same numbers counted once"


def test_too_few_instances_say_nothing():
    found = no_violation(LINE, (relation(x, ">", Fraction(9999, 1000)), relation(x, "<", 10)), relation(x, ">", 0))
    assert found.passed is None
    assert "100 are needed" in found.summary
    nobody = no_violation(LINE, (relation(x, ">", 11),), relation(x, "<", 0))
    assert nobody.passed is None
    assert nobody.summary.startswith("only 0 instances")


def test_hypotheses_are_those_stated():
    """A claim that fails only where a hypothesis does is not violated; without the hypothesis it is."""
    claim, needed = relation(x, ">", -5), relation(x, ">=", -5) & relation(x, "!=", -5)
    assert no_violation(LINE, (needed,), claim).passed is True
    assert is_violated(LINE, (), claim)


def test_a_thin_violation_is_climbed_to():
    """Where |x − 7.123| < 10⁻³: a ten-thousandth of the range, below every draw."""
    thin = relation((x - Fraction(7123, 1000)) ** 2, ">", Fraction(1, 10**6))
    assert no_violation(LINE, (), thin).passed is False
    assert is_violated(LINE, (), thin)
    assert not is_violated(LINE, (), thin, Effort(climbs=0, draws=100))


def test_a_violation_at_a_tie_is_found_and_certified():
    found = no_violation(LINE, (), relation(abs(x), ">", 0))
    assert (found.passed, found.witness) == (False, "x = 0")


def test_rounding_is_not_a_violation():
    """Both sides underflow to 0 in floats, and differ."""
    deep = Numbers({x: (800, 900), y: (1, 2)})
    found = no_violation(deep, (), relation(exp(-x - y), "<", exp(-x)))
    assert found.passed is True
    assert not is_violated(deep, (), relation(exp(-x - y), "<", exp(-x)))


def test_a_violation_without_exact_values_is_not_believed():
    only_floats = Instances(lambda draw: {"k": draw.number(-1, 1)}, "k", {x: lambda k: k})
    found = no_violation(only_floats, (), relation(x, "<", 0))
    assert found.passed is None
    assert found.summary == "violated in floats; x is not known in exact arithmetic"
    assert is_violated(only_floats, (), relation(x, "<", 0))


def test_floats_and_exact_arithmetic_that_disagree_settle_nothing():
    """A library's number that is wrong by a hundredth, beside an exact formula that is right."""
    (double,) = named("2x")
    wrong = Instances(
        lambda draw: {"x": draw.number(1, 10)},
        "x",
        {x: lambda x: x, double: lambda x: 2.02 * x},
        {x: lambda x: x, double: lambda x: 2 * x},
    )
    found = no_violation(wrong, (), relation(double, "=", 2 * x))
    assert found.passed is None
    assert "disagree" in found.summary


def test_a_near_miss_that_fails_at_one_simple_number_only_is_violated_there():
    """No float is a third: the violation is only seen once its number is made simple."""
    apart = relation(3 * x, "!=", 1)
    third = Numbers({x: (0, 1)}, points=({x: Fraction(1, 3)},))
    assert is_violated(third, (), apart)


def test_predicates_take_part():
    def make(draw):
        return {"k": draw.integer(0, 30)}

    def is_odd(k):
        """k is odd"""
        return k % 2 == 1

    def is_small(k):
        """k < 20"""
        return k < 20

    numbers = Instances(make, "whole numbers")
    assert no_violation(numbers, (), Holds(is_small)).witness == "k = 20"
    assert no_violation(numbers, (Holds(is_odd),), Holds(is_small)).witness == "k = 21"
    assert is_violated(numbers, (), Implies(Holds(is_small), Holds(is_odd)))


def test_a_claim_of_numbers_is_searched_beyond_the_ranges_drawn():
    p = sympy.Symbol("p", positive=True)
    near = Numbers({p: (Fraction(1, 10), 10)})
    assert beyond(near, (), relation(p, "<", 100)).passed is False
    assert beyond(near, (), relation(p, ">", Fraction(1, 1000))).passed is False
    assert beyond(near, (relation(p, "<", 50),), relation(p, "<", 100)) is None, "the hypothesis forbids it"
    assert beyond(near, (), relation(p, ">", 0)) is None, "so does the symbol"
    assert beyond(measured(lambda t: t), (), relation(x, "<", 5)) is None, "of numbers alone"


def measured(float_of, exact_of=lambda t: t):
    return Instances(lambda draw: {"t": draw.number(-10, 10)}, "any t", {x: float_of}, {x: exact_of})


def test_floats_are_held_against_the_exact_formula():
    assert disagreements(measured(lambda t: t)) == {}
    assert disagreements(measured(lambda t: t + 1e-7)) == {}, "rounding"
    found, exact = disagreements(measured(lambda t: min(t, 5)))[x]
    assert found == 5
    assert exact > 5
    assert of_claim(measured(lambda t: min(t, 5)), (), relation(x, "<=", 5)).passed is None


def test_each_piece_of_a_claim_is_climbed_on_by_itself():
    tied, thin = relation(x, "<=", x), Iff(relation(x, ">", 3), relation(x, ">", Fraction(301, 100)))
    assert no_violation(PLANE, (relation(y, ">", 9),), All((tied, thin))).passed is False


def test_the_same_instance_many_times_is_one():
    constant = Instances(lambda draw: {"t": 1 + 0 * draw.integer(0, 9)}, "1", {x: lambda t: t}, {x: lambda t: t})
    assert seek(constant, (), relation(x, ">", 0)).met == 1
    assert of_claim(constant, (), relation(x, ">", 0)).passed is None


def test_a_statement_cannot_ask_for_less_than_the_least_effort():
    few = Effort(draws=49, climbs=0, least=1)
    assert no_violation(PLANE, (), relation(x**2, ">=", 0), few).passed is True
    assert of_claim(PLANE, (), relation(x**2, ">=", 0), few).passed is None
    assert of_claim(PLANE, (), relation(x**2, ">=", 0), Effort(draws=60, climbs=0, least=1)).passed is True
