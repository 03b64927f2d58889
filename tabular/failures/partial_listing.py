"""What can be said exactly of a loss without thresholds: links, the log-ratios themselves, and what is not convex.

The reference, the RLHF optimum, contradictions and first-order movements are of any loss. Its optimum counts where it
is certified and one policy. Where the reference ranks a pair wrong and pushes at all, the loss falls by a small step
that leaves the pair inverted, and that step is shown; otherwise a policy that shows it is found, or nothing is said.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tabular.base.log_space import normalised
from tabular.failures.any_listing import LossListing
from tabular.failures.kinds import Finding
from tabular.failures.strictly import STEPS
from tabular.losses.loss import Loss
from tabular.losses.mean import gradient
from tabular.losses.solve import solve
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__all__ = ["PartialListing", "Unknown"]


@dataclass(frozen=True, eq=False)
class Unknown:
    """The place of thresholds that nobody knows, beside what is known of the loss's optimum.

    Attributes:
        infimum: nan where it is not certified; delta: ``(n_pairs,)`` at the one optimum of a pair's prompt, else nan.
        shown: ``(n_pairs,)`` of delta at the policy of the solution; nan where it gives both responses no mass.
        value, multiplier: nan throughout.
        statuses, log_policy: the solution's.
    """

    infimum: float
    delta: np.ndarray
    shown: np.ndarray
    value: np.ndarray
    multiplier: np.ndarray
    statuses: list
    log_policy: np.ndarray

    @classmethod
    def of(cls, problem: Problem, preferences: Preferences, loss: Loss) -> "Unknown":
        """Solve the loss.

        Raises:
            InputError: a loss of a batch.
        """
        found = solve(problem, preferences, loss)
        one = np.array([status is Status.UNIQUE for status in found.statuses])[preferences.prompt]
        with np.errstate(invalid="ignore"):
            rows = found.log_policy[preferences.prompt]
            pairs = np.arange(preferences.n_pairs)
            delta = rows[pairs, preferences.winner] - rows[pairs, preferences.loser]
        nowhere = np.full(preferences.n_pairs, np.nan)
        infimum = np.nan if Status.LOCAL in found.statuses else found.infimum
        return cls(infimum, np.where(one, delta, np.nan), delta, nowhere, nowhere, found.statuses, found.log_policy)

    def status(self, pair: int) -> Status:
        """Of a threshold: never certified."""
        return Status.LOCAL

    def witness(self, pair: int) -> np.ndarray:
        """The policy of the solution."""
        return self.log_policy


class PartialListing(LossListing):
    """The kinds of failure of a loss without thresholds; ``None`` where that cannot be said."""

    solve_thresholds = staticmethod(Unknown.of)

    def _status(self, pair):
        return self.found.statuses[self.preferences.prompt[pair]]

    def dpo_optimum_inverted(self, pair):
        """Of this loss's optimum."""
        delta = self.at.delta[pair]
        if np.isnan(delta):
            return Finding(None, f"the optimum is not one certified policy: {self._status(pair).value}")
        if delta <= 0:
            return self._occurs(pair, f"delta = {delta:.6g} where the loss is least", self.found.log_policy)
        return Finding(False, f"delta = {delta:.6g} > 0 where the loss is least")

    def inverted_somewhere_in_the_set(self, pair):
        if not np.isnan(self.at.delta[pair]):
            return Finding(False, "one policy alone has the least loss")
        if self._status(pair) is Status.SET and self.found.shown[pair] <= 0:
            return self._occurs(pair, "some policy of the least loss does not prefer w", self.found.log_policy)
        return Finding(None, f"which policies have the least loss is not known: {self._status(pair).value}")

    def loss_falls_while_inverted(self, pair):
        policy = self._inverted(pair)
        if policy is None:
            return Finding(None, f"{self.loss.name} has no threshold that is known, and no policy was found")
        return self._occurs(pair, "the loss falls from the reference while l is preferred", policy)

    def _inverted(self, pair):
        """A policy with delta < 0 and less loss than the reference: down its slope, or the solution's."""
        prompt, w, y = (
            int(end[pair]) for end in (self.preferences.prompt, self.preferences.winner, self.preferences.loser)
        )
        inverted = np.flatnonzero(self._lower[:, prompt, w] < self._lower[:, prompt, y])
        return self._lower[inverted[0]] if inverted.size else None

    @cached_property
    def _lower(self):
        """The solution and steps down the slope, those that give mass to all responses and have less loss."""
        slope = gradient(self.problem.log_ref, self.problem, self.preferences, self.loss)
        size = np.abs(slope).max()
        steps = STEPS[:, None, None] / size if size > 0 else np.zeros((0, 1, 1))
        policies = np.concatenate([self.found.log_policy[None], normalised(self.problem.log_ref - steps * slope)])
        policies = policies[(policies[:, self.problem.present] > -np.inf).all(axis=1)]
        return policies[self._falls(policies)]

    def contradictory_labels(self, pair):
        found = super().contradictory_labels(pair)
        return Finding(True, found.why) if found.occurs else found
