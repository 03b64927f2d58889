r"""What every response wants, where a loss is a sum over responses: f' of each, its sign, and its roots at a price."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit

from tabular.base import roots
from tabular.base.log_space import softplus
from tabular.losses.absolute import ApoZero, Bco, Kto, Nca
from tabular.losses.forms import Pair

__all__ = ["Bells", "Limited", "Logistic", "Wishes", "polished", "relative_step", "wishes_of"]

_NEUTRAL = 1e-12  # of the sizes of the two terms: sums of decimal weights such as 0.1 + 0.2 - 0.3 miss 0 by a few 1e-16
_BLUR = 1e-14  # of a log mu, at least of 1: rounding
_SUDDEN = 0.01  # nats that a response gains as log mu falls by rounding: it alone says how much it takes
_ROUNDED = 4 * np.finfo(float).eps  # of x or a reference: less is no step
_RATIO = 500.0  # its log, at most: more is as much
_LEAST = 1e-3  # of the way to a goal that may be left at once: next to it f' is straight, further off steeper
_SETTLED = 1e-13  # the last step's size, relative: the square of it is left


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

    def raised(self, by):
        """Those of all prompts with every log-reference higher by each of some nats, for one after the other."""
        arrays = {name: np.tile(getattr(self, name), (len(by), 1)) for name in _ARRAYS}
        arrays["log_ref"] += np.repeat(by, len(self.there))[:, None]
        return replace(self, **arrays)

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
        with np.errstate(over="ignore"):
            return np.where(rise > 0, self.bend(x) / np.where(rise > 0, rise, 1.0), np.inf)

    def bend(self, x):
        """f''/W."""
        safe = np.where(self.log_weight > -np.inf, self.log_weight, 0.0)
        up, _, down = self.form.curvature(Pair(x, x, self.log_ref, self.log_ref, self.beta))
        return _times(np.exp(self.log_won - safe), up) + _times(np.exp(self.log_lost - safe), down)

    def step(self, x, log_mu, sign):
        """Newton's to f' + mu pi = 0 for a mu of that sign, and by how much a share more of mu adds to it."""
        price = sign * np.exp(log_mu[:, None] - np.where(self.log_weight > -np.inf, self.log_weight, 0.0) + x)
        stiffness = self.bend(x) + price
        return (sum(self.terms(x)) + price) / stiffness, price / stiffness

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

    def pushed(self, asked, falling, log_nu, least, most, atol):
        """Where responses are pushed at log nu, between points on the rising or on the falling side of their push."""
        way = np.where(falling, -1.0, 1.0)
        return roots.increasing(lambda x: np.where(asked, way * (self.push(x) - log_nu), 0.0), least, most, atol)

    def filled(self, wanted, log_policy, log_mu, least, most):
        """Rows where rounding of log mu hides what some response takes, and the log-policies with that put right."""
        return np.zeros(len(log_mu), dtype=bool), log_policy

    def kinds(self):
        """Masks of the neutral and of the wanted responses; the rest are shunned, or not there."""
        sizes = [self.terms(self.log_ref + r / self.beta) for r in (-1.0, 0.0, 1.0)]  # 0 of who has no label
        cancels = np.all([np.abs(up + down) <= _NEUTRAL * (np.abs(up) + np.abs(down)) for up, down in sizes], axis=0)
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
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(self.log_won > -np.inf, np.exp(np.minimum(up - down, 0.0)), 0.0)
            return np.where(share < 1, self._bends(x, share, 1.0) / (1 - share), np.inf)

    def _bends(self, x, up, down):
        """f'' where y is pulled up and pushed down by so much."""
        z = self.beta * (x - self.log_ref) - getattr(self.form, "shift", 0.0)
        return self.beta * (expit(z) * up + expit(-z) * down)

    @np.errstate(invalid="ignore", divide="ignore", over="ignore")
    def pulled(self, wanted, log_mu, least, most, atol):
        """By Newton's steps in brackets: log(-f') - x is concave, so that none from beyond a root passes it.

        Next to a goal it is -f' that is straight, and elsewhere its log. A root is below both the goal and where what
        pulls would do so alone, and not far.
        """
        low, high, going = least, most, wanted
        alone = np.log(self.beta) + self.log_won - log_mu
        x = np.clip(np.minimum(alone, most) - 1 / (1 + self.beta), least, most)
        told = np.maximum(atol, _ROUNDED * np.maximum(np.abs(x), np.abs(self.log_ref)))
        while going.any():
            up, down = self._sides(x)
            share = np.exp(np.minimum(down - up, 0.0))
            over = log_mu - (up + np.log1p(-share) - x)
            low, high = np.where(over <= 0, x, low), np.where(over >= 0, x, high)
            bend = self._bends(x, 1.0, share) / (1 - share)
            near, _ = relative_step(over, bend)
            step = np.where(share < 0.5, over / (1 + bend), near)
            rounding = _ROUNDED * np.abs(up) / ((1 - share) * (1 + bend))  # by that of up - down
            going = going & (np.fmin(np.abs(step), high - low) > np.fmax(told, rounding))
            inside = (x - step > low) & (x - step < high)
            straight = np.where(high == most, x - (most - x) * np.expm1(np.minimum(over, 0.0)), low)
            other = np.maximum(straight, low + (high - low) / 2)
            x = np.where(going, np.where(inside, x - step, other), x)
            going = going & (x > low) & (x < high)
        return np.where(wanted, x, -np.inf)

    @np.errstate(invalid="ignore", divide="ignore", over="ignore")
    def pushed(self, asked, falling, log_nu, least, most, atol):
        """By Newton's steps in brackets: log f' - x is concave, so that one leads to before a root, and none passes it.

        Next to a goal it is f' that is straight.
        """
        way, low, high = np.where(falling, -1.0, 1.0), least, most
        before, after = (way * (self.push(end) - log_nu) for end in (low, high))
        x = np.where(before >= 0, low, np.where(after <= 0, high, low + (high - low) / 2))
        going, rounding = asked & (before < 0) & (after > 0), _ROUNDED * np.maximum(np.abs(x), np.abs(self.log_ref))
        while going.any():
            up, down = self._sides(x)
            share, left = np.exp(np.minimum(up - down, 0.0)), -np.expm1(np.minimum(up - down, 0.0))
            short = log_nu - (down + np.log(left) - x)
            low, high = np.where(way * short >= 0, x, low), np.where(way * short <= 0, x, high)
            bend, ratio = self._bends(x, share, 1.0) / left, np.exp(np.minimum(short, _RATIO))
            step = np.where(~falling & (share > 0.5) & (bend > ratio), (ratio - 1) / (bend - ratio), short / (bend - 1))
            going = going & (short != 0) & (np.fmin(np.abs(step), high - low) > np.maximum(atol, rounding))
            inside = (x + step > low) & (x + step < high)
            straight = np.where(~falling & (low == least), least + (x - least) * np.clip(ratio, _LEAST, 1.0), high)
            other = np.minimum(straight, low + (high - low) / 2)
            x = np.where(going, np.where(inside, x + step, other), x)
            going = going & (x > low) & (x < high)
        return x

    def kinds(self):
        return self.there & (self.log_weight == -np.inf), self.there & (self.log_won > -np.inf)


class Bells(Wishes):
    r"""KTO and APO-zero: both slopes are one bell :math:`\sigma'`, times what y wins less what it loses."""

    @cached_property
    def excess(self):
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
        return np.where(self.excess[0] > 0, -np.inf, np.inf) + np.zeros(np.shape(x))

    @property
    def middle(self):
        return self.log_ref + getattr(self.form, "z0", 0.0)

    def pull(self, x):
        """A bell is e^z over a square, and x meets z before either is rounded away."""
        sign, log_size = self.excess
        tail = (self.beta - 1) * x - self.beta * self.middle
        log_pull = log_size + np.log(self.beta) + tail - 2 * softplus(self.beta * (x - self.middle))
        return np.where(sign > 0, log_pull, -np.inf)

    def push(self, x):
        sign, log_size = self.excess
        z = self.beta * (x - self.middle)
        with np.errstate(invalid="ignore"):
            return np.where(sign < 0, log_size + np.log(self.beta) + z - 2 * softplus(z) - x, -np.inf)

    def steep(self, x):
        return -self.beta * np.tanh(self.beta * (x - self.middle) / 2)

    def step(self, x, log_mu, sign):
        return relative_step(log_mu[:, None] - (self.pull(x) if sign > 0 else self.push(x)), -self.steep(x))

    def kinds(self):
        sign, _ = self.excess
        return self.there & (sign == 0), self.there & (sign > 0)


class Limited(Bells):
    """Bells at beta = 1: the smaller y, the more it pulls, but no more than so much: who is below mu has no root."""

    rough = 1e-15  # who has one has to be known before Newton takes over

    def starts(self, wanted, start, log_mu):
        return start

    def pulled(self, wanted, log_mu, least, most, atol):
        half = (self.excess[1] - self.middle - log_mu) / 2  # softplus(z)
        there = wanted & (half > 0)
        half = np.where(there, half, 1.0)
        return np.where(there, np.minimum(self.middle + half + np.log(-np.expm1(-half)), most), -np.inf)

    def filled(self, wanted, log_policy, log_mu, least, most):
        """Who goes from little to much between mu that differ by rounding takes what others leave.

        Of several each has :math:`e^{z}`, z the same to first order, so that they share it as their middles say.
        """
        by = _BLUR * np.maximum(np.abs(log_mu), 1.0)[:, None]
        more, less = (self.pulled(wanted, log_mu[:, None] + way, least, most, 0.0) for way in (-by, by))
        sudden = wanted & (more > less + _SUDDEN)
        rows, share = sudden.any(axis=1), np.where(sudden, self.middle, -np.inf)
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


def relative_step(log_ratio, bend):
    """Newton's by the log of the ratio of mu pi to f', both maybe below all floats, and by f'' in units of f'."""
    ratio = np.exp(np.minimum(log_ratio, _RATIO))
    return (ratio - 1) / (bend + ratio), ratio / (bend + ratio)


def polished(wishes, wanted, log_policy, log_mu, sign=1):
    """Newton on f' + mu pi = 0 and on the sum, as long as a row's step is half its least; nan where none settles.

    Args:
        sign: of mu, of whose size ``log_mu`` is the log.
    """
    share = wanted & (log_policy > -np.inf)
    x, move = np.where(share, log_policy, 0.0), np.zeros(log_policy.shape)
    least, halved = np.inf, True
    with np.errstate(all="ignore"):
        while np.any(halved):  # floats can be halved finitely often; who has not settled then is bracketed
            log_total = np.logaddexp.reduce(np.where(share, x, -np.inf), axis=1)
            gap, give = (np.where(share, part, 0.0) for part in wishes.step(x, log_mu, sign))
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
