"""Figures of a reader's own problem and of another loss: what is drawn is what is solved for it."""

import json

import numpy as np
import pytest

import figures
from figures import (
    escape_time,
    penalized_objective,
    phase_diagram,
    projection,
    solution_sets,
    two_readings,
    undesirable_region,
    win_digraph,
)
from tabular import InputError, Preferences, Problem, cpo, dpo, flow, losses, rlhf

THREE = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], 0.25, [[1.0, 0.0, -1.0], [0.0, 0.5, 0.0]])
LABELS = Preferences.from_pairs([(0, 0, 1), (1, 1, 0), (1, 0, 1), (1, 2, 1)])
TWO = (Problem.from_probabilities([0.1, 0.9], 0.5, [0.5, 0.0]), Preferences.from_pairs([(0, 1)]))
ABLE = [name for name in figures.FIGURES if figures.takes(name, "problem")]


def test_every_figure_that_shows_a_problem_takes_one():
    assert ABLE == [
        "undesirable_region",
        "phase_diagram",
        "two_readings",
        "solution_sets",
        "win_digraph",
        "penalized_objective",
        "projection",
        "escape_time",
    ]


@pytest.mark.parametrize("name", ABLE)
def test_it_is_drawn_told_and_not_the_figures_own(name):
    module = figures.module(name)
    given = (THREE, LABELS) if name in ("solution_sets", "projection", "win_digraph") else TWO
    table = module.compute(problem=given)
    module.draw(table).figure.draw_without_rendering()
    assert f"β = {given[0].beta:g}" in module.caption(table)
    assert module.caption(table) != module.caption(module.compute())
    json.dumps(table.settings, allow_nan=False)


def test_solution_sets_prompt_by_prompt():
    """Each prompt's panel, solved alone, is the whole problem's solution there."""
    table = solution_sets.compute(problem=(THREE, LABELS))
    whole = dpo.solve(THREE, LABELS)
    for prompt in (0, 1):
        name = f"prompt {prompt}"
        assert table[f"{name}_flow"] == pytest.approx(np.exp(whole.log_policy[prompt]), abs=1e-12)
        assert table[f"{name}_rlhf"] == pytest.approx(np.exp(rlhf.optimal_policy(THREE)[prompt]), abs=1e-12)
        assert table.settings[f"status_{name}"] == whole.statuses[prompt].value


def test_solution_sets_of_another_loss():
    loss = losses.get("cdpo", eps=0.125)
    labels = Preferences.from_pairs([(0, 1)])
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.25)
    table = solution_sets.compute(problem=(problem, labels), loss=loss)
    a, b, _ = table["your problem_flow"]
    assert np.log(a / b) == pytest.approx(np.log(2 / 3) + np.log(7) / 0.25)  # sigma(beta h) = 1 - eps
    assert "cdpo(eps=0.125)" in solution_sets.caption(table)
    drawn = solution_sets.draw(table)
    assert "cdpo minimisers" in drawn.entries
    assert "RLHF" not in " ".join(drawn.entries)  # no reward, no RLHF optimum


def test_the_digraph_and_the_projection_speak_of_the_readers_responses():
    given = type("File", (), {"problem": THREE, "preferences": LABELS, "names": [["x", "yes", "z"], ["p", "q", "r"]]})()
    digraph = win_digraph.draw(win_digraph.compute(problem=given))
    assert {"x", "yes", "z"} <= {text.get_text() for text in digraph.axes[0].texts}
    table = projection.compute(problem=given)
    found = cpo.constrained_optimum(THREE, LABELS)
    for prompt in (0, 1):
        assert table[f"after_prompt {prompt}"] == pytest.approx(np.exp(found.log_policy[prompt]), abs=1e-12)
    assert {"x", "yes", "z"} <= {text.get_text() for text in projection.draw(table).axes[0].texts}


def test_pairs_are_placed_by_their_closed_forms():
    delta_ref, gain = -np.log(9), 1.0
    plane = phase_diagram.compute(problem=TWO)
    assert (plane["pair_delta_ref"][0], plane["pair_gain"][0]) == pytest.approx((delta_ref, gain))
    (square,) = [line for line in phase_diagram.draw(plane).axes[0].get_lines() if line.get_marker() == "s"]
    assert square.get_xydata().tolist() == [[plane["pair_delta_ref"][0], plane["pair_gain"][0]]]
    times = escape_time.compute(problem=TWO)
    assert times["pair_depth"][0] == pytest.approx(0.5 * np.log(9))
    assert times["pair_time"][0] == pytest.approx(0.5 * np.log(9) + 3 - 1)
    assert times["pair_time"][0] == pytest.approx(0.5 * flow.escape_time(delta_ref, 0.5))
    readings = two_readings.compute(problem=TWO)
    assert readings.settings["delta_ref_misaligned"] == pytest.approx(delta_ref)
    assert readings.settings["delta_star_misaligned"] == pytest.approx(delta_ref + gain)
    penalty = penalized_objective.compute(problem=TWO)
    assert penalty.settings["delta_star"] == pytest.approx(delta_ref + gain)


@pytest.mark.parametrize("loss", [losses.get("dpo"), losses.get("slic", margin=1.0), losses.get("exo_pair", eps=0.01)])
def test_the_region_of_any_falling_loss(loss):
    """Its threshold is its value at delta = 0, and in U it is between threshold and start."""
    table = undesirable_region.compute(problem=TWO, loss=loss)
    s, (kind,) = table.settings, table.settings["references"]
    assert s[f"threshold_{kind}"] == pytest.approx(float(loss(0.0, 0.0, -np.log(9), 0.0, 0.5)))
    inside = (table["delta"] > -np.log(9)) & (table["delta"] < 0)
    assert (table[f"loss_{kind}"][inside] >= s[f"threshold_{kind}"]).all()
    assert (table[f"loss_{kind}"][inside] <= s[f"start_{kind}"]).all()


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("solution_sets", {"problem": TWO}, "your problem has 2 responses: solution_sets draws the triangle"),
        ("solution_sets", {"loss": losses.get("nca_pair")}, "nca.* is .* and its set of minimisers is not known"),
        ("undesirable_region", {"loss": losses.get("ipo")}, "does not fall with h"),
        ("undesirable_region", {"loss": losses.get("cdpo", eps=0.1)}, "does not fall with h"),
        ("two_readings", {"problem": (THREE, LABELS)}, "two_readings shows one pair of two responses"),
        (
            "projection",
            {"problem": (Problem.from_probabilities([0.5, 0.5], 1.0), Preferences.from_pairs([(0, 1)]))},
            "the problem has no reward: add rewards",
        ),
        (
            "escape_time",
            {"problem": (Problem.from_probabilities([0.5, 0.5], 1.0), Preferences.from_pairs([(0, 1)]))},
            "none has to leave U",
        ),
    ],
)
def test_what_does_not_fit_gets_one_sentence(name, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        figures.module(name).compute(**settings)
