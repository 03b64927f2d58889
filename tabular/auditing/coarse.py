"""Sums in bfloat16: how they are known, how far apart they stand, which pairs that leaves open."""

import numpy as np

from tabular.auditing.doubt import Doubt
from tabular.auditing.patterns import FEW, SIDES
from tabular.logged.records import PairLog

__all__ = ["bfloat16", "of_reference", "rounding", "steps", "unclassified", "varied"]


def rounding(values) -> np.ndarray | None:
    """``(n,)`` the step of bfloat16 at each value where all are bfloat16 numbers; ``None`` where one is not."""
    return steps(values) if len(values) >= FEW and varied(values) else None


def varied(values) -> bool:
    """Whether there are so many different values that their low bits say something.

    >>> varied(np.arange(5)), varied(np.zeros(100))
    (True, False)
    """
    return len(np.unique(values)) >= FEW // 2


def steps(values) -> np.ndarray | None:
    """As :func:`rounding`, of however few.

    >>> steps(np.array([-96.0, -300.0])).tolist(), steps(np.array([-96.23])) is None
    ([0.5, 2.0], True)
    """
    for some in (values[:1000], values):  # which rules out nearly every log, cheaply
        with np.errstate(over="ignore"):
            single = some.astype(np.float32)
        if not ((single == some) & (single.view(np.uint32) & 0xFFFF == 0)).all():
            return None
    return np.exp2(np.floor(np.log2(np.maximum(np.abs(values), 1e-30))) - 7)


def of_reference(log: PairLog) -> np.ndarray | None:
    """``(n_pairs,)`` the larger step of each pair's two sides under the reference; ``None`` if one is no bfloat16."""
    found = [rounding(getattr(log, name)) for name in SIDES[:2]]
    return None if any(step is None for step in found) else np.maximum(*found)


def unclassified(log: PairLog) -> np.ndarray:
    """``(n_pairs,)`` pairs whose delta_ref is within the rounding of a reference that was summed in bfloat16."""
    step = of_reference(log)
    return np.zeros(log.n_pairs, dtype=bool) if step is None else np.abs(log.delta_ref) < step


def bfloat16(step: float, unsure: int, low: int, n: int, rows=()) -> Doubt:
    """The doubt of sums in bfloat16: its largest step, pairs within it, pessimistic pairs that are not, all pairs.

    >>> bfloat16(0.5, 1, 2, 8).what.split("; ")[1].split(".  ")[0][:52]
    'pessimistic are between 25.0 and 37.5 % of 8. Load t'
    """
    return Doubt(
        "bfloat16",
        unsure / n,
        unsure,
        f"the reference was summed in bfloat16: its values stand {step:g} nats apart at the largest, so that delta_ref "
        "may be wrong by as much. The share of pairs is the one whose sign is not known; pessimistic are between "
        f"{100 * low / n:.1f} and {100 * (low + unsure) / n:.1f} % of {n}. Load the reference in float32.",
        rows,
    )
