r"""What each reading of alignment guarantees on a given problem: is there an optimum, does it rank every pair right, at
what price?

The price is paid against the RLHF optimum :math:`\pi^*`, which has the best :math:`J=\mathbb E[r]-\beta\,\mathrm{KL}`:
reward given up :math:`\mathbb E_{\pi^*}[r]-\mathbb E_\pi[r]` (negative where KL was spent instead), KL from the
reference, and :math:`V-J(\pi)=\beta\,\mathrm{KL}(\pi\|\pi^*)`, which is never negative.
"""

import numpy as np
from numpy.typing import ArrayLike

from tabular import cpo, margins, rlhf
from tabular.base import drawings
from tabular.base.log_space import kl
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.fits.dpo_solution import DPOSolution
from tabular.fits.reference_margin import finite_margin
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__all__ = ["READINGS", "Guarantee", "table"]

READINGS = ("rlhf", "dpo", "constrained", "penalized", "reference_margin", "code_easy", "code_cpo", "code_clip")
_ATTAINED = (Status.UNIQUE, Status.SET)
_TIE = 1e-9  # nats: what the projection makes equal differs by rounding only


class Guarantee(Record):
    """One row: a reading on a problem. Averages over prompts have the problem's weights, shares of labels theirs."""

    reading: str
    status: Status  #: of the reading's own optimum; where there is none the row describes ``policy``
    exists: bool  #: an optimum is attained
    policy: str  #: the numbers' policy: "optimum", "local maximum", "none", "limit of gradient flow" or, where theory
    #: leaves that of a prompt open, "limit closest to the reference"
    ranked_right: float | None  #: share of labels with delta > 0; None without a policy, and so below
    tied: float | None  #: share of labels with delta = 0
    worst_margin: float | None  #: least delta of a label, in nats
    reward_given_up: float | None
    kl: float | None  #: from the reference, in nats
    price: float | None  #: V - J, in units of reward

    def picture(self) -> str:
        """The shares of labels ranked right, tied and wrong."""
        if self.ranked_right is None or self.tied is None:
            return ""
        shares = {"right": self.ranked_right, "tied": self.tied, "wrong": 1 - self.ranked_right - self.tied}
        return drawings.shares(shares, "shares of the labels ranked right, tied and wrong")


@takes_nouns
@one_thread
def table(problem: Problem, preferences: Preferences, gamma: float, margin: ArrayLike = 0.0) -> list[Guarantee]:
    """One :class:`Guarantee` for each of :data:`READINGS`.

    Args:
        problem: with a reward.
        gamma: of the penalised objective, of Eq. 17 and of the released losses, in units of reward.
        margin: of the hard constraint, in nats.

    >>> problem = Problem.from_probabilities([0.1, 0.4, 0.5], beta=1, reward=[0.5, 0.0, 0.0])
    >>> for row in table(problem, Preferences.from_pairs([(0, 1)]), gamma=0.5, margin=np.log(2))[:4]:
    ...     print(row.reading, row.exists, row.policy, row.ranked_right, row.price and round(row.price, 4))
    rlhf True optimum 0.0 0.0
    dpo False limit of gradient flow 1.0 1.8654
    constrained True optimum 1.0 0.1477
    penalized False none None None
    """
    preferences.check_against(problem)
    optimum = cpo.constrained_optimum(problem, preferences, margin)
    rows = [
        _row("rlhf", Status.UNIQUE, "optimum", rlhf.optimal_policy(problem), problem, preferences),
        _fitted("dpo", np.zeros(preferences.n_pairs), problem, preferences),
        _row("constrained", optimum.status, "optimum", optimum.log_policy, problem, preferences),
        _penalized(problem, preferences, gamma),
        _fitted("reference_margin", finite_margin(problem, preferences, gamma), problem, preferences),
    ]
    return rows + [_released(name, problem, preferences, gamma) for name in READINGS[5:]]


def _fitted(reading, psi, problem, preferences):
    """A loss sp(-(beta h - psi)): existence from the win digraph, numbers from where gradient flow ends."""
    solution = DPOSolution.of(problem, preferences, psi)
    exists = solution.status in _ATTAINED
    inner = solution.log_inner[preferences.prompt]
    label, pair = solution.label[preferences.prompt], np.arange(preferences.n_pairs)
    together = label[pair, preferences.winner] == label[pair, preferences.loser]
    delta = np.where(together, inner[pair, preferences.winner] - inner[pair, preferences.loser], np.inf)
    ends = "limit of gradient flow" if solution.flow_limit_known.all() else "limit closest to the reference"
    policy = "optimum" if exists else ends
    return _row(reading, solution.status, policy, solution.log_policy, problem, preferences, delta)


def _released(name, problem, preferences, gamma):
    """A released loss by its target: sp(-beta (delta - T)) is the fixed margin psi = beta (T - delta_ref)."""
    winner = problem.log_ref[preferences.prompt, preferences.winner]
    loser = problem.log_ref[preferences.prompt, preferences.loser]
    settings = {
        "code_easy": {"log_ref_winner": winner, "log_ref_loser": loser, "beta": problem.beta, "gamma": gamma},
        "code_cpo": {"gamma": gamma},
        "code_clip": {},
    }
    target = margins.target(name, winner - loser, **settings[name])
    return _fitted(name, problem.beta * (target - (winner - loser)), problem, preferences)


def _penalized(problem, preferences, gamma):
    found = cpo.penalized_optimum(problem, preferences, gamma)
    exists = found.status in _ATTAINED
    if found.local is None:
        return Guarantee("penalized", found.status, exists, "none", None, None, None, None, None, None)
    policy = "optimum" if exists else "local maximum"
    return _row("penalized", found.status, policy, found.local, problem, preferences)


def _row(reading, status, policy, log_policy, problem, preferences, delta=None):
    if status is Status.INFEASIBLE:
        return Guarantee(reading, status, False, "none", None, None, None, None, None, None)
    delta = _delta(log_policy, preferences) if delta is None else delta
    counted = preferences.log_weight > -np.inf
    share, delta = np.exp(preferences.log_share[counted]), delta[counted]
    star = rlhf.optimal_policy(problem)
    reward = ((np.exp(star) - np.exp(log_policy)) * problem.require_reward()).sum(axis=1)
    average = problem.prompt_weights
    return Guarantee(
        reading,
        status,
        status in _ATTAINED,
        policy,
        ranked_right=float(share[delta > _TIE].sum() / share.sum()),
        tied=float(share[np.abs(delta) <= _TIE].sum() / share.sum()),
        worst_margin=float(delta.min()),
        reward_given_up=float(average @ reward),
        kl=float(average @ kl(log_policy, problem.log_ref)),
        price=float(average @ (problem.beta * kl(log_policy, star))),
    )


def _delta(log_policy, preferences):
    """delta of each label; 0 where both responses are forced to 0 and tie."""
    log_winner = log_policy[preferences.prompt, preferences.winner]
    log_loser = log_policy[preferences.prompt, preferences.loser]
    both = np.isneginf(log_winner) & np.isneginf(log_loser)
    return np.where(both, 0.0, np.where(both, 0.0, log_winner) - np.where(both, 0.0, log_loser))
