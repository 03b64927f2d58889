r"""Losses of differences in a link, solved: f-DPO, chi-PO, SquaredPO, SimPO, length-normalised DPO and IPO.

In u these are a problem on the label graph, with the same existence theorems as losses of differences
(:mod:`tabular.losses.solve`), as u takes every value. Where a minimum is attained the minimisers are given by the mass
of each block, any positive numbers that sum to 1, and each block's fit at its mass (:mod:`tabular.fits.links`).

**Not attained**, for losses that tend to 0 at :math:`+\infty` and to :math:`\infty` at :math:`-\infty`. Let the loss
tend to its infimum. Differences of u inside blocks tend to those of the fit, and :math:`u_w-u_l\to\infty` on labels
between blocks. As :math:`\pi_w\le 1` bounds :math:`u_w`, :math:`u_l\to-\infty` and :math:`\pi_l\to 0`: the limits are
supported on source blocks. A source block of limit mass m > 0 has finite u, so its proportions are those of the fit at
mass m. Every choice of such masses, 0 included, is a limit: put the other blocks ever lower in u, in the order of their
ranks. So the limits are one policy for each point of the simplex of source blocks - a curved simplex unless the link is
the identity, for the proportions inside a block change with its mass. :math:`\pi_l/\pi_w` need not tend to 0: forward
KL's loss of one label tends to 0 along :math:`\pi_l=t,\pi_w=2t`.
"""

from dataclasses import field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tabular.base.record import Record
from tabular.fits import links
from tabular.losses.forms import OfMargin
from tabular.losses.loss import Loss
from tabular.losses.solution import DifferenceSolution, FaceSolution, loss_of
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status, overall

__all__ = ["LinkSolution", "of_differences"]


class LinkSolution(Record):
    r"""The minimisers of a loss of :math:`u_w-u_l`, or the limits of minimising sequences.

    Attributes:
        graph: the solution of the same loss as one of differences, whose ``log_ratio`` is u. Status, infimum and
            certificate are its own; but SquaredPO's link bends back at r = 1, several policies may have the same u,
            and where the graph's solution is UNIQUE this one is SET unless no response can be beyond the bend.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    >>> found = losses.solve(problem, labels, losses.get("fdpo_forward_kl"))
    >>> found.status, found.dimension, round(found.infimum, 10)
    (<Status.SET: 'set'>, 1, 0.5623351446)
    >>> r = (found.log_policy - problem.log_ref)[0]
    >>> (np.exp(-r[1]) - np.exp(-r[0]) - np.log(3) / 0.5).round(9) == 0  # beta (u_0 - u_1) = log 3
    np.True_
    """

    problem: Problem = field(repr=False)
    preferences: Preferences = field(repr=False)
    loss: Loss
    graph: DifferenceSolution | FaceSolution = field(repr=False)

    @property
    def infimum(self) -> float:
        return self.graph.infimum

    @property
    def certificate(self):
        return self.graph.certificate

    @property
    def residual(self) -> float:
        return self.graph.residual

    @property
    def dimension(self) -> int:
        """Of the set of minimisers, or of limits."""
        return self.graph.dimension

    @property
    def link_value(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` of u, with mean 0 over each block: only differences inside one mean anything."""
        return self.graph.log_ratio

    @cached_property
    def statuses(self) -> list[Status]:
        """The verdict of each prompt."""
        found = list(self.graph.statuses)
        if not self.loss.form.link.monotone:
            bends = ((self.problem.log_ref < -1) & self.problem.present).any(axis=1)
            found = [Status.SET if s is Status.UNIQUE and b else s for s, b in zip(found, bends, strict=True)]
        return found

    @property
    def status(self) -> Status:
        """UNBOUNDED if any prompt is, else LOCAL, else UNATTAINED, else UNIQUE if all are, otherwise SET."""
        return overall(self.statuses)

    @cached_property
    def log_policy(self) -> np.ndarray:
        """``(n_prompts, n_responses)``: the minimiser, or limit, that keeps the reference's masses of source blocks.

        Where nothing joins two blocks, every block keeps the mass the reference gives it, and unlabelled responses
        their probability; otherwise the source blocks keep their masses relative to one another, the others have none.
        Where the loss is unbounded below: the reference confined to the cut's set.
        """
        policy = _policy(self.problem, self.preferences, self.loss.form, self.link_value, self._group)
        unbounded = np.array([status is Status.UNBOUNDED for status in self.statuses])
        policy[unbounded] = self.graph.log_policy[unbounded]
        policy.flags.writeable = False
        return policy

    @property
    def _group(self):
        """Source block of each response, -1 for none."""
        if isinstance(self.graph, FaceSolution):
            found = self.graph.face.component.reshape(self.problem.log_ref.shape)
            return np.where(self.problem.present, found, -1)
        return np.where(self.graph.source, self.graph.label, -1)

    def contains(self, log_policy: ArrayLike, atol: float = 1e-8) -> bool:
        """Whether a policy attains the infimum, within ``atol``.

        Raises:
            InputError: not a policy of this problem.
        """
        if self.status in (Status.UNATTAINED, Status.UNBOUNDED):
            return False
        return loss_of(self, log_policy) <= self.infimum + atol


def of_differences(loss: Loss) -> Loss:
    """The same function g of the margin as a loss of differences, whose log-ratios are then u."""
    form = OfMargin(loss.form.scalar, psi=loss.form.psi, in_nats=loss.form.in_nats)
    return replace(loss, form=form)


def _policy(problem, preferences, form, u, group):
    log_ref, label = problem.log_ref.ravel(), group.ravel()
    groups = links.grouped(label, _log_masses(problem, label))
    if form.per_token:
        counts = links.token_counts(preferences, problem, form.n_w, form.n_l)
        start = np.zeros(len(log_ref)) if form.reference_free else log_ref
        found = links.policy_by_length(form.link, u.ravel(), start, counts, groups)
    else:
        found = links.policy(form.link, u.ravel(), log_ref, groups)
    return found.reshape(problem.log_ref.shape)


def _log_masses(problem, label):
    """Of each group, in the order of their numbers: its reference mass over that of all groups of its prompt."""
    nodes = np.argsort(label, kind="stable")
    nodes = nodes[label[nodes] >= 0]
    prompt = nodes // problem.n_responses
    log_ref = problem.log_ref.ravel()[nodes]
    total = np.full(problem.n_prompts, -np.inf)
    np.logaddexp.at(total, prompt, log_ref)
    start = np.flatnonzero(np.diff(label[nodes], prepend=-1))
    return np.logaddexp.reduceat(log_ref, start) - total[prompt[start]]
