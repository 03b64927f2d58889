"""Every preference loss as one object that knows its parameters, its derivatives and what decides existence.

>>> from tabular import losses
>>> loss = losses.get("exo_pair", eps=0.125)
>>> loss.kind, loss.convex, loss.source
('difference', False, 'Ji et al. 2024, arXiv 2402.00856')
"""

from tabular.losses.catalogue import get, names, parameters, source, typical
from tabular.losses.custom import custom
from tabular.losses.guarantees import guarantees
from tabular.losses.loss import Loss
from tabular.losses.mean import gradient, mean
from tabular.losses.solve import solve
from tabular.simplex.shifts import self_consistent

__all__ = [
    "Loss",
    "custom",
    "get",
    "gradient",
    "guarantees",
    "mean",
    "names",
    "parameters",
    "self_consistent",
    "solve",
    "source",
    "typical",
]
