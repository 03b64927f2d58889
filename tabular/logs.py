"""Real logs: the user's own, and four public data sets by name.

``logs.read_pairs(path)`` reads the pairs that a trainer wrote, ``logs.read_run`` a reference and the checkpoints after
it, ``logs.read_metrics`` a trainer's own batch means; ``logs.scan`` streams what is larger
than memory. ``logs.load(name)`` returns

===========================  ===========================================================================
``"hh-pythia410m-dpo"``      :class:`RunLog`: a DPO run, 50 checkpoints x 12 responses x 500 prompts
``"superhf-rewards"``        :class:`RewardLog`: 183,039 scored responses to 600 prompts
``"pandalm-human"``          :class:`VoteLog`: three votes on each of 999 pairs of responses to 170 prompts
``"classic-bradley-terry"``  ``{"baseball1987": WinTable, "citations": WinTable}``
===========================  ===========================================================================
"""

import csv
import gzip
import json
from functools import partial

import numpy as np

from tabular.base import checks
from tabular.logged.metrics import MetricLog, is_metrics, read_metrics
from tabular.logged.readers import read_pairs
from tabular.logged.records import PairLog, RunLog
from tabular.logged.runs import read_run
from tabular.logged.scans import Scan, scan
from tabular.logged.store import DataUnavailable, fetch
from tabular.logged.tables import RewardLog, VoteLog, WinTable

__all__ = [
    "DATA_SETS",
    "DataUnavailable",
    "MetricLog",
    "PairLog",
    "RewardLog",
    "RunLog",
    "Scan",
    "VoteLog",
    "WinTable",
    "is_metrics",
    "load",
    "read_metrics",
    "read_pairs",
    "read_run",
    "scan",
]


def load(name: str) -> PairLog | RunLog | RewardLog | VoteLog | WinTable:
    """A real data set by name, from the directory ``CONDEQ_DATA`` or, where it is published, from the network.

    Raises:
        DataUnavailable: neither has it.
        InputError: an unknown name, or a truncated or changed file.

    >>> load("hh-pythia")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: there is no data set 'hh-pythia': choose one of hh-pythia410m-dpo, superhf-rewards, \
pandalm-human, classic-bradley-terry
    """
    return checks.choice(name, DATA_SETS, "data set")(partial(fetch, name))


def _hh_pythia(file):
    """The array holds more rows than responses; the keys of any line of the JSON file name them, in order."""
    log_prob = np.load(file("logp_npy_all_chosen.npy"), allow_pickle=False)
    with file("prob_train_metrics.json").open() as lines:
        keys = list(json.loads(next(lines)))
    prefix = "logps_eval_prob_train/"
    rows = [row for row, key in enumerate(keys) if key.startswith(prefix)]
    responses = [keys[row].removeprefix(prefix) for row in rows]
    return RunLog(
        name="hh-pythia410m-dpo",
        beta=0.1,
        log_prob=log_prob[:, rows],
        responses=responses,
        step=100 * np.arange(len(log_prob)),
        winner=responses.index("chosen"),
        loser=responses.index("rejected"),
    )


def _superhf(file):
    counts = ("prompt", "response", "n_policies", "n_base_sft", "n_chars")
    with gzip.open(file("rewards.csv.gz"), "rt", newline="") as lines:
        return RewardLog(**_columns(lines, {"set": str} | dict.fromkeys(counts, int) | {"reward": float}))


def _pandalm(file):
    names = ("prompt", "response_a", "response_b", "wins_a", "wins_b", "ties")
    with file("pairs.csv").open(newline="") as lines:
        return VoteLog(**_columns(lines, dict.fromkeys(names, int)))


def _classic(file):
    with file("baseball1987.csv").open(newline="") as lines:
        games = list(csv.reader(lines))[1:]
    with file("citations.csv").open(newline="") as lines:
        citations = list(csv.reader(lines))[1:]
    home = [(home, away, wins) for home, away, wins, _ in games]
    away = [(away, home, wins) for home, away, _, wins in games]
    return {"baseball1987": _win_table(home + away), "citations": _win_table(citations)}


def _win_table(rows):
    """Sums of (winner, loser, count) rows; a player against itself says nothing and is left out."""
    names = list(dict.fromkeys(winner for winner, _, _ in rows))
    wins = np.zeros((len(names), len(names)))
    for winner, loser, count in rows:
        if winner != loser:
            wins[names.index(winner), names.index(loser)] += int(count)
    return WinTable(names, wins)


def _columns(lines, types):
    header, *rows = csv.reader(lines)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {name: np.array(columns[name], dtype=kind) for name, kind in types.items()}


DATA_SETS = {
    "hh-pythia410m-dpo": _hh_pythia,
    "superhf-rewards": _superhf,
    "pandalm-human": _pandalm,
    "classic-bradley-terry": _classic,
}
