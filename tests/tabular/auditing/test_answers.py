"""What an audit answers beyond its table: certified shares, intervals, which pairs, groups, remedies."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tabular import InputError, logs, losses
from tabular.audit import audit
from tabular.auditing import frontier
from tabular.auditing.certified import certified_share
from tabular.auditing.groups import groups, prompts
from tabular.auditing.intervals import effective, interval, wilson
from tabular.auditing.patterns import FEW, OVER_ONE, PATTERNS, PLACEHOLDER, ZERO
from tabular.auditing.remedies import _round_down, _round_up, remedies
from tabular.auditing.streamed import _sum
from tabular.auditing.tallies import Tally
from tabular.auditing.words import story
from tabular.auditing.worst import QUESTIONS, n_of, pairs_of
from tabular.failures.frontier import separable
from tabular.failures.separate import Flips, flips
from tabular.logged.beside import shown
from tabular.logs import PairLog

log_probs = st.floats(-300, 0)


@given(st.lists(st.tuples(log_probs, log_probs, log_probs, log_probs), min_size=1, max_size=12), st.floats(0.01, 2))
def test_the_certified_share_is_the_frontiers(rows, beta):
    """Two routes: sorted prices of any loss, and the knapsack of DPO's frontier."""
    log = PairLog("x", *np.array(rows).T)
    result = audit(log, beta)
    frontier = separable(log.delta_ref, beta)
    for share, loss in zip(result.certified_accuracy, result.loss, strict=True):
        bounds = frontier.bounds(loss)
        assert bounds.lower - 1e-12 <= share <= bounds.upper + 1e-12
    assert (result.certified_accuracy <= result.absolute_accuracy + 1e-12).all()


@pytest.mark.parametrize("name", [name for name in losses.names() if not losses.typical(name).batch])
def test_what_is_certified_is_ranked_right_under_every_loss(name):
    rng = np.random.default_rng(5)
    for scale in (1.0, 30.0):
        ref = -rng.exponential(scale, (2, 60)) - 1
        policy = np.minimum(ref + rng.normal([[0], [-scale]], scale, (2, 60)), -0.8)
        result = audit(PairLog("x", *ref, *policy), 0.5, losses.typical(name))
        assert (result.certified_accuracy <= result.absolute_accuracy + 1e-12).all()
        assert (result.n_certified <= np.round(60 * result.absolute_accuracy)).all()
        flip, loss = flips(losses.typical(name), *ref, 0.5), losses.typical(name)(*policy, *ref, 0.5)
        np.testing.assert_allclose(result.flip_threshold, flip.threshold, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(result.pair_loss, loss, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(result.loss[-1], loss.mean(), rtol=1e-9)
        if np.isfinite(flip.least).all() and name != "dpo":
            assert result.n_certified[-1] == ((result.pair_loss - flip.least).sum() < flip.price).sum()
        assert result.loss_name.startswith(name)


def test_certified_by_enumeration():
    rng = np.random.default_rng(0)
    price, least = rng.exponential(1, 9), rng.normal(0, 1, 9)
    flips = Flips(least + price, least)
    for loss in least.mean() + np.linspace(0, 1.2, 25):
        most = max(
            bin(chosen).count("1")
            for chosen in range(512)
            if price[[i for i in range(9) if chosen >> i & 1]].sum() <= 9 * (loss - least.mean()) + 1e-12
        )
        assert certified_share(flips, loss)[0] == pytest.approx(1 - most / 9)
    assert certified_share(Flips(np.zeros(2), np.array([-np.inf, 0.0])), [1.0]).tolist() == [0.0]


@pytest.mark.parametrize(("size", "beta"), [(-631.0626197113, 0.8637356277713213), (-60452474.3, 0.37)])
def test_two_squares_lose_nothing_to_the_size_of_the_log_probabilities(size, beta):
    """SPPO's threshold at a tie is (delta_ref + 1 / beta)^2 / 2: at that loss a pair that ties is not certified."""
    result = audit(PairLog("x", [size], [size], [size], [size]), beta, "sppo_hard")
    assert result.flip_threshold == pytest.approx([1 / beta**2 / 2], rel=1e-13, abs=0)
    assert result.n_certified.tolist() == result.certified_accuracy.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rows", "beta"),
    [
        ([[-723.8, -322.2, -965.2], [-3.0, -0.7, -233.0], [-168.0, -20.0, -84.0], [-231.0, -218.0, -808.0]], 41.28),
        ([[-66166872.0], [-0.7], [-0.7], [-70601965.0]], 1.4e-4),
    ],
)
def test_steep_runs_are_certified_below_the_floats(rows, beta, tmp_path):
    """Mean losses and prices of e^-2000: the most pairs that fit, in mpmath; a stream knows that it does not know."""
    import mpmath as mp

    log = PairLog("x", *np.array(rows))
    result = audit(log, beta)
    with mp.workdps(40):
        price = sorted(mp.log1p(mp.exp(mp.mpf(beta) * mp.mpf(gap))) for gap in log.delta_ref)
        paid = sum(
            mp.log1p(mp.exp(-mp.mpf(beta) * (mp.mpf(a) - mp.mpf(b))))
            for a, b in zip(log.delta, log.delta_ref, strict=True)
        )
        most = sum(sum(price[: k + 1]) <= paid for k in range(log.n_pairs))
        alone = sum(paid < one for one in price)
    assert round(log.n_pairs * (1 - result.certified_accuracy[-1])) == most
    assert result.n_certified[-1] == alone
    path = tmp_path / "steep.csv"
    names = ("ref_chosen_logps", "ref_rejected_logps", "policy_chosen_logps", "policy_rejected_logps")
    path.write_text("\n".join([",".join(names), *(",".join(map(repr, row)) for row in zip(*rows, strict=True))]))
    stream = audit(logs.scan(path), beta)
    assert stream.certified_accuracy[1] <= result.certified_accuracy[-1] <= stream.certified_at_most[1]


def test_infinite_losses_of_both_signs_have_no_mean():
    log = PairLog("x", [-1e307, -1.0], [-1.0, -1e307], [-1.0, -1e307], [-1e307, -1.0])
    assert audit(log, 1e4).loss[-1] == np.inf
    with pytest.raises(InputError, match=r"the mean loss under rdpo\[1\] is nan: some pairs are infinitely good and"):
        audit(log, 1e4, "rdpo", eps=0.1)


def test_sums_that_leave_the_floats_are_infinite():
    assert _sum([Tally(sums={"after": [1e308, 1e308]}), Tally(sums={"after": [1.0]})], "after") == np.inf
    assert _sum([Tally(sums={"after": [1e308, -1e308]}), Tally(sums={"after": [1.0]})], "after") == 1.0


@pytest.mark.parametrize("size", [1e200, 1e303])
def test_placeholders_of_any_size_are_audited_without_a_warning(size):
    """Correlations by their squares, and beta times them, leave the floats."""
    rng = np.random.default_rng(0)
    ref, moved = -size * rng.random((2, 40)), 0.5 + rng.random((2, 40))
    rewards = size * rng.normal(size=(2, 40))
    log = PairLog("x", *ref, *(ref * moved), *rewards, *rng.integers(1, 90, (2, 40)))
    result = audit(log, 1e3)
    assert any(doubt.name == "a number that stands for something else" for doubt in result.doubts)
    assert story(result)
    shares = [remedy.at_same_loss for remedy in remedies(log, 1e7) if remedy.at_same_loss is not None]
    assert shares
    assert all(0 <= share <= 1 for share in shares)


def test_the_real_run_is_certified_as_the_issue_measured(real_data):
    result = audit(logs.load("hh-pythia410m-dpo"))
    assert result.certified_accuracy[[12, 48]].round(3).tolist() == [0.286, 0.612]


def test_a_loss_by_name_takes_token_counts_from_the_log():
    log = PairLog("x", [-9.0], [-7.0], [-8.0], [-9.0], n_chosen=[4], n_rejected=[2])
    result = audit(log, 0.5, "sigmoid_norm")
    assert result.pair_loss[0] == pytest.approx(np.log1p(np.exp(-0.5 * (1 / 4 + 2 / 2))))
    with pytest.raises(InputError, match="divides by token counts and the log has none"):
        audit(replace(log, n_chosen=None, n_rejected=None), 0.5, "sigmoid_norm")
    with pytest.raises(InputError, match="no pair has a flip threshold of its own"):
        audit(log, 0.5, "aot")
    with pytest.raises(InputError, match="there is no loss named 'dppo'"):
        audit(log, 0.5, "dppo")


def test_the_summary_has_no_array_of_all_pairs():
    log = PairLog("x", -np.arange(1.0, 1001), -np.arange(2.0, 1002), -np.arange(1.0, 1001), -np.arange(3.0, 1003))
    found = audit(log, 0.1)
    summary = found.summary()
    assert len(str(summary)) < 3000
    assert summary["loss"] == found.loss.tolist()
    assert summary["intervals"] == {name: list(ends) for name, ends in found.intervals().items()}


@pytest.mark.parametrize("seed", range(5))
def test_intervals_are_of_the_shares_at_the_last_checkpoint(seed):
    """Whole numbers and halves, so that many ratios tie, and some lie between 0 and 1."""
    rng = np.random.default_rng(seed)
    found = audit(PairLog("x", *(-rng.integers(1, 7, (4, 30)) / 2)), 0.3)
    shares = {
        "share_pessimistic": found.share_pessimistic,
        "relative_accuracy": found.relative_accuracy[-1],
        "absolute_accuracy": found.absolute_accuracy[-1],
        "share_in_u": found.share_in_u[-1],
    }
    assert list(found.intervals()) == list(shares)
    for name, ends in found.intervals().items():
        assert ends == pytest.approx(wilson(shares[name], 30))
    assert min(shares.values()) > 0
    assert replace(found, log=None).intervals() == {}


@given(st.integers(0, 40), st.integers(1, 40))
def test_wilson_is_scipys(hits, n):
    hits = min(hits, n)
    theirs = binomtest(hits, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(hits / n, n), (theirs.low, theirs.high), atol=1e-12)


def test_prompts_that_repeat_count_once():
    rng = np.random.default_rng(1)
    hits = rng.random(300) < 0.6
    assert interval(hits) == wilson(hits.mean(), 300)
    repeated, cluster = np.repeat(hits, 4), np.repeat(np.arange(300), 4)
    assert effective(repeated, cluster) == pytest.approx(300, rel=0.01)
    np.testing.assert_allclose(interval(repeated, cluster), interval(hits), atol=1e-3)
    independent = rng.random(1200) < 0.6
    assert effective(independent, cluster) > 900
    assert effective(np.ones(8, bool), np.repeat([0, 1], 4)) == 2


@pytest.fixture
def log(tmp_path):
    rng = np.random.default_rng(7)
    n = 40
    ref = -rng.exponential(40, (2, n))
    policy = ref + rng.normal([[0], [-10]], 6, (2, n))
    table = pl.DataFrame(
        {
            "prompt": [f"p{i // 2}" for i in range(n)],
            "source": ["a", "b"] * (n // 2),
            "chosen": [f"good {i}" for i in range(n)],
            "ref_chosen_logps": ref[0],
            "ref_rejected_logps": ref[1],
            "policy_chosen_logps": np.minimum(policy[0], 0),
            "policy_rejected_logps": np.minimum(policy[1], 0),
        }
    )
    table.write_parquet(tmp_path / "log.parquet")
    return logs.read_pairs(tmp_path / "log.parquet")


def test_pairs_of_a_file_without_texts_are_their_numbers(tmp_path):
    columns = {
        "ref_chosen_logps": [-9.0, -4.0],
        "ref_rejected_logps": [-7.0, -5.0],
        "policy_chosen_logps": [-9.5, -3.0],
    }
    pl.DataFrame({**columns, "policy_rejected_logps": [-8.5, -6.0]}).write_parquet(tmp_path / "bare.parquet")
    (pair,) = pairs_of(logs.read_pairs(tmp_path / "bare.parquet"), "in_u")
    assert (pair["row"], pair["delta"]) == (1, -1.0)


def test_pairs_are_told_by_keys_and_by_the_last_word_of_a_conversation(tmp_path):
    talk = [[{"role": "user", "content": "why?"}, {"role": "assistant", "content": "so"}]]
    columns = {"prompt_id": [7], "tokens": [[1, 2]], "chosen": talk, "ref_chosen_logps": [-9.0]}
    columns |= {"ref_rejected_logps": [-7.0], "policy_chosen_logps": [-9.5], "policy_rejected_logps": [-8.5]}
    pl.DataFrame(columns).write_parquet(tmp_path / "talks.parquet")
    (pair,) = pairs_of(logs.read_pairs(tmp_path / "talks.parquet"), "worst")
    assert (pair["prompt_id"], pair["chosen"], "tokens" in pair) == (7, "so", False)


def test_which_pairs(log):
    expected = {
        "worst": log.delta[log.delta <= 0].min(),
        "in_u": (log.delta - log.delta_ref)[(log.delta_ref < log.delta) & (log.delta < 0)].max(),
        "flipped": log.delta[(log.delta_ref > 0) & (log.delta < 0)].min(initial=np.inf),
        "chosen_fell": (log.policy_chosen - log.ref_chosen).min(),
    }
    for question, key in (("worst", "delta"), ("in_u", "h"), ("flipped", "delta"), ("chosen_fell", "chosen_change")):
        pairs = pairs_of(log, question, most=3)
        assert len(pairs) == min(3, n_of(log, question))
        if pairs:
            assert pairs[0][key] == expected[question]
            assert pairs[0]["chosen"] == f"good {pairs[0]['row'] - 1}"
            assert pairs[0]["source"] == "ab"[(pairs[0]["row"] - 1) % 2]
    assert set(QUESTIONS) == set(expected)


def test_a_pair_that_has_not_moved_or_is_at_0_answers_no_question_but_the_worst():
    """delta and h by pair: (0, 0), (0, -1), (-1, 0), (-1, 1); of the third alone both responses have fallen."""
    log = PairLog("x", [-5.0] * 4, [-5.0, -6.0, -4.0, -3.0], [-5.0, -5.0, -5.5, -5.0], [-5.0, -5.0, -4.5, -4.0])
    assert {name: n_of(log, name) for name in QUESTIONS} == {"worst": 4, "in_u": 1, "flipped": 0, "chosen_fell": 1}


def test_groups(log):
    rows = groups(log, "source")
    assert [row["group"] for row in rows] == ["a", "b"]
    assert rows[0]["absolute_accuracy"] == (log.delta[::2] > 0).mean()
    assert sum(row["n"] for row in groups(log, "delta_ref")) == 40
    assert [row["n"] for row in groups(log, "delta_ref")] == [10] * 4
    assert groups(log, "delta_ref")[0]["pessimistic"] == (np.sort(log.delta_ref)[:10] < 0).mean()
    assert len(np.unique(prompts(log))) == 20
    for by, expected in (("length", "no token counts"), ("prompt2", "no column 'prompt2'"), ("chosen", "40 different")):
        with pytest.raises(InputError, match=expected):
            groups(log, by)


@pytest.mark.parametrize("name", ["prompt_id", "prompt", "instruction", "question", "query"])
def test_pairs_of_one_prompt_are_known_by_the_usual_columns(tmp_path, name):
    """Those of one prompt alike, others not; an id goes before a text, which two prompts may share."""
    path = tmp_path / "log.csv"
    rows = [("a", -3, -4), ("b", -5, -1), ("a", -2, -2), ("c", -1, -6)]
    other = "" if name == "prompt_id" else "prompt_ids,"  # no such column is one of prompts
    path.write_text(
        f"{other}{name},ref_chosen_logps,ref_rejected_logps\n"
        + "".join(f"{'7,' if other else ''}{prompt},{chosen},{rejected}\n" for prompt, chosen, rejected in rows)
    )
    found = prompts(logs.read_pairs(path)).tolist()
    assert found[0] == found[2]
    assert len(set(found)) == 3
    path.write_text("query,prompt_id,ref_chosen_logps,ref_rejected_logps\nx,1,-3,-4\nx,2,-5,-1\n")
    assert len(set(prompts(logs.read_pairs(path)).tolist())) == 2


@given(st.floats(1e-9, 1e9))
def test_what_a_remedy_asks_for_is_rounded_to_two_digits_on_the_safe_side(value):
    down, up = _round_down(value), _round_up(value)
    assert down <= value * (1 + 1e-12)
    assert value <= up * (1 + 1e-12)
    for found in (down, up):
        assert found == pytest.approx(float(f"{found:.1e}"), rel=1e-12)
        assert found == pytest.approx(value, rel=0.1)


@pytest.mark.parametrize("beta", [0.1, 1 / 3])
def test_remedies_are_what_the_changed_losses_do(log, beta):
    """Each predicted share again, pair by pair, from the minimiser or the inverse of the loss that is named."""
    inside = (log.delta_ref < log.delta) & (log.delta < 0)
    gap, z = -log.delta_ref[inside], beta * (log.delta - log.delta_ref)[inside]
    for remedy in remedies(log, beta):
        words = remedy.name.replace(",", "").split()
        if words[0] == "ODPO":
            share = np.mean(z + float(words[-1]) > beta * gap)
        elif words[0] == "HyPO's":
            share = np.mean(z + beta * gap > beta * gap)
        elif words[:3] == ["DPO", "with", "beta"]:
            share = np.mean(z > float(words[-1]) * gap)
            assert float(words[-1]) < beta
            assert share >= 0.9 or float(words[-1]) == pytest.approx(beta / 2, rel=0.05)
        else:
            continue
        assert remedy.at_same_loss == share, remedy.name
    optimum = {
        remedy.name.split()[0].rstrip(","): remedy.at_optimum
        for remedy in remedies(log, beta)
        if "this beta" in remedy.name
    }
    assert optimum["IPO"] == np.mean(1 / (2 * beta) > gap)
    assert optimum["hinge"] == np.mean(1 / beta > gap)
    assert optimum["cDPO"] == np.mean(np.log(9) / beta > gap)
    for remedy in remedies(log, beta):
        if remedy.name.startswith("cDPO with eps = 0.1, beta = "):
            assert remedy.at_optimum == np.mean(np.log(9) / float(remedy.name.split()[-1]) > gap)
            assert remedy.at_optimum >= 0.9
        elif "this beta" not in remedy.name:
            assert remedy.at_optimum == 1, remedy.name
            assert remedy.at_same_loss is not None
    trained = remedies(log, beta)[0]
    assert (trained.name, trained.at_same_loss) == ("DPO as it is, trained on", 0)
    good = replace(log, policy_chosen=np.zeros(40), policy_rejected=np.full(40, -1.0))
    assert remedies(good, beta) == []


def test_a_beta_is_computed_as_it_is_named():
    """0.3 h = 0.1293 gaps: a beta of 0.12 is small enough and 0.13 is not."""
    log = PairLog("one", [-2.0], [-1.0], policy_chosen=[-1.569], policy_rejected=[-1.0])
    named = {remedy.name: remedy.at_same_loss for remedy in remedies(log, 0.3)}
    assert named["DPO with beta = 0.12"] == 1
    assert "DPO with beta = 0.13" not in named
    assert "DPO with beta = 0.062" in {remedy.name for remedy in remedies(log, 0.125)}


@pytest.mark.parametrize(("name", "reach"), [("IPO", 0.5), ("hinge", 1.0), ("cDPO", np.log(9))])
def test_where_a_loss_stops_is_told_for_every_beta(log, name, reach):
    """At betas that leave a part of the gaps within its reach, reach / beta."""
    inside = (log.delta_ref < log.delta) & (log.delta < 0)
    gap = np.sort(-log.delta_ref[inside])
    for place in range(1, len(gap), 3):
        beta = reach / ((gap[place] + gap[place - 1]) / 2)
        (found,) = (each for each in remedies(log, beta) if each.name.startswith(name) and "this beta" in each.name)
        assert found.at_optimum == pytest.approx(place / len(gap))
        assert found.at_same_loss is None


def test_a_pair_that_rounding_leaves_short_of_even_asks_for_no_other_beta():
    nearly = PairLog("nearly", [-2.0], [-1.0], policy_chosen=[-1e-20], policy_rejected=[0.0])
    assert [remedy.name for remedy in remedies(nearly, 0.5)][:2] == ["DPO as it is, trained on", "DPO with beta = 0.25"]
    assert not any(remedy.name == "DPO with beta = 0.5" for remedy in remedies(nearly, 0.5))


def test_a_column_is_shown_as_it_is_and_a_conversation_by_its_last_message():
    assert [shown(value) for value in (3, "a", None)] == [3, "a", None]
    assert shown([1, 2]) == "[1, 2]"
    assert shown([{"role": "user", "content": "why"}, {"role": "assistant", "content": "so"}]) == "so"


def test_an_interval_of_shares_stays_inside_0_and_1():
    assert max(wilson(1.0, n)[1] for n in range(1, 300)) == 1.0
    assert min(wilson(0.0, n)[0] for n in range(1, 300)) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_how_many_prices_fit_is_known_but_for_those_of_one_step(seed):
    """Against the sorted prices, of which many are 0 or far apart, at budgets between and at their sums."""
    rng = np.random.default_rng(seed)
    prices = np.exp(rng.normal(-3, 4, 60)) * (rng.random(60) < 0.8)
    found, sums = frontier.of_prices(prices), np.cumsum(np.sort(prices))
    for budget in (*sums * (1 + 1e-9), *(sums[1:] + sums[:-1]) / 2, 0.0, sums[-1] * 2):
        fewest, most = found.fits(budget)
        true = int(np.searchsorted(sums, budget * (1 + 1e-12), side="right"))
        assert fewest <= true <= most
        assert most - fewest <= max(found.n.max() - 1, 0)
        alike = np.isclose(np.sort(prices), np.sort(prices)[min(true, 59)], rtol=0.02, atol=0).sum()
        assert most - fewest <= max(alike - 1, 0)
    halves = frontier.together([frontier.of_prices(prices[:25]), frontier.of_prices(prices[25:])])
    assert halves.n.tolist() == found.n.tolist()
    np.testing.assert_allclose(halves.spent, found.spent, rtol=1e-13)


@pytest.mark.parametrize(("price", "budget"), [(1e308, 1e307), (1.7e308, 5e307), (np.inf, 1e30), (0.0, 0.0)])
def test_prices_whose_sum_leaves_the_floats_are_counted(price, budget):
    fewest, most = frontier.of_prices(np.full(3, price)).fits(budget)
    true = 3 if price == 0 else int(budget / price)
    assert fewest <= true <= most <= max(true, 1)


@pytest.mark.parametrize("unit", [1.0, 2.0**-6])
def test_equal_prices_at_either_end_of_a_step_leave_no_doubt(unit):
    """A hundred of 1, where a step begins, and of 1.0155, next to its end 1 + 1/64: 50.3 pays for 50 and for 49."""
    assert frontier.of_prices(np.full(100, unit)).fits(50.3 * unit) == (50, 50)
    assert frontier.of_prices(np.full(100, 1.0155 * unit)).fits(50.3 * unit) == (49, 49)


def test_pairs_are_grouped_by_their_length_and_lengths_have_to_be_known():
    rng = np.random.default_rng(0)
    n = 40
    counts = rng.integers(1, 90, n)
    log = PairLog("x", *(-rng.exponential(9, (4, n)) - 1), n_chosen=counts, n_rejected=counts[::-1])
    found, order = groups(log, "length"), np.sort(counts)
    assert [row["n"] for row in found] == [10] * 4
    assert found[0]["group"] == f"{order[0]} to {order[9]}"
    assert found[3]["group"] == f"{order[30]} to {order[39]}"
    with pytest.raises(InputError, match="has no token counts to group by"):
        groups(replace(log, n_chosen=None, n_rejected=None), "length")


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_a_pattern_of_the_policy_says_so(pattern):
    """Of a reference alone the others are asked: they may not look at a policy, and those of a policy do."""

    class Rows(SimpleNamespace):
        looked = False

        def __getattribute__(self, name):
            if name.startswith("policy"):
                object.__setattr__(self, "looked", True)
            return object.__getattribute__(self, name)

    ref = -np.arange(1.0, 13)
    rows = Rows(ref_chosen=ref, ref_rejected=ref[::-1].copy(), policy_chosen=ref + 0.5, policy_rejected=ref[::-1] - 0.5)
    pattern.shown_by(rows)
    needs = object.__getattribute__(rows, "looked")
    assert pattern.of_policy == (needs and pattern not in (PLACEHOLDER, ZERO, OVER_ONE))
    assert pattern.suspicious(12, 12)
    assert not pattern.suspicious(0, 12)
    least = int(np.ceil(pattern.share * 1000))
    assert pattern.suspicious(max(least, 1), 1000)
    assert not least or not pattern.suspicious(least - 1, 1000)
    assert pattern.suspicious(FEW - 1, FEW - 1) == pattern.few


def test_quarters_that_differ_in_their_fifth_digit_are_told_apart():
    log = PairLog("long", -9000.0 + 0.01 * np.arange(8.0), np.full(8, -1e4 + 0.49))
    found = groups(log, "delta_ref")
    assert [row["n"] for row in found] == [2, 2, 2, 2]
    assert [row["group"] for row in found] == [f"999.{k} to 999.{k + 1}" for k in (51, 53, 55, 57)]
