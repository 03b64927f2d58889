r"""Rules that turn a preference matrix, or win counts, into scores or winners.

All take matrices P with :math:`P+P^\top=1` (:mod:`tabular.choice.matrix`), ``(n, n)`` or a batch ``(n_prompts, n, n)``.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_expit

from tabular.base import digraph
from tabular.base.log_space import kl
from tabular.base.record import Record
from tabular.choice.matrix import preference_matrix, win_counts
from tabular.errors import InputError
from tabular.fits import bradley_terry as fitting
from tabular.status import Status

__all__ = [
    "BradleyTerry",
    "borda",
    "bradley_terry",
    "condorcet_loser",
    "condorcet_winner",
    "copeland",
    "kemeny",
    "schwartz_set",
    "smith_set",
]

_MOST_RANKED = 20  # responses of which all subsets are looked at


def borda(preference: ArrayLike) -> np.ndarray:
    r"""``(n_prompts, n)`` Borda scores :math:`\sum_{j\ne i}P_{ij}`: expected wins against the others.

    Bradley-Terry, and with it DPO under a uniform reference, orders the responses by them when every pair is compared
    equally often: :math:`\sum_j\sigma(s_i-s_j)` increases in :math:`s_i`. They are not the order of mean utility.

    >>> borda([[0.5, 0.58, 0.58], [0.42, 0.5, 0.96], [0.42, 0.04, 0.5]]).round(6).tolist()
    [[1.16, 1.38, 0.46]]
    """
    return preference_matrix(preference).sum(axis=2) - 0.5


def copeland(preference: ArrayLike) -> np.ndarray:
    """``(n_prompts, n)``: majorities won, a tie counting half.

    >>> copeland([[0.5, 0.58, 0.58], [0.42, 0.5, 0.96], [0.42, 0.04, 0.5]]).tolist()
    [[2.0, 1.0, 0.0]]
    """
    matrix = preference_matrix(preference)
    return (np.sign(matrix - matrix.swapaxes(1, 2)).sum(axis=2) + matrix.shape[1] - 1) / 2


def condorcet_winner(preference: ArrayLike) -> np.ndarray:
    """``(n_prompts,)``: the response that beats every other by a majority, -1 where there is none.

    >>> condorcet_winner([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]).tolist()
    [-1]
    """
    beats = _beats(preference).sum(axis=2) == np.shape(preference)[-1] - 1
    return np.where(beats.any(axis=1), beats.argmax(axis=1), -1)


def condorcet_loser(preference: ArrayLike) -> np.ndarray:
    """``(n_prompts,)``: the response that every other beats, -1 where there is none. Never first under Borda.

    >>> condorcet_loser([[0.5, 0.58, 0.58], [0.42, 0.5, 0.96], [0.42, 0.04, 0.5]]).tolist()
    [2]
    """
    beaten = _beats(preference).sum(axis=1) == np.shape(preference)[-1] - 1
    return np.where(beaten.any(axis=1), beaten.argmax(axis=1), -1)


def smith_set(preference: ArrayLike) -> np.ndarray:
    """``(n_prompts, n)`` mask: the smallest set of responses that each beat every response outside it.

    The top component of "beats or ties", which is complete, so its components form a chain.

    >>> smith_set([[0.5, 1, 0, 1], [0, 0.5, 1, 1], [1, 0, 0.5, 0.6], [0, 0, 0.4, 0.5]]).tolist()
    [[True, True, True, False]]
    """
    beats = _beats(preference)
    return _top(~beats.swapaxes(1, 2) & ~np.eye(beats.shape[1], dtype=bool))


def schwartz_set(preference: ArrayLike) -> np.ndarray:
    """``(n_prompts, n)`` mask: the responses of the blocks of the strict majority digraph that no other block beats.

    Inside the Smith set, and smaller where ties hold that together. Maximal lotteries live on the Smith set, but need
    not live here: of 0 = 2, 2 > 1, 1 > 0, all certain, 0 and 2 with probability 1/2 each are one.

    >>> tie = [[0.5, 0.5, 0.6], [0.5, 0.5, 0.5], [0.4, 0.5, 0.5]]
    >>> schwartz_set(tie).tolist(), smith_set(tie).tolist()
    ([[True, True, False]], [[True, True, True]])
    """
    return _top(_beats(preference))


def kemeny(preference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    r"""The rankings of least expected disagreement :math:`\sum_{i\text{ above }j}P_{ji}`, by subsets: n at most 20.

    A prompt of 16 responses takes a hundredth of a second, one of 20 a fifth.

    Returns:
        ``cost (n_prompts,)`` and ``order (n_prompts, n)``, the best response first; of several the first by index.

    >>> [part.round(6).tolist() for part in kemeny([[0.5, 0.58, 0.58], [0.42, 0.5, 0.96], [0.42, 0.04, 0.5]])]
    [[0.88], [[0, 1, 2]]]
    """
    matrix = preference_matrix(preference)
    n = matrix.shape[1]
    if n > _MOST_RANKED:
        raise InputError(f"preference has {n} responses: the exact Kemeny order is for {_MOST_RANKED} at most")
    least = np.minimum(matrix, matrix.swapaxes(1, 2))
    more, order = zip(*(_kemeny(prompt) for prompt in matrix.swapaxes(1, 2) - least), strict=True)
    return np.triu(least, 1).sum(axis=(1, 2)) + more, np.array(order)


def _kemeny(disagree):
    """The least cost and its order for one prompt: ``best`` of a set is that of ranking its members below the rest.

    A set is a row, its members in the first half of the responses, and a column, those in the second, so that taking
    a response away moves whole rows or columns. ``disagree[i, j]`` is what i costs above j beyond what j would above i,
    or 0: what every order pays would hide small majorities.
    """
    n, half = len(disagree), len(disagree) // 2
    low, high = _sums(disagree[:, :half]), _sums(disagree[:, half:])  # what each response costs above each set
    best = np.full((low.shape[1], high.shape[1]), np.inf)
    best[0, 0] = 0.0

    def within(sets, i):
        """Which of some sets hold member i, and the same without it."""
        held = np.flatnonzero(sets >> i & 1)
        return held, sets[held] - (1 << i)

    for columns in _by_size(n - half):
        layer = best[:, columns]
        for i in range(half, n):
            held, rest = within(columns, i - half)
            cost = best[:, rest] + (low[i][:, None] + high[i, rest])
            layer[:, held] = np.minimum(layer[:, held], cost)
        for rows in _by_size(half)[1:]:
            for i in range(half):
                held, rest = within(rows, i)
                cost = layer[rest] + (low[i, rest][:, None] + high[i, columns])
                layer[rows[held]] = np.minimum(layer[rows[held]], cost)
        best[:, columns] = layer
    row, column, order = best.shape[0] - 1, best.shape[1] - 1, []
    tied = n * np.finfo(float).eps * (n + best[-1, -1])  # the rounding of n * n shares, and of adding them up
    while row or column:
        for i in sorted(set(range(n)) - set(order)):
            rest = (row - (1 << i), column) if i < half else (row, column - (1 << i - half))
            cost = best[rest] + (low[i, rest[0]] + high[i, rest[1]])
            if cost <= best[row, column] + tied:
                break
        order.append(i)
        row, column = rest
    return best[-1, -1], order


def _sums(columns):
    """Of each row the sums over all subsets of its entries, in binary order."""
    total = np.zeros((len(columns), 1))
    for column in columns.T:
        total = np.hstack([total, total + column[:, None]])
    return total


def _by_size(n):
    """The subsets of n members, those of one size together."""
    size = np.bitwise_count(np.arange(2**n))
    return [np.flatnonzero(size == k) for k in range(n + 1)]


class BradleyTerry(Record):
    r"""The Bradley-Terry fit of win counts, and what it optimises.

    .. math:: \sum_{i<j}n_{ij}\,\mathrm{KL}\big(\mathrm{Bern}\,P_{ij}\,\|\,\mathrm{Bern}\,\sigma(s_i-s_j)\big)
       = \text{loss} - \text{entropy of the votes},

    least where every response wins as often as the model expects: :math:`\sum_jW_{ij}=\sum_jn_{ij}\sigma(s_i-s_j)`.

    Attributes:
        status: UNIQUE (up to a constant), SET (several groups never compared), UNATTAINED (a group never loses to
            another: see :mod:`tabular.dpo`).
        strength: ``(n,)``, mean 0 in each block.
        block: ``(n,)`` block numbers, those that win first.
        loss: the least negative log-likelihood, in nats, or its infimum.
        entropy: what any model leaves.
        divergence: ``loss - entropy``, 0 iff the rates are Bradley-Terry.
        residual: the largest relative imbalance of a response's wins.
    """

    status: Status
    strength: np.ndarray
    block: np.ndarray
    loss: float
    entropy: float
    divergence: float
    residual: float


def bradley_terry(wins: ArrayLike) -> BradleyTerry:
    """Fit win counts ``(n, n)``: the maximum-likelihood strengths, and how far the votes are from any.

    Raises:
        InputError: counts that are negative, not finite or not square, or none at all.

    >>> found = bradley_terry([[0, 4, 4], [3, 0, 7], [3, 0, 0]])  # 4 voters A>B>C, 3 voters B>C>A: B leads
    >>> found.status, found.strength.round(6).tolist()
    (<Status.UNIQUE: 'unique'>, [0.220915, 0.654214, -0.87513])
    """
    wins = win_counts(wins)
    winner, loser = np.nonzero(wins)
    if not winner.size:
        raise InputError("wins are all 0: give at least one comparison")
    count = wins[winner, loser]
    fit = fitting.fit(len(wins), winner, loser, np.log(count))
    crossing = fit.block[winner] != fit.block[loser]
    status = Status.UNIQUE if len(fit.rank) == 1 else Status.UNATTAINED if crossing.any() else Status.SET
    loss = fit.infimum
    divergence = _divergence(wins, np.where(crossing, np.inf, 0.0), winner, loser, fit.strength)
    return BradleyTerry(status, fit.strength, fit.block, loss, loss - divergence, divergence, fit.residual)


def _divergence(wins, apart, winner, loser, strength):
    """The weighted KL of the votes of each pair from the model; 0 between blocks, which move apart without end."""
    once = (winner < loser) | (wins[loser, winner] == 0)
    i, j, total = winner[once], loser[once], (wins + wins.T)[winner, loser][once]
    share = wins[i, j] / total
    h = strength[i] - strength[j] + apart[once]
    with np.errstate(divide="ignore"):
        votes = np.log(np.column_stack([share, 1 - share]))
    return float(total @ kl(votes, np.column_stack([log_expit(h), log_expit(-h)])))


def _beats(preference):
    matrix = preference_matrix(preference)
    return matrix > matrix.swapaxes(1, 2)


def _top(edges):
    """The members of the source blocks of each digraph."""
    prompts, n = edges.shape[:2]
    prompt, tail, head = np.nonzero(edges)
    label, rank = digraph.ranked_blocks(digraph.adjacency(prompts * n, prompt * n + tail, prompt * n + head))
    return (rank[label] == 0).reshape(prompts, n)
