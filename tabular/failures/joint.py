r"""Which pairs can be inverted *together* at a given loss?

For a set S of labelled pairs let :math:`C(S)=\inf\{L:\delta_i\le 0\ \forall i\in S\}`. Components of the labels
separate, so take one component.

**Ties are all that has to be searched.** For a partition P of the responses into groups joined by labels, tie each
group (equal log-probabilities) and minimise the loss: the infimum is E(P), and since every label has one margin there
(softplus is strictly convex; +inf between blocks), so is the set I(P) of labels with :math:`\delta\le 0`. Then

.. math:: C(S)=\min\{E(P):I(P)\supseteq S\}.

Each E(P) on the right is reached with S inverted, so none is below C(S). Conversely, at the optimum for S let A be the
constraints with a positive multiplier: they hold with equality, and the same multipliers prove that the optimum is
also the least of L where the pairs of A are tied; so it is that of the partition P which A joins, S lies in I(P) by
uniqueness of the margins, and :math:`E(P)=C(S)`. (Where nothing is attained, the labels whose margin grows without
bound along a minimising sequence cost 0 in the limit and are not in S; drop them and repeat the argument.)

A coarser partition costs at least as much, so the search goes from the partition of singletons by merging the two
ends of one label at a time and never goes below a partition that is too dear. A tree of m labels has 2^m partitions
of this kind, n responses all compared have as many as there are partitions of n (203 for 6).
"""

from dataclasses import dataclass

import numpy as np

from tabular.errors import InputError
from tabular.failures import ties
from tabular.failures.infimum import Infimum
from tabular.log_space import normalised

PARTITIONS = 20_000  # searched for one component at most: seconds; beyond it, certified bounds


@dataclass(frozen=True, eq=False)
class Ways:
    """Ways to invert some labels of one component, each a tie pattern at its best.

    Attributes:
        component: ``(n_ways,)``; pattern: for each way, the leader of each place of the component.
        cost: ``(n_ways,)`` E(P) less the component's infimum, in nats of mean loss.
        inverted: for each way, the kept labels (positions in ``LabelGraph.label``) with delta <= 0.
        cut_short: components whose search met the limit: further ways exist that are not listed.
    """

    component: np.ndarray
    pattern: list
    cost: np.ndarray
    inverted: list
    cut_short: np.ndarray


def ways(at: Infimum, components, budget=np.inf, merge=None, limit=PARTITIONS) -> Ways:
    """Every tie pattern of the listed components that costs at most ``budget``, cheapest merges first.

    Args:
        merge: mask ``(n_labels,)`` of the kept labels whose ends may be tied; all by default.
    """
    components = np.asarray(components, dtype=np.int64)
    merge = np.ones(len(at.graph.label), dtype=bool) if merge is None else merge
    edges = {int(c): _merges(at.graph, c, merge) for c in components}
    counted = dict.fromkeys(edges, 0)
    layer = [(c, tuple(range(at.graph.nodes_of.size[c]))) for c in edges]
    found, cut_short = [], set()
    while layer:
        kept = [way for way in _fitted(at, layer) if way[2] <= budget]
        found += kept
        for component, *_ in kept:
            counted[component] += 1
        cut_short |= {c for c in counted if counted[c] > limit}
        coarser = {
            (c, _merged(pattern, a, b))
            for c, pattern, *_ in kept
            if c not in cut_short
            for a, b in edges[c]
            if pattern[a] != pattern[b]
        }
        layer = sorted(coarser)
    component, pattern, cost, inverted = zip(*found, strict=True) if found else ((), (), (), ())
    component, cut_short = (np.array(a, dtype=np.int64) for a in (component, sorted(cut_short)))
    return Ways(component, list(pattern), np.array(cost), list(inverted), cut_short)


def policy(at: Infimum, components, patterns) -> np.ndarray:
    """``(n_prompts, n_responses)`` log-policy with some components tied like that, the rest near their infimum."""
    log_policy = at.unnormalised.copy()
    if len(components):
        copies = ties.Copies(at.graph, np.array(components))
        log_policy[copies.node] = copies.fit(_leaders(copies, patterns)).log_policy()
    return normalised(log_policy.reshape(at.graph.problem.log_ref.shape))


def _leaders(copies, patterns):
    return np.concatenate(patterns) + copies.start[copies.node_copy]


def _merges(graph, component, merge):
    """The pairs of places of a component that a label joins, each once."""
    labels, _ = graph.labels_of.gather(np.array([component]))
    labels = labels[merge[labels]]
    ends = zip(graph.place[graph.winner[labels]].tolist(), graph.place[graph.loser[labels]].tolist(), strict=True)
    return sorted({(min(e), max(e)) for e in ends})


def _merged(pattern, a, b):
    """The pattern with the groups of a and b made one, led by its first place."""
    low, high = sorted((pattern[a], pattern[b]))
    return tuple(low if leader == high else leader for leader in pattern)


def _fitted(at, layer):
    """(component, pattern, cost above the infimum, inverted labels) of each pattern of a layer."""
    component = np.array([c for c, _ in layer])
    for batch in at.graph.batches(component):
        copies = ties.Copies(at.graph, component[batch])
        fit = copies.fit(_leaders(copies, [layer[k][1] for k in batch]))
        cost = fit.cost - at.cost[component[batch]]
        delta = _delta(at, fit)
        down = np.flatnonzero(delta <= 0)
        inverted = np.split(copies.edge[down], np.searchsorted(copies.edge_copy[down], np.arange(1, len(copies))))
        for index, k in enumerate(batch):
            yield *layer[k], float(max(cost[index], 0.0)), inverted[index]


def _delta(at, fit):
    """delta of every label of every copy: exactly 0 where it is tied."""
    copies = fit.copies
    log_ref = at.graph.log_ref[copies.node]
    delta = log_ref[copies.winner] - log_ref[copies.loser] + fit.margin / at.graph.problem.beta
    return np.where(fit.leader[copies.winner] == fit.leader[copies.loser], 0.0, delta)


def cost_of(at: Infimum, labels, limit=PARTITIONS):
    """``(C(S) - inf L, [(component, pattern)])`` for S a list of kept labels."""
    wanted = np.zeros(len(at.graph.label), dtype=bool)
    wanted[labels] = True
    components = np.unique(at.graph.component[at.graph.winner[wanted]])
    found = ways(at, components, merge=wanted, limit=limit)
    if found.cut_short.size:
        raise InputError(
            f"the {int(wanted.sum())} pairs have more than {limit} tie patterns, because so many share responses: "
            "ask about fewer at once, or use failure_modes.accuracy_bounds"
        )
    total, chosen = 0.0, []
    for component in components:
        mine = set(np.flatnonzero(wanted & (at.graph.component[at.graph.winner] == component)).tolist())
        able = [k for k in np.flatnonzero(found.component == component) if mine <= set(found.inverted[k].tolist())]
        best = min(able, key=lambda k: found.cost[k])
        total += found.cost[best]
        chosen.append((component, found.pattern[best]))
    return total, chosen
