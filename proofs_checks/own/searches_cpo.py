"""The same for the statements on CPO: the library's optima against what each statement says of them."""

import math

import numpy as np
from scipy.optimize import isotonic_regression

from proofs_checks.kernel.search import in_library
from proofs_checks.own.searches_dpo import PAIR, POLICY, policy, three, two
from tabular import Preferences, Problem, cpo, margins, rlhf
from tabular.base.log_space import kl

_PENALTY = {"δ_ref": (-5, 5), "β": (0.1, 10), "Δr": (-3, 3), "γ": (0.01, 5)}
_LOGITS = {"a": (-3, 3), "b": (-3, 3)}
_CHAIN = Preferences.from_pairs([(0, 1), (1, 2)])


def _optimal_margin(δ_ref, β, Δr):
    return δ_ref + Δr / β


def _summit(κ):
    """F(κ), with 2κ + √(4κ²+1) in the form that keeps its digits."""
    return math.asinh(1 / (2 * κ)) - 2 * κ - math.sqrt(4 * κ * κ + 1)


def _local(δ_ref, β, Δr, γ):
    return cpo.penalized_optimum(two(δ_ref, β, Δr), PAIR, γ).local


def _window(δ_ref, β, Δr=0.0):
    lowest, highest = cpo.gamma_window(two(δ_ref, β, Δr), PAIR)
    return lowest[0], highest[0]


def _penalty_growth(a, b, r_a, r_b, β, γ, T, factor=0.99):
    """J must grow by nearly γT between π_l = e^-T and e^-2T."""
    problem = three(a, b, r_a, r_b, β)
    near, far = (cpo.penalized_objective(policy(0, -k * T, 0), problem, PAIR, γ)[0] for k in (1, 2))
    return factor * γ * T - (far - near)


def _not_stationary(δ_ref, β, Δr, γ, δ, factor=1):
    """dJ/dδ by differences against β σ(δ)σ(-δ)[δ* - G(δ)]."""
    problem, step = two(δ_ref, β, Δr), 1e-4
    up, down = (cpo.penalized_objective(policy(δ + side * step, 0), problem, PAIR, γ)[0] for side in (1, -1))
    level = δ - 2 * factor * γ / β * (1 + math.cosh(δ))
    slope = β / (2 + 2 * math.cosh(δ)) * (_optimal_margin(δ_ref, β, Δr) - level)
    return abs((up - down) / (2 * step) - slope) - 1e-5 * (1 + β + γ)


def _wrong_existence(δ_ref, β, Δr, γ, shift=0):
    """δ* - F(κ) where a local maximum was found, F(κ) - δ* where none was."""
    excess = _optimal_margin(δ_ref, β, Δr) - _summit(γ / β) - shift
    return (excess if _local(δ_ref, β, Δr, γ) is not None else -excess) - 1e-6


def _window_end_is_off(δ_ref, β, Δr, factor=1):
    """1 where a local maximum is missing below γ_max, or there is one above it."""
    highest = factor * _window(δ_ref, β, Δr)[1]
    below, above = (_local(δ_ref, β, Δr, share * highest) for share in (0.999, 1.001))
    return 1.0 if below is None or above is not None else -1.0


def _window_is_empty(β, s, factor=1):
    """γ* - γ_max at δ* = -s."""
    lowest, highest = _window(-s, β)
    return factor * lowest - highest


def _local_sign(δ_ref, β, Δr, γ, quarter=0.25):
    """-δ(γ - γ*) at the local maximum."""
    found = _local(δ_ref, β, Δr, γ)
    delta_star = _optimal_margin(δ_ref, β, Δr)
    if found is None or delta_star >= 0:
        return -math.inf
    return -PAIR.delta(found)[0] * (γ + quarter * β * delta_star) - 1e-12


def _constraint_broken(a, b, r_a, r_b, β, m, added=0):
    best = cpo.constrained_optimum(three(a, b, r_a, r_b, β), _CHAIN, m).log_policy
    return m + added - _CHAIN.delta(best).min() - 1e-9


def _third_response_repaired(a, o, log_κ, floor=1):
    """Positive where a local maximum has δ ≥ 0 although (a-1)e^a π*_o ≥ π*_l, for π* ∝ (e^-2a, 1, o)."""
    if (a - 1) * math.exp(a) * o < floor:
        return -math.inf
    problem = Problem.from_unnormalized([-2 * a, 0.0, math.log(o)], 1.0, [0.0] * 3)
    found = cpo.penalized_optimum(problem, PAIR, math.exp(log_κ)).local
    return -math.inf if found is None else float(PAIR.delta(found)[0])


def _margin_differs(δ_ref, β, Δr, γ, sign=1):
    """β(δ - δ_ref) - Δr - Ψ* at the local maximum."""
    found = _local(δ_ref, β, Δr, γ)
    if found is None:
        return -math.inf
    w, loser = np.exp(found[0])
    exact = γ * (1 / w + sign / loser)
    return abs(β * (PAIR.delta(found)[0] - δ_ref) - Δr - exact) - 1e-7 * (1 + β + γ + abs(exact))


def _lambert_line(a, b, r_a, r_b, β, γ, factor=1):
    """The spread of log π - log π* - κc/π over three responses at a local maximum, c = (1, -1, 0)."""
    problem = three(a, b, r_a, r_b, β)
    found = cpo.penalized_optimum(problem, PAIR, γ).local
    if found is None:
        return -math.inf
    line = found[0] - rlhf.optimal_policy(problem)[0] - factor * γ / β * np.array([1, -1, 0]) * np.exp(-found[0])
    return float(np.ptp(line)) - 1e-7 * (1 + np.abs(line).max())


def _margin_optimum(δ_ref, β, Δr, γ, kind="pair"):
    problem = two(δ_ref, β, Δr)
    labels = Preferences.from_bradley_terry(problem, [(0, 1)])
    found = PAIR.delta(cpo.reference_margin_solve(problem, labels, γ, margin_of=kind).log_policy)[0]
    added = float(cpo.reference_margin(problem, PAIR, γ)[0])
    return abs(found - (δ_ref + (Δr + added) / β)) - 1e-7 * (1 + abs(found))


def _defect(a, b, γ, sign=1):
    problem = three(a, b, 0.0, 0.0, 1.0)
    first, second, long = cpo.reference_margin(problem, Preferences.from_pairs([(0, 1), (1, 2), (0, 2)]), γ)
    expected = 2 * γ * math.exp(-problem.log_ref[0, 1])
    return abs(first + second - long - sign * expected) - 1e-9 * (1 + expected)


def _floor_is_off(δ_ref, γ, τ, share=1.0):
    gap = float(margins.target("code_cpo", δ_ref, gamma=γ, tau=τ, alpha=1.0)) - max(δ_ref, γ)
    return max(-gap, gap - share * math.log(2) / τ) - 1e-9


def _multiplier_differs(a, b, r_a, r_b, β, m, factor=1):
    problem = three(a, b, r_a, r_b, β)
    delta_star = PAIR.delta(rlhf.optimal_policy(problem))[0]
    expected = max(0.0, m - delta_star) / (1 + math.exp(factor * m))
    found = float(cpo.constrained_optimum(problem, PAIR, m).multipliers[0]) / β
    return abs(found - expected) - 1e-8 * (1 + expected)


def _cheaper(a, b, m, u, v, spared=0.0):
    """How much closer to π* a feasible policy is than the library's projection."""
    problem, tried = three(a, b, 0.0, 0.0, 1.0), policy(u, v, 0)
    if _CHAIN.delta(tried).min() < m:
        return -math.inf
    return float(cpo.constrained_optimum(problem, _CHAIN, m).price[0] + spared - kl(tried, problem.log_ref[0])) - 1e-10


def _gap_too_small(a, b, m, u, v, first, second, share=1.0):
    """Half the squared distance of a feasible policy from the library's optimum, less the gap of any multipliers."""
    problem, tried, ratio = three(a, b, 0.0, 0.0, 1.0), policy(u, v, 0), math.exp(m)
    if _CHAIN.delta(tried).min() < m:
        return -math.inf
    tilt = np.array([first, second - ratio * first, -ratio * second])
    gap = kl(tried, problem.log_ref[0]) + np.logaddexp.reduce(problem.log_ref[0] + tilt)
    distance = np.abs(np.exp(tried) - np.exp(cpo.constrained_optimum(problem, _CHAIN, m).log_policy[0])).sum()
    return float(distance**2 / 2 - share * gap) - 1e-10


def _not_geometric(a, b, mean="geometric"):
    problem = three(min(a, b) - 0.1, max(a, b), 0.0, 0.0, 1.0)
    first, second, other = np.exp(problem.log_ref[0])
    pooled = math.sqrt(first * second) if mean == "geometric" else (first + second) / 2
    best = np.exp(cpo.constrained_optimum(problem, PAIR).log_policy[0])
    return abs(best[0] - pooled / (2 * pooled + other)) - 1e-9


def _weighted_differs(a, b, u, v, power=1):
    """Margins u - v and v - 0 on a chain of three, against scipy's weighted isotonic regression."""
    problem, potential = three(a, b, 0.0, 0.0, 1.0), np.array([u, v, 0.0])
    best = cpo.constrained_optimum(problem, _CHAIN, np.array([u - v, v])).log_policy[0]
    values = problem.log_ref[0] - potential
    x = isotonic_regression(values, weights=np.exp(power * potential), increasing=False).x + potential
    return float(np.abs(best - policy(*x)).max()) - 1e-8


_FULL = {"a": (-3, 3), "b": (-3, 3), "r_a": (-2, 2), "r_b": (-2, 2), "β": (0.2, 5)}
_MARGIN = {"m": (-1, 3)}

SEARCHES = {
    "eq-10": in_library("J grows like γT", _penalty_growth, {**_FULL, "γ": (0.01, 1), "T": (500, 5000)}, factor=1.1),
    "eq-10-stationary": in_library("dJ/dδ by differences", _not_stationary, {**_PENALTY, "δ": (-4, 4)}, factor=2),
    "eq-10-local": in_library("existence", _wrong_existence, _PENALTY, shift=0.5),
    "gamma-max": in_library(
        "γ_max", _window_end_is_off, {"δ_ref": (-5, 5), "β": (0.1, 10), "Δr": (-3, 3)}, draws=50, factor=1.1
    ),
    "gamma-window": in_library("γ* < γ_max", _window_is_empty, {"β": (0.1, 10), "s": (0.01, 50)}, factor=1.01),
    "thm-4.9-local": in_library("sign of δ", _local_sign, _PENALTY, quarter=0.125),
    "thm-4.9-hard": in_library("δ ≥ m", _constraint_broken, {**_FULL, "m": (0, 3)}, added=0.01),
    "thm-4.9-third-response": in_library(
        "no local maximum with δ ≥ 0",
        _third_response_repaired,
        {"a": (1.01, 4), "o": (0.001, 5), "log_κ": (-7, 2)},
        draws=300,
        floor=0,
    ),
    "eq-13": in_library("the exact margin", _margin_differs, _PENALTY, sign=-1),
    "eq-13-lambert": in_library(
        "log π − log π* − κc/π is constant", _lambert_line, {**_FULL, "γ": (0.001, 0.3)}, factor=2
    ),
    "eq-19": in_library(
        "the optimum",
        _margin_optimum,
        {"δ_ref": (-3, 3), "β": (0.2, 5), "Δr": (0.01, 3), "γ": (0.01, 0.3)},
        kind="label",
    ),
    "triangle-defect": in_library("the defect", _defect, {**_LOGITS, "γ": (0.01, 2)}, sign=-1),
    "code-cpo": in_library("the floor", _floor_is_off, {"δ_ref": (-9, 9), "γ": (0, 2), "τ": (0.1, 9)}, share=0.99),
    "hard-one-pair": in_library("the multiplier", _multiplier_differs, {**_FULL, **_MARGIN}, factor=2),
    "hard-any": in_library("nothing feasible is closer", _cheaper, {**_LOGITS, "m": (0, 1), **POLICY}, spared=0.1),
    "hard-gap": in_library(
        "the gap bounds the distance",
        _gap_too_small,
        {**_LOGITS, "m": (0, 1), **POLICY, "first": (0, 3), "second": (0, 3)},
        share=0.5,
    ),
    "isotonic-geometric": in_library("the pool", _not_geometric, _LOGITS, mean="arithmetic"),
    "isotonic-weighted": in_library("scipy", _weighted_differs, {**_LOGITS, "u": (-1, 1), "v": (-1, 1)}, power=0),
}
