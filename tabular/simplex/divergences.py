r"""RLHF with an f-divergence in place of KL, for any number of responses, by one scalar equation.

.. math:: \max_\pi\ \mathbb E_\pi[r]-\beta\sum_y\pi_{\rm ref,y}\,f(u_y),\qquad u_y=\frac{\pi_y}{\pi_{\rm ref,y}},

f strictly convex. By the KKT conditions :math:`u_y=(f')^{-1}\big((r_y-\lambda)/\beta\big)`, and 0 where that asks for
less than :math:`f'(0+)`, with one :math:`\lambda` for which the probabilities sum to 1 (Wang et al. 2023, 2309.16240):
one optimum. It has full support for every reward iff :math:`f'(0+)=-\infty`.

**Coordinate.** Write :math:`\varphi(\rho)=f'(e^\rho)` for the link of a log-ratio. With t the log-ratio of a response
of the highest reward and :math:`d_y\ge 0` by how much, over beta, y's reward is lower, all others are
:math:`\varphi^{-1}(\varphi(t)-d_y)`: no lambda, which near a finite supremum of the link has no digits left. All of
them rise with t, none exceeds t, so t lies between 0, where they sum to at most 1, and
:math:`-\log\pi_{\rm ref,top}`.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tabular.base import checks, roots
from tabular.base.log_space import kl, softplus
from tabular.base.record import Record
from tabular.problem import Problem, as_log_policy
from tabular.status import Status

__all__ = [
    "DIVERGENCES",
    "Alpha",
    "ChiPO",
    "DivergenceOptimum",
    "JensenShannon",
    "divergence",
    "get",
    "optimum",
    "preference_matching",
]


@dataclass(frozen=True)
class Alpha:
    r"""The family :math:`f'(u)=(1-u^{-\alpha})/\alpha`: one real number from forward KL to chi-square and beyond.

    ``1``: forward KL, :math:`\mathrm{KL}(\pi_{\rm ref}\|\pi)`; ``0``: reverse KL,
    :math:`\mathrm{KL}(\pi\|\pi_{\rm ref})`; ``1/2``: :math:`2\sum(\sqrt\pi-\sqrt{\pi_{\rm ref}})^2`; ``-1``: half of
    Pearson's chi-square. Full support iff alpha is at least 0.

    >>> Alpha(-1.0).lowered(np.log(2.0), np.array([1.0, 3.0])).tolist()  # e^t - d, nothing left of 2 - 3
    [0.0, -inf]
    """

    alpha: float

    def __post_init__(self):
        object.__setattr__(self, "alpha", checks.number(self.alpha, "alpha", checks.FINITE))

    @property
    def full_support(self) -> bool:
        return self.alpha >= 0

    def value(self, r):
        """phi of a log-ratio."""
        with np.errstate(over="ignore"):
            return np.asarray(r, float) if self.alpha == 0 else -np.expm1(-self.alpha * r) / self.alpha

    def log_slope(self, r):
        """Log of phi'."""
        return -self.alpha * np.asarray(r, float)

    def lowered(self, r, d):
        """phi^-1(phi(r) - d) for d >= 0."""
        if self.alpha == 0:
            return r - d
        with np.errstate(divide="ignore"):
            if self.alpha > 0:
                return -_added(-self.alpha * r, np.log(self.alpha * d)) / self.alpha
            a = -self.alpha
            left = 1 - a * d * np.exp(-a * r)  # e^ar - ad over e^ar
            return r + np.log(np.maximum(left, 0.0)) / a

    def cost(self, log_ref, r):
        """ref f(e^r), with f and f' 0 at r = 0."""
        a, small = self.alpha, np.clip(r, -1.0, 1.0)
        ref, policy, grown = np.exp(log_ref), np.exp(log_ref + r), np.expm1(small)
        if a == 0:
            return _joined(r, ref * (np.exp(small) * small - grown), policy * _finite(r) - (policy - ref))
        if a == 1:
            with np.errstate(invalid="ignore"):
                far = policy - ref - np.where(ref > 0, ref * r, 0.0)
            return _joined(r, ref * (grown - small), far)
        with np.errstate(over="ignore"):
            power = np.exp(log_ref + (1 - a) * r)
        near = (grown - np.expm1((1 - a) * small) / (1 - a)) / a
        return _joined(r, ref * near, (policy - ref - (power - ref) / (1 - a)) / a)


@dataclass(frozen=True)
class JensenShannon:
    r""":math:`f'(u)=\log\frac{2u}{1+u}`, twice the Jensen-Shannon divergence.

    >>> float(JensenShannon().value(0.0))
    0.0
    """

    full_support = True

    def value(self, r):
        return np.log(2) - softplus(-np.asarray(r, float))

    def log_slope(self, r):
        return -softplus(r)

    def lowered(self, r, d):
        """1 + e^-r is multiplied by e^d."""
        with np.errstate(divide="ignore"):
            return -_added(d + np.log(-np.expm1(-d)), d - r)

    def cost(self, log_ref, r):
        ref, policy = np.exp(log_ref), np.exp(log_ref + r)
        lean = softplus(r) - np.log(2)  # log of (1 + u) / 2
        return policy * (_finite(r) - lean) - ref * lean


@dataclass(frozen=True)
class ChiPO:
    r""":math:`f'(u)=u-1+\log u`, half of chi-square plus KL (Huang et al. 2024, 2407.13399).

    The ratio to the reference is below :math:`W_0(e^{1+x})<1+x` for rewards of span :math:`x\beta`, where KL allows
    :math:`e^x`.

    >>> float(ChiPO().lowered(0.0, np.array(1.0)).round(6))  # u + log u = 0
    -0.567143
    """

    full_support = True

    def value(self, r):
        with np.errstate(over="ignore"):
            return np.asarray(r, float) + np.expm1(r)

    def log_slope(self, r):
        return softplus(r)

    def lowered(self, r, d):
        """Below a level of -700 log w is the level; beyond r = 700, where d is nothing beside e^r, it is r itself."""
        near = np.minimum(r, 700.0)
        level = near + np.exp(near) - d
        low = np.log(_omega(np.maximum(level, -700.0))) + np.minimum(level + 700.0, 0.0)
        return np.where(near < r, r, low) if (near < r).any() else low

    def cost(self, log_ref, r):
        return Alpha(0.0).cost(log_ref, r) + Alpha(-1.0).cost(log_ref, r)


def _omega(c):
    """The w with w + log w = c, by two steps of Fritsch, Shafer and Crowley (1973), each of fourth order.

    They start from Iacono and Boyd's (2017) estimate, which is right to a hundredth everywhere.

    >>> float(_omega(np.array(1.0)).round(15))
    1.0
    """
    given, c = c, np.minimum(c, 1e100)  # beyond, log w is nothing beside w
    w = softplus(c)
    w = w * (1 - np.log1p(w) / (2 + w))
    for _ in range(2):
        z, more = c - w - np.log(w), 1 + w
        half = more * (more + z * (2 / 3)) - z
        w = w * (1 + z / more * (1 + z / (2 * half)))
    return np.where(given > c, given, w) if (given > c).any() else w


def _added(a, b):
    """log(e^a + e^b) where one of the two is finite, five times as fast as numpy's, which goes element by element."""
    return np.maximum(a, b) + np.log1p(np.exp(-np.abs(a - b)))


def _finite(r):
    """r, and 0 for -inf, whose probability is 0."""
    return np.where(np.isneginf(r), 0.0, r)


def _joined(r, near, far):
    return np.where(np.abs(r) < 1, near, far)


_ROWS = 4096  # prompts at a time: what is in between stays in the cache

#: Divergences by name; ``get("alpha", alpha=...)`` gives the others of the family.
DIVERGENCES = {
    "reverse-kl": Alpha(0.0),
    "forward-kl": Alpha(1.0),
    "hellinger": Alpha(0.5),
    "chi-square": Alpha(-1.0),
    "jensen-shannon": JensenShannon(),
    "chi-po": ChiPO(),
}


class DivergenceOptimum(Record):
    r"""The optimum of each prompt.

    Attributes:
        status: UNIQUE, f being strictly convex.
        log_policy: ``(n_prompts, n_responses)``; ``-inf`` also where the optimum gives a present response nothing.
        multiplier: ``(n_prompts,)``, the :math:`\lambda` of the normalisation, in units of reward.
        value: ``(n_prompts,)``, what is attained.
        residual: ``(n_prompts,)``, the KKT conditions: by how much :math:`\beta f'(u_y)-r_y` differs between responses
            that are played, or is on the wrong side at one that is not, relative to the numbers compared.
    """

    problem: Problem = field(repr=False)
    kind: object
    status: Status
    log_policy: np.ndarray
    multiplier: np.ndarray

    @cached_property
    def value(self) -> np.ndarray:
        cost = self.problem.beta * divergence(self.log_policy, self.problem, self.kind)
        return (np.exp(self.log_policy) * self.problem.reward).sum(axis=1) - cost

    @cached_property
    def residual(self) -> np.ndarray:
        return _residual(self.problem, self.kind, self.log_policy, self.multiplier)


def get(name: str, **parameters):
    """A divergence by name.

    >>> get("chi-square"), get("alpha", alpha=0.25)
    (Alpha(alpha=-1.0), Alpha(alpha=0.25))
    """
    if name == "alpha":
        return Alpha(**parameters)
    return checks.choice(name, DIVERGENCES, "divergence")


def divergence(log_policy, problem: Problem, kind) -> np.ndarray:
    r"""``(n_prompts,)``: :math:`\sum_y\pi_{\rm ref,y}f(u_y)`, ``inf`` where the policy leaves the reference's support.

    Args:
        kind: a name of :data:`DIVERGENCES`, or any object with ``cost``.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> divergence(np.log([0.25, 0.75]), problem, "chi-square").tolist()
    [0.125]
    """
    kind = get(kind) if isinstance(kind, str) else kind
    log_policy = as_log_policy(log_policy, problem)
    if kind == Alpha(0.0):
        return kl(log_policy, problem.log_ref)
    there = problem.present
    with np.errstate(invalid="ignore"):
        ratio = np.where(there, log_policy - np.where(there, problem.log_ref, 0.0), 0.0)
    total = np.where(there, kind.cost(problem.log_ref, ratio), 0.0).sum(axis=1)
    return np.where((~there & (log_policy > -np.inf)).any(axis=1), np.inf, total)


def optimum(problem: Problem, kind) -> DivergenceOptimum:
    r"""The policy that maximises :math:`\mathbb E_\pi[r]-\beta D_f(\pi\|\pi_{\rm ref})` in each prompt.

    Args:
        problem: with a reward.
        kind: a name of :data:`DIVERGENCES`, or an object with ``lowered``, ``log_slope``, ``value`` and ``cost``.

    Raises:
        InputError: no reward, or an unknown name.

    >>> problem = Problem.from_probabilities([0.3, 0.45, 0.25], beta=1, reward=[0.5, 0.0, 1.5])
    >>> found = optimum(problem, "chi-square")
    >>> np.exp(found.log_policy).round(6).tolist(), found.multiplier.round(6).tolist()
    ([[0.2925, 0.21375, 0.49375]], [0.525])
    """
    kind = get(kind) if isinstance(kind, str) else kind
    reward = problem.require_reward()
    log_policy, t, best = np.empty(reward.shape), np.empty(problem.n_prompts), np.empty(problem.n_prompts)
    for start in range(0, problem.n_prompts, _ROWS):
        rows = slice(start, start + _ROWS)
        columns = _columns(problem.log_ref[rows], reward[rows], problem.beta)
        best[rows] = columns.best
        t[rows], log_policy.T[:, rows] = _solved(kind, columns)
    multiplier = best - problem.beta * kind.value(t)
    return DivergenceOptimum(problem, kind, Status.UNIQUE, log_policy, multiplier)


class _Columns(NamedTuple):
    """Prompts as columns, for the sake of speed: logs of the reference, -1e300 where absent, and d; highest rewards."""

    there: np.ndarray | None
    base: np.ndarray
    drop: np.ndarray
    best: np.ndarray


def _columns(log_ref, reward, beta):
    base, reward = np.ascontiguousarray(log_ref.T), np.ascontiguousarray(reward.T)
    there = None
    if base.min() == -np.inf:
        there = base > -np.inf
        base, reward = np.where(there, base, -1e300), np.where(there, reward, -np.inf)
    best = reward.max(axis=0)
    drop = (best - reward) / beta
    return _Columns(there, base, drop if there is None else np.where(there, drop, 0.0), best)


def _solved(kind, columns):
    """The log-ratio t of a response of the highest reward, and log-policies, of some prompts."""
    there, base, drop, _ = columns
    if kind == Alpha(0.0):
        t, log_policy = np.zeros(drop.shape[1]), base - drop
    else:
        best = drop if there is None else np.where(there, drop, np.inf)  # what is absent has no reward
        top = base[best.argmin(axis=0), np.arange(drop.shape[1])]  # one response of the highest reward is enough
        ends = np.zeros(len(top)), np.maximum(-top, 0.0)
        t = roots.decreasing(_excess(kind, base, drop), *ends, noise=1e-15, smooth=kind.full_support)
        log_policy = base + kind.lowered(t, drop)
    most = log_policy.max(axis=0)
    log_policy -= (total := most + np.log(np.exp(log_policy - most).sum(axis=0)))
    return t - total if kind == Alpha(0.0) else t, log_policy if there is None else np.where(there, log_policy, -np.inf)


def _excess(kind, base, drop):
    """By how much the log of the sum of the probabilities falls short of 0 at t, for :func:`roots.decreasing`."""

    def excess(t, rows):
        whole = len(rows) == drop.shape[1]
        r = kind.lowered(t, drop if whole else drop.take(rows, axis=1))
        log_mass = r + (base if whole else base.take(rows, axis=1))
        most = log_mass.max(axis=0)
        mass = np.exp(log_mass - most)
        total = mass.sum(axis=0)
        mass *= np.exp(np.fmin(kind.log_slope(t) - kind.log_slope(r), 700.0))  # of no mass, whose r is -inf, whatever
        return -(most + np.log(total)), -mass.sum(axis=0) / total

    return excess


def _residual(problem, kind, log_policy, multiplier):
    """The KKT conditions from the policy alone."""
    reward, beta = problem.reward, problem.beta
    played = log_policy > -np.inf
    log_ref = np.where(played, problem.log_ref, 0.0)
    ratio = np.where(played, log_policy - log_ref, 0.0)
    price = beta * kind.value(ratio)
    miss = np.where(played, np.abs(price - (reward - multiplier[:, None])), 0.0)
    if not kind.full_support:
        short = reward - multiplier[:, None] - beta * kind.value(np.array(-np.inf))
        miss = np.where(problem.present & ~played, np.maximum(short, 0.0), miss)
    # the log-ratio itself is known to rounding: what that does to the price is no error of the optimum's
    with np.errstate(over="ignore"):
        steep = beta * np.exp(np.minimum(kind.log_slope(ratio), 700.0)) * (1 + np.abs(ratio) + np.abs(log_ref))
    scale = 1 + np.abs(reward) + np.abs(multiplier[:, None]) + np.abs(price) + steep
    return np.where(problem.present, miss / scale, 0.0).max(axis=1)


def preference_matching(problem: Problem) -> np.ndarray:
    r"""``log softmax(r)`` on the present responses.

    The optimum of :math:`\mathbb E_\pi[r+R(\pi)]` with :math:`R(t)=-\log t+c_1+c_2/t`, and of no other R for all
    rewards (Xiao et al. 2024, 2405.16455).

    Under Bradley-Terry preferences its odds between two responses are the preference's own odds; RLHF's are those to
    the power 1/beta times the reference's, so for beta < 1 and a uniform reference it amplifies majorities.

    *Proof.* A stationary policy has :math:`r_y+(tR)'(\pi_y)` constant; for softmax(r), whatever r and n are,
    :math:`(tR)'=-\log t+\text{const}`, which integrates to R. ∎

    >>> np.exp(preference_matching(Problem.from_probabilities([0.9, 0.1], 0.1, [np.log(3), 0]))).round(6).tolist()
    [[0.75, 0.25]]
    """
    logits = np.where(problem.present, problem.require_reward(), -np.inf)
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
