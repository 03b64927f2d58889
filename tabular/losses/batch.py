"""Losses that mix the pairs of a batch: AOT matches them by rank (optimal transport on the line)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from tabular.base.log_space import softplus
from tabular.losses.forms import Pair

__all__ = ["Sorted"]


@dataclass(frozen=True)
class Sorted:
    """AOT: the pairs of a batch are matched by rank before the logistic loss is taken; each pair keeps its own term.

    Paired: the deltas, sorted, against the reference's, sorted. Unpaired: the chosen log-ratios against the rejected,
    both sorted. The batch's loss is the mean of the terms. Ties are broken by position.
    """

    paired: bool
    batch = True
    convex = False
    growth = None
    scalar = None
    reference_free = False

    @property
    def kind(self):
        return "difference" if self.paired else "absolute"

    def _margin(self, pair):
        """Each pair's z, and for each pair the one whose rejected response its z takes; the last axis is the batch."""
        pair = Pair(*np.broadcast_arrays(*pair))
        if self.paired:
            mine = pair.chosen - pair.rejected
            other = pair.ref_chosen - pair.ref_rejected
        else:
            mine, other = pair.chosen - pair.ref_chosen, pair.rejected - pair.ref_rejected
        ranked, theirs = (np.argsort(values, axis=-1, kind="stable") for values in (mine, other))
        partner = np.empty_like(ranked)
        np.put_along_axis(partner, ranked, theirs, axis=-1)
        z = pair.beta * (mine - np.take_along_axis(other, partner, axis=-1))
        return z, np.broadcast_to(np.arange(z.shape[-1]), z.shape) if self.paired else partner

    def value(self, pair):
        return softplus(-self._margin(pair)[0])

    def gradient(self, pair):
        z, partner = self._margin(pair)
        push = pair.beta * expit(-z)
        rejected = np.empty_like(push)
        np.put_along_axis(rejected, partner, push, axis=-1)
        return -push, rejected

    def curvature(self, pair):
        """The three second derivatives of each pair's own term, in its own arguments and its partner's."""
        z, _ = self._margin(pair)
        bend = pair.beta**2 * expit(z) * expit(-z)
        return bend, -bend, bend
