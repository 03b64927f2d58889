"""Which losses never lower the chosen probability on the way from the reference, one label alone.

In tabular softmax logits, with A = −∂L/∂log π_w, B = ∂L/∂log π_l and S = Σπ², gradient flow moves log π_w at the rate
A(1 − 2π_w + S) + B(π_w + π_l − S).
"""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.statement import Verdict
from proofs_checks.spaces import losses as formulas
from proofs_checks.spaces.cells import Cell, Family, witnessed

__all__ = ["STATEMENTS", "A", "B", "lo", "o", "p", "rate"]

p, lo, o, A, B = sympy.symbols("p l o A B", positive=True)
_POLICIES = Numbers(
    {
        p: (Fraction(1, 100), 10),
        lo: (Fraction(1, 100), 10),
        o: (Fraction(1, 100), 10),
        A: (Fraction(1, 10), 5),
        B: (Fraction(1, 10), 5),
    },
    "π ∝ (p, l, o), A, B > 0 as in the file's head, ",
)


def rate(A, B, p, lo, o):
    """Of log π_w at π = (p, l, o)/(p + l + o)."""
    total = p + lo + o
    w, r, S = p / total, lo / total, (p**2 + lo**2 + o**2) / total**2
    return A * (1 - 2 * w + S) + B * (w + r - S)


def _velocity(g, p, lo, o, y):
    """d log π_y/dt by its definition, for logit velocities −G + νπ with G = (−A, B, 0)."""
    total = p + lo + o
    π = (p / total, lo / total, o / total)
    G = g
    ν = G[0] + G[1]
    θ = [-g_y + ν * π_y for g_y, π_y in zip((*G, 0), π, strict=True)]
    return θ[y] - sum(π_y * θ_y for π_y, θ_y in zip(π, θ, strict=True))


_RATE = Identity(
    "the rate of log π_w",
    {
        "B(π_w + π_l + S)": lambda A, B, p, lo, o: (
            rate(A, B, p, lo, o) + 2 * B * (p**2 + lo**2 + o**2) / (p + lo + o) ** 2
        )
    },
    lambda A, B, p, lo, o: _velocity((-A, B), p, lo, o, 0),
    rate,
    dict.fromkeys(("A", "B", "p", "lo", "o"), POSITIVE),
)
_EQUAL = (
    _RATE,
    Identity(
        "with A = B it is A(1 − π_w + π_l)",
        {"A(1 − π_w)": lambda A, p, lo, o: A * (lo + o) / (p + lo + o)},
        lambda A, p, lo, o: rate(A, A, p, lo, o),
        lambda A, p, lo, o: A * (2 * lo + o) / (p + lo + o),
        dict.fromkeys(("A", "p", "lo", "o"), POSITIVE),
    ),
)
_MORE = (
    *_EQUAL,
    Identity(
        "1 − 2π_w + S, what a larger A adds",
        {"(1 − π_w)²": lambda p, lo, o: (lo + o) ** 2 / (p + lo + o) ** 2},
        lambda p, lo, o: rate(1, 0, p, lo, o),
        lambda p, lo, o: ((lo + o) ** 2 + lo**2 + o**2) / (p + lo + o) ** 2,
        dict.fromkeys(("p", "lo", "o"), POSITIVE),
    ),
)
_ALWAYS = relation(rate(A, A, p, lo, o), ">", 0)
_AHEAD = relation(rate(A + B, B, p, lo, o), ">", 0)
_SAME = "«the rate of log π_w», and A = B for a loss of a difference: «with A = B it is A(1 − π_w + π_l)»"
_PUSH = f"{_SAME}, positive, as g falls at every margin, {{map-one-way-fails}}."
_TOWARDS = (
    f"{_SAME}. From the reference, h = 0, the margin moves towards where g is least, {{map-one-way-holds}}, and "
    f"never past: "
    "on the way g falls and A ≥ 0."
)
_BOTH = (
    "«the rate of log π_w»: at A = B «with A = B it is A(1 − π_w + π_l)», and with more A «1 − 2π_w + S, what a "
    "larger A "
    "adds». "
)
_AHEAD_WHY = {
    "dpop": _BOTH + "A is B or (1 + λ)B.",
    "dpo_sft": _BOTH + "A = B + α.",
    "cpo_xu": _BOTH + "A = B + α.",
    "chi_po_unclipped": _BOTH
    + "A/B = (1 + e^(r_w))/(1 + e^(r_l)) ≥ 1 as r_w ≥ r_l: the flow lowers the loss, and with it raises φ_w − "
    "φ_l, from 0.",
    "chi_po": _BOTH
    + "A/B = (1 + e^(r_w))/(1 + e^(r_l)) ≥ 1 as r_w ≥ r_l: the flow lowers the loss, and with it raises φ_w − "
    "φ_l, from 0; "
    "beyond the clip it stops.",
}


def _orpo(s, p, lo, o):
    """Of ORPO, A = 1 + s/(1 − π_w) and B = s/(1 − π_l), with s = λσ(−o)."""
    total = p + lo + o
    return rate(1 + s * total / (lo + o), s * total / (p + o), p, lo, o)


_ORPO = Identity(
    "ORPO's rate, written out",
    {"without the last term": lambda s, p, lo, o: rate(1, 0, p, lo, o)},
    _orpo,
    lambda s, p, lo, o: rate(1, 0, p, lo, o) + s * rate((p + lo + o) / (lo + o), (p + lo + o) / (p + o), p, lo, o),
    dict.fromkeys(("s", "p", "lo", "o"), POSITIVE),
)
_ORPO_SIGN = Sign(
    "its second term is positive",
    {"less 2": lambda p, lo, o: rate((p + lo + o) / (lo + o), (p + lo + o) / (p + o), p, lo, o) - 2},
    lambda p, lo, o: rate((p + lo + o) / (lo + o), (p + lo + o) / (p + o), p, lo, o),
    dict.fromkeys(("p", "lo", "o"), POSITIVE),
)
_APO = witnessed(
    "π_w falls at π = (1, 1, 8)/10", rate(sympy.Integer(0), B, p, lo, o), "<", 0, {B: 1, p: 1, lo: 1, o: 8}
)
_APO_START = Identity(
    "at the reference APO-down's A is 0",
    {"1/4": lambda e: 0 * e + Fraction(1, 4)},
    lambda e: derivative(lambda w: sigmoid(e * w) + sigmoid(-e * w))(0 * e),
    lambda e: 0 * e,
    {"e": POSITIVE},
)
_LOSER = Identity(
    "the rate of log π_l is minus that of log π_w with A and B, w and l exchanged",
    {"with A and B alone exchanged": lambda A, B, p, lo, o: -rate(B, A, p, lo, o)},
    lambda A, B, p, lo, o: _velocity((-A, B), p, lo, o, 1),
    lambda A, B, p, lo, o: -rate(B, A, lo, p, o),
    dict.fromkeys(("A", "B", "p", "lo", "o"), POSITIVE),
)
_RARE = Sign(
    "where B = 4A log π_w falls at all π_w < 16/100, π_l < 1/100",
    {"at B = 2A": lambda y, z: -rate(1, 2, 16 * z / (1 + z), y / (1 + y), 83)},
    lambda y, z: -rate(1, 4, 16 * z / (1 + z), y / (1 + y), 83),
    dict.fromkeys("yz", POSITIVE),
)
_FOUR = witnessed(
    "it falls at π = (16, 1, 83)/100",
    rate(sympy.Integer(1), sympy.Integer(4), p, lo, o),
    "<",
    0,
    {p: 16, lo: 1, o: 83},
)


def _pulls(step, until=""):
    """B/A = φ′(r_l)/φ′(r_w) is at least 1 where r_l ≤ r_w, and at least e^(h/2): with w and l rare, B takes over."""
    words = (
        "π_ref = (1, 1, 98)/100. «the rate of log π_w» with A, B = βσ(−x)φ′(r_w), βσ(−x)φ′(r_l): "
        f"«{step.name}», with s = h, from 1 at the start{until}. As long as B ≥ A > 0, π_l falls: «the rate of log π_l "
        "is minus that of log π_w with A and B, w and l exchanged», «1 − 2π_w + S, what a larger A adds», «with A = B "
        "it is A(1 − π_w + π_l)». Were π_w never to fall, h would rise at the rate of at least B(1 − π_l), which "
        "stays away from 0 while h is bounded: B/A reaches 4, first where e^h ≤ 16, so π_w ≤ 16/100 and π_l < 1/100, "
        "and «where B = 4A log π_w falls at all π_w < 16/100, π_l < 1/100»; «it falls at π = (16, 1, 83)/100»."
    )
    return Cell(_FOUR.claim, words, (*_MORE, _LOSER, step, _RARE, *_FOUR.steps))


def _slopes(link, name, ratio, r=lambda q: q, domain=REAL):
    """B/A at r_w = r and r_l = r − s."""
    return Identity(
        name,
        {"with 2s": lambda q, s: ratio(q, 2 * s)},
        lambda q, s: derivative(link)(r(q) - s) / derivative(link)(r(q)),
        ratio,
        {"q": domain, "s": POSITIVE},
    )


_LINKS = {
    "fdpo_forward_kl": _pulls(_slopes(formulas.forward_kl, "B/A is e^s", lambda q, s: exp(s))),
    "fdpo_alpha": _pulls(_slopes(formulas.alpha, "B/A is e^(s/2)", lambda q, s: exp(s / 2))),
    "squared_po": _pulls(
        _slopes(
            formulas.squared_log,
            "B/A is e^s(1 + s/q) at r_w = 1 − q",
            lambda q, s: exp(s) * (1 + s / q),
            lambda q: 1 - q,
            POSITIVE,
        ),
        ", and to infinity where r_w nears 1",
    ),
}
_LENGTHS = Identity(
    "twice the rate at A = 1/2, B = 1",
    {"2π_l": lambda p, lo, o: 2 * lo / (p + lo + o)},
    lambda p, lo, o: 2 * rate(Fraction(1, 2), 1, p, lo, o),
    lambda p, lo, o: 1 + 2 * lo / (p + lo + o) - (p**2 + lo**2 + o**2) / (p + lo + o) ** 2,
    dict.fromkeys(("p", "lo", "o"), POSITIVE),
)
_LONG = witnessed(
    "at three to one tokens π_w falls at π = (1, 1, 98)/100",
    rate(sympy.Rational(1, 3), sympy.Integer(1), p, lo, o),
    "<",
    0,
    {p: 1, lo: 1, o: 98},
)
_BY_LENGTH = Cell(
    All((_LONG.claim, relation(2 * rate(sympy.Rational(1, 2), sympy.Integer(1), p, lo, o), ">", 0))),
    "«the rate of log π_w» with A/B = n_l/n_w: «twice the rate at A = 1/2, B = 1» is 1 − S and more, positive, "
    "and with "
    "more A more: «1 − 2π_w + S, what a larger A adds», «with A = B it is A(1 − π_w + π_l)». With n_w > 2n_l it is "
    "negative where w and l are rare enough, as «at three to one tokens π_w falls at π = (1, 1, 98)/100».",
    (*_MORE, _LENGTHS, *_LONG.steps),
)
_SLOPE = Identity(
    "the slope of DiscoPOP's g at 0",
    {"(1 − log 2)/(4τ)": lambda t: (1 - log(2)) / (4 * t)},
    lambda t: derivative(lambda x: _disco(t, x))(0 * t),
    lambda t: (1 - log(2)) / (4 * t) - Fraction(3, 4),
    {"t": POSITIVE},
)


def _disco(t, x):
    return sigmoid(-x / t) * softplus(-x) + sigmoid(x / t) * exp(-x)


_DISCO = Cell(
    Implies(relation(A, ">=", (1 - log(2)) / 3), relation((1 - log(2)) / (4 * A), "<=", Fraction(3, 4))),
    f"{_SAME}. «the slope of DiscoPOP's g at 0» is positive exactly where τ < (1 − log 2)/3: then h falls from "
    f"the start, "
    "and π_w with it. Otherwise h rises from the start, or stays, and never turns: where the slope vanishes it stops.",
    (*_EQUAL, _SLOPE),
)
_LENGTH_LOSSES = dict.fromkeys(("simpo", "sigmoid_norm", "ipo_norm"), _BY_LENGTH)

STATEMENTS = (
    Family(
        property="chosen",
        answer="holds",
        title="Losses that never lower the chosen probability",
        means="One label w > l, other responses, tabular softmax logits, gradient flow from π_ref: log π_w never falls",
        instances=_POLICIES,
        cells={loss: Cell(_ALWAYS, _PUSH, _EQUAL) for loss in ("dpo", "rdpo", "hypo", "odpo", "ecpo")}
        | {loss: Cell(_ALWAYS, _TOWARDS, _EQUAL) for loss in ("cdpo", "ipo", "hinge", "slic", "exo_pair")}
        | {loss: Cell(_AHEAD, words, _MORE) for loss, words in _AHEAD_WHY.items()}
        | {
            "orpo": Cell(
                relation(_orpo(A, p, lo, o), ">", 0),
                _BOTH + "«ORPO's rate, written out», and «its second term is positive».",
                (*_MORE, _ORPO, _ORPO_SIGN),
            )
        },
        wrong={"with three times the B": relation(rate(A, 3 * A, p, lo, o), ">", 0)},
        conclusion="On one label alone the chosen response gains; labels on other pairs can still take its mass.",
    ).statement,
    Family(
        property="chosen",
        answer="fails",
        title="Losses that lower the chosen probability",
        means="One label w > l, other responses, tabular softmax logits, gradient flow from π_ref: log π_w "
        "falls somewhere",
        instances=_POLICIES,
        cells={
            "apo_down": Cell(
                _APO.claim,
                "«at the reference APO-down's A is 0», and B = β/4: «the rate of log π_w», «π_w falls at π = "
                "(1, 1, 8)/10».",
                (_RATE, _APO_START, *_APO.steps),
            )
        }
        | _LINKS,
        wrong={"DPO's as well": relation(rate(A, A, p, lo, o), "<", 0)},
        conclusion="APO-down is made to. In a link that is steeper below, the rejected response is pushed so hard that "
        "the rest takes from the chosen one.",
        expected=Verdict.CERTIFIED,
    ).statement,
    Family(
        property="chosen",
        answer="if",
        title="Losses that never lower the chosen probability under a condition",
        means="One label w > l, other responses, tabular softmax logits, gradient flow from π_ref: log π_w "
        "never falls exactly "
        "under the condition",
        instances=_POLICIES,
        cells={"discopop": _DISCO} | _LENGTH_LOSSES,
        words={"discopop": "τ ≥ (1 − log 2)/3"} | dict.fromkeys(_LENGTH_LOSSES, "n_w ≤ 2n_l"),
        wrong={"with A = B/3": relation(rate(B, 3 * B, p, lo, o), ">", 0)},
        conclusion="Averaging over tokens weakens the push on a long response: it may lose what the short one frees.",
        expected=Verdict.CERTIFIED,
    ).statement,
)
