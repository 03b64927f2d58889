r"""Maximal gain within a budget, at most one option from each group: the multiple-choice knapsack, with proof.

**Relaxation.** Replace the options of a group, with the empty one, by their concave hull: increments of falling slope
gain/cost. Taking increments in order of slope, over all groups, gives points (cost, gain) that (i) are feasible,
because the increments of a group come in order, and (ii) lie on the concave majorant of everything feasible, so that
linear interpolation between them bounds every choice from above (Dantzig 1957; Sinha and Zoltners 1979). The two
bounds differ by less than one increment. Where all increments gain the same and no option lies below its hull, whole
increments are all that counts and the feasible point is optimal.

**Exact.** Otherwise groups are added one by one to the list of undominated (cost, gain) states (Nemhauser and Ullmann
1969), and a state is dropped when its gain plus the relaxation of the groups still to come cannot beat the best
feasible choice known. What survives is the proof of optimality.
"""

from dataclasses import dataclass

import numpy as np

from tabular.base.rows import Rows

__all__ = ["LEAST", "Options", "Relaxation", "best", "divided", "relax", "searchable"]

#: Stands for a cost too small for the floats: what inverts a pair that is right wherever the loss is least costs more
#: than nothing, so it is not for free at a level that is the infimum itself.
LEAST = np.nextafter(0.0, 1.0)
_STATES = 200_000  # undominated states kept at most
_WORK = 50_000_000  # increments looked at over all groups, at most
_DEAREST = 1e300  # gain for a unit of cost: stands for what is for free
_ROUNDING = 1e-12  # gains this close, relative to the total, count as equal


@dataclass(frozen=True, eq=False)
class Options(Rows):
    """``(n_options,)`` arrays: the group of each option (0, 1, ...), its cost >= 0 and its gain > 0."""

    group: np.ndarray
    cost: np.ndarray
    gain: np.ndarray

    @property
    def n_groups(self):
        return int(self.group.max(initial=-1)) + 1


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Increments in order of falling gain/cost, and their running totals from (0, 0).

    Attributes:
        group, option: ``(n,)`` the group each increment belongs to and the option it leads to.
        cost, gain: ``(n + 1,)`` running totals; exact: whether every point is optimal for its cost.
    """

    group: np.ndarray
    option: np.ndarray
    cost: np.ndarray
    gain: np.ndarray
    exact: bool

    def reached(self, budget):
        """The number of whole increments within a budget."""
        return np.searchsorted(self.cost, budget, side="right") - 1

    def bounds(self, budget):
        """Gain that is feasible, and gain that is not exceeded, within each budget."""
        feasible = self.gain[self.reached(budget)]
        return feasible, feasible if self.exact else np.interp(budget, self.cost, self.gain)


def relax(options: Options) -> Relaxation:
    """The concave relaxation, all budgets at once."""
    order = np.lexsort((-options.gain, options.cost, options.group))
    size = np.bincount(options.group, minlength=options.n_groups)
    alone = size[options.group[order]] == 1
    cost, gain = options.cost[order[alone]], options.gain[order[alone]]
    parts = [(order[alone], cost, gain, cost / gain)]
    rest = order[~alone]
    groups = np.split(rest, np.flatnonzero(np.diff(options.group[rest])) + 1) if rest.size else []
    on_hull = True
    for members in groups:
        kept = members[_undominated(options.gain[members])]
        hull = kept[_hull(options.cost[kept], options.gain[kept])]
        on_hull &= len(hull) == len(kept)
        cost, gain = np.diff(options.cost[hull], prepend=0), np.diff(options.gain[hull], prepend=0)
        parts.append((hull, cost, gain, np.maximum.accumulate(cost / gain)))  # rounding must not swap increments
    option, cost, gain, slope = (np.concatenate(a) for a in zip(*parts, strict=True))
    by_slope = np.argsort(slope, kind="stable")
    option, cost, gain = option[by_slope], cost[by_slope], gain[by_slope]
    even = gain.size == 0 or np.ptp(gain) <= _ROUNDING * gain.max()
    total = np.r_[0, gain.max(initial=0) * np.arange(1, len(gain) + 1)] if even else np.r_[0, np.cumsum(gain)]
    return Relaxation(options.group[option], option, np.r_[0, np.cumsum(cost)], total, bool(on_hull and even))


def divided(room, cost, gain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of ``(k, n)`` options, each a group by itself, what is gained at most within each row's room if they are divided.

    And how much less it is without each of them, or minus that with it, if that is below 0; and the gain for a unit of
    cost at which the room is filled, 0 where there is room for all.

    >>> room, cost, gain = np.array([4.0]), np.array([[2.0, 4.0, 9.0]]), np.array([[4.0, 4.0, 3.0]])
    >>> [found.tolist() for found in divided(room, cost, gain)]
    [[6.0], [[2.0, 0.0, -6.0]], [1.0]]
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        worth = np.where(gain > 0, np.minimum(gain / cost, _DEAREST), 0.0)
        order = np.argsort(-worth, axis=1, kind="stable")
        paid = np.cumsum(np.take_along_axis(np.where(gain > 0, cost, 0.0), order, axis=1), axis=1)
        last = np.minimum((paid <= room[:, None]).sum(axis=1), paid.shape[1] - 1)
        price = np.take_along_axis(np.take_along_axis(worth, order, axis=1), last[:, None], axis=1)
        price = np.where(paid[:, -1:] <= room[:, None], 0.0, price)
        less = np.where(gain > 0, gain - np.where(price > 0, price * cost, 0.0), 0.0)
        spent = np.where(price > 0, price * room[:, None], 0.0)
    return (spent + np.maximum(less, 0.0).sum(axis=1, keepdims=True))[:, 0], less, price[:, 0]


def best(options: Options, relaxed: Relaxation, budget: float) -> tuple[np.ndarray, bool]:
    """The options of the most gain within a budget, and whether that is proved (else they are merely feasible).

    >>> options = Options(np.array([0, 1, 2]), np.array([6.0, 5.0, 5.0]), np.array([9.0, 7.0, 7.0]))
    >>> best(options, relax(options), 10.0)[0].tolist()  # by slope it would be option 0 alone
    [1, 2]
    """
    reached = int(relaxed.reached(budget))
    feasible = _last_of_each_group(relaxed, reached)
    if relaxed.exact or reached == len(relaxed.option):
        return feasible, True
    if not searchable(options, relaxed):
        return feasible, False
    chosen, proved = _search(options, relaxed, budget, relaxed.gain[reached])
    return (feasible if chosen is None else chosen), proved


def searchable(options: Options, relaxed: Relaxation) -> bool:
    """Whether :func:`best` searches, or leaves it at the relaxation because the instance is too large."""
    return options.n_groups * len(relaxed.option) <= _WORK


def _search(options, relaxed, budget, known):
    """States (cost, gain) group by group, in order of slope; ``None`` where nothing beats what is known.

    Every state can go on by the next increments that fit: those that may not reach what the best of these has are left.
    """
    _, first = np.unique(relaxed.group, return_index=True)
    turn = np.empty(options.n_groups, dtype=np.int64)
    turn[relaxed.group[np.sort(first)]] = np.arange(options.n_groups)
    members = np.split(np.argsort(turn[options.group], kind="stable"), np.cumsum(np.bincount(turn[options.group]))[:-1])
    step_cost, step_gain, step_turn = np.diff(relaxed.cost), np.diff(relaxed.gain), turn[relaxed.group]
    tiny = _ROUNDING * relaxed.gain[-1]
    cost, gain, trace = np.zeros(1), np.zeros(1), []
    for stage, group in enumerate(members):
        new_cost = np.add.outer(np.r_[0, options.cost[group]], cost).ravel()
        new_gain = np.add.outer(np.r_[0, options.gain[group]], gain).ravel()
        later = step_turn > stage
        to_come = np.r_[0, np.cumsum(step_cost[later])], np.r_[0, np.cumsum(step_gain[later])]
        hope = new_gain + np.interp(budget - new_cost, *to_come)
        whole = np.searchsorted(to_come[0], budget - new_cost, side="right") - 1  # increments that all fit
        known = max(known, np.where(whole >= 0, new_gain + to_come[1][whole], 0.0).max() - 2 * tiny)
        alive = np.flatnonzero((new_cost <= budget) & (hope > known + tiny))
        alive = alive[np.argsort(new_cost[alive], kind="stable")]
        alive = alive[_undominated(new_gain[alive])]
        trace.append((alive // len(cost), alive % len(cost), group))
        cost, gain = new_cost[alive], new_gain[alive]
        if not alive.size:
            return None, True
        if alive.size > _STATES:
            return None, False
    return _traced(trace, int(np.argmax(gain))), True


def _traced(trace, state):
    """The options that lead to a final state."""
    chosen = []
    for pick, parent, group in reversed(trace):
        if pick[state]:
            chosen.append(group[pick[state] - 1])
        state = parent[state]
    return np.array(sorted(chosen), dtype=np.int64)


def _last_of_each_group(relaxed, reached):
    """The options that the first increments lead to."""
    last = dict(zip(relaxed.group[:reached].tolist(), relaxed.option[:reached].tolist(), strict=True))
    return np.array(sorted(last.values()), dtype=np.int64)


def _undominated(gain):
    """Mask of the entries, in order of cost, that gain more than all before them."""
    return gain > np.maximum.accumulate(np.r_[-np.inf, gain])[:-1]


def _hull(cost, gain):
    """Positions on the concave hull from (0, 0), its edges included, of points of rising cost and gain."""
    hull = []
    for k in range(len(cost)):
        while hull:
            c, g = (cost[hull[-2]], gain[hull[-2]]) if len(hull) > 1 else (0.0, 0.0)
            if (gain[hull[-1]] - g) * (cost[k] - c) >= (1 - _ROUNDING) * (gain[k] - g) * (cost[hull[-1]] - c):
                break
            hull.pop()
        hull.append(k)
    return np.array(hull, dtype=np.int64)
