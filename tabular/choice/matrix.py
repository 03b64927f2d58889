r"""Preference matrices: :math:`P_{ij}` is the probability that response i is preferred to response j."""

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from tabular.base import checks, tolerances
from tabular.base.log_space import normalised
from tabular.errors import InputError

__all__ = [
    "exact_from_wins",
    "from_reward",
    "from_wins",
    "game",
    "policies",
    "preference_matrix",
    "skew_part",
    "win_counts",
]


def preference_matrix(values: ArrayLike) -> np.ndarray:
    """``(n_prompts, n, n)`` of probabilities with ``P + P.T = 1``, exactly after this; ``(n, n)`` is one prompt.

    Raises:
        InputError: not square, an entry outside [0, 1], or a pair whose two entries do not sum to 1 within 1e-9.

    >>> preference_matrix([[0.5, 0.9], [0.1, 0.5]]).shape
    (1, 2, 2)
    >>> preference_matrix([[0.5, 0.9], [0.2, 0.5]])
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: preference[0, 0, 1] is 0.9: with its opposite 0.2 it must sum to 1; from counts, use \
from_wins
    """
    array = checks.numbers(values, "preference")
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[1] != array.shape[2] or 0 in array.shape:
        raise InputError(f"preference has shape {np.shape(values)}: give (n, n), or (n_prompts, n, n), probabilities")
    bad = ~((array >= 0) & (array <= 1))
    checks.refuse(bad, array, "preference", "a probability must lie between 0 and 1")
    opposite = array.swapaxes(1, 2)
    off = np.abs(array + opposite - 1) > tolerances.COMPLEMENT
    if off.any():
        place = tuple(np.argwhere(off)[0])
        raise InputError(
            f"preference[{', '.join(map(str, place))}] is {array[place]:.10g}: with its opposite "
            f"{opposite[place]:.10g} it must sum to 1; from counts, use from_wins"
        )
    return 0.5 + (array - opposite) / 2


def from_wins(wins: ArrayLike, unseen: float = 0.5) -> np.ndarray:
    r"""``(n, n)``: the share of their comparisons that i won against j; ``unseen`` where they never met.

    Raises:
        InputError: counts that are negative, not finite or not square.

    >>> from_wins([[0, 3], [1, 0]]).tolist()
    [[0.5, 0.75], [0.25, 0.5]]
    """
    wins = win_counts(wins)
    total = wins + wins.T
    met = total > 0
    share = np.where(met, wins / np.where(met, total, 1), checks.number(unseen, "unseen", checks.NOT_NEGATIVE))
    np.fill_diagonal(share, 0.5)
    return preference_matrix(share)[0]


def exact_from_wins(wins: ArrayLike) -> np.ndarray:
    """The same as :func:`from_wins` in ``Fraction``: a third of the votes is a third, and a balanced cycle balances.

    >>> [[str(p) for p in row] for row in exact_from_wins([[0, 2], [1, 0]])]
    [['1/2', '2/3'], ['1/3', '1/2']]
    """
    counts = win_counts(wins)
    share = np.full(counts.shape, Fraction(1, 2), dtype=object)
    for i, j in zip(*np.nonzero(counts), strict=True):
        won, lost = Fraction(counts[i, j]), Fraction(counts[j, i])
        share[i, j], share[j, i] = won / (won + lost), lost / (won + lost)
    return share


def from_reward(reward: ArrayLike) -> np.ndarray:
    r"""``(..., n, n)`` of Bradley-Terry: :math:`P_{ij}=\sigma(r_i-r_j)`.

    >>> from_reward([np.log(3), 0.0]).round(6).tolist()
    [[0.5, 0.75], [0.25, 0.5]]
    """
    reward = checks.numbers(reward, "reward")
    checks.refuse(~np.isfinite(reward), reward, "reward", "a reward must be finite")
    if reward.ndim == 0:
        raise InputError(f"reward is {reward}: give one for each response")
    return expit(reward[..., :, None] - reward[..., None, :])


def win_counts(values: ArrayLike) -> np.ndarray:
    """``(n, n)`` of finite non-negative counts with diagonal 0: ``wins[i, j]`` is how often i was preferred to j.

    >>> win_counts([[0, 3], [1, 0]]).tolist()
    [[0.0, 3.0], [1.0, 0.0]]
    """
    wins = checks.numbers(values, "wins")
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or wins.size == 0:
        raise InputError(f"wins has shape {wins.shape}: give (n, n) counts")
    checks.refuse(~(np.isfinite(wins) & (wins >= 0)), wins, "wins", "a count must be finite and at least 0")
    own = np.eye(len(wins), dtype=bool) & (wins != 0)
    checks.refuse(own, wins, "wins", "a response cannot win against itself: set it to 0")
    return wins


def skew_part(preference: ArrayLike) -> np.ndarray:
    """``(n_prompts, n, n)`` of P - 1/2, exactly skew-symmetric.

    >>> skew_part([[0.5, 0.75], [0.25, 0.5]]).tolist()
    [[[0.0, 0.25], [-0.25, 0.0]]]
    """
    array = preference_matrix(preference)
    return (array - array.swapaxes(1, 2)) / 2


def game(preference: ArrayLike, tau: ArrayLike, log_ref: ArrayLike | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices ``P - 1/2``, taus and normalised references, of one number of prompts.

    >>> [part.shape for part in game([[0.5, 0.9], [0.1, 0.5]], [1.0, 2.0], None)]
    [(2, 2, 2), (2,), (2, 2)]
    """
    skew = skew_part(preference)
    tau = np.atleast_1d(checks.numbers(tau, "tau"))
    checks.refuse(~((tau > 0) & (tau < np.inf)), tau, "tau", "it must be finite and above 0")
    n = skew.shape[1]
    log_ref = np.full((1, n), -np.log(n)) if log_ref is None else np.atleast_2d(checks.numbers(log_ref, "log_ref"))
    wrong = np.isnan(log_ref) | (log_ref == np.inf)
    checks.refuse(wrong, log_ref, "log_ref", "a log-probability must be a number below +inf")
    if log_ref.ndim != 2 or log_ref.shape[1] != n or tau.ndim != 1:
        raise InputError(f"log_ref has shape {log_ref.shape} and tau {tau.shape} for matrices of {n} responses")
    if np.isneginf(log_ref).all(axis=1).any():
        raise InputError("a row of log_ref has no response: give each prompt one above -inf")
    sizes = {len(skew), len(tau), len(log_ref)} - {1}
    if len(sizes) > 1:
        raise InputError(f"preference, tau and log_ref speak of {len(skew)}, {len(tau)}, {len(log_ref)} prompts")
    n_prompts = max(sizes, default=1)
    return (
        np.broadcast_to(skew, (n_prompts, n, n)),
        np.broadcast_to(tau, n_prompts),
        np.broadcast_to(normalised(log_ref), (n_prompts, n)),
    )


def policies(log_policy: ArrayLike, log_ref: np.ndarray) -> np.ndarray:
    """Log-policies as an array of the shape of the references.

    >>> policies([0.0, -np.inf], np.zeros((3, 2))).shape
    (3, 2)
    """
    policy, log_ref = np.atleast_2d(checks.numbers(log_policy, "log_policy")), checks.numbers(log_ref, "log_ref")
    if policy.shape[1:] != log_ref.shape[1:] or len(policy) not in (1, len(log_ref)):
        raise InputError(f"log_policy has shape {policy.shape}, the reference {log_ref.shape}")
    return np.broadcast_to(policy, log_ref.shape)
