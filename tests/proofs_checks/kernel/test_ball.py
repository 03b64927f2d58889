"""The branch and bound: rigorous enclosures, and three answers only."""

import math
import operator
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proofs_checks.kernel import arithmetic, ball
from proofs_checks.kernel.interval import Interval, Undefined


def fractions(low, high, finest=1000):
    """Fractions between whole numbers, of denominators up to the finest, in a third of the time of ``st.fractions``."""
    drawn = st.tuples(st.integers(low, high - 1), st.integers(0, finest), st.integers(1, finest))
    return drawn.map(lambda parts: parts[0] + Fraction(min(parts[1:]), parts[2]))


rationals = fractions(-20, 20, 50)
positive_rationals = fractions(0, 20, 50).map(lambda x: max(x, Fraction(1, 50)))

UNARY = {
    "exp": math.exp,
    "expm1": math.expm1,
    "sinh": math.sinh,
    "asinh": math.asinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "softplus": lambda x: float(np.logaddexp(0, x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "positive_part": lambda x: max(x, 0.0),
}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "min": arithmetic.least,
    "max": arithmetic.greatest,
}


def encloses(interval, value):
    slack = 1e-12 * (1 + abs(value))
    return float(interval.lo) - slack <= value <= float(interval.hi) + slack


def between(ends, share):
    return min(ends) + share * (max(ends) - min(ends))


@pytest.mark.parametrize("name", UNARY)
@given(ends=st.tuples(rationals, rationals), share=fractions(0, 1))
@example(ends=(Fraction(-3), Fraction(2)), share=Fraction(3, 5))
def test_unary_operations_enclose(name, ends, share):
    interval = Interval.hull(min(ends), max(ends))
    assert encloses(getattr(arithmetic, name)(interval), UNARY[name](float(between(ends, share))))


@pytest.mark.parametrize("name", BINARY)
@given(first=st.tuples(rationals, rationals), second=st.tuples(rationals, rationals), share=fractions(0, 1))
def test_binary_operations_enclose(name, first, second, share):
    intervals = [Interval.hull(min(ends), max(ends)) for ends in (first, second)]
    points = [between(first, share), between(second, 1 - share)]
    assert encloses(Interval.of(BINARY[name](*intervals)), float(BINARY[name](*points)))


@given(ends=st.tuples(positive_rationals, positive_rationals), share=fractions(0, 1), power=st.integers(-3, 4))
def test_powers_roots_and_logarithms_enclose(ends, share, power):
    interval, x = Interval.hull(min(ends), max(ends)), between(ends, share)
    assert encloses(interval**power, float(x**power))
    assert encloses((-interval) ** power, float((-x) ** power))
    assert encloses(interval.sqrt(), math.sqrt(x))
    assert encloses(interval.log(), math.log(x))
    assert encloses(interval.log1p(), math.log1p(x))
    assert encloses(1 / interval, float(1 / x))


@pytest.mark.parametrize(
    "operation",
    [
        lambda: 1 / Interval.hull(-1, 1),
        lambda: 1 / Interval.hull(0, 1),
        lambda: Interval.hull(0, 1).log(),
        lambda: Interval.hull(-1, 1).log1p(),
        lambda: Interval.hull(-1, 1).sqrt(),
        lambda: Interval(flint.arb("inf"), flint.arb("inf")),
    ],
)
def test_what_is_undefined_is_said(operation):
    with pytest.raises(Undefined):
        operation()


@given(ends=st.tuples(rationals, rationals))
def test_rounding_is_outwards(ends):
    """At 20 bits the enclosure holds the one at 200 bits, and has a width: nothing is lost to rounding."""

    def formula():
        x = Interval.hull(min(ends), max(ends)) / 3
        y = (x.softplus() * x.sigmoid() - x.tanh() / 7).exp() + x.asinh() * x**3
        return y + x.cosh().log() + x.expm1() * (1 + x**2).sqrt() + x.positive_part() / (2 + x.sigmoid())

    with flint.ctx.workprec(20):
        rough = formula()
    with flint.ctx.workprec(200):
        fine = formula()
    assert rough.lo <= fine.lo <= fine.hi <= rough.hi
    assert rough.lo < rough.hi
    assert rough.lo.is_exact()
    assert rough.hi.is_exact()


COMPARISONS = [operator.lt, operator.gt, operator.le, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("compare", COMPARISONS)
@given(first=st.tuples(rationals, rationals), second=st.tuples(rationals, rationals))
@example(first=(Fraction(0), Fraction(1)), second=(Fraction(1), Fraction(2)))
@example(first=(Fraction(1), Fraction(1)), second=(Fraction(1), Fraction(1)))
@example(first=(Fraction(0), Fraction(2)), second=(Fraction(1), Fraction(1)))
def test_a_comparison_is_answered_only_if_it_holds_for_all_numbers_or_for_none(compare, first, second):
    try:
        answer = compare(*(Interval.hull(min(ends), max(ends)) for ends in (first, second)))
    except Undefined:
        return
    points = [between(first, share) for share in (0, Fraction(1, 2), 1)]
    assert {compare(a, b) for a in points for b in (*second, sum(second) / 2)} == {answer}


@pytest.mark.parametrize("compare", COMPARISONS)
def test_an_undecided_comparison_says_so(compare):
    with pytest.raises(Undefined):
        compare(Interval.hull(-1, 2), 1)
    with pytest.raises(Undefined):
        bool(Interval.hull(-1, 2))


def test_wide_intervals_keep_the_sign_of_their_lower_end():
    assert Interval.hull(-50, 50).exp() > 0
    assert Interval.hull(-50_000, 50_000).sigmoid() > 0


def test_three_answers():
    box = {"x": (0, 1)}
    assert ball.decide(lambda x: x + Fraction(1, 100), box).holds is True
    refuted = ball.decide(lambda x: x - Fraction(1, 100), box)
    assert refuted.holds is False
    assert refuted.witness["x"] <= Fraction(1, 100)
    assert ball.decide(lambda x: (x**2 - Fraction(1, 2)) ** 2, box, max_boxes=300).holds is None


def test_strict_and_weak_differ_at_an_equality_point():
    box = {"x": (0, 1)}
    assert ball.decide(lambda x: x, box, strict=False).holds is True
    assert ball.decide(lambda x: x, box, strict=True).witness == {"x": 0}


@given(constant=fractions(-2, 2))
@example(constant=Fraction(0))
@example(constant=Fraction(-1, 1000))
def test_a_proof_is_never_contradicted_by_a_sample(constant):
    """x² - x + 1/4 + c > 0 on [0, 1] exactly when c > 0."""
    decision = ball.decide(lambda x: x * x - x + Fraction(1, 4) + constant, {"x": (0, 1)}, max_boxes=400)
    assert decision.holds is (constant > 0) or decision.holds is None
    if constant != 0 and abs(constant) > Fraction(1, 20):
        assert decision.holds is (constant > 0)


def test_the_margin_is_a_lower_bound():
    decision = ball.decide(lambda x: x.exp() - x, {"x": (-3, 3)})
    assert decision.holds
    assert 0 < decision.margin <= 1


@pytest.mark.parametrize("per_cent", [99, 101])
def test_a_bound_one_per_cent_off_is_seen(per_cent):
    """sin-like case with an interior minimum: e^x - x has its least value, 1, at x = 0."""
    decision = ball.decide(lambda x: x.exp() - x - Fraction(per_cent, 100), {"x": (-3, 3)})
    assert decision.holds is (per_cent < 100)


def test_positive_parameters_are_halved_geometrically():
    assert ball.decide(lambda k: 1 / (1 + k), {"k": (Fraction(1, 10**30), 10**30)}).boxes == 1
    middle = float(ball._middle(Fraction(1, 10**6), Fraction(10**6)))
    assert middle == pytest.approx(1)


@given(low=fractions(-20, 20), width=fractions(0, 1), power=st.integers(-800, 800))
@example(low=Fraction(1, 3), width=Fraction(1, 10**20), power=0)
@example(low=Fraction(1, 10**20), width=Fraction(1), power=-680)
@example(low=Fraction(1), width=Fraction(1), power=700)
def test_a_box_is_halved_inside_itself(low, width, power):
    low, high = low * Fraction(10) ** power, (low + width) * Fraction(10) ** power
    assert low < ball._middle(low, high) < high or low == high


def test_true_claims_on_boxes_beyond_floats_get_no_witness_outside():
    third = Fraction(1, 3)
    narrow = {"x": (third, third + Fraction(1, 10**20))}
    assert ball.decide(lambda x: Fraction(1, 10**21) + 2 * (x - third) - (x - third), narrow).holds is True
    assert ball.decide(lambda x: 2 * x - x, {"x": (Fraction(1, 10**700), 1)}).holds is True


def test_the_budget_is_kept():
    assert ball.decide(lambda x: (x**2 - Fraction(1, 2)) ** 2, {"x": (0, 1)}, max_boxes=7).boxes == 7


def test_a_range_the_wrong_way_round_is_refused():
    with pytest.raises(ValueError, match="out of order"):
        ball.decide(lambda x: x, {"x": (1, 0)})


def test_a_float_is_no_exact_number():
    for enters in (lambda: Interval.of(0.5), lambda: Interval.of(1) * 0.5, lambda: 0.5 + Interval.of(1)):
        with pytest.raises(TypeError, match=r"0\.5 is no exact number"):
            enters()
    with pytest.raises(TypeError, match="exact numbers"):
        ball.decide(lambda x: x, {"x": (0.5, 1)})


def test_constants_stay_exact_on_their_way_into_a_box():
    """As floats √2² would exceed 2, e would have 16 digits."""
    exp, log, sqrt = arithmetic.exp, arithmetic.log, arithmetic.sqrt
    assert ball.decide(lambda x: 0 * x + sqrt(2) ** 2 - 2, {"x": (0, 1)}).holds is False
    inside = Interval.of(1).exp()
    assert (inside - exp(1)).lo <= 0 <= (inside - exp(1)).hi
    assert log(3) * Interval.of(1) > Fraction(109861, 100000)
    assert exp(1) * Interval.of(0) == 0


def test_a_box_without_parameters_checks_nothing():
    with pytest.raises(ValueError, match="without parameters"):
        ball.decide(lambda: 1, {})


def test_a_finding_in_words_says_where_and_how_sure():
    box, weak = {"x": (0, 1)}, ball.decide(lambda x: x, {"x": (0, 1)}, strict=False)
    assert ball.finding(weak, box, strict=False).summary.startswith("≥ 0 on all of x ∈ [0, 1]")
    failed = ball.finding(ball.decide(lambda x: x - 2, box), box)
    assert failed.passed is False
    assert failed.witness.startswith("x = ")
    undecided = ball.finding(ball.decide(lambda x: (x**2 - Fraction(1, 2)) ** 2, box, max_boxes=3), box)
    assert undecided.passed is None
    assert "undecided" in undecided.summary
    assert ball.finding(ball.decide(lambda x: x + 1, box), box).residual == pytest.approx(1)


def test_the_margin_is_rounded_down():
    assert Fraction(ball.decide(lambda x: x + Fraction(1, 3), {"x": (0, 1)}).margin) <= Fraction(1, 3)


def test_a_number_over_an_interval():
    quotient = 6 / Interval.hull(2, 3)
    assert quotient > Fraction(199, 100)
    assert quotient < Fraction(301, 100)


def test_just_enough_boxes_are_enough():
    """x² > 1/10 x − 1/500 takes some halvings; one box fewer leaves it open."""
    f, box = lambda x: x**2 - x / 10 + Fraction(26, 10_000), {"x": (0, 1)}
    needed = ball.decide(f, box).boxes
    assert needed > 3
    assert ball.decide(f, box, max_boxes=needed).holds is True
    assert ball.decide(f, box, max_boxes=needed - 1).holds is None


def test_only_a_proof_has_a_margin():
    box = {"x": (0, 1)}
    assert ball.decide(lambda x: x - 2, box).margin == -math.inf
    assert ball.decide(lambda x: (x - Fraction(1, 2)) ** 2, box).margin == -math.inf
    assert ball.decide(lambda x: (x**2 - Fraction(1, 2)) ** 2, box, max_boxes=5).margin == -math.inf
    assert ball.decide(lambda x: 2 + 0 * x, box).margin == pytest.approx(2)
    assert ball.decide(lambda x: x, box, strict=False).margin == 0


def test_a_violation_is_looked_for_at_corners_first():
    """Only the corner (1, 0) violates; every midpoint is far from it."""
    corner = ball.decide(lambda x, y: 1 - x + y, {"x": (0, 1), "y": (0, 1)})
    assert (corner.holds, corner.boxes, corner.witness) == (False, 0, {"x": 1, "y": 0})
    inside = ball.decide(lambda x: (x - Fraction(1, 2)) ** 2, {"x": (0, 1)})
    assert (inside.holds, inside.witness) == (False, {"x": Fraction(1, 2)})


@pytest.mark.parametrize(
    ("value", "strict", "violated"), [(1, True, False), (0, True, True), (0, False, False), (-1, False, True)]
)
def test_a_violation_at_a_point_is_certain(value, strict, violated):
    assert ball.violated_at(lambda x: value + 0 * x, {"x": Fraction(1, 3)}, strict) is violated
    assert ball.violated_at(lambda x: value + 1 / (x - x), {"x": Fraction(1, 3)}, strict) is False


def test_every_side_of_a_box_is_halved_in_turn():
    cell = {"x": (Fraction(0), Fraction(1)), "y": (Fraction(-1), Fraction(3))}
    low, high = ball._halves(cell, 0)
    assert (low["x"], high["x"], low["y"]) == ((0, Fraction(1, 2)), (Fraction(1, 2), 1), (-1, 3))
    low, high = ball._halves(cell, 3)
    assert (low["y"], high["y"], low["x"]) == ((-1, 1), (1, 3), (0, 1))


def test_where_nothing_is_known_waits_the_less_the_deeper():
    """Around 0 nothing is known at any depth; the proof elsewhere, and the violation at 3/4, are still reached."""
    unknown, negative, positive = (
        ball._queued(f, {"x": (Fraction(-1), Fraction(1))}, 3, iter(range(3)))
        for f in (lambda x: 1 / x, lambda x: x - Fraction(1, 4), lambda x: 2 + x)
    )
    assert float(unknown[0]) == -1 / 8
    assert float(negative[0]) < float(unknown[0]) < float(positive[0])
    assert [entry[4] for entry in (unknown, negative, positive)] == [3, 3, 3]
    assert not unknown[2].is_finite()


def test_a_witness_in_words():
    assert ball.in_words({"x": Fraction(1, 3), "k": 2}) == "x = 1/3, k = 2"
    box = {"x": (0, 1), "y": (Fraction(1, 2), 2)}
    found = ball.finding(ball.decide(lambda x, y: x + y, box), box)
    assert (found.passed, found.summary) == (True, "> 0 on all of x ∈ [0, 1], y ∈ [1/2, 2] (1 boxes)")
    assert ball.finding(ball.decide(lambda x, y: -x - y, box), box).summary == "fails in x ∈ [0, 1], y ∈ [1/2, 2]"


def test_a_range_of_one_point_is_a_range():
    assert ball.decide(lambda x: x, {"x": (1, 1)}).holds is True


def test_a_box_is_halved_by_logarithm_where_its_end_is_more_than_twice_its_beginning():
    assert ball._middle(Fraction(1), Fraction(9, 4)) == Fraction(3, 2)
    assert ball._middle(Fraction(4), Fraction(9)) == 6
    assert ball._middle(Fraction(1), Fraction(2)) == Fraction(3, 2)
    assert ball._middle(Fraction(0), Fraction(9)) == ball._middle(Fraction(-1), Fraction(10)) == Fraction(9, 2)
