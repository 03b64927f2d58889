"""``condeq audit`` of a log that streams: its text, a progress bar for a person, one sentence where it fails."""

from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

LOG = "ref_chosen_logps,ref_rejected_logps\n-9,-7\n-4,-5\n"


def test_the_text_of_a_stream(condeq, parts):
    code, out, err = condeq("audit", str(parts), "--beta", "0.1", "--stream")
    assert (code, err) == (0, "")  # no bar where nobody watches
    words = " ".join(out.split())  # a long path wraps its line anywhere
    for told in ("73,001 pairs", "certified by the mean loss, %", "without --stream"):
        assert told in words


def test_a_person_sees_a_bar(condeq, parts, monkeypatch):
    monkeypatch.setattr("condeq.terminal.Console", _Watched)
    _, _, err = condeq("audit", str(parts), "--beta", "0.1", "--stream")
    assert "73001/73001" in err
    _, _, err = condeq("audit", str(parts), "--beta", "0.1")
    assert "adding up" in err


class _Watched(Console):
    """Standard error is a terminal, standard output is not."""

    def __init__(self, **settings):
        settings |= {"force_terminal": True, "width": 100} if settings.get("stderr") else {}
        super().__init__(**settings)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--cluster", "nowhere"), "no Dask scheduler answers at nowhere: give the address"),
        (("--stream", "--by", "length"), "--by needs all pairs at once, and a stream keeps none: leave out --stream"),
        (("--jobs", "2", "--policy", "log.csv"), "--policy needs all pairs at once"),
        (("--stream", "--html", "page.html"), "--html needs all pairs at once"),
        (("--stream", "--per-pair", "pairs.parquet"), "--per-pair needs all pairs at once"),
        (("--stream", "--loss", "aot"), "aot pairs the responses of a batch anew"),
        (("--stream", "--loss", "simpo", "--set", "gamma=1"), "simpo divides by token counts and the log has none"),
    ],
)
def test_bad_input_is_one_sentence(condeq, options, sentence):
    Path("log.csv").write_text(LOG)
    code, out, err = condeq("audit", "log.csv", "--beta", "0.1", *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"condeq: {sentence}")
    assert err.count("\n") == 1


def test_completions_one_a_row_are_made_pairs_of_the_whole(condeq):
    rows = {"prompt": ["a", "a"], "label": [True, False], "ref_logps": [-9.0, -7.0]}
    pl.DataFrame(rows).write_parquet("kto.parquet")
    _, _, err = condeq("audit", "kto.parquet", "--beta", "0.1", "--stream")
    assert err.endswith("and pairs are made of all: leave out --stream, --jobs and --cluster\n")
    assert condeq("audit", "kto.parquet", "--beta", "0.1")[0] == 0


def test_a_column_that_is_no_number_and_a_run_that_is_no_table(condeq):
    Path("log.csv").write_text(LOG + "-1,abc\n")
    code, _, err = condeq("audit", "log.csv", "--beta", "0.1", "--stream")
    assert code == 2
    assert "cannot be streamed" in err
    assert "leave out --stream, --jobs and --cluster, and it is said where" in err
    assert err.count("\n") == 1
    code, _, err = condeq("audit", "hh-pythia410m-dpo", "--beta", "0.1", "--stream")
    assert (code, "no table to stream" in err) == (2, True)
