"""Rankings of responses, full or partial, with ties, for any number of prompts; ways to break them into pairs."""

from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property
from itertools import chain, combinations, islice, permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.fits.plackett_luce import Flat
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Rankings", "pair_rates"]


class Rankings(Record):
    r"""Rankings as sequences of groups, the best first; inside a group nothing is said.

    A ranking may leave responses out: it then says nothing of them. ``(0, (1, 2), 3)`` is 0 above 1 and 2, in either
    order, above 3; "the best two of five" is ``((0, 1), (2, 3, 4))``.

    Args:
        orders: one sequence for each ranking, of responses or of tuples of tied responses.
        prompt: ``(n_rankings,)`` row of the :class:`~tabular.Problem` each speaks of; all of prompt 0 by default.
        weight: ``(n_rankings,)``, finite and >= 0, at least one positive; all 1 by default.
        log_weight: the same in logs, instead of ``weight``.

    Raises:
        InputError: a response named twice in a ranking, fewer than two groups, or bad weights.

    >>> rankings = Rankings([[2, 0, 1], [(0, 1), 2]])
    >>> rankings.groups
    (((2,), (0,), (1,)), ((0, 1), (2,)))
    """

    orders: tuple
    prompt: np.ndarray = field(default=None)  # type: ignore[arg-type]
    weight: np.ndarray = field(default=None)  # type: ignore[arg-type]
    log_weight: np.ndarray = field(default=None)  # type: ignore[arg-type]

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            orders: Iterable[Sequence[int | Sequence[int]]],
            prompt: ArrayLike | None = None,
            weight: ArrayLike | None = None,
            log_weight: ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self):
        if not np.iterable(self.orders):
            raise InputError(f"orders is {checks.brief(self.orders)}: give a list of rankings, such as [[2, 0, 1]]")
        orders = list(self.orders)
        groups, flat = _plain(orders) or (tuple(_groups(row, order) for row, order in enumerate(orders)), None)
        if not groups:
            raise InputError("there are no rankings: give at least one")
        object.__setattr__(self, "orders", groups)
        if flat is not None:
            object.__setattr__(self, "flat", flat)
        prompt = checks.whole_numbers([0] * len(groups) if self.prompt is None else self.prompt, "prompt")
        if prompt.shape != (len(groups),):
            raise InputError(f"prompt has shape {prompt.shape} for {len(groups)} rankings: give one for each")
        pairs = np.zeros(len(groups), int), np.ones(len(groups), int)
        checked = Preferences(prompt, *pairs, self.weight, self.log_weight)  # the same rules for weights
        for name, array in (("prompt", prompt), ("weight", checked.weight), ("log_weight", checked.log_weight)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_plackett_luce(cls, problem: Problem, tie: Sequence[int] | None = None) -> "Rankings":
        r"""Population rankings: every full ranking of a prompt's responses at its Plackett-Luce probability.

        .. math:: \Pr(y_1\succ\dots\succ y_n)=\prod_k\frac{e^{r(y_k)}}{\sum_{l\ge k}e^{r(y_l)}}

        Args:
            problem: with a reward, of 8 responses at most.
            tie: sizes of groups, such as (2, 3): what was ranked inside a group is then forgotten.

        >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[np.log(3), 0])
        >>> Rankings.from_plackett_luce(problem).weight.round(6).tolist()
        [0.75, 0.25]
        """
        reward = problem.require_reward()
        if problem.n_responses > 8:
            raise InputError(f"the problem has {problem.n_responses} responses: all their rankings are for 8 at most")
        orders, prompts, log_weight = [], [], []
        for prompt, there in enumerate(problem.present):
            rows = np.array(list(permutations(np.flatnonzero(there))))
            value = reward[prompt][rows]
            later = np.logaddexp.accumulate(value[:, ::-1], axis=1)[:, ::-1]
            log_weight.extend((value - later).sum(axis=1))
            orders.extend(_forgotten(row, tie) for row in rows.tolist())
            prompts.extend([prompt] * len(rows))
        return cls(orders, prompts, log_weight=log_weight)

    @cached_property
    def log_share(self) -> np.ndarray:
        """``(n_rankings,)`` log of each ranking's share of the weight."""
        pair = np.zeros(len(self.orders), int)
        return Preferences(self.prompt, pair, pair + 1, log_weight=self.log_weight).log_share

    @property
    def groups(self) -> tuple:
        """Each ranking as a tuple of groups, each a sorted tuple of responses."""
        return self.orders

    @cached_property
    def flat(self) -> Flat:
        """The rankings as arrays."""
        return Flat.of(self.orders)

    @cached_property
    def strict(self) -> np.ndarray:
        """``(n_rankings,)`` mask: no two responses tied."""
        return np.maximum.reduceat(self.flat.sizes, self.flat.starts) == 1

    def check_against(self, problem: Problem) -> "Rankings":
        """These rankings, once every response they name is known to be there."""
        counts, y = self.flat.counts, self.flat.members
        prompt = np.repeat(np.repeat(self.prompt, counts), self.flat.sizes)
        if prompt.max() < problem.n_prompts and y.max() < problem.n_responses and problem.present[prompt, y].all():
            return self
        first = np.array([group[0] for ranking in self.orders for group in ranking[:-1]])
        second = np.array([group[0] for ranking in self.orders for group in ranking[1:]])
        prompt = np.repeat(self.prompt, counts - 1)
        Preferences(prompt, first, second).check_against(problem)
        for row, ranking in enumerate(self.orders):
            for y in (y for group in ranking for y in group if len(group) > 1):
                if y >= problem.n_responses or not problem.present[self.prompt[row], y]:
                    raise InputError(
                        f"ranking {row}: response {y} of prompt {self.prompt[row]} is not there: leave it out"
                    )
        return self

    def broken(self, how: str = "all") -> Preferences:
        """The rankings as labelled pairs of different groups, each with the weight of its ranking.

        Args:
            how: ``"all"`` pairs; ``"adjacent"`` groups only; ``"ends"``, the first group against the last; ``"top"``,
                the first against all others.

        For Plackett-Luce rankings all pairs and top against the rest fit the true reward; adjacent pairs and ends, the
        common ways to make preference data, do not (Azari Soufiani et al. 2013, 2014).

        >>> labels = Rankings([[2, 0, 1]]).broken("ends")
        >>> labels.winner.tolist(), labels.loser.tolist()
        ([2], [1])
        """
        chosen = checks.choice(how, _BREAKINGS, "breaking")
        if how == "adjacent" and self.strict.all():
            repeated = (np.repeat(part, self.flat.counts - 1) for part in (self.prompt, self.log_weight))
            prompt, log_weight = repeated
            return Preferences(prompt, *self.flat.neighbours(), log_weight=log_weight)
        rows = [
            (prompt, winner, loser, log_weight)
            for ranking, prompt, log_weight in zip(self.orders, self.prompt, self.log_weight, strict=True)
            for above, below in chosen(len(ranking))
            for winner in ranking[above]
            for loser in ranking[below]
        ]
        prompt, winner, loser, log_weight = zip(*rows, strict=True)
        return Preferences(prompt, winner, loser, log_weight=log_weight)


def pair_rates(reward: ArrayLike) -> np.ndarray:
    r"""``(..., n, n)``: how often i stands above j in a Plackett-Luce ranking, whatever else is ranked.

    :math:`e^{r_i}/(e^{r_i}+e^{r_j})`, Bradley-Terry: of exponential clocks with rates :math:`e^r`, i rings before j.

    >>> pair_rates([np.log(3), 0.0]).round(6).tolist()
    [[0.5, 0.75], [0.25, 0.5]]
    """
    from tabular.choice.matrix import from_reward

    return from_reward(reward)


_BREAKINGS = {
    "all": lambda size: combinations(range(size), 2),
    "adjacent": lambda size: ((k, k + 1) for k in range(size - 1)),
    "ends": lambda size: [(0, size - 1)],
    "top": lambda size: ((0, k) for k in range(1, size)),
}


def _plain(orders):
    """Groups of one, where every ranking lists two ints or more, none twice, also as arrays; otherwise None."""
    if not orders or not set(map(type, orders)) <= {list, tuple}:
        return None
    counts, listed = list(map(len, orders)), list(chain.from_iterable(orders))
    if min(counts) < 2 or set(map(type, listed)) != {int} or not 0 <= min(listed) <= max(listed) < 2**63 // len(orders):
        return None
    flat = Flat(np.array(counts), np.ones(len(listed), dtype=np.int64), np.array(listed))
    named = np.repeat(np.arange(len(orders)), counts) * (max(listed) + 1) + flat.members
    if (np.diff(np.sort(named)) == 0).any():
        return None
    single = zip(listed, strict=True)
    return tuple(tuple(islice(single, count)) for count in counts), flat


def _groups(row, order):
    if not np.iterable(order) or isinstance(order, str):
        raise InputError(f"ranking {row} is {checks.brief(order)}: list its responses, the best first")
    groups = []
    for group in order:
        members = checks.whole_numbers(list(group) if np.iterable(group) else [group], f"ranking {row}").tolist()
        if not members:
            raise InputError(f"ranking {row} has an empty group: leave it out")
        groups.append(tuple(sorted(members)))
    named = [y for group in groups for y in group]
    if len(set(named)) < len(named):
        twice = next(y for k, y in enumerate(named) if y in named[:k])
        raise InputError(f"ranking {row} names response {twice} twice: name each response once")
    if len(groups) < 2:
        raise InputError(f"ranking {row} is {checks.brief(order)}: it compares nothing, give at least two groups")
    return tuple(groups)


def _forgotten(row, tie):
    if tie is None:
        return row
    ends = np.cumsum(tie)
    if ends[-1] != len(row):
        raise InputError(f"tie is {checks.brief(tie)}: group sizes must sum to the {len(row)} responses")
    return [tuple(row[end - size : end]) for size, end in zip(tie, ends, strict=True)]
