r"""Flip thresholds of pairs that share no response, for every loss of a pair: what a log of pairs can certify.

.. math:: v=\inf\{L(a,b): a\le b,\ e^a+e^b\le 1\},\qquad m=\inf\{L(a,b): e^a+e^b\le 1\},

with a and b the log-probabilities of the chosen and of the rejected response; other responses take what is left. **A
pair whose own loss is below v is ranked right.** A mean loss over n pairs pays m for each, and v - m more for each
that is wrong, so that sorting the v - m says how many can be wrong at most.

*Differences and links*, L = g(x): where a <= b the margin x reaches every value up to some x*, and v is the least of g
up to x*. In h, x* is at h = -delta_ref. In a link the difference
:math:`\varphi(t-\log\pi_{\rm ref}(w))-\varphi(t-\log\pi_{\rm ref}(l))` is monotone in the tied t, because phi' is: x*
is at one end of t, minus infinity or -log 2. *All others* but "sppo_hard" and "apo_down" fall in a (up to the minimum,
for "nca_pair") and rise in b, so v is the least over ties, at an end or at the one stationary point, each in closed
form. Where the simplex binds elsewhere than at a tie ("sppo_hard", "squared_po": probabilities above 1/2) v is a bound
from below, which certifies all the same.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from tabular.base import checks
from tabular.errors import InputError
from tabular.losses import absolute, links, scalars
from tabular.losses.forms import OfMargin, Pair
from tabular.losses.loss import Loss

__all__ = ["Flips", "flips"]

_HALF = -np.log(2.0)


@dataclass(frozen=True, eq=False)
class Flips:
    """``(n_pairs,)`` each, in nats: ``threshold`` v and ``least`` m."""

    threshold: np.ndarray
    least: np.ndarray

    @property
    def price(self) -> np.ndarray:
        """What inverting the pair costs beyond its least loss; 0 where nothing certifies it."""
        with np.errstate(invalid="ignore"):
            price = self.threshold - self.least
        return np.where(np.isneginf(self.least), 0.0, np.maximum(price, 0.0))


@np.errstate(over="ignore")
def flips(loss: Loss, ref_chosen, ref_rejected, beta) -> Flips:
    """The flip threshold of each pair, and the least that its loss can be.

    Args:
        ref_chosen, ref_rejected: ``(n_pairs,)`` sequence log-probabilities under the reference, at most 0.
        beta: of the loss.

    Raises:
        InputError: a loss of a batch or one of a user's own shape.

    >>> from tabular import losses
    >>> for name in ("dpo", "ipo", "hinge", "kto", "fdpo_forward_kl"):
    ...     print(name, flips(losses.typical(name), [-9.0, -4.0], [-7.0, -5.0], 0.5).threshold.round(4).tolist())
    dpo [0.3133, 0.9741]
    ipo [0.0, 4.0]
    hinge [0.0, 1.5]
    kto [0.7551, 1.0]
    fdpo_forward_kl [0.0, 0.699]
    """
    ref_w, ref_l = checks.numbers(ref_chosen, "ref_chosen"), checks.numbers(ref_rejected, "ref_rejected")
    beta = checks.number(beta, "beta")
    if loss.batch:
        raise InputError(f"{loss.name} pairs the responses of a batch anew: no pair has a flip threshold of its own")
    form = loss.form
    if isinstance(form, OfMargin):
        value, least = _of_margin(form, ref_w, ref_l, beta)
    elif type(form) in _ABSOLUTE:
        value, least = _ABSOLUTE[type(form)](form, ref_w, ref_l, beta)
    else:
        raise InputError(f"{loss.name} has a shape of its own: no flip threshold is known for it")
    return Flips(*(np.broadcast_to(np.asarray(part, dtype=float), ref_w.shape).copy() for part in (value, least)))


def _of_margin(form, ref_w, ref_l, beta):
    if isinstance(form.link, links.SquaredLog):
        widest = np.where(ref_w < ref_l, np.inf, np.exp(-1.0))  # u <= 1/e; both at -inf, u_w is the smaller by far
    else:
        widest = _widest(form, ref_w, ref_l)
    x = form.rate(beta) * widest - form.psi(ref_w, ref_l, beta)
    turn, dips = _turns(form.scalar)
    low, high = x, np.full(x.shape, turn)
    value = np.where(low < high, _at(form.scalar, low), _at(form.scalar, high))
    for dip in dips:
        value = np.where(x >= dip, np.minimum(value, float(form.scalar.value(dip))), value)
    return value, _infimum(form.scalar, turn)


def _widest(form, ref_w, ref_l):
    """The largest u_w - u_l with a <= b."""
    r_w, r_l = _HALF - ref_w, _HALF - ref_l
    if form.reference_free:
        r_w = r_l = np.full(ref_w.shape, _HALF)
    gap = r_w - r_l
    if form.per_token:
        drift = 1 / np.asarray(form.n_w) - 1 / np.asarray(form.n_l)  # of the tied level t
        return np.where(drift < 0, np.inf, r_w / form.n_w - r_l / form.n_l)
    if isinstance(form.link, links.Identity):
        return gap
    if isinstance(form.link, links.ChiSquared):  # phi' rises: level -log 2 where the gap is above 0, else -inf
        return np.where(gap > 0, form.link.difference(r_w, r_l), gap)
    far = gap if isinstance(form.link, links.JensenShannon) else np.full(gap.shape, np.inf)  # phi' falls
    return np.where(gap > 0, far, np.where(gap < 0, form.link.difference(r_w, r_l), 0.0))


def _turns(scalar):
    """Where g is least (it falls before), and local minima besides."""
    if isinstance(scalar, scalars.Logistic):
        k = float(scalar.linear)
        return (-logit(k) if k > 0 else np.inf), ()
    if isinstance(scalar, scalars.Square | scalars.Hinge):
        return 0.0, ()
    if isinstance(scalar, scalars.Exo):
        return scalar.zeta, ()
    if isinstance(scalar, scalars.ClippedLogistic):
        return np.inf, ()
    if isinstance(scalar, scalars.Disco):
        return np.inf, _dips(scalar)
    raise InputError(f"a loss of the shape {type(scalar).__name__} has no known flip threshold")


def _dips(scalar):
    """Local minima of DiscoPOP: sign changes of its slope, from falling to rising."""
    grid = scalar.tau * np.linspace(-60.0, 60.0, 12_001)
    slope = scalar.slope(grid)
    starts = np.flatnonzero((slope[:-1] < 0) & (slope[1:] >= 0))
    return tuple(brentq(lambda x: float(scalar.slope(x)), grid[i], grid[i + 1], xtol=1e-15) for i in starts)


def _at(scalar, x):
    """g, its limit where x is infinite."""
    finite = np.where(np.isfinite(x), x, 0.0)
    return np.where(np.isposinf(x), _limit(scalar), np.where(np.isneginf(x), np.inf, scalar.value(finite)))


def _limit(scalar):
    """g at +inf."""
    if isinstance(scalar, scalars.Logistic):
        return {True: np.inf, False: 0.0 if not scalar.linear else -np.inf}[scalar.linear > 0]
    if isinstance(scalar, scalars.ClippedLogistic):
        return float(scalar.value(np.inf))
    return {scalars.Square: np.inf, scalars.Exo: -np.log1p(-getattr(scalar, "eps", 0.0))}.get(type(scalar), 0.0)


def _infimum(scalar, turn):
    return float(_at(scalar, np.float64(turn)))


def _tied(form, ref_w, ref_l, beta, *levels):
    """The least over the tied levels that are given, at most -log 2 each."""
    found = np.inf
    for level in (_HALF, *levels):
        tied = np.minimum(level, _HALF) * np.ones(ref_w.shape)
        tied = np.where(np.isfinite(tied), tied, _HALF)
        found = np.minimum(found, form.value(Pair(tied, tied, ref_w, ref_l, beta)))
    return found


def _kto(form, ref_w, ref_l, beta, l_d, l_u, z0):
    """Ends l_d and the level -log 2; stationary where l_d sigma'(P) = l_u sigma'(P + d), d = beta delta_ref."""
    half, s = beta * (ref_w - ref_l) / 2, 0.5 * np.log(l_u / l_d)
    with np.errstate(divide="ignore"):
        up = np.maximum(s, -half) + np.log(-np.expm1(-np.abs(s + half)))
        down = np.maximum(s, half) + np.log(-np.expm1(-np.abs(s - half)))
    with np.errstate(invalid="ignore"):
        level = np.where((s + half > 0) == (half - s > 0), ref_w + z0 + (up - down) / beta, _HALF)
    value = np.minimum(_tied(form, ref_w, ref_l, beta, level), l_d)
    return value, l_d * expit(beta * (ref_w + z0))


def _nca(form, ref_w, ref_l, beta):
    """Stationary in E = e^x where c E^2 + (1 - c) E / 2 = 1, c = e^(beta delta_ref)."""
    c = np.exp(np.clip(beta * (ref_w - ref_l), -700, 700))
    b = (1 - c) / 2
    small = np.minimum(c, 1.0)
    few = 2 / ((1 - small) / 2 + np.sqrt((1 - small) ** 2 / 4 + 4 * small))
    many = (-b / c + np.sqrt((b / c) ** 2 + 4 / c)) / 2
    best = np.minimum(np.log(2.0) / beta, -ref_w)
    least = form.value(Pair(ref_w + best, np.full(ref_w.shape, -1e300), ref_w, ref_l, beta))
    return _tied(form, ref_w, ref_l, beta, ref_w + np.log(np.where(c <= 1, few, many)) / beta), least


def _sppo(form, ref_w, ref_l, beta):
    """Two squares: their targets where these are in order, a tie half-way else."""
    up, down = ref_w + 0.5 / beta, ref_l - 0.5 / beta
    middle = (up + down) / 2
    tie = (up > down) & (middle <= _HALF)
    a = np.where(tie, middle, np.minimum(up, _HALF))
    b = np.where(tie, middle, np.where(up > down, np.clip(down, _HALF, 0), np.minimum(down, 0)))
    apart = (up - a) ** 2 + (down - b) ** 2
    half_way = (ref_w - ref_l + 1 / beta) ** 2 / 2  # without the size of the log-probabilities, which hides the targets
    return np.where(tie, half_way, apart), np.maximum(up, 0) ** 2 + np.maximum(down, 0) ** 2


_ABSOLUTE = {
    absolute.Kto: lambda form, w, y, beta: _kto(form, w, y, beta, form.l_d, form.l_u, form.z0),
    absolute.ApoZero: lambda form, w, y, beta: _kto(form, w, y, beta, 1.0, 1.0, 0.0),
    absolute.Nca: _nca,
    absolute.Bco: lambda form, w, y, beta: (
        _tied(form, w, y, beta, form.shift / beta + (w + y) / 2),
        np.logaddexp(0, beta * w + form.shift),
    ),
    absolute.ApoDown: lambda form, w, y, beta: (expit(beta * (w - y)), 0.0),
    absolute.Sppo: _sppo,
    absolute.Dpop: lambda form, w, y, beta: (_tied(form, w, y, beta), 0.0),
    absolute.WithSft: lambda form, w, y, beta: (_tied(form, w, y, beta), 0.0),
    absolute.Orpo: lambda form, w, y, beta: (_tied(form, w, y, beta), 0.0),
}
