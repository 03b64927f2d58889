r"""From a fit in a link to a policy: the one constant that the normalisation leaves.

A loss of :math:`u_w-u_l` with :math:`u_y=\varphi(\log\pi_y/\pi_{\rm ref,y})`, or with :math:`u_y` divided by the token
count :math:`n_y`, is solved on the label graph in u (:mod:`tabular.fits.bradley_terry`), up to a constant for each
connected piece. For any finite u and any mass M there is exactly one constant c with

.. math:: \sum_y\pi_{\rm ref,y}\,e^{\varphi^{-1}(u_y+c)}=M,

as :math:`\varphi` is continuous, strictly increasing and :math:`-\infty` at 0: the sum rises from 0 and passes M before
:math:`u_y+c` reaches the supremum of :math:`\varphi` for any y.

**Coordinate.** c is carried as the log-ratio t of one response, the pivot, and the others as
:math:`\varphi^{-1}(\varphi(t)-d_y)`, with :math:`d_y` how far they are below it: near a finite supremum, -0 for forward
KL, the constant itself has no digits left where t has them all. The pivot is the response of the largest u; where
:math:`\varphi` has no upper end and may be steep there (chi-PO), the largest probability takes over as the pivot in a
second pass, as it alone fixes the sum.

**Bracket.** Every log-ratio is at most that of the largest u, so the mass is at most :math:`e^t\sum\pi_{\rm ref}`, and
at least :math:`e^t\pi_{\rm ref,top}`: t lies between :math:`\log M-\log\sum\pi_{\rm ref}` and
:math:`\log M-\log\pi_{\rm ref,top}`. In the second pass it is less than one nat below its first value: with the largest
of k probabilities divided by e, and none of the others larger, the sum is below M by M(1 - 1/e)/k at least.
With token counts the coordinate is :math:`t=\max u`: if no response has more than M/k of k, the sum is at most M; if
one has M, it is at least that.

SquaredPO's link :math:`re^{-r}` rises only up to r = 1. The mass is still continuous in t, at most M at the lower end
and at least M at the upper, so the constant exists (:math:`\varphi^{-1}` being the rising branch, for all but the top
response); it need not be the only one. So every u is reached there too, and its least loss is DPO's.
"""

from dataclasses import dataclass

import numpy as np

from tabular.base import roots
from tabular.errors import InputError

__all__ = ["Groups", "grouped", "policy", "policy_by_length", "token_counts"]


@dataclass(frozen=True, eq=False)
class Groups:
    """Nodes that share a constant, those of a group together.

    Attributes:
        nodes: ``(n,)`` node numbers; start: ``(n_groups,)``, where each group begins; group: ``(n,)`` of each node.
        log_mass: ``(n_groups,)``, what the probabilities of each group sum to.
    """

    nodes: np.ndarray
    start: np.ndarray
    group: np.ndarray
    log_mass: np.ndarray

    def most(self, values):
        return np.maximum.reduceat(values, self.start)

    def least(self, values):
        return np.minimum.reduceat(values, self.start)

    def first(self, chosen):
        """The place of the first chosen node of each group."""
        places = np.flatnonzero(chosen)
        return places[np.searchsorted(self.group[places], np.arange(len(self.start)))]

    def log_total(self, log_values):
        top = self.most(log_values)
        safe = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            return safe + np.log(np.add.reduceat(np.exp(log_values - safe[self.group]), self.start))

    @property
    def size(self):
        return np.diff(np.r_[self.start, len(self.nodes)])


def grouped(label, log_mass) -> Groups:
    """Groups from the group number of each node; a node of number -1 belongs to none.

    >>> grouped(np.array([1, -1, 0, 1]), np.log([0.5, 0.5])).nodes.tolist()
    [2, 0, 3]
    """
    order = np.argsort(label, kind="stable")
    nodes = order[label[order] >= 0]
    _, start, group = np.unique(label[nodes], return_index=True, return_inverse=True)
    return Groups(nodes, start, group, np.asarray(log_mass, dtype=float))


def policy(link, u, log_ref, groups) -> np.ndarray:
    r"""Log-probabilities of all nodes, ``-inf`` outside the groups, whose links differ by u inside each group.

    Args:
        link: with ``lowered(t, d)``: :math:`\varphi^{-1}(\varphi(t)-d)`.
        u, log_ref: ``(n_nodes,)``; only differences of u inside a group mean anything.

    >>> from tabular.losses.links import ForwardKL
    >>> log_ref = np.log([0.2, 0.3, 0.5])
    >>> whole = grouped(np.zeros(3, int), [0.0])
    >>> found = policy(ForwardKL(), np.array([1.0, 0.0, 0.0]), log_ref, whole)
    >>> r = found - log_ref
    >>> float(np.exp(found).sum().round(12)), (np.exp(-r[1:]) - np.exp(-r[0])).round(12).tolist()
    (1.0, [1.0, 1.0])
    """
    u, ref = u[groups.nodes], log_ref[groups.nodes]
    top = groups.most(u)[groups.group] == u
    pivot = groups.first(top)
    log_policy = _through(link, u, ref, pivot, groups, groups.log_mass - groups.log_total(ref))
    if np.isinf(link.supremum):
        pivot = groups.first(log_policy == groups.most(log_policy)[groups.group])
        log_policy = _through(link, u, ref, pivot, groups, (log_policy - ref)[pivot] - 1)
    return _placed(log_policy, groups, len(log_ref))


def _through(link, u, ref, pivot, groups, low):
    """Log-probabilities of the grouped nodes, with the log-ratio of each group's pivot as the coordinate."""
    drop = u[pivot][groups.group] - u
    high = groups.log_mass - ref[pivot]

    def log_policy(t):
        return ref + link.lowered(t[groups.group], drop)

    def excess(t):
        return groups.log_total(log_policy(t)) - groups.log_mass

    return log_policy(roots.increasing(excess, np.minimum(low, high), high))


def policy_by_length(link, u, log_ref, counts, groups) -> np.ndarray:
    r"""The same for :math:`u_y=\varphi(\log\pi_y/\pi_{\rm ref,y})/n_y`; without a reference, ``log_ref`` is 0.

    >>> from tabular.losses.links import Identity
    >>> whole = grouped(np.zeros(2, int), [0.0])
    >>> found = policy_by_length(Identity(), np.array([0.5, 0.0]), np.zeros(2), np.array([2.0, 4.0]), whole)
    >>> float(np.exp(found).sum().round(12)), float((found[0] / 2 - found[1] / 4).round(12))  # SimPO's averages
    (1.0, 0.5)
    """
    u, ref, n = u[groups.nodes], log_ref[groups.nodes], counts[groups.nodes]
    drop = groups.most(u)[groups.group] - u
    room = groups.log_mass[groups.group] - ref

    def log_policy(t):
        return ref + link.inverse(n * (t[groups.group] - drop))

    high = groups.least(link.value(room) / n + drop)
    low = groups.least(link.value(room - np.log(groups.size)[groups.group]) / n + drop)
    t = roots.increasing(lambda t: groups.log_total(log_policy(t)) - groups.log_mass, low, high)
    return _placed(log_policy(t), groups, len(log_ref))


def token_counts(preferences, problem, n_w, n_l) -> np.ndarray:
    """``(n_nodes,)`` token counts of the responses from those of the pairs; 1 for responses that nobody labelled.

    Raises:
        InputError: a response with different counts in different pairs.
    """
    base = preferences.prompt * problem.n_responses
    nodes = np.r_[base + preferences.winner, base + preferences.loser]
    given = np.r_[preferences.per_pair(n_w, "n_w"), preferences.per_pair(n_l, "n_l")]
    counts = np.ones(problem.log_ref.size)
    counts[nodes] = given
    wrong = counts[nodes] != given
    if wrong.any():
        prompt, response = divmod(int(nodes[np.argmax(wrong)]), problem.n_responses)
        both = sorted({counts[nodes][wrong][0].item(), given[wrong][0].item()})
        raise InputError(
            f"response {response} of prompt {prompt} has {both[0]:g} tokens in one pair and {both[1]:g} in another: "
            "a response has one length"
        )
    return counts


def _placed(log_policy, groups, n_nodes):
    """All nodes, each group once more scaled to its mass."""
    everywhere = np.full(n_nodes, -np.inf)
    excess = groups.log_total(log_policy) - groups.log_mass
    everywhere[groups.nodes] = log_policy - excess[groups.group]
    return everywhere
