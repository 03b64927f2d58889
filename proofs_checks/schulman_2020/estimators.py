"""k1, k2 and k3 as losses on samples held fixed: which divergence each of them descends."""

from fractions import Fraction

import numpy as np
from scipy.optimize import brentq

from proofs_checks.kernel.arithmetic import derivative, exp, log, sqrt
from proofs_checks.kernel.evidence import POSITIVE, REAL, UNIT, Exact, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Rounds, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.problems import log_policy_of, problem, weights

__all__ = ["COVER", "FIELD", "K1", "K2", "K3", "KL", "MEAN_3", "MODE", "STATEMENTS"]

K1, K2, K3 = named("∂E[k1]/∂θ_0", "∂E[k2]/∂θ_0", "∂E[k3]/∂θ_0")
MODE, COVER = named("∂KL(π‖ref)/∂θ_0", "∂KL(ref‖π)/∂θ_0")
MEAN_3, KL, FIELD = named("E[k3]", "KL(π‖ref)", "max |E update|")
_STEP = 1e-30


def _instance(draw):
    size = draw.integer(2, 4)
    return {"ref": weights(draw, size), "policy": weights(draw, size)}


def _slope(ref, policy, objective):
    """The derivative in the first logit by a complex step: no subtraction, so no rounding of it."""
    moved = log_policy_of(policy)[0].astype(complex)
    moved[0] += 1j * _STEP
    moved = moved - np.log(np.exp(moved).sum())
    return float(objective(moved, log_policy_of(ref)[0]).imag / _STEP)


def _as_loss(estimator):
    """Σ π̄ k(ℓ), the policy π̄ that drew the samples not differentiated."""
    return lambda ref, policy: _slope(
        ref, policy, lambda moved, known: (np.exp(log_policy_of(policy)[0]) * estimator(moved - known)).sum()
    )


def _mean_of_k3(ref, policy):
    ratio = log_policy_of(policy)[0] - log_policy_of(ref)[0]
    return float((np.exp(log_policy_of(policy)[0]) * (np.exp(-ratio) - 1 + ratio)).sum())


def _kl(moved, known):
    return (np.exp(moved) * (moved - known)).sum()


_SAMPLED = Instances(
    _instance,
    "Finite responses, π_ref > 0, π = softmax(θ); samples from π, held fixed; ℓ = log π/π_ref, k1 = ℓ, k2 = ℓ²/2, "
    "k3 = e^(−ℓ) − 1 + ℓ",
    {
        K1: _as_loss(lambda ratio: ratio),
        K2: _as_loss(lambda ratio: ratio**2 / 2),
        K3: _as_loss(lambda ratio: np.exp(-ratio) - 1 + ratio),
        MODE: lambda ref, policy: _slope(ref, policy, _kl),
        COVER: lambda ref, policy: _slope(ref, policy, lambda moved, known: -(np.exp(known) * moved).sum()),
        MEAN_3: _mean_of_k3,
        KL: lambda ref, policy: float(_kl(log_policy_of(policy)[0], log_policy_of(ref)[0])),
    },
    drawn="2 to 4 responses, weights in [1/20, 20]",
)


def _field(ref, reward, β):
    """The largest component of E[∇ of reward − β k3] at the claimed policy."""
    r, b = np.array(reward, float), float(β)
    base = np.exp(log_policy_of(ref)[0])
    λ = brentq(lambda x: np.log((b * base / (x - r)).sum()), (r + b * base / 2).max(), r.max() + 1.01 * b, xtol=1e-15)
    policy = b * base / (λ - r)
    return float(np.abs(policy * (r - policy @ r) - b * (policy - base)).max())


_K3_PULL = Identity(
    "π dk3/dℓ = π − ref",
    {"π − π²/ref, of e^ℓ": lambda p, q: p - p**2 / q, "π log(π/ref)": lambda p, q: p * log(p / q)},
    lambda p, q: p * derivative(lambda x: exp(-x) - 1 + x)(log(p) - log(q)),
    lambda p, q: p - q,
    {"p": POSITIVE, "q": POSITIVE},
)
_SCORES = Identity(
    "π_i (1 − π_i) of i itself, −π_i of the rest",
    {"1 of i itself": (lambda p: p * 1 + (1 - p) * (0 - p), lambda p: 0 * p)},
    lambda p: p * (1 - p) + (1 - p) * (0 - p),
    lambda p: 0 * p,
    {"p": UNIT},
)
_K2_PULL = Identity(
    "dk2/dℓ = ℓ",
    {"2ℓ": lambda x: 2 * x},
    lambda x: derivative(lambda y: y**2 / 2)(x),
    lambda x: x,
    {"x": REAL},
)
_KL_PULL = Identity(
    "d(π log(π/ref))/dπ = ℓ + 1",
    {"ℓ": lambda p, q: log(p / q)},
    lambda p, q: derivative(lambda y: y * log(y / q))(p),
    lambda p, q: log(p / q) + 1,
    {"p": POSITIVE, "q": POSITIVE},
)
_COVER_PULL = Identity(
    "π d(−ref log π)/dπ = −ref",
    {"−ref/π": lambda p, q: -q / p},
    lambda p, q: p * derivative(lambda y: -q * log(y))(p),
    lambda p, q: -q,
    {"p": POSITIVE, "q": POSITIVE},
)
_MEAN = Identity(
    "π k3 = ref − π + π ℓ",
    {"π k3 = π ℓ": lambda p, q: p * log(p / q)},
    lambda p, q: p * (exp(-(log(p) - log(q))) - 1 + log(p) - log(q)),
    lambda p, q: q - p + p * log(p / q),
    {"p": POSITIVE, "q": POSITIVE},
)
_STATIONARY = Identity(
    "stationary where π = β ref/(λ − r), λ = β + E r",
    {"λ = E r": lambda p, β, r, m: p * (r - m) - β * (p - p * (m - r) / β)},
    lambda p, β, r, m: p * (r - m) - β * (p - p * (β + m - r) / β),
    lambda p, β, r, m: 0 * p,
    {"p": POSITIVE, "β": POSITIVE, "r": REAL, "m": REAL},
)
#: ref (.4, .6), r (1, 0), β 1/2: λ is the larger root of λ² − 3λ/2 + 3/10.
_LAMBDA = (Fraction(3, 2) + sqrt(Fraction(21, 20))) / 2
_ENDS = All(
    (
        Rounds(Fraction(1, 5) / (_LAMBDA - 1), "0.7623475383"),
        Rounds(2 * exp(2) / (2 * exp(2) + 3), "0.8312531743"),
    )
)
_WRONG_ENDS = Rounds(Fraction(1, 5) / (_LAMBDA - 1), "0.8312531743")

STATEMENTS = (
    Statement(
        id="kl-estimators-gradient",
        title="As a loss k3 descends the other KL, k1 nothing, and k2 the one that was meant",
        origin=Origin.OURS,
        source="the estimators are Schulman's (2020) and k3 is GRPO's penalty; the gradients are folklore or ours",
        form=Form(
            _SAMPLED,
            (),
            claim={
                "k1 has gradient 0": relation(K1, "=", 0, noise=1e-9),
                "k2 has that of KL(π‖ref)": relation(K2, "=", MODE, noise=1e-9),
                "k3 has that of KL(ref‖π)": relation(K3, "=", COVER, noise=1e-9),
                "k3 is unbiased for KL(π‖ref)": relation(MEAN_3, "=", KL, noise=1e-8),
            },
            wrong={
                "k3 has that of KL(π‖ref)": relation(K3, "=", MODE, noise=1e-6),
                "k2 has that of KL(ref‖π)": relation(K2, "=", COVER, noise=1e-6),
                "k2 has twice that of KL(π‖ref)": relation(K2, "=", 2 * MODE, noise=1e-6),
            },
            effort=OBJECTS,
        ),
        parts={
            "k1 has gradient 0": Part(
                "∂ℓ_y/∂θ_i = 1[y = i] − π_i, and «π_i (1 − π_i) of i itself, −π_i of the rest» sum to 0.", (_SCORES,)
            ),
            "k2 has that of KL(π‖ref)": Part(
                "«dk2/dℓ = ℓ»: Σ π_y ℓ_y (1[y = i] − π_i) = π_i (ℓ_i − KL). The divergence has "
                "«d(π log(π/ref))/dπ = ℓ + 1» and ∂π_y/∂θ_i = π_y (1[y = i] − π_i), which sum to 0 over y: the same.",
                (_K2_PULL, _KL_PULL),
            ),
            "k3 has that of KL(ref‖π)": Part(
                "«π dk3/dℓ = π − ref», so the gradient is Σ (π_y − ref_y)(1[y = i] − π_i) = π_i − ref_i. And "
                "«π d(−ref log π)/dπ = −ref», so that of KL(ref‖π) is −Σ ref_y (1[y = i] − π_i) = π_i − ref_i.",
                (_K3_PULL, _COVER_PULL),
            ),
            "k3 is unbiased for KL(π‖ref)": Part("Summed over responses, «π k3 = ref − π + π ℓ».", (_MEAN,)),
        },
        conclusion="An unbiased estimate of a divergence is no unbiased estimate of its gradient.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="kl-k3-optimum",
        title="Where training with k3 in the loss ends: π = β π_ref/(λ − r), not π*",
        origin=Origin.OURS,
        source="own derivation; on-policy samples, exact expectations",
        form=Form(
            Instances(
                problem,
                "Finite responses, π_ref > 0, β > 0, any r; π = β π_ref/(λ − r) with λ > max r and Σ π = 1",
                {FIELD: lambda ref, reward, β: _field(ref, reward, β)},
                drawn="2 to 4 responses, r ∈ [−3, 3], β ∈ [1/10, 5]",
            ),
            (),
            claim={"the expected update is 0 there": relation(FIELD, "=", 0, noise=1e-9)},
            wrong={"it is 1/1000 or more": relation(FIELD, ">=", Fraction(1, 1000))},
            effort=OBJECTS,
        ),
        parts={
            "the expected update is 0 there": Part(
                "The reward's policy gradient is π_i (r_i − E r) and by {kl-estimators-gradient} the penalty's is "
                "β(π_i − ref_i): «stationary where π = β ref/(λ − r), λ = β + E r». Σ β ref/(λ − r) falls strictly "
                "from ∞ to 0 on λ > max r, so one λ makes it 1, and Σ π(λ − r) = β says that it is β + E r. The update "
                "is the gradient of E r − β KL(ref‖π), concave in π: this stationary point is its one maximum.",
                (_STATIONARY,),
            )
        },
        second_routes=(
            Exact("π_0 at ref (.4, .6), r (1, 0), β 1/2, beside π*_0", {"π*_0 in its place": _WRONG_ENDS}, _ENDS),
        ),
        conclusion="Polynomial tails in place of exponential ones: .762 where RLHF has .831.",
        expected=Verdict.PROVED,
    ),
)
