"""Which losses are bounded below, whatever the labels."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, positive_part, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Sign
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.losses import LOSSES, MARGINS
from proofs_checks.spaces.map_steps import (
    COIN_TURNS,
    POLICIES,
    RDPO_TILT,
    SIGMA_POSITIVE,
    SP_POSITIVE,
    SQUARE_POSITIVE,
    at,
    cited,
    x,
)

__all__ = ["HINGE_POSITIVE", "MIXED_POSITIVE", "STATEMENTS"]

MIXED_POSITIVE = Sign(
    "each term is positive",
    {"less 1": lambda x: sigmoid(-x) * softplus(-x) + sigmoid(x) * exp(-x) - 1},
    lambda x: sigmoid(-x) * softplus(-x) + sigmoid(x) * exp(-x),
    {"x": REAL},
)
HINGE_POSITIVE = Sign(
    "max(0, −x) ≥ 0", {"less 1": lambda x: positive_part(-x) - 1}, lambda x: positive_part(-x), {"x": REAL}, weak=True
)
_SFT = Sign(
    "sp and −log π_w are positive",
    {"less 1": lambda x, a: softplus(x) + a - 1},
    lambda x, a: softplus(x) + a,
    {"x": REAL, "a": POSITIVE},
)
_OF_MARGIN = {
    formulas.falling: ("A value of sp: «sp > 0».", (SP_POSITIVE,)),
    formulas.clipped: ("A value of sp: «sp > 0».", (SP_POSITIVE,)),
    formulas.smoothed: ("A mean of two values of sp: «sp > 0».", (SP_POSITIVE,)),
    formulas.square: ("«x² ≥ 0».", (SQUARE_POSITIVE,)),
    formulas.hinge: ("«max(0, −x) ≥ 0».", (HINGE_POSITIVE,)),
    formulas.coin: (f"It falls up to ζ and rises beyond, {cited(COIN_TURNS)}.", COIN_TURNS),
    formulas.mixed: ("«each term is positive», with weights s and 1 − s.", (MIXED_POSITIVE,)),
}
_OF_BOTH = {
    "kto": ("Values of σ: «σ > 0».", (SIGMA_POSITIVE,)),
    "apo_zero": ("Values of σ: «σ > 0».", (SIGMA_POSITIVE,)),
    "apo_down": ("Values of σ: «σ > 0».", (SIGMA_POSITIVE,)),
    "nca_pair": ("Values of sp: «sp > 0».", (SP_POSITIVE,)),
    "bco_pair": ("Values of sp: «sp > 0».", (SP_POSITIVE,)),
    "bco_pair_unshifted": ("Values of sp: «sp > 0».", (SP_POSITIVE,)),
    "dpop": ("A value of sp: «sp > 0».", (SP_POSITIVE,)),
    "sppo_hard": ("Two squares: «x² ≥ 0».", (SQUARE_POSITIVE,)),
    "dpo_sft": ("«sp and −log π_w are positive».", (_SFT,)),
    "cpo_xu": ("«sp and −log π_w are positive».", (_SFT,)),
    "orpo": ("«sp and −log π_w are positive».", (_SFT,)),
}


def _holds(loss):
    argument, steps = _OF_BOTH[loss] if loss in _OF_BOTH else _OF_MARGIN[MARGINS[loss]]
    return Cell(relation(at(loss), ">=", 0), argument, steps)


_FALLS = witnessed("at x = 1000 it is below −100", formulas.corrected(x), "<", -100, {x: 1000})

STATEMENTS = (
    Family(
        property="bounded",
        answer="holds",
        title="Losses that are bounded below",
        means="Every label costs at least 0, so that the loss is bounded below on any labels",
        instances=POLICIES,
        cells={loss: _holds(loss) for loss in LOSSES if loss != "rdpo"},
        wrong={"at least 1/100": relation(at("dpo"), ">=", Fraction(1, 100))},
        conclusion="Training cannot run away to a loss of −∞.",
    ).statement,
    Family(
        property="bounded",
        answer="fails",
        title="A loss that is unbounded below",
        means="One label's loss falls below every bound",
        instances=POLICIES,
        cells={
            "rdpo": Cell(
                _FALLS.claim,
                "«rDPO is sp(−x) − x/8»: with x it falls without end. «at x = 1000 it is below −100».",
                (RDPO_TILT, *_FALLS.steps),
            )
        },
        wrong={"DPO's as well": relation(at("dpo"), "<", 0)},
        conclusion="On labels that all agree rDPO drives margins to infinity; rdpo-empirical-unbounded says when.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
