"""Wrong statements, put through the frame of the true ones: none may come out PROVED, CERTIFIED or SUPPORTED.

Each has one thing wrong: a constant, a hypothesis, a mean, strict for weak, a bound one per cent too small, a domain
that is too wide; or it is made to deceive the machinery. Each goes in twice: as a step of a proof, and, where it is a
relation between numbers, as a claim that the search has to break.
"""

from fractions import Fraction as Q

import pytest
import sympy

from proofs_checks.kernel.arithmetic import (
    asinh,
    cosh,
    derivative,
    exp,
    least,
    log,
    log1p,
    sigmoid,
    sinh,
    softplus,
    sqrt,
    tanh,
    total,
)
from proofs_checks.kernel.evidence import (
    COUNT,
    NONNEGATIVE,
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
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.statement import Form, Given, InWords, Origin, Part, Settles, Statement, Verdict
from proofs_checks.kernel.verdict import run
from proofs_checks.spaces.pair import LOSS, Δr, pair, β, δ, δ_ref, δ_star

NOT_BELIEVED = {Verdict.REFUTED, Verdict.UNDECIDED}
HIGH = Q(101, 100)


def identity(left, right, **over):
    """With a control that any of them refuses, so that only the falsehood itself stands in the way."""
    return Identity("planted", {"one more": lambda **v: right(**v) + 1}, left, right, over)


def sign(f, **over):
    return Sign("planted", {"−1": lambda **v: -1 + 0 * f(**v)}, f, over)


def box(f, ranges, strict=True, budget=3000):
    return Box("planted", {"−1": lambda **v: -1 + 0 * f(**v)}, f, ranges, strict, budget)


K = {"k": (Q(1, 10**9), 10**9)}
LINE, UNITS = {"x": (-50, 50)}, {"x": (0, 1)}

STEPS = {
    # RLHF
    "J = V + β KL": identity(
        lambda p, q, β, r, V: p * r - β * p * log(p / q),
        lambda p, q, β, r, V: p * V + β * p * log(p / (q * exp((r - V) / β))),
        p=POSITIVE, q=POSITIVE, β=POSITIVE, r=REAL, V=REAL,
    ),
    "dV/dβ = +KL": identity(
        lambda t, M: -(t**2) * derivative(lambda u: log(M(u)) / u)(t),
        lambda t, M: t * derivative(lambda u: log(M(u)))(t) - log(M(t)),
        t=POSITIVE, M=AnyFunction(lambda t: exp(2 * t) + 2 * exp(-t)),
    ),
    "dE[r]/d(1/β) = 1.01 Var": identity(
        lambda t, M: derivative(lambda u: log(M(u)), 2)(t),
        lambda t, M: HIGH * (derivative(M, 2)(t) / M(t) - (derivative(M)(t) / M(t)) ** 2),
        t=POSITIVE, M=AnyFunction(lambda t: exp(2 * t) + 2 * exp(-t)),
    ),
    # DPO
    "dL/dδ = −β σ(βh)": identity(
        lambda β, h: derivative(lambda x: softplus(-β * x))(h), lambda β, h: -β * sigmoid(β * h), β=POSITIVE, h=REAL
    ),
    "curvature β σσ": identity(
        lambda β, h: derivative(lambda x: softplus(-β * x), 2)(h),
        lambda β, h: β * sigmoid(β * h) * sigmoid(-β * h), β=POSITIVE, h=REAL,
    ),
    "labels of any weight are convex": sign(lambda n, z: n * sigmoid(z) * sigmoid(-z), n=REAL, z=REAL),
    "labels of weight ≥ 0 cost something": sign(lambda n, z: n * softplus(-z), n=NONNEGATIVE, z=REAL),
    "a chain of labels needs no way back": identity(
        lambda u, m: total(lambda k: u(k) - u(k + 1), 1, m), lambda u, m: 0 * m,
        u=AnyFunction(lambda k: k * k), m=COUNT,
    ),
    "sources keep their shares exactly": identity(
        lambda p, q, r, e: p / (p + q), lambda p, q, r, e: p / (p + q + r * e),
        p=POSITIVE, q=POSITIVE, r=POSITIVE, e=POSITIVE,
    ),
    "solutions (5t, t, 1 − 6t)": Exact(
        "planted", {"0": relation(0, ">", 1)},
        relation(Q(3, 4) * softplus(-log(Q(15, 2)) / 2) + softplus(log(Q(15, 2)) / 2) / 4, "<", Q(5623351447, 10**10)),
    ),
    "min loss .5623351447": Exact(
        "planted", {"0": relation(0, ">", 1)},
        All((relation(2 * log(2) - Q(3, 4) * log(3), ">", Q(56233514465, 10**11)),)),
    ),
    # thresholds and flow
    "threshold sp(−βδ_ref)": identity(
        lambda a: softplus(-a), lambda a: softplus(a) - a / 2, a=REAL
    ),
    "gradient factor > 1/100 at δ = 0": box(
        lambda β, d: sigmoid(-β * d) - Q(1, 100), {"β": (Q(1, 100), 100), "d": (0, 50)}
    ),
    "threshold 1 % too high is safe": box(
        lambda a, t: softplus(a + t) - HIGH * softplus(a), {"a": (-20, 20), "t": (Q(1, 10**4), 1)}
    ),
    "escape time without the square": identity(
        lambda b, d: (b * d + exp(b * d) - 1) / (2 * b**2), lambda b, d: (b * d + exp(b * d) - 1) / (2 * b),
        b=POSITIVE, d=POSITIVE,
    ),
    "escape time without its linear term": identity(
        lambda b, d: (b * d + exp(b * d) - 1) / (2 * b**2), lambda b, d: (exp(b * d) - 1) / (2 * b**2),
        b=POSITIVE, d=POSITIVE,
    ),
    "dearest pairs first": Exhaustive(
        "planted", {"no": lambda a, b: False}, lambda: [(1, 2), (2, 3), (3, 1)], 3, lambda a, b: a >= b
    ),
    # CPO
    "κ in place of 2κ": identity(
        lambda k, d: derivative(lambda x: x - 2 * k * (1 + cosh(x)))(d), lambda k, d: 1 - k * sinh(d),
        k=POSITIVE, d=REAL,
    ),
    "F(k) + 3.96 k > 0": box(
        lambda k: asinh(1 / (2 * k)) - 2 * k - sqrt(4 * k**2 + 1) + Q(396, 100) * k, K
    ),
    "F rises": sign(lambda k: -2 - sqrt(4 * k**2 + 1) / k, k=POSITIVE),
    "Lambert form with 2c": identity(lambda w: log(w) + w, lambda w: log(2 * w) + w, w=POSITIVE),
    "Ψ* = γ(1/π_w − 1/π_l)": identity(
        lambda g, a, b: g / a + g / b, lambda g, a, b: g / a - g / b, g=POSITIVE, a=POSITIVE, b=POSITIVE
    ),
    "no triangle defect": identity(
        lambda a, b, c: (1 / a + 1 / b) + (1 / b + 1 / c) - (1 / a + 1 / c), lambda a, b, c: 0 * a,
        a=POSITIVE, b=POSITIVE, c=POSITIVE,
    ),
    "arithmetic pool": identity(lambda p, q: sqrt(p * q), lambda p, q: (p + q) / 2, p=POSITIVE, q=POSITIVE),
    "harmonic pool": identity(lambda p, q: sqrt(p * q), lambda p, q: 2 * p * q / (p + q), p=POSITIVE, q=POSITIVE),
    "weights e^2u": identity(lambda x, u: exp(u) * exp(x - u), lambda x, u: exp(2 * u) * exp(x - u), x=REAL, u=REAL),
    # soft margins
    "sp(z) − sp(−z) = 1.01 z": identity(lambda z: softplus(z) - softplus(-z), lambda z: HIGH * z, z=REAL),
    "soft hinge within 0.99 log 2": box(lambda t: log1p(tanh(t / 2)) - log(2) / 100, {"t": (0, 50_000)}),
    "soft hinge error strictly below log 2, at 0 too": box(lambda t: log1p(tanh(t / 2)), {"t": (0, 50)}),
    "sp(0) = log 3": Exact("planted", {"0": relation(0, ">", 1)}, relation(softplus(0), "=", log(3))),
    # made to deceive
    "√x² = x for all real x": identity(lambda x: sqrt(x**2), lambda x: x, x=REAL),
    "x/x = 1 at 0 too": identity(lambda x: x / x, lambda x: 1 + 0 * x, x=NONNEGATIVE),
    "√x √x = x below 0": identity(lambda x: sqrt(x) * sqrt(x), lambda x: x, x=REAL),
    "log |x| = log(|x| + e^−x²/10⁶)": identity(
        lambda x: log(x**2) / 2, lambda x: log(sqrt(x**2) + exp(-(x**2)) / 10**6), x=POSITIVE
    ),
    "log(1 − p) = −p": identity(lambda p: log(1 - p), lambda p: -p, p=UNIT),
    "a narrow dip": box(lambda x: 1 - HIGH * exp(-(10**8) * (x - Q(1, 3)) ** 2), UNITS, budget=20_000),
    "Python's min of overlapping intervals": box(
        lambda x: min(1 + 0 * x, 4 * (x - Q(1, 2)) ** 2 - Q(1, 2)), {"x": (-2, 2)}
    ),
    "a violation beside a point where nothing is known": box(
        lambda x: (x - Q(13, 10)) * (x - Q(14, 10)) + 0 * (1 / x), {"x": (-1, 3)}
    ),
    "a Python branch on an interval": box(lambda x: x - 2 if x > Q(1, 3) and x < Q(2, 3) else 1 + x, UNITS),
    "a Python branch on equality": box(lambda x: 0 * x if x == Q(1, 2) else 1 + x, UNITS),
    "x² > 0 at 0 too": box(lambda x: x**2, LINE),
    "a double zero inside, irrational": box(lambda x: (x**2 - Q(1, 2)) ** 2, UNITS, budget=300),
    "undefined at 0": box(lambda x: 1 / x**2, LINE, budget=200),
    "log of a negative number": box(lambda x: 1 + 0 * log(x), LINE, budget=200),
    "√2² exceeds 2": box(lambda x: sqrt(2) ** 2 - 2 + 0 * x, UNITS),
    "a float constant": box(lambda x: 1.0000001 * x + 1, UNITS),
    "a float box": box(lambda x: x + 1, {"x": (0.1, 1)}),
    "min with the sign of the other": box(lambda x: least(x, 1 - x) + Q(-1, 10**6), UNITS),
    "all of no cases": Exhaustive("planted", {"no": lambda k: False}, list, 0, lambda k: True),
    "all of four, of five": Exhaustive("planted", {"no": lambda k: False}, lambda: range(4), 5, lambda k: True),
    "an answer that is a generator": Exhaustive(
        "planted", {"no": lambda k: False}, lambda: range(4), 4, lambda k: (False for _ in ())
    ),
    "the same formula on both sides": identity(lambda x: exp(x), lambda x: exp(x), x=REAL),
    "no wrong version": Identity("planted", {}, lambda x: softplus(x) - softplus(-x), lambda x: x, {"x": REAL}),
    "a wrong version that is right": Identity(
        "planted", {"x + 0": lambda x: x + 0}, lambda x: softplus(x) - softplus(-x), lambda x: x, {"x": REAL}
    ),
    "a derivative inside another": identity(
        lambda a, b: derivative(lambda s: derivative(lambda t: exp(s * t))(b))(a), lambda a, b: a * exp(a * b),
        a=POSITIVE, b=POSITIVE,
    ),
}  # fmt: skip

_x, _y = sympy.symbols("x y", real=True)
_PLANE = Numbers({_x: (-10, 10), _y: (-10, 10)})


def form(instances, given, claim, **more):
    return Form(instances, tuple(given), {"claim": claim}, **more)


FORMS = {
    "δ* = δ_ref + βΔr": form(pair(β, δ_ref, Δr), (), relation(δ_star, "=", δ_ref + β * Δr)),
    "U is non-empty iff δ_ref < −Δr/β": form(
        pair(β, δ_ref, Δr, δ), (relation(Δr, ">", 0), relation(δ, ">", δ_ref), relation(δ, "<", 0)),
        relation(δ_ref, "<", -Δr / β),
    ),
    "less loss than the reference means δ > 0": form(
        pair(β, δ_ref, δ), (), Implies(relation(LOSS, "<", log(2)), relation(δ, ">", 0))
    ),
    "δ > 0 iff the loss is below 1.01 sp(βδ_ref)": form(
        pair(β, δ_ref, δ), (), Iff(relation(δ, ">", 0), relation(LOSS, "<", HIGH * softplus(β * δ_ref)))
    ),
    "strict at the boundary: δ ≥ δ_ref gives less loss": form(
        pair(β, δ_ref, δ), (relation(δ, ">=", δ_ref),), relation(LOSS, "<", log(2))
    ),
    "log 2 is never exceeded": form(pair(β, δ_ref, δ), (relation(δ_ref, "<", 0),), relation(LOSS, "<=", log(2))),
    "a hypothesis nobody meets": form(_PLANE, (relation(_x**2, "<", 0),), relation(_y, ">", 100)),
    "a hypothesis that few meet": form(
        _PLANE, (relation(_x, ">", Q(9999, 1000)), relation(_x, "<", 10)), relation(_y, ">", -11)
    ),
    "a hypothesis that does nothing": form(
        _PLANE, (relation(_x, ">", 0), relation(_y, "<", 9)), relation(_x + abs(_y), ">", 0)
    ),
    "a needless hypothesis that is needed": form(
        _PLANE, (Given(relation(_x, ">", 0), needless="so it is said"),), relation(_x + abs(_y), ">", 0)
    ),
    "no value somewhere": form(_PLANE, (), relation(log(_x), "<", 1000)),
    "a thin violation": form(_PLANE, (), relation((_x - Q(7123, 1000)) ** 2, ">", Q(1, 10**6))),
}  # fmt: skip

_NOTHING = InWords("Anything.", {"claim": "It holds."}, why="planted")
_TRUE = Identity("true", {"2z": lambda z: 2 * z}, lambda z: softplus(z) - softplus(-z), lambda z: z, {"z": REAL})


def statement(known, parts, **more):
    return Statement("planted", "", Origin.OURS, "", known, "", Verdict.PROVED, parts, **more)


WHOLE = {
    "nothing checked at all": statement(_NOTHING, {}),
    "rests on what is not decided": statement(_NOTHING, {"claim": Part("By {somebody}.")}),
    "vacuous, although there are instances": statement(
        form(_PLANE, (relation(_x, ">", 0),), relation(_y, ">", 100)),
        {"nobody": Part("«true».", (_TRUE,))},
        settles=Settles.VACUITY,
    ),
    "the contrary by a search alone": statement(_NOTHING, {"contrary": Part()}, settles=Settles.NEGATION),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_false_step_carries_nothing(name):
    assert run(statement(_NOTHING, {"claim": Part("By «planted».", (STEPS[name],))})).verdict in NOT_BELIEVED


@pytest.mark.parametrize("name", sorted(set(STEPS) - {"no wrong version"}))
def test_a_false_second_route_unsettles_a_true_proof(name):
    true = statement(_NOTHING, {"claim": Part("By «true».", (_TRUE,))}, second_routes=(STEPS[name],))
    assert run(true).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("name", FORMS)
def test_a_false_claim_is_not_believed_though_its_proof_is_plain(name):
    assert run(statement(FORMS[name], {"claim": Part("It is plain.")})).verdict in NOT_BELIEVED


@pytest.mark.parametrize("name", WHOLE)
def test_a_statement_without_ground_is_not_believed(name):
    assert run(WHOLE[name]).verdict in NOT_BELIEVED


def test_there_are_enough_of_them():
    assert len(STEPS) + len(FORMS) + len(WHOLE) >= 60


@pytest.mark.parametrize(
    "step",
    [
        box(lambda t: log1p(tanh(t / 2)), {"t": (0, 50)}, strict=False),
        box(lambda x: exp(x) - 1 - x, {"x": (Q(1, 10), 1)}),
        box(lambda x: least(x, 1 - x) + Q(1, 10**6), UNITS),
        identity(lambda z: softplus(z) - softplus(-z), lambda z: z, z=REAL),
        sign(lambda n, z: n * softplus(-z), n=POSITIVE, z=REAL),
        Exact("planted", {"0": relation(0, ">", 1)}, relation(softplus(0), ">", Q(69, 100))),
    ],
)
def test_the_same_machinery_accepts_the_true_neighbours(step):
    assert run(statement(_NOTHING, {"claim": Part(f"By «{step.name}».", (step,))})).verdict in {
        Verdict.PROVED,
        Verdict.CERTIFIED,
    }
