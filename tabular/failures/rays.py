"""Policies along rays from the reference: of each ray the longest step that moves what was asked at a lower loss."""

from dataclasses import dataclass

import numpy as np

from tabular.base import tolerances
from tabular.base.log_space import log_sum_exp, normalised
from tabular.losses.loss import Loss
from tabular.losses.mean import mean, means
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["FASTER", "Ray", "shown"]

_VISIBLE = 10.0  # nats: rounding of less is that of as much
_STEPS = np.exp2(np.arange(4, -41, -1.0))
#: How much faster than what was asked the loss falls, tried in turn: curvature, and kinks at the reference, cost some.
FASTER = (1.0, 1.0, 1e3, 1e6)
_ENTRIES = 1_000_000  # of the policies, and of their labels' losses, that are tried at once


@dataclass(frozen=True, eq=False)
class Ray:
    """Directions of one prompt's logits in which its probabilities move as asked at first order.

    Attributes:
        directions: ``(len(FASTER), n_responses)``, entries up to 1 either way.
        asked, sign: ``(n_asked, n_responses)`` and ``(n_asked,)``: responses whose mass has to grow, 1, or to fall, -1.
        pull: the largest push on any other prompt's logits, which move along theirs, scaled by FASTER.
    """

    prompt: int
    directions: np.ndarray
    asked: np.ndarray
    sign: np.ndarray
    pull: float


def shown(rays: list[Ray], push: np.ndarray, problem: Problem, preferences: Preferences, loss: Loss) -> list:
    """For each ray a ``(n_prompts, n_responses)`` log-policy, or ``None`` where no step shows it.

    ``push``: minus the gradient of the loss.
    """
    start = mean(problem.log_ref, problem, preferences, loss)
    limit = start - tolerances.LOSS * max(_VISIBLE, abs(start))

    def falls(policies):
        return means(policies, problem, preferences, loss) < limit

    at_once = max(1, _ENTRIES // (problem.log_ref.size + preferences.n_pairs))
    parts = [_Rays.of(rays[first : first + at_once], push, problem) for first in range(0, len(rays), at_once)]
    return [policy for part in parts for policy in part.shown(falls)]


@dataclass(frozen=True, eq=False)
class _Rays:
    """Several rays, an array for each attribute; two rows are asked of every one, if only the same one twice."""

    prompt: np.ndarray
    directions: np.ndarray
    asked: np.ndarray
    sign: np.ndarray
    pull: np.ndarray
    push: np.ndarray
    problem: Problem

    @classmethod
    def of(cls, rays, push, problem):
        twice = [0, -1]
        columns = zip(*((r.prompt, r.directions, r.asked[twice], r.sign[twice], r.pull) for r in rays), strict=True)
        return cls(*map(np.array, columns), push, problem)

    def shown(self, falls):
        found, left = [None] * len(self.prompt), np.arange(len(self.prompt))
        for way in range(len(FASTER)):
            for step in _STEPS:
                policies, moved = self._stepped(left, step, way)
                moved[moved] = falls(policies[moved])
                for k, policy in zip(left[moved], policies[moved], strict=True):
                    found[k] = policy
                left = left[~moved]
                if not left.size:
                    return found
        return found

    def _stepped(self, rays, step, way):
        """A policy of each of some rays, and whether it moves what was asked."""
        log_ref, prompt = self.problem.log_ref, self.prompt[rays]
        own, length = (np.arange(len(rays)), prompt), step / np.maximum(1.0, FASTER[way] * self.pull[rays])
        logits = log_ref + (length * FASTER[way])[:, None, None] * self.push
        logits[own] = log_ref[prompt] + length[:, None] * self.directions[rays, way]
        policies = normalised(logits)
        after, before = (self._log_mass(rays, rows) for rows in (policies[own], log_ref[prompt]))
        moved = (self.sign[rays] * after > self.sign[rays] * before).all(axis=1)
        return policies, moved & np.isfinite(policies[:, self.problem.present]).all(axis=1)

    def _log_mass(self, rays, rows):
        """Of the responses that each ray asks about."""
        return log_sum_exp(np.where(self.asked[rays], rows[:, None, :], -np.inf))
