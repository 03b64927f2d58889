"""The search: it finds what is there, the worst first, the same whoever looks, and says how much it saw."""

import math
from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest
import sympy

from proofs_checks.kernel import search
from proofs_checks.kernel.arithmetic import log, softplus
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.judging import no_violation
from proofs_checks.kernel.relation import All, Condition, Implies, relation
from proofs_checks.kernel.search import Effort, NoValue, seek

x, y = sympy.symbols("x y", real=True)
PLANE = Numbers({x: (-10, 10), y: (-10, 10)})
LINE = Numbers({x: (-10, 10)})


def test_quantities_are_computed_when_asked_for():
    (asked, unasked) = named("a", "b")
    some = Instances(lambda draw: {"x": draw.number(1, 2)}, "x", {asked: lambda x: x, unasked: lambda x: 1 / 0})
    assert no_violation(some, (), relation(asked, ">", 0)).passed is True
    with pytest.raises(ZeroDivisionError):
        no_violation(some, (), relation(unasked, ">", 0))


def test_no_value_is_no_answer():
    with pytest.raises(NoValue):
        seek(LINE, (), relation(log(x), "<", 5))
    assert seek(LINE, (relation(x, ">", 0),), relation(log(x), "<", 5)).candidates == ()


def test_the_same_seed_gives_the_same_search():
    claim = relation(softplus(x), ">", x + y)
    first, again = (seek(PLANE, (), claim, Effort(seed=3)) for _ in range(2))
    assert first == again
    assert first != seek(PLANE, (), claim, Effort(seed=4))


def test_candidates_come_worst_first_and_number_those_that_met():
    sought = seek(PLANE, (relation(y, "<", 0),), relation(x, "<", 0), Effort(draws=500))
    values = [value for value, _ in sought.candidates]
    assert values == sorted(values, reverse=True)
    assert values[0] > 9
    assert 200 < sought.met < 300


def test_a_step_stays_in_range_in_its_own_scale():
    rng = np.random.default_rng(0)
    scaled = [search._step(("number", Fraction(1, 100), 100, 1.0), 0.3, rng) for _ in range(400)]
    assert min(scaled) > 0
    assert 0.8 < math.exp(np.mean(np.log(scaled))) < 1.25
    assert np.std(np.log(scaled)) == pytest.approx(0.3 * math.log(10**4), rel=0.2)
    moved = [search._step(("number", -10, 10, 1.0), 0.1, rng) for _ in range(400)]
    assert np.std(moved) == pytest.approx(2.0, rel=0.2)
    whole = [search._step(("integer", 0, 5, 3), 0.3, rng) for _ in range(300)]
    assert all(isinstance(value, int) for value in whole)
    assert 0.75 < np.mean(np.array(whole) == 3) < 0.97


SUM_BELOW_15 = relation(x + y, "<", 15)


def drawn(claim=SUM_BELOW_15, given=(), **effort):
    return seek(PLANE, given, claim, Effort(**{"climbs": 0, **effort}))


def test_more_draws_are_more_batches_each_of_its_own_numbers():
    assert 4700 < drawn(draws=5000).met <= 5000
    assert 1900 < drawn(draws=2000).met <= 2000
    assert 390 < drawn(draws=400).met <= 400
    first, second = (search.batch(PLANE, (), SUM_BELOW_15, Effort(draws=4000, climbs=0), number) for number in (0, 1))
    assert not first.met & second.met - {(a, b) for a, b in first.met if a == round(a, 1) and b == round(b, 1)}
    other = search.batch(PLANE, (), SUM_BELOW_15, Effort(draws=4000, climbs=0, seed=1), 1)
    assert other.tops != second.tops


def from_the_last(task, numbers):
    """Somebody who works through the batches from the last to the first, and hands them back in order."""
    return reversed([task(number) for number in reversed(numbers)])


def test_what_is_drawn_does_not_depend_on_who_draws_or_when():
    thin = relation((x - Fraction(7123, 1000)) ** 2 + y**2, ">", Fraction(1, 10**5))
    effort = Effort(draws=4100, climbs=3, steps=30)
    alone = seek(PLANE, (), thin, effort)
    np.random.default_rng(5).random(99)
    assert seek(PLANE, (), thin, effort, spread=from_the_last) == alone
    before_others = seek(LINE, (), relation(x, "<", 9), effort), seek(PLANE, (), thin, effort)
    assert before_others[1] == alone


def test_the_best_of_every_batch_take_part():
    """The worst violation of 6,000 instances lies in the third batch as often as in the first."""
    everywhere = drawn(draws=6000, climbs=6)
    batches = [search.batch(PLANE, (), SUM_BELOW_15, Effort(draws=6000), number) for number in range(3)]
    tops = sorted((top for seen in batches for top, _ in seen.tops), reverse=True)[:6]
    assert [score for score, _ in everywhere.candidates] == tops
    assert len(drawn(draws=6000, climbs=0).candidates) == 1, "one is kept where none is climbed from"


def test_a_wrong_threshold_is_found_at_the_edge_of_the_premise():
    """Between √2 and √2 + 10⁻⁶: no draw, no climb of no steps; only the edge of the premise leads there."""
    late = Implies(relation(x, ">", sympy.sqrt(2)), relation(x, ">", sympy.sqrt(2) + Fraction(1, 10**6)))
    found = seek(LINE, (), late, Effort(climbs=1, steps=0))
    assert 0 < found.candidates[0][0] < 1e-6
    assert found.candidates[0][1][0] == pytest.approx(math.sqrt(2), abs=1e-6)
    assert seek(LINE, (), late, Effort(climbs=0)).candidates == ()
    assert seek(LINE, (relation(x, ">", 2),), late, Effort(climbs=1, steps=0)).candidates == ()


def test_a_climb_starts_from_every_piece_and_from_each_of_the_best():
    """Two thin violations far apart, each seen by the climb on its own piece; with one climb for both, too."""
    low, high = (relation((x - k) ** 2, ">", Fraction(1, 10**6)) for k in (Fraction(-7123, 1000), Fraction(6321, 1000)))

    def found(claim, climbs):
        return [round(values[0]) for _, values in seek(LINE, (), claim, Effort(draws=200, climbs=climbs)).candidates]

    assert sorted(found(All((low, high)), 2)) == [-7, 6], "one climb each"
    assert sorted(found(All((low, high)), 1)) == [-7, 6]
    assert found(low, 4) == [-7] * 4


def test_what_is_met_on_the_way_up_counts():
    assert seek(LINE, (), relation(x, "<", Fraction(19, 2)), Effort(draws=200)).met <= 200, "a clear one needs no climb"
    still = seek(LINE, (), relation(x**2, ">=", 0), Effort(draws=100, climbs=1, steps=0)).met
    climbed = seek(LINE, (), relation(x**2, ">=", 0), Effort(draws=100, climbs=1, steps=50)).met
    assert still <= 100
    assert climbed == pytest.approx(still + 50, abs=3)


def test_only_what_meets_every_hypothesis_is_scored():
    values = {x: np.array([-1.0, 1.0, 2.0, 3.0]), y: np.array([5.0, -5.0, 5.0, 6.0])}
    score = search.scores((relation(x, ">", 0), relation(y, ">", 0)), relation(x + y, "<", 8), values)
    assert score.tolist() == [-math.inf, -math.inf, pytest.approx(-1), pytest.approx(1)]
    assert search.scores((), relation(x + y, "<", 8), values)[0] == pytest.approx(-4)
    assert search.scores((relation(x, ">", 9),), relation(log(y), "<", 8), values).tolist() == [-math.inf] * 4
    always, never = relation(sympy.Integer(3), ">", 2), relation(sympy.Integer(3), "<", 2)
    assert search.scores((always,), relation(x, "<", 0), values).tolist() == pytest.approx([-1, 1, 2, 3])
    assert search.scores((never,), relation(x, "<", 0), values).tolist() == [-math.inf] * 4
    assert search.scores((), never, values).tolist() == pytest.approx([1] * 4)


def test_a_step_of_a_whole_number_reaches_its_ends():
    rng = np.random.default_rng(0)
    assert {search._step(("integer", 1, 3, 2), 1.0, rng) for _ in range(200)} == {1, 2, 3}
    assert {search._step(("choice", 0, 1, 0), 1.0, rng) for _ in range(50)} == {0, 1}


def test_steps_grow_with_success_and_shrink_without():
    """From 0 a slope is climbed to its end; around a top that is reached the steps become small."""
    (slope,), met = search._climb(LINE, (), relation(x, "<", 20), [(-20.0, [("number", -10, 10, 0.0)])], [_rng()], 60)
    assert slope[0] == pytest.approx(-10)
    at_top = (-1.0, [("number", -10, 10, 1.0)])
    (top,), met = search._climb(LINE, (), relation((x - 1) ** 2, ">", -1), [at_top], [_rng()], 100)
    assert top == at_top
    away = np.array([abs(value - 1) for (value,) in met])
    assert (away < 0.05).sum() > 40
    assert away.max() > 3


def _rng():
    return np.random.default_rng(1)


def test_climbs_go_at_once_and_none_changes_where_another_goes():
    valley, starts = relation(x**2 + y, ">", 200), [(-100.0, [("number", -10, 10, 3.0 * k)] * 2) for k in (-1, 0, 1)]
    together, met = search._climb(PLANE, (), valley, starts, [*map(np.random.default_rng, (5, 6, 7))], 30)
    alone = [
        search._climb(PLANE, (), valley, [start], [np.random.default_rng(seed)], 30)
        for start, seed in zip(starts, (5, 6, 7), strict=True)
    ]
    assert together == [top for (top,), _ in alone]
    assert met == set().union(*(seen for _, seen in alone))
    assert len({top[0] for top in together}) == 3


class Steady:
    """Chance that always says 1."""

    def normal(self):
        return 1.0


def test_a_step_is_a_share_of_the_range_in_its_own_scale():
    assert search._step(("number", -10, 10, 1.0), 0.1, Steady()) == 3
    assert search._step(("number", Fraction(1, 100), 100, 0.5), 0.5, Steady()) == pytest.approx(0.5 * 100)


def test_a_step_grows_by_half_up_to_the_whole_range_and_shrinks_by_a_twelfth():
    far = Numbers({x: (-(10**6), 10**6)})

    def after(steps, start=-900_000.0):
        top = (start - 10**6, [("number", -(10**6), 10**6, start)])
        (reached,), _ = search._climb(far, (), relation(x, "<", 10**6), [top], [Steady()], steps)
        return reached

    _, first = after(1)
    assert first[0][-1] == pytest.approx(-900_000 + 0.3 * 2e6)
    _, second = after(2)
    assert second[0][-1] == pytest.approx(-900_000 + (0.3 + 0.45) * 2e6)
    _, third = after(3)
    assert third[0][-1] == 10**6, "no further than the end"
    stuck = (0.0, [("number", -(10**6), 10**6, 0.0)])
    _, met = search._climb(far, (), relation(x**2, ">=", 0), [(math.inf, stuck[1])], [Steady()], 3)
    assert sorted(value for (value,) in met) == pytest.approx([0.3 * 2e6 * 0.92**k for k in (2, 1, 0)])


def test_a_step_is_at_most_the_whole_range():
    """Forty successes in a row, each of which would make the next step longer by half."""
    uphill = [("number", Fraction(1, 10**9), 10**9, 1e-9)]
    halfway = relation(log(x), "<", 100)
    sizes = []

    class Tiny(Steady):
        def normal(self):
            sizes.append(1)
            return 1e-3

    span = Numbers({x: (Fraction(1, 10**9), 10**9)})
    ((_, top),), _ = search._climb(span, (), halfway, [(-math.inf, uphill)], [Tiny()], 40)
    grown = [min(0.3 * 1.5**k, 1) for k in range(40)]
    assert math.log(top[0][-1]) == pytest.approx(math.log(1e-9) + sum(grown) * 1e-3 * math.log(10**18))
    assert len(sizes) == 40


class Tied(Condition):
    """Violated everywhere, by as much as may be a tie and no more; or by a little more."""

    words = "tied"

    def __init__(self, more=0.0):
        self.more = more

    def violated(self, values):
        return np.full(len(values[x]), search.TIE + self.more)


def test_what_may_be_a_tie_is_climbed_from_and_what_is_clear_is_not():
    for climbs, tie, measured in ((2, 0.0, 1), (2, 1e-12, 0), (0, 0.0, 0)):
        seen = search.batch(LINE, (), Tied(tie), Effort(draws=60, climbs=climbs), 0)
        assert len(seen.of_pieces) == len(seen.edges) == measured
    still, climbed = (seek(LINE, (), Tied(tie), Effort(draws=60, climbs=1, steps=25)).met for tie in (1e-12, 0.0))
    assert climbed > still + 20


def test_the_efforts_that_statements_name():
    assert astuple(search.USUAL) == astuple(Effort()) == (2000, 6, 200, 100, 0)
    assert astuple(search.OBJECTS) == (300, 2, 40, 100, 0)
