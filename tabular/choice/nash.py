r"""Nash learning from human feedback: the KL-regularised equilibrium of a preference game.

Two policies play for :math:`P(\pi\succ\pi')=\pi^\top P\pi'`, with :math:`P+P^\top=1`, each paying tau a nat for leaving
the reference (Munos et al. 2023, 2312.00886):

.. math:: P_\tau(\pi,\pi')=\pi^\top P\pi'-\tau\,\mathrm{KL}(\pi\|\pi_{\rm ref})+\tau\,\mathrm{KL}(\pi'\|\pi_{\rm ref}).

**One equilibrium, symmetric**: :math:`\pi\propto\pi_{\rm ref}\,e^{P\pi/\tau}`. The game is strictly concave-convex, and
the best reply to a policy is RLHF with reward :math:`P\pi`.

**The gap is a divergence.** Write :math:`\hat\pi\propto\pi_{\rm ref}e^{P\pi/\tau}` for the best reply to pi. As
:math:`\pi^\top P\pi=\tfrac12`, what pi loses to its best reply is

.. math:: \max_{\pi'}P_\tau(\pi',\pi)-\tfrac12=\tau\,\mathrm{KL}(\pi\|\hat\pi)\ \ge\ \tau\,\mathrm{KL}(\pi\|\pi^\star),

the inequality because :math:`P_\tau(\pi^\star,\pi)-\tfrac12=\tfrac12-P_\tau(\pi,\pi^\star)=\tau\,\mathrm{KL}(\pi\|
\pi^\star)`, the last by Gibbs. So a policy that is nearly its own best reply is near the equilibrium, provably.

**Newton cannot fail.** In logits the equation is :math:`F(x)=x-\log\pi_{\rm ref}-A\,\mathrm{softmax}(x)/\tau=0` with
:math:`A=P-\tfrac12` skew, and its Jacobian is :math:`I-AD/\tau` with :math:`D=\mathrm{diag}\,\pi-\pi\pi^\top`. AD has
the eigenvalues of the skew matrix :math:`D^{1/2}AD^{1/2}`, all imaginary, so those of the Jacobian have real part 1: it
is never singular, :math:`\|F\|` has no stationary point but the root, and grows with x. Damped Newton converges from
anywhere; for small tau it is started along the path of equilibria, from larger ones.

**Where references are far apart** that path has kinks: who is played changes abruptly. For small tau the entropy of a
policy that is played is little beside :math:`c=\tau\log\pi_{\rm ref}`, and what is left is a linear program,

.. math:: \max_{\pi,t}\ c\cdot\pi+t\quad\text{subject to}\quad t\le-c_i-(A\pi)_i,

in which both players have the same optimal strategy. Newton starts there: its logs where it plays, replies elsewhere.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog

from tabular.base import cones, tolerances
from tabular.base.log_space import kl, normalised
from tabular.base.record import Record
from tabular.choice import only
from tabular.choice.matrix import game, policies
from tabular.errors import InputError
from tabular.problem import Problem
from tabular.simplex import expected_costs
from tabular.status import Status

__all__ = ["RegularisedNash", "best_reply", "exploitability", "limit", "regularised"]

_DIRECT = 0.1  # the tau from which on Newton started at the reference is faster than along the path of equilibria
_APART = 300.0  # nats between references from where on a linear program is a better start for small tau
_PLAYED = 1e-9  # a probability of the program that is one
_EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_TINY = np.finfo(float).tiny  # below it floats lose digits
_GAMES = 512  # games at a time: what is in between stays in the cache


class RegularisedNash(Record):
    """The equilibrium of each prompt, with what certifies it.

    Attributes:
        status: always UNIQUE, by the theorem of the module.
        log_policy: ``(n_prompts, n_responses)``; its own best reply.
        gap: ``(n_prompts,)`` duality gap, what the two players together could still gain; twice the exploitability.
        log_error: ``(n_prompts,)`` bound on the error of any log-probability, in nats, up to its own rounding.
    """

    status: Status
    log_policy: np.ndarray
    gap: np.ndarray
    log_error: np.ndarray


def regularised(preference: ArrayLike, tau: ArrayLike, log_ref: ArrayLike | None = None) -> RegularisedNash:
    r"""The policy :math:`\pi\propto\pi_{\rm ref}e^{P\pi/\tau}` of each prompt, all in one batch.

    Args:
        preference: ``(n_prompts, n, n)`` or ``(n, n)`` matrices P of :func:`tabular.choice.matrix.preference_matrix`.
        tau: the price of a nat, > 0: one number, or one for each prompt.
        log_ref: ``(n_prompts, n)`` or ``(n,)``, ``-inf`` where a response is absent; uniform by default.

    The numbers of prompts of the three broadcast.

    The error bound: with :math:`e=\mathrm{KL}(\pi\|\hat\pi)`, :math:`\mathrm{TV}(\pi,\pi^\star)\le\sqrt{e/2}`, and a
    difference of rows of P oscillates by at most 2, so :math:`\log\hat\pi` is within :math:`\sqrt{2e}/\tau` of
    :math:`\log\pi^\star`.

    Raises:
        InputError: not a preference matrix, tau not positive, or shapes that do not fit.

    >>> rock_paper_scissors = [[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]
    >>> found = regularised(rock_paper_scissors, tau=1.0, log_ref=np.log([0.5, 0.3, 0.2]))
    >>> np.exp(found.log_policy).round(10).tolist(), bool(found.log_error[0] < 1e-14)
    ([[0.5108675583, 0.2615561887, 0.227576253]], True)
    """
    skew, tau, log_ref = game(preference, tau, log_ref)
    log_policy, excess, move = np.empty(log_ref.shape), np.empty(len(tau)), np.empty(len(tau))
    for start in range(0, len(tau), _GAMES):
        rows = slice(start, start + _GAMES)
        log_policy[rows], excess[rows], move[rows] = _solved(skew[rows], tau[rows], log_ref[rows])
    return RegularisedNash(Status.UNIQUE, log_policy, 2 * tau * excess, move + np.sqrt(2 * excess) / tau)


def limit(preference: ArrayLike, log_ref: ArrayLike | None = None) -> np.ndarray:
    r"""``(n,)``: the log-policy to which the regularised equilibrium of one prompt tends as tau falls to 0.

    Of all equilibria of the unregularised game, the one closest to the reference in KL(pi | ref).
    *Proof.* No response beats an equilibrium e, so :math:`\pi_\tau^\top Ae\le 0`. As :math:`\pi_\tau` is its own best
    reply, :math:`\tau\langle\nabla\mathrm{KL}(\pi_\tau),e-\pi_\tau\rangle\ge e^\top A\pi_\tau\ge 0`; by
    convexity :math:`\mathrm{KL}(\pi_\tau)\le\mathrm{KL}(e)` for every tau and e. Limits of :math:`\pi_\tau` are
    equilibria, and only one is closest. ∎

    >>> tie = [[0.5, 0.5, 0.9], [0.5, 0.5, 0.9], [0.1, 0.1, 0.5]]
    >>> np.exp(limit(tie, np.log([0.1, 0.3, 0.6]))).round(6).tolist()  # the reference's odds of the two that tie
    [0.25, 0.75, 0.0]
    """
    skew, _, log_ref = game(preference, 1.0, log_ref)
    if len(skew) != 1:
        raise InputError(f"preference has {len(skew)} prompts: the limit is for one at a time")
    there = log_ref[0] > -np.inf
    if alone := only.guessed(cones.exact(skew[0][np.ix_(there, there)])):
        log_policy = np.full(len(there), -np.inf)
        log_policy[there] = [_log(p) for p in alone[0]]
        return log_policy
    problem = Problem(log_ref, 1.0, np.zeros(log_ref.shape))
    return expected_costs.optimum(problem, skew[0], np.zeros(skew.shape[1])).log_policy


def best_reply(
    preference: ArrayLike, tau: ArrayLike, log_policy: ArrayLike, log_ref: ArrayLike | None = None
) -> np.ndarray:
    r"""``(n_prompts, n)``: log of :math:`\pi_{\rm ref}e^{P\pi/\tau}/Z`, the RLHF optimum for the reward :math:`P\pi`.

    >>> best_reply([[0.5, 1.0], [0.0, 0.5]], 1.0, np.log([0.5, 0.5])).round(6).tolist()  # logit 1/2
    [[-0.474077, -0.974077]]
    """
    skew, tau, log_ref = game(preference, tau, log_ref)
    return _reply(skew, tau, log_ref, policies(log_policy, log_ref))


def exploitability(
    preference: ArrayLike, tau: ArrayLike, log_policy: ArrayLike, log_ref: ArrayLike | None = None
) -> np.ndarray:
    r"""``(n_prompts,)``: :math:`\max_{\pi'}P_\tau(\pi',\pi)-\tfrac12=\tau\,\mathrm{KL}(\pi\|\hat\pi)`.

    0 at the equilibrium and nowhere else.

    >>> exploitability([[0.5, 1.0], [0.0, 0.5]], 1.0, np.log([0.5, 0.5])).round(6).tolist()
    [0.03093]
    """
    skew, tau, log_ref = game(preference, tau, log_ref)
    log_policy = policies(log_policy, log_ref)
    return tau * kl(log_policy, _reply(skew, tau, log_ref, log_policy))


def _log(chance):
    """Of a fraction, which may be below the floats."""
    if chance == 0:
        return -np.inf
    near = float(chance)
    return np.log(near) if near > _TINY else math.log(chance.numerator) - math.log(chance.denominator)


def _solved(skew, tau, log_ref):
    """Equilibria of some games, the divergence of each from its best reply, and how far the two are apart in logs."""
    there = log_ref > -np.inf
    base = np.where(there, log_ref, 0.0)
    if not there.all():
        skew = np.where(there[:, :, None] & there[:, None, :], skew, 0.0)
    x, level = base.copy(), np.maximum(tau, _DIRECT)
    lowest = np.where(there, base, np.inf).min(axis=1)
    for k in np.flatnonzero((level > tau) & (np.where(there, base, -np.inf).max(axis=1) - lowest > _APART)):
        here = np.ix_(there[k], there[k])
        x[k, there[k]], level[k] = _programmed(skew[k][here], tau[k], base[k, there[k]]), tau[k]
    while (level > tau).any():
        x = _newton(skew, base, level, there, x, tolerances.WARM)
        level = np.maximum(tau, level / 4)
    x = _newton(skew, base, tau, there, x, 0.0)
    log_policy = normalised(np.where(there, x, -np.inf))
    reply = _reply(skew, tau, log_ref, log_policy)
    apart = np.where(there, log_policy, 0.0) - np.where(there, reply, 0.0)
    return log_policy, kl(log_policy, reply), np.ptp(apart, axis=1)


def _programmed(skew, tau, base):
    """Where Newton starts: the logs of what the linear program plays, at the level of replies to it, and these."""
    n, cost = len(base), tau * (base - base.max())
    below, one = np.c_[skew, np.ones(n)], np.r_[np.ones(n), 0.0][None]
    bounds = [(0, None)] * n + [(None, None)]
    found = linprog(np.r_[-cost, -1.0], below, -cost, one, [1.0], bounds, method="highs-ds", options=_EXACT).x
    if found is None:
        return base
    policy = np.maximum(found[:n], 0.0) / np.maximum(found[:n], 0.0).sum()
    reply, played = base + skew @ policy / tau, policy > _PLAYED
    logs = np.log(np.where(played, policy, 1.0))
    level = policy[played] @ (reply - logs)[played] / policy[played].sum()
    return np.where(played, logs + level, np.minimum(reply, level + np.log(_PLAYED)))


def _reply(skew, tau, log_ref, log_policy):
    return normalised(log_ref + np.einsum("pij,pj->pi", skew, np.exp(log_policy)) / tau[:, None])


def _softmax(x, there):
    present = x if there.all() else np.where(there, x, -np.inf)
    weight = np.exp(present - present.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


def _residual(scaled, base, there, x):
    """F with ``scaled`` = A / tau, the policy it was taken at, and the pull A pi / tau on each response."""
    policy = _softmax(x, there)
    pull = np.matmul(scaled, policy[:, :, None])[:, :, 0]
    miss = x - base - pull
    return (miss if there.all() else np.where(there, miss, 0.0)), policy, pull


def _newton(skew, base, tau, there, x, tolerance):
    """Damped Newton on F, all prompts at once.

    One leaves when its residual meets the tolerance or stops falling, or after a step of which rounding leaves nothing.
    """
    whole = skew / tau[:, None, None], base, there
    x, state = x.copy(), _residual(*whole, x)
    size = np.linalg.norm(state[0], axis=1)
    rounding = 4 * np.finfo(float).eps * (1 / tau + np.abs(base).max(axis=1))
    least = np.maximum(tolerance, rounding)
    going = np.flatnonzero(size > least)
    while going.size:
        game = whole if len(going) == len(x) else tuple(part[going] for part in whole)
        here = tuple(part[going] for part in state)
        step = _newton_step(game[0], *here)
        tried, found, accepted = _line_search(game, x[going], step, size[going])
        x[going] = tried
        for part, new in zip(state, found, strict=True):
            part[going] = new
        before, size[going] = size[going], np.linalg.norm(found[0], axis=1)
        told = np.abs(step).max(axis=1) > rounding[going]
        going = going[accepted & told & (size[going] > least[going]) & (size[going] < before)]
    return x


def _newton_step(scaled, residual, policy, pull):
    """``(I - A D / tau)^{-1} F`` for each prompt; A D = A diag(pi) - (A pi) pi^T."""
    jacobian = pull[:, :, None] - scaled
    jacobian *= policy[:, None, :]
    np.einsum("pii->pi", jacobian)[:] += 1.0
    return np.linalg.solve(jacobian, residual[:, :, None])[:, :, 0]


def _line_search(game, x, step, size):
    """The longest halving of each step after which the residual is smaller: where, its state, whether there was one."""
    length, found = np.ones(len(x)), x - step
    state = _residual(*game, found)
    waiting = ~(np.linalg.norm(state[0], axis=1) <= (1 - tolerances.ARMIJO) * size)
    while (todo := np.flatnonzero(waiting & (length > tolerances.SHORTEST))).size:
        length[todo] /= 2
        found[todo] = x[todo] - length[todo, None] * step[todo]
        for part, new in zip(state, _residual(*(part[todo] for part in game), found[todo]), strict=True):
            part[todo] = new
        enough = np.linalg.norm(state[0][todo], axis=1) <= (1 - tolerances.ARMIJO * length[todo]) * size[todo]
        waiting[todo] = ~enough
    if waiting.any():
        found[waiting] = x[waiting]
        for part, new in zip(state, _residual(*(part[waiting] for part in game), x[waiting]), strict=True):
            part[waiting] = new
    return found, state, ~waiting
