"""One parameter for all responses: where DPO reverses an order, where it stays, and where RLHF has two optima."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, UNIT, Exact, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, β
from tabular import Preferences, Problem, log_linear

__all__ = [
    "COV",
    "RISE",
    "SLOPE",
    "STATEMENTS",
    "STAYS",
    "THETA",
    "VARIANCE",
    "further",
    "k",
    "n_12",
    "n_13",
    "n_23",
    "r_1",
    "r_2",
    "r_13",
    "r_21",
    "t",
]

THETA, STAYS, SLOPE, COV = named("θ", "θ of DPO", "dJ/dθ at 0", "Cov_u(φ, r)")
n_12, n_13, n_23 = sympy.symbols("n_12 n_13 n_23", positive=True)
r_21, r_13 = sympy.symbols("d_21 d_13", positive=True)
_FEW = Effort(draws=200, climbs=2, steps=30)
_HALF = Fraction(1, 2)


def _link(x):
    return sigmoid(x) - _HALF


def _problem(reward, β):
    return Problem.from_unnormalized(np.zeros(len(reward)), float(β), [float(x) for x in reward])


def _population(problem, counts):
    """Labels at Bradley–Terry rates, each pair as often as it is counted."""
    labels = []
    for (i, j), n in counts.items():
        p = 1 / (1 + np.exp(float(problem.reward[0, j] - problem.reward[0, i])))
        labels += [(0, i, j, float(n) * p), (0, j, i, float(n) * (1 - p))]
    return Preferences.from_pairs(labels)


def _reversal(draw):
    between = (Fraction(1, 4), 20)
    return {
        **{name: draw.number(*between) for name in ("n12", "n13", "n23")},
        "up": draw.number(Fraction(1, 10), 4),
        "down": draw.number(Fraction(1, 10), 4),
        "β": draw.number(Fraction(1, 5), 3),
    }


def _theta(n12, n13, n23, up, down, β):
    known = _problem([0, up, -float(down)], β)
    labels = _population(known, {(0, 1): n12, (0, 2): n13, (1, 2): n23})
    return float(log_linear.dpo(known, labels, [[1.0], [-1.0], [0.0]]).theta[0])


_REVERSED = Instances(
    _reversal,
    "Responses 1, 2, 3 with rewards r_2 > r_1 > r_3, d_21 = r_2 − r_1, d_13 = r_1 − r_3; policies ∝ (e^θ, e^(−θ), 1), "
    "uniform reference, Bradley–Terry labels with counts n; θ of DPO",
    {
        n_12: lambda n12: n12,
        n_13: lambda n13: n13,
        n_23: lambda n23: n23,
        r_21: lambda up: up,
        r_13: lambda down: down,
        THETA: _theta,
    },
    drawn="n ∈ [1/4, 20], d ∈ [1/10, 4], β ∈ [1/5, 3]",
)


def _sum(twice=2):
    """What speaks for θ > 0 less what speaks against it."""
    return n_13 * _link(r_13) - twice * n_12 * _link(r_21) - n_23 * _link(r_21 + r_13)


def _stuck(draw):
    return {
        "reward": [draw.number(-2, 2) for _ in range(3)],
        "raw": [draw.number(-2, 2) for _ in range(3)],
        "β": draw.number(Fraction(1, 5), 3),
    }


def _borda(reward):
    gaps = np.subtract.outer(np.array(reward, float), np.array(reward, float))
    counts = (1 / (1 + np.exp(-gaps))).sum(axis=1)
    return counts - counts.mean()


def _feature(reward, raw):
    """The raw feature, centred and made orthogonal to the Borda scores."""
    counts, known = _borda(reward), np.array(raw, float) - np.mean(np.array(raw, float))
    size = counts @ counts
    return known - (known @ counts / size if size > 0 else 0.0) * counts


def _dpo_theta(reward, raw, β):
    known = _problem(reward, β)
    pairs = Preferences.from_bradley_terry(known)
    found = log_linear.dpo(known, pairs, _feature(reward, raw)[:, None])
    return float(np.abs(found.log_policy - known.log_ref).max())


def _rlhf_slope(reward, raw, β, step=1e-5):
    """dJ/dθ at the reference, by a symmetric difference."""
    known, φ = _problem(reward, β), _feature(reward, raw)

    def value(θ):
        policy = log_linear.policy(known, φ[:, None], [θ])[0]
        chance = np.exp(policy)
        return float(chance @ known.reward[0] - known.beta * chance @ (policy - known.log_ref[0]))

    return (value(step) - value(-step)) / (2 * step)


_STUCK = Instances(
    _stuck,
    "Three responses, uniform reference u, every pair labelled equally often at Bradley–Terry rates of r, β > 0; "
    "policies ∝ e^(θφ), φ of covariance 0 with the Borda scores of the labels",
    {
        STAYS: _dpo_theta,
        SLOPE: _rlhf_slope,
        COV: lambda reward, raw: float(_feature(reward, raw) @ np.array(reward, float) / 3),
    },
    drawn="r ∈ [−2, 2], β ∈ [1/5, 3]",
)
r_1, r_2, t = named("r_1", "r_2", "θ")
further = sympy.Symbol("Δθ", positive=True)


def _objective_slope(θ, first, second, price):
    """dJ/dθ = Cov_θ(φ, r − βθφ) of φ = (−1, 0, 1), rewards (r_1, 0, r_2), uniform reference."""
    low, high = exp(-θ), exp(θ)
    total = low + 1 + high
    gain_low, gain_high = first + price * θ, second - price * θ
    mean_φ, mean_gain = (high - low) / total, (low * gain_low + high * gain_high) / total
    return (high * gain_high - low * gain_low) / total - mean_φ * mean_gain


_CLASS = measured(
    "Three responses, uniform reference, features (−1, 0, 1), rewards (r_1, 0, r_2), β > 0; policies ∝ e^(θφ), J = E "
    "r − β KL",
    (r_1, r_2, t, further, β),
    {},
    **{"θ": (-6, 6), "Δθ": (Fraction(1, 10), 10), "β": (Fraction(1, 5), 4)},
)
_FALLING = relation(_objective_slope(t, r_1, r_2, β), "<", 0)
_LATER = relation(_objective_slope(t + further, r_1, r_2, β), "<=", 0, noise=1e-9)
k, RISE, VARIANCE = named("k", "dJ/dθ", "Var_θ(φ)")


def _affine(draw):
    return {
        "φ": [draw.number(-2, 2) for _ in range(draw.integer(2, 4))],
        "k": draw.number(-3, 3),
        "c": draw.number(-2, 2),
        "θ": draw.number(-3, 3),
        "β": draw.number(Fraction(1, 5), 3),
    }


def _affine_policy(φ, θ, β):
    features = np.array(φ, float)
    return features, log_linear.policy(_problem(features, β), features[:, None], [float(θ)])[0]


def _affine_rise(φ, k, c, θ, β, step=1e-5):
    """dJ/dθ of the reward kφ + c, by a symmetric difference."""

    def value(at):
        features, policy = _affine_policy(φ, at, β)
        gain = float(k) * features + float(c) - float(β) * (policy + np.log(len(features)))
        return float(np.exp(policy) @ gain)

    return (value(float(θ) + step) - value(float(θ) - step)) / (2 * step)


def _variance(φ, θ, β):
    features, policy = _affine_policy(φ, θ, β)
    chance = np.exp(policy)
    return float(chance @ (features - chance @ features) ** 2)


_AFFINE = Instances(
    _affine,
    "Finite responses, uniform reference, one feature φ, the reward kφ + c, β > 0; policies ∝ e^(θφ), J = E r − β KL",
    {k: lambda k: k, t: lambda θ: θ, β: lambda β: β, RISE: _affine_rise, VARIANCE: _variance},
    drawn="2 to 4 responses, φ and c ∈ [−2, 2], k and θ ∈ [−3, 3], β ∈ [1/5, 3]",
)


def _total(t, a, b):
    return exp(t * a) + exp(t * b) + 1


STATEMENTS = (
    Statement(
        id="gopalan-reversal-general",
        title="Tied parameters reverse an order iff n_13 S(r_1 − r_3) > 2n_12 S(r_2 − r_1) + n_23 S(r_2 − r_3)",
        origin=Origin.OURS,
        source="Gopalan et al. 2510.20413, Proposition 3, has that it happens; the threshold is ours, S = σ − 1/2",
        form=Form(
            _REVERSED,
            (),
            claim={
                "DPO puts 1 above 2": Iff(relation(THETA, ">", 0, noise=1e-7), relation(_sum(), ">", 0, noise=1e-7))
            },
            wrong={"without the 2": Iff(relation(THETA, ">", 0), relation(_sum(twice=1), ">", 0))},
            effort=_FEW,
        ),
        parts={
            "DPO puts 1 above 2": Part(
                "The implicit rewards of 12, 13 and 23 are 2βθ, βθ and −βθ. The loss is convex in θ with one "
                "minimiser, as all labels go both ways; its slope at 0 is −β times the sum, «slope of a pair at 0» "
                "taken 2, 1 and −1 times: the minimiser is positive iff the slope at 0 is negative.",
                (
                    Identity(
                        "slope of a pair at 0",
                        {"p": lambda p, k: -k * p},
                        lambda p, k: derivative(lambda z: p * softplus(-k * z) + (1 - p) * softplus(k * z))(0 * k),
                        lambda p, k: -k * (p - _HALF),
                        {"p": UNIT, "k": REAL},
                    ),
                ),
            )
        },
        conclusion="β has no say: enough labels of one pair overrule the order of another, at every temperature.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="shi-dpo-stuck-at-reference",
        title="In a class orthogonal to Borda scores DPO stays at the reference for every β, and RLHF moves",
        origin=Origin.OURS,
        source="Shi et al. 2505.19770 have that gaps exist, as read; the class is ours",
        form=Form(
            _STUCK,
            (),
            claim={
                "DPO stays": relation(STAYS, "=", 0, noise=1e-6),
                "RLHF's slope there is the covariance of φ and r": relation(SLOPE, "=", COV, noise=1e-6),
            },
            wrong={"RLHF stays too": relation(SLOPE, "=", 0, noise=1e-5)},
            effort=_FEW,
        ),
        parts={
            "DPO stays": Part(
                "The slope of its loss at θ = 0 is −β times the sum over pairs of (P_ij − 1/2)(φ_i − φ_j), «a pair's "
                "share of Σ φ_i Borda_i» in each, so −β Σ φ_i (Borda_i − mean) = 0; and the loss is convex.",
                (
                    Identity(
                        "a pair's share of Σ φ_i Borda_i",
                        {"P_ij φ_i": lambda p, x, y: p * x},
                        lambda p, x, y: (p - _HALF) * x + ((1 - p) - _HALF) * y,
                        lambda p, x, y: (p - _HALF) * (x - y),
                        {"p": UNIT, "x": REAL, "y": REAL},
                    ),
                ),
            ),
            "RLHF's slope there is the covariance of φ and r": Part(
                "KL has slope 0 at its least, and «the slope of a mean», of three responses, is a covariance.",
                (
                    Identity(
                        "the slope of a mean",
                        {"without the product of means": lambda a, b, x, y: (a * x + b * y) / 3},
                        lambda a, b, x, y: derivative(
                            lambda t: (exp(t * a) * x + exp(t * b) * y) / (exp(t * a) + exp(t * b) + 1)
                        )(0 * a),
                        lambda a, b, x, y: (a * x + b * y) / 3 - (a + b) * (x + y) / 9,
                        {"a": REAL, "b": REAL, "x": REAL, "y": REAL},
                    ),
                ),
            ),
        },
        conclusion="Borda scores are not proportional to rewards, and a class can see the difference alone.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="rlhf-in-class-two-optima",
        title="In a class of one parameter RLHF's objective rises to one maximum and falls",
        origin=Origin.BELIEF,
        source="true over all policies; the instance is ours",
        form=Form(
            _CLASS,
            (),
            claim={"once it falls it does not rise again": Implies(_FALLING, _LATER)},
            right={"it does not where rewards are linear in φ": Implies(relation(r_1, "=", -r_2) & _FALLING, _LATER)},
        ),
        second_routes=(
            Exact(
                "rewards (3, 0, 4), β = .6: rising at −5, falling at −4, rising at 6, falling at 7",
                {"with β = 5": relation(_objective_slope(6, 3, 4, sympy.Integer(5)), ">", 0)},
                All(
                    tuple(
                        relation(_objective_slope(sympy.Integer(θ), 3, 4, sympy.Rational(3, 5)), sign, 0)
                        for θ, sign in ((-5, ">"), (-4, "<"), (6, ">"), (7, "<"))
                    )
                ),
            ),
        ),
        conclusion="DPO's loss is convex in θ and RLHF's objective need not be concave: to compare them in a class one "
        "has to compare global optima.",
        expected=Verdict.REFUTED,
        instead=("rlhf-in-class-linear",),
    ),
    Statement(
        id="rlhf-in-class-linear",
        title="Where the reward is affine in the feature, RLHF's objective in the class rises up to θ = k/β and falls",
        origin=Origin.OURS,
        source="own derivation; the repair of rlhf-in-class-two-optima",
        form=Form(
            _AFFINE,
            (),
            claim={"dJ/dθ": relation(RISE, "=", (k - β * t) * VARIANCE, noise=1e-6)},
            wrong={"without β": relation(RISE, "=", (k - t) * VARIANCE)},
            effort=_FEW,
        ),
        parts={
            "dJ/dθ": Part(
                "With A(θ) = log E_u e^(θφ), «A′ is the mean of φ» under π_θ and «A″ its variance», here of three "
                "responses; E_θ r = kA′ + c, and KL(π_θ‖u) = θA′ − A has the slope θA″: together (k − βθ)A″, "
                "«positive» times what changes sign once, at k/β.",
                (
                    Identity(
                        "A′ is the mean of φ",
                        {"of e^(θφ)": lambda t, a, b: exp(t * a) + exp(t * b) + 1},
                        lambda t, a, b: derivative(lambda x: log(_total(x, a, b)))(t),
                        lambda t, a, b: (a * exp(t * a) + b * exp(t * b)) / _total(t, a, b),
                        {"t": REAL, "a": REAL, "b": REAL},
                    ),
                    Identity(
                        "A″ its variance",
                        {
                            "the second moment": lambda t, a, b: (
                                (a**2 * exp(t * a) + b**2 * exp(t * b)) / _total(t, a, b)
                            )
                        },
                        lambda t, a, b: derivative(lambda x: log(_total(x, a, b)), 2)(t),
                        lambda t, a, b: (
                            ((a - b) ** 2 * exp(t * (a + b)) + a**2 * exp(t * a) + b**2 * exp(t * b))
                            / _total(t, a, b) ** 2
                        ),
                        {"t": REAL, "a": REAL, "b": REAL},
                    ),
                    Sign(
                        "positive",
                        {"less 1/10": lambda x, y, z: x**2 * z + y**2 * z - Fraction(1, 10)},
                        lambda x, y, z: x**2 * z + y**2 * z,
                        {"x": POSITIVE, "y": POSITIVE, "z": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="A reward inside the class has one optimum, where DPO on its labels is too; two need a reward that "
        "the class cannot express.",
        expected=Verdict.PROVED,
    ),
)
