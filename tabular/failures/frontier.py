r"""How wrong can a policy be at a given training loss? Worst-case ranking accuracy against mean loss.

.. math:: A(\tau)=\min\Big\{\sum_i\bar w_i\,[\delta_i(\pi)>0]:L(\pi)\le\tau\Big\}.

A tie, :math:`\delta_i=0`, counts as not correct, and a level counts as reached where policies come arbitrarily close
to it: A is a falling step function that includes its steps. (No policy has loss 0, so A(0) = 1: a level is taken at its
word, though a measured loss may have underflowed.) Pairs that share no response with others are items of a
knapsack: inverting pair i costs :math:`\bar w_i\,\mathrm{sp}(\beta\delta_{{\rm ref},i})`, the others cost nothing
in the limit. In general the items are the tie patterns of each piece of the labels
(:mod:`tabular.failures.joint`), at most one from each, and :mod:`tabular.failures.knapsack` fills the budget
:math:`\tau-\inf L`.

To find A is NP-hard: with equal weights and beta large it asks for the fewest labels that keep a digraph from being
turned round, a feedback arc set, and with unequal weights it holds the knapsack. Where a piece has too many patterns to
search, two bounds remain. Patterns that were found are policies (:mod:`tabular.failures.grown`): A is at most what they
leave. And what a label costs at least whatever else is inverted (:mod:`tabular.failures.least_cost`) makes the piece's
labels items of their own: A is at least what their knapsack leaves. At one level alone the labels of all pieces are
decided about one by one (:mod:`tabular.failures.decided`), which mostly ends with A itself.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks, tolerances
from tabular.base.log_space import softplus
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.failures import joint, knapsack, ties
from tabular.failures.decided import Decisions, able, enough
from tabular.failures.grown import grown
from tabular.failures.infimum import Infimum, infimum
from tabular.failures.inversion import check_level
from tabular.failures.least_cost import Circulation, raised
from tabular.failures.pattern_search import Aim, Labels
from tabular.failures.work import Work
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = [
    "Bounds",
    "Frontier",
    "Items",
    "frontier",
    "known",
    "label_units",
    "left_open",
    "relaxed",
    "search",
    "separable",
    "separable_thresholds",
]

_TOGETHER = 1000  # labels of a problem that are looked at with every pattern of every piece
_FEWER = 6  # times fewer tie patterns are fitted where labels can be decided about instead
_MORE = 2_000  # tie patterns of a piece that are fitted where rounding hides what decisions would prove
_RAISED = (1 / 16, 1 / 4, 1.0)  # of the way to the highest level: where bounds are made as tight as single steps do


class Bounds(Record):
    """Certified bounds, ``lower <= truth <= upper``; equal where the value is exact."""

    lower: np.ndarray
    upper: np.ndarray


class Frontier(Record):
    """The items of the knapsack behind A, and its value at any loss level.

    Attributes:
        infimum: inf L; no level lies below it.
        options: what can be inverted beyond what is inverted at the infimum, which weighs ``base`` of ``total``.
        above: relaxed problems, with their infimum and base, that bound A from below; none where it is not needed.
        highest, lowest: the loss levels between which the options were searched.
    """

    infimum: float
    options: knapsack.Options
    base: float
    total: float
    above: tuple["Frontier", ...] = ()
    highest: float = np.inf
    lowest: float = -np.inf

    shown = ("infimum", "exact", "steps", "highest")

    @cached_property
    def relaxation(self) -> knapsack.Relaxation:
        return knapsack.relax(self.options)

    @property
    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Loss levels and the accuracy from each on: A itself where ``exact``, else an upper bound of it."""
        relaxed = self.relaxation
        return self.infimum + relaxed.cost, self._accuracy(relaxed.gain)

    @property
    def exact(self) -> bool:
        """Whether the steps are A itself at every level from ``lowest`` to ``highest``."""
        return not self.above and self.relaxation.exact

    def worst_case_accuracy(self, loss_level: ArrayLike) -> np.ndarray:
        """A at each level; raises :class:`InputError` below the infimum or where only bounds are known."""
        return known(self.bounds(loss_level), loss_level)

    def bounds(self, loss_level: ArrayLike) -> Bounds:
        """Certified bounds on A at each level, as tight as the searches' limits allow."""
        level = checks.numbers(loss_level, "loss_level")
        check_level(level, self.infimum)
        if (level > self.highest).any():
            raise InputError(
                f"loss_level {level.max():.10g} is above {self.highest:.10g}, the highest that was searched: "
                "build the frontier with a larger highest"
            )
        if (level < self.lowest).any():
            raise InputError(
                f"loss_level {level.min():.10g} is below {self.lowest:.10g}, the lowest that was searched: "
                "build the frontier with a smaller lowest"
            )
        feasible, most = self._gain(level)
        if not self.above:
            return Bounds(self._accuracy(most), self._accuracy(feasible))
        lower = self._least(level)
        return Bounds(lower, np.maximum(lower, self._accuracy(feasible)))

    def _least(self, level):
        """What the relaxed problems leave: where one leaves most, labels divided, it is asked about whole ones."""
        levels = [np.maximum(level, one.infimum) for one in self.above]
        most = [one.relaxation.bounds(_budget(at, one.infimum))[1] for one, at in zip(self.above, levels, strict=True)]
        left = np.array([one._accuracy(gain) for one, gain in zip(self.above, most, strict=True)])
        best = np.argmax(left, axis=0)
        for k in np.unique(best):
            here, one = best == k, self.above[k]
            left[k, here] = np.maximum(left[k, here], one._accuracy(one._gain(levels[k][here])[1]))
        return left.max(axis=0)

    def _gain(self, level):
        """What is feasible, and what is not exceeded."""
        feasible, most = self.relaxation.bounds(_budget(level, self.infimum))
        if self.relaxation.exact:
            return feasible, most
        pairs = [self._filled(b, *g) for b, *g in np.broadcast(_budget(level, self.infimum), feasible, most)]
        return tuple(np.array(g).reshape(level.shape) for g in zip(*pairs, strict=True))

    def _filled(self, budget, feasible, most):
        if feasible == most:
            return feasible, most
        chosen, proved = knapsack.best(self.options, self.relaxation, budget)
        gain = self.options.gain[chosen].sum()
        return gain, gain if proved else most

    def _accuracy(self, gain):
        return np.maximum(self.total - self.base - gain, 0) / self.total


def separable(delta_ref: ArrayLike, beta: float, weight: ArrayLike | None = None) -> Frontier:
    r"""The frontier of labelled pairs that share no response, from their reference log-ratios alone.

    Args:
        delta_ref: ``(n_pairs,)`` :math:`\log\pi_{\rm ref}(w)/\pi_{\rm ref}(l)` in nats, as trainers log them.
        weight: ``(n_pairs,)``, positive; equal by default.

    Raises:
        InputError: not finite, or a weight or beta that is not positive.

    Exact at every level for equal weights (sort the costs); for unequal weights exact at each level asked about,
    up to some thousands of pairs, bounds within one pair's weight beyond.

    >>> frontier = separable([-2.0, 0.0, 2.0], beta=1.0)
    >>> [a.round(4).tolist() for a in frontier.steps]
    [[0.0, 0.0423, 0.2734, 0.9823], [1.0, 0.6667, 0.3333, 0.0]]
    >>> frontier.worst_case_accuracy([0.04, np.log(2)]).round(4).tolist()  # untrained, two of three may be wrong
    [1.0, 0.3333]
    """
    delta_ref, beta, weight = _checked_pairs(delta_ref, beta, weight)
    cost = separable_thresholds(delta_ref, beta, weight)
    gain = _units(weight)
    options = knapsack.Options(np.arange(len(cost)), np.maximum(cost, knapsack.LEAST), gain)
    return Frontier(0.0, options, 0.0, gain.sum())


def separable_thresholds(delta_ref: ArrayLike, beta: float, weight: ArrayLike | None = None) -> np.ndarray:
    r"""``(n_pairs,)`` of :math:`v_i=\bar w_i\,\mathrm{sp}(\beta\delta_{{\rm ref},i})` for pairs that share no response.

    >>> separable_thresholds([-2.0, 0.0], beta=1.0).round(6).tolist()
    [0.063464, 0.346574]
    """
    delta_ref, beta, weight = _checked_pairs(delta_ref, beta, weight)
    weight = weight / weight.max()  # before the sum, which could overflow
    return weight / weight.sum() * softplus(beta * delta_ref)


@takes_nouns
@one_thread
def frontier(
    problem: Problem,
    preferences: Preferences,
    highest: float = np.inf,
    limit: int | None = joint.PARTITIONS,
    lowest: float = -np.inf,
) -> Frontier:
    """The frontier of any labels, for levels up to ``highest``; exact unless a piece exceeds the limit.

    Args:
        highest, lowest: loss levels; the less there is between the two, the less has to be searched.
        limit: tie patterns fitted for one piece at most; where there are more, levels have certified bounds. None for
            as many as take a tenth of a second. At one level, lowest and highest, fewer of these are fitted in any
            case, and then so many decisions about labels are looked at; for None as many as take tenths of a second, a
            second or two where there are more than 20 responses and 80 labels.

    Raises:
        InputError: labels that the problem does not have, or a level below the infimum.

    >>> problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], beta=1)
    >>> found = frontier(problem, Preferences.from_pairs([(0, 0, 1), (1, 0, 1)]))
    >>> [series.round(4).tolist() for series in found.steps]  # losses, and the worst accuracy from each on
    [[0.0, 0.1116, 0.4581], [1.0, 0.5, 0.0]]
    """
    at = infimum(problem, preferences)
    limit = checks.limit(limit)
    highest = checks.number(highest, "highest", checks.NOT_NAN)
    lowest = checks.number(lowest, "lowest", checks.NOT_NAN)
    check_level(highest, at.value)
    weight = label_units(at, preferences)
    items = search(at, weight, highest, limit, lowest)
    above = relaxed(at, items, weight, highest) if items.cut_short.size else ()
    return Frontier(at.value, items.options, float(items.base.sum()), weight.sum(), above, highest, lowest)


@dataclass(frozen=True, eq=False)
class Items:
    """The options of a knapsack, each with the piece and the tie pattern that it stands for.

    ``base`` is, for each piece, the weight that is inverted where the loss is least; options count what comes on top.
    ``most`` bounds what each piece that was cut short inverts, ``of_all`` what they all invert at the highest level.
    """

    options: knapsack.Options
    base: np.ndarray
    piece: np.ndarray
    pattern: list
    cut_short: np.ndarray
    most: np.ndarray
    of_all: float = np.inf


def search(at: Infimum, weight, highest=np.inf, limit: int | None = None, lowest=-np.inf) -> Items:
    """What is worth choosing at the loss levels between two; ``weight`` says what each kept label counts for."""
    graph = at.parts.graph
    shared, alone = np.flatnonzero(graph.labels_of.size > 1), _alone(graph)
    budget = highest - at.value + tolerances.LOSS
    labels = _labels(at, alone, shared, weight) if len(graph.label) <= _TOGETHER else None
    aim = Aim(weight, max(lowest - at.value, 0.0), labels, {})
    few, one = joint.few(at), lowest >= highest and able(at)
    if one:
        found = joint.ways(at, shared, budget, limit=-(-few // _FEWER), aim=aim)
    else:
        found = _found(at, shared, weight, budget, few if limit is None else limit, aim)
    items = _items(at, found, weight)
    if not (one and found.cut_short.size):
        return items
    chosen, _ = knapsack.best(items.options, knapsack.relax(items.options), _budget(highest, at.value))
    best = float(items.base.sum() + items.options.gain[chosen].sum())
    work = enough(at) if limit is None else Work()
    decisions = Decisions(at, weight, _budget(highest, at.value), best, aim.more, work)
    decisions.run(np.inf if limit is None else limit)
    if decisions.unproved and limit is not None and limit > few:
        found = _found(at, shared, weight, budget, min(limit, _MORE), aim)
    for way in decisions.ways:
        found = found.with_way(*way)
    return replace(_items(at, found, weight), of_all=decisions.most)


def _found(at, pieces, weight, budget, limit, aim):
    """Tie patterns that were searched for, and of pieces that have too many of them some that were grown."""
    found = joint.ways(at, pieces, budget, limit=limit, aim=aim)
    for cut in found.cut_short:
        for way in grown(at, cut, weight, budget):
            found = found.with_way(cut, *way)
    return found


def _alone(graph):
    """The labels that are a piece by themselves."""
    return np.flatnonzero(graph.labels_of.size[graph.component[graph.winner]] == 1)


def _items(at, found, weight):
    graph = at.parts.graph
    alone, at_rest = _alone(graph), np.zeros(len(graph.labels_of.size))
    gain = np.array([weight[inverted].sum() for inverted in found.inverted])
    _, untied = np.unique(found.piece, return_index=True)
    at_rest[found.piece[untied]] = gain[untied]
    more = np.r_[weight[alone], gain - at_rest[found.piece]]
    piece = np.r_[graph.component[graph.winner[alone]], found.piece]
    cost = np.r_[_own_cost(graph)[alone], found.cost]
    worth = np.flatnonzero(more > 0)
    group = np.unique(piece[worth], return_inverse=True)[1]
    pattern = [found.pattern[k - len(alone)] if k >= len(alone) else (0, 0) for k in worth]
    options = knapsack.Options(group, cost[worth], more[worth])
    known = [max(gain[found.piece == cut].max(), most) for cut, most in zip(found.cut_short, found.open, strict=True)]
    return Items(options, at_rest, piece[worth], pattern, found.cut_short, np.array(known))


def _labels(at, alone, shared, weight):
    """What labels cost at least, by the pushes where the loss is least."""
    graph = at.parts.graph
    fit = _at_rest(at, shared)
    pushes, edge = Circulation.of(fit), fit.copies.edge
    right = (pushes.bound < pushes.margin) & (weight[edge] > 0)
    label = np.r_[edge[right], alone]
    cost = np.r_[pushes.cost[right], _own_cost(graph)[alone]]
    return Labels(graph.component[graph.winner[label]], cost, weight[label], float(weight[edge[fit.delta <= 0]].sum()))


def _at_rest(at, pieces):
    """The fit of some pieces where the loss is least."""
    parts = at.parts
    copies = ties.Copies(parts.graph, pieces)
    node = copies.node
    return copies.fitted(
        np.arange(len(node)), np.zeros(len(node)), parts.strength[node], parts.rank[node], parts.block[node]
    )


def relaxed(at: Infimum, items: Items, weight, highest) -> tuple[Frontier, ...]:
    """What bounds A from below: the labels of pieces that were cut short by themselves, what they cost at least.

    By the pushes where the loss is least, and by those that are raised for some levels up to the highest. Or what is
    known of all pieces at that one.
    """
    if items.of_all < np.inf:
        more = np.array([items.of_all - items.base.sum()])
        options = knapsack.Options(np.zeros(1, dtype=np.int64), np.array([knapsack.LEAST]), more)[more > 0]
        return (Frontier(at.value, options, float(items.base.sum()), weight.sum()),)
    parts, cut = at.parts, items.cut_short
    fit = _at_rest(at, cut)
    searched = ~np.isin(items.piece, cut)
    elsewhere, base = at.value - parts.cost[cut].sum(), items.base.sum() - items.base[cut].sum()
    start, mine, found = Circulation.of(fit), weight[fit.copies.edge], []
    everything = start.share @ softplus(-start.bound) - parts.cost[cut].sum()
    above = min(highest - at.value, everything)
    for pushes in (start, *(raised(start, mine, at.value - elsewhere + part * above) for part in _RAISED)):
        labels, free = pushes.options(mine)
        group = np.unique(items.options.group[searched], return_inverse=True)[1]
        options = knapsack.Options(
            np.r_[group, labels.group + group.max(initial=-1) + 1],
            np.r_[items.options.cost[searched], labels.cost],
            np.r_[items.options.gain[searched], labels.gain],
        )
        found.append(Frontier(float(elsewhere + pushes.infimum), options, float(base + free), weight.sum()))
    return (*found, _left_open(at, items, searched, weight))


def _left_open(at, items, searched, weight):
    """The pieces that were cut short for free, as far as their searches left it open how much they invert."""
    more = items.most - items.base[items.cut_short]
    which = np.flatnonzero(more > 0)
    group = np.unique(items.options.group[searched], return_inverse=True)[1]
    options = knapsack.Options(
        np.r_[group, np.arange(len(which)) + group.max(initial=-1) + 1],
        np.r_[items.options.cost[searched], np.full(len(which), knapsack.LEAST)],
        np.r_[items.options.gain[searched], more[which]],
    )
    return Frontier(at.value, options, float(items.base.sum()), weight.sum())


def known(bounds: Bounds, loss_level) -> np.ndarray:
    """What bounds agree on; raises :class:`InputError` where they do not."""
    apart = np.ravel(left_open(bounds))
    if apart.any():
        first = np.argmax(apart)
        low, high = np.ravel(bounds.lower)[first], np.ravel(bounds.upper)[first]
        raise InputError(
            f"the worst-case accuracy at loss_level {np.ravel(loss_level)[first]:.10g} is only known to lie "
            f"between {low:.6g} and {high:.6g}: use failure_modes.accuracy_bounds for both, or give a higher limit"
        )
    return bounds.lower


def _budget(level, infimum):
    return np.maximum(level - infimum, 0) + tolerances.LOSS * np.maximum(level, infimum)


def left_open(bounds: Bounds) -> np.ndarray:
    """Where bounds differ by more than searches leave open: what rounding may add to a sum of all weights."""
    return bounds.upper - bounds.lower > tolerances.LOSS


def label_units(at: Infimum, preferences: Preferences) -> np.ndarray:
    """What each kept label counts for: whole numbers where the weights allow it, so that sums are exact."""
    log_weight = preferences.log_weight[at.graph.label]
    return _units(np.exp(log_weight - log_weight.max()))


def _units(weight):
    with np.errstate(over="ignore"):
        ratio = weight / weight.min() if weight.min() > 0 else weight
    whole = np.round(ratio)
    exact = whole.sum() < 2**53 and np.all(np.abs(ratio - whole) <= tolerances.LOSS * whole)
    return whole if exact else weight / weight.sum()


def _own_cost(graph):
    """What tying a label's two responses costs where nothing else touches them."""
    delta_ref = graph.log_ref[graph.winner] - graph.log_ref[graph.loser]
    cost = np.exp(graph.log_share) * softplus(graph.problem.beta * delta_ref + graph.offset)
    return np.maximum(cost, knapsack.LEAST)


def _checked_pairs(delta_ref, beta, weight):
    beta, delta_ref = checks.number(beta, "beta"), checks.numbers(delta_ref, "delta_ref")
    weight = np.ones(delta_ref.shape) if weight is None else checks.numbers(weight, "weight")
    if delta_ref.ndim != 1 or weight.shape != delta_ref.shape or delta_ref.size == 0:
        raise InputError(
            f"delta_ref has shape {delta_ref.shape}, weight {weight.shape}: give one of each for each pair, at least 1"
        )
    with np.errstate(over="ignore"):
        far = ~np.isfinite(beta * delta_ref)
    checks.refuse(far, delta_ref, "delta_ref", "it and its product with beta must be finite; drop the pair")
    bad = ~(np.isfinite(weight) & (weight > 0))
    checks.refuse(bad, weight, "weight", "it must be finite and above 0; drop the pair")
    return delta_ref, beta, weight
