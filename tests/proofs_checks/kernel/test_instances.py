"""Generators driven by chance, by replay and by Hypothesis: the same instances, moved and made simple."""

from collections import Counter
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import sympy

from proofs_checks.kernel.instances import (
    Chance,
    Instances,
    Numbers,
    Replay,
    draw_numbers,
    named,
    remembered,
    simple_numbers,
    simplest,
    subset,
    uniforms,
)

β = sympy.Symbol("β", positive=True)
x = sympy.Symbol("x", real=True)
SIZE, SUM = named("n", "Σ")


def make(draw):
    size = draw.integer(1, 4)
    return {"kind": draw.choice("ab"), "values": [draw.number(-2, 3) for _ in range(size)]}


LISTS = Instances(
    make,
    "lists",
    {SIZE: lambda values: len(values), SUM: lambda values, factor=1: factor * sum(values)},
    {SUM: lambda values: sum(values)},
)


def test_chance_stays_in_range_and_replay_repeats_it():
    rng = np.random.default_rng(0)
    for _ in range(50):
        source = Chance(uniforms(rng))
        made = make(source)
        assert 1 <= len(made["values"]) <= 4
        assert all(-2 <= value <= 3 for value in made["values"])
        again = Replay([value for *_, value in source.answers])
        assert make(again) == made
        assert again.answers == source.answers


def test_chance_reaches_every_end_and_choice():
    rng = np.random.default_rng(1)
    made = [make(Chance(uniforms(rng))) for _ in range(300)]
    assert {len(m["values"]) for m in made} == {1, 2, 3, 4}
    assert {m["kind"] for m in made} == {"a", "b"}
    values = {value for m in made for value in m["values"]}
    assert {-2.0, 3.0, 0.0, 1.0} <= values, "ends and simple values are among those drawn"


@pytest.mark.parametrize("by", ["chance", "batch"])
def test_a_fifth_of_the_numbers_are_the_ends_and_the_simplest_each_of_them(by):
    """No other number comes twice, so what does was not drawn at random."""
    rng = np.random.default_rng(3)
    source = Chance(uniforms(rng))
    low, high = Fraction(-9, 4), Fraction(13, 4)
    one_by_one = [source.number(low, high) for _ in range(3000 * (by == "chance"))]
    drawn = one_by_one or draw_numbers(rng, low, high, 3000).tolist()
    often = {value: count for value, count in Counter(drawn).items() if count > 1}
    assert set(often) == {low, high, *map(float, list(simple_numbers(low, high))[:12])}
    assert 0.17 < sum(often.values()) / 3000 < 0.23
    assert max(often.values()) < 2.5 * min(often.values())


def test_simple_numbers_have_small_denominators_and_lie_near_one():
    first = [str(number) for number in list(simple_numbers(-2, 3))[:9]]
    assert first == ["1", "-1", "0", "2", "-2", "3", "1/2", "-1/2", "3/2"]
    assert [int(x) for x in simple_numbers(11, 1000)] == [16, 25, 36, 49, 64, 81, 100]
    assert {str(number) for number in simple_numbers(Fraction(9, 100), Fraction(22, 100))} == {"1/5", "1/10"}
    assert {10, Fraction(99, 10), Fraction(49, 5)} <= set(simple_numbers(Fraction(97, 10), 10))
    assert len(set(simple_numbers(0, 10))) == len(list(simple_numbers(0, 10)))
    assert {number.denominator for number in simple_numbers(0, 10)} == {1, 2, 3, 4, 5, 10}
    assert list(simple_numbers(Fraction(1001, 100), Fraction(159, 10))) == []
    assert all(symbol.is_real for symbol in named("L(π)", "a"))


def test_an_end_is_simple_where_nothing_simple_lies_between():
    assert simplest(Fraction(17, 1000), Fraction(18, 1000)) == Fraction(17, 1000)
    assert simplest(float("inf"), float("inf")) == float("inf")


def test_modest_chance_answers_whole_numbers_by_the_least():
    def sizes(modest):
        source = Chance(uniforms(np.random.default_rng(0)), modest)
        return [source.integer(2, 9) for _ in range(1000)]

    assert np.mean(np.array(sizes(0.6)) == 2) == pytest.approx(0.6 + 0.4 / 8, abs=0.05)
    assert np.mean(np.array(sizes(0.0)) == 2) == pytest.approx(1 / 8, abs=0.05)
    assert set(sizes(1.0)) == {2}
    assert Chance(iter([0.5, 0.99]), 0.5).integer(2, 9) == 9, "a share of [0, 1) ends before itself"
    small = LISTS.draw(np.random.default_rng(0), 60, modest=1.0)[0]
    assert set(small[SIZE]) == {1}
    assert set(LISTS.draw(np.random.default_rng(0), 60)[0][SIZE]) == {1, 2, 3, 4}


def test_replayed_whole_numbers_are_whole():
    source = Replay([2.7, 1.2, Fraction(5, 2)])
    answers = source.integer(0, 5), source.choice("abc"), source.number(0, 9), source.integer(1, 4)
    assert answers == (2, "b", Fraction(5, 2), 1)
    assert [type(value) for value in (answers[0], answers[3])] == [int, int]
    assert source.answers[:2] == [("integer", 0, 5, 2), ("choice", 0, 2, 1)]


def test_replay_moves_answers_into_range_and_completes_them_by_the_simplest():
    assert make(Replay([9, 5, 7, -9])) == {"kind": "b", "values": [3, -2, 1, 1]}
    assert make(Replay([])) == {"kind": "a", "values": [1]}


def test_the_simplest_number():
    assert simplest(-2, 3) == 1
    assert simplest(Fraction(1, 3), Fraction(2, 5)) == Fraction(1, 3)
    assert simplest(17, 20) == 17
    assert next(simple_numbers(-5, -1)) == -1


@pytest.mark.parametrize("by", ["chance", "batch"])
def test_numbers_of_a_positive_range_are_drawn_by_logarithm(by):
    rng, low = np.random.default_rng(0), Fraction(1, 1000)
    source = Chance(uniforms(rng))
    one_by_one = np.array([source.number(low, 1000) for _ in range(4000 * (by == "chance"))])
    drawn = one_by_one if by == "chance" else draw_numbers(rng, low, 1000, 4000)
    assert drawn.min() >= 1 / 1000
    assert drawn.max() <= 1000
    assert 0.4 < np.mean(drawn <= 1) < 0.62
    assert 0.1 < np.mean(np.isin(drawn, [1 / 1000, 1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])) < 0.3
    special = [float(x) for x in (low, 1000, *simple_numbers(low, 1000))]
    quarters = np.quantile(drawn[~np.isin(drawn, special)], [0.25, 0.5, 0.75])
    assert np.log10(quarters) == pytest.approx([-1.5, 0, 1.5], abs=0.15)
    one_by_one = np.array([source.number(-1, 3) for _ in range(4000 * (by == "chance"))])
    signed = one_by_one if by == "chance" else draw_numbers(rng, -1, 3, 4000)
    assert 0.4 < np.mean(signed < 1) < 0.7


def test_values_are_one_number_an_instance():
    values, answers = LISTS.draw(np.random.default_rng(0), 20)
    assert values[SIZE].shape == values[SUM].shape == (20,)
    assert len(answers) == len(values["instances"]) == 20
    assert values[SUM][3] == pytest.approx(sum(values["instances"][3]["values"]))
    again, (taken,) = LISTS.replay([value for *_, value in answers[3]])
    assert again[SUM][0] == values[SUM][3]
    assert taken == answers[3]


def test_exact_values_of_exact_answers():
    known = LISTS.exactly([2, 0, Fraction(1, 3), Fraction(1, 6)])
    assert known[SUM] == Fraction(1, 2)
    assert SIZE not in known
    assert LISTS.show([2, 0, Fraction(1, 3), Fraction(1, 6)]) == "kind = a, values = (1/3, 1/6)"


def test_an_instance_in_words_has_its_mappings_lists_and_decimals():
    known = Instances(lambda draw: {"rates": {"a": [0.123456789, 2], "b": (Fraction(1, 3),)}, "x": 1.5e-9}, "one")
    assert known.show([]) == "rates = {a: (0.123457, 2), b: (1/3)}, x = 1.5e-09"


def test_quantities_are_called_with_the_parts_they_name_or_with_all():
    whole = Instances(lambda draw: {"a": 2, "b": 3}, "two", {SUM: lambda parts: sum(parts.values())})
    assert whole.replay([])[0][SUM] == [5]
    (name,) = named("2b")
    some = Instances(lambda draw: {"a": 2, "b": 3}, "two", {name: lambda b, factor=2: b * factor})
    assert some.replay([])[0][name] == [6]


def test_some_of_a_batch_keep_what_was_computed_and_compute_the_rest_of_themselves():
    counted = []
    three = Instances(lambda draw: {"t": draw.number(0, 1)}, "t", {x: lambda t: counted.append(t) or t, β: lambda t: t})
    values, _ = three.draw(np.random.default_rng(0), 6)
    assert len(values[x]) == len(counted) == 6
    keep = np.array([True, False, True, False, False, True])
    some = subset(values, keep)
    assert some[x].tolist() == values[x][keep].tolist()
    assert len(counted) == 6, "not computed again"
    assert some[β].tolist() == values[x][keep].tolist()
    assert len(some["instances"]) == 3
    pairs = Numbers({x: (-1, 1)})
    drawn, _ = pairs.draw(np.random.default_rng(0), 6)
    assert subset(drawn, keep) == {x: pytest.approx(drawn[x][keep])}
    assert pairs.keys(drawn, keep) == {(value,) for value in drawn[x][keep]}
    assert len(three.keys(values, keep)) == 3


def test_numbers_alone():
    pair = Numbers({β: (Fraction(1, 2), 2), x: (-1, 1)}, "One pair, ", points=({x: Fraction(1, 4)},))
    assert pair.words == "One pair, β > 0, x real"
    assert pair.drawn == "β ∈ [1/2, 2], x ∈ [−1, 1]"
    values, answers = pair.draw(np.random.default_rng(0), 10)
    assert values[x][0] == 0.25, "points are always among those drawn"
    assert len(answers) == 10
    assert answers[4] == [
        ("number", Fraction(1, 2), 2, values[β][4]),
        ("number", -1, 1, values[x][4]),
    ]
    assert pair.exactly([Fraction(3, 2), Fraction(1, 3)]) == {β: Fraction(3, 2), x: Fraction(1, 3)}
    assert pair.replay([1, 5])[0][x] == np.array([1.0])
    assert Numbers({sympy.Symbol("m", nonnegative=True): (0, 1)}).words == "m ≥ 0"


def test_a_fifth_ends_before_itself_and_a_range_from_0_is_no_scale():
    assert Chance(iter([0.25, 0.2])).number(Fraction(1, 7), Fraction(1, 7) * 16) == pytest.approx(2 / 7)
    assert Chance(iter([0.25, 0.2])).number(0, 8) == 2
    assert Chance(iter([0.0, 0.19])).number(Fraction(1, 7), 3) == float(Fraction(1, 7)), "the low end is special"
    steady = SimpleNamespace(random=lambda count: np.full(count, 0.2), choice=lambda held, count: np.full(count, 7.0))
    assert draw_numbers(steady, 0, 8, 2).tolist() == pytest.approx([1.6, 1.6])
    from_zero = draw_numbers(np.random.default_rng(0), 0, 8, 2000)
    assert 0.4 < np.mean(from_zero < 4) < 0.65


def test_who_draws_from_the_same_numbers_again_is_given_what_was_computed():
    """The batch and its values are the same objects, and the generator stands where drawing anew would leave it."""
    asked = []

    def total(values):
        asked.append(values)
        return sum(values)

    kept = remembered(Instances(make, "lists", {SUM: total}))
    rngs = [np.random.default_rng(3) for _ in range(3)]
    (first, answers), (again, same) = (kept.draw(rng, 20) for rng in rngs[:2])
    fresh, others = LISTS.draw(rngs[2], 20)
    assert first[SUM].tolist() == again[SUM].tolist() == fresh[SUM].tolist()
    assert answers == same == others
    assert len(asked) == 20
    assert len({rng.random() for rng in rngs}) == 1
    for other in (kept.draw(np.random.default_rng(4), 20), kept.draw(np.random.default_rng(3), 20, modest=0.5)):
        assert other[0] is not first
    assert len(kept.draw(np.random.default_rng(3), 7)[1]) == 7
    half = [2, 0, Fraction(1, 2), Fraction(1)]
    assert kept.exactly(half) is kept.exactly(list(half))
    assert kept.exactly(half) is not kept.exactly([2, 0, Fraction(1, 2), 1])
    numbers = Numbers({x: (0, 1)})
    assert remembered(numbers) is numbers
