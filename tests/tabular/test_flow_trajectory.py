"""Gradient flow of any loss: against the closed form, an implicit midpoint rule, conserved sums and known ends."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import log_softmax

from tabular import InputError, Preferences, Problem, dpo, flow, losses
from tabular.fits import descent
from tabular.losses.forms import Pair
from tests.benchmarks.test_small_inputs import small

EXAMPLE = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
CYCLE = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25), (0, 1, 2, 0.4)])
PARAMETERS = {
    "cdpo": {"eps": 0.1},
    "rdpo": {"eps": 0.1},
    "exo_pair": {"eps": 0.01},
    "odpo": {"offset": 0.5},
    "ecpo": {"gamma": 0.1},
    "fdpo_alpha": {"alpha": 0.5},
    "bco_pair": {"shift": 0.2},
    "dpo_sft": {"alpha": 1.0},
    "cpo_xu": {"alpha": 1.0},
    "orpo": {"lam": 0.25},
    **{name: {"n_w": [8, 16, 16], "n_l": [16, 8, 4]} for name in ("ipo_norm", "sigmoid_norm")},
    "simpo": {"n_w": [8, 16, 16], "n_l": [16, 8, 4], "gamma": 0.5},
}
KINKED = {"hinge": {}, "slic": {"margin": 1.0}, "chi_po": {"r_max": 1.0}, "dpop": {"lam": 5.0}}
SMOOTH = [
    name for name in losses.names() if name not in KINKED and not losses.get(name, **PARAMETERS.get(name, {})).batch
]


@pytest.mark.parametrize("beta", [1e-4, 0.5, 1e4])
@pytest.mark.parametrize("delta_ref", [-3.0, 2.0])
def test_one_label_of_dpo_is_the_closed_form(beta, delta_ref):
    problem, pair = Problem.from_unnormalized([delta_ref, 0.0], beta), Preferences.from_pairs([(0, 1)])
    times = np.array([0.0, 0.01, 1.0, 100.0, 1e4, 1e8]) / beta**2
    path = flow.trajectory(problem, pair, times=times)
    exact = flow.margin_at(times, delta_ref, beta)
    np.testing.assert_allclose(path.delta[:, 0] - delta_ref, exact - delta_ref, rtol=1e-7, atol=1e-300)
    assert path.drift < 1e-12


@pytest.mark.parametrize("name", ["dpo", "simpo", "orpo"])
def test_at_time_0_the_policy_is_the_reference(name):
    path = flow.trajectory(EXAMPLE, CYCLE, losses.get(name, **PARAMETERS.get(name, {})), times=[0.0])
    np.testing.assert_allclose(path.log_policy[0], EXAMPLE.log_ref, rtol=1e-15)
    assert path.drift == 0


def velocity(problem, labels, loss):
    """-dL/dtheta from the loss's own derivatives at normalised policies, by the chain rule of the softmax."""
    share = labels.weight / labels.weight.sum()
    ref, w, v = problem.log_ref[0], labels.winner, labels.loser

    def of(_, theta):
        x = log_softmax(theta)
        up, down = loss.form.gradient(Pair(x[w], x[v], ref[w], ref[v], problem.beta))
        g = np.zeros(len(theta))
        np.add.at(g, w, share * up)
        np.add.at(g, v, share * down)
        jacobian = np.eye(len(theta)) - np.exp(x)  # d x_i / d theta_j
        return -jacobian.T @ g

    return of


@pytest.mark.parametrize("name", SMOOTH)
def test_every_smooth_loss_against_a_stiff_integrator_in_full_logits(name):
    loss, times = losses.get(name, **PARAMETERS.get(name, {})), np.array([0.0, 0.3, 3.0, 30.0])
    path = flow.trajectory(EXAMPLE, CYCLE, loss, times=times)
    plain = solve_ivp(
        velocity(EXAMPLE, CYCLE, loss), (0, 30), EXAMPLE.log_ref[0], "Radau", times, rtol=1e-8, atol=1e-10
    )
    np.testing.assert_allclose(path.log_policy[:, 0], log_softmax(plain.y.T, axis=1), atol=2e-6, rtol=1e-6)
    assert path.never_rises
    assert path.loss[-1] < path.loss[0]
    assert path.drift < 1e-8


def _followed(loss, beta=0.5):
    problem = Problem(EXAMPLE.log_ref, beta)
    return descent._flow_of(loss.form)(
        loss.form, problem.log_ref[0], beta, np.exp(CYCLE.log_share), CYCLE.winner, CYCLE.loser
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_what_implicit_steps_take_for_the_velocitys_derivative(name):
    flow_of, at = _followed(losses.get(name, **PARAMETERS.get(name, {}))), np.array([0.3, -0.2])
    steps = [(flow_of.velocity(at + h) - flow_of.velocity(at - h)) / 2e-6 for h in 1e-6 * np.eye(2)]
    exact = flow_of.jacobian(at)
    np.testing.assert_allclose(np.transpose(steps), exact, atol=1e-7 * (1 + np.abs(exact).max()))


@pytest.mark.parametrize("name", ["simpo", "sigmoid_norm", "ipo_norm"])
def test_as_many_tokens_everywhere_push_both_responses_alike(name, monkeypatch):
    """Sums are followed of such losses, whose normalisation pushes nothing; of counts one of which differs, logits."""
    given = {"gamma": 0.5} if name == "simpo" else {}
    alike, apart = losses.get(name, n_w=4, n_l=[4, 4, 4], **given), losses.get(name, n_w=[4, 4, 8], n_l=4, **given)
    paths = [flow.trajectory(EXAMPLE, CYCLE, alike, times=[3.0, 300.0])]
    assert [descent._flow_of(loss.form) for loss in (alike, apart)] == [descent._Differences, descent._Prompt]
    monkeypatch.setattr(descent, "_flow_of", lambda form: descent._Prompt)
    paths.append(flow.trajectory(EXAMPLE, CYCLE, alike, times=[3.0, 300.0]))
    np.testing.assert_allclose(paths[0].log_policy, paths[1].log_policy, rtol=1e-7)
    np.testing.assert_allclose(paths[0].loss, paths[1].loss, rtol=1e-9)


def test_steep_pushes_of_simpo_leave_no_rounding_behind(monkeypatch):
    """A logit that no label moves moved by what others' pushes, of 1e4 a nat, left of one another."""
    calls, velocity = [], descent._Differences.velocity
    monkeypatch.setattr(descent._Differences, "velocity", lambda self, *at: calls.append(0) or velocity(self, *at))
    _, problem, labels, _ = small(6)
    path = flow.trajectory(Problem(problem.log_ref, 1e4), labels, losses.typical("simpo"), times=[1.0, 1e8])
    assert 0 < len(calls) < 5000
    np.testing.assert_allclose(path.log_policy[1], path.log_policy[0], rtol=1e-9)


@pytest.mark.parametrize("name", ["fdpo_js", "chi_po_unclipped", "squared_po"])
def test_what_no_label_holds_is_not_moved_by_what_links_pushes_leave_of_one_another(name, monkeypatch):
    """Of more than one piece: their levels moved by rounding, of which steps had to be as short as 1e-2."""
    calls, pushes = [], descent._Linked._pushes
    monkeypatch.setattr(descent._Linked, "_pushes", lambda self, x: calls.append(0) or pushes(self, x))
    problem = Problem.from_unnormalized([0.0, 1.0, -1.0, 2.0, 0.5], 1e4)
    labels = Preferences.from_pairs(
        [(0, 0, 1, 3.0), (0, 1, 0, 1.0), (0, 1, 2, 2.0), (0, 2, 0, 1.0), (0, 3, 4), (0, 4, 3)]
    )
    path = flow.trajectory(problem, labels, losses.get(name), times=[1.0, 100.0])
    assert 0 < len(calls) < 1000
    np.testing.assert_allclose(path.log_policy[1], path.log_policy[0], rtol=1e-12)


@pytest.mark.parametrize("size", [8, 350])
def test_times_next_to_each_other_and_next_to_none(size):
    """The largest sizes are followed explicitly, from the same scale of time."""
    problem = Problem.from_unnormalized(np.zeros(size), 1.0)
    pair, close = Preferences.from_pairs([(0, 0, size - 1)]), np.nextafter(1e3, 2e3)
    for times in ([5e-324, 1e-300, 1e-5], [0.0, 1e3, close]):
        exact, path = flow.margin_at(times, 0.0, 1.0), flow.trajectory(problem, pair, times=times)
        np.testing.assert_allclose(path.delta[:, 0], exact, rtol=1e-8, atol=2e-11)


def test_margins_that_grow_for_ever_take_few_steps(monkeypatch):
    """In log time they are all but straight: by the time itself it were 20 steps for as much as a doubling."""
    calls, velocity = [], descent._Differences.velocity
    monkeypatch.setattr(descent._Differences, "velocity", lambda self, *at: calls.append(0) or velocity(self, *at))
    flow.trajectory(EXAMPLE, Preferences.from_pairs([(0, 0, 1), (0, 1, 2)]), times=[1e15])
    assert 0 < len(calls) < 300


def test_heavy_labels_do_not_hide_a_light_one():
    """0 and 1 are as good as one response, which the light label moves against 2: in a closed form, at 3/4 the pace."""
    heavy = 1e9
    labels = Preferences.from_pairs([(0, 0, 1, heavy), (0, 1, 0, heavy), (0, 0, 2, 1.0)])
    for beta in (1.0, 1e4):
        problem, times = Problem.from_unnormalized([0.0, 0.0, 0.0], beta), np.array([1.0, 1e3, 1e6, 1e9]) / beta**2
        path = flow.trajectory(problem, labels, times=times * 2 * heavy)
        exact = flow.margin_at(0.75 * times / (1 + 0.5 / heavy), 0.0, beta)
        np.testing.assert_allclose(path.delta[:, 2], exact, rtol=1e-7)


def test_labels_inside_a_block_do_not_hide_those_that_fade(monkeypatch):
    """All are of one weight, but those from one block to the next push ever less."""
    rng, calls, velocity = np.random.default_rng(0), [], descent._Differences.velocity
    monkeypatch.setattr(descent._Differences, "velocity", lambda self, *at: calls.append(0) or velocity(self, *at))
    ring = np.arange(10)
    inner = np.r_[ring, ring], np.r_[(ring + 1) % 10, (ring + 3) % 10]
    winner = np.r_[inner[0], inner[0] + 10, rng.integers(0, 10, 12)]
    loser = np.r_[inner[1], inner[1] + 10, rng.integers(10, 20, 12)]
    labels, problem = Preferences(0 * winner, winner, loser), Problem.from_unnormalized(rng.normal(size=20), 1e4)
    path = flow.trajectory(problem, labels, times=np.array([1.0, 1e4, 1e8]))
    assert len(calls) < 5000
    pace = np.exp(np.diff(1e4 * path.delta[:, -12:].mean(axis=1)))  # e^{beta h} grows as the time does
    np.testing.assert_allclose(pace, 1e4, rtol=1e-3)


def odds_velocity(labels, lam):
    """ORPO's flow without what cancels beside certainty: d logit(pi_y) is d theta_y less its mean under the others."""
    share, w, v = labels.weight / labels.weight.sum(), labels.winner, labels.loser

    def of(_, theta):
        pi = np.exp(theta - theta.max())
        others = np.array([np.delete(pi, y).sum() for y in range(len(pi))])
        turn = np.eye(len(pi)) - np.where(np.eye(len(pi)), 0, pi / others[:, None])  # d logit_i / d theta_j
        logit = theta - theta.max() - np.log(others)
        push = lam * share / (1 + np.exp(logit[w] - logit[v]))
        return push @ (turn[w] - turn[v]) + np.bincount(w, share, len(pi)) - pi / pi.sum()

    return of


def test_next_to_certain_odds_are_not_rounding(monkeypatch):
    """Where a response holds all but e^-30, its odds are the others': rounding of its own kept steps below 1e-5."""
    calls, moves = [], descent._Prompt.velocity
    monkeypatch.setattr(descent._Prompt, "velocity", lambda self, *at: calls.append(0) or moves(self, *at))
    problem = Problem.from_unnormalized([0.0, -30.0, -31.5, -60.0], 1.0)
    labels = Preferences(np.zeros(6, int), [1, 0, 2, 3, 1, 2], [0, 3, 0, 2, 2, 1], [3.0, 1.0, 2.0, 1.0, 1.0, 2.0])
    velocity, times, start = odds_velocity(labels, 0.25), np.array([1.0, 20.0]), problem.log_ref[0]
    path = flow.trajectory(problem, labels, losses.get("orpo", lam=0.25), times=times)
    assert len(calls) < 2000
    plain = solve_ivp(velocity, (0, 20), start, "Radau", times, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(path.log_policy[:, 0], log_softmax(plain.y.T, axis=1), atol=1e-7, rtol=1e-8)
    shares = labels.weight / labels.weight.sum()
    one = descent._Prompt(losses.get("orpo", lam=0.25).form, start, 1.0, shares, labels.winner, labels.loser)
    np.testing.assert_allclose(one.velocity(np.zeros(3)), velocity(0, start)[:-1], rtol=1e-14, atol=1e-16)
    steps = 1e-4 * one.moves.T
    turned = [(velocity(0, start + h) - velocity(0, start - h))[:-1] / 2e-4 for h in steps]
    np.testing.assert_allclose(one.jacobian(np.zeros(3)).T, turned, rtol=1e-7, atol=1e-11)


@pytest.mark.parametrize("name", ["dpo", "dpo_sft"])
def test_few_responses_are_followed_densely_and_as_sparsely(monkeypatch, name):
    problem = Problem.from_unnormalized([0.0, 2.0, -3.0, 1.0, 0.5], 1.0)
    labels = Preferences.from_pairs([(0, 1), (1, 2), (2, 0), (3, 0), (1, 0)])
    dense = flow.trajectory(problem, labels, losses.typical(name), times=[0.5, 5.0, 50.0])
    monkeypatch.setattr(descent, "_DENSE", 0)
    sparse = flow.trajectory(problem, labels, losses.typical(name), times=[0.5, 5.0, 50.0])
    np.testing.assert_allclose(dense.log_policy, sparse.log_policy, atol=1e-8)


@pytest.mark.parametrize("beta", [1.0, 1e4])
@pytest.mark.parametrize("name", ["dpo", "cdpo", "ipo", "dpo_sft", "nca_pair", "sppo_hard", "ipo_norm"])
def test_nothing_moves_long_after_the_end(name, beta, monkeypatch):
    """Steps grow there: rounding would else keep them as short as those of an explicit rule, 1e8 of them."""
    rng, calls = np.random.default_rng(0), []
    winner = rng.integers(0, 8, 40)
    labels = Preferences(0 * winner, winner, (winner + rng.integers(1, 8, 40)) % 8, np.ones(40))
    problem = Problem.from_unnormalized(20 * rng.normal(size=8), beta)
    for flow_of in (descent._Prompt, descent._Differences):
        velocity = flow_of.velocity
        monkeypatch.setattr(flow_of, "velocity", lambda self, *at, v=velocity: calls.append(0) or v(self, *at))
    loss = losses.get(name, **PARAMETERS.get(name, {}) | ({"n_w": 16, "n_l": 8} if name == "ipo_norm" else {}))
    path = flow.trajectory(problem, labels, loss, times=np.array([1e6, 1e9, 1e12]))
    assert len(calls) < 5000
    np.testing.assert_allclose(path.log_policy[1:], path.log_policy[:-1], rtol=1e-6)
    if path.limit is not None:
        np.testing.assert_allclose(path.log_policy[-1], path.limit, rtol=1e-9)


@pytest.mark.parametrize("name", ["dpo", "cdpo", "ipo", "odpo", "ecpo", "hypo", "dpo_sft", "cpo_xu"])
def test_it_ends_where_theory_says(name):
    loss = losses.get(name, **PARAMETERS.get(name, {}))
    path = flow.trajectory(EXAMPLE, CYCLE, loss, times=[1e9])
    np.testing.assert_allclose(np.exp(path.log_policy[-1]), np.exp(path.limit), atol=1e-4)


def test_the_end_is_named_only_where_it_is_known():
    for name in ("exo_pair", "discopop", "nca_pair", "fdpo_forward_kl", "rdpo"):
        assert flow.trajectory(EXAMPLE, CYCLE, losses.get(name, **PARAMETERS.get(name, {})), times=[1.0]).limit is None
    assert dpo.solve(EXAMPLE, CYCLE).flow_limit_known.all()


def test_a_difference_keeps_each_piece_and_an_absolute_loss_moves_the_unlabelled():
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta=1)
    labels = Preferences.from_pairs([(0, 1)])
    for name, kept in (("dpo", True), ("ipo", True), ("sppo_hard", False), ("fdpo_forward_kl", False)):
        path = flow.trajectory(problem, labels, losses.get(name), times=[5.0])
        theta = path.log_policy[-1, 0] - problem.log_ref[0]
        assert np.isclose(theta[2], theta[3], atol=1e-9) == kept  # nu pi moves them, each by its own pi
        assert np.isclose(theta[:2].mean(), theta[2], atol=1e-9) == kept


def test_discopop_lowers_the_margin_of_its_only_label_and_stops():
    problem, pair = Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(0, 1)])
    path = flow.trajectory(problem, pair, losses.get("discopop", tau=0.05), times=[1.0, 1e3])
    assert path.delta[-1, 0] == pytest.approx(-0.11857, abs=1e-5)
    assert path.loss[-1] == pytest.approx(0.78592, abs=1e-5)
    assert path.never_rises


def test_prompts_flow_on_their_own_and_labels_of_weight_0_do_not_push():
    both = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]], beta=0.5)
    labels = Preferences([0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 1, 0], [1.0, 0.5, 1.5, 0.0])
    path = flow.trajectory(both, labels, times=[0.0, 4.0])
    alone = flow.trajectory(EXAMPLE, Preferences([0, 0], [0, 1], [1, 0], [1.0, 0.5]), times=[4.0 * 1.5 / 3.0])
    np.testing.assert_allclose(path.log_policy[1, 0], alone.log_policy[0, 0], atol=1e-8)
    exact = flow.margin_at(4.0 / 2, np.log(1.5), 0.5)
    assert path.delta[1, 2] == pytest.approx(exact, abs=1e-8)
    assert path.log_policy[1, 1, 2] == -np.inf


@pytest.mark.parametrize("beta", [1e-4, 1e4])
@pytest.mark.parametrize("name", ["dpo", "ipo", "nca_pair", "sppo_hard", "dpo_sft", "fdpo_js", "orpo", "apo_zero"])
def test_extreme_beta(beta, name):
    problem = Problem.from_unnormalized([0.0, -3.0, 2.0, -50.0], beta)
    labels = Preferences.from_pairs([(0, 1), (1, 0), (1, 3)])
    path = flow.trajectory(problem, labels, losses.get(name, **PARAMETERS.get(name, {})), times=[1e-9, 1e-3, 1.0])
    assert path.never_rises
    assert np.isfinite(path.loss).all()
    assert not np.isnan(path.log_policy).any()


@pytest.mark.parametrize("name", [*KINKED, "aot"])
def test_what_has_a_kink_or_mixes_pairs_is_refused(name):
    with pytest.raises(InputError, match="gradient flow is for differentiable losses"):
        flow.trajectory(EXAMPLE, CYCLE, losses.get(name, **KINKED.get(name, {})), times=[1.0])


@pytest.mark.parametrize("times", [[], [1.0, 1.0], [-1.0], [np.inf], 3.0])
def test_times_must_be_a_path(times):
    with pytest.raises(InputError, match="time"):
        flow.trajectory(EXAMPLE, CYCLE, times=times)


def test_a_users_loss_with_a_kink_is_refused_before_anything_is_integrated():
    mine = losses.custom("absolute", lambda x: np.abs(x - 1), lambda x: np.sign(x - 1))
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    with pytest.raises(InputError, match="absolute has a kink: gradient flow is for differentiable losses"):
        flow.trajectory(problem, Preferences.from_pairs([(0, 1), (1, 2)]), mine, times=[1.0])
