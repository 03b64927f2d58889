"""Exact RLHF, DPO and CPO on finite prompt/response spaces.

The modules here are what one imports; :mod:`tabular.losses` holds every preference loss as one object and
:mod:`tabular.choice` what aggregates preferences that no single reward need explain. Folders hold the machinery behind
them: ``fits`` (label graphs, behind :mod:`tabular.dpo` and :func:`tabular.losses.solve`), ``simplex`` (losses of the
log-ratios themselves), ``projections`` (behind :mod:`tabular.cpo`), ``failures`` (behind :mod:`tabular.failure_modes`),
``logged`` (behind :mod:`tabular.logs`) and ``sweeping`` (behind :mod:`tabular.sweep`).
"""

from tabular import (
    audit,
    choice,
    cpo,
    dpo,
    failure_modes,
    finite_samples,
    flow,
    guarantees,
    log_linear,
    logs,
    losses,
    margins,
    rlhf,
    sweep,
)
from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__version__ = "0.2.0"

__all__ = [
    "InputError",
    "Preferences",
    "Problem",
    "Status",
    "__version__",
    "audit",
    "choice",
    "cpo",
    "dpo",
    "failure_modes",
    "finite_samples",
    "flow",
    "guarantees",
    "log_linear",
    "logs",
    "losses",
    "margins",
    "rlhf",
    "sweep",
]
