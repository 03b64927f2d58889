"""Exact RLHF, DPO and CPO on finite prompt/response spaces."""

from tabular import audit, cpo, dpo, failure_modes, flow, guarantees, logs, margins, rlhf
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
    "margins",
    "rlhf",
]
