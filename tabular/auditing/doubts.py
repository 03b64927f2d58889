"""Doubts of a log: each trap of the trainers' files, by its sign in the data, with consequence and share of rows.

A doubt is a suspicion and changes no number. Where a sign could come about by itself its rule asks for enough pairs.
"""

import numpy as np

from tabular.base.record import Record
from tabular.logged.records import PairLog

_FEW = 10  # pairs below which a pattern may be chance
_NEARLY_ALL, _HARDLY_ANY = 0.95, 0.2
_PLACEHOLDER = -1e7  # 10^5 tokens at 100 nats each
_SIDES = ("ref_chosen", "ref_rejected", "policy_chosen", "policy_rejected")


class Doubt(Record):
    """One suspicion.

    Attributes:
        name: of the trap; share: of the pairs that show it, n: how many.
        what: the sign, what it means for the answer, and what to do, in one or two sentences.
        rows: the first five of them, counted from 1 as they stand in the file.
    """

    name: str
    share: float
    n: int
    what: str
    rows: tuple[int, ...] = ()

    def __str__(self):
        where = f" (rows {', '.join(map(str, self.rows))}{', ...' if self.n > len(self.rows) else ''})"
        return f"{self.name}, {100 * self.share:.1f} % of the pairs{where if self.rows else ''}: {self.what}"


def doubts(log: PairLog, beta: float | None = None) -> tuple[Doubt, ...]:
    """Everything that is suspicious about a log, the gravest first.

    >>> twice = PairLog("x", [-9.1, -9.1], [-7.3, -7.3])
    >>> [(doubt.name, doubt.n) for doubt in doubts(twice)]
    [('duplicated rows', 1)]
    """
    found = [rule(log, beta) for rule in _RULES]
    return tuple(doubt for doubt in found if doubt is not None)


def rounding(values) -> np.ndarray | None:
    """``(n,)`` the step of bfloat16 at each value where all are bfloat16 numbers; ``None`` where one is not."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    is_bf16 = (single == values) & (single.view(np.uint32) & 0xFFFF == 0)
    if len(values) < _FEW or not is_bf16.all() or len(np.unique(values)) < _FEW // 2:
        return None
    return np.exp2(np.floor(np.log2(np.maximum(np.abs(values), 1e-30))) - 7)


def unclassified(log: PairLog) -> np.ndarray:
    """``(n_pairs,)`` pairs whose delta_ref is within the rounding of a reference that was summed in bfloat16."""
    steps = [rounding(getattr(log, name)) for name in _SIDES[:2]]
    if any(step is None for step in steps):
        return np.zeros(log.n_pairs, dtype=bool)
    return np.abs(log.delta_ref) < np.maximum(steps[0], steps[1])


def _doubt(log, name, mask, what):
    rows = tuple(int(row) + 1 for row in log.row[np.flatnonzero(mask)[:5]])
    return Doubt(name, float(np.mean(mask)), int(np.sum(mask)), what, rows) if np.any(mask) else None


def _whole(name, what):
    return Doubt(name, 1.0, 0, what)


def _averages(log, beta):
    if log.origin is not None and str(log.origin.form).startswith("averages"):
        return _whole(
            "averages",
            f"{log.origin.trainer} writes averages over tokens unless the loss was dpo or wpo. delta_ref is then not a "
            "log-ratio of probabilities, and no number below is what it says: log sums, or multiply by the "
            "token counts.",
        )
    values = np.concatenate([log.ref_chosen, log.ref_rejected])
    if log.n_pairs < _FEW or np.mean(values > -10) < _NEARLY_ALL:
        return None
    if log.n_chosen is not None:
        counts = np.concatenate([log.n_chosen, log.n_rejected])
        if np.ptp(counts) == 0 or np.corrcoef(values, counts)[0, 1] < -_HARDLY_ANY:
            return None  # sums fall with the length
    return _doubt(
        log,
        "averages",
        (log.ref_chosen > -10) & (log.ref_rejected > -10),
        "the log-probabilities are those of a token, not of a response (all above -10 nats), as TRL's columns "
        "under ipo "
        "until 0.28 are. delta_ref is then no log-ratio of probabilities: log sums, or multiply by the token counts.",
    )


def _bf16(log, beta):
    steps = [rounding(getattr(log, name)) for name in _SIDES[:2]]
    if any(step is None for step in steps):
        return None
    unsure, n = unclassified(log), log.n_pairs
    low = np.mean((log.delta_ref < 0) & ~unsure)
    return Doubt(
        "bfloat16",
        float(unsure.mean()),
        int(unsure.sum()),
        f"the reference was summed in bfloat16: its values stand {np.concatenate(steps).max():g} nats apart at the "
        f"largest, so that delta_ref may be wrong by as much. The share of pairs is the one whose sign is not known; "
        f"pessimistic are between {100 * low:.1f} and {100 * (low + unsure.mean()):.1f} % of {n}. Load the "
        f"reference in "
        "float32.",
        tuple(int(row) + 1 for row in log.row[np.flatnonzero(unsure)[:5]]),
    )


def _identical(log, beta):
    if log.policy_chosen is None:
        return None
    same = (log.policy_chosen == log.ref_chosen) & (log.policy_rejected == log.ref_rejected)
    if same.mean() < 0.5:
        return None
    return _doubt(
        log,
        "policy identical to the reference",
        same,
        "the two columns of the policy equal the reference's to the last bit: the log is of step 0, an adapter was "
        "switched off, or one file was given twice. Nothing is said about training.",
    )


def _ld_alpha(log, beta):
    if log.policy_chosen is None or log.n_pairs < _FEW:
        return None
    r_w, r_l = log.policy_chosen - log.ref_chosen, log.policy_rejected - log.ref_rejected
    shape = (np.minimum(r_w, r_l) == 0) & (np.maximum(r_w, r_l) > 0)
    if shape.mean() < 0.5:
        return None
    return _doubt(
        log,
        "ld_alpha on one model only",
        shape,
        "the shorter response has not moved at all and the longer one has risen: the policy's sum is "
        "discounted beyond the "
        "shorter length and the reference's is not (LLaMA-Factory, ms-swift, TRL 0.18-0.28). h is off by the discount: "
        "recompute both without ld_alpha.",
    )


def _units(log, beta):
    if log.policy_chosen is None or log.n_pairs < _FEW:
        return None
    sizes = [
        np.median(np.abs([getattr(log, f"{who}_chosen"), getattr(log, f"{who}_rejected")])) for who in ("ref", "policy")
    ]
    if min(sizes) == 0 or max(sizes) / min(sizes) < 5:
        return None
    return _whole(
        "different units",
        f"the policy's log-probabilities are {sizes[1] / sizes[0]:.3g} times as large as the reference's: one "
        f"of them is "
        "an average over tokens, or the rows do not belong together. h is then meaningless.",
    )


def _not_joined(log, beta):
    if log.policy_chosen is None or not log.joined or "nothing in them confirms" not in log.joined:
        return None
    before, after = np.r_[log.ref_chosen, log.ref_rejected], np.r_[log.policy_chosen, log.policy_rejected]
    told = ""
    if log.n_pairs >= _FEW and np.ptp(before) and np.ptp(after):
        told = f" The two correlate at {np.corrcoef(before, after)[0, 1]:.2f}; of the same texts it is close to 1."
    return _whole("joined by position", "no column says that the rows of the two files are the same pairs." + told)


def _zero(log, beta):
    sides = [getattr(log, name) for name in _SIDES if getattr(log, name) is not None]
    mask = np.any([side == 0 for side in sides], axis=0)
    return _doubt(
        log,
        "log-probability exactly 0",
        mask,
        "a response of probability 1: rather a missing entry (early caches of open-instruct), a completion cut to "
        "nothing, or ld_alpha of TRL 0.18-0.28. These pairs are counted as they stand.",
    )


def _placeholder(log, beta):
    sides = [getattr(log, name) for name in _SIDES if getattr(log, name) is not None]
    mask = np.any([side < _PLACEHOLDER for side in sides], axis=0)
    return _doubt(
        log,
        "a number that stands for something else",
        mask,
        "no text has a log-probability below -10^7 nats: a mask or a placeholder was logged. These pairs are "
        "counted as "
        "they stand, and may carry the whole mean loss.",
    )


def _clamped(log, beta):
    if not log.n_clamped:
        return None
    return Doubt(
        "above 0 by rounding",
        log.n_clamped / log.n_pairs,
        log.n_clamped,
        "log-probabilities between 0 and 1e-4 were taken for 0.",
    )


def _skipped(log, beta):
    if not log.n_skipped:
        return None
    n = log.n_skipped
    return Doubt("left out", n / (n + log.n_pairs), n, "rows that were not valid are in no number below.")


def _unmatched(log, beta):
    if not log.n_unmatched:
        return None
    n = log.n_unmatched
    return Doubt("without a partner", n / (n + log.n_pairs), n, "pairs of the reference that the policy's file lacks.")


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
    columns = [getattr(log, name) for name in _SIDES if getattr(log, name) is not None]
    _, place, times = np.unique(_fingerprint(*columns), return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(times[place] > 1)
    mask = np.zeros(log.n_pairs, dtype=bool)
    if suspects.size:
        _, first = np.unique(np.column_stack(columns)[suspects], axis=0, return_index=True)
        mask[np.delete(suspects, first)] = True
    return _doubt(log, "duplicated rows", mask, "they repeat the numbers of an earlier row, and count each time.")


def _mirrored(log, beta):
    """Rows whose chosen and rejected are another row's rejected and chosen."""
    forward, back = _fingerprint(log.ref_chosen, log.ref_rejected), _fingerprint(log.ref_rejected, log.ref_chosen)
    suspects = np.flatnonzero(np.isin(forward, back) & (log.delta_ref != 0))
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


def _swapped_policy(log, beta):
    if log.delta is None or log.n_pairs < _FEW:
        return None
    h = log.delta - log.delta_ref
    if np.mean(h < 0) < 0.8:
        return None
    return _doubt(
        log,
        "trained the other way round",
        h < 0,
        "the log-ratio fell on most pairs: chosen and rejected are swapped in one of the two files, or the run "
        "diverged.",
    )


def _ties(log, beta):
    mask = log.ref_chosen == log.ref_rejected
    if mask.mean() < 0.01:
        return None
    return _doubt(
        log,
        "equal log-probabilities",
        mask,
        "chosen and rejected have the same sum under the reference: equal texts, texts that were cut to the "
        "same prefix "
        "(max_length), or rounding. delta_ref = 0 is not pessimistic, and delta = 0 never right.",
    )


def _truncated(log, beta):
    if log.n_chosen is None or log.n_pairs < _FEW:
        return None
    limit = max(log.n_chosen.max(), log.n_rejected.max())
    at_limit = (log.n_chosen == limit) | (log.n_rejected == limit)
    if at_limit.mean() < 0.05 or np.median(log.n_chosen) == limit:
        return None
    return _doubt(
        log,
        "truncated completions",
        at_limit,
        f"token counts pile up at {limit:g}: what was cut off is missing from the sums, and a cut response "
        f"looks likely.",
    )


def _own_rewards(log, beta):
    """Rewards that are the run's own implicit ones, or on another scale than beta delta_ref."""
    if log.reward_difference is None or log.n_pairs < _FEW:
        return None
    if log.delta is not None and np.ptp(log.reward_difference) and np.ptp(log.delta - log.delta_ref):
        together = np.corrcoef(log.reward_difference, log.delta - log.delta_ref)[0, 1]
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
    _bf16,
    _identical,
    _not_joined,
    _ld_alpha,
    _swapped_policy,
    _placeholder,
    _zero,
    _mirrored,
    _duplicates,
    _truncated,
    _ties,
    _own_rewards,
    _skipped,
    _unmatched,
    _clamped,
)
