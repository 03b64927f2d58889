r"""Labels between the same two responses, merged: whatever is decided about one of them bears on the others.

All of them jump where the two responses are tied, :math:`h=b`. Those of one way are one label of their sums. One of
share a and one of share c the other way add up to
:math:`a\,\mathrm{sp}(-h)+c\,\mathrm{sp}(h)=(a+c)\,\mathrm{sp}(-h)+ch`: one label again, and a straight line. Those that
are lighter by :math:`e^{10}` and more are a pair of their own, as their pushes would be rounding in such a sum.
"""

import numpy as np

__all__ = ["Pairs"]

_APART = 10.0  # nats between shares: the push of a label far lighter is the rounding of a sum


class Pairs:
    """Pairs of responses, each with a way there and, where labels say so, a way back.

    Ways are numbered: first the way there of every pair, then the ways back of those that have one.

    Attributes:
        winner, loser: ``(n_pairs,)`` nodes from 0, in the order of the way there; bound: b, as in
            :mod:`tabular.failures.least_cost`; share: of labels either way; back: of those the other way, of the share.
        both: the pairs with a way back; ends: winners and losers of all ways.
        pair, way: ``(n_labels,)`` of each label.
    """

    def __init__(self, winner, loser, share, bound):
        size = int(max(winner.max(), loser.max())) + 1
        low, high = np.minimum(winner, loser), np.maximum(winner, loser)
        alike, top = low * size + high, np.zeros(size * size)
        np.maximum.at(top, alike, share)
        lighter = (np.log(top[alike] / share) // _APART).astype(np.int64)
        key, label, self.pair = np.unique(alike + size * size * lighter, return_index=True, return_inverse=True)
        self.winner, self.loser, self.bound = winner[label], loser[label], bound[label]
        there = winner == self.winner[self.pair]
        self.both = np.unique(self.pair[~there])
        self.way = np.where(there, self.pair, len(key) + np.searchsorted(self.both, self.pair))
        self.ends = np.r_[self.winner, self.loser[self.both]], np.r_[self.loser, self.winner[self.both]]
        self.share = np.bincount(self.pair, share)
        self.back = np.bincount(self.pair, np.where(there, 0.0, share), len(key)) / self.share

    def __len__(self):
        return len(self.winner)

    def sums(self, values):
        """``(n_ways,)`` of what the labels count for."""
        return np.bincount(self.way, values, len(self.ends[0]))

    def split(self, of_ways, nothing):
        """``(k, n_pairs)`` of the ways there and of the ways back, ``nothing`` where there is none."""
        back = np.full((len(of_ways), len(self)), nothing, dtype=of_ways.dtype)
        back[:, self.both] = of_ways[:, len(self) :]
        return of_ways[:, : len(self)], back

    def joined(self, there, back):
        """``(k, n_ways)`` of both."""
        return np.concatenate([there, back[:, self.both]], axis=1)
