"""Fits over any range of weights and offsets, against Newton's method in arithmetic of many digits."""

from dataclasses import replace
from itertools import accumulate

import mpmath
import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from tabular import Preferences, Problem, dpo, failure_modes
from tabular.base import tolerances
from tabular.fits import block_solvers, bradley_terry, dense_cuts, tree_cuts


def ring(rng, size, extra):
    order = rng.permutation(size)
    winner = np.r_[order, rng.integers(0, size, extra)]
    return winner, np.r_[np.roll(order, -1), (winner[size:] + rng.integers(1, size, extra)) % size]


def polished(winner, loser, log_weight, offset, start, digits):
    """Newton in many digits until it stands still: the exact fit, 0 at node 0, if the start is near enough."""
    size = int(max(winner.max(), loser.max())) + 1
    with ctx.workdps(digits):
        s, weight = [arb(x) for x in (start - start[0]).tolist()], [arb(x).exp() for x in log_weight.tolist()]
        for _ in range(40):
            gradient, hessian = arb_mat(size, 1), arb_mat(size, size)
            hessian[0, 0] = 1  # the rows sum to 0, and so do the gradient's: node 0 does not move
            for w, lo, n, o in zip(winner.tolist(), loser.tolist(), weight, offset.tolist(), strict=True):
                push = n / (1 + (s[w] - s[lo] - o).exp())
                curvature = push * (1 - push / n)
                gradient[w, 0], gradient[lo, 0] = gradient[w, 0] + push, gradient[lo, 0] - push
                for a, b, sign in ((w, w, 1), (lo, lo, 1), (w, lo, -1), (lo, w, -1)):
                    hessian[a, b] += sign * curvature
            step = hessian.solve(gradient).entries()
            s = [(x + d).mid() for x, d in zip(s, step, strict=True)]
            if all(abs(d) < arb(10) ** -30 for d in step):
                return np.array([float(x - s[0]) for x in s])
    raise AssertionError("no convergence")


def around_the_cycle(log_weight, digits=120):
    """The fit of one cycle of labels i -> i + 1: all push alike, and the margins add up to 0: one equation."""
    with ctx.workdps(digits):
        weight, lightest = [arb(x).exp() for x in log_weight.tolist()], np.argmin(log_weight)

        def margins(z):
            """All of them, from that of the lightest label."""
            push = weight[lightest] / (1 + z.exp())
            return [z if k == lightest else (n / push - 1).log() for k, n in enumerate(weight)]

        low, high = arb(-100) * len(weight), arb(100)
        while high - low > arb(10) ** -15:
            middle = (low + high) / 2
            low, high = (low, middle) if sum(margins(middle)) > 0 else (middle, high)
        for _ in range(3):  # secants, from 1e-15 to 1e-100
            value, above = sum(margins(low)), sum(margins(low + arb(10) ** -50))
            low = (low - value * arb(10) ** -50 / (above - value)).mid()
        s = accumulate((-h for h in margins(low)[:-1]), initial=arb(0))
        return np.array([float(x) for x in s])


@pytest.mark.parametrize("size", [3, 50, 200])
def test_one_cycle_of_labels_over_e_80(size):
    rng = np.random.default_rng(size)
    log_weight, node = rng.uniform(-40, 40, size), np.arange(size)
    fitted = bradley_terry.fit(size, node, (node + 1) % size, log_weight)
    exact = around_the_cycle(log_weight)
    np.testing.assert_allclose(fitted.strength - fitted.strength[0], exact, atol=1e-12 * np.abs(exact).max())


def test_a_cycle_longer_than_blocks_are_solved_densely():
    """All push alike, the lightest with its whole weight n_0 but for e^-10^5: the margins are log(n / n_0 - 1)."""
    size = block_solvers.CUT + 200
    log_weight, node = np.random.default_rng(0).uniform(-40, 40, size), np.arange(size)
    fitted = bradley_terry.fit(size, node, (node + 1) % size, log_weight)
    margin, lightest = fitted.strength - np.roll(fitted.strength, -1), np.argmin(log_weight)
    above = np.delete(log_weight - log_weight[lightest], lightest)
    np.testing.assert_allclose(np.delete(margin, lightest), above + np.log(-np.expm1(-above)), rtol=1e-9)
    assert fitted.residual < 1e-9


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("spread", "reach"), [(40, 0), (10, 0), (0, 60), (20, 20), (300, 300), (0, 1e7), (1e4, 0)])
def test_any_weights_and_offsets_against_many_digits(seed, spread, reach):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 8))
    winner, loser = ring(rng, size, int(rng.integers(0, 12)))
    log_weight, offset = (rng.uniform(*ends, len(winner)) for ends in ((-2 * spread, 0), (-reach, reach)))
    fitted = bradley_terry.fit(size, winner, loser, log_weight, offset)
    digits = int(60 + 2 * size * (spread + reach)) if spread + reach < 1000 else 0
    assert fitted.residual < 1e-12 * (1 + spread + reach)
    if digits:
        exact = polished(winner, loser, log_weight, offset, fitted.strength, digits)
        ours = fitted.strength - fitted.strength[0]
        np.testing.assert_allclose(ours, exact, atol=1e-12 * (1 + np.abs(exact).max()))


@pytest.mark.parametrize("margin", [20.0, 30.0, 36.0, 60.0, 100.0, 1000.0])
def test_contradictory_labels_with_fixed_margins(margin):
    """a > b three times and b > a once, each by a margin m: 3 sigma(-(h - m)) = sigma(-(-h - m))."""
    problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    solution = dpo.solve(problem, Preferences.from_pairs([(0, 0, 1, 3.0), (0, 1, 0, 1.0)]), margin)
    with mpmath.workdps(int(60 + 2 * margin)):
        m = mpmath.mpf(margin)
        wanted = mpmath.findroot(
            lambda x: mpmath.log(3) - mpmath.log1p(mpmath.exp(x)) + mpmath.log1p(mpmath.exp(-x - 2 * m)), 1
        )
        wanted = float(wanted + m)  # x = h - m
    assert solution.log_ratio[0, 0] - solution.log_ratio[0, 1] == pytest.approx(wanted, rel=1e-12)
    assert solution.residual < 1e-12


@pytest.mark.parametrize("margin", [20.0, 36.0, 60.0, 100.0])
def test_margins_around_a_triangle_of_equal_labels(margin):
    """Whole weights cancel; what is left, e^-margin of them, decides, and is computed: symmetry says where."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1)
    labels = Preferences.from_pairs([(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2), (0, 1), (1, 2), (2, 0)])
    solution = dpo.solve(problem, labels, margin)
    np.testing.assert_allclose(solution.log_ratio[0], 0, atol=1e-9)
    assert solution.residual < 1e-12


def test_weights_that_cancel_only_by_rounding_say_so():
    """Roots of 2 and 3 against their sum, under margins of 60: the weights' own rounding decides, and shows."""
    problem, (a, b) = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1), np.sqrt([2.0, 3.0])
    pairs = [(0, 0, 1, a), (0, 0, 1, b), (0, 1, 0, a + b), (0, 1, 2, 0.7), (0, 2, 1, 0.7)]
    labels = Preferences.from_pairs(pairs)
    assert dpo.solve(problem, labels, 10.0).residual < 1e-9
    assert dpo.solve(problem, labels, 60.0).residual > 1


def test_what_is_no_number_ends():
    """An offset that is none spoils its own block alone."""
    winner, loser, block = np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2]), np.array([0, 0, 1, 1])
    offset = np.array([0.0, np.nan, 0.0, 0.0])
    edges = block_solvers.Edges(4, winner, loser, np.log([3.0, 1.0, 3.0, 1.0]), offset, np.array([0, 2]), block)
    with np.errstate(invalid="ignore"):
        s = tree_cuts.cut_fit(edges, np.zeros(4))
    assert np.isnan(s[:2]).all()
    assert s[2] - s[3] == pytest.approx(np.log(3))


RATIOS = [  # under margins of 100 nats weights have to cancel to e^-200 of themselves
    ([0, 0, 1, 1, 2], [1, 1, 0, 2, 1], [0.3, 0.6, 0.9, 0.7, 0.7]),
    ([0, 1, 1, 0], [1, 0, 0, 1], [3, 5, 2, 4]),
    ([3, 1, 1, 1, 1, 2, 3, 0, 3, 2, 1], [2, 3, 0, 3, 2, 3, 1, 1, 1, 1, 2], [2, 3, 5, 5, 3, 5, 1, 3, 3, 3, 3]),
    (
        [5, 7, 0, 2, 1, 6, 4, 3, 0, 0, 6, 0, 4, 4, 3, 6],
        [7, 0, 2, 1, 6, 4, 3, 5, 6, 5, 7, 5, 3, 5, 1, 5],
        "1542534521424254",
    ),
    ([0, 4, 0, 2, 0, 3, 0], [2, 0, 3, 0, 4, 0, 1], [5, 3, 5, 5, 5, 3, 5]),
]


@pytest.mark.parametrize(("winner", "loser", "weight"), RATIOS)
@pytest.mark.parametrize("margin", [20.0, 100.0, 300.0])
def test_weights_in_whole_number_ratios_cancel_exactly(winner, loser, weight, margin):
    """The least need not measure the others, and pairs need not be of one total: a Newton step in many digits is 0."""
    weight, n = list(map(float, weight)), max(winner) + 1
    labels = Preferences([0] * len(winner), winner, loser, weight)
    solution = dpo.solve(Problem.from_unnormalized(np.zeros(n), beta=1), labels, margin)
    assert solution.residual < 1e-12
    whole = [round(10 * w) for w in weight]
    block = [np.flatnonzero(solution.label[0] == b) for b in np.unique(solution.label[0])]
    with ctx.workdps(40 + int(margin)):
        for nodes in block:
            step = newton_step(winner, loser, whole, margin, solution.fit.strength.tolist(), nodes.tolist())
            assert all(abs(d) < 1e-11 for d in step)


def newton_step(winner, loser, weight, margin, strength, nodes):
    """Of one block's strengths, 0 at its first node, in the arithmetic of the context."""
    place, size = {y: k for k, y in enumerate(nodes)}, len(nodes)
    push, curvature = arb_mat(size, 1), arb_mat(size, size)
    curvature[0, 0] = 1
    for w, y, weighs in zip(winner, loser, weight, strict=True):
        if w not in place or y not in place:
            continue
        h, ends = arb(strength[w]) - strength[y] - margin, (place[w], place[y])
        pull = weighs / (1 + h.exp())
        for a in ends:
            for b in ends:
                curvature[a, b] += (1 if a == b else -1) * pull / (1 + (-h).exp())
        push[ends[0], 0] += pull
        push[ends[1], 0] -= pull
    return curvature.solve(push).entries()


def counted(monkeypatch):
    """A list that grows by one with each Newton step in cuts."""
    steps = []
    for kind in (tree_cuts._Cuts, dense_cuts.DenseCuts):
        direction = kind.direction
        monkeypatch.setattr(kind, "direction", lambda self, s, of=direction: steps.append(1) or of(self, s))
    return steps


def test_offsets_of_60_nats_on_few_responses_take_few_steps(monkeypatch):
    """6 responses and 24 even labels: rounding once kept every step above its tolerance, and all 20,000 were taken."""
    rng, steps = np.random.default_rng(0), counted(monkeypatch)
    winner = rng.integers(0, 6, 24)
    labels = Preferences(np.zeros(24, dtype=int), winner, (winner + rng.integers(1, 6, 24)) % 6)
    problem = Problem.from_unnormalized(np.zeros(6), beta=1)
    failure_modes.deepest(problem, labels, np.log(2))
    failure_modes.find(problem, labels)
    assert len(steps) < 1000


@pytest.mark.parametrize("reach", [1e7, 1e12, 1e20, 1e100])
def test_offsets_of_any_size_take_few_steps(monkeypatch, reach):
    """In the limit a linear programme; where the levels are rounded by more than a nat the residual says so."""
    rng, steps = np.random.default_rng(1), counted(monkeypatch)
    winner, loser = ring(rng, 10, 20)
    fitted = bradley_terry.fit(10, winner, loser, np.zeros(len(winner)), rng.uniform(-reach, reach, len(winner)))
    assert np.isfinite(fitted.strength).all()
    assert fitted.residual < 1e-5 or reach > 1e10
    assert len(steps) < 30 + 10 * np.log(reach)


@pytest.mark.parametrize("equations", [tree_cuts._Cuts, dense_cuts.DenseCuts])
@pytest.mark.parametrize("away", [1.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("spread", [0.0, 10.0, 40.0])
def test_from_any_start_few_steps_lead_to_the_fit(monkeypatch, spread, away, equations):
    """Where whole weights cancel and only tails are left, steps once were 1 nat long, or 300 at most."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        winner, loser = ring(rng, 7, 16)
        log_weight, offset = rng.uniform(-spread, spread, 23), np.zeros(23)
        offset[winner == 3], offset[loser == 3] = 400.0, -350.0
        order = np.argsort(winner * 7 + loser, kind="stable")
        columns = winner[order], loser[order], log_weight[order], offset[order]
        edges = block_solvers.Edges(7, *columns, np.zeros(1, int), np.zeros(7, int))
        edges = replace(edges, whole=tree_cuts.whole_weights(edges.log_weight, np.zeros(23, int), 1))
        best = tree_cuts.cut_fit(edges, np.zeros(7))
        with monkeypatch.context() as patched:
            steps = counted(patched)
            found, _ = tree_cuts._newton(
                equations(edges), away * rng.normal(size=7), tolerances.NEWTON_STEP, np.zeros(1, dtype=bool)
            )
        assert len(steps) < 60
        np.testing.assert_allclose(found - found[0], best - best[0], atol=1e-7)


def test_a_start_that_only_seems_near_is_left_for_one_that_is_unrolled(monkeypatch):
    """A cycle of 14 gone round 2.4 times, margins up to 4e5 nats: 18 nats by its first step, then 9,000 of a nat."""
    steps, winner = counted(monkeypatch), np.arange(34) % 14
    for seed in range(20):
        inverse, loser = np.exp(np.random.default_rng(seed).uniform(0, 13, 14)), (winner + 1) % 14
        before = len(steps)
        fitted = bradley_terry.fit(14, winner, loser, np.full(34, -np.log(34)), inverse[winner] + inverse[loser])
        assert fitted.residual < 1e-9
        assert len(steps) - before < 100


@pytest.mark.parametrize("labels", [30, 60])
def test_factors_serve_on_as_long_as_what_they_leave_shrinks(monkeypatch, labels):
    """They lead where new ones do, but for the square of a step; from far away new ones are made."""
    rng, n = np.random.default_rng(labels), 25
    winner, loser = ring(rng, n, labels - n)
    order = np.lexsort((loser, winner))
    columns = winner[order], loser[order], rng.uniform(-5, 5, labels), rng.normal(size=labels)
    edges = block_solvers.Edges(n, *columns, np.zeros(1, int), np.zeros(n, int))
    edges = replace(edges, whole=np.zeros(labels))
    fit = tree_cuts.cut_fit(edges, np.zeros(n))
    made, solver = [], tree_cuts._Cuts._solver
    monkeypatch.setattr(tree_cuts._Cuts, "_solver", lambda self, *given: made.append(1) or solver(self, *given))
    cuts, aside = tree_cuts._Cuts(edges), rng.normal(size=n)
    for far, new in ((1e-2, 1), (1e-7, 0), (2e-4, 0), (1e-2, 0), (3.0, 1), (1e-4, 1), (1e-2, 0)):
        made.clear()
        found = cuts.direction(fit + far * aside)[0]
        assert len(made) == new
        again = tree_cuts._Cuts(edges).direction(fit + far * aside)[0]
        reach = edges.reach(again)[0]
        assert edges.reach(found - again)[0] <= max(reach**2, 1e-10 * reach)
        assert edges.reach(found - again)[0] > 0 or new


@pytest.mark.parametrize(
    ("spread", "reach", "most"), [(40.0, 0.0, 16), (5.0, 300.0, 17), (300.0, 0.0, 43), (0.0, 1e5, 60)]
)
def test_a_block_tied_begins_at_its_own_fit_however_far_that_is(monkeypatch, spread, reach, most):
    """One pair held 500 nats apart: unrolled, the first two take 22 and 37 steps on average; later some crawl."""
    taken = []
    for seed in range(6):
        rng, steps = np.random.default_rng(seed), counted(monkeypatch)
        winner, loser = ring(rng, 20, 60)
        log_weight, offset = rng.uniform(-spread, spread, 80), reach * rng.normal(size=80)
        free = bradley_terry.fit(20, winner, loser, log_weight, offset).strength
        held, moved = np.arange(20), np.zeros(20)
        held[loser[3]], moved[loser[3]] = winner[3], 500.0
        tied = (*held[np.array([winner, loser])], log_weight, offset - moved[winner] + moved[loser])
        kept = tied[0] != tied[1]
        tied, before = [part[kept] for part in tied], len(steps)
        found = bradley_terry.fit(20, *tied, free)
        taken.append(len(steps) - before)
        monkeypatch.undo()
        again = bradley_terry.fit(20, *tied)
        np.testing.assert_allclose(found.strength, again.strength, atol=1e-12 * (1 + np.abs(again.strength).max()))
    assert max(taken) <= most


@pytest.mark.parametrize(("spread", "reach"), [(10.0, 1e7), (20.0, 1e9), (40.0, 1e7)])
def test_steep_offsets_are_unrolled_with_their_weights_and_where_levels_point(monkeypatch, spread, reach):
    """Weights unrolled along with steeper offsets moved levels to the end: 75 steps, 45 from the last levels alone.

    A pair held as far apart as that, whose block was tried as it stood, took 85, where 25 do.
    """
    free, tied = [], []
    for seed in range(8):
        rng, steps = np.random.default_rng(seed), counted(monkeypatch)
        winner, loser = ring(rng, 20, 60)
        log_weight, offset = rng.uniform(-spread, spread, 80), reach * rng.normal(size=80)
        fitted = bradley_terry.fit(20, winner, loser, log_weight, offset)
        free.append(len(steps))
        held, moved = np.arange(20), np.zeros(20)
        held[loser[3]], moved[loser[3]] = winner[3], reach
        columns = (*held[np.array([winner, loser])], log_weight, offset - moved[winner] + moved[loser])
        kept = columns[0] != columns[1]
        columns = [column[kept] for column in columns]
        near = bradley_terry.fit(20, *columns, fitted.strength)
        tied.append(len(steps) - free[-1])
        again = bradley_terry.fit(20, *columns)
        np.testing.assert_allclose(near.infimum, again.infimum, rtol=1e-14)
        np.testing.assert_allclose(near.strength, again.strength, atol=1e-14 * reach)
        monkeypatch.undo()
    assert sum(free) <= 42 * len(free)
    assert sum(tied) <= 33 * len(tied)


def test_offsets_that_leave_no_digit_end_a_fit(monkeypatch):
    """The loss falls, by so little each time that it would for ever: rounding hides the steps, and says so."""
    pairs = [(1, 3), (0, 3), (2, 3), (1, 4), (2, 4), (0, 4), (0, 1), (3, 4)]
    winner, loser = np.array([end for w, y in pairs for end in ((w, y), (y, w))]).T
    light = [-1373.0, -1604.0, -647.0, -392.0, -1118.0, -160.0, -233.0, -1763.0]
    log_weight = np.column_stack([np.full(8, -2.0), light]).ravel()
    offset = np.repeat([0.006, 6e127, 1e258, 0.006, 1e258, 6e127, 6e127, 0.006], 2)
    calls, direction = [], dense_cuts.DenseCuts.direction

    def counting(cuts, s):
        calls.append(len(s))
        assert len(calls) < 2_000
        return direction(cuts, s)

    monkeypatch.setattr(dense_cuts.DenseCuts, "direction", counting)
    bradley_terry.fit(5, winner, loser, log_weight, offset)
    assert calls
