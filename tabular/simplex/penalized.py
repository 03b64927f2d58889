r"""CPO's penalised objective (Eq. 10 of Yang et al., as transcribed), which has no maximiser, and its local optimum.

.. math:: J(\pi)=\mathbb E_\pi[r]-\beta\,\mathrm{KL}(\pi\|\pi_{\rm ref})+\gamma\sum_yc_y\log\pi_y,\qquad
   \sum_i\bar w_i\delta_i=\sum_yc_y\log\pi_y,

per prompt, with :math:`\bar w` the weights of the prompt's labels scaled to sum to 1 and :math:`c_y` their sum over the
labels that y wins less that over those it loses. The c sum to 0, so either they all vanish, the penalty is 0 and J is
RLHF's; or some :math:`c_y<0`, and lowering the logits of those y at unit speed raises the penalty at the constant rate
:math:`\gamma\sum_{c_y<0}|c_y|` while reward and KL stay bounded: *J is unbounded for every* :math:`\gamma>0`.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from tabular import rlhf
from tabular.base import checks, tolerances
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy
from tabular.simplex.penalized_maxima import all_local_maxima, pulls
from tabular.status import Status

__all__ = ["PenalizedOptimum", "fold", "gamma_window", "penalized_objective", "penalized_optimum", "win_excess"]


class PenalizedOptimum(Record):
    r"""Result of :func:`penalized_optimum`.

    Attributes:
        status: UNBOUNDED if any prompt is; otherwise UNIQUE.
        direction: ``(n_prompts, n_responses)``, a direction in logits along which J grows for ever; 0 elsewhere.
        rate: ``(n_prompts,)``, the rate at which the penalty grows along it, in units of reward per nat.
        local_by_prompt: for each prompt the log-policy of its highest local maximum, None where it has none. The
            second-order condition holds there. For a prompt that is not UNBOUNDED it is the global maximum.
        n_local: ``(n_prompts,)``, how many local maxima there are.
        certified: ``(n_prompts,)``, whether bounds rounded outwards prove that these are all, of each prompt with
            :math:`\log\pi^*` to within a rounding of itself. Where they do not, a maximum may be about to appear or
            to vanish, its basin below rounding.
        residual: the largest error of the stationarity equation at the local maxima, in nats.
    """

    status: Status
    direction: np.ndarray
    rate: np.ndarray
    local_by_prompt: tuple
    n_local: np.ndarray
    certified: np.ndarray
    residual: float

    @property
    def local(self) -> np.ndarray | None:
        """``(n_prompts, n_responses)`` of log-policies, or None when some prompt has no local maximum."""
        rows = self.local_by_prompt
        return None if any(row is None for row in rows) else np.array(rows)


@takes_nouns
def win_excess(problem: Problem, preferences: Preferences) -> np.ndarray:
    """``(n_prompts, n_responses)`` of c: wins less losses, the weights of each prompt's labels scaled to sum to 1.

    >>> labels = Preferences.from_pairs([(0, 1), (0, 2), (1, 2)])
    >>> win_excess(Problem.from_probabilities([0.2, 0.3, 0.5], beta=1), labels).round(6).tolist()
    [[0.666667, 0.0, -0.666667]]
    """
    preferences.check_against(problem)
    top = np.full(problem.n_prompts, -np.inf)
    np.maximum.at(top, preferences.prompt, preferences.log_weight)
    weight = np.exp(preferences.log_weight - np.where(np.isneginf(top), 0.0, top)[preferences.prompt])
    share = weight / np.maximum(np.bincount(preferences.prompt, weight, problem.n_prompts), 1)[preferences.prompt]
    base, size = preferences.prompt * problem.n_responses, problem.log_ref.size
    wins = np.bincount(base + preferences.winner, share, size)
    losses = np.bincount(base + preferences.loser, share, size)
    excess = np.where(np.abs(wins - losses) <= tolerances.CYCLE_MARGIN * (wins + losses), 0.0, wins - losses)
    return excess.reshape(problem.log_ref.shape)


@takes_nouns
def penalized_objective(log_policy: ArrayLike, problem: Problem, preferences: Preferences, gamma: float) -> np.ndarray:
    r"""J of the module's first line, ``(n_prompts,)``, in units of reward.

    ``inf`` where a response with more losses than wins has probability 0, ``-inf`` where one with more wins has.

    Raises:
        InputError: not a policy, negative gamma, or both kinds at 0 in one prompt, where J has no value.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[0, 0])
    >>> policy, pair = np.log([0.75, 0.25]), Preferences.from_pairs([(0, 1)])
    >>> penalized_objective(policy, problem, pair, 1.0).round(6).tolist()  # log 3 - KL
    [0.9678]
    """
    log_policy = as_log_policy(log_policy, problem)
    gamma, excess = checks.number(gamma, "gamma", checks.NOT_NEGATIVE), win_excess(problem, preferences)
    zero = np.isneginf(log_policy)
    torn = (zero & (excess > 0)).any(axis=1) & (zero & (excess < 0)).any(axis=1)
    if torn.any():
        raise InputError(
            f"log_policy row {int(np.argmax(torn))} is 0 on a response with more wins and on one with more losses: "
            "the penalty is inf - inf; give one of them a positive probability"
        )
    penalty = excess * np.where(excess != 0, log_policy, 0.0)
    return rlhf.objective(log_policy, problem) + (gamma * penalty.sum(axis=1) if gamma else 0.0)


@takes_nouns
@one_thread
def penalized_optimum(problem: Problem, preferences: Preferences, gamma: float) -> PenalizedOptimum:
    r"""What there is to find of :math:`\max J`: the certificate that J is unbounded, and its local maximum if any.

    All local maxima of all prompts are isolated together (:mod:`tabular.simplex.penalized_maxima`): a thousand prompts
    in one problem take a fraction of what a thousand problems take.

    Args:
        gamma: the penalty's weight, finite and >= 0, in units of reward.

    Raises:
        InputError: no reward, labels that do not fit, or a bad gamma.

    >>> problem = Problem.from_probabilities([0.25, 0.75], beta=1, reward=[0.0, 0.0])
    >>> found = penalized_optimum(problem, Preferences.from_pairs([(0, 1)]), gamma=0.05)
    >>> found.status, found.direction.tolist(), np.exp(found.local).round(6).tolist()
    (<Status.UNBOUNDED: 'unbounded'>, [[0.0, -1.0]], [[0.297473, 0.702527]])
    >>> found.n_local.tolist(), found.certified.tolist()
    ([1], [True])
    >>> penalized_optimum(problem, Preferences.from_pairs([(0, 1)]), gamma=1.0).local is None
    True
    """
    gamma, excess = checks.number(gamma, "gamma", checks.NOT_NEGATIVE), win_excess(problem, preferences)
    log_star = rlhf.optimal_policy(problem)
    if not gamma / problem.beta < np.inf:
        raise InputError(f"gamma is {gamma}: over beta, {problem.beta}, it leaves double precision; make it smaller")
    c = gamma / problem.beta * excess
    losing = (excess < 0) & (gamma > 0)
    rate = gamma * np.where(losing, -excess, 0.0).sum(axis=1)
    maxima, certified = all_local_maxima(log_star, c)
    rows, residual = [], 0.0
    for star, pull, found in zip(log_star, c, maxima, strict=True):
        rows.append(max(found, key=lambda log_pi: _relative_objective(log_pi, star, pull)) if found else None)
        residual = max([residual, *(_stationarity_error(log_pi, star, pull) for log_pi in found)])
    return PenalizedOptimum(
        status=Status.UNBOUNDED if losing.any() else Status.UNIQUE,
        direction=np.where(losing, -1.0, 0.0),
        rate=rate,
        local_by_prompt=tuple(rows),
        n_local=np.array([len(found) for found in maxima]),
        certified=certified,
        residual=residual,
    )


@takes_nouns
def gamma_window(problem: Problem, preferences: Preferences) -> tuple[np.ndarray, np.ndarray]:
    r"""The gammas for which Theorem 4.9 (as transcribed) is true of the local maximum, with two responses and one pair.

    With :math:`\kappa=\gamma/\beta` stationarity reads :math:`G(\delta)=\delta-2\kappa(1+\cosh\delta)=\delta^*`. G
    rises up to :math:`\sinh\delta=1/(2\kappa)`, to the height
    :math:`F(\kappa)=\operatorname{asinh}\frac1{2\kappa}-2\kappa-\sqrt{4\kappa^2+1}`, then falls. A local maximum, on
    the rising part, exists iff :math:`\delta^*<F(\kappa)`, that is iff gamma < ``gamma_max``, as F decreases. It has
    :math:`\delta>0` iff :math:`G(0)=-4\kappa<\delta^*`, that is iff gamma > ``gamma_star`` :math:`=-\beta\delta^*/4`.
    With :math:`u=1/(2\kappa)`, :math:`F(\kappa)+4\kappa=\operatorname{asinh}u-\frac{u}{1+\sqrt{1+u^2}}>0` as
    :math:`\operatorname{asinh}u>u/\sqrt{1+u^2}`: at gamma_star the fold is still ahead, gamma_star < gamma_max always.

    Returns:
        ``(gamma_star, gamma_max)``, each ``(n_prompts,)``. gamma_star is negative where :math:`\delta^*>0`: every
        gamma from 0 to gamma_max is then in the window. gamma_max tends to
        :math:`\beta e^{-\delta^*-1}` there and underflows to 0.0 for :math:`\delta^*` above 745.

    Raises:
        InputError: a prompt without exactly two responses and one labelled pair.

    >>> problem = Problem.from_probabilities([0.25, 0.75], beta=1, reward=[0.0, 0.0])
    >>> [bound.round(6).tolist() for bound in gamma_window(problem, Preferences.from_pairs([(0, 1)]))]
    [[0.274653], [0.412681]]
    """
    preferences.check_against(problem)
    drawn = preferences.log_weight > -np.inf
    n_labels = np.bincount(preferences.prompt[drawn], minlength=problem.n_prompts)
    bad = (n_labels != 1) | (problem.present.sum(axis=1) != 2)
    if bad.any():
        prompt = int(np.argmax(bad))
        raise InputError(
            f"prompt {prompt} has {int(problem.present[prompt].sum())} responses and {n_labels[prompt]} labels: "
            "the window is defined for two responses and one pair; use penalized_optimum for more"
        )
    delta_star = np.empty(problem.n_prompts)
    delta_star[preferences.prompt[drawn]] = preferences.delta(rlhf.optimal_policy(problem))[drawn]
    log_kappa = [brentq(lambda x, d=d: fold(x) - d, -abs(d) - 5, np.log(abs(d) + 5), xtol=1e-15) for d in delta_star]
    return -problem.beta * delta_star / 4, problem.beta * np.exp(log_kappa)


def fold(log_kappa):
    r""":math:`F(\kappa)`: the largest :math:`\delta^*` that still has a local maximum (see :func:`gamma_window`).

    >>> float(fold(np.log(0.412681)).round(5))  # -log 3, the example there
    -1.09861
    """
    kappa = np.exp(log_kappa)
    root = np.sqrt(4 * kappa * kappa + 1)
    return np.log((1 + root) / 2) - log_kappa - 2 * kappa - root


def _relative_objective(log_pi, log_star, c):
    """J/beta up to a constant of the prompt."""
    there = log_pi > -np.inf
    return c[there] @ log_pi[there] - np.exp(log_pi[there]) @ (log_pi[there] - log_star[there])


def _stationarity_error(log_pi, log_star, c):
    """Spread of log pi - log pi* - kappa c/pi, relative to the size of its terms."""
    there = log_pi > -np.inf
    pull = pulls(log_pi[there], c[there])
    with np.errstate(invalid="ignore"):
        value = log_pi[there] - log_star[there] - pull
        error = np.abs(value - np.median(value)) / (1 + np.abs(log_star[there]) + np.abs(pull))
    return float(np.where(np.isnan(error), np.inf, error).max(initial=0.0))  # where a pull leaves the floats, nan
