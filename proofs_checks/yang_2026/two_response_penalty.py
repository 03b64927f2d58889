"""The penalised objective on two responses, shared by equation_10.py and theorem_4_9.py.

J(δ) = σ(δ) Δr - β KL + γ δ with KL = σ(δ) log(σ(δ)/σ(δ_ref)) + σ(-δ) log(σ(-δ)/σ(-δ_ref)), up to a constant. With κ
= γ/β, dJ/dδ = β σ(δ) σ(-δ) [δ* - G(δ)], G(δ) = δ - 2κ(1 + cosh δ). G is concave with slope 1 - 2κ sinh δ; its
greatest value, at δ = asinh(1/(2κ)), is F(κ) = asinh(1/(2κ)) - 2κ - √(4κ²+1). So δ* = G(δ) has two roots if δ* <
F(κ), and none on which J turns otherwise; J rises before the smaller and falls after it: that root is the one local
maximum.
"""

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import asinh, cosh, exp, log, sigmoid, sqrt
from proofs_checks.kernel.symbolic import positive, real


def level(delta, kappa, factor=2):
    """G(δ) = δ - 2κ(1 + cosh δ)."""
    return delta - factor * kappa * (1 + cosh(delta))


def summit(kappa):
    """F(κ), the greatest value of G."""
    return asinh(1 / (2 * kappa)) - 2 * kappa - sqrt(4 * kappa**2 + 1)


def slope_identity(factor=2):
    """dJ/dδ - β σ(δ)σ(-δ)[δ* - G(δ)], written with e^δ so that every step is rational in it."""
    beta, gamma = positive("β γ")
    delta, delta_ref, reward = real("δ δ_ref Δr")
    up, down = sigmoid(delta), sigmoid(-delta)
    log_up, log_down = delta - log(1 + exp(delta)), -log(1 + exp(delta))
    ref_up, ref_down = delta_ref - log(1 + exp(delta_ref)), -log(1 + exp(delta_ref))
    objective = up * reward - beta * (up * (log_up - ref_up) + down * (log_down - ref_down)) + gamma * delta
    curve = delta - factor * gamma / beta * (1 + (exp(delta) + exp(-delta)) / 2)
    return objective.diff(delta) - beta * up * down * (delta_ref + reward / beta - curve)


def summit_is_stationary(factor=2):
    """G'(δ) at δ = asinh(1/(2κ))."""
    kappa, delta = positive("κ"), real("δ")
    return level(delta, kappa, factor).diff(delta).subs(delta, asinh(1 / (2 * kappa)))


def summit_value(shift=0):
    """G at its summit, less F(κ)."""
    kappa = positive("κ")
    return level(asinh(1 / (2 * kappa)), kappa) - summit(kappa) - shift


def concavity(sign=1):
    """-G''(δ)."""
    kappa, delta = positive("κ"), real("δ")
    return -sign * level(delta, kappa).diff(delta, 2)


def at_zero(factor=4):
    """G(0) + 4κ."""
    kappa, delta = positive("κ"), real("δ")
    return level(delta, kappa).subs(delta, 0) + factor * kappa


SLOPE = symbolic.check(
    "dJ/dδ = β σ(δ)σ(−δ)[δ* − G(δ)]", slope_identity, controls={"κ in place of 2κ": lambda: slope_identity(1)}
)
CONCAVE = symbolic.positivity_check("G is concave", concavity, controls={"convex": lambda: concavity(-1)})
SUMMIT = symbolic.check(
    "G′ = 0 at asinh(1/(2κ))", summit_is_stationary, controls={"κ in place of 2κ": lambda: summit_is_stationary(1)}
)
