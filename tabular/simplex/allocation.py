r"""Losses that are a sum over responses: one mass to allocate, each wanting its own (NCA, SPPO, BCO, KTO, APO-zero).

Where no label's loss couples its two responses, :math:`F=\sum_yf_y(\log\pi_y)` with :math:`f_y` the sum of what y wins
and loses, and :math:`\sum_y\pi_y=1`. Stationarity is :math:`f_y'=\nu\pi_y`: one equation for each response, and one
number :math:`\nu` for each prompt. A response is

* **neutral**, :math:`f_y'=0` throughout: nobody labelled y, or its labels cancel (KTO). Takes what is left.
* **shunned**, :math:`f_y'>0` throughout: probability 0, in every case below.
* **wanted**, :math:`f_y'<0` up to some :math:`x_y\le\infty`, and :math:`-f_y'(x)e^{-x}` decreasing there: :math:`f_y`
  is convex as a function of :math:`\pi_y` on its way down. Convexity in :math:`\log\pi` suffices; KTO with
  :math:`\beta\le 1` is not convex in :math:`\log\pi`, and has this.

**Theorem.** Let every response be one of the three, and :math:`S=\sum e^{x_y}` over the wanted.

1. S > 1: the minimum over the closed simplex is unique. All mass is on wanted responses,
   :math:`-f_y'(x)=\mu e^x` with the :math:`\mu=-\nu>0` that makes the sum 1. (:math:`g_y(\pi)=f_y(\log\pi)` is
   strictly convex and falling up to :math:`e^{x_y}`, and cutting any :math:`\pi_y` down to that costs nothing; so the
   least of :math:`\sum g_y` on :math:`\sum\pi\le 1` is that of a strictly convex function on a convex set. It uses up
   the mass, as one of the wanted can take more, and leaves none with a neutral or shunned response.)
2. S <= 1 and there are neutral responses, or S = 1: each wanted response has :math:`e^{x_y}`, where :math:`f_y` is
   least, each shunned 0; the rest is divided among the neutral in any way. :math:`\nu=0`.
3. S < 1 without a neutral response: somebody has to take more than he wants. :math:`\nu>0`, several local minima are
   possible (the set :math:`\sum\pi=1` is not convex in :math:`\log\pi`): :mod:`tabular.simplex.surfeit`.

A minimum is attained, by a policy that is positive everywhere, iff nobody is left with 0.

The root of one response's equation :math:`\log(-f_y'(x))-x=\log\mu` is unique, as the left side decreases; so is
:math:`\mu`, as the sum of the roots' :math:`e^x` decreases in :math:`\mu`. Both are bracketed before they are solved.
"""

from dataclasses import dataclass

import numpy as np

from tabular.base import roots
from tabular.simplex import sharing
from tabular.simplex.wishes import Bells, Wishes, polished

__all__ = ["Allocation", "allocate", "negative_root"]

_NOTHING = 80.0  # nats: a mu that much below its bound moves no response; S is 1 but for the rounding of its terms
_FULL = 4e-15  # what rounding leaves of a mass of 1, times what terms of 1 and 1/beta add up to


@dataclass(frozen=True, eq=False)
class Allocation:
    """What :func:`allocate` found, for each prompt.

    Attributes:
        log_policy: the minimiser over the closed simplex; in case 2 the rest is divided as the reference divides it.
        nu: ``(n_prompts,)``, in units of the weights. decided: mask, False in case 3.
        n_neutral: how many responses share the rest, 0 where there is no rest.
        missed: ``(n_prompts,)``, by how much less there may be, in units of the weights: 0 where it is proved not, nan
            where the theorem says so of a policy that balances.
    """

    log_policy: np.ndarray
    nu: np.ndarray
    decided: np.ndarray
    n_neutral: np.ndarray
    missed: np.ndarray


def allocate(wishes: Wishes) -> Allocation:
    """The minimum over the closed simplex of every prompt that cases 1 and 2 decide.

    Every response with a label has to be one of the three kinds.
    """
    neutral, wanted = wishes.kinds()
    goal, beyond = _goals(wishes, wanted)
    log_total, full = np.logaddexp.reduce(goal, axis=1), _FULL * (1 + 1 / wishes.beta)
    short = (log_total > full) | beyond.any(axis=1)
    left = ~short & (log_total < -full)
    log_policy, nu = goal - np.where(left, 0.0, log_total)[:, None], np.zeros(len(goal))
    missed = np.full(len(goal), np.nan)
    if short.any():
        if isinstance(wishes, Bells) and wishes.beta > 1:
            log_policy[short], log_mu, missed[short] = sharing.shared(wishes.of(short), wanted[short])
        else:
            log_policy[short], log_mu = _shared(wishes.of(short), wanted[short], goal[short], beyond[short])
        with np.errstate(over="ignore"):  # the price of shares of e^-800 beside one that has all but everything
            nu[short] = -np.exp(log_mu)
    free = left & neutral.any(axis=1)
    rest = np.log(-np.expm1(log_total[free]))
    log_share = np.where(neutral, wishes.log_ref, -np.inf)[free]
    filled = log_share - np.logaddexp.reduce(log_share, axis=1)[:, None] + rest[:, None]
    log_policy[free] = np.where(neutral[free], filled, log_policy[free])
    return Allocation(log_policy, nu, ~left | free, np.where(free, neutral.sum(axis=1), 0), missed)


def _goals(wishes, wanted):
    """Where each wanted response's own loss is least, and which of them would like more than everything (0 there)."""
    beyond = wanted & (wishes.rise(np.zeros(wanted.shape)) < 0)
    inner = wanted & ~beyond
    goal = negative_root(wishes.rise, inner, np.where(inner, np.minimum(wishes.log_ref, -1.0), 0.0))
    return np.where(wanted, np.where(beyond, 0.0, goal), -np.inf), beyond


def negative_root(rise, asked, start):
    """Where an increasing function is 0 below 0, looked for from a ``start`` on down; anywhere if not ``asked``."""
    low = start
    while (above := asked & (rise(low) > 0)).any():
        low = np.where(above, 2 * low, low)
    return roots.increasing(lambda x: np.where(asked, rise(x), 0.0), low, np.zeros(low.shape))


def _shared(wishes, wanted, goal, beyond):
    """Case 1: log-policy and log mu, by rough bracketing and Newton; where that fails, by bracketing alone."""
    bracket = _bracket(wishes, wanted, goal, beyond)
    rough = _bracketed(wishes, wanted, *bracket, atol=wishes.rough)
    log_policy, log_mu = polished(wishes, wanted, *rough)
    full, filled = wishes.filled(wanted, *rough, *bracket[2:])
    log_policy[full], log_mu[full] = filled[full], rough[1][full]
    failed = np.isnan(log_mu)
    if failed.any():
        part = (wishes.of(failed), wanted[failed], *(end[failed] for end in bracket))
        log_policy[failed], log_mu[failed] = _bracketed(*part, atol=1e-15)
    return log_policy - np.logaddexp.reduce(log_policy, axis=1)[:, None], log_mu


def _bracket(wishes, wanted, goal, beyond):
    """Ends of log mu and of every wanted response's x that hold the solution."""
    log_even = np.where(wanted, -np.log(np.maximum(wanted.sum(axis=1), 1))[:, None], 0.0)
    high = np.where(wanted & (beyond | (goal > log_even)), wishes.pull(log_even), -np.inf).max(axis=1)
    low = np.where(beyond, wishes.pull(np.zeros(goal.shape)), -np.inf).max(axis=1)
    most = np.where(wanted, goal, 0.0)
    least = wishes.starts(wanted, np.minimum(most, log_even), high[:, None])
    open_, step = np.flatnonzero(np.isneginf(low)), 1.0
    low[open_] = high[open_]
    while open_.size:  # down to where the sum is above 1 by more than its error
        part = wishes.of(open_), wanted[open_], low[open_], least[open_], most[open_]
        short = (_log_mass(*part, wishes.rough) < 3 * wishes.rough) & (low[open_] > high[open_] - _NOTHING)
        open_ = open_[short]
        low[open_], step = low[open_] - step, 2 * step
    return low, high, least, most


def _log_mass(wishes, wanted, log_mu, least, most, atol):
    return np.logaddexp.reduce(wishes.pulled(wanted, log_mu[:, None], least, most, atol), axis=1)


def _bracketed(wishes, wanted, low, high, least, most, atol):
    log_mu = roots.increasing(lambda t: -_log_mass(wishes, wanted, t, least, most, atol), low, high, atol)
    return wishes.pulled(wanted, log_mu[:, None], least, most, atol), log_mu
