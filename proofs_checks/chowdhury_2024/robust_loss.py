"""rDPO: unbiased under flips at a known rate, with what variance, and when its sample loss has a lower bound."""

from fractions import Fraction
from math import comb

import sympy

from proofs_checks.kernel.arithmetic import log, softplus
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, UNIT, Exact, Identity, Sign
from proofs_checks.kernel.relation import All, Implies, Rounds, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, z, ε

__all__ = ["STATEMENTS", "T", "corrected", "losses", "wins"]

wins, losses, T = sympy.symbols("K K′ T", nonnegative=True)
_FLIPS = {"ε": (Fraction(1, 100), Fraction(49, 100))}
_SOURCE = "Chowdhury et al. 2403.00409"


def corrected(z, ε):
    """The rDPO loss of one label, ((1 − ε)sp(−z) − ε sp(z))/(1 − 2ε)."""
    return ((1 - ε) * softplus(-z) - ε * softplus(z)) / (1 - 2 * ε)


def _mean(z, ε):
    return (1 - ε) * corrected(z, ε) + ε * corrected(-z, ε)


def _variance(z, ε):
    return (1 - ε) * corrected(z, ε) ** 2 + ε * corrected(-z, ε) ** 2 - _mean(z, ε) ** 2


def _rate(a):
    """A flip rate between 0 and 1/2, from a positive number."""
    return a / (2 * (1 + a))


_CLAIMED = ε * (1 - ε) * z**2 / (1 - 2 * ε) ** 2
_UNBIASED = Identity(
    "the mean over flips",
    {"of cDPO": lambda z, a: (1 - _rate(a)) * softplus(-z) + _rate(a) * softplus(z)},
    lambda z, a: _mean(z, _rate(a)),
    lambda z, a: softplus(-z),
    {"z": REAL, "a": POSITIVE},
)
_DIFFERENCE = Identity(
    "loss(z) − loss(−z) = −z/(1 − 2ε)",
    {"−z": lambda z, a: -z},
    lambda z, a: corrected(z, _rate(a)) - corrected(-z, _rate(a)),
    lambda z, a: -z / (1 - 2 * _rate(a)),
    {"z": REAL, "a": POSITIVE},
)
_TWO_POINTS = Identity(
    "variance of two values",
    {"without 1 − ε": lambda a, b, ε: ε * (a - b) ** 2},
    lambda a, b, ε: (1 - ε) * a**2 + ε * b**2 - ((1 - ε) * a + ε * b) ** 2,
    lambda a, b, ε: ε * (1 - ε) * (a - b) ** 2,
    {"a": REAL, "b": REAL, "ε": UNIT},
)

_UP, _DOWN = (1 - ε) * wins - ε * losses, (1 - ε) * losses - ε * wins


def _sample(z):
    """(1 − 2ε) times the rDPO loss of K labels w > l and m − K labels l > w."""
    return _UP * softplus(-z) + _DOWN * softplus(z)


_SAMPLE = measured(
    "K labels w > l and K′ = m − K labels l > w of one pair, 0 < ε < 1/2, z the implicit reward difference βh, T ≥ 0; "
    "L the sum of the rDPO losses times 1 − 2ε",
    (wins, losses, z, T, ε),
    {},
    **{"K": (0, 20), "K′": (0, 20), "T": (0, 20)},
    **_FLIPS,
)
_WITHIN = All((relation(_UP, ">=", 0), relation(_DOWN, ">=", 0)))
_TERMS = Sign(
    "both terms are at least 0",
    {"one of them subtracted": lambda a, b, z: a * softplus(-z) - b * softplus(z)},
    lambda a, b, z: a * softplus(-z) + b * softplus(z),
    {"a": NONNEGATIVE, "b": NONNEGATIVE, "z": REAL},
    weak=True,
)
_FAR = Identity(
    "a sp(T) + b sp(−T) = aT + (a + b) sp(−T)",
    {"without b": lambda a, b, t: a * t + a * softplus(-t)},
    lambda a, b, t: a * softplus(t) + b * softplus(-t),
    lambda a, b, t: a * t + (a + b) * softplus(-t),
    {"a": REAL, "b": REAL, "t": NONNEGATIVE},
)


def _no_bound(m):
    """The probability that m labels of noisy rate .745 leave the loss with ε = .15 without a lower bound."""
    rate, flip = Fraction(745, 1000), Fraction(15, 100)
    outside = [k for k in range(m + 1) if not flip * m <= k <= (1 - flip) * m]
    return sum((comb(m, k) * rate**k * (1 - rate) ** (m - k) for k in outside), Fraction(0))


_PRINTED = All(
    (
        relation(_no_bound(1), "=", 1),
        Rounds(_no_bound(5), "0.2305775031"),
        Rounds(_no_bound(10), "0.2329846753"),
        Rounds(_no_bound(20), "0.0835161620"),
        Rounds(_no_bound(50), "0.0383420146"),
    )
)

STATEMENTS = (
    Statement(
        id="rdpo-unbiased-variance",
        title="rDPO at the true flip rate is unbiased, and its variance is ε(1 − ε)z²/(1 − 2ε)²",
        origin=Origin.OURS,
        source=f"{_SOURCE} has unbiasedness; the variance is ours",
        form=Form(
            measured(
                "One label whose order is flipped at rate ε, 0 < ε < 1/2; its rDPO loss at βh = z", (z, ε), {}, **_FLIPS
            ),
            (),
            claim={
                "mean": relation(_mean(z, ε), "=", softplus(-z), noise=1e-8),
                "variance": relation(_variance(z, ε), "=", _CLAIMED, noise=1e-6),
            },
            wrong={
                "variance without 1 − ε": relation(_variance(z, ε), "=", _CLAIMED / (1 - ε), noise=1e-6),
                "mean that of cDPO": relation(_mean(z, ε), "=", (1 - ε) * softplus(-z) + ε * softplus(z), noise=1e-6),
            },
        ),
        parts={
            "mean": Part("", (_UNBIASED,)),
            "variance": Part(
                "«loss(z) − loss(−z) = −z/(1 − 2ε)», and the «variance of two values» is ε(1 − ε) times its square.",
                (_DIFFERENCE, _TWO_POINTS),
            ),
        },
        conclusion="The correction costs variance that grows with the square of the margin, without bound as ε → 1/2.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="rdpo-empirical-unbounded",
        title="At the true flip rate the rDPO sample loss is bounded below iff εm ≤ K ≤ (1 − ε)m",
        origin=Origin.OURS,
        source=f"own derivation; the loss is that of {_SOURCE}",
        form=Form(
            _SAMPLE,
            (),
            claim={
                "inside, L ≥ 0": Implies(_WITHIN, relation(_sample(z), ">=", 0)),
                "L(−T) ≤ (K − εm)T + (1 − 2ε)m log 2": relation(
                    _sample(-T), "<=", _UP * T + (_UP + _DOWN) * log(2), noise=1e-9
                ),
                "L(T) ≤ ((1 − ε)m − K)T + (1 − 2ε)m log 2": relation(
                    _sample(T), "<=", _DOWN * T + (_UP + _DOWN) * log(2), noise=1e-9
                ),
            },
            wrong={
                "bounded by 0 for every K, as an unbiased loss": relation(_sample(z), ">=", 0),
                "inside, L is at least 1": Implies(_WITHIN, relation(_sample(z), ">=", 1)),
                "with log 2 left out": relation(_sample(-T), "<=", _UP * T),
            },
        ),
        parts={
            "inside, L ≥ 0": Part(
                "L = (K − εm) sp(−z) + ((1 − ε)m − K) sp(z), and inside «both terms are at least 0».", (_TERMS,)
            ),
            "L(−T) ≤ (K − εm)T + (1 − 2ε)m log 2": Part(
                "«a sp(T) + b sp(−T) = aT + (a + b) sp(−T)» with a + b = (1 − 2ε)m ≥ 0 and sp(−T) ≤ sp(0) = log 2. If "
                "K < εm this falls to −∞ with T.",
                (_FAR,),
            ),
            "L(T) ≤ ((1 − ε)m − K)T + (1 − 2ε)m log 2": Part(
                "The former with winner and loser exchanged: a = (1 − ε)m − K and b = K − εm in «a sp(T) + b sp(−T) = "
                "aT + (a + b) sp(−T)». So outside [εm, (1 − ε)m] there is no lower bound.",
                (_FAR,),
            ),
        },
        second_routes=(
            Exact(
                "clean rate .85, ε = .15: the probability of no bound for 1, 5, 10, 20, 50 labels",
                {"the last for 5 labels": Rounds(_no_bound(5), "0.2329846753")},
                _PRINTED,
            ),
        ),
        conclusion="Unbiased is not bounded: a single label never has a bound, and the risk is not even monotone in m.",
        expected=Verdict.PROVED,
    ),
)
