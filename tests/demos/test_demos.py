"""The teaching notebooks run from top to bottom, and what they tell is true, the hidden answers included."""

import functools
import html
import importlib.util
import itertools
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import isotonic_regression
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from figures import inline
from proofs_checks import statements
from tabular import Problem, Status, margins, rlhf

marimo = pytest.importorskip("marimo", reason="no marimo: install the extra `demo`")

BOOK = "https://book.example/"
FOLDER = Path(__file__).parents[2] / "demos"
DEMOS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
NAMES = {int(path.stem[:2]): path for path in DEMOS}


@functools.cache
def as_opened(number):
    """The texts that a notebook shows and its definitions, with the controls where they are at first."""
    return run(number)


@functools.cache
def notebook(number):
    """Its application, which may be run as often as one likes; to read it takes a third as long as to run it."""
    spec = importlib.util.spec_from_file_location(f"demo_{number}", NAMES[number])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


def run(number, **controls):
    """The same with all controls of a cell at other positions: stand-ins with that ``.value``.

    Figures are drawn but not turned into images here, which is slow; running as scripts does that. There is a book.
    """
    given = {
        name: value if hasattr(value, "value") else SimpleNamespace(value=value) for name, value in controls.items()
    }
    book = mock.patch.dict(os.environ, {"CONDEQ_BOOK": BOOK})
    with mock.patch.object(inline, "data_url", return_value="data:,"), book:
        outputs, definitions = notebook(number).run(defs=given)
    shown = html.unescape(" ".join(output.text for output in outputs if hasattr(output, "text")))
    # callouts carry their text as JSON in an attribute
    return shown.replace("\\u003c", "<").replace("\\u003e", ">"), definitions


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.stem)
def test_runs_as_a_script_and_prints_nothing(path, capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", NAMES)
def test_has_controls_a_picture_with_words_and_one_exercise_with_a_hidden_answer(number):
    text, definitions = as_opened(number)
    assert "<marimo-slider" in text or "<marimo-matrix" in text
    assert text.count("Exercise</h2>") == 1
    assert text.count("<marimo-accordion") == 1
    assert "answer" in definitions
    pictures = text.split("<img")[1:]
    assert pictures
    assert all("alt=" in picture.split(">")[0] for picture in pictures)


def test_notebooks_are_well_formed():
    checked = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", *map(str, DEMOS)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("delta_ref", "reward_difference", "beta", "preference"),
    [
        (-2.0, 1.0, 0.4, "prefers the right response"),
        (-2.0, 1.0, 0.5, "is indifferent"),
        (-2.0, 1.0, 0.6, "prefers the wrong response"),
        (0.1, 0.1, 3.0, "prefers the right response"),
    ],
)
def test_rlhf_prefers_the_right_response_exactly_above_the_boundary(delta_ref, reward_difference, beta, preference):
    text, shown = run(1, delta_ref=delta_ref, reward_difference=reward_difference, beta=beta)
    assert shown["preference"] == preference
    assert f"<strong>{preference}</strong>" in text
    assert shown["delta_star"] == pytest.approx(delta_ref + reward_difference / beta, abs=1e-12)
    assert shown["boundary"] == -reward_difference / beta


def test_exercise_1_the_best_of_all_policies_changes_sides_at_the_answer():
    _, shown = as_opened(1)
    winner = np.linspace(0.001, 0.999, 999)
    for beta, right in ((0.99 * shown["answer"], True), (1.01 * shown["answer"], False)):
        problem = Problem.from_probabilities(np.tile([0.2, 0.8], (999, 1)), beta, reward=np.tile([0.5, 0.0], (999, 1)))
        best = winner[np.argmax(rlhf.objective(np.log(np.column_stack([winner, 1 - winner])), problem))]
        assert (best > 0.5) == right


def slope(delta, delta_ref, beta, margin=0.0):
    """Minus the gradient of the pair's loss in the two logits, as a speed of delta."""
    return 2 * beta * expit(margin - beta * (delta - delta_ref))


@pytest.mark.parametrize(("time", "inside"), [(0.0, False), (1.0, True), (28.0, True), (29.0, False)])
def test_the_loss_has_fallen_and_the_policy_is_wrong_until_it_leaves_u(time, inside):
    text, shown = run(2, time=time, delta_ref=-4.0, beta=1.0)
    assert shown["in_u"] == inside
    assert shown["in_u"] == (shown["loss"] < np.log(2) and shown["delta"] < 0)
    assert ("still wrong. It leaves" in text) == inside
    assert shown["loss"] == margins.loss(shown["delta"], -4.0, 1.0)
    assert shown["escape"] == pytest.approx(quad(lambda d: 1 / slope(d, -4.0, 1.0), -4, 0)[0])


def test_a_margin_shortens_the_way_out_of_u():
    _, shown = run(2, margin=4.0)
    assert shown["escape_with_margin"] == pytest.approx(quad(lambda d: 1 / slope(d, -4.0, 1.0, 4.0), -4, 0)[0])
    assert shown["escape_with_margin"] < shown["escape"] / 5


def test_an_aligned_reference_has_no_region_u():
    text, shown = run(2, time=0.0, delta_ref=1.0, beta=1.0)
    assert not shown["in_u"]
    assert "is empty here" in text


def test_exercise_2_the_ratios_of_the_escape_times():
    _, shown = as_opened(2)
    for margin, answer in zip((0.0, 10.0), shown["answer"], strict=True):
        near, far = (quad(lambda d, at=at: 1 / slope(d, at, 1.0, margin), at, 0)[0] for at in (-5.0, -10.0))  # noqa: B023
        assert answer == pytest.approx(far / near)


START = [[0, 3, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]  # the wins that notebook 3 opens with


@pytest.mark.parametrize(
    ("wins", "status", "blocks", "sentence"),
    [
        (START, Status.UNATTAINED, [[0, 1], [3], [2]], "which nobody compared with anything"),
        (
            [[0, 2, 2, 2], *([[0] * 4] * 3)],
            Status.UNATTAINED,
            [[0], [3], [2], [1]],
            "the one block that no arrow enters",
        ),
        ([[0, 3, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 4, 0]], Status.SET, [[0, 1], [2, 3]], "a whole set"),
        (
            [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]],
            Status.UNIQUE,
            [[0, 1, 2, 3]],
            "exactly one minimiser",
        ),
    ],
)
def test_the_arrows_decide_what_dpo_converges_to(wins, status, blocks, sentence):
    text, shown = run(3, wins=wins, beta=0.5)
    assert shown["solution"].status is status
    assert sorted(shown["blocks"]) == sorted(blocks)
    assert sentence in text


def test_two_responses_of_a_block_keep_the_odds_of_their_wins_tilted_by_the_reference():
    _, shown = as_opened(3)
    # pi_a / pi_b = (0.1 / 0.2) (3 / 1)^(1 / beta), beta = 0.5
    assert shown["vertices"].tolist()[0] == pytest.approx([9 / 11, 2 / 11, 0, 0])
    assert shown["vertices"].tolist()[1] == [0, 0, 0, 1]


def test_no_labels_are_answered_with_one_sentence():
    text, shown = run(3, wins=[[0] * 4] * 4, beta=0.5)
    assert "There are no labels yet" in text
    assert "solution" not in shown


def test_exercise_3_no_single_label_is_enough_and_the_two_are_the_only_kind():
    _, shown = as_opened(3)
    arrows = list(itertools.permutations(range(4), 2))
    assert not any(strongly_connected(START, [arrow]) for arrow in arrows)
    enough = [set(pair) for pair in itertools.combinations(arrows, 2) if strongly_connected(START, pair)]
    a, b, c, d = range(4)
    assert enough == [{(c, d), (d, a)}, {(c, d), (d, b)}]
    assert {tuple(map("abcd".index, label)) for label in shown["answer"]} in enough


def strongly_connected(wins, further):
    wins = np.array(wins)
    wins[tuple(zip(*further, strict=True))] += 1
    return connected_components(wins, connection="strong", return_labels=False) == 1


def test_a_chain_of_labels_pools_to_geometric_means_and_costs_the_lost_mass():
    _, shown = run(6, labels="ab bc cd", margin=0.0, beta=2.0)
    level = np.exp(isotonic_regression(shown["log_optimum"][0], increasing=False).x)
    assert np.exp(shown["best"].log_policy[0]) == pytest.approx(level / level.sum())
    assert shown["price"] == pytest.approx(-2.0 * np.log(level.sum()))


def test_a_margin_is_met_with_equality_and_costs_more_the_larger_it_is():
    text, shown = run(6, labels="ab", margin=1.0, beta=1.0)
    assert shown["best"].log_policy[0, 0] - shown["best"].log_policy[0, 1] == pytest.approx(1.0)
    assert "hold with equality" in text
    assert (np.diff(shown["price_curve"]) >= -1e-12).all()
    assert shown["price"] == pytest.approx(np.interp(1.0, shown["margins"], shown["price_curve"]))


@pytest.mark.parametrize(
    ("labels", "margin", "beta", "sentence"),
    [
        ("ab", -2.0, 0.2, "nothing moves"),
        ("ab bc ca", 0.1, 1.0, "vanish"),
        ("ab bc cd da", 0.1, 1.0, "No policy satisfies these labels"),
    ],
)
def test_labels_that_cost_nothing_and_labels_that_contradict_each_other(labels, margin, beta, sentence):
    text, shown = run(6, labels=labels, margin=margin, beta=beta)
    assert sentence in text
    survivors = {"nothing moves": 4, "vanish": 1, "No policy satisfies these labels": 0}
    assert (shown["best"].log_policy > -np.inf).sum() == survivors[sentence]


def test_exercise_6_no_policy_that_obeys_is_closer():
    _, shown = as_opened(6)
    (policy, price), optimum = shown["answer"], np.array([0.1, 0.4, 0.5])
    assert policy == pytest.approx([2 / 9, 2 / 9, 5 / 9])
    assert price == pytest.approx(np.log(10 / 9))
    assert price == pytest.approx((policy * np.log(policy / optimum)).sum())
    others = np.random.default_rng(4).dirichlet([1, 1, 1], 20_000)
    others = others[others[:, 0] >= others[:, 1]]
    assert (others * np.log(others / optimum)).sum(axis=1).min() > price


def test_the_example_log_hides_four_pairs_in_u():
    text, shown = as_opened(9)
    result = shown["result"]
    assert [result.relative_accuracy[-1], result.absolute_accuracy[-1], result.share_in_u[-1]] == [
        11 / 12,
        8 / 12,
        1 / 3,
    ]
    assert (result.share_pessimistic, result.share_violating) == (6 / 12, 5 / 12)
    assert "<strong>91.7 %</strong>" in text
    assert "<strong>66.7 %</strong>" in text


def upload(name, content):
    return SimpleNamespace(value=[content], name=lambda: name, contents=lambda: content)


def test_an_uploaded_log_takes_the_place_of_the_example():
    log = b"ref_chosen_logps,ref_rejected_logps\n-9,-7.5\n-4,-5\n-3,-5\n"
    text, shown = run(9, upload=upload("own.csv", log), beta=1.0)
    assert shown["log"].delta_ref.tolist() == [-1.5, 1.0, 2.0]
    assert "The log holds no policy" in text


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [("own.csv", b"a,b\n1,2\n", "ref_chosen"), ("own.txt", b"", "holds no pair")],
)
def test_a_log_that_cannot_be_read_is_answered_with_one_sentence(name, content, sentence):
    text, shown = run(9, upload=upload(name, content), beta=0.1)
    assert sentence in text
    assert "result" not in shown


def test_exercise_9_at_the_answer_one_pair_can_still_be_wrong_and_below_it_none():
    _, shown = as_opened(9)
    log, mean, n = shown["log"], shown["answer"], 12
    worst = log.delta_ref.min()
    # All of the allowed loss on one pair, none on the others: solve sp(-beta (delta - delta_ref)) = n mean for delta.
    delta = worst - np.log(np.expm1(n * mean)) / 0.1
    assert delta == pytest.approx(0, abs=1e-9)
    all_on_one = log.delta_ref - np.log(np.expm1(n * mean * 0.999)) / 0.1
    assert (all_on_one > 0).all()


def test_the_audit_takes_no_path_and_tells_none():
    text, _ = as_opened(9)
    assert "<marimo-text" not in text
    trouble, _ = run(9, upload=upload("own.csv", b"a,b\n1,2\n"), beta=0.1)
    assert "/tmp" not in trouble
    assert str(FOLDER.parent) not in trouble + text
    assert "own.csv" in trouble


@pytest.mark.parametrize("number", NAMES)
def test_the_prediction_is_answered_only_after_a_guess(number):
    text, _ = as_opened(number)
    assert "Choose an answer" in text
    assert "<strong>Further.</strong>" in text
    assert "condeq check" in text


@pytest.mark.parametrize("number", NAMES)
def test_a_lesson_links_to_a_chapter_and_to_statements_that_there_are(number):
    text, _ = as_opened(number)
    chapter, *named = re.findall(rf'href="{re.escape(BOOK)}([\w./-]+)\.html"', text)
    page = FOLDER.parent / f"docs/site/{chapter}.md"
    assert f"<em>{page.read_text().splitlines()[0].removeprefix('# ')}</em>" in text
    assert named
    assert set(named) <= {f"statements/{name}" for name in statements()}
