"""Which pairs can be inverted together at a given mean loss, and the largest such set."""

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks, tolerances
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.failures import any_loss, joint, knapsack, ties
from tabular.failures.frontier import Frontier, label_units, relaxed, search
from tabular.failures.infimum import infimum
from tabular.failures.inversion import check_level, positions
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["InvertedSet", "inverted_sets", "joint_threshold", "largest_inverted_set"]

_SETS = 100_000  # combinations looked at when all maximal sets are listed
_ROWS = 512  # sets compared with all others at once
_LISTED, _FEW, _MOST = 400, 6, 2_500  # patterns fitted for a list, and times those of a tenth of a second in between


class InvertedSet(Record):
    """A set of pairs inverted by one policy.

    Attributes:
        pairs: positions of the labels with delta <= 0.
        share: their share of the label weights.
        loss: the least mean loss with all of them inverted.
        log_policy: a policy that inverts them, at that loss or, where it is not attained, within e^-40 of it.
        proved: whether no policy within the loss level inverts more weight.
        most: a share that certainly no policy within the level exceeds; ``share`` where that is proved.
    """

    pairs: np.ndarray
    share: float
    loss: float
    log_policy: np.ndarray
    proved: bool
    most: float


@takes_nouns
@one_thread
def joint_threshold(problem: Problem, preferences: Preferences, pairs: ArrayLike, loss: Loss | None = None) -> float:
    r"""``C(S)``: the least mean loss with every pair of the set at :math:`\delta\le 0`, in nats.

    Args:
        pairs: positions of labels of positive weight.
        loss: of :mod:`tabular.losses`, a convex loss of differences; DPO by default.

    Raises:
        InputError: a position that is no label, a label of weight 0, a loss for which the search is not exact; or many
            pairs where rounding hides that a convex programme is solved, and there are too many tie patterns to search.

    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1)
    >>> chain = Preferences.from_pairs([(0, 1), (1, 2)])
    >>> [round(joint_threshold(problem, chain, s), 6) for s in ([0], [1], [0, 1])]
    [0.255413, 0.235002, 0.490415]
    """
    if loss is not None and loss.name != "dpo":
        return any_loss.joint_threshold(problem, preferences, pairs, loss)
    at = infimum(problem, preferences)
    return at.value + joint.cost_of(at, _kept(at, preferences, pairs))


@takes_nouns
@one_thread
def largest_inverted_set(
    problem: Problem, preferences: Preferences, loss_level: float, limit: int | None = None
) -> InvertedSet:
    """The heaviest set of pairs that one policy of mean loss at most ``loss_level`` can invert.

    To find it is NP-hard. It is searched for by branch and bound (:mod:`tabular.failures.decided`). Where that does not
    end, the set is the heaviest that was found, ``proved`` is false, and the truth lies between ``share`` and ``most``.

    Args:
        limit: decisions about labels that are looked at at most, or tie patterns of a piece where there are too many
            labels to decide about. None for as many as take tenths of a second, a second or two where there are more
            than 20 responses and 80 labels.

    Raises:
        InputError: a level below the infimum of the loss.

    >>> problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], beta=1)
    >>> found = largest_inverted_set(problem, Preferences.from_pairs([(0, 0, 1), (1, 0, 1)]), 0.4)
    >>> found.pairs.tolist(), found.share, round(found.loss, 6), np.exp(found.log_policy).round(3).tolist()
    ([0], 0.5, 0.111572, [[0.5, 0.5], [1.0, 0.0]])
    """
    at = infimum(problem, preferences)
    loss_level = checks.number(loss_level, "loss_level", checks.FINITE)
    check_level(loss_level, at.value)
    weight = label_units(at, preferences)
    limit = checks.limit(limit)
    items = search(at, weight, loss_level, limit, loss_level)
    budget = max(loss_level - at.value, 0) + tolerances.LOSS * max(at.value, loss_level)
    chosen, proved = knapsack.best(items.options, knapsack.relax(items.options), budget)
    log_policy = joint.policy(at, items.piece[chosen], [items.pattern[k] for k in chosen])
    inverted = preferences.delta(log_policy)[at.graph.label] <= 0
    cost = at.value + items.options.cost[chosen].sum()
    share = most = float(weight[inverted].sum() / weight.sum())
    above = relaxed(at, items, weight, loss_level) if items.cut_short.size else ()
    if above or not proved:
        found = Frontier(at.value, items.options, float(items.base.sum()), weight.sum(), above, loss_level)
        most = 1 - float(found.bounds(loss_level).lower)
    proved = most <= share + tolerances.LOSS
    return InvertedSet(at.graph.label[inverted], share, float(cost), log_policy, proved, share if proved else most)


@takes_nouns
@one_thread
def inverted_sets(
    problem: Problem, preferences: Preferences, loss_level: float, limit: int | None = None
) -> list[tuple[int, ...]]:
    """All maximal sets of pairs that one policy of mean loss at most ``loss_level`` can invert: small problems.

    Every subset of one of them can be inverted too, and no other set. Each is what a tie pattern inverts, and all
    patterns within the level are fitted, a tenth of a millisecond each: as many as there are, which is mostly some ten
    for each set that is listed, and grows faster than exponentially with the responses. Of 20 responses and 80 labels
    there are tens of thousands long before the level is half way to log 2: too many to list. Whether a single set can
    be inverted is told by :func:`joint_threshold`, the heaviest by :func:`largest_inverted_set`.

    Args:
        limit: tie patterns of a piece that are fitted at most; as many as take a few tenths of a second by default.

    Raises:
        InputError: a level below the infimum, or more patterns or combinations of sets than can be listed.

    >>> problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5], [0.6, 0.4]], beta=1)
    >>> labels = Preferences.from_pairs([(0, 0, 1), (1, 0, 1), (2, 0, 1)])
    >>> inverted_sets(problem, labels, 0.4)  # costs 0.074, 0.231, 0.305
    [(0, 1), (0, 2)]
    """
    at = infimum(problem, preferences)
    loss_level = checks.number(loss_level, "loss_level", checks.FINITE)
    check_level(loss_level, at.value)
    budget = max(loss_level - at.value, 0) + tolerances.LOSS * max(at.value, loss_level)
    if _everything(at) < budget:
        return [tuple(at.graph.label.tolist())]
    limit = checks.limit(limit) or int(np.clip(_FEW * joint.few(at), _LISTED, _MOST))
    found = joint.ways(at, at.parts.graph.labelled, budget, limit=limit)
    if found.cut_short.size:
        raise InputError(
            f"the sets at loss_level {loss_level:.10g} take more than {limit} tie patterns of a piece: "
            "ask for largest_inverted_set, or about fewer pairs, or give a higher limit"
        )
    states = [(0.0, frozenset(), np.inf)]
    for piece in at.parts.graph.labelled:
        ways = _ways(at, found, piece)
        if len(states) * len(ways) > _SETS:
            raise _too_many()
        states = [(c + d, s | t, min(u, v)) for c, s, u in states for d, t, v in ways if c + d <= budget]
    return sorted(tuple(sorted(s)) for cost, s, more in states if cost + more > budget)


def _everything(at):
    """What tying all labels costs above the infimum: it inverts them all, though not always at the least loss."""
    graph = at.parts.graph
    copies = ties.Copies(graph, graph.labelled)
    tied = copies.fit(copies.start[copies.node_copy])
    return float((tied.cost - at.parts.cost[graph.labelled]).sum())


def _too_many():
    return InputError(
        f"more than {_SETS} combinations of inverted pairs: ask for largest_inverted_set, or about fewer pairs"
    )


def _ways(at, found, piece):
    """Those of a piece that no cheaper one contains, as (cost, inverted, what a larger set costs on top)."""
    mine = np.flatnonzero(found.piece == piece)
    label = at.parts.graph.labels_of.gather(np.array([piece]))[0]
    row = np.repeat(np.arange(len(mine)), [len(found.inverted[k]) for k in mine])
    inverted, place = np.zeros((len(mine), len(label)), dtype=bool), np.zeros(len(at.graph.label), dtype=np.int64)
    place[label] = np.arange(len(label))
    inverted[row, place[np.concatenate([found.inverted[k] for k in mine])]] = True
    cost, inverted, more = _cheapest(found.cost[mine], inverted)
    sets = [frozenset(at.graph.label[label[row]].tolist()) for row in inverted]
    return list(zip(cost.tolist(), sets, more.tolist(), strict=True))


def _cheapest(cost, inverted):
    """The ways that no cheaper one contains: cost, mask of what is inverted, what a larger set costs on top.

    A union of such ways, one from each piece, is maximal within a budget unless a single piece can do more: what
    contains it costs at least as much in every piece.
    """
    order, kept = np.lexsort((-inverted.sum(axis=1), cost)), np.empty(0, dtype=np.int64)
    for some in _split(order):
        there = np.r_[kept, some]
        before = np.arange(len(there)) < len(kept) + np.arange(len(some))[:, None]
        kept = np.r_[kept, some[~(_within(inverted[some], inverted[there]) & before).any(axis=1)]]
    cost, inverted = cost[kept], inverted[kept]
    larger = np.full(len(kept), np.inf)
    for some in _split(np.arange(len(kept))):
        within = _within(inverted[some], inverted)
        within[np.arange(len(some)), some] = False
        able = within.any(axis=1)
        larger[some[able]] = cost[within.argmax(axis=1)[able]]  # the first is the cheapest
    return cost, inverted, larger - cost


def _split(rows):
    """A few rows at a time."""
    return np.split(rows, range(_ROWS, len(rows), _ROWS))


def _within(sets, others):
    """``(n_sets, n_others)`` whether one mask lies inside another."""
    return sets.astype(np.float32) @ (~others).astype(np.float32).T == 0


def _kept(at, preferences, pairs):
    """Positions among the labels that carry weight."""
    pairs = positions(pairs, preferences.n_pairs)
    position = np.full(preferences.n_pairs, -1)
    position[at.graph.label] = np.arange(len(at.graph.label))
    weightless = position[pairs] < 0
    if weightless.any():
        raise InputError(f"pair {pairs[np.argmax(weightless)]} has weight 0: leave it out, no label holds it")
    return position[np.unique(pairs)]
