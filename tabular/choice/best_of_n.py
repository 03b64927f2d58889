r"""Best of n on a finite space: draw n responses from the reference, keep one of the highest reward.

Let the distinct rewards be levels, :math:`p_k` the reference's mass on level k and :math:`F_k=p_1+\dots+p_k` from
below. The kept reward is at most level k iff all n are, so level k has probability :math:`F_k^n-F_{k-1}^n`; among the
drawn responses of the level any may be kept, which by symmetry keeps the reference's proportions inside it:

.. math:: \pi_n(y)=\pi_{\rm ref}(y)\,\frac{F_k^n-F_{k-1}^n}{p_k}\qquad\text{for y on level k.}

**The classical KL is a bound, never reached.** :math:`\mathrm{KL}(\pi_n\|\pi_{\rm ref})<\log n-\frac{n-1}n` for
:math:`n>1` (stated as a formula in the literature; corrected by Beirami et al. 2401.01879): lay the levels as intervals
on [0, 1]; the best of n uniform draws has density :math:`nu^{n-1}` and this KL, and merging the points of an interval
loses some of it, strictly, as the density is not constant there. The bound is the supremum over references. Real
:math:`n>0` makes sense throughout.

**It is not the best policy at its KL.** The RLHF optimum of the same KL has at least the same mean reward, because the
gain of any policy at that price is at most that of :math:`\pi^*` (Gibbs).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks, roots
from tabular.base.log_space import kl
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.problem import Problem

__all__ = [
    "Tilt",
    "classical_kl",
    "expected_reward",
    "kl_from_reference",
    "limit_policy",
    "policy",
    "tilt_of_equal_kl",
    "win_rate",
]

_FAINT = -600.0  # log-probabilities below this are summed in logs
_TINY_SHARE = 1e-290  # of a level: not far below, floats have no more digits for it
_DIGITS = 37.0  # nats: e^-37 does not show beside 1
_FEW = 64  # draws up to which the roundings of their powers stay below 1e-13 nats
_ROWS = 1024  # prompts at a time: what is in between stays in the cache


@takes_nouns
def policy(problem: Problem, n: ArrayLike) -> np.ndarray:
    r"""``log pi_n``, ``(n_prompts, n_responses)``: the law of the best of n draws, ties broken evenly between draws.

    Args:
        problem: with a reward; beta plays no part.
        n: draws, a real number > 0, or one for each prompt.

    It is formed as :math:`n\log F_k+\log(1-(F_{k-1}/F_k)^n)`, with F taken from its complement where that is smaller,
    so that every level keeps its digits for any n; for a few whole draws without logs, as
    :math:`\pi_{\rm ref}\sum_{j<n}F_k^jF_{k-1}^{n-1-j}`, in which nothing cancels.

    Raises:
        InputError: no reward, or n not positive.

    >>> problem = Problem.from_probabilities([0.25, 0.25, 0.5], beta=1, reward=[2.0, 1.0, 0.0])
    >>> np.exp(policy(problem, 2)).round(6).tolist()  # 1 - 9/16, 9/16 - 1/4, 1/4
    [[0.4375, 0.3125, 0.25]]
    """
    n, reward = _draws(n, problem.n_prompts), problem.require_reward()
    result, few = np.empty(problem.log_ref.shape), n.size == 1 and n.item() <= _FEW and n.item() % 1 == 0
    for start in range(0, problem.n_prompts, _ROWS):
        rows = slice(start, start + _ROWS)
        if not (few and _by_products(problem.log_ref[rows], reward[rows], int(n.item()), result[rows])):
            _by_logs(problem.log_ref[rows], reward[rows], n if len(n) == 1 else n[rows], result[rows])
    return result


def _by_logs(log_ref, reward, n, out):
    levels = _Levels.of(log_ref, reward)
    out.ravel()[levels.place] = levels.log_chance(n)


def _by_products(log_ref, reward, n, out):
    """For few whole draws; False where a power of a mass leaves the floats.

    Where a response is absent its mass is 0, wherever its reward puts it.
    """
    size = log_ref.shape[1]
    order = np.argsort(reward, axis=1)
    order += size * np.arange(len(reward))[:, None]
    value, mass = reward.take(order), np.exp(log_ref).take(order)
    top, below = _cumulated_rows(mass)
    if top[:, 0].min() < np.exp(_FAINT / n) and n * log_ref[log_ref > -np.inf].min() < _FAINT:
        return False
    tied = np.equal(value.ravel()[1:], value.ravel()[:-1])  # end to end: short rows are slow to go along
    tied[size - 1 :: size] = False
    if tied.any():
        first, last = _level_ends(np.append(tied, False).reshape(value.shape)[:, :-1])
        top, below = np.take_along_axis(top, last, axis=1), np.take_along_axis(below, first, axis=1)
    out.ravel()[order] = _quotient(n, top, below)
    with np.errstate(divide="ignore"):
        np.log(out, out=out)
    out += log_ref
    return True


def _level_ends(tied):
    """The places of the first and of the last response of the level of each."""
    edge, place = np.ones((len(tied), 1), dtype=bool), np.arange(tied.shape[1] + 1)
    first = np.maximum.accumulate(np.where(np.hstack([edge, ~tied]), place, 0), axis=1)
    last = np.where(np.hstack([~tied, edge]), place, len(place))[:, ::-1]
    return first, np.minimum.accumulate(last, axis=1)[:, ::-1]


def _quotient(n, a, b):
    """``(a^n - b^n) / (a - b)`` as a sum of positive products.

    >>> float(_quotient(5, np.array(2.0), np.array(1.0)))
    31.0
    """
    if n == 1:
        return 1.0
    if n == 2:
        return a + b
    if n % 2:
        return a * _quotient(n - 1, a, b) + b ** (n - 1)
    return _quotient(n // 2, a * a, b * b) * (a + b)


@takes_nouns
def kl_from_reference(problem: Problem, n: ArrayLike) -> np.ndarray:
    r"""``(n_prompts,)``: :math:`\mathrm{KL}(\pi_n\|\pi_{\rm ref})` in nats, below :func:`classical_kl` for n > 1.

    >>> uniform = Problem(np.full(10, -np.log(10)), 1.0, np.arange(10))
    >>> kl_from_reference(uniform, 4).round(10).tolist(), classical_kl(4).round(10)
    ([0.6288251364], np.float64(0.6362943611))
    """
    return kl(policy(problem, n), problem.log_ref)


def classical_kl(n: ArrayLike) -> np.ndarray:
    r""":math:`\log n-\frac{n-1}n`, the supremum of the KL over all references and rewards.

    >>> classical_kl([1, 2]).round(6).tolist()
    [0.0, 0.193147]
    """
    n = checks.numbers(n, "n")
    checks.refuse(~((n > 0) & (n < np.inf)), n, "n", "a number of draws must be finite and above 0")
    near = np.minimum(np.abs(n - 1), 0.5) * np.sign(n - 1)
    with np.errstate(over="ignore"):
        return np.where(np.abs(n - 1) < 0.5, np.log1p(near) - near / (1 + near), np.log(n) - (n - 1) / n)


@takes_nouns
def expected_reward(problem: Problem, n: ArrayLike) -> np.ndarray:
    """``(n_prompts,)``: the mean reward of the best of n draws.

    >>> expected_reward(Problem.from_probabilities([0.5, 0.5], beta=1, reward=[1.0, 0.0]), [2]).tolist()
    [0.75]
    """
    return (np.exp(policy(problem, n)) * problem.require_reward()).sum(axis=1)


@takes_nouns
def win_rate(problem: Problem, n: ArrayLike) -> np.ndarray:
    r"""``(n_prompts,)``: how often the best of n beats one draw of the reference, a tie counting half.

    :math:`\frac n{n+1}` where no response has mass; on finite spaces less for n > 1, as ties are common.

    >>> win_rate(Problem.from_probabilities([0.5, 0.5], beta=1, reward=[1.0, 0.0]), 2).tolist()  # 3/4 3/4 + 1/4 1/4
    [0.625]
    """
    levels = _Levels.of(problem.log_ref, problem.require_reward())
    chance = np.exp(levels.log_chance(_draws(n, problem.n_prompts)))
    return (chance * np.exp(levels.log_top) * (1 - levels.share / 2)).sum(axis=0)  # F_{k-1} + p_k / 2


@takes_nouns
def limit_policy(problem: Problem) -> np.ndarray:
    r"""``(n_prompts, n_responses)`` of the limit as n grows: the reference on the responses of the highest reward.

    The same as of RLHF as beta falls to 0. :math:`\mathrm{KL}(\pi_n\|\pi_{\rm ref})` rises to minus the log of their
    mass, while the classical formula grows without bound.

    >>> np.exp(limit_policy(Problem.from_probabilities([0.1, 0.3, 0.6], beta=1, reward=[1, 1, 0]))).round(6).tolist()
    [[0.25, 0.75, 0.0]]
    """
    reward = np.where(problem.present, problem.require_reward(), -np.inf)
    top = reward == reward.max(axis=1, keepdims=True)
    best = np.where(top, problem.log_ref, -np.inf)
    return best - np.logaddexp.reduce(best, axis=1, keepdims=True)


# of price times spread: below it the rounding of a KL is a larger share of it than what the second order leaves out
_TINY = 1e-8


class Tilt(Record):
    """The RLHF optimum at a given KL from the reference.

    Attributes:
        log_policy: ``(n_prompts, n_responses)``.
        beta: ``(n_prompts,)`` its price; 0 where only the limit has that KL, ``inf`` where the KL is 0.
        reward: ``(n_prompts,)`` its mean reward, the most that any policy of this KL has.
    """

    log_policy: np.ndarray
    beta: np.ndarray
    reward: np.ndarray


@takes_nouns
def tilt_of_equal_kl(problem: Problem, nats: ArrayLike) -> Tilt:
    r"""The policy :math:`\pi_{\rm ref}e^{r/\beta}/Z` with a given KL from the reference, one prompt at a time.

    The KL rises strictly in :math:`1/\beta`, from 0 to minus the log of the reference's mass on the best responses.

    Args:
        nats: ``(n_prompts,)`` or one number, at least 0; at most that limit.

    Raises:
        InputError: no reward, or a KL that no tilt has.

    >>> problem = Problem(np.full(3, -np.log(3)), 1.0, [0.0, 0.9, 1.0])
    >>> tilt = tilt_of_equal_kl(problem, kl_from_reference(problem, 2))
    >>> tilt.beta.round(8).tolist(), tilt.reward.round(10).tolist(), expected_reward(problem, 2).round(10).tolist()
    ([0.60618834], [0.864262942], [0.8555555556])
    """
    reward, there = problem.require_reward(), problem.present
    nats = checks.numbers(nats, "nats")
    if nats.shape not in ((), (1,), (problem.n_prompts,)):
        raise InputError(
            f"nats has shape {nats.shape}: give one number, or one for each of {problem.n_prompts} prompts"
        )
    nats = np.broadcast_to(nats, (problem.n_prompts,))
    most = kl(limit_policy(problem), problem.log_ref)
    slack = 1e-12 * (1 + most)
    checks.refuse(~((nats >= 0) & (nats <= most + slack)), nats, "nats", "no tilt has this KL from the reference")
    advantage = reward - np.where(there, reward, -np.inf).max(axis=1, keepdims=True)
    advantage = np.where(there, np.minimum(advantage, 0.0), 0.0)
    inner = (nats > 0) & (nats < most)
    log_price = np.zeros(problem.n_prompts)

    def short(x, index):
        """log(wanted / KL) at price e^x, and its slope: dKL/dx is the variance of e^x times the reward."""
        worth = np.exp(x)[:, None] * advantage[rows[index]]
        tilted = worth + problem.log_ref[rows[index]]
        tilted -= np.logaddexp.reduce(tilted, axis=1, keepdims=True)
        weight = np.exp(tilted)
        mean = (weight * worth).sum(axis=1, keepdims=True)
        variance = (weight * (worth - mean) ** 2).sum(axis=1)
        size = kl(tilted, problem.log_ref[rows[index]])
        with np.errstate(divide="ignore", invalid="ignore"):  # the KL of a low price may underflow
            return np.log(nats[rows[index]]) - np.log(size), -variance / size

    spread = -advantage.min(axis=1)
    unit = np.where(spread > 0, spread, 1.0)
    close = _price_near_reference(np.exp(problem.log_ref), advantage / unit[:, None], nats)
    tiny = inner & (close < _TINY)  # elsewhere there may be nothing to spread
    log_price[tiny] = np.log(close[tiny]) - np.log(unit[tiny])
    rows = np.flatnonzero(inner & ~tiny)
    if rows.size:
        low, high = _price_bracket(short, -np.log(spread[rows]), np.arange(len(rows)))
        log_price[rows] = roots.decreasing(short, low, high)
    price = np.where(inner, np.exp(log_price), np.where(nats > 0, np.inf, 0.0))
    finite = np.where(inner, np.exp(log_price), 0.0)[:, None]
    tilted = np.where(there, finite * advantage + problem.log_ref, -np.inf)
    tilted -= np.logaddexp.reduce(tilted, axis=1, keepdims=True)
    tilted = np.where((nats >= most)[:, None] & (nats > 0)[:, None], limit_policy(problem), tilted)
    with np.errstate(divide="ignore"):
        return Tilt(tilted, 1 / price, (np.exp(tilted) * reward).sum(axis=1))


def _price_near_reference(chance, advantage, nats):
    """The price of rewards of span 1 at which Var x^2 / 2, the KL to second order, is ``nats``; off by its share."""
    mean = (chance * advantage).sum(axis=1, keepdims=True)
    variance = (chance * (advantage - mean) ** 2).sum(axis=1)
    with np.errstate(over="ignore"):
        return np.sqrt(np.divide(2 * nats, variance, out=np.full(len(variance), np.inf), where=variance > 0))


def _price_bracket(short, start, index):
    """Prices around the root, found by doubling: the KL is monotone, so each end is passed once."""
    low, high = start.copy(), start.copy()
    while (todo := index[short(low, index)[0] < 0]).size:
        low[todo] -= 2.0
    while (todo := index[short(high, index)[0] > 0]).size:
        high[todo] += 2.0
    return low, high


def _draws(n, n_prompts):
    n = checks.numbers(n, "n")
    checks.refuse(~((n > 0) & (n < np.inf)), n, "n", "a number of draws must be finite and above 0")
    if n.shape not in ((), (n_prompts,), (1,)):
        raise InputError(f"n has shape {n.shape} for {n_prompts} prompts: give one number, or one for each")
    return n.reshape(-1, 1)


@dataclass(frozen=True, eq=False)
class _Levels:
    """Responses by rising reward, arrays ``(n_responses, n_prompts)``: columns of prompts, for the sake of speed.

    Attributes:
        place: flat index of each in the ``(n_prompts, n_responses)`` arrays.
        log_mass: log of the reference's probability of each; -inf where absent.
        log_top: log of F_k, the reference's mass up to the level of each.
        share: p_k / F_k, the part of that on the level itself.
        log_level: log of p_k; None where no two responses tie.
    """

    place: np.ndarray
    log_mass: np.ndarray
    log_top: np.ndarray
    share: np.ndarray
    log_level: np.ndarray | None

    @classmethod
    def of(cls, log_ref, reward):
        least = log_ref.min()
        if least == -np.inf:
            reward = np.where(log_ref > -np.inf, reward, -np.inf)
        place = np.argsort(reward, axis=1).T + log_ref.shape[1] * np.arange(len(log_ref))
        value, log_mass = reward.ravel()[place], log_ref.ravel()[place]
        mass = np.exp(log_mass)
        top, above = _cumulated(mass)
        last = None
        if (tied := value[1:] == value[:-1]).any():
            ends = np.r_[~tied, np.ones((1, len(log_ref)), dtype=bool)]
            last = _last_of_level(ends)
        level, log_level = mass, None
        if last is not None:
            top, above = np.take_along_axis(top, last, axis=0), np.take_along_axis(above, last, axis=0)
            log_level = _log_level_sums(log_mass, ends)
            level = np.minimum(np.exp(log_level), top)
        share = level / (top if least > _FAINT else np.where(top > 0, top, 1.0))
        found = cls(place, log_mass, _log_top(top, above), share, log_level)
        if least <= _FAINT:
            found._refine_faint(above, last)
        return found

    def _refine_faint(self, above, last):
        """Sums in logs for the prompts whose masses leave the floats."""
        faint = np.flatnonzero(((self.log_mass < _FAINT) & (self.log_mass > -np.inf)).any(axis=0))
        summed = np.logaddexp.accumulate(self.log_mass[:, faint], axis=0)
        if last is not None:
            summed = np.take_along_axis(summed, last[:, faint], axis=0)
        log_top = np.where(above[:, faint] < 0.5, self.log_top[:, faint], summed)
        log_level = (self.log_mass if self.log_level is None else self.log_level)[:, faint]
        self.log_top[:, faint] = log_top
        with np.errstate(invalid="ignore"):
            self.share[:, faint] = np.where(log_level > -np.inf, np.exp(np.minimum(log_level - log_top, 0.0)), 0.0)

    def _log_below(self):
        """Log of F_{k-1}; for a level that is all but nothing of F_k it may be an earlier one's."""
        below = np.full_like(self.log_top, -np.inf)
        np.copyto(below[1:], self.log_top[:-1], where=self.log_top[1:] > self.log_top[:-1])
        return np.maximum.accumulate(below, axis=0)

    def log_chance(self, n):
        """Log-probability of each response in the best of n draws."""
        n = n[:, 0] if len(n) > 1 else n[0, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_chance = np.log1p(-self.share)  # log of F_{k-1} / F_k
            if np.any(n < 1):  # powers below 1 show what the share has rounded away
                np.copyto(log_chance, self._log_below() - self.log_top, where=self.share > 0.5)
            log_chance *= n
            np.expm1(log_chance, out=log_chance)
            np.log(np.negative(log_chance, out=log_chance), out=log_chance)
            log_chance += n * self.log_top
            if self.log_level is not None:
                log_chance += self.log_mass - self.log_level
            faint = self.share < _TINY_SHARE
            if faint.any():  # log(1 - q) = -q; its product with n need not be small
                level = self.log_mass if self.log_level is None else self.log_level
                log_z = (np.log(n) + level - self.log_top)[faint]
                some = np.where(log_z < -_DIGITS, log_z, np.log(-np.expm1(-np.exp(log_z))))
                log_chance[faint] = some + (n * self.log_top + self.log_mass - level)[faint]
                log_chance[self.log_mass == -np.inf] = -np.inf
        return log_chance


def _cumulated(mass):
    """What lies up to each row, and what above it: where rows are few as a product, much faster than a running sum."""
    n = len(mass)
    if n > 32:
        return np.cumsum(mass, axis=0), np.r_[np.cumsum(mass[:0:-1], axis=0)[::-1], np.zeros((1, mass.shape[1]))]
    upto, below = _summing(n)
    return upto.T @ mass, below @ mass


def _cumulated_rows(mass):
    """What lies up to each column, and what below it."""
    size = mass.shape[1]
    if size > 32:
        top = np.cumsum(mass, axis=1)
        return top, np.hstack([np.zeros((len(mass), 1)), top[:, :-1]])
    upto, below = _summing(size)
    return mass @ upto, mass @ below


@cache
def _summing(n):
    """``(n, n)`` twice: what takes rows of masses to the sums up to each, and to those below it."""
    return np.tri(n).T.copy(), np.tri(n, k=-1).T.copy()


def _last_of_level(ends):
    """The place of the last response of the level of each."""
    place = np.where(ends, np.arange(len(ends))[:, None], len(ends))
    return np.minimum.accumulate(place[::-1], axis=0)[::-1]


def _log_level_sums(log_mass, ends):
    """Log of the reference's mass on the level of each."""
    columns, closed = log_mass.T.ravel(), ends.T.ravel()
    starts = np.flatnonzero(np.r_[True, closed[:-1]])
    total = np.logaddexp.reduceat(columns, starts)[np.cumsum(closed) - closed]
    return total.reshape(log_mass.shape[::-1]).T


def _log_top(top, above):
    """Log F, from its complement where that is the smaller part."""
    with np.errstate(divide="ignore"):
        return np.where(above < 0.5, np.log1p(-np.minimum(above, 0.5)), np.log(top))
