r"""Gradient flow of any differentiable loss in tabular softmax logits, integrated with the invariants as a check.

With :math:`G_y=\partial L/\partial\log\pi_y` of the whole loss and :math:`\nu=\sum_yG_y` in each prompt, the logits
obey

.. math:: \dot\theta_y=-(G_y-\nu\pi_y),

which sums to 0 over a prompt: the sum of its logits is conserved. A loss of differences has :math:`\nu=0`, and its
labels push two responses in opposite directions: the sum over each connected piece of the label graph is conserved, and
the logit of every unlabelled response. The loss never rises: :math:`\dot L=-\|\dot\theta\|^2`.
"""

from dataclasses import field, replace

import numpy as np

from tabular.base import digraph
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.losses.forms import Pair
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Trajectory", "integrate"]

_RELATIVE = 1e-9  # of what a logit has moved
_ABSOLUTE = 1e-11  # nats, times min(1, 1 / beta): what a logit may be off near its start
_STIFF = 300  # responses up to which an implicit step, cubic in them, is affordable


class Trajectory(Record):
    r"""A path of gradient flow from the reference.

    Attributes:
        times: ``(n_times,)``, of the flow: learning rate x steps.
        log_policy: ``(n_times, n_prompts, n_responses)``.
        loss: ``(n_times,)``, the weighted mean over the pairs.
        drift: the largest change of what is conserved, in nats, relative to the largest move of a logit (or 1).
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
        one = _Prompt(_of(form, preferences, here), log_ref, problem.beta, share, *ends)
        moved = one.path(times)
        log_policy[:, prompt, there] = one.log_policy(moved)
        loss += [one.loss(row) for row in moved]
        drift = max(drift, one.drift(moved))
    return log_policy, loss, drift


def _of(form, preferences, here):
    """The form with the token counts of some of the counted labels."""
    arrays = {name: getattr(form, name) for name in ("n_w", "n_l") if np.ndim(getattr(form, name, 0))}
    kept = preferences.log_weight > -np.inf
    return replace(form, **{name: values[kept][here] for name, values in arrays.items()}) if arrays else form


class _Prompt:
    """The flow of one prompt, in how far the logits have moved from the reference's."""

    def __init__(self, form, log_ref, beta, share, winner, loser):
        self.form, self.log_ref, self.beta, self.winner, self.loser = form, log_ref, beta, winner, loser
        self.share = share

    def log_policy(self, moved):
        x = self.log_ref + moved
        return x - np.logaddexp.reduce(x, axis=-1, keepdims=True)

    def _pair(self, moved):
        x, w, v = self.log_policy(moved), self.winner, self.loser
        if self.form.kind == "difference":  # the move alone: the normaliser cancels, with all its digits
            x = self.log_ref + moved
        return Pair(x[w], x[v], self.log_ref[w], self.log_ref[v], self.beta)

    def loss(self, moved):
        with np.errstate(over="ignore", invalid="ignore"):
            return float(self.share @ np.broadcast_to(self.form.value(self._pair(moved)), self.share.shape))

    def velocity(self, _, moved):
        with np.errstate(over="ignore", invalid="ignore"):
            up, down = self.form.gradient(self._pair(moved))
        n = len(moved)
        g = np.bincount(self.winner, self.share * up, n) + np.bincount(self.loser, self.share * down, n)
        if self.form.kind == "difference":
            return -g
        return g.sum() * np.exp(self.log_policy(moved)) - g

    def path(self, times):
        """``(n_times, n)``: how far the logits have moved."""
        n = len(self.log_ref)
        moved = np.zeros((len(times), n))
        later = times > 0
        if not later.any():
            return moved
        from scipy.integrate import solve_ivp  # a heavy import, which only a flow needs

        found = solve_ivp(
            self.velocity,
            (0.0, times.max()),
            np.zeros(n),
            t_eval=times[later],
            method="LSODA" if n <= _STIFF else "DOP853",
            rtol=_RELATIVE,
            atol=_ABSOLUTE * min(1.0, 1 / self.beta),
        )
        if found.status != 0 or not np.isfinite(found.y).all():
            last = found.t.max(initial=0.0)
            raise InputError(f"the flow could not be followed beyond time {last:g}: ask for earlier times")
        moved[later] = found.y.T
        return moved

    def drift(self, moved):
        """How far the conserved sums have moved, relative to the largest move."""
        n = len(self.log_ref)
        piece = np.zeros(n, dtype=int)
        if self.form.kind == "difference":
            piece = digraph.components(n, self.winner, self.loser)
        sums = np.array([np.bincount(piece, row) for row in moved])
        return float(np.abs(sums).max(initial=0.0) / max(1.0, np.abs(moved).max(initial=0.0)))
