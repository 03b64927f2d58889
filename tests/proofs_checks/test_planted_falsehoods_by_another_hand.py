"""More wrong statements, written to deceive the machinery by somebody who did not build it: none may be believed.

Where the other file's falsehoods are wrong mathematics, these look for a way round: something that is printed and not
checked, checked and not printed, checked nowhere that matters, or checked by an object that answers whatever is asked.
"""

import operator
from collections import defaultdict
from fractions import Fraction as Q

import numpy as np
import pytest
import sympy

from proofs_checks.kernel.arithmetic import exp, log, softplus, sqrt, total
from proofs_checks.kernel.evidence import (
    COUNT,
    POSITIVE,
    REAL,
    UNIT,
    AnyFunction,
    Box,
    Exact,
    Exhaustive,
    Identity,
    Sign,
)
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.instances import Instances, Numbers
from proofs_checks.kernel.interval import Interval
from proofs_checks.kernel.relation import All, Condition, Holds, Iff, Implies, Not, Rounds, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, InWords, Origin, Part, Settles, Statement, Verdict
from proofs_checks.kernel.verdict import run

NOT_BELIEVED = {Verdict.REFUTED, Verdict.UNDECIDED}
_x, _y = sympy.symbols("x y", real=True)
_p = sympy.Symbol("p", positive=True)
_PLANE = Numbers({_x: (-10, 10), _y: (-10, 10)})
_NOTHING = InWords("Anything.", {"claim": "It holds."}, why="planted")
_TRUE = Identity("true", {"2z": lambda z: 2 * z}, lambda z: softplus(z) - softplus(-z), lambda z: z, {"z": REAL})
_FALSE = {"0": relation(0, ">", 1)}


def statement(form, parts, **more):
    return Statement("planted", "", Origin.OURS, "", form, "", Verdict.PROVED, parts, **more)


def claimed(instances, given, claim, **more):
    """A claim that a true step and plain words carry: the search alone stands in the way."""
    form = Form(instances, tuple(given), {"claim": claim}, **more)
    return lambda: statement(form, {"claim": Part("By «true».", (_TRUE,))})


def step(kind, *args, controls=_FALSE, **more):
    """A falsehood that is the step itself."""
    return lambda: statement(_NOTHING, {"claim": Part("By «planted».", (kind("planted", controls, *args, **more),))})


def _one_more(right):
    return {"one more": lambda **v: right(**v) + 1}


def identity(left, right, **over):
    return step(Identity, left, right, over, controls=_one_more(right))


def measured(x_of, exact=None, make=lambda draw: {"t": draw.number(-10, 10)}):
    """Instances that are one number, seen through a function of it."""
    return Instances(make, "any t", {_x: x_of}, {} if exact is None else {_x: exact})


def is_fine(t):
    """Every policy of the class is optimal."""
    return t < np.inf


def _thirds(n):
    """A tenth of n and a fifth of it are three tenths."""
    return 0.1 * n + n / 5 == 3 * n / 10


def _filled(x):
    """x, and 5 where 1/(x − 1/3) has no value."""
    try:
        return x + 1 / (x - Q(1, 3)) - 1 / (x - Q(1, 3))
    except ArithmeticError:
        return 5 + 0 * x


def _helped(x):
    return x if x != Q(1, 3) else 5 + 0 * x


def _end(x):
    return Interval(x.lo, x.lo)


class _Vouching(Sign):
    def run(self):
        return Finding(self.controls == _FALSE, "> 0 by the rules of sign, for all values")


class _Yes(Condition):
    words = "x > 0"

    def satisfied(self, values):
        return np.ones(len(values[_x]))

    def violated(self, values):
        return -np.ones(len(values[_x]))

    def decide(self, values):
        return True


_HELPERS, _TABLE, _LARGE = {"one": _helped}, defaultdict(int, {6: 1}), 1e17

FALSEHOODS = {
    # a true step elsewhere, and a claim that fails where no search looks
    "true inside the ranges drawn, false for the reals that are printed": claimed(_PLANE, (), relation(_x, "<", 100)),
    "true up to a large number": claimed(_PLANE, (), relation(exp(_x), "<", 10**40)),
    "true for the p > 0 drawn, not near 0": claimed(Numbers({_p: (Q(1, 10), 10)}), (), relation(1 / _p, "<", 20)),
    "a premise that nobody meets": claimed(_PLANE, (), Implies(relation(_x, ">", 11), relation(_y, ">", 100))),
    "an equivalence of two things that never happen": claimed(
        _PLANE, (), Iff(relation(_x**2, "<", 0), relation(_y**2, "<", -1))
    ),
    "an effort of three draws": claimed(
        _PLANE, (), relation(_x + _y, "<", 15), effort=Effort(draws=3, climbs=0, least=1, seed=1)
    ),
    "rounding as wide as the violation": lambda: claimed(_PLANE, (), relation(_x, "<", 5, noise=10.0))(),
    "rounding of one per cent": lambda: claimed(_PLANE, (), relation(_x + Q(1, 100), "=", _x, noise=0.02))(),
    "infinite where it is claimed to be positive": claimed(
        Numbers({_x: (-1, 1)}), (), relation(1 / _x**2, ">", 0), effort=Effort(climbs=0)
    ),
    # instances that are not what they say
    "a quantity that is clipped in floats": claimed(
        measured(lambda t: min(t, 5), lambda t: t), (), relation(_x, "<=", 5)
    ),
    "a quantity that is wrong in exact arithmetic": claimed(
        measured(lambda t: t + 1e-7, lambda t: min(t, 5)), (), relation(_x, "<=", 5)
    ),
    "a generator that ignores what it drew": claimed(
        measured(lambda t: t, lambda t: t, lambda draw: {"t": 0 * draw.number(-10, 10)}), (), relation(_x, "<", 5)
    ),
    "a generator that draws nothing": claimed(
        measured(lambda t: t, lambda t: t, lambda draw: {"t": 1}), (), relation(_x, "<", 5)
    ),
    "a quantity without a value": claimed(measured(lambda t: float("nan")), (), relation(_x, "<", 5)),
    "an infinite quantity": claimed(measured(lambda t: float("inf")), (), relation(_x - 1, "<", _x)),
    # steps that check less than they say
    "a branch at one number that no point meets": identity(
        lambda x: 1 if x == Q(1, 3) else softplus(x) - softplus(-x), lambda x: x, x=REAL
    ),
    "another number in place of 0, where no point is": identity(
        lambda x: ((x - Q(1, 3)) or 1) + Q(1, 3), lambda x: x + 0 * exp(x), x=REAL
    ),
    "a denial that is 1 at one number": identity(
        lambda x: x + (not (x - Q(1, 3))), lambda x: x + 0 * exp(x), x=REAL
    ),
    "a truth value of a number": identity(
        lambda x: x + 1 - bool(x - Q(1, 3)), lambda x: x + 0 * exp(x), x=REAL
    ),
    "a pole that is caught and filled": identity(_filled, lambda x: x + 0 * exp(x), x=REAL),
    "a count that differs from 6 on": identity(
        lambda m: total(lambda k: 2 * k, 1, m) if m != 6 else 0, lambda m: m * (m + 1), m=COUNT
    ),
    "a sign that turns at one number": step(
        Sign, lambda x: -1 if x == Q(1, 3) else exp(x), {"x": REAL}, controls={"−1": lambda x: -1 + 0 * x}
    ),
    "a function divided by itself, where it is 0": identity(
        lambda t, M: M(t) / M(t), lambda t, M: 1 + 0 * t, t=REAL, M=AnyFunction(exp)
    ),
    "√M² = M of functions that happen to be positive": identity(
        lambda t, M: sqrt(M(t) ** 2), lambda t, M: M(t), t=REAL, M=AnyFunction(exp)
    ),
    "M′ = M, as of e^t": identity(
        lambda t, M: M(t) * exp(-t), lambda t, M: 1 + 0 * t, t=REAL, M=AnyFunction(exp)
    ),
    "a side that is a number above 30 only": identity(
        lambda x: softplus(x) - softplus(-x), lambda x: x + 0 * log(x - 30), x=POSITIVE
    ),
    "log p + log(1 − p) at 1, a share": identity(
        lambda p: log(p) - log(1 - p), lambda p: log(p), p=UNIT
    ),
    "a predicate in place of a number": step(
        Box, lambda x: x > 5, {"x": (0, 1)}, False, controls={"−1": lambda x: -1 + 0 * x}
    ),
    "the sides of a box exchanged": step(
        Box, relation(_y, ">", _x), {_x: (2, 3), _y: (0, 1)}, controls={"−1": lambda x, y: -1 + 0 * x * y}
    ),
    "a box without the symbol it turns on": step(
        Box, relation(_x + _y, ">", 0), {_x: (1, 2)}, controls={"−1": lambda x: -1 + 0 * x}
    ),
    "one case a hundred times": step(
        Exhaustive, lambda: [(1, 2)] * 100, 100, lambda a, b: a < b, controls={"no": lambda a, b: a > b}
    ),
    "all conditions of none": lambda: step(Exact, All(()))(),
    "0.25 rounds to 1e-3": lambda: step(Exact, Rounds(sympy.Rational(1, 4), "1e-3"))(),
    "an exact check by floats": step(Exact, Holds(is_fine), {sympy.Symbol("t"): 0}),
    # a whole that is less than its parts
    "no part at all": lambda: statement(Form(_PLANE, (), {}), {}),
    "by a statement that is refuted": lambda: statement(_NOTHING, {"claim": Part("By {refuted}, at once.")}),
    "by a statement that speaks of nothing": lambda: statement(_NOTHING, {"claim": Part("By {vacuous}, at once.")}),
    "of two parts one by the true step of the other": lambda: statement(
        Form(_PLANE, (), {"one": relation(_x**2, ">=", 0), "other": relation(_x, ">", -9)}),
        {"one": Part("", (_TRUE,)), "other": Part("", (_TRUE,))},
    ),
    "a claim and its opposite exchanged": claimed(_PLANE, (), Not(relation(_x**2, ">=", 0), said="x² ≥ 0")),
    # somebody else looks at the argument, who is asked by the formula
    "a helper that branches": identity(lambda x: _helped(x), lambda x: x + 0 * exp(x), x=REAL),
    "a helper that is closed over": (lambda g: identity(lambda x: g(x), lambda x: x + 0 * exp(x), x=REAL))(_helped),
    "a helper that is a default": identity(lambda x, g=_helped: g(x), lambda x: x + 0 * exp(x), x=REAL),
    "a helper in a table": identity(lambda x: _HELPERS["one"](x), lambda x: x + 0 * exp(x), x=REAL),
    "a table of counts": identity(lambda n: n + {6: 1}.get(n, 0), lambda n: 1 * n, n=COUNT),
    "a table that answers for every count": identity(lambda n: n + _TABLE[n], lambda n: 1 * n, n=COUNT),
    "a comparison that is called": identity(lambda n: n + int(operator.eq(n, 6)), lambda n: 1 * n, n=COUNT),
    "a sign that a helper turns": step(
        Sign, lambda x: exp(x) - 9 * exp(5) * (x - _helped(x)) / (x - 5), {"x": POSITIVE},
        controls={"−1": lambda x: -1 + 0 * x},
    ),
    "a box that answers for an end of each cell": step(
        Box, lambda x: (_end(x) - Q(3, 10)) * (_end(x) - Q(7, 10)) + Q(1, 100), {"x": (0, 1)},
        controls={"−1": lambda x: -1 + 0 * x},
    ),
    # evidence and conditions that judge themselves
    "a step that vouches for itself": lambda: statement(
        _NOTHING, {"claim": Part("By «t».", (_Vouching("t", _FALSE, exp, {"x": REAL}),))}
    ),
    "a claim that answers yes": lambda: claimed(_PLANE, (), _Yes())(),
    "a hypothesis that answers yes, inside another": lambda: claimed(
        _PLANE, (Not(Not(_Yes())),), relation(_x, "<", 100)
    )(),
    # floats, and what no exact arithmetic reads
    "a sum of floats as an exact test": step(
        Exhaustive, lambda: range(5), 5, lambda k: _LARGE + k == _LARGE, controls={"no": lambda k: k < 3}
    ),
    "cases that are floats": step(
        Exhaustive, lambda: [0.1, 0.2], 2, lambda k: 3 * k != Q(3, 10), controls={"no": lambda k: k < 0}
    ),
    "cases that are objects": step(
        Exhaustive, lambda: [object() for _ in range(9)], 9, lambda k: True, controls={"no": lambda k: False}
    ),
    "one case in four spellings": step(
        Exhaustive, lambda: [1, Q(1), True, Q(2, 2)], 4, lambda k: k == 1, controls={"no": lambda k: k < 0}
    ),
    "a bound that is a float, false beyond the ranges drawn": claimed(_PLANE, (), relation(_x, "<", 100.0)),
    "a bound with π in it": claimed(_PLANE, (), relation(_x, "<", 32 * sympy.pi)),
    "a bound that no exact arithmetic reads": claimed(_PLANE, (), relation(_x, "<", 99 + sympy.zeta(3))),
    "rounding as wide as is allowed, and a claim within it": claimed(
        measured(lambda t: t, lambda t: t), (), relation(Q(100004, 100000) * _x, "=", _x, noise=1e-4)
    ),
    # citations that nobody reads, and words that no machine does
    "by a statement that is refuted, spelt otherwise": lambda: statement(
        _NOTHING, {"claim": Part("By {Refuted}, at once.")}
    ),
    "by a statement that is refuted, with a blank": lambda: statement(
        _NOTHING, {"claim": Part("By { refuted }, at once.")}
    ),
    "a part without a name, whose step needs no wrong version": lambda: statement(
        InWords("Anything.", {"": "It holds."}, why="planted"),
        {"": Part("By «s».", (Sign("s", {}, lambda x: exp(x), {"x": REAL}),))},
    ),
    "a true identity as if it were the words": lambda: statement(_NOTHING, {"claim": Part("", (_TRUE,))}),
}  # fmt: skip

#: True claims that a proof of the contrary, or of there being nothing, is given for.
TRUTHS = {
    "void where one draw meets nobody": lambda: statement(
        Form(_PLANE, (relation(_x, ">", 9),), {"claim": relation(_y, ">", 99)}, effort=Effort(draws=1, climbs=0)),
        {"nobody": Part("«true».", (_TRUE,))},
        settles=Settles.VACUITY,
    ),
    "void in the ranges drawn, not beyond": lambda: statement(
        Form(_PLANE, (relation(_x, ">", 11),), {"claim": relation(_y, ">", 99)}),
        {"nobody": Part("«true».", (_TRUE,))},
        settles=Settles.VACUITY,
    ),
    "the contrary of what the search confirms": lambda: statement(
        Form(_PLANE, (), {"claim": relation(_x**2, ">=", 0)}, wrong={"1 more": relation(_x**2, ">=", 1)}),
        {"contrary": Part("It is plain.")},
        settles=Settles.NEGATION,
    ),
    "refuted by floats of whole numbers": lambda: statement(
        Form(
            Instances(lambda draw: {"n": draw.integer(1, 999)}, "n"),
            (),
            {"claim": Holds(_thirds)},
        ),
        {},
    ),
    "refuted by a quantity that is wrong in both arithmetics, alike in neither": lambda: statement(
        Form(measured(lambda t: t**2 - 1, lambda t: t**2 - 2), (), {"claim": relation(_x, ">=", 0)}), {}
    ),
}

_KNOWN = {"refuted": Verdict.REFUTED, "vacuous": Verdict.VACUOUS}


def verdict_of(planted):
    """The verdict, or the refusal to make such a statement at all."""
    try:
        return run(planted(), known=_KNOWN).verdict
    except (ValueError, TypeError) as refused:
        return refused


@pytest.mark.parametrize("name", FALSEHOODS)
def test_a_falsehood_by_another_hand_is_not_believed(name):
    verdict = verdict_of(FALSEHOODS[name])
    assert verdict in NOT_BELIEVED or isinstance(verdict, Exception), verdict


@pytest.mark.parametrize("name", TRUTHS)
def test_a_truth_is_neither_refuted_nor_made_void(name):
    assert verdict_of(TRUTHS[name]) is Verdict.UNDECIDED


def test_there_are_enough_of_them():
    assert len(FALSEHOODS) + len(TRUTHS) >= 20
