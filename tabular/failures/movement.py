r"""What can happen to probabilities while any loss falls from the reference: first order, exact, with a policy.

In logits let F be minus the gradient of the mean loss at the reference, :math:`a_y=e_y-\pi_{\rm ref}` the gradient of
:math:`\log\pi_y` and :math:`b=\sum_{u\in U}\pi_ua_u` that of the mass of the unlabelled responses U. By Gordan's
theorem a direction along which the loss falls and

* the chosen probability falls exists unless :math:`F=c\,a_w`, c > 0;
* the chosen and the rejected probability both fall exists unless :math:`F=c\,a_w+c'a_l`, c, c' >= 0;
* mass leaves to the unlabelled exists unless :math:`F=-c\,b`, c > 0,

whatever the loss, as long as F is not 0 and the probabilities can move at all; where another prompt's F is not 0 that
prompt pays, and the first and third always can. With one of these equalities curvature decides, and nothing is said -
except for two responses and a convex loss of differences, where the loss is a function of one number.
"""

from dataclasses import field

import numpy as np
from scipy.optimize import linprog

from tabular.base import nonnegative, tolerances
from tabular.base.log_space import log_sum_exp, normalised
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.losses.loss import Loss
from tabular.losses.mean import gradient, mean
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Movement", "movement"]

_PARALLEL = 1e-9  # relative size of what is left of F off a cone that counts as none
_VISIBLE = 10 * tolerances.LOSS
_STEPS = np.exp2(np.arange(4, -41, -1.0))


class Movement(Record):
    """For each pair, whether some policy of less loss than the reference moves probabilities the wrong way.

    Attributes:
        chosen_falls, both_fall, mass_to_unlabelled: one entry a pair: True (a policy shows it), False (impossible) or
            ``None``, where first order does not decide.
    """

    chosen_falls: tuple[bool | None, ...]
    both_fall: tuple[bool | None, ...]
    mass_to_unlabelled: tuple[bool | None, ...]
    policies: dict = field(repr=False)

    def witness(self, kind: str, pair: int) -> np.ndarray | None:
        """``(n_prompts, n_responses)`` log-policy that shows "chosen_falls", "both_fall" or "mass_to_unlabelled"."""
        return self.policies.get((kind, pair))


@takes_nouns
@one_thread
def movement(problem: Problem, preferences: Preferences, loss: Loss) -> Movement:
    """The three questions for every pair and any loss that has a gradient.

    Raises:
        InputError: labels that the problem does not have.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1)
    >>> labels = Preferences.from_pairs([(0, 1)])
    >>> for name, params in [("dpo", {}), ("cpo_xu", {"alpha": 1.0}), ("nca_pair", {})]:
    ...     found = movement(problem, labels, losses.get(name, **params))
    ...     print(name, found.chosen_falls, found.both_fall, found.mass_to_unlabelled)
    dpo (True,) (True,) (True,)
    cpo_xu (True,) (True,) (True,)
    nca_pair (True,) (True,) (True,)
    """
    at = _Start(problem, preferences, loss)
    answers, policies = {kind: [] for kind in _WAYS}, {}
    for pair in range(preferences.n_pairs):
        for kind, ways in _WAYS.items():
            answer, policy = at.ask(pair, ways(at, pair))
            answers[kind].append(answer)
            if policy is not None:
                policies[kind, pair] = policy
    return Movement(*(tuple(answers[kind]) for kind in _WAYS), policies)


class _Start:
    """The reference, the loss's push there, and what each question wants to rise."""

    def __init__(self, problem, preferences, loss):
        self.problem, self.preferences, self.loss = problem, preferences, loss
        self.push = -gradient(problem.log_ref, problem, preferences, loss)
        size = np.abs(self.push).max()
        self.push[np.abs(self.push) <= 1e-13 * size] = 0.0
        self.start = mean(problem.log_ref, problem, preferences, loss)
        self.ref = np.exp(problem.log_ref)
        self.asked, self.labelled = {}, np.zeros(problem.log_ref.shape, dtype=bool)
        counted = preferences.counted()
        for end in (counted.winner, counted.loser):
            self.labelled[counted.prompt, end] = True

    def toward(self, prompt, response):
        """a_y of a response, over the mass of all others: what moves may all but vanish."""
        there = self.problem.present[prompt] & (np.arange(self.problem.n_responses) != response)
        log_ref, a = self.problem.log_ref[prompt], np.zeros(self.problem.n_responses)
        a[there], a[response] = -np.exp(normalised(log_ref[there])), 1.0
        return a

    def ask(self, pair, rising):
        """Whether the loss can fall while all listed directions rise, and a policy; told once for equal rows."""
        key = int(self.preferences.prompt[pair]), None if rising is None else np.array(rising).tobytes()
        if key not in self.asked:
            self.asked[key] = self._answer(pair, rising)
        return self.asked[key]

    def _answer(self, pair, rising):
        if rising is None:
            return False, None
        prompt = int(self.preferences.prompt[pair])
        there = self.problem.present[prompt]
        own, rising = self.push[prompt][there], [row[there] for row in rising]
        others = np.delete(np.abs(self.push).max(axis=1), prompt).max(initial=0.0) > 0
        if not own.any() and not others:
            return (False if self.loss.kind == "difference" and self.loss.convex else None), None
        if _blocked(None if others else own, rising):
            settled = there.sum() == 2 and not others and self.loss.kind == "difference" and self.loss.convex
            return (False if settled else None), None
        return True, self._shown(prompt, there, own, rising, others)

    def _shown(self, prompt, there, own, rising, others):
        """A policy, by steps along a direction in which everything asked for moves at equal rates."""
        wanted = [row / np.linalg.norm(row) for row in rising]
        pays = [] if others else [own / np.linalg.norm(own)]
        direction = np.zeros(self.push.shape)
        direction[prompt, there] = _along(wanted + pays)
        for elsewhere in (1.0, 1e3, 1e6) if others else (0.0,):
            pull = self.push * (np.arange(len(self.push)) != prompt)[:, None] * elsewhere
            steps = _STEPS / max(1.0, np.abs(pull).max(initial=0.0))
            policies = normalised(self.problem.log_ref + steps[:, None, None] * (direction + pull))
            gain = np.exp(policies[:, prompt, there]) - self.ref[prompt, there]
            moved = np.isfinite(policies[:, self.problem.present]).all(axis=1)
            for row in rising:  # minus a response's probability, or the mass of the unlabelled
                moved &= gain @ np.sign(row) > 0
            policies = policies[moved]
            if self.loss.batch:  # mixes whatever pairs it is given: one policy at a time
                low = [mean(policy, self.problem, self.preferences, self.loss) for policy in policies]
            else:
                low = self._means(policies)
            falls = np.flatnonzero(np.array(low) < self.start - _VISIBLE)
            if falls.size:
                return policies[falls[0]]
        return None

    def _means(self, policies):
        """The mean loss of each policy."""
        labels, counted = self.preferences, self.preferences.log_weight > -np.inf
        ends = (labels.prompt, labels.winner), (labels.prompt, labels.loser)
        logs = [policies[:, *end] for end in ends] + [self.problem.log_ref[end] for end in ends]
        cost = np.broadcast_to(self.loss(*logs, self.problem.beta), logs[0].shape)
        return cost[:, counted] @ np.exp(labels.log_share[counted])


def _blocked(own, rising):
    """Whether Gordan's theorem forbids a direction: some non-negative combination of all rows is 0."""
    rows = [row / np.linalg.norm(row) for row in rising]
    if own is None:
        target, columns = -rows[0], rows[1:]
        if not columns:
            return False
    else:
        target, columns = -own / np.linalg.norm(own), rows
    return nonnegative.nearest(np.column_stack(columns), target)[1] <= _PARALLEL


def _along(rows):
    """A direction in which all rows rise, the slowest as fast as can be."""
    size = len(rows[0])
    found = linprog(
        np.r_[np.zeros(size), -1.0],
        A_ub=np.column_stack([-np.array(rows), np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * size + [(None, None)],
    )
    return found.x[:size]


def _chosen(at, pair):
    p, w = int(at.preferences.prompt[pair]), int(at.preferences.winner[pair])
    return [-at.toward(p, w)]


def _both(at, pair):
    p, w, y = (int(column[pair]) for column in (at.preferences.prompt, at.preferences.winner, at.preferences.loser))
    if at.problem.present[p].sum() == 2:
        return None
    return [-at.toward(p, w), -at.toward(p, y)]


def _unlabelled(at, pair):
    p = int(at.preferences.prompt[pair])
    free = at.problem.present[p] & ~at.labelled[p]
    if not free.any() or free.sum() == at.problem.present[p].sum():
        return None
    log_ref = at.problem.log_ref[p]
    log_mass, log_rest = log_sum_exp(log_ref[free]), log_sum_exp(log_ref[~free])
    b = np.exp(log_ref - np.where(free, log_mass, log_rest))  # over its mass times the rest
    return [np.where(free, b, -b)]


_WAYS = {"chosen_falls": _chosen, "both_fall": _both, "mass_to_unlabelled": _unlabelled}
