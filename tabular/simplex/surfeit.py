r"""Losses that are a sum over responses, where together these want less than all the mass and nobody takes the rest.

This is case 3 of :mod:`tabular.simplex.allocation`: :math:`f_y'(x_y)=\nu e^{x_y}` with :math:`\nu>0`, every response
beyond its goal, where :math:`f_y'>0`. Write :math:`h_y(x)=\log f_y'(x)-x`, so that :math:`h_y(x_y)=\log\nu`.

**Theorem.** Let every :math:`f_y''/f_y'` fall beyond the goal, so that :math:`h_y` is concave: it rises to a *top* and
falls. At a minimum over the closed simplex all responses but one at most are on the rising side, or have probability 0
if they have none. *Proof.* By :math:`\pi_y` the second derivative of :math:`f_y` is :math:`(f_y''-f_y')\pi_y^{-2}`,
which has the sign of :math:`h_y'`. Were it negative at two responses, moving mass between them would lower F. Where
:math:`h_y` rises at all it does so from :math:`-\infty`: at probability 0 the derivative is then at most 0, and below
:math:`\nu`. ∎

NCA and BCO: :math:`f'\propto\sigma-\sigma_0` and :math:`f''/f'=\beta\sigma(1-\sigma)/(\sigma-\sigma_0)` falls. SPPO:
:math:`f''/f'=1/(x-g)`. KTO where nobody is wanted: :math:`f''/f'=\beta(1-2\sigma)`. (APO-zero always wants somebody.)

So :math:`\nu` is at most the lowest of the tops, and is the number left to find. With all on the rising side the mass
grows with it; with one response on its falling side a minimum is where the mass falls through 1. These n + 1 masses are
looked at on one grid of :math:`\log\nu`, dense where rising sides move, within some nats of the lowest top. One that
falls through 1 twice between neighbours would hide a local minimum: the lowest found is not proved to be the least.
"""

import numpy as np

from tabular.base import roots
from tabular.losses.absolute import Bco, Kto, Nca, Sppo
from tabular.simplex import allocation
from tabular.simplex.descents import Rows
from tabular.simplex.wishes import polished

__all__ = ["FORMS", "candidates", "lowest"]

#: The losses of which the theorem speaks.
FORMS = Nca | Bco | Sppo | Kto

_GRID = 48  # the theorem needs none: what it may hide is why the lowest found is LOCAL
_MOVING = 40.0  # nats below the lowest top, where rising sides are at their goals but for e^-40
_NOTHING = -800.0  # nats: a mass of 0
_CLOSE = 1e-12  # nats, on the grid: a mass of 1 has to be told from one below
_SLACK = 1e-2  # nats that a root may lie outside of its cell, as masses at the grid are rounded
_ENTRIES = 2**20  # of grids that are looked at together


def lowest(prompts, wishes, goal) -> tuple[np.ndarray, np.ndarray]:
    """``(p,)`` lowest values found of some prompts and ``(p, n)`` their log-policies, which may be ``-inf`` somewhere.

    Args:
        prompts: a :class:`tabular.simplex.local.Prompts`. wishes, goal: theirs, as of :func:`candidates`.
    """
    together = max(1, _ENTRIES // (_GRID * goal.shape[1]))
    pieces = np.array_split(np.arange(len(goal)), -(-len(goal) // together))
    found = [(piece, *candidates(wishes.of(piece), goal[piece])) for piece in pieces]
    row, x = np.concatenate([piece[r] for piece, r, _ in found]), np.concatenate([x for _, _, x in found])
    value = Rows.of(prompts, row, wishes.there[row]).value(x)
    best = np.lexsort((value, row))[np.searchsorted(np.sort(row), np.arange(len(goal)))]
    return value[best], x[best]


def candidates(wishes, goal) -> tuple[np.ndarray, np.ndarray]:
    """``(k,)`` rows and ``(k, n)`` log-policies, among them every row's minimum but for what the grid hides.

    Args:
        wishes: of prompts in case 3. goal: ``(p, n)`` log-probabilities where each response's loss is least.
    """
    sides = _Sides(wishes, goal, _tops(wishes, goal))
    grid, (p, n) = sides.grid(), goal.shape
    low, high = sides.of(np.repeat(np.arange(p), grid.shape[1])).at(grid.ravel(), _CLOSE)
    rise, fall = (np.exp(x).reshape(p, -1, n) for x in (low, high))
    total = rise.sum(axis=2, keepdims=True)
    mass = np.concatenate([2 - total, total - rise + fall], axis=2)  # the first mirrored, so that it falls too
    mass[:, 0, 0] = np.inf  # all at their goals leave some of it, if less than rounding
    through = (mass[:, :-1] >= 1) & (mass[:, 1:] < 1)
    through[:, -1, 0] |= ~through.any(axis=(1, 2))  # a mass that is 1 at the lowest top but for rounding
    row, cell, family = np.nonzero(through)
    falling = np.arange(n) == family[:, None] - 1
    return row, _solved(sides.of(row), falling, grid[row, cell], grid[row, cell + 1])


class _Sides:
    """The rising and the falling side of every response's h, in rows of which each is a prompt's.

    Attributes:
        top: where h is highest, but 0 at most; -inf without a rising side. rises: mask of the others.
    """

    def __init__(self, wishes, goal, top):
        self.wishes, self.goal, self.top, self.rises = wishes, goal, top, top > -np.inf

    def of(self, rows):
        return _Sides(self.wishes.of(rows), self.goal[rows], self.top[rows])

    def grid(self):
        """``(p, size)`` of log nu, from where no mass with a falling side is below 1 up to the lowest top."""
        there, alone = self.wishes.there, self.wishes.push(np.zeros(self.top.shape))
        most = np.where(self.rises, self.wishes.push(np.where(self.rises, self.top, 0.0)), np.inf).min(axis=1)
        most = np.where(np.isfinite(most), most, np.where(there, alone, -np.inf).max(axis=1) + 1)
        least = np.where(there & (self.top < 0), alone, np.inf).min(axis=1)
        near = most[:, None] - _MOVING * np.linspace(1, 0, _GRID) ** 2
        return np.column_stack([np.minimum(least, near[:, 0]), near])

    def at(self, log_nu, atol):
        """Log-probabilities on the rising and on the falling sides, where h is log nu: at most 0, -inf off them."""
        every = np.ones(self.top.shape, dtype=bool)
        return self.placed(~every, log_nu, atol), self.placed(every, log_nu, atol)

    def placed(self, falling, log_nu, atol):
        """The same, on the falling sides of those who are in the mask, and on the rising ones of the others."""
        push, log_nu, has = self.wishes.push, log_nu[:, None], np.where(falling, self.wishes.there, self.rises)
        top = np.where(self.rises, self.top, _NOTHING)
        least, endless, step = np.where(self.goal > -np.inf, self.goal, top - 1), np.isneginf(self.goal), 1.0
        while (above := has & ~falling & endless & (push(least) > log_nu)).any():
            least, step = np.where(above, least - step, least), 2 * step
        ends = np.where(falling, np.clip(top, _NOTHING, 0.0), least), np.where(falling, 0.0, top)
        return np.where(has, self.wishes.pushed(has, falling, log_nu, *ends, atol), -np.inf)


def _tops(wishes, goal):
    """Where f'' = f': beyond the goal, but not beyond 0."""
    rises = wishes.there & (wishes.steep(goal) > 1)
    start = np.where(goal > -np.inf, goal, np.minimum(wishes.log_ref, -1.0))
    top = allocation.negative_root(lambda x: 1 - wishes.steep(x), rises, start)
    return np.where(rises, top, -np.inf)


def _solved(sides, falling, low, high):
    """Log-policies of total mass 1 between two log nu, by Newton from nearby, and where that leaves by bracketing."""
    policies, left = np.empty(falling.shape), np.arange(len(low))
    for rough in (sides.wishes.rough, 1e-6):
        part = sides.of(left), falling[left], low[left], high[left]
        x, log_nu = _bracketed(*part, rough)
        policies[left], log_nu = polished(part[0].wishes, part[1] | part[0].rises, x, log_nu, sign=-1)
        left = left[~((log_nu >= part[2] - _SLACK) & (log_nu <= part[3] + _SLACK))]
        if not left.size:
            break
    else:
        policies[left], _ = _bracketed(sides.of(left), falling[left], low[left], high[left], 1e-15)
    return policies - np.logaddexp.reduce(policies, axis=1)[:, None]


def _bracketed(sides, falling, low, high, atol):
    one_falls = falling.any(axis=1)

    def beyond(log_nu):
        mass = np.exp(sides.placed(falling, log_nu, atol)).sum(axis=1)
        return np.where(one_falls, 1 - mass, mass - 1)

    log_nu = roots.increasing(beyond, low, high, atol)
    return sides.placed(falling, log_nu, atol), log_nu
