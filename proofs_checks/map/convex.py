"""Which losses are convex in what they are a function of: one margin x, or r_w and r_l."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, positive_part, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.losses import LOSSES, MARGINS

__all__ = ["BENT", "CURVED", "HELD", "HOLDS", "STATEMENTS", "s", "t", "x", "y"]

x, y, s, t = sympy.symbols("x y s t", real=True)
_POINTS = Numbers(dict.fromkeys((x, y, s, t), (-8, 8)))

CURVED = (
    Identity(
        "sp(−x)″ = σ(x)σ(−x)",
        {"σ(x)²": lambda x: sigmoid(x) ** 2},
        lambda x: derivative(lambda z: softplus(-z), 2)(x),
        lambda x: sigmoid(x) * sigmoid(-x),
        {"x": REAL},
    ),
    Sign(
        "σ(x)σ(−x) > 0",
        {"less 1/10": lambda x: sigmoid(x) * sigmoid(-x) - Fraction(1, 10)},
        lambda x: sigmoid(x) * sigmoid(-x),
        {"x": REAL},
    ),
)
_TILTED = {
    name: Identity(
        "g is sp(−x) and a straight line",
        {"with a line 1 % steeper": lambda x, g=g, k=k: softplus(-x) + Fraction(101, 100) * k * x},
        g,
        lambda x, k=k: softplus(-x) + k * x,
        {"x": REAL},
    )
    for name, g, k in (
        ("cdpo", formulas.smoothed, formulas.EPS),
        ("rdpo", formulas.corrected, -formulas.EPS / (1 - 2 * formulas.EPS)),
    )
}
_SQUARE = Identity(
    "a mean less the value at the middle",
    {"(x − y)²/2": lambda x, y: (x - y) ** 2 / 2},
    lambda x, y: (x**2 + y**2) / 2 - ((x + y) / 2) ** 2,
    lambda x, y: (x - y) ** 2 / 4,
    {"x": REAL, "y": REAL},
)
_HINGE = Identity(
    "max(0, a) is (a + |a|)/2 for a > 0",
    {"a/2": lambda a: a / 2},
    lambda a: positive_part(a),
    lambda a: (a + positive_part(a)) / 2,
    {"a": POSITIVE},
)
_LOGISTIC = "g = sp(−x): «sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0»."
_IN_BOTH = {
    "nca_pair": "A sum of functions sp of r_w and of r_l, each convex: «sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0».",
    "bco_pair": "sp of a shift less r_w, and of r_l less it: «sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0».",
    "bco_pair_unshifted": "sp of −r_w and of r_l: «sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0».",
    "dpop": "sp rises and is convex («sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0»), of −h + λ max(0, −r_w), which is convex.",
    "dpo_sft": "sp(−z), convex («sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0») in a difference, and a straight line.",
    "cpo_xu": "sp(−z), convex («sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0») in a difference, and a straight line.",
}


def _midpoint(f, one, other):
    """The value in the middle, and the mean of the values at the ends."""
    middle = [(a + b) * Fraction(1, 2) for a, b in zip(one, other, strict=True)]
    return f(*middle), (f(*one) + f(*other)) * Fraction(1, 2)


def _at(loss):
    """A loss of r_w and r_l at β = 1, the reference's logarithms 0."""
    return lambda a, b: LOSSES[loss](a, b, 0, 0, 1)


def _claim(loss):
    if loss in _IN_BOTH or loss == "sppo_hard":
        middle, mean = _midpoint(_at(loss), (x, s), (y, t))
    else:
        middle, mean = _midpoint(MARGINS[loss], (x,), (y,))
    return relation(middle, "<=", mean)


def _holds(loss):
    if loss in _IN_BOTH:
        return Cell(_claim(loss), _IN_BOTH[loss], CURVED)
    if loss == "sppo_hard":
        return Cell(_claim(loss), "Two squares: «a mean less the value at the middle».", (_SQUARE,))
    g = MARGINS[loss]
    if loss in _TILTED:
        words = "«g is sp(−x) and a straight line», and «sp(−x)″ = σ(x)σ(−x)», «σ(x)σ(−x) > 0»."
        return Cell(_claim(loss), words, (_TILTED[loss], *CURVED))
    if g is formulas.square:
        return Cell(_claim(loss), "g = x²: «a mean less the value at the middle».", (_SQUARE,))
    if g is formulas.hinge:
        return Cell(
            _claim(loss),
            "g is the larger of 0 and −x, both straight lines: «max(0, a) is (a + |a|)/2 for a > 0».",
            (_HINGE,),
        )
    return Cell(_claim(loss), _LOGISTIC, CURVED)


HOLDS = [
    "dpo",
    "cdpo",
    "rdpo",
    "ipo",
    "ipo_norm",
    "hinge",
    "slic",
    "hypo",
    "odpo",
    "ecpo",
    "simpo",
    "sigmoid_norm",
    "fdpo_forward_kl",
    "fdpo_js",
    "fdpo_alpha",
    "chi_po_unclipped",
    "nca_pair",
    "bco_pair",
    "bco_pair_unshifted",
    "sppo_hard",
    "dpop",
    "dpo_sft",
    "cpo_xu",
]
#: Loss -> two points whose middle costs more than their mean: margins x, or (r_w, r_l).
BENT = {
    "exo_pair": ((6,), (20,)),
    "discopop": ((0,), (Fraction(1, 5),)),
    "chi_po": ((-4,), (0,)),
    "squared_po": ((2, 0), (10, 0)),
    "kto": ((-4, 0), (0, 0)),
    "apo_zero": ((-4, 0), (0, 0)),
    "apo_down": ((0, 0), (0, 4)),
    "orpo": ((Fraction(-2, 5), Fraction(-6, 5)), (-3, Fraction(-7, 2))),
}


def _fails(loss, ends):
    symbols = ((x,), (y,)) if len(ends[0]) == 1 else ((x, s), (y, t))
    f = MARGINS[loss] if len(ends[0]) == 1 else _at(loss)
    middle, mean = _midpoint(f, *symbols)
    point = dict(zip(sum(symbols, ()), sum(ends, ()), strict=True))
    return witnessed("the middle costs more than the mean", middle, ">", mean, point)


HELD = {loss: _holds(loss) for loss in HOLDS}
_MIDDLE, _MEAN = _midpoint(MARGINS["dpo"], (x,), (y,))

STATEMENTS = (
    Family(
        property="convex",
        answer="holds",
        title="Losses that are convex",
        means="The loss is convex in its margin x, or in (r_w, r_l): at the middle of two points it is at most "
        "the mean",
        instances=_POINTS,
        cells=HELD,
        wrong={"by a hundredth more": relation(_MIDDLE, "<=", _MEAN - Fraction(1, 100))},
        conclusion="What is stationary is a minimum, and a lower bound certifies it.",
    ).statement,
    Family(
        property="convex",
        answer="fails",
        title="Losses that are not convex",
        means="The loss is not convex in its margin x, or in (r_w, r_l): at the middle of two points it is "
        "above the mean",
        instances=_POINTS,
        cells={loss: _fails(loss, ends) for loss, ends in BENT.items()},
        wrong={"DPO's neither": relation(_MIDDLE, ">", _MEAN)},
        conclusion="A point where the slope vanishes may be one of several: the global minimum needs a search.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
