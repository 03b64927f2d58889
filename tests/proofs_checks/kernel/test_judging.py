"""What is said of a search: a violation that exact arithmetic confirms, one that it does not, silence."""

from fractions import Fraction
from random import Random

import numpy as np
import sympy

from proofs_checks.kernel import judging
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.judging import (
    Judged,
    beyond,
    certified,
    denied,
    disagreements,
    is_violated,
    no_violation,
    nobody_meets,
    of_claim,
    silence,
    smallest,
)
from proofs_checks.kernel.relation import All, Holds, Iff, Implies, Rounds, relation
from proofs_checks.kernel.search import Effort, Sought, seek

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
    assert of_claim(PLANE, (), relation(x**2, ">=", 0), Effort(draws=50, climbs=0, least=1)).passed is True
    assert of_claim(PLANE, (), relation(x**2, ">=", 0), Effort(draws=50, climbs=0, least=51)).passed is None


OUTRIGHT = "violated: hypotheses and violation certified in exact arithmetic"


def test_the_four_answers_of_exact_arithmetic():
    given, claim = (relation(x, ">", 0),), relation(exp(x), "<", 3)
    assert certified(LINE, given, claim, [2]) == Finding(False, OUTRIGHT, witness="x = 2")
    for rounding in ([1], [-1]):
        found = certified(LINE, given, claim, rounding)
        assert (found.passed, found.summary.split(":")[0]) == (True, "violated in floats only")
    open_question = certified(LINE, given, relation(log(x - 5), "<", 3), [2])
    assert (open_question.passed, open_question.witness) == (None, "x = 2")
    assert open_question.summary == "violated in floats, not certified in exact arithmetic"
    unknown = certified(LINE, (relation(log(x - 5), "<", 3),), claim, [2])
    assert unknown.passed is None, "a hypothesis that cannot be told is not met"
    assert certified(LINE, (), claim, [2]).passed is False


def test_silence_names_numbers_or_instances_and_what_it_needs():
    assert silence(LINE, 70, Effort(least=70)) == Finding(
        True, "no violation among 70 numbers that meet the hypotheses"
    )
    assert silence(measured(lambda t: t), 70, Effort(least=70)).summary.startswith("no violation among 70 instances")
    few = silence(LINE, 69, Effort(least=70))
    assert few == Finding(None, "only 69 instances met the hypotheses, 70 are needed")


def test_a_violation_that_the_exact_formula_does_not_share_is_said():
    """Floats violate by a millionth and more what exact arithmetic denies."""
    off = measured(lambda t: t + 1e-4, lambda t: t)
    found = no_violation(off, (), relation(x, "<=", 10), Effort(draws=100, climbs=1))
    assert found.passed is None
    assert found.summary == "violated by 0.0001 in floats, not in exact arithmetic: they disagree"
    rounding = measured(lambda t: t + 2e-7, lambda t: t)
    assert no_violation(rounding, (), relation(x, "<=", 10), Effort(draws=200, climbs=1)).passed is True


def test_floats_may_differ_from_the_formula_by_a_share_only():
    assert disagreements(measured(lambda t: 1.000005e6 * t, lambda t: 10**6 * t)) == {}
    assert x in disagreements(measured(lambda t: 1.00002e6 * t, lambda t: 10**6 * t))
    assert x in disagreements(measured(lambda t: t + 3e-4, lambda t: t))
    assert disagreements(measured(lambda t: 1e-5, lambda t: 0)) == {}, "a hundred-thousandth is not yet too much"
    assert x in disagreements(measured(lambda t: 1.001e-5, lambda t: 0))
    assert x in disagreements(measured(lambda t: float("nan"), lambda t: t)), "no number is no agreement"
    only_one = Instances(lambda draw: {"t": draw.number(-10, 10)}, "any t", {}, {x: lambda t: t, y: lambda t: 1 / 0})
    assert disagreements(only_one) == {}, "what is measured nowhere, or has no exact value, is compared with nothing"


def test_twenty_instances_are_held_against_the_formula():
    asked = []
    disagreements(measured(lambda t: t, lambda t: asked.append(t) or t))
    assert len(asked) == 20
    asked.clear()
    disagreements(measured(lambda t: t, lambda t: asked.append(t) or t), Effort(draws=7))
    assert len(asked) == 7
    wrong_late = measured(lambda t: t if t < 9 else t + 1, lambda t: t)
    assert x in disagreements(wrong_late), "not the first alone"


def test_a_claim_without_symbols_is_decided_exactly():
    false = of_claim(LINE, (), All((relation(x**2, ">=", 0), Rounds(log(2), "0.69314"))))
    assert (false.passed, false.summary) == (None, "log(2) = 0.69314, rounded is not so, in exact arithmetic")
    assert of_claim(LINE, (), All((relation(x**2, ">=", 0), Rounds(log(2), "0.69315")))).passed is True


def far_points(symbol, low, high):
    rng = Random(0)
    return [judging._far(rng, symbol, low, high) for _ in range(4000)]


def test_far_out_is_a_thousand_times_as_far_as_the_symbol_allows():
    p, m = sympy.Symbol("p", positive=True), sympy.Symbol("m", nonnegative=True)
    reals = far_points(x, -10, 10)
    assert (min(reals), max(reals)) == (-10_000, 10_000)
    assert len(set(reals)) == 21 + 18 * 3, "a twentieth at a time, at four scales"
    positive = far_points(p, Fraction(1, 10), 10)
    assert (min(positive), max(positive)) == (Fraction(1, 10_000), 10_000)
    at_zero = far_points(p, 0, 10)
    assert min(at_zero) == Fraction(1, 2000)
    assert at_zero.count(1) > 1000, "in place of 0, which is not positive"
    assert 0.4 < sum(abs(value) <= 10 for value in reals) / 4000 < 0.75, "four sevenths and more are not scaled"
    assert {-10, 10} <= set(reals)
    assert (min(far_points(m, 0, 10)), max(far_points(m, 0, 10))) == (0, 10_000)
    ends = [value for value in far_points(x, 2, 10) if value in (2, 10)]
    assert 0.6 < 7 / 4 * len(ends) / 4000 < 0.8, "two thirds at the ends, of these four sevenths unscaled"


def test_what_is_violated_beyond_is_shown():
    p = sympy.Symbol("p", positive=True)
    near = Numbers({p: (Fraction(1, 10), 10), x: (0, 1)})
    found = beyond(near, (relation(x, "<=", 0),), relation(p, "<", 100))
    value, other = (part.split(" = ") for part in found.witness.split(", "))
    assert (value[0], other) == ("p", ["x", "0"])
    assert Fraction(value[1]) >= 100
    assert found.summary == "violated beyond the ranges drawn: certified in exact arithmetic"
    assert of_claim(near, (), relation(p, "<", 100)).passed is False
    assert of_claim(Numbers({p: (Fraction(1, 10), 10)}), (), relation(p, ">", 0)).passed is True


def test_a_near_miss_is_looked_for_among_few_then_with_all_effort():
    asked = []

    def make(draw):
        asked.append(1)
        return {"t": draw.number(-10, 10)}

    counted = Instances(make, "any t", {x: lambda t: t}, {x: lambda t: t})
    assert is_violated(counted, (), relation(x, "<", 5), Effort(draws=1000, climbs=0))
    assert 100 <= len(asked) < 120, "a tenth is enough"
    asked.clear()
    assert is_violated(counted, (), relation(x, "<", 5), Effort(draws=50, climbs=0))
    assert 20 <= len(asked) < 30, "not fewer than twenty"
    asked.clear()
    assert not is_violated(counted, (), relation(x, "<", 11), Effort(draws=300, climbs=1, steps=10))
    assert 340 <= len(asked) < 350


def test_a_violation_is_made_as_small_as_others_are():
    """The worst has six numbers; among small instances there is one of a single number."""
    total = named("Σ")[0]

    def make(draw):
        return {"values": [draw.number(0, 9) for _ in range(draw.integer(1, 6))]}

    lists = Instances(make, "lists", {total: lambda values: sum(values)}, {total: lambda values: sum(values)})
    claim, effort = relation(total, "<=", 7), Effort(draws=300, climbs=0)
    sought = seek(lists, (), claim, effort)
    large = Judged(sought, certified(lists, (), claim, [3, 1, 1, 6]), (3, 1, 1, 6))
    small = smallest(lists, (), claim, effort, large)
    assert (small.finding.passed, list(small.values)) == (False, [1, 8])
    assert small.finding.witness == "values = (8)"
    least = Judged(sought, certified(lists, (), claim, [1, Fraction(71, 10)]), (1, 8))
    assert smallest(lists, (), claim, effort, least) is least, "what is as small already stays"
    unsure = Judged(sought, Finding(None, "not certified"), (3, 1, 1, 6))
    assert smallest(lists, (), claim, effort, unsure) is unsure, "another kind of finding is none at least as good"


def test_the_second_and_the_third_candidate_are_made_simple_too():
    """Two equal numbers violate; where one changes alone they no longer do, so each candidate stays what it is."""

    def make(draw):
        return {"a": draw.integer(2, 30), "b": draw.integer(3, 31)}

    def differ(a, b):
        """a differs from b"""
        return a != b

    pairs, one = Instances(make, "pairs"), Effort(draws=1)

    def least(*candidates):
        sought = Sought(1, tuple((1.0, [k, k]) for k in candidates))
        found = Judged(sought, certified(pairs, (), Holds(differ), [9, 9]), (9, 9))
        return smallest(pairs, (), Holds(differ), one, found).values

    assert least(9, 4, 9) == (4, 4)
    assert least(9, 9, 4) == (4, 4)
    assert least(9, 9, 9, 4) == (9, 9), "a fourth costs more than it brings"


def test_nobody_meets_what_nobody_can():
    assert nobody_meets(LINE, (relation(x**2, "<", 0),), relation(x, ">", 0)) == Finding(
        True, "0 instances of those drawn meet the hypotheses"
    )
    someone = nobody_meets(LINE, (relation(x, ">", 5),), relation(x, ">", 0), Effort(draws=400, climbs=0))
    assert someone.passed is None
    assert 60 < int(someone.summary.split()[0]) < 140
    far = nobody_meets(LINE, (relation(x, ">", 9000),), relation(x, ">", 0))
    assert far == Finding(None, "beyond the ranges drawn x = 10000 meets the hypotheses")
    of_objects = nobody_meets(measured(lambda t: t), (relation(x, ">", 11),), relation(x, ">", 0))
    assert of_objects.passed is True


def test_nobody_among_three_is_not_nobody():
    """At least fifty are drawn, however small the effort."""
    asked = []
    counted = Instances(lambda draw: asked.append(1) or {"t": draw.number(0, 1)}, "t", {x: lambda t: t})
    nobody_meets(counted, (relation(x, ">", 2),), relation(x, ">", 0), Effort(draws=3, climbs=0))
    assert len(asked) == 50


def test_a_violation_within_rounding_is_found_where_exact_arithmetic_looks():
    """A share of 10⁻⁵ is rounding by the claim's own words, and false."""
    claim, same = relation(Fraction(100001, 100000) * x, "=", x, noise=1e-4), measured(lambda t: t)
    assert no_violation(same, (), claim).passed is True
    found = denied(same, (), claim)
    assert (found.passed, found.witness[:4]) == (False, "t = ")
    assert of_claim(same, (), claim).passed is False
    assert of_claim(same, (), claim).summary == "violated: hypotheses and violation certified in exact arithmetic"
    assert denied(same, (relation(x, "=", 0),), claim) is None, "a hypothesis that the instances miss"
    assert denied(same, (), relation(x, "=", x)) is None
    assert denied(LINE, (), claim) is None, "numbers are looked at beyond the ranges drawn"
    only_floats = Instances(lambda draw: {"k": draw.number(-1, 1)}, "k", {x: lambda k: k})
    assert denied(only_floats, (), claim) is None


def test_twenty_instances_are_looked_at_exactly():
    for draws, looked_at in ((2000, 20), (7, 7)):
        asked = []
        assert (
            denied(
                measured(lambda t: t, lambda t, asked=asked: asked.append(t) or t),
                (),
                relation(x, "<", 11),
                Effort(draws=draws),
            )
            is None
        )
        assert len(asked) == looked_at


def test_what_exact_arithmetic_cannot_read_is_not_judged():
    unread = relation(x, "<", 99 + sympy.zeta(3))
    found = of_claim(LINE, (), All((relation(x, "<", 10**9), unread)))
    assert found == Finding(None, "exact arithmetic cannot read zeta(3): it would find no violation")
    assert of_claim(LINE, (unread,), relation(x, "<", 10**9)) == found


def test_far_points_meet_every_hypothesis_exactly():
    points = list(judging.far_points(PLANE, (relation(x, ">", 0), relation(y, "<", x))))
    assert 20 < len(points) < 80
    assert all(point[x] > 0 and point[y] < point[x] for point in points)
    assert len(list(judging.far_points(PLANE, ()))) == 100
    rng = Random(0)
    assert [point[x] for point in judging.far_points(LINE, ())] == [judging._far(rng, x, -10, 10) for _ in range(100)]
    assert list(judging.far_points(measured(lambda t: t), ())) == []


def test_of_the_small_instances_the_worst_are_made_simple():
    """Two equal numbers violate by their size, and stay as they are; the three largest of those drawn are tried."""

    def make(draw):
        return {"a": draw.integer(3, 30), "b": draw.integer(3, 30)}

    def size(a, b):
        return a if a == b else -1

    pairs, effort = Instances(make, "pairs", {x: size}, {x: size}), Effort(draws=900)
    drawn, _ = pairs.draw(np.random.default_rng(0), 900, modest=0.6)
    equal = [int(value) for value in drawn[x] if value > 0]
    found = Judged(Sought(1, ()), certified(pairs, (), relation(x, "<=", 0), [30, 30]), (30, 30))
    least = smallest(pairs, (), relation(x, "<=", 0), effort, found).values
    assert min(equal[:3]) != least[0] == min(sorted(equal)[-3:])
