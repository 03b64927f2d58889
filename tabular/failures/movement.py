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
from itertools import combinations

import numpy as np

from tabular.base import nonnegative
from tabular.base.log_space import log_sum_exp, normalised
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.failures.rays import FASTER, Ray, shown
from tabular.losses.loss import Loss
from tabular.losses.mean import gradient
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Movement", "movement"]

_PARALLEL = 1e-9  # relative size of what is left of F off a cone that counts as none


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
    pairs = range(preferences.n_pairs)
    asked = {(kind, pair): at.ask(pair, ways(at, pair)) for kind, ways in _WAYS.items() for pair in pairs}
    rays = list({answer: None for answer in asked.values() if isinstance(answer, Ray)})
    policies = dict(zip(rays, shown(rays, at.push, problem, preferences, loss), strict=True))
    found = {question: policies[answer] for question, answer in asked.items() if policies.get(answer) is not None}
    told = (tuple(isinstance(asked[kind, pair], Ray) or asked[kind, pair] for pair in pairs) for kind in _WAYS)
    return Movement(*told, found)


class _Start:
    """The reference, the loss's push there, and what each question wants to rise."""

    def __init__(self, problem, preferences, loss):
        self.problem, self.preferences = problem, preferences
        self.monotone = loss.kind == "difference" and loss.convex
        self.push = -gradient(problem.log_ref, problem, preferences, loss)
        size = np.abs(self.push)
        self.push[size <= 1e-13 * size.max()] = 0.0
        self.pull = np.abs(self.push).max(axis=1)
        self.answers, self.labelled = {}, np.zeros(problem.log_ref.shape, dtype=bool)
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
        """A ray if the loss can fall while all listed directions rise, else whether it cannot; once for equal rows."""
        key = int(self.preferences.prompt[pair]), None if rising is None else np.array(rising).tobytes()
        if key not in self.answers:
            self.answers[key] = False if rising is None else self._answer(key[0], np.array(rising))
        return self.answers[key]

    def _answer(self, prompt, rising):
        there, pull = self.problem.present[prompt], np.delete(self.pull, prompt).max(initial=0.0)
        own, rows = self.push[prompt, there], list(rising[:, there])
        if not own.any() and not pull:
            return False if self.monotone else None
        if _blocked(None if pull else own, rows):
            return False if self.monotone and there.sum() == 2 and not pull else None
        alone = not pull or (own.any() and not _blocked(own, rows))
        directions = np.zeros((len(FASTER), len(there)))
        directions[:, there] = _along(rows, [own] if alone else [])
        directions[1::2] = np.sign(directions[1::2])  # every response as far as any, however little is asked of it
        return Ray(prompt, directions, *self._visible(prompt, rising), pull)

    def _visible(self, prompt, rising):
        """What shows that each row rises: the responses that it lifts, 1, or lowers, -1, whichever have less mass."""
        sign = np.where((rising > 0) @ np.exp(self.problem.log_ref[prompt]) <= 0.5, 1.0, -1.0)
        return np.sign(rising) == sign[:, None], sign


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


def _along(rising, falling):
    """Directions in which rows rise, the loss's own so much faster; the largest entry of each is +-1.

    Those in which the slowest row, for its rate, rises fastest for its length: there some of the rows rise at their
    rates, and it is the shortest in which these do.
    """
    rows = np.array([row / np.linalg.norm(row) for row in (*rising, *falling)])
    rates = np.array([np.ones(len(FASTER))] * len(rising) + [FASTER] * len(falling))
    some = [list(k) for size in range(1, len(rows) + 1) for k in combinations(range(len(rows)), size)]
    ways = np.array([np.linalg.lstsq(rows[k], rates[k], rcond=None)[0] for k in some])
    ways /= np.abs(ways).max(axis=1, keepdims=True)
    slowest = (np.einsum("rn,wnf->wrf", rows, ways) / rates).min(axis=1) / np.linalg.norm(ways, axis=1)
    return ways[np.argmax(slowest, axis=0), :, np.arange(len(FASTER))]


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
