"""Second routes to a loss's minimum on a label graph: 60-digit Newton, Clarabel, cuts by listing."""

from fractions import Fraction
from itertools import combinations

import numpy as np
from flint import arb, arb_mat, ctx


def random_graph(rng, most=5, weights=3.0, one_way=False):
    """Edges (winner, loser) and weights on 2 to ``most`` nodes; cyclic, disconnected or one-way, as it comes."""
    n = int(rng.integers(2, most + 1))
    pairs = [tuple(rng.choice(n, 2, replace=False).tolist()) for _ in range(int(rng.integers(1, 2 * n + 2)))]
    if one_way:
        pairs = [(min(p), max(p)) for p in pairs]
    return n, pairs, np.exp(rng.uniform(-weights, weights, len(pairs)))


def least(n, pairs, weight, slope, bend, dps=60):
    """s with mean 0, minimising sum W g(s_w - s_l), by damped Newton in digits; g by slope(x) and bend(x) of balls.

    For connected graphs on which the minimum is attained.
    """
    with ctx.workdps(dps):
        s, weight = [arb(0)] * n, [arb(w) for w in weight.tolist()]
        for _ in range(400):
            gradient, hessian = arb_mat(n, 1), arb_mat(n, n)
            hessian[0, 0] = 1  # all rows sum to 0: the first node does not move
            for (w, y), c in zip(pairs, weight, strict=True):
                push, curve = c * slope(s[w] - s[y]), c * bend(s[w] - s[y])
                gradient[w, 0] += push
                gradient[y, 0] -= push
                for a, b, sign in ((w, w, 1), (y, y, 1), (w, y, -1), (y, w, -1)):
                    hessian[a, b] += sign * curve
            step = [d.mid() for d in hessian.solve(gradient).entries()]
            reach = max(abs(d) for d in step)
            damping = reach.log1p() / reach if reach > 0 else arb(1)
            s = [(x - damping * d).mid() for x, d in zip(s, step, strict=True)]
            if reach < arb(10) ** (-dps // 2):
                break
        mean = sum(s) / n
        return [v - mean for v in s]


def sg(x):
    return 1 / (1 + (-x).exp())


def components(n, pairs):
    """The connected components, as sorted tuples of nodes."""
    group = list(range(n))
    for w, y in pairs:
        old, new = group[w], group[y]
        group = [new if g == old else g for g in group]
    return sorted({tuple(k for k in range(n) if group[k] == g) for g in group})


def cuts(n, pairs, weight, eps):
    """(S, F(S)) of every set of nodes that some label crosses, in rationals: F = (1 - eps) W(S^c) - eps W(S)."""
    eps, weight = Fraction(eps), [Fraction(c) for c in weight.tolist()]
    scale = max(c.denominator for c in weight)  # all are powers of 2
    whole, found = [int(c * scale) for c in weight], []
    for size in range(1, n):
        for inside in combinations(range(n), size):
            won = sum(c for (w, y), c in zip(pairs, whole, strict=True) if w in inside and y not in inside)
            lost = sum(c for (w, y), c in zip(pairs, whole, strict=True) if y in inside and w not in inside)
            if won or lost:
                found.append((inside, ((1 - eps) * lost - eps * won) / scale))
    return found


def by_clarabel(problem, preferences, loss, inverted=()):
    """The least mean loss of a convex loss of differences with some pairs at delta <= 0, and h of each label."""
    import cvxpy as cp

    mean, h, rise = _program(problem, preferences, loss)
    return _solved(cp.Problem(cp.Minimize(mean), [rise[i] <= 0 for i in inverted]), h)


def with_inverted(problem, preferences, loss):
    """:func:`by_clarabel` as a function of the inverted pairs alone, whose program is compiled once."""
    import cvxpy as cp

    mean, h, rise = _program(problem, preferences, loss)
    held = cp.Parameter(rise.size, nonneg=True)
    model = cp.Problem(cp.Minimize(mean), [cp.multiply(held, rise) <= 1 - held])  # 0 <= 1 of pairs that are not held

    def solved(inverted):
        held.value = np.isin(np.arange(rise.size), [*inverted]).astype(float)
        return _solved(model, h)

    return solved


def _program(problem, preferences, loss):
    """The mean loss, h of each label, and rate times delta of each."""
    import cvxpy as cp

    base = preferences.prompt * problem.n_responses
    winner, loser = base + preferences.winner, base + preferences.loser
    ref, rate = problem.log_ref.ravel(), loss.form.rate(problem.beta)
    s = cp.Variable(ref.size)
    gap = s[winner] - s[loser]
    x = gap - loss.form.offset(ref[winner], ref[loser], problem.beta)
    cost = {
        "dpo": lambda: cp.logistic(-x),
        "hypo": lambda: cp.logistic(-x),
        "odpo": lambda: cp.logistic(-x),
        "ecpo": lambda: cp.logistic(-x),
        "cdpo": lambda: cp.logistic(-x) + loss.params["eps"] * x,
        "rdpo": lambda: cp.logistic(-x) - loss.params["eps"] / (1 - 2 * loss.params["eps"]) * x,
        "ipo": lambda: cp.square(x),
        "hinge": lambda: cp.pos(-x),
        "slic": lambda: cp.pos(-x),
        "squared hinge": lambda: cp.square(cp.pos(1 - x)),
        "exponential": lambda: cp.exp(-x),
        "absolute": lambda: cp.abs(x - 1),
        "own hinge": lambda: cp.pos(1 - x),
        "huber": lambda: cp.huber(x - 1, 1) / 2,
    }[loss.name]()
    return np.exp(preferences.log_share) @ cost, gap / rate, gap - rate * (ref[loser] - ref[winner])


def _solved(model, h):
    model.solve(solver="CLARABEL")
    if model.status == "unbounded":
        return -np.inf, None
    return float(model.value), h.value
