"""Lessons 4, 5, 7, 8 and 10 tell the truth wherever their sliders are put here, hidden answers included."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from tabular import Preferences, Problem, cpo, losses
from tests.demos.test_demos import as_opened, run


@pytest.mark.parametrize(
    ("delta_ref", "reward_difference", "beta", "condition", "ranked"),
    [(0.0, 1.0, 1.0, "holds", "right"), (-2.0, 1.0, 1.0, "fails", "wrong"), (-0.9, 1.0, 1.0, "holds", "right")],
)
def test_the_population_ends_at_the_rlhf_optimum_and_the_condition_decides_the_ranking(
    delta_ref, reward_difference, beta, condition, ranked
):
    text, shown = run(4, delta_ref=delta_ref, reward_difference=reward_difference, beta=beta)
    assert shown["delta_population"] == pytest.approx(shown["delta_star"], abs=1e-9)
    assert shown["delta_star"] == pytest.approx(delta_ref + reward_difference / beta)
    assert not shown["attained_once"]
    assert f"<strong>{condition}</strong>" in text
    assert f"<strong>{ranked}</strong>" in text


def test_exercise_4_the_difference_of_two_values_of_the_loss():
    _, shown = as_opened(4)
    assert shown["answer"] == pytest.approx(np.log1p(np.exp(-1)) - np.log1p(np.exp(-2)))


def objective(delta, delta_star, beta, gamma):
    """J of two responses without rewards and with the reference at delta*, from its definition."""
    policy, reference = (np.array([1, np.exp(-at)]) / (1 + np.exp(-at)) for at in (delta, delta_star))
    return -beta * (policy * np.log(policy / reference)).sum() + gamma * delta


@pytest.mark.parametrize("gamma", [0.2, 0.4, 0.45])
def test_the_local_maximum_is_one_of_the_objective(gamma):
    _, shown = run(5, gamma=gamma, delta_star=-1.5, beta=1.0)
    around = (shown["delta"] - 0.2, shown["delta"] + 0.2)
    best = minimize_scalar(lambda d: -objective(d, -1.5, 1.0, gamma), bounds=around, method="bounded")
    assert best.x == pytest.approx(shown["delta"], abs=1e-4)
    assert (shown["delta"] > 0) == (gamma > shown["gamma_star"])


def test_beyond_the_window_nothing_is_left():
    text, shown = run(5, gamma=0.9, delta_star=-1.5, beta=1.0)
    assert shown["gamma_max"] < 0.9
    assert shown["delta"] is None
    assert "No maximum is left" in text


def test_the_curve_of_lesson_5_is_the_objective():
    at = np.array([-2.0, 0.5, 3.0])
    policies = -np.logaddexp(0, np.stack([-at, at], axis=1))
    problem = Problem.from_unnormalized([[-1.5, 0.0]] * 3, 1.0, reward=[[0.0, 0.0]] * 3)
    labels = Preferences.from_pairs([(x, 0, 1) for x in range(3)])
    curve = cpo.penalized_objective(policies, problem, labels, 0.4)
    assert curve == pytest.approx([objective(d, -1.5, 1.0, 0.4) for d in at])


def test_exercise_5_a_local_maximum_exists_just_inside_the_window_only():
    _, shown = as_opened(5)
    assert shown["answer"][0] == 0.25
    problem, pair = Problem.from_unnormalized([-1.0, 0.0], 1.0, reward=[0.0, 0.0]), Preferences.from_pairs([(0, 1)])
    inside, outside = (cpo.penalized_optimum(problem, pair, shown["answer"][1] * c).n_local[0] for c in (0.999, 1.001))
    assert (inside, outside) == (1, 0)


def opened_7(name, **controls):
    """Lesson 7 with a loss chosen, the other sliders where they are at first."""
    names = [other for other in losses.names() if not losses.typical(other).batch]
    return run(7, **({"delta_ref": -2.0, "beta": 0.5, "share": 0.75, "row": names.index(name) + 1} | controls))


LOGIT = np.log(3)  # of 3/4


@pytest.mark.parametrize(
    ("name", "controls", "delta"),
    [
        ("dpo", {}, -2 + LOGIT / 0.5),
        ("dpo", {"beta": 0.6}, -2 + LOGIT / 0.6),
        ("dpo", {"share": 1}, np.inf),
        ("ipo", {}, -2 + 0.5 / (2 * 0.5)),
        ("ipo", {"share": 1, "delta_ref": -0.5}, 0.5),
        ("cdpo", {"share": 1}, -2 + np.log(9) / 0.5),
        ("cdpo", {"share": 1, "strength": 0.4}, -2 + np.log(1.5) / 0.5),
        ("hinge", {}, 0.0),
        ("slic", {"strength": 4}, 4.0),
        ("rdpo", {"share": 1}, np.inf),
        ("apo_down", {}, None),
    ],
)
def test_each_loss_ends_where_its_formula_says(name, controls, delta):
    text, shown = opened_7(name, **controls)
    assert shown["ended"] == (None if delta is None else pytest.approx(delta, abs=1e-9))
    assert str(shown["chosen"]).split("(")[0] == name
    side = "nowhere" if delta is None else "on the right side" if delta > 0 else "on the wrong side"
    assert f"<strong>{'in a tie' if delta == 0 else side}" in text
    assert shown["saved"] == sum(end > 0 for end in shown["delta"].values() if end is not None)


def test_the_prediction_of_lesson_7_and_its_margin():
    """IPO alone ends wrong; with a little more beta DPO does, too."""
    _, shown = as_opened(7)
    assert shown["delta"]["dpo"] > 0 > shown["delta"]["ipo"]
    assert opened_7("dpo", beta=0.6)[1]["ended"] < 0


def test_the_picture_of_lesson_7_has_every_loss_on_its_side():
    _, shown = as_opened(7)
    axes = shown["draw"](shown["delta"], -2.0, "ipo").axes
    names = [tick.get_text().split()[0] for ax in axes for tick in ax.get_yticklabels()]
    assert names == list(shown["delta"])
    points = [line for ax in axes for line in ax.lines if len(line.get_xdata()) == 1]
    drawn = {int(line.get_ydata()[0]): line.get_xdata()[0] for line in points}
    for row, value in enumerate(shown["delta"].values()):
        assert (value is None) == (row not in drawn)
        assert value is None or np.sign(drawn[row]) == np.sign(value)


def test_exercise_7_ipo_gains_one_nat():
    _, shown = as_opened(7)
    for reference, right in ((shown["answer"] + 0.5, True), (shown["answer"] - 0.5, False)):
        assert (opened_7("ipo", share=1, delta_ref=reference)[1]["ended"] > 0) == right


@pytest.mark.parametrize(("feature", "falls"), [(3.0, True), (-2.0, False), (-1.0, False)])
def test_the_chosen_response_falls_in_the_network_and_never_in_the_table(feature, falls):
    _, shown = run(8, feature=feature, winner=0.4, loser=0.3)
    assert shown["falls_in_the_end"] == falls
    assert (np.diff(shown["table"][:, 0]) >= -1e-9).all()
    step = shown["network"][1, 0] - shown["network"][0, 0]
    assert (step > 0) == (shown["at_start"] > 0)


def test_exercise_8_the_first_step_turns_at_the_answer():
    _, shown = as_opened(8)
    for feature, up in ((shown["answer"] - 0.01, True), (shown["answer"] + 0.01, False)):
        tilted = np.exp(1e-4 * np.array([0.0, -1.0, feature]))
        assert (tilted[0] / tilted.sum() > 1 / 3) == up


@pytest.mark.parametrize(
    ("shares", "condorcet", "first", "sentence"),
    [
        ((0.58, 0.58, 0.96), 0, 1, "DPO puts $b$ first"),
        ((0.9, 0.9, 0.5), 0, 0, "DPO puts it first"),
        ((0.9, 0.1, 0.9), -1, None, "No response beats every other one"),
    ],
)
def test_dpo_orders_by_borda_and_nash_takes_the_condorcet_winner(shares, condorcet, first, sentence):
    _, shown = run(10, **dict(zip(("a_over_b", "a_over_c", "b_over_c"), shares, strict=True)))
    assert shown["condorcet"] == condorcet
    assert list(np.argsort(shown["fitted"].round(9))) == list(np.argsort(shown["borda"].round(9)))
    assert first is None or shown["fitted"].argmax() == first
    worst = (shown["lottery"] @ shown["preference"]).min()
    assert worst > 0.5 - 1e-9  # nothing beats the Nash policy


def test_exercise_10_nothing_beats_the_even_mixture():
    _, shown = as_opened(10)
    circle = np.array([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]])
    assert shown["answer"] @ circle == pytest.approx([0.5] * 3)
