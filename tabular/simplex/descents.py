r"""Descents of any loss of the log-ratios, side by side: of many prompts, from many starts, on many faces.

In logits, :math:`x=\theta-\log\sum e^\theta`, with G and C the first and second derivatives in x, J the matrix of x by
:math:`\theta`, :math:`\nu=\sum_yG_y`,

.. math:: \nabla F=G-\nu\pi,\qquad \nabla^2F=J^\top CJ-\nu(\mathrm{diag}\,\pi-\pi\pi^\top).

A step is Newton's with the absolute values of the Hessian's eigenvalues: it descends from anywhere, and away from
saddles, to which Newton's is drawn. Responses are first scaled by the diagonal of the Hessian that has each label's own
2 x 2 matrix and :math:`\nu` in absolute values, which holds small probabilities beside large ones. Several lengths are
tried, beyond 1 too, as a response that vanishes does so by 1/beta nats a step; and each of them twice: in logits, and
in log-probabilities of which one gives way to the others. Where all but two responses are held by heavy labels, these
two can only exchange their mass, which in logits moves the others in second order. The lowest point of all is the next.
"""

from dataclasses import dataclass

import numpy as np

from tabular.losses.forms import Pair

__all__ = ["Rows", "descend", "settle"]

_LENGTHS = np.array([16.0, 4.0, 1.0, 0.25, 0.0625])  # of a step
_SHRINK = 2.0**-8  # all of them, where none falls
_SHORTEST = 2.0**-40
_FARTHEST = 4.0  # nats of a step, or times 1 / beta if that is more
_GAIN = 1e-13  # of the value: a step that gains less is rounding
_SLOW = 1e-7  # of the value: what one of many steps in a row has to gain
_NOTHING = 1e-20  # of the value where all are even: the same, where the least is 0
_PATIENCE = 100  # steps in which, at its present gains, a descent has to catch up with the lowest; and many steps
_IDLE = 2  # such steps in a row
_FELT = 1e-18  # of the value: gradients below it are as good as 0
_RIDGE = 1e-13  # of an eigenvalue: less is rounding
_MOST = 1e150  # of a derivative
_SAME = 1e-3  # nats between two descents on their way to the same valley
_ALIKE = 1e-5  # of the value: or what lies between them by the curvatures at each


@dataclass(frozen=True, eq=False)
class Rows:
    """Descents, a row each, with their labels one after the other.

    Attributes:
        prompt: ``(m,)`` of each row; kept: ``(m, n)``, the responses that are not held at probability 0.
        row, winner, loser, ref_chosen, ref_rejected, share: of each row's labels, sorted by row; each row has some.
    """

    form: object
    beta: float
    prompt: np.ndarray
    kept: np.ndarray
    row: np.ndarray
    winner: np.ndarray
    loser: np.ndarray
    ref_chosen: np.ndarray
    ref_rejected: np.ndarray
    share: np.ndarray

    @classmethod
    def of(cls, prompts, prompt, kept):
        """Rows of some prompts, in any order, each on its face."""
        count = np.diff(prompts.start)[prompt]
        row = np.repeat(np.arange(len(prompt)), count)
        label = np.arange(len(row)) - np.repeat(np.cumsum(count) - count - prompts.start[prompt], count)
        columns = (c[label] for c in (prompts.winner, prompts.loser, prompts.ref_chosen, prompts.ref_rejected))
        return cls(prompts.form, prompts.beta, prompt, kept, row, *columns, prompts.share[label])

    def take(self, rows):
        """Some of the rows, in their order."""
        place = np.full(len(self.kept), -1)
        place[rows] = np.arange(len(rows))
        mine = place[self.row] >= 0
        columns = (self.winner, self.loser, self.ref_chosen, self.ref_rejected, self.share)
        return Rows(
            self.form,
            self.beta,
            self.prompt[rows],
            self.kept[rows],
            place[self.row[mine]],
            *(column[mine] for column in columns),
        )

    def pair(self, x):
        ends = x[..., self.row, self.winner], x[..., self.row, self.loser]
        return Pair(*ends, self.ref_chosen, self.ref_rejected, self.beta)

    def policy(self, logits):
        """Log-probabilities, -inf off the faces."""
        x = np.where(self.kept, logits, -np.inf)
        x -= x.max(axis=-1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))

    @np.errstate(all="ignore")
    def giving_way(self, x, way):
        """Log-probabilities that one response completes to 1; nan where the others leave it nothing."""
        x = np.where(self.kept, x, -np.inf)
        x[:, np.arange(len(way)), way] = -np.inf
        x[:, np.arange(len(way)), way] = np.log(1 - np.exp(x).sum(axis=-1))
        return x

    @np.errstate(all="ignore")
    def value(self, x):
        """``(..., m)`` losses at log-policies ``(..., m, n)``; inf where there is none."""
        first = np.searchsorted(self.row, np.arange(len(self.kept)))
        total = np.add.reduceat(self.share * self.form.value(self.pair(x)), first, axis=-1)
        return np.where(np.isfinite(total), total, np.inf)

    @np.errstate(all="ignore")
    def slope(self, x):
        """The gradient in logits, ``(m, n)``, and G, 0 off the faces."""
        up, down = (self.share * part for part in self.form.gradient(self.pair(x)))
        n = self.kept.shape[1]
        at = self.row * n + self.winner, self.row * n + self.loser
        g = np.bincount(at[0], up, self.kept.size) + np.bincount(at[1], down, self.kept.size)
        g = np.where(self.kept, np.clip(np.nan_to_num(g.reshape(-1, n)), -_MOST, _MOST), 0.0)
        return g - g.sum(axis=1, keepdims=True) * np.exp(x), g

    @np.errstate(all="ignore")
    def direction(self, x):
        """The gradient; where to step; which response gives way at the least cost; curvatures in each, as absolutes."""
        slope, g = self.slope(x)
        entries = (self.share * entry for entry in self.form.curvature(self.pair(x)))
        blocks = [np.nan_to_num(entry, posinf=_MOST, neginf=-_MOST) for entry in entries]
        pi, nu, free = np.exp(x), g.sum(axis=1), self.kept.copy()
        np.put_along_axis(free, x.argmax(axis=1)[:, None], False, axis=1)  # logits are free up to a constant
        above = self._hessian(_absolute(*blocks), pi, -np.abs(nu)).diagonal(axis1=1, axis2=2)
        width = np.where(free, np.sqrt(np.maximum(above, 1 / _MOST)), np.inf)
        bend, along = np.linalg.eigh(self._hessian(blocks, pi, nu) / width[:, :, None] / width[:, None, :])
        part = ((-slope / width)[:, None, :] @ along)[:, 0] / np.maximum(np.abs(bend), _RIDGE)
        d, most = (along @ part[..., None])[..., 0] / width, _longest(self.beta)
        way = np.where(self.kept, above * np.exp(-2 * x), np.inf).argmin(axis=1)
        return slope, np.where(self.kept, np.clip(np.nan_to_num(d), -most, most), 0.0), way, above

    def _hessian(self, blocks, pi, nu):
        """``(m, n, n)``, of labels with second derivatives ``(ww, wl, ll)``."""
        (ww, wl, ll), (m, n) = blocks, self.kept.shape
        from_w, from_l = (self.row * n + self.winner) * n, (self.row * n + self.loser) * n
        at = np.concatenate([from_w + self.winner, from_w + self.loser, from_l + self.winner, from_l + self.loser])
        c = np.bincount(at, np.concatenate([ww, wl, wl, ll]), m * n * n).reshape(m, n, n)
        sums = c.sum(axis=2)
        tilt = pi[:, :, None] * (sums - (sums.sum(axis=1) + nu)[:, None] * pi / 2)[:, None, :]
        c -= tilt + tilt.swapaxes(1, 2)
        c[:, np.arange(n), np.arange(n)] -= nu[:, None] * pi
        return c


def _absolute(ww, wl, ll):
    """The absolute values of symmetric 2 x 2 matrices."""
    det = np.abs(ww * ll - wl * wl)
    root = np.sqrt(ww * ww + 2 * wl * wl + ll * ll + 2 * det)
    root = np.where(root > 0, root, 1.0)
    return (ww * ww + wl * wl + det) / root, wl * (ww + ll) / root, (ll * ll + wl * wl + det) / root


def descend(rows: Rows, logits, size, least) -> tuple[np.ndarray, np.ndarray]:
    """``(m,)`` values and ``(m, n)`` log-policies at the ends of descents from logits.

    Every step but some in a row gains a share of the value, so that descents end. Of those of one prompt that have
    come together only one goes on.

    Args:
        size: ``(m,)``, what is large of the losses. least: ``(p,)``, the lowest value of each prompt so far, which is
            brought up to date; a descent ends, too, that would not get there soon.
    """
    x = rows.policy(logits)
    value, reach, idle = rows.value(x), np.ones(len(x)), np.zeros(len(x), dtype=np.int64)
    slow, felt = idle.copy(), np.zeros(x.shape)
    left = np.flatnonzero(np.isfinite(value))
    while left.size:
        moved, lower, felt[left] = _lowest_step(rows.take(left), x[left], reach[left])
        gain = value[left] - lower
        falls = gain > 0
        x[left[falls]], value[left[falls]] = moved[falls], lower[falls]
        reach[left] = np.where(falls, 1.0, reach[left] * _SHRINK)
        np.minimum.at(least, rows.prompt[left], value[left])
        behind = (value[left] - least[rows.prompt[left]]) / _PATIENCE
        enough = np.maximum.reduce([_GAIN * np.abs(value[left]), _NOTHING * size[left], behind])
        idle[left] = np.where(gain > enough, 0, idle[left] + falls)
        slow[left] = np.where(gain > _SLOW * np.abs(value[left]), 0, slow[left] + 1)
        left = left[(idle[left] < _IDLE) & (slow[left] < _PATIENCE) & (reach[left] > _SHORTEST)]
        left = _apart(left, rows, value, x, felt)
    return value, x


def _lowest_step(rows, x, reach):
    """The lowest policies along a step of each row, their values, and how much each response is felt."""
    _, d, way, felt = rows.direction(x)
    steps = (_LENGTHS[:, None] * reach)[:, :, None] * d
    drift = (np.exp(x) * steps).sum(axis=-1, keepdims=True)
    trial = rows.policy(np.concatenate([x + steps, rows.giving_way(x + steps - drift, way)]))
    values, across = rows.value(trial), np.arange(len(x))
    place = values.argmin(axis=0)
    return trial[place, across], values[place, across], felt


def _apart(left, rows, value, x, felt):
    """Descents without those next to a lower one of the same prompt: within a step, by nothing the loss feels."""
    order = left[np.lexsort((value[left], rows.prompt[left]))]
    low, high = order[:-1], order[1:]
    with np.errstate(invalid="ignore"):
        gap = np.where(rows.kept[low] | rows.kept[high], np.abs(x[high] - x[low]), 0.0)
    far, most = gap.max(axis=1, initial=0.0), _longest(rows.beta)
    change = (np.maximum(felt[low], felt[high]) * np.minimum(gap, most) ** 2).sum(axis=1)
    alike = (far <= most) & (np.maximum(change, value[high] - value[low]) <= _ALIKE * np.abs(value[high]))
    near = (rows.prompt[low] == rows.prompt[high]) & (alike | (far < _SAME))
    return np.sort(np.r_[order[:1], high[~near]])


def _longest(beta):
    """Nats of a step."""
    return _FARTHEST * max(1.0, 1 / beta)


def settle(rows: Rows, x) -> np.ndarray:
    """Log-policies after steps for as long as each halves a gradient that the value could still feel."""
    x, left = x.copy(), np.arange(len(x))
    felt = _FELT * np.abs(rows.value(x))
    while left.size:
        part = rows.take(left)
        slope, d, _, _ = part.direction(x[left])
        moved = part.policy(x[left] + d)
        before, after = (np.abs(part_of).max(axis=1) for part_of in (slope, part.slope(moved)[0]))
        better = after <= before / 2
        x[left[better]] = moved[better]
        left = left[better & (after > felt[left])]
    return x
