"""Relations: words, floats and exact arithmetic are three views of one expression."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs_checks.kernel.arithmetic import exp, greatest, least, log, positive_part, sigmoid, softplus, sqrt
from proofs_checks.kernel.relation import (
    All,
    At,
    Condition,
    Holds,
    Iff,
    Implies,
    Not,
    Relation,
    Rounds,
    Saying,
    foreign,
    pieces,
    premises,
    relation,
    unread,
    within,
)
from proofs_checks.kernel.symbolic import enclose

β = sympy.Symbol("β", positive=True)
x, y = sympy.symbols("x y", real=True)
FIRST = relation(x, ">", 0)
OPS = {">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b}
OPS |= {"=": lambda a, b: a == b, "!=": lambda a, b: a != b}
whole = st.integers(-3, 3)


def at(a, b):
    return {x: np.array([float(a)]), y: np.array([float(b)])}


@pytest.mark.parametrize("op", OPS)
@given(a=whole, b=whole)
def test_a_relation_says_of_numbers_what_python_says(op, a, b):
    known, truth = relation(x, op, y), OPS[op](a, b)
    assert known.decide({x: a, y: b}) is truth
    assert bool(known.satisfied(at(a, b))[0] > 0) is truth
    assert bool(known.violated(at(a, b))[0] > 0) is not truth


@pytest.mark.parametrize("op", OPS)
def test_rounding_decides_nothing_but_ties(op):
    """A gap below rounding neither satisfies nor violates an inequality; an equation holds within it."""
    almost = {x: np.array([1.0 + 1e-12]), y: np.array([1.0])}
    known = relation(x, op, y)
    if op == "=":
        assert known.satisfied(almost)[0] > 0
        assert known.violated(almost)[0] < 0
    else:
        assert not (op == "!=" and known.satisfied(almost)[0] > 0)
        assert not (op == "<" and known.violated(almost)[0] > 1e-9)


def test_the_noise_is_a_share_of_the_smaller_side():
    close = {x: np.array([1000.0001]), y: np.array([1000.0])}
    assert relation(x, "=", y, noise=1e-6).violated(close)[0] < 0
    assert relation(x, "=", y, noise=1e-8).violated(close)[0] > 0


@given(a=whole, b=whole)
def test_connectives_are_those_of_logic(a, b):
    first, second = relation(x, ">", 0), relation(y, ">", 0)
    p, q, values, exact = a > 0, b > 0, at(a, b), {x: a, y: b}
    cases = {
        All((first, second)): p and q,
        first & second: p and q,
        first | second: p or q,
        Not(first): not p,
        Implies(first, second): not p or q,
        Iff(first, second): p is q,
        Saying("in words", Iff(first, second)): p is q,
    }
    for condition, truth in cases.items():
        assert condition.decide(exact) is truth
        assert bool(condition.satisfied(values)[0] > 0) is truth
        assert bool(condition.violated(values)[0] > 0) is not truth


def test_what_exact_arithmetic_cannot_tell_is_none():
    known = relation(exp(x), "=", 1 + x)
    assert known.decide({x: 1}) is False
    assert relation(exp(log(2) * x), "=", 4).decide({x: 2}) in (True, None)
    assert relation(log(x), ">", 0).decide({x: -1}) is None
    assert relation(1 / x, ">", 0).decide({x: 0}) is None
    unknown = relation(log(x), ">", 0)
    assert All((unknown, relation(x, ">", 0))).decide({x: -1}) is False
    assert All((unknown, relation(x, "<", 0))).decide({x: -1}) is None
    assert Not(unknown).decide({x: -1}) is None


def test_an_equation_of_rationals_is_decided_exactly():
    third = Fraction(1, 3)
    assert relation(3 * x, "=", 1).decide({x: third}) is True
    assert relation(3 * x, "=", 1).decide({x: third + Fraction(1, 10**40)}) is False


def test_a_relation_has_a_known_sign():
    with pytest.raises(ValueError, match="'=>' is no relation"):
        Relation(x, "=>", y)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (relation(softplus(-β * x), "<=", log(2)), "sp(−β·x) ≤ log(2)"),
        (Not(relation(x, ">", y)), "x ≤ y"),
        (Iff(relation(x, "=", 0), relation(y, "!=", 0)), "x = 0 iff y ≠ 0"),
        (Implies(relation(x, "<", 0), relation(y, ">=", 0)), "y ≥ 0 if x < 0"),
        (relation(x, ">", 0) | relation(y, ">", 0), "x > 0 or y > 0"),
        (Rounds(log(2), "0.6931"), "log(2) = 0.6931, rounded"),
        (Not(All((relation(x, ">", 0), relation(y, ">", 0)))), "not (x > 0 and y > 0)"),
        (Not(relation(x, ">=", y)), "x < y"),
        (Not(relation(x, "=", y)), "x ≠ y"),
        (Not(relation(x, "<", y)), "x ≥ y"),
        (Not(relation(x, ">", y), said="not so"), "not so"),
        (Rounds(x, "-0.50"), "x = −0.50, rounded"),
        (Saying("briefly", relation(x, ">", 0)), "briefly"),
    ],
)
def test_words(condition, words):
    assert str(condition) == words


@pytest.mark.parametrize(
    ("op", "shown"), [(">=", r"\ge"), ("<=", r"\le"), ("!=", r"\ne"), (">", ">"), ("<", "<"), ("=", "=")]
)
def test_latex(op, shown):
    assert relation(β**2, op, x / 2).latex == rf"β^{{2}} {shown} \frac{{x}}{{2}}"


def test_a_relation_is_sent_elsewhere_before_and_after_it_was_evaluated():
    square = Relation(x**2, ">=", y, noise=1e-6)
    for _ in range(2):
        received = pickle.loads(pickle.dumps(square))
        assert (received, received.words, received.decide({x: 2, y: 5})) == (square, "x² ≥ y", False)
        assert received.violated(at(2, 5)) == square.violated(at(2, 5))


def test_the_symbols_of_a_relation_are_those_of_both_sides_by_name():
    assert relation(y + β, "<", x).symbols == (x, y, β)
    assert Rounds(y - x, "1").symbols == (x, y)


def test_rounding_is_measured_on_the_smaller_side_and_from_one_on():
    def at_zero(gap, noise=1e-4):
        return relation(x, ">", y, noise=noise).satisfied({x: np.array([gap]), y: np.array([0.0])})[0]

    assert at_zero(1.01e-4) > 0 > at_zero(0.99e-4)
    mixed = relation(x, ">", y, noise=1e-4)
    assert mixed.satisfied({x: np.array([9.0]), y: np.array([8.9992])})[0] < 0, "nearly a thousandth, of nine"
    assert mixed.satisfied({x: np.array([9.0]), y: np.array([-8.9992])})[0] > 0
    assert relation(x, ">", y, noise=0).satisfied({x: np.array([1e-15]), y: np.array([0.0])})[0] > 0
    equal = relation(x, "=", y, noise=1e-4)
    assert equal.satisfied({x: np.array([0.99e-4]), y: np.array([0.0])})[0] > 0
    assert equal.violated({x: np.array([1.01e-4]), y: np.array([0.0])})[0] > 0


def test_an_infinite_side_of_an_infinite_quantity_is_compared():
    known = relation(x + y, ">", 3)
    assert known.satisfied({x: np.array([np.inf, -np.inf]), y: np.array([1.0, 1.0])}).tolist() == [np.inf, -np.inf]
    two = {x: np.array([np.inf, np.inf]), y: np.array([-np.inf, np.inf])}
    np.testing.assert_array_equal(relation(x, ">", y).satisfied(two), [np.inf, np.nan])
    np.testing.assert_array_equal(relation(x, "=", y).satisfied(two), [-np.inf, np.nan])
    assert np.isnan(relation(1 / x, "<", y).satisfied({x: np.array([0.0]), y: np.array([1.0])})[0])
    assert relation(1 / x, "<", y).satisfied({x: np.array([0.0]), y: np.array([np.inf])})[0] != 0


def test_without_symbols_a_relation_is_one_number():
    assert float(relation(sympy.Integer(3), ">", 2).satisfied({})) > 0
    assert float(relation(sympy.Integer(3), "<", 2).violated({})) > 0


@settings(max_examples=20)
@given(a=st.fractions(-3, 3, max_denominator=7), b=st.fractions(Fraction(1, 7), 3, max_denominator=7))
def test_floats_and_enclosures_of_an_expression_agree(a, b):
    whole = softplus(x * β) + sigmoid(x) * sqrt(β) - abs(x) + least(x, β) * greatest(x, 1) + positive_part(x - β)
    whole = whole + exp(-x) * log(β) - sympy.tanh(x) + sympy.asinh(x) ** 2 + β ** sympy.Rational(1, 3)
    known = relation(whole, ">", 0)
    float_value = known.satisfied({x: np.array([float(a)]), β: np.array([float(b)])})[0]
    enclosed = enclose(whole, {x: a, β: b})
    assert abs(float_value - float(enclosed.lo)) < 1e-8 * (1 + abs(float(enclosed.lo)))


def test_rounding_to_decimals_is_exact():
    assert Rounds(log(2), "0.693147").decide({}) is True
    assert Rounds(log(2), "0.693148").decide({}) is False
    assert Rounds(log(2), "0.69315").decide({}) is True
    assert Rounds(x, "0.5").decide({x: Fraction(55, 100)}) is False, "half a unit is not within half a unit"


@pytest.mark.parametrize(("decimals", "half"), [("0.5", 0.05), ("0.50000", 5e-6), ("0.5000000000", 5e-11), ("-2", 0.5)])
def test_floats_are_told_from_printed_decimals_to_half_a_unit(decimals, half):
    known, printed = Rounds(x, decimals), float(decimals)
    for share, inside in ((-1.1, False), (-0.9, True), (0, True), (0.9, True), (1.1, False)):
        values = {x: np.array([printed + share * half])}
        assert bool(known.satisfied(values)[0] > 0) is inside
        assert bool(known.violated(values)[0] > 0) is not inside


def _is_even(k):
    """k is even."""
    return k % 2 == 0


def test_a_predicate_is_its_first_line():
    values = {"instances": [{"k": 2}, {"k": 3}]}
    assert str(Holds(_is_even)) == "k is even"
    assert Holds(_is_even).satisfied(values).tolist() == [1, -1]
    assert Holds(_is_even).violated(values).tolist() == [-1, 1]
    assert Holds(_is_even).decide({"instances": [{"k": 2}]}) is True


@pytest.mark.parametrize(
    "by_floats",
    [
        lambda k: float(k) < 1,
        lambda k: math.exp(k) < 9,
        lambda k: np.asarray([k], float)[0] < 1,
        lambda k: float(2 * k - 1) < 1,
        lambda k: 0.1 * k < 1,
        lambda k: abs(-k) ** 0.5 < 1,
    ],
)
def test_a_predicate_that_uses_floats_decides_nothing_exactly(by_floats):
    values = {"instances": [{"k": Fraction(1, 2)}]}
    assert Holds(by_floats).satisfied(values) == [1]
    assert Holds(by_floats).decide(values) is None


@pytest.mark.parametrize("value", [0.5, [(0.5,)], np.zeros(1), {"a": 0.5}, object()])
def test_a_predicate_that_is_given_floats_decides_nothing_exactly(value):
    assert Holds(lambda k: k is not None).decide({"k": value}) is None


def test_a_predicate_of_whole_numbers_and_fractions_is_exact():
    labels = (((0, 1), Fraction(1, 3)), ((1, 0), Fraction(2, 3)))
    assert Holds(lambda labels: sum(weight for _, weight in labels) == 1).decide({"labels": labels}) is True
    assert Holds(lambda labels: sum(weight for _, weight in labels) > 1).decide({"labels": labels}) is False


def test_a_predicate_of_parts_that_are_not_there_decides_nothing():
    assert Holds(lambda k: k > 0).decide({"j": 1}) is None
    assert Holds(_is_even).decide({"k": 3, "j": 0.5}) is False, "what it does not ask for may be anything"


def test_the_words_of_a_predicate_without_any_are_its_name():
    def nameless(k):
        return k > 0

    assert str(Holds(nameless)) == "nameless"


def test_a_predicate_answers_true_or_false():
    with pytest.raises(TypeError, match="neither True nor False"):
        Holds(lambda k: k).satisfied({"instances": [{"k": 2}]})


def test_the_pieces_of_a_claim_and_the_premises_that_somebody_has_to_meet():
    a, b, c = (relation(x, ">", k) for k in range(3))
    assert pieces(a) == (a,)
    assert pieces(All((a, Iff(b, c)))) == (a, Implies(b, c), Implies(c, b))
    assert premises(a) == ()
    assert premises(All((a, Implies(b, Implies(c, a))))) == (b, c)
    assert [str(premise) for premise in premises(Saying("so", Iff(b, c)))] == ["x > 1", "x ≤ 1"]


def test_what_says_nothing_or_hides_is_refused():
    with pytest.raises(ValueError, match="nothing would be said"):
        All(())
    with pytest.raises(ValueError, match="is rounding"):
        relation(x, "<", 5, noise=1e-3)
    with pytest.raises(ValueError, match="is rounding"):
        relation(x, "<", 5, noise=-1e-9)
    relation(x, "<", 5, noise=1e-4)
    for no_decimals in ("1e-3", "0.25 ", ".25", "1.", ""):
        with pytest.raises(ValueError, match="no printed decimals"):
            Rounds(sympy.Rational(1, 4), no_decimals)


def test_infinite_at_finite_numbers_is_no_value_but_an_infinite_quantity_is():
    pole = relation(1 / x, ">", 0)
    assert np.isnan(pole.violated({x: np.array([0.0])})).all()
    assert relation(x, ">", 0).satisfied({x: np.array([np.inf])})[0] == np.inf


def test_a_float_in_a_relation_is_the_decimals_that_it_prints():
    tenth = relation(0.1 * x + 0.25, "<", 2.0)
    assert str(tenth) == "x/10 + 1/4 < 2"
    assert relation(x, "=", 0.1).decide({x: Fraction(1, 10)}) is True
    assert relation(0.1, "=", x).decide({x: Fraction(0.1)}) is False


def test_a_condition_at_a_point_is_of_that_point_alone():
    there = At(relation(x**2, "<", y), {x: Fraction(1, 2), y: 1})
    assert str(there) == "x² < y at x = 1/2, y = 1"
    assert there.decide({}) is there.decide({x: 9, y: 0}) is True
    assert At(relation(x, "<", y), {x: 2, y: 1}).decide({}) is False
    assert float(there.satisfied({})) == pytest.approx(3 / 4)
    assert float(there.violated({})) == pytest.approx(-3 / 4)


class Own(Condition):
    words = "own"


OWN = Own()


@pytest.mark.parametrize(
    "around",
    [
        *(OWN, Not(OWN), All((FIRST, OWN)), Saying("so", OWN), At(OWN, {})),
        *(Implies(FIRST, OWN), Implies(OWN, FIRST), Iff(FIRST, Not(OWN))),
    ],
)
def test_a_condition_of_somebody_elses_is_found_inside_any_other(around):
    assert foreign(around) is OWN
    assert OWN in list(within(around))


def test_the_kernels_own_conditions_are_not_foreign():
    known = Iff(All((FIRST, Not(Rounds(x, "0.5")))), Implies(Saying("so", At(FIRST, {x: 1})), Holds(_is_even)))
    assert foreign(known) is None
    assert [type(part).__name__ for part in within(known)] == [
        *("Iff", "All", "Relation", "Not", "Rounds", "Implies", "Saying", "At", "Relation", "Holds")
    ]


def test_what_no_exact_arithmetic_reads_is_named_on_either_side():
    strange = sympy.gamma(x)
    assert unread(Not(relation(1 + strange, ">", 0))) == unread(FIRST & relation(0, ">", y - strange)) == strange
    assert unread(FIRST) is unread(Holds(_is_even)) is None
