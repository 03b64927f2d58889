r"""KTO and APO-zero beyond beta = 1: which of those that are wanted share the mass, by branch and bound.

All mass is on wanted responses, as others gain nothing by it. Where the bound of :mod:`tabular.simplex.sigmoids` misses
by what somebody would take a part of, he has nothing, or is beyond his bend, or is the riser, between two shares that
close in (Udell and Boyd 2013, "Maximizing a sum of sigmoids", split so).

**Order.** Of two responses with one m the one of larger a has no smaller share: exchanging their shares would gain. So
what one of them is decided to be says what others are.
"""

from dataclasses import dataclass

import numpy as np

from tabular.simplex.sigmoids import Gains, Nodes, relaxed
from tabular.simplex.wishes import polished

__all__ = ["shared"]

_GAP = 1e-10  # of the value: closer than that nothing is told apart
#: Looked at for one prompt: a bound holds however many they are, and what it does not prove is said to be LOCAL.
_NODES = 4096
_EDGE = 0.1  # of a riser's interval: it is split no closer to its ends


def shared(wishes, wanted) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``(p, n)`` log-policies of the least sum, ``(p,)`` log mu, and by how much less there may be: 0 if proved not.

    Args:
        wishes: :class:`tabular.simplex.wishes.Bells` at beta > 1. wanted: ``(p, n)``, somebody in every row.
    """
    gains, p, nothing = Gains.of_wanted(wishes, wanted), len(wanted), np.full(len(wanted), -np.inf)
    nodes = Nodes(np.arange(p), ~wanted, np.zeros(wanted.shape, bool), np.full(p, -1), nothing, nothing)
    worth, seen, bound = None, np.zeros(p, dtype=np.int64), nothing.copy()
    best, x, log_price, taker = nothing.copy(), np.full(wanted.shape, -np.inf), np.zeros(p), np.full(p, -1)

    def kept(row, policy, price, part):
        """The values of policies; those that are better than the best are kept, and who takes a part in them."""
        value = worth.value(gains.of(row), row, policy)
        order = np.argsort(value, kind="stable")
        order = order[value[order] > best[row[order]]]
        for whole, new in ((best, value), (x, policy), (log_price, price), (taker, part)):
            whole[row[order]] = new[order]  # of a prompt's the last is the best
        return value

    while len(nodes):
        found = relaxed(gains.of(nodes.row), nodes)
        worth = worth or _Worth.of(gains, found.x)
        nodes, found = nodes[found.feasible], found[found.feasible]
        row = nodes.row
        above = kept(row, found.x, found.log_price, found.part) + worth.missed(row, found.log_missed)
        left = np.flatnonzero((found.part >= 0) & _better(above, best[row]))
        rises = left[found.part[left] == nodes.riser[left]]
        kept(*_balanced(gains, row[rises], found.x[rises], found.log_price[rises]))
        first = seen[row[left]] == 0
        kept(*_rounded(gains, row[left[first]], found.x[left[first]], found.part[left[first]]))
        left = left[_better(above[left], best[row[left]])]
        seen += np.bincount(row, minlength=p)
        dropped = seen[row[left]] > _NODES
        np.maximum.at(bound, row[left[dropped]], above[left[dropped]])
        left = left[~dropped]
        nodes = _split(gains.of(row[left]), nodes[left], found.part[left], found.x[left])
    parted = np.flatnonzero(taker >= 0)  # what is as good and takes no part balances, too
    ends = _rounded(gains, parted, x[parted], taker[parted]), _balanced(gains, parted, x[parted], log_price[parted])
    policies = [np.concatenate(columns) for columns in zip(*ends, strict=True)]
    as_good = ~_better(best[policies[0]], worth.value(gains.of(policies[0]), *policies[:2]))
    policies = [part[as_good] for part in policies]
    best[policies[0]] = -np.inf
    kept(*policies)
    x -= np.logaddexp.reduce(x, axis=1)[:, None]
    return x, log_price, np.exp(worth.unit) * np.maximum(bound - best, 0.0)


@dataclass(frozen=True, eq=False)
class _Worth:
    """Of policies: what they gain, or less what they lack of all there is, whichever is less for the prompt, in units.

    Attributes:
        lacks: ``(p,)`` mask. unit: ``(p,)``, logs.
    """

    lacks: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, gains, x):
        gain, lack = (np.logaddexp.reduce(part, axis=1) for part in (gains.log_gain(x), gains.log_lack(x)))
        return cls(lack < gain, np.minimum(gain, lack))

    @np.errstate(over="ignore")
    def missed(self, row, log_missed):
        return np.exp(log_missed - self.unit[row])

    @np.errstate(over="ignore")
    def value(self, gains, row, x):
        lacks = self.lacks[row]
        each = np.where(lacks[:, None], gains.log_lack(x), gains.log_gain(x)) - self.unit[row, None]
        return np.where(lacks, -1.0, 1.0) * np.exp(each).sum(axis=1)


def _better(value, best):
    """Mask of the values that are better by more than what tells nothing apart."""
    return value > best + _GAP * np.abs(np.maximum(best, np.finfo(float).min))


def _split(gains, nodes, part, x):
    """The nodes with what is decided of those who take a part."""
    at = np.arange(len(part)), part
    alike = gains.middle == gains.middle[at][:, None]
    size, own, place = gains.log_size, gains.log_size[at][:, None], np.arange(x.shape[1])
    before = alike & ((size > own) | ((size == own) & (place < part[:, None])))
    after, one = alike & ~before, place == part[:, None]
    rising, unsettled = nodes.riser == part, nodes.riser < 0
    shares = nodes.low, nodes.high
    children = [
        (~rising, nodes.out | after, nodes.inner, nodes.riser, *shares),
        (~rising, nodes.out, nodes.inner | before | one, nodes.riser, *shares),
        (unsettled, nodes.out | (after & ~one), nodes.inner | before, part, shares[0], gains.bend[at]),
    ]
    share = _inside(x[at], *shares)
    children += [
        (rising, nodes.out, nodes.inner, nodes.riser, *ends) for ends in ((shares[0], share), (share, shares[1]))
    ]
    parts = [[column[mask] for column in (nodes.row, *columns)] for mask, *columns in children]
    return Nodes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _inside(share, low, high):
    """The log-share, but not next to an end."""
    with np.errstate(invalid="ignore", divide="ignore"):
        least = np.exp(low - high)
        return high + np.log(np.clip(np.exp(share - high), least + _EDGE * (1 - least), 1 - _EDGE * (1 - least)))


def _rounded(gains, row, x, part):
    """Rows, policies, log-prices and -1 where who takes a part has nothing, or is beyond his bend like the others."""
    k, there = len(x), np.tile(x > -np.inf, (2, 1))
    there[np.arange(2 * k), np.tile(part, 2)] = np.repeat([False, True], k)
    row, nothing = np.tile(row, 2), np.full(2 * k, -np.inf)
    found = relaxed(gains.of(row), Nodes(row, ~there, there, np.full(2 * k, -1), nothing, nothing))
    return tuple(part[found.feasible] for part in (row, found.x, found.log_price, np.full(2 * k, -1)))


def _balanced(gains, row, x, log_price):
    """Rows, policies, log-prices and -1 where Newton's steps end, of those that do."""
    if not row.size:
        return row, x, log_price, row
    policy, price = polished(gains.of(row), x > -np.inf, x, log_price)
    near = ~np.isnan(price)
    return row[near], policy[near], price[near], np.full(near.sum(), -1)
