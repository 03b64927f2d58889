r"""The RLHF optimum in closed form.

For one prompt, :math:`J(\pi)=\mathbb E_\pi[r]-\beta\,\mathrm{KL}(\pi\|\pi_{\rm ref})` has the unique maximiser
:math:`\pi^*=\pi_{\rm ref}e^{r/\beta}/Z` with value :math:`V=\beta\log Z` (Rafailov et al. 2023, Eq. 4), and

.. math:: J(\pi) = V - \beta\,\mathrm{KL}(\pi\|\pi^*),

because :math:`r=\beta\log(\pi^*/\pi_{\rm ref})+V` pointwise. Every constrained RLHF problem is therefore a KL
projection of :math:`\pi^*`. Two rewards have the same optimum iff they differ by a constant per prompt.
"""

import numpy as np
from numpy.typing import ArrayLike

from tabular.base.log_space import kl, log_sum_exp, normalised
from tabular.base.nouns import takes_nouns
from tabular.problem import Problem, as_log_policy

__all__ = ["objective", "optimal_policy", "value"]


@takes_nouns
def optimal_policy(problem: Problem) -> np.ndarray:
    r"""``log pi*``, ``(n_prompts, n_responses)``: :math:`\log\pi_{\rm ref}+r/\beta` less its logsumexp.

    Absent responses stay at ``-inf``. The reward is shifted by its row maximum before it is divided by beta, so
    that a large common offset costs no digits.

    Raises:
        InputError: the problem has no reward.

    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5, reward=[1.0, 0.0, 0.0])
    >>> np.exp(optimal_policy(problem)).round(6).tolist()
    [[0.648786, 0.131705, 0.219509]]
    """
    tilted = _advantage(problem)
    tilted /= problem.beta
    tilted += problem.log_ref
    return normalised(tilted)


@takes_nouns
def value(problem: Problem) -> np.ndarray:
    r"""``V``, ``(n_prompts,)``, in the reward's units: :math:`\beta\log\sum_y\pi_{\rm ref}(y)e^{r(y)/\beta}`.

    Between the reference's mean reward (beta to infinity) and the largest reward (beta to 0).

    >>> value(Problem.from_probabilities([0.5, 0.5], beta=1e4, reward=[1.0, 0.0])).round(7).tolist()
    [0.5000125]
    """
    advantage = _advantage(problem) / problem.beta
    # Z - 1 to full relative accuracy: for large beta it is far below one, and beta log Z multiplies it up again
    excess = (np.exp(problem.log_ref) * np.expm1(advantage)).sum(axis=1)
    log_z = np.where(excess > -0.5, np.log1p(np.maximum(excess, -0.5)), log_sum_exp(problem.log_ref + advantage))
    return _best_reward(problem)[:, 0] + problem.beta * log_z


@takes_nouns
def objective(log_policy: ArrayLike, problem: Problem) -> np.ndarray:
    r"""``J(pi)``, ``(n_prompts,)``: :math:`\mathbb E_\pi[r]-\beta\,\mathrm{KL}(\pi\|\pi_{\rm ref})`.

    ``-inf`` where the policy puts mass on a response that the reference does not have.

    Raises:
        InputError: no reward, or not a policy of this problem.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[1, 0])
    >>> objective(np.log([0.5, 0.5]), problem).tolist()
    [0.5]
    """
    log_policy = as_log_policy(log_policy, problem)
    reward = problem.require_reward()
    return (np.exp(log_policy) * reward).sum(axis=1) - problem.beta * kl(log_policy, problem.log_ref)


def _best_reward(problem):
    reward = problem.require_reward()
    there = problem.present
    return (reward if there.all() else np.where(there, reward, -np.inf)).max(axis=1, keepdims=True)


def _advantage(problem):
    """Reward less the best present reward of the prompt: at most 0, and exactly 0 at the best."""
    advantage = problem.require_reward() - _best_reward(problem)
    return np.minimum(advantage, 0.0, out=advantage)  # an absent response is stored with reward 0, maybe above it
