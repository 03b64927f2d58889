"""Doubts of a log: each trap of the trainers' files, by its sign in the data, with consequence and share of rows.

A doubt is a suspicion and changes no number. Where a sign could come about by itself its rule asks for enough pairs.
"""

import numpy as np

from tabular.auditing import patterns, starts
from tabular.auditing.coarse import bfloat16, of_reference
from tabular.auditing.doubt import Doubt, correlation, first_rows
from tabular.auditing.patterns import FEW, SIDES, Pattern
from tabular.logged.records import PairLog

__all__ = ["by_form", "counters", "doubts"]

_HARDLY_ANY = 0.2


def doubts(log: PairLog, beta: float | None = None) -> tuple[Doubt, ...]:
    """Everything that is suspicious about a log, the gravest first.

    >>> twice = PairLog("x", [-9.1, -9.1], [-7.3, -7.3])
    >>> [(doubt.name, doubt.n) for doubt in doubts(twice)]
    [('duplicated rows', 1)]
    """
    found = [rule(log, beta) for rule in _RULES]
    counted = counters(log.n_pairs, log.n_skipped, log.n_unmatched, log.n_clamped)
    return tuple(doubt for doubt in found if doubt is not None) + counted


def by_form(origin) -> Doubt | None:
    """The doubt of a file whose very form says that it holds averages.

    >>> by_form(None) is None
    True
    """
    if origin is None or not str(origin.form).startswith("averages"):
        return None
    return _whole(
        "averages",
        f"{origin.trainer} writes averages over tokens unless the loss was dpo or wpo. delta_ref is then not a "
        "log-ratio of probabilities, and no number below is what it says: log sums, or multiply by the token counts.",
    )


def counters(n: int, skipped: int, unmatched: int, clamped: int) -> tuple[Doubt, ...]:
    """What was left out of n pairs, or changed: rows, pairs without a partner, log-probabilities.

    >>> [doubt.name for doubt in counters(9, 1, 0, 2)]
    ['left out', 'above 0 by rounding']
    """
    known = (
        ("left out", skipped, n + skipped, "rows that were not valid are in no number below."),
        ("without a partner", unmatched, n + unmatched, "pairs of the reference that the policy's file lacks."),
        ("above 0 by rounding", clamped, n, "log-probabilities between 0 and 1e-4 were taken for 0."),
    )
    return tuple(Doubt(name, count / of, count, what) for name, count, of, what in known if count)


def _doubt(log, name, mask, what):
    if not np.any(mask):
        return None
    return Doubt(name, float(np.mean(mask)), int(np.sum(mask)), what, first_rows(log, mask))


def _pattern(pattern: Pattern):
    """The rule of a trap that rows show one by one."""

    def rule(log, beta):
        if pattern.of_policy and log.policy_chosen is None:
            return None
        mask = pattern.shown_by(log)
        return _doubt(log, pattern.name, mask, pattern.what) if pattern.suspicious(mask.sum(), log.n_pairs) else None

    return rule


def _whole(name, what):
    return Doubt(name, 1.0, 0, what)


def _averages(log, beta):
    if by_form(log.origin) is not None:
        return by_form(log.origin)
    mask = patterns.AVERAGES.shown_by(log)
    if not patterns.AVERAGES.suspicious(mask.sum(), log.n_pairs):
        return None
    if log.n_chosen is not None:
        values, counts = np.r_[log.ref_chosen, log.ref_rejected], np.r_[log.n_chosen, log.n_rejected]
        if np.ptp(counts) == 0 or correlation(values, counts) < -_HARDLY_ANY:
            return None  # sums fall with the length
    return _doubt(log, "averages", mask, patterns.AVERAGES.what)


def _bf16(log, beta):
    step = of_reference(log)
    if step is None:
        return None
    unsure = np.abs(log.delta_ref) < step
    low = int(np.sum((log.delta_ref < 0) & ~unsure))
    return bfloat16(step.max(), int(unsure.sum()), low, log.n_pairs, first_rows(log, unsure))


def _units(log, beta):
    if log.policy_chosen is None or log.n_pairs < FEW:
        return None
    sizes = [
        np.median(np.abs([getattr(log, f"{who}_chosen"), getattr(log, f"{who}_rejected")])) for who in ("ref", "policy")
    ]
    if min(sizes) == 0 or max(sizes) / min(sizes) < 5:
        return None
    return _whole(
        "different units",
        f"the policy's log-probabilities are {sizes[1] / sizes[0]:.3g} times as large as the reference's: one of "
        "them is an average over tokens, or the rows do not belong together. h is then meaningless.",
    )


def _not_joined(log, beta):
    if log.policy_chosen is None or not log.joined or "nothing in them confirms" not in log.joined:
        return None
    before, after = np.r_[log.ref_chosen, log.ref_rejected], np.r_[log.policy_chosen, log.policy_rejected]
    told = ""
    if log.n_pairs >= FEW and np.ptp(before) and np.ptp(after):
        told = f" The two correlate at {correlation(before, after):.2f}; of the same texts it is close to 1."
    return _whole("joined by position", "no column says that the rows of the two files are the same pairs." + told)


def _fingerprint(*columns):
    """A number for each row, equal where the columns are, and hardly ever elsewhere."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        bits = (column + 0.0).view(np.uint64)  # -0 is 0
        mixed = (mixed ^ bits ^ (bits >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return mixed


def _duplicates(log, beta):
    """Rows that repeat an earlier one; those with a fingerprint of their own are none."""
    columns = [getattr(log, name) for name in SIDES if getattr(log, name) is not None]
    _, place, times = np.unique(_fingerprint(*columns), return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(times[place] > 1)
    mask = np.zeros(log.n_pairs, dtype=bool)
    if suspects.size:
        _, first = np.unique(np.column_stack(columns)[suspects], axis=0, return_index=True)
        mask[np.delete(suspects, first)] = True
    return _doubt(log, "duplicated rows", mask, "they repeat the numbers of an earlier row, and count each time.")


def _mirrored(log, beta):
    """Rows whose chosen and rejected are another row's rejected and chosen."""
    ends = np.minimum(log.ref_chosen, log.ref_rejected), np.maximum(log.ref_chosen, log.ref_rejected)
    either_way = _fingerprint(*ends)
    ordered = np.sort(either_way)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    suspects = np.flatnonzero(np.isin(either_way, twice) & (log.delta_ref != 0)) if twice.size else twice
    pairs = np.column_stack([log.ref_chosen, log.ref_rejected])[suspects]
    mask = np.zeros(log.n_pairs, dtype=bool)
    if suspects.size:
        both, place = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0, return_inverse=True)
        place = place.reshape(2, -1)
        there = np.zeros(len(both), dtype=bool)
        there[place[0]] = True
        mask[suspects] = there[place[1]]
    return _doubt(
        log,
        "chosen and rejected swapped",
        mask,
        "the log also holds the pair with its two sides exchanged, so that one of the two labels is inverted.",
    )


def _truncated(log, beta):
    """More pairs at the largest count than in the tenth below it: chance alone leaves a tail there, not a heap."""
    if log.n_chosen is None or log.n_pairs < FEW:
        return None
    limit = max(log.n_chosen.max(), log.n_rejected.max())
    at_limit, near = ((log.n_chosen >= low) | (log.n_rejected >= low) for low in (limit, 0.9 * limit))
    if at_limit.mean() < 0.05 or 2 * at_limit.sum() <= near.sum() or at_limit.sum() < FEW // 2:
        return None
    if np.median(log.n_chosen) == limit:
        return None
    return _doubt(
        log,
        "truncated completions",
        at_limit,
        f"token counts pile up at {limit:g}: what was cut off is missing from the sums, and a cut response looks "
        "likely.",
    )


def _own_rewards(log, beta):
    """Rewards that are the run's own implicit ones, or on another scale than beta delta_ref."""
    if log.reward_difference is None or log.n_pairs < FEW:
        return None
    if log.delta is not None:
        together = correlation(log.reward_difference, log.delta - log.delta_ref)
        if together > 1 - 1e-6:
            return _whole(
                "rewards are the run's own",
                "they are proportional to the policy's log-ratios, as rewards/chosen of a trainer is, and not a reward "
                "model's: the share that violates Assumption 3.1 says nothing.",
            )
    size = np.median(np.abs(log.reward_difference))
    scale = size / max((beta or 1.0) * np.median(np.abs(log.delta_ref)), 1e-300)
    if beta is None or 1 / 30 < scale < 30:
        return None
    return _whole(
        "rewards of another scale",
        f"reward differences are {scale:.2g} times beta |delta_ref| (medians). Assumption 3.1 compares the two, so the "
        "reward must be the one that beta was chosen for, not a score on a scale of its own.",
    )


_RULES = (
    _averages,
    _units,
    lambda log, beta: starts.of_start(log),
    lambda log, beta: starts.of_other_rows(log),
    _bf16,
    _pattern(patterns.IDENTICAL),
    _not_joined,
    _pattern(patterns.LD_ALPHA),
    lambda log, beta: starts.of_cut(log),
    _pattern(patterns.BOTH_ROSE),
    _pattern(patterns.OTHER_WAY),
    _pattern(patterns.PLACEHOLDER),
    _pattern(patterns.ZERO),
    _pattern(patterns.OVER_ONE),
    _mirrored,
    _duplicates,
    _truncated,
    _pattern(patterns.TIES),
    _own_rewards,
)
