"""Which losses do not look at the reference."""

from fractions import Fraction

from proofs_checks.kernel.evidence import POSITIVE, Identity
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.spaces.cells import Cell, Family, gap, witnessed
from proofs_checks.spaces.losses import LOSSES
from proofs_checks.spaces.map_steps import POLICIES, a, at, b, c, d, k, β

__all__ = ["HOLDS", "POINT", "STATEMENTS"]

HOLDS = ("slic", "simpo", "cpo_xu", "orpo")
#: A policy, and a reference whose exchange for its mirror image is seen by every other loss.
POINT = {a: Fraction(2), b: Fraction(1), c: Fraction(3, 2), d: Fraction(1), β: Fraction(1)}


def _swapped(loss):
    return at(loss, u=-d, v=-c)


def _holds(loss):
    step = Identity(
        "without the reference",
        {"DPO's": (lambda a, b, c, d: at("dpo", -a, -b, -c, -d, 1), lambda a, b, c, d: at("dpo", -a, -b, -1, -2, 1))},
        lambda a, b, c, d: at(loss, -a, -b, -c, -d, 1),
        lambda a, b, c, d: at(loss, -a, -b, -1, -2, 1),
        dict.fromkeys("abcd", POSITIVE),
    )
    return Cell(relation(at(loss), "=", at(loss, u=-c - k, v=-k)), "«without the reference».", (step,))


def _differs(loss):
    here, there = at(loss), _swapped(loss)
    return witnessed("the two references differ", here, "<" if gap(here - there, POINT) < 0 else ">", there, POINT)


STATEMENTS = (
    Family(
        property="reference",
        answer="holds",
        title="Losses that do not look at the reference",
        means="The loss of a policy is the same under every reference",
        instances=POLICIES,
        cells={loss: _holds(loss) for loss in HOLDS},
        wrong={"DPO's as well": relation(at("dpo"), "=", at("dpo", u=-c - k, v=-k))},
        conclusion="A wrong reference does no harm, and a right one does no good.",
    ).statement,
    Family(
        property="reference",
        answer="fails",
        title="Losses that look at the reference",
        means="Some policy has another loss when the reference's probabilities of w and l are exchanged",
        instances=POLICIES,
        cells={loss: _differs(loss) for loss in LOSSES if loss not in HOLDS},
        wrong={"ORPO's as well": relation(at("orpo"), "!=", _swapped("orpo"))},
        conclusion="What such a loss asks for moves with the reference.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
