"""One labelled pair in numbers: its symbols, the ranges that searches draw from, and the DPO loss on it."""

import unicodedata
from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import softplus
from proofs_checks.kernel.instances import Instances, Numbers, drawn_from

__all__ = [
    "LOSS",
    "Ψ",
    "Δr",
    "d",
    "h",
    "measured",
    "n",
    "pair",
    "x",
    "z",
    "β",
    "γ",
    "δ",
    "δ_next",
    "δ_ref",
    "δ_star",
    "ε",
    "κ",
    "τ",
]

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


def measured(words, symbols, quantities, exact=None, **ranges) -> Instances:
    """Instances that are numbers, and what the library makes of them.

    Args:
        words: what they are, domains included.
        symbols: of the numbers; searches draw positive ones from [1/20, 4] and real ones from [-5, 5], where floats
            tell strict from weak, or from ``ranges`` by name.
        quantities: symbol -> the library's function of the numbers, by their names.
        exact: the same by formula, where a search may have to certify it.
    """
    usual = {symbol: (Fraction(1, 20), 4) if symbol.is_positive else (-5, 5) for symbol in symbols}
    ranges = {symbol: ranges.get(symbol.name, ends) for symbol, ends in usual.items()}
    names = {symbol: unicodedata.normalize("NFKC", symbol.name) for symbol in ranges}  # as Python reads an argument
    numbers = {symbol: lambda parts, name=name: parts[name] for symbol, name in names.items()}
    return Instances(
        lambda draw: {names[symbol]: draw.number(*ends) for symbol, ends in ranges.items()},
        words,
        {**numbers, **quantities},
        {**numbers, **(exact or {})},
        drawn_from(ranges),
    )
