"""Which losses keep π_w/π_l bounded when all labels say w > l."""

from proofs_checks.kernel.arithmetic import log
from proofs_checks.kernel.evidence import POSITIVE, Identity
from proofs_checks.kernel.relation import All, relation
from proofs_checks.map import one_way
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family
from proofs_checks.spaces.losses import MARGINS
from proofs_checks.spaces.map_steps import (
    CDPO_TURNS,
    COIN_TURNS,
    POLICIES,
    POLICIES_AND_MARGINS,
    SQUARE_POSITIVE,
    at,
    b,
    c,
    cited,
    d,
    k,
    β,
)

__all__ = ["CLIPPED", "STATEMENTS"]

_RISES = {
    "cdpo": (log(9), f"Strictly convex, least at ζ: {cited(CDPO_TURNS)}.", CDPO_TURNS),
    "ipo": (0, "x² rises without end («x² ≥ 0»).", (SQUARE_POSITIVE,)),
    "exo_pair": (log(9), f"It rises strictly after ζ: {cited(COIN_TURNS)}.", COIN_TURNS),
}
_BOUND = " A sequence with a loss that falls to the least therefore has bounded margins, and with them bounded ratios."
_FLAT = ("hinge", "slic", "chi_po")
#: At r_w = 0 and r_l = −k − 2/β the margin is beyond the clip.
CLIPPED = relation(at("chi_po", w=-c, lo=-d - k - 2 / β), "=", one_way.LEAST["chi_po"])


def _holds(loss):
    least, argument, steps = _RISES[loss]
    g = MARGINS[loss]
    value = g(least) if loss == "cdpo" else 0
    return Cell(relation(g(least + k), ">", value), argument + _BOUND, steps)


_SPPO = Cell(
    relation(at("sppo_hard"), ">=", (d - b + formulas.HALF / β) ** 2),
    "The loss is a sum of two squares, each at least 0 («x² ≥ 0»): where it is bounded, so are r_w and r_l.",
    (SQUARE_POSITIVE,),
)


def _flat(loss):
    g = MARGINS[loss]
    before = "g is least at every margin beyond one point, {map-one-way-holds}: "
    settled = CLIPPED if loss == "chi_po" else relation(g(k + b), "=", 0)
    return one_way.HOLDS[loss].used(settled, before, " So it is where π_l tends to 0.")


def _free(loss):
    cell = (one_way.FALLS | one_way.VANISHES)[loss]
    after = " From any minimising sequence another is made by letting π_l/π_w tend to 0."
    return cell.used(cell.claim, "Less π_l costs less, {map-one-way-fails}: ", after)


def _long(c, d, k, e):
    return formulas.ipo_norm(1, 2)(formulas.HALF / e - k / 2 - c, -k - d, -c, -d, e)


_LENGTHS = Identity(
    "with n_w = 1, n_l = 2 the loss is 0 at r_l = −k, r_w = 1/(2β) − k/2",
    {"at r_w = 1/(2β) − k": (lambda c, d, k, e: _long(c, d, 2 * k, e) + k, lambda c, d, k, e: 0 * k)},
    _long,
    lambda c, d, k, e: 0 * k,
    dict.fromkeys("cdke", POSITIVE),
)

STATEMENTS = (
    Family(
        property="finite",
        answer="holds",
        title="Losses that keep the ratio of a deterministic label finite",
        means="One label w > l: π_w/π_l stays bounded along every sequence that minimises",
        instances=POLICIES,
        cells={loss: _holds(loss) for loss in _RISES} | {"sppo_hard": _SPPO},
        wrong={"the hinge's as well": relation(formulas.hinge(k), ">", 0)},
        conclusion="The strength of the regularisation, β, still counts when labels never disagree.",
    ).statement,
    Family(
        property="finite",
        answer="fails",
        title="Losses that let the ratio of a deterministic label go to infinity",
        means="One label w > l: π_w/π_l tends to infinity along some sequence that minimises",
        instances=POLICIES_AND_MARGINS,
        cells={loss: _free(loss) for loss in (*one_way.FALLS, *one_way.VANISHES)}
        | {loss: _flat(loss) for loss in _FLAT},
        wrong={"IPO's as well": one_way.NO_LIMIT},
        conclusion="π_l may fall to 0 whatever β is.",
    ).statement,
    Family(
        property="finite",
        answer="if",
        title="A loss that keeps the ratio of a deterministic label finite under a condition",
        means="One label w > l: π_w/π_l stays bounded along every sequence that minimises exactly under the condition",
        instances=POLICIES,
        cells={
            "ipo_norm": Cell(
                All(
                    (
                        relation(formulas.ipo_norm(1, 2)(formulas.HALF / β - k / 2 - b, -k - d, -b, -d, β), "=", 0),
                        relation(at("ipo_norm"), "=", at("ipo")),
                    )
                ),
                "With n_w = n_l it is IPO with another scale of h: {map-finite-holds}. «with n_w = 1, n_l = 2 the loss "
                "is 0 at r_l = −k, r_w = 1/(2β) − k/2» for every k, where h = 1/(2β) + k/2; likewise for other counts "
                "that differ, with the sign of k that raises h.",
                (_LENGTHS,),
            )
        },
        words={"ipo_norm": "n_w = n_l"},
        wrong={
            "with n_l = 3": relation(formulas.ipo_norm(1, 3)(formulas.HALF / β - k / 2 - b, -k - d, -b, -d, β), "=", 0)
        },
        conclusion="Averages over tokens trade a ratio for the lengths.",
    ).statement,
)
