"""The penalised objective of Eq. 10 on two responses: G and its summit F, what carries them, and the library's optimum.

With κ = γ/β, dJ/dδ = β σ(δ)σ(−δ)[δ* − G(δ)] with G(δ) = δ − 2κ(1 + cosh δ), which is concave and greatest, F(κ), at
asinh(1/(2κ)): J rises before the smaller root of G(δ) = δ* and falls after it, so that root is the one local maximum.
"""

import functools
from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import asinh, cosh, derivative, exp, log, sigmoid, sinh, sqrt
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.search import Effort
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.pairs import PAIR, two
from tabular import cpo

__all__ = [
    "CONCAVE",
    "EFFORT",
    "EXISTS",
    "GAMMA_MAX",
    "GAMMA_STAR",
    "LOCAL",
    "QUANTITIES",
    "RARE",
    "SLOPE",
    "SUMMIT",
    "level",
    "local_policy",
    "objective",
    "summit",
    "two_responses",
]

#: An optimum of Eq. 10 costs tens of milliseconds: fewer instances than elsewhere.
EFFORT = Effort(draws=150, climbs=1, steps=20)
RARE = Effort(draws=200, climbs=1, steps=5, least=50)


def level(δ, κ):
    """G(δ) = δ − 2κ(1 + cosh δ)."""
    return δ - 2 * κ * (1 + cosh(δ))


def summit(κ):
    """F(κ), the greatest value of G."""
    return asinh(1 / (2 * κ)) - 2 * κ - sqrt(4 * κ**2 + 1)


def objective(δ, δ_ref, r, β, γ):
    """J on two responses up to a constant, σ(δ)Δr − β KL + γδ."""
    up, down = sigmoid(δ), sigmoid(-δ)
    divergence = up * (log(up) - log(sigmoid(δ_ref))) + down * (log(down) - log(sigmoid(-δ_ref)))
    return up * r - β * divergence + γ * δ


SLOPE = Identity(
    "dJ/dδ = β σ(δ)σ(−δ)[δ* − G(δ)]",
    {
        "κ for 2κ": lambda d, e, r, b, g: (
            b * sigmoid(d) * sigmoid(-d) * (e + r / b - (d - g / b * (1 + (exp(d) + exp(-d)) / 2)))
        )
    },
    lambda d, e, r, b, g: derivative(lambda x: objective(x, e, r, b, g))(d),
    lambda d, e, r, b, g: b * sigmoid(d) * sigmoid(-d) * (e + r / b - (d - 2 * g / b * (1 + (exp(d) + exp(-d)) / 2))),
    {"d": REAL, "e": REAL, "r": REAL, "b": POSITIVE, "g": POSITIVE},
)
CONCAVE = (
    Identity(
        "G″ = −2κ cosh δ",
        {"−κ cosh δ": lambda k, d: -k * cosh(d)},
        lambda k, d: derivative(lambda x: level(x, k), 2)(d),
        lambda k, d: -2 * k * cosh(d),
        {"k": POSITIVE, "d": REAL},
    ),
    Sign(
        "2κ cosh δ > 0",
        {"cosh δ − 2": lambda k, d: k * (cosh(d) - 2)},
        lambda k, d: 2 * k * cosh(d),
        {"k": POSITIVE, "d": REAL},
    ),
)
SUMMIT = (
    Identity(
        "G′ = 0 at asinh(1/(2κ))",
        {"at asinh(1/κ)": lambda k: 1 - 2 * k * sinh(asinh(1 / k))},
        lambda k: derivative(lambda x: level(x, k))(asinh(1 / (2 * k))),
        lambda k: 0 * k,
        {"k": POSITIVE},
    ),
    Identity(
        "the summit is F(κ)",
        {"without 2κ": lambda k: asinh(1 / (2 * k)) - sqrt(4 * k**2 + 1)},
        lambda k: level(asinh(1 / (2 * k)), k),
        lambda k: summit(k),
        {"k": POSITIVE},
    ),
)

#: Of the library: whether a local maximum exists (1 or 0), its δ (0 where there is none), γ* and γ_max.
EXISTS, LOCAL, GAMMA_STAR, GAMMA_MAX = named("a local maximum exists (1 or 0)", "δ", "γ*", "γ_max")


def local_policy(δ_ref, β, Δr, γ):
    """The library's local maximum, log-probabilities, or None; once for each instance."""
    return _local_policy(*map(float, (δ_ref, β, Δr, γ)))


@functools.lru_cache(maxsize=2000)
def _local_policy(δ_ref, β, Δr, γ):
    found = cpo.penalized_optimum(two(δ_ref, β, Δr), PAIR, γ).local
    return None if found is None else found[0]


def _local(δ_ref, β, Δr, γ):
    found = local_policy(δ_ref, β, Δr, γ)
    return 0.0 if found is None else float(found[0] - found[1])


def _window(δ_ref, β, Δr, which):
    return float(np.ravel(cpo.gamma_window(two(δ_ref, β, Δr), PAIR)[which])[0])


QUANTITIES = {
    EXISTS: lambda δ_ref, β, Δr, γ: float(local_policy(δ_ref, β, Δr, γ) is not None),
    LOCAL: _local,
    GAMMA_STAR: lambda δ_ref, β, Δr: _window(δ_ref, β, Δr, 0),
    GAMMA_MAX: lambda δ_ref, β, Δr: _window(δ_ref, β, Δr, 1),
}
_RANGES = {"β": (Fraction(1, 10), 10), "γ": (Fraction(1, 100), 5), "δ_ref": (-5, 5), "Δr": (-3, 3)}


def two_responses(symbols, more="") -> Instances:
    """Two responses, one labelled pair, β, γ > 0, and the library's local maximum of Eq. 10; symbols by name."""
    words = "Two responses, one labelled pair w > l, π_ref > 0, β, γ > 0, κ = γ/β, δ* = δ_ref + Δr/β"
    return measured(words + more, symbols, QUANTITIES, **_RANGES)
