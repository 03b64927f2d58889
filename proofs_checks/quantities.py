"""What a conjecture about problems may speak of: symbols, what the library measures, and the same in exact arithmetic.

They belong to an instance of :func:`tabular.testing.problems` or :func:`tabular.testing.labelled_problems`; "the pair"
is its first label w > l, or responses 0 and 1 of prompt 0 where there are no labels.

=============  =========================================================================================
``β``          the price of KL
``δ_ref``      log π_ref(w)/π_ref(l) of the pair
``Δr``         r_w − r_l of the pair
``δ_rlhf``     its margin under the RLHF optimum
``δ_dpo``      its margin under DPO's minimisers; infinite where none is attained
``δ_cpo``      its margin under the optimum with the hard constraint π_w ≥ π_l on every label
``attained``   1 where the DPO loss has a minimiser, else 0
``dimension``  the dimension of the set of minimisers of the DPO loss
``δ_policy``   its margin under the drawn policy (``policy=True``)
``L_policy``   the mean DPO loss of the drawn policy
``rise_w``     the rate at which log π_w rises when gradient flow on logits leaves the reference
``rise_l``     the same of log π_l
=============  =========================================================================================

:func:`margin_under` gives the pair's margin at the minimiser of another loss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import log, sigmoid, softplus
from proofs_checks.kernel.instances import named
from proofs_checks.spaces import optima
from tabular import Preferences, Problem, cpo, dpo, losses, rlhf
from tabular.base.log_space import softplus as softplus_of_floats

__all__ = [
    "EXACTLY",
    "MEASURED",
    "Batch",
    "L_policy",
    "Parts",
    "Quantity",
    "Δr",
    "attained",
    "dimension",
    "margin_under",
    "rise_l",
    "rise_w",
    "β",
    "δ_cpo",
    "δ_dpo",
    "δ_policy",
    "δ_ref",
    "δ_rlhf",
]

β = sympy.Symbol("β", positive=True)
δ_ref, Δr, δ_rlhf, δ_dpo, δ_cpo = named("δ_ref", "Δr", "δ_rlhf", "δ_dpo", "δ_cpo")
attained, dimension = named("attained", "dimension")
δ_policy, L_policy, rise_w, rise_l = named("δ_policy", "L_policy", "rise_w", "rise_l")


class Batch(list):
    """The parts of many instances, and the arrays and solutions that their quantities share: rows are prompts."""

    @cached_property
    def first(self) -> np.ndarray:
        """The first row of each instance."""
        return np.cumsum([0, *(len(parts["reward"]) for parts in self)])[:-1]

    def _rows(self, name, absent=0.0):
        rows = [row for parts in self for row in parts[name]]
        width = max(map(len, (row for parts in self for row in parts["reward"])))
        padded = [[absent if x is None else x for x in row] + [absent] * (width - len(row)) for row in rows]
        return np.array(padded, float)

    @cached_property
    def beta(self) -> np.ndarray:
        return np.array([float(parts["beta"]) for parts in self])

    @cached_property
    def beta_of_row(self) -> np.ndarray:
        return np.repeat(self.beta, [len(parts["reward"]) for parts in self])[:, None]

    @cached_property
    def logits(self) -> np.ndarray:
        if "log_ref" in self[0]:
            return self._rows("log_ref", absent=-np.inf)
        with np.errstate(divide="ignore"):
            return np.log(self._rows("ref"))

    @cached_property
    def reward(self) -> np.ndarray:
        return self._rows("reward")

    @cached_property
    def problem(self) -> Problem:
        """All prompts of all instances at β = 1, their rewards divided by their own: the optima are the same."""
        return Problem.from_unnormalized(self.logits, 1.0, self.reward / self.beta_of_row)

    @cached_property
    def labels(self) -> np.ndarray:
        """(instance, row, winner, loser) of every label."""
        numbered = zip(self, self.first.tolist(), strict=True)
        return np.array([(k, at + i, w, lo) for k, (p, at) in enumerate(numbered) for i, w, lo, _ in p["labels"]])

    @cached_property
    def log_weight(self) -> np.ndarray:
        weights = [label[3] for parts in self for label in parts["labels"]]
        if weights[0] is not None:
            return np.log(np.array(weights, float))
        _, row, w, lo = self.labels.T
        return -softplus_of_floats(self.reward[row, lo] - self.reward[row, w])

    @cached_property
    def preferences(self) -> Preferences:
        return Preferences(*self.labels.T[1:], log_weight=self.log_weight)

    @cached_property
    def dpo(self) -> dpo.DPOSolution:
        return dpo.solve(self.problem, self.preferences)

    @cached_property
    def hard(self) -> cpo.ConstrainedOptimum:
        return cpo.constrained_optimum(self.problem, self.preferences)

    @cached_property
    def pair(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row, winner and loser of each instance's pair."""
        if "labels" not in self[0]:
            return self.first, np.zeros(len(self), int), np.ones(len(self), int)
        _, at = np.unique(self.labels[:, 0], return_index=True)
        return tuple(self.labels[at, 1:].T)

    def of_pair(self, rows) -> np.ndarray:
        """The difference of winner and loser of the pair, of values by row."""
        row, winner, loser = self.pair
        with np.errstate(invalid="ignore"):
            return rows[row, winner] - rows[row, loser]

    def per_instance(self, values) -> np.ndarray:
        """Sums over the rows of each instance."""
        return np.add.reduceat(values, self.first)

    @cached_property
    def policy(self) -> np.ndarray:
        logs = np.log(self._rows("policy", absent=1.0))
        return np.where(np.isneginf(self.problem.log_ref), -np.inf, logs)


def _dpo_margin(batch):
    """DPO's log-ratios go like 1/β: those at β = 1, divided by each instance's own; between blocks a label drives."""
    row, winner, loser = batch.pair
    apart = batch.dpo.label[row, winner] != batch.dpo.label[row, loser]
    return np.where(apart, np.inf, batch.of_pair(batch.logits) + batch.of_pair(batch.dpo.log_ratio) / batch.beta)


def _attained(batch):
    there = np.array([status.name in ("UNIQUE", "SET") for status in batch.dpo.statuses])
    return np.minimum.reduceat(there.astype(float), batch.first)


def _dimension(batch):
    blocks = np.array([len(blocks) - 1.0 for blocks in batch.dpo.blocks])
    return np.where(_attained(batch) == 1, batch.per_instance(blocks), np.nan)


def _shares(batch):
    instance, weight = batch.labels[:, 0], np.exp(batch.log_weight)
    return weight / np.bincount(instance, weight)[instance]


def _loss(batch):
    instance, row, w, lo = batch.labels.T
    h = (batch.policy - np.where(np.isneginf(batch.logits), 0, batch.logits))[row[:, None], np.array([w, lo]).T]
    return np.bincount(instance, _shares(batch) * softplus_of_floats(-batch.beta[instance] * (h[:, 0] - h[:, 1])))


def _rise(batch, side):
    """θ′ = −∇L at the reference, where each label pulls by β/2; log π moves by θ′ less its mean."""
    instance, row, w, lo = batch.labels.T
    pull, speed = _shares(batch) * batch.beta[instance] / 2, np.zeros(batch.logits.shape)
    np.add.at(speed, (row, w), pull)
    np.add.at(speed, (row, lo), -pull)
    at, response = batch.pair[0], batch.pair[1 + side]
    return speed[at, response] - (np.exp(batch.problem.log_ref) * speed).sum(axis=1)[at]


MEASURED: dict[sympy.Symbol, Callable] = {
    β: lambda batch: batch.beta,
    δ_ref: lambda batch: batch.of_pair(batch.logits),
    Δr: lambda batch: batch.of_pair(batch.reward),
    δ_rlhf: lambda batch: batch.of_pair(rlhf.optimal_policy(batch.problem)),
    δ_dpo: _dpo_margin,
    δ_cpo: lambda batch: batch.of_pair(batch.hard.log_policy),
    attained: _attained,
    dimension: _dimension,
    δ_policy: lambda batch: batch.of_pair(batch.policy),
    L_policy: _loss,
    rise_w: partial(_rise, side=0),
    rise_l: partial(_rise, side=1),
}


class Parts(dict):
    """The exact numbers of an instance."""

    @property
    def pair(self) -> tuple[int, int, int]:
        return self["labels"][0][:3] if "labels" in self else (0, 0, 1)

    def logs(self, name) -> list[list]:
        """Rows of logarithms of weights, or of logits as they are."""
        if name == "ref" and "log_ref" in self:
            return self["log_ref"]
        return [[None if x is None else log(x) for x in row] for row in self[name]]

    def of_pair(self, rows):
        row, winner, loser = self.pair
        return rows[row][winner] - rows[row][loser]

    @property
    def weighted(self) -> list[tuple]:
        """The labels with their weights; those of the population at the rates of the reward."""
        reward = self["reward"]
        return [(i, w, lo, sigmoid(reward[i][w] - reward[i][lo]) if n is None else n) for i, w, lo, n in self["labels"]]

    @property
    def total(self):
        return sum(n for *_, n in self.weighted)


def _exact_loss(parts):
    policy, ref, beta = parts.logs("policy"), parts.logs("ref"), parts["beta"]
    costs = [
        n * softplus(-beta * (policy[i][w] - policy[i][lo] - ref[i][w] + ref[i][lo])) for i, w, lo, n in parts.weighted
    ]
    return sum(costs) / parts.total


def _exact_rise(parts, side):
    row, *pair = parts.pair
    speed = dict.fromkeys(range(len(parts["reward"][row])), 0)
    for i, w, lo, n in parts.weighted:
        if i == row:
            speed[w] += n
            speed[lo] -= n
    ref = [0 if x is None else x for x in parts["ref"][row]] if "ref" in parts else _not_known(rise_w)
    mean = sum(p * speed[y] for y, p in enumerate(ref)) / Fraction(sum(ref))
    return (speed[pair[side]] - mean) * parts["beta"] / 2 / parts.total


def _not_known(symbol):
    """Raised where exact arithmetic has no formula at an instance; whoever certifies says so."""
    raise KeyError(symbol)


EXACTLY: dict[sympy.Symbol, Callable] = {
    β: lambda parts: parts["beta"],
    δ_ref: lambda parts: parts.of_pair(parts.logs("ref")),
    Δr: lambda parts: parts.of_pair(parts["reward"]),
    δ_rlhf: lambda parts: parts.of_pair(parts.logs("ref")) + parts.of_pair(parts["reward"]) / Fraction(parts["beta"]),
    δ_dpo: lambda parts: optima.margin(parts, optima.DPO, δ_dpo),
    δ_cpo: lambda parts: optima.constrained_margin(parts, δ_cpo),
    attained: lambda parts: int(optima.has_minimiser(parts)),
    dimension: lambda parts: optima.dimension(parts) if optima.has_minimiser(parts) else _not_known(dimension),
    δ_policy: lambda parts: parts.of_pair(parts.logs("policy")),
    L_policy: _exact_loss,
    rise_w: partial(_exact_rise, side=0),
    rise_l: partial(_exact_rise, side=1),
}


@dataclass(frozen=True)
class Quantity:
    """A quantity of a conjecture's instances: its symbol, how it is measured in floats, and how it is known exactly.

    Args:
        measured: a function of the library's problem and preferences.
        exact: the same of the exact :class:`Parts`, answering an int, a Fraction, a constant of computer algebra or an
            interval; without it a violation cannot be certified.
        loss: the loss whose minimiser it asks for, if it does: a picture shows it.
    """

    symbol: sympy.Symbol
    measured: Callable
    exact: Callable | None = None
    loss: losses.Loss | None = None


def margin_under(loss: str, **settings: Any) -> Quantity:
    """The pair's margin at the minimiser of a loss of the catalogue; exact for cdpo, ipo and odpo.

    Raises:
        InputError: a loss or a setting that there is not.

    >>> margin_under("ipo").symbol
    δ_ipo
    """
    chosen = losses.get(loss, **settings)
    exact = optima.SCORES.get(loss)
    symbol = sympy.Symbol(f"δ_{loss}", real=True)
    known = None if exact is None else partial(_exact_margin, exact, symbol, tuple(settings.items()))
    return Quantity(symbol, partial(_margin_under, chosen), known, chosen)


def _margin_under(loss, problem, preferences):
    return float(preferences.delta(losses.solve(problem, preferences, loss).log_policy)[0])


def _exact_margin(scores, symbol, settings, parts):
    return optima.margin(parts, partial(scores, **dict(settings)), symbol)
