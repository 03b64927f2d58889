r"""Is the file's reference the one that the run began from? What log-ratios say of it, pair by pair.

Before the first update the policy *is* the reference, so a pass of it there must repeat the reference's columns:
r = log pi - log pi_ref = 0 on both sides of every pair. Where it does not, the signs of r tell the traps apart: a stale
cache, ``ld_alpha``, a cut, another precision, an adapter on another base. Without such a pass training is mixed in, and
only a cut leaves a sign of its own: r falls with every token beyond the limit, more steeply than training does.
"""

import numpy as np

from tabular.auditing.coarse import rounding
from tabular.auditing.doubt import Doubt, correlation, first_rows
from tabular.auditing.patterns import FEW
from tabular.logged.records import PairLog

__all__ = ["of_cut", "of_other_rows", "of_start"]

#: single precision leaves this much of a sum of token log-probs uncertain: absolute, and relative to it
_ROUNDING, _RELATIVE = 1e-3, 1e-5
_NEARLY_ALL = 0.9
#: nats per token: by far more than training moves a response with its length, a fraction of what a token costs
_STEEP = 0.3


def of_start(log: PairLog) -> Doubt | None:
    """The doubt that a pass before the first update raises; ``None`` where it repeats the reference, or is not there.

    >>> log = PairLog("x", [-9.0, -4.0], [-7.0, -5.0], start_chosen=[-8.0, -3.5], start_rejected=[-6.5, -4.0])
    >>> of_start(log).name, of_start(log).n
    ('the reference is not where the run began', 2)
    """
    if log.start_chosen is None:
        return None
    before = np.array([log.ref_chosen, log.ref_rejected])
    r = np.array([log.start_chosen, log.start_rejected]) - before
    r[np.abs(r) <= _ROUNDING + _RELATIVE * np.abs(before)] = 0.0
    moved = (r != 0).any(axis=0)
    if not moved.any():
        return None
    what = _told(log, r, moved)
    return Doubt(
        "the reference is not where the run began",
        float(moved.mean()),
        int(moved.sum()),
        f"the policy's pass before the first update differs from the reference by {np.median(np.abs(r[r != 0])):.3g} "
        f"nats (median): {what} h, U and the loss are measured from a place where the run was not.",
        first_rows(log, moved),
    )


def _told(log, r, moved):
    """Which trap it is, from the signs of what differs."""
    low, high = r[:, moved].min(axis=0), r[:, moved].max(axis=0)

    def nearly_all(mask):
        return np.mean(mask) >= _NEARLY_ALL

    sides = (log.ref_chosen, log.ref_rejected, log.start_chosen, log.start_rejected)
    coarse = [step for step in map(rounding, sides) if step is not None]
    if coarse and np.all(np.abs(r) <= np.max(coarse, axis=0)):
        return "one of them was summed in bfloat16."
    if nearly_all((low == 0) & (high > 0)):
        return "one side is the same and the other higher in each pair, as ld_alpha on the policy alone makes it."
    if nearly_all((low < 0) & (high == 0)) and np.mean(moved) >= _NEARLY_ALL:
        return "one side is the same and the other lower in each pair: a stale cache, of a run with ld_alpha."
    if nearly_all(high <= 0):
        return f"the reference's sums miss tokens{_beyond(log, r)}: a stale cache, of a run with a shorter max_length."
    if nearly_all(low >= 0) and _lengths(log, r) is not None:
        return f"the policy's sums miss tokens{_beyond(log, r)}: it was cut by max_length and the reference was not."
    if nearly_all(low > 0):
        return "it is above on both sides: the reference is a weaker model, as the base below an adapter's SFT is."
    return "neither a cut nor ld_alpha looks like this: the columns are of another model, or of other rows."


def _lengths(log, r):
    """The longest response that is the same on both, where all longer ones differ; ``None`` where that is not so."""
    if log.n_chosen is None:
        return None
    counts, differ = np.r_[log.n_chosen, log.n_rejected], np.r_[r[0], r[1]] != 0
    if differ.all() or counts[differ].min() <= counts[~differ].max():
        return None
    return counts[~differ].max()


def _beyond(log, r):
    limit = _lengths(log, r)
    return "" if limit is None else f" beyond the {limit:g}th"


def of_cut(log: PairLog) -> Doubt | None:
    """The doubt that one of two models' sums miss the tokens beyond a limit; needs token counts.

    >>> of_cut(PairLog("x", [-9.0], [-7.0])) is None
    True
    """
    if log.policy_chosen is None or log.n_chosen is None or log.n_pairs < 5 * FEW:
        return None
    counts = np.r_[log.n_chosen, log.n_rejected]
    r = np.r_[log.policy_chosen - log.ref_chosen, log.policy_rejected - log.ref_rejected]
    order = np.argsort(counts, kind="stable")
    short, long = (_slope(counts[some], r[some]) for some in (order[: len(r) // 2], order[-len(r) // 5 :]))
    if not abs(long) > max(_STEEP, 5 * abs(short)):
        return None
    who = "reference" if long < 0 else "policy"
    return Doubt(
        f"the {who} was cut short",
        0.2,
        0,
        f"among the longest fifth of the responses policy and reference part by {abs(long):.2g} nats for every token "
        f"more, and by {abs(short):.2g} among the shorter half: the {who}'s sums miss the tokens beyond a limit, as a "
        "stale cache of a run with another max_length does. h is off by what was cut: recompute the reference.",
    )


def _slope(counts, r):
    """The rise of r over that of the counts, between the medians of the two halves; 0 where the counts are equal."""
    low, high = np.array_split(np.arange(len(r)), 2)
    run = np.median(counts[high]) - np.median(counts[low])
    return (np.median(r[high]) - np.median(r[low])) / run if run > 0 else 0.0


def of_other_rows(log: PairLog) -> Doubt | None:
    """The doubt that reference and policy are of different texts, whose sums do not go together.

    >>> of_other_rows(PairLog("x", [-9.0], [-7.0])) is None
    True
    """
    if log.policy_chosen is None or log.n_pairs < FEW:
        return None
    some = slice(0, 10_000)
    before = np.r_[log.ref_chosen[some], log.ref_rejected[some]]
    after = np.r_[log.policy_chosen[some], log.policy_rejected[some]]
    if np.ptp(before) == 0 or np.ptp(after) == 0:
        return None
    ranks = [np.unique(values, return_inverse=True)[1] for values in (before, after)]
    together = correlation(*ranks)
    if together > 0.3:
        return None
    return Doubt(
        "rows of different texts",
        1.0,
        0,
        f"the policy's sums and the reference's correlate at {together:.2f} by rank, and those of the same texts near "
        "1: a cache of other rows or of another order, or files joined by the wrong key. h is then meaningless.",
    )
