"""Which losses have a minimiser of full support when all labels say w > l."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, log, sigmoid
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.relation import All, relation
from proofs_checks.map.bounded import HINGE_POSITIVE, MIXED_POSITIVE
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family
from proofs_checks.spaces.losses import MARGINS
from proofs_checks.spaces.map_steps import (
    CDPO_TURNS,
    COIN_TURNS,
    LINK_RISES,
    POLICIES,
    POLICIES_AND_MARGINS,
    RDPO_TILT,
    SIGMA_RISES,
    SP_POSITIVE,
    SP_RISES,
    SQUARE_POSITIVE,
    at,
    b,
    c,
    cited,
    d,
    k,
    x,
    β,
)

__all__ = ["FALLS", "HOLDS", "LEAST", "NO_LIMIT", "SPPO", "SPPO_FITS", "STATEMENTS", "VANISHES", "falls", "least"]

_SP = f"falls as its margin rises, {cited(SP_RISES)}"
_MARGIN = ("dpo", "hypo", "odpo", "ecpo", "simpo", "sigmoid_norm")
#: Loss -> why it falls strictly when part of π_l goes to an unlabelled response.
_FALLS = dict.fromkeys(_MARGIN, (f"The loss {_SP}, and its margin falls with r_l.", SP_RISES))
_FALLS |= {
    name: (f"The loss {_SP}, and its margin falls with φ(r_l), {cited(steps)}.", (*SP_RISES, *steps))
    for name, steps in LINK_RISES.items()
}
_FALLS |= {
    "rdpo": (f"«{RDPO_TILT.name}», both parts of which fall as x rises, {cited(SP_RISES)}.", (RDPO_TILT, *SP_RISES)),
    "kto": (f"Its second term rises with r_l, {cited(SIGMA_RISES)}.", SIGMA_RISES),
    "apo_zero": (f"Its second term rises with r_l, {cited(SIGMA_RISES)}.", SIGMA_RISES),
    "apo_down": (f"Its second term rises with r_l, {cited(SIGMA_RISES)}.", SIGMA_RISES),
    "nca_pair": (f"Its last term rises with r_l, {cited(SP_RISES)}.", SP_RISES),
    "bco_pair": (f"Its last term rises with r_l, {cited(SP_RISES)}.", SP_RISES),
    "bco_pair_unshifted": (f"Its last term rises with r_l, {cited(SP_RISES)}.", SP_RISES),
    "dpop": (f"The loss {_SP}, and its margin falls with r_l.", SP_RISES),
    "dpo_sft": (f"Its first term {_SP}, and the margin falls with r_l.", SP_RISES),
    "cpo_xu": (f"Its first term {_SP}, and the margin falls with log π_l.", SP_RISES),
    "orpo": (f"Its first term {_SP}, and the odds of l rise with π_l.", SP_RISES),
}


def falls(loss):
    """Less mass on l, the same on w."""
    return relation(at(loss, lo=-b - k), "<", at(loss))


_REST = " So any policy of full support is beaten by one that gives part of π_l to an unlabelled response."
FALLS = {loss: Cell(falls(loss), argument + _REST, steps) for loss, (argument, steps) in _FALLS.items()}

_BELOW_EXP = Sign(
    "s/(1 + s) > 0, the slope of s − log(1 + s)",
    {"less 1/100": lambda s: s / (1 + s) - Fraction(1, 100)},
    lambda s: s / (1 + s),
    {"s": POSITIVE},
)
_SQUARED_X = Identity(
    "its margin at r_w = 0, r_l = −k is βke^k",
    {"βk": lambda k, e: e * k},
    lambda k, e: e * (formulas.squared_log(0 * k) - formulas.squared_log(-k)),
    lambda k, e: e * k * exp(k),
    {"k": POSITIVE, "e": POSITIVE},
)
VANISHES = {
    "discopop": Cell(
        All((relation(formulas.mixed(x), ">", 0), relation(formulas.mixed(x), "<=", exp(-x)))),
        "«each term is positive», so no policy has loss 0; and as sp(−x) ≤ e^−x, «s/(1 + s) > 0, the slope of "
        "s − log(1 + s)» with s = e^−x, the loss is at most e^−x, which falls to 0.",
        (MIXED_POSITIVE, _BELOW_EXP),
    ),
    "squared_po": Cell(
        All((relation(at("squared_po"), ">", 0), relation(at("squared_po", w=-c, lo=-d - k), "<=", exp(-β * k)))),
        "«sp > 0», so no policy has loss 0; «its margin at r_w = 0, r_l = −k is βke^k», and sp(−z) ≤ e^−z: the loss "
        "falls to 0 with π_l.",
        (SP_POSITIVE, _SQUARED_X),
    ),
}
#: The least value of g.
LEAST = {"cdpo": formulas.smoothed(log(9)), "chi_po": log(1 + exp(-2))}
_FLAT = Sign("sp rises, so sp(−c) is least", {"less 1": lambda x: sigmoid(x) - 1}, lambda x: sigmoid(x), {"x": REAL})
_WHY = {
    "cdpo": (f"Convex with slope 0 at ζ = log 9: {cited(CDPO_TURNS)}.", CDPO_TURNS),
    "exo_pair": (f"It falls before ζ = log 9 and rises after it: {cited(COIN_TURNS)}.", COIN_TURNS),
    "ipo": ("«x² ≥ 0», and 0 at x = 0.", (SQUARE_POSITIVE,)),
    "ipo_norm": ("«x² ≥ 0», and 0 at x = 0.", (SQUARE_POSITIVE,)),
    "hinge": ("«max(0, −x) ≥ 0», and 0 at x = 0.", (HINGE_POSITIVE,)),
    "slic": ("«max(0, −x) ≥ 0», and 0 at x = 0.", (HINGE_POSITIVE,)),
    "chi_po": ("«sp rises, so sp(−c) is least», and it is taken wherever x ≥ c.", (_FLAT,)),
}
_REACHED = " Every margin is that of a policy of full support: π_w + π_l is free below 1, and their ratio is free."


def least(loss):
    """No margin costs less."""
    return relation(MARGINS[loss](x), ">=", LEAST.get(loss, 0))


HOLDS = {loss: Cell(least(loss), argument + _REACHED, steps) for loss, (argument, steps) in _WHY.items()}
_FITS = Identity(
    "both squares are 0 at r = ±1/(2β)",
    {"at ±1/β": (lambda c, d, e: at("sppo_hard", 1 / e - c, -1 / e - d, -c, -d, e), lambda c, d, e: 0 * c)},
    lambda c, d, e: at("sppo_hard", formulas.HALF / e - c, -formulas.HALF / e - d, -c, -d, e),
    lambda c, d, e: 0 * c,
    {"c": POSITIVE, "d": POSITIVE, "e": POSITIVE},
)
SPPO = Cell(
    relation(at("sppo_hard", w=formulas.HALF / β - c, lo=-formulas.HALF / β - d), "=", 0),
    "«both squares are 0 at r = ±1/(2β)» and nowhere else, and that is a policy with mass left for another response "
    "exactly under the condition. Without it nothing is stationary inside: an unlabelled response asks of a stationary "
    "policy that the derivatives in log π_w and log π_l vanish, and they do there alone.",
    (_FITS,),
)
SPPO_FITS = "π_ref,w e^(1/(2β)) + π_ref,l e^(−1/(2β)) < 1"
NO_LIMIT = relation(at("ipo", lo=-b - k), "<", at("ipo"))

STATEMENTS = (
    Family(
        property="one-way",
        answer="holds",
        title="Losses with a minimiser on one label",
        means="One label w > l and an unlabelled response: some policy of full support costs least; least at a "
        "margin x",
        instances=POLICIES_AND_MARGINS,
        cells=HOLDS,
        wrong={"IPO's is least at x = 1": relation(formulas.square(x), ">=", formulas.square(1))},
        conclusion="Training on labels that all agree ends at a finite policy.",
    ).statement,
    Family(
        property="one-way",
        answer="fails",
        title="Losses without a minimiser on one label",
        means="One label w > l and an unlabelled response: no policy of full support costs least; a better one "
        "has less π_l",
        instances=POLICIES_AND_MARGINS,
        cells=FALLS | VANISHES,
        wrong={"IPO's as well": NO_LIMIT},
        conclusion="The loss can always be lowered: training stops where it is stopped.",
    ).statement,
    Family(
        property="one-way",
        answer="if",
        title="A loss with a minimiser on one label under a condition",
        means="One label w > l and an unlabelled response: some policy of full support costs least exactly "
        "under the condition",
        instances=POLICIES,
        cells={"sppo_hard": SPPO},
        words={"sppo_hard": SPPO_FITS},
        wrong={"at r = ±1/β": relation(at("sppo_hard", w=1 / β - c, lo=-1 / β - d), "=", 0)},
        conclusion="Whether its two targets fit below a mass of 1 depends on the reference and on β.",
    ).statement,
)
