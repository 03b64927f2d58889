r"""The set of all DPO solutions of a problem and its labels, as an object.

**Theorem (solution set).** Per prompt, let the blocks be the strongly connected components of the win digraph (an edge
w -> l for each label of positive weight; unlabelled responses are blocks of their own), :math:`\rho` the fitted
log-ratios of :func:`tabular.fits.bradley_terry.fit` divided by beta, and :math:`q_b\propto\pi_{\rm ref}e^{\rho}` on
block b.

1. :math:`\inf L` is the sum of the blocks' own minima. It depends on the labels alone, not on the reference or beta.
2. L has a minimiser iff no edge joins two blocks. The minimisers are then :math:`\pi=\sum_b m_bq_b` with any block
   masses :math:`m_b>0` that sum to 1: UNIQUE for one block, otherwise SET, of dimension #blocks - 1.
3. Otherwise (UNATTAINED) the limits of minimising sequences of policies are exactly :math:`\pi=\sum_b m_bq_b` over
   the *source* blocks, those without an incoming edge, with any :math:`m_b\ge 0` that sum to 1.

*Proof.* L is a function of :math:`s=\beta\log(\pi/\pi_{\rm ref})` up to a constant per prompt, and s ranges over all
of :math:`\mathbb R^n`: it is the f of :mod:`tabular.fits.bradley_terry`, where 1 is shown. An edge between two blocks
costs more than 0 at any finite s, so with one the infimum is not attained; without, f is the sum of the blocks' losses,
each minimal exactly when s is the block's fit plus a constant, and these constants are the block masses: 2.
For 3, let L tend to its infimum along a sequence. Each block's loss tends to its minimum and is coercive and strictly
convex in the differences, so proportions inside blocks converge to those of :math:`q_b`; each edge b -> c between
blocks costs a vanishing amount, so :math:`s_w-s_l\to\infty` and the mass of c vanishes relative to that of b. The
condensation is acyclic and finite, so a block that is not a source loses, through a chain of edges, to a source: its
mass tends to 0. Conversely let m be positive on all source blocks and :math:`u=-\mathrm{rank}`, which is equal inside
blocks and strictly higher for the winner of every edge between two: then :math:`\sum_b m_be^{\tau u_b}q_b`, normalised
and with :math:`m_b=1` on other blocks, is a minimising sequence as :math:`\tau\to\infty`, with limit
:math:`\sum_bm_bq_b`, u being 0 exactly on the sources. Limits with some :math:`m_b=0` follow by a diagonal sequence. ∎

So with one label w -> l and a third, unlabelled response, every :math:`\{\pi_l=0,\pi_w=t,\pi_3=1-t\}` is a limit: mass
may go to a response nobody labelled (Xu et al. 2404.10719, Thm 4.1); and deterministic labels drive :math:`\pi_l` to
0 whatever beta is (Azar et al. 2310.12036).
"""

from dataclasses import field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import breadth_first_order

from tabular.base import checks, digraph
from tabular.base.log_space import normalised
from tabular.base.record import Record
from tabular.fits import bradley_terry, flow_limit
from tabular.fits.bradley_terry import Fit
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy
from tabular.status import Status, overall

__all__ = ["DPOSolution"]


class DPOSolution(Record):
    r"""Every minimiser of the DPO loss, or, where there is none, every limit of minimising sequences.

    Attributes:
        infimum: of the loss, a weighted mean over the pairs, in nats.
        log_ratio: ``(n_prompts, n_responses)`` of the fitted :math:`\rho=\log\pi/\pi_{\rm ref}`, with mean 0 over
            each block: only differences inside a block mean anything. 0 where a response is absent.
        margin: the fixed margin Psi of the loss sp(-(beta h - Psi)), ``(n_pairs,)`` or 0; 0 for DPO.
        residual: the largest step, in nats of beta log-ratio, that the score equations still ask of a response (see
            :class:`tabular.fits.bradley_terry.Fit`).

    >>> from tabular import dpo
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])  # response 2 is unlabelled
    >>> solution = dpo.solve(problem, labels)  # the minimisers are (6t, t, 1 - 7t), 0 < t < 1/7
    >>> solution.status, solution.dimension, round(solution.infimum, 10)
    (<Status.SET: 'set'>, 1, 0.5623351446)
    >>> np.exp(solution.log_policy).round(6).tolist()  # where gradient flow from the reference ends
    [[0.5, 0.083333, 0.416667]]
    >>> np.exp(solution.closest_to_reference()).round(6).tolist()
    [[0.334094, 0.055682, 0.610223]]
    >>> solution.contains(np.log([0.06, 0.01, 0.93])), solution.contains(problem.log_ref)
    (True, False)
    """

    problem: Problem = field(repr=False)
    preferences: Preferences = field(repr=False)
    fit: Fit = field(repr=False)
    margin: np.ndarray | float = field(repr=False)
    infimum: float
    residual: float

    shown = ("status", "log_policy", "recession", "blocks", "dimension", "infimum", "residual")

    @classmethod
    def of(cls, problem: Problem, preferences: Preferences, margin: np.ndarray) -> "DPOSolution":
        """The fit of labels that are the problem's, with ``(n_pairs,)`` margins: however large, the residual tells."""
        base = preferences.prompt * problem.n_responses
        ends = base + preferences.winner, base + preferences.loser
        fit = bradley_terry.fit(problem.log_ref.size, *ends, preferences.log_share, margin)
        return cls(problem, preferences, fit, margin, fit.infimum, fit.residual)

    @cached_property
    def log_ratio(self) -> np.ndarray:
        return _frozen(self.fit.strength.reshape(self.problem.log_ref.shape) / self.problem.beta)

    @cached_property
    def statuses(self) -> list[Status]:
        """The verdict of each prompt."""
        verdicts = np.where(self._unattained, 2, np.minimum(self._n_sources - 1, 1))
        return [(Status.UNIQUE, Status.SET, Status.UNATTAINED)[v] for v in verdicts]

    @property
    def status(self) -> Status:
        """UNATTAINED if any prompt is, UNIQUE if all are, otherwise SET; of other losses, UNBOUNDED or LOCAL first."""
        return overall(self.statuses)

    @property
    def dimension(self) -> int:
        """Dimension of the solution set, or of the set of limits: source blocks less one, summed over prompts."""
        return int((self._n_sources - 1).sum())

    @cached_property
    def blocks(self) -> list[list[np.ndarray]]:
        """The blocks of each prompt, source blocks first, a block before every block it wins against."""
        return digraph.grouped(self.label, self.problem.present)

    @property
    def recession(self) -> np.ndarray:
        """``(n_prompts, n_responses)``: a direction along which no label loses, and some gain if UNATTAINED.

        Minus the rank of the response's block: 0 on source blocks, equal inside blocks, strictly higher for the
        winner of every label between two blocks. It certifies UNATTAINED, and is 0 elsewhere.
        """
        return -self._rank

    @cached_property
    def label(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` block numbers, unique over all prompts."""
        return _frozen(self.fit.block.reshape(self.problem.log_ref.shape))

    @cached_property
    def log_inner(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` of log q: the proportions inside each block; each block sums to 1."""
        return _frozen(self._normalised_in_blocks(self.problem.log_ref + self.log_ratio))

    @cached_property
    def limit_vertices(self) -> list[np.ndarray]:
        """Per prompt ``(n_source_blocks, n_responses)``: all mass on one source block, in the order of ``blocks``.

        The closure of the solution set is their convex hull.
        """
        return [_frozen(self._vertices(prompt)) for prompt in range(self.problem.n_prompts)]

    @cached_property
    def _flow_limit(self):
        return tuple(map(_frozen, flow_limit.of(self)))

    @property
    def log_policy(self) -> np.ndarray:
        """``(n_prompts, n_responses)``: where gradient flow from the reference ends (:mod:`tabular.fits.flow_limit`).

        UNIQUE: the minimiser. SET: the member whose log-ratios, less one constant per prompt, have mean 0 over each
        labelled component and are 0 on unlabelled responses. UNATTAINED: the limit policy of the flow, for every
        prompt with ``flow_limit_known``; for the others the limit policy closest to the reference.
        """
        return self._flow_limit[0]

    @property
    def flow_limit_known(self) -> np.ndarray:
        """``(n_prompts,)`` mask: theory decides where gradient flow from the reference ends."""
        return self._flow_limit[1]

    def verdicts(self) -> list[dict]:
        """One row for each prompt: its status, its blocks, which are sources, and where the mass goes.

        ``mass`` is the probability of each source block at the end of gradient flow, ``None`` where that is unknown.

        >>> from tabular import dpo
        >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
        >>> dpo.solve(problem, Preferences.from_pairs([(0, 1)])).verdicts()[0]["mass"]
        [1.0, 0.0]
        """
        return [self._verdict(prompt) for prompt in range(self.problem.n_prompts)]

    def _verdict(self, prompt):
        blocks = self.blocks[prompt]
        sources = [block for block in blocks if self.source[prompt, block[0]]]
        ends = np.exp(self.log_policy[prompt]) if self.flow_limit_known[prompt] else None
        return {
            "prompt": prompt,
            "status": self.statuses[prompt].value,
            "blocks": [block.tolist() for block in blocks],
            "sources": [block.tolist() for block in sources],
            "mass": None if ends is None else [float(ends[block].sum()) for block in sources],
        }

    def contains(self, log_policy: ArrayLike, atol: float = 1e-8, closure: bool = False) -> bool:
        """Membership of the solution set, or of its closure (the set of limits, if UNATTAINED).

        A member's log-ratios differ from ``log_ratio`` by a constant on each block, within ``atol`` nats. A policy of
        the closure has, within ``atol``, the probabilities of the limit with the same masses of its source blocks.

        Raises:
            InputError: not a policy of this problem.
        """
        log_policy = as_log_policy(log_policy, self.problem)
        there = self.problem.present
        if np.any(log_policy[~there] > -np.inf):
            return False
        if closure:
            mass = np.bincount(self.label[self.source], np.exp(log_policy[self.source]), len(self.fit.rank))
            wanted = np.where(self.source, np.exp(self.log_inner) * mass[self.label], 0.0)
            return bool(np.abs(np.exp(log_policy) - wanted).max() <= atol)
        if self._unattained.any() or np.isneginf(log_policy[there]).any():
            return False
        excess = np.where(there, log_policy, 0) - np.where(there, self.problem.log_ref, 0) - self.log_ratio
        excess -= (np.bincount(self.fit.block, excess.ravel()) / np.bincount(self.fit.block))[self.label]
        return bool(np.abs(excess).max() <= atol)

    def margin_range(self, prompt: int, winner: int, loser: int) -> tuple[float, float]:
        """Least and greatest limit of delta = log pi_w/pi_l along minimising sequences, in nats.

        One number inside a block; +inf (-inf) where the winner beats the loser (or the reverse) through a chain of
        labels between blocks; everything where neither does.

        Raises:
            InputError: two equal or absent responses.
        """
        Preferences([prompt], [winner], [loser]).check_against(self.problem)
        if self.label[prompt, winner] == self.label[prompt, loser]:
            q = self.log_inner[prompt]
            return float(q[winner] - q[loser]), float(q[winner] - q[loser])
        if self._beats(prompt, winner, loser):
            return np.inf, np.inf
        if self._beats(prompt, loser, winner):
            return -np.inf, -np.inf
        return -np.inf, np.inf

    def closest_to_reference(self) -> np.ndarray:
        r"""``(n_prompts, n_responses)``: the least :math:`\mathrm{KL}(\pi\|\pi_{\rm ref})` over the closure.

        With :math:`\pi=\sum_bm_bq_b`, KL is :math:`\sum_bm_b(\log m_b+\mathrm{KL}(q_b\|\pi_{\rm ref}))`, least at
        :math:`m_b\propto e^{-\mathrm{KL}(q_b\|\pi_{\rm ref})}`. As :math:`\log q_b/\pi_{\rm ref}=\rho-\log Z_b`, that
        is :math:`\log\pi=\log\pi_{\rm ref}+\rho-\mathbb E_{q_b}[\rho]` on the source blocks, normalised.
        """
        mean = np.bincount(self.fit.block, (np.exp(self.log_inner) * self.log_ratio).ravel())
        tilted = self.problem.log_ref + self.log_ratio - mean[self.label]
        tilted[~self.source] = -np.inf
        return normalised(tilted)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """``(size, n_prompts, n_responses)``: members of the closure, source-block masses uniform on the simplex."""
        size = checks.whole_number(size, "size", least=0)
        log_mass = np.log(rng.standard_exponential((size, len(self.fit.rank))))
        drawn = np.where(self.source, self.log_inner + log_mass[:, self.label], -np.inf)
        return normalised(drawn)

    @cached_property
    def source(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` mask of the responses in source blocks."""
        return _frozen(self.problem.present & (self._rank == 0))

    @property
    def _rank(self):
        return self.fit.rank[self.label]

    @cached_property
    def _unattained(self):
        return (self._rank > 0).any(axis=1)

    @cached_property
    def _n_sources(self):
        return self.n_blocks(self.source)

    def n_blocks(self, chosen: np.ndarray) -> np.ndarray:
        """``(n_prompts,)``: how many blocks the chosen responses, a mask of whole blocks, make up."""
        prompt, response = np.nonzero(chosen)
        _, first = np.unique(self.label[prompt, response], return_index=True)
        return np.bincount(prompt[first], minlength=self.problem.n_prompts)

    def _normalised_in_blocks(self, log_values):
        block, values = self.fit.block, log_values.ravel()
        top = np.full(len(self.fit.rank), -np.inf)
        np.maximum.at(top, block, values)
        top = np.where(np.isneginf(top), 0.0, top)  # absent responses
        total = np.bincount(block, np.exp(values - top[block]))
        with np.errstate(divide="ignore", invalid="ignore"):
            log_inner = values - top[block] - np.log(total)[block]
        return np.where(self.problem.present, log_inner.reshape(log_values.shape), -np.inf)

    def _vertices(self, prompt):
        labels = np.unique(self.label[prompt][self.source[prompt]])
        return np.where(self.label[prompt] == labels[:, None], self.log_inner[prompt], -np.inf)

    @cached_property
    def _digraph(self):
        return digraph.win_digraph(self.preferences, self.problem)

    def _beats(self, prompt, winner, loser):
        base = prompt * self.problem.n_responses
        reached = breadth_first_order(self._digraph, base + winner, return_predecessors=False)
        return base + loser in reached


def _frozen(array):
    """The array, read-only: it is kept and handed out again."""
    array.flags.writeable = False
    return array
