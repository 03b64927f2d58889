"""One function for each kind of failure: does it apply to a pair, why, and which policy shows it?"""

from collections import deque
from functools import cached_property

import numpy as np

from tabular import rlhf
from tabular.base import tolerances
from tabular.base.log_space import log_sum_exp
from tabular.failures import displacement, remedy_rules, thresholds
from tabular.failures.infimum import Relation
from tabular.failures.inversion import deepest
from tabular.failures.kinds import Finding, Kind, Witness
from tabular.failures.remedies import Remedies
from tabular.failures.strictly import inverting_rows
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Listing"]

_UNLABELLED_MASS = 0.99  # shown where it can be anything up to 1


class Listing:
    """What the listing of all pairs needs, computed together; ``finding(kind, pair)`` reads it off."""

    def __init__(self, problem: Problem, preferences: Preferences):
        self.problem, self.preferences = problem, preferences
        self.found = thresholds.solve(problem, preferences)
        self.at = self.found.at
        self.start = float(np.log(2))  # sp(0): every pair has h = 0 at the reference
        self.can_fall = self.at.value < self.start - tolerances.LOSS
        self.delta_ref = preferences.delta(problem.log_ref)
        self.rlhf = None if problem.reward is None else rlhf.optimal_policy(problem)
        self.delta_rlhf = None if self.rlhf is None else preferences.delta(self.rlhf)
        self.others = {"reference": problem.log_ref, "near_optimum": self.at.log_policy, "rlhf_optimum": self.rlhf}
        self.push = displacement.push(self.at)
        self.falling_inverted = self.found.value < self.start - tolerances.LOSS
        self._inverted_rows, at_start = self._inversions()
        self.remedies = Remedies(problem, preferences, self.found, self.falling_inverted, at_start)
        self.labelled = np.zeros(problem.n_prompts * problem.n_responses, dtype=bool)
        self.labelled[self.at.graph.winner] = self.labelled[self.at.graph.loser] = True

    def finding(self, kind: Kind, pair: int) -> Finding:
        return getattr(self, kind.value)(pair)

    def pessimistic_reference(self, pair):
        delta = self.delta_ref[pair]
        if delta < 0:
            why = f"delta_ref = {delta:.6g} < 0: up to 0 the pair's own loss is below its start, l preferred"
            return self._occurs(Kind.PESSIMISTIC_REFERENCE, pair, why, self._row("reference", pair), "reference")
        return Finding(False, f"delta_ref = {delta:.6g} is not below 0, so the region U is empty")

    def assumption_violated(self, pair):
        if self.rlhf is None:
            return Finding(None, "it is about the RLHF optimum and needs a reward: pass Problem(..., reward=...)")
        delta = self.delta_rlhf[pair]
        if delta > 0:
            return Finding(False, f"delta* = {delta:.6g} > 0: the RLHF optimum prefers w")
        why = f"delta* = delta_ref + Dr/beta = {delta:.6g} is not above 0"
        return self._occurs(Kind.ASSUMPTION_VIOLATED, pair, why, self._row("rlhf_optimum", pair), "rlhf_optimum")

    def dpo_optimum_inverted(self, pair):
        relation, delta = self.at.relation[pair], self.at.delta[pair]
        rounding = tolerances.LOSS * max(abs(self.delta_ref[pair]), 1 / self.problem.beta, 1)
        if relation == Relation.SAME and delta <= rounding:
            moved = delta - self.delta_ref[pair]
            why = f"delta = {delta:.6g} wherever the loss is least: the labels move it by {moved:.6g}"
            row = self._row("near_optimum", pair)
            return self._occurs(Kind.DPO_OPTIMUM_INVERTED, pair, why, row, "near_optimum")
        if relation == Relation.BELOW:
            why = "other labels put l above w by a chain of wins: delta tends to -inf as the loss tends to its infimum"
            row = thresholds.lowered(self.at, pair, -1.0)
            return self._occurs(Kind.DPO_OPTIMUM_INVERTED, pair, why, row, "near_optimum")
        why = {
            Relation.SAME: f"delta = {delta:.6g} > 0 wherever the loss is least",
            Relation.ABOVE: "w beats l and nothing leads back: delta tends to +inf as the loss tends to its infimum",
            Relation.FREE: "no label bears on the pair: some minimisers prefer w",
        }[Relation(relation)]
        return Finding(False, why)

    def inverted_somewhere_in_the_set(self, pair):
        if self.at.relation[pair] == Relation.FREE:
            why = "no chain of labels bears on the pair: delta is free where the loss is least"
            row = thresholds.lowered(self.at, pair, -1.0)
            return self._occurs(Kind.INVERTED_SOMEWHERE_IN_THE_SET, pair, why, row, "near_optimum")
        return Finding(
            False, "the labels settle the pair: softplus is strictly convex, so delta is the same at every minimiser"
        )

    def loss_falls_while_inverted(self, pair):
        value = self.found.value[pair]
        if self.falling_inverted[pair]:
            why = f"v = {value:.6g} is below the loss of the reference, {self.start:.6g}: the loss can fall that far"
            row = self._inverted_rows[pair]
            return self._occurs(Kind.LOSS_FALLS_WHILE_INVERTED, pair, why, row, "near_optimum")
        if not self.can_fall:
            return Finding(False, _NOTHING_FALLS)
        return Finding(False, f"v = {value:.6g}: any loss below the reference's ranks the pair right")

    def _inversions(self):
        """For each pair that can be, a policy that inverts it below the start, as a row.

        And the deepest delta at the start, where a remedy depends on it: nan where the reference is inverted itself.
        """
        falling, at_start = self.falling_inverted, np.full(len(self.delta_ref), np.nan)
        below, above = np.flatnonzero(falling), np.flatnonzero(falling & (self.delta_ref > 0))
        at_start[above] = deepest(self.problem, self.preferences, self.start, above, self.at).delta
        rows = inverting_rows(self.found, self.preferences, below, self.start)
        return dict(zip(below.tolist(), rows, strict=True)), at_start

    def chosen_probability_falls(self, pair):
        if not self.can_fall:
            return Finding(False, _NOTHING_FALLS)
        row = self._falling[self.at.winner[pair]]
        prompt = self.preferences.prompt[pair]
        if row is None:
            two = self.problem.present[prompt].sum() == 2
            return Finding(False, _TWO_RESPONSES) if two else Finding(None, _ALIGNED_PUSH)
        why = "the loss falls along a direction that takes mass from w"
        if row[1] == "near_optimum":
            why = "other prompts pay: their loss falls by more than this prompt's rises"
        elif self._starts_down[pair]:
            why += "; gradient flow from the reference starts out along one"
        return self._occurs(Kind.CHOSEN_PROBABILITY_FALLS, pair, why, *row)

    @cached_property
    def _falling(self):
        """What shows it, for each winner: nothing else of a pair matters."""
        return displacement.falling_rows(self.at, np.unique(self.at.winner), self.push)

    @cached_property
    def _starts_down(self):
        return displacement.starts_down(self.at, self.push)

    def mass_to_unlabelled(self, pair):
        prompt = self.preferences.prompt[pair]
        free = self.problem.present[prompt] & ~self.labelled.reshape(self.problem.log_ref.shape)[prompt]
        if not free.any():
            return Finding(False, "every response of the prompt carries a label")
        if not self.can_fall:
            return Finding(False, _NOTHING_FALLS)
        if free.sum() == self.problem.present[prompt].sum():
            return Finding(False, "no label of positive weight speaks of this prompt, so its loss does not fall")
        why = f"unlabelled responses of the prompt: {int(free.sum())}; the loss does not see their mass"
        row = _with_mass(self._row("near_optimum", pair), self.problem.log_ref[prompt], free)
        return self._occurs(Kind.MASS_TO_UNLABELLED, pair, why, row, "near_optimum")

    def contradictory_labels(self, pair):
        if np.isneginf(self.preferences.log_weight[pair]):
            return Finding(False, "the label has weight 0 and contradicts nothing")
        if self.at.relation[pair] != Relation.SAME:
            return Finding(False, "no chain of labels leads from l back to w")
        cycle = self._cycles[pair]
        why = "the labels say " + " > ".join(map(str, (*cycle, cycle[0]))) + ": delta sums to 0 around it"
        row = self._row("near_optimum", pair)
        return self._occurs(Kind.CONTRADICTORY_LABELS, pair, why, row, "near_optimum", cycle=cycle)

    @cached_property
    def _cycles(self):
        """Of each label inside a block the shortest chain of wins from l back to w, closed by the label itself.

        The chains from one l are read off one search.
        """
        labels, found = self.preferences, {}
        pairs = np.flatnonzero((self.at.relation == Relation.SAME) & (labels.log_weight > -np.inf))
        by_loser = {}
        for pair in pairs.tolist():
            by_loser.setdefault((int(labels.prompt[pair]), int(labels.loser[pair])), []).append(pair)
        for (prompt, loser), mine in by_loser.items():
            winners = {pair: int(labels.winner[pair]) for pair in mine}
            came_from, waiting, sought = {loser: loser}, deque([loser]), set(winners.values())
            while sought:
                node = waiting.popleft()
                for beaten in self._beaten.get((prompt, node), ()):
                    if beaten not in came_from:
                        came_from[beaten] = node
                        waiting.append(beaten)
                        sought.discard(beaten)
            for pair, winner in winners.items():
                chain = [winner]
                while chain[-1] != loser:
                    chain.append(came_from[chain[-1]])
                found[pair] = (winner, *reversed(chain[1:]))
        return found

    @cached_property
    def _beaten(self):
        beaten, n = {}, self.problem.n_responses
        for winner, loser in zip(self.at.graph.winner.tolist(), self.at.graph.loser.tolist(), strict=True):
            beaten.setdefault(divmod(winner, n), []).append(loser % n)
        return beaten

    def _row(self, where, pair):
        return self.others[where][self.preferences.prompt[pair]]

    def _occurs(self, kind, pair, why, row, elsewhere, cycle=()):
        witness = Witness(pair, row, elsewhere, self.problem, self.preferences, self.others[elsewhere])
        remedies = getattr(remedy_rules, kind.value)(self.remedies, pair)
        return Finding(True, why, witness, cycle, remedies)


_NOTHING_FALLS = "the reference already has the least loss: it cannot fall"
_TWO_RESPONSES = "with two responses and nothing else to gain, the loss falls only as the chosen probability grows"
_ALIGNED_PUSH = (
    "undecided: the labels push the reference exactly along w's own probability, so that curvature decides, "
    "and a search along rays found no policy that shows it, which proves nothing"
)


def _with_mass(row, log_ref, free):
    """The row with its free responses in the reference's proportions, holding nearly all mass, more than before."""
    held = min(np.log1p(-_UNLABELLED_MASS), log_sum_exp(log_ref[~free]) - np.log(2))
    new = np.where(free, log_ref - log_sum_exp(log_ref[free]) + np.log(-np.expm1(held)), 0.0)
    return np.where(free, new, row - log_sum_exp(row[~free]) + held)
