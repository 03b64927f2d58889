"""Facts behind the figure in the spirit of the paper's Figure 2."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import erfc

from figures import paper_figure_2

SETTINGS = {"misalignment": (0.2, 0.4), "pairs": 200, "epochs": 20, "step": 50.0, "seeds": 4, "seed": 3}


@pytest.fixture(scope="module")
def table():
    return paper_figure_2.compute(**SETTINGS)


def last_escaped(horizon):
    """The beta d that DPO has just brought out of U: beta d + e^(beta d) - 1 = horizon."""
    return brentq(lambda x: x + np.expm1(x) - horizon, 0, 50)


def test_nobody_is_in_u_at_the_start_and_at_most_the_misaligned_later(table):
    for share in SETTINGS["misalignment"]:
        for loss in ("dpo", "ecpo", "code"):
            for edge in ("mean", "low", "high", "flow"):
                course = table[f"{loss}_{share:g}_{edge}"]
                assert course[0] == 0
                assert (course <= share + 1e-12).all()
            assert (np.diff(table[f"{loss}_{share:g}_flow"][1:]) <= 0).all()  # a pair that left U stays out


def test_flow_share_against_the_equation_of_escape(table):
    """A pair is left in U iff beta d + e^(beta d) - 1 > 2 beta^2 t: count them for the same draws."""
    rng = np.random.default_rng([3, 400])
    distance = np.abs(rng.normal(scale=100.0, size=(4, 200)))[:, :80]
    for epoch in (1, 7, 20):
        limit = last_escaped(2 * 0.1**2 * 50.0 * epoch)
        assert table["dpo_0.4_flow"][epoch] == pytest.approx((0.1 * distance > limit).sum() / 800)


@pytest.mark.parametrize("loss", ["ecpo", "code"])
def test_flow_share_with_a_margin_against_the_equation_of_escape(table, loss):
    """The same with beta d + e^-Psi (e^(beta d) - 1), Psi written out for two responses."""
    rng = np.random.default_rng([3, 400])
    distance = np.abs(rng.normal(scale=100.0, size=(4, 200)))[:, :80]
    with np.errstate(over="ignore"):
        margin = {
            "ecpo": 0.5 * (2 + 2 * np.cosh(distance)),  # 1/pi_w + 1/pi_l = 2 + e^d + e^-d
            "code": 0.1 * np.log1p(np.exp(2 * (0.5 + distance))) / 2,  # infinite far out, as is d there
        }[loss]
    margin = np.where(np.isinf(margin), 0.1 * (distance + 0.5), margin) if loss == "code" else margin
    horizon = 0.1 * distance + np.exp(-margin) * np.expm1(0.1 * distance)
    for epoch in (1, 7, 20):
        left = (horizon > 2 * 0.1**2 * 50.0 * epoch).sum() / 800
        assert table[f"{loss}_0.4_flow"][epoch] == pytest.approx(left)
    assert table[f"{loss}_0.4_flow"].max() > 0.3


def test_training_follows_the_flow_once_every_pair_was_visited(table):
    for share in SETTINGS["misalignment"]:
        for loss in ("dpo", "ecpo", "code"):
            mean, exact = table[f"{loss}_{share:g}_mean"], table[f"{loss}_{share:g}_flow"]
            assert np.abs(mean - exact)[5:].max() < 0.05


def test_cpo_leaves_fewer_pairs_in_u_than_dpo(table):
    for share in SETTINGS["misalignment"]:
        assert table[f"dpo_{share:g}_low"][-1] > 4 * table[f"ecpo_{share:g}_high"][-1]


@pytest.mark.parametrize("product", paper_figure_2.SPREADS)
def test_the_plateau_against_the_half_normal_tail(table, product):
    for horizon in (1.0, 20.0, 1e4):
        limit = last_escaped(horizon)
        at = np.abs(np.log(table["horizon"] / horizon)).argmin()
        assert table["horizon"][at] == pytest.approx(horizon, rel=0.03)
        exact = erfc(limit / product / np.sqrt(2))
        assert table[f"dpo_left_{product:g}"][at] == pytest.approx(exact, abs=0.01)


def test_seeds_change_the_draws_and_nothing_else():
    small = {"misalignment": [0.3], "pairs": 30, "epochs": 3, "seeds": 2}
    one, same, other = (paper_figure_2.compute(**small, seed=seed) for seed in (0, 0, 1))
    assert one.to_text() == same.to_text()
    assert (one["dpo_0.3_mean"] != other["dpo_0.3_mean"]).any()
    assert one["dpo_left_1"].tolist() == other["dpo_left_1"].tolist()


def test_the_caption_prints_every_setting(table):
    caption = paper_figure_2.caption(table)
    for part in (
        "200 pairs",
        "20 epochs",
        "size 50",
        "4 seeds",
        "base seed 3",
        "β = 0.1",
        "γ = 0.5",
        "s = 100 nats",
        "in the spirit".capitalize(),
        "settings were not recovered",
    ):
        assert part in caption
