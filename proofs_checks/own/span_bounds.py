"""What the span of the reward alone says of the RLHF optimum: KL, total variation and regret, each bound attained."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, UNIT, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, β
from proofs_checks.spaces.problems import problem, problem_of
from tabular import rlhf

__all__ = ["FROM_REF", "REGRET", "SPAN", "STATEMENTS", "TO_REF", "TV", "X", "b", "y"]

FROM_REF, TO_REF, TV = named("KL(π*‖π_ref)", "KL(π_ref‖π*)", "TV(π*, π_ref)")
X = named("x")[0]
REGRET, SPAN = named("J(π*_r) − J(π*_r̂)", "span(r̂ − r)")
_SEARCH = Effort(draws=400, climbs=4, steps=100)
_C = X / (1 - exp(-X))
_BOUND = _C - 1 - log(_C)
_HALF_C = X / (2 * (1 - exp(-X / 2)))


def _instance(draw):
    """A problem with an error of its reward, neither of them constant."""
    parts = problem(draw, reward=(-3, 3), β=(Fraction(1, 2), 5))
    error = [draw.number(-2, 2) for _ in parts["ref"]]
    apart = draw.number(Fraction(1, 10), 6)
    return {**parts, "reward": _spread(parts["reward"], apart), "error": _spread(error, apart / 2)}


def _spread(values, apart):
    """The first two made to differ."""
    return [values[0], values[0] + apart, *values[2:]]


def _logs(ref, reward, β):
    known = problem_of(ref, reward, β)
    return rlhf.optimal_policy(known)[0], known.log_ref[0]


def _divergence(p, q):
    return float((np.exp(p) * (p - q)).sum())


def _span(values):
    return float(max(values)) - float(min(values))


_PROBLEM = Instances(
    _instance,
    "Finite responses, π_ref > 0, β > 0, a reward r that is not constant, x = span(r)/β, c = x/(1 − e^(−x))",
    {
        X: lambda reward, β: _span(reward) / float(β),
        FROM_REF: lambda ref, reward, β: _divergence(*_logs(ref, reward, β)),
        TO_REF: lambda ref, reward, β: _divergence(*_logs(ref, reward, β)[::-1]),
        TV: lambda ref, reward, β: float(np.abs(np.diff(np.exp(_logs(ref, reward, β)), axis=0)).sum() / 2),
    },
    drawn="2 to 4 responses, r ∈ [−3, 3], β ∈ [1/2, 5]",
)


def _regret(ref, reward, β, error):
    known = problem_of(ref, reward, β)
    proxy = problem_of(ref, [float(a) + float(b) for a, b in zip(reward, error, strict=True)], β)
    return float(rlhf.value(known)[0] - rlhf.objective(rlhf.optimal_policy(proxy), known)[0])


_PROXY = Instances(
    _instance,
    "Finite responses, π_ref > 0, β > 0, a reward r and a proxy r̂ = r + e, e not constant, x = span(e)/β, c = x/(1 − "
    "e^(−x)); J = E r − β KL(·‖π_ref)",
    {
        β: lambda β: β,
        X: lambda error, β: _span(error) / float(β),
        SPAN: lambda error: _span(error),
        REGRET: _regret,
    },
    drawn="2 to 4 responses, r ∈ [−3, 3], e ∈ [−2, 2], β ∈ [1/2, 5]",
)

_OF_REF = (
    Identity(
        "curvature of log(1 + qk) − qx in the mass q of the best",
        {"without the square": lambda q, k, x: -k / (1 + q * k)},
        lambda q, k, x: derivative(lambda p: log(1 + p * k) - p * x, 2)(q),
        lambda q, k, x: -(k**2) / (1 + q * k) ** 2,
        {"q": POSITIVE, "k": POSITIVE, "x": POSITIVE},
    ),
    Identity(
        "its largest value",
        {"with c = x": lambda x: x - 1 - log(x)},
        lambda x: log(1 + (exp(x) - 1) * (1 / x - 1 / (exp(x) - 1))) - x * (1 / x - 1 / (exp(x) - 1)),
        lambda x: x * exp(x) / (exp(x) - 1) - 1 - log(x) - x + log(exp(x) - 1),
        {"x": POSITIVE},
    ),
)
_OF_STAR = (
    Identity(
        "curvature of px + log(1 − pk) in the mass p = π*(best)",
        {"positive": lambda q, k, x: k**2 / (1 - q * k / (1 + k)) ** 2},
        lambda q, k, x: derivative(lambda p: p * x + log(1 - p * k / (1 + k)), 2)(q),
        lambda q, k, x: -((k / (1 + k)) ** 2) / (1 - q * k / (1 + k)) ** 2,
        {"q": UNIT, "k": POSITIVE, "x": POSITIVE},
    ),
    Identity(
        "its largest value too",
        {"c − log c": lambda x, k: x / k - log(x / k)},
        lambda x, k: (1 / k - 1 / x) * x + log(1 - (1 / k - 1 / x) * k),
        lambda x, k: x / k - 1 - log(x / k),
        {"x": POSITIVE, "k": POSITIVE},
    ),
)
_VARIATION = Identity(
    "tanh(x/4) − TV, with e^(x/2) = 1 + k",
    {"with q(1 + k)": lambda q, k: k * (1 - q * (1 + k)) ** 2 / ((2 + k) * (1 + q * ((1 + k) ** 2 - 1)))},
    lambda q, k: k / (2 + k) - (q * (1 + k) ** 2 / (1 + q * ((1 + k) ** 2 - 1)) - q),
    lambda q, k: k * (1 - q * (2 + k)) ** 2 / ((2 + k) * (1 + q * ((1 + k) ** 2 - 1))),
    {"q": UNIT, "k": POSITIVE},
)
_TILT = Identity(
    "value less objective, response by response",
    {"without β": lambda p, q, r, β, Z: p * log(p * Z / (q * exp(r / β)))},
    lambda p, q, r, β, Z: p * β * log(Z) - p * r + β * p * log(p / q),
    lambda p, q, r, β, Z: β * p * log(p / (q * exp(r / β) / Z)),
    {"p": POSITIVE, "q": POSITIVE, "r": REAL, "β": POSITIVE, "Z": POSITIVE},
)
_VARIANCE = Identity(
    "p(1 − p) = 1/4 − (p − 1/2)²",
    {"1/8": lambda p: Fraction(1, 8) - (p - Fraction(1, 2)) ** 2},
    lambda p: p * (1 - p),
    lambda p: Fraction(1, 4) - (p - Fraction(1, 2)) ** 2,
    {"p": REAL},
)

#: The odds of two responses with rewards 0 and 1: log-odds b of the reference and b + y of the optimum, y = 1/β.
b, y = named("b", "y")
_P, _Q = sigmoid(b + y), sigmoid(b)
_KL = _P * log(_P / _Q) + (1 - _P) * log((1 - _P) / (1 - _Q))
_BINARY = measured(
    "Two responses with rewards 0 and 1, log-odds b of the better under π_ref, y = 1/β > 0 and π* at log-odds b + y",
    (b, y),
    {},
    y=(Fraction(1, 20), 5),
)

STATEMENTS = (
    Statement(
        id="rlhf-kl-span-tight",
        title="KL of RLHF's optimum from the reference, in either direction, is at most c − 1 − log c",
        origin=Origin.OURS,
        source="own derivation; makes the bounds span/β and span²/(8β²) of the coverage literature exact",
        form=Form(
            _PROBLEM,
            (),
            claim={
                "KL(π*‖π_ref)": relation(FROM_REF, "<=", _BOUND, noise=1e-9),
                "KL(π_ref‖π*)": relation(TO_REF, "<=", _BOUND, noise=1e-9),
                "total variation": relation(TV, "<=", (exp(X / 2) - 1) / (exp(X / 2) + 1), noise=1e-9),
            },
            wrong={
                "with c = (x/2)/(1 − e^(−x/2))": relation(FROM_REF, "<=", _HALF_C - 1 - log(_HALF_C)),
                "TV at most tanh(x/5)": relation(TV, "<=", (exp(2 * X / 5) - 1) / (exp(2 * X / 5) + 1)),
            },
            effort=_SEARCH,
        ),
        parts={
            "KL(π*‖π_ref)": Part(
                "With t = e^(r/β)/E_ref e^(r/β), KL(π*‖π_ref) = E_ref t log t, KL(π_ref‖π*) = −E_ref log t and TV = "
                "E_ref |t − 1|/2 are means of convex functions of t, of mean 1; t lies between two numbers of ratio "
                "e^x. Spreading every t to these ends at the same mean lowers none: so two values, a and ae^x, are "
                "the worst case. There the divergence is px + log(1 − pk), k = 1 − e^(−x), p the optimum's mass of "
                "the best. It is concave, «curvature of px + log(1 − pk) in the mass p = π*(best)», and at its "
                "stationary point p = 1/k − 1/x «its largest value too» is c − 1 − log c, c = x/k.",
                _OF_STAR,
            ),
            "KL(π_ref‖π*)": Part(
                "As before, with two values it is log(1 + qk) − qx, k = e^x − 1, q the reference's mass of the best: "
                "«curvature of log(1 + qk) − qx in the mass q of the best», and at q = 1/x − 1/k «its largest value» "
                "is c − 1 − log c, c = xe^x/(e^x − 1).",
                _OF_REF,
            ),
            "total variation": Part(
                "As before, with two values: «tanh(x/4) − TV, with e^(x/2) = 1 + k» is a square over something "
                "positive, and 0 at q = 1/(1 + e^(x/2)).",
                (_VARIATION,),
            ),
        },
        conclusion="One bound for both directions, below x²/8 and below x, and two responses attain it: nothing "
        "smaller follows from the span.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="rlhf-regret-tight",
        title="A proxy reward costs at most β(c − 1 − log c), c of span(error)/β",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _PROXY,
            (),
            claim={
                "the regret": relation(REGRET, "<=", β * _BOUND, noise=1e-9),
                "at most span²/(8β)": relation(REGRET, "<=", SPAN**2 / (8 * β), noise=1e-9),
            },
            wrong={
                "at most span²/(10β)": relation(REGRET, "<=", SPAN**2 / (10 * β)),
                "at most span/8": relation(REGRET, "<=", SPAN / 8),
            },
            effort=_SEARCH,
        ),
        parts={
            "the regret": Part(
                "For any policy p, «value less objective, response by response» is β KL(p‖π*_r). The optimum π*_r is "
                "that of the reward −e with the reference π*_r̂ ({rlhf-composes}), so {rlhf-kl-span-tight} bounds "
                "KL(π*_r̂‖π*_r), a divergence from a reference to its optimum, by c − 1 − log c of span(e)/β.",
                (_TILT,),
            ),
            "at most span²/(8β)": Part(
                "KL(π_ref‖π*) = log E e^(r/β) − E r/β is 0 with slope 0 at r = 0, and along sr/β its curvature is a "
                "variance of values of span x, at most x²/4: «p(1 − p) = 1/4 − (p − 1/2)²» for the worst, two values.",
                (_VARIANCE,),
            ),
        },
        conclusion="The error of a reward enters by its span and squared: halving it, or doubling β, quarters or "
        "halves the regret.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="gao-gain-by-variance",
        title="The gain in reward is at most √(2 Var(r) KL)",
        origin=Origin.BELIEF,
        source="the √KL law of over-optimisation (Gao et al. 2022), sharpened by the variance under the reference",
        form=Form(
            _BINARY,
            (),
            claim={"gain": relation((_P - _Q) ** 2, "<=", 2 * _Q * (1 - _Q) * _KL, noise=1e-12)},
            right={"at most √(KL/2)": relation((_P - _Q) ** 2, "<=", _KL / 2)},
        ),
        conclusion="The variance of a skewed reference grows along the way: gao-gain-by-span is what holds.",
        expected=Verdict.REFUTED,
        instead=("gao-gain-by-span",),
    ),
    Statement(
        id="gao-gain-by-span",
        title="The gain in reward is at most span(r) √(KL/2)",
        origin=Origin.OURS,
        source="Pinsker's inequality for the √KL law of Gao et al. 2022, on two responses; the repair of "
        "gao-gain-by-variance",
        form=Form(
            _BINARY,
            (),
            claim={"gain": relation((_P - _Q) ** 2, "<=", _KL / 2, noise=1e-12)},
            wrong={
                "√(KL/2.2)": relation((_P - _Q) ** 2, "<=", _KL * 10 / 22),
                "at least √KL/4": relation((_P - _Q) ** 2, ">=", _KL / 16),
            },
        ),
        parts={
            "gain": Part(
                "In the log-odds u of π* the slope of KL − 2(p − q)² is σσ(u − b) less 4σσ(p − q): at p > q it is "
                "positive as σσ ≤ 1/4 and u − b ≥ 4(p − q), the line of slope 1/4 lying above σ: «the slope of KL», "
                "«p(1 − p) = 1/4 − (p − 1/2)²». More responses are joined by reward: KL does not grow when outcomes "
                "are merged, and a mean reward is a mixture of two extremes.",
                (
                    Identity(
                        "the slope of KL",
                        {"without u − b": lambda u, b: sigmoid(u) * sigmoid(-u)},
                        lambda u, b: derivative(lambda v: sigmoid(v) * (v - b) + softplus(b) - softplus(v))(u),
                        lambda u, b: sigmoid(u) * sigmoid(-u) * (u - b),
                        {"u": REAL, "b": REAL},
                    ),
                    _VARIANCE,
                ),
            )
        },
        conclusion="A budget of KL buys √KL of reward at most, whatever the reward is.",
        expected=Verdict.PROVED,
    ),
)
