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
  stands: their optima and thresholds are computed exactly, the least gamma along the curve of fits
  (:mod:`tabular.failures.least_gamma`).
* the hard constraint :math:`\pi_w\ge e^m\pi_l`, m > 0, forbids inversion; around a cycle of labels it leaves only ties
  (m = 0) or probability 0.
"""

import numpy as np

from tabular.base.log_space import softplus
from tabular.base.record import Record
from tabular.failures import displacement
from tabular.failures.infimum import infimum
from tabular.failures.least_gamma import least_gammas
from tabular.failures.thresholds import Thresholds, tied
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["NAMES", "Remedies", "Remedy"]

NAMES = ("beta", "hypo", "eq17", "hard_constraint")


class Remedy(Record):
    """Whether something removes a failure mode, and at which value.

    Attributes:
        removes: True, or False.
        value: of the parameter at which it does (a beta, a gamma, a multiplier); ``None`` where there is none. A gamma
            beside probabilities below e^-745 may lie below the floats: 0, beyond which it removes the failure still.
        how: one sentence.
    """

    removes: bool
    value: float | None
    how: str

    def readable(self) -> dict:
        """What was found, for a reader, as JSON."""
        return {"removes": self.removes, "value": self.value, "how": self.how}


class Remedies:
    """Everything the remedies of all pairs are read from, computed once for a problem and its labels.

    ``falling`` masks the pairs whose loss can fall while they are inverted, of which alone HyPO's threshold and the
    ``deepest`` delta at the start matter.
    """

    def __init__(self, problem: Problem, preferences: Preferences, found: Thresholds, falling, deepest):
        self.problem, self.at, self.found = problem, found.at, found
        self.delta_ref = preferences.delta(problem.log_ref)
        self.reward_gap = None if problem.reward is None else preferences.delta(problem.reward)
        self.log_inverse = np.logaddexp(*(-problem.log_ref.ravel()[n] for n in (found.at.winner, found.at.loser)))
        margin = problem.beta * np.maximum(-self.delta_ref, 0)
        hypo = infimum(problem, preferences, margin, found.at) if margin.any() else found.at
        self.hypo = tied(hypo, hypo.parts, falling) if margin.any() else found
        self.hypo_start = float(np.exp(preferences.log_share) @ softplus(margin))
        self.hypo_push = displacement.push(self.hypo.at)
        self.hypo_moves = displacement.allowed_at_first_order(self.hypo.at, self.hypo_push)
        self.deepest = deepest
        self.gamma = least_gammas(found.at, self.log_inverse)
