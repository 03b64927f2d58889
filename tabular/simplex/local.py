r"""Losses that no theorem here decides: the lowest policy that many descents find, and bounds where there are any.

In logits :math:`\partial F/\partial\theta_y=G_y-\nu\pi_y`. Descents end at policies with small probabilities where the
minimum is on a face; each is then tried again on the face where they are 0.

**APO-down's bound.** :math:`F\ge\sum_en_e\,\sigma(z_l-z_w)`, z being beta r, and
:math:`\sigma(z_l-z_w)=P(z_l+\gamma_l>z_w+\gamma_w)` with independent Gumbel :math:`\gamma`: the sum is the expected
weight of the labels that a random ranking violates, so at least the least weight that any ranking violates (a minimum
feedback arc set). With an unlabelled response the infimum is that weight and is not attained: along z = T times the
ranks, all shifted to :math:`-\infty`, F tends to it, and :math:`\sigma(z_w)>0`. All winners have to vanish, and so
have never-winners, which every best ranking puts below those they lose to: the unlabelled responses take everything.

**Two responses.** Where a loss falls in :math:`\log\pi_w` and rises in :math:`\log\pi_l`, on an interval of log-odds
the labels of one direction are least at its one end, those of the other at its other end. Halving the intervals whose
bound is below the lowest value found certifies that value.
"""

import numpy as np
from scipy.optimize import minimize

from tabular.losses.forms import Pair

__all__ = ["LARGEST", "RANKED", "Prompt", "bound_of_two", "least_violated", "lowest"]

LARGEST = 300  # responses: descents there are dense, and as many as these
_STARTS = 12
_LONGEST = 500  # steps of a descent; it is only a candidate
_FACES = (1e-3, 1e-5, 1e-8, 1e-12)  # below these a probability is tried as 0
_LOWER = 1e-13  # of the value: what rounding may feign
RANKED = 12  # responses: a best ranking costs 2^n sums
_GAP = 1e-9  # of the value, where the search over two responses stops
_FARTHEST = 64.0  # log-odds; beyond, one interval on each side
#: Intervals at once at most, for memory: the bound on each holds however few there are, so the count decides nothing.
_BOXES = 10**6


class Prompt:
    """The loss of one prompt, its labels' weights scaled to sum to 1, as a function of log-probabilities."""

    def __init__(self, form, log_ref, beta, winner, loser, log_weight):
        self.form, self.log_ref, self.beta, self.winner, self.loser = form, log_ref, beta, winner, loser
        self.share = np.exp(log_weight - np.logaddexp.reduce(log_weight))

    def pair(self, x):
        w, v = self.winner, self.loser
        return Pair(x[..., w], x[..., v], self.log_ref[w], self.log_ref[v], self.beta)

    def value(self, x):
        with np.errstate(all="ignore"):
            return (self.share * self.form.value(self.pair(x))).sum(axis=-1)

    def slope(self, x):
        """G, one number a response."""
        with np.errstate(all="ignore"):
            up, down = (np.broadcast_to(part, self.share.shape) for part in self.form.gradient(self.pair(x)))
        n = len(x)
        return np.bincount(self.winner, self.share * up, n) + np.bincount(self.loser, self.share * down, n)


def lowest(prompt: Prompt, rng) -> tuple[float, np.ndarray]:
    """The lowest value found and its log-policy, which may be ``-inf`` somewhere."""
    n = len(prompt.log_ref)
    starts = [prompt.log_ref, np.zeros(n), *(prompt.log_ref + 5 * np.eye(n)[y] for y in range(min(n, _STARTS)))]
    starts += [rng.normal(0, 3, n) for _ in range(_STARTS)]
    found = [_descent(prompt, start, np.arange(n)) for start in starts]
    value, x = min(found, key=lambda pair: pair[0])
    again = _descent(prompt, np.maximum(x, -1e300), np.arange(n))  # forgets the first's curvature
    value, x = min([(value, x), again], key=lambda pair: pair[0])
    for tiny in _FACES:
        value, x = _on_face(prompt, value, x, np.flatnonzero(x > np.log(tiny)))
    while True:  # faces of faces: leave out one more response as long as that lowers the loss
        kept = np.flatnonzero(x > -np.inf)
        tried = [_on_face(prompt, value, x, np.delete(kept, place)) for place in range(len(kept))]
        lower, policy = min(tried, key=lambda pair: pair[0])
        if not lower < value - _LOWER * abs(value):
            return value, x
        value, x = lower, policy


def _on_face(prompt, value, x, kept):
    """The lowest on a face near a policy, or that policy if it is lower."""
    if 0 < len(kept) < len(x):
        on_face, face = _descent(prompt, np.where(np.isneginf(x[kept]), x[x > -np.inf].min(), x[kept]), kept)
        if on_face <= value + _LOWER * abs(value):
            return on_face, face
    return value, x


def _descent(prompt, start, kept):
    """BFGS in the logits of the responses kept, the others at probability 0."""
    n = len(prompt.log_ref)

    def policy(theta):
        x = np.full(n, -np.inf)
        x[kept] = theta - np.logaddexp.reduce(theta)
        return x

    def objective(theta):
        x = policy(theta)
        value, g = prompt.value(x), prompt.slope(x)[kept]
        with np.errstate(invalid="ignore"):
            gradient = g - g.sum() * np.exp(x[kept])
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return 1e300, np.zeros(len(theta))
        return value, gradient

    theta = start - start.max()
    theta = minimize(objective, theta, jac=True, method="BFGS", options={"gtol": 1e-13, "maxiter": _LONGEST}).x
    x = policy(theta)
    value = prompt.value(x)
    return (float(value), x) if np.isfinite(value) else (np.inf, x)


def least_violated(n, winner, loser, weight) -> float:
    """The least weight of labels that a ranking of n responses violates, by the best order of every set of the top.

    >>> least_violated(3, np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([3.0, 2.0, 1.0]))
    1.0
    """
    wins = np.zeros((n, n))
    np.add.at(wins, (winner, loser), weight)
    members = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    against = members @ wins.T  # [set, y]: what y wins against the set, violated if y comes below it
    best = np.full(2**n, np.inf)
    best[0] = 0.0
    for top in range(2**n):
        below = np.flatnonzero(members[top] == 0)
        after = top | (1 << below)
        best[after] = np.minimum(best[after], best[top] + against[top, below])
    return float(best[-1])


def bound_of_two(prompt: Prompt, value) -> float:
    """A lower bound of the loss of two responses, within 1e-9 of ``value`` if that is the least there is.

    For losses that fall in log pi_w and rise in log pi_l.
    """
    up = prompt.winner == 0
    target = value - _GAP * max(1.0, abs(value))

    def sides(t):
        """What the labels won by response 0, and by 1, cost at log-odds t."""
        x = np.stack([-np.logaddexp(0, -t), -np.logaddexp(0, t)], axis=-1)
        with np.errstate(all="ignore"):
            cost = prompt.share * prompt.form.value(prompt.pair(x))
        return cost[..., up].sum(axis=-1), cost[..., ~up].sum(axis=-1)

    ends = np.r_[-np.inf, np.linspace(-_FARTHEST, _FARTHEST, 257), np.inf]
    left, right, bound = ends[:-1], ends[1:], value
    while left.size:
        low = sides(right)[0] + sides(left)[1]
        undecided = ~(low >= target)
        bound = min(bound, low[~undecided].min(initial=np.inf))
        left, right = left[undecided], right[undecided]
        middle = (left + right) / 2
        if not (np.isfinite(middle) & (left < middle) & (middle < right)).all() or left.size > _BOXES:
            return float(min(bound, np.where(np.isnan(low), -np.inf, low).min()))
        left, right = np.r_[left, middle], np.r_[middle, right]
    return float(bound)
