"""Which pairs: those that answer a question most strongly, with their rows and what text the file has for them."""

import numpy as np

from tabular.auditing.coarse import unclassified
from tabular.base import checks
from tabular.logged.beside import shown
from tabular.logged.columns import COLUMNS, COUNTS, KEYS
from tabular.logged.records import PairLog

__all__ = ["QUESTIONS", "keys_of", "n_of", "pairs_of", "per_pair"]

#: the questions, by name: (in words, order: the first are the worst, which pairs qualify)
QUESTIONS = {
    "worst": ("ranked wrong by most", lambda p: p["delta"], lambda p: p["delta"] <= 0),
    "in_u": ("improved most, and still wrong", lambda p: -p["h"], lambda p: (p["h"] > 0) & (p["delta"] < 0)),
    "flipped": ("right before, wrong now", lambda p: p["delta"], lambda p: (p["delta_ref"] > 0) & (p["delta"] < 0)),
    "chosen_fell": ("the chosen response fell most", lambda p: p["chosen_change"], lambda p: p["chosen_change"] < 0),
}
_TEXTS = ("source", "dataset", "prompt", "question", "instruction", "chosen", "rejected")


def per_pair(log: PairLog) -> dict[str, np.ndarray]:
    """Row (from 1), delta_ref, delta, h and how both log-probabilities changed, pair by pair."""
    delta = log.delta_ref if log.delta is None else log.delta
    moved = [
        np.zeros(log.n_pairs) if log.delta is None else getattr(log, f"policy_{side}") - getattr(log, f"ref_{side}")
        for side in ("chosen", "rejected")
    ]
    return {
        "row": log.row + 1,
        "delta_ref": log.delta_ref,
        "delta": delta,
        "h": delta - log.delta_ref,
        "chosen_change": moved[0],
        "rejected_change": moved[1],
        "in_u": (log.delta_ref < delta) & (delta < 0),
        "not_classified": unclassified(log),
    }


def pairs_of(log: PairLog, question: str, most: int = 10) -> list[dict]:
    """The pairs that answer one of :data:`QUESTIONS` most strongly, the worst first, ids and texts included.

    >>> log = PairLog("toy", [-9.0, -4.0], [-7.0, -5.0], policy_chosen=[-9.5, -3.0], policy_rejected=[-8.5, -6.0])
    >>> [(pair["row"], pair["delta"]) for pair in pairs_of(log, "in_u")]
    [(1, -1.0)]
    """
    _, order, qualifies = checks.choice(question, QUESTIONS, "question")
    pairs = per_pair(log)
    chosen = np.flatnonzero(qualifies(pairs))
    chosen = chosen[np.argsort(order(pairs)[chosen], kind="stable")[:most]]
    texts = _texts(log, chosen)
    return [
        {name: values[i].item() for name, values in pairs.items()} | {name: values[k] for name, values in texts.items()}
        for k, i in enumerate(chosen)
    ]


def n_of(log: PairLog, question: str) -> int:
    """How many pairs a question has.

    >>> n_of(PairLog("toy", [-9.0], [-7.0]), "worst")
    1
    """
    return int(np.sum(checks.choice(question, QUESTIONS, "question")[2](per_pair(log))))


def keys_of(log: PairLog) -> dict[str, list]:
    """The columns of the file that name a pair, at every pair.

    >>> keys_of(PairLog("toy", [-9.0], [-7.0]))
    {}
    """
    names = [] if log.frame is None else log.frame.collect_schema().names()
    wanted = [name for name in KEYS if name in names]
    if not wanted:
        return {}
    table = log.frame.select(wanted).collect()
    return {name: [shown(value) for value in table[name].gather(log.row).to_list()] for name in wanted}


def _texts(log, chosen):
    """The columns of the file that name a pair or show it, at these pairs alone."""
    if log.frame is None or not len(chosen):
        return {}
    import polars

    names = log.frame.collect_schema()
    known = {name for some in (*COLUMNS.values(), *COUNTS.values()) for name in some}
    wanted = [name for name in dict.fromkeys((*KEYS, *_TEXTS)) if name in names and name not in known]
    wanted = [name for name in wanted if not names[name].is_nested() or name in _TEXTS]
    if not wanted:
        return {}
    rows = polars.LazyFrame({"at": log.row[chosen], "order": np.arange(len(chosen))})
    rows = rows.with_columns(polars.col("at").cast(polars.UInt32))
    whole = log.frame.select(wanted).with_row_index("at")
    table = rows.join(whole, on="at", how="left").sort("order").collect()
    return {name: [shown(value) for value in table[name].to_list()] for name in wanted}
