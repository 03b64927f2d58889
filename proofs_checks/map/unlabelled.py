"""Which losses leave mass on a response that no label speaks of."""

from proofs_checks.kernel.arithmetic import derivative, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity
from proofs_checks.kernel.relation import relation
from proofs_checks.map import one_way, ranks
from proofs_checks.map.finite_ratio import CLIPPED
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family
from proofs_checks.spaces.map_steps import (
    POLICIES_AND_MARGINS,
    SP_POSITIVE,
    a,
    at,
    b,
    c,
    d,
    k,
    β,
)

__all__ = ["IF", "NCA_FITS", "STATEMENTS"]

_DIFFERENCES = ["dpo", "cdpo", "rdpo", "ipo", "hinge", "slic", "exo_pair", "hypo", "odpo", "ecpo", "discopop"]
#: Losses that fall to their least as π_l falls, π_w where the reference has it.
_FALLING = ["fdpo_forward_kl", "fdpo_js", "fdpo_alpha", "chi_po_unclipped", "simpo", "sigmoid_norm", "dpop"]


def _shift(loss):
    step = Identity(
        "both log-probabilities less k",
        {
            "π_l's alone": (
                lambda a, b, c, d, k: at(loss, -a, -b - k, -c, -d, 1),
                lambda a, b, c, d, k: at(loss, -a, -b, -c, -d, 1),
            )
        },
        lambda a, b, c, d, k: at(loss, -a - k, -b - k, -c, -d, 1),
        lambda a, b, c, d, k: at(loss, -a, -b, -c, -d, 1),
        dict.fromkeys("abcdk", POSITIVE),
    )
    words = (
        "The loss looks at log π_w − log π_l alone, «both log-probabilities less k»: π_w + π_l may be what the "
        "reference "
        "has, at any ratio."
    )
    return Cell(relation(at(loss, w=-a - k, lo=-b - k), "=", at(loss)), words, (step,))


def _falling(loss):
    before = "The loss falls with π_l, {map-one-way-fails}: "
    return one_way.FALLS[loss].used(
        one_way.falls(loss), before, " It falls to its least, 0, while π_w stays where the reference has it."
    )


_DOWN = Identity(
    "at r_w = −k, r_l = −2k it is 2σ(−βk)",
    {"σ(−βk)": lambda c, d, k, e: sigmoid(-e * k)},
    lambda c, d, k, e: at("apo_down", -c - k, -d - 2 * k, -c, -d, e),
    lambda c, d, k, e: 2 * sigmoid(-e * k),
    dict.fromkeys("cdke", POSITIVE),
)
_NORMED = Identity(
    "at r_w = 0, r_l = −1/(2β) it is 0",
    {"at r_l = −1/β": (lambda c, d, e: at("ipo_norm", -c, -d - 1 / e, -c, -d, e), lambda c, d, e: 0 * c)},
    lambda c, d, e: at("ipo_norm", -c, -d - formulas.HALF / e, -c, -d, e),
    lambda c, d, e: 0 * c,
    dict.fromkeys("cde", POSITIVE),
)
_OTHERS = {
    "ipo_norm": Cell(
        relation(at("ipo_norm", w=-c, lo=-d - formulas.HALF / β), "=", 0),
        "«at r_w = 0, r_l = −1/(2β) it is 0», its least; with other counts at r_l = −n_l/(2β).",
        (_NORMED,),
    ),
    "chi_po": one_way.HOLDS["chi_po"].used(
        CLIPPED, "Its least is taken at r_w = 0 and all r_l ≤ −2/β, {map-finite-fails}: "
    ),
    "squared_po": one_way.VANISHES["squared_po"].used(
        one_way.VANISHES["squared_po"].claim,
        "It falls to its least, 0, at r_w = 0 as π_l → 0, {map-one-way-fails}: ",
    ),
    "apo_down": Cell(
        relation(at("apo_down", w=-c - k, lo=-d - 2 * k), "=", 2 * sigmoid(-β * k)),
        "«at r_w = −k, r_l = −2k it is 2σ(−βk)», which tends to 0, its least: both vanish and the others take all.",
        (_DOWN,),
    ),
}
_LOST = ["kto", "apo_zero", "bco_pair", "bco_pair_unshifted", "dpo_sft", "cpo_xu", "orpo"]


def _lost(loss):
    before = "Every sequence that minimises has π_w → 1, {map-ranks-holds}: "
    return ranks.HOLDS[loss].used(ranks.HOLDS[loss].claim, before, " So all others' mass tends to 0.")


_NCA = Identity(
    "the slope of sp(−x) + sp(x)/2 is 0 at x = log 2",
    {"at log 3": (lambda e: 3 * e * sigmoid(log(3)) / 2 - e, lambda e: 0 * e)},
    lambda e: 3 * e * sigmoid(log(2)) / 2 - e,
    lambda e: 0 * e,
    {"e": POSITIVE},
)
_NCA_LEAST = Identity(
    "the slope of sp(−x) + sp(x)/2 is 3σ(x)/2 − 1",
    {"σ(x) − 1": lambda x: sigmoid(x) - 1},
    lambda x: _slope(x),
    lambda x: 3 * sigmoid(x) / 2 - 1,
    {"x": REAL},
)


def _slope(x):
    return derivative(lambda z: softplus(-z) + softplus(z) * formulas.HALF)(x)


NCA_FITS = "π_ref,w 2^(1/β) < 1"
IF = {
    "nca_pair": Cell(
        relation(at("nca_pair"), ">", softplus(-log(2)) + softplus(log(2)) * formulas.HALF),
        "The last term tends to 0 with π_l, «sp > 0»; the first two are least at βr_w = log 2, «the slope of sp(−x) + "
        "sp(x)/2 is 3σ(x)/2 − 1», «the slope of sp(−x) + sp(x)/2 is 0 at x = log 2», before which they fall. So π_w "
        "tends to π_ref,w 2^(1/β) where that is below 1, and the others share the rest; otherwise to 1.",
        (SP_POSITIVE, _NCA_LEAST, _NCA),
    ),
    "sppo_hard": one_way.SPPO.used(
        one_way.SPPO.claim,
        "Under the condition the one minimiser leaves mass, {map-one-way-if}: ",
        " The loss, with bounded r_w and r_l where it is small, is least on the closed simplex: at a policy where the "
        "others have none.",
    ),
}

STATEMENTS = (
    Family(
        property="unlabelled",
        answer="holds",
        title="Losses that can leave mass on the unlabelled",
        means="One label w > l: along some sequence that minimises the unlabelled responses keep a mass bounded "
        "away from 0",
        instances=POLICIES_AND_MARGINS,
        cells={loss: _shift(loss) for loss in _DIFFERENCES} | {loss: _falling(loss) for loss in _FALLING} | _OTHERS,
        wrong={"KTO looks at the difference alone": relation(at("kto", w=-a - k, lo=-b - k), "=", at("kto"))},
        conclusion="Where the mass of the others ends is the training path's choice, not the loss's.",
    ).statement,
    Family(
        property="unlabelled",
        answer="fails",
        title="Losses that take all mass from the unlabelled",
        means="One label w > l: along every sequence that minimises the unlabelled responses' mass tends to 0",
        instances=POLICIES_AND_MARGINS,
        cells={loss: _lost(loss) for loss in _LOST},
        wrong={"at twice −log π_w": relation(at("orpo"), ">=", 2 * a)},
        conclusion="Whatever no label speaks of is unlearnt.",
    ).statement,
    Family(
        property="unlabelled",
        answer="if",
        title="Losses that leave mass on the unlabelled under a condition",
        means="One label w > l: along some sequence that minimises the unlabelled keep mass exactly under the "
        "condition",
        instances=POLICIES_AND_MARGINS,
        cells=IF,
        words={"nca_pair": NCA_FITS, "sppo_hard": one_way.SPPO_FITS},
        wrong={"NCA's least is 1": relation(at("nca_pair"), ">", 1)},
        conclusion="The targets of the labelled either fit below a mass of 1 or take all of it.",
    ).statement,
)
