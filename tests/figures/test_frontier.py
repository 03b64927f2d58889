"""Facts of the frontier of the real run, on the table and on the artists."""

import numpy as np
import pytest

from figures import frontier
from tabular import Preferences, failure_modes, logs


@pytest.fixture(scope="module")
def table(real_data):
    return frontier.compute()


def test_no_checkpoint_is_below_what_its_loss_certifies(table):
    assert (table["checkpoint_had"] >= table["checkpoint_certified"]).all()
    assert table["checkpoint_had"][-1] == pytest.approx(0.742)
    assert table["checkpoint_certified"][-1] == pytest.approx(0.618)
    assert table["checkpoint_loss"][0] == pytest.approx(np.log(2))


def test_the_frontier_falls_from_all_right_to_none(table):
    for name in ("run", "ordered", "population"):
        loss, worst = table[f"{name}_loss"], table[f"{name}_worst"]
        assert (np.diff(loss) >= 0).all()
        assert (np.diff(worst) <= 0).all()
    assert table["run_worst"][[0, -1]].tolist() == [1, 0]
    assert table["run_worst"][250] == pytest.approx(0.5)


def test_labels_on_a_chain_invert_independently(table):
    """Tying edges of a tree leaves a tree: the search over tie patterns must find the sorted costs of lone pairs."""
    problem = logs.load("superhf-rewards").problem(set="helpful", pool="base_sft", beta=0.25)
    labels = Preferences.from_pairs(frontier._neighbours(problem, 6))
    alone = failure_modes.separable_frontier(labels.delta(problem.log_ref), 0.25)
    np.testing.assert_allclose(
        alone.worst_case_accuracy(table["ordered_loss"] + 1e-9), table["ordered_worst"], atol=5e-3
    )


def test_the_checkpoints_are_drawn_where_they_are(table):
    left = frontier.draw(table).axes[0]
    drawn = [line for line in left.get_lines() if line.get_label() == "checkpoints of the run"]
    assert np.array_equal(drawn[0].get_ydata(), 100 * table["checkpoint_had"])
    assert "certifies 61.8 %, the policy had 74.2 %" in frontier.caption(table)
