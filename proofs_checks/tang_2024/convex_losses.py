"""What convex losses of a difference of log-ratios agree on: one pair; and what not: three responses, gradients."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, z
from proofs_checks.spaces.problems import log_policy_of, weights

__all__ = ["DIVERGENCE", "OFF", "SQUARE", "STATEMENTS", "first", "odds", "second", "third"]

SQUARE, DIVERGENCE, OFF = named("∂E_π[ρ²/2]/∂θ_0", "∂KL(π‖π_ref)/∂θ_0", "∂E_μ[ρ²/2]/∂θ_0, μ uniform")
odds = sympy.Symbol("o", positive=True)
first, second, third = sympy.symbols("o_12 o_13 o_23", positive=True)
_SOURCE = "Tang et al. 2402.05749"


def _instance(draw):
    size = draw.integer(2, 4)
    return {"ref": weights(draw, size), "policy": weights(draw, size)}


def _squared_gradient(ref, policy, uniform=False):
    """Σ over pairs of μ_y μ_y′ ρ ∂ρ/∂θ_0, ρ the difference of log-ratios, μ held fixed."""
    now, base = log_policy_of(policy)[0], log_policy_of(ref)[0]
    mass = np.full(len(now), 1 / len(now)) if uniform else np.exp(now)
    ratio = now - base
    rho = ratio[:, None] - ratio[None, :]
    slope = np.eye(len(now))[0][:, None] - np.eye(len(now))[0][None, :]
    return float((mass[:, None] * mass[None, :] * rho * slope).sum())


def _kl_gradient(ref, policy):
    now, base = log_policy_of(policy)[0], log_policy_of(ref)[0]
    chance, ratio = np.exp(now), now - base
    return float(chance[0] * (ratio[0] - chance @ ratio))


_POLICIES = Instances(
    _instance,
    "Finite responses, π_ref > 0, π = softmax(θ); y and y′ drawn from μ, held fixed; ρ the difference of their "
    "log-ratios log π/π_ref",
    {
        SQUARE: _squared_gradient,
        DIVERGENCE: _kl_gradient,
        OFF: lambda ref, policy: _squared_gradient(ref, policy, uniform=True),
    },
    drawn="2 to 4 responses, weights in [1/20, 20]",
)
_COVARIANCE = Identity(
    "two draws: E (a − a′)(b − b′) = 2 Cov",
    {"Cov": lambda p, q, a, b, c, d: (p * a * c + q * b * d) * (p + q) - (p * a + q * b) * (p * c + q * d)},
    lambda p, q, a, b, c, d: 2 * p * q * (a - b) * (c - d),
    lambda p, q, a, b, c, d: 2 * ((p * a * c + q * b * d) * (p + q) - (p * a + q * b) * (p * c + q * d)),
    {"p": POSITIVE, "q": POSITIVE, "a": REAL, "b": REAL, "c": REAL, "d": REAL},
)

_FLAT = measured("One pair with odds o = p/(1 − p) of its label, a margin z", (odds, z), {})
_RISK = {
    "logistic": odds * softplus(-z) + softplus(z),
    "exponential": odds * exp(-z) + exp(z),
}
#: Where each risk is least.
_AT = {"logistic": log(odds), "exponential": log(odds) / 2}


def _least(name):
    """The risk is at least its value at the named minimiser."""
    return relation(_RISK[name], ">=", _RISK[name].subs(z, _AT[name]), noise=1e-12)


_CURVED = Identity(
    "slope of the logistic risk",
    {"at odds 1": lambda o, z: sigmoid(z) - sigmoid(-z)},
    lambda o, z: derivative(lambda x: o * softplus(-x) + softplus(x))(z),
    lambda o, z: (1 + o) * sigmoid(z) - o,
    {"o": POSITIVE, "z": REAL},
)
_SQUARED = Identity(
    "excess of the exponential risk at z = log(o)/2 + x",
    {"without √o": lambda o, x: (exp(x / 2) - exp(-x / 2)) ** 2},
    lambda o, x: o * exp(-log(o) / 2 - x) + exp(log(o) / 2 + x) - 2 * exp(log(o) / 2),
    lambda o, x: exp(log(o) / 2) * (exp(x / 2) - exp(-x / 2)) ** 2,
    {"o": POSITIVE, "x": REAL},
)


_ON_DIAGONAL = measured(
    "Three responses compared equally often, odds o_12, o_13, o_23 of the first of each pair; the exponential risk is "
    "Σ p e^(−(s_i − s_j)) + (1 − p) e^(s_i − s_j); s the level at which it is least among scores s, s, 0: e^(2s) = "
    "(P_13 + P_23)/(2 − P_13 − P_23)",
    (first, second, third),
    {},
    o_12=(Fraction(1, 20), 20),
    o_13=(Fraction(1, 100), 100),
    o_23=(Fraction(1, 100), 100),
)
_P12, _P13, _P23 = (o / (1 + o) for o in (first, second, third))
_LEVEL = log((_P13 + _P23) / (2 - _P13 - _P23)) / 2
#: (∂_1 − ∂_2) of the risk there: negative iff the minimiser has s_1 > s_2.
_TILT = 2 * (1 - 2 * _P12) - (_P13 - _P23) * (exp(-_LEVEL) + exp(_LEVEL))
_EXPONENTIAL_FIRST = relation(_TILT, "<", 0)
_BORDA_FIRST = relation(_P12 + _P13, ">", 1 - _P12 + _P23)
_RATES = {first: Fraction(38, 62), second: Fraction(99), third: Fraction(4)}

STATEMENTS = (
    Statement(
        id="gpo-squared-kl-gradient",
        title="On policy, the squared loss on differences of log-ratios descends twice the KL",
        origin=Origin.READING,
        source=f"{_SOURCE}; the constant is ours",
        form=Form(
            _POLICIES,
            (),
            claim={"at μ = π": relation(SQUARE, "=", 2 * DIVERGENCE, noise=1e-9)},
            wrong={
                "once the KL": relation(SQUARE, "=", DIVERGENCE, noise=1e-6),
                "at uniform μ too": relation(OFF, "=", 2 * DIVERGENCE, noise=1e-6),
            },
            effort=Effort(draws=300, climbs=2, steps=30),
        ),
        parts={
            "at μ = π": Part(
                "The gradient is E ρ∇ρ over two independent draws, «two draws: E (a − a′)(b − b′) = 2 Cov» pair by "
                "pair, so 2 Cov_π(log π/π_ref, ∇ log π) = 2 E_π[log π/π_ref ∇ log π], which is 2∇KL as E_π ∇ log π = "
                "0.",
                (_COVARIANCE,),
            )
        },
        conclusion="An offline squared loss is a KL penalty only where its pairs come from the policy itself.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="gpo-calibrated-pair",
        title="On one pair logistic and exponential loss order alike, at margins log o and half of it",
        origin=Origin.READING,
        source="Bartlett, Jordan and McAuliffe 2006, of two convex losses",
        form=Form(
            _FLAT,
            (),
            claim={
                "logistic risk least at log o": _least("logistic"),
                "exponential at log(o)/2": _least("exponential"),
            },
            wrong={
                "logistic least at log(o)/2": relation(
                    _RISK["logistic"], ">=", _RISK["logistic"].subs(z, _AT["exponential"])
                )
            },
        ),
        parts={
            "logistic risk least at log o": Part(
                "«slope of the logistic risk» rises with z and is 0 where σ(z) = o/(1 + o).", (_CURVED,)
            ),
            "exponential at log(o)/2": Part("«excess of the exponential risk at z = log(o)/2 + x».", (_SQUARED,)),
        },
        conclusion="Both margins have the sign of p − 1/2: one pair cannot tell calibrated losses apart.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="gpo-three-responses",
        title="Calibrated losses order three responses alike",
        origin=Origin.BELIEF,
        source="a common belief; the instance is ours",
        form=Form(
            _ON_DIAGONAL,
            (),
            claim={
                "exponential and logistic loss order 1 and 2 alike": Iff(_EXPONENTIAL_FIRST, _BORDA_FIRST),
            },
            right={
                "they do where 1 has the better rate against 2 and against 3": Implies(
                    All((relation(first, ">", 1), relation(second, ">", third))),
                    All((_EXPONENTIAL_FIRST, _BORDA_FIRST)),
                )
            },
        ),
        uses=("bt-order-is-borda",),
        second_routes=(
            Exact(
                "P_12 = .38, P_13 = .99, P_23 = .8: the exponential loss puts 1 first, Borda and the logistic 2",
                {"P_13 = .8 too": {**_RATES, second: Fraction(4)}},
                All((_EXPONENTIAL_FIRST, relation(_P12 + _P13, "<", 1 - _P12 + _P23))),
                _RATES,
            ),
        ),
        conclusion="e^(−z) weighs a pair by its rate itself: no odd score (ipo-dpo-same-order), and no Borda count.",
        expected=Verdict.REFUTED,
        instead=("ipo-dpo-same-order",),
    ),
)
