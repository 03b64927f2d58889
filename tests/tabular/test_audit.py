"""The audit against a plain loop in long arithmetic, its own identities, and the real run."""

import json
import math
from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tabular import InputError, Problem, dpo, logs, rlhf
from tabular.audit import audit
from tabular.failures import thresholds
from tabular.logs import PairLog, RunLog
from tests.strategies import betas

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "audit.json").read_text())

#: Small whole numbers make the ties (delta = 0, h = 0) that a uniform draw never would; then every scale.
log_probs = st.one_of(st.integers(-4, 0).map(float), st.floats(-1e4, 0.0), st.floats(-1.0, 0.0))
PER_CHECKPOINT = (
    "relative_accuracy",
    "absolute_accuracy",
    "share_in_u",
    "share_chosen_fell",
    "share_both_fell",
    "loss",
    "n_short",
    "n_certified",
)


@st.composite
def pair_logs(draw, rewards=False, max_pairs=6):
    """A log with a policy, with or without rewards."""
    n_pairs = draw(st.integers(1, max_pairs))
    row = st.lists(log_probs, min_size=n_pairs, max_size=n_pairs)
    reward = st.lists(st.floats(-10, 10), min_size=n_pairs, max_size=n_pairs)
    return PairLog("drawn", *(draw(row) for _ in range(4)), *((draw(reward), draw(reward)) if rewards else ()))


@st.composite
def run_logs(draw):
    """A run whose label stands on any two of its responses."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(2, 3), st.integers(1, 4)))
    size = math.prod(shape)
    values = draw(st.lists(log_probs, min_size=size, max_size=size))
    winner, loser = draw(st.permutations(range(shape[1])))[:2]
    step = 10 * np.arange(shape[0])
    return RunLog("drawn", draw(betas), np.reshape(values, shape), "abc"[: shape[1]], step, winner, loser)


def by_hand(log, beta):
    """The last checkpoint pair by pair, and the sum of its losses, to 60 digits of the doubles delta and delta_ref."""
    with mpmath.workdps(60):
        rows = []
        for ref_w, ref_l, w, l in zip(  # noqa: E741 - the field's letter
            log.ref_chosen, log.ref_rejected, log.policy_chosen, log.policy_rejected, strict=True
        ):
            delta_ref, delta = mpmath.mpf(ref_w - ref_l), mpmath.mpf(w - l)
            loss = mpmath.log1p(mpmath.exp(-beta * (delta - delta_ref)))
            threshold = mpmath.log1p(mpmath.exp(beta * delta_ref))
            rows.append((delta_ref, delta, w < ref_w, l < ref_l, loss, threshold))
        return rows, mpmath.fsum(row[4] for row in rows)


@given(log=pair_logs(), beta=betas)
def test_agrees_with_a_plain_loop_in_long_arithmetic(log, beta):
    result = audit(log, beta)
    rows, total_loss = by_hand(log, beta)
    share = {
        "relative_accuracy": [delta > delta_ref for delta_ref, delta, *_ in rows],
        "absolute_accuracy": [delta > 0 for _, delta, *_ in rows],
        "share_in_u": [delta_ref < delta < 0 for delta_ref, delta, *_ in rows],
        "share_chosen_fell": [chosen_fell for _, _, chosen_fell, *_ in rows],
        "share_both_fell": [chosen_fell and rejected_fell for _, _, chosen_fell, rejected_fell, *_ in rows],
    }
    for name, expected in share.items():
        assert getattr(result, name)[-1] == np.mean(expected), name
    assert result.share_pessimistic == np.mean([delta_ref < 0 for delta_ref, *_ in rows])
    for found, expected in [
        (result.pair_loss, [float(row[4]) for row in rows]),
        (result.flip_threshold, [float(row[5]) for row in rows]),
        (result.loss[-1:], [float(total_loss / len(rows))]),
    ]:
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-300)


@given(log=pair_logs(), beta=betas)
@example(log=PairLog("both underflow", [-9000.0], [0.0], [-100.0], [0.0]), beta=1.0)  # thresholds far below 1e-308
@example(log=PairLog("tie", [-2.0], [0.0], [-1.0], [-1.0]), beta=1.0)
def test_short_of_the_flip_threshold_is_being_inverted(log, beta):
    """delta > 0 iff the pair's own loss is below sp(beta delta_ref): the left side from signs, the right by hand."""
    result = audit(log, beta)
    rows, _ = by_hand(log, beta)
    separated = [abs(beta * delta) > 1e-30 or delta == 0 for _, delta, *_ in rows]  # 60 digits tell them apart
    assume(all(separated))
    assert result.short.tolist() == [loss >= threshold for *_, loss, threshold in rows]
    assert result.n_short[-1] == result.short.sum()


@given(log=pair_logs(), beta=betas)
@example(log=PairLog("zeros below zeros", [-9000.0] * 2, [0.0] * 2, [0.0] * 2, [-4000.0, -1.0]), beta=1.0)
def test_what_the_mean_loss_certifies_is_ranked_correctly(log, beta):
    result = audit(log, beta)
    rows, total_loss = by_hand(log, beta)
    certified = [total_loss < threshold for *_, threshold in rows]
    assert all(delta > 0 for (_, delta, *_), sure in zip(rows, certified, strict=True) if sure)
    assert result.n_certified[-1] <= round(result.n_pairs * result.absolute_accuracy[-1])
    close = [abs(total_loss / threshold - 1) < 1e-9 for *_, threshold in rows]
    assert abs(result.n_certified[-1] - sum(certified)) <= sum(close)


@pytest.mark.parametrize("delta", [-1e-9, 0.0, 1e-9])
def test_the_certificate_cannot_be_had_for_less(delta):
    """Two pairs, one fitted perfectly: the mean loss certifies the other exactly from delta = 0 upwards."""
    log = PairLog("tight", [-5.0, -1.0], [-3.0, -2.0], [-4.0 + delta, -1.0], [-4.0, -9e3])
    result = audit(log, beta=1.0)
    assert result.n_certified[-1] - 1 == (delta > 0)  # the fitted pair is certified throughout
    assert result.loss[-1] == pytest.approx(result.flip_threshold[0] / 2, rel=1e-8)


@given(log=pair_logs(), beta=betas)
def test_identities(log, beta):
    result = audit(log, beta)
    n, delta_ref, h = log.n_pairs, log.delta_ref, log.delta - log.delta_ref
    assert (result.n_checkpoints, result.n_pairs) == (2, n)
    assert result.share_in_u[-1] <= result.share_pessimistic
    assert result.share_both_fell[-1] <= result.share_chosen_fell[-1]
    assert result.n_short[-1] == round(n * (1 - result.absolute_accuracy[-1]))
    # h > 0 splits into U, the pairs at or beyond 0, and nothing else
    improved = result.share_in_u[-1] + ((h > 0) & (log.delta >= 0)).mean()
    assert result.relative_accuracy[-1] == pytest.approx(improved)
    # every pair falls into exactly one: correct, in U, tied, or inverted without improvement
    rest = ((log.delta == 0) | ((log.delta < 0) & (h <= 0))).mean()
    assert result.absolute_accuracy[-1] + result.share_in_u[-1] + rest == pytest.approx(1)
    # the reference itself: nothing has moved
    assert [getattr(result, name)[0] for name in PER_CHECKPOINT[:5]] == [0, (delta_ref > 0).mean(), 0, 0, 0]
    assert result.loss[0] == pytest.approx(math.log(2), rel=1e-15)


@given(run=run_logs())
def test_a_run_is_audited_as_its_checkpoints_one_by_one(run):
    whole = audit(run)
    assert (whole.source, whole.beta, whole.step.tolist()) == ("drawn", run.beta, run.step.tolist())
    for checkpoint in range(run.n_checkpoints):
        alone = audit(run.pairs(checkpoint), run.beta)
        for name in PER_CHECKPOINT:
            assert getattr(whole, name)[checkpoint] == pytest.approx(getattr(alone, name)[-1], rel=1e-14), name
    last = audit(run.pairs(), run.beta)
    for name in ("delta_ref", "flip_threshold", "delta", "pair_loss", "short"):
        assert getattr(whole, name).tolist() == getattr(last, name).tolist()
    assert last.delta.tolist() == run.pairs().delta.tolist()
    assert audit(run, beta=2.5).to_dict() == audit(replace(run, beta=2.5)).to_dict()


@given(run=run_logs())
def test_the_loss_is_the_dpo_loss_of_the_tabular_problem(run):
    expected = dpo.loss(run.problem(-1).log_ref, run.problem(), run.preferences())
    scale = run.beta * np.abs(run.log_prob).max()  # renormalising rounds log-probs of this size
    assert audit(run).loss[-1] == pytest.approx(expected, rel=1e-9, abs=1e-14 * max(scale, 1))


@given(run=run_logs())
def test_the_flip_threshold_is_the_least_mean_loss_of_an_inverted_policy(run):
    """n min{L : delta_i <= 0}, found by contracting the pair and refitting the rest, where no prompt has two labels."""
    general = thresholds.solve(run.problem(), run.preferences()).value
    slack = 1e-14 * max(1, run.beta * np.abs(run.log_prob).max())  # renormalising rounds log-probs of this size
    np.testing.assert_allclose(audit(run).flip_threshold, run.n_prompts * general, rtol=1e-9 + slack, atol=1e-300)


@given(log=pair_logs(rewards=True), beta=betas)
@example(log=PairLog("h", [-2.0, -2.0], [-1.0, -1.0], None, None, [0.5, 0.6], [0.0, 0.0]), beta=0.5)  # delta* = 0, > 0
def test_the_assumption_fails_exactly_where_the_rlhf_optimum_inverts_the_pair(log, beta):
    """Each pair as a problem of two responses: the sign of delta* against delta_ref <= -Dr/beta."""
    problem = Problem.from_unnormalized(
        np.column_stack([log.ref_chosen, log.ref_rejected]),
        beta,
        np.column_stack([log.reward_chosen, log.reward_rejected]),
    )
    optimum = rlhf.optimal_policy(problem)
    delta_star = optimum[:, 0] - optimum[:, 1]
    scale = 1e-12 * (1 + np.abs(optimum).max())
    share = audit(log, beta).share_violating
    assert (delta_star < -scale).mean() <= share <= (delta_star < scale).mean()


def test_the_boundary_of_the_assumption_violates_it():
    log = PairLog("on it", [-2.0, -2.0], [-1.0, -1.0], None, None, [0.5, 0.6], [0.0, 0.0])
    assert audit(log, beta=0.5).share_violating == 0.5


def test_ties_are_not_correct():
    result = audit(PairLog("ties", [-1.0, -3.0], [-1.0, -2.0], [-2.0, -4.0], [-2.0, -3.0]), beta=1)
    assert result.relative_accuracy[-1] == 0  # h = 0 twice
    assert result.absolute_accuracy[-1] == 0  # delta = 0 once, negative once
    assert result.share_pessimistic == 0.5  # delta_ref = 0 is not pessimistic
    assert result.share_in_u[-1] == 0
    assert result.n_short[-1] == 2
    assert (result.share_chosen_fell[-1], result.share_both_fell[-1]) == (1, 1)


def test_a_log_without_policy_audits_the_reference():
    result = audit(PairLog("reference", [-3.0, -1.0], [-2.0, -2.0]), beta=0.1)
    assert result.n_checkpoints == 1
    assert (result.share_pessimistic, result.share_violating, result.step) == (0.5, None, None)
    assert result.absolute_accuracy.tolist() == [0.5]
    assert result.loss.round(12).tolist() == [round(math.log(2), 12)]
    assert result.delta.tolist() == result.delta_ref.tolist()


@given(log=pair_logs(rewards=True), beta=betas)
def test_the_dictionary_is_plain_finite_json(log, beta):
    result = audit(log, beta)
    back = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert back["n_checkpoints"] == 2
    assert back["loss"] == result.loss.tolist()
    assert back["short"] == result.short.tolist()
    assert back["share_violating"] == result.share_violating
    assert back["step"] is None


def test_the_audit_is_frozen():
    result = audit(PairLog("x", [-3.0], [-2.0]), beta=1)
    with pytest.raises(ValueError, match="read-only"):
        result.loss[0] = 0.0


def test_bad_input():
    log = PairLog("x", [-3.0], [-2.0])
    for beta, expected in [
        (None, "a log of pairs does not say its beta: give beta="),
        (0, "beta is 0: it must be one number, finite and above 0"),
        (-1.0, "beta is -1.0"),
        (math.inf, "beta is inf"),
        (math.nan, "beta is nan"),
        ("0.1", "beta is '0.1'"),
        ([0.1], "beta is [0.1]"),
    ]:
        with pytest.raises(InputError) as raised:
            audit(log, beta)
        assert expected in str(raised.value)
    with pytest.raises(InputError, match="a PairLog or RunLog: a dict has none"):
        audit({"log": log}, 0.1)


def test_the_real_run(real_data):
    result = audit(logs.load("hh-pythia410m-dpo"))
    assert (result.n_pairs, result.beta, result.n_checkpoints) == (GOLDEN["n_pairs"], 0.1, 50)
    assert result.share_pessimistic * result.n_pairs == GOLDEN["n_pessimistic"]
    for name, expected in GOLDEN["last_checkpoint"].items():
        assert getattr(result, name)[-1] == pytest.approx(expected, rel=1e-9), name
    assert result.share_violating is None  # the run has no rewards


def test_the_real_run_pair_by_pair(real_data):
    """All fifty checkpoints again, from the raw array by sign counting alone."""
    run = logs.load("hh-pythia410m-dpo")
    result = audit(run)
    w, l = run.log_prob[:, run.responses.index("chosen")], run.log_prob[:, run.responses.index("rejected")]  # noqa: E741
    in_u = (w - l > w[0] - l[0]) & (w < l)
    assert result.share_in_u.tolist() == in_u.mean(axis=1).tolist()
    assert result.absolute_accuracy.tolist() == (w > l).mean(axis=1).tolist()
    assert result.share_chosen_fell.tolist() == (w < w[0]).mean(axis=1).tolist()
    assert result.share_in_u.max() == pytest.approx(GOLDEN["largest_share_in_u"]["share"])
    assert run.step[result.share_in_u.argmax()] == GOLDEN["largest_share_in_u"]["step"]


@pytest.mark.parametrize(
    ("beta", "gap", "loss"),
    [
        (1.3430836320935902, 7.853022051700992, "dpo"),
        (1e4, -1e3, "dpo"),
        (1.3430836320935902, 7.853022051700992, "hinge"),
    ],
)
def test_ties_that_paid_for_all_are_not_certified(beta, gap, loss):
    """Of equal pairs k are tied, which costs their price to the last digit, and the others cost nothing."""
    for n, tied in ((100_000, 92_156), (100_000, 94_891), (1000, 333)):
        chosen = np.full(n, -1e4)
        rejected = np.where(np.arange(n) < tied, chosen, chosen - 3e4 / beta - 2e3 * abs(gap))
        log = PairLog("ties", chosen, chosen - gap, policy_chosen=chosen, policy_rejected=rejected)
        found = audit(log, beta, loss)
        assert found.certified_accuracy[-1] <= found.absolute_accuracy[-1] + 1e-12
        assert found.certified_accuracy[-1] == pytest.approx(1 - tied / n, abs=1e-5 if gap == -1e3 else 1e-12)
