"""Which losses aim at δ ≥ 0 also where the reference has δ_ref < 0: where all their margins are 0."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import derivative, exp, log, positive_part
from proofs_checks.kernel.evidence import POSITIVE, Identity
from proofs_checks.kernel.relation import All, At, relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.losses import MARGINS
from proofs_checks.spaces.map_steps import POLICIES, a, at, b, c, d, k, β

__all__ = ["STATEMENTS"]

#: g at x = 0.
_CENTRE = {formulas.falling: log(2), formulas.smoothed: log(2), formulas.corrected: log(2), formulas.square: 0}
_CENTRE |= {formulas.hinge: 0, formulas.coin: -log(Fraction(9, 10)) * formulas.HALF + log(10) * formulas.HALF - log(2)}
_CENTRE |= {formulas.mixed: (log(2) + 1) * formulas.HALF, formulas.clipped: log(2)}
#: Loss -> r_w at its target, r_l being 0, β = 1.
_THERE = dict.fromkeys(
    [
        "dpo",
        "cdpo",
        "rdpo",
        "exo_pair",
        "sigmoid_norm",
        "discopop",
        "fdpo_forward_kl",
        "fdpo_js",
        "fdpo_alpha",
        "chi_po_unclipped",
        "chi_po",
        "squared_po",
    ],
    0,
) | {"ipo": formulas.HALF, "ipo_norm": formulas.HALF, "hinge": 1, "odpo": formulas.OFFSET}


#: Loss of the log-ratios -> r_w and r_l where all its margins are 0, β = 1, and what it costs there less −log π_w.
_APART = dict.fromkeys(("kto", "apo_zero", "apo_down"), (0, 0, 1)) | {
    "nca_pair": (0, 0, 2 * log(2)),
    "bco_pair": (formulas.SHIFT, formulas.SHIFT, 2 * log(2)),
    "bco_pair_unshifted": (0, 0, 2 * log(2)),
    "sppo_hard": (formulas.HALF, -formulas.HALF, 0),
    "dpop": (0, 0, log(2)),
    "dpo_sft": (0, 0, log(2) + a),
}


def _fails(loss):
    up, down, cost = _APART[loss] if loss in _APART else (_THERE[loss], 0, _CENTRE[MARGINS[loss]])
    found = witnessed("δ < 0 at the target where δ_ref = −5", -c + up, "<", -d + down, {c: 6, d: 1})
    centre = relation(at(loss, w=-a + up, lo=-b + down, beta=1), "=", cost)
    shown = "the reference itself" if up == down == 0 else f"h = {up}"
    if loss in _APART and (up, down) != (0, 0):
        shown = f"r_w = {up}, r_l = {down}".replace("-", "−")
    return Cell(
        All((At(centre, {a: 6, b: 1, c: 6, d: 1}), found.claim)),
        f"All margins are 0 at {shown}, whatever the reference: «δ < 0 at the target where δ_ref = −5».",
        found.steps,
    )


_FLOOR = Identity(
    "for δ_ref = −s, s > 0, the margin at δ = 0 is 0",
    {"at δ = s": lambda s, e: s * e},
    lambda s, e: e * s - e * positive_part(s),
    lambda s, e: 0 * s,
    {"s": POSITIVE, "e": POSITIVE},
)
_SLIC = Identity(
    "the margin at δ = 1 is 0",
    {"1/2": lambda a: 0 * a + Fraction(1, 2)},
    lambda a: at("slic", -a, -a - 1, -a, -a, 1),
    lambda a: 0 * a,
    {"a": POSITIVE},
)


def _tied(loss, name):
    """At π_w = π_l the sp is log 2, whatever the reference."""
    step = Identity(
        name,
        {"log 2": lambda a, c, d, e: log(2) + 0 * a},
        lambda a, c, d, e: at(loss, -a, -a, -c, -d, e),
        lambda a, c, d, e: log(2) + a,
        dict.fromkeys("acde", POSITIVE),
    )
    ahead = relation(at(loss, w=-a, lo=-a - k), "<", log(2) + a)
    return Cell(ahead, f"«{name}»: its margin rises with π_w/π_l and is 0 at δ = 0, whatever the reference.", (step,))


def _slope(s):
    return derivative(lambda z: exp(z - 1) - z)(s)


_ENOUGH = Cell(
    relation(exp(a - 1), ">=", a),
    "The target is δ_ref + (γ/β)(1/π_ref,w + 1/π_ref,l), and δ_ref ≥ log π_ref,w = −s. With γ/β ≥ 1/e it is at least "
    "e^(s − 1) − s, which is 0 at s = 1 and larger elsewhere: «the slope of e^(s − 1) − s changes sign at s = 1». With "
    "γ/β = 1/10 it is negative at a reference that is wrong by little: «δ < 0 at the target at γ/β = 1/10».",
    (
        Identity(
            "the slope of e^(s − 1) − s changes sign at s = 1",
            {"e^s − 1": lambda s: exp(s) - 1},
            lambda s: _slope(s),
            lambda s: exp(s - 1) - 1,
            {"s": POSITIVE},
        ),
        witnessed(
            "δ < 0 at the target at γ/β = 1/10",
            d - c + (exp(c) + exp(d)) * formulas.GAMMA,
            "<",
            0,
            {c: Fraction(3, 2), d: Fraction(1, 3)},
        ).steps[0],
    ),
)


_SIMPO = Identity(
    "with n_w = n_l = 1 the margin is βδ − γ",
    {"with n_w = 2": lambda a, b, e: formulas.simpo(2, 1)(-a, -b, 0 * a, 0 * a, e)},
    lambda a, b, e: formulas.simpo(1, 1)(-a, -b, 0 * a, 0 * a, e),
    lambda a, b, e: formulas.falling(e * (b - a) - formulas.GAMMA),
    {"a": POSITIVE, "b": POSITIVE, "e": POSITIVE},
)
_LONGER = witnessed(
    "with n_w = 2, n_l = 1 its target is at δ < 0",
    formulas.simpo(2, 1)(-a, -b, 0, 0, 1),
    "<",
    log(2),
    {a: 2, b: Fraction(3, 2)},
)

STATEMENTS = (
    Family(
        property="target",
        answer="holds",
        title="Losses that never aim at the wrong side",
        means="One label w > l, δ_ref < 0: the margins in the loss, the arguments of its g, sp, σ or square, are 0 "
        "together at δ ≥ 0 alone",
        instances=POLICIES,
        cells={
            "hypo": Cell(
                relation(at("hypo", w=-a, lo=-a, u=-c - k, v=-c), "=", log(2)),
                "«for δ_ref = −s, s > 0, the margin at δ = 0 is 0».",
                (_FLOOR,),
            ),
            "slic": Cell(
                relation(formulas.hinge(k), "=", 0), "«the margin at δ = 1 is 0», whatever the reference.", (_SLIC,)
            ),
            "cpo_xu": _tied("cpo_xu", "at δ = 0 Xu's CPO costs log 2 − log π_w"),
            "orpo": _tied("orpo", "at δ = 0 ORPO costs log 2 − log π_w"),
        },
        wrong={"DPO's as well": relation(at("dpo", w=-a, lo=-a, u=-c - k, v=-c), "=", log(2))},
        conclusion="A misaligned reference does not become the goal.",
    ).statement,
    Family(
        property="target",
        answer="fails",
        title="Losses that can aim at the wrong side",
        means="One label w > l, β = 1, δ_ref = −5: the margins in the loss, the arguments of its g, sp, σ or square, "
        "are 0 together at some δ < 0",
        instances=POLICIES,
        cells={loss: _fails(loss) for loss in _THERE | _APART},
        wrong={"SLiC's as well": At(relation(at("slic", w=-c, lo=-d, beta=1), "=", 0), {c: 6, d: 1})},
        conclusion="The loss can fall below its value at the target while the policy still ranks the pair wrongly.",
        expected=Verdict.CERTIFIED,
    ).statement,
    Family(
        property="target",
        answer="if",
        title="Losses that never aim at the wrong side under a condition",
        means="One label w > l, δ_ref < 0: x = 0 at some δ ≥ 0 under the condition, and without it not always",
        instances=POLICIES,
        cells={
            "ecpo": _ENOUGH,
            "simpo": Cell(
                relation(at("simpo"), "=", formulas.falling(β * (b - a) - formulas.GAMMA)),
                "«with n_w = n_l = 1 the margin is βδ − γ», 0 at δ = γ/β, likewise at n times that with counts of n. "
                "«with n_w = 2, n_l = 1 its target is at δ < 0»: there δ = −1/2 and x > 0 already.",
                (_SIMPO, *_LONGER.steps),
            ),
        },
        words={"ecpo": "γ/β ≥ 1/e", "simpo": "n_w = n_l"},
        wrong={"e^(s − 2) ≥ s": relation(exp(a - 2), ">=", a)},
        conclusion="How far the reference may be wrong, or how long the responses are, decides.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
