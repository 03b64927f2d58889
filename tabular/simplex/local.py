r"""Losses that no theorem here decides: the lowest policy that many descents find, and bounds where there are any.

In logits :math:`\partial F/\partial\theta_y=G_y-\nu\pi_y`. Descents end at policies with small probabilities where the
minimum is on a face; it is then tried again where they are 0, without any one response, and with one moved, for as long
as that finds a lower policy.

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

from tabular.simplex.descents import Rows, descend, settle
from tabular.simplex.rankings import inserted

__all__ = ["LARGEST", "Prompts", "bound_of_two", "lowest"]

LARGEST = 300  # responses: descents there are dense, and as many as these
_STARTS = 12
_ORDERS = 48  # at random, of which the best are starts once no insertion improves them
_FEW = 24  # of the neighbours of a policy, the lowest, are descended from
_STEP = 5.0  # times 1 / beta nats between ranks
_OUT = 40.0  # nats: of a probability that is as good as 0
_MOVE = 5.0  # times 1 / beta nats
_FARTHER = 8.0  # moves grow with every lower policy: light responses may have thousands of nats to go
_ENTRIES = 2**20  # of labels of starts that are looked at in one go
_FACES = (1e-3, 1e-5, 1e-8, 1e-12)  # below these a probability is tried as 0
_WORTH = 1e-5  # of the value: a fall after which it pays to look around again
_LOWER = 1e-13  # of the value: what rounding may feign
_GAP = 1e-9  # of the value, where the search over two responses stops
_FARTHEST = 64.0  # log-odds; beyond, one interval on each side
#: Intervals at once at most, for memory: the bound on each holds however few there are, so the count decides nothing.
_BOXES = 10**6


class Prompts:
    """The losses of some prompts as functions of log-probabilities: their labels, those of an ordered pair as one.

    Attributes:
        log_ref: ``(p, n)``, -inf for no response. start: ``(p + 1,)``, where the labels of each begin.
        winner, loser, ref_chosen, ref_rejected, share: of the labels, sorted by prompt; the shares of each sum to 1.
    """

    def __init__(self, form, beta, log_ref, prompt, winner, loser, log_weight):
        (p, n), self.form, self.beta, self.log_ref = log_ref.shape, form, beta, log_ref
        key, pair = np.unique((prompt * n + winner) * n + loser, return_inverse=True)
        top = np.full(p, -np.inf)
        np.maximum.at(top, prompt, log_weight)
        weight = np.bincount(pair, np.exp(log_weight - top[prompt]))
        prompt, self.winner, self.loser = key // n**2, key // n % n, key % n
        self.share = weight / np.bincount(prompt, weight, p)[prompt]
        self.ref_chosen, self.ref_rejected = log_ref[prompt, self.winner], log_ref[prompt, self.loser]
        self.start = np.searchsorted(prompt, np.arange(p + 1))


def lowest(prompts: Prompts, rng) -> tuple[np.ndarray, np.ndarray]:
    """``(p,)`` lowest values found and ``(p, n)`` their log-policies, which may be ``-inf`` somewhere."""
    present = prompts.log_ref > -np.inf
    prompt, starts = _starts(prompts, present, rng)
    value, x, size = _lowest_end(prompts, prompt, present[prompt], starts)
    left, far = np.arange(len(x)), _MOVE / prompts.beta
    while left.size:  # every time some loss falls by a share, or keeps fewer responses
        far *= _FARTHER
        left = _improved(prompts, value, x, left, size, far)
    return value, x


def _lowest_end(prompts, prompt, kept, starts):
    """Of each prompt the lowest value at the end of a descent, settled, its log-policy, and what is large of its loss.

    Args:
        prompt, kept, starts: of each descent its prompt, the responses that it keeps and its logits.
    """
    everything, present = np.arange(len(prompts.log_ref)), prompts.log_ref > -np.inf
    rows = Rows.of(prompts, everything, present)
    size = np.abs(rows.value(rows.policy(np.zeros(present.shape))))
    value, x = descend(Rows.of(prompts, prompt, kept), starts, size[prompt], np.full(len(size), np.inf))
    best = np.lexsort((value, prompt))[np.searchsorted(np.sort(prompt), everything)]
    value, x = value[best], x[best]
    rows = Rows.of(prompts, everything, kept[best])
    settled = settle(rows, x)
    lower = rows.value(settled) <= value * (1 + np.sign(value) * _LOWER)
    x[lower] = settled[lower]
    return rows.value(x), x, size


def _starts(prompts, present, rng):
    """Of each start its prompt, and logits: the reference and all even, also with one response on top, and random ones;
    and of both plus rankings, also with one response on top, and of those that win most, alone, the lowest."""
    (p, n), ref = present.shape, np.where(present, prompts.log_ref, 0.0)
    bases, step = np.stack([ref, np.zeros((p, n))]), _STEP / prompts.beta
    tops = [np.where(np.arange(n) == y, bases.max(axis=2, keepdims=True) + 5, bases) for y in range(min(n, _STARTS))]
    starts = np.concatenate([bases, *tops, rng.normal(0, 3, (_STARTS, p, n))]).reshape(-1, n)
    ranked = _ranked(prompts, rng) * step
    ranked = np.concatenate([ranked, ranked + ref])
    tops = [np.where(np.arange(n) == y, (n + 1) * step, ranked) for y in range(min(n, _FEW))]
    ranked = np.concatenate([ranked, *tops, _alone(prompts, ref)]).reshape(-1, n)
    prompt, among = (np.tile(np.arange(p), len(part) // p) for part in (starts, ranked))
    few = _lowest_few(prompts, among, present[among], ranked)
    return np.r_[prompt, among[few]], np.concatenate([starts, ranked[few]])


def _alone(prompts, ref):
    """``(2n, p, n)``: the k that win most beyond what they lose, or most of it for their probability, and no other."""
    (p, n), prompt = ref.shape, np.repeat(np.arange(len(ref)), np.diff(prompts.start))
    net = np.zeros((p, n))
    np.add.at(net, (prompt, prompts.winner), prompts.share)
    np.subtract.at(net, (prompt, prompts.loser), prompts.share)
    with np.errstate(divide="ignore"):
        log_per = np.where(net > 0, np.log(np.abs(net)) - ref, -np.inf)
    place = np.array([(-key).argsort(axis=1).argsort(axis=1) for key in (net, log_per)])
    return np.where(place[:, None] <= np.arange(n)[:, None, None], ref, -_OUT).reshape(-1, p, n)


def _ranked(prompts, rng):
    """``(s, p, n)``: ranks, the highest the best, of rankings that violate little weight."""
    p, n = prompts.log_ref.shape
    ranks = np.empty((_STARTS, p, n))
    for number in range(p):
        mine, wins = slice(*prompts.start[number : number + 2]), np.zeros((n, n))
        wins[prompts.winner[mine], prompts.loser[mine]] = prompts.share[mine]
        orders = inserted(wins, rng.permuted(np.tile(np.arange(n), (_ORDERS, 1)), axis=1))[:_STARTS]
        np.put_along_axis(ranks[:, number], orders, np.arange(n, 0.0, -1)[None], axis=1)
    return ranks


def _improved(prompts, value, x, left, size, far):
    """The prompts of which a descent from nearby ends lower, or as low without responses of small probability."""
    prompt, kept, starts, small = _near(prompts, x, left, far)
    values, policies = descend(Rows.of(prompts, prompt, kept), starts, size[prompt], value.copy())
    slack = _LOWER * np.maximum(np.abs(value), _LOWER * size)
    good = (values < (value - slack)[prompt]) | (small & (values <= (value + slack)[prompt]))
    least = np.full(len(x), np.inf)
    np.minimum.at(least, prompt[good], values[good])
    good &= values <= (least + slack)[prompt]
    order = np.flatnonzero(good)[np.lexsort((values[good], kept[good].sum(axis=1), prompt[good]))]
    lower, first = np.unique(prompt[order], return_index=True)
    row = order[first]
    further = small[row] | (
        values[row] < value[lower] - _WORTH * np.maximum(np.abs(value[lower]), _LOWER * size[lower])
    )
    value[lower], x[lower] = values[row], policies[row]
    return lower[further]


def _near(prompts, x, left, far):
    """Starts near some policies: each one's prompt, the responses it keeps, its logits, whether it is of the last kind:
    one raised or lowered, a little or by ``far``, or on top; without one; without those of small probability."""
    there = x[left] > -np.inf
    row, one = np.nonzero(there)
    step, place = _MOVE / prompts.beta, np.arange(len(row))
    moved = np.tile(x[left[row]], (5, 1, 1))
    moved[:4, place, one] += np.array([step, -step, far, -far])[:, None]
    moved[4, place, one] = step
    without = there[row]
    without[place, one] = False
    small = [x[left] > np.log(tiny) for tiny in _FACES]
    kept = np.concatenate([np.tile(there[row], (5, 1)), without, *small])
    prompt = left[np.r_[np.tile(row, 6), np.tile(np.arange(len(left)), len(small))]]
    starts = np.concatenate([moved.reshape(-1, x.shape[1]), x[prompt[5 * len(row) :]]])
    kind = np.repeat([0, 1, 2], [5 * len(row), len(row), len(small) * len(left)])
    proper = kept.any(axis=1) & ((kind == 0) | (kept.sum(axis=1) < (x[prompt] > -np.inf).sum(axis=1)))
    prompt, kept, starts, kind = prompt[proper], kept[proper], starts[proper], kind[proper]
    few = _lowest_few(prompts, prompt, kept, starts, kind)
    return prompt[few], kept[few], starts[few], kind[few] == 2


def _lowest_few(prompts, prompt, kept, starts, kind=0):
    """Of each prompt and kind the few starts that are lowest."""
    together = max(1, _ENTRIES // int(np.diff(prompts.start).max()))
    pieces = np.array_split(np.arange(len(prompt)), -(-len(prompt) // together))
    values = np.empty(len(prompt))
    for piece in pieces:
        rows = Rows.of(prompts, prompt[piece], kept[piece])
        values[piece] = rows.value(rows.policy(starts[piece]))
    group = 3 * prompt + kind
    order = np.lexsort((values, group))
    return np.sort(order[np.arange(len(order)) - np.searchsorted(group[order], group[order]) < _FEW])


def bound_of_two(prompts: Prompts, number, value) -> float:
    """A lower bound of the loss of a prompt of two responses, within 1e-9 of ``value`` if that is the least there is.

    For losses that fall in log pi_w and rise in log pi_l.
    """
    present = prompts.log_ref[[number]] > -np.inf
    rows, (first, second) = Rows.of(prompts, np.array([number]), present), np.flatnonzero(present[0])
    up = rows.winner == first
    target = value - _GAP * max(1.0, abs(value))

    def sides(t):
        """What the labels won by the first response, and by the second, cost at log-odds t."""
        x = np.full((len(t), *present.shape), -np.inf)
        x[:, 0, first], x[:, 0, second] = -np.logaddexp(0, -t), -np.logaddexp(0, t)
        with np.errstate(all="ignore"):
            cost = rows.share * prompts.form.value(rows.pair(x))
        return cost[:, up].sum(axis=1), cost[:, ~up].sum(axis=1)

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
