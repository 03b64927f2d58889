"""What objects draw of themselves: the numbers that they hand to their pictures."""

import numpy as np
import pytest

from tabular import Preferences, Problem, failure_modes, guarantees, rlhf
from tabular.audit import audit
from tabular.base import drawings
from tabular.failure_modes import Kind
from tabular.logs import PairLog
from tabular.status import Status


@pytest.fixture
def drawn(monkeypatch):
    """What the last picture was given, by the name of its kind."""
    last = {}
    for name in ("bars", "curves", "shares", "arrows", "cells"):
        monkeypatch.setattr(drawings, name, lambda *given, name=name, **words: last.update({name: given}) or "drawn")
    return last


@pytest.mark.parametrize("seed", range(6))
def test_labels_draw_the_arrows_of_their_first_prompt(drawn, seed):
    rng = np.random.default_rng(seed)
    winner = rng.integers(0, 5, 8)
    loser, prompt = (winner + rng.integers(1, 5, 8)) % 5, rng.integers(0, 2, 8) + seed % 2
    weight = rng.choice([0.0, 1.0, 2.0], 8)
    weight[3] = 1.0
    labels = Preferences(prompt, winner, loser, weight)
    assert labels.picture() == "drawn"
    pairs, n_nodes, title = drawn["arrows"]
    rows = [row for row in zip(prompt, winner, loser, weight, strict=True) if row[0] == prompt[0]]
    assert pairs == [(w, y) for _, w, y, c in rows if c > 0]
    assert n_nodes == max(max(w, y) for _, w, y, _ in rows) + 1
    assert f"prompt {prompt[0]}:" in title


def test_a_problem_draws_its_reference_and_the_optimum_of_its_reward(drawn):
    problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], 0.7, [[1, 0], [0, 3]])
    problem.picture()
    np.testing.assert_allclose(drawn["bars"][0], np.exp(problem.log_ref))
    np.testing.assert_allclose(drawn["bars"][1], np.exp(rlhf.optimal_policy(problem)))
    Problem(problem.log_ref, 0.7).picture()
    assert drawn["bars"][1] is None


def test_a_reading_draws_the_shares_of_right_tied_and_wrong_labels(drawn):
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], 1.0, [0.0, 0.0, 0.0, 1.0])
    labels = Preferences.from_pairs([(0, 3, 0, 2), (0, 1, 2, 3), (0, 2, 1, 1), (0, 0, 1, 4)])
    for row in guarantees.table(problem, labels, gamma=0.1):
        drawn.clear()
        assert row.picture() == ("drawn" if row.ranked_right is not None else "")
        if row.ranked_right is not None:
            parts = drawn["shares"][0]
            assert (parts["right"], parts["tied"]) == (row.ranked_right, row.tied)
            assert sum(parts.values()) == pytest.approx(1)
    assert {row.reading: row.exists for row in guarantees.table(problem, labels, gamma=0.1)}["constrained"]
    assert Status.UNIQUE in {row.status for row in guarantees.table(problem, labels, gamma=0.1)}


def test_an_audit_draws_both_accuracies_of_every_checkpoint_but_not_of_one(drawn):
    log = PairLog("x", [-9.0, -3.0], [-7.0, -4.0], [-8.0, -5.0], [-7.5, -4.0])
    found = audit(log, 0.3)
    found.picture()
    trained, ranked = drawn["curves"][0].values()
    assert trained.tolist() == found.relative_accuracy.tolist() == [0.0, 0.5]
    assert ranked.tolist() == found.absolute_accuracy.tolist() == [0.5, 0.0]
    assert audit(PairLog("x", [-9.0], [-7.0]), 0.3).picture() == ""


def test_a_report_draws_a_cell_for_each_pair_and_kind(drawn):
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], 1.0)
    report = failure_modes.find(problem, Preferences.from_pairs([(0, 1), (1, 2), (2, 1), (3, 0)]))
    report.picture()
    rows, kinds, filled, _ = drawn["cells"]
    assert rows == ["0", "1", "2", "3"]
    assert kinds == [kind.value.replace("_", " ") for kind in Kind]
    assert filled == [[row.findings[kind].occurs for kind in Kind] for row in report.rows]
    assert report.n_failing == sum(any(line) for line in filled)
    assert report.counts() == {kind: sum(line[k] is True for line in filled) for k, kind in enumerate(Kind)}
    assert [entry["kinds"] for entry in report.to_dicts()] == [
        [kind.value for kind, fills in zip(Kind, line, strict=True) if fills] for line in filled
    ]
