"""Optima of small exact problems, enclosed: minimisers of convex losses of the label graph, and the hard constraint's.

A minimiser of Σ n ℓ(u_w − u_l) on a connected set of labels, ℓ convex, is a zero of its gradient F. With y near it, C
near F′(y)⁻¹ and a box X around y, the Krawczyk box K = y − C F(y) + (I − C F′(X))(X − y) inside X shows that X holds
exactly one zero. Everything is evaluated in intervals at exact numbers; floats only propose y and C.
"""

from fractions import Fraction
from itertools import combinations

import numpy as np

from proofs_checks.kernel.arithmetic import sigmoid
from proofs_checks.kernel.interval import Interval, precisely
from tabular import cpo
from tabular.testing.made import preferences_of, problem_of

__all__ = ["DPO", "SCORES", "components", "constrained_margin", "dimension", "has_minimiser", "margin"]

_TIED = 1e-9  # log-probabilities of the library's optimum this close are proposed to be equal
_RADII = tuple(Fraction(1, 10**k) for k in (10, 8, 6))


def DPO(h, beta):
    """ℓ′ and ℓ″ of sp(−βh)."""
    p = sigmoid(-beta * h)
    return -beta * p, beta * beta * p * (1 - p)


def _cdpo(h, beta, eps):
    p, slope = sigmoid(-beta * h), beta * beta
    return beta * (eps - p), slope * p * (1 - p)


def _ipo(h, beta):
    return 2 * h - 1 / Fraction(beta), Fraction(2)


def _odpo(h, beta, offset):
    return DPO(h - Fraction(offset) / Fraction(beta), beta)


#: Losses whose minimiser is enclosed: name -> their first and second derivative in h.
SCORES = {"dpo": DPO, "cdpo": _cdpo, "ipo": _ipo, "odpo": _odpo}


def components(parts) -> list[list[tuple[int, set]]]:
    """The connected sets of responses of each prompt, unlabelled responses by themselves, absent ones left out."""
    rows = parts["log_ref"] if "log_ref" in parts else parts["ref"]
    found = []
    for i, row in enumerate(rows):
        sets = [{y} for y, weight in enumerate(row) if weight is not None]
        for prompt, w, lo, _ in parts["labels"]:
            if prompt == i:
                joined = set().union(*(one for one in sets if w in one or lo in one))
                sets = [one for one in sets if not one & joined] + [joined]
        found.append(sets)
    return found


def has_minimiser(parts) -> bool:
    """Whether the DPO loss of one-sided or other labels has a minimiser: every label lies on a cycle of labels."""
    return all(_leads(parts["labels"], i, lo, w) for i, w, lo, _ in parts["labels"])


def _leads(labels, prompt, start, end):
    """Whether labels lead from one response of a prompt to another, winner to loser."""
    reached = {start}
    for _ in labels:
        reached |= {lo for i, w, lo, _ in labels if i == prompt and w in reached}
    return end in reached


def dimension(parts) -> int:
    """The dimension of the set of DPO's minimisers where there are any: connected sets, less one a prompt."""
    return sum(len(sets) - 1 for sets in components(parts))


@precisely
def margin(parts, scores, symbol):
    """The margin of the pair at the minimisers of Σ n ℓ(h): log π_w/π_l, enclosed.

    Args:
        scores: ℓ′ and ℓ″, called with (h, β).

    Raises:
        KeyError: the symbol, where no enclosure was found; at an infimum that is not attained for one.
    """
    row, winner, loser = parts.pair
    inside = sorted(next(one for one in components(parts)[row] if winner in one))
    labels = [(inside.index(w), inside.index(lo), n) for i, w, lo, n in parts.weighted if i == row and w in inside]
    labels = [(w, lo, Interval.of(n)) for w, lo, n in labels]
    u = _zero(labels, len(inside), lambda h: scores(h, parts["beta"]))
    if u is None:
        raise KeyError(symbol)
    return Interval.of(parts.of_pair(parts.logs("ref"))) + u[inside.index(winner)] - u[inside.index(loser)]


def _zero(labels, size, scores):
    """The zero of the gradient with u = 0 at the last response, each coordinate enclosed; None where none is shown."""
    guess = _newton(labels, size, scores)
    if guess is None:
        return None
    y, inverse = guess
    at = [Interval.of(value) for value in (*y, Fraction(0))]
    free = range(size - 1)
    gradient, _ = _derivatives(labels, at, scores)
    moved = [at[i] - sum((inverse[i][j] * gradient[j] for j in free), Interval.of(0)) for i in free]
    for radius in _RADII:
        box = [Interval.hull(value - radius, value + radius) for value in y]
        _, slopes = _derivatives(labels, [*box, Interval.of(0)], scores)
        wide = Interval.hull(-radius, radius)
        found = []
        for i in free:
            row = [sum((inverse[i][j] * slopes[j][k] for j in free), Interval.of(0)) for k in free]
            rest = sum(((int(i == k) - row[k]) * wide for k in free), Interval.of(0))
            found.append(moved[i] + rest)
        if all(x.lo > b.lo and x.hi < b.hi for x, b in zip(found, box, strict=True)):
            return [*found, Interval.of(0)]
    return None


def _derivatives(labels, u, scores):
    """The gradient of Σ n ℓ(u_w − u_l), and its slopes, in the coordinates but the last."""
    size = len(u) - 1
    gradient = [0 * u[0] for _ in range(size + 1)]
    slopes = [[0 * u[0] for _ in range(size + 1)] for _ in range(size + 1)]
    for w, lo, n in labels:
        first, second = scores(u[w] - u[lo])
        for a, sign in ((w, 1), (lo, -1)):
            gradient[a] = gradient[a] + sign * n * first
            for b, other in ((w, 1), (lo, -1)):
                slopes[a][b] = slopes[a][b] + sign * other * n * second
    return gradient, slopes


def _newton(labels, size, scores):
    """A point near the zero and a matrix near the inverse of the slopes, as rationals; None where steps do not shrink.

    Steps are halved until the gradient falls, and end where it falls no more.
    """
    rough = [(w, lo, (float(n.lo) + float(n.hi)) / 2) for w, lo, n in labels]
    u, norm = np.zeros(size), np.inf
    while True:
        gradient, slopes = (np.array(known, float) for known in _derivatives(rough, u.tolist(), _in_floats(scores)))
        try:
            inverse = np.linalg.inv(slopes[:-1, :-1])
        except np.linalg.LinAlgError:
            return None
        step, share = inverse @ gradient[:-1], 1.0
        norm = np.abs(gradient).max()
        while share > 1e-6:
            tried = u - share * np.append(step, 0)
            reached = np.abs(_derivatives(rough, tried.tolist(), _in_floats(scores))[0]).max()
            if reached < norm:
                break
            share /= 2
        if not reached < norm or not np.isfinite(tried).all():
            break
        u = tried
        if reached < 1e-14 * (1 + np.abs(u).max()):
            break
    return [Fraction(x) for x in u[:-1].tolist()], [[Fraction(x) for x in row] for row in inverse.tolist()]


def _in_floats(scores):
    return lambda h: tuple(float(x) for x in scores(float(h)))


@precisely
def constrained_margin(parts, symbol):
    """The margin of the pair at the least KL to π* with π_w ≥ π_l on every label: 0 in a block, a difference of means.

    In logs it is the isotonic regression of g = log π*: blocks take the mean of g, and rise along labels. A
    partition is the right one if means rise along the labels between blocks and, inside a block, no set that holds
    with each response all those labelled over it has a greater mean than the block: multipliers ≥ 0 carry the rest.

    Raises:
        KeyError: the symbol, where intervals cannot tell that the partition proposed is the right one.
    """
    row, winner, loser = parts.pair
    pairs = [(w, lo) for i, w, lo, _ in parts["labels"] if i == row]
    logs = zip(parts.logs("ref")[row], parts["reward"][row], strict=True)
    g = [None if x is None else Interval.of(x) + Interval.of(Fraction(r) / Fraction(parts["beta"])) for x, r in logs]
    blocks = _level_sets(parts, row)
    means = [_mean(g, block) for block in blocks]
    of = {y: k for k, block in enumerate(blocks) for y in block}
    rises = all(of[w] == of[lo] or means[of[w]].lo > means[of[lo]].hi for w, lo in pairs)
    if not rises or not all(_pooled(g, block, mean, pairs) for block, mean in zip(blocks, means, strict=True)):
        raise KeyError(symbol)
    return 0 if of[winner] == of[loser] else means[of[winner]] - means[of[loser]]


def _mean(g, block):
    return sum((g[y] for y in block), Interval.of(0)) * Fraction(1, len(block))


def _pooled(g, block, mean, pairs):
    """Whether every set of the block that is closed under winners has a mean of at most the block's."""
    for size in range(1, len(block)):
        for chosen in map(set, combinations(block, size)):
            closed = all(w in chosen for w, lo in pairs if lo in chosen and w in block)
            if closed and not _mean(g, chosen).hi <= mean.lo:
                return False
    return True


def _level_sets(parts, row):
    """The responses that the library's optimum ties along labels."""
    problem = problem_of(parts)
    best = cpo.constrained_optimum(problem, preferences_of(parts, problem)).log_policy[row]
    sets = [{y} for y in np.flatnonzero(problem.present[row]).tolist()]
    for i, w, lo, _ in parts["labels"]:
        if i == row and abs(best[w] - best[lo]) <= _TIED * (1 + abs(best[w])):
            joined = set().union(*(one for one in sets if w in one or lo in one))
            sets = [one for one in sets if not one & joined] + [joined]
    return [sorted(one) for one in sets]
