"""A trainer's own log: means over batches, which are less than pairs and still tell something."""

import os
import re
from collections.abc import Mapping

import numpy as np

from tabular.base import checks
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.logged import files, plain_text
from tabular.logged.records import freeze

__all__ = ["MetricLog", "is_metrics", "read_metrics"]

#: what each trainer calls a batch mean, as patterns of the name without its split
_NAMES = {
    "loss": r"loss|loss/train|loss/eval",
    "reward_chosen": r"rewards(_train|_eval)?/chosen|chosen_reward",
    "reward_rejected": r"rewards(_train|_eval)?/rejected|reject_reward",
    "margin": r"rewards(_train|_eval)?/margins?",
    "accuracy": r"rewards(_train|_eval)?/accurac(y|ies)|accuracy|acc",
    "chosen": r"(logps(_train|_eval)?|log_probs)/chosen",
    "rejected": r"(logps(_train|_eval)?|log_probs)/rejected",
}
_STEPS = ("step", "Step", "global_step", "current_steps", "global_step/max_steps", "_step", "trainer/global_step")
_ROUNDING = 1e-6  # of a mean in single precision
#: a key that only one trainer writes, the most telling first
_TRAINERS = (
    (r"rewards_(train|eval)/", "eric-mitchell's direct-preference-optimization"),
    (r"chosen_reward|reject_reward", "OpenRLHF"),
    (r"log_probs/", "torchtune"),
    (r"rewards/(margin|accuracy)$", "open-instruct"),
    (r"current_steps", "LLaMA-Factory, trainer_log.jsonl"),
    (r"global_step/max_steps", "ms-swift, logging.jsonl"),
    (r"mean_token_accuracy|num_tokens", "TRL 0.29 on"),
    (r"rewards/margins", "TRL, or a trainer built on it"),
)


class MetricLog(Record):
    """Batch means over the steps of a run, ``(n_steps,)`` each; nan where the trainer did not log.

    Attributes:
        source, trainer: where it comes from, and whose it is by its names.
        step: increasing.
        loss, accuracy: the mean loss, and rewards/accuracies, the share of pairs with h > 0.
        reward_chosen, reward_rejected, margin: beta times the mean log-ratios, and their difference.
        chosen, rejected: the policy's mean log-probabilities.
        evaluation: whether the means are those of an evaluation, over all its pairs.

    >>> MetricLog("by hand", "nobody's", [1, 2], {"loss": [0.69, 0.5]}).margin.tolist()
    [nan, nan]
    """

    source: str
    trainer: str
    step: np.ndarray
    values: dict
    evaluation: bool = False

    def __post_init__(self):
        freeze(self, "step", checks.numbers(self.step, "step"))
        if not isinstance(self.values, Mapping):
            raise InputError(f"values is {checks.brief(self.values)}: give a dictionary of numbers by name")
        given = {name: checks.numbers(values, name) for name, values in self.values.items()}
        checks.require_fit(step=self.step, **given)
        checks.refuse(~np.isfinite(self.step), self.step, "step", "it must be finite")
        if self.step.ndim != 1 or not self.step.size or (np.diff(self.step) <= 0).any():
            raise InputError("step must hold increasing numbers, at least one")
        if "accuracy" in given:
            shares = given["accuracy"]
            checks.refuse(np.abs(shares - 0.5) > 0.5 + _ROUNDING, shares, "accuracy", "it is a share, from 0 to 1")
        whole = {name: given.get(name, np.full(self.step.shape, np.nan)) for name in _NAMES}
        object.__setattr__(self, "values", whole)
        super().__post_init__()

    def __getattr__(self, name):
        if name in _NAMES:
            return self.values[name]
        raise AttributeError(name)


def read_metrics(path: str | os.PathLike[str], evaluation: bool = False) -> MetricLog:
    """The batch means of a ``trainer_state.json``, ``trainer_log.jsonl``, ``logging.jsonl``, or a dashboard's CSV.

    Args:
        evaluation: the means of the evaluations in place of those of the training batches.

    Raises:
        InputError: a file that cannot be read, or that holds no such means.

    >>> import json, pathlib, tempfile
    >>> history = [{"step": 10, "rewards/margins": 0.0}, {"step": 20, "rewards/margins": 0.2}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "trainer_state.json"
    ...     _ = path.write_text(json.dumps({"log_history": history}))
    ...     read_metrics(path).margin.tolist()
    [0.0, 0.2]
    """
    path = checks.path(path)
    rows = _rows(path, files.opened(path))
    names = list(dict.fromkeys(name for row in rows for name in row))
    found = _columns(names, evaluation)
    steps = next((name for name in _STEPS if name in names), None)
    if not set(found) - {"loss"} or steps is None:
        told = ", ".join(names[:12]) or "nothing"
        raise InputError(
            f"{path} holds no batch means of preference training{' evaluations' if evaluation else ''}: found {told}"
        )
    by_step: dict[float, dict[str, float]] = {}
    for row in rows:
        values = {array: plain_text.number(row.get(name)) for array, name in found.items()}
        values = {array: value for array, value in values.items() if value is not None}
        step = _step(row.get(steps))
        if values and step is not None:
            by_step.setdefault(step, {}).update(values)
    if not by_step:
        raise InputError(f"{path} has the names of batch means and no number under them")
    order = sorted(by_step)
    columns = {array: [by_step[step].get(array, np.nan) for step in order] for array in found}
    return MetricLog(str(path), _trainer(names), np.array(order), columns, evaluation)


def is_metrics(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds batch means and no pairs.

    >>> is_metrics("nowhere.json")
    False
    """
    path = checks.path(path)
    try:
        file = files.opened(path)
        if file.kind not in files.TEXT:
            return False
        names = _early_names(file)
    except InputError:
        return False
    told = set(_columns(names, False)) | set(_columns(names, True))
    return bool(told - {"loss"}) and any(name in names for name in _STEPS)


def _early_names(file):
    """The names in the first lines of a log, or in the whole of a trainer's state, which is one object."""
    if file.kind == files.LINES:
        first = next(iter(plain_text.lines_of(file.source))).strip()
        if not first.endswith(b"}") or b"log_history" in first:
            return list(dict.fromkeys(name for row in _rows(file.path, file) for name in row))
    return files.names(file)


def _rows(path, file):
    if file.kind == files.LINES:
        text = file.text()
        if text.lstrip().split("\n", 1)[0].rstrip().endswith("}") and "log_history" not in text[:100_000]:
            table = plain_text.read(path, text, files.LINES)
            columns = {name: table.column(name) for name in table.names}
            return [
                {name: column[i] for name, column in columns.items() if column[i] is not plain_text.ABSENT}
                for i in range(len(table.lines))
            ]
        state = plain_text.parsed(text, str(path), "give the trainer's state as it was saved")
        history = state.get("log_history") if isinstance(state, dict) else None
        if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
            raise InputError(f"{path} has no log_history: give a trainer_state.json, or a log with one object a line")
        return history
    if file.kind == files.ARRAY:
        return plain_text.json_array(path, file.text())
    if file.kind != files.DELIMITED:
        raise InputError(f"{path} is a {file.kind}, and batch means are text")
    table = plain_text.read(path, file.text(), files.DELIMITED)
    columns = {name: table.column(name) for name in table.names}
    return [{name: column[i] for name, column in columns.items()} for i in range(len(table.lines))]


def _columns(names, evaluation):
    """{array: column}: dashboards put ``run - `` before a name and ``__MIN`` behind the bounds of it."""
    found = {}
    for name in names:
        bare = name.rsplit(" - ", 1)[-1]
        is_eval = bool(re.match(r"(eval[_/])", bare)) or "_eval/" in bare or bare == "loss/eval"
        bare = re.sub(r"^(eval[_/]|train/)", "", bare)
        for array, pattern in _NAMES.items():
            if is_eval == evaluation and re.fullmatch(pattern, bare):
                found.setdefault(array, name)
    return found


def _step(value):
    """A step as a finite number; ms-swift writes ``10/500``."""
    step = plain_text.number(value.split("/")[0] if isinstance(value, str) else value)
    return step if step is not None and np.isfinite(step) else None


def _trainer(names):
    return next((who for pattern, who in _TRAINERS if any(re.search(pattern, name) for name in names)), "a trainer")
