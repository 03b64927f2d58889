"""Problem files with rankings, wins and preference matrices: what they say, what is solved, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from condeq import examples, problem_file, show, solutions
from tabular import InputError


def answer_to(name):
    return solutions.solve(problem_file.read(examples.located(Path(name), examples.PROBLEMS)))


def solved(name):
    return answer_to(name)["prompts"][0]


def written(tmp_path, prompt):
    path = tmp_path / "problem.json"
    path.write_text(json.dumps({"beta": 1, "prompts": [{"reference": [0.5, 0.3, 0.2], **prompt}]}))
    return path


def test_a_condorcet_cycle():
    prompt = solved("condorcet_cycle")
    choice = prompt["choice"]
    assert choice["condorcet_winner"] is None
    assert choice["cycles"] == [["rock", "scissors", "paper"]]
    assert choice["nash"] == ["1/3", "1/3", "1/3"]
    assert choice["regularised_nash"] == pytest.approx([0.5108675583, 0.2615561887, 0.2275762530], abs=6e-11)
    assert prompt["probabilities"]["dpo"] == pytest.approx([0.5, 0.3, 0.2])  # it sees an even field


def test_a_ranking_table_whose_majorities_dpo_on_pairs_misses():
    prompt = solved("ranking_table")
    choice = prompt["choice"]
    assert choice["condorcet_winner"] == "A"
    assert choice["nash"] == ["1", "0", "0"]
    assert prompt["probabilities"]["dpo"] == pytest.approx([0.3476413869, 0.5361802499, 0.1161783632], abs=1e-9)
    assert np.argmax(choice["plackett_luce"]) == np.argmax(choice["borda"]) == 1


def test_votes_like_pandalm():
    choice = solved("judges_votes")["choice"]
    assert choice["bradley_terry_status"] == "unique"
    assert sum(choice["copeland"]) == 10


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("condorcet_cycle", "rock over scissors 1, rock over paper 0, scissors over paper 1; no Condorcet winner"),
        ("ranking_table", "A over B 0.5714, A over C 0.5714, B over C 1; A is the Condorcet winner"),
    ],
)
def test_votes_and_preference_matrices_have_their_figure(condeq, name, told):
    code, _, err = condeq("figures", "nash_and_borda", "--problem", name, "--out", "drawn", "--format", "svg")
    assert (code, err) == (0, "")
    assert told in Path("drawn/nash_and_borda.txt").read_text(encoding="utf-8")
    code, _, err = condeq("figures", "nash_and_borda", "--problem", "judges_votes", "--out", "drawn")
    assert (code, err.count("\n")) == (2, 1)
    assert "has 5 responses: nash_and_borda draws the triangle of three" in err


def test_every_example_shows():
    console = Console(record=True, width=120)
    for name in ("judges_votes", "condorcet_cycle", "ranking_table"):
        answer = answer_to(name)
        json.dumps(answer, allow_nan=False)
        for part in show.solution(answer):
            console.print(part)
    text = console.export_text()
    for words in (
        "Borda",
        "No Condorcet winner",
        "rock > scissors > paper > rock",
        "Condorcet winner: A",
        "listwise DPO",
    ):
        assert words in text


def test_ties_and_weights_of_rankings(tmp_path):
    path = written(tmp_path, {"rankings": [[0, [1, 2]], {"order": [2, 1, 0], "voters": 2}]})
    source = problem_file.read(path)
    assert source.choices[0].wins.tolist() == [[0, 1, 1], [2, 0, 0], [2, 2, 0]]
    assert solutions.solve(source)["prompts"][0]["choice"]["plackett_luce_status"] == "unique"


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ({}, "has no preferences: add them, or in their place one of rankings, wins, preference_matrix"),
        ({"wins": [[0, 1], [1, 0]]}, "wins has shape \\(2, 2\\) for 3 responses"),
        ({"rankings": [[0, 7]]}, "rankings\\[0\\] names the response 7"),
        ({"rankings": [[0]]}, "compares nothing"),
        ({"rankings": "A"}, "must be a list of rankings"),
        ({"rankings": [{"who": [0, 1]}]}, "write order and, if any, voters"),
        ({"preference_matrix": [[0.5, 0.6, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]}, "must sum to 1"),
        (
            {"wins": [[0, 1, 0], [0, 0, 0], [0, 0, 0]], "preferences": [[0, 1]]},
            "has preferences and wins: give one of the two",
        ),
    ],
)
def test_bad_files_are_said(tmp_path, prompt, sentence):
    with pytest.raises(InputError, match=sentence):
        problem_file.read(written(tmp_path, prompt))
