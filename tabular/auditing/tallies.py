"""What one piece of a log adds up to, row by row and batch by batch, so that pieces can be worked on anywhere."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tabular.auditing import chosen_loss
from tabular.auditing.coarse import steps, varied
from tabular.auditing.doubt import FIRST
from tabular.auditing.frontier import Frontier, of_prices, together
from tabular.auditing.patterns import PATTERNS, SIDES
from tabular.base.log_space import softplus
from tabular.errors import InputError
from tabular.failures.separate import flips
from tabular.logged.readers import ROUNDING
from tabular.logged.records import FINITE_RULE, LOG_PROB_RULE
from tabular.logged.scans import Piece, Scan

__all__ = ["Question", "Tally", "refusal", "tally"]

#: rows at a time: their columns stay in a processor's cache, and no array is so large that its memory is given back
_BATCH = 1 << 15
_LARGEST = np.finfo(float).max


class Question(NamedTuple):
    """What is asked of every row: the loss as :func:`tabular.audit.audit` is given it, and the beta of the run."""

    beta: float
    loss: Any = None
    params: tuple[tuple[str, Any], ...] = ()

    @property
    def needs_counts(self) -> bool:
        """Whether the loss divides by token counts that the log has to give."""
        return (
            isinstance(self.loss, str) and not chosen_loss.counts_needed(self.loss).keys() <= dict(self.params).keys()
        )


@dataclass
class Tally:
    """Sums over the rows of a piece, of those that are valid.

    ``counts`` by name; ``first``, the first five rows of some of them, from 0 within the piece; ``sums`` of the loss
    before and after training and of the least that it can be, batch by batch; ``bfloat16``: the largest step of the
    reference's columns as long as all of them are such numbers; ``varied``: whether these are more than a handful.
    """

    counts: Counter = field(default_factory=Counter)
    first: dict[str, list[int]] = field(default_factory=dict)
    sums: dict[str, list[float]] = field(default_factory=lambda: {"before": [], "after": [], "least": []})
    frontier: Frontier | None = None
    bfloat16: float | None = 0.0
    varied: bool = False
    fault: str | None = None

    def count(self, name: str, mask: np.ndarray, rows: np.ndarray | int) -> None:
        """Add the rows of a mask; ``rows`` are their numbers, or that of the first."""
        n = int(np.count_nonzero(mask))
        self.counts[name] += n
        named = self.first.setdefault(name, [])
        if n and len(named) < FIRST:
            at = np.flatnonzero(mask)[: FIRST - len(named)]
            named += (at + rows if np.ndim(rows) == 0 else rows[at]).tolist()


@np.errstate(over="ignore")  # beta h beyond double precision is infinite
def tally(scan: Scan, piece: Piece, question: Question, tell=None) -> Tally:
    """All that a piece adds to the answer; ``tell`` is called with the rows of each batch.

    Raises:
        InputError: a column that is not of numbers.
    """
    found, histograms, start = Tally(), [], 0
    for frame in scan.batches(piece, _BATCH, question.needs_counts):
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        rows = _Rows(columns, start, *_valid(found, columns, start, scan, piece))
        if rows.n:
            histograms.append(_add(found, rows, question))
        start += frame.height
        if tell is not None:
            tell(frame.height)
    found.counts["rows"] = start
    found.frontier = together(histograms) if histograms else None
    return found


class _Rows:
    """The valid rows of a batch: arrays as attributes, ``None`` where the log has none."""

    def __init__(self, columns, start, kept, lowest, highest):
        self.columns = columns if kept is None else {name: values[kept] for name, values in columns.items()}
        self.at = start if kept is None else start + kept
        self.n, self.lowest, self.highest = len(self.columns["ref_chosen"]), lowest, highest

    def __getattr__(self, name):
        return self.columns.get(name)


def _valid(found, columns, start, scan, piece):
    """(valid rows or ``None`` for all, least and largest log-probability); roundings above 0 are clamped in place."""
    lowest, highest, good = 0.0, -math.inf, None
    for name, values in columns.items():
        low, high = values.min(), values.max()  # nan where there is one
        if name in SIDES:
            lowest, highest = min(lowest, low), max(highest, high)
            if high <= 0 and low >= -_LARGEST:
                continue
            fine = (values <= ROUNDING) & (values >= -_LARGEST)
            clamped = np.where(values > 0, 0.0, values)
            found.counts["clamped"] += int(np.count_nonzero(fine & (values > 0)))
            columns[name] = np.where(fine, clamped, values)
        elif np.isfinite(low + high) and (low > 0 or name not in ("n_chosen", "n_rejected")):
            continue
        else:
            fine = np.isfinite(values) & ((values > 0) | (name not in ("n_chosen", "n_rejected")))
        if not fine.all():
            found.fault = found.fault or _fault(scan, piece, name, start, values, int(np.argmin(fine)))
            good = fine if good is None else good & fine
    if good is None:
        return None, lowest, highest
    found.count("invalid", ~good, start)
    return np.flatnonzero(good), -math.inf, math.inf


def _fault(scan, piece, name, start, values, row):
    value = values[row]
    rule = FINITE_RULE if not math.isfinite(value) else LOG_PROB_RULE if name in SIDES else "a token count is above 0"
    told = "missing or nan" if math.isnan(value) else f"{value:.10g}"
    column = (scan.arrays | scan.counts)[name]
    return f"{scan.paths[piece.part]}, row {piece.start + start + row + 1}: {column} is {told}, but {rule}"


def _add(found, rows, question):
    """Counts and sums of a batch; what comes back is the histogram of its prices."""
    found.counts["n"] += rows.n
    delta_ref = rows.ref_chosen - rows.ref_rejected
    has_policy = rows.policy_chosen is not None
    delta = rows.policy_chosen - rows.policy_rejected if has_policy else delta_ref
    _count(found, rows, delta_ref, delta, question.beta)
    _suspect(found, rows, delta_ref)
    loss = chosen_loss.chosen(question.loss, dict(question.params), rows.columns)
    if loss.name == "dpo":
        found.sums["before"].append(rows.n * math.log(2))
        found.sums["least"].append(0.0)
        if has_policy:
            found.sums["after"].append(float(softplus(-question.beta * (delta - delta_ref)).sum()))
        return of_prices(softplus(question.beta * delta_ref))
    reference = (rows.ref_chosen, rows.ref_rejected)
    flip = flips(loss, *reference, question.beta)
    found.sums["before"].append(float(loss(*reference, *reference, question.beta).sum()))
    found.sums["least"].append(float(flip.least.sum()))
    if has_policy:
        paid = loss(rows.policy_chosen, rows.policy_rejected, *reference, question.beta)
        found.sums["after"].append(float(paid.sum()))
    return of_prices(flip.price)


def _count(found, rows, delta_ref, delta, beta):
    masks = {"pessimistic": delta_ref < 0, "absolute_before": delta_ref > 0, "ties": delta == 0}
    if rows.policy_chosen is not None:
        rose, chosen_fell = delta > delta_ref, rows.policy_chosen < rows.ref_chosen
        masks |= {
            "relative_after": rose,
            "absolute_after": delta > 0,
            "in_u_after": rose & (delta < 0),
            "chosen_fell_after": chosen_fell,
            "both_fell_after": chosen_fell & (rows.policy_rejected < rows.ref_rejected),
        }
    if rows.reward_chosen is not None:
        masks["violating"] = beta * delta_ref <= rows.reward_rejected - rows.reward_chosen
    for name, mask in masks.items():
        found.counts[name] += int(np.count_nonzero(mask))


def _suspect(found, rows, delta_ref):
    """Traps that rows show one by one, those that the least and the largest value do not rule out."""
    for pattern in PATTERNS:
        if (rows.policy_chosen is not None or not pattern.of_policy) and pattern.possible(rows.lowest, rows.highest):
            found.count(pattern.name, pattern.shown_by(rows), rows.at)
    found.varied = found.varied or (varied(rows.ref_chosen) and varied(rows.ref_rejected))
    if found.bfloat16 is None:
        return
    step = [steps(values) for values in (rows.ref_chosen, rows.ref_rejected)]
    if any(one is None for one in step):
        found.bfloat16 = None
        return
    unsure = np.abs(delta_ref) < np.maximum(*step)
    found.bfloat16 = max(found.bfloat16, float(np.max(step)))
    found.count("bfloat16", unsure, rows.at)
    found.counts["surely pessimistic"] += int(np.count_nonzero((delta_ref < 0) & ~unsure))


def refusal(scan: Scan, found: list[Tally]) -> InputError:
    """The first row that is not valid, the next ones of its piece, and how many there are in all."""
    piece, first = next((piece, one) for piece, one in zip(scan.pieces(), found, strict=True) if one.fault)
    n = sum(one.counts["invalid"] for one in found)
    places = ", ".join(str(piece.start + row + 1) for row in first.first["invalid"])
    return InputError(
        f"{first.fault}; {n} rows of the log are not valid (first rows {places}): or pass skip_invalid=True"
    )
