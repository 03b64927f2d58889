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

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit

from tabular.base import roots
from tabular.base.log_space import softplus
from tabular.losses.absolute import ApoZero, Bco, Kto, Nca
from tabular.losses.forms import Pair

__all__ = ["Allocation", "Bells", "Limited", "Logistic", "Wishes", "allocate", "negative_root", "polished", "wishes_of"]

_NEUTRAL = 1e-12  # of the sizes of the two terms: sums of decimal weights such as 0.1 + 0.2 - 0.3 miss 0 by a few 1e-16
_NOTHING = 80.0  # nats: a mu that much below its bound moves no response; S is 1 but for the rounding of its terms
_BLUR = 1e-14  # of a log mu, at least of 1: rounding
_SUDDEN = 0.01  # nats that a response gains as log mu falls by rounding: it alone says how much it takes
_SETTLED = 1e-13  # the last step's size, relative: the square of it is left
_FULL = 4e-15  # what rounding leaves of a mass of 1, times what terms of 1 and 1/beta add up to


@dataclass(frozen=True, eq=False)
class Wishes:
    """The f' of every response, on arrays ``(n_prompts, n_responses)``, from any loss that does not couple.

    Attributes:
        there: mask of the responses that are there; log_ref is 0 elsewhere.
        log_won, log_lost: logs of the weights of the labels that y wins and loses, ``-inf`` without one.
    """

    form: object
    there: np.ndarray
    log_ref: np.ndarray
    beta: float
    log_won: np.ndarray
    log_lost: np.ndarray

    @property
    def rough(self):
        """Nats from where Newton takes over."""
        return 0.25 * min(1.0, 1 / self.beta)

    @cached_property
    def log_weight(self):
        return np.logaddexp(self.log_won, self.log_lost)

    def of(self, rows):
        """Those of some prompts."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _ARRAYS})

    def terms(self, x):
        """The two terms of f'/W at log-probabilities x."""
        safe = np.where(self.log_weight > -np.inf, self.log_weight, 0.0)
        up, down = self.form.gradient(Pair(x, x, self.log_ref, self.log_ref, self.beta))
        return _times(np.exp(self.log_won - safe), up), _times(np.exp(self.log_lost - safe), down)

    def rise(self, x):
        """A number of the sign of f' that increases with x where y is wanted."""
        up, down = self.terms(x)
        return up + down

    def pull(self, x):
        """log(-f') - x, which decreases with x until f' is 0; -inf beyond."""
        with np.errstate(divide="ignore"):
            return self.log_weight + np.log(np.maximum(-self.rise(x), 0.0)) - x

    def push(self, x):
        """log f' - x beyond the goal; -inf before."""
        with np.errstate(divide="ignore"):
            return self.log_weight + np.log(np.maximum(self.rise(x), 0.0)) - x

    def steep(self, x):
        """f''/f' beyond the goal, where it decreases; inf before."""
        rise = self.rise(x)
        return np.where(rise > 0, self.bend(x) / np.where(rise > 0, rise, 1.0), np.inf)

    def bend(self, x):
        """f''/W."""
        safe = np.where(self.log_weight > -np.inf, self.log_weight, 0.0)
        up, _, down = self.form.curvature(Pair(x, x, self.log_ref, self.log_ref, self.beta))
        return _times(np.exp(self.log_won - safe), up) + _times(np.exp(self.log_lost - safe), down)

    def starts(self, wanted, start, log_mu):
        """Points at which every wanted response still pulls at log mu or more, from others down."""
        step = 1.0
        while (slack := wanted & (self.pull(start) < log_mu)).any():
            start, step = np.where(slack, start - step, start), 2 * step
        return start

    def pulled(self, wanted, log_mu, least, most, atol):
        """Where wanted responses pull at log mu, between points at which they do more and less; -inf elsewhere."""
        x = roots.increasing(lambda x: np.where(wanted, log_mu - self.pull(x), 0.0), least, most, atol)
        return np.where(wanted, x, -np.inf)

    def filled(self, wanted, log_policy, log_mu, least, most):
        """Rows where rounding of log mu hides what some response takes, and the log-policies with that put right."""
        return np.zeros(len(log_mu), dtype=bool), log_policy

    def kinds(self):
        """Masks of the neutral and of the wanted responses; the rest are shunned, or not there."""
        cancels = self.log_weight == -np.inf
        sizes = [self.terms(self.log_ref + r / self.beta) for r in (-1.0, 0.0, 1.0)]
        cancels |= np.all([np.abs(up + down) <= _NEUTRAL * (np.abs(up) + np.abs(down)) for up, down in sizes], axis=0)
        falls = self.rise(np.full(self.there.shape, -np.inf)) < 0  # at its lowest: these losses are convex in log pi
        return self.there & cancels, self.there & ~cancels & falls


_ARRAYS = ("there", "log_ref", "log_won", "log_lost")


class Logistic(Wishes):
    """NCA and BCO: f' is one logistic function less another, in logs, for both leave the floats while they matter."""

    def _sides(self, x):
        """Logs of what pulls y up, falling in x, and of what pushes it down, rising."""
        z = self.beta * (x - self.log_ref)
        if isinstance(self.form, Nca):
            up, down = self.log_won - softplus(z), self.log_weight - np.log(2) - softplus(-z)
        else:
            z = z - self.form.shift
            up, down = self.log_won - softplus(z), self.log_lost - softplus(-z)
        return np.log(self.beta) + up, np.log(self.beta) + down

    def rise(self, x):
        up, down = self._sides(x)
        with np.errstate(invalid="ignore"):
            return np.where(up == down, 0.0, down - up)

    def pull(self, x):
        up, down = self._sides(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(up > down, up + np.log(-np.expm1(np.minimum(down - up, 0.0))), -np.inf) - x

    def push(self, x):
        up, down = self._sides(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(down > up, down + np.log(-np.expm1(np.minimum(up - down, 0.0))), -np.inf) - x

    def steep(self, x):
        up, down = self._sides(x)
        z = self.beta * (x - self.log_ref) - getattr(self.form, "shift", 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(self.log_won > -np.inf, np.exp(np.minimum(up - down, 0.0)), 0.0)
            return np.where(share < 1, self.beta * (expit(z) * share + expit(-z)) / (1 - share), np.inf)

    def kinds(self):
        return self.there & (self.log_weight == -np.inf), self.there & (self.log_won > -np.inf)


class Bells(Wishes):
    r"""KTO and APO-zero: both slopes are one bell :math:`\sigma'`, times what y wins less what it loses."""

    @cached_property
    def _excess(self):
        """Its sign, and the log of its size; 0 where the two cancel."""
        kto = isinstance(self.form, Kto)
        won = self.log_won + (np.log(self.form.l_d) if kto else 0.0)
        lost = self.log_lost + (np.log(self.form.l_u) if kto else 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.where(won == lost, 0.0, won - lost)
            log_size = np.maximum(won, lost) + np.log(-np.expm1(-np.abs(gap)))
        sign = np.where(np.abs(gap) <= _NEUTRAL, 0.0, np.sign(gap))
        return sign, np.where(sign == 0, -np.inf, log_size)

    def rise(self, x):
        return np.where(self._excess[0] > 0, -np.inf, np.inf) + np.zeros(np.shape(x))

    @property
    def _middle(self):
        return self.log_ref + getattr(self.form, "z0", 0.0)

    def pull(self, x):
        """A bell is e^z over a square, and x meets z before either is rounded away."""
        sign, log_size = self._excess
        tail = (self.beta - 1) * x - self.beta * self._middle
        log_pull = log_size + np.log(self.beta) + tail - 2 * softplus(self.beta * (x - self._middle))
        return np.where(sign > 0, log_pull, -np.inf)

    def push(self, x):
        sign, log_size = self._excess
        z = self.beta * (x - self._middle)
        with np.errstate(invalid="ignore"):
            return np.where(sign < 0, log_size + np.log(self.beta) + z - 2 * softplus(z) - x, -np.inf)

    def steep(self, x):
        return -self.beta * np.tanh(self.beta * (x - self._middle) / 2)

    def kinds(self):
        sign, _ = self._excess
        return self.there & (sign == 0), self.there & (sign > 0)


class Limited(Bells):
    """Bells at beta = 1: the smaller y, the more it pulls, but no more than so much: who is below mu has no root."""

    rough = 1e-15  # who has one has to be known before Newton takes over

    def starts(self, wanted, start, log_mu):
        return start

    def pulled(self, wanted, log_mu, least, most, atol):
        half = (self._excess[1] - self._middle - log_mu) / 2  # softplus(z)
        there = wanted & (half > 0)
        half = np.where(there, half, 1.0)
        return np.where(there, np.minimum(self._middle + half + np.log(-np.expm1(-half)), most), -np.inf)

    def filled(self, wanted, log_policy, log_mu, least, most):
        """Who goes from little to much between mu that differ by rounding takes what others leave.

        Of several each has :math:`e^{z}`, z the same to first order, so that they share it as their middles say.
        """
        by = _BLUR * np.maximum(np.abs(log_mu), 1.0)[:, None]
        more, less = (self.pulled(wanted, log_mu[:, None] + way, least, most, 0.0) for way in (-by, by))
        sudden = wanted & (more > less + _SUDDEN)
        rows, share = sudden.any(axis=1), np.where(sudden, self._middle, -np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = np.logaddexp.reduce(np.where(sudden, -np.inf, log_policy), axis=1, keepdims=True)
            share = share - np.logaddexp.reduce(share, axis=1, keepdims=True) + np.log(-np.expm1(np.minimum(rest, 0.0)))
        return rows, np.where(sudden, share, log_policy)


def wishes_of(form, beta):
    """The class that knows the loss best."""
    if isinstance(form, Nca | Bco):
        return Logistic
    if isinstance(form, Kto | ApoZero):
        return Limited if beta == 1 else Bells
    return Wishes


@dataclass(frozen=True, eq=False)
class Allocation:
    """What :func:`allocate` found, for each prompt.

    Attributes:
        log_policy: the minimiser over the closed simplex; in case 2 the rest is divided as the reference divides it.
        nu: ``(n_prompts,)``, in units of the weights. decided: mask, False in case 3.
        n_neutral: how many responses share the rest, 0 where there is no rest.
    """

    log_policy: np.ndarray
    nu: np.ndarray
    decided: np.ndarray
    n_neutral: np.ndarray


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
    if short.any():
        log_policy[short], log_mu = _shared(wishes.of(short), wanted[short], goal[short], beyond[short])
        nu[short] = -np.exp(log_mu)
    free = left & neutral.any(axis=1)
    rest = np.log(-np.expm1(log_total[free]))
    log_share = np.where(neutral, wishes.log_ref, -np.inf)[free]
    filled = log_share - np.logaddexp.reduce(log_share, axis=1)[:, None] + rest[:, None]
    log_policy[free] = np.where(neutral[free], filled, log_policy[free])
    return Allocation(log_policy, nu, ~left | free, np.where(free, neutral.sum(axis=1), 0))


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


def polished(wishes, wanted, log_policy, log_mu, sign=1):
    """Newton on f' + mu pi = 0 and on the sum, as long as a row's step is half its least; nan where none settles.

    Args:
        sign: of mu, of whose size ``log_mu`` is the log.
    """
    share = wanted & (log_policy > -np.inf)
    x, move = np.where(share, log_policy, 0.0), np.zeros(log_policy.shape)
    scale, least, halved = np.where(share, wishes.log_weight, 0.0), np.inf, True
    with np.errstate(all="ignore"):
        while np.any(halved):  # floats can be halved finitely often; who has not settled then is bracketed
            log_total = np.logaddexp.reduce(np.where(share, x, -np.inf), axis=1)
            price = sign * np.exp(log_mu[:, None] - scale + x)
            stiffness = wishes.bend(x) + price
            gap = np.where(share, (sum(wishes.terms(x)) + price) / stiffness, 0.0)
            give = np.where(share, price / stiffness, 0.0)
            weight = np.where(share, np.exp(x - log_total[:, None]), 0.0)
            change = (log_total - (weight * gap).sum(axis=1)) / (weight * give).sum(axis=1)
            move = -gap - change[:, None] * give
            x, log_mu = x + move, log_mu + np.where(change > -0.5, np.log1p(change), -1.0)
            longest = np.abs(move).max(axis=1)
            halved = (longest > 0) & (longest <= least / 2)
            least = np.where(halved, longest, least)
        log_total = np.logaddexp.reduce(np.where(share, x, -np.inf), axis=1)
        settled = (np.abs(move) <= _SETTLED * np.maximum(np.abs(x), 1)).all(axis=1) & (np.abs(log_total) <= _SETTLED)
    return np.where(share, x, -np.inf), np.where(settled, log_mu, np.nan)


def _times(weight, slope):
    """0 where the weight is, also at an infinite slope."""
    with np.errstate(invalid="ignore"):
        return np.where(weight == 0, 0.0, weight * slope)
