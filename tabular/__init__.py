"""Exact RLHF, DPO and CPO on finite prompt/response spaces.

The modules here are what one imports; :mod:`tabular.choice` holds what aggregates preferences
that no single reward need explain. Other folders hold the machinery behind them: ``fits`` (Bradley-Terry, behind
:mod:`tabular.dpo`), ``projections`` (behind :mod:`tabular.cpo`), ``failures`` (behind :mod:`tabular.failure_modes`) and
``logged`` (behind :mod:`tabular.logs`).
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
    margins,
    rlhf,
)
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
    "choice",
    "cpo",
    "dpo",
    "failure_modes",
    "finite_samples",
    "flow",
    "guarantees",
    "log_linear",
    "logs",
    "margins",
    "rlhf",
]
