r"""What removes a failure mode: a smaller beta, HyPO's target, Eq. 17's margin, or the hard constraint?

With :math:`t_i=s_w-s_l` at the DPO optimum (it depends on neither beta nor the reference), :math:`\delta_i=
\delta_{\rm ref,i}+t_i/\beta`, and likewise :math:`\delta^*_i=\delta_{\rm ref,i}+\Delta r_i/\beta` at the RLHF optimum:

* an inverted optimum with t > 0 has :math:`\delta_{\rm ref}<0` and turns at :math:`\beta=t/|\delta_{\rm ref}|`; with
t < 0 and :math:`\delta_{\rm ref}>0` it takes a *larger* beta; else beta does nothing. The same with Dr for Assumption
3.1. * the loss can fall while the pair is inverted, :math:`v_i<L(\pi_{\rm ref})`. If :math:`\delta_{\rm ref,i}<0` the
reference itself is inverted, so every continuous loss that can fall at all falls there first: no beta, no target, no
margin removes it. If :math:`\delta_{\rm ref,i}>0`, let :math:`t_0<0` be the deepest :math:`s_w-s_l` at the starting
loss (free of beta): the mode is gone from :math:`\beta=|t_0|/\delta_{\rm ref,i}` on. A margin gamma never removes it
for good: as gamma grows the loss becomes linear, any s with :math:`F\cdot s>0` and :math:`s_w-s_l=-\beta\delta_{\rm
  ref,i}` lowers it, and only F parallel to :math:`e_w-e_l` has none; but then, by convexity,
  :math:`L\ge L(\pi_{\rm ref})` wherever :math:`s_w\le s_l`, so the mode was absent at gamma = 0.
* HyPO and Eq. 17 are the fixed margins :math:`\beta\max(0,-\delta_{\rm ref})` and
  :math:`\gamma(1/\pi_{\rm ref}(w)+1/\pi_{\rm ref}(l))` in :math:`\mathrm{sp}(-(\beta h-\Psi))`, for each label as it
  stands: their optima and thresholds are computed exactly, the least gamma by a search for the sign change.
* the hard constraint :math:`\pi_w\ge e^m\pi_l`, m > 0, forbids inversion; around a cycle of labels it leaves only ties
  (m = 0) or probability 0.
"""

import numpy as np

from tabular.base.log_space import softplus
from tabular.base.record import Record
from tabular.failures import displacement, ties
from tabular.failures.infimum import Relation
from tabular.failures.inversion import deepest
from tabular.failures.thresholds import Thresholds, solve
from tabular.preferences import Preferences
from tabular.problem import Problem

NAMES = ("beta", "hypo", "eq17", "hard_constraint")
_MARGINS = np.geomspace(0.01, 100, 17)  # scanned, as the pair's own margin Psi in nats
_HALVINGS = 40
_TOO_STEEP = 1e3  # nats: with a margin beyond it somewhere the loss is piecewise linear, and the search stops


class Remedy(Record):
    """Whether something removes a failure mode, and at which value.

    Attributes:
        removes: True, or False.
        value: of the parameter at which it does (a beta, a gamma, a multiplier); ``None`` where there is none.
        how: one sentence.
    """

    removes: bool
    value: float | None
    how: str

    def readable(self) -> dict:
        """What was found, for a reader, as JSON."""
        return {"removes": self.removes, "value": self.value, "how": self.how}


class Remedies:
    """Everything the remedies of all pairs are read from, computed once for a problem and its labels."""

    def __init__(self, problem: Problem, preferences: Preferences, found: Thresholds):
        self.problem, self.at, self.found = problem, found.at, found
        self.delta_ref = preferences.delta(problem.log_ref)
        self.log_inverse = np.logaddexp(*(-problem.log_ref.ravel()[n] for n in (found.at.winner, found.at.loser)))
        margin = problem.beta * np.maximum(-self.delta_ref, 0)
        self.hypo = solve(problem, preferences, margin)
        self.hypo_start = float(np.exp(preferences.log_share) @ softplus(margin))
        self.hypo_push = displacement.push(self.hypo.at)
        self.hypo_moves = displacement.allowed_at_first_order(self.hypo.at, self.hypo_push)
        self.deepest = deepest(problem, preferences, np.log(2), at=found.at).delta
        self.gamma = self._least_gammas()

    def _least_gammas(self):
        """The least gamma, of those scanned, that turns an inverted optimum; nan where none does."""
        gamma = np.full(len(self.delta_ref), np.nan)
        turned = np.flatnonzero((self.at.relation == Relation.SAME) & (self.at.delta <= 0))
        for batch in self.at.parts.batches(turned):
            pairs = turned[batch]
            gamma[pairs] = _least_gamma(self.at, pairs, self.log_inverse)
        return gamma


def _least_gamma(at, pairs, log_inverse):
    """Scan the pair's own margin, then halve the first interval with a sign change; each pair on its own copy."""
    delta_at = _Margins(at, pairs, log_inverse)
    low, high, turned = np.zeros(len(pairs)), np.full(len(pairs), _MARGINS[0]), np.zeros(len(pairs), dtype=bool)
    for margin in _MARGINS:
        low, high = np.where(turned, low, high * (margin > _MARGINS[0])), np.where(turned, high, margin)
        turned |= delta_at(np.full(len(pairs), margin)) > 0
        if turned.all():
            break
    delta_at = _Margins(at, pairs[turned], log_inverse)
    below, above = low[turned], high[turned]
    for _ in range(_HALVINGS if turned.any() else 0):
        middle = (below + above) / 2
        up = delta_at(middle) > 0
        below, above = np.where(up, below, middle), np.where(up, middle, above)
    high[turned] = above
    return np.where(turned, np.exp(np.log(high) - log_inverse[pairs]), np.nan)


class _Margins:
    """delta of pairs at the optimum with Eq. 17's margins, gamma set by the pair's own; nan where too steep.

    Every fit begins where the one before ended.
    """

    def __init__(self, at, pairs, log_inverse):
        self.copies = copies = ties.Copies(at.parts.graph, at.parts.piece(pairs))
        self.relative = log_inverse[at.graph.label][copies.edge] - log_inverse[pairs][copies.edge_copy]
        self.winner, self.loser = (
            copies.at(np.arange(len(pairs)), n[pairs]) for n in (at.parts.winner, at.parts.loser)
        )
        self.delta_ref = at.graph.log_ref[at.winner[pairs]] - at.graph.log_ref[at.loser[pairs]]
        self.beta, self.strength = at.graph.problem.beta, None

    def __call__(self, own_margin):
        copies = self.copies
        log_margin = self.relative + np.log(own_margin)[copies.edge_copy]
        steep = np.bincount(copies.edge_copy, log_margin > np.log(_TOO_STEEP), len(copies)) > 0
        offset = np.exp(np.minimum(log_margin, np.log(_TOO_STEEP)))
        self.strength = copies.fit(offset=offset, guess=self.strength).strength
        moved = (self.strength[self.winner] - self.strength[self.loser]) / self.beta
        return np.where(steep, np.nan, self.delta_ref + moved)
