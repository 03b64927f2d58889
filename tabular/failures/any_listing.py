"""The listing of failures under any convex loss of differences: the kinds of :mod:`tabular.failures.listing`."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tabular import rlhf
from tabular.base import tolerances
from tabular.base.log_space import normalised
from tabular.failures import any_loss, movement
from tabular.failures.kinds import Finding, Kind, Witness
from tabular.failures.strictly import STEPS
from tabular.losses.loss import Loss
from tabular.losses.mean import mean, means
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["LossListing"]

_TOGETHER = 8  # steps are tried at once


@dataclass(frozen=True, eq=False)
class _Least:
    """Where the loss is least."""

    value: float
    delta: np.ndarray


class LossListing:
    """What the listing of all pairs needs, computed together; ``finding(kind, pair)`` reads it off."""

    solve_thresholds = staticmethod(any_loss.thresholds)

    def __init__(self, problem: Problem, preferences: Preferences, loss: Loss):
        self.problem, self.preferences, self.loss = problem, preferences, loss
        self.found = self.solve_thresholds(problem, preferences, loss)
        self.at = _Least(self.found.infimum, self.found.delta)
        self.start = mean(problem.log_ref, problem, preferences, loss)
        self.slack = tolerances.LOSS * max(1.0, abs(self.start))
        self.can_fall = self.at.value < self.start - self.slack
        self.delta_ref = preferences.delta(problem.log_ref)
        self.rlhf = None if problem.reward is None else rlhf.optimal_policy(problem)
        self.delta_rlhf = None if self.rlhf is None else preferences.delta(self.rlhf)
        self.moves = movement.movement(problem, preferences, loss)

    def finding(self, kind: Kind, pair: int) -> Finding:
        return getattr(self, kind.value)(pair)

    def pessimistic_reference(self, pair):
        delta = self.delta_ref[pair]
        if delta < 0:
            return self._occurs(pair, f"delta_ref = {delta:.6g} < 0: the reference prefers l", self.problem.log_ref)
        return Finding(False, f"delta_ref = {delta:.6g} is not below 0")

    def assumption_violated(self, pair):
        if self.rlhf is None:
            return Finding(None, "it is about the RLHF optimum and needs a reward: pass Problem(..., reward=...)")
        delta = self.delta_rlhf[pair]
        if delta > 0:
            return Finding(False, f"delta* = {delta:.6g} > 0: the RLHF optimum prefers w")
        return self._occurs(pair, f"delta* = delta_ref + Dr/beta = {delta:.6g} is not above 0", self.rlhf)

    def dpo_optimum_inverted(self, pair):
        """Of this loss's optimum."""
        delta = self.at.delta[pair]
        if self.at.value == -np.inf:
            return Finding(None, _UNBOUNDED)
        if np.isnan(delta):
            return Finding(False, "delta is not settled where the loss is least: see inverted_somewhere_in_the_set")
        if delta <= tolerances.LOSS * max(abs(self.delta_ref[pair]), 1 / self.problem.beta, 1):
            why = f"delta = {delta:.6g} wherever the loss is least"
            return self._occurs(pair, why, self.found.witness(pair))
        return Finding(False, f"delta = {delta:.6g} > 0 wherever the loss is least")

    def inverted_somewhere_in_the_set(self, pair):
        if self.at.value == -np.inf:
            return Finding(None, _UNBOUNDED)
        if not np.isnan(self.at.delta[pair]):
            return Finding(False, "the labels settle the pair where the loss is least")
        if self.found.value[pair] > self.at.value + self.slack:
            return Finding(False, "at the least loss the pair is ranked right, by whatever margin")
        if not self.found.attained[pair]:
            return Finding(None, "no policy has the least loss")
        why = "some policy of the least loss does not prefer w"
        return self._occurs(pair, why, self.found.witness(pair))

    def loss_falls_while_inverted(self, pair):
        value = self.found.value[pair]
        if not value < self.start - self.slack:
            why = _NOTHING if not self.can_fall else f"v = {value:.6g}: any lower loss ranks the pair right"
            return Finding(False, why)
        why = f"v = {value:.6g} is below the loss of the reference, {self.start:.6g}: the loss can fall that far"
        policy = self._inverted(pair)
        return Finding(True, why) if policy is None else self._occurs(pair, why, policy)

    def _inverted(self, pair):
        """A policy with delta < 0 and less loss than the reference: the threshold's, its winner a little lower."""
        prompt, winner = self.preferences.prompt[pair], self.preferences.winner[pair]
        tied = self.found.witness(pair)
        for steps in STEPS.reshape(-1, _TOGETHER):
            policies = np.repeat(tied[None], len(steps), axis=0)
            policies[:, prompt, winner] -= steps
            policies = normalised(policies)
            falls = self._falls(policies)
            if falls.any():
                return policies[np.argmax(falls)]
        return None

    def _falls(self, policies):
        """Whether each of some policies has less loss than the reference."""
        return means(policies, self.problem, self.preferences, self.loss) < self.start - self.slack

    def chosen_probability_falls(self, pair):
        return self._moved(pair, "chosen_falls", self.moves.chosen_falls[pair], "a direction that takes mass from w")

    def mass_to_unlabelled(self, pair):
        answer = self.moves.mass_to_unlabelled[pair]
        return self._moved(pair, "mass_to_unlabelled", answer, "one that gives mass to unlabelled responses")

    def _moved(self, pair, kind, answer, along):
        if answer is None:
            return Finding(None, "the push at the reference blocks it at first order: curvature decides")
        if not answer:
            return Finding(False, "no policy near or far moves that way at a lower loss")
        policy = self.moves.witness(kind, pair)
        why = f"the loss falls along {along}"
        return Finding(True, why) if policy is None else self._occurs(pair, why, policy)

    def contradictory_labels(self, pair):
        if self.preferences.log_weight[pair] == -np.inf:
            return Finding(False, "the label has weight 0 and contradicts nothing")
        winner, loser = self.preferences.winner[pair], self.preferences.loser[pair]
        if not any(winner in block and loser in block for block in self._blocks[self.preferences.prompt[pair]]):
            return Finding(False, "no chain of labels leads from l back to w")
        return self._occurs(pair, "a chain of labels leads from l back to w", self.found.witness(pair))

    @cached_property
    def _blocks(self):
        return self.preferences.blocks(self.problem)

    def _occurs(self, pair, why, policy):
        row = policy[self.preferences.prompt[pair]]
        return Finding(True, why, Witness(pair, row, "as_given", self.problem, self.preferences, policy, self.loss))


_UNBOUNDED = "the loss is unbounded below on these labels: nothing is least"
_NOTHING = "the reference already has the least loss: it cannot fall"
