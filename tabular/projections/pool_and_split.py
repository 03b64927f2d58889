r"""The KL projection onto any consistent set of margins, as a complementarity problem in log-space.

With :math:`v=\log x`, :math:`a=\log p`, and the constraint of pair i scaled to
:math:`\sigma(-m_i)x_w\ge\sigma(m_i)x_l`, the optimality conditions of :math:`\min\sum x\log(x/p)-x+p` are

.. math:: v=a+\sum_i t_i\,(\sigma(-m_i)e_{w_i}-\sigma(m_i)e_{l_i}),\qquad
   0\le t_i\ \perp\ v_{w_i}-v_{l_i}-m_i\ge0,

because :math:`x_w\ge e^mx_l` and :math:`v_w-v_l\ge m` say the same. *No exponential of v is left*: the problem is
linear in v and t, a linear complementarity problem, as exact in the tails as anywhere. One pair has
:math:`t=\max(0,m-\delta^*)`.

The tight pairs with positive multipliers may be taken a forest: around a cycle of tight pairs one multiplier is spare
(Caratheodory). In a tree the multipliers are flows: with :math:`u_w-u_l=m`, :math:`\omega=e^u` and
:math:`\varphi_i=t_i\,h(\omega_{w_i},\omega_{l_i})`, :math:`h(x,y)=xy/(x+y)`, the conditions say that
:math:`\varphi_i` is what the nodes beyond pair i receive, :math:`\sum\omega_y(v_y-a_y)`, a weight times a difference of
two means. Weights are only ever added, in logs.

This is a dual active-set method: pool-adjacent-violators for an arbitrary digraph. It starts at v = a, raises the
multiplier of the most violated pair while the tight pairs stay tight, and lets go of a pair when its multiplier reaches
0. Every step raises the dual value :math:`-\sum_yp_ye^{(At)_y}`, so no forest comes twice and it ends, provided that
the constraints are consistent, which is known beforehand.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import log_expit

from tabular.base import tolerances

__all__ = ["pool_and_split"]

_LOG_2 = math.log(2)
_TOP = 709.0  # nats: e^709 is the last whole power in double precision
_NONE = 0.0, 0.0  # a multiplier is a product: of a difference of two means, and of what is known by its log


def pool_and_split(log_p, winner, loser, margin):
    r"""``tilt (n_edges,)`` and the ``(n_edges,)`` mask of a forest of tight pairs, of one problem.

    >>> tilt, tight = pool_and_split(np.log([0.1, 0.4, 0.5]), np.array([0, 0]), np.array([1, 2]), np.zeros(2))
    >>> (tilt / np.log(2)).round(6).tolist(), tight.tolist()  # all three at their geometric mean
    ([1.118715, 1.762571], [True, True])
    """
    level, tilt, tight = log_p.copy(), [_NONE] * len(winner), np.zeros(len(winner), dtype=bool)
    pairs = list(zip(winner.tolist(), loser.tolist(), margin.tolist(), strict=True))
    links = [{} for _ in log_p]  # of each node: tight pair -> its other end
    exact = tolerances.TIGHT * (1 + np.abs(log_p).max() + np.abs(margin).max())
    settled, seen = np.zeros(len(winner), dtype=bool), set()
    while True:
        slack = level[winner] - level[loser] - margin
        slack[tight | settled] = 0.0
        violated = int(np.argmin(slack))
        forest = tight.tobytes()
        if slack[violated] >= -exact or forest in seen:  # no forest comes twice but by rounding
            return np.array([_size(multiplier) for multiplier in tilt]), tight
        dropped = _raise_until_tight(violated, -float(slack[violated]), tilt, log_p, pairs, links)
        if dropped is None:
            settled[violated] = True
            continue
        seen.add(forest)
        tight[violated], tight[dropped] = True, False
        changed = {end for pair in (violated, *dropped) for end in pairs[pair][:2]}
        while changed:
            members, pulls_back = _settle(changed.pop(), level, tilt, log_p, pairs, links)
            changed -= members
            if pulls_back is not None:  # let go too late: multipliers that fall together to the last digit
                _let_go(pulls_back, tilt, pairs, links)
                tight[pulls_back] = False
                changed.update(pairs[pulls_back][:2])


def _raise_until_tight(pair, shortfall, tilt, log_p, pairs, links):
    """Raise one multiplier, keeping the tight pairs tight and every multiplier >= 0, until its pair is tight too.

    Returns the pairs let go on the way; ``None`` where the pair, inside one tree, can come no nearer: its shortfall is
    rounding, as the constraints are consistent. Inside one tree nothing comes nearer until a pair let go splits it.
    """
    winner, loser, margin = pairs[pair]
    dropped = []
    while True:
        above, below = _tree(winner, pairs, links), _tree(loser, pairs, links)
        drift, gain = _rates(above, below, margin, log_p, pairs)
        if inside := any(node == loser for node, *_ in above):
            gain = -math.inf
        falling = ((_log_size(tilt[i]) - rate, i) for i, (way, rate) in drift.items() if way < 0 and rate > -math.inf)
        to_zero, first = min(falling, default=(math.inf, None))
        if not inside and (first is None or _log(shortfall) <= to_zero + gain):
            links[winner][pair], links[loser][pair] = loser, winner
            return dropped
        if first is None:
            return None
        for held, (way, rate) in drift.items():
            way, log_size = _sum((1, _log_size(tilt[held])), (way, to_zero + rate))
            tilt[held] = (1.0, log_size) if way > 0 else _NONE  # by rounding
        shortfall -= _exp(to_zero + gain)
        _let_go(first, tilt, pairs, links)
        dropped.append(first)


def _let_go(pair, tilt, pairs, links):
    for end in pairs[pair][:2]:
        del links[end][pair]
    tilt[pair] = _NONE


def _rates(above, below, margin, log_p, pairs):
    r"""How fast the multipliers of two trees change as a pair between these is raised, each as its sign and log, and
    the log of how fast their roots' levels part: :math:`\sigma(\pm m)` of any margin finds room."""
    up, rise = _response(above, log_expit(-margin), log_p, pairs)
    down, fall = _response(below, log_expit(margin), log_p, pairs)
    drift = {pair: (way, rate) for pair, way, rate in up}
    for pair, way, rate in down:
        drift[pair] = _sum(drift.get(pair, (1, -math.inf)), (-way, rate))
    return drift, max(rise, fall) + math.log1p(math.exp(-abs(rise - fall)))


def _response(tree, log_amount, log_p, pairs):
    """What follows when the root's log_p moves at a rate: (pair, direction, log rate) of its tree's multipliers, and
    the log rate of its level."""
    branch = _branches(tree, log_p)
    total = branch[tree[0][0]].log_mass
    moved = []
    for node, pair, _, u, u_before in tree[1:]:
        direction = 1 if node == pairs[pair][0] else -1
        moved.append((pair, direction, log_amount + branch[node].log_mass - total - _log_parallel(u, u_before)))
    return moved, log_amount - total


def _settle(node, level, tilt, log_p, pairs, links):
    """Levels and multipliers of the tree that a node belongs to, afresh.

    Returns its nodes, and the pair whose multiplier would have to be the most negative, if any.
    Seen from the centre no branch weighs more than half of the tree, so its mean is no rounding error of the whole's.
    """
    tree = _tree(node, pairs, links)
    branch = _branches(tree, log_p)
    half = branch[node].log_mass - _LOG_2
    centre = [y for y, *_ in tree if branch[y].log_mass >= half][-1]
    tree = _tree(centre, pairs, links)
    branch = _branches(tree, log_p)
    whole, least, pulls_back = branch[centre], 0.0, None
    for y, pair, _, u, u_before in tree:
        level[y] = whole.log_p - whole.u + whole.rest + u
        if y != centre:
            received = _mean_above(whole, branch[y]) * (1 if y == pairs[pair][0] else -1)
            tilt[pair] = max(received, 0.0), branch[y].log_mass - _log_parallel(u, u_before)
            if received < least:
                least, pulls_back = received, pair
    return branch.keys(), pulls_back


def _tree(root, pairs, links):
    """Nodes from the root outwards: ``(node, pair towards the root, its other end, u, u there)``, 0 at the root."""
    tree = [(root, None, None, 0.0, 0.0)]
    for node, via, _, u, _ in tree:
        for pair, other in links[node].items():
            if pair != via:
                margin = pairs[pair][2]
                tree.append((other, pair, node, u + margin if other == pairs[pair][0] else u - margin, u))
    return tree


class _Branch(NamedTuple):
    """Log weight, and mean of log_p - u as that of the heaviest member and the rest: differences lose no digits."""

    log_mass: float
    log_p: float
    u: float
    rest: float


def _branches(tree, log_p):
    """The branch from each node outwards, by node."""
    branch = {node: _Branch(u, log_p[node], u, 0.0) for node, _, _, u, _ in tree}
    for node, _, before, _, _ in reversed(tree[1:]):
        light, heavy = sorted((branch[node], branch[before]))
        small = math.exp(light.log_mass - heavy.log_mass)
        rest = heavy.rest + small / (1 + small) * _mean_above(light, heavy)
        branch[before] = _Branch(heavy.log_mass + math.log1p(small), heavy.log_p, heavy.u, rest)
    return branch


def _mean_above(one, other):
    return (one.log_p - other.log_p) - (one.u - other.u) + (one.rest - other.rest)


def _log_parallel(x, y):
    """:func:`log_parallel` of plain floats, a tenth of the time."""
    return min(x, y) - math.log1p(math.exp(-abs(x - y)))


def _sum(one, other):
    """The sum of two numbers, each as its sign and the log of its size."""
    (sign, large), (way, small) = (one, other) if one[1] >= other[1] else (other, one)
    if small == -math.inf:
        return sign, large
    ratio = math.exp(small - large)
    return sign, large + (math.log1p(ratio) if sign == way else _log(1 - ratio))


def _size(multiplier):
    part, log_rest = multiplier
    return float(part) * math.exp(log_rest) if log_rest < _TOP else _exp(_log(part) + log_rest)


def _log_size(multiplier):
    part, log_rest = multiplier
    return _log(part) + log_rest


def _log(x):
    return math.log(x) if x > 0 else -math.inf


def _exp(x):
    return math.exp(x) if x < _TOP else math.inf
