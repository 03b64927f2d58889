"""Best of n: its KL from the reference, and what the RLHF optimum of the same KL has more."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Implies, Rounds, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.problems import problem_of, weights
from tabular.choice import best_of_n

__all__ = ["BEST", "KL", "STATEMENTS", "TILTED", "TOP", "N", "a", "y"]

N = sympy.Symbol("n", positive=True)
KL, TOP = named("KL(BoN‖π_ref)", "π_ref(best)")
BEST, TILTED = named("E_BoN[r]", "E_tilt[r]")
a, y = sympy.symbols("a y", positive=True)
_SOURCE = "Beirami et al. 2401.01879"
_EFFORT = Effort(draws=300, climbs=2, steps=40)


def _instance(draw):
    size = draw.integer(2, 5)
    return {
        "ref": weights(draw, size, (Fraction(1, 10), 10)),
        "reward": [draw.number(-2, 2) for _ in range(size)],
        "n": draw.integer(2, 8),
    }


def _problem(ref, reward):
    return problem_of(ref, reward, 1)


def _top(ref, reward):
    known = _problem(ref, reward)
    best = known.reward[0] == known.reward[0].max()
    return float(np.exp(known.log_ref[0][best]).sum())


def _tilted(ref, reward, n):
    known = _problem(ref, reward)
    nats = np.minimum(best_of_n.kl_from_reference(known, n), -np.log(_top(ref, reward)))
    return float(best_of_n.tilt_of_equal_kl(known, nats).reward[0])


_DRAWN = Instances(
    _instance,
    "Finite responses, π_ref > 0, any reward, ties included, n = 2, 3, ... draws of which the best is kept; tilt: the "
    "RLHF optimum of the same KL from π_ref",
    {
        N: lambda n: n,
        KL: lambda ref, reward, n: float(best_of_n.kl_from_reference(_problem(ref, reward), n)[0]),
        TOP: _top,
        BEST: lambda ref, reward, n: float(best_of_n.expected_reward(_problem(ref, reward), n)[0]),
        TILTED: _tilted,
    },
    drawn="2 to 5 responses, weights in [1/10, 10], r ∈ [−2, 2], n ≤ 8",
)
_FORMULA = log(N) - (N - 1) / N
_INTEGRAL = Identity(
    "an antiderivative of nu^(n−1) log(nu^(n−1))",
    {"without log n": lambda u, n: n * exp((n - 1) * log(u)) * (n - 1) * log(u)},
    lambda u, n: derivative(lambda v: exp(n * log(v)) * (log(n) + (n - 1) * log(v)) - (n - 1) / n * exp(n * log(v)))(u),
    lambda u, n: n * exp((n - 1) * log(u)) * (log(n) + (n - 1) * log(u)),
    {"u": POSITIVE, "n": POSITIVE},
)
_DENSITY = (
    Identity(
        "u^n has the slope nu^(n−1)",
        {"u^(n−1)": lambda u, n: exp((n - 1) * log(u))},
        lambda u, n: derivative(lambda v: exp(n * log(v)))(u),
        lambda u, n: n * exp((n - 1) * log(u)),
        {"u": POSITIVE, "n": POSITIVE},
    ),
    Sign(
        "n(n − 1)u^(n−2) ≥ 0",
        {"n − 2 for n − 1": lambda u, m: (1 + m) * (m - 1) * exp((m - 1) * log(u))},
        lambda u, m: (1 + m) * m * exp((m - 1) * log(u)),
        {"u": POSITIVE, "m": NONNEGATIVE},
        weak=True,
    ),
)
_GIBBS = Identity(
    "E r/β − KL(p‖π_ref), term by term",
    {"with Z twice": lambda p, q, r, Z: p * 2 * log(Z) - p * log(p / (q * exp(r) / Z))},
    lambda p, q, r, Z: p * r - p * log(p / q),
    lambda p, q, r, Z: p * log(Z) - p * log(p / (q * exp(r) / Z)),
    {"p": POSITIVE, "q": POSITIVE, "r": REAL, "Z": POSITIVE},
)


def _uniform_kl(size, n):
    """KL of best of n from a uniform reference of this size, all rewards different."""
    shares = [Fraction(k**n - (k - 1) ** n, size**n) for k in range(1, size + 1)]
    return sum(p * log(p * size) for p in shares)


#: Best of two of three uniform responses with rewards 0, a, 1: (1, 3, 5)/9.
_BEST_OF_TWO = (3 * a + 5) / 9
_KL_OF_TWO = (log(Fraction(1, 3)) + 5 * log(Fraction(5, 3))) / 9
_Z = 1 + exp(a * y) + exp(y)
_TILT_MEAN = (a * exp(a * y) + exp(y)) / _Z
_TILT_KL = y * _TILT_MEAN - log(_Z / 3)

STATEMENTS = (
    Statement(
        id="bon-kl",
        title="The KL of best of n is below log n − (n − 1)/n on every finite space",
        origin=Origin.READING,
        source=f"{_SOURCE}; that it is strict is ours",
        form=Form(
            _DRAWN,
            (),
            claim={
                "strictly below the formula": relation(KL, "<", _FORMULA, noise=1e-12),
                "at most −log of the reference's mass of the best": relation(KL, "<=", -log(TOP), noise=1e-9),
            },
            wrong={
                "equal to it": relation(KL, "=", _FORMULA),
                "below 9/10 of it": relation(KL, "<", _FORMULA * Fraction(9, 10)),
            },
            effort=_EFFORT,
        ),
        parts={
            "strictly below the formula": Part(
                "Lay the responses, ties merged, in order of reward on [0, 1] as cells of length π_ref: best of n has "
                "the mass F_i^n − F_(i−1)^n of the cell under the density nu^(n−1). Merging points to cells lowers "
                "KL, strictly as the density is not constant on a cell, and «an antiderivative of nu^(n−1) "
                "log(nu^(n−1))» is 0 at u = 0 and log n − (n − 1)/n at u = 1.",
                (_INTEGRAL,),
            ),
            "at most −log of the reference's mass of the best": Part(
                "F_i^n − F_(i−1)^n is the integral of nu^(n−1) over the cell, «u^n has the slope nu^(n−1)», and that "
                "density rises, «n(n − 1)u^(n−2) ≥ 0» with n = 1 + m: so BoN/π_ref rises with the reward and is at "
                "most its value at the best, which is at most 1/π_ref(best).",
                _DENSITY,
            ),
        },
        second_routes=(
            Exact(
                "n = 4, uniform on 2 and on 10 responses",
                {"2 responses by the formula": Rounds(_uniform_kl(2, 4), "0.6362943611")},
                All((Rounds(_uniform_kl(2, 4), "0.4593555219"), Rounds(_uniform_kl(10, 4), "0.6288251364"))),
            ),
        ),
        conclusion="The formula is the supremum, met by continuous rewards alone; with few responses it is far off.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="bon-below-tilt",
        title="RLHF's optimum of the same KL has at least the reward of best of n",
        origin=Origin.READING,
        source="Gibbs' principle; as read in the literature on best of n",
        form=Form(
            _DRAWN,
            (),
            claim={"mean rewards": relation(BEST, "<=", TILTED, noise=1e-7)},
            wrong={"never by more than 1/100": relation(BEST, ">=", TILTED - Fraction(1, 100))},
            effort=_EFFORT,
        ),
        parts={
            "mean rewards": Part(
                "«E r/β − KL(p‖π_ref), term by term» is log Z − KL(p‖π*): largest at p = π*. At equal KL from π_ref "
                "the rewards compare alike; where no β > 0 has that KL the tilt is the limit, which is all on the "
                "best.",
                (_GIBBS,),
            )
        },
        conclusion="Best of n is admissible as a policy, and never the best use of its KL.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="bon-kl-optimal",
        title="Best of n is KL-optimal",
        origin=Origin.BELIEF,
        source="true in the limit of many responses (Yang et al. 2404.01730, as read); read of finite spaces",
        form=Form(
            measured(
                "Three responses with uniform reference and rewards 0, a, 1; best of two is (1, 3, 5)/9, and the tilt "
                "at 1/β = y is ∝ (1, e^(ay), e^y)",
                (a, y),
                {},
                a=(Fraction(1, 20), 1),
            ),
            (),
            claim={
                "no tilt of at most its KL has more reward": Implies(
                    relation(_TILT_KL, "<=", _KL_OF_TWO), relation(_TILT_MEAN, "<=", _BEST_OF_TWO, noise=1e-9)
                )
            },
            right={
                "none has 1/20 more": Implies(
                    relation(_TILT_KL, "<=", _KL_OF_TWO), relation(_TILT_MEAN, "<=", _BEST_OF_TWO + Fraction(1, 20))
                )
            },
        ),
        second_routes=(
            Exact(
                "a = .9: .8555 of best of two against .8642 of the tilt at y = 1.649, of less KL",
                {"at y = 1.66 too": {a: Fraction(9, 10), y: Fraction(166, 100)}},
                All(
                    (
                        relation(_TILT_KL, "<", _KL_OF_TWO),
                        relation(_TILT_MEAN, ">", Fraction(864, 1000)),
                        relation(_BEST_OF_TWO, "<", Fraction(8556, 10_000)),
                    )
                ),
                {a: Fraction(9, 10), y: Fraction(1649, 1000)},
            ),
        ),
        conclusion="Best of n looks at ranks and so pays for telling .9 from 1; the tilt does not.",
        expected=Verdict.REFUTED,
        instead=("bon-below-tilt",),
    ),
)
