r"""Gradient flow of any differentiable loss in tabular softmax logits, integrated in what keeps its invariants.

With :math:`G_y=\partial L/\partial\log\pi_y` of the whole loss and :math:`\nu=\sum_yG_y` in each prompt, the logits
obey

.. math:: \dot\theta_y=-(G_y-\nu\pi_y),

which sums to 0 over a prompt: the sum of its logits is conserved. A loss of differences has :math:`\nu=0`, and its
labels push two responses in opposite directions: the sum over each connected piece of the label graph is conserved, and
the logit of every unlabelled response. The loss never rises: :math:`\dot L=-\|\dot\theta\|^2`.

**What is conserved is not followed.** Near an optimum pushes of many labels cancel in every logit. What rounding leaves
of them moves nothing that the labels hold, but adds up along what they do not: an implicit step, 1e16 times as long as
stiff directions allow an explicit one, magnifies it beyond any tolerance. So the last logit is read off the others.

**A flow of differences is followed in sums**, as heavy labels hide light ones by the same rounding. Take the heaviest
spanning tree of each piece, rooted, and for each of its edges the sum S of the moves below it: only labels that cross
this cut move S, of which none is heavier than the tree's. Labels between two blocks, which fade, count as the lightest.
A logit has moved by its own S less those just below it. Pushes that links of the two responses multiply are added up in
the same sums first: where they cancel, what rounding leaves does not move the pieces against each other.

**Steps are of log time.** What moves fast settles and what is left is slower and slower; a margin that grows for ever
grows as :math:`\log t`. So :math:`s=\log(1+kt)` is followed in place of t, in which both are nearly straight, with k
the rate at which pushes turn first.
"""

import math
import warnings
from dataclasses import field, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, eye_array, issparse

from tabular.base import digraph
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.fits import spanning
from tabular.fits.pair_graph import PairGraph
from tabular.losses.forms import OfMargin, Pair, through
from tabular.losses.links import Identity
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Trajectory", "integrate"]

_RELATIVE = 1e-9  # of what a logit has moved
_ABSOLUTE = 1e-11  # nats, times min(1, 1 / beta): what a logit may be off near its start
_ROUNDED = 4 * np.finfo(float).eps  # of a log-probability: as much of a log-ratio is rounding, where it is a difference
_STIFF = 300  # responses up to which an implicit step, cubic in them, is affordable; and sums over them
_DENSE = 2**13  # entries of a matrix up to which its products are faster dense, whatever it lacks
_BEYOND = np.errstate(over="ignore", invalid="ignore")  # the floats: a step there is taken back, or said to fail


class Trajectory(Record):
    r"""A path of gradient flow from the reference.

    Attributes:
        times: ``(n_times,)``, of the flow: learning rate x steps.
        log_policy: ``(n_times, n_prompts, n_responses)``.
        loss: ``(n_times,)``, the weighted mean over the pairs.
        drift: the largest change of what is conserved, in nats, relative to the largest move of a logit (or 1); up to
            300 responses, where steps are implicit, it is rounding.
        limit: ``(n_prompts, n_responses)``, where the flow ends as the times tend to infinity; ``None`` where theory
            does not say so of every prompt.
    """

    problem: Problem = field(repr=False)
    preferences: Preferences = field(repr=False)
    times: np.ndarray
    log_policy: np.ndarray = field(repr=False)
    loss: np.ndarray = field(repr=False)
    drift: float
    limit: np.ndarray | None = field(repr=False)

    shown = ("times", "loss", "drift", "limit")

    @property
    def delta(self) -> np.ndarray:
        r"""``(n_times, n_pairs)`` of :math:`\log\pi_w-\log\pi_l`."""
        labels = self.preferences
        return self.log_policy[:, labels.prompt, labels.winner] - self.log_policy[:, labels.prompt, labels.loser]

    @property
    def never_rises(self) -> bool:
        """Whether the loss falls, or stays within rounding, from each time to the next, and from the start."""
        start = self.loss[:1]
        path = np.concatenate([start, self.loss])
        return bool((np.diff(path) <= 1e-9 * np.maximum(np.abs(path[:-1]), 1e-3)).all())


def integrate(problem: Problem, preferences: Preferences, form, times):
    """``log_policy (n_times, n_prompts, n_responses)``, the loss at each time, and the drift."""
    labels = preferences.counted()
    log_policy = np.repeat(problem.log_ref[None], len(times), axis=0)
    loss, drift = np.zeros(len(times)), 0.0
    for prompt in np.unique(labels.prompt):
        there = np.flatnonzero(problem.present[prompt])
        here = labels.prompt == prompt
        ends = (np.searchsorted(there, end[here]) for end in (labels.winner, labels.loser))
        share, log_ref = np.exp(labels.log_share[here]), problem.log_ref[prompt, there]
        own = _of(form, preferences, here)
        one = _flow_of(own)(own, log_ref, problem.beta, share, *ends)
        moved = one.path(times)
        log_policy[:, prompt, there] = [one.log_policy(row) for row in moved]
        loss += [one.loss(row) for row in moved]
        drift = max(drift, one.drift(moved))
    return log_policy, loss, drift


def _of(form, preferences, here):
    """The form with the token counts of some of the counted labels."""
    arrays = {name: getattr(form, name) for name in ("n_w", "n_l") if np.ndim(getattr(form, name, 0))}
    kept = preferences.log_weight > -np.inf
    return replace(form, **{name: values[kept][here] for name, values in arrays.items()}) if arrays else form


def _flow_of(form):
    """By whether a label pushes both responses alike, or but for their links: where all have as many tokens."""
    if form.kind == "difference":
        return _Differences
    if not isinstance(form, OfMargin) or np.ptp(np.r_[form.n_w, form.n_l]) > 0:
        return _Prompt
    return _Differences if isinstance(form.link, Identity) else _Linked


class _Prompt:
    """The flow of one prompt, in how far the logits have moved from the reference's."""

    def __init__(self, form, log_ref, beta, share, winner, loser):
        self.form, self.log_ref, self.beta, self.share = form, log_ref, beta, share
        self.winner, self.loser = winner, loser

    @cached_property
    def moves(self):
        """What is followed, all logits but the last, to logits."""
        n, followed = len(self.log_ref), np.arange(len(self.log_ref) - 1)
        ends = np.r_[followed, np.full(n - 1, n - 1)], np.r_[followed, followed]
        return _quick(csr_array((np.repeat([1.0, -1.0], n - 1), ends), shape=(n, n - 1)))

    @property
    def blurred(self):
        """Nats of a logit that the rounding of log-probabilities hides."""
        return _ROUNDED * np.abs(self.log_ref).max()

    def log_policy(self, moved):
        """With all the digits of what the largest probability lacks to 1."""
        x = self.log_ref + moved
        top = x.argmax()
        below = x - x[top]
        others = np.exp(below)
        others[top] = 0.0
        return below - np.log1p(others.sum())

    def _pair(self, x):
        w, v = self.winner, self.loser
        return Pair(x[w], x[v], self.log_ref[w], self.log_ref[v], self.beta)

    def costs(self, moved):
        return self.form.value(self._pair(self.log_policy(moved)))

    @_BEYOND
    def loss(self, moved):
        return float(self.share @ np.broadcast_to(self.costs(moved), self.share.shape))

    def velocity(self, followed):
        x = self.log_policy(self.moves @ followed)
        return -_centred(self._pushes(x), np.exp(x))[:-1]

    def _pushes(self, x):
        """G of each response."""
        (up, down), n = self.form.gradient(self._pair(x)), len(x)
        return np.bincount(self.winner, self.share * up, n) + np.bincount(self.loser, self.share * down, n)

    def jacobian(self, followed):
        """Of the velocity: with G and pi it changes by their own derivatives, and the log-policy by mean 0 under pi."""
        x, n = self.log_policy(self.moves @ followed), len(self.log_ref)
        pi, pair, at = np.exp(x), self._pair(x), (self.winner * n + self.loser, self.loser * n + self.winner)
        up, down = self.form.gradient(pair)
        ww, wl, ll = (self.share * bend for bend in self.form.curvature(pair))
        own = np.bincount(self.winner, ww, n) + np.bincount(self.loser, ll, n)
        hessian = np.diag(own) + sum(np.bincount(cell, wl, n * n) for cell in at).reshape(n, n)
        force = self.share @ (up + down) * _centred(np.diag(pi), pi) - _centred(_centred(hessian, pi).T, pi)
        return (force @ self.moves)[:-1]

    @_BEYOND
    def path(self, times):
        """``(n_times, n)``: how far the logits have moved."""
        n = len(self.log_ref)
        moved = np.zeros((len(times), n))
        later = times > 0
        if not later.any():
            return moved
        from scipy.integrate import solve_ivp  # a heavy import, which only a flow needs

        start, unit, how = np.zeros(self.moves.shape[1]), times.max(), {"method": "DOP853"}
        if n <= _STIFF:
            unit = self._unit(unit, start)
            how = {"method": "LSODA", "jac": _stretched(self.jacobian, unit)}
        late, place = np.unique(np.log1p(times[later] / unit), return_inverse=True)
        how |= {"rtol": _RELATIVE, "atol": max(_ABSOLUTE * min(1.0, 1 / self.beta), self.blurred)}
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # its status says as much
            found = solve_ivp(_stretched(self.velocity, unit), (0.0, late[-1]), start, t_eval=late, **how)
        if found.status != 0 or not np.isfinite(found.y).all():
            last = unit * np.expm1(max(found.t, default=0.0))
            raise InputError(f"the flow could not be followed beyond time {last:g}: ask for earlier times")
        moved[later] = (self.moves @ found.y).T[place]
        return moved

    def _unit(self, span, start):
        """The time in which pushes turn at the start; the span where that is longer, or no number."""
        rate = np.abs(self.jacobian(start)).sum(axis=1).max()
        return 1 / rate if 1 < rate * span < np.inf else span

    def pieces(self):
        """The number of each response's piece, over which moves sum to 0."""
        return np.zeros(len(self.log_ref), dtype=int)

    def drift(self, moved):
        """How far the conserved sums have moved, relative to the largest move."""
        piece = self.pieces()
        sums = np.array([np.bincount(piece, row) for row in moved])
        return float(np.abs(sums).max(initial=0.0) / max(1.0, np.abs(moved).max(initial=0.0)))


def _centred(values, pi):
    """Rows less pi times their sums, so that they sum to 0: which says the largest, where nearly all would cancel."""
    centred, top = values - values.sum(axis=-1, keepdims=True) * pi, pi.argmax()
    centred[..., top] = 0.0
    centred[..., top] = -centred.sum(axis=-1)
    return centred


class _Differences(_Prompt):
    """That of opposite pushes: of the moves alone, with all their digits; in sums, where steps are implicit.

    Attributes:
        pushed: what a push of each pair of responses, to the lower of the two, moves of what is followed.
    """

    blurred = 0.0

    def __init__(self, form, log_ref, beta, share, winner, loser):
        super().__init__(form, log_ref, beta, share, winner, loser)
        self.rate = form.rate(beta) / np.max(form.n_w)
        self.offset = form.offset(log_ref[winner], log_ref[loser], beta)
        self.graph = PairGraph.of(len(log_ref), winner, loser)
        self.to_low = np.where(winner < loser, share, -share)
        if len(log_ref) <= _STIFF:
            below, moves = _sums(self.graph, self._lasting())
        else:
            below = moves = eye_array(len(log_ref), format="csc")
        self.moves, self.pushed = _quick(moves), _quick(csr_array(below[:, self.graph.low] - below[:, self.graph.high]))

    def _lasting(self):
        """A number for each pair that is the higher the longer and the harder it pushes: labels between blocks fade."""
        weight, between = np.bincount(self.graph.pair, self.share), False
        if self.form.scalar.growth[1] == 0:
            wins = digraph.adjacency(self.graph.n_nodes, self.winner, self.loser)
            block = digraph.block_labels(wins)
            between = block[self.graph.low] != block[self.graph.high]
        return np.where(between, -1 / np.maximum(weight, np.finfo(float).tiny), weight)

    def _margin(self, moved):
        return self.rate * (moved[self.winner] - moved[self.loser]) - self.offset

    def costs(self, moved):
        return self.form.scalar.value(self._margin(moved))

    def velocity(self, followed):
        return -self.summed(self._margin(self.moves @ followed))

    def summed(self, margin):
        """What the labels' pushes at these margins move of what is followed."""
        slope = self.rate * self.form.scalar.slope(margin)
        return self.pushed @ np.bincount(self.graph.pair, self.to_low * slope)

    @cached_property
    def between(self):
        """What is followed, to the difference of each pair's logits."""
        between = self.moves[self.graph.low] - self.moves[self.graph.high]
        return between.toarray() if issparse(between) else between

    def jacobian(self, followed):
        bend = self.rate**2 * self.form.scalar.curvature(self._margin(self.moves @ followed))
        return -(self.pushed * np.bincount(self.graph.pair, self.share * bend)) @ self.between

    def pieces(self):
        return self.graph.components()


class _Linked(_Prompt):
    """That of opposite pushes that each response's link turns: they cancel in sums, and leave no rounding to it."""

    def __init__(self, *given):
        super().__init__(*given)
        self.opposite = _Differences(*given)

    def _pushes(self, x):
        pushes = self.opposite.moves @ self.opposite.summed(self.form.margin(self._pair(x)))
        return through(pushes, self.form.link.slope(x - self.log_ref))


def _stretched(derivative, unit):
    """By the time, unit (e^s - 1), to by s."""
    return lambda s, followed: unit * math.exp(s) * derivative(followed)


def _quick(matrix):
    """A sparse matrix as its products with vectors are found faster."""
    return matrix.toarray().astype(float) if math.prod(matrix.shape) <= _DENSE else matrix


def _sums(graph, weight):
    """``(n_edges, n_nodes)`` which nodes are below each edge of a heaviest tree, and the moves that sums make."""
    n = graph.n_nodes
    roots = np.unique(graph.components(), return_index=True)[1]
    before, _ = spanning.heaviest_tree(graph.low, graph.high, weight, n, roots)
    child = np.flatnonzero(before < n)
    below = spanning.summed_from_roots(before, np.eye(n, dtype=np.int8)).T[child]
    ends, edge = np.r_[child, before[child]], np.arange(len(child))
    signs = np.repeat([1.0, -1.0], len(child))
    return below, csr_array((signs, (ends, np.r_[edge, edge])), shape=(n, len(child)))
