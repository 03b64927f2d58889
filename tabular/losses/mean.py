"""The weighted mean of any loss over labelled pairs, and its gradient in tabular softmax logits."""

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.nouns import takes_nouns
from tabular.losses.forms import Pair
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy

__all__ = ["gradient", "mean", "means"]


@takes_nouns
def mean(log_policy: ArrayLike, problem: Problem, preferences: Preferences, loss: Loss) -> float:
    """The mean loss of a policy, in nats; it has to be positive wherever a label of positive weight looks.

    Raises:
        InputError: not a policy of this problem, labels that it does not have, a labelled response of probability 0.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> round(mean(problem.log_ref, problem, Preferences.from_pairs([(0, 1)]), losses.get("cdpo", eps=0.1)), 6)
    0.693147
    """
    cost = loss(*_ends(log_policy, problem, preferences), problem.beta)
    return float(_shared(cost, preferences.log_weight.shape, preferences))


def means(log_policies: np.ndarray, problem: Problem, preferences: Preferences, loss: Loss) -> np.ndarray:
    """The mean loss of each of ``(n_policies, n_prompts, n_responses)``, policies of the problem, its labels checked.

    >>> from tabular import losses
    >>> problem, labels = Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(0, 1)])
    >>> policies = np.log([[[0.5, 0.5]], [[0.8, 0.2]]])
    >>> means(policies, problem, labels, losses.get("dpo")).round(6).tolist()
    [0.693147, 0.223144]
    """
    ends = (preferences.prompt, preferences.winner), (preferences.prompt, preferences.loser)
    policies = [log_policies[:, *end] for end in ends]
    refs = [np.broadcast_to(problem.log_ref[end], policies[0].shape) for end in ends]
    cost = loss.form.value(Pair(*policies, *refs, problem.beta))
    return _shared(cost, policies[0].shape, preferences)


def _shared(cost, shape, preferences):
    """The mean of costs of that shape, whose last axis is the labels, over those that count: others may cost any."""
    share = np.exp(preferences.log_share)
    return np.broadcast_to(cost, shape)[..., share > 0] @ share[share > 0]


@takes_nouns
def gradient(log_policy: ArrayLike, problem: Problem, preferences: Preferences, loss: Loss) -> np.ndarray:
    r"""``(n_prompts, n_responses)``, each row summing to 0: :math:`G_y-\nu\pi_y` with :math:`\nu=\sum_yG_y`.

    Raises:
        InputError: as :func:`mean`; a slope beyond the floats, as ORPO's is at a probability that rounds to 1.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> gradient(problem.log_ref, problem, Preferences.from_pairs([(0, 1)]), losses.get("dpo")).tolist()
    [[-0.5, 0.5]]
    """
    up, down = loss.gradient(*_ends(log_policy, problem, preferences), problem.beta)
    share = np.exp(preferences.log_share)
    for slope, end in ((up, "winner"), (down, "loser")):
        bad = ~np.isfinite(slope) & (share > 0)
        checks.refuse(bad, slope, f"the slope of {loss.name} by the log-probability of the {end}", "it must be finite")
    up, down = (np.where(share > 0, slope, 0.0) for slope in (up, down))
    base, size = preferences.prompt * problem.n_responses, problem.log_ref.size
    total = np.bincount(base + preferences.winner, share * up, size)
    total += np.bincount(base + preferences.loser, share * down, size)
    total = total.reshape(problem.log_ref.shape)
    return total - total.sum(axis=1, keepdims=True) * np.exp(as_log_policy(log_policy, problem))


def _ends(log_policy, problem, preferences):
    preferences.check_against(problem)
    policy = as_log_policy(log_policy, problem)
    ends = (preferences.prompt, preferences.winner), (preferences.prompt, preferences.loser)
    return [values[end] for values in (policy, problem.log_ref) for end in ends]
