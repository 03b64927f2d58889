"""Exact RLHF, DPO and CPO on finite prompt/response spaces.

The modules here are what one imports, and :mod:`tabular.losses`, every preference loss as one object; folders hold the
machinery behind them: ``fits`` (label graphs, behind :mod:`tabular.dpo` and :func:`tabular.losses.solve`), ``simplex``
(losses of the log-ratios themselves), ``projections`` (behind :mod:`tabular.cpo`), ``failures`` (behind
:mod:`tabular.failure_modes`) and ``logged`` (behind :mod:`tabular.logs`).
"""

from tabular import audit, cpo, dpo, failure_modes, flow, guarantees, logs, losses, margins, rlhf
from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__all__ = [
    "InputError",
    "Preferences",
    "Problem",
    "Status",
    "audit",
    "cpo",
    "dpo",
    "failure_modes",
    "flow",
    "guarantees",
    "logs",
    "losses",
    "margins",
    "rlhf",
]
