"""One preference loss: a frozen object that knows its parameters, its derivatives and what decides existence."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.losses.forms import OfMargin, Pair
from tabular.losses.trainers import MEANINGS, Meaning

__all__ = ["Loss"]


class Loss(Record):
    r"""A loss of labelled pairs (w over l), natural logarithms, per pair.

    Attributes:
        name, params: as in :func:`tabular.losses.names`; arrays of token counts are one entry a pair.
        source: the paper, with number.
        form: how it is computed (:mod:`tabular.losses.forms`); for a difference or a link, ``form.scalar`` is the
            function g of the margin x.

    >>> from tabular import losses
    >>> loss = losses.get("cdpo", eps=0.125)
    >>> loss, loss.kind, loss.convex, loss.growth
    (cdpo(eps=0.125), 'difference', True, (-0.875, 0.125))
    >>> float(loss(-1.25, -2.375, -1.5, -1.875, beta=0.125).round(12))
    0.659089161277
    >>> [float(d.round(12)) for d in loss.gradient(-1.25, -2.375, -1.5, -1.875, beta=0.125)]
    [-0.043947456383, 0.043947456383]
    """

    name: str
    items: tuple[tuple[str, Any], ...]
    source: str
    form: Any

    shown = ("name", "params", "kind", "convex", "growth", "source")

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.items)

    @property
    def kind(self) -> str:
        """ "difference": of h = r_w - r_l alone; "link": of phi(r_w) - phi(r_l); "absolute": of r_w and r_l."""
        return self.form.kind

    @property
    def convex(self) -> bool:
        """In h, in the difference of the links, or in (r_w, r_l), by kind."""
        return self.form.convex

    @property
    def growth(self) -> tuple[float, float] | None:
        r"""Slopes of g at -inf and +inf, with x = beta h - Psi (h - Psi for "ipo" and "slic"); ``None`` without a g."""
        return self.form.growth

    @property
    def batch(self) -> bool:
        """Whether a pair's term depends on the other pairs of the batch (AOT)."""
        return getattr(self.form, "batch", False)

    @property
    def scalar(self) -> Any:
        """g, for losses of one margin; ``None`` for the others."""
        return getattr(self.form, "scalar", None)

    @property
    def trainers(self) -> tuple[Meaning, ...]:
        """Where a public trainer means this by another name, or something else by this name."""
        return MEANINGS.get(self.name, ())

    def __call__(
        self,
        policy_chosen: ArrayLike,
        policy_rejected: ArrayLike,
        ref_chosen: ArrayLike,
        ref_rejected: ArrayLike,
        beta: ArrayLike,
    ) -> np.ndarray:
        """The loss of each pair, in nats; arguments broadcast.

        Args:
            policy_chosen, policy_rejected, ref_chosen, ref_rejected: sequence log-probabilities, finite.
            beta: above 0. For "ipo", "ipo_norm" and "sppo_hard" it is the paper's tau or 1/eta.

        Never nan: ``inf`` where the true value is beyond the floats.

        Raises:
            InputError: what is not finite, a beta that is not above 0, shapes that do not fit, numbers for a batch.
        """
        return _plain(self.form.value(self._pair(policy_chosen, policy_rejected, ref_chosen, ref_rejected, beta)))

    def gradient(
        self,
        policy_chosen: ArrayLike,
        policy_rejected: ArrayLike,
        ref_chosen: ArrayLike,
        ref_rejected: ArrayLike,
        beta: ArrayLike,
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Derivatives in :math:`\log\pi_w` and in :math:`\log\pi_l`; reference, beta and shifts held fixed."""
        return self._derivatives(self.form.gradient, policy_chosen, policy_rejected, ref_chosen, ref_rejected, beta)

    def curvature(
        self,
        policy_chosen: ArrayLike,
        policy_rejected: ArrayLike,
        ref_chosen: ArrayLike,
        ref_rejected: ArrayLike,
        beta: ArrayLike,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Second derivatives: (w, w), (w, l), (l, l); at a kink, those of the piece that ``gradient`` takes."""
        return self._derivatives(self.form.curvature, policy_chosen, policy_rejected, ref_chosen, ref_rejected, beta)

    def _derivatives(self, of, *arguments):
        pair = self._pair(*arguments)
        shape = np.broadcast_shapes(*(np.shape(entry) for entry in pair), *map(np.shape, self.params.values()))
        return tuple(_plain(np.broadcast_to(entry, shape)) for entry in of(pair))

    def _pair(self, policy_chosen, policy_rejected, ref_chosen, ref_rejected, beta):
        given = {
            "policy_chosen": policy_chosen,
            "policy_rejected": policy_rejected,
            "ref_chosen": ref_chosen,
            "ref_rejected": ref_rejected,
            "beta": beta,
        }
        arrays = {name: _finite(values, name) for name, values in given.items()}
        checks.refuse(arrays["beta"] <= 0, arrays["beta"], "beta", "it must be above 0")
        if getattr(self.form, "of_odds", False):
            for name in ("policy_chosen", "policy_rejected"):
                checks.refuse(arrays[name] > 0, arrays[name], name, f"odds, which {self.name} takes, need at most 0")
        if self.batch:
            if not any(array.ndim for array in arrays.values()):
                raise InputError(f"{self.name} mixes the pairs of a batch: give arrays, an entry a pair, or use dpo")
            arrays = {name: array.ravel() if array.ndim else array for name, array in arrays.items()}
        counts = {name: value for name, value in self.items if isinstance(value, np.ndarray)}
        checks.require_fit(**arrays, **counts)
        return Pair(*(array if array.ndim else float(array) for array in arrays.values()))

    def __repr__(self):
        inside = ", ".join(f"{name}={checks.brief(value)}" for name, value in self.items)
        return f"{self.name}({inside})"

    @property
    def of_margin(self) -> bool:
        """Whether the loss is a scalar function of one margin, which all but the "absolute" ones are."""
        return isinstance(self.form, OfMargin)


def _finite(values, name):
    """A float array, the caller's own where it is one already; nothing here writes to it."""
    own = isinstance(values, np.ndarray) and values.dtype == np.float64 and not np.ma.isMaskedArray(values)
    array = values if own else checks.numbers(values, name)
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()
    if not np.isfinite(total):  # an entry is not finite, or the sum alone
        checks.refuse(~np.isfinite(array), array, name, "it must be finite")
    return array


def _plain(values):
    return np.asarray(values, dtype=float)[()]
