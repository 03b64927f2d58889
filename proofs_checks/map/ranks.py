"""Which losses rank a pair right, whatever the reference, when its only label says w > l."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.relation import All, At, relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.map import one_way
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.map_steps import (
    POLICIES_AND_MARGINS,
    SIGMA_POSITIVE,
    SIGMA_RISES,
    SP_POSITIVE,
    SP_RISES,
    a,
    at,
    b,
    c,
    cited,
    d,
    k,
    x,
    β,
)

__all__ = ["HOLDS", "IF", "STATEMENTS"]

_LIMIT = "The least is a limit at x = ∞ alone, as g falls strictly, {map-one-way-fails}: "
_CORNER = " The least is that of π_w = 1, and only sequences with π_w → 1 reach it."
_z = β * (c - a - (d - b))
_rw = β * (c - a)
_ABOVE = {
    "discopop": (formulas.mixed(x), softplus(-x)),
    "dpop": (at("dpop"), softplus(-_z)),
    "apo_down": (at("apo_down"), sigmoid(β * (d - b) - _rw)),
    "nca_pair": (at("nca_pair"), softplus(-_rw) + softplus(_rw) * formulas.HALF),
    "kto": (at("kto"), sigmoid(-_rw)),
    "apo_zero": (at("apo_zero"), sigmoid(-_rw)),
    "bco_pair": (at("bco_pair"), softplus(formulas.SHIFT - _rw)),
    "bco_pair_unshifted": (at("bco_pair_unshifted"), softplus(-_rw)),
    "dpo_sft": (at("dpo_sft"), a),
    "cpo_xu": (at("cpo_xu"), a),
    "orpo": (at("orpo"), a),
}
_ABOVE_EXP = Sign(
    "e^−x − sp(−x) has the slope −(1 − σ(−x))e^−x, below 0",
    {"less 1": lambda x: sigmoid(x) * exp(-x) - 1},
    lambda x: sigmoid(x) * exp(-x),
    {"x": REAL},
)
_WHY_ABOVE = {
    "discopop": (
        "The loss is at least sp(−x), for e^−x is: «e^−x − sp(−x) has the slope −(1 − σ(−x))e^−x, below 0», and tends "
        "to 0. It tends to 0, {map-one-way-fails}, so sp(−x) does, and x to ∞.",
        (_ABOVE_EXP,),
    ),
    "dpop": (
        f"Its penalty only adds, and sp rises, {cited(SP_RISES)}: the loss is at least DPO's, and both tend to 0; "
        "DPO's does where h tends to ∞ alone.",
        SP_RISES,
    ),
    "apo_down": (
        "Both terms are positive, «σ > 0», and tend to 0 where both probabilities vanish, that of l faster: the second "
        "does where βh tends to ∞ alone.",
        (SIGMA_POSITIVE,),
    ),
    "nca_pair": (
        "The last term is positive, «sp > 0», and tends to 0 with π_l, at any π_w: the least is that of the first two, "
        "and only sequences with r_l → −∞ reach it; π_w stays away from 0, where the first grows without bound.",
        (SP_POSITIVE,),
    ),
}
_WHY_ABOVE |= {
    loss: (
        f"The second term is positive, «σ > 0», and the first falls with π_w, {cited(SIGMA_RISES)}." + _CORNER,
        (SIGMA_POSITIVE, *SIGMA_RISES),
    )
    for loss in ("kto", "apo_zero")
}
_WHY_ABOVE |= {
    loss: (
        f"The second term is positive, «sp > 0», and the first falls with π_w, {cited(SP_RISES)}." + _CORNER,
        (SP_POSITIVE, *SP_RISES),
    )
    for loss in ("bco_pair", "bco_pair_unshifted")
}
_WHY_ABOVE |= dict.fromkeys(
    ("dpo_sft", "cpo_xu", "orpo"),
    ("The loss is above −log π_w, «sp > 0», and tends to 0 as π_w → 1: where it does, π_w → 1.", (SP_POSITIVE,)),
)
_MARGIN = ("dpo", "rdpo", "hypo", "odpo", "ecpo")
_JS = Cell(
    relation(exp(softplus(c - b - k) - softplus(c - b)), "<", 1),
    f"{_LIMIT}(1 + ρ_l/π_l)/(1 + ρ_w/π_w) → ∞, with ρ the reference's probabilities. Where π_l ≥ π_w it is at most "
    f"max(1, ρ_l/ρ_w), as 1 + s rises with s, {cited(SP_RISES)}: in the end π_w > π_l.",
    SP_RISES,
)
_CHI = Cell(
    relation(exp(c - a), "<", exp(c)),
    f"{_LIMIT}r_w + e^(r_w) − r_l − e^(r_l) → ∞. As π_w ≤ 1, e^(r_w) ≤ 1/π_ref,w, «e^c rises with c»: h → ∞.",
    (Sign("e^c rises with c", {"less 2": lambda c: exp(c) - 2}, lambda c: exp(c), {"c": POSITIVE}),),
)
_SLIC = Cell(
    relation(formulas.hinge(-k), ">", 0),
    "The loss is 0, the least, where δ ≥ 1, and above 0 elsewhere: «max(0, s) = s for s > 0».",
    (
        Identity(
            "max(0, s) = s for s > 0",
            {"s/2": lambda s: s / 2},
            lambda s: formulas.hinge(-s),
            lambda s: 1 * s,
            {"s": POSITIVE},
        ),
    ),
)
HOLDS = {loss: one_way.FALLS[loss].used(one_way.falls(loss), f"{_LIMIT}h → ∞, and δ with it. ") for loss in _MARGIN}
HOLDS |= {loss: Cell(relation(left, ">=", right), *_WHY_ABOVE[loss]) for loss, (left, right) in _ABOVE.items()}
HOLDS |= {"fdpo_js": _JS, "chi_po_unclipped": _CHI, "slic": _SLIC}

#: Loss -> a minimiser's (r_w, r_l) at β = 1.
_AT_LEAST = {
    "cdpo": (log(9), 0),
    "exo_pair": (log(9), 0),
    "ipo": (formulas.HALF, 0),
    "ipo_norm": (formulas.HALF, 0),
    "hinge": (1, 0),
    "chi_po": (0, -2),
    "sppo_hard": (formulas.HALF, -formulas.HALF),
}


def _finite(loss):
    """At δ_ref = −5 a minimiser has δ < 0."""
    up, down = _AT_LEAST[loss]
    step = witnessed("at δ_ref = −5 it has δ < 0", -c + up, "<", -d + down, {c: 6, d: 1}).steps[0]
    best = one_way.LEAST.get(loss, 0)
    from_map = "{map-one-way-if}" if loss == "sppo_hard" else "{map-one-way-holds}"
    argument = f"A minimiser, {from_map}, has h = {_SHOWN[loss]} whatever the reference: «at δ_ref = −5 it has δ < 0»."
    return Cell(All((relation(best, "<=", at(loss, beta=1)), At(step.condition, step.at))), argument, (step,))


_SHOWN = {
    "cdpo": "ζ = log 9",
    "exo_pair": "ζ = log 9",
    "ipo": "1/2",
    "ipo_norm": "1/2",
    "hinge": "1 or more",
    "chi_po": "2, at r_w = 0,",
    "sppo_hard": "1",
}


#: Of loss φ: its margin over β at r_w = −k, r_l = −k − log 2, where π_l = 2π_w and π_ref,l = 4π_ref,w.
_RATES = {
    "fdpo_forward_kl": (lambda k: exp(k), lambda k: exp(k) * 2),
    "fdpo_alpha": (lambda k: 2 * exp(k / 2) * (exp(log(2) / 2) - 1), lambda k: exp(k / 2)),
    "squared_po": (lambda k: exp(k) * (k + 2 * log(2)), lambda k: exp(k) * k),
}
_LINKS = {"fdpo_forward_kl": formulas.forward_kl, "fdpo_alpha": formulas.alpha, "squared_po": formulas.squared_log}


def _slides(loss):
    rate, wrong = _RATES[loss]
    φ = _LINKS[loss]
    step = Identity(
        "the margin over β at r_w = −k, r_l = −k − log 2",
        {"another": wrong},
        lambda k: φ(-k) - φ(-k - log(2)),
        rate,
        {"k": POSITIVE},
    )
    loss_there = at(loss, w=-c - k, lo=-c - k + log(2), u=-c, v=-c + log(4))
    words = (
        "where π_ref,l = 4π_ref,w and π_l = 2π_w, «the margin over β at r_w = −k, r_l = −k − log 2» grows without end"
    )
    return Cell(
        relation(loss_there, "<=", softplus(-β * k * Fraction(1, 3))),
        f"With both probabilities falling, {words}: the loss falls to its least, 0, and δ = −log 2 all the way.",
        (step,),
    )


def _by_length(loss, make):
    """With n_w = 2, n_l = 1 both fall and l stays ahead; with n_w ≤ n_l a policy with π_l ≥ π_w stays costly."""
    psi = formulas.GAMMA if loss == "simpo" else 0
    step = Identity(
        "with n_w = 2, n_l = 1, log π_w = −4k and log π_l = −3k the margin is βk and constants",
        {"2βk": lambda k, e: softplus(psi - 2 * e * k)},
        lambda k, e: make(2, 1)(-4 * k, -3 * k, 0 * k, 0 * k, e),
        lambda k, e: softplus(psi - e * k),
        {"k": POSITIVE, "e": POSITIVE},
    )
    rises = (
        relation(make(1, 2)(-a - b, -a, 0, 0, β), ">", softplus(psi + 0 * β))
        if psi
        else relation(make(1, 2)(-a - b, -a, 0, 0, β), ">", log(2))
    )
    return Cell(
        All((relation(make(2, 1)(-4 * k, -3 * k, 0, 0, β), "=", softplus(psi - β * k)), rises)),
        "«with n_w = 2, n_l = 1, log π_w = −4k and log π_l = −3k the margin is βk and constants»: the loss "
        "falls to its "
        "least, 0, while π_l > π_w; likewise for any n_w > n_l. With n_w ≤ n_l and π_l ≥ π_w, log π_w/n_w ≤ log "
        "π_l/n_l: "
        "the margin is at most a constant, and the loss stays away from 0.",
        (step,),
    )


_SHARP = _by_length("sigmoid_norm", formulas.sigmoid_norm)
IF = {"simpo": _by_length("simpo", formulas.simpo), "sigmoid_norm": _SHARP}

STATEMENTS = (
    Family(
        property="ranks",
        answer="holds",
        title="Losses that rank a lone pair right",
        means="One label w > l, any reference: δ > 0 at every minimiser, and in the end of every sequence that "
        "minimises",
        instances=POLICIES_AND_MARGINS,
        cells=HOLDS,
        wrong={"IPO's as well": one_way.NO_LIMIT},
        conclusion="At the optimum the pair is right; how long the way is is another question.",
    ).statement,
    Family(
        property="ranks",
        answer="fails",
        title="Losses that can leave a lone pair wrong",
        means="One label w > l, some reference: δ ≤ 0 at some minimiser, or all along some sequence that minimises",
        instances=POLICIES_AND_MARGINS,
        cells={loss: _finite(loss) for loss in _AT_LEAST} | {loss: _slides(loss) for loss in _RATES},
        wrong={"DPO's as well": relation(log(2), "<=", at("dpo", beta=1))},
        conclusion="A finite target is too little for a reference that is wrong by more, and some links let both fall.",
        expected=Verdict.CERTIFIED,
    ).statement,
    Family(
        property="ranks",
        answer="if",
        title="Losses that rank a lone pair right under a condition",
        means="One label w > l, any reference: δ > 0 in the end of every sequence that minimises exactly under "
        "the condition",
        instances=POLICIES_AND_MARGINS,
        cells=IF,
        words=dict.fromkeys(IF, "n_w ≤ n_l"),
        wrong={"2βk": relation(formulas.sigmoid_norm(2, 1)(-4 * k, -3 * k, 0, 0, β), "=", softplus(-2 * β * k))},
        conclusion="Where the preferred response is the longer, both may fall, the preferred faster.",
    ).statement,
)
