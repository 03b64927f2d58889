"""Which losses never lower π_w/π_l at their minimum when a label w > l is added."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import log, positive_part
from proofs_checks.kernel.evidence import POSITIVE, Identity
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.map import one_way
from proofs_checks.map.convex import HELD
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.losses import MARGINS
from proofs_checks.spaces.map_steps import POLICIES_AND_MARGINS, at, b, k, x

__all__ = ["STATEMENTS"]

_BEFORE = "g falls strictly with its margin, {map-one-way-fails}, and is strictly convex, {map-convex-holds}: "
_EXCHANGE = (
    " With more weight on L_wl the minimum has L_wl no larger: were it larger, the two minima exchanged would cost "
    "less in sum. So the margin of the pair does not fall"
)
_DIFFERENCE = _EXCHANGE + ", and δ with it."
_LINK = (
    _EXCHANGE
    + ". No other label's weight changes, so by the maximum principle of the network of second derivatives no "
    "u rises more than u_w relative to the others, and none falls more than u_l; and the probabilities still add up to "
    "1: π_w does not fall and π_l does not rise."
)
_FALLING = dict.fromkeys(("dpo", "rdpo", "hypo", "odpo", "ecpo"), _DIFFERENCE) | dict.fromkeys(
    ("simpo", "sigmoid_norm", "fdpo_forward_kl", "fdpo_js", "fdpo_alpha", "chi_po_unclipped"), _LINK
)
_FALLS_THEN_STAYS = (
    Identity(
        "max(0, a) = a for a > 0",
        {"a/2": lambda a: a / 2},
        lambda a: positive_part(a),
        lambda a: a,
        {"a": POSITIVE},
    ),
    Identity(
        "max(0, −a) = 0 for a > 0",
        {"a": lambda a: a},
        lambda a: positive_part(-a),
        lambda a: 0 * a,
        {"a": POSITIVE},
    ),
)
_SEVERAL = (
    "g falls up to x = 0, «max(0, a) = a for a > 0», and stays at 0 beyond, «max(0, −a) = 0 for a > 0». With more "
    "weight on L_wl no minimum has a larger L_wl than any had before: exchanged, the two would cost less in sum. Where "
    "some of the minima had L_wl = 0, these are the minima now: neither the least nor the greatest margin has fallen. "
    "Where none had, L_wl fell strictly with the margin at all of them, so no margin is now below any of theirs. And δ "
    "is the margin up to a factor and a constant."
)
#: Loss -> where g is least, and the margin of either step of the chain once 1 > 3 is added.
_CHAINS = {
    "ipo": (Fraction(0), Fraction(-1, 6), formulas.HALF),
    "ipo_norm": (Fraction(0), Fraction(-1, 6), formulas.HALF),
    "cdpo": (log(9), Fraction(19, 10), Fraction(0)),
    "exo_pair": (log(9), Fraction(19, 10), Fraction(0)),
}


def _falls_or_stays(loss):
    """Less mass on l, the same on w, costs no more."""
    return relation(at(loss, lo=-b - k), "<=", at(loss))


def _fails(loss):
    """Labels 1 > 2, 2 > 3 are met exactly; 1 > 3 then asks for less than they give."""
    best, step_to, ψ = _CHAINS[loss]
    g = MARGINS[loss]
    value = 2 * one_way.LEAST.get(loss, 0) + g(2 * best + ψ)
    found = witnessed("the three labels cost less nearer together", 2 * g(x) + g(2 * x + ψ), "<", value, {x: step_to})
    far = relation(g(2 * best + ψ + k), ">", one_way.LEAST.get(loss, 0))
    words = (
        "At the minimum of 1 > 2 and 2 > 3 both margins are where g is least, {map-one-way-holds}. Any policy with "
        "π_1/π_3 as large as there costs, with 1 > 3, at least twice the least and g at the sum, as g rises beyond "
        "where it is least; «the three labels cost less nearer together»."
    )
    return Cell(All((found.claim, far)), words, found.steps)


STATEMENTS = (
    Family(
        property="vote",
        answer="holds",
        title="Losses that an added vote moves its own way",
        means="Labels that connect all responses and whose loss has a minimum: with more weight on w > l "
        "π_w/π_l does not fall; of several minima, neither the least π_w/π_l nor the greatest",
        instances=POLICIES_AND_MARGINS,
        cells={loss: HELD[loss].used(one_way.falls(loss), _BEFORE, words) for loss, words in _FALLING.items()}
        | {loss: Cell(_falls_or_stays(loss), _SEVERAL, _FALLS_THEN_STAYS) for loss in ("hinge", "slic")},
        wrong={"IPO's as well": one_way.NO_LIMIT},
        conclusion="Nobody loses by being voted for.",
    ).statement,
    Family(
        property="vote",
        answer="fails",
        title="Losses that an added vote can move the other way",
        means="Labels 1 > 2 and 2 > 3 on three responses, β = 1: with 1 > 3 added π_1/π_3 is smaller at the minimum",
        instances=POLICIES_AND_MARGINS,
        cells={loss: _fails(loss) for loss in _CHAINS},
        wrong={"DPO's as well": relation(2 * MARGINS["dpo"](x) + MARGINS["dpo"](2 * x), "<", 0)},
        conclusion="A vote for a response pulls it back where the others already give it more than the vote asks.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
