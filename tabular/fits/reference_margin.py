r"""CPO's reference-margin loss (Eq. 13-19 of Yang et al., as transcribed): a margin that depends on the policy, frozen.

At a stationary policy of the penalised objective (:mod:`tabular.simplex.penalized`)

.. math:: \beta\,(\delta-\delta_{\rm ref})=\Delta r+\Psi^*,\qquad
   \Psi^*=\gamma\Big(\frac{c_w}{\pi_w}-\frac{c_l}{\pi_l}\Big),

which for a single label, :math:`c_w=1=-c_l`, is Eq. 13's :math:`\gamma(1/\pi_w+1/\pi_l)`. Eq. 17 puts
:math:`\pi_{\rm ref}` for :math:`\pi` and every label on its own, keeps the result fixed, and fits
:math:`\mathrm{sp}(-(\beta h-\Psi_{\rm ref}))`.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks, tolerances
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.errors import InputError
from tabular.fits.dpo_solution import DPOSolution
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy
from tabular.simplex.penalized import win_excess
from tabular.simplex.penalized_maxima import pulls

__all__ = ["exact_margin", "finite_margin", "reference_margin", "reference_margin_solve", "triangle_defect"]


@takes_nouns
def reference_margin(problem: Problem, preferences: Preferences, gamma: float) -> np.ndarray:
    r""":math:`\Psi_{\rm ref}=\gamma(1/\pi_{\rm ref}(w)+1/\pi_{\rm ref}(l))`, Eq. 17 as transcribed.

    ``(n_pairs,)`` in units of reward, like :math:`\beta h`; ``inf`` where it is beyond the floats.

    >>> problem = Problem.from_probabilities([0.25, 0.75], beta=1)
    >>> reference_margin(problem, Preferences.from_pairs([(0, 1)]), gamma=0.3).round(9).tolist()
    [1.6]
    """
    gamma = checks.number(gamma, "gamma", checks.NOT_NEGATIVE)
    return _inverse_sum(problem.log_ref, preferences.check_against(problem), gamma)


def finite_margin(problem, preferences, gamma):
    """:func:`reference_margin`, refused where it overflows."""
    margin = reference_margin(problem, preferences, gamma)
    if np.isinf(margin).any():
        label = int(np.argmax(np.isinf(margin)))
        raise InputError(f"label {label}: the margin of Eq. 17 overflows: make gamma smaller")
    return margin


@takes_nouns
def exact_margin(log_policy: ArrayLike, problem: Problem, preferences: Preferences, gamma: float) -> np.ndarray:
    r""":math:`\Psi^*=\gamma(c_w/\pi_w-c_l/\pi_l)` at a policy, ``(n_pairs,)``.

    At the local maximum of the penalised objective it is :math:`\beta(\delta-\delta_{\rm ref})-\Delta r` exactly.
    c is the excess of wins of :func:`tabular.simplex.penalized.win_excess`. Unlike Eq. 17's it is a potential
    difference. For one pair Eq. 17 over-states it iff the local maximum is less lopsided than the reference,
    :math:`|\delta|<|\delta_{\rm ref}|`, as :math:`1/\pi_w+1/\pi_l=2+2\cosh\delta`; a slightly misaligned reference
    whose local maximum lies far on the other side has it under-stated.

    >>> from tabular import cpo
    >>> problem = Problem.from_probabilities([0.25, 0.75], beta=1, reward=[0.0, 0.0])
    >>> pair = Preferences.from_pairs([(0, 1)])
    >>> local = cpo.penalized_optimum(problem, pair, gamma=0.3).local
    >>> exact = exact_margin(local, problem, pair, gamma=0.3)
    >>> (pair.delta(local) - pair.delta(problem.log_ref) - exact).round(9).tolist()
    [0.0]
    >>> (reference_margin(problem, pair, gamma=0.3) - exact).round(6).tolist()  # the substitute's error: it over-states
    [0.39671]
    """
    log_policy = as_log_policy(log_policy, problem)
    gamma, excess = checks.number(gamma, "gamma", checks.NOT_NEGATIVE), win_excess(problem, preferences)
    pull = pulls(log_policy, gamma * excess)
    return pull[preferences.prompt, preferences.winner] - pull[preferences.prompt, preferences.loser]


@takes_nouns
@one_thread
def reference_margin_solve(
    problem: Problem, preferences: Preferences, gamma: float, *, margin_of: Literal["label", "pair"] = "label"
) -> DPOSolution:
    r"""Every minimiser of :math:`\sum_i\bar w_i\,\mathrm{sp}(-(\beta h_i-\Psi_{{\rm ref},i}))`, the margin held fixed.

    The problem is DPO's with an offset, and existence is DPO's: a margin moves no edge of the win digraph.

    Args:
        margin_of: where a pair is labelled both ways, "label" demands the margin of each label, as a trainer that reads
            labels one by one does; "pair" demands it in the direction of the heavier label and yields it in the other
            (a tie has no margin). For one pair at Bradley-Terry rates "pair" has the minimiser
            :math:`\delta=\delta_{\rm ref}+(\Delta r+\Psi_{\rm ref})/\beta`, positive iff
            :math:`\gamma>-(\beta\delta_{\rm ref}+\Delta r)/(1/\pi_{\rm ref}(w)+1/\pi_{\rm ref}(l))`.

    Raises:
        InputError: a label that does not fit, a bad gamma, another ``margin_of``, or a margin beyond double precision.

    >>> problem = Problem.from_probabilities([0.25, 0.75], beta=1, reward=[np.log(3), 0.0])
    >>> labels = Preferences.from_bradley_terry(problem)
    >>> solution = reference_margin_solve(problem, labels, gamma=0.3, margin_of="pair")
    >>> pair = Preferences.from_pairs([(0, 1)])
    >>> pair.delta(solution.log_policy).round(9).tolist()  # -log 3 + log 3 + 1.6
    [1.6]
    """
    margin = finite_margin(problem, preferences, gamma)
    side = checks.choice(margin_of, {"label": lambda *_: 1.0, "pair": _side}, "margin_of")
    return DPOSolution.of(problem, preferences, margin * side(preferences, problem))


@takes_nouns
def triangle_defect(problem: Problem, preferences: Preferences, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    r"""How far Eq. 17's targets contradict one another around triangles of labelled responses.

    Every label asks for :math:`\beta h=\Delta r+\Psi_{\rm ref}`. Around a closed walk the left side and
    :math:`\Delta r` sum to 0 when taken with the sign of the direction in which a label is passed, so the targets
    can be met together only if the signed margins do. The *defect* is the absolute value of their sum. For labels
    a > b > c and a > c it is

    .. math:: \gamma\Big|\frac1{\pi_a}+\frac1{\pi_b}+\frac1{\pi_b}+\frac1{\pi_c}-\frac1{\pi_a}-\frac1{\pi_c}\Big|
       =\frac{2\gamma}{\pi_{\rm ref}(b)},

    for a cycle a > b > c > a it is :math:`2\gamma(1/\pi_a+1/\pi_b+1/\pi_c)`: never 0 for gamma > 0, and any policy
    misses at least one of the three targets by a third of it or more, as the three misses add up to it.

    Returns:
        ``triangles (n, 4)`` of prompt and three responses in increasing order, and ``defect (n,)`` in units of reward,
        inf beyond the floats.
        Where a pair is labelled both ways the heavier direction counts; ties make no triangle.

    >>> problem = Problem.from_probabilities([0.5, 0.1, 0.4], beta=1)
    >>> triangles, defect = triangle_defect(problem, Preferences.from_pairs([(0, 1), (1, 2), (0, 2)]), gamma=0.05)
    >>> triangles.tolist(), defect.round(9).tolist()  # 2 x 0.05 / 0.1
    ([[0, 0, 1, 2]], [1.0])
    """
    preferences.check_against(problem)
    gamma = checks.number(gamma, "gamma", checks.NOT_NEGATIVE)
    found, passed = [], []
    for prompt in np.unique(preferences.prompt):
        wins = _majority(preferences, prompt, problem.n_responses)
        for a, b in np.argwhere(np.triu(wins != 0)):
            for c in np.flatnonzero((wins[a] != 0) & (wins[b] != 0) & (np.arange(len(wins)) > b)):
                first, second, third = wins[a, b], wins[b, c], wins[c, a]
                found.append((prompt, a, b, c))
                passed.append((third == first, first == second, second == third))  # others come in twice, as +-
    triangles = np.array(found, dtype=np.int64).reshape(-1, 4)
    asked = pulls(problem.log_ref[triangles[:, :1], triangles[:, 1:]], gamma)
    with np.errstate(over="ignore"):
        return triangles, 2 * np.where(np.reshape(passed, (-1, 3)), asked, 0.0).sum(axis=1)


def _inverse_sum(log_policy, preferences, gamma):
    ends = (log_policy[preferences.prompt, end] for end in (preferences.winner, preferences.loser))
    winner, loser = (pulls(log_end, gamma) for log_end in ends)
    with np.errstate(over="ignore"):
        return winner + loser


def _side(preferences, problem):
    """+1 for labels in the heavier direction of their pair, -1 against it, 0 where both weigh the same."""
    n = problem.n_responses
    low, high = np.minimum(preferences.winner, preferences.loser), np.maximum(preferences.winner, preferences.loser)
    _, pair = np.unique((preferences.prompt * n + low) * n + high, return_inverse=True)
    forward = np.where(preferences.winner == low, 1.0, -1.0)
    top = np.full(pair.max() + 1, -np.inf)
    np.maximum.at(top, pair, preferences.log_weight)
    weight = np.exp(preferences.log_weight - np.where(np.isneginf(top), 0.0, top)[pair])
    return _lead(np.bincount(pair, forward * weight), np.bincount(pair, weight))[pair] * forward


def _lead(more, total):
    """The sign of a difference of summed weights; 0 where only rounding tells them apart."""
    return np.where(np.abs(more) <= tolerances.WEIGHT * total, 0.0, np.sign(more))


def _majority(preferences, prompt, n_responses):
    """Antisymmetric (n, n) of +1 where the row is labelled over the column more heavily than the reverse."""
    here = np.flatnonzero(preferences.prompt == prompt)
    weight = np.zeros((n_responses, n_responses))
    top = max(preferences.log_weight[here].max(), np.finfo(float).min)  # all of them may weigh nothing
    np.add.at(weight, (preferences.winner[here], preferences.loser[here]), np.exp(preferences.log_weight[here] - top))
    return _lead(weight - weight.T, weight + weight.T)
