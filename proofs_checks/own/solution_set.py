"""The set of all DPO solutions, for any labels of positive weight: existence, infimum, solutions, limits.

In s = β log(π/π_ref) the loss is a weighted mean of sp(−(s_w − s_l)), s any vector. Blocks are the strongly connected
components of the labels w -> l. The instances are decided rigorously (kernel/certificates.py): the infimum between the
loss inside blocks and a conserved flow; existence by a positive conserved flow, or by numbers that never fall along a
label and rise along one.
"""

import itertools
from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import log, softplus, total
from proofs_checks.kernel.certificates import bradley_terry_gap, has_minimiser
from proofs_checks.kernel.evidence import COUNT, POSITIVE, REAL, AnyFunction, Exhaustive, Identity, Sampled, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Holds, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, InWords, Origin, Part, Policies, Statement, Verdict
from proofs_checks.rafailov_2023.dpo_losses import CONVEX
from proofs_checks.spaces.bounds import ABOVE_LINEAR, LOG_BELOW_LINEAR
from proofs_checks.spaces.problems import labels, log_policy_of, once, preferences_of, problem, problem_of, weights
from tabular import Problem, Status, dpo

__all__ = [
    "BLOCKS",
    "BOUND",
    "DEPTH",
    "INFIMUM",
    "MARGIN",
    "MEMBER",
    "NEAR",
    "STATEMENTS",
    "L",
    "no_label_between_blocks",
    "reached",
]

L, INFIMUM, BLOCKS, MEMBER = named("L(π)", "inf L", "Σ over blocks of min L", "L(member)")
MARGIN, BOUND, NEAR = named("δ between", "δ_ref − log(e^(c/n) − 1)/β", "L(near) − inf L")
DEPTH = sympy.Symbol("τ", positive=True)
_EFFORT = Effort(draws=250, climbs=2, steps=30)
_TOLERANCE = 1e-10


def _labelled(draw):
    """Any labels on a problem, a policy, and masses to share out between blocks."""
    parts = problem(draw, responses=(2, 5))
    size = len(parts["ref"])
    return {**parts, "labels": labels(draw, size), "policy": weights(draw, size), "masses": weights(draw, size)}


@once
def _solution(ref, reward, β, labels):
    return dpo.solve(problem_of(ref, reward, β), preferences_of(labels))


def _loss(ref, reward, β, labels, policy):
    return dpo.loss(log_policy_of(policy), problem_of(ref, reward, β), preferences_of(labels))


def _infimum(ref, reward, β, labels):
    return _solution(ref, reward, β, labels).infimum


def reached(labels, size):
    """``(i, j)`` for every j that labels lead to from i, by transitive closure, in plain sets."""
    wins = {(winner, loser) for winner, loser, _ in labels}
    for k, i, j in itertools.product(range(size), repeat=3):
        if (i, k) in wins and (k, j) in wins:
            wins.add((i, j))
    return wins


def _block_minima(ref, reward, β, labels):
    """Each block's labels minimised by themselves, as a share of all labels."""
    wins, whole = reached(labels, len(ref)), sum(float(n) for *_, n in labels)
    inner = [(w, lo, n) for w, lo, n in labels if (lo, w) in wins]
    blocks = {frozenset(j for j in range(len(ref)) if j == w or {(w, j), (j, w)} <= wins) for w, *_ in inner}
    own = [[label for label in inner if label[0] in block] for block in blocks]
    return sum(sum(float(n) for *_, n in part) / whole * _infimum(ref, reward, β, part) for part in own)


def _attained(ref, reward, β, labels):
    """the minimum is attained"""
    return _solution(ref, reward, β, labels).status is not Status.UNATTAINED


def no_label_between_blocks(ref, labels):
    """no label joins two blocks"""
    wins = reached(labels, len(ref))
    return all((loser, winner) in wins for winner, loser, _ in labels)


def _some_pair_both_ways(labels):
    """some pair is labelled both ways"""
    wins = {(winner, loser) for winner, loser, _ in labels}
    return any((loser, winner) in wins for winner, loser in wins)


def _member(ref, reward, β, labels, masses):
    """The loss of the fitted proportions with these block masses; the infimum itself where nothing is attained."""
    solution = _solution(ref, reward, β, labels)
    if solution.status is Status.UNATTAINED:
        return solution.infimum
    fitted = solution.log_policy[0] + np.log([float(masses[b]) for b in solution.fit.block])
    return dpo.loss((fitted - np.logaddexp.reduce(fitted))[None, :], problem_of(ref, reward, β), preferences_of(labels))


def _with_a_label_between(draw):
    """The same, with a response that wins a label and never loses one."""
    parts = _labelled(draw)
    size = len(parts["ref"])
    top = draw.integer(0, size - 1)
    kept = [label for label in parts["labels"] if label[1] != top]
    return {
        **parts,
        "labels": [(top, (top + draw.integer(1, size - 1)) % size, draw.number(1, 4)), *kept],
        "τ": draw.number(1, 20),
    }


def _between(labels, policy):
    """The first label, which joins two blocks: its margin."""
    (winner, loser, _), *_ = labels
    return float(np.log(float(policy[winner])) - np.log(float(policy[loser])))


def _least_margin(ref, reward, β, labels, policy):
    """What the excess c of the loss leaves of that label's margin."""
    (winner, loser, n), whole = labels[0], sum(float(n) for *_, n in labels)
    excess = max(_loss(ref, reward, β, labels, policy) - _infimum(ref, reward, β, labels), 0.0)
    cost = excess * whole / float(n)
    δ_ref = np.log(float(ref[winner])) - np.log(float(ref[loser]))
    return float(δ_ref - (cost + np.log(-np.expm1(-cost)) if cost > 0 else -np.inf) / float(β))


def _near_limit(ref, reward, β, labels, masses, τ):
    """The excess where each block stands τ below those that beat it, with any masses between source blocks."""
    solution, size = _solution(ref, reward, β, labels), len(ref)
    wins = reached(labels, size)
    beaten_by = np.array([sum((i, j) in wins and (j, i) not in wins for i in range(size)) for j in range(size)])
    own = np.log([float(masses[b]) for b in solution.fit.block]) * (beaten_by == 0)
    s = solution.fit.strength + own
    s = s - (float(τ) + np.ptp(s)) * beaten_by
    logits = np.log([float(p) for p in ref]) + s / float(β)
    policy = (logits - np.logaddexp.reduce(logits))[None, :]
    return dpo.loss(policy, problem_of(ref, reward, β), preferences_of(labels)) - solution.infimum


_QUANTITIES = {L: _loss, INFIMUM: _infimum, BLOCKS: _block_minima, MEMBER: _member}
_LABELLED = Instances(
    _labelled,
    "Any labels of positive weight on finite responses, π_ref > 0, β > 0; any policy π; a member has the fitted "
    "proportions inside blocks and any block masses",
    _QUANTITIES,
    drawn="2 to 5 responses, 1 to 6 labels with weights in [1/4, 4], β ∈ [1/10, 5]",
)
_BETWEEN = Instances(
    _with_a_label_between,
    "As in dpo-solution-set, some label of share n between two blocks; c the excess of the loss of any policy π; near: "
    "losing blocks moved down by τ, any masses between source blocks",
    {MARGIN: _between, BOUND: _least_margin, NEAR: _near_limit, DEPTH: lambda τ: τ},
    drawn="2 to 5 responses, 1 to 7 labels with weights in [1/4, 4], β ∈ [1/10, 5], τ ∈ [1, 20]",
)


def _label_sets():
    """The 63 sets of labels on three responses, at three references and temperatures."""
    pairs = list(itertools.permutations(range(3), 2))
    sets = [chosen for size in range(1, 7) for chosen in itertools.combinations(pairs, size)]
    for chosen in sets:
        for ref, β in (((1, 1, 1), 1.0), ((1, 4, 20), 0.1), ((9, 1, 2), 5.0)):
            yield ref, β, 3, [(winner, loser, Fraction(1)) for winner, loser in chosen]


def _random_label_sets():
    rng = np.random.default_rng(1)
    for _ in range(40):
        size = int(rng.integers(3, 7))
        drawn = [tuple(rng.choice(size, 2, replace=False)) for _ in range(rng.integers(2, 9))]
        yield [1] * size, 0.5, size, [(int(w), int(lo), Fraction(int(rng.integers(1, 20)), 4)) for w, lo in drawn]


def _library(ref, β, labels):
    return dpo.solve(Problem.from_unnormalized(np.log(ref), β), preferences_of(labels))


def _infimum_enclosed(ref, β, size, labels, shift=0.0):
    """Whether the library's infimum is within the tolerance of the loss inside blocks and of a lower bound of it."""
    solution, whole = _library(ref, β, labels), sum(weight for *_, weight in labels)
    loss, bound = bradley_terry_gap(labels, solution.fit.strength, solution.fit.block)
    claimed = Fraction(solution.infimum + shift) * whole
    allowed = Fraction(_TOLERANCE) * whole
    return bool((loss - claimed) < allowed and (claimed - bound) < allowed)


def _existence_certified(ref, β, size, labels, rule=no_label_between_blocks):
    """Whether the rule and the library's status agree with a certificate of existence or of the contrary."""
    solution = _library(ref, β, labels)
    certified = has_minimiser(labels, solution.fit.strength, solution.fit.block)
    if certified is None:
        return None
    return certified == rule([0] * size, labels) == (solution.status is not Status.UNATTAINED)


def _connected(ref, labels):
    """A wrong rule: the labels connect their responses, whatever their direction."""
    return no_label_between_blocks(ref, [(a, b, n) for w, lo, n in labels for a, b in ((w, lo), (lo, w))])


def _certified(kind, cases, of):
    proposed = "the library's numbers certified in intervals"
    return (
        kind(
            "infimum between loss and conserved flow",
            {"1e-9 too high": lambda *case: _infimum_enclosed(*case, shift=1e-9)},
            cases,
            of,
            _infimum_enclosed,
            proposed,
        ),
        kind(
            "attained iff every label lies on a cycle",
            {
                "iff some pair is labelled both ways": lambda *case: _existence_certified(
                    *case, rule=lambda ref, labels: _some_pair_both_ways(labels)
                ),
                "iff the labels connect, in any direction": lambda *case: _existence_certified(*case, rule=_connected),
            },
            cases,
            of,
            _existence_certified,
            proposed,
        ),
    )


_ROUND = Identity(
    "a sum round a cycle of any length",
    {"one step short": lambda u, m: u(1) - u(m)},
    lambda u, m: total(lambda k: u(k) - u(k + 1), 1, m),
    lambda u, m: u(1) - u(m + 1),
    {"u": AnyFunction(lambda k: k * k + k), "m": COUNT},
)
_ODDS = Identity(
    "cost c at those odds",
    {"without the 1": lambda n, β, δ_ref, a: n * log(a)},
    lambda n, β, δ_ref, a: n * softplus(-β * ((δ_ref - log(a) / β) - δ_ref)),
    lambda n, β, δ_ref, a: n * log(1 + a),
    {"n": POSITIVE, "β": POSITIVE, "δ_ref": REAL, "a": POSITIVE},
)
_SHARES = Identity(
    "sources keep their shares, up to e",
    {"without the second factor": lambda p, q, r, e: p * r * e / (p + q)},
    lambda p, q, r, e: p / (p + q) - p / (p + q + r * e),
    lambda p, q, r, e: p * r * e / ((p + q) * (p + q + r * e)),
    {"p": POSITIVE, "q": POSITIVE, "r": POSITIVE, "e": POSITIVE},
)
_UNIQUE_FIT = (
    "Inside a block the loss is strictly convex in every label's difference, «d²L/dδ² = β² σ(βh) σ(−βh)» and "
    "«β² σ(βh) σ(−βh) > 0», and labels connect it: at most one minimiser up to a constant. Along a direction u that is "
    "not constant some label of the block has u_w ≠ u_l; it lies on a cycle, round which the differences of u sum to 0 "
    "(«a sum round a cycle of any length», with u(m + 1) = u(1)), so on some label u_w < u_l, and there the loss grows "
    "without bound, «sp(z) = z + sp(−z)», «sp(−z) > 0», the others being positive: a convex function that grows along "
    "every direction has a minimiser. "
)
_COSTS = Sign(
    "sp(−z) > 0 of every label",
    {"n − 1/7 for n": lambda n, z: (n - Fraction(1, 7)) * softplus(-z)},
    lambda n, z: n * softplus(-z),
    {"n": POSITIVE, "z": REAL},
)

STATEMENTS = (
    Statement(
        id="dpo-solution-set",
        title="The set of all DPO solutions",
        origin=Origin.OURS,
        source="own derivation; existence is Zermelo's and Ford's",
        form=Form(
            _LABELLED,
            (),
            claim={
                "the infimum": relation(INFIMUM, "=", BLOCKS, noise=1e-8),
                "no policy is below it": relation(L, ">=", INFIMUM, noise=1e-10),
                "existence": Iff(Holds(_attained), Holds(no_label_between_blocks)),
                "solutions": Implies(Holds(no_label_between_blocks), relation(MEMBER, "=", INFIMUM, noise=1e-8)),
            },
            wrong={
                "the infimum 1 % higher": relation(L, ">=", INFIMUM * Fraction(101, 100) + Fraction(1, 10)),
                "attained iff some pair is labelled both ways": Iff(Holds(_attained), Holds(_some_pair_both_ways)),
                "any policy is a solution": Implies(Holds(no_label_between_blocks), relation(L, "=", INFIMUM)),
            },
            effort=_EFFORT,
        ),
        parts={
            "the infimum": Part(
                "By {dpo-bradley-terry} s is any vector. " + _UNIQUE_FIT + "Number the blocks so that the number rises "
                "along every label between two (the blocks have no cycle): s − τ·number keeps the differences inside "
                "blocks, and a label between them costs n sp(−(x + τ)) < n e^(−x−τ): «slope of a − log(1 + a)», "
                "«a/(1 + a) > 0» with a = e^(−x−τ). So the infimum is at most the sum of the blocks' minima.",
                (*CONVEX, _ROUND, *ABOVE_LINEAR, *LOG_BELOW_LINEAR),
            ),
            "no policy is below it": Part(
                "Labels between blocks cost more than 0, «sp(−z) > 0 of every label»; those inside at least the "
                "block's minimum.",
                (_COSTS,),
            ),
            "existence": Part(
                "With a label between two blocks every policy exceeds the infimum by what that label costs, which is "
                "above 0, «sp(−z) > 0 of every label». Without, the loss is the sum of the blocks' losses, each of "
                "which has a minimiser, by the first part.",
                (_COSTS,),
            ),
            "solutions": Part(
                "Without labels between blocks the loss is least exactly where each block is at its fit, which is one "
                "up to a constant as in the first part, «d²L/dδ² = β² σ(βh) σ(−βh)», «β² σ(βh) σ(−βh) > 0»: the "
                "constants are the free block masses.",
                CONVEX,
            ),
        },
        second_routes=_certified(Sampled, _random_label_sets, 40),
        conclusion="Existence is read off the graph; a solver's success message is not evidence.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-solution-set-three",
        title="The same on three responses, all label sets",
        origin=Origin.OURS,
        source="own derivation",
        form=InWords(
            "Three responses, any of the 63 non-empty sets of labels, one label of weight 1 for each ordered pair in "
            "it; π_ref and β: uniform and 1, (1, 4, 20)/25 and 1/10, (9, 1, 2)/12 and 5.",
            {
                "infimum": "The library's infimum is that of dpo-solution-set within 10⁻¹⁰.",
                "existence": "It is attained iff no label joins two blocks.",
            },
            why="a finite list, gone through completely: nothing is drawn",
        ),
        parts={
            "infimum": Part(
                "The loss at the library's policy and the bound of a conserved flow enclose the infimum of each set: "
                "«infimum between loss and conserved flow».",
                _certified(Exhaustive, _label_sets, 189)[:1],
            ),
            "existence": Part(
                "A flow on every label, or numbers that never fall along one, decides each set; no label joins two "
                "blocks iff every label lies on a cycle: «attained iff every label lies on a cycle».",
                _certified(Exhaustive, _label_sets, 189)[1:],
            ),
        },
        conclusion="On three responses nothing is left to sampling.",
        expected=Verdict.CERTIFIED,
    ),
    Statement(
        id="dpo-limit-set",
        title="Where the mass goes when no solution exists",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _BETWEEN,
            (),
            claim={
                "losing blocks vanish": relation(MARGIN, ">=", BOUND, noise=1e-6),
                "sources keep any masses": relation(NEAR, "<=", sympy.exp(-DEPTH), noise=1e-10),
            },
            wrong={
                "the odds at 1.01 of the bound": relation(MARGIN, ">=", BOUND + Fraction(1, 10)),
                "falls as e^(−2τ)": relation(NEAR, "<=", sympy.exp(-2 * DEPTH), noise=1e-10),
            },
            effort=_EFFORT,
        ),
        parts={
            "losing blocks vanish": Part(
                "Let L tend to its infimum ({dpo-solution-set}): each block's loss tends to its minimum, so its "
                "proportions to the fitted ones (sublevel sets shrink to the fit), and the cost c of a label between "
                "blocks to 0. «cost c at those odds», with e^(c/n) = 1 + a: π_l/π_w is at most that of the reference "
                "times (e^(c/n) − 1)^(1/β). So a block that loses vanishes relative to one that wins and, as the "
                "blocks have no cycle, relative to some source block: only sources (no incoming label) keep mass.",
                (_ODDS,),
            ),
            "sources keep any masses": Part(
                "s − τ·number, number 0 on the sources and positive elsewhere, with any constants on the sources: the "
                "loss exceeds its infimum by less than Σ n e^(−x−τ) («slope of a − log(1 + a)», «a/(1 + a) > 0»), and "
                "the shares differ from those of the sources alone by less than r e/(p + q), e = e^(−τ): «sources keep "
                "their shares, up to e». Masses of 0 are limits of such limits.",
                (*LOG_BELOW_LINEAR, _SHARES),
            ),
        },
        conclusion="All labels together fix nothing between source blocks: one label beside an unlabelled response "
        "leaves every split of the mass.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-ordered-zeros",
        title="With zeros allowed, one label has minimisers: π_l = 0",
        origin=Origin.OURS,
        source="the closed reading of dpo-solution-set, of one label",
        policies=Policies.ZEROS_ALLOWED,
        form=InWords(
            "One label w > l and β > 0; policies with π_w > 0, the loss at π_l = 0 by its limit.",
            {"minimisers": "The loss is 0, its minimum, exactly where π_l = 0."},
            why="the loss at π_l = 0 is a limit, which no table holds",
        ),
        parts={
            "minimisers": Part(
                "At π_l > 0 the loss is positive, «sp(−z) > 0 there»; as π_l falls to 0 it is log(1 + a) < a with "
                "a = e^(βδ_ref) (π_l/π_w)^β («slope of a − log(1 + a)», «a/(1 + a) > 0»), which tends to 0 with π_l.",
                (
                    Sign(
                        "sp(−z) > 0 there",
                        {"log 2 less": lambda z: softplus(-z) - log(2)},
                        lambda z: softplus(-z),
                        {"z": REAL},
                    ),
                    *LOG_BELOW_LINEAR,
                ),
            )
        },
        conclusion="“No minimiser” and “the minimisers are (t, 0, 1 − t)” are one fact under two policy classes.",
        expected=Verdict.PROVED,
    ),
)
