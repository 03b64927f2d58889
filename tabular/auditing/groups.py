"""The same shares within groups of pairs: by a column of the file, by length, by how far the reference was off."""

import numpy as np

from tabular.auditing.intervals import interval
from tabular.errors import InputError
from tabular.logged.beside import texts
from tabular.logged.columns import PROMPTS
from tabular.logged.records import PairLog

__all__ = ["groups", "prompts"]

_MOST = 20  # groups shown; a column with more of them is an id rather than a group


def groups(log: PairLog, by: str) -> list[dict]:
    """One row a group: its name, n, the shares of an audit with their intervals.

    Args:
        by: ``"delta_ref"`` or ``"length"`` (of the chosen response, in tokens) in four parts of equal size, or a column
            of the file.

    Raises:
        InputError: no such column, no token counts, or more than 20 groups.

    >>> log = PairLog("toy", [-9.0, -4.0], [-7.0, -5.0], policy_chosen=[-9.5, -3.0], policy_rejected=[-8.5, -6.0])
    >>> [(row["group"], row["n"], row["in_u"]) for row in groups(log, "delta_ref")]
    [('-2 to -2', 1, 1.0), ('1 to 1', 1, 0.0)]
    """
    group, names = _groups(log, by)
    delta = log.delta_ref if log.delta is None else log.delta
    prompt = prompts(log)
    found = []
    for number, name in enumerate(names):
        inside = group == number
        shares = {
            "pessimistic": log.delta_ref < 0,
            "relative_accuracy": delta > log.delta_ref,
            "absolute_accuracy": delta > 0,
            "in_u": (log.delta_ref < delta) & (delta < 0),
        }
        row = {"group": name, "n": int(inside.sum())}
        row |= {key: float(mask[inside].mean()) for key, mask in shares.items()}
        clusters = None if prompt is None else prompt[inside]
        row["interval"] = interval(shares["absolute_accuracy"][inside], clusters)
        found.append(row)
    return found


def prompts(log: PairLog) -> np.ndarray | None:
    """A number for the prompt of each pair, equal where it is the same; ``None`` where the file has no prompts.

    >>> prompts(PairLog("toy", [-9.0], [-7.0])) is None
    True
    """
    names = [] if log.frame is None else log.frame.collect_schema().names()
    name = next((name for name in PROMPTS if name in names), None)
    if name is None:
        return None
    import polars

    return log.frame.select(polars.col(name).hash()).collect().to_series().to_numpy()[log.row]


def _groups(log, by):
    """The number of each pair's group, and the groups' names in the order in which they are told."""
    if by == "delta_ref":
        return _quarters(log.delta_ref)
    if by == "length":
        if log.n_chosen is None:
            raise InputError(f"{log.source} has no token counts to group by: add columns n_chosen and n_rejected")
        return _quarters(log.n_chosen)
    names = [] if log.frame is None else log.frame.collect_schema().names()
    if by not in names:
        told = ", ".join(names[:20]) or "no others"
        raise InputError(f"{log.source} has no column {by!r} to group by: choose delta_ref, length, or one of {told}")
    label = np.array(["(none)" if text is None else text for text in texts(log.frame, by)], dtype=object)[log.row]
    there, group = np.unique(label, return_inverse=True)
    if len(there) > _MOST:
        raise InputError(f"{by!r} has {len(there)} different values: group by a column of at most {_MOST}")
    return group, there.tolist()


def _quarters(values):
    """Four groups of equal size, in order of the values, named by their ends; fewer where values are few."""
    parts = [part for part in np.array_split(np.argsort(values, kind="stable"), min(4, len(values))) if part.size]
    ends = [(float(values[part].min()), float(values[part].max())) for part in parts]
    names, group = _told_apart(ends), np.empty(len(values), dtype=np.int64)
    for part, pair in zip(parts, ends, strict=True):
        group[part] = list(names).index(pair)
    return group, list(names.values())


def _told_apart(ends):
    """{ends: name} with as few digits, four or more, as keep different ones different."""
    for digits in range(4, 18):  # of which a double needs 17
        names = {pair: " to ".join(f"{end:.{digits}g}" for end in pair) for pair in ends}
        if len(set(names.values())) == len(names):
            break
    return names
