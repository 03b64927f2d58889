"""With m = 0 the KL projection is isotonic regression of log π*; with margins u_w - u_l a weighted one.

Proof of isotonic-projection. The Lagrangian of min KL(π‖π*) under π_w - π_l ≥ 0 has derivative log π - log π* + 1 -
ν - (Aᵀλ)_y in π_y, with (Aᵀλ)_y the multipliers of the labels y wins less those it loses. With x = log π + 1 - ν, z
= log π* this is x - z - Aᵀλ, the derivative of the Lagrangian of ½ Σ(x - z)² under x_w - x_l ≥ 0. As exp increases,
both problems have the same feasible orders and the same tight labels: the same KKT conditions, sufficient in both as
both are convex. So x is the isotonic regression of z, and π ∝ e^x. Inside a pooled block the multipliers cancel, so
Σ x = Σ z: the block's value is the mean of log π*, a geometric mean of π*.

Proof of isotonic-weighted. For π_w ≥ e^{u_w-u_l} π_l write the constraint e^{-u_w} π_w - e^{-u_l} π_l ≥ 0, with the
derivative ∓e^{-u} in place of ∓1. Stationarity is log π - log π* + 1 - ν - e^{-u}(Aᵀλ)_y = 0; times e^u, with x =
log π - u + 1 - ν and z = log π* - u: e^u (x - z) = Aᵀλ, weighted isotonic regression.
"""

import itertools
from fractions import Fraction

import numpy as np
from scipy.optimize import isotonic_regression

from proofs_checks.kernel import search, symbolic
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.search import in_library
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.hard_constraint import example
from proofs_checks.own.searches_cpo import SEARCHES
from tabular import Preferences, Problem, cpo


def _same_stationarity(sign=1):
    """The two stationarity equations, one less the other; a stands for (Aᵀλ)_y."""
    policy, optimum, pull, nu = *positive("π π*"), *real("a ν")
    projection = (policy * log(policy / optimum)).diff(policy) - pull - nu
    x = log(policy) + 1 - nu
    return projection - (x - log(optimum) - sign * pull)


def _same_weighted_stationarity(power=1):
    policy, optimum, pull, nu, u = *positive("π π*"), *real("a ν u")
    projection = (policy * log(policy / optimum)).diff(policy) - exp(-u) * pull - nu
    x, z = log(policy) - u + 1 - nu, log(optimum) - u
    return exp(power * u) * projection - (exp(u) * (x - z) - pull)


def _same_constraint(sign=1):
    """log of e^{-u_w} π_w less log of e^{-u_l} π_l is x_w - x_l, and is δ - (u_w - u_l)."""
    policy_w, policy_l = positive("π_w π_l")
    u_w, u_l, nu = real("u_w u_l ν")
    x_w, x_l = log(policy_w) - u_w + 1 - nu, log(policy_l) - u_l + 1 - nu
    return (x_w - x_l) - (log(policy_w) - log(policy_l) - sign * (u_w - u_l))


def _pooled(power=1):
    """Two pooled responses: both log-ratios to π* have the multipliers ±a, so e^{2x} = π*_1 π*_2."""
    first, second, pull = *positive("p q"), real("a")
    value = (log(first) + pull + log(second) - pull) / 2
    return exp(2 * value) - (first * second) ** power


_POOLED_EXAMPLE = Check(
    "(.1, .4, .3, .2), 0 ≥ 1 → (2/9, 2/9, 1/3, 2/9)",
    Quantifier.EXHAUSTIVE,
    lambda: example("1/10 2/5 3/10 1/5", "2/9 2/9 1/3 2/9", 0, 1, 1, "10/9"),
    (
        Control(
            "arithmetic mean (1/4, 1/4, .3, .2)",
            lambda: example("1/10 2/5 3/10 1/5", "1/4 1/4 3/10 1/5", 0, 1, 1, "1"),
        ),
    ),
    corroborates=True,
    is_claim=True,
)


def _pools_arithmetically(p, q, rest):
    """Positive where the KKT-certified optimum for q > p, p forced up, differs from (p+q)/2 by 1/100."""
    geometric = exp((log(p) + log(q)) / 2)
    pooled = geometric / (2 * geometric + rest)
    arithmetic = (p + q) / 2 / (p + q + rest)
    return abs(pooled - arithmetic) - Fraction(1, 100)


def _library_differs(a, b, c, d, form="isotonic"):
    """The library's projection on a total order of four against softmax of scipy's isotonic regression."""
    problem = Problem.from_unnormalized([a, b, c, d], 1.0, [0.0] * 4)
    best = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 2), (2, 3)]))
    log_star = problem.log_ref[0]
    values = log_star if form == "isotonic" else np.exp(log_star)
    x = isotonic_regression(values, increasing=False).x
    x = x if form == "isotonic" else np.log(x)
    expected = x - np.log(np.exp(x).sum())
    return float(np.abs(best.log_policy[0] - expected).max()) - 1e-8


def _certified_chains(count=60, slip=Fraction(0)):
    """Total orders with rational π*: feasibility and multipliers of the pooled means, in ball arithmetic."""
    from proofs_checks.kernel.certificates import rigorous
    from proofs_checks.kernel.interval import Interval

    rng = np.random.default_rng(3)

    @rigorous
    def certified(base):
        z = [Interval.of(p).log() for p in base]
        blocks = isotonic_regression(np.log([float(p) for p in base]), increasing=False).blocks
        means = []
        for start, stop in itertools.pairwise(blocks.tolist()):
            mean = sum(z[start + 1 : stop], z[start]) / (stop - start) + slip
            multiplier = Interval.of(0)
            for y in range(start, stop - 1):
                multiplier = multiplier + mean - z[y]
                if not multiplier > 0:
                    return False
            if not abs(multiplier + mean - z[stop - 1]) < Fraction(1, 10**20):
                return False
            means.append(mean)
        return all(high > low for high, low in itertools.pairwise(means))

    done = [certified([Fraction(int(k)) for k in rng.permutation(90)[:5] + 1]) for _ in range(count)]
    return Finding(all(done), f"{sum(done)} of {count} random chains certified")


_CHAIN = dict.fromkeys("abcd", (-4, 4))

STATEMENTS = (
    Statement(
        id="isotonic-projection",
        title="With m = 0 the projection is isotonic regression of log π*",
        source="own derivation, in the file",
        hypotheses="Any partial order of labels, π* > 0.",
        claim="π = softmax(isotonic L2 regression of log π*), unweighted.",
        method="Both problems have the same KKT conditions under x = log π + 1 − ν (identities). Instances: "
        "multipliers of total "
        "orders certified in ball arithmetic; the library against scipy.",
        conclusion="A total order costs one pool-adjacent-violators pass.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("same stationarity", _same_stationarity, controls={"−Aᵀλ": lambda: _same_stationarity(-1)}),
            Check(
                "KKT on random chains",
                Quantifier.CASES,
                _certified_chains,
                (Control("block values 1/10 higher", lambda: _certified_chains(slip=Fraction(1, 10))),),
                corroborates=True,
            ),
            in_library("scipy", _library_differs, _CHAIN, form="isotonic regression of π*"),
        ),
    ),
    Statement(
        id="isotonic-geometric",
        title="Pooled blocks are geometric means",
        source="own derivation, in the file",
        hypotheses="As in isotonic-projection.",
        claim="Each of two pooled responses gets √(π*_1 π*_2) before normalisation.",
        method="The multipliers of a block cancel: identity. Second route: an example in rational arithmetic.",
        conclusion="Aligning a pair loses mass to the others, unlike averaging.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("e^{2x} = π*_1 π*_2", _pooled, controls={"squared": lambda: _pooled(2)}),
            _POOLED_EXAMPLE,
            SEARCHES["isotonic-geometric"],
        ),
    ),
    Statement(
        id="isotonic-arithmetic",
        title="Pooled blocks are arithmetic means",
        source="what KL in the other direction would give",
        hypotheses="As in isotonic-projection.",
        claim="Each pooled response gets the mean (π*_1 + π*_2)/2.",
        method="Search for a problem where the certified optimum differs by 1/100; ball arithmetic.",
        conclusion="That is the projection in KL(π*‖π), a different problem.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "geometric ≠ arithmetic",
                _pools_arithmetically,
                {"p": (Fraction(1, 100), 1), "q": (1, 100), "rest": (Fraction(1, 10), 10)},
                controls={"for p = q": lambda p, q, rest: _pools_arithmetically(p, p, rest)},
            ),
        ),
    ),
    Statement(
        id="isotonic-weighted",
        title="Margins that are potential differences: weighted isotonic regression",
        source="own derivation, in the file",
        hypotheses="m_wl = u_w − u_l on every label.",
        claim="log π − u is the isotonic regression of log π* − u with weights e^u, up to a constant.",
        method="Stationarity and constraint of both problems agree: identities.",
        conclusion="Chains and trees with margins need no solver either.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "same stationarity",
                _same_weighted_stationarity,
                controls={"weights e^{2u}": lambda: _same_weighted_stationarity(2)},
            ),
            symbolic.check("same constraint", _same_constraint, controls={"−m": lambda: _same_constraint(-1)}),
            SEARCHES["isotonic-weighted"],
        ),
    ),
)
