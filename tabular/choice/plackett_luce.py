r"""Plackett-Luce on rankings, and DPO with it: every minimiser, or every limit where there is none.

In :math:`s=\beta\log\pi/\pi_{\rm ref}` listwise DPO (Rafailov et al. 2023, appendix) is Plackett-Luce maximum
likelihood, so existence is a matter of the digraph "ranked above in some ranking" alone, by the theorem of
:mod:`tabular.fits.plackett_luce`; the set of solutions has the shape of DPO's, with the same proof.
"""

from dataclasses import field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.log_space import normalised
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.choice.rankings import Rankings
from tabular.errors import InputError
from tabular.fits import plackett_luce as fitting
from tabular.fits.dpo_solution import DPOSolution
from tabular.problem import Problem, as_log_policy
from tabular.status import Status

__all__ = ["ListwiseSolution", "loss", "mm_step", "solve"]


class ListwiseSolution(DPOSolution):
    """What :class:`tabular.fits.dpo_solution.DPOSolution` offers, for rankings.

    ``preferences`` are the pairs of neighbouring groups, which draw the same blocks and the same chains.
    """

    rankings: Rankings = field(default=None, repr=False)

    @cached_property
    def _flow_limit(self):
        """UNIQUE and SET: the scores of a component sum to 0, so the flow keeps the mean log-ratio of each.

        UNATTAINED: not decided here; the limit closest to the reference.
        """
        known = np.array([status is not Status.UNATTAINED for status in self.statuses])
        ends = normalised(self.problem.log_ref + self.log_ratio)
        return np.where(known[:, None], ends, self.closest_to_reference()), known


@takes_nouns
@one_thread
def solve(problem: Problem, rankings: Rankings) -> ListwiseSolution:
    """Every minimiser of listwise DPO, or, where there is none, every limit of minimising sequences.

    Args:
        problem: its reward, if any, plays no part.
        rankings: any: partial, contradictory, with ties in groups of 12 at most (the last group may be larger).

    Raises:
        InputError: a ranking that does not fit the problem, or too large a group of ties.

    >>> problem = Problem.from_probabilities([1 / 3] * 3, beta=1)
    >>> rankings = Rankings([[0, 1, 2], [1, 2, 0], [2, 1, 0]], weight=[0.5, 0.3, 0.2])
    >>> found = solve(problem, rankings)
    >>> found.status, np.exp(found.log_policy).round(10).tolist()
    (<Status.UNIQUE: 'unique'>, [[0.2665830582, 0.5161984076, 0.2172185343]])
    """
    rankings.check_against(problem)
    flat = rankings.flat
    above = np.ones(len(flat.sizes), dtype=bool)
    above[flat.starts + flat.counts - 1] = False
    if (large := np.flatnonzero(above & (flat.sizes > fitting.LARGEST_GROUP))).size:
        row = np.searchsorted(flat.starts, large[0], side="right") - 1
        raise InputError(
            f"ranking {row} ties {flat.sizes[large[0]]} responses above others: the sum over their orders is for "
            f"{fitting.LARGEST_GROUP} at most"
        )
    start = np.repeat(np.repeat(rankings.prompt, flat.counts), flat.sizes) * problem.n_responses
    nodes = fitting.Flat(flat.counts, flat.sizes, flat.members + start)
    fit = fitting.fit(problem.log_ref.size, _nodes(problem, rankings), rankings.log_share, nodes)
    pairs = rankings.broken("adjacent")
    return ListwiseSolution(problem, pairs, fit, 0.0, fit.infimum, fit.residual, rankings)


@takes_nouns
def loss(log_policy: ArrayLike, problem: Problem, rankings: Rankings) -> float:
    r"""The weighted mean of :math:`-\log\Pr(\text{ranking})` at :math:`s=\beta\log\pi/\pi_{\rm ref}`, in nats.

    Raises:
        InputError: not a policy of this problem, or one that is 0 on a ranked response.

    >>> problem = Problem.from_probabilities([1 / 3] * 3, beta=1)
    >>> round(loss(problem.log_ref, problem, Rankings([[0, 1, 2]])), 6)  # log 6
    1.791759
    """
    log_policy = as_log_policy(log_policy, problem)
    s = _scores(log_policy, problem, rankings.check_against(problem))
    tables = fitting._tables(_nodes(problem, rankings), rankings.log_share, np.arange(s.size))
    return float(sum(table.cost(s) for table in tables))


@takes_nouns
def mm_step(strength: ArrayLike, rankings: Rankings) -> np.ndarray:
    r"""One step of Hunter's MM (2004), one prompt: :math:`v_i\leftarrow\mathrm{wins}_i/\sum_{\text{stages}\ni i}1/V`.

    It never lowers the likelihood, as :math:`-\log V` lies above its tangent, and converges iff the digraph is strongly
    connected. With two responses one step is exact.

    Args:
        strength: ``(n,)`` of log v; any constant may be added.
        rankings: of prompt 0, without ties.

    Raises:
        InputError: rankings with ties, or a response that never wins a stage.

    >>> mm_step(np.zeros(2), Rankings([[0, 1], [1, 0]], weight=[3, 1])).round(6).tolist()  # log 3 apart
    [0.549306, -0.549306]
    """
    strength = np.atleast_1d(checks.numbers(strength, "strength"))
    if not rankings.strict.all():
        raise InputError(f"ranking {int(np.argmin(rankings.strict))} has ties: MM steps are for rankings without")
    wins, risk = np.full((2, len(strength)), -np.inf)
    for ranking, weight in zip(rankings.groups, rankings.log_share, strict=True):
        items = [group[0] for group in ranking]
        value = strength[items]
        later = np.logaddexp.accumulate(value[::-1])[::-1][:-1]
        wins[items[:-1]] = np.logaddexp(wins[items[:-1]], weight)
        reach = np.logaddexp.accumulate(weight - later)
        risk[items] = np.logaddexp(risk[items], np.append(reach, reach[-1]))
    if np.isneginf(wins).any():
        never = int(np.argmax(np.isneginf(wins)))
        raise InputError(f"response {never} is never chosen before the last place: its strength falls without end")
    new = wins - risk
    return new - new.mean()


def _nodes(problem, rankings):
    """The groups with node numbers prompt * n_responses + response."""
    base = rankings.prompt * problem.n_responses
    if not base.any():
        return rankings.groups
    return [
        tuple(tuple(start + y for y in group) for group in ranking)
        for start, ranking in zip(base.tolist(), rankings.groups, strict=True)
    ]


def _scores(log_policy, problem, rankings):
    for row, ranking in enumerate(rankings.groups):
        gone = [y for group in ranking for y in group if np.isneginf(log_policy[rankings.prompt[row], y])]
        if gone:
            raise InputError(
                f"log_policy is -inf on response {gone[0]}, which ranking {row} names: the loss has no value"
            )
    with np.errstate(invalid="ignore"):
        return np.where(problem.present, problem.beta * (log_policy - problem.log_ref), 0.0).ravel()
