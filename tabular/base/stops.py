r"""Where iterations end: when rounding rules, told by what exact arithmetic would do, never by a count of steps.

:class:`Stalls` asks for numbers that a descent brings down. :class:`Walks` is for Newton's steps of which it is known
how far they have to go and from where they halve, and serves where a loss has no digits to tell by: next to a label of
weight 1 one of weight :math:`e^{-40}` adds nothing to it.
"""

import numpy as np

__all__ = ["Stalls", "Walks"]

_QUADRATIC = 0.1  # nats: steps from where Newton's square counts
_PATIENCE = 5


class Stalls:
    """Descents side by side: each ends after ``patience`` steps in a row without a new least of any of its numbers.

    A least number only falls, from one float to another, and there are finitely many of these: every loop that leaves
    when all of its descents have ended ends.

    >>> stalls = Stalls(2)
    >>> [stalls.after(np.array(loss)).tolist() for loss in ([3.0, 3.0], [2.0, 3.0], [1.0, 3.0])]
    [[False, False], [False, False], [False, True]]
    """

    def __init__(self, count: int, patience: int = 2):
        self.least, self.still, self.patience = {}, np.zeros(count, dtype=np.int64), patience

    def after(self, *numbers, which=slice(None)) -> np.ndarray:
        """Which of the descents ``which`` have ended, given arrays of their numbers after one more step."""
        falls = np.zeros(self.still[which].shape, dtype=bool)
        for kind, number in enumerate(numbers):
            least = self.least.setdefault(kind, np.full(self.still.shape, np.inf))
            falls |= number < least[which]
            least[which] = np.fmin(number, least[which])
        self.still[which] = np.where(falls, 0, self.still[which] + 1)
        return self.still[which] >= self.patience


class Walks:
    r"""Damped Newton steps side by side: a walk ends where it does what exact arithmetic does not do.

    With R the largest change of a margin by a full step and :math:`\log(1+R)` what is taken of it:

    * once R is below ``near``, it halves from step to step;
    * below 0.1 it falls with its square unless the problem is very ill conditioned: five steps in a row that bring no
      new least are rounding;
    * before that each step moves a margin by 0.09 nats or more, and nobody has to walk further than ``furthest``.

    So a walk takes at most ``furthest`` over 0.09 steps before it is near, and there R falls, as floats do, finitely
    often.

    >>> walks = Walks(np.full(2, 0.01), np.array([3.0, 100.0]))
    >>> [walks.after(np.arange(2), np.array(reach)).tolist() for reach in ([9.0, 0.008], [9.0, 0.003], [9.0, 0.002])]
    [[False, False], [True, False], [True, True]]
    """

    def __init__(self, near, furthest):
        self.near, self.furthest = np.broadcast_arrays(np.asarray(near, dtype=float), furthest)
        self.out = np.array(self.furthest)
        self.before, self.least = np.full((2, *self.near.shape), np.inf)
        self.walked, self.still = np.zeros(self.near.shape), np.zeros(self.near.shape, dtype=np.int64)

    def farther(self, which, out):
        """Steps that end ``out`` away, more than any before: as much of what they walk is not counted, to come back.

        Ever farther are the floats finitely often.
        """
        self.walked[which] = np.where(out > self.out[which], -out, self.walked[which])
        self.out[which] = np.maximum(self.out[which], out)

    def after(self, which, reach) -> np.ndarray:
        """Which of the walks ``which`` end, after one more step of R ``reach`` each."""
        self.walked[which] += np.log1p(reach)
        self.still[which] = np.where((reach < self.least[which]) | (reach > _QUADRATIC), 0, self.still[which] + 1)
        ended = (self.before[which] <= self.near[which]) & (reach > self.before[which] / 2)
        self.before[which], self.least[which] = reach, np.minimum(reach, self.least[which])
        return ended | (self.walked[which] > self.furthest[which]) | (self.still[which] >= _PATIENCE)
