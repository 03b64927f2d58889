r"""CPO: four different things called by one name, each computed exactly.

* :func:`constrained_optimum`: RLHF subject to :math:`\pi_w\ge e^m\pi_l` on the labelled pairs, the only reading with a
  guarantee;
* :func:`penalized_optimum`: the objective of Eq. 10 (as transcribed), which has no maximiser, only local ones;
* :func:`reference_margin_solve`: the loss of Eq. 13-19 (as transcribed) with its margin frozen at the reference;
* the released trainer's losses, as target margins: :mod:`tabular.margins`.
"""

import numpy as np
from numpy.typing import ArrayLike

from tabular import rlhf
from tabular.base import checks, tolerances
from tabular.base.log_space import kl, normalised
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.fits.reference_margin import exact_margin, reference_margin, reference_margin_solve, triangle_defect
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.projections.projection import project
from tabular.projections.pulls import lift, pulls
from tabular.simplex.penalized import PenalizedOptimum, gamma_window, penalized_objective, penalized_optimum
from tabular.status import Status

__all__ = [
    "ConstrainedOptimum",
    "PenalizedOptimum",
    "Residuals",
    "constrained_optimum",
    "exact_margin",
    "gamma_window",
    "penalized_objective",
    "penalized_optimum",
    "reference_margin",
    "reference_margin_solve",
    "triangle_defect",
]


_MOST = 1e307  # nats in all: paths of labels and differences from log-probabilities add up within the floats
_ADD_UP = "the margins of a path of labels must add up within double precision; bring it nearer to 0"
_HEAVY = 1000.0  # nats: the rounding of smaller multipliers is below 1e-12


class Residuals(Record):
    r"""How far a constrained optimum is from its optimality conditions, recomputed from its policy and multipliers.

    All in nats, largest over pairs, responses or prompts; 0 is exact. Together they prove optimality: any multipliers
    :math:`\lambda\ge0` bound the divergence from below by weak duality, so ``gap`` bounds what any other feasible
    policy could still gain, in units of beta.
    """

    primal: float  #: shortfall of :math:`\log\pi_w-\log\pi_l` below the margin
    dual: float  #: size of the most negative multiplier
    complementarity: float  #: largest min(multiplier, slack) of a pair
    stationarity: float  #: largest error of the stationarity equation at a response, beyond its multipliers' rounding
    gap: float  #: :math:`\mathrm{KL}(\pi\|\pi^*)` less its dual lower bound


class ConstrainedOptimum(Record):
    r"""Result of :func:`constrained_optimum`.

    Attributes:
        status: UNIQUE, or INFEASIBLE when the labels force every response of some prompt to 0.
        log_policy: ``(n_prompts, n_responses)``; a forced zero is ``-inf``, and so is all of an infeasible prompt.
        multipliers: ``(n_pairs,)`` of :math:`\lambda_i\ge0`, the reward gained per unit by which the constraint
            :math:`\pi_w-e^m\pi_l\ge0` is relaxed; 0 for pairs of forced zeros and for labels of weight 0.
        tilt: ``(n_pairs,)`` of :math:`t_i=\lambda_i(1+e^{m_i})/\beta` in nats, the multipliers in the scale in which
            they neither under- nor overflow: what the pair alone adds to its own log-ratio.
        price: ``(n_prompts,)``, what alignment costs: :math:`\beta\,\mathrm{KL}(\pi\|\pi^*)=V-J(\pi)`, in units of
            reward; ``inf`` for an infeasible prompt.
        cycle: the certificate of forced zeros, ``(prompt, (y0, y1, ...))`` for each strongly connected block of labels
            that has one: y0 is labelled over y1, y1 over y2, ..., the last over y0, with positive total margin.
        residuals: see :class:`Residuals`; of the feasible prompts.
    """

    status: Status
    log_policy: np.ndarray
    multipliers: np.ndarray
    tilt: np.ndarray
    price: np.ndarray
    cycle: tuple
    residuals: Residuals


@takes_nouns
def constrained_optimum(problem: Problem, preferences: Preferences, margin: ArrayLike = 0.0) -> ConstrainedOptimum:
    r"""The policy that maximises :math:`\mathbb E_\pi[r]-\beta\,\mathrm{KL}(\pi\|\pi_{\rm ref})` among those with
    :math:`\pi_w\ge e^m\pi_l` on every labelled pair.

    Since :math:`J(\pi)=V-\beta\,\mathrm{KL}(\pi\|\pi^*)` it is the KL projection of the RLHF optimum onto a polytope.
    It exists and is unique unless the constraints are contradictory. With multipliers :math:`\lambda\ge0`,
    :math:`\lambda_i(\pi_{w_i}-e^{m_i}\pi_{l_i})=0`, and one :math:`\nu` a prompt, it is characterised by

    .. math:: \log\pi_y=\log\pi^*_y-\nu+\frac1\beta\sum_i\lambda_i\big(1[y=w_i]-e^{m_i}1[y=l_i]\big)

    on the responses that are not forced to 0. For one pair
    :math:`\lambda/\beta=\max(0,m-\delta^*)/(1+e^m)`.

    A cycle of labels with total margin 0 makes its members keep fixed ratios (equal ones at m = 0), one with positive
    total margin forces them to 0, and with them every response that they are labelled over; one with negative total
    margin forces nothing. Decided from the digraph before anything is solved. A total is 0 when it is below 1e-12 of
    the sum of all :math:`|m|` among responses that cycles connect with it: 0.1 + 0.2 - 0.3 is not 0 in floating point.

    Accuracy: log-probabilities and multipliers keep about 13 digits, but for multipliers that are themselves a small
    difference of the data: two tied responses, :math:`e^{20}` times as likely as the one that both are labelled over,
    share its multiplier by their difference at :math:`e^{-20}`.

    Args:
        problem: with a reward.
        preferences: the labelled pairs; weights do not matter, except that weight 0 drops a label.
        margin: m in nats, finite, any sign: one number or ``(n_pairs,)``.

    Raises:
        InputError: no reward, labels that do not fit the problem, margins that do not add up within double precision,
            or margins of both signs by which a response holds two others in place from :math:`10^{308}` times below
            them: its multipliers exceed double precision.

    >>> problem = Problem.from_probabilities([0.1, 0.4, 0.5], beta=1, reward=[0, 0, 0])
    >>> best = constrained_optimum(problem, Preferences.from_pairs([(0, 1)]), margin=np.log(2))
    >>> np.exp(best.log_policy).round(9).tolist(), float(best.price[0].round(9))  # (1/4, 1/8, 5/8), log(5/4)
    ([[0.25, 0.125, 0.625]], 0.223143551)
    >>> round(float(3 * best.multipliers[0] / np.log(8)), 9)  # delta* = -log 4, so 3 lambda = log 2 + log 4
    1.0
    """
    preferences.check_against(problem)
    margin = preferences.per_pair(margin, "margin")
    checks.refuse(np.abs(margin) > _MOST / len(margin), margin, "margin", _ADD_UP)
    log_star = rlhf.optimal_policy(problem)
    counted = _index(preferences.log_weight > -np.inf)
    base = preferences.prompt * problem.n_responses
    winner, loser = (base + preferences.winner)[counted], (base + preferences.loser)[counted]
    projection = project(log_star.ravel(), winner, loser, margin[counted])
    log_policy = projection.log_x.reshape(log_star.shape)
    feasible = _feasible(log_policy > -np.inf)
    log_policy[feasible] = normalised(log_policy[feasible])
    tilt = np.zeros(preferences.n_pairs)
    tilt[counted] = projection.tilt
    with np.errstate(over="ignore", invalid="ignore"):
        multipliers = problem.beta * pulls(tilt, margin)[0]
    found = np.isfinite(tilt) & np.isfinite(multipliers)
    if not found.all():
        raise InputError(
            f"margins go from {margin.min()} to {margin.max()}: the multiplier of pair {np.argmin(found)} "
            "exceeds double precision; bring the margins of one of the two signs nearer to 0"
        )
    price = np.full(problem.n_prompts, np.inf)
    divergence = kl(log_policy[feasible], log_star[feasible])
    price[feasible] = problem.beta * divergence
    return ConstrainedOptimum(
        status=Status.UNIQUE if isinstance(feasible, slice) else Status.INFEASIBLE,
        log_policy=log_policy,
        multipliers=multipliers,
        tilt=tilt,
        price=price,
        cycle=tuple(_named(cycle, problem.n_responses) for cycle in projection.cycles),
        residuals=_residuals(log_policy, log_star, divergence, tilt[counted], winner, loser, margin[counted]),
    )


def _index(mask):
    """The mask as an index that copies nothing where all of it is meant."""
    return slice(None) if mask.all() else mask


def _feasible(lives):
    """The prompts that keep a response, as an index."""
    return slice(None) if lives.all() else _index(lives.any(axis=1))


def _named(cycle, n_responses):
    return cycle[0] // n_responses, tuple(node % n_responses for node in cycle)


def _residuals(log_policy, log_star, divergence, tilt, winner, loser, margin):
    """The optimality conditions, in nats, on the responses that keep positive probability."""
    flat, lives = log_policy.ravel(), log_policy > -np.inf
    feasible = _feasible(lives)
    lives = True if lives.all() else lives[feasible]
    above = flat[winner]
    living = True if lives is True else above > -np.inf  # a pair of two zeros holds whatever its margin
    slack = _where(living, np.subtract, above, flat[loser], np.inf) - margin
    lifted = lift(winner, loser, margin, tilt, flat.size).reshape(log_policy.shape)[feasible]
    ours, star = log_policy[feasible], log_star[feasible]
    if tilt.max(initial=0.0) > _HEAVY:
        pull = lift(winner, loser, margin, tilt, flat.size, np.add).reshape(log_policy.shape)[feasible]
        lifted = _without_rounding(ours, star, lifted, pull)
    tilted = _where(lives, np.add, star, lifted, -np.inf)
    explained = normalised(tilted)
    error = _where(lives, np.subtract, ours, explained, 0.0)
    log_sum = tilted.max(axis=1) - explained.max(axis=1)
    gap = divergence + log_sum
    return Residuals(
        primal=_worst(-slack),
        dual=_worst(-tilt),
        complementarity=_worst(np.minimum(tilt, slack)),
        stationarity=_worst(np.abs(error)),
        gap=_worst(np.abs(gap)),
    )


def _where(mask, operation, one, other, elsewhere):
    """The operation where the mask holds, which may be everywhere."""
    if mask is True:
        return operation(one, other)
    return operation(one, other, out=np.full(one.shape, elsewhere), where=mask)


def _without_rounding(log_policy, log_star, lifted, pull):
    """``lifted``, but what stationarity asks for wherever multipliers within a last digit of ours would give that.

    A light response that holds heavy ones in place is moved by huge multipliers that all but cancel; no double says
    what is left. Its pairs' slack, not this equation, shows whether it is where it should be.
    """
    moved = np.subtract(log_policy, log_star, out=np.zeros(lifted.shape), where=log_policy > -np.inf)
    log_scale = (np.exp(log_policy) * (lifted - moved)).sum(axis=1, keepdims=True)
    wanted = moved + log_scale
    return np.where(np.abs(wanted - lifted) <= tolerances.MULTIPLIERS * pull, wanted, lifted)


def _worst(violation):
    return max(float(violation.max()), 0.0) + 0.0 if violation.size else 0.0  # in this order nan stays, -0.0 does not
