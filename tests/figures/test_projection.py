"""Facts of the projection figure."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from figures import projection


@pytest.fixture(scope="module")
def table():
    return projection.compute()


def test_the_chain_is_isotonic_regression_of_logs(table):
    levels = np.exp(isotonic_regression(np.log(table["before_chain"]), increasing=False).x)
    assert table["after_chain"] == pytest.approx(levels / levels.sum(), rel=1e-13)
    assert table.settings["price_chain"] == pytest.approx(-np.log(levels.sum()), rel=1e-12)


@pytest.mark.parametrize("name", projection.EXAMPLES)
def test_pools_and_multipliers_tell_the_same_story(table, name):
    after, pool, multiplier = (table[f"{what}_{name}"] for what in ("after", "pool", "multiplier"))
    winner, loser = table[f"winner_{name}"], table[f"loser_{name}"]
    assert (after[winner] - after[loser] > -1e-15).all()
    binding = multiplier > 0
    assert (pool[winner][binding] == pool[loser][binding]).all()
    assert after[winner][binding] == pytest.approx(after[loser][binding], rel=1e-13)
    pull = np.bincount(winner, multiplier, 5) - np.bincount(loser, multiplier, 5)
    moved = np.log(after / table[f"before_{name}"]) - pull
    assert moved == pytest.approx(np.full(5, moved[0]), abs=1e-13)  # stationarity, nu the same for all


def test_binding_labels_are_drawn_solid_with_their_multiplier(table):
    figure = projection.draw(table)
    texts = {text.get_text() for ax in figure.axes for text in ax.texts}
    for name in projection.EXAMPLES:
        for value in table[f"multiplier_{name}"]:
            assert (f"{value:.2f}" if value > 0 else "slack") in texts


def test_the_caption_names_the_prices(table):
    assert f"{table.settings['price_order']:.4f}" in projection.caption(table)
