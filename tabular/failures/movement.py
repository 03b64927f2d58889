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
    answers = at.answers()
    rays = [answer for answer in answers.values() if isinstance(answer, Ray)]
    policies = dict(zip(rays, shown(rays, at.push, problem, preferences, loss), strict=True))
    found = {question: policies.get(answers[key]) for question, key in asked.items()}
    found = {question: policy for question, policy in found.items() if policy is not None}
    can = {key: isinstance(answer, Ray) or answer for key, answer in answers.items()}
    return Movement(*(tuple(can[asked[kind, pair]] for pair in pairs) for kind in _WAYS), found)


class _Start:
    """The reference, the loss's push there, and what each question wants to rise."""

    def __init__(self, problem, preferences, loss):
        self.problem, self.preferences = problem, preferences
        self.monotone = loss.kind == "difference" and loss.convex
        self.push = -gradient(problem.log_ref, problem, preferences, loss)
        size = np.abs(self.push)
        self.push[size <= 1e-13 * size.max()] = 0.0
        self.pull = np.abs(self.push).max(axis=1)
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
        """The name of a question: can the loss fall while all listed directions rise? Equal ones have the same."""
        key = int(self.preferences.prompt[pair]), None if rising is None else np.array(rising).tobytes()
        self.asked.setdefault(key, rising)
        return key

    def answers(self):
        """Of each question a ray, or False where there is none, ``None`` where that is open."""
        answers, alike = {}, {}
        for key, rising in self.asked.items():
            answers[key] = False
            if rising is not None:
                alike.setdefault(len(rising), []).append(key)
        for keys in alike.values():
            prompt, rising = np.array([key[0] for key in keys]), np.array([self.asked[key] for key in keys])
            answers.update(zip(keys, self._answered(prompt, rising), strict=True))
        return answers

    def _answered(self, prompt, rising):
        """Questions about equally many directions, ``(n_questions, n_directions, n_responses)``."""
        own, rows = _unit(self.push[prompt]), _unit(rising)
        others = np.array([np.delete(self.pull, p).max(initial=0.0) for p in prompt])
        pushed, paid = own.any(axis=1), others > 0
        against = pushed & _blocked(own, rows)
        blocked = np.where(paid, _blocked(rows[:, 0], rows[:, 1:]), against)
        alone, can = pushed & ~against, (pushed | paid) & ~blocked
        directions = np.zeros((len(prompt), len(FASTER), rows.shape[2]))
        for mine, falling in ((can & alone, own[:, None]), (can & ~alone, own[:, None][:, :0])):
            if mine.any():
                directions[mine] = _along(rows[mine], falling[mine])
        # every response as far as any, however little is asked of it
        directions[:, 1::2] = np.sign(directions[:, 1::2])
        two = self.problem.present[prompt].sum(axis=1) == 2
        never = self.monotone & ~paid & (two | ~pushed)
        return [
            Ray(int(p), way, *self._visible(p, rises), float(pull)) if lies else (False if no else None)
            for p, way, rises, pull, lies, no in zip(prompt, directions, rising, others, can, never, strict=True)
        ]

    def _visible(self, prompt, rising):
        """What shows that each row rises: the responses that it lifts, 1, or lowers, -1, whichever have less mass."""
        sign = np.where((rising > 0) @ np.exp(self.problem.log_ref[prompt]) <= 0.5, 1.0, -1.0)
        return np.sign(rising) == sign[:, None], sign


def _unit(rows):
    size = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(size > 0, size, 1.0)


def _blocked(own, rising):
    """Whether Gordan's theorem forbids a direction: some non-negative combination of all rows is 0.

    Of the nearest that is positive in a subset the coefficients are those of least squares there.
    """
    left = np.linalg.norm(own, axis=1)
    for k in _subsets(rising.shape[1]):
        some = rising[:, k]
        x = -np.einsum("qn,qnk->qk", own, _inverse(some))
        left = np.where((x >= 0).all(axis=1), np.minimum(left, np.linalg.norm(_sum(x, some) + own, axis=1)), left)
    return left <= _PARALLEL


def _subsets(n):
    return [list(k) for size in range(1, n + 1) for k in combinations(range(n), size)]


def _inverse(rows):
    return np.linalg.pinv(rows, rcond=np.finfo(float).eps * rows.shape[-1])


def _sum(x, rows):
    return np.einsum("qk,qkn->qn", x, rows)


def _along(rising, falling):
    """Directions in which rows rise, the loss's own so much faster; the largest entry of each is +-1.

    Those in which the slowest row, for its rate, rises fastest for its length: there some of the rows rise at their
    rates, and it is the shortest in which these do.
    """
    rows = np.concatenate([rising, falling], axis=1)
    rates = np.array([np.ones(len(FASTER))] * rising.shape[1] + [FASTER] * falling.shape[1])
    ways = np.stack([_inverse(rows[:, k]) @ rates[k] for k in _subsets(len(rates))], axis=1)
    size = np.abs(ways).max(axis=2, keepdims=True)
    ways /= np.where(size > 0, size, 1.0)
    slowest = (np.einsum("qrn,qwnf->qwrf", rows, ways) / rates).min(axis=2)
    slowest /= np.maximum(np.linalg.norm(ways, axis=2), 1.0)
    best = np.argmax(slowest, axis=1)
    return np.take_along_axis(ways, best[:, None, None, :], axis=1)[:, 0].swapaxes(1, 2)


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
