"""Which losses never lower π_w/π_l at their minimum when a label w > l is added."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import derivative, exp, log, positive_part, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Box, Identity, Sign
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.map import one_way
from proofs_checks.map.convex import HELD
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed
from proofs_checks.spaces.losses import MARGINS
from proofs_checks.spaces.map_steps import POLICIES_AND_MARGINS, SP_POSITIVE, SQUARE_POSITIVE, a, at, b, c, d, k, x

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
_LOGITS = (
    Identity(
        "−log π_w falls with w's logit s at the rate 1 − π_w",
        {"π_w": lambda s, t, q: -exp(s) / (exp(s) + exp(t) + q)},
        lambda s, t, q: derivative(lambda z: log(exp(z) + exp(t) + q) - z)(s),
        lambda s, t, q: -(exp(t) + q) / (exp(s) + exp(t) + q),
        {"s": REAL, "t": REAL, "q": POSITIVE},
    ),
    Identity(
        "and rises with another's, t, at the rate of its probability",
        {"π_w": lambda s, t, q: exp(s) / (exp(s) + exp(t) + q)},
        lambda s, t, q: derivative(lambda z: log(exp(s) + exp(z) + q) - s)(t),
        lambda s, t, q: exp(t) / (exp(s) + exp(t) + q),
        {"s": REAL, "t": REAL, "q": POSITIVE},
    ),
    Sign(
        "a share p of p + o grows when p grows by a factor 1 + q",
        {"when o does": lambda p, o, q: p / (p + (1 + q) * o) - p / (p + o)},
        lambda p, o, q: q * p * o / ((p + q * p + o) * (p + o)),
        {"p": POSITIVE, "o": POSITIVE, "q": POSITIVE},
    ),
)
_SFT = (
    " So is the loss in logits, where −log π_w is convex, and strictly, as labels connect all. With a_y the weight of "
    "the labels that y wins and A that of all, the minimum balances, at each y, what the first terms pull and a_y "
    f"against Aπ_y: «{_LOGITS[0].name}» «{_LOGITS[1].name}». Let M be the responses whose logits rise most once weight "
    "is added on w > l. Were w not among them, the first terms would pull M up no more than before, each pull falling "
    "as its margin grows, and a label w > l pulling its l down; the a_y of M stay; but A has grown, and M's "
    "probability has not fallen, «a share p of p + o grows when p grows by a factor 1 + q»: no balance. So no logit "
    "rises more than w's, and δ does not fall."
)
_WITH_SFT = {
    loss: Cell(one_way.falls(loss), HELD[loss].argument + _SFT, (*HELD[loss].steps, *_LOGITS))
    for loss in ("dpo_sft", "cpo_xu")
}
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
        "At the minimum of labels 1 > 2 and 2 > 3 both margins are where g is least, {map-one-way-holds}. Any policy "
        "with π_1/π_3 as large as there costs, with 1 > 3, at least twice the least and g at the sum, as g rises "
        "beyond where it is least; «the three labels cost less nearer together»."
    )
    return Cell(All((found.claim, far)), words, found.steps)


def _sppo():
    """Two labels push π_1/π_3 beyond what a label 1 > 3 asks, as what they ask for leaves too little mass."""
    ref = Fraction(1, 5), Fraction(2, 5), Fraction(2, 5)
    ends = ref[0] * exp(formulas.HALF) + ref[2] * exp(-formulas.HALF)
    squares = Identity(
        "(a − 1/2)² + (b + 1/2)² is (a − b − 1)²/2 and (a + b)²/2",
        {"and (a − b)²/2": lambda a, b: (a - b - 1) ** 2 / 2 + (a - b) ** 2 / 2},
        lambda a, b: (a - formulas.HALF) ** 2 + (b + formulas.HALF) ** 2,
        lambda a, b: (a - b - 1) ** 2 / 2 + (a + b) ** 2 / 2,
        {"a": REAL, "b": REAL},
    )
    short = witnessed("e^(1/2)/5 + e^(−1/2)·2/5 + 2/5 is below 1", ends + x, "<", 1, {x: ref[1]})
    cheap = witnessed(
        "2r_2² is below (1 − log 2)²/2 there", 4 * log((1 - ends) / x) ** 2, "<", (1 - log(2)) ** 2, {x: ref[1]}
    )
    least = relation(at("sppo_hard", beta=1), ">=", (c - a - (d - b) - 1) ** 2 * formulas.HALF)
    words = (
        "π_ref = (1, 2, 2)/5, labels 1 > 2 and 2 > 3. Together they cost (r_1 − 1/2)² + (r_3 + 1/2)² + 2r_2² + 1/2, "
        "without bound where a probability vanishes. «(a − 1/2)² + (b + 1/2)² is (a − b − 1)²/2 and (a + b)²/2»: at "
        "least 1/2 + (1 − log 2)²/2 wherever π_1 ≤ π_3, where r_1 − r_3 ≤ log 2. The policy Q with r_1 = 1/2 and "
        "r_3 = −1/2 costs less, «2r_2² is below (1 − log 2)²/2 there»: at a minimum π_1 > π_3. It is stationary where "
        "r_1 − 1/2, 2r_2 and r_3 + 1/2 are one multiple of π_1, π_2 and π_3; were that not positive, the probabilities "
        "would add up to too little, «e^(1/2)/5 + e^(−1/2)·2/5 + 2/5 is below 1». So r_1 − r_3 > 1 at the minimum. "
        "Labels 1 > 3 cost nothing at Q, and at least (r_1 − r_3 − 1)²/2 each, «x² ≥ 0»: enough of them bring r_1 − "
        "r_3 as near to 1, and below, as one likes."
    )
    return Cell(All((short.claim, cheap.claim, least)), words, (squares, SQUARE_POSITIVE, *short.steps, *cheap.steps))


def _nca():
    """A response that has more than its votes ask for gives some of it back for one more vote."""

    def one(r):
        return softplus(-r) + softplus(r) * formulas.HALF

    slope = Identity(
        "the slope of sp(−z) + sp(z)/2",
        {"σ(z)/2 − 1": lambda z: sigmoid(z) / 2 - 1},
        lambda z: derivative(one)(z),
        lambda z: 3 * sigmoid(z) / 2 - 1,
        {"z": REAL},
    )
    even = Identity(
        "that of sp(−z) + sp(z)",
        {"σ(z) − σ(−z)/2": lambda z: sigmoid(z) - sigmoid(-z) / 2},
        lambda z: derivative(lambda t: softplus(-t) + softplus(t))(z),
        lambda z: sigmoid(z) - sigmoid(-z),
        {"z": REAL},
    )
    up, down = log(x / Fraction(1, 10)), log((Fraction(2, 5) - x) / Fraction(3, 10))
    back = one(down) + softplus(up) * formulas.HALF
    found = witnessed(
        "at π_1 = 35/100 they cost less",
        one(up) + softplus(down) * formulas.HALF + back * Fraction(1, 100),
        "<",
        log(Fraction(3, 2)) + log(3) * formulas.HALF + softplus(log(Fraction(2, 3))) * formulas.HALF,
        {x: Fraction(35, 100)},
    )
    words = (
        "π_ref = (1, 3, 3, 3)/10; labels 2 > 3 and 3 > 2 of a large weight K, 1 > 4 of weight 1, 4 > 1 of weight "
        "1/100: all win, so a minimum exists. The first two cost least at r_2 = r_3 = 0, «that of sp(−z) + sp(z)»: as "
        "K grows, π_3 tends to 3/10 at the minima, π_1 + π_4 to 4/10, and π_1 to where the other two labels cost least "
        "on that sum. What 1 > 4 asks of r_1 costs least, log(3/2) + log(3)/2, at log 2, «the slope of sp(−z) + "
        "sp(z)/2», where π_1 = 2/10. With a π_1 no larger, π_4 ≥ 2/10, and as «sp > 0» they cost at least that and "
        "sp(log(2/3))/2; «at π_1 = 35/100 they cost less»: r_1 > log 2 at every minimum. There a label 1 > 3 costs "
        "more the larger π_1: with it no minimum has a larger π_1, as exchanged the two would cost less in sum, nor "
        "the same, as the label's slope is not 0. So in the limit π_1/π_3 is smaller at all minima after than at any "
        "before, and so it is for K large."
    )
    return Cell(found.claim, words, (slope, even, SP_POSITIVE, *found.steps))


def _disco():
    """Where two others hold a pair at a margin near 0, DiscoPOP's g pulls it apart the wrong way."""
    g = formulas.mixed
    near, end = Fraction(1, 20), Fraction(23, 5)

    def both(z):
        return 100 * g(z) + g(-z)

    bend = Box(
        "100g(x) + g(−x) is strictly convex from 1 to 10",
        {"by 1": lambda x: derivative(both, 2)(x) - 1},
        lambda x: derivative(both, 2)(x),
        {"x": (1, 10)},
    )
    rise = Box(
        "g rises from −1/20 to 1/20",
        {"by 1": lambda x: derivative(g)(x) - 1},
        lambda x: derivative(g)(x),
        {"x": (-near, near)},
    )
    low = witnessed("at 23/5 it is below 100 sp(−1)", both(x), "<", 100 * softplus(-k), {x: end, k: 1})
    high = witnessed("at 23/5 it is below sp(10)", both(x), "<", softplus(k), {x: end, k: 10})
    words = (
        "Labels 1 > 2 and 3 > 2 of weight 100K, 2 > 1 and 2 > 3 of weight K. As g ≥ sp(−x) > 0, {map-ranks-holds}, "
        "100g(x) + g(−x) is at least 100 sp(−1) up to 1 and sp(10) from 10 on; «at 23/5 it is below 100 sp(−1)», «at "
        "23/5 it is below sp(10)», «100g(x) + g(−x) is strictly convex from 1 to 10»: it is least at one x, the margin "
        "of both pairs at the minimum, where δ_13 − δ_ref,13 = 0. With 1 > 3 added at weight 1 and K large that margin "
        "stays within 1/20. Were it t > 0, exchanging 1 and 3 would change the added label alone, from g(t) to "
        "g(−t), which is less: «g rises from −1/20 to 1/20». Nor is it 0: both pairs would be where their labels are "
        "stationary, and the added one is not. So it is below 0."
    )
    return Cell(All((low.claim, high.claim)), words, (bend, rise, *low.steps, *high.steps))


STATEMENTS = (
    Family(
        property="vote",
        answer="holds",
        title="Losses that an added vote moves its own way",
        means="Labels that connect all responses and whose loss has a minimum: with more weight on w > l "
        "π_w/π_l does not fall; of several minima, neither the least π_w/π_l nor the greatest",
        instances=POLICIES_AND_MARGINS,
        cells={loss: HELD[loss].used(one_way.falls(loss), _BEFORE, words) for loss, words in _FALLING.items()}
        | _WITH_SFT
        | {loss: Cell(_falls_or_stays(loss), _SEVERAL, _FALLS_THEN_STAYS) for loss in ("hinge", "slic")},
        wrong={"IPO's as well": one_way.NO_LIMIT},
        conclusion="Nobody loses by being voted for.",
    ).statement,
    Family(
        property="vote",
        answer="fails",
        title="Losses that an added vote can move the other way",
        means="Some labels and reference, β = 1: the loss has a minimum, and with 1 > 3 added π_1/π_3 is smaller there",
        instances=POLICIES_AND_MARGINS,
        cells={loss: _fails(loss) for loss in _CHAINS}
        | {"discopop": _disco(), "nca_pair": _nca(), "sppo_hard": _sppo()},
        wrong={"DPO's as well": relation(2 * MARGINS["dpo"](x) + MARGINS["dpo"](2 * x), "<", 0)},
        conclusion="A vote for a response pulls it back where the others already give it more than the vote asks; "
        "DiscoPOP's, where they leave the pair undecided.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
