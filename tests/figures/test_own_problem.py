"""Figures of a reader's own problem and of another loss: what is drawn is what is solved for it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import figures
from figures import (
    best_of_n_and_tilt,
    escape_time,
    frontier,
    nash_and_borda,
    optima_vs_reference,
    penalized_objective,
    phase_diagram,
    projection,
    solution_sets,
    target_margins,
    two_readings,
    undesirable_region,
    win_digraph,
)
from tabular import InputError, Preferences, Problem, cpo, dpo, failure_modes, flow, losses, rlhf
from tabular.choice import nash

THREE = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], 0.25, [[1.0, 0.0, -1.0], [0.0, 0.5, 0.0]])
LABELS = Preferences.from_pairs([(0, 0, 1), (1, 1, 0), (1, 0, 1), (1, 2, 1)])
TWO = (Problem.from_probabilities([0.1, 0.9], 0.5, [0.5, 0.0]), Preferences.from_pairs([(0, 1)]))
OF_ONE_PAIR = (
    "undesirable_region",
    "phase_diagram",
    "two_readings",
    "optima_vs_reference",
    "penalized_objective",
    "best_of_n_and_tilt",
    "escape_time",
)
ABLE = [name for name in figures.FIGURES if figures.takes(name, "problem")]


def test_every_figure_that_shows_a_problem_takes_one():
    assert ABLE == [
        "undesirable_region",
        "phase_diagram",
        "two_readings",
        "solution_sets",
        "win_digraph",
        "optima_vs_reference",
        "target_margins",
        "penalized_objective",
        "projection",
        "nash_and_borda",
        "best_of_n_and_tilt",
        "escape_time",
        "frontier",
    ]


@pytest.mark.parametrize("name", ABLE)
def test_it_is_drawn_told_and_not_the_figures_own(name):
    module = figures.module(name)
    given = TWO if name in OF_ONE_PAIR else (THREE, LABELS)
    table = module.compute(problem=given)
    module.draw(table).figure.draw_without_rendering()
    assert f"β = {given[0].beta:g}" in module.caption(table)
    if name != "frontier":  # its own is of real data
        assert module.caption(table) != module.caption(module.compute())
    json.dumps(table.settings, allow_nan=False)


WITH_LOSS = [name for name in figures.FIGURES if figures.takes(name, "loss")]


def test_the_book_says_of_every_figure_whether_it_takes_a_loss():
    page = (Path(figures.__file__).parents[1] / "docs/site/how_to/make_a_figure.md").read_text(encoding="utf-8")
    told, others = page.split("| figure | with `--loss` |")[1].split("The others")
    assert set(re.findall(r"^\| (\w+) \|", told, re.MULTILINE)) == set(WITH_LOSS)
    for name in figures.FIGURES:
        assert (name in others) == (name not in WITH_LOSS)


@pytest.mark.parametrize("name", WITH_LOSS)
def test_a_figure_of_another_loss_is_drawn_and_names_it(name):
    loss, module = losses.get("odpo", offset=0.25), figures.module(name)
    table = module.compute(loss=loss)
    module.draw(table).figure.draw_without_rendering()
    assert "odpo(offset=0.25)" in module.caption(table)
    assert "odpo" not in module.caption(module.compute())
    json.dumps(table.settings, allow_nan=False)


def test_both_readings_of_ipo_stop_at_its_closed_forms():
    """h = (2p - 1) / (2 beta), p = 1 and p = sigma(Delta r)."""
    table = two_readings.compute(loss=losses.get("ipo"))
    gain = np.tanh(0.5) / 2  # (2 sigma(1) - 1) / 2
    assert table["flow_ordered"][-1] == pytest.approx(-2 + 0.5, abs=1e-6)
    assert table["flow_population"][-1] == pytest.approx(-2 + gain, abs=1e-6)
    assert table["delta"][table["population_misaligned"].argmin()] == pytest.approx(-2 + gain, abs=0.02)
    assert table.settings["escape_time"] is None
    late = two_readings.compute(loss=losses.get("odpo", offset=0.0))  # DPO by the other route
    closed = two_readings.compute()
    assert late["flow_ordered"] == pytest.approx(closed["flow_ordered"], abs=1e-6)
    assert late.settings["escape_time"] == pytest.approx(closed.settings["escape_time"], abs=0.02)


def test_the_optimum_of_cdpo_beside_the_others():
    table = optima_vs_reference.compute(points=5, loss=losses.get("cdpo", eps=0.1))
    share = 0.9 / (1 + np.exp(-1.0)) + 0.1 / (1 + np.exp(1.0))
    assert table["delta_loss"] == pytest.approx(table["delta_ref"] + np.log(share / (1 - share)) / 0.5, abs=1e-9)
    assert (table["price_loss"] > 0).all()


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


def test_the_frontier_of_a_problem_and_the_policies_in_it():
    """By the separable closed form where every label is a prompt of its own, and by the loss of each policy."""
    apart = Problem.from_probabilities([[0.2, 0.8], [0.6, 0.4]], 0.5, [[1.0, 0.0], [0.0, 2.0]])
    labels = Preferences.from_pairs([(0, 0, 1), (1, 0, 1)])
    table = frontier.compute(problem=(apart, labels))
    alone = failure_modes.separable_frontier(labels.delta(apart.log_ref), 0.5)
    np.testing.assert_allclose([table["own_loss"], table["own_worst"]], alone.steps, atol=1e-12)
    places = dict(
        zip(table["policy"].tolist(), zip(table["policy_loss"], table["policy_had"], strict=True), strict=True)
    )
    best = rlhf.optimal_policy(apart)
    assert places["reference"] == pytest.approx((np.log(2), 0.5))
    assert places["dpo"] == pytest.approx((0, 1))
    assert places["rlhf"] == pytest.approx((dpo.loss(best, apart, labels), np.mean(labels.delta(best) > 0)))
    table = frontier.compute(problem=(THREE, LABELS))  # a limit without mass on both ends of a label
    whole = dpo.solve(THREE, LABELS)
    found = dict(zip(table["policy"].tolist(), table["policy_had"], strict=True))
    assert table["policy_loss"][1] == pytest.approx(whole.infimum)
    assert found["dpo"] == 0.75  # one of the two labels that contradict each other is wrong
    worst = failure_modes.frontier(THREE, LABELS).worst_case_accuracy(table["policy_loss"] + 1e-12)
    assert (table["policy_had"] >= worst - 1e-12).all()


def test_targets_of_the_readers_pairs_are_those_of_their_own_log_probabilities():
    table = target_margins.compute(problem=(THREE, LABELS))
    at, log_ref = table["pair_delta_ref"], THREE.log_ref
    np.testing.assert_allclose(at, LABELS.delta(log_ref))
    winner, loser = (np.exp(log_ref[LABELS.prompt, y]) for y in (LABELS.winner, LABELS.loser))
    np.testing.assert_allclose(table["pair_ecpo"], at + 0.05 * (1 / winner + 1 / loser))
    np.testing.assert_allclose(table["pair_code_easy"], at + 0.5 / 0.25 * (1 / np.log(winner) + 1 / np.log(loser)))
    np.testing.assert_allclose(table["pair_hypo"], np.maximum(at, 0))
    squares = [line for line in target_margins.draw(table).axes[0].get_lines() if line.get_marker() == "s"]
    assert [line.get_xydata().tolist() for line in squares] == [np.column_stack([at, at]).tolist()]
    on_curve = target_margins.compute(problem=TWO)  # two responses: Eq. 17 stays on its curve
    curve = np.interp(on_curve["pair_delta_ref"], on_curve["delta_ref"], on_curve["ecpo"])
    np.testing.assert_allclose(on_curve["pair_ecpo"], curve, atol=1e-3)


def test_best_of_n_of_the_readers_prompts():
    """Of two responses: the best is drawn with 1 − (1 − p)^n, and no policy of that KL has more reward."""
    two = Problem.from_probabilities([[0.1, 0.9], [0.25, 0.75]], 0.5, [[2.0, 0.0], [1.0, -1.0]])
    table = best_of_n_and_tilt.compute(most=5, problem=(two, Preferences.from_pairs([(0, 0, 1), (1, 0, 1)])))
    assert table.settings["spaces"] == ["prompt 0", "prompt 1"]
    np.testing.assert_allclose(table["prompt 0_bon"], 2 * (1 - 0.9 ** table["n"]))
    np.testing.assert_allclose(table["prompt 0_tilt"], table["prompt 0_bon"], atol=1e-6)  # one dimension: the same path
    tied = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5, [1.0, 1.0, 0.0])
    table = best_of_n_and_tilt.compute(most=9, problem=(tied, Preferences.from_pairs([(0, 2)])))
    assert (table["your problem_tilt"] >= table["your problem_bon"] - 1e-9).all()
    assert table["your problem_kl"].max() < np.log(2)  # all mass on the two best, which have half


def test_the_three_paths_of_the_readers_votes_pass_through_what_is_solved_at_its_beta():
    """The Nash policy is its own best reply; DPO's and IPO's places are those of the solvers, pairs equally often."""
    votes = Preferences.from_wins([[0, 6, 1], [2, 0, 9], [3, 1, 0]])  # shares 0.75, 0.25, 0.9 of 8, 4, 10 comparisons
    rates = np.array([[0.5, 0.75, 0.25], [0.25, 0.5, 0.9], [0.75, 0.1, 0.5]])
    mine = Problem.from_probabilities([0.2, 0.3, 0.5], 0.25)
    table = nash_and_borda.compute(steps=3, problem=(mine, votes))
    even = Preferences.from_wins(rates - np.eye(3) / 2)
    at = {path: table[f"your problem_{path}_at"] for path in ("nash", "dpo", "ipo")}
    np.testing.assert_allclose(table.settings["rates_your problem"], [0.75, 0.25, 0.9])
    reply = nash.best_reply(rates, 0.25, np.log(at["nash"]), mine.log_ref)
    np.testing.assert_allclose(np.exp(reply[0]), at["nash"], atol=1e-9)
    np.testing.assert_allclose(at["dpo"], np.exp(dpo.solve(mine, even).log_policy[0]), atol=1e-9)
    ipo = losses.solve(mine, even, losses.get("ipo"))
    np.testing.assert_allclose(at["ipo"], np.exp(ipo.log_policy[0]), atol=1e-9)
    (reference,) = [line for line in nash_and_borda.draw(table).axes[0].get_lines() if line.get_marker() == "o"][:1]
    np.testing.assert_allclose(reference.get_xydata()[0], [0.2 / 2 + 0.5, 0.2 * np.sqrt(3) / 2])
    assert "no Condorcet winner" in nash_and_borda.caption(table)


def test_a_pair_that_nobody_compared_is_even_and_the_caption_says_so():
    given = type("File", (), {"problem": THREE, "preferences": LABELS, "names": [["x", "yes", "z"], ["p", "q", "r"]]})()
    table = nash_and_borda.compute(steps=3, problem=given)
    assert table.settings["rates_prompt 0"] == [1, 0.5, 0.5]
    assert table.settings["rates_prompt 1"] == [0.5, 0.5, 0]  # q against p both ways, r beats q
    told = nash_and_borda.caption(table)
    assert "x over yes 1, x over z 0.5, yes over z 0.5 (never compared, so even: x and z, yes and z)" in told
    assert "(never compared, so even: p and r)" in told
    for prompt in (0, 1):  # yes loses to x and q to r, at every price: no minimiser, and the limit is shown
        assert table[f"prompt {prompt}_dpo_at"].sum() == pytest.approx(1)
    order = Preferences.from_pairs([(0, 1), (0, 2), (1, 2)])
    single = nash_and_borda.compute(steps=3, problem=(Problem.from_probabilities([0.1, 0.2, 0.7], 1.0), order))
    assert single["your problem_dpo_A"].tolist() == [1, 1, 1]
    assert "0 is the Condorcet winner" in nash_and_borda.caption(single)


def test_the_optima_of_the_readers_pair_stand_on_the_curves():
    table = optima_vs_reference.compute(problem=TWO)
    assert table["own_delta_ref"][0] == pytest.approx(-np.log(9))
    closed = {"rlhf": 1 - np.log(9), "dpo": 1 - np.log(9), "hypo": 1.0, "cpo": 0.0}
    for name, delta in closed.items():
        assert table[f"own_{name}"][0] == pytest.approx(delta, abs=1e-9)
        assert np.interp(-np.log(9), table["delta_ref"], table[f"delta_{name}"]) == pytest.approx(delta, abs=2e-2)


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
        (
            "nash_and_borda",
            {"problem": TWO},
            "your problem has 2 responses: nash_and_borda draws the triangle of three",
        ),
        (
            "nash_and_borda",
            {"problem": (Problem([np.log(0.5), np.log(0.5), -np.inf], 1.0), Preferences.from_pairs([(0, 1)]))},
            "your problem has 2 responses: nash_and_borda draws the triangle of three",
        ),
        ("nash_and_borda", {"most": 0.0}, "most is 0.0: it must be one number, finite and above 0"),
        ("best_of_n_and_tilt", {"most": 1}, "most is 1: it must be one whole number, an int of 2 or more"),
        ("undesirable_region", {"loss": losses.get("ipo")}, "does not fall with h"),
        ("undesirable_region", {"loss": losses.get("cdpo", eps=0.1)}, "does not fall with h"),
        ("two_readings", {"problem": (THREE, LABELS)}, "two_readings shows one pair of two responses"),
        (
            "best_of_n_and_tilt",
            {"problem": (Problem.from_probabilities([0.5, 0.5], 1.0), Preferences.from_pairs([(0, 1)]))},
            "best of n chooses by the reward and the problem has none",
        ),
        (
            "best_of_n_and_tilt",
            {"problem": (Problem.from_probabilities([0.5, 0.5], 1.0, [1, 1]), Preferences.from_pairs([(0, 1)]))},
            "in your problem all rewards are equal",
        ),
        ("optima_vs_reference", {"problem": (THREE, LABELS)}, "optima_vs_reference shows one pair of two responses"),
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
