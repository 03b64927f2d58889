"""The reference in one file, the policy in another: which row belongs to which, and when that cannot be known."""

from dataclasses import dataclass, replace

import numpy as np

from tabular.errors import InputError
from tabular.logged.beside import texts
from tabular.logged.columns import KEYS
from tabular.logged.readers import Read
from tabular.logged.records import ARRAYS, PairLog, RunLog

__all__ = ["Join", "as_run", "column", "matched", "with_policy"]

_BESIDE = ("n_chosen", "n_rejected", "row")  # what stands beside a pair's log-probabilities
#: columns that tell rows apart where there is no key: texts that both files hold
_TEXTS = ("prompt", "chosen", "rejected", "question", "instruction")


@dataclass(frozen=True)
class Join:
    """Positions in the reference and in the policy that belong together; ``how`` says by what."""

    reference: np.ndarray
    policy: np.ndarray
    how: str

    @property
    def n(self):
        return len(self.reference)


def matched(reference: Read, policy: Read, key=None) -> Join:
    """Which rows of two files are one pair.

    By the column ``key``, or by the first of the usual ones that both files have. Without one by position, which is
    safe only where nothing can have dropped or moved a row: equal numbers of rows, and either texts that agree row by
    row or files that one version of one trainer wrote.

    Raises:
        InputError: no such key, a key that stands twice, no row in common, a join by position that is not safe.
    """
    shared = [name for name in _names(reference) if name in _names(policy)]
    if key is None:
        key = next((name for name in KEYS if name in shared), None)
    elif key not in shared:
        where = reference.source if key not in _names(reference) else policy.source
        raise InputError(f"{where} has no column {key!r} to join by: name one that both files have")
    if key is not None:
        return _by_key(reference, policy, key)
    return _by_position(reference, policy, [name for name in _TEXTS if name in shared])


def _names(read):
    return [] if read.frame is None else read.frame.collect_schema().names()


def column(read, name) -> list:
    """One more column of what was read, as texts, at the rows that were kept."""
    whole = texts(read.frame, name)
    return [whole[row] for row in read.row]


def _by_key(reference, policy, key):
    positions = []
    for read in (reference, policy):
        values = column(read, key)
        place = {value: position for position, value in enumerate(values)}
        if len(place) < len(values) or None in place:
            twice = next((value for position, value in enumerate(values) if place[value] != position), None)
            raise InputError(
                f"{read.source} has {key} {twice!r} on more than one row, or none: a key names each pair once; "
                "join by another column with key=..."
            )
        positions.append(place)
    both = [value for value in positions[0] if value in positions[1]]
    if not both:
        raise InputError(f"{reference.source} and {policy.source} have no {key} in common: are they of one data set?")
    return Join(*(np.array([place[value] for value in both]) for place in positions), f"by the column {key}")


def _by_position(reference, policy, words):
    told = f"{reference.source} and {policy.source} cannot be joined by position"
    rows = [read.n_pairs + read.n_skipped for read in (reference, policy)]
    if rows[0] != rows[1]:
        raise InputError(
            f"{told}: they have {rows[0]} and {rows[1]} rows, so one has dropped some (TRL 1.9 on drops prompts "
            "that are too long); add a column that names each pair to both, and give it as key=..."
        )
    for name in words:
        one, other = (texts(read.frame, name) for read in (reference, policy))
        differ = next((row for row, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), None)
        if differ is not None:
            raise InputError(f"{told}: row {differ + 1} has another {name}; join by a column with key=...")
    if not words and reference.origin.trainer != policy.origin.trainer:
        raise InputError(
            f"{told}: one is {reference.origin.trainer}, the other {policy.origin.trainer}, and versions differ in the "
            "rows that they drop and in their order; add a column that names each pair to both, and give it as key=..."
        )
    both, at_reference, at_policy = np.intersect1d(reference.row, policy.row, return_indices=True)
    if not both.size:
        raise InputError(f"{told}: no row is valid in both")
    how = f"by position, confirmed by the column {words[0]}" if words else "by position, which nothing in them confirms"
    return Join(at_reference, at_policy, how)


def with_policy(log: PairLog, join: Join, policy: Read) -> PairLog:
    """The pairs of the reference that the policy has as well, with its log-probabilities."""
    kept = {
        name: None if getattr(log, name) is None else getattr(log, name)[join.reference]
        for name in ("ref_chosen", "ref_rejected", "reward_chosen", "reward_rejected", "n_chosen", "n_rejected", "row")
    }
    sides = {name: policy.values[name][join.policy] for name in ("policy_chosen", "policy_rejected")}
    return replace(
        log,
        **kept,
        **sides,
        n_unmatched=log.n_unmatched + log.n_pairs - join.n,
        n_clamped=log.n_clamped + policy.n_clamped,
        joined=join.how,
    )


def as_run(log: PairLog, policies: dict[int, PairLog], beta) -> RunLog | PairLog:
    """One run of the pairs that all checkpoints have; ``log`` is the reference, and step 0 a control of it.

    With the control alone it is the reference's pairs, and no run.
    """
    row = log.row
    for policy in policies.values():
        row = np.intersect1d(row, policy.row)
    if not row.size:
        raise InputError(f"the checkpoints of {log.source} have no pair in common: are they of one data set?")

    def sides(of, who):
        return np.stack([getattr(of, f"{who}_{side}")[np.searchsorted(of.row, row)] for side in ("chosen", "rejected")])

    steps = sorted(step for step in policies if step)
    levels = [sides(log, "ref")] + [sides(policies[step], "policy") for step in steps]
    base = policies[steps[-1]] if steps else log
    at = np.searchsorted(base.row, row)
    kept = {name: None if getattr(base, name) is None else getattr(base, name)[at] for name in (*ARRAYS, *_BESIDE)}
    base = replace(base, **kept, n_unmatched=log.n_pairs - len(row))
    if 0 in policies:
        base = replace(base, **dict(zip(("start_chosen", "start_rejected"), sides(policies[0], "policy"), strict=True)))
    if not steps:
        return base
    return RunLog(log.source, beta, np.stack(levels), ("chosen", "rejected"), [0, *steps], 0, 1, base)
