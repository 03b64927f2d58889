r"""Logistic regression on differences of features: the least :math:`\sum n_i\,\mathrm{sp}(-d_i\theta)`.

Newton where labels are few. Where they are many, a share of them gives a start and a curvature, and conjugate gradients
in that curvature do the rest: labels drawn alike have nearly the same one, so each step leaves a small share of the
error and costs two passes over the labels instead of one sum of squares. Labels of few responses are passed over as
scores of responses, which are fewer: :math:`d_i\theta=s_{w_i}-s_{l_i}` with :math:`s=\Phi\theta`.

**A part proves existence for the whole.** With g the gradient at a fit and :math:`y_i=n_i\sigma(-h_i)>0` its weights,
:math:`D^\top y=g`. The correction :math:`y_i(1-d_iv)`, with v solving :math:`D^\top YD\,v=g`, balances the labels
exactly; it is positive if every :math:`|d_iv|<1`, and

.. math:: y_i(d_iv)^2\le v^\top D^\top YDv=g^\top(D^\top YD)^{-1}g\le g^\top G^{-1}g

with G the same sum over any part of the labels, which is smaller. So a gradient that is small in the curvature of a
part proves that nothing separates (:mod:`tabular.fits.separation`).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from tabular.base import tolerances
from tabular.base.log_space import softplus
from tabular.fits.weighted_squares import nearest
from tabular.losses.links import JensenShannon

__all__ = [
    "AT_REST",
    "BLOCK",
    "CANCELLING",
    "FAR",
    "FEWER",
    "FEW_ROWS",
    "MANY",
    "NEAR",
    "PART",
    "REGULAR",
    "ROUGH",
    "SHORT",
    "Fitted",
    "Responses",
    "Rows",
    "blocks",
    "from_a_part",
    "least_squares",
    "newton",
    "row_space",
    "squares",
]

BLOCK = 1024  # rows handled at once, which with what is made of them stay in a processor's cache
FEW_ROWS = 256  # the same where rows are gathered
PART = 200  # labels for each parameter in the part that gives a start
MANY = 4  # such parts from which that pays
FAR = 700.0  # nats of a margin beyond which nothing is attained in floats
CANCELLING = 1e3  # of squared features over their squared differences, up to which scores lose no three digits
REGULAR = 1e-5  # of a feature, the part that the others do not explain, from which a part of the labels may lead
FEWER = 5  # a fifth of a part gives it a start in turn
ROUGH = 0.5  # nats of a step there after which it has
NEAR = 0.03  # nats of a step after which curvatures are those of the minimum to a few hundredths
AT_REST = 1e-13  # nats, and of the terms of a margin: below that its step is rounding, however heavy the label
SHORT = 1e-3  # nats that a step moves a margin: no curvature changes by a larger share of itself


@dataclass(frozen=True, eq=False)
class Rows:
    """Difference rows ``(n_labels, n_features)`` as they are."""

    rows: np.ndarray

    def margins(self, theta):
        return self.rows @ theta

    def pull(self, push):
        return push @ self.rows

    def sizes(self, push):
        """The sum of the sizes of the terms of ``pull``."""
        terms = (push[part] @ np.abs(self.rows[part]) for part in blocks(len(self.rows)))
        return sum(terms, start=np.zeros(self.rows.shape[1]))

    def some(self, step):
        return np.ascontiguousarray(self.rows[::step])


@dataclass(frozen=True, eq=False)
class Responses:
    """The same rows as features of responses and the two of each label."""

    features: np.ndarray
    winner: np.ndarray
    loser: np.ndarray

    def margins(self, theta):
        score = self.features @ theta
        return score[self.winner] - score[self.loser]

    def pull(self, push):
        n = len(self.features)
        return (np.bincount(self.winner, push, n) - np.bincount(self.loser, push, n)) @ self.features

    def sizes(self, push):
        n = len(self.features)
        total = np.bincount(self.winner, push, n) + np.bincount(self.loser, push, n)
        return Rows(self.features).sizes(total)

    def some(self, step):
        return self.features.take(self.winner[::step], axis=0) - self.features.take(self.loser[::step], axis=0)

    def rows(self):
        rows = np.empty((len(self.winner), self.features.shape[1]))
        lost = np.empty((FEW_ROWS, rows.shape[1]))
        for part in blocks(len(rows), FEW_ROWS):  # indices are known to fit: clipping spares a copy that checks them
            here = rows[part]
            self.features.take(self.winner[part], axis=0, out=here, mode="clip")
            here -= self.features.take(self.loser[part], axis=0, out=lost[: len(here)], mode="clip")
        return rows


@dataclass(frozen=True, eq=False)
class Fitted:
    """A minimiser and what certifies it.

    Attributes:
        theta: ``(n_features,)``.
        balance: ``(n_labels,)`` positive weights under which the difference rows cancel.
        infimum: of the loss.
        residual: the largest component of the gradient over the sum of the sizes of its terms.
    """

    theta: np.ndarray
    balance: np.ndarray
    infimum: float
    residual: float


def from_a_part(compared: Responses, weight: np.ndarray) -> Fitted | None:
    """The minimiser, where labels are many and a part of them leads to it and proves that it exists; otherwise None."""
    n_labels, n_features = len(weight), compared.features.shape[1]
    step = n_labels // (PART * n_features)
    step -= 1 - step % 2  # odd, as labels may come in pairs
    if step < MANY or not weight.min() > 0:
        return None
    few, share = compared.some(step), weight[::step]
    start = _start(np.ascontiguousarray(few[::FEWER]), share[::FEWER])
    push, whitener = (None, None) if start is None else _curvature(few, share, start)
    if whitener is None:
        return None
    start = start + _step(few, push, whitener)[0]
    fewer = 2 * len(compared.features) <= n_labels and not _cancels(compared, few[::FEWER], step * FEWER)
    design = compared if fewer else Rows(compared.rows())
    theta, h, push = _conjugate(design, weight, start, whitener)
    gradient, sizes = np.abs(design.pull(push)), design.sizes(push)
    rounding = len(push) ** 0.5 * np.finfo(float).eps * sizes
    if not _proves(few[::FEWER], push[:: step * FEWER], gradient + rounding, push.min()):
        return None
    return Fitted(theta, push, float(weight @ softplus(-h)), float(gradient.max() / sizes.max()))


def _cancels(compared, rows, step):
    """Whether differences are so much smaller than features that scores lose their digits."""
    ends = np.square(compared.features[compared.winner[::step]]).sum(axis=0)
    return bool((ends > CANCELLING * np.square(rows).sum(axis=0)).any())


def _proves(rows, push, gradient, least):
    """Whether a gradient of this size leaves weights that balance the labels, by the theorem of the module."""
    whitener = _whitener(squares(rows, push))
    return whitener is not None and bool(np.square(np.abs(whitener) @ gradient).sum() < least / 4)


def _start(rows, weight):
    """A rough minimiser over rows that span everything; None if they do not or are separated."""
    theta, reach = np.zeros(rows.shape[1]), np.inf
    while reach > ROUGH:
        push, whitener = _curvature(rows, weight, theta)
        if whitener is None:
            return None
        step, reach = _step(rows, push, whitener)
        theta = theta + step
    return theta


def _step(rows, push, whitener):
    """A damped Newton step, as :func:`newton` has it, and the largest change of a margin that undamped it makes."""
    step = whitener.T @ (whitener @ (push @ rows))
    reach = np.abs(rows @ step).max()
    return (np.log1p(reach) / reach if reach > 0 else 1.0) * step, reach


def _curvature(rows, weight, theta):
    """The weights of a fit, and a whitener of its curvature; None where a margin is far or the rows span too little."""
    h = rows @ theta
    miss = _miss(h)
    push = weight * miss
    return push, None if np.abs(h).max() > FAR / 10 else _whitener(squares(rows, push * (1 - miss)))


def _conjugate(design, weight, theta, whitener):
    r"""Conjugate gradients on the loss in a given curvature: theta, margins, and weights :math:`n_i\sigma(-h_i)`.

    A step along d, with R its largest change of a margin, slope a and curvature c there, is :math:`\log(1+Ra/c)/R`
    long: up to there it descends (see :mod:`tabular.fits.block_solvers`). They end when what one leaves, were the next
    to shrink as it did, is rounding, or when one does not halve a short one before it.

    Near the end rows are summed once for the curvature of all labels: that takes three steps' time and spares six.
    """
    h, direction, last, before, renewed = design.margins(theta), 0.0, None, np.inf, False
    miss = _miss(h)
    while True:
        push = weight * miss
        gradient = design.pull(push)
        scaled = whitener.T @ (whitener @ gradient)
        if last is not None:
            direction = max(scaled @ (gradient - last[0]) / (last[1] @ last[0]), 0.0) * direction
        direction, last = direction + scaled, (gradient, scaled)
        along = design.margins(direction)
        reach, slope = np.abs(along).max(), gradient @ direction
        if not (0 < slope < np.inf and reach > 0):
            return theta, h, push
        length = np.log1p(reach * slope / ((push * (1 - miss)) @ np.square(along))) / reach
        theta, h = theta + length * direction, h + length * along
        miss, moved = _miss(h), length * reach
        left = moved * (moved / before if before < np.inf else 1.0)
        if before < min(2 * moved, tolerances.WARM) or left < tolerances.LEFT * (1 + np.abs(h).max()):
            return theta, h, weight * miss
        before = moved
        if moved < NEAR and isinstance(design, Rows) and not renewed:
            found = _whitener(squares(design.rows, weight * miss * (1 - miss)))
            whitener = whitener if found is None else found
            direction, last, before, renewed = 0.0, None, np.inf, True


def _miss(h):
    """sigma(-h), by the exponential that numpy has in vector instructions: three times as fast as scipy's expit."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(h))


def _whitener(gram):
    """M with ``M gram M' = 1``, so that M' M is its inverse; None where it is singular or nearly so."""
    size = np.diag(gram)
    if not (size > 0).all():
        return None
    scale = 1 / np.sqrt(size)
    try:
        lower = np.linalg.cholesky(gram * np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return None
    return np.linalg.inv(lower) * scale if np.diag(lower).min() > REGULAR else None


def newton(rows, weight, basis) -> np.ndarray:
    """Damped Newton inside the space that the rows span; ends early where nothing is attained.

    The step is shortened by log(1 + R)/R, R the largest change of a margin (see :mod:`tabular.fits.block_solvers`).
    After a short one the curvatures stay as they were: each step then leaves a share R of the one before. Where their
    sum is nearly singular, as weights far apart make it, steps are least squares by rows, for as long as they descend.
    """
    if not basis.shape[1]:
        return np.zeros(rows.shape[1])
    inner, c = _inside(rows, basis), np.zeros(basis.shape[1])
    h, reach, changed, left = inner @ c, np.inf, np.inf, np.inf
    while left > tolerances.NEWTON_STEP**2 and np.abs(h).max(initial=0.0) < FAR:
        push, before, fresh = weight * expit(-h), reach, reach > SHORT
        if fresh:
            bend = push * expit(h)
            whitener = _whitener(squares(inner, bend))
        step = _by_rows(inner, bend, push) if whitener is None else whitener.T @ (whitener @ (push @ inner))
        along = inner @ step
        reach = np.abs(along).max(initial=0.0)
        length = np.log1p(reach) / reach if reach > 0 else 1.0
        if whitener is None:
            along[np.abs(along) < AT_REST * (1 + np.abs(inner) @ np.abs(step))] = 0.0
            if not weight @ JensenShannon().difference(h + length * along, h) > 0:
                break
        c, h = c + length * step, h + length * along
        changed = reach if fresh else changed  # of a curvature since it was summed, as a share of itself
        left = reach * changed
        if not fresh and reach > before / 2:  # rounding
            break
    return _outside(c, basis)


def least_squares(rows, weight, target, basis) -> np.ndarray:
    """The least-norm minimiser of the weighted squares of rows @ theta - target.

    >>> rows = np.array([[1.0, 0.0], [0.0, 1e-9], [1.0, 1e-9]])
    >>> (least_squares(rows, np.array([1e17, 1.0, 1e-17]), 2.0, np.eye(2)) * [1, 1e-9]).round(12).tolist()
    [2.0, 2.0]
    """
    if not basis.shape[1]:
        return np.zeros(rows.shape[1])
    inner, c, last = _inside(rows, basis), np.zeros(basis.shape[1]), np.inf
    whitener = _whitener(squares(inner, weight))
    if whitener is None:
        return _outside(_by_rows(inner, weight, weight * target), basis)
    while True:  # again from what is left, as long as that halves
        step = whitener.T @ (whitener @ ((weight * (target - inner @ c)) @ inner))
        size = np.abs(inner @ step).max()
        if not size < last / 2:
            return _outside(c, basis)
        c, last = c + step, size


def _by_rows(rows, weight, push):
    """The minimiser of the weighted squares of rows @ c - push / weight."""
    counted, unit = weight > 0, np.abs(rows).max(axis=0)
    rows, weight, push = rows[counted] / unit, weight[counted], push[counted]
    return nearest(rows, weight, push / weight)[1] / unit


def row_space(rows) -> np.ndarray:
    """``(n_features, rank)``: an orthonormal basis of what the rows span, whatever the units of rows and features.

    >>> row_space(np.array([[1e9, 0.0, 1e9], [0.0, 1e-9, 0.0]])).shape
    (3, 2)
    """
    if _whitener(squares(rows, np.ones(len(rows)))) is not None:
        return np.eye(rows.shape[1])
    unit = np.abs(rows).max(axis=0, initial=0.0)
    unit[unit == 0] = 1.0
    scaled = rows / unit
    scaled /= np.maximum(np.abs(scaled).max(axis=1, initial=0.0), np.finfo(float).tiny)[:, None]
    size, vectors = np.linalg.eigh(scaled.T @ scaled)
    seen = vectors[:, size > 1e-13 * max(size.max(initial=0.0), 1e-300)]
    return np.linalg.qr(unit[:, None] * seen)[0]


def _inside(rows, basis):
    """The rows in coordinates of their space; where that is all, as they are, so that features keep their units."""
    return rows if basis.shape[0] == basis.shape[1] else rows @ basis


def _outside(c, basis):
    return c if basis.shape[0] == basis.shape[1] else basis @ c


def squares(rows, weight) -> np.ndarray:
    """``(n_features, n_features)``: the weighted sum of the rows' squares, each block with itself, half the work."""
    root, total = np.sqrt(weight), np.zeros((rows.shape[1], rows.shape[1]))
    for part in blocks(len(rows)):
        scaled = rows[part] * root[part, None]
        total += scaled.T @ scaled
    return total


def blocks(n_rows, size=BLOCK) -> list[slice]:
    """Slices of so many rows that a block, and what is made of it, stays in a processor's cache."""
    return [slice(first, first + size) for first in range(0, n_rows, size)]
