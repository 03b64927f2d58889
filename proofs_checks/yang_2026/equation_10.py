"""Equation 10, the penalised objective J(π) = E_π[r] − β KL(π‖π_ref) + γ E_D[δ]: no maximiser, and its local one."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import asinh, cosh, derivative, log, sinh, sqrt, tanh
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, UNIT, Box, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Given, Origin, Part, Statement, Verdict
from proofs_checks.spaces import penalty
from proofs_checks.spaces.bounds import LOG_BELOW_LINEAR
from proofs_checks.spaces.pair import Δr, measured, β, γ, δ, δ_ref, δ_star
from proofs_checks.spaces.penalty import EXISTS, GAMMA_MAX, GAMMA_STAR, LOCAL, level, summit
from proofs_checks.spaces.problems import labels, log_policy_of, preferences_of, problem, problem_of, weights
from tabular import cpo
from tabular.simplex.penalized import win_excess

__all__ = ["EXCESS", "GROWTH", "REST", "SLOPE", "STATEMENTS", "J"]

_SOURCE = "Yang et al. 2026, Eq. 10"
_EFFORT = Effort(draws=250, climbs=2, steps=40)
_MORE = Fraction(101, 100)
J, EXCESS, GROWTH, REST = named("J", "c_y", "γ|c_y|·log(1/ε)", "B")
SLOPE = named("dJ/dδ")[0]


def _escape(draw):
    """Any labels on a problem; a response y, its small mass ε, the others in any proportions."""
    parts = problem(draw, responses=(2, 4))
    size = len(parts["ref"])
    known = {"labels": labels(draw, size), "y": draw.integer(0, size - 1), "γ": draw.number(Fraction(1, 20), 5)}
    return {**parts, **known, "others": weights(draw, size), "depth": draw.number(1, 60)}


def _excess_of(ref, reward, β, labels):
    return win_excess(problem_of(ref, reward, β), preferences_of(labels))[0]


def _along(others, y, depth):
    """The policy with mass ε = e^−depth on y and the rest in proportion to the others."""
    rest = np.array([0.0 if k == y else float(mass) for k, mass in enumerate(others)])
    policy = rest / rest.sum() * -np.expm1(-float(depth))
    policy[y] = np.exp(-float(depth))
    return policy


def _objective(ref, reward, β, labels, γ, y, others, depth):
    policy = log_policy_of(_along(others, y, depth))
    return cpo.penalized_objective(policy, problem_of(ref, reward, β), preferences_of(labels), float(γ))[0]


def _rest(ref, reward, β, labels, γ, y, others):
    """B = |r_y| + |R| + β(log 1/p + K) + γ(|C| + |c|), p = π_ref,y and R, K, C, c constants of the others."""
    keep = [k for k in range(len(ref)) if k != y]
    share = np.array([float(others[k]) for k in keep])
    share, base = share / share.sum(), np.array([float(p) for p in ref]) / sum(map(float, ref))
    c, r = _excess_of(ref, reward, β, labels), np.array([float(x) for x in reward])
    divergence = float(share @ np.log(share / base[keep]))
    tilt = float(np.abs(c[keep]).sum()) + abs(float(c[keep] @ np.log(share)))
    return abs(r[y]) + abs(float(share @ r[keep])) + float(β) * (-np.log(base[y]) + divergence) + float(γ) * tilt


_ESCAPES = Instances(
    _escape,
    "Any labels on finite responses, π_ref > 0, β, γ > 0, c_y the weighted wins less losses of a response y; policies "
    "with mass ε ≤ 1/e on y and the others in any fixed proportions, B a constant of these",
    {
        J: _objective,
        EXCESS: lambda ref, reward, β, labels, y: float(_excess_of(ref, reward, β, labels)[y]),
        GROWTH: lambda ref, reward, β, labels, γ, y, depth: (
            float(γ) * abs(float(_excess_of(ref, reward, β, labels)[y])) * float(depth)
        ),
        REST: _rest,
    },
    drawn="2 to 4 responses, 1 to 6 labels, β ∈ [1/10, 5], γ ∈ [1/20, 5], ε ∈ [e⁻⁶⁰, e⁻¹]",
)


def _slope_by_difference(δ_ref, β, Δr, γ, δ):
    step = 1e-5

    def value(d):
        policy = np.array([[-np.logaddexp(0, -d), -np.logaddexp(0, d)]])
        return cpo.penalized_objective(policy, penalty.two(δ_ref, β, Δr), penalty.PAIR, float(γ))[0]

    return (value(float(δ) + step) - value(float(δ) - step)) / (2 * step)


_MARGINS = measured(
    "Two responses, one labelled pair w > l, π_ref > 0, β, γ > 0, any δ",
    (β, γ, δ_ref, Δr, δ),
    {SLOPE: _slope_by_difference},
    β=(Fraction(1, 10), 10),
    γ=(Fraction(1, 100), 5),
    Δr=(-3, 3),
)
_TWO = penalty.two_responses((β, γ, δ_ref, Δr))
_G_OF_LOCAL = level(LOCAL, γ / β)
_RISING = relation(2 * (γ / β) * sinh(LOCAL), "<", 1)
_THERE = relation(EXISTS, "=", 1)
_SLOPE_FORM = β / (2 + 2 * cosh(δ)) * (δ_star - level(δ, γ / β))


def _window(k):
    """F(k) + 4k, with 2k − √(4k²+1) = −1/(2k + √(4k²+1)) so that large k keep their digits."""
    return asinh(1 / (2 * k)) - 1 / (2 * k + sqrt(4 * k**2 + 1))


def _window_form(t):
    """F(k) + 4k at k = 1/(2 sinh t), t = asinh(1/(2k))."""
    return t + 1 / sinh(t) - cosh(t) / sinh(t)


STATEMENTS = (
    Statement(
        id="eq-10",
        title="The penalised objective has no maximiser",
        origin=Origin.OURS,
        source=f"{_SOURCE}, the objective as transcribed; the finding is ours",
        form=Form(
            _ESCAPES,
            (relation(EXCESS, "<", 0),),
            claim={"J grows beyond every bound as ε → 0": relation(J, ">=", GROWTH - REST, noise=1e-9)},
            wrong={"by 1.2 of that rate": relation(J, ">=", Fraction(6, 5) * GROWTH - REST)},
            effort=_EFFORT,
        ),
        parts={
            "J grows beyond every bound as ε → 0": Part(
                "E_D[δ] = Σ c_y log π_y. With R, K, c the others' mean reward, divergence and tilt at fixed "
                "proportions and C the sum of their c, J + γ c_y log(1/ε) = ε r_y + (1−ε)R − β[ε log(ε/p) + "
                "(1−ε)(log(1−ε) + K)] + γ[C log(1−ε) + c]: «the escaping log alone is left out». Put ε = a/(1 + a), a "
                "≤ 1. Its terms are bounded, by |r_y|, |R|, β(log(1/p) + K) as ε log ε and (1−ε) log(1−ε) are not "
                "positive («log(1 + a)/(1 + a) > 0»), and γ(|C| + |c|) as log(1/(1−ε)) = log(1 + a) < a («slope of a "
                "− log(1 + a)», «a/(1 + a) > 0»). So J ≥ γ|c_y| log(1/ε) − B with B free of ε, for every γ > 0: sup J "
                "= ∞.",
                (
                    Identity(
                        "the escaping log alone is left out",
                        {
                            "with ε log ε left out": lambda e, p, b, g, c, r, R, K, C, d: (
                                e * r + (1 - e) * R - b * (1 - e) * (log(1 - e) + K) + g * (C * log(1 - e) + d)
                            )
                        },
                        lambda e, p, b, g, c, r, R, K, C, d: (
                            e * r
                            + (1 - e) * R
                            - b * (e * log(e / p) + (1 - e) * (log(1 - e) + K))
                            + g * (c * log(e) + C * log(1 - e) + d)
                            - g * c * log(e)
                        ),
                        lambda e, p, b, g, c, r, R, K, C, d: (
                            e * r
                            + (1 - e) * R
                            - b * (e * (log(e) - log(p)) + (1 - e) * log(1 - e) + (1 - e) * K)
                            + g * (C * log(1 - e) + d)
                        ),
                        {
                            "e": UNIT,
                            **dict.fromkeys(("p", "b", "g"), POSITIVE),
                            **dict.fromkeys(("c", "r", "R", "K", "C", "d"), REAL),
                        },
                    ),
                    Sign(
                        "log(1 + a)/(1 + a) > 0",
                        {"at a = 0 too": lambda a: log(1 + a - a) / (1 + a)},
                        lambda a: log(1 + a) / (1 + a),
                        {"a": POSITIVE},
                    ),
                    *LOG_BELOW_LINEAR,
                ),
            )
        },
        conclusion="“The CPO optimum” of Eq. 10 can only mean a local one.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="eq-10-stationary",
        title="Stationary policies of Eq. 10 on two responses",
        origin=Origin.OURS,
        source=f"{_SOURCE}, the objective as transcribed; the form is ours",
        form=Form(
            _MARGINS,
            (),
            claim={"the slope": relation(SLOPE, "=", _SLOPE_FORM, noise=1e-5)},
            wrong={
                "with κ for 2κ": relation(
                    SLOPE, "=", β / (2 + 2 * cosh(δ)) * (δ_star - δ + (γ / β) * (1 + cosh(δ))), noise=1e-5
                )
            },
            effort=_EFFORT,
        ),
        parts={"the slope": Part("As σ(δ)σ(−δ) = 1/(2 + 2cosh δ): «" + penalty.SLOPE.name + "».", (penalty.SLOPE,))},
        conclusion="One scalar equation, δ − 2κ(1 + cosh δ) = δ*, replaces the whole objective.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="eq-10-local",
        title="When a local maximum of Eq. 10 exists",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _TWO,
            (),
            claim={
                "it exists iff δ* < F(κ)": Iff(_THERE, relation(δ_star, "<", summit(γ / β), noise=1e-7)),
                "it is the smaller root": Implies(
                    _THERE, All((relation(_G_OF_LOCAL, "=", δ_star, noise=1e-6), _RISING))
                ),
            },
            wrong={
                "iff δ* < F(κ) + 1/2": Iff(_THERE, relation(δ_star, "<", summit(γ / β) + Fraction(1, 2))),
            },
            effort=penalty.EFFORT,
        ),
        parts={
            "it exists iff δ* < F(κ)": Part(
                "By {eq-10-stationary} J is stationary where G(δ) = δ*. «G″ = −2κ cosh δ», «2κ cosh δ > 0»: G is "
                "concave; «G′ = 0 at asinh(1/(2κ))», where «the summit is F(κ)». For δ* < F(κ) there are two roots, "
                "and J turns at each; otherwise J never falls.",
                (*penalty.CONCAVE, *penalty.SUMMIT),
            ),
            "it is the smaller root": Part(
                "dJ/dδ has the sign of δ* − G(δ) ({eq-10-stationary}), and G is concave, «G″ = −2κ cosh δ», «2κ cosh δ "
                "> 0»: above 0 before the smaller root, below 0 between the two.",
                penalty.CONCAVE,
            ),
        },
        conclusion="Too large a γ leaves no local optimum either.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="gamma-max",
        title="γ_max is well defined",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            penalty.two_responses((β, γ, δ_ref, Δr), "; γ_max the library's, where F(γ/β) = δ*"),
            (),
            claim={"a local maximum exists iff γ < γ_max": Iff(_THERE, relation(γ, "<", GAMMA_MAX, noise=1e-6))},
            wrong={"iff γ < 1.3 γ_max": Iff(_THERE, relation(γ, "<", GAMMA_MAX * Fraction(13, 10)))},
            effort=penalty.EFFORT,
        ),
        parts={
            "a local maximum exists iff γ < γ_max": Part(
                "By {eq-10-local} one exists iff F(κ) > δ*. F falls strictly: «F′ = −2 − √(4κ²+1)/κ», «−F′ > 0». As "
                "κ → 0 its first term grows without bound, the others staying bounded; as κ → ∞, asinh x < x and "
                "√(4κ²+1) > 2κ give F < 1/(2κ) − 4κ. So F takes every value once, and F(κ) > δ* exactly below κ_max.",
                (
                    Identity(
                        "F′ = −2 − √(4κ²+1)/κ",
                        {"−2 − √(4κ²+1)": lambda k: -2 - sqrt(4 * k**2 + 1)},
                        lambda k: derivative(summit)(k),
                        lambda k: -2 - sqrt(4 * k**2 + 1) / k,
                        {"k": POSITIVE},
                    ),
                    Sign(
                        "−F′ > 0",
                        {"2 − √(4κ²+1)/κ": lambda k: 2 - sqrt(4 * k**2 + 1) / k},
                        lambda k: 2 + sqrt(4 * k**2 + 1) / k,
                        {"k": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="The window of γ has one upper end.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="gamma-window",
        title="The window (γ*, γ_max) is never empty for δ* < 0",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            penalty.two_responses((β, γ, δ_ref, Δr), "; γ* and γ_max the library's"),
            (Given(relation(δ_star, "<", 0), needless="for δ* ≥ 0, γ* = −βδ*/4 is at most 0"),),
            claim={"γ* lies below γ_max": relation(GAMMA_STAR, "<", GAMMA_MAX, noise=1e-12)},
            wrong={"with room for a hundredth": relation(GAMMA_STAR * _MORE, "<", GAMMA_MAX)},
            effort=_EFFORT,
        ),
        parts={
            "γ* lies below γ_max": Part(
                "γ* < γ_max means F(k) > δ* at k = γ*/β = −δ*/4, that is F(k) + 4k > 0. With k = 1/(2 sinh t) it is "
                "«t − tanh(t/2)», which is «0 at t = 0» and has the «slope (1 + tanh²(t/2))/2», «above 0».",
                (
                    Identity(
                        "t − tanh(t/2)",
                        {"t − tanh t": lambda t: t - tanh(t)},
                        _window_form,
                        lambda t: t - tanh(t / 2),
                        {"t": POSITIVE},
                    ),
                    Identity("0 at t = 0", {"1": lambda: 1}, lambda: 0 - tanh(0), lambda: 0, {}),
                    Identity(
                        "slope (1 + tanh²(t/2))/2",
                        {"1 + tanh²(t/2)": lambda t: 1 + tanh(t / 2) ** 2},
                        lambda t: derivative(lambda s: s - tanh(s / 2))(t),
                        lambda t: (1 + tanh(t / 2) ** 2) / 2,
                        {"t": NONNEGATIVE},
                    ),
                    Sign(
                        "above 0",
                        {"less 3/4": lambda t: (1 + tanh(t / 2) ** 2) / 2 - Fraction(3, 4)},
                        lambda t: (1 + tanh(t / 2) ** 2) / 2,
                        {"t": NONNEGATIVE},
                    ),
                ),
            )
        },
        second_routes=(
            Box(
                "F(k) + 4k > 0",
                {"F(k) + 3.96 k": lambda k: _window(k) - Fraction(4, 100) * k},
                _window,
                {"k": (Fraction(1, 10**9), 10**9)},
            ),
        ),
        conclusion="Some γ always ranks the pair right at a local optimum.",
        expected=Verdict.PROVED,
    ),
)
