r"""The DPO loss on labelled pairs, for any labels.

.. math:: L(\pi)=\sum_i \bar w_i\,\mathrm{sp}(-\beta h_i),\qquad
   h_i=\log\frac{\pi(w_i)}{\pi_{\rm ref}(w_i)}-\log\frac{\pi(l_i)}{\pi_{\rm ref}(l_i)},

a weighted mean over the pairs (Rafailov et al. 2023, Eq. 7).

In :math:`s=\beta\log\pi/\pi_{\rm ref}` it is the Bradley-Terry likelihood of the labels, so existence of a minimiser
is a matter of the win digraph alone, and :func:`solve` gives all solutions (theorem and proof in
:mod:`tabular.fits.dpo_solution`).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_expit

from tabular.base.log_space import softplus
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.fits import reach
from tabular.fits.dpo_solution import DPOSolution
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy

__all__ = ["DPOSolution", "gradient", "improvement", "loss", "solve"]


@takes_nouns
@one_thread
def solve(problem: Problem, preferences: Preferences, margin: ArrayLike = 0.0) -> DPOSolution:
    r"""Every minimiser of the DPO loss, or, where there is none, every limit of minimising sequences.

    Args:
        problem: its reward, if any, plays no part.
        preferences: any labels: one-sided, contradictory, repeated, of weights any orders of magnitude apart.
        margin: a fixed Psi, one number or ``(n_pairs,)``: the loss of a pair is then
            :math:`\mathrm{sp}(-(\beta h-\Psi))`. 0 is DPO.

    Existence is decided from the win digraph before anything is solved; then each block is fitted, to machine precision
    over any range of weights and margins, but for contradictory blocks of more than 3000 responses whose weights are
    over e^30 apart, and for labels that contradict one another by some 30 nats and more with weights that cancel only
    by their last digits (equal weights, and weights in whole-number ratios, are exact): ``residual`` says how well.

    Raises:
        InputError: a label that does not fit the problem, a margin that is not finite, or one beyond 1e13 nats in a
            cycle of labels: log-ratios of that size are rounded by more than a thousandth of a nat.

    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> one_sided = solve(problem, Preferences.from_pairs([(0, 1)]))
    >>> one_sided.status, one_sided.infimum, one_sided.recession.tolist()
    (<Status.UNATTAINED: 'unattained'>, 0.0, [[0, -1, 0]])
    >>> np.exp(one_sided.limit_vertices[0]).tolist()  # response 2, which nobody labelled, may end up with everything
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    preferences.check_against(problem)
    margin = preferences.per_pair(margin, "margin")
    reach.check(problem, preferences, margin)
    return DPOSolution.of(problem, preferences, margin)


@takes_nouns
def loss(log_policy: ArrayLike, problem: Problem, preferences: Preferences) -> float:
    r"""The weighted mean of :math:`\log(1+e^{-\beta h})` over the labelled pairs, in nats.

    Args:
        log_policy: ``(n_prompts, n_responses)`` log-probabilities, each row summing to 1. Probability 0 is allowed:
            a pair with :math:`\pi_l=0<\pi_w` costs 0, one with :math:`\pi_w=0<\pi_l` costs ``inf``.

    Raises:
        InputError: not a policy of this problem, or a pair with both probabilities 0.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> one_pair = Preferences.from_pairs([(0, 1)])
    >>> round(loss(problem.log_ref, problem, one_pair), 6), loss([0, -np.inf], problem, one_pair)
    (0.693147, 0.0)
    """
    counted = preferences.check_against(problem).counted()
    cost = softplus(-problem.beta * improvement(log_policy, problem, counted))
    return float(np.exp(counted.log_share) @ cost)


@takes_nouns
def gradient(log_policy: ArrayLike, problem: Problem, preferences: Preferences) -> np.ndarray:
    r"""Gradient of the loss in tabular softmax logits, ``(n_prompts, n_responses)``; each row sums to 0.

    A pair adds :math:`-\bar w\,\beta\,\sigma(-\beta h)` to its winner and the opposite to its loser; the softmax
    normaliser cancels in :math:`\log\pi_w-\log\pi_l`. At :math:`\delta=0` the factor is
    :math:`\sigma(\beta\delta_{\rm ref})>0`: weaker for a misaligned reference, never zero.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> gradient(problem.log_ref, problem, Preferences.from_pairs([(0, 1)])).tolist()
    [[-0.5, 0.5]]
    """
    counted = preferences.check_against(problem).counted()
    h = improvement(log_policy, problem, counted)
    push = problem.beta * np.exp(counted.log_share + log_expit(-problem.beta * h))
    base = counted.prompt * problem.n_responses
    size = problem.n_prompts * problem.n_responses
    pull = np.bincount(base + counted.loser, push, size) - np.bincount(base + counted.winner, push, size)
    return pull.reshape(problem.n_prompts, problem.n_responses)


@takes_nouns
def improvement(log_policy: ArrayLike, problem: Problem, preferences: Preferences) -> np.ndarray:
    r"""``(n_pairs,)`` of :math:`h=\delta-\delta_{\rm ref}` in nats, the argument of the loss.

    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=1)
    >>> improvement(np.log([0.5, 0.5]), problem, Preferences.from_pairs([(0, 1)])).round(6).tolist()
    [1.386294]
    """
    preferences.check_against(problem)
    return preferences.delta(as_log_policy(log_policy, problem)) - preferences.delta(problem.log_ref)
