"""read_pairs: every format gives back the numbers that were written, and every fault its own sentence."""

import builtins
import csv
import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import InputError, logs
from tabular.logged import plain_text
from tabular.logged.columns import COLUMNS

log_probs = st.one_of(st.sampled_from([0.0, -1.0, -1e4]), st.floats(-1e4, 0.0))
rewards = st.floats(-1e6, 1e6)
FORMATS = ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"]


@st.composite
def tables(draw):
    """Columns a trainer could write: conventions mixed, policy and rewards there or not, text beside them."""
    n_pairs = draw(st.integers(1, 6))
    kinds = ["ref", *draw(st.sampled_from([[], ["policy"], ["reward"], ["policy", "reward"]]))]
    table, arrays = {"prompt": [f'Say "{i}",\nplease' for i in range(n_pairs)]}, {}
    for kind in kinds:
        for side in ("chosen", "rejected"):
            values = draw(st.lists(rewards if kind == "reward" else log_probs, min_size=n_pairs, max_size=n_pairs))
            arrays[f"{kind}_{side}"] = values
            table[draw(st.sampled_from(COLUMNS[f"{kind}_{side}"]))] = values
    return table, arrays


def write(path, table):
    """A file of the format its name says, through other code than the reader's."""
    rows = list(zip(*table.values(), strict=True))
    if path.name.endswith(".parquet"):
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.table(table), path)
        return path
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        if ".csv" in path.name:
            csv.writer(file).writerows([list(table), *rows])
        else:
            file.writelines(json.dumps(dict(zip(table, row, strict=True))) + "\n" for row in rows)
    return path


@pytest.mark.parametrize("extension", FORMATS)
@given(written=tables())
def test_what_was_written_comes_back_to_the_last_bit(tmp_path_factory, extension, written):
    table, arrays = written
    log = logs.read_pairs(write(tmp_path_factory.mktemp("log") / f"log.{extension}", table))
    for name in COLUMNS:
        found = getattr(log, name)
        assert found is None if name not in arrays else found.tolist() == arrays[name]


@pytest.mark.parametrize("extension", FORMATS)
def test_columns_of_any_name(tmp_path, extension):
    path = write(tmp_path / f"log.{extension}", {"a": [-1.0], "b": [-2.0], "chosen_logps": [-3.0]})
    log = logs.read_pairs(str(path), columns={"ref_chosen": "chosen_logps", "ref_rejected": "b"})
    assert (log.ref_chosen.tolist(), log.ref_rejected.tolist()) == ([-3.0], [-2.0])
    assert log.policy_chosen is None  # the column was taken for the reference, so it is not the policy's as well


def test_spreadsheet_habits_are_read(tmp_path):
    path = tmp_path / "LOG.CSV"
    path.write_bytes(
        b"\xef\xbb\xbfref_chosen_logps, ref_rejected_logps ,text\r\n"
        b'-1.2e2, -3 ,"two\r\nlines, and ""quotes"""\r\n\r\n-4,-5,\r\n,,\r\n\r\n'
    )
    log = logs.read_pairs(path)
    assert log.ref_chosen.tolist() == [-120.0, -4.0]
    assert log.ref_rejected.tolist() == [-3.0, -5.0]
    assert log.source == str(path)


def test_long_texts_beside_the_numbers_do_no_harm(tmp_path):
    limit = csv.field_size_limit()
    table = {"prompt": ["long " * limit], "ref_chosen_logps": [-2.0], "ref_rejected_logps": [-1.0]}
    assert logs.read_pairs(write(tmp_path / "log.csv", table)).delta_ref.tolist() == [-1.0]
    assert csv.field_size_limit() == limit


def test_a_line_of_json_ends_at_a_newline_only(tmp_path):
    path = tmp_path / "log.jsonl"
    row = {"prompt": "a\u2028b\x85c", "ref_chosen_logps": -2, "ref_rejected_logps": -1}
    path.write_bytes((json.dumps(row, ensure_ascii=False) + "\r\n\n").encode())
    assert logs.read_pairs(path).delta_ref.tolist() == [-1.0]


def test_scores_that_are_rewards_and_scores_that_are_not(tmp_path):
    """TRL's rewards/chosen is beta log pi/pi_ref of the policy itself: never taken for the reward."""
    table = {"ref_chosen_logps": [-1.0], "ref_rejected_logps": [-2.0], "rewards/chosen": [1.0], "rewards/rejected": [0]}
    assert logs.read_pairs(write(tmp_path / "log.jsonl", table)).reward_difference is None
    table |= {"score_chosen": [3.0], "score_rejected": [1.0]}
    assert logs.read_pairs(write(tmp_path / "log.jsonl", table)).reward_difference.tolist() == [2.0]


HEAD = "ref_chosen_logps,ref_rejected_logps\n"
CSV_FAULTS = {
    "no reference": ("chosen,rejected\n-1,-2\n", "has no column ref_chosen_logps or reference_chosen_logps for ref_"),
    "what was found": ("ref_chosen_logps,oops\n-1,-2\n", "for ref_rejected: found ref_chosen_logps, oops"),
    "text for a number": (HEAD + "-1,-2\n-1,high\n", "line 3: ref_rejected_logps is 'high', it must be a number"),
    "no number": (HEAD + "-1,\n", "line 2: ref_rejected_logps is '', it must be a number"),
    "thousands": (HEAD + "-1_000,-2\n", "line 2: ref_chosen_logps is '-1_000', it must be a number"),
    "line, not row": (HEAD + '\n\n-1,-2\n"\n-1",oops\n', "line 5: ref_rejected_logps is 'oops'"),
    "nan": (HEAD + "-1,nan\n", "line 2: ref_rejected_logps is nan, but it must be finite"),
    "infinite": (HEAD + "-inf,-1\n", "line 2: ref_chosen_logps is -inf, but it must be finite"),
    "a probability": (HEAD + "-1,0.5\n", "line 2: ref_rejected_logps is 0.5, but a log-probability is at most 0"),
    "empty": ("", "holds no pair: write at least one row"),
    "only a header": (HEAD + "\n", "holds no pair: write at least one row"),
    "cut off": (HEAD + "-1,-2\n-3", "line 3 has 1 fields, the header 2: is the file truncated?"),
    "open quote": (HEAD + '-1,"-2\n', "line 2 is not CSV: unexpected end of data"),
    "half a policy": ("policy_chosen_logps," + HEAD + "-1,-1,-2\n", "has policy_chosen_logps but no column for policy"),
    "half a reward": ("score_rejected," + HEAD + "-1,-1,-2\n", "has score_rejected but no column for reward_chosen"),
    "two of a kind": ("reference_chosen_logps," + HEAD + "-1,-1,-2\n", "has more than one column for ref_chosen (ref"),
    "one name twice": ("ref_chosen_logps," + HEAD + "-1,-1,-2\n", "(ref_chosen_logps, ref_chosen_logps): keep one"),
    "many columns": (",".join(f"c{i}" for i in range(99)) + "\n" + "0," * 98 + "0\n", "c18, c19 and 79 more"),
}
JSONL_FAULTS = {
    "nothing": ("{}\n", "for ref_chosen: found no columns"),
    "half an array": ('[{"ref_chosen_logps": -1}]\n', "for ref_rejected: found ref_chosen_logps"),
    "an array of numbers": ("[-1, -2]\n", "entry 1 is a JSON int: write an array of objects"),
    "an array on a line": (
        '{"ref_chosen_logps": -1, "ref_rejected_logps": -1}\n[1]',
        "line 2 is a JSON list: write one ob",
    ),
    "cut off": ('{"ref_chosen_logps": -1, "ref_rejec', "line 1 is not JSON (Unterminated string starting at)"),
    "too deep": ("[" * 100_000, "is not JSON (nested too deeply)"),
    "null": (
        '{"ref_chosen_logps": -1, "ref_rejected_logps": null}\n',
        "line 1: ref_rejected_logps is None, it must be a number",
    ),
    "true": ('{"ref_chosen_logps": true, "ref_rejected_logps": -1}', "ref_chosen_logps is True, it must be a number"),
    "a list": ('{"ref_chosen_logps": [-1], "ref_rejected_logps": -1}', "ref_chosen_logps is [-1], it must be a numb"),
    "huge": (
        '{"ref_chosen_logps": 1' + "0" * 400 + ', "ref_rejected_logps": -1}',
        "...0000000000000000000, it must be a number",
    ),
    "endless": ('{"ref_chosen_logps": 1' + "0" * 5000 + "}", "line 1 is not JSON (an integer of thousands of digits)"),
    "half a character in a key": (
        '{"ref_chosen_logps": -1, "ref_rejected_logps": -1, "\\ud83d": 1}',
        r"the key '\ud83d' holds half of a character, which no table takes: rename it",
    ),
    "one key twice": (
        '{"ref_chosen_logps": -1, "ref_rejected_logps": -1, "ref_chosen_logps": -2}',
        "line 1: the key 'ref_chosen_logps' stands twice in one mapping: keep one",
    ),
    "not on every line": (
        '{"ref_chosen_logps": -1, "ref_rejected_logps": -1}\n{"ref_chosen_logps": -1}\n',
        "line 2: ref_rejected_logps is missing, it must be a number",
    ),
    "not a number": (
        '{"ref_chosen_logps": NaN, "ref_rejected_logps": -1}',
        "line 1: ref_chosen_logps is nan, but it must be finite",
    ),
}


def fault_of(path, columns=None):
    """The one sentence that reading the file raises; it names the file first."""
    with pytest.raises(InputError) as raised:
        logs.read_pairs(path, columns)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return sentence


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_faults_of_csv(tmp_path, fault):
    content, expected = CSV_FAULTS[fault]
    path = tmp_path / "log.csv"
    path.write_text(content)
    sentence = fault_of(path)
    assert sentence.startswith(str(path))
    assert expected in sentence


@pytest.mark.parametrize("fault", JSONL_FAULTS)
def test_faults_of_jsonl(tmp_path, fault):
    content, expected = JSONL_FAULTS[fault]
    path = tmp_path / "log.jsonl"
    path.write_text(content)
    assert expected in fault_of(path)


def test_files_that_are_not_what_they_claim(tmp_path):
    for name, content, expected in [
        ("log.csv", b"PAR1\x15\xff\xfe", "is not a whole parquet file"),
        ("log.csv", HEAD.encode() + b"-1,-2\n-1,\xff\xfe", "is not UTF-8 text (byte 45): save it as UTF-8"),
        ("log.jsonl", b"{" + HEAD.encode() + b"-1,-2\n", "line 1 is not JSON (Expecting property name"),
        ("log.csv.gz", HEAD.encode(), "is not a whole gzip file"),
        ("log.csv.gz", gzip.compress(HEAD.encode() * 99)[:-9], "is not a whole gzip file"),
        ("log.csv.gz", gzip.compress(HEAD.encode())[:10] + b"\xff" * 20, "is not a whole gzip file"),
        ("log.xlsx", b"", "holds no pair: write at least one row"),
        ("log", b"", "holds no pair: write at least one row"),
        ("log.parquet.gz", b"", "is not a whole gzip file"),
    ]:
        (tmp_path / name).write_bytes(content)
        assert expected in fault_of(tmp_path / name)


@pytest.mark.parametrize("path", [None, 3, b"log.csv", [3], "a\0.csv"])
def test_what_is_no_path_is_refused(path):
    assert fault_of(path).endswith(": name a file")


def test_files_that_cannot_be_read(tmp_path):
    assert "cannot be read: No such file or directory" in fault_of(tmp_path / "missing.csv")
    assert "cannot be read: No such file or directory" in fault_of(tmp_path / "missing.parquet")
    (tmp_path / "folder.jsonl").mkdir()
    assert "is a directory without files of data" in fault_of(tmp_path / "folder.jsonl")


def test_faults_of_parquet(tmp_path):
    path = write(tmp_path / "log.parquet", {"ref_chosen_logps": [-1.0, None], "ref_rejected_logps": [-1.0, -1.0]})
    assert "row 2: ref_chosen_logps is missing or nan, but it must be finite" in fault_of(path)
    whole = path.read_bytes()
    for content in (HEAD.encode(), b"", whole[:-1], whole[:4] + whole[len(whole) // 2 :]):
        path.write_bytes(content)
        assert str(path) in fault_of(path)


def test_parquet_without_the_library_names_the_extra(tmp_path, monkeypatch):
    write(tmp_path / "log.parquet", {"ref_chosen_logps": [-1.0], "ref_rejected_logps": [-2.0]})
    found = builtins.__import__
    monkeypatch.setattr(
        builtins, "__import__", lambda name, *rest: _missing() if name.startswith("polars") else found(name, *rest)
    )
    assert "install the extra conditional-equivalence[data]" in fault_of(tmp_path / "log.parquet")


def _missing():
    raise ImportError


def test_faults_of_the_columns_option(tmp_path):
    path = write(tmp_path / "log.csv", {"ref_chosen_logps": [-1.0], "ref_rejected_logps": [-2.0]})
    assert "columns names 'chosen', which is not one of ref_chosen, ref" in fault_of(path, {"chosen": "a"})
    assert "has no column typo for ref_chosen: found ref_chosen_logps, ref_" in fault_of(path, {"ref_chosen": "typo"})
    assert "has no column typo for policy_chosen" in fault_of(path, {"policy_chosen": "typo"})
    for columns in (["ref_chosen"], {"ref_chosen": None}, {1: "a"}, "ref_chosen=a"):
        assert "give a mapping, such as {'ref_chosen': 'my_column'}" in fault_of(path, columns)
    assert "gives one column to two arrays" in fault_of(path, {"ref_chosen": "a", "ref_rejected": "a"})


def test_the_derived_pairs_of_the_real_run_agree_with_its_array(real_data):
    """Two routes to the same 500 pairs: the csv, rounded to seven digits, and the array of all checkpoints."""
    read = logs.read_pairs(real_data / "hh-pythia410m-dpo" / "pairs.csv")
    loaded = logs.load("hh-pythia410m-dpo").pairs()
    for name in ("ref_chosen", "ref_rejected", "policy_chosen", "policy_rejected"):
        np.testing.assert_allclose(getattr(read, name), getattr(loaded, name), rtol=1e-6)


def test_an_error_is_told_in_one_line_and_one_without_words_by_its_name():
    assert plain_text.first_line(ValueError("one\ntwo")) == "one"
    assert plain_text.first_line(MemoryError()) == "MemoryError"


def test_parts_of_other_tables_are_told_beside_the_first(tmp_path):
    for name, more in (("a", ""), ("b", ""), ("c", ",policy_chosen_logps,policy_rejected_logps")):
        values = "-3,-4" + (",-1,-2" if more else "")
        (tmp_path / f"{name}.csv").write_text(f"ref_chosen_logps,ref_rejected_logps{more}\n{values}\n")
    with pytest.raises(InputError, match=r"c\.csv has columns for .*policy_chosen.*, \S*a\.csv for ref_chosen"):
        logs.read_pairs(tmp_path / "*.csv")
    (tmp_path / "c.csv").unlink()
    assert logs.read_pairs(tmp_path / "*.csv").n_pairs == 2
