"""Every trap is seen in data that has it, named with its share, and not seen in its near miss."""

from dataclasses import replace

import numpy as np
import pytest

from tabular.audit import audit
from tabular.auditing.coarse import rounding, unclassified
from tabular.auditing.doubts import doubts
from tabular.logged.columns import Origin
from tabular.logs import PairLog

N = 200


def clean(seed=0, **changes):
    """A log as a healthy run leaves it: sums of token log-probs of texts of many lengths, in float32."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(20, 400, (2, N)).astype(float)
    ref = -counts * rng.uniform(0.5, 1.5, (2, N))
    policy = ref + rng.normal([[1.0], [-6.0]], 4.0, (2, N))
    columns = np.float32(np.minimum([*ref, *policy], -1e-3)).astype(float)
    return replace(PairLog("clean", *columns, n_chosen=counts[0], n_rejected=counts[1]), **changes)


def names(log, beta=0.1):
    return [doubt.name for doubt in doubts(log, beta)]


def found(name, log, beta=0.1):
    return next(doubt for doubt in doubts(log, beta) if doubt.name == name)


def as_bf16(values):
    bits = np.float32(values).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(float)


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_log_raises_no_doubt(seed):
    assert names(clean(seed)) == []


def close():
    """Pairs whose two sums are a nat apart."""
    log = clean()
    near = np.float32(log.ref_chosen + np.random.default_rng(4).normal(0, 1, N)).astype(float)
    return replace(log, ref_rejected=np.minimum(near, -1e-3), policy_chosen=None, policy_rejected=None)


def test_bfloat16_sums():
    log = close()
    coarse = replace(log, ref_chosen=as_bf16(log.ref_chosen), ref_rejected=as_bf16(log.ref_rejected))
    doubt = found("bfloat16", coarse)
    by_hand = [2.0 ** (np.floor(np.log2(abs(value))) - 7) for value in coarse.ref_chosen]
    assert rounding(coarse.ref_chosen).tolist() == by_hand
    unsure = unclassified(coarse)
    assert doubt.n == unsure.sum() > 0
    assert (np.sign(log.delta_ref) == np.sign(coarse.delta_ref))[~unsure].all()  # what is classified is right
    off = replace(coarse, ref_chosen=np.r_[coarse.ref_chosen[:-1], np.float32(-96.23)])
    assert "bfloat16" not in names(off)  # one value with low bits
    assert not unclassified(off).any()
    assert "-96.0" in str(as_bf16(np.array([-96.23]))[0])
    assert found("bfloat16", coarse).share == pytest.approx(np.mean(unsure))
    low = 100 * np.mean((coarse.delta_ref < 0) & ~unsure)
    assert f"pessimistic are between {low:.1f} and {low + 100 * unsure.mean():.1f} %" in doubt.what


def test_averages_in_place_of_sums():
    log = clean()
    averages = {name: getattr(log, name) / 200 for name in ("ref_chosen", "ref_rejected")}
    per_token = {
        "ref_chosen": log.ref_chosen / log.n_chosen,
        "ref_rejected": log.ref_rejected / log.n_rejected,
        "policy_chosen": log.policy_chosen / log.n_chosen,
        "policy_rejected": log.policy_rejected / log.n_rejected,
    }
    assert "averages" in names(replace(log, **per_token))
    assert "averages" in names(replace(log, **per_token, n_chosen=None, n_rejected=None))
    assert "averages" not in names(replace(log, **averages))  # small, but falling with the length: sums of sure texts
    assert found("averages", replace(log, origin=Origin("open-instruct", "averages for dpo_norm"))).share == 1
    mixed = replace(log, policy_chosen=per_token["policy_chosen"], policy_rejected=per_token["policy_rejected"])
    assert "different units" in names(mixed)


def test_policy_and_reference_are_one():
    log = clean()
    same = replace(log, policy_chosen=log.ref_chosen, policy_rejected=log.ref_rejected)
    assert found("policy identical to the reference", same).share == 1
    assert "policy identical to the reference" not in names(replace(same, policy_chosen=log.ref_chosen - 1e-6))


def test_ld_alpha_on_one_model():
    log = clean()
    shorter = log.n_chosen < log.n_rejected
    rise = np.abs(np.random.default_rng(1).normal(5, 1, N))
    policy = {
        "policy_chosen": np.minimum(log.ref_chosen + np.where(shorter, 0, rise), 0),
        "policy_rejected": np.minimum(log.ref_rejected + np.where(shorter, rise, 0), 0),
    }
    assert found("ld_alpha on one model only", replace(log, **policy)).share > 0.9
    policy = {name: values - 1e-3 for name, values in policy.items()}
    assert "ld_alpha on one model only" not in names(replace(log, **policy))


def started(seed=0, **moved):
    """A healthy log with a pass before the first update, moved from the reference as told, and the doubt of it."""
    log = clean(seed)
    pass_0 = {f"start_{side}": getattr(log, f"ref_{side}") + moved.get(side, 0.0) for side in ("chosen", "rejected")}
    pass_0 = {name: np.minimum(values, 0) for name, values in pass_0.items()}
    told = [doubt for doubt in doubts(replace(log, **pass_0), 0.1) if "where the run began" in doubt.name]
    return told[0] if told else None


@pytest.mark.parametrize("seed", range(3))
def test_a_reference_that_is_not_where_the_run_began(seed):
    """One trap after the other is made from a healthy log, and named by the signs that it leaves."""
    log, rng = clean(seed), np.random.default_rng(seed)
    chosen, rejected = log.n_chosen, log.n_rejected
    assert started(seed) is None
    assert started(seed, chosen=rng.normal(0, 1e-4, N)) is None  # what single precision leaves open
    extra = np.abs(rng.normal(9, 2, N))
    ld = {"chosen": np.where(chosen > rejected, extra, 0), "rejected": np.where(chosen > rejected, 0, extra)}
    assert "ld_alpha on the policy alone" in started(seed, **ld).what
    stale = {side: -values for side, values in ld.items()}
    assert "a stale cache, of a run with ld_alpha" in started(seed, **stale).what
    cut = {"chosen": -np.maximum(chosen - 256, 0), "rejected": -np.maximum(rejected - 256, 0)}
    doubt = started(seed, **cut)
    limit = max(counts[counts <= 256].max() for counts in (chosen, rejected))
    assert f"miss tokens beyond the {limit:g}th: a stale cache, of a run with a shorter max_length" in doubt.what
    assert doubt.n == ((chosen > 256) | (rejected > 256)).sum()
    assert "the policy's sums miss tokens" in started(seed, **{side: -values for side, values in cut.items()}).what
    base = {"chosen": 0.1 * chosen + extra, "rejected": 0.1 * rejected + extra}
    assert "the reference is a weaker model" in started(seed, **base).what
    slightly = {"chosen": rng.uniform(0.2, 0.8, N), "rejected": rng.uniform(0.2, 0.8, N)}
    assert "the reference is a weaker model" in started(seed, **slightly).what
    assert "of another model, or of other rows" in started(seed, chosen=rng.normal(0, 9, N)).what
    coarse = {
        side: as_bf16(getattr(log, f"ref_{side}")) - getattr(log, f"ref_{side}") for side in ("chosen", "rejected")
    }
    assert "summed in bfloat16" in started(seed, **coarse).what


@pytest.mark.parametrize(("of_others", "told"), [(20, True), (21, False)])
def test_nine_tenths_of_the_rows_name_the_trap(of_others, told):
    """A base model's start lies above the reference throughout; other rows lie below it on both sides."""
    way = np.where(np.arange(N) < of_others, -0.5, 0.5)
    assert ("weaker model" in started(0, chosen=way, rejected=way).what) == told


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_shows_without_a_pass_before_the_first_update(seed):
    log = clean(seed)
    for who, sign in (("reference", -1), ("policy", 1)):
        moved = {
            f"policy_{side}": np.minimum(
                getattr(log, f"policy_{side}") + sign * np.maximum(getattr(log, f"n_{side}") - 256, 0), -1e-3
            )
            for side in ("chosen", "rejected")
        }
        assert f"the {who} was cut short" in names(replace(log, **moved))
    drift = {f"policy_{side}": 1.1 * getattr(log, f"policy_{side}") - 40 for side in ("chosen", "rejected")}
    assert names(replace(log, **drift)) == []  # longer texts fall further, all along


def test_both_sides_rise_and_rows_of_other_texts():
    log = clean()
    up = {f"policy_{side}": 0.9 * getattr(log, f"ref_{side}") for side in ("chosen", "rejected")}
    assert "both sides rose" in names(replace(log, **up))
    assert "both sides rose" not in names(replace(log, **(up | {"policy_rejected": log.policy_rejected})))
    order = np.random.default_rng(0).permutation(N)
    other = {name: getattr(log, name)[order] for name in ("policy_chosen", "policy_rejected")}
    assert "rows of different texts" in names(replace(log, **other))
    far = {"policy_chosen": log.policy_chosen - 50, "policy_rejected": log.policy_rejected - 200}
    assert "rows of different texts" not in names(replace(log, **far))


def test_rows_that_repeat_or_mirror_another():
    log = clean()

    def swap(values, at, to):
        new = values.copy()
        new[at] = to
        return new

    twice = {
        name: swap(getattr(log, name), 7, getattr(log, name)[3])
        for name in ("ref_chosen", "ref_rejected", "policy_chosen", "policy_rejected")
    }
    doubt = found("duplicated rows", replace(log, **twice))
    assert (doubt.n, doubt.rows) == (1, (8,))
    mirrored = replace(
        log,
        ref_chosen=swap(log.ref_chosen, 7, log.ref_rejected[3]),
        ref_rejected=swap(log.ref_rejected, 7, log.ref_chosen[3]),
    )
    doubt = found("chosen and rejected swapped", mirrored)
    assert (doubt.n, doubt.rows) == (2, (4, 8))
    half = replace(log, ref_chosen=swap(log.ref_chosen, 7, log.ref_rejected[3]))
    assert names(half) == []
    backwards = replace(log, policy_chosen=log.ref_chosen - 5, policy_rejected=log.ref_rejected - 1)
    assert found("trained the other way round", backwards).share == 1


def test_values_that_stand_for_something_else():
    log = clean()
    chosen = log.ref_chosen.copy()
    chosen[[2, 5]] = 0.0
    assert found("log-probability exactly 0", replace(log, ref_chosen=chosen)).rows == (3, 6)
    chosen[[2, 5]] = -1e300
    assert found("a number that stands for something else", replace(log, ref_chosen=chosen)).n == 2
    chosen[[2, 5]] = -9e6
    assert names(replace(log, ref_chosen=chosen)) == []


def test_truncation():
    log = clean()
    cut = replace(log, n_chosen=np.minimum(log.n_chosen, 256), n_rejected=np.minimum(log.n_rejected, 256))
    assert "truncated completions" in names(cut)
    spread = replace(log, n_chosen=np.arange(N) % 15 + 20.0, n_rejected=np.full(N, 20.0))
    assert "truncated completions" not in names(spread)  # as many at the largest count as at any other
    for share, told in ((0.4, False), (0.6, True)):  # of those in the last tenth
        last = np.where(np.arange(N) < share * N, 100.0, 95.0)
        heap = replace(log, n_chosen=np.where(np.arange(N) % 3 > 0, 50.0, last), n_rejected=np.full(N, 20.0))
        assert ("truncated completions" in names(heap)) == told
    equal = replace(log, ref_rejected=np.where(np.arange(N) < 5, log.ref_chosen, log.ref_rejected))
    assert found("equal log-probabilities", equal).n == 5


def test_rewards_that_are_none():
    log = clean()
    own = 0.1 * (log.policy_chosen - log.ref_chosen), 0.1 * (log.policy_rejected - log.ref_rejected)
    assert "rewards are the run's own" in names(replace(log, reward_chosen=own[0], reward_rejected=own[1]))
    rng = np.random.default_rng(2)
    fair = rng.normal(0, 10, (2, N))
    for scale, doubted in ((1, False), (1e-3, True), (1e4, True)):
        given = replace(log, reward_chosen=scale * fair[0], reward_rejected=scale * fair[1])
        assert ("rewards of another scale" in names(given)) == doubted
        assert "rewards of another scale" not in names(given, beta=None)


def test_what_was_left_out_is_said():
    log = clean(n_skipped=50, n_unmatched=1, n_clamped=4, joined="by position, which nothing in them confirms")
    assert names(log) == ["joined by position", "left out", "without a partner", "above 0 by rounding"]
    assert found("left out", log).share == 0.2
    assert "correlate at 1.00" in found("joined by position", log).what
    few = PairLog("few", [-9.0], [-7.0], policy_chosen=[-8.0], policy_rejected=[-9.0], joined=log.joined)
    assert found("joined by position", few).what.endswith("are the same pairs.")


def test_a_doubt_changes_no_number_and_is_told_in_one_line():
    log = close()
    coarse = replace(log, ref_chosen=as_bf16(log.ref_chosen), ref_rejected=as_bf16(log.ref_rejected))
    result = audit(coarse, 0.1)
    assert result.share_pessimistic == np.mean(coarse.ref_chosen < coarse.ref_rejected)
    assert result.doubts[0].name == "bfloat16"
    told = str(result.doubts[0])
    assert told.startswith("bfloat16, ")
    assert "\n" not in told
    assert "% of the pairs (rows " in told


@pytest.mark.parametrize("who", ["ref", "policy"])
def test_probabilities_of_two_responses_add_up_to_1_at_most(who):
    """e^-0.6 + e^-0.8 is 0.998 and e^-0.6 + e^-0.7 is 1.045; equal texts of probability 1/2 are just possible."""
    log = clean()
    chosen, rejected = getattr(log, f"{who}_chosen").copy(), getattr(log, f"{who}_rejected").copy()
    chosen[[2, 5]], rejected[[2, 5]] = (-0.6, np.log(0.5)), (-0.8, np.log(0.5))
    assert names(replace(log, **{f"{who}_chosen": chosen, f"{who}_rejected": rejected})) == []
    rejected[2] = -0.7
    doubt = found(
        "more probability than there is", replace(log, **{f"{who}_chosen": chosen, f"{who}_rejected": rejected})
    )
    assert (doubt.n, doubt.rows) == (1, (3,))
