"""Generators driven by chance, by replay and by Hypothesis: the same instances, moved and made simple."""

from fractions import Fraction

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
    simple_numbers,
    simplest,
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


def test_replay_moves_answers_into_range_and_completes_them_by_the_simplest():
    assert make(Replay([9, 5, 7, -9])) == {"kind": "b", "values": [3, -2, 1, 1]}
    assert make(Replay([])) == {"kind": "a", "values": [1]}


def test_the_simplest_number():
    assert simplest(-2, 3) == 1
    assert simplest(Fraction(1, 3), Fraction(2, 5)) == Fraction(1, 3)
    assert simplest(17, 20) == 17
    assert next(simple_numbers(-5, -1)) == -1


def test_numbers_of_a_positive_range_are_drawn_by_logarithm():
    drawn = draw_numbers(np.random.default_rng(0), Fraction(1, 1000), 1000, 4000)
    assert drawn.min() >= 1 / 1000
    assert drawn.max() <= 1000
    assert 0.4 < np.mean(drawn <= 1) < 0.62
    assert 0.1 < np.mean(np.isin(drawn, [1 / 1000, 1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])) < 0.3
    signed = draw_numbers(np.random.default_rng(0), -1, 3, 4000)
    assert 0.4 < np.mean(signed < 1) < 0.7


def test_values_are_one_number_an_instance():
    values, answers = LISTS.draw(np.random.default_rng(0), 20)
    assert values[SIZE].shape == values[SUM].shape == (20,)
    assert len(answers) == len(values["instances"]) == 20
    assert values[SUM][3] == pytest.approx(sum(values["instances"][3]["values"]))
    again, taken = LISTS.replay([value for *_, value in answers[3]])
    assert again[SUM][0] == values[SUM][3]
    assert taken == answers[3]


def test_exact_values_of_exact_answers():
    known = LISTS.exactly([2, 0, Fraction(1, 3), Fraction(1, 6)])
    assert known[SUM] == Fraction(1, 2)
    assert SIZE not in known
    assert LISTS.show([2, 0, Fraction(1, 3), Fraction(1, 6)]) == "kind = a, values = (1/3, 1/6)"


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
