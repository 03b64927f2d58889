"""A reference floor for each label: the majority response need not come first."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus, sqrt
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import All, Iff, Implies, Rounds, Saying, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import d

__all__ = ["STATEMENTS", "o"]

o = sympy.Symbol("o", positive=True)
_SOURCE = "HyPO of Yuan et al. 2026, arXiv 2602.11902, its floor max(δ_ref, 0) as read; the finding is ours"


def _root(odds, up):
    """e^(βδ) at the minimiser: the positive root of up·x² + up(1 − odds)x − odds, with up = e^d."""
    return (up * (odds - 1) + sqrt(up**2 * (odds - 1) ** 2 + 4 * up * odds)) / (2 * up)


def _loss(odds, d, z):
    return odds * softplus(-z) + softplus(z + d)


def _slope(odds, d, z):
    return derivative(lambda x: _loss(odds, d, x))(z)


_X = _root(o, exp(d))
_FIRST = Saying("δ > 0 at the minimiser, the positive root e^(βδ) of its score equation", relation(_X, ">", 1))
_ENOUGH = relation(o, ">", 2 * sigmoid(d))
_PAIR = Numbers(
    {o: (Fraction(1, 10), 10), d: (Fraction(1, 100), 10)},
    "One pair labelled w > l and l > w with odds o = p/(1 − p), each label's reference margin floored at 0 by itself, "
    "δ_ref < 0, d = β|δ_ref|, ",
)
_ROOT = Identity(
    "the slope is 0 at the root",
    {"root without e^d": lambda o, d: _slope(o, d, log(_root(o, exp(0 * d))))},
    lambda o, d: _slope(o, d, log(_root(o, exp(d)))),
    lambda o, d: 0,
    {"o": POSITIVE, "d": POSITIVE},
)
_SLOPE = Identity(
    "slope = σ(z + d) − o σ(−z)",
    {"with σ(z)": lambda o, d, z: sigmoid(z) - o * sigmoid(-z)},
    lambda o, d, z: _slope(o, d, z),
    lambda o, d, z: sigmoid(z + d) - o * sigmoid(-z),
    {"o": POSITIVE, "d": REAL, "z": REAL},
)
_AT_ZERO = Identity(
    "slope at δ = 0",
    {"σ(d) − o": lambda o, d: sigmoid(d) - o},
    lambda o, d: sigmoid(0 * d + d) - o * sigmoid(0 * d),
    lambda o, d: sigmoid(d) - o / 2,
    {"o": POSITIVE, "d": REAL},
)
_CURVED = (
    Identity(
        "curvature",
        {"without o": lambda o, d, z: sigmoid(z) * sigmoid(-z) + sigmoid(z + d) * sigmoid(-z - d)},
        lambda o, d, z: derivative(lambda x: _loss(o, d, x), 2)(z),
        lambda o, d, z: o * sigmoid(z) * sigmoid(-z) + sigmoid(z + d) * sigmoid(-z - d),
        {"o": POSITIVE, "d": REAL, "z": REAL},
    ),
    Sign(
        "it is positive",
        {"less 1/10": lambda o, d, z: o * sigmoid(z) * sigmoid(-z) - Fraction(1, 10)},
        lambda o, d, z: o * sigmoid(z) * sigmoid(-z) + sigmoid(z + d) * sigmoid(-z - d),
        {"o": POSITIVE, "d": REAL, "z": REAL},
    ),
)
_BELOW_TWO = Sign(
    "2 − 2σ(d) > 0",
    {"19/10 − 2σ(d)": lambda d: Fraction(19, 10) - 2 * sigmoid(d)},
    lambda d: 2 * sigmoid(-d),
    {"d": REAL},
)
_TWO_TIMES = Identity(
    "2 − 2σ(d) = 2σ(−d)",
    {"σ(−d)": lambda d: sigmoid(-d)},
    lambda d: 2 - 2 * sigmoid(d),
    lambda d: 2 * sigmoid(-d),
    {"d": REAL},
)
#: π_w = .2 under the reference, β = 1: e^d = 4.
_SHARE = _root(Fraction(3, 2), 4) / (1 + _root(Fraction(3, 2), 4))
_PRINTED = All(
    (Rounds(_SHARE, "0.4768336247"), relation(2 * Fraction(4, 5) / (1 + 2 * Fraction(4, 5)), "=", Fraction(8, 13)))
)

STATEMENTS = (
    Statement(
        id="hypo-majority-first",
        title="A floored reference puts the majority response first",
        origin=Origin.READING,
        source=_SOURCE,
        form=Form(
            _PAIR,
            (relation(o, ">", 1),),
            claim={"δ > 0 at the minimiser": _FIRST},
            right={"it is for odds of 2 and more": Implies(relation(o, ">=", 2), _FIRST)},
        ),
        second_routes=(
            Exact(
                "π_ref,w = .2, β = 1, p = .6: π_w at the minimiser, and the threshold 8/13 > .6",
                {"1/2": Rounds(_SHARE, "0.5000000000")},
                _PRINTED,
            ),
        ),
        conclusion="A majority below two thirds can lose to the reference: hypo-majority-threshold says when.",
        expected=Verdict.REFUTED,
        instead=("hypo-majority-threshold",),
    ),
    Statement(
        id="hypo-majority-threshold",
        title="With a floored reference the majority is first iff its odds exceed 2σ(β|δ_ref|)",
        origin=Origin.OURS,
        source=f"{_SOURCE}; the repair of hypo-majority-first",
        form=Form(
            _PAIR,
            (),
            claim={
                "δ > 0 at the minimiser iff p/(1−p) > 2σ(d)": Iff(_FIRST, _ENOUGH),
                "odds of 2 are enough for every d": Implies(relation(o, ">=", 2), _FIRST),
            },
            wrong={
                "iff p/(1−p) > σ(d)": Iff(_FIRST, relation(o, ">", sigmoid(d))),
                "odds of 19/10 are enough": Implies(relation(o, ">=", Fraction(19, 10)), _FIRST),
            },
        ),
        parts={
            "δ > 0 at the minimiser iff p/(1−p) > 2σ(d)": Part(
                "With z = βδ the loss is o sp(−z) + sp(z + d), up to a factor: strictly convex, «curvature», «it is "
                "positive», with «slope = σ(z + d) − o σ(−z)». «the slope is 0 at the root», the minimiser. It is "
                "positive iff the slope at 0 is negative: «slope at δ = 0».",
                (_ROOT, _SLOPE, _AT_ZERO, *_CURVED),
            ),
            "odds of 2 are enough for every d": Part(
                "2σ(d) < 2: «2 − 2σ(d) = 2σ(−d)», «2 − 2σ(d) > 0».", (_TWO_TIMES, _BELOW_TWO)
            ),
        },
        conclusion="Certain only from p = 2/3 on; a floor that changes sign with the label would need p > 1/2 alone.",
        expected=Verdict.PROVED,
    ),
)
