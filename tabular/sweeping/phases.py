"""The phase of one pair of two responses: what its reference and reward say of its failures."""

from typing import Any

import numpy as np

from tabular import failure_modes, rlhf
from tabular.base import checks
from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.sweeping.grid import Grid

__all__ = ["phases"]

#: nats within which a quantity counts as on the boundary of its region
_ON_BOUNDARY = 1e-9


def phases(points: Any, beta: float = 1.0) -> dict[str, np.ndarray]:
    r"""One pair of two responses for every point, each solved on its own; a function for :func:`tabular.sweep.run`.

    Args:
        points: a mapping, or :class:`tabular.sweep.Grid`, with ``delta_ref``,
            :math:`\log\pi_{\rm ref}(w)/\pi_{\rm ref}(l)`, and ``gain``, :math:`\Delta r/\beta` in nats, of one length.
        beta: > 0.

    Returns:
        ``delta_rlhf``, the log-ratio of the RLHF optimum; ``threshold``, the DPO loss in nats below which the pair is
        ranked right; ``phase``: 0 if the undesirable region :math:`U=\{\delta_{\rm ref}<\delta<0\}` is empty (the loss
        cannot fall with the pair inverted), 1 if not, 2 if the RLHF optimum itself lies in U.

    Raises:
        InputError: entries that are not finite, or a beta not above 0.

    >>> found = phases({"delta_ref": [1.0, -1.0, -1.0], "gain": [0.5, 2.0, 0.5]})
    >>> found["phase"].tolist(), found["delta_rlhf"].round(12).tolist(), found["threshold"].round(6).tolist()
    ([0, 1, 2], [1.5, 1.0, -0.5], [1.313262, 0.313262, 0.313262])
    """
    beta = checks.number(beta, "beta")
    if not isinstance(points, dict | Grid) or (isinstance(points, dict) and not {"delta_ref", "gain"} <= points.keys()):
        raise InputError(f"points is {checks.brief(points)}: give a Grid, or a dict, with delta_ref and gain")
    delta_ref, gain = checks.numbers(points["delta_ref"], "delta_ref"), checks.numbers(points["gain"], "gain")
    pair = np.column_stack([delta_ref, np.zeros_like(delta_ref)])
    problem = Problem.from_unnormalized(pair, beta, np.column_stack([beta * gain, np.zeros_like(gain)]))
    delta_rlhf = np.diff(rlhf.optimal_policy(problem))[:, 0] * -1
    prompt = np.arange(len(gain))
    labels = Preferences(prompt, np.zeros_like(prompt), np.ones_like(prompt))
    threshold = failure_modes.thresholds(problem, labels) * len(gain)  # each pair a problem of its own
    falls = threshold < np.log(2) - _ON_BOUNDARY
    inside = (delta_rlhf > delta_ref + _ON_BOUNDARY) & (delta_rlhf < -_ON_BOUNDARY)
    return {
        "delta_rlhf": delta_rlhf,
        "threshold": threshold,
        "phase": falls.astype(np.int64) + (falls & inside),
    }
