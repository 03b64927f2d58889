r"""All local maxima of the penalised objective of :mod:`tabular.simplex.penalized`, of many prompts at once.

**Stationary policies.** With :math:`\kappa=\gamma/\beta`: :math:`\log\pi_y-\kappa c_y/\pi_y=\log\pi^*_y-\nu`, that is
:math:`\pi_y=\kappa c_y/W(\kappa c_ye^{\nu}/\pi^*_y)`, W of branch 0 where :math:`c_y>0`, of branch 0 (the larger root,
:math:`\pi_y\ge\kappa|c_y|`) or -1 (the smaller) where :math:`c_y<0`; :math:`\nu` makes the sum 1.

**Second order.** :math:`-\beta\,\mathrm{diag}(1/g)` is the Hessian, with :math:`g_y=\pi_y^2/(\pi_y+\kappa c_y)
=-d\pi_y/d\nu`, positive except on branch -1. It is negative definite on the simplex iff all :math:`g_y>0`, or exactly
one is negative and :math:`\sum_yg_y<0` (Schur complement of a diagonal matrix on the vectors of sum 0). So at a local
maximum at most one response, with :math:`c_y<0`, is on branch -1, and then the total mass *increases* with :math:`\nu`.
Every :math:`\pi_y` but that one's is at least :math:`\pi^*_ye^{-\nu-1}`, so :math:`\nu\ge\log\sum\pi^*_y-1` over
those y; at the other end :math:`\nu` is bounded by the branch points. On branch 0 throughout the mass decreases: at
most one solution, which is there iff the mass at the lowest branch point is at most 1.

**None is missed.** A curve is the response on branch -1, and a point on it the depth t, :math:`\nu` being :math:`t^2`
below the lowest branch point. Every :math:`\pi_y` is monotone in t, and so is :math:`g_y`, which only on branch 0 with
:math:`c_y<0` falls to :math:`4\kappa|c_y|` at :math:`\pi_y=2\kappa|c_y|` before it rises. So the values at the two ends
of an interval bound mass and rates all over it, and it is halved until they decide: the mass is nowhere 1, or nowhere
rises with :math:`\nu`, or rises all over it, so that its signs at the ends tell whether it crosses 1. The bounds are
rounded outwards, by the errors that :class:`_Points` carries; what they cannot decide is a double root to within
rounding, and then the prompt is not ``certified``. What is given is taken to be c, and how far each
:math:`\log\pi^*_y` is from the lowest branch point: :math:`\log\pi^*` to within a rounding of itself.

Below, c stands for :math:`\kappa c`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import wrightomega

from tabular.base import roots
from tabular.base.log_space import log_sum_exp

__all__ = ["all_local_maxima", "is_local_maximum", "local_maxima", "log_minus_w", "pulls"]

_U = np.finfo(float).eps  # numpy's exp, log, expm1 and scipy's omega are taken to err by 4 of these at most
_TINY, _MOST = np.finfo(float).tiny, np.finfo(float).max  # beyond these floats lose digits
_PHI = 2.0**-46  # relative error of :func:`_phi`
_SHARE = 0.49  # of an interval, where it is divided: halves meet the roots of even numbers
_DOUBLE = 1e-4  # relative width below which masses of 1 at both ends mean a double root
_ENTRIES = 200_000  # of the arrays in one go
_SERIES = (1.0 / np.cumprod(np.arange(2.0, 15.0)))[::-1].tolist()  # 1/14!, ..., 1/2: phi(x)/x^2, from within


def local_maxima(log_star, c):
    r"""The log-policies of all local maxima of one prompt.

    Args:
        log_star: ``(n_responses,)``, the RLHF optimum; c: :math:`\kappa c`, not all 0.

    >>> [np.exp(log_pi).round(6).tolist() for log_pi in local_maxima(np.log([0.25, 0.75]), np.array([0.05, -0.05]))]
    [[0.297473, 0.702527]]
    """
    return all_local_maxima(np.asarray(log_star)[None], np.asarray(c)[None])[0][0]


def all_local_maxima(log_star, c):
    r"""For each prompt the log-policies of all local maxima, and ``certified (n_prompts,)``: that these are all.

    On branch 0 throughout, and with each losing response in turn on -1.

    Args:
        log_star, c: ``(n_prompts, n_responses)``, ``-inf`` for no response; a row of zeros in c has one maximum, pi*.

    >>> maxima, certified = all_local_maxima(np.log([[0.25, 0.75], [0.5, 0.5]]), np.array([[0.5, -0.5], [0.0, 0.0]]))
    >>> [len(found) for found in maxima], certified.tolist()
    ([0, 1], [True, True])
    """
    found = [[] if row.any() else [star] for star, row in zip(log_star, c, strict=True)]
    certified = np.ones(len(c), dtype=bool)
    prompt, lowered = _numbered(c)
    together = max(1, _ENTRIES // c.shape[1])
    for first in range(0, len(prompt), together):
        part = slice(first, first + together)
        curves = _Curves.of(log_star[prompt[part]], c[prompt[part]], lowered[part])
        row, left, right, sure = _isolated(curves)
        certified[prompt[part][~sure]] = False
        for k, log_pi in zip(row, _solved(curves, row, left, right), strict=True):
            if is_local_maximum(log_pi, curves.c[k]):
                found[prompt[part][k]].append(log_pi)
    return found, certified


def _numbered(c):
    """The curves of all prompts: which prompt, and which response is on branch -1, -1 for none; prompt by prompt."""
    prompt, lowered = np.nonzero(c < 0)
    losing = np.unique(prompt)
    prompt, lowered = np.r_[losing, prompt], np.r_[np.full(len(losing), -1), lowered]
    order = np.argsort(prompt, kind="stable")
    return prompt[order], lowered[order]


@dataclass(frozen=True, eq=False)
class _Curves:
    """Some curves, a row each.

    Attributes:
        level: ``(m, n)``: how far log pi* is above the lowest branch point of nu, for losing responses less the log of
            \\|c\\| and 1, so that 0 is the lowest; -inf for no response. c: ``(m, n)``.
        lowered: ``(m, n)`` mask of the response on branch -1. none: ``(m,)``, whether there is none.
        deepest: ``(m,)`` depth from which the mass is above 1.
    """

    level: np.ndarray
    c: np.ndarray
    lowered: np.ndarray
    none: np.ndarray
    deepest: np.ndarray

    @classmethod
    def of(cls, log_star, c, lowered):
        branch_point = np.where(c < 0, log_star - np.log(np.where(c < 0, -c, 1.0)) - 1, np.inf)
        ceiling = branch_point.min(axis=1)
        level = np.where(c < 0, branch_point, log_star) - ceiling[:, None]
        lower = np.arange(c.shape[1]) == lowered[:, None]
        lowest = log_sum_exp(np.where(lower, -np.inf, log_star)) - 1
        room = (ceiling - lowest) + 1e-9 * (1 + np.abs(lowest))  # beyond, for rounding
        return cls(level, c, lower, lowered < 0, np.sqrt(np.maximum(room, 0.0)))


class _Points:
    """Policies of some curves at depths, ``(m, n)``: log pi, g, what pi and g lie between; and the mass, ``(m,)``.

    **Errors.** Of log pi: those of its sum, and where c < 0 what is left of the equation of L over L phi'(L)/phi(L),
    which is 1 at least as phi is convex with phi(0) = 0; where c > 0 what is left of w + log w = z, whose slope in
    log w is 1 + w. Of g, relative: twice that, as :math:`1+c/\\pi` has terms above 0, and where c < 0 the error of L
    times :math:`L\\,e^L/(e^L-1)\\le1+|L|`.
    """

    def __init__(self, curves, row, depth):
        level, c = curves.level[row], curves.c[row]
        self.log_pi, x, root, w = _policies(curves, row, depth)
        there = level > -np.inf
        error = np.where(there, 4 * _U * (np.abs(level) + np.abs(x)), 0.0)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            ratio, of_rate = np.ones(x.shape), np.zeros(x.shape)
            _of_losers(root, x, c, ratio, error, of_rate)
            _of_winners(w, x, c, ratio, error)
            error += (x.shape[1] + 16) * _U
            self.rate = np.exp(self.log_pi) * ratio
            self.low = np.minimum(np.maximum(np.exp(self.log_pi - error) - _TINY, 0.0), _MOST)
            self.high = np.where(there, np.exp(self.log_pi + error) + _TINY, 0.0)
            slack = np.where(np.isfinite(self.rate), np.abs(self.rate) * (2 * error + of_rate) + _TINY, 0.0)
            self.mass_low, self.mass_high = self.low.sum(axis=1), self.high.sum(axis=1)
        least = np.where(np.isfinite(ratio) & (self.rate > _MOST), _MOST, self.rate)  # an overflow is no branch point
        self.rate_low, self.rate_high = least - slack, self.rate + slack
        self.log_mass = log_sum_exp(self.log_pi)

    def take(self, which):
        part = object.__new__(_Points)
        vars(part).update({name: values[which] for name, values in vars(self).items()})
        return part

    def and_(self, other):
        both = object.__new__(_Points)
        pairs = {name: (values, getattr(other, name)) for name, values in vars(self).items()}
        vars(both).update({name: np.concatenate(pair) for name, pair in pairs.items()})
        return both


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def _policies(curves, row, depth):
    """log pi of some curves at depths, and of what it is made: levels there, L of who loses, w of who wins."""
    x, c = curves.level[row] + np.square(depth)[:, None], curves.c[row]
    down, up = c < 0, c > 0
    root = log_minus_w(x[down], curves.lowered[row][down])
    w = wrightomega(np.log(c[up]) - x[up])
    log_pi = x.copy()
    log_pi[down], log_pi[up] = np.log(-c[down]) - root, x[up] + w
    return log_pi, x, root, w


def _of_losers(root, x, c, ratio, error, of_rate):
    down = c < 0
    eta, log_c = x[down], np.log(-c[down])
    relative = np.divide(np.abs(_phi(root) - eta), eta, out=np.zeros_like(eta), where=eta > 0) + _PHI
    ratio[down] = -1 / np.expm1(root)  # at the branch point, +-0, of its sign
    error[down] = np.abs(root) * relative + 8 * _U * (np.abs(log_c) + np.abs(root))
    of_rate[down] = (1 + np.abs(root)) * (relative + 4 * _U)


def _of_winners(w, x, c, ratio, error):
    up = c > 0
    z = np.log(c[up]) - x[up]
    left = np.where(w > 0, np.abs(w + np.log(w) - z) * w / (1 + w), 0.0)
    ratio[up] = 1 / (1 + w)
    error[up] += left + 8 * _U * (w + np.abs(z) + 1)


def _isolated(curves):
    """Intervals of depth that hold one crossing each of those that are maxima, and whether each curve is decided.

    Returns:
        ``(row, left, right, sure)``: of the intervals, in the order of the curves; ``sure`` of each curve.
    """
    sure, row = np.ones(len(curves.c), dtype=bool), np.arange(len(curves.c))
    left, right = np.zeros(len(row)), curves.deepest
    start, end = _Points(curves, row, left), _Points(curves, row, right)
    first = curves.none & (start.log_mass <= 0)  # branch 0 throughout: all there is to know is the mass at depth 0
    sure[curves.none & (start.mass_low <= 1) & (start.mass_high >= 1)] = False
    found = [(row[first], left[first], right[first])]
    kept = np.flatnonzero(~curves.none)
    row, left, right, start, end = row[kept], left[kept], right[kept], start.take(kept), end.take(kept)
    while row.size:
        open_, rising = _undecided(curves, row, start, end)
        crosses = rising & (start.log_mass > 0) & (end.log_mass <= 0)
        found.append((row[crosses], left[crosses], right[crosses]))
        told = ((start.mass_low > 1) & (end.mass_high < 1)) | (start.mass_high < 1) | (end.mass_low > 1)
        sure[row[rising & ~told]] = False
        middle = left + _SHARE * (right - left)
        even = (start.mass_low <= 1) & (start.mass_high >= 1) & (end.mass_low <= 1) & (end.mass_high >= 1)
        stuck = open_ & ((even & (right - left <= _DOUBLE * right)) | (middle <= left) | (middle >= right))
        sure[row[stuck]] = False
        kept = np.flatnonzero(open_ & ~stuck)
        row, left, right, middle = row[kept], left[kept], right[kept], middle[kept]
        start, end, between = start.take(kept), end.take(kept), _Points(curves, row, middle)
        row, left, right = np.r_[row, row], np.r_[left, middle], np.r_[middle, right]
        start, end = start.and_(between), between.and_(end)
    row, left, right = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((left, row))
    return row[order], left[order], right[order], sure


@np.errstate(over="ignore", invalid="ignore")
def _undecided(curves, row, start, end):
    """Intervals that bounds of mass and rates do not decide, and those on which the mass rises with nu all over."""
    possible = np.minimum(start.low, end.low).sum(axis=1) <= 1
    possible &= np.maximum(start.high, end.high).sum(axis=1) >= 1
    c = curves.c[row]
    turn = np.log(2 * np.where(c < 0, -c, 1.0))
    near = 1e-9 * (1 + np.abs(turn))  # a turn that may lie outside only lowers the bound
    inside = (np.minimum(start.log_pi, end.log_pi) < turn + near) & (np.maximum(start.log_pi, end.log_pi) > turn - near)
    inside &= (c < 0) & ~curves.lowered[row]
    least = np.where(inside, -4 * c * (1 - 4 * _U), np.minimum(start.rate_low, end.rate_low)).sum(axis=1)
    rising = possible & (np.maximum(start.rate_high, end.rate_high).sum(axis=1) < 0)
    return possible & ~(least >= 0) & ~rising, rising  # infinite rates of both signs decide nothing


def _solved(curves, row, left, right):
    """The policies of mass 1 in some intervals, to the last digits."""
    if not row.size:
        return []
    sign = np.where(curves.none[row], 1.0, -1.0)  # of how the mass changes with depth
    depth = roots.increasing(lambda t: sign * log_sum_exp(_policies(curves, row, t)[0]), left, right)
    log_pi = _policies(curves, row, depth)[0]
    return list(log_pi - log_sum_exp(log_pi, keepdims=True))


def log_minus_w(eta, lower_branch):
    r"""L = log(-W(-e^{-1-eta})), eta >= 0: the root of :math:`e^L-L-1=\eta`, L <= 0 on branch 0, L >= 0 on branch -1.

    The left side is convex, and both starts lie beyond their root, so Newton's method is monotone: it ends where a step
    no longer brings the root nearer to 0. The root of eta = 0 is the branch's zero: -0 on branch 0, +0 on branch -1.

    >>> log_minus_w(np.array([0.0, np.e - 2, np.exp(-1)]), np.array([True, True, False])).round(12).tolist()
    [0.0, 1.0, -1.0]
    """
    s = np.sqrt(2 * eta)
    low = np.maximum(-1 - eta, -s - s * s / 2)
    root = np.where(lower_branch, np.minimum(s, np.log1p(1 + 2 * eta)), low)
    going = np.flatnonzero(root != 0)
    while going.size:
        here = root[going]
        moved = here - (_phi(here) - eta[going]) / np.expm1(here)
        nearer = np.abs(moved) < np.abs(here)
        going = going[nearer]
        root[going] = moved[nearer]
    return root


def _phi(x):
    r""":math:`e^x-1-x`, relative error below ``_PHI``.

    Near 0 its series :math:`x^2(\tfrac1{2!}+x(\tfrac1{3!}+x(\tfrac1{4!}+\dots)))`, whose rest beyond 14 is below
    :math:`2^{-56}` and which cancels nothing; elsewhere the terms are at most 9 times the difference.
    """
    close = np.abs(x) <= 0.5
    if not close.any():
        return np.expm1(x) - x
    near = np.minimum(np.maximum(x, -0.5), 0.5)
    inner = np.full_like(near, _SERIES[0])
    for term in _SERIES[1:]:
        inner *= near
        inner += term
    return np.where(close, near * near * inner, np.expm1(x) - x)


def is_local_maximum(log_pi, c):
    """The second-order condition, from pi/(1 + kappa c/pi) = g."""
    there = log_pi > -np.inf
    stiffness = 1 + pulls(log_pi[there], c[there])
    n_negative = np.count_nonzero(stiffness < 0)
    g = np.exp(log_pi[there]) / np.where(stiffness == 0, np.inf, stiffness)
    return n_negative == 0 or (n_negative == 1 and g.sum() < 0)


def pulls(log_pi, c):
    """c/pi, which is 0 where c is, however small pi is.

    >>> pulls(np.array([-1000.0, -700.0, 0.0]), np.array([0.0, -np.exp(-700.0), 2.0])).tolist()
    [0.0, -1.0, 2.0]
    """
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(c == 0, 0.0, np.sign(c) * np.exp(np.log(np.abs(c)) - log_pi))
