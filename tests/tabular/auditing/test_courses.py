"""Batch means of simulated runs: consistent ones raise no doubt, each inconsistency is named, certificates hold."""

import numpy as np
import pytest

from tabular import InputError, losses
from tabular.audit import audit
from tabular.auditing.courses import course
from tabular.auditing.words import story, story_of_course
from tabular.base.log_space import softplus
from tabular.logs import MetricLog, PairLog

BETA, N = 0.1, 300


def run(seed=0):
    """Reference pairs, and the policy's sums at some steps, the first before any update."""
    rng = np.random.default_rng(seed)
    ref = -rng.gamma(4, 30, (2, N))
    course = np.linspace(0, 1, 6)[:, None, None] * rng.normal([[-3], [-40]], 10, (2, N))
    return PairLog("reference", *ref), np.minimum(ref + course, 0)


def means(reference, policy, **changes):
    """What a trainer would log of them, over all pairs at each step."""
    r_w, r_l = policy[:, 0] - reference.ref_chosen, policy[:, 1] - reference.ref_rejected
    z = BETA * (r_w - r_l)
    values = {
        "loss": softplus(-z).mean(axis=1),
        "accuracy": (z > 0).mean(axis=1),
        "reward_chosen": BETA * r_w.mean(axis=1),
        "reward_rejected": BETA * r_l.mean(axis=1),
        "margin": z.mean(axis=1),
        "chosen": policy[:, 0].mean(axis=1),
        "rejected": policy[:, 1].mean(axis=1),
    }
    return MetricLog("means", "TRL", [0, 10, 20, 30, 40, 50], values | changes)


def names(metrics, reference=None, **settings):
    doubts = course(metrics, BETA, reference, **settings).doubts
    assert all(0 < doubt.share <= 1 for doubt in doubts)
    return [doubt.name for doubt in doubts]


@pytest.mark.parametrize("seed", range(10))
def test_a_consistent_log_raises_no_doubt_and_its_certificate_holds(seed):
    reference, policy = run(seed)
    found = course(means(reference, policy), BETA, reference)
    assert found.doubts == ()
    np.testing.assert_allclose(found.delta_ref, reference.delta_ref.mean(), rtol=1e-9)
    np.testing.assert_allclose(found.delta, (policy[:, 0] - policy[:, 1]).mean(axis=1))
    for step in range(6):
        pairs = PairLog("x", reference.ref_chosen, reference.ref_rejected, *policy[step])
        whole = audit(pairs, BETA)
        assert found.certified[step] == pytest.approx(whole.certified_accuracy[-1], abs=1e-12)
        assert found.certified[step] <= whole.absolute_accuracy[-1]


def test_each_inconsistency_is_named():
    reference, policy = run()
    m = means(reference, policy)
    assert names(means(reference, policy, loss=softplus(-m.margin) * 0.9)) == ["a loss below DPO's least"]
    assert names(means(reference, policy, loss=softplus(-m.margin))) == []  # equality is possible
    assert names(means(reference, policy, loss=softplus(-m.margin) * 0.9), loss="ipo") == []
    wrong = means(reference, policy, margin=m.reward_chosen - m.reward_rejected + 0.1)
    assert "margins are not the difference of the rewards" in names(wrong)
    late = means(reference, policy, reward_chosen=m.reward_chosen - 0.5, reward_rejected=m.reward_rejected + 0.5)
    assert "rewards not 0 before the first update" in names(late)
    above = means(reference, policy, reward_chosen=m.reward_chosen + 0.5, reward_rejected=m.reward_rejected + 0.5)
    assert names(above) == ["rewards above 0 before the first update"]
    below = means(reference, policy, reward_chosen=m.reward_chosen - 0.5, reward_rejected=m.reward_rejected - 0.6)
    assert "rewards below 0 before the first update" in names(below)
    free = means(
        reference,
        policy,
        reward_chosen=BETA * m.chosen,
        reward_rejected=BETA * m.rejected,
        margin=BETA * (m.chosen - m.rejected),
        loss=np.full(6, 9.0),
    )
    assert "no reference" in names(free)
    for least, told in ((-9.99, True), (-10.0, False)):
        averages = means(reference, policy / 100, chosen=np.r_[least, m.chosen[1:] / 100])
        assert ("averages" in names(averages)) == told
    double = {name: 2 * getattr(m, name) for name in ("reward_chosen", "reward_rejected", "margin")}
    assert "rewards are not beta times the log-ratio" in names(means(reference, policy, **double), reference)
    assert "rewards are not beta times the log-ratio" not in names(m, reference)
    growing = {name: np.r_[1.5:4:6j] * getattr(m, name) for name in double}  # no one factor
    assert "rewards are not beta times the log-ratio" not in names(means(reference, policy, **growing), reference)


def test_a_course_starts_at_the_reference_where_its_pairs_are_known():
    """Step 0 is no batch mean but what the reference itself is: margin 0, and under DPO a loss of log 2."""
    reference, policy = run()
    m = means(reference, policy)
    late = MetricLog("late", "TRL", m.step[1:], {name: values[1:] for name, values in m.values.items()})
    found, whole = course(late, BETA, reference), course(m, BETA, reference)
    assert (found.from_reference, whole.from_reference) == (True, False)
    assert found.metrics.step.tolist() == m.step.tolist()
    for name, values in m.values.items():
        np.testing.assert_allclose(found.metrics.values[name], values, rtol=1e-12, atol=1e-12)
    assert found.delta[0] == pytest.approx(reference.delta_ref.mean())
    assert (found.metrics.loss[0], found.certified[0]) == (pytest.approx(np.log(2)), pytest.approx(whole.certified[0]))
    assert "logged 5 steps" in story_of_course(found)
    assert course(late, BETA).metrics.step.tolist() == late.step.tolist()
    free = course(
        late, BETA, reference, losses.get("orpo", lam=1.0)
    )  # no reference in its rewards: nothing is said of them
    assert np.isnan(free.metrics.margin[0])
    assert free.metrics.loss[0] > 0


def test_words_of_batch_means():
    reference, policy = run()
    m = means(reference, policy)
    told = story_of_course(course(m, BETA, reference))
    fall = m.chosen[0] - m.chosen[-1]
    assert f"fell by {fall:.1f} nats" in told
    assert f"{100 * m.accuracy[-1]:.1f} %" in told
    assert f"The reference's mean log-ratio is {reference.delta_ref.mean():.1f} nats" in told
    assert "batch means cannot tell" in told


def test_words_of_an_audit_count_what_it_counted():
    reference, policy = run()
    result = audit(PairLog("x", reference.ref_chosen, reference.ref_rejected, *policy[2]), BETA)
    told = story(result)
    right = int((policy[2][0] > policy[2][1]).sum())
    inside = int(((reference.delta_ref < policy[2][0] - policy[2][1]) & (policy[2][0] < policy[2][1])).sum())
    flipped = int(((reference.delta_ref > 0) & (policy[2][0] < policy[2][1])).sum())
    assert f"ranks {right} pairs" in told
    assert f"and {N - right} wrong; {inside} (" in told
    assert ("that the reference ranked right" in told) == (flipped > 0)
    assert flipped == 0 or f" {flipped} pair" in told
    assert "Doubts" not in told
    assert "holds no policy" in story(audit(reference, BETA))
    same = audit(PairLog("x", reference.ref_chosen, reference.ref_rejected, *policy[0]), BETA)
    assert "Doubts of the data: policy identical to the reference" in story(same)


def test_what_is_refused():
    reference, policy = run()
    for expected, use in [
        ("a reference needs the run's beta", lambda: course(means(reference, policy), None, reference)),
        ("a course needs batch means, a MetricLog: a PairLog has none", lambda: course(reference)),
        ("beta is -1", lambda: course(means(reference, policy), -1)),
    ]:
        with pytest.raises(InputError, match=expected):
            use()


def test_the_story_of_a_course_goes_from_its_first_step_to_its_last():
    metrics = MetricLog("x", "TRL", [1, 5, 9], {"accuracy": [0.2, 0.9, 0.5], "chosen": [-80.0, -75.0, -90.0]})
    told = story_of_course(course(metrics))
    assert "went from 20.0 % to 50.0 %" in told
    assert "fell by 10.0 nats" in told


def test_the_story_counts_ties_and_says_nothing_of_none():
    one = PairLog("x", [-9.0, -4.0], [-7.0, -5.0], policy_chosen=[-9.0, -3.0], policy_rejected=[-9.0, -6.0])
    none = PairLog("x", [-9.0, -4.0], [-7.0, -5.0], policy_chosen=[-9.5, -3.0], policy_rejected=[-9.0, -6.0])
    assert "1 pair tie and count as wrong." in story(audit(one, BETA)).replace("1 pair ties", "1 pair tie")
    assert "count as wrong" not in story(audit(none, BETA))


@pytest.mark.parametrize("value", [1e308, -1e308, np.inf])
def test_placeholders_among_the_means_warn_of_nothing(value):
    reference, policy = run()
    for name in ("loss", "reward_chosen", "reward_rejected", "margin", "chosen", "rejected"):
        metrics = means(reference, policy)
        changed = np.r_[metrics.values[name][:-1], value]
        assert story_of_course(course(means(reference, policy, **{name: changed}), BETA, reference))
