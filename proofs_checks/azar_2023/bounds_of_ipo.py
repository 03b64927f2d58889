"""How far IPO moves from its reference at most, and how much milder than DPO it is on a pair."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, sigmoid, tanh, total
from proofs_checks.kernel.evidence import COUNT, NONNEGATIVE, POSITIVE, REAL, UNIT, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, τ

__all__ = ["STATEMENTS", "first", "i_rest", "j_rest", "length", "odds", "place", "rest", "second", "wins"]

first, second, rest = sympy.symbols("μ_i μ_j μ_rest", positive=True)
wins, i_rest, j_rest = named("P_ij", "P_i,rest", "P_j,rest")
odds, length = sympy.symbols("x N", positive=True)
_HALF = Fraction(1, 2)
_SHARES = dict.fromkeys(("P_ij", "P_i,rest", "P_j,rest"), (0, 1))
_SOURCE = "Azar et al. 2310.12036"


def _score(own, other, left, p, q):
    """P(y beats μ) for weights of y, of the other and of the rest, y winning shares p and q against the two."""
    return (own / 2 + p * other + q * left) / (own + other + left)


_GAP = _score(first, second, rest, wins, i_rest) - _score(second, first, rest, 1 - wins, j_rest)
_BOUND = 1 - (first + second) / (2 * (first + second + rest))
_GAME = measured(
    "Responses i and j and the rest, with sampling weights μ > 0; P_ij any rate from 0 to 1, P_i,rest and P_j,rest the "
    "mean rates against the rest; IPO's minimiser π_ref e^(P(y ≻ μ)/τ)/Z",
    (first, second, rest, wins, i_rest, j_rest),
    {},
    **_SHARES,
)
_SLACK = Identity(
    "what is missing from the bound",
    {
        "without the rest": lambda a, b, k, p, x, y: (1 - p) * (a + b) / (a + b + k),
        "of 1 − (μ_i + μ_j)": lambda a, b, k, p, x, y: (
            ((1 - p) * (a + b) + (1 - x + y) * k - (a + b) / 2) / (a + b + k)
        ),
    },
    lambda a, b, k, p, x, y: 1 - (a + b) / (2 * (a + b + k)) - _score(a, b, k, p, x) + _score(b, a, k, 1 - p, y),
    lambda a, b, k, p, x, y: ((1 - p) * (a + b) + (1 - x + y) * k) / (a + b + k),
    {"a": POSITIVE, "b": POSITIVE, "k": POSITIVE, "p": UNIT, "x": UNIT, "y": UNIT},
)
_TIGHT = Identity(
    "nothing is missing where i beats all and all beat j",
    {
        "where the rest beats j half of the time": (
            lambda a, b, k: _score(a, b, k, 1, 1) - _score(b, a, k, 0, _HALF),
            lambda a, b, k: 1 - (a + b) / (2 * (a + b + k)),
        )
    },
    lambda a, b, k: _score(a, b, k, 1, 1) - _score(b, a, k, 0, 0),
    lambda a, b, k: 1 - (a + b) / (2 * (a + b + k)),
    {"a": POSITIVE, "b": POSITIVE, "k": POSITIVE},
)
_NOT_NEGATIVE = Sign(
    "it is not negative",
    {"(P_ij − 1)": lambda a, b, k, u, v, y: -u * (a + b) + (v + y) * k},
    lambda a, b, k, u, v, y: u * (a + b) + (v + y) * k,
    dict.fromkeys(("a", "b", "k", "u", "v", "y"), NONNEGATIVE),
    weak=True,
)

_RATE = sigmoid(odds)
_QUARTER = (
    Identity(
        "slope of x/4 − (σ(x) − 1/2)",
        {"1/4": lambda x: Fraction(1, 4) + 0 * x},
        lambda x: derivative(lambda y: y / 4 - sigmoid(y) + _HALF)(x),
        lambda x: tanh(x / 2) ** 2 / 4,
        {"x": REAL},
    ),
    Sign(
        "tanh²(x/2)/4 ≥ 0",
        {"less 1/100": lambda x: tanh(x / 2) ** 2 / 4 - Fraction(1, 100)},
        lambda x: tanh(x / 2) ** 2 / 4,
        {"x": REAL},
        weak=True,
    ),
)
_ORDER = Identity(
    "the pulls on response i cancel",
    {"gaps 1/(2τ)": lambda n, i, t: total(lambda j: (j - i) / (2 * t), 1, n)},
    lambda n, i, t: ((n - i) - (i - 1)) / (2 * t),
    lambda n, i, t: total(lambda j: (j - i) / (n * t), 1, n),
    {"n": COUNT, "i": COUNT, "t": POSITIVE},
)
place = sympy.Symbol("i", positive=True)


def _pull(gap):
    """Σ over j of (s_i − s_j ∓ 1/(2τ)) for scores that fall by ``gap`` from place to place, N places."""
    above, below = place - 1, length - place
    return gap * (below * (below + 1) - above * (above + 1)) / 2 - (below - above) / (2 * τ)


STATEMENTS = (
    Statement(
        id="azar-ipo-bounded-tight",
        title="IPO leaves its reference by at most (1 − (μ_i + μ_j)/2)/τ, and no less will do",
        origin=Origin.OURS,
        source=f"{_SOURCE} says that IPO stays near the reference; the constant is ours",
        form=Form(
            _GAME,
            (),
            claim={
                "τ times the gap of the log-ratios of i and j": relation(_GAP, "<=", _BOUND),
                "equality where i beats all and all beat j": Implies(
                    relation(wins, "=", 1) & relation(i_rest, "=", 1) & relation(j_rest, "=", 0),
                    relation(_GAP, "=", _BOUND),
                ),
            },
            wrong={"at most 1 − (μ_i + μ_j)": relation(_GAP, "<=", 2 * _BOUND - 1)},
        ),
        parts={
            "τ times the gap of the log-ratios of i and j": Part(
                "The log-ratios are P(y ≻ μ)/τ less one constant, P(y ≻ μ) = μ_y/2 + Σ μ_k P_yk. «what is missing from "
                "the bound»: with 1 − P_ij, 1 − P_i,rest and P_j,rest at least 0, «it is not negative».",
                (_SLACK, _NOT_NEGATIVE),
            ),
            "equality where i beats all and all beat j": Part(
                "There 1 − P_ij, 1 − P_i,rest and P_j,rest are 0: «nothing is missing where i beats all and all beat "
                "j».",
                (_TIGHT,),
            ),
        },
        conclusion="Two responses move by 1/(2τ) at most, whatever the labels say; DPO knows no such bound.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="azar-ipo-quarter",
        title="On a pair IPO moves at most a quarter as far as DPO",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            measured("Two responses, τ = β, a rate p = σ(x) > 1/2 of the first, x > 0", (odds, τ), {}),
            (),
            claim={"IPO's gap is at most a quarter of DPO's": relation((_RATE - _HALF) / τ, "<=", odds / (4 * τ))},
            wrong={
                "at most 1/4.1 of it": relation((_RATE - _HALF) / τ, "<=", odds * 10 / (41 * τ)),
                "at least a fifth of it": relation((_RATE - _HALF) / τ, ">=", odds / (5 * τ)),
            },
        ),
        parts={
            "IPO's gap is at most a quarter of DPO's": Part(
                "IPO's gap is (p − 1/2)/τ and DPO's x/β, equal at x = 0, «slope of x/4 − (σ(x) − 1/2)», "
                "«tanh²(x/2)/4 ≥ 0».",
                _QUARTER,
            )
        },
        conclusion="A quarter is reached as p → 1/2; near certainty IPO's gap stays at 1/(2τ) while DPO's has no end.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="azar-ipo-total-order",
        title="On a complete order of N responses IPO's neighbouring gaps are 1/(Nτ), not the 1/(2τ) of every label",
        origin=Origin.OURS,
        source=f"own derivation; the loss is that of {_SOURCE}",
        form=Form(
            measured(
                "N responses in order, one label of each over every later one, IPO's target 1/(2τ); the pull on the "
                "response at place i is the slope of the loss in its score, halved",
                (length, place, τ),
                {},
                N=(2, 9),
                i=(1, 9),
            ),
            (),
            claim={"at gaps of 1/(Nτ) every pull is 0": relation(_pull(1 / (length * τ)), "=", 0, noise=1e-8)},
            wrong={"at gaps of 1/(2τ)": relation(_pull(1 / (2 * τ)), "=", 0)},
        ),
        parts={
            "at gaps of 1/(Nτ) every pull is 0": Part(
                "The loss is a strictly convex quadratic in the scores up to a constant, as its pairs connect all: the "
                "stationary point is its minimiser. Of the labels of place i, N − i ask for more and i − 1 for less: "
                "«the pulls on response i cancel».",
                (_ORDER,),
            )
        },
        conclusion="Every label asks for 1/(2τ) and between neighbours gets 2/N of it: the more responses are ranked, "
        "the closer they stay.",
        expected=Verdict.PROVED,
    ),
)
