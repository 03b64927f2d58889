"""Logs and data sets: what they hold, what they refuse, and that the public data sets are the ones described."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import InputError, dpo, logs, rlhf
from tabular.base.log_space import kl
from tabular.logs import PairLog, RewardLog, RunLog, VoteLog, WinTable

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "logs.json").read_text())


def refused(expected, make, *args, **kwargs):
    with pytest.raises(InputError) as raised:
        make(*args, **kwargs)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


class TestPairLog:
    def test_differences(self):
        log = PairLog("x", [-5, -1], [-3, -2], [-4, -1], [-6, -1], [1, 0], [3, 0])
        assert log.n_pairs == 2
        assert log.delta_ref.tolist() == [-2, 1]
        assert log.delta.tolist() == [2, 0]
        assert log.reward_difference.tolist() == [-2, 0]

    def test_what_is_not_given_is_none(self):
        log = PairLog("x", [-5], [-3])
        assert log.delta is None
        assert log.reward_difference is None

    def test_is_a_frozen_copy(self):
        given_ = np.array([-5.0, -1.0])
        log = PairLog("x", given_, [-3, -2])
        given_[:] = -9.0
        assert log.ref_chosen.tolist() == [-5, -1]
        with pytest.raises(FrozenInstanceError):
            log.source = "y"
        with pytest.raises(ValueError, match="read-only"):
            log.ref_chosen[0] = 0

    def test_bad_input(self):
        for expected, arrays in [
            ("ref_chosen[1] is 0.5: a log-probability is at most 0", ([-1, 0.5], [-1, -1])),
            ("ref_rejected[0] is nan: it must be finite", ([-1], [np.nan])),
            ("ref_rejected[0] is -inf: it must be finite", ([-1], [-np.inf])),
            ("policy_rejected[0] is inf: it must be finite", ([-1], [-1], [-1], [np.inf])),
            ("policy_chosen has 2 entries, ref_chosen 1", ([-1], [-1], [-1, -1], [-1])),
            ("only policy_chosen is given: give both policy_chosen and policy_rejected", ([-1], [-1], [-1])),
            ("only reward_rejected is given", ([-1], [-1], None, None, None, [1])),
            ("reward_chosen[0] is nan: it must be finite", ([-1], [-1], None, None, [np.nan], [1])),
            ("ref_chosen is empty", ([], [])),
            ("ref_chosen has shape (1, 1): give a 1-D array", ([[-1]], [-1])),
            ("ref_chosen is ['a']: give numbers", (["a"], [-1])),
            ("ref_chosen is None: give numbers", (None, [-1])),
            ("ref_rejected is ['-1']: give numbers", ([-1], ["-1"])),
        ]:
            refused(expected, PairLog, "x", *arrays)


def toy_run(**changes):
    log_prob = [[[-9, -3], [-7, -4], [-8, -8]], [[-8, -2], [-8.5, -5], [-9, -7]]]
    given_ = {"name": "toy", "beta": 0.5, "log_prob": log_prob, "responses": "abc", "step": [0, 10]}
    return RunLog(**given_ | {"winner": 0, "loser": 1} | changes)


class TestRunLog:
    def test_pairs_compare_a_checkpoint_with_the_reference(self):
        run = toy_run()
        assert (run.n_checkpoints, run.n_responses, run.n_prompts) == (2, 3, 2)
        last = run.pairs()
        assert last.source == "toy, after 10 examples"
        assert last.ref_chosen.tolist() == [-9, -3]
        assert last.ref_rejected.tolist() == [-7, -4]
        assert last.policy_chosen.tolist() == [-8, -2]
        assert last.policy_rejected.tolist() == [-8.5, -5]
        start = run.pairs(0)
        assert start.delta.tolist() == start.delta_ref.tolist()
        assert toy_run(winner=2).pairs().ref_chosen.tolist() == [-8, -8]
        assert toy_run(step=[0, 1]).pairs().source == "toy, after 1 examples"

    def test_the_problem_keeps_every_log_ratio(self):
        run = toy_run()
        reference, policy, labels = run.problem(), run.problem(-1), run.preferences()
        np.testing.assert_allclose(labels.delta(reference.log_ref), run.pairs().delta_ref, atol=1e-12)
        np.testing.assert_allclose(labels.delta(policy.log_ref), run.pairs().delta, atol=1e-12)
        assert (reference.beta, run.problem(beta=2).beta) == (0.5, 2)

    def test_bad_input(self):
        refused("there is no checkpoint 2: toy has 2", toy_run().pairs, 2)
        refused("there is no checkpoint -3: toy has 2", toy_run().problem, -3)
        refused("checkpoint is 0.5: it must be one whole number", toy_run().pairs, 0.5)
        refused("checkpoint is None: it must be one whole number", toy_run().problem, None)
        for expected, changes in [
            ("log_prob[0, 0, 0] is 1.0: a log-probability is at most 0", {"log_prob": [[[1.0]]]}),
            ("log_prob[1, 0, 0] is nan: it must be finite", {"log_prob": [[[-1.0]], [[np.nan]]]}),
            ("log_prob has shape (2,): give a 3-D array", {"log_prob": [-1, -2]}),
            ("log_prob has shape (1, 3, 0): give at least one", {"log_prob": [[[], [], []]]}),
            ("there are 2 response names for 3 responses", {"responses": "ab"}),
            ("step must hold 2 increasing counts from 0", {"step": [0, 0]}),
            ("step must hold 2 increasing counts from 0", {"step": [1, 2]}),
            ("step must hold 2 increasing counts from 0", {"step": [0, 1, 2]}),
            ("winner 1 and loser 1 must be two different", {"winner": 1}),
            ("winner 3 and loser 1 must be two different responses among 3", {"winner": 3}),
            ("beta is 0: it must be one number, finite and above 0", {"beta": 0}),
            ("beta is nan", {"beta": np.nan}),
            ("beta is None", {"beta": None}),
            ("winner is 0.0: it must be one whole number, an int", {"winner": 0.0}),
            ("loser is True: it must be one whole number", {"loser": True}),
            ("loser is [1]: it must be one whole number", {"loser": [1]}),
            ("winner -1 and loser 1 must be two different responses among 3", {"winner": -1}),
            ("step[1] is 9.5: it must be a whole number", {"step": [0, 9.5]}),
            ("responses is ['a', 'a', 'b']: give different names", {"responses": ["a", "a", "b"]}),
            ("responses is None: give different names", {"responses": None}),
            ("responses is [1, 2, 3]: give different names, as text", {"responses": [1, 2, 3]}),
        ]:
            refused(expected, toy_run, **changes)


class TestRewardLog:
    def make(self, **changes):
        given_ = {
            "set": ["b", "a", "a", "a"],
            "prompt": [0, 3, 1, 1],
            "response": [0, 0, 5, 2],
            "n_policies": [1, 2, 3, 1],
            "n_base_sft": [1, 1, 0, 1],
            "n_chars": [9, 9, 9, 9],
            "reward": [4.0, 3.0, 2.0, 1.0],
        }
        return RewardLog(**given_ | changes)

    def test_the_reference_is_the_share_of_the_pool(self):
        problem = self.make().problem(set="a", beta=0.5)
        np.testing.assert_allclose(np.exp(problem.log_ref), [[0.25, 0.75], [1, 0]], atol=1e-15)
        assert problem.reward.tolist() == [[1, 2], [3, 0]]

    def test_the_base_and_sft_pool_drops_what_it_never_said(self):
        problem = self.make().problem(set="a", pool="base_sft", beta=0.5)
        assert problem.log_ref.tolist() == [[0], [0]]
        assert problem.reward.tolist() == [[1], [3]]

    def test_bad_input(self):
        refused("there is no set 'c': choose one of a, b", self.make().problem, set="c", beta=1)
        refused("there is no pool 'ppo': choose one of all, base_sft", self.make().problem, set="a", pool="ppo", beta=1)
        refused("reward[1] is nan: a reward must be finite", self.make, reward=[0, np.nan, 0, 0])
        refused("give 1-D arrays of one length", self.make, reward=[0])
        refused("reward is ['4', '3', '2', '1']: give numbers", self.make, reward=["4", "3", "2", "1"])
        refused("prompt[1] is 3.0: it must be a whole number", self.make, prompt=[0, 3.0, 1, 1])
        refused("n_policies[2] is -1: it must be a whole number, an int of 0", self.make, n_policies=[1, 2, -1, 1])
        refused("set is ['b', 'a', 0, None]: give texts", self.make, set=["b", "a", 0, None])
        refused("n_base_sft[0] is 2: it must be at most the row's n_policies", self.make, n_base_sft=[2, 1, 0, 1])
        refused("there is no set ['a']: choose one of a, b", self.make().problem, set=["a"], beta=1)
        nobody = self.make(n_base_sft=[0, 1, 0, 1])
        refused("the pool base_sft gave no response of the set b", nobody.problem, set="b", pool="base_sft", beta=1)

    def test_a_response_stands_on_one_row(self):
        sentence = "rows 1 and 3 both hold response 5 to prompt 1 of set a: write one row"
        refused(sentence, self.make, prompt=[0, 1, 3, 1], response=[5, 5, 5, 5])
        self.make(set=["a", "b", "c", "d"], prompt=[0] * 4, response=[0] * 4)
        self.make(set=["a"] * 4, prompt=[0, 1, 2, 3], response=[0] * 4)
        self.make(set=["a"] * 4, prompt=[0] * 4, response=[3, 1, 2, 0])


counts = st.integers(0, 3)


@st.composite
def votes(draw):
    rows = draw(st.lists(st.tuples(st.integers(0, 2), st.permutations(range(4)), counts, counts, counts), min_size=1))
    prompt, order, wins_a, wins_b, ties = zip(*rows, strict=True)
    first, second = zip(*(pair[:2] for pair in order), strict=True)
    prompt = np.unique(prompt, return_inverse=True)[1]  # numbered from 0 without gaps
    return VoteLog(prompt, first, second, wins_a, wins_b, ties)


class TestVoteLog:
    @given(log=votes(), ties=st.sampled_from([0.0, 0.5, 1.0]))
    def test_every_vote_is_counted_once_whichever_way_its_row_stands(self, log, ties):
        wins = np.zeros((3, 4, 4))
        for prompt, a, b, wins_a, wins_b, tied in zip(
            log.prompt, log.response_a, log.response_b, log.wins_a, log.wins_b, log.ties, strict=True
        ):
            wins[prompt, a, b] += wins_a + ties * tied
            wins[prompt, b, a] += wins_b + ties * tied
        if wins.sum() == 0:
            refused("there are no labels", log.preferences, ties)
            return
        labels = log.preferences(ties)
        found = np.zeros_like(wins)
        np.add.at(found, (labels.prompt, labels.winner, labels.loser), labels.weight)
        assert found.tolist() == wins.tolist()
        assert labels.n_pairs == np.count_nonzero(wins)  # one label each, none of weight 0
        assert np.isfinite(dpo.loss(log.problem().log_ref, log.problem(), labels))

    def test_the_problem_lists_the_compared_responses(self):
        log = VoteLog([0, 1], [0, 2], [1, 0], [1, 1], [0, 0], [0, 0])
        assert log.n_responses.tolist() == [2, 3]
        np.testing.assert_allclose(np.exp(log.problem(2.0).log_ref), [[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])

    def test_bad_input(self):
        refused("row 1 compares response 2 with itself", VoteLog, [0, 0], [0, 2], [1, 2], [1, 1], [0, 0], [0, 0])
        refused(
            "wins_b[0] is -1: it must be a whole number, an int of 0 or more", VoteLog, [0], [0], [1], [1], [-1], [0]
        )
        refused("prompt 1 is on no row: number the prompts from 0", VoteLog, [0, 2], [0] * 2, [1] * 2, *[[1, 1]] * 3)
        refused("wins_a[0] is 1.5: it must be a whole number", VoteLog, [0], [0], [1], [1.5], [0], [0])
        refused("ties[1] is 0.5: it must be a", VoteLog, [0, 0], [0, 1], [1, 2], [1, 1], [0, 0], [0, 0.5])
        refused("response_a[0] is '0': it must be a whole", VoteLog, [0], ["0"], [1], [1], [0], [0])
        refused("prompt 0 is on no row: number the prompts", VoteLog, [10**18], [0], [1], [1], [0], [0])
        refused("ties is '1': it must be one number", VoteLog([0], [0], [1], [1], [1], [0]).preferences, "1")
        refused(
            "ties is -0.5: it must be one number, finite and at least 0",
            VoteLog([0], [0], [1], [1], [1], [0]).preferences,
            -0.5,
        )
        refused("ties is nan", VoteLog([0], [0], [1], [1], [1], [0]).preferences, np.nan)


class TestWinTable:
    def test_wins_become_labels(self):
        table = WinTable("abc", [[0, 2, 0], [1, 0, 0], [0, 4, 0]])
        labels = table.preferences()
        assert sorted(zip(labels.winner, labels.loser, labels.weight, strict=True)) == [(0, 1, 2), (1, 0, 1), (2, 1, 4)]
        np.testing.assert_allclose(np.exp(table.problem().log_ref), [[1 / 3] * 3])

    def test_bad_input(self):
        refused("wins has shape (2, 2) for 1 names", WinTable, "a", np.zeros((2, 2)))
        refused("wins[0, 1, 1] is not 0", WinTable, "ab", np.eye(2)[::-1] + np.diag([0, 1]))
        refused("weight[1] is -1.0: a weight must be finite", WinTable, "ab", [[0, 2], [-1, 0]])
        refused("names is ['a', 'a']: give different names", WinTable, ["a", "a"], [[0, 1], [1, 0]])
        refused("wins is [['0', '1'], ['1', '0']]: give numbers", WinTable, "ab", [["0", "1"], ["1", "0"]])


class TestRealRun:
    def test_is_the_run_described(self, real_data):
        run, golden = logs.load("hh-pythia410m-dpo"), GOLDEN["hh-pythia410m-dpo"]
        assert run.log_prob.shape == (golden["n_checkpoints"], golden["n_responses"], golden["n_prompts"])
        assert (run.beta, run.step[-1]) == (golden["beta"], golden["last_step"])
        assert (run.pairs().delta_ref < 0).sum() == golden["pessimistic_pairs"]

    def test_row_means_reproduce_the_trainers_own_log(self, real_data):
        run = logs.load("hh-pythia410m-dpo")
        lines = (real_data / "hh-pythia410m-dpo" / "prob_train_metrics.json").read_text().splitlines()
        logged = [[json.loads(line)[f"logps_eval_prob_train/{name}"] for name in run.responses] for line in lines]
        np.testing.assert_allclose(run.log_prob.mean(axis=2), logged, rtol=1e-12)


class TestSuperHF:
    def test_optimal_rewards_and_divergences_are_the_ones_described(self, real_data):
        log, golden = logs.load("superhf-rewards"), GOLDEN["superhf-rewards"]
        assert len(log.reward) == golden["rows"]
        for beta, reward, divergence in zip(golden["beta"], golden["mean_reward"], golden["kl"], strict=True):
            problem = log.problem(set="helpful", pool="base_sft", beta=beta)
            optimum = rlhf.optimal_policy(problem)
            assert (np.exp(optimum) * problem.reward).sum(axis=1).mean() == pytest.approx(reward, abs=0.005)
            assert kl(optimum, problem.log_ref).mean() == pytest.approx(divergence, abs=0.005)
            start = (np.exp(problem.log_ref) * problem.reward).sum(axis=1).mean()
            assert start == pytest.approx(golden["reference_mean_reward"], abs=0.005)

    def test_every_pool_is_counted_whole(self, real_data):
        """358 policies, 16 of them base or SFT, drew once for each of the 3 x 200 prompts."""
        log = logs.load("superhf-rewards")
        prompt = np.unique(log.set, return_inverse=True)[1] * 200 + log.prompt
        assert np.bincount(prompt, log.n_policies).tolist() == [358] * 600
        assert np.bincount(prompt, log.n_base_sft).tolist() == [16] * 600


def test_pandalm_is_the_vote_described(real_data):
    log, golden = logs.load("pandalm-human"), GOLDEN["pandalm-human"]
    problem = log.problem()
    assert (len(log.prompt), problem.n_prompts, problem.present.sum()) == (999, golden["prompts"], golden["responses"])
    assert (log.wins_a + log.wins_b + log.ties).sum() == golden["votes"]
    assert log.ties.sum() == golden["ties"]
    assert (np.maximum(np.maximum(log.wins_a, log.wins_b), log.ties) == 3).sum() == golden["unanimous"]
    blocks = log.preferences().blocks(problem)
    assert sum(len(of_prompt) == 1 for of_prompt in blocks) == golden["finite"]


@pytest.mark.parametrize("name", ["baseball1987", "citations"])
def test_textbook_tables_give_the_published_strengths(real_data, name):
    """Zermelo's iteration s_i <- wins_i / sum_j n_ij/(s_i + s_j), written out here, against the printed table."""
    table, golden = logs.load("classic-bradley-terry")[name], GOLDEN["classic-bradley-terry"][name]
    assert table.wins.sum() == golden["games"]
    games, strength = table.wins + table.wins.T, np.ones(len(table.names))
    for _ in range(2000):
        strength = table.wins.sum(axis=1) / (games / (strength[:, None] + strength)).sum(axis=1)
    found = dict(zip(table.names, np.log(strength), strict=True))
    base = next(name for name, published in golden["strength"].items() if published == 0)
    for team, published in golden["strength"].items():
        assert found[team] - found[base] == pytest.approx(published, abs=0.51 * 10.0 ** -golden["decimals"])


def test_tables_of_games_begin_below_their_header(tmp_path):
    """Of baseball both sides of a line are told, at home and away; citations are one way a line."""
    (tmp_path / "baseball1987.csv").write_text("home,away,wins_home,wins_away\na,b,2,1\nb,a,4,0\n")
    (tmp_path / "citations.csv").write_text("winner,loser,count\na,b,5\nb,a,3\n")
    found = logs._classic(tmp_path.joinpath)
    assert found["baseball1987"].wins.tolist() == [[0, 2], [5, 0]]
    assert found["citations"].wins.tolist() == [[0, 5], [3, 0]]


def test_wins_are_summed_and_a_player_never_meets_itself():
    found = logs._win_table([("a", "b", "2"), ("b", "a", "1"), ("a", "b", "3"), ("b", "b", "9")])
    assert list(found.names) == ["a", "b"]
    assert found.wins.tolist() == [[0, 5], [1, 0]]
