"""Which losses have one optimum on two responses that are labelled both ways."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.map.convex import CURVED, HELD
from proofs_checks.map.finite_ratio import CLIPPED
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.losses import MARGINS
from proofs_checks.spaces.map_steps import a, at, c, cited, coin_of, d, k, x, β

__all__ = ["STATEMENTS", "WITH_ODDS", "y", "z"]

y, z = sympy.symbols("y z", real=True)
WITH_ODDS = Numbers({k: (Fraction(1, 4), 2), a: (Fraction(1, 4), 4), x: (-4, 4), y: (-3, 3), z: (-4, 4)}, "")
_ANY = Numbers(WITH_ODDS.ranges | {s: (Fraction(1, 4), 2) for s in (c, d, β)}, "")
_BOTH = [
    "dpo",
    "cdpo",
    "rdpo",
    "ipo",
    "ipo_norm",
    "hypo",
    "odpo",
    "ecpo",
    "simpo",
    "sigmoid_norm",
    "fdpo_forward_kl",
    "fdpo_js",
    "fdpo_alpha",
    "chi_po_unclipped",
]
_STRICT = (
    " So the middle of two points costs strictly less than their mean, and of both orders together too, in the one "
    "difference that they look at, which rises strictly with π_w/π_l: at most one policy costs least, and where none "
    "does the cost falls towards one end."
)


def _policy(s):
    """Logarithms of two probabilities of log-odds s."""
    return -softplus(-s), -softplus(s)


def _mixed(loss, s, ref, weight, beta=1):
    """The cost of both orders, w > l at this weight, l > w at 1."""
    (w, lo), (u, v) = _policy(s), _policy(ref)
    return weight * at(loss, w, lo, u, v, beta) + at(loss, lo, w, v, u, beta)


def _bends(loss, words):
    strict = relation(2 * _mixed(loss, x, y, a), "<", _mixed(loss, x - k, y, a) + _mixed(loss, x + k, y, a))
    return Cell(strict, f"In log π_w/π_l = s, {words} Also {cited(CURVED)}: the cost is strictly convex in s.", CURVED)


_IN_ODDS = {
    "dpop": "h is straight and −r_w, −r_l are convex; so are the penalties, and sp of what is convex.",
    "dpo_sft": "h is straight, −log π_w = sp(−s) and −log π_l = sp(s) are convex.",
    "cpo_xu": "δ is straight, −log π_w = sp(−s) and −log π_l = sp(s) are convex.",
    "orpo": "the odds' logarithm is 2s, straight, −log π_w = sp(−s) and −log π_l = sp(s) are convex.",
}
_SCORE = Identity(
    "the slope of both orders, of weights e and 1",
    {"(e + 1)(x − ζ)": lambda q, x, e: sigmoid(x) * sigmoid(-x) * (e + 1) * (x - log(1 + q))},
    lambda q, x, e: derivative(lambda t: e * coin_of(q, t) + coin_of(q, -t))(x),
    lambda q, x, e: sigmoid(x) * sigmoid(-x) * ((e + 1) * x - (e - 1) * log(1 + q)),
    {"q": POSITIVE, "x": REAL, "e": POSITIVE},
)
_EXO_AT = (a - 1) / (a + 1) * log(9)
_EXO = Cell(
    relation(a * formulas.coin(x) + formulas.coin(-x), ">=", a * formulas.coin(_EXO_AT) + formulas.coin(-_EXO_AT)),
    "«the slope of both orders, of weights e and 1» changes sign once, at x = ζ(e − 1)/(e + 1).",
    (_SCORE,),
)


def _strict(loss):
    g = MARGINS[loss]
    return HELD[loss].used(relation(2 * g(x), "<", g(x - k) + g(x + k)), "g is convex, {map-convex-holds}: ", _STRICT)


def _flat_sum(loss):
    """Labels of equal weight and a margin of 1: the cost is 2 between −1 and 1."""
    inside = sigmoid(x) * 2 - 1
    step = Identity(
        "the cost between −1 and 1",
        {"1": lambda e: 0 * e + 1},
        lambda e: formulas.hinge(e / (1 + e) - 1) + formulas.hinge(-e / (1 + e) - 1),
        lambda e: 0 * e + 2,
        {"e": POSITIVE},
    )
    return Cell(
        All(
            (
                relation(formulas.hinge(inside - 1) + formulas.hinge(-inside - 1), "=", 2),
                relation(formulas.hinge(x - 1) + formulas.hinge(-x - 1), ">=", 2),
            )
        ),
        "Labels of equal weight: «the cost between −1 and 1» is 2 whatever the policy, and larger outside.",
        (step,),
    )


_CONSTANT = Identity(
    "the cost of both orders is 2",
    {"1": lambda a, b, c, d, e: 0 * a + 1},
    lambda a, b, c, d, e: at("kto", -a, -b, -c, -d, e) + at("kto", -b, -a, -d, -c, e),
    lambda a, b, c, d, e: 0 * a + 2,
    dict.fromkeys("abcde", POSITIVE),
)
_KTO = Cell(
    relation(_mixed("kto", x, y, 1), "=", 2),
    "Labels of equal weight: «the cost of both orders is 2» for every policy.",
    (_CONSTANT,),
)
_DOWN = Identity(
    "with π_ref = (1/2, 1/2), β = 1 and s = π_w/π_l, both orders cost 5/3 and a positive amount",
    {"2s": lambda s: Fraction(5, 3) + 2 * s / (1 + s) ** 2},
    lambda s: 1 + 2 * s / (1 + 3 * s) + 2 / (3 + s),
    lambda s: Fraction(5, 3) + 16 * s / (3 * (1 + 3 * s) * (3 + s)),
    {"s": POSITIVE},
)
_APO_DOWN = Cell(
    relation(
        at("apo_down", *_policy(x), -log(2), -log(2), 1) + at("apo_down", *_policy(-x), -log(2), -log(2), 1),
        ">",
        Fraction(5, 3),
    ),
    "Labels of equal weight: «with π_ref = (1/2, 1/2), β = 1 and s = π_w/π_l, both orders cost 5/3 and a positive "
    "amount», which vanishes at both ends, π_w → 0 and π_l → 0: two limits.",
    (_DOWN,),
)
_DISCO = witnessed(
    "at x = 3/25 both orders cost less than at 0",
    formulas.mixed(x) + formulas.mixed(-x),
    "<",
    1 + log(2),
    {x: Fraction(3, 25)},
)
_DISCO = Cell(
    _DISCO.claim,
    "Labels of equal weight: the cost is even in x and grows at both ends, «at x = 3/25 both orders cost less than at "
    "0»: it is least at some x ≠ 0, and at −x.",
    _DISCO.steps,
)
_CHI = Cell(
    All(
        (
            relation(19 * formulas.clipped(x) + formulas.clipped(-x), ">=", 19 * log(1 + exp(-2)) + log(1 + exp(2))),
            CLIPPED,
        )
    ),
    "At weights 19 and 1 sp(−x) and sp(x) would balance at log 19 > 2: the cost falls up to the clip, c = 2, and stays "
    "there for all larger margins, {map-finite-fails}.",
)


def _r(q, ref):
    return log(q) - log(ref)


_RISE = witnessed(
    "u_w − u_l falls from π_w = 3/10000 to 1/100",
    formulas.squared_log(_r(Fraction(3, 10**4), Fraction(1, 10**4)))
    - formulas.squared_log(_r(1 - Fraction(3, 10**4), 1 - Fraction(1, 10**4))),
    ">",
    formulas.squared_log(_r(z, Fraction(1, 10**4))) - formulas.squared_log(_r(1 - z, 1 - Fraction(1, 10**4))),
    {z: Fraction(1, 100)},
)
_SQUARED = Cell(
    _RISE.claim,
    "π_ref,w = 1/10000. The difference of u is 0 at the reference and larger at π_w = 3/10000, and then «u_w − "
    "u_l falls "
    "from π_w = 3/10000 to 1/100»: some value is taken at two policies, and at the labels' odds of that value "
    "both cost "
    "least.",
    _RISE.steps,
)


def _dented(loss, low, high, ref, beta):
    """The cost of one order is not convex in s, and the other order's differs from it by a straight line."""
    middle = Fraction(low + high, 2)

    def cost(s):
        return at(loss, *_policy(s), log(ref), log(1 - ref), beta)

    found = witnessed(
        "one order's cost in the middle is above the mean",
        2 * cost(x),
        ">",
        cost(y) + cost(z),
        {x: middle, y: Fraction(low), z: Fraction(high)},
    )
    return Cell(
        found.claim,
        "The costs of the two orders differ by a straight line in s = log π_w/π_l, so that labels of any weights cost "
        f"one of them and a straight line; π_ref,w = {ref}, β = {beta}: «one order's cost in the middle is above the "
        "mean». Under its convex envelope it has a straight piece, and the labels with that slope two minima.",
        found.steps,
    )


_REF, _FIFTH = Fraction(1, 100), Fraction(1, 5)


def _one_order(s):
    """NCA's cost of w > l at log-odds s."""
    return at("nca_pair", *_policy(s), log(_REF), log(1 - _REF), _FIFTH)


def _other_order(s):
    w, lo = _policy(s)
    return at("nca_pair", lo, w, log(1 - _REF), log(_REF), _FIFTH)


def _nca():
    """Were the minimum always one, it would pass every s as the weight of w > l grows; s = 0 is none at any weight."""
    up, down = _one_order, _other_order
    bent = witnessed(
        "B′A″ − A′B″ < 0 at s = 0",
        derivative(down)(x) * derivative(up, 2)(x) - derivative(up)(x) * derivative(down, 2)(x),
        "<",
        0,
        {x: 0},
    )
    end = _FIFTH * log(100)
    least = log(Fraction(3, 2)) + log(3) * formulas.HALF
    rest = softplus(_FIFTH * (_policy(x)[1] - log(1 - _REF))) * formulas.HALF
    left = witnessed(
        "A is larger on all of s ≤ 0 than at its end",
        least + rest,
        ">",
        softplus(-end) + softplus(end) * formulas.HALF,
        {x: 0},
    )
    slope = Identity(
        "the slope of sp(−z) + sp(z)/2",
        {"σ(z)/2 − 1": lambda z: sigmoid(z) / 2 - 1},
        lambda z: derivative(lambda t: softplus(-t) + softplus(t) / 2)(z),
        lambda z: 3 * sigmoid(z) / 2 - 1,
        {"z": REAL},
    )
    words = (
        "π_ref,w = 1/100, β = 1/5, w > l at weight e costs eA, l > w at weight 1 costs B, in s = log π_w/π_l. «the "
        "slope of sp(−z) + sp(z)/2» is negative below z = log 2, where βr_l always is: B rises strictly in s. At "
        "z = log 2 that sum is least, log(3/2) + log(3)/2, and A's last term falls in s: «A is larger on all of s ≤ 0 "
        "than at its end», s → ∞. So for small e the cost is least at some s < 0, for large e at some s > 0. Were it "
        "least at one s alone for every e, this s would move with e without a jump, through 0. But eA′ + B′ = 0 there "
        "needs A′ < 0, and then eA″ + B″ < 0: «B′A″ − A′B″ < 0 at s = 0»."
    )
    return Cell(All((bent.claim, left.claim)), words, (slope, *left.steps, *bent.steps))


_TWO = {
    "hinge": _flat_sum("hinge"),
    "slic": _flat_sum("slic"),
    "discopop": _DISCO,
    "chi_po": _CHI,
    "squared_po": _SQUARED,
    "kto": _KTO,
    "apo_zero": _KTO,
    "apo_down": _APO_DOWN,
    "bco_pair": _dented("bco_pair", -4, 2, Fraction(1, 1000), 1),
    "bco_pair_unshifted": _dented("bco_pair_unshifted", -5, 2, Fraction(1, 1000), 1),
    "sppo_hard": _dented("sppo_hard", -4, 4, Fraction(1, 1000), Fraction(1, 20)),
    "nca_pair": _nca(),
}
_HOLDING = {loss: _strict(loss) for loss in _BOTH} | {loss: _bends(loss, words) for loss, words in _IN_ODDS.items()}

STATEMENTS = (
    Family(
        property="unique",
        answer="holds",
        title="Losses with one optimum",
        means="Two responses labelled both ways, at any weights: all sequences of policies that minimise have "
        "the same limit",
        instances=WITH_ODDS,
        cells=_HOLDING | {"exo_pair": _EXO},
        wrong={
            "the hinge as well": relation(2 * formulas.hinge(x), "<", formulas.hinge(x - k) + formulas.hinge(x + k))
        },
        conclusion="Two runs that reach the least loss have the same policy.",
    ).statement,
    Family(
        property="unique",
        answer="fails",
        title="Losses with several optima",
        means="Two responses labelled both ways, at some weights: sequences of policies that minimise have "
        "different limits",
        instances=_ANY,
        cells=_TWO,
        wrong={"ORPO is constant": relation(_mixed("orpo", x, y, 1), "=", 2)},
        conclusion="Which of them a run ends at depends on where it starts.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
