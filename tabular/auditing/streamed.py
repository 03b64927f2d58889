r"""The audit of a log larger than memory: sums, counts, doubts and the frontier in one pass, piece by piece.

The certified share needs the pairs in the order of their prices. Not a sort but a histogram of the prices finds it,
within bounds that a handful of pairs lie between (:mod:`tabular.auditing.frontier`). Pieces are cut by the files alone
and added up in their order, so the answer is the same to the last bit whoever worked on which piece.
"""

import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np

from tabular.auditing import chosen_loss
from tabular.auditing.coarse import bfloat16
from tabular.auditing.doubt import FIRST, Doubt
from tabular.auditing.doubts import by_form, counters
from tabular.auditing.frontier import together
from tabular.auditing.patterns import FEW, PATTERNS
from tabular.auditing.tallies import Question, Tally, refusal, tally
from tabular.base import checks, tolerances
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.logged.scans import Scan
from tabular.sweeping.workers import results

__all__ = ["StreamedAudit", "streamed"]

_LEVELS = ("before", "after")
_AHEAD = 64  # pieces handed out and not yet added up


class StreamedAudit(Record):
    """The numbers of :class:`tabular.audit.Audit` that need no array of all pairs; pairs ``(reference, policy)``.

    ``loss``, ``certified_accuracy`` and the shares have one entry without a policy. ``certified_accuracy`` is certain;
    the share that the mean loss certifies is at most ``certified_at_most``. ``n_ties`` counts delta = 0 at the end,
    ``n_skipped`` rows that were left out. ``doubts`` are those that rows show one by one.
    """

    source: str
    beta: float
    n_pairs: int
    n_skipped: int
    share_pessimistic: float
    share_violating: float | None
    relative_accuracy: tuple[float, ...]
    absolute_accuracy: tuple[float, ...]
    share_in_u: tuple[float, ...]
    share_chosen_fell: tuple[float, ...]
    share_both_fell: tuple[float, ...]
    loss: tuple[float, ...]
    certified_accuracy: tuple[float, ...]
    certified_at_most: tuple[float, ...]
    n_ties: int
    loss_name: str = "dpo"
    doubts: tuple[Doubt, ...] = ()


def streamed(
    scan: Scan,
    beta: float,
    loss: Any = None,
    params: dict[str, Any] | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int | None], object] | None = None,
) -> StreamedAudit:
    """The audit of a scan.

    Args:
        beta: of the run.
        loss, params: as :func:`tabular.audit.audit` takes them.
        executor: with the interface of :mod:`concurrent.futures`; a piece of the table is a piece of its work.
        progress: called with the rows that are done and their number, ``None`` where no file says it.

    Raises:
        InputError: a beta that is not above 0, a loss of a batch, a row that is not valid, no pair at all.
    """
    question = Question(checks.number(beta, "beta"), loss, tuple((params or {}).items()))
    checks.executor(executor)
    name = _checked(scan, question)
    found = _worked(scan, question, executor, progress or (lambda done, total: None))
    total = Counter()
    for one in found:
        total.update(one.counts)
    if total["invalid"] and not scan.skip_invalid:
        raise refusal(scan, found)
    n = total["n"]
    if not n:
        raise InputError(f"{scan.source} holds no pair: write at least one row")
    levels = _LEVELS if "policy_chosen" in scan.arrays else _LEVELS[:1]
    paid = [_sum(found, level) / n for level in levels]
    certain, at_most = _certified(found, paid, n, name)

    def shares(what):
        return tuple(total[f"{what}_{level}"] / n for level in levels)

    return StreamedAudit(
        scan.source,
        question.beta,
        n,
        total["invalid"],
        total["pessimistic"] / n,
        total["violating"] / n if "reward_chosen" in scan.arrays else None,
        *(shares(what) for what in ("relative", "absolute", "in_u", "chosen_fell", "both_fell")),
        tuple(paid),
        certain,
        at_most,
        total["ties"],
        name,
        _doubts(scan, found, total, n),
    )


def _checked(scan, question):
    """The loss by name; one that cannot be audited is refused before anything is read."""
    one = {array: np.ones(1) for array in scan.counts}
    loss = chosen_loss.chosen(question.loss, dict(question.params), one)
    if loss.batch:
        raise InputError(
            f"{loss.name} pairs the responses of a batch anew, so that a row has no loss of its own to add up: audit "
            "for another loss of a pair"
        )
    if any(np.ndim(value) and len(value) > 1 for value in loss.params.values()):
        raise InputError(
            f"{loss.name} is given one entry a pair and a scan comes in batches: give the counts as columns"
        )
    return chosen_loss.told(loss)


def _worked(scan, question, executor, progress):
    """The tallies of all pieces, in their order."""
    pieces = scan.pieces()
    known = [piece.rows for piece in pieces]
    total, done = None if None in known else sum(known), 0
    if executor is None:
        found = []

        def tell(rows):
            nonlocal done
            done += rows
            progress(done, total)

        for piece in pieces:
            found.append(tally(scan, piece, question, tell))
        return found
    jobs = ((scan, piece, question, place) for place, piece in enumerate(pieces))
    at: dict[int, Tally] = {}
    for place, one in results(_placed, jobs, executor, _AHEAD):
        at[place] = one
        done += one.counts["rows"]
        progress(done, total)
    return [at[place] for place in range(len(pieces))]


def _placed(scan, piece, question, place):
    return place, tally(scan, piece, question)


def _sum(found, name):
    values = [value for one in found for value in one.sums[name]]
    try:
        return math.fsum(values)
    except OverflowError:  # finite values whose sum is not
        return math.fsum(value / len(values) for value in values) * len(values)


def _certified(found, paid, n, name):
    """Of each mean loss: the share that is certain, and what it is at most."""
    least, frontier = _sum(found, "least") / n, together([one.frontier for one in found if one.frontier is not None])
    if not math.isfinite(least):
        return (0.0,) * len(paid), (0.0,) * len(paid)
    slack = [tolerances.LOSS * max(value, 0.0, abs(least)) for value in paid]
    wrong = [frontier.fits(n * (max(value - least, 0.0) + more)) for value, more in zip(paid, slack, strict=True)]
    # a DPO loss is above 0: where it underflows prices may, and how many fit is not known
    faint = [name == "dpo" and value < np.finfo(float).tiny for value in paid]
    at_most = (1.0 if unknown else 1 - fewest / n for unknown, (fewest, _) in zip(faint, wrong, strict=True))
    return tuple(1 - most / n for _, most in wrong), tuple(at_most)


def _doubts(scan, found, total, n):
    start = np.cumsum([0, *(one.counts["rows"] for one in found)]).tolist()

    def rows(name):
        named = [begin + row + 1 for begin, one in zip(start, found, strict=False) for row in one.first.get(name, ())]
        return tuple(named[:FIRST])

    told = {
        pattern.name: Doubt(
            pattern.name, total[pattern.name] / n, total[pattern.name], pattern.what, rows(pattern.name)
        )
        for pattern in PATTERNS
        if pattern.suspicious(total[pattern.name], n)
    }
    shown = told.pop("averages", None)
    averages = by_form(scan.origin) or shown
    first = [] if averages is None else [averages]
    steps = [one.bfloat16 for one in found if one.counts["n"]]
    if n >= FEW and None not in steps and any(one.varied for one in found):
        first.append(bfloat16(max(steps), total["bfloat16"], total["surely pessimistic"], n, rows("bfloat16")))
    return (*first, *told.values(), *counters(n, total["invalid"], 0, total["clamped"]))
