"""The pieces of evidence: what each establishes, what each refuses, and what it says when it cannot tell."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy

from proofs_checks.kernel import evidence, symbolic
from proofs_checks.kernel.arithmetic import derivative, exp, log, positive_part, sigmoid, softplus, sqrt, total
from proofs_checks.kernel.evidence import (
    COUNT,
    NONNEGATIVE,
    POSITIVE,
    REAL,
    UNIT,
    AnyFunction,
    Box,
    Domain,
    Evidence,
    Exact,
    Exhaustive,
    Identity,
    Quantifier,
    Sampled,
    Sign,
)
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.interval import Interval
from proofs_checks.kernel.relation import relation

x = sympy.Symbol("x", real=True)


def identity(left, right, **over):
    return Identity("planted", {}, left, right, over)


def sign(f, weak=False, **over):
    return Sign("planted", {}, f, over, weak)


def test_a_true_identity_passes_and_says_how_many_points_agree():
    found = identity(lambda x: softplus(x) - softplus(-x), lambda x: x, x=REAL).run()
    assert found.passed is True
    assert found.summary == "computer algebra brings the difference to 0; 16 exact points agree"
    assert found.residual < 1e-12


def test_the_residual_is_beside_the_size_of_the_sides():
    found = identity(lambda x: exp(x + 300) * 2, lambda x: exp(x + 300) + exp(x) * exp(300), x=REAL).run()
    assert found.passed is True
    assert found.residual < 1e-12


def test_a_point_where_the_sides_are_barely_known_does_not_count():
    about = AnyFunction(lambda x: Interval.hull(-(10**9), 10**9))
    barely = identity(lambda f, x: f(x) + f(x), lambda f, x: 2 * f(x), x=REAL, f=about).run()
    assert barely.passed is None
    assert barely.summary.startswith("the enclosures of the sides are too wide")
    sometimes = AnyFunction(lambda x: Interval.hull(0, 1) if x > 2 else Interval.of(1))
    found = identity(
        lambda f, x: f(x) + f(x), lambda f, x: 2 * f(x), x=POSITIVE, f=replace(sometimes, positive=True)
    ).run()
    assert found.passed is True
    assert found.residual == 0
    assert found.summary.endswith(" 7 exact points agree")


@pytest.mark.parametrize(
    "false",
    [
        identity(lambda x: softplus(x) - softplus(-x), lambda x: Fraction(1001, 1000) * x, x=REAL),
        identity(lambda x: sqrt(x**2), lambda x: x, x=REAL),
        identity(lambda x: sqrt(x) ** 2, lambda x: x + Fraction(1, 10**9), x=POSITIVE),
        identity(lambda x: derivative(lambda y: y**3)(x), lambda x: 3 * x**2 + x * 0 + Fraction(1, 10**6), x=REAL),
        identity(lambda n: total(lambda k: k, 1, n), lambda n: n * n / 2, n=COUNT),
        identity(lambda p: p * (1 - p), lambda p: p - p**3, p=UNIT),
        identity(lambda x: abs(x), lambda x: x, x=REAL),
    ],
)
def test_a_false_identity_is_refuted_at_a_point(false):
    found = false.run()
    assert found.passed is False
    assert found.witness


@pytest.mark.parametrize(
    ("undefined", "where"),
    [
        (identity(lambda x: x / x, lambda x: 1 + 0 * x, x=REAL), "x = 0"),
        (identity(lambda x: x / x, lambda x: 1 + 0 * x, x=NONNEGATIVE), "x = 0"),
        (identity(lambda x: sqrt(x) ** 2, lambda x: x, x=REAL), "x = -"),
        (identity(lambda x, y: (x - y) / (x - y), lambda x, y: 1 + 0 * x, x=REAL, y=REAL), "x = "),
        (identity(lambda x: log(x) - log(x), lambda x: 0 * x, x=NONNEGATIVE), "x = 0"),
    ],
)
def test_a_side_that_the_domain_does_not_define_is_no_identity(undefined, where):
    """Computer algebra writes x/x = 1 and √x² = x without asking where."""
    found = undefined.run()
    assert found.passed is None
    assert where in found.summary


def test_where_it_is_defined_it_holds():
    assert identity(lambda x: x / x, lambda x: 1 + 0 * x, x=POSITIVE).run().passed is True


def test_the_same_formula_twice_checks_nothing():
    same = lambda x: exp(x) + 1  # noqa: E731
    assert identity(same, same, x=REAL).run().passed is None
    assert identity(lambda x: exp(x) + 1, lambda x: exp(x) + 1, x=REAL).run().passed is None
    make = lambda c: lambda x: exp(x) + c  # noqa: E731
    assert identity(make(1), make(2), x=REAL).run().passed is False, "the same text with another constant"


def test_computer_algebra_is_not_believed_alone(monkeypatch):
    """It is told to answer 0; the exact points still differ."""
    monkeypatch.setattr(symbolic, "simplifies_to_zero", lambda expression: True)
    assert identity(lambda x: exp(x), lambda x: exp(x) + 1, x=REAL).run().passed is False
    assert identity(lambda x: softplus(x) - softplus(-x), lambda x: x, x=REAL).run().passed is True


def test_points_alone_are_not_enough(monkeypatch):
    monkeypatch.setattr(symbolic, "simplifies_to_zero", lambda expression: False)
    found = identity(lambda x: softplus(x) - softplus(-x), lambda x: x, x=REAL).run()
    assert found == Finding(None, "no rewriting rule brings the difference of the two sides to 0")


def test_an_identity_in_any_function():
    squares = AnyFunction(lambda t: t * t)
    product = identity(
        lambda t, M: derivative(lambda s: s * M(s))(t), lambda t, M: M(t) + t * derivative(M)(t), t=POSITIVE, M=squares
    )
    assert product.run().passed is True
    wrong = identity(
        lambda t, M: derivative(lambda s: s * M(s))(t), lambda t, M: M(t) + derivative(M)(t), t=POSITIVE, M=squares
    )
    assert wrong.run().passed is False


def test_derivatives_and_sums_are_evaluated_a_second_time():
    gauss = identity(lambda n: total(lambda k: k, 1, n), lambda n: n * (n + 1) / 2, n=COUNT)
    assert gauss.run().passed is True
    slope = identity(lambda x: derivative(softplus)(x), lambda x: sigmoid(x), x=REAL)
    assert slope.run().passed is True


@pytest.mark.parametrize("domain", Domain)
def test_a_domain_is_tested_inside_and_at_its_boundary(domain):
    inside = {
        Domain.REAL: lambda v: True,
        Domain.POSITIVE: lambda v: v > 0,
        Domain.NONNEGATIVE: lambda v: v >= 0,
        Domain.UNIT: lambda v: 0 < v < 1,
        Domain.COUNT: lambda v: v >= 1 and int(v) == v,
    }[domain]
    assert all(inside(value) for value in [*domain.spots, *domain.boundary])
    assert len(set(domain.spots)) == {Domain.REAL: 60, Domain.COUNT: 5}.get(domain, 30)
    assert any(value < 0 for value in domain.spots) is (domain is Domain.REAL)
    assert (0 in domain.boundary) is (domain in (Domain.REAL, Domain.NONNEGATIVE))
    assert domain.symbol("a").is_real is True
    assert domain.symbol("a").is_positive is (True if domain in (Domain.POSITIVE, Domain.UNIT, Domain.COUNT) else None)


def test_signs():
    assert sign(lambda x: exp(x) / (1 + exp(x)) ** 2, x=REAL).run().passed is True
    assert sign(lambda x: softplus(x) * sigmoid(-x), x=REAL).run().passed is True
    assert Sign("above 0", {}, lambda x: x**2, {"x": REAL}).run().passed is False, "not at 0"
    assert sign(lambda x: x**2, weak=True, x=REAL).run().passed is True
    assert sign(lambda x: -(x**2), weak=True, x=REAL).run().passed is False
    assert sign(lambda x: x, x=NONNEGATIVE).run().passed is False
    assert sign(lambda x: x, weak=True, x=NONNEGATIVE).run().passed is True
    assert sign(lambda x: 1 / x, x=NONNEGATIVE).run().passed is None
    assert sign(lambda x: exp(x) - x - Fraction(1, 2), x=REAL).run().passed is None, "true, by no rule of sign"
    assert sign(lambda x: exp(x) - 1, x=REAL).run().passed is False


def test_a_sign_that_needs_factoring():
    assert sign(lambda x, y: x**2 + 2 * x * y + y**2, weak=True, x=REAL, y=REAL).run().passed is True
    assert symbolic.sign_by_rules(sympy.Symbol("a", real=True)) is False


def test_boxes():
    assert Box("b", {}, lambda x: exp(x) - x - Fraction(1, 2), {"x": (-5, 5)}).run().passed is True
    assert Box("b", {}, lambda x: exp(x) - 1 - x, {"x": (-1, 1)}).run().passed is False
    assert Box("b", {}, lambda x: x, {"x": (0, 1)}, strict=False).run().passed is True
    assert Box("b", {}, lambda x: (x**2 - Fraction(1, 2)) ** 2, {"x": (0, 1)}, max_boxes=9).run().passed is None
    assert Box("b", {}, lambda x: x, {"x": (0, 1)}).domain == "x ∈ [0, 1]"


def test_a_box_takes_the_relation_that_is_printed():
    known = relation(softplus(x), ">", x)
    assert Box("b", {}, known, {x: (-5, 5)}).run().passed is True
    assert Box("b", {}, relation(x, "<", softplus(x) - log(2)), {x: (-5, 5)}).run().passed is False
    assert Box("b", {}, relation(x**2, ">=", 0), {x: (-1, 1)}).run().passed is True
    assert Box("b", {}, relation(x**2, ">", 0), {x: (-1, 1)}).run().passed is False
    with pytest.raises(ValueError, match="no inequality"):
        Box("b", {}, relation(x, "=", 0), {x: (-1, 1)}).run()


def exhaustive(cases, of, test):
    return Exhaustive("e", {}, cases, of, test)


def test_a_finite_list_is_gone_through_and_counted():
    found = exhaustive(lambda: range(1, 6), 5, lambda k: k * k >= k).run()
    assert (found.passed, found.summary) == (True, "all 5 of 5 cases")
    failed = exhaustive(lambda: range(5), 5, lambda k: k < 3).run()
    assert (failed.passed, failed.summary, failed.witness) == (False, "case 4 of 5 fails", "3")
    assert exhaustive(lambda: [(1, 2), (2, 3)], 2, lambda a, b: a < b).run().passed is True


@pytest.mark.parametrize(
    "nothing",
    [
        exhaustive(list, 0, lambda k: True),
        exhaustive(list, 3, lambda k: True),
        exhaustive(lambda: range(4), 5, lambda k: True),
        exhaustive(lambda: range(6), 5, lambda k: True),
        exhaustive(lambda: range(5), 5, lambda k: None if k == 2 else True),
    ],
)
def test_nothing_and_not_all_is_not_all(nothing):
    assert nothing.run().passed is None


def test_a_test_answers_true_false_or_none():
    with pytest.raises(TypeError, match="True, False or None"):
        exhaustive(lambda: range(3), 3, lambda k: (k for _ in ())).run()


def test_one_instance_exactly():
    third = Exact("e", {}, relation(3 * x, "=", 1), {x: Fraction(1, 3)})
    assert third.run().passed is True
    assert third.run().witness == "x = 1/3"
    assert Exact("e", {}, relation(3 * x, "=", 1), {x: Fraction(33, 100)}).run().passed is False
    assert Exact("e", {}, relation(exp(x), "=", exp(x)), {x: 1}).run().passed in (True, None)
    assert Exact("e", {}, relation(log(x), ">", 0), {x: -1}).run().passed is None
    with pytest.raises(TypeError, match="exact number"):
        Exact("e", {}, relation(x, ">", 0), {x: 0.5}).run()


@pytest.mark.parametrize(
    ("known", "fates"),
    [
        (
            Identity(
                "i",
                {"2x": lambda x: 2 * x, "the pair": (lambda x: 1 + x, lambda x: x)},
                lambda x: x + 0 * exp(x),
                lambda x: x,
                {"x": REAL},
            ),
            [False, False],
        ),
        (
            Identity("i", {"no wrong version": lambda x: x + 0}, lambda x: x + 0 * exp(x), lambda x: x, {"x": REAL}),
            [True],
        ),
        (Sign("s", {"−": lambda x: -exp(x)}, lambda x: exp(x), {"x": REAL}), [False]),
        (Sign("s", {"weak": lambda x: -exp(x)}, lambda x: x**2, {"x": REAL}, True), [False]),
        (Box("b", {"less 1": lambda x: x - 1}, lambda x: x, {"x": (0, 1)}, False), [False]),
        (Exhaustive("e", {"k < 2": lambda k: k < 2}, lambda: range(3), 3, lambda k: k < 3), [False]),
        (Sampled("e", {"k < 2": lambda k: k < 2}, lambda: range(3), 3, lambda k: k < 3), [False]),
        (Exact("e", {"at 2": {x: 2}, "x < 0": relation(x, "<", 0)}, relation(x, "=", 1), {x: 1}), [False, False]),
    ],
)
def test_wrong_versions_go_through_the_same_machinery(known, fates):
    assert [found.passed for _, found in known.near_misses()] == fates
    assert known.run().passed is True


def test_each_kind_has_its_quantifier():
    kinds = {
        Identity: "IDENTITY",
        Sign: "SIGN",
        Box: "BOX",
        Exhaustive: "EXHAUSTIVE",
        Sampled: "SAMPLED",
        Exact: "EXACT",
    }
    assert {kind.quantifier.name for kind in kinds} == set(kinds.values())
    assert all(kind.quantifier is Quantifier[name] for kind, name in kinds.items())
    assert Evidence("none", {}).domain == ""


def test_domains_in_words():
    known = identity(
        lambda a, b, p, n, M: a, lambda a, b, p, n, M: b, a=REAL, b=POSITIVE, p=UNIT, n=COUNT, M=AnyFunction(exp)
    )
    assert known.domain == "a any real number; b > 0; p between 0 and 1; n a whole number ≥ 1; M any smooth function"
    assert identity(lambda a, b: a, lambda a, b: b, a=POSITIVE, b=POSITIVE).domain == "a, b > 0"
    assert exhaustive(list, 7, bool).domain == "7 cases"


@pytest.mark.parametrize("passed", [1, 0, "yes", [], (True for _ in ()), Finding(True, "")])
def test_a_finding_is_true_false_or_none(passed):
    with pytest.raises(TypeError, match="True, False or None"):
        Finding(passed, "")


@pytest.mark.parametrize(
    ("step", "formula"),
    [
        (identity(lambda x: exp(x) - 1, lambda x: 2 * x, x=REAL), "e^x − 1 = 2·x"),
        (sign(lambda x: exp(x), x=REAL), "e^x > 0"),
        (sign(lambda x: x**2, weak=True, x=REAL), "x² ≥ 0"),
        (Box("planted", {}, lambda x: x - 1, {"x": (2, 3)}), "x − 1 > 0"),
        (Box("planted", {}, lambda x: x - 1, {"x": (2, 3)}, strict=False), "x − 1 ≥ 0"),
        (Box("planted", {}, lambda x: x.positive_part(), {"x": (2, 3)}), ""),
        (Box("planted", {}, relation(x, "<", 4), {x: (2, 3)}), "x < 4"),
        (Exact("planted", {}, relation(x, "<", 4), {x: 3}), "x < 4"),
    ],
)
def test_what_is_checked_is_printed_from_what_is_run(step, formula):
    assert step.formula == formula


@pytest.mark.parametrize(
    ("domain", "beyond"),
    [
        (REAL, lambda x: positive_part(x - 39)),
        (REAL, lambda x: positive_part(-x - 4)),
        (REAL, lambda x: positive_part(Fraction(1, 10**6) - abs(x))),
        (POSITIVE, lambda x: positive_part(x - 39)),
        (POSITIVE, lambda x: positive_part(Fraction(1, 10**5) - x)),
        (NONNEGATIVE, lambda x: positive_part(x - 39)),
        (NONNEGATIVE, lambda x: positive_part(Fraction(1, 10**7) - x)),
        (NONNEGATIVE, lambda x: positive_part(1 - (10**7 * x - 10) ** 2)),
        (UNIT, lambda x: positive_part(Fraction(1, 10**5) - x)),
        (UNIT, lambda x: positive_part(x - 1 + Fraction(1, 10**5))),
        (COUNT, lambda x: positive_part(1 - (x - 20) ** 2)),
        *((domain, lambda x: positive_part(1 - (x - 40) ** 2)) for domain in (REAL, POSITIVE, NONNEGATIVE)),
        *(
            (domain, lambda x: positive_part(1 - 100 * (10**6 * x - 1) ** 2))
            for domain in (POSITIVE, NONNEGATIVE, UNIT)
        ),
        (REAL, lambda x: positive_part(1 - 100 * (10**6 * x + 1) ** 2)),
        (UNIT, lambda x: positive_part(1 - 100 * (10**6 * (1 - x) - 1) ** 2)),
        (COUNT, lambda x: positive_part(2 - x)),
    ],
)
def test_a_domain_is_looked_at_near_its_ends(domain, beyond):
    """What differs there alone differs: at 40, at a millionth, at 0, a millionth below 1, at the count 20."""
    found = identity(lambda x: softplus(x) - softplus(-x) + beyond(x), lambda x: x, x=domain).run()
    assert found.passed is False
    assert sign(lambda x: exp(x) - (10**20) * beyond(x), x=domain).run().passed is False


def test_computer_algebra_knows_of_each_domain_what_its_words_say():
    known = {domain: domain.symbol("s") for domain in Domain}
    assert all(symbol.is_real for symbol in known.values())
    assert {domain for domain in Domain if known[domain].is_positive} == {POSITIVE, UNIT, COUNT}
    assert {domain for domain in Domain if known[domain].is_nonnegative} == {POSITIVE, UNIT, COUNT, NONNEGATIVE}
    assert {domain for domain in Domain if known[domain].is_integer} == {COUNT}


def test_the_inside_of_each_domain():
    sevenths = tuple(Fraction(k, 7) for k in range(1, 31))
    assert sorted(REAL.spots) == sorted([*sevenths, *(-spot for spot in sevenths)])
    assert POSITIVE.spots == NONNEGATIVE.spots == sevenths
    assert UNIT.spots == tuple(Fraction(k, 31) for k in range(1, 31))
    assert COUNT.spots == (1, 2, 3, 4, 5)


def test_the_ends_of_each_domain():
    small = Fraction(1, 10**6)
    assert {domain: domain.boundary for domain in Domain} == {
        REAL: [0, -small, 40],
        POSITIVE: [small, 40],
        NONNEGATIVE: [0, small, 40],
        UNIT: [small, 1 - small],
        COUNT: [1, 20],
    }


def test_points_are_inside_then_each_symbol_at_each_end_then_all_at_their_first():
    points = list(evidence._numbers({"a": REAL, "b": POSITIVE, "M": AnyFunction(exp)}))
    inside, ends, first = points[:12], points[12:17], points[17:]
    assert all(set(point) == {"a", "b"} for point in points)
    assert all(point["a"] in REAL.spots and point["b"] in POSITIVE.spots for point in inside)
    assert len({tuple(point.values()) for point in inside}) > 6
    assert [point["a"] for point in ends[:3]] == REAL.boundary
    assert [point["b"] for point in ends[3:]] == POSITIVE.boundary
    assert {point["b"] for point in ends[:3]} <= {point["b"] for point in inside}
    assert {point["a"] for point in ends[3:]} <= {point["a"] for point in inside}
    assert first == [{"a": REAL.boundary[0], "b": POSITIVE.boundary[0]}]
    assert list(evidence._numbers({"M": AnyFunction(exp)})) == [{}] * 12


def test_a_count_stays_a_number_and_what_else_there_is_becomes_an_interval():
    _, arguments = next(evidence._points({"n": COUNT, "x": REAL}))
    assert isinstance(arguments["n"], Fraction)
    assert isinstance(arguments["x"], Interval)


def test_any_function_is_also_one_that_is_zero_there():
    squares = AnyFunction(lambda t: t * t + 1)
    given, zero = squares.at({"t": Interval.of(3)})
    assert (given(2), zero(Interval.of(3)) == 0, zero(Interval.of(5)) == 16) == (5, True, True)
    assert squares.at({}) == (squares.instance,)
    assert replace(squares, positive=True).at({"t": 3}) == (squares.instance,)
    assert (squares.value, replace(squares, positive=True).value) == (
        "any smooth function",
        "any smooth positive function",
    )


def nested(x):
    return (lambda y: y if y < 1 else 2 * y)(x)


def caught(x):
    try:
        return 1 / (x - Fraction(1, 3)) - 1 / (x - Fraction(1, 3)) + x
    except ArithmeticError:
        return 5


@pytest.mark.parametrize(
    "branching",
    [
        lambda x: x if x > 0 else 0 * x,
        lambda x: x + (x == 3),
        lambda x: x + (x in (1, 2)),
        lambda x: x + (x is None),
        lambda x: x - Fraction(1, 3) or 1,
        lambda x: x - Fraction(1, 3) and x,
        lambda x: x + (not x - Fraction(1, 3)),
        nested,
        caught,
    ],
)
def test_a_formula_that_branches_is_said_to(branching):
    said = "branches on its argument: the points checked say nothing of the others"
    assert identity(branching, lambda x: 1 * x, x=REAL).run() == Finding(None, f"a side {said}")
    assert identity(lambda x: 1 * x, branching, x=REAL).run() == Finding(None, f"a side {said}")
    assert sign(branching, x=REAL).run() == Finding(None, f"it {said}")


def test_who_looks_in_a_formulas_place_is_named():
    """6 is among no points: a table, a helper and a comparison that is called would pass at all of them."""
    said = "asks an object for its get: the points checked say nothing of the others"
    assert identity(lambda n: n + {6: 1}.get(n, 0), lambda n: 1 * n, n=COUNT).run() == Finding(None, f"a side {said}")
    assert sign(lambda n: n + {6: 1}.get(n, 0), n=COUNT).run() == Finding(None, f"it {said}")
    helped = identity(lambda x: nested(x), lambda x: 1 * x, x=REAL).run()
    assert helped.summary.startswith("a side branches on its argument")


def test_a_box_that_asks_for_an_end_is_not_decided():
    peeking = Box("b", {}, lambda x: Interval(x.lo, x.lo) + 1, {"x": (0, 1)}).run()
    said = "it asks an interval for an end: what it answers there says nothing of the rest"
    assert peeking == Finding(None, said)


def test_floats_decide_no_case_unless_they_are_proposals():
    half = 0.5
    by_name = exhaustive(lambda: range(3), 3, lambda k: k * half < 9)
    assert by_name.run() == Finding(None, "the test names floats, which decide nothing exactly")
    given = exhaustive(lambda: [1, 0.5], 2, lambda k: k < 9)
    assert given.run() == Finding(None, "case 2 of 2 is decided by floats", witness="0.5")
    for proposal in (by_name, given):
        found = replace(proposal, proposed="certified in intervals").run()
        assert (found.passed, found.summary.split(" cases")[1]) == (True, ", certified in intervals")
        sampled = Sampled("s", {}, proposal.cases, proposal.of, proposal.test).run()
        assert (sampled.passed, sampled.summary.endswith(" cases")) == (True, True)


def test_equal_cases_are_one_case():
    for twice in ([1, Fraction(2, 2)], [(1, 2), [1, 2]], [{"a": 1}, {"a": Fraction(1)}]):
        found = exhaustive(lambda twice=twice: twice, 2, lambda *k: True).run()
        assert found.summary == "case 2 was there before: each counts once"
    by_an_object = exhaustive(lambda: [object(), object()], 2, lambda k: True).run()
    assert by_an_object.summary == "case 1 of 2 is decided by floats"


def test_a_sum_over_a_range_is_no_branch():
    """It jumps back to its next term whatever its argument is."""
    assert identity(lambda x: sum(k * x for k in range(4)), lambda x: 6 * x, x=REAL).run().passed is True


def test_an_interval_has_no_truth_value_that_a_formula_could_use():
    """On symbols every expression is true: there it is x, and at 1/3, which no point meets, 5."""
    hidden = identity(lambda x: x + 5 * (1 - bool(x - Fraction(1, 3))), lambda x: x + 0 * exp(x), x=REAL)
    assert hidden.run().passed is None


def test_what_is_found_is_said_in_words():
    false = identity(lambda x: exp(x), lambda x: exp(x) + 1, x=POSITIVE).run()
    assert (false.summary, false.witness.split(" = ")[0]) == ("the two sides differ", "x")
    same = identity(lambda x: exp(x), lambda x: exp(x), x=REAL).run()
    assert same.summary == "both sides are the same formula: nothing was checked"
    assert sign(lambda x: exp(x) - 2, x=REAL).run().summary == "not positive"
    assert sign(lambda x: exp(x), x=REAL).run().summary == "> 0 by the rules of sign, for all values"
    assert sign(lambda x: x**2, weak=True, x=REAL).run().summary == "≥ 0 by the rules of sign, for all values"
    assert sign(lambda x: 1 / x, x=NONNEGATIVE).run().summary == "it is not defined at x = 0, which the domain allows"
    undecided = sign(lambda x: exp(x) - x - Fraction(1, 2), x=REAL).run()
    assert undecided.summary == "the rules of sign do not decide it"
    twice = exhaustive(lambda: [1, 2, 1], 3, lambda k: True).run()
    assert twice == Finding(None, "case 3 was there before: each counts once", witness="1")
    unsure = exhaustive(lambda: [4, 5], 2, lambda k: None if k == 5 else True).run()
    assert unsure == Finding(None, "case 2 of 2 is not decided", witness="5")
    assert exhaustive(lambda: [4, 5], 3, bool).run() == Finding(None, "2 cases were checked, 3 are claimed")
    assert Exact("e", {}, relation(log(x), ">", 0), {x: -1}).run() == Finding(
        None, "exact arithmetic does not decide: log(x) > 0", witness="x = -1"
    )
    assert Exact("e", {}, relation(log(2), ">", 1)).run() == Finding(False, "log(2) > 1: false, exactly")
    assert Exact("e", {}, relation(log(3), ">", 1)).run().summary == "log(3) > 1: true, exactly"


def test_a_case_that_is_several_values_is_unpacked_and_one_value_is_not():
    assert exhaustive(lambda: [(1, 2)], 1, lambda a, b: (a, b) == (1, 2)).run().passed is True
    assert exhaustive(lambda: [[1, 2]], 1, lambda pair: pair == [1, 2]).run().passed is True


def test_the_sides_of_a_box_and_its_strictness_are_those_of_the_relation():
    for op, holds in ((">", False), (">=", True), ("<", False), ("<=", True)):
        known = relation(x, op, 0) if op in (">", ">=") else relation(-x, op, 0)
        assert Box("b", {}, known, {x: (0, 1)}).run().passed is holds, op
        strict_is_ignored = Box("b", {}, known, {x: (0, 1)}, strict=not holds).run()
        assert strict_is_ignored.passed is holds
    assert Box("b", {}, lambda x: x, {"x": (0, 1)}).strict
    assert Box("b", {}, lambda x: x + 1, {"x": (0, 1), "y": (2, Fraction(5, 2))}).domain == "x ∈ [0, 1], y ∈ [2, 5/2]"


def test_where_two_formulas_are_one():
    def with_default(x, c=1):
        return exp(x) + c

    def with_another(x, c=2):
        return exp(x) + c

    assert identity(with_default, with_another, x=REAL).run().passed is False, "another default"
    assert identity(lambda x: exp(x) + 1, lambda x: exp(x) + 2, x=REAL).run().passed is False, "another constant"
    assert identity(lambda x: exp(x), lambda x: log(x), x=POSITIVE).run().passed is False, "another name"


def test_evidence_itself_says_nothing():
    nothing = Evidence("none", {})
    assert (nothing.domain, nothing.formula, nothing.quantifier, list(nothing.near_misses())) == ("", "", None, [])
    for asked in (nothing.run, lambda: nothing._wrong(1)):
        with pytest.raises(NotImplementedError):
            asked()
    assert exhaustive(list, 7, bool).formula == ""
    assert Exact("e", {}, relation(x, "<", 4), {x: Fraction(7, 2)}).domain == "x = 7/2"


def test_the_share_of_a_width_is_beside_the_sides_or_one():
    wide, large, tiny = Interval.hull(0, Fraction(1, 8)), Interval.hull(-4, 2), Interval.hull(0, Fraction(1, 4))
    assert evidence._relative_width(wide, large, tiny) == 1 / 32
    assert evidence._relative_width(wide, tiny, large) == evidence._relative_width(wide, tiny, -large) == 1 / 32
    assert evidence._relative_width(wide, tiny, tiny) == 1 / 8


def test_a_residual_wider_than_a_millionth_does_not_count():
    about = [AnyFunction(lambda x, k=k: Interval.hull(0, Fraction(k, 10**7)) + 0 * x, positive=True) for k in (4, 6)]
    fates = [identity(lambda f, x: f(x) + f(x), lambda f, x: 2 * f(x), x=POSITIVE, f=f).run().passed for f in about]
    assert fates == [None, None]
    narrow = AnyFunction(lambda x: Interval.hull(0, Fraction(2, 10**7)) + 0 * x, positive=True)
    found = identity(lambda f, x: f(x) + f(x), lambda f, x: 2 * f(x), x=POSITIVE, f=narrow).run()
    assert found.passed is True
    assert found.residual == pytest.approx(8e-7)


def test_a_width_at_the_very_limit_counts(monkeypatch):
    known = AnyFunction(lambda x: Interval.hull(0, Fraction(1, 10**7)) + 0 * x, positive=True)
    doubled = identity(lambda f, x: f(x) + f(x), lambda f, x: 2 * f(x), x=POSITIVE, f=known)
    widest = doubled.run().residual
    monkeypatch.setattr(evidence, "_NARROW", widest)
    assert (doubled.run().passed, doubled.run().residual) == (True, widest)
    monkeypatch.setattr(evidence, "_NARROW", math.nextafter(widest, 0))
    assert doubled.run().residual != widest


def test_a_box_of_a_function_that_takes_no_symbols_prints_no_formula():
    for numbers_alone in (math.exp, lambda x: x.enclosed_min(1)):
        assert Box("b", {}, lambda x, f=numbers_alone: f(x), {"x": (0, 1)}).formula == ""
