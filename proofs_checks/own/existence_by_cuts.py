"""Cuts decide whether a loss with a slope at each end is bounded below, and whether it attains its minimum.

A set S of responses wins the labels of which only the winner is in S and loses those of which only the loser is. Where
the loss of a label has slope a far on its winner's side and b far on its loser's, raising S costs at most a for each
label that it wins and b for each that it loses: the cut of S. Instances have losses sp(−z) + c z, with a = c and
b = 1 − c; DPO is c = 0, cDPO c = ε, rDPO c = −ε/(1 − 2ε). Cuts are gone through one by one, in exact arithmetic.
"""

import itertools
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from proofs_checks.kernel.arithmetic import derivative, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Holds, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.rafailov_2023.dpo_losses import CONVEX
from proofs_checks.spaces.problems import label, log_policy_of, once, preferences_of, problem, problem_of, weights
from tabular import Status, dpo, losses

__all__ = [
    "ALONE",
    "APART",
    "CROSSING",
    "CUT",
    "EXCESS",
    "LEAST",
    "RISE",
    "ROOM",
    "SPREAD",
    "STATEMENTS",
    "STEP",
    "L",
    "apart",
    "crossed_sets",
    "lost",
    "won",
]

CUT, RISE, CROSSING, STEP = named("cut(S)", "L(S raised by t) − L(π)", "labels that cross S", "t")
LEAST, ALONE = named("the least cut that a label crosses", "the least of single responses")
L, SPREAD = named("L(π)", "max |s_w − s_l|")
ROOM = named("how far from both ends slopes that balance can stay")[0]
EXCESS, APART = named("L(π) − inf L", "max |h − h°| over labels")
_SLOPES = tuple(Fraction(c, 4) for c in (-2, -1, 0, 0, 1, 2, 4))
_RATES = tuple(Fraction(k, 8) for k in (1, 2, 3))
_EFFORT = Effort(draws=200, climbs=1, steps=15)


def crossed_sets(size, labels):
    """Every set of responses that some label crosses."""
    for kept in itertools.product((False, True), repeat=size):
        if any(kept[w] != kept[lo] for w, lo, *_ in labels):
            yield kept


def won(labels, kept):
    """The labels that a set wins against the others."""
    return [label for label in labels if kept[label[0]] and not kept[label[1]]]


def lost(labels, kept):
    """The labels that a set loses to the others."""
    return won(labels, [not inside for inside in kept])


def _whole_labels(draw, size, *more):
    """Labels of whole weights, so that shares in a cut are often equal, and what else one carries."""
    return [
        (*label(draw, size)[:2], draw.integer(1, 3), *(draw.choice(options) for options in more))
        for _ in range(draw.integer(1, 6))
    ]


def _tilted(draw):
    """Labels with a slope c each, a policy, and a set to raise."""
    parts = problem(draw, responses=(2, 4), β=(Fraction(1, 10), 1))
    size = len(parts["ref"])
    raised = {"side": draw.integer(1, 2**size - 2), "t": draw.number(Fraction(1, 10), 3)}
    return {**parts, "labels": _whole_labels(draw, size, _SLOPES), "policy": weights(draw, size), **raised}


def _cut(labels, kept):
    """Σ c n over what the set wins, and Σ (1 − c) n over what it loses."""
    return sum(c * n for *_, n, c in won(labels, kept)) + sum((1 - c) * n for *_, n, c in lost(labels, kept))


def _members(ref, side):
    return [bool(side >> y & 1) for y in range(len(ref))]


def _scores(ref, β, policy):
    return float(β) * (log_policy_of(policy)[0] - log_policy_of(ref)[0])


def _loss(labels, scores):
    z = np.array([scores[w] - scores[lo] for w, lo, *_ in labels])
    n, c = (np.array([float(label[k]) for label in labels]) for k in (2, 3))
    return float(n @ (np.logaddexp(0, -z) + c * z))


def _rise(ref, β, labels, policy, side, t):
    scores = _scores(ref, β, policy)
    return _loss(labels, scores + float(t) * np.array(_members(ref, side))) - _loss(labels, scores)


def _spread(ref, β, labels, policy):
    scores = _scores(ref, β, policy)
    return max(abs(scores[w] - scores[lo]) for w, lo, *_ in labels)


def _least_alone(ref, labels):
    """The least cut of a single response, or of all but one."""
    alone = [kept for kept in crossed_sets(len(ref), labels) if sum(kept) in (1, len(ref) - 1)]
    return float(min(_cut(labels, kept) for kept in alone))


def _room(ref, labels):
    """A linear program: slopes y of the labels' sp(−z), Σ n (c − y)(e_w − e_l) = 0, as far from 0 and 1 as can be."""
    size, count = len(ref), len(labels)
    pulls = np.zeros((size, count + 1))
    for k, (w, lo, n, _) in enumerate(labels):
        pulls[w, k], pulls[lo, k] = pulls[w, k] + n, pulls[lo, k] - n
    slopes = np.array([float(c) for *_, c in labels])
    ends = np.vstack([np.c_[-np.eye(count), np.ones(count)], np.c_[np.eye(count), np.ones(count)]])
    at_most = np.r_[np.zeros(count), np.ones(count)]
    aim = np.r_[np.zeros(count), -1.0]
    found = linprog(aim, ends, at_most, pulls, pulls[:, :-1] @ slopes, bounds=(None, None))
    return -found.fun


_TILTED = Instances(
    _tilted,
    "Any labels on finite responses, π_ref > 0, the loss of each with slope a far on its winner's side and b far on "
    "its loser's, which it approaches from strictly below and within a constant; s = β log(π/π_ref) of any policy π; S "
    "any set of responses; slopes balance where the pulls on every response cancel",
    {
        CUT: lambda ref, labels, side: float(_cut(labels, _members(ref, side))),
        RISE: _rise,
        CROSSING: lambda ref, labels, side: len(won(labels, _members(ref, side)) + lost(labels, _members(ref, side))),
        STEP: lambda t: float(t),
        LEAST: lambda ref, labels: float(min(_cut(labels, kept) for kept in crossed_sets(len(ref), labels))),
        ALONE: _least_alone,
        L: lambda ref, β, labels, policy: _loss(labels, _scores(ref, β, policy)),
        SPREAD: _spread,
        ROOM: _room,
    },
    drawn="2 to 4 responses, 1 to 6 labels of weight 1, 2 or 3 with losses sp(−z) + c z, c of each in [−1/2, 1], "
    "β ∈ [1/10, 1], t ∈ [1/10, 3]",
)


def _labelled(draw):
    parts = problem(draw, responses=(2, 4))
    size = len(parts["ref"])
    return {**parts, "ε": draw.choice(_RATES), "labels": _whole_labels(draw, size), "policy": weights(draw, size)}


@once
def _dpo_status(ref, reward, β, labels):
    return dpo.solve(problem_of(ref, reward, β), preferences_of(labels)).status


def _dpo_attained(ref, reward, β, labels):
    """DPO attains its minimum"""
    return _dpo_status(ref, reward, β, labels) is not Status.UNATTAINED


def _each_loses(ref, labels):
    """every set that a label crosses loses one to the others"""
    return all(lost(labels, kept) for kept in crossed_sets(len(ref), labels))


def _each_response_loses(ref, labels):
    """every labelled response loses a label"""
    return {y for w, lo, _ in labels for y in (w, lo)} == {lo for _, lo, _ in labels}


@once
def _corrected(ref, reward, β, ε, labels):
    """rDPO's solution."""
    return losses.solve(problem_of(ref, reward, β), preferences_of(labels), losses.get("rdpo", eps=ε))


def _bounded(ref, reward, β, ε, labels):
    """rDPO is bounded below"""
    return _corrected(ref, reward, β, ε, labels).status is not Status.UNBOUNDED


def _attained(ref, reward, β, ε, labels):
    """rDPO attains its minimum"""
    return _corrected(ref, reward, β, ε, labels).status in (Status.UNIQUE, Status.SET)


def _surplus(ε, labels, kept):
    """(1 − ε) of what a set loses less ε of what it wins."""
    return (1 - ε) * sum(n for *_, n in lost(labels, kept)) - ε * sum(n for *_, n in won(labels, kept))


def _shares(ref, ε, labels):
    """in every cut each side wins at least a share ε"""
    return all(_surplus(ε, labels, kept) >= 0 for kept in crossed_sets(len(ref), labels))


def _more_than_shares(ref, ε, labels):
    """in every cut that a label crosses each side wins more than a share ε"""
    return all(_surplus(ε, labels, kept) > 0 for kept in crossed_sets(len(ref), labels))


def apart(ref, labels, policy, best):
    """The largest difference of the margins of two policies on a label; ``best`` as log-probabilities."""
    ratio = log_policy_of(policy)[0] - best
    return float(max(abs(ratio[w] - ratio[lo]) for w, lo, *_ in labels))


def _apart(ref, reward, β, ε, labels, policy):
    if not _attained(ref, reward, β, ε, labels):
        return 0.0
    return apart(ref, labels, policy, _corrected(ref, reward, β, ε, labels).log_policy[0])


def _excess(ref, reward, β, ε, labels, policy):
    """Of the loss as it is defined, over the library's infimum; 1 where nothing is attained."""
    if not _attained(ref, reward, β, ε, labels):
        return 1.0
    z, whole = _scores(ref, β, policy), sum(n for *_, n in labels)
    c = -float(ε) / (1 - 2 * float(ε))
    of_policy = _loss([(w, lo, n, c) for w, lo, n in labels], z) / whole
    return of_policy - _corrected(ref, reward, β, ε, labels).infimum


_LABELLED = Instances(
    _labelled,
    "Any labels on finite responses, π_ref > 0, β > 0",
    drawn="2 to 4 responses, 1 to 6 labels of weight 1, 2 or 3, β ∈ [1/10, 5]",
)
_NOISY = Instances(
    _labelled,
    "Any labels on finite responses, π_ref > 0, β > 0, a rate 0 ≤ ε < 1/2; any policy π, its margins h; h° those of a "
    "minimiser of rDPO, if any",
    {APART: _apart, EXCESS: _excess},
    drawn="2 to 4 responses, 1 to 6 labels of weight 1, 2 or 3, ε one of 1/8, 1/4, 3/8, β ∈ [1/10, 5]",
)
_BELOW_SLOPES = (
    Identity(
        "slope of sp(−z) + c z",
        {"with σ(z)": lambda z, c: c - sigmoid(z)},
        lambda z, c: derivative(lambda x: softplus(-x) + c * x)(z),
        lambda z, c: c - sigmoid(-z),
        {"z": REAL, "c": REAL},
    ),
    Sign("σ(−z) > 0", {"less 1/50": lambda z: sigmoid(-z) - Fraction(1, 50)}, lambda z: sigmoid(-z), {"z": REAL}),
    Identity(
        "σ(z) + σ(−z) = 1",
        {"σ(z) + σ(z)": lambda z: 2 * sigmoid(z)},
        lambda z: sigmoid(z) + sigmoid(-z),
        lambda z: 1 + 0 * z,
        {"z": REAL},
    ),
)
_CORRECTED = Identity(
    "rDPO is DPO less ε/(1 − 2ε) z",
    {"less ε z": lambda z, a: softplus(-z) - a / (2 * (1 + a)) * z},
    lambda z, a: (
        ((1 - a / (2 * (1 + a))) * softplus(-z) - a / (2 * (1 + a)) * softplus(z)) / (1 - 2 * a / (2 * (1 + a)))
    ),
    lambda z, a: softplus(-z) - a / (2 * (1 + a)) / (1 - 2 * a / (2 * (1 + a))) * z,
    {"z": REAL, "a": POSITIVE},
)

STATEMENTS = (
    Statement(
        id="existence-by-cuts",
        title="The cut theorem: existence for losses with a slope at each end",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _TILTED,
            (),
            claim={
                "what raising a set costs": Implies(
                    relation(CROSSING, ">", 0), relation(RISE, "<=", STEP * CUT, noise=1e-10)
                ),
                "what distance costs": Implies(
                    relation(LEAST, ">=", 0), relation(L, ">=", LEAST * SPREAD, noise=1e-10)
                ),
                "bounded below": Iff(relation(ROOM, ">=", 0, noise=1e-7), relation(LEAST, ">=", 0)),
                "attained": Iff(relation(ROOM, ">", 0, noise=1e-7), relation(LEAST, ">", 0)),
            },
            wrong={
                "a tenth less": Implies(
                    relation(CROSSING, ">", 0), relation(RISE, "<=", STEP * (CUT - Fraction(1, 10)))
                ),
                "1.01 of the least cut": relation(L, ">=", LEAST * SPREAD * Fraction(101, 100) + Fraction(1, 10)),
                "attained where no cut is negative": Iff(relation(ROOM, ">", 0, noise=1e-7), relation(LEAST, ">=", 0)),
                "single responses alone": Iff(relation(ROOM, ">", 0, noise=1e-7), relation(ALONE, ">", 0)),
            },
            effort=_EFFORT,
        ),
        parts={
            "what raising a set costs": Part(
                "Raising S by t raises the margin of a label that S wins by t and lowers that of one it loses by t, "
                "and a loss below its slopes then costs less than a t or b t. Of sp(−z) + c z the slope, «slope of "
                "sp(−z) + c z», lies strictly between c − 1 and c: «σ(−z) > 0», «σ(z) + σ(−z) = 1».",
                _BELOW_SLOPES,
            ),
            "what distance costs": Part(
                "Up to a constant the loss is at least Σ n (a max(0, x) + b max(0, −x)), x the differences of scores. "
                "Sort the scores and raise the level sets one after the other, each when it is above all others "
                "already: a step g of one costs g times its cut. Each cut between two responses is at least the "
                "least, and the steps between them add up to their distance."
            ),
            "bounded below": Part(
                "Along a negative cut the loss falls for ever, by what raising a set costs; where none is negative "
                "distance costs nothing less than 0, up to a constant. Slopes that balance within their ends show the "
                "second: summed over S their pulls are the cut of S less Σ n y over what it wins and Σ n (1 − y) over "
                "what it loses, and are 0. That there are such where no cut is negative is Hoffman's theorem on "
                "circulations."
            ),
            "attained": Part(
                "At a minimiser raising S by 1 costs at least 0 and less than its cut, if a label crosses it: every "
                "such cut is positive. If all are, distance costs, so policies near the infimum have bounded margins, "
                "and the loss, which is continuous, attains it there. At a minimiser the labels' own slopes balance, "
                "strictly inside their ends; and slopes that do make every such cut positive."
            ),
        },
        conclusion="Existence is decided by sums of weights, before anything is solved.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-existence-by-cuts",
        title="DPO's existence by cuts",
        origin=Origin.OURS,
        source="own derivation; Zermelo's and Ford's condition in other words",
        form=Form(
            _LABELLED,
            (),
            claim={"existence": Iff(Holds(_dpo_attained), Holds(_each_loses))},
            wrong={"single responses alone": Iff(Holds(_dpo_attained), Holds(_each_response_loses))},
            effort=_EFFORT,
        ),
        parts={
            "existence": Part(
                "{existence-by-cuts} with a = 0 and b = β: the cut of S is β times the weight that it loses. The loss "
                "of a label lies below its slopes, «slope of sp(−z) + c z» at c = 0, «σ(−z) > 0», «σ(z) + σ(−z) = 1».",
                _BELOW_SLOPES,
            )
        },
        conclusion="A response, or a set of them, that never loses to the others leaves DPO without a minimiser.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="rdpo-existence",
        title="rDPO: bounded below and attained by the shares in every cut",
        origin=Origin.OURS,
        source="own derivation, of the loss of Chowdhury et al. 2403.00409",
        form=Form(
            _NOISY,
            (),
            claim={
                "bounded below": Iff(Holds(_bounded), Holds(_shares)),
                "existence": Iff(Holds(_attained), Holds(_more_than_shares)),
                "one margin on every label": Implies(
                    relation(APART, ">", Fraction(1, 10)), relation(EXCESS, ">", 0, noise=1e-10)
                ),
            },
            wrong={
                "attained at a share of ε": Iff(Holds(_attained), Holds(_shares)),
                "bounded only above a share of ε": Iff(Holds(_bounded), Holds(_more_than_shares)),
                "a tenth of margin costs 1/100": Implies(
                    relation(APART, ">", Fraction(1, 10)), relation(EXCESS, ">", Fraction(1, 100))
                ),
            },
            effort=_EFFORT,
        ),
        parts={
            "bounded below": Part(
                "«rDPO is DPO less ε/(1 − 2ε) z»: {existence-by-cuts} with c = −ε/(1 − 2ε), where the cut of S is "
                "((1 − ε) lost − ε won) β/(1 − 2ε). That of its complement asks the same of the other side.",
                (_CORRECTED,),
            ),
            "existence": Part("{existence-by-cuts} at the same c."),
            "one margin on every label": Part(
                "What is linear has no curvature: as DPO's, «d²L/dδ² = β² σ(βh) σ(−βh)», the loss is strictly convex "
                "in every label's margin, «β² σ(βh) σ(−βh) > 0». Between two minimisers with another margin on a label "
                "it would be lower.",
                CONVEX,
            ),
        },
        conclusion="Data with one label a pair is unbounded below for every ε > 0; at a share of exactly ε there is an "
        "infimum and no minimiser.",
        expected=Verdict.PROVED,
    ),
)
