"""Which losses have the RLHF optimum as their minimiser when labels are drawn from the reward."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.map_steps import HERE, POLICIES, SIGMA_RISES, at, cited

__all__ = ["STATEMENTS", "o", "q"]

#: π_w of a policy on two responses; labels w > l at odds o to 1; π_ref,w.
q = sympy.Symbol("π_w", positive=True)
o = sympy.Symbol("o", positive=True)
_REF = Fraction(1, 5)
#: π_ref = (1/5, 4/5), odds 2 = e^Δr, β = 1: π* ∝ (2/5, 4/5).
_STAR = Fraction(1, 3)
_TWO = Numbers(
    {q: (Fraction(1, 50), Fraction(49, 50)), o: (Fraction(1, 10), 10)},
    "two responses, π_ref = (1/5, 4/5), β = 1, labels w > l at odds o = e^Δr to 1, π*_w = o/(o + 4), 0 < π_w < 1, ",
)
#: Loss -> 120 π_w of a policy that costs less than π* at odds 2.
_BETTER = {
    **{"cdpo": 36, "rdpo": 45, "ipo": 27, "ipo_norm": 27, "hinge": 49, "slic": 88, "exo_pair": 41, "hypo": 69},
    **{"odpo": 46, "ecpo": 48, "simpo": 81, "discopop": 49, "fdpo_forward_kl": 43, "fdpo_js": 65, "fdpo_alpha": 42},
    **{"chi_po_unclipped": 31, "chi_po": 31, "squared_po": 47, "kto": 119, "nca_pair": 35, "bco_pair": 61},
    **{"bco_pair_unshifted": 61, "apo_zero": 119, "apo_down": 1, "sppo_hard": 29, "dpop": 33, "dpo_sft": 62},
    **{"cpo_xu": 80, "orpo": 72},
}


def _mean(loss, q, odds):
    """The loss of labels at these odds, times 1 + odds."""
    w, lo, u, v = log(q), log(1 - q), log(_REF), log(1 - _REF)
    return odds * at(loss, w, lo, u, v, 1) + at(loss, lo, w, v, u, 1)


def _counted(q):
    """The mean at odds of 2 of sigmoid_norm where w has two tokens and l has one, whichever is preferred."""
    w, lo, u, v = log(q), log(1 - q), log(_REF), log(1 - _REF)
    return 2 * formulas.sigmoid_norm(2, 1)(w, lo, u, v, 1) + formulas.sigmoid_norm(1, 2)(lo, w, v, u, 1)


def _fails(loss, better):
    here, star = _mean(loss, q, 2), _mean(loss, _STAR, 2)
    return witnessed("at odds of 2 this policy costs less than π*", here, "<", star, {q: Fraction(better, 120)})


_AT_STAR = relation(_mean("dpo", q, o), ">=", _mean("dpo", o / (o + 4), o))
_COUNTED = witnessed(
    "where w has two tokens and l one, this policy costs less than π*",
    _counted(q),
    "<",
    _counted(_STAR),
    {q: Fraction(50, 120)},
)
_AT_ODDS = Identity(
    "the slope of a pair's mean loss",
    {"at twice the odds": lambda s, x: sigmoid(x) - 2 * s / (1 + 2 * s)},
    lambda s, x: derivative(lambda z: (s * softplus(-z) + softplus(z)) / (1 + s))(x),
    lambda s, x: sigmoid(x) - sigmoid(log(s)),
    {"s": POSITIVE, "x": REAL},
)
_SAME = Identity(
    "with counts of 1 it is DPO's",
    {"with n_w = 2": lambda a, b, c, d, e: formulas.sigmoid_norm(2, 1)(-a, -b, -c, -d, e)},
    lambda a, b, c, d, e: at("dpo", -a, -b, -c, -d, e),
    lambda a, b, c, d, e: formulas.sigmoid_norm(1, 1)(-a, -b, -c, -d, e),
    dict.fromkeys("abcde", POSITIVE),
)

STATEMENTS = (
    Family(
        property="rlhf",
        answer="holds",
        title="A loss whose minimiser is the RLHF optimum",
        means="Under labels at the odds e^Δr of the reward no policy costs less than the RLHF optimum π*",
        instances=_TWO,
        cells={
            "dpo": Cell(
                _AT_STAR,
                "A pair's mean loss falls before the labels' own odds and rises after them, «the slope of a pair's "
                f"mean loss», {cited(SIGMA_RISES)}; π* has all pairs' odds at once: on any finite responses "
                "{dpo-population}.",
                (_AT_ODDS, *SIGMA_RISES),
            )
        },
        wrong={"at twice the odds": relation(_mean("dpo", q, o), ">=", _mean("dpo", 2 * o / (2 * o + 4), o))},
        conclusion="With infinitely many labels DPO is RLHF; of the others each needs an argument of its own.",
    ).statement,
    Family(
        property="rlhf",
        answer="fails",
        title="Losses whose minimiser is not the RLHF optimum",
        means="Under labels at the odds e^Δr of the reward some policy costs less than the RLHF optimum π*",
        instances=_TWO,
        cells={loss: _fails(loss, better) for loss, better in _BETTER.items()},
        wrong={"DPO's as well": relation(_mean("dpo", q, 2), "<", _mean("dpo", _STAR, 2))},
        conclusion="Their optimum is another policy, whatever its merits.",
        expected=Verdict.CERTIFIED,
    ).statement,
    Family(
        property="rlhf",
        answer="if",
        title="A loss whose minimiser is the RLHF optimum under a condition",
        means="Under labels at the odds e^Δr of the reward no policy costs less than the RLHF optimum π*, and "
        "otherwise some does",
        instances=POLICIES,
        cells={
            "sigmoid_norm": Cell(
                All((relation(formulas.sigmoid_norm(1, 1)(*HERE), "=", at("dpo")), _COUNTED.claim)),
                "«with counts of 1 it is DPO's», {map-rlhf-holds}; «where w has two tokens and l one, this "
                "policy costs less than π*».",
                (_SAME, *_COUNTED.steps),
            )
        },
        words={"sigmoid_norm": "n_w = n_l = 1"},
        wrong={"with n_w = 2": relation(formulas.sigmoid_norm(2, 1)(*HERE), "=", at("dpo"))},
        conclusion="Dividing by the lengths changes which policy is optimal.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
