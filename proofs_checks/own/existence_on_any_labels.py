"""Losses that attain their minimum whatever the labels are, and losses that do where no label joins two blocks."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import derivative, exp, sigmoid, softplus
from proofs_checks.kernel.evidence import REAL, UNIT, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Holds, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.own.existence_by_cuts import apart
from proofs_checks.own.solution_set import no_label_between_blocks, reached
from proofs_checks.rafailov_2023.dpo_losses import CONVEX
from proofs_checks.spaces.problems import labels, log_policy_of, once, preferences_of, problem, problem_of, weights
from tabular import Status, losses

__all__ = ["APART", "BEST", "BLOCKS", "EXCESS", "INFIMUM", "STATEMENTS", "L"]

INFIMUM, BEST, L, BLOCKS = named("inf L", "L(π°)", "L(π)", "Σ over blocks of min L")
APART, EXCESS = named("max |h − h°| over labels", "L(π) − inf L")
_EFFORT = Effort(draws=200, climbs=1, steps=15)
_FALLING = losses.custom("e^(−z)", lambda z: np.exp(-z), lambda z: -np.exp(-z), curvature=lambda z: np.exp(-z))
_LOSSES = {
    "DPO": losses.get("dpo"),
    "an offset of 1/2": losses.get("odpo", offset=0.5),
    "an offset of −3/4": losses.get("odpo", offset=-0.75),
    "e^(−z)": _FALLING,
    "hinge": losses.get("hinge"),
    "SLiC": losses.get("slic", margin=1.0),
    "IPO": losses.get("ipo"),
    "cDPO": losses.get("cdpo", eps=0.125),
    "cDPO, 3/8": losses.get("cdpo", eps=0.375),
}
_VANISHING, _ALWAYS = list(_LOSSES)[:4], list(_LOSSES)[4:]


def _labelled(kinds):
    def make(draw):
        parts = problem(draw, responses=(2, 4), β=(Fraction(1, 5), 3))
        size = len(parts["ref"])
        drawn = labels(draw, size, count=(1, 5))
        return {**parts, "loss": draw.choice(kinds), "labels": drawn, "policy": weights(draw, size)}

    return make


@once
def _solution(ref, reward, β, loss, labels):
    """The library's."""
    return losses.solve(problem_of(ref, reward, β), preferences_of(labels), _LOSSES[loss])


def _loss_of(ref, β, loss, labels, log_policy):
    """The mean over labels of the loss as it is defined."""
    log_ref = log_policy_of(ref)[0]
    winner, loser = np.array([[w, lo] for w, lo, _ in labels]).T
    each = _LOSSES[loss](log_policy[winner], log_policy[loser], log_ref[winner], log_ref[loser], beta=float(β))
    return float(np.average(each, weights=[float(n) for *_, n in labels]))


def _infimum(ref, reward, β, loss, labels):
    return float(_solution(ref, reward, β, loss, labels).infimum)


def _best(ref, reward, β, loss, labels):
    """Of the policy that the library names."""
    return _loss_of(ref, β, loss, labels, _solution(ref, reward, β, loss, labels).log_policy[0])


def _of_policy(ref, β, loss, labels, policy):
    return _loss_of(ref, β, loss, labels, log_policy_of(policy)[0])


def _attained(ref, reward, β, loss, labels):
    """the minimum is attained"""
    return _solution(ref, reward, β, loss, labels).status in (Status.UNIQUE, Status.SET)


def _dpo_attained(ref, reward, β, labels):
    """DPO's minimum is attained"""
    return _attained(ref, reward, β, "DPO", labels)


def _both_ways(labels):
    """every pair is labelled both ways"""
    pairs = {(w, lo) for w, lo, _ in labels}
    return all((lo, w) in pairs for w, lo in pairs)


def _block_minima(ref, reward, β, loss, labels):
    """Each block's labels minimised by themselves, as a share of all labels."""
    wins, whole = reached(labels, len(ref)), sum(float(n) for *_, n in labels)
    inner = [(w, lo, n) for w, lo, n in labels if (lo, w) in wins]
    blocks = {frozenset(y for y in range(len(ref)) if {(w, y), (y, w)} <= wins) for w, *_ in inner}
    own = [[label for label in inner if label[0] in block] for block in blocks]
    return sum(sum(float(n) for *_, n in part) / whole * _infimum(ref, reward, β, loss, part) for part in own)


def _apart(ref, reward, β, loss, labels, policy):
    return apart(ref, labels, policy, _solution(ref, reward, β, loss, labels).log_policy[0])


_QUANTITIES = {
    INFIMUM: _infimum,
    BEST: _best,
    L: _of_policy,
    BLOCKS: _block_minima,
    APART: _apart,
    EXCESS: lambda ref, reward, β, loss, labels, policy: (
        _of_policy(ref, β, loss, labels, policy) - _infimum(ref, reward, β, loss, labels)
    ),
}


def _instances(words, kinds):
    drawn = f"2 to 4 responses, 1 to 5 labels with weights in [1/4, 4], β ∈ [1/5, 3], losses: {', '.join(kinds)}"
    return Instances(_labelled(kinds), words, _QUANTITIES, drawn=drawn)


_MINIMUM = All((relation(BEST, "=", INFIMUM, noise=1e-7), relation(L, ">=", INFIMUM, noise=1e-8)))
_ONE_MARGIN = Implies(relation(APART, ">", Fraction(1, 10)), relation(EXCESS, ">", 0, noise=1e-9))


def _costlier(excess):
    """A near miss: any other margin costs as much as this."""
    return Implies(relation(APART, ">", Fraction(1, 10)), relation(EXCESS, ">", excess))


_DPO_TOO = {"DPO as well": Holds(_dpo_attained)}
_WITH_MINIMUM = (
    "Any labels on finite responses, π_ref > 0, β > 0, {}; π° the policy that the library names, h° its margins"
)
_SMOOTHED = Identity(
    "cDPO is DPO with ε z added",
    {"with z/2": lambda z, e: softplus(-z) + z / 2},
    lambda z, e: (1 - e) * softplus(-z) + e * softplus(z),
    lambda z, e: softplus(-z) + e * z,
    {"z": REAL, "e": UNIT},
)
_CURVED = (
    Identity(
        "the middle of a square",
        {"half of it": lambda x, y: (x - y) ** 2 / 2},
        lambda x, y: 2 * (x**2 + y**2) - (x + y) ** 2,
        lambda x, y: (x - y) ** 2,
        {"x": REAL, "y": REAL},
    ),
)
_VANISHES = (
    Identity(
        "slope of e^(−z)",
        {"e^(−z)": lambda z: exp(-z)},
        lambda z: derivative(lambda x: exp(-x))(z),
        lambda z: -exp(-z),
        {"z": REAL},
    ),
    Identity(
        "slope of sp(−z)",
        {"−σ(z)": lambda z: -sigmoid(z)},
        lambda z: derivative(lambda x: softplus(-x))(z),
        lambda z: -sigmoid(-z),
        {"z": REAL},
    ),
    Sign(
        "e^(−z) and σ(−z) > 0",
        {"their difference": lambda z: exp(-z) - sigmoid(-z) - Fraction(1, 2)},
        lambda z: exp(-z) * sigmoid(-z),
        {"z": REAL},
    ),
)

STATEMENTS = (
    Statement(
        id="attained-on-every-graph",
        title="Losses that attain their minimum whatever the labels are",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _instances(
                _WITH_MINIMUM.format(
                    "the loss of each label continuous, bounded below, and at each end either growing without bound or "
                    "monotone from some point on, no smaller farther out"
                ),
                _ALWAYS,
            ),
            (),
            claim={"a policy attains it": Holds(_attained), "and none is below": _MINIMUM},
            wrong={**_DPO_TOO, "1/100 lower": relation(L, ">=", INFIMUM + Fraction(1, 100))},
            effort=_EFFORT,
        ),
        parts={
            "a policy attains it": Part(
                "Along policies whose loss tends to its infimum let every difference of scores converge in [−∞, ∞]. "
                "Responses at finite distance form classes: put them where they converge, and the classes at large "
                "finite distances in the same order. A label inside a class costs its limit; one between classes is at "
                "an end where its loss is monotone and costs no more than in the limit, since at an end where it grows "
                "without bound the loss would have grown as well."
            ),
            "and none is below": Part("What is attained is the minimum."),
        },
        conclusion="No check for existence is needed for cDPO, IPO, hinge, SLiC and their like.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="cdpo-existence",
        title="cDPO attains its minimum whatever the labels are",
        origin=Origin.OURS,
        source="own derivation, of the loss of Mitchell 2023",
        form=Form(
            _instances(_WITH_MINIMUM.format("cDPO at a rate 0 < ε < 1"), _ALWAYS[-2:]),
            (),
            claim={
                "existence": Holds(_attained),
                "no policy is below": _MINIMUM,
                "one margin on every label": _ONE_MARGIN,
            },
            wrong={**_DPO_TOO, "a tenth of margin costs 1/100": _costlier(Fraction(1, 100))},
            effort=_EFFORT,
        ),
        parts={
            "existence": Part(
                "«cDPO is DPO with ε z added»: {existence-by-cuts} with c = ε, where the cut of S is β(ε won + "
                "(1 − ε) lost), positive as soon as a label crosses.",
                (_SMOOTHED,),
            ),
            "no policy is below": Part("What is attained is the minimum."),
            "one margin on every label": Part(
                "What is linear has no curvature: «d²L/dδ² = β² σ(βh) σ(−βh)», «β² σ(βh) σ(−βh) > 0». Between two "
                "minimisers with another margin on a label the loss would be lower.",
                CONVEX,
            ),
        },
        conclusion="A known rate of noise keeps every margin finite.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="ipo-existence",
        title="IPO attains its minimum whatever the labels are",
        origin=Origin.OURS,
        source="own derivation, of the loss of Azar et al. 2023",
        form=Form(
            _instances(_WITH_MINIMUM.format("IPO at τ = β"), ["IPO"]),
            (),
            claim={
                "existence": Holds(_attained),
                "no policy is below": _MINIMUM,
                "one margin on every label": _ONE_MARGIN,
            },
            wrong={**_DPO_TOO, "a tenth of margin costs 1": _costlier(1)},
            effort=_EFFORT,
        ),
        parts={
            "existence": Part("{attained-on-every-graph}: a square grows without bound at both ends."),
            "no policy is below": Part("What is attained is the minimum."),
            "one margin on every label": Part(
                "«the middle of a square»: half way between two minimisers with another margin on a label the loss "
                "would be lower by a quarter of the squared difference.",
                _CURVED,
            ),
        },
        conclusion="IPO is a least-squares fit of the margins, and needs no check for existence.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="attained-iff-no-label-joins-blocks",
        title="Losses that vanish at one end: attained iff no label joins two blocks",
        origin=Origin.OURS,
        source="own derivation; for DPO Zermelo's and Ford's condition",
        form=Form(
            _instances(
                _WITH_MINIMUM.format(
                    "the loss of each label continuous, positive, tending to 0 as its margin grows and to infinity as "
                    "it falls; neither monotone nor convex, nor the same for two labels"
                ),
                _VANISHING,
            ),
            (),
            claim={
                "the infimum": relation(INFIMUM, "=", BLOCKS, noise=1e-7),
                "no policy is below": relation(L, ">=", INFIMUM, noise=1e-8),
                "existence": Iff(Holds(_attained), Holds(no_label_between_blocks)),
            },
            wrong={
                "the infimum 1 % higher": relation(L, ">=", INFIMUM * Fraction(101, 100) + Fraction(1, 100)),
                "attained iff every pair is labelled both ways": Iff(Holds(_attained), Holds(_both_ways)),
            },
            effort=_EFFORT,
        ),
        parts={
            "the infimum": Part(
                "Each block by itself attains its minimum: inside it every label lies on a cycle, so along policies "
                "whose loss stays bounded no margin falls without bound and none, by its cycle, grows so. Raise the "
                "blocks apart, each above those it beats: the blocks keep their losses, and a label between two tends "
                "to 0, as «slope of sp(−z)», «slope of e^(−z)» and «e^(−z) and σ(−z) > 0» show of the instances.",
                _VANISHES,
            ),
            "no policy is below": Part(
                "Labels between blocks cost more than 0, the others at least the blocks' minima."
            ),
            "existence": Part(
                "Where a label joins two blocks every policy exceeds the infimum by what it costs. Where none does, "
                "the minimisers of the blocks, put together, attain it."
            ),
        },
        conclusion="One condition on the digraph for DPO, its margins and offsets, SimPO and f-DPO alike.",
        expected=Verdict.PROVED,
    ),
)
