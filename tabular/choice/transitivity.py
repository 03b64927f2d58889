r"""How far preferences are from any ranking or reward: cycles, stochastic transitivity, and the Hodge decomposition.

**Hodge decomposition** (Jiang, Lim, Yao and Ye 2011). A skew flow Y on the compared pairs, with weights w, splits into
three parts that are orthogonal in :math:`\sum_{i<j}w_{ij}X_{ij}Y_{ij}`: a *gradient* :math:`s_i-s_j`, the weighted
least-squares fit of a reward; a *curl* part, made of flows around triangles; and a *harmonic* part, made of longer
cycles only. On a complete graph with equal weights s is the mean of a row, Borda's score, and nothing is harmonic. IPO
is this fit for :math:`Y=(P-\tfrac12)/\tau`.
"""

from fractions import Fraction
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks, cones
from tabular.base.record import Record
from tabular.choice.matrix import preference_matrix
from tabular.errors import InputError
from tabular.fits.weighted_squares import nearest

__all__ = ["Hodge", "cyclic_triples", "hodge", "stochastic_transitivity", "triangle_defects"]


class Hodge(Record):
    """The three parts of a flow.

    Attributes:
        potential: ``(n,)``, mean 0 over each connected group of compared responses.
        gradient, curl, harmonic: ``(n, n)`` skew flows that sum to the given one on the compared pairs.
        shares: their parts of the squared norm, which sum to 1; in fractions where the flow was given in fractions.
    """

    potential: np.ndarray
    gradient: np.ndarray
    curl: np.ndarray
    harmonic: np.ndarray
    shares: tuple


def hodge(flow: ArrayLike, weight: ArrayLike | None = None) -> Hodge:
    """The Hodge decomposition of a flow on the pairs of positive weight.

    Args:
        flow: ``(n, n)`` skew: margins P - 1/2, log-odds, differences of votes. An array of ``Fraction`` (dtype object)
            is decomposed exactly, any other in floats.
        weight: ``(n, n)`` symmetric, at least 0; 0 says that the pair is not compared; all pairs equally by default.

    Raises:
        InputError: a flow that is not skew, weights that are not symmetric, or no pair compared.

    >>> flow = np.array([[0, 3, 1], [-3, 0, 2], [-1, -2, 0]], dtype=object)
    >>> parts = hodge(flow)
    >>> [str(s) for s in parts.potential], [str(share) for share in parts.shares]
    (['4/3', '-1/3', '-1'], ['13/21', '8/21', '0'])
    """
    checks.numbers(flow, "flow")
    given = np.array(flow, dtype=object)
    is_exact = np.asarray(flow).dtype == object
    flow, weight = _validated(given, weight, is_exact)
    n = len(flow)
    pairs = [(i, j) for i, j in combinations(range(n), 2) if weight[i, j] != 0]
    if not pairs:
        raise InputError("no pair has a positive weight: give at least one compared pair")
    first, second = np.array(pairs).T
    y, w = flow[first, second], weight[first, second]
    zero = Fraction(0) if is_exact else 0.0
    incidence = np.full((len(pairs), n), zero)
    incidence[range(len(pairs)), first], incidence[range(len(pairs)), second] = zero + 1, zero - 1
    gradient, potential = _nearest(incidence, w, y, is_exact)
    curl = _curl(pairs, w, y - gradient, zero, is_exact)
    parts = (gradient, curl, y - gradient - curl)
    top, size = w.max(), abs(y).max() or 1
    norms = [(w / top * (part / size) ** 2).sum() for part in parts]
    total = sum(norms)
    shares = tuple(norm / total for norm in norms) if total else (zero, zero, zero)
    matrices = (_skew_matrix(part, first, second, n, zero) for part in parts)
    return Hodge(_centred(potential, pairs, n), *matrices, shares)


def cyclic_triples(preference: ArrayLike) -> list[list[tuple[int, int, int]]]:
    """For each prompt, the triples whose majorities run in a circle, a > b > c > a.

    >>> cyclic_triples([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]])
    [[(0, 1, 2)]]
    """
    matrix = preference_matrix(preference)
    beats = matrix > matrix.swapaxes(1, 2)
    turns = [(a, b, c) for i, j, k in combinations(range(matrix.shape[1]), 3) for a, b, c in ((i, j, k), (i, k, j))]
    return [[(a, b, c) for a, b, c in turns if one[a, b] and one[b, c] and one[c, a]] for one in beats]


def stochastic_transitivity(preference: ArrayLike) -> dict[str, np.ndarray]:
    r"""The largest shortfall ``(n_prompts,)`` of each kind of stochastic transitivity; 0 where it holds.

    For :math:`P_{ij},P_{jk}\ge\tfrac12`: *weak* asks :math:`P_{ik}\ge\tfrac12`, *moderate*
    :math:`P_{ik}\ge\min(P_{ij},P_{jk})`, *strong* :math:`P_{ik}\ge\max(P_{ij},P_{jk})`. Any increasing link of reward
    differences, Bradley-Terry included, satisfies all three.

    >>> cycle = [[0.5, 0.7, 0.4], [0.3, 0.5, 0.6], [0.6, 0.4, 0.5]]
    >>> {name: short.round(6).tolist() for name, short in stochastic_transitivity(cycle).items()}
    {'weak': [0.2], 'moderate': [0.3], 'strong': [0.3]}
    """
    matrix = preference_matrix(preference)
    n = matrix.shape[1]
    found = {name: np.zeros(len(matrix)) for name in ("weak", "moderate", "strong")}
    for j in range(n):
        ij, jk = matrix[:, :, j, None], matrix[:, None, j, :]
        holds = (ij >= 0.5) & (jk >= 0.5)
        asked = {"weak": 0.5, "moderate": np.minimum(ij, jk), "strong": np.maximum(ij, jk)}
        for name, least in asked.items():
            short = np.where(holds, least - matrix, 0.0).max(axis=(1, 2))
            found[name] = np.maximum(found[name], short)
    return found


def triangle_defects(preference: ArrayLike) -> np.ndarray:
    r"""``(n_prompts, triples)``: :math:`\mathrm{logit}P_{ij}+\mathrm{logit}P_{jk}+\mathrm{logit}P_{ki}` for i < j < k.

    All 0 iff the preferences are Bradley-Terry (Kolmogorov's criterion; fix one response as gauge).

    Raises:
        InputError: a probability of 0 or 1.

    >>> cycle = [[0.5, 0.75, 0.25], [0.25, 0.5, 0.75], [0.75, 0.25, 0.5]]  # 3 log 3 the way round
    >>> triangle_defects(cycle).round(6).tolist()
    [[3.295837]]
    """
    matrix = preference_matrix(preference)
    certain = (matrix == 0) | (matrix == 1)
    checks.refuse(certain, matrix, "preference", "a certain preference has no finite log-odds")
    odds = np.log(matrix) - np.log(matrix.swapaxes(1, 2))
    triples = np.array(list(combinations(range(matrix.shape[1]), 3)), dtype=int).reshape(-1, 3).T
    i, j, k = triples
    return odds[:, i, j] + odds[:, j, k] + odds[:, k, i]


def _validated(flow, weight, is_exact):
    as_numbers = checks.numbers(flow.tolist(), "flow")
    if as_numbers.ndim != 2 or as_numbers.shape[0] != as_numbers.shape[1]:
        raise InputError(f"flow has shape {as_numbers.shape}: give an (n, n) matrix")
    weight = np.ones(flow.shape, dtype=int) if weight is None else weight
    sizes = checks.numbers(np.array(weight, dtype=object).tolist(), "weight")
    if sizes.shape != flow.shape or (sizes != sizes.T).any():
        raise InputError(f"weight has shape {sizes.shape}: give a symmetric matrix of the shape of the flow")
    checks.refuse(~(np.isfinite(sizes) & (sizes >= 0)), sizes, "weight", "a weight must be finite and at least 0")
    scale = np.abs(as_numbers).max(initial=0.0)
    skew = ~(np.abs(as_numbers + as_numbers.T) <= 1e-12 * scale)
    checks.refuse(skew, as_numbers, "flow", "with its opposite it must sum to 0")
    return (cones.exact(flow), cones.exact(weight)) if is_exact else (as_numbers, sizes)


def _nearest(columns, weight, target, is_exact):
    """Columns @ x nearest to the target in weighted squares, and an x; in fractions by the normal equations."""
    if not is_exact:
        return nearest(columns, weight, target)
    weighted = columns * weight[:, None]
    system = np.concatenate([weighted.T @ columns, -(weighted.T @ target)[:, None]], axis=1)
    x = cones.kernel(system)[-1][:-1]  # its last free coordinate is the factor of the target
    return columns @ x, x


def _curl(pairs, weight, rest, zero, is_exact):
    """The part of a divergence-free flow that triangles make: flows w^{-1} C' f, least squares in f.

    All of it where all pairs are compared: every cycle is then a sum of triangles.
    """
    n = max(map(max, pairs)) + 1
    if len(pairs) == n * (n - 1) // 2:
        return rest
    place = {pair: k for k, pair in enumerate(pairs)}
    triangles = [t for t in combinations(range(n), 3) if all(p in place for p in combinations(t, 2))]
    if not triangles:
        return rest * 0
    around = np.full((len(pairs), len(triangles)), zero)
    for column, (i, j, k) in enumerate(triangles):
        around[place[i, j], column] = around[place[j, k], column] = zero + 1
        around[place[i, k], column] = zero - 1
    return _nearest(around, 1 / weight, weight * rest, is_exact)[0] / weight


def _skew_matrix(values, first, second, n, zero):
    matrix = np.full((n, n), zero)
    matrix[first, second], matrix[second, first] = values, -values
    return matrix


def _centred(potential, pairs, n):
    """Mean 0 over each connected group."""
    group = list(range(n))
    for i, j in pairs:
        old, new = group[j], group[i]
        group = [new if g == old else g for g in group]
    centred = potential.copy()
    for g in set(group):
        members = [i for i in range(n) if group[i] == g]
        centred[members] = centred[members] - sum(potential[members]) / len(members)
    return centred
