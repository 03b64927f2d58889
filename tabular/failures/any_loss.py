r"""Thresholds and worst cases for every convex loss of differences; DPO's are in :mod:`tabular.failures.thresholds`.

With :math:`g(t)=\inf\{L:\delta_i=t\}`, convex, the threshold is :math:`v_i=\min_{t\le 0}g(t)`: g(0) where the labels
pull the tied winner up (g falls there), inf L where they do not. For a strictly convex loss the least loss with every
pair of a set inverted is met among the patterns of ties, as in :mod:`tabular.failures.joint`; for hinges it is a linear
programme for each set; for a user's loss, which may be flat, multipliers tell (:mod:`tabular.failures.held_sets`).
Components of the labels are the items of a knapsack.
"""

from dataclasses import field
from itertools import combinations

import numpy as np

from tabular.base import checks, digraph, tolerances
from tabular.base.log_space import normalised
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.failures import held_sets, knapsack
from tabular.failures.frontier import Frontier
from tabular.failures.held import Graph, require_exact
from tabular.failures.inversion import positions
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__all__ = ["LossThresholds", "frontier", "joint_threshold", "thresholds"]

_CLEAR = 1e-6  # of what a margin is made of: a fit tells the sign of more
_LABELS = 10  # of a component up to which all sets of inverted labels are tried


class LossThresholds(Record):
    """The thresholds of all pairs; arrays are ``(n_pairs,)``.

    Attributes:
        value: v_i, as mean loss: no policy with less ranks the pair wrong or tied; -inf where it decides nothing.
        infimum: of the loss; delta: where it is least, +-inf in the limit, nan where it is free.
        binds: whether delta_i <= 0 holds the loss up.
        multiplier: minus the derivative of v_i in the bound on delta, in nats of loss per nat.
        attained: whether some policy with delta_i <= 0 has loss v_i exactly.
        base, levels: log-ratios near the infimum, and of a pair's component with the pair held, by pair.
    """

    value: np.ndarray
    infimum: float
    delta: np.ndarray
    binds: np.ndarray
    multiplier: np.ndarray
    attained: np.ndarray
    base: np.ndarray = field(repr=False)
    levels: dict = field(repr=False)
    graph: Graph = field(repr=False)

    @property
    def excess(self) -> np.ndarray:
        """v_i - inf L."""
        with np.errstate(invalid="ignore"):
            return np.where(self.value == self.infimum, 0.0, self.value - self.infimum)

    def status(self, pair: int) -> Status:
        """UNBOUNDED, UNATTAINED, or SET: whether policies have delta_i <= 0 at loss v_i."""
        if self.value[pair] == -np.inf:
            return Status.UNBOUNDED
        return Status.SET if self.attained[pair] else Status.UNATTAINED

    def witness(self, pair: int) -> np.ndarray:
        """``(n_prompts, n_responses)`` log-policy with delta_i <= 0 at loss v_i, or near where it is not attained."""
        graph, level = self.graph, self.base
        log_ref, w, y = graph.problem.log_ref.ravel(), graph.winner[pair], graph.loser[pair]
        above = log_ref[w] + level[w] - log_ref[y] - level[y]
        if pair in self.levels and (self.binds[pair] or above > 0):
            level = _spread(graph, [graph.component[w]], [self.levels[pair]], level)
        elif above > 0 and graph.component[w] != graph.component[y]:
            level = np.where(graph.component == graph.component[w], level - above - 1, level)
        total = log_ref + level
        if abs(total[w] - total[y]) <= 1e-12 * (1 + abs(total[y])):  # a tie holds the very same number
            total[w] = total[y]
        return normalised(total.reshape(graph.problem.log_ref.shape))


@takes_nouns
@one_thread
def thresholds(problem: Problem, preferences: Preferences, loss: Loss) -> LossThresholds:
    r"""Below which mean loss is a pair certainly ranked right?

    Raises:
        InputError: a loss that is not a convex loss of differences, labels that the problem does not have.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=1)
    >>> one_pair = Preferences.from_pairs([(0, 1)])
    >>> for name, params in [("cdpo", {"eps": 0.1}), ("rdpo", {"eps": 0.1}), ("ipo", {}), ("hinge", {})]:
    ...     print(name, thresholds(problem, one_pair, losses.get(name, **params)).value.round(6).tolist())
    cdpo [0.361773]
    rdpo [0.049857]
    ipo [0.0]
    hinge [0.0]
    """
    require_exact(loss, "thresholds")
    preferences.check_against(problem)
    graph = Graph.of(problem, preferences, loss)
    return _hinge_thresholds(graph) if loss.scalar.shape == "hinge" else _smooth_thresholds(graph)


def _smooth_thresholds(graph):
    whole = graph.hold(graph.labelled, [np.arange(k) for k in graph.nodes_of.size[graph.labelled]])
    n_components = len(graph.labels_of.size)
    rest, attained = np.zeros(n_components), np.ones(n_components, dtype=bool)
    rest[graph.labelled], attained[graph.labelled] = whole.cost, whole.attained
    base = _spread(graph, graph.labelled, whole.log_ratio, np.zeros(graph.labels.n_nodes))
    n_pairs, infimum = len(graph.winner), float(rest.sum())
    value, multiplier, binds = np.full(n_pairs, infimum), np.zeros(n_pairs), np.zeros(n_pairs, dtype=bool)
    reached, levels, delta = np.full(n_pairs, attained.all()), {}, _deltas(graph, whole, base)
    pairs = np.flatnonzero(_may_bind(graph, delta, rest > -np.inf))
    if len(pairs):
        component, (held, copy, pull) = graph.component[graph.winner[pairs]], _tied(graph, pairs, whole)
        cost = held.cost[copy]
        holds = (pull > 0) & (cost > rest[component])
        binds[pairs], multiplier[pairs] = holds, np.where(holds, graph.rate * pull, 0.0)
        value[pairs] = np.where(holds, _others(rest, component) + cost, infimum)
        alone = np.sum(~attained) == ~attained[component]
        reached[pairs] = np.where(holds, held.attained[copy] & alone, attained.all())
        levels = {pair: held.log_ratio[k] for pair, k in zip(pairs.tolist(), copy.tolist(), strict=True)}
    return LossThresholds(value, infimum, delta, binds, multiplier, reached, base, levels, graph)


def _tied(graph, pairs, whole):
    """Fits with two responses tied, which of them is each pair's, and its pull; they begin at those of the whole."""
    winner, loser = graph.winner[pairs], graph.loser[pairs]
    key = np.minimum(winner, loser) * graph.labels.n_nodes + np.maximum(winner, loser)
    first, copy = np.unique(key, return_index=True, return_inverse=True)[1:]
    component = graph.component[winner[first]]
    near = dict(zip(graph.labelled.tolist(), whole.strength, strict=True))
    ties = [_tie(graph, pair) for pair in pairs[first]]
    held = graph.hold(component, ties, [near[c] for c in component.tolist()])
    return held, copy, np.where(winner > loser, 1.0, -1.0) * held.pull[copy]  # the higher node follows


def _may_bind(graph, delta, bounded):
    """``(n_pairs,)`` mask: joined by labels, and not wrong already at a minimiser: there the cost is what it may be."""
    joined = graph.component[graph.winner] == graph.component[graph.loser]
    log_ref = graph.problem.log_ref.ravel()
    slack = _CLEAR * (1 / graph.rate + np.abs(log_ref[graph.winner] - log_ref[graph.loser]))
    return joined & ~(bounded[graph.component[graph.winner]] & (delta < -slack))


def _others(cost, component):
    """What all components but one add; -inf where another one is unbounded below."""
    unbounded = np.isneginf(cost)
    finite = np.where(unbounded, 0.0, cost)
    elsewhere = unbounded.sum() - unbounded[component].astype(int)
    return np.where(elsewhere > 0, -np.inf, finite.sum() - finite[component])


def _tie(graph, pair):
    """The lower of the pair's two nodes leads the other."""
    nodes = graph.nodes_of.gather(graph.component[graph.winner[[pair]]])[0]
    w, y = (int(np.flatnonzero(nodes == end)[0]) for end in (graph.winner[pair], graph.loser[pair]))
    leader = np.arange(len(nodes))
    leader[max(w, y)] = min(w, y)
    return leader


def _spread(graph, components, levels, into):
    into = into.copy()
    for component, level in zip(components, levels, strict=True):
        into[graph.nodes_of.gather(np.array([component]))[0]] = level
    return into


def _deltas(graph, whole, level):
    """``(n_pairs,)`` of delta where the loss is least: labels as fitted, other pairs from the levels, nan if free."""
    delta = np.full(len(graph.winner), np.nan)
    edge = graph.labels_of.gather(graph.labelled)[0]
    delta[graph.label[edge]] = np.concatenate(whole.delta)
    log_ref = graph.problem.log_ref.ravel()
    joined = graph.component[graph.winner] == graph.component[graph.loser]
    asked = joined & (graph.preferences.log_weight == -np.inf)
    settled = np.zeros(len(graph.labels_of.size), dtype=bool)
    settled[graph.labelled] = whole.attained
    known = asked & settled[graph.component[graph.winner]]
    total = log_ref + level
    delta[known] = (total[graph.winner] - total[graph.loser])[known]
    return delta


def _hinge_thresholds(graph):
    """Each pair held by an inequality: exact linear programmes."""
    none = np.zeros(0, dtype=np.int64)
    start = {c: graph.circulation(c) for c in graph.labelled.tolist()}
    faces = {c: graph.hinged(c, none, start[c]) for c in start}
    least = {c: float(face.minimum.sum()) for c, face in faces.items()}
    infimum, n_pairs = float(sum(least.values())), len(graph.winner)
    base = _spread(graph, faces, [f.strength / graph.rate for f in faces.values()], np.zeros(graph.labels.n_nodes))
    value, binds, multiplier = np.full(n_pairs, infimum), np.zeros(n_pairs, dtype=bool), np.zeros(n_pairs)
    levels = {}
    for pair in np.flatnonzero(graph.component[graph.winner] == graph.component[graph.loser]).tolist():
        component = int(graph.component[graph.winner[pair]])
        face = graph.hinged(component, np.array([pair]), start[component])
        levels[pair] = face.strength / graph.rate
        cost = max(float(face.minimum.sum()) - least[component], 0.0)
        binds[pair] = cost > tolerances.LOSS * max(infimum, 1e-300)
        value[pair] += cost
        multiplier[pair] = graph.rate * face.pull[-1] if binds[pair] else 0.0
    delta, reached = np.full(n_pairs, np.nan), np.ones(n_pairs, dtype=bool)
    return LossThresholds(value, infimum, delta, binds, multiplier, reached, base, levels, graph)


@takes_nouns
@one_thread
def frontier(problem: Problem, preferences: Preferences, loss: Loss) -> Frontier:
    r"""Worst-case accuracy against mean loss: see :class:`tabular.failures.frontier.Frontier`.

    Raises:
        InputError: a loss that is not a convex loss of differences; one that these labels leave unbounded below; a
            user's own with a kink where it is least; a component of more than 10 labels.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], beta=1)
    >>> labels = Preferences.from_pairs([(0, 0, 1), (1, 0, 1)])
    >>> found = frontier(problem, labels, losses.get("ipo"))  # its optimum inverts the first pair
    >>> [series.round(4).tolist() for series in found.steps]
    [[0.0, 0.125], [0.5, 0.0]]
    """
    require_exact(loss, "worst cases")
    preferences.check_against(problem)
    graph = Graph.of(problem, preferences, loss)
    large = graph.labels_of.size.max()
    if large > _LABELS:
        raise InputError(
            f"a component has {large} labels: worst cases of losses other than dpo are searched up to {_LABELS}"
        )
    weight = np.exp(graph.preferences.log_weight[graph.label] - graph.preferences.log_weight.max())
    ways = _ways(graph, graph.labelled.tolist())
    infimum, base, items = 0.0, 0.0, []
    for component, found in ways.items():
        least = min(cost for cost, _ in found)
        if least == -np.inf:
            raise InputError(f"{loss.name} is unbounded below on these labels: any level leaves all other pairs free")
        slack = tolerances.LOSS * max(abs(least), 1e-300)
        gains = [(max(cost - least, 0.0), float(weight[list(inverted)].sum())) for cost, inverted in found]
        rest = max(gain for cost, gain in gains if cost <= slack)
        infimum, base = infimum + least, base + rest
        items += [(component, max(cost, knapsack.LEAST), gain - rest) for cost, gain in gains if gain > rest]
    group, cost, gain = zip(*items, strict=True) if items else ((), (), ())
    group = np.unique(np.array(group, dtype=np.int64), return_inverse=True)[1]
    options = knapsack.Options(group, np.array(cost), np.array(gain))
    return Frontier(infimum, options, base, float(weight.sum()))


def joint_threshold(problem: Problem, preferences: Preferences, pairs, loss: Loss) -> float:
    r"""The least mean loss with every pair of a set at :math:`\delta\le 0`; pairs are positions of labels with weight.

    Raises:
        InputError: as for :func:`frontier`, and a position that is no label, or one of weight 0.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1)
    >>> chain = Preferences.from_pairs([(0, 1), (1, 2)])
    >>> [round(joint_threshold(problem, chain, s, losses.get("cdpo", eps=0.1)), 6) for s in ([0], [1], [0, 1])]
    [0.438228, 0.423085, 0.536229]
    """
    require_exact(loss, "joint thresholds")
    preferences.check_against(problem)
    pairs, graph = np.unique(positions(pairs, preferences.n_pairs)), Graph.of(problem, preferences, loss)
    checks.refuse(np.isneginf(preferences.log_weight[pairs]), pairs, "pairs", "the label has weight 0: leave it out")
    wanted = set(np.searchsorted(graph.label, pairs).tolist())
    touched = set(graph.component[graph.winner[pairs]].tolist())
    if graph.labels_of.size[list(touched)].max(initial=0) > _LABELS:
        raise InputError(f"a component of these pairs has more than {_LABELS} labels: ask about smaller ones")
    ways = _ways(graph, sorted(touched)) if touched else {}
    rest = [c for c in graph.labelled.tolist() if c not in touched]
    free = graph.hold(rest, [np.arange(graph.nodes_of.size[c]) for c in rest]).cost.sum() if rest else 0.0
    total = float(free)
    for component in touched:
        mine = wanted & set(graph.labels_of.gather(np.array([component]))[0].tolist())
        total += min(cost for cost, inverted in ways[component] if mine <= set(inverted))
    return total


def _ways(graph, components):
    """{component: (cost, labels with delta <= 0)}: of all sets of labels, or of what may be best of them."""
    shape = graph.loss.scalar.shape
    return {"hinge": _hinge_ways, "other": held_sets.ways}.get(shape, _tied_ways)(graph, components)


def _tied_ways(graph, asked):
    """{component: (cost, labels with delta <= 0) of each pattern of ties}."""
    components, groups = [], []
    for component in asked:
        edge = graph.labels_of.gather(np.array([component]))[0]
        nodes = graph.nodes_of.gather(np.array([component]))[0]
        place = {int(node): k for k, node in enumerate(nodes)}
        ends = [(place[int(graph.labels.winner[e])], place[int(graph.labels.loser[e])]) for e in edge]
        seen = {tuple(_leaders(len(nodes), tied)) for n in range(len(ends) + 1) for tied in combinations(ends, n)}
        components += [component] * len(seen)
        groups += [np.array(leader) for leader in sorted(seen)]
    held = graph.hold(np.array(components), groups)
    ways = {}
    for k, component in enumerate(components):
        edge = graph.labels_of.gather(np.array([component]))[0]
        scale = np.abs(graph.problem.log_ref.ravel()[graph.nodes_of.gather(np.array([component]))[0]]).max()
        inverted = edge[held.delta[k] <= 1e-12 * (1 + scale)]
        ways.setdefault(int(component), []).append((float(held.cost[k]), tuple(inverted.tolist())))
    return ways


def _leaders(size, tied):
    if not tied:
        return range(size)
    tail, head = np.array(tied).T
    group = digraph.components(size, tail, head)
    first = np.unique(group, return_index=True)[1]
    return first[group].tolist()


def _hinge_ways(graph, components):
    return {component: _hinge_costs(graph, component) for component in components}


def _hinge_costs(graph, component):
    """(v(S), S) of every set S of a component's labels.

    One programme tells those of all sets between the labels that hold its optimum up, by pulls above 0, and all labels
    that it inverts: to the former its dual is open, to the latter its primal.
    """
    edge = graph.labels_of.gather(np.array([component]))[0]
    pair, nodes = graph.label[edge], graph.nodes_of.gather(np.array([component]))[0]
    log_policy, each = graph.problem.log_ref.ravel().copy(), 1 << np.arange(len(edge))
    every = np.arange(2 ** len(edge))
    least, start = np.full(len(every), np.nan), graph.circulation(component)
    for s in every:
        if np.isnan(least[s]):
            asked = s & each > 0
            face = graph.hinged(component, pair[asked], start)
            log_policy[nodes] = graph.problem.log_ref.ravel()[nodes] + face.strength / graph.rate
            inverted = asked | (log_policy[graph.winner[pair]] <= log_policy[graph.loser[pair]])
            holds = each[asked] @ (face.pull[len(edge) :] > 0)
            least[(every & holds == holds) & (every & ~(each @ inverted) == 0)] = face.minimum.sum()
    return [(float(v), tuple(edge[s & each > 0].tolist())) for s, v in enumerate(least)]
