r"""The DPO loss on labelled pairs, for any labels.

.. math:: L(\pi)=\sum_i \bar w_i\,\mathrm{sp}(-\beta h_i),\qquad
   h_i=\log\frac{\pi(w_i)}{\pi_{\rm ref}(w_i)}-\log\frac{\pi(l_i)}{\pi_{\rm ref}(l_i)},

a weighted mean over the pairs (Rafailov et al. 2023, Eq. 7).
"""

import numpy as np
from scipy.special import log_expit

from tabular.log_space import softplus
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy


def loss(log_policy, problem: Problem, preferences: Preferences) -> float:
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
    cost = softplus(-problem.beta * improvement(log_policy, problem, preferences))
    counted = preferences.log_weight > -np.inf
    return float(np.exp(preferences.log_share[counted]) @ cost[counted])


def gradient(log_policy, problem: Problem, preferences: Preferences) -> np.ndarray:
    r"""Gradient of the loss in tabular softmax logits, ``(n_prompts, n_responses)``; each row sums to 0.

    A pair adds :math:`-\bar w\,\beta\,\sigma(-\beta h)` to its winner and the opposite to its loser; the softmax
    normaliser cancels in :math:`\log\pi_w-\log\pi_l`. At :math:`\delta=0` the factor is
    :math:`\sigma(\beta\delta_{\rm ref})>0`: weaker for a misaligned reference, never zero.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> gradient(problem.log_ref, problem, Preferences.from_pairs([(0, 1)])).tolist()
    [[-0.5, 0.5]]
    """
    h = improvement(log_policy, problem, preferences)
    push = problem.beta * np.exp(preferences.log_share + log_expit(-problem.beta * h))
    base = preferences.prompt * problem.n_responses
    size = problem.n_prompts * problem.n_responses
    pull = np.bincount(base + preferences.loser, push, size) - np.bincount(base + preferences.winner, push, size)
    return pull.reshape(problem.n_prompts, problem.n_responses)


def improvement(log_policy, problem: Problem, preferences: Preferences) -> np.ndarray:
    r"""``(n_pairs,)`` of :math:`h=\delta-\delta_{\rm ref}` in nats, the argument of the loss."""
    preferences.check_against(problem)
    return preferences.delta(as_log_policy(log_policy, problem)) - preferences.delta(problem.log_ref)
