"""Which losses have a minimiser of full support whatever the labels."""

from proofs_checks.kernel.arithmetic import log
from proofs_checks.kernel.relation import All, relation
from proofs_checks.map import one_way
from proofs_checks.map.finite_ratio import CLIPPED
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family
from proofs_checks.spaces.losses import MARGINS
from proofs_checks.spaces.map_steps import POLICIES, SQUARE_POSITIVE, a, at, b, d, k, β

__all__ = ["STATEMENTS"]

_BEYOND = {"cdpo": log(9), "exo_pair": log(9)}
_THEOREM = (
    " So on every edge the labels of both orders together cost, at each end, either more and more or a monotone amount "
    "beyond some point. Along any sequence that minimises a loss whose every edge is so, the differences converge in "
    "[−∞, ∞]; put classes of responses at finite distance where they converge, and the classes at large finite "
    "distances in the same order: no edge between classes costs more than in the limit. The minimum is attained."
)
_ENDS = {
    "cdpo": "g falls up to ζ and rises after it",
    "exo_pair": "g falls up to ζ and rises after it",
    "ipo": "g = x² falls up to 0 and rises after it",
    "ipo_norm": "g = x² falls up to 0 and rises after it, in the difference of r/n",
    "hinge": "g falls up to 0 and stays",
    "slic": "g falls up to 0 and stays",
    "chi_po": "g stays up to −c, falls, and stays from c on, in the difference of φ",
}


def _ends(loss):
    """Beyond some point g rises weakly with the margin, and before its negative it falls weakly."""
    if loss == "chi_po":
        return All((relation(at(loss, lo=-b - k), "<=", at(loss)), CLIPPED))
    g, far = MARGINS[loss], _BEYOND.get(loss, 0)
    right = relation(g(far + a + b), ">=", g(far + a))
    return All((right, relation(g(-far - a - b), ">=", g(-far - a))))


_SPPO = Cell(
    relation(at("sppo_hard"), ">=", (d - b + formulas.HALF / β) ** 2),
    "Every label costs a sum of two squares («x² ≥ 0»): where the loss is bounded, so is the log-ratio of every "
    "labelled response. If all are labelled, the policies that cost no more than π_ref form a compact set of policies "
    "of full support, and the minimum is attained. With an unlabelled response not always: {map-one-way-if}.",
    (SQUARE_POSITIVE,),
)

STATEMENTS = (
    Family(
        property="any",
        answer="holds",
        title="Losses with a minimiser whatever the labels",
        means="Any labels on finite responses: some policy of full support costs least; g is monotone at both its ends",
        instances=POLICIES,
        cells={
            loss: one_way.HOLDS[loss].used(_ends(loss), words + ", {map-one-way-holds}: ", _THEOREM)
            for loss, words in _ENDS.items()
        },
        wrong={"DPO's as well": relation(formulas.falling(a + b), ">=", formulas.falling(a))},
        conclusion="No check for existence is needed: training ends at a finite policy.",
    ).statement,
    Family(
        property="any",
        answer="fails",
        title="Losses without a minimiser on some labels",
        means="Some labels on finite responses, one label among them: no policy of full support costs least",
        instances=one_way.POLICIES_AND_MARGINS,
        cells={
            loss: cell.used(cell.claim, "One label is a set of labels, {map-one-way-fails}: ")
            for loss, cell in (one_way.FALLS | one_way.VANISHES).items()
        },
        wrong={"IPO's as well": one_way.NO_LIMIT},
        conclusion="Existence has to be decided for the labels at hand, before anything is solved.",
    ).statement,
    Family(
        property="any",
        answer="if",
        title="A loss with a minimiser on some labels",
        means="Labels on finite responses: some policy of full support costs least under the condition, and "
        "without it not always",
        instances=POLICIES,
        cells={"sppo_hard": _SPPO},
        words={"sppo_hard": "every response is labelled"},
        wrong={"least at r_l = 1/(2β)": relation(at("sppo_hard"), ">=", (d - b - formulas.HALF / β) ** 2)},
        conclusion="A response that nobody labels may have to give all its mass to those that are.",
    ).statement,
)
