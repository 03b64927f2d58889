"""Streamed and in memory are one audit: over forms, parts, executors, ties and extremes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import InputError, logs, losses
from tabular.audit import audit
from tabular.logged.columns import Origin

NAMES = ("ref_chosen_logps", "ref_rejected_logps", "policy_chosen_logps", "policy_rejected_logps")
SHARES = ("relative_accuracy", "absolute_accuracy", "share_in_u", "share_chosen_fell", "share_both_fell")
log_probs = st.one_of(st.integers(-4, 0).map(float), st.floats(-1e4, 0.0), st.floats(-1.0, 0.0))
rows = st.lists(st.tuples(*[log_probs] * 4), min_size=1, max_size=12)


def same(found, expected):
    n = expected.n_pairs
    assert (found.n_pairs, found.share_pessimistic) == (n, expected.share_pessimistic)
    assert found.share_violating == expected.share_violating
    for name in SHARES:
        assert list(getattr(found, name)) == getattr(expected, name).tolist(), name
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-12, atol=1e-300)
    certain, at_most, exact = found.certified_accuracy, found.certified_at_most, expected.certified_accuracy
    assert (np.array(certain) - 1e-12 <= exact).all()
    assert (exact <= np.array(at_most) + 1e-12).all()
    assert np.ptp([certain, at_most], axis=0).max() < max(1.5 / n, 2e-3)  # a pair or two in a step that is 1/64 wide
    assert found.n_ties == (expected.delta == 0).sum()
    assert found.loss_name == expected.loss_name
    whole = {"duplicated rows", "chosen and rejected swapped", "truncated completions", "rewards of another scale"}
    whole |= {"rows of different texts", "different units"}
    assert [str(doubt) for doubt in found.doubts] == [str(d) for d in expected.doubts if d.name not in whole]


@settings(max_examples=60)
@given(rows=rows, beta=st.sampled_from([1e-4, 0.1, 3.0]))
def test_a_stream_is_audited_as_the_whole(tmp_path_factory, rows, beta):
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    pl.DataFrame(dict(zip(NAMES, np.array(rows).T, strict=True))).write_parquet(path)
    whole = audit(logs.read_pairs(path), beta)
    found = audit(logs.scan(path), beta)
    spent = np.cumsum(np.sort(whole.flip_threshold))
    budget = whole.n_pairs * whole.loss[-1]
    close = np.abs(spent / max(budget, 1e-300) - 1) < 1e-11  # sums in another order may fall on the other side
    if not close.any() and whole.loss[-1] >= np.finfo(float).tiny:  # below it floats know no share
        same(found, whole)


def table(n=5000, seed=0, values=np.float64):
    rng = np.random.default_rng(seed)
    ref = -rng.gamma(4, 30, (2, n))
    policy = np.minimum(ref + rng.normal([[0], [-20]], 15, (2, n)), 0)
    columns = dict(zip(NAMES, values([*ref, *policy]), strict=True))
    return pl.DataFrame(columns | {"chosen_score": rng.normal(3, 1, n), "rejected_score": rng.normal(0, 1, n)})


@pytest.mark.parametrize("kind", ["parquet", "ipc", "csv", "ndjson"])
def test_every_streamed_form(tmp_path, kind):
    getattr(table(), f"write_{kind}")(tmp_path / "log")
    same(audit(logs.scan(tmp_path / "log"), 0.1), audit(logs.read_pairs(tmp_path / "log"), 0.1))


def test_coarse_values_tie(tmp_path):
    """Rounded to a nat, hundreds of pairs have one price, and the budget ends inside a tie."""
    table().with_columns(pl.col(NAMES).round(0)).write_parquet(tmp_path / "log")
    same(audit(logs.scan(tmp_path / "log"), 0.1), audit(logs.read_pairs(tmp_path / "log"), 0.1))


def test_parts_in_any_hands_are_the_same_to_the_bit(tmp_path):
    for part in range(5):
        table(1000, seed=part).write_parquet(tmp_path / f"{part}.parquet")
    alone = audit(logs.scan(tmp_path), 0.1)
    same(alone, audit(logs.read_pairs(tmp_path), 0.1))
    with ThreadPoolExecutor(3) as executor:
        assert audit(logs.scan(tmp_path), 0.1, executor=executor) == alone
    assert alone.to_dict()["loss"] == list(alone.loss)


@pytest.mark.parametrize("name", [name for name in losses.names() if not losses.typical(name).batch])
def test_every_loss_of_a_pair(tmp_path, name):
    """Loss, price and what is certified, batch by batch, as the whole has them; token counts are columns of the log."""
    rng = np.random.default_rng(1)
    counts = {f"n_{side}": rng.integers(20, 200, 3000) for side in ("chosen", "rejected")}
    table(3000).with_columns(pl.Series(key, values) for key, values in counts.items()).write_parquet(tmp_path / "log")
    typical = losses.typical(name).params
    params = {key: value for key, value in typical.items() if key not in ("n_w", "n_l")}
    whole = audit(logs.read_pairs(tmp_path / "log"), 0.1, name, **params)
    same(audit(logs.scan(tmp_path / "log"), 0.1, name, **params), whole)


@pytest.mark.parametrize("rows", [1, 700, 5000])
def test_pieces_of_a_file_and_batches_of_a_piece_are_the_whole(tmp_path, monkeypatch, rows):
    """Wherever the cuts fall: counts and named rows the same, a refusal names the row of its file."""
    monkeypatch.setattr("tabular.logged.scans._PIECE", rows)
    monkeypatch.setattr("tabular.auditing.tallies._BATCH", 300)
    n = 5 if rows == 1 else 2100
    for part in range(2):
        zero = pl.when(pl.int_range(pl.len()) == n - 2).then(0.0).otherwise(pl.col(NAMES[1]))
        table(n, seed=part).with_columns(zero.alias(NAMES[1])).write_parquet(tmp_path / f"{part}.parquet")
    found, whole = audit(logs.scan(tmp_path), 0.1), audit(logs.read_pairs(tmp_path), 0.1)
    assert len(logs.scan(tmp_path).pieces()) == 2 * -(-n // rows)
    same(found, whole)
    assert "log-probability exactly 0" in [doubt.name for doubt in found.doubts]  # its rows are among what is compared
    last = pl.when(pl.int_range(pl.len()) == n - 1).then(1.0).otherwise(pl.col(NAMES[0])).alias(NAMES[0])
    table(n).with_columns(last).write_parquet(tmp_path / "1.parquet")
    with pytest.raises(InputError, match=rf"1.parquet, row {n}: ref_chosen_logps is 1, .*first rows {n}\)"):
        audit(logs.scan(tmp_path), 0.1)


def test_sums_in_bfloat16_are_known_in_a_stream(tmp_path, monkeypatch):
    """Even where the last batch holds one pair; and one value with low bits anywhere rules it out."""
    monkeypatch.setattr("tabular.auditing.tallies._BATCH", 100)
    bits = (np.float32(-np.random.default_rng(0).gamma(4, 30, (2, 501))).view(np.uint32) & 0xFFFF0000).astype(np.uint32)
    columns = dict(zip(NAMES, bits.view(np.float32), strict=False))
    pl.DataFrame(columns).write_parquet(tmp_path / "log")
    same(audit(logs.scan(tmp_path / "log"), 0.1), whole := audit(logs.read_pairs(tmp_path / "log"), 0.1))
    assert whole.doubts[0].name == "bfloat16"
    columns[NAMES[0]] = np.r_[columns[NAMES[0]][:-1], np.float32(-96.23)]
    pl.DataFrame(columns).write_parquet(tmp_path / "log")
    assert "bfloat16" not in [doubt.name for doubt in audit(logs.scan(tmp_path / "log"), 0.1).doubts]


def test_a_file_that_holds_averages_by_its_form_says_so_once(tmp_path):
    """Whatever its numbers look like, and in the words of its form rather than of the numbers."""
    by_form = Origin("open-instruct", "averages for dpo_norm")
    told = {}
    for name, values in (("sums", np.float64), ("averages", lambda columns: np.asarray(columns) / 300)):
        table(values=values).write_parquet(tmp_path / name)
        scan = logs.scan(tmp_path / name)
        for origin in (scan.origin, by_form):
            doubts = audit(replace(scan, origin=origin), beta=0.1).doubts
            told[name, origin.trainer] = [doubt.what.split()[0] for doubt in doubts if doubt.name == "averages"]
    assert list(told.values()) == [[], ["open-instruct"], ["the"], ["open-instruct"]]


def test_a_reference_alone(tmp_path):
    table().select(NAMES[:2]).write_parquet(tmp_path / "log")
    found = audit(logs.scan(tmp_path / "log"), 0.1)
    assert (len(found.loss), found.relative_accuracy) == (1, (0.0,))
    same(found, audit(logs.read_pairs(tmp_path / "log"), 0.1))


def test_rows_that_are_not_valid(tmp_path):
    bad = table(20).with_columns(
        pl.when(pl.int_range(20).is_in([3, 7])).then(None).otherwise(pl.col(NAMES[0])).alias(NAMES[0])
    )
    bad.write_parquet(tmp_path / "log")
    with pytest.raises(
        InputError, match=r"row 4: ref_chosen_logps is missing or nan, but .*; 2 rows of the log .* \(first rows 4, 8\)"
    ):
        audit(logs.scan(tmp_path / "log"), 0.1)
    found = audit(logs.scan(tmp_path / "log", skip_invalid=True), 0.1)
    assert (found.n_pairs, found.n_skipped) == (18, 2)
    same(found, audit(logs.read_pairs(tmp_path / "log", skip_invalid=True), 0.1))
    above = table(20).with_columns(pl.lit(3e-7).alias(NAMES[0]))
    above.write_parquet(tmp_path / "log")
    same(audit(logs.scan(tmp_path / "log"), 0.1), audit(logs.read_pairs(tmp_path / "log"), 0.1))
    above.with_columns(pl.lit(3.0).alias(NAMES[0])).write_parquet(tmp_path / "log")
    with pytest.raises(InputError, match="row 1: ref_chosen_logps is 3, but a log-probability is at most 0"):
        audit(logs.scan(tmp_path / "log"), 0.1)


def test_what_a_scan_refuses(tmp_path):
    table(3).write_parquet(tmp_path / "a.parquet")
    for expected, use in [
        ("does not say its beta", lambda: audit(logs.scan(tmp_path / "a.parquet"))),
        ("aot pairs the responses of a batch anew", lambda: audit(logs.scan(tmp_path / "a.parquet"), 0.1, "aot")),
        ("simpo divides by token counts", lambda: audit(logs.scan(tmp_path / "a.parquet"), 0.1, "simpo", gamma=0.5)),
        (
            "one entry a pair",
            lambda: audit(logs.scan(tmp_path / "a.parquet"), 0.1, losses.get("ipo_norm", n_w=[9, 9, 9], n_l=[9, 9, 9])),
        ),
        ("beta is 0", lambda: audit(logs.scan(tmp_path / "a.parquet"), 0)),
        ("has no column typo", lambda: logs.scan(tmp_path / "a.parquet", {"ref_chosen": "typo"})),
    ]:
        with pytest.raises(InputError, match=expected):
            use()
    table(3).head(0).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="holds no pair"):
        audit(logs.scan(tmp_path / "b.parquet"), 0.1)
    table(3).drop("chosen_score", "rejected_score").write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="give parts of one table"):
        logs.scan(tmp_path)


def test_a_cluster_of_processes_gives_the_same_bits(tmp_path):
    distributed = pytest.importorskip("distributed")
    for part in range(3):
        table(500, seed=part).write_parquet(tmp_path / f"{part}.parquet")
    scan = logs.scan(tmp_path)
    settings = {"processes": False, "n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"}
    with distributed.Client(**settings) as client:
        assert audit(scan, 0.1, executor=client.get_executor()) == audit(scan, 0.1)
