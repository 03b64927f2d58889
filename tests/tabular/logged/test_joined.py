"""Reference and policy in files of their own: joined by a key whatever the order, by position only where it is safe."""

import numpy as np
import polars as pl
import pytest

from tabular import InputError, logs
from tabular.audit import audit
from tests.tabular.logged import forms


def table(path, ids, **columns):
    n = len(ids)
    rng = np.random.default_rng(3)
    given = {"ref_chosen_logps": -rng.exponential(50, n), "ref_rejected_logps": -rng.exponential(50, n)} | columns
    frame = pl.DataFrame({"id": ids, **given})
    frame.write_parquet(path)
    return frame


def refused(expected, *args, **kwargs):
    with pytest.raises(InputError) as raised:
        logs.read_run(*args, **kwargs)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_key_joins_rows_in_any_order_and_counts_those_without_partner(tmp_path):
    before = table(tmp_path / "a", list("abcdef"))
    after = before.select("id", pl.col("ref_chosen_logps") - 1, pl.col("ref_rejected_logps") - 3)[[5, 2, 0, 1]]
    after.write_parquet(tmp_path / "b")
    log = logs.read_run(tmp_path / "a", tmp_path / "b")
    assert log.row.tolist() == [0, 1, 2, 5]
    np.testing.assert_allclose(log.delta - log.delta_ref, 2.0)
    assert (log.n_unmatched, log.joined) == (2, "by the column id")
    assert logs.read_run(tmp_path / "a", tmp_path / "b", key="id").delta.tolist() == log.delta.tolist()


def test_checkpoints_become_a_run_of_the_pairs_that_all_have(tmp_path):
    before = table(tmp_path / "a", list("abcdef"))
    for step, rows in ((20, [0, 1, 2, 3]), (10, [5, 4, 3, 2])):
        moved = before.select("id", pl.col("ref_chosen_logps"), pl.col("ref_rejected_logps") - step)[rows]
        moved.write_parquet(tmp_path / f"{step}")
    run = logs.read_run(tmp_path / "a", {20: tmp_path / "20", 10: tmp_path / "10"}, beta=0.5)
    assert (run.step.tolist(), run.n_prompts) == ([0, 10, 20], 2)
    np.testing.assert_allclose(run.pairs(1).delta - run.pairs(1).delta_ref, 10.0)
    np.testing.assert_allclose(run.pairs(2).delta - run.pairs(2).delta_ref, 20.0)
    assert run.pairs().row.tolist() == [2, 3]
    assert audit(run).step.tolist() == [0, 10, 20]


def test_a_pass_before_the_first_update_is_a_control_and_no_checkpoint(tmp_path):
    before = table(tmp_path / "a", list("abcdef"))
    before[[3, 1, 2]].write_parquet(tmp_path / "0")
    before.with_columns(pl.col("ref_rejected_logps") - 20).write_parquet(tmp_path / "20")
    run = logs.read_run(tmp_path / "a", {20: tmp_path / "20", 0: tmp_path / "0"}, beta=0.5)
    assert (run.step.tolist(), run.pairs().row.tolist()) == ([0, 20], [1, 2, 3])
    assert run.pairs().start_chosen.tolist() == run.pairs().ref_chosen.tolist() == run.log_prob[0, 0].tolist()
    np.testing.assert_allclose(run.pairs().delta - run.pairs().delta_ref, 20.0)
    alone = logs.read_run(tmp_path / "a", {0: tmp_path / "0"}, beta=0.5)
    assert (alone.delta, alone.start_rejected.tolist()) == (None, alone.ref_rejected.tolist())


def test_what_a_join_by_key_refuses(tmp_path):
    table(tmp_path / "a", list("abc"))
    table(tmp_path / "b", list("xyz"))
    table(tmp_path / "c", list("aab"))
    refused("have no id in common: are they of one data set?", tmp_path / "a", tmp_path / "b")
    refused("has id 'a' on more than one row, or none", tmp_path / "a", tmp_path / "c")
    refused("has no column 'uid' to join by", tmp_path / "a", tmp_path / "b", key="uid")
    refused("policies is empty", tmp_path / "a", {}, 0.1)
    refused(
        "the step of a policy is -1: it must be one whole number, an int of 0 or more", tmp_path / "a", {-1: "b"}, 0.1
    )


def test_a_join_by_position_is_refused_where_rows_may_have_been_dropped_or_moved(tmp_path):
    forms.trl_arrow_cache(tmp_path / "new.arrow")
    forms.trl_npz_cache(tmp_path / "old.npz")
    refused("versions differ in the rows that they drop", tmp_path / "new.arrow", tmp_path / "old.npz")
    pl.DataFrame({name: values[:2] for name, values in forms.two().items()}).write_parquet(tmp_path / "short")
    refused("they have 3 and 2 rows, so one has dropped some", tmp_path / "new.arrow", tmp_path / "short")
    texts = {"prompt": ["a", "b", "c"]}
    pl.DataFrame(texts | forms.two()).write_parquet(tmp_path / "t1")
    pl.DataFrame({"prompt": ["a", "c", "b"]} | forms.two()).write_parquet(tmp_path / "t2")
    refused("row 2 has another prompt", tmp_path / "t1", tmp_path / "t2")


def test_a_join_by_position_says_what_confirms_it(tmp_path):
    forms.trl_arrow_cache(tmp_path / "1")
    forms.trl_arrow_cache(tmp_path / "2")
    log = logs.read_run(tmp_path / "1", tmp_path / "2")
    assert log.joined == "by position, which nothing in them confirms"
    assert log.delta.tolist() == log.delta_ref.tolist()
    forms.trl_old_table(tmp_path / "3")
    forms.trl_old_table(tmp_path / "4")
    assert "confirmed by the column prompt" in logs.read_run(tmp_path / "3", tmp_path / "4").joined
