"""Nash policies of a preference game: the Condorcet winner, the regularised equilibrium and the plain iteration."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, log, sqrt, tanh
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, UNIT, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Given, Origin, Part, Statement, Verdict
from proofs_checks.spaces.games import matrix_of, rates
from proofs_checks.spaces.pair import measured, τ
from proofs_checks.spaces.problems import log_policy_of, once, weights
from tabular.choice import games, nash

__all__ = ["DEFECT", "IN", "LIMIT_SPREAD", "MOST", "MOST_WORSE", "OUT", "SIZE", "STATEMENTS", "WINNER", "a", "b", "p"]

WINNER, LIMIT_SPREAD, DEFECT = named("π_0", "τ span(log π/μ)", "max |log π − its best reply|")
IN, OUT, SIZE = named("span(x − y)", "span(Fx − Fy)", "n")
a, b, p = sympy.symbols("π_1/π_0 π_2/π_0 P_12", positive=True)
_SOURCE = "Munos et al. 2312.00886"
_EFFORT = Effort(draws=300, climbs=2, steps=40)
_HALF = Fraction(1, 2)


def _with_winner(draw):
    """A game in which response 0 beats every other."""
    size = draw.integer(2, 5)
    known = rates(draw, size)
    for row in known[1:]:
        row[0] = draw.number(0, Fraction(49, 100))
    return {"rates": known}


def _regularised(draw):
    size = draw.integer(2, 4)
    return {"rates": rates(draw, size), "ref": weights(draw, size), "τ": draw.number(Fraction(1, 10), 3)}


@once
def _solved(rates, ref, τ):
    logs = log_policy_of(ref)
    return nash.regularised(matrix_of(rates), float(τ), logs).log_policy, logs


def _spread(rates, ref, τ):
    found, logs = _solved(rates, ref, τ)
    return float(τ) * float(np.ptp(found - logs))


def _own_reply(rates, ref, τ):
    found, logs = _solved(rates, ref, τ)
    return float(np.abs(found - nash.best_reply(matrix_of(rates), float(τ), found, logs)).max())


_CONDORCET = Instances(
    _with_winner,
    "A preference game, P + Pᵀ = 1, in which response 0 beats every other: P_0j > 1/2",
    {WINNER: lambda rates: float(games.maximal_lottery(matrix_of(rates)).probabilities[0])},
    drawn="2 to 5 responses, rates of 0 in [51/100, 1]",
)
_GAME = Instances(
    _regularised,
    "A preference game on finite responses, any P with P + Pᵀ = 1, μ > 0, τ > 0; π the regularised Nash policy",
    {LIMIT_SPREAD: _spread, DEFECT: _own_reply},
    drawn="2 to 4 responses, τ ∈ [1/10, 3]",
)
#: Policy (1, a, b)/S and P_12 = p given: the rates of 0 that make it the equilibrium from a uniform reference.
_S = 1 + a + b
_DROP = τ * log(a / b) * _S - (p - _HALF) * (a + b)
_P01 = (-τ * log(a) * _S + _HALF + a / 2 + p * b - _DROP * b) / _S
_P02 = _P01 + _DROP
_FIRST = All(tuple(relation(rate, ">", _HALF) for rate in (_P01, _P02)))
_THREE = measured(
    "Three responses, uniform reference; the regularised Nash policy is π, P_12 is given, and the equilibrium π = μ "
    "e^(Pπ/τ)/Z gives the rates of response 0: τ log π_i/π_j = (Pπ)_i − (Pπ)_j",
    (a, b, p, τ),
    {},
    **{"π_1/π_0": (Fraction(1, 4), 4), "π_2/π_0": (Fraction(1, 4), 4), "P_12": (_HALF, 1)},
)
_POSSIBLE = All(tuple(relation(rate, "<=", 1) for rate in (_P01, _P02, p)))


def _scores(x, y, z, q, r, s):
    """(Pπ)_i of weights x, y, z for P_01 = q, P_02 = r, P_12 = s, times their sum."""
    return (
        _HALF * x + q * y + r * z,
        (1 - q) * x + _HALF * y + s * z,
        (1 - r) * x + (1 - s) * y + _HALF * z,
    )


def _equilibrium(k, y, z, s, t):
    """The first score less the k-th at the rates of _P01 and _P02, over the sum of weights."""
    drop = t * log(y / z) * (1 + y + z) - (s - _HALF) * (y + z)
    q = (-t * log(y) * (1 + y + z) + _HALF + y / 2 + s * z - drop * z) / (1 + y + z)
    found = _scores(1, y, z, q, q + drop, s)
    return (found[0] - found[k]) / (1 + y + z)


_SOLVES = tuple(
    Identity(
        f"(Pπ)_0 − (Pπ)_{k} = τ log π_0/π_{k}",
        {"with the sign changed": lambda y, z, s, t, k=k: t * log((y, z)[k - 1])},
        lambda y, z, s, t, k=k: _equilibrium(k, y, z, s, t),
        lambda y, z, s, t, k=k: -t * log((y, z)[k - 1]),
        {"y": POSITIVE, "z": POSITIVE, "s": UNIT, "t": POSITIVE},
    )
    for k in (1, 2)
)


def _two_policies(draw):
    """Two log-policies near or far from each other; some where the constant is nearly reached."""
    size = draw.integer(2, 4)
    known = rates(draw, size)
    x = [draw.number(-4, 4) for _ in range(size)]
    if draw.integer(0, 2) == 0:
        x = [0.0, 0.0, *([-12.0] * (size - 2))]
        for i in range(2, size):
            known[i][:2] = [i - 2, 3 - i]
    step = draw.number(Fraction(1, 100), 2)
    y = [x[0] + step, x[1] - step, *(v + draw.number(-1, 1) * step for v in x[2:])]
    return {"rates": known, "x": x, "y": y, "τ": draw.number(Fraction(1, 10), 3)}


def _score(rates, logits):
    logits = np.array(logits, float)
    return matrix_of(rates) @ np.exp(logits - np.logaddexp.reduce(logits))


_PLAIN = Instances(
    _two_policies,
    "A preference game of n responses, any P with P + Pᵀ = 1, τ > 0, F: log π ↦ log μ + Pπ/τ, the plain iteration; any "
    "x and y",
    {
        τ: lambda τ: τ,
        SIZE: lambda x: len(x),
        IN: lambda x, y: float(np.ptp(np.array(x, float) - np.array(y, float))),
        OUT: lambda rates, x, y, τ: float(np.ptp(_score(rates, x) - _score(rates, y))) / float(τ),
    },
    drawn="2 to 4 responses, τ ∈ [1/10, 3]",
)


def _below(share, noise=1e-9):
    return relation(τ * OUT, "<=", share * IN, noise=noise)


_TANH = Identity(
    "slope of v − tanh v",
    {"1 − tanh²": lambda v: 1 - tanh(v) ** 2},
    lambda v: derivative(lambda x: x - tanh(x))(v),
    lambda v: tanh(v) ** 2,
    {"v": NONNEGATIVE},
)
_NOT_NEGATIVE = Sign(
    "not negative",
    {"less 1/10": lambda v: tanh(v) ** 2 - Fraction(1, 10)},
    lambda v: tanh(v) ** 2,
    {"v": REAL},
    weak=True,
)
_EQUAL = Identity(
    "P_ik − P_jk at k = i",
    {"1/2 − P_ij": lambda q: _HALF - q},
    lambda q: _HALF - (1 - q),
    lambda q: q - _HALF,
    {"q": UNIT},
)
_TURNS = Identity(
    "the cycle's matrix multiplies a zero-sum vector's square by 3",
    {"by 2": lambda x, y: 2 * (x**2 + y**2 + (x + y) ** 2)},
    lambda x, y: (y + x + y) ** 2 + (-(x + y) - x) ** 2 + (x - y) ** 2,
    lambda x, y: 3 * (x**2 + y**2 + (x + y) ** 2),
    {"x": REAL, "y": REAL},
)
MOST, MOST_WORSE = named("max (P′π′)", "the same with c's share on the worse of the two")


def _cloned(rates, q, better):
    """The most that a response wins against the Nash policy of the game without the clone, in the game with it."""
    known = matrix_of(rates)
    chance = games.maximal_lottery(known).probabilities
    wide = np.block([[known, known[:, :1]], [known[:1], np.full((1, 1), 0.5)]])
    wide[0, -1], wide[-1, 0] = float(q), 1 - float(q)
    share = np.append(chance, 0.0)
    if not better:
        share[[0, -1]] = share[[-1, 0]]
    return float((wide @ share).max())


_CLONED = Instances(
    lambda draw: {"rates": rates(draw, draw.integer(1, 4)), "q": draw.number(_HALF, 1)},
    "A preference game with a response c, any P with P + Pᵀ = 1; P′ the game with a clone c′ of c, alike against all "
    "others, beaten by c at a rate q ≥ 1/2; π′ a Nash policy π of P, with 0 on c′",
    {
        MOST: lambda rates, q: _cloned(rates, q, better=True),
        MOST_WORSE: lambda rates, q: _cloned(rates, q, better=False),
    },
    drawn="1 to 4 responses, rates in [0, 1]",
)
_MODULUS = sqrt(3) / (6 * τ)

STATEMENTS = (
    Statement(
        id="nlhf-condorcet",
        title="A Condorcet winner is the only Nash policy of the unregularised game",
        origin=Origin.READING,
        source=f"{_SOURCE}; folklore of maximal lotteries",
        form=Form(
            _CONDORCET,
            (),
            claim={"the Nash policy plays it alone": relation(WINNER, "=", 1)},
            wrong={"it may play another": relation(WINNER, "<", 1)},
            effort=_EFFORT,
        ),
        parts={
            "the Nash policy plays it alone": Part(
                "Against any policy q ≠ e_0 response 0 wins Σ q_j P_0j, more than 1/2 by «what it gains», so q is no "
                "best reply to itself, which wins 1/2. Against e_0 every reply wins at most 1/2: e_0 is one.",
                (
                    Sign(
                        "what it gains",
                        {"if a rate is below 1/2": lambda q, r, g, k: q * g - r * k},
                        lambda q, r, g, k: q * g + r * k,
                        {"q": POSITIVE, "r": NONNEGATIVE, "g": POSITIVE, "k": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="Without a penalty the Nash policy follows majorities; with one it need not: nlhf-condorcet-first.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="nlhf-condorcet-first",
        title="A Condorcet winner is first in the regularised Nash policy",
        origin=Origin.BELIEF,
        source=f"a common belief about {_SOURCE}; the finding is ours",
        form=Form(
            _THREE,
            (_FIRST, Given(_POSSIBLE, needless="rates above 1 would make it easier to find, not harder")),
            claim={"π_0 is not below π_1": relation(a, "<=", 1)},
            right={
                "it is not where it beats 2 by as much as 1 does": Implies(
                    relation(_P02, ">=", p), relation(a, "<=", 1)
                )
            },
        ),
        second_routes=_SOLVES,
        conclusion="Beating everybody by little counts less than beating one by much, unless τ is small.",
        expected=Verdict.REFUTED,
        instead=("nlhf-condorcet",),
    ),
    Statement(
        id="nlhf-unique",
        title="The regularised Nash policy is its own best reply, with log-ratios of span below 1/τ",
        origin=Origin.READING,
        source=f"{_SOURCE}, existence and uniqueness",
        form=Form(
            _GAME,
            (),
            claim={
                "its own best reply": relation(DEFECT, "=", 0, noise=1e-8),
                "span": relation(LIMIT_SPREAD, "<", 1, noise=1e-12),
            },
            wrong={"span below 3/(4τ)": relation(LIMIT_SPREAD, "<", Fraction(3, 4))},
            effort=Effort(draws=600, climbs=4, steps=80),
        ),
        parts={
            "its own best reply": Part(
                "The payoff is linear but for the penalties: «the second slope of −p log(p/μ)», «1/p > 0». So it is "
                "strictly concave in one policy and strictly convex in the other, and both sets are compact: one "
                "saddle, symmetric as the game is. A best reply is the RLHF optimum of the reward Pπ at τ "
                "({rlhf-closed-form}).",
                (
                    Identity(
                        "the second slope of −p log(p/μ)",
                        {"−log(p/μ)": lambda p, m: -log(p / m)},
                        lambda p, m: derivative(lambda x: -x * log(x / m), 2)(p),
                        lambda p, m: -1 / p,
                        {"p": POSITIVE, "m": POSITIVE},
                    ),
                    Sign("1/p > 0", {"less 1": lambda p: 1 / p - 1}, lambda p: 1 / p, {"p": POSITIVE}),
                ),
            ),
            "span": Part(
                "log π/μ is Pπ/τ less a constant, and by {azar-ipo-bounded-tight}, for μ = π, two of (Pπ)_y differ by "
                "at most 1 − (π_i + π_j)/2, below 1 by «half their mass».",
                (
                    Sign(
                        "half their mass",
                        {"less 1/100": lambda p, q: (p + q) / 2 - Fraction(1, 100)},
                        lambda p, q: (p + q) / 2,
                        {"p": POSITIVE, "q": POSITIVE},
                    ),
                ),
            ),
        },
        conclusion="However strong the preferences, no log-odds moves by 1/τ.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="nlhf-fixed-point-contraction",
        title="The plain iteration contracts by 1/(2τ), by 3/(8τ) on three responses and to one point on two",
        origin=Origin.OURS,
        source=f"own derivation, for the fixed-point equation of {_SOURCE}",
        form=Form(
            _PLAIN,
            (),
            claim={
                "any n": _below(_HALF),
                "n ≤ 3": Implies(relation(SIZE, "<=", 3), _below(Fraction(3, 8))),
                "n = 2": Implies(relation(SIZE, "<=", 2), relation(OUT, "=", 0, noise=1e-9)),
            },
            wrong={"by .49/τ": _below(Fraction(49, 100)), "by 3/(8τ) on four": _below(Fraction(3, 8))},
            effort=Effort(draws=600, climbs=3, steps=60),
        ),
        parts={
            "any n": Part(
                "For policies π and π′ the scores differ by P(π − π′), and (P_i − P_j)·(π − π′) is at most TV(π, π′) "
                "times the span of the row difference P_ik − P_jk over k, which lies in [−1, 1]: at most 2 TV. By "
                "{rlhf-kl-span-tight} TV ≤ tanh(span(x − y)/4), at most span/4: «slope of v − tanh v», «not negative».",
                (_TANH, _NOT_NEGATIVE),
            ),
            "n ≤ 3": Part(
                "At k = i and k = j the row difference is the same number between −1/2 and 1/2, «P_ik − P_jk at k = "
                "i», and only one k is left, in [−1, 1]: a span of at most 3/2.",
                (_EQUAL,),
            ),
            "n = 2": Part(
                "No k is left: «two responses: (Pπ)_0 − (Pπ)_1 does not depend on π».",
                (
                    Identity(
                        "two responses: (Pπ)_0 − (Pπ)_1 does not depend on π",
                        {"P_01": lambda q, x: q + 0 * x},
                        lambda q, x: x / 2 + q * (1 - x) - (1 - q) * x - (1 - x) / 2,
                        lambda q, x: q - _HALF + 0 * x,
                        {"q": UNIT, "x": UNIT},
                    ),
                ),
            ),
        },
        conclusion="It converges from anywhere for τ > 1/2, and may be repelled below: nlhf-plain-iteration.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="nlhf-plain-iteration",
        title="The plain iteration converges for every τ > 0",
        origin=Origin.BELIEF,
        source=f"a common belief about the fixed-point equation of {_SOURCE}",
        form=Form(
            measured(
                "Rock–paper–scissors with uniform reference; the equilibrium is uniform, and there the iteration "
                "turns by a right angle and stretches by √3/(6τ)",
                (τ,),
                {},
            ),
            (),
            claim={"it does not stretch": relation(_MODULUS, "<=", 1)},
            right={
                "for τ ≥ 3/10 it does not": Implies(relation(τ, ">=", Fraction(3, 10)), relation(_MODULUS, "<=", 1))
            },
        ),
        second_routes=(_TURNS,),
        conclusion="Below τ = √3/6 = .2887 the equilibrium repels: Nash-MD's shrinking steps are there for a reason.",
        expected=Verdict.REFUTED,
        instead=("nlhf-fixed-point-contraction",),
    ),
    Statement(
        id="nlhf-clones",
        title="With a clone of c beside it the Nash policy stays as it is, c's share on the better of the two",
        origin=Origin.OURS,
        source="independence of clones, classical for maximal lotteries; the repair of bt-clone-flips",
        form=Form(
            _CLONED,
            (),
            claim={"no response wins more than 1/2 against π′": relation(MOST, "<=", _HALF, noise=1e-9)},
            wrong={"nor with c's share on the worse of the two": relation(MOST_WORSE, "<=", _HALF, noise=1e-9)},
            effort=_EFFORT,
        ),
        parts={
            "no response wins more than 1/2 against π′": Part(
                "To all others, and to c, π′ is π: they win at most 1/2. c′ wins as much as c against the others and "
                "(1 − q)π_c against c: «what c′ wins», less than c by «not negative».",
                (
                    Identity(
                        "what c′ wins",
                        {"as much as c": lambda rest, q, x: rest + x / 2 + 0 * q},
                        lambda rest, q, x: rest + (1 - q) * x,
                        lambda rest, q, x: rest + x / 2 - (q - _HALF) * x,
                        {"rest": REAL, "q": UNIT, "x": UNIT},
                    ),
                    Sign(
                        "not negative",
                        {"less 1/10": lambda gap, x: gap * x - Fraction(1, 10)},
                        lambda gap, x: gap * x,
                        {"gap": NONNEGATIVE, "x": NONNEGATIVE},
                        weak=True,
                    ),
                ),
            )
        },
        conclusion="The odds among all others stay as they were, however often a bad response is copied.",
        expected=Verdict.PROVED,
    ),
)
