"""Every trainer's own form is read, recognised, and never taken for something else."""

import json
import pickle
import zipfile

import numpy as np
import polars as pl
import pytest

from tabular import InputError, logs
from tabular.logged import parts
from tests.tabular.logged import forms


def refused(expected, *args, **kwargs):
    with pytest.raises(InputError) as raised:
        logs.read_pairs(*args, **kwargs)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", forms.FORMS)
def test_each_trainers_form_is_recognised_whatever_it_is_called(tmp_path, name):
    write, trainer, form = forms.FORMS[name]
    write(tmp_path / name)
    (tmp_path / name).rename(tmp_path / "download")
    log = logs.read_pairs(tmp_path / "download")
    assert log.ref_chosen.tolist() == forms.REF["chosen"]
    assert log.ref_rejected.tolist() == forms.REF["rejected"]
    assert log.policy_chosen is None
    assert trainer in str(log.origin)
    assert form in log.origin.form


def test_token_counts_are_the_lengths_of_the_completions(tmp_path):
    forms.trl_table(tmp_path / "x")
    log = logs.read_pairs(tmp_path / "x")
    assert (log.n_chosen.tolist(), log.n_rejected.tolist()) == ([40, 20, 90], [38, 25, 70])
    table = pl.read_parquet(tmp_path / "x").drop("prompt_input_ids").with_columns(chosen_labels=pl.lit(0))
    table.write_parquet(tmp_path / "y")  # TRL 0.7-0.11: the ids begin with the prompt, so they are no such lengths
    assert logs.read_pairs(tmp_path / "y").n_chosen is None


def test_open_instructs_cache_is_the_reference_only_where_it_stands_alone(tmp_path):
    forms.torch_file(tmp_path / "a.pt", forms.two("") | forms.two())
    log = logs.read_pairs(tmp_path / "a.pt")
    assert log.delta is not None  # with a reference beside them they are the policy's
    pl.DataFrame(forms.two("")).write_csv(tmp_path / "b.csv")
    refused("may be the reference (open-instruct) or the policy: say which", tmp_path / "b.csv")
    named = logs.read_pairs(tmp_path / "b.csv", {"ref_chosen": "chosen_logps", "ref_rejected": "rejected_logps"})
    assert named.policy_chosen is None


@pytest.mark.parametrize(
    ("kind", "dtype"), [("DoubleStorage", "<f8"), ("HalfStorage", "<f2"), ("BFloat16Storage", None)]
)
def test_tensors_of_other_precisions(tmp_path, kind, dtype):
    arrays = forms.two("")
    if dtype is None:
        arrays = {name: (array.view("<u4") >> 16).astype("<u2") for name, array in arrays.items()}
    else:
        arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    forms.torch_file(tmp_path / "a.pt", arrays, kind)
    found = logs.read_pairs(tmp_path / "a.pt").ref_chosen
    near = [np.float32(value).view(np.uint32) & 0xFFFF0000 for value in forms.REF["chosen"]]
    expected = np.array(near, dtype=np.uint32).view(np.float32) if dtype is None else arrays["chosen_logps"]
    assert found.tolist() == expected.tolist()


class _Evil:
    ran = False

    def __reduce__(self):
        return setattr, (_Evil, "ran", True)


def test_no_pickle_is_executed(tmp_path):
    forms.torch_file(tmp_path / "a.pt", forms.two(""), extra={"x": _Evil()})
    refused("setattr, and nothing but a dictionary of tensors is read", tmp_path / "a.pt")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps({"x": _Evil()}))
    refused("is a pickle, which can run code", tmp_path / "b.pkl")
    with (tmp_path / "c.npz").open("wb") as file:
        np.savez(file, ref_chosen_logps=np.array([_Evil()]), allow_pickle=True)
    refused("Python objects, which can run code", tmp_path / "c.npz")
    assert not _Evil.ran
    pickle.loads(pickle.dumps(_Evil()))  # the control: a plain loader runs it
    assert _Evil.ran


@pytest.mark.parametrize("how", ["gz", "zst"])
@pytest.mark.parametrize("name", ["train.parquet", "train.csv", "swift.jsonl", "cache-0a1b.arrow"])
def test_packed_files(tmp_path, name, how):
    forms.FORMS[name][0](tmp_path / name)
    log = logs.read_pairs(forms.packed(tmp_path / name, how))
    assert log.ref_chosen.tolist() == forms.REF["chosen"]
    whole = forms.packed(tmp_path / name, how)
    whole.write_bytes(whole.read_bytes()[:-7])
    refused(f"is not a whole {'gzip' if how == 'gz' else 'zstd'} file", whole)


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_separators(tmp_path, separator):
    (tmp_path / "a").write_text(
        f"prompt{separator}ref_chosen_logps{separator}ref_rejected_logps\na{separator}-1{separator}-2\n"
    )
    assert logs.read_pairs(tmp_path / "a").delta_ref.tolist() == [1.0]


def test_parts_of_a_directory_a_pattern_and_a_list_are_one_table(tmp_path):
    for part in range(3):
        pl.DataFrame({"ref_chosen_logps": [-1.0 * part], "ref_rejected_logps": [-2.0]}).write_parquet(
            tmp_path / f"{part}.pq"
        )
    (tmp_path / "dataset_info.json").write_text("{}")
    for path in (tmp_path, tmp_path / "*.pq", sorted(tmp_path.glob("*.pq"))):
        log = logs.read_pairs(path)
        assert log.ref_chosen.tolist() == [0.0, -1.0, -2.0]
        assert log.row.tolist() == [0, 1, 2]
    pl.DataFrame({"reference_chosen_logps": [-1.0], "reference_rejected_logps": [-2.0]}).write_parquet(
        tmp_path / "9.pq"
    )
    refused("give parts of one table", tmp_path)
    refused("matches no file: check the pattern", tmp_path / "*.nothing")
    for name in ("cache-1.arrow", "cache-2.arrow"):
        (tmp_path / "caches").mkdir(exist_ok=True)
        forms.trl_arrow_cache(tmp_path / "caches" / name)
    refused("holds 2 caches, which may be of different runs", tmp_path / "caches")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "dataset_dict.json").write_text("{}")
    refused("holds several splits", tmp_path / "splits")
    (tmp_path / "none").mkdir()
    refused("is a directory without files of data", tmp_path / "none")


def test_roundings_above_0_are_clamped_and_counted(tmp_path):
    pl.DataFrame({"ref_chosen_logps": [3e-7, -1.0], "ref_rejected_logps": [-2.0, 1e-5]}).write_parquet(tmp_path / "a")
    log = logs.read_pairs(tmp_path / "a")
    assert (log.ref_chosen.tolist(), log.ref_rejected.tolist(), log.n_clamped) == ([0, -1], [-2, 0], 2)
    pl.DataFrame({"ref_chosen_logps": [3.0], "ref_rejected_logps": [-2.0]}).write_parquet(tmp_path / "b")
    refused("row 1: ref_chosen_logps is 3, but a log-probability is at most 0", tmp_path / "b")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_rows_that_are_not_valid_are_named_or_left_out(tmp_path, kind):
    bad = [-1.0, float("nan"), -3.0, None, float("-inf"), 4.0, -7.0, float("nan"), float("nan")]
    table = pl.DataFrame({"ref_chosen_logps": bad, "ref_rejected_logps": [-2.0] * 9, "text": list("abcdefghi")})
    path = tmp_path / f"log.{kind}"
    {"csv": table.write_csv, "jsonl": table.write_ndjson, "parquet": table.write_parquet}[kind](path)
    with pytest.raises(InputError):
        logs.read_pairs(path)
    log = logs.read_pairs(path, skip_invalid=True)
    assert log.ref_chosen.tolist() == [-1, -3, -7]
    assert (log.row.tolist(), log.n_skipped) == ([0, 2, 6], 6)
    assert log.frame.collect()["text"].gather(log.row).to_list() == ["a", "c", "g"]
    table.filter(pl.col("text") == "b").write_parquet(tmp_path / "none")
    refused("holds no pair: none of its 1 rows is valid", tmp_path / "none", skip_invalid=True)


def test_the_first_five_places_are_shown(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("ref_chosen_logps,ref_rejected_logps\n-1,-1\n" + "nan,-1\n" * 7)
    refused("line 3: ref_chosen_logps is nan, but it must be finite", path)
    refused("so are 7 of 8 values (lines 3, 4, 5, 6, 7, ...): or pass skip_invalid=True", path)


BROKEN = {
    "xlsx": "is a spreadsheet: save the sheet as CSV",
    "zip": "is a zip archive: unpack it",
    "xz": "is packed with xz",
    "bz2": "is packed with bzip2",
    "utf16": "is UTF-16 text: save it as UTF-8",
    "html": "is HTML or XML, perhaps a page in place of the file",
    "lfs": "is a pointer of Git LFS",
    "npy": "is one bare array",
    "sqlite": "is an SQLite database",
    "hdf5": "is HDF5",
    "pdf": "is a PDF",
    "feather1": "is Feather of the first version",
    "cut parquet": "is not a whole parquet file",
    "cut feather": "is not a whole arrow file",
    "cut stream": "is not a whole Arrow stream",
    "cut npz": "is not a whole zip file",
    "cut torch": "is not a whole zip file",
    "torch list": "holds a list, not a dictionary of tensors",
    "torch of matrices": "holds arrays of shapes chosen_logps (2, 1)",
    "npz of unequal lengths": "the audit needs 1-D arrays of one length",
    "kto without labels": "one completion a row, as TRL's KTO trainer writes",
    "kto of other prompts": "no prompt with exactly one desirable and one undesirable",
    "texts alone": "texts without log-probabilities",
    "dates": "ref_chosen_logps holds",
    "booleans": "ref_chosen_logps holds boolean, it must hold numbers",
    "strings": "ref_chosen_logps holds string, it must hold numbers",
    "lists": "ref_chosen_logps holds list",
    "metrics": "batch means of a trainer, not pairs: read them with logs.read_metrics",
    "empty parquet": "holds no pair: write at least one row",
    "empty array": "no columns",
    "averages of probabilities": "a log-probability is at most 0",
    "csv in json": "is not JSON",
}


def broken(path, name):
    """One file that is not what an audit needs."""
    plain, both = pl.DataFrame(forms.two(dtype=np.float64)), ("ref_chosen_logps", "ref_rejected_logps")
    bytes_of = {
        "xz": b"\xfd7zXZ\0",
        "bz2": b"BZh91AY",
        "utf16": "ref_chosen_logps\n".encode("utf-16"),
        "html": b"\n <!doctype html><title>404</title>",
        "lfs": b"version https://git-lfs.github.com/spec/v1\n",
        "sqlite": b"SQLite format 3\0",
        "hdf5": b"\x89HDF\r\n",
        "pdf": b"%PDF-1.7",
        "feather1": b"FEA1\0\0",
        "empty array": b"[]",
        "csv in json": b"[ref_chosen_logps\n-1",
        "metrics": b'{"loss": 1, "rewards/chosen": 0.5, "step": 1}\n',
    }
    values = {
        "dates": pl.Series([1, 2]).cast(pl.Date),
        "booleans": [True, False],
        "strings": ["-1", "-2"],
        "lists": [[-1.0], [-2.0]],
        "averages of probabilities": [0.2, 0.9],
    }
    if name in bytes_of:
        path.write_bytes(bytes_of[name])
    elif name in values:
        pl.DataFrame(dict.fromkeys(both, values[name])).write_parquet(path)
    elif name in ("xlsx", "zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("[Content_Types].xml" if name == "xlsx" else "log.csv", "x")
    elif name == "npy":
        np.save(path.with_suffix(".npy"), np.zeros(3))
        path.with_suffix(".npy").rename(path)
    elif name.startswith("cut"):
        write = {
            "parquet": plain.write_parquet,
            "feather": plain.write_ipc,
            "stream": forms.trl_arrow_cache,
            "npz": forms.trl_npz_cache,
            "torch": forms.open_instruct_cache,
        }
        write[name.split()[1]](path)
        path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    elif name == "torch list":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps([1], protocol=2))
    elif name == "torch of matrices":
        forms.torch_file(path, {"chosen_logps": np.zeros((2, 1), np.float32)})
    elif name == "npz of unequal lengths":
        with path.open("wb") as file:
            np.savez(file, ref_chosen_logps=np.zeros(2), ref_rejected_logps=np.zeros(3))
    elif name == "kto without labels":
        pl.DataFrame({"ref_logps": [-1.0], "ref_KL_logps": [-1.0]}).write_parquet(path)
    elif name == "kto of other prompts":
        pl.DataFrame({"prompt": ["a", "b"], "label": [True, False], "ref_logps": [-1.0, -2.0]}).write_parquet(path)
    elif name == "texts alone":
        pl.DataFrame({"prompt": ["a"], "chosen": ["b"], "rejected": ["c"]}).write_parquet(path)
    elif name == "empty parquet":
        plain.head(0).write_parquet(path)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_log_of_pairs_gets_its_own_sentence(tmp_path, name):
    broken(tmp_path / "log", name)
    refused(BROKEN[name], tmp_path / "log")


def test_a_lone_cache_of_a_directory_is_what_is_read(tmp_path):
    forms.trl_arrow_cache(tmp_path / "cache-1.arrow")
    assert parts.found(tmp_path) == [tmp_path / "cache-1.arrow"]


def test_what_stands_beside_the_numbers_may_be_of_another_kind_on_every_line(tmp_path):
    """An engine knows no kind that a list and an object share, and refused the whole file."""
    path, beside = tmp_path / "log.jsonl", ({"a": [1]}, [1.5, "y"], 3, None, "x")
    numbers = {"ref_chosen_logps": -1.5, "ref_rejected_logps": -2}
    path.write_text("".join(json.dumps(numbers | {"note": note}) + "\n" for note in beside))
    log = logs.read_pairs(path)
    assert (log.ref_chosen.tolist(), log.ref_rejected.tolist()) == ([-1.5] * 5, [-2.0] * 5)
    told = log.frame.collect()["note"].to_list()
    assert [note if note in (None, "x") else json.loads(note) for note in told] == list(beside)
