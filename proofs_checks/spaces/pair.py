"""One labelled pair in numbers: its symbols, the ranges that searches draw from, and the DPO loss on it."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import softplus
from proofs_checks.kernel.instances import Numbers

β, γ, κ, n, τ, d, ε = sympy.symbols("β γ κ n τ d ε", positive=True)
δ, δ_next, δ_ref, Δr, Ψ, h, x, z = sympy.symbols("δ δ′ δ_ref Δr Ψ h x z", real=True)

#: The RLHF optimum's margin, δ* = δ_ref + Δr/β.
δ_star = δ_ref + Δr / β

#: The DPO loss of the pair, sp(−β(δ − δ_ref)), as an expression.
LOSS = softplus(-β * (δ - δ_ref))

_RANGES = {
    β: (Fraction(1, 20), 20),
    γ: (Fraction(1, 100), 100),
    κ: (Fraction(1, 100), 100),
    n: (Fraction(1, 100), 100),
    τ: (Fraction(1, 20), 20),
    d: (Fraction(1, 100), 20),
    ε: (Fraction(1, 100), 5),
    δ: (-20, 20),
    δ_next: (-20, 20),
    δ_ref: (-20, 20),
    Δr: (-10, 10),
    Ψ: (-10, 10),
    h: (-20, 20),
    x: (-20, 20),
    z: (-20, 20),
}


def pair(*symbols, **ranges) -> Numbers:
    """Instances of one pair in these symbols, with ranges other than the usual by name.

    >>> pair(β, δ, δ=(-1, 1)).drawn
    'β ∈ [1/20, 20], δ ∈ [−1, 1]'
    """
    return Numbers({symbol: ranges.get(symbol.name, _RANGES[symbol]) for symbol in symbols}, "One pair, ")
