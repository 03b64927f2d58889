"""Every loss of a pair as a formula in exact arithmetic, written anew from its paper, not from the library.

Each takes log π_w, log π_l, log π_ref,w, log π_ref,l and β, at the settings of the map (``SETTINGS``); those that are a
function g of one margin are built from g (:data:`MARGINS`), a link φ and a margin Ψ.
"""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, greatest, least, log, positive_part, sigmoid, softplus
from tabular.losses.guarantees import SETTINGS

__all__ = [
    "ALPHA",
    "CLIP",
    "EPS",
    "GAMMA",
    "HALF",
    "LOSSES",
    "MARGINS",
    "OFFSET",
    "SHIFT",
    "TAU",
    "alpha",
    "chi",
    "clipped",
    "coin",
    "corrected",
    "falling",
    "forward_kl",
    "hinge",
    "ipo_norm",
    "jensen_shannon",
    "mixed",
    "normed",
    "same",
    "sigmoid_norm",
    "simpo",
    "smoothed",
    "square",
    "squared_log",
]

HALF = Fraction(1, 2)
EPS, TAU, ALPHA, CLIP = SETTINGS["cdpo"]["eps"], SETTINGS["discopop"]["tau"], SETTINGS["fdpo_alpha"]["alpha"], 2
OFFSET, GAMMA, SHIFT = SETTINGS["odpo"]["offset"], SETTINGS["ecpo"]["gamma"], SETTINGS["bco_pair"]["shift"]


def falling(x):
    """sp(−x)."""
    return softplus(-x)


def smoothed(x):
    """(1 − ε)sp(−x) + ε sp(x)."""
    return (1 - EPS) * softplus(-x) + EPS * softplus(x)


def corrected(x):
    """((1 − ε)sp(−x) − ε sp(x))/(1 − 2ε)."""
    return ((1 - EPS) * softplus(-x) - EPS * softplus(x)) / (1 - 2 * EPS)


def square(x):
    """x²."""
    return x**2


def hinge(x):
    """max(0, −x)."""
    return positive_part(-x)


def coin(x):
    """KL of the coin σ(x) from the coin 1 − ε."""
    there, back = sigmoid(x), sigmoid(-x)
    return -there * (softplus(-x) + log(1 - EPS)) - back * (softplus(x) + log(EPS))


def mixed(x):
    """(1 − s)sp(−x) + s e^−x with s = σ(x/τ)."""
    return sigmoid(-x / TAU) * softplus(-x) + sigmoid(x / TAU) * exp(-x)


def clipped(x):
    """sp of −x, x held between −c and c."""
    return softplus(-least(greatest(x, -CLIP), CLIP))


def same(r):
    return r


def forward_kl(r):
    return -exp(-r)


def jensen_shannon(r):
    return -softplus(-r)


def alpha(r):
    return (1 - exp(-ALPHA * r)) / ALPHA


def chi(r):
    return r + exp(r)


def squared_log(r):
    return r * exp(-r)


def _of(g, link=same, psi=lambda u, v, b: 0):
    """g(β(φ(r_w) − φ(r_l)) − Ψ)."""
    return lambda w, lo, u, v, b: g(b * (link(w - u) - link(lo - v)) - psi(u, v, b))


def normed(g, n_w, n_l, reference=1, psi=lambda b: 0, rate=lambda b: b):
    """g of the difference of log-ratios per token, or of log-probabilities per token where ``reference`` is 0."""

    def loss(w, lo, u, v, b):
        up, down = Fraction(1, n_w) * (w - reference * u), Fraction(1, n_l) * (lo - reference * v)
        return g(rate(b) * (up - down) - psi(b))

    return loss


def simpo(n_w, n_l):
    return normed(falling, n_w, n_l, reference=0, psi=lambda b: GAMMA)


def ipo_norm(n_w, n_l):
    return normed(square, n_w, n_l, psi=lambda b: HALF / b, rate=lambda b: 1)


def sigmoid_norm(n_w, n_l):
    return normed(falling, n_w, n_l)


def _bco(shift):
    return lambda w, lo, u, v, b: softplus(shift - b * (w - u)) + softplus(b * (lo - v) - shift)


def _odds(p):
    return p - log(1 - exp(p))


def _floor(u, v, b):
    return b * positive_part(v - u)


#: Loss -> (g, φ, Ψ) with x = β(φ(r_w) − φ(r_l)) − Ψ.
_PARTS = {
    "dpo": (falling,),
    "cdpo": (smoothed,),
    "rdpo": (corrected,),
    "hinge": (hinge, same, lambda u, v, b: 1),
    "exo_pair": (coin,),
    "hypo": (falling, same, _floor),
    "odpo": (falling, same, lambda u, v, b: OFFSET),
    "ecpo": (falling, same, lambda u, v, b: GAMMA * (exp(-u) + exp(-v))),
    "discopop": (mixed,),
    "fdpo_forward_kl": (falling, forward_kl),
    "fdpo_js": (falling, jensen_shannon),
    "fdpo_alpha": (falling, alpha),
    "chi_po_unclipped": (falling, chi),
    "chi_po": (clipped, chi),
    "squared_po": (falling, squared_log),
}

#: Loss -> its formula.
LOSSES = {name: _of(*parts) for name, parts in _PARTS.items()} | {
    "ipo": ipo_norm(1, 1),
    "ipo_norm": ipo_norm(1, 1),
    "slic": normed(hinge, 1, 1, reference=0, psi=lambda b: 1, rate=lambda b: 1),
    "simpo": simpo(1, 1),
    "sigmoid_norm": sigmoid_norm(1, 1),
    "kto": lambda w, lo, u, v, b: sigmoid(-b * (w - u)) + sigmoid(b * (lo - v)),
    "nca_pair": lambda w, lo, u, v, b: softplus(b * (u - w)) + (softplus(b * (w - u)) + softplus(b * (lo - v))) * HALF,
    "bco_pair": _bco(SHIFT),
    "bco_pair_unshifted": _bco(0),
    "apo_zero": lambda w, lo, u, v, b: sigmoid(b * (u - w)) + sigmoid(b * (lo - v)),
    "apo_down": lambda w, lo, u, v, b: sigmoid(b * (w - u)) + sigmoid(b * (lo - v) - b * (w - u)),
    "sppo_hard": lambda w, lo, u, v, b: (w - u - HALF / b) ** 2 + (lo - v + HALF / b) ** 2,
    "dpop": lambda w, lo, u, v, b: softplus(-b * (w - u - (lo - v)) + b * positive_part(u - w)),
    "dpo_sft": lambda w, lo, u, v, b: softplus(-b * (w - u - (lo - v))) - w,
    "cpo_xu": lambda w, lo, u, v, b: softplus(-b * (w - lo)) - w,
    "orpo": lambda w, lo, u, v, b: softplus(_odds(lo) - _odds(w)) - w,
}

#: Loss -> g, for those of one margin x; in a strictly increasing link except for squared_po.
MARGINS = {name: parts[0] for name, parts in _PARTS.items()} | {
    "ipo": square,
    "ipo_norm": square,
    "slic": hinge,
    "simpo": falling,
    "sigmoid_norm": falling,
}
