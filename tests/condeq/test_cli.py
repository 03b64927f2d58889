"""The command line as a user meets it: what is printed, what is saved, the exit code, never a traceback."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import proofs_checks.__main__
from proofs_checks import Verdict

LOG = "ref_chosen_logps,ref_rejected_logps,policy_chosen_logps,policy_rejected_logps\n-9,-7,-9.5,-8.5\n-4,-5,-3,-6\n"


def test_help_names_every_command(condeq):
    code, out, _ = condeq("--help")
    assert code == 0
    for name in (
        "check",
        "figures",
        "report",
        "solve",
        "failures",
        "losses",
        "certify",
        "audit",
        "list",
        "template",
        "sweep",
    ):
        assert name in out


def test_check_prints_a_table_that_fits_a_terminal(condeq, monkeypatch):
    """In 80 columns a short title takes one line; a note stands under its title."""
    monkeypatch.setenv("COLUMNS", "80")
    result = proofs_checks.verify(["def-3.3"])[0]
    off = dataclasses.replace(result, statement=dataclasses.replace(result.statement, expected=Verdict.REFUTED))
    monkeypatch.setattr(proofs_checks.__main__, "verify", lambda *_: [result, off])
    monkeypatch.setattr(proofs_checks.__main__, "print_lines", proofs_checks.__main__.print_table)
    code, out, _ = condeq("check", "def-3.3", "prop-3.4")
    assert code == 1
    lines = [line.rstrip() for line in out.splitlines()]
    assert max(map(len, lines)) <= 80
    first, second = [i for i, line in enumerate(lines) if line.startswith("def-3.3 ")]
    assert lines[first].endswith("PROVED")
    assert second - first <= 2
    assert lines[second + (second - first)].strip() == "expected REFUTED"


def test_check_explains_one_statement_and_gives_json(condeq):
    code, out, _ = condeq("check", "prop-3.4")
    assert code == 0
    assert "Verdict      PROVED" in out
    code, out, _ = condeq("check", "--json", "prop-3.4", "def-3.3")
    assert code == 0
    assert [row["id"] for row in json.loads(out)] == ["prop-3.4", "def-3.3"]


def test_check_prints_one_line_a_statement_where_no_one_reads(condeq):
    code, out, _ = condeq("check", "def-3.3", "prop-3.4")
    assert code == 0
    assert [line.split("\t")[:2] for line in out.splitlines()] == [["def-3.3", "PROVED"], ["prop-3.4", "PROVED"]]


def test_check_shows_one_verdict_of_one_source(condeq):
    code, out, _ = condeq("check", "--source", "schulman_2020", "--verdict", "refuted")
    assert (code, out) == (0, "")
    code, out, _ = condeq("check", "--source", "chen_2024", "--verdict", "proved", "--json")
    assert code == 0
    assert {row["verdict"] for row in json.loads(out)} == {"PROVED"}
    for arguments, sentence in (
        (("--source", "nope"), "condeq: there is no source 'nope'"),
        (("--verdict", "wrong"), "condeq: there is no verdict 'WRONG'"),
        (("def-3.3", "--source", "xu_2024"), "condeq: --source xu_2024 beside names"),
        (("def-3.3", "--out", "here"), "condeq: --out saves"),
        (("mine.py",), "condeq: there is no file mine.py"),
        (("mine.py", "def-3.3"), "condeq: mine.py is a file of your own"),
    ):
        code, out, err = condeq("check", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith(sentence)


OWN = """
from proofs_checks import conjecture
from proofs_checks.kernel.relation import relation
from proofs_checks.quantities import δ_dpo, Δr
from tabular.testing import labelled_problems

RANKED = conjecture(
    "dpo-ranks-right",
    labelled_problems("cyclic"),
    relation(δ_dpo, ">", 0),
    given=[relation(Δr, ">", 0)],
)
"""


def test_check_refutes_a_conjecture_of_ones_own_by_a_problem_that_solve_opens(condeq):
    Path("mine.py").write_text(OWN, encoding="utf-8")
    code, out, _ = condeq("check", "mine.py")
    assert code == 1
    assert out.startswith("dpo-ranks-right: REFUTED: violated: hypotheses and violation certified")
    assert "prompts:" in out
    assert [path.name for path in Path().iterdir()] == ["mine.py"]
    code, out, _ = condeq("check", "mine.py", "--json", "--out", "found")
    assert json.loads(out)[0]["counterexample"]["certified"] is True
    assert code == 1
    saved = {path.suffix: path.read_bytes() for path in Path("found").glob("dpo-ranks-right.*")}
    assert saved.keys() == {".yaml", ".tex", ".pdf", ".svg", ".png", ".csv", ".txt"}
    assert saved[".png"].startswith(b"\x89PNG")
    code, out, _ = condeq("solve", "found/dpo-ranks-right.yaml", "--json")
    reference, policy = (json.loads(out)["prompts"][0]["probabilities"][name] for name in ("reference", "dpo"))
    assert len(reference) == 2
    assert policy[0] < policy[1]
    assert Path("found/dpo-ranks-right.tex").read_text(encoding="utf-8").startswith("$")


def test_a_file_of_ones_own_that_holds_nothing_or_cannot_run_is_said(condeq):
    Path("mine.py").write_text("", encoding="utf-8")
    assert "holds no conjecture" in condeq("check", "mine.py")[2]
    Path("mine.py").write_text("import nowhere_to_be_found", encoding="utf-8")
    code, _, err = condeq("check", "mine.py")
    assert (code, err.startswith("condeq: mine.py cannot be read")) == (2, True)


def test_an_unknown_statement_lists_the_close_ones(condeq):
    code, out, err = condeq("check", "prop-3.5")
    assert (code, out) == (2, "")
    assert err.startswith("condeq: there is no statement 'prop-3.5': did you mean prop-3.4")


def test_solve_shows_every_policy(condeq):
    code, out, _ = condeq("solve", "misaligned_pair")
    assert code == 0
    for shown in ("RLHF optimum", "0.231969", "constrained", "0.500000", "unattained"):
        assert shown in out


def test_solve_as_json_agrees_with_closed_forms(condeq):
    _, out, _ = condeq("solve", "misaligned_pair", "--json")
    (prompt,) = json.loads(out)["prompts"]
    odds = 0.1 / 0.9 * np.exp(0.5 / 0.5)
    np.testing.assert_allclose(prompt["probabilities"]["rlhf"], [odds / (1 + odds), 1 / (1 + odds)])
    np.testing.assert_allclose(prompt["probabilities"]["cpo"], [0.5, 0.5])
    assert prompt["inverted"]["rlhf"] == [["helpful", "harmful"]]
    assert prompt["inverted"]["cpo"] == []
    # the price is beta KL((1/2, 1/2) || pi*) = -beta/2 log(4 p q)
    p, q = prompt["probabilities"]["rlhf"]
    assert prompt["price"] == pytest.approx(-0.25 * np.log(4 * p * q))


def test_solve_without_reward_solves_only_dpo(condeq):
    _, out, _ = condeq("solve", "contradictory_labels", "--json")
    answer = json.loads(out)
    assert [prompt["dpo_status"] for prompt in answer["prompts"]] == ["unattained", "unique"]
    assert answer["prompts"][0]["dpo_blocks"] == [["a", "b", "c"], ["d"]]
    assert set(answer["prompts"][0]["probabilities"]) == {"reference", "dpo"}


def test_solve_names_the_cycle_that_forces_zeros(condeq, tmp_path):
    labels = [["a", "b"], ["b", "a"]]
    prompt = {"reference": [0.2, 0.3, 0.5], "responses": ["a", "b", "c"], "reward": [0, 0, 0], "preferences": labels}
    Path("cycle.json").write_text(json.dumps({"beta": 1, "prompts": [prompt]}))
    _, out, _ = condeq("solve", "cycle.json", "--margin", "1", "--json")
    (prompt,) = json.loads(out)["prompts"]
    assert sorted(prompt["cycle"]) == ["a", "b"]
    assert prompt["probabilities"]["cpo"] == [0, 0, 1]


def test_failures_prints_the_table_and_saves_json_where_it_is_told(condeq, tmp_path):
    code, out, _ = condeq("failures", "misaligned_pair")
    assert code == 0
    assert "helpful > harmful" in out
    assert list(tmp_path.iterdir()) == []
    code, out, _ = condeq("failures", "misaligned_pair", "--out", "found.json")
    assert "saved found.json" in out
    (row,) = json.loads((tmp_path / "found.json").read_text())
    assert (row["winner"], row["loser"]) == ("helpful", "harmful")
    assert row["threshold"] == pytest.approx(np.log1p((0.1 / 0.9) ** 0.5))


def test_a_cycle_is_told_by_name(condeq):
    _, out, _ = condeq("failures", "contradictory_labels", "--json")
    finding = json.loads(out)[0]["findings"]["contradictory_labels"]
    assert finding["cycle"] == ["a", "b", "c"]
    assert finding["why"].startswith("the labels say a > b > c > a: ")


def test_audit_prints_the_tables_and_saves_what_is_asked_for(condeq, tmp_path):
    Path("run.csv").write_text(LOG)
    code, out, _ = condeq("audit", "run.csv", "--beta", "0.5")
    assert code == 0
    assert "the trainer's accuracy is 100.0 %, yet the policy ranks 1 pair (50.0 %) right" in " ".join(out.split())
    assert [path.name for path in tmp_path.iterdir()] == ["run.csv"]
    code, out, _ = condeq("audit", "run.csv", "--beta", "0.5", "--out", "a.json", "--per-pair", "b.parquet")
    assert code == 0
    saved = json.loads((tmp_path / "a.json").read_text())
    assert saved["share_in_u"] == [0, 0.5]
    assert "delta_ref" not in saved
    table = pl.read_parquet("b.parquet")
    assert table["row"].to_list() == [1, 2]
    assert table["in_u"].sum() == 1


def test_audit_draws_the_log_where_it_is_told(condeq, tmp_path):
    code, out, _ = condeq("audit", "trainer_log", "--beta", "0.1", "--figures", "drawn")
    assert code == 0
    assert {path.suffix for path in Path("drawn").iterdir()} == {".pdf", ".svg", ".png", ".csv", ".txt"}
    assert out.count("saved drawn") == 5
    code, out, err = condeq("audit", "trainer_log", "--beta", "0.1", "--stream", "--figures", "drawn")
    assert (code, out) == (2, "")
    assert err.startswith("condeq: --figures draws every pair: give a file of pairs, and leave --stream out")


def test_audit_of_files_that_are_joined(condeq):
    ids = ["a", "b", "c"]
    before = pl.DataFrame({"id": ids, "ref_chosen_logps": [-9.0, -4, -5], "ref_rejected_logps": [-7.0, -5, -5]})
    before.write_parquet("before.parquet")
    for step in (10, 20):
        before[::-1].with_columns(pl.col("ref_rejected_logps") - 0.1 * step).write_parquet(f"{step}.parquet")
    code, out, _ = condeq("audit", "before.parquet", "--policy", "20.parquet", "--beta", "0.5", "--json")
    assert (code, json.loads(out)["absolute_accuracy"]) == (0, [1 / 3, 2 / 3])
    steps = ("--policy", "10=10.parquet", "--policy", "20=20.parquet")
    code, out, _ = condeq("audit", "before.parquet", *steps, "--beta", "0.5", "--json")
    assert (code, json.loads(out)["step"]) == (0, [0, 10, 20])
    saving = ("--by", "id", "--worst", "1", "--per-pair", "pairs.parquet")
    code, out, _ = condeq("audit", "before.parquet", *steps, "--beta", "0.5", *saving)
    assert pl.read_parquet("pairs.parquet")["id"].to_list() == ids
    assert code == 0
    assert "by id" in out


def test_audit_of_batch_means(condeq):
    history = [{"step": s, "loss": 0.7 - s / 40, "rewards/margins": s / 10, "rewards/accuracies": 0.5} for s in (1, 20)]
    Path("trainer_state.json").write_text(json.dumps({"log_history": history}))
    Path("run.csv").write_text(LOG)
    code, out, _ = condeq("audit", "trainer_state.json", "--beta", "0.5", "--reference", "run.csv")
    assert code == 0
    assert "logged 2 steps of batch means, not pairs" in " ".join(out.split())
    assert "certified by the loss" in out
    assert "precompute_ref_log_probs=True" in out
    code, out, _ = condeq("audit", "trainer_state.json", "--beta", "0.5", "--json")
    assert json.loads(out)["margin"] == [0.1, 2.0]


def test_audit_of_a_stream(condeq):
    Path("run.csv").write_text(LOG)
    code, out, _ = condeq("audit", "run.csv", "--beta", "0.5", "--stream")
    assert code == 0
    assert "in U (delta_ref < delta < 0), %" in out
    code, out, _ = condeq("audit", "run.csv", "--beta", "0.5", "--stream", "--json")
    streamed = json.loads(out)
    whole = json.loads(condeq("audit", "run.csv", "--beta", "0.5", "--json")[1])
    shared = set(streamed) & set(whole) - {"loss", "is"}
    assert len(shared) >= 10
    assert {name: streamed[name] for name in shared} == {name: whole[name] for name in shared}


def test_the_librarys_sentences_speak_the_words_of_the_command(condeq):
    Path("run.csv").write_text("chosen_logps,rejected_logps\n-1,-2\n")
    _, _, err = condeq("audit", "run.csv", "--beta", "0.5")
    assert "say which with --column ref_chosen=chosen_logps, or add" in err
    Path("run.csv").write_text("reference_chosen_logps,ref_chosen_logps,ref_rejected_logps\n-1,-1,-2\n")
    for log, expected in (
        ("run.csv", "--column"),
        ("other.csv", "--skip-invalid"),
        ("trainer_log", "give --beta, the one"),
    ):
        Path("other.csv").write_text("ref_chosen_logps,ref_rejected_logps\nnan,-1\nnan,-1\n")
        _, _, err = condeq("audit", log)
        assert expected in err
        assert "columns=" not in err


def test_audit_under_another_loss_and_with_rows_left_out(condeq):
    Path("run.csv").write_text(LOG + "nan,-1,-1,-1\n")
    code, _, err = condeq("audit", "run.csv", "--beta", "0.5")
    assert (code, "line 4: ref_chosen_logps is nan" in err) == (2, True)
    code, out, _ = condeq("audit", "run.csv", "--beta", "0.5", "--skip-invalid", "--loss", "cdpo", "--set", "eps=0.1")
    assert code == 0
    assert "cdpo(eps=0.1) loss" in " ".join(out.split())
    assert "doubt left out, 33.3 % of the pairs" in " ".join(out.split())


def test_audit_of_renamed_columns(condeq):
    Path("run.csv").write_text(LOG.replace("ref_chosen_logps", "mine"))
    code, out, _ = condeq("audit", "run.csv", "--beta", "0.5", "--column", "ref_chosen=mine", "--json")
    assert code == 0
    assert json.loads(out)["n_pairs"] == 2
    assert not Path("run-audit.json").exists()


def test_audit_of_the_real_run(condeq, real_data, monkeypatch):
    monkeypatch.setenv("CONDEQ_DATA", str(real_data))
    code, out, _ = condeq("audit", "hh-pythia410m-dpo")
    assert code == 0
    assert "500 pairs, beta 0.1" in out
    for shown in ("60.0 %", "100.0 %, yet the policy ranks 371 pairs (74.2 %) right", "129 (25.8 %) improved and are"):
        assert shown in " ".join(out.split())


def test_figures_with_another_parameter(condeq):
    code, out, _ = condeq("figures", "undesirable_region", "--out", "here", "--format", "svg", "--set", "beta=0.25")
    assert code == 0
    assert "here/undesirable_region.svg" in out
    assert '"beta": 0.25' in Path("here/undesirable_region.csv").read_text()
    assert sorted(path.suffix for path in Path("here").iterdir()) == [".csv", ".svg", ".txt"]


BAD = {
    "missing file": (("solve", "no.yaml"), "no.yaml: the file cannot be read"),
    "bad number": (("audit", "run.csv", "--beta", "-1"), "beta is -1.0"),
    "no beta": (("audit", "run.csv"), "does not say its beta: give --beta, the one of the run"),
    "no parameter": (("solve", "misaligned_pair", "--loss", "exo_pair"), "exo_pair needs eps: add --set eps=..."),
    "unknown section": (("list", "nothing"), "there is no section named 'nothing': choose one of statements, figures"),
    "figure without a problem": (("figures", "loss_map", "--problem", "misaligned_pair"), "takes no problem"),
    "problem of many": (("figures", "--problem", "misaligned_pair"), "--problem changes one figure"),
    "figure without a loss": (("figures", "escape_time", "--loss", "ipo"), "escape_time takes no loss: these do, und"),
    "no such width": (("figures", "escape_time", "--width", "broad"), "width is 'broad': give column, two-columns"),
    "a problem as text": (("figures", "win_digraph", "--set", "problem=x"), "write --problem"),
    "columns of no name we know": (
        ("audit", "own.csv", "--beta", "1"),
        "found a, b; if one is it, say so with --column ref_chosen=COLUMN",
    ),
    "missing column": (("audit", "run.csv", "--beta", "1", "--column", "ref_chosen=x"), "no column x for ref_chosen"),
    "no key": (("audit", "run.csv", "--beta", "1", "--policy", "run.csv", "--key", "x"), "no column 'x' to join by"),
    "bad step": (("audit", "run.csv", "--beta", "1", "--policy", "a=run.csv"), "is not of the form STEP=PATH"),
    "steps without beta": (
        ("audit", "run.csv", "--policy", "1=run.csv"),
        "checkpoints need the run's beta: give --beta",
    ),
    "one step twice": (
        ("audit", "run.csv", "--beta", "1", "--policy", "1=run.csv", "--policy", "1=run.csv"),
        "a step of its own",
    ),
    "reference of pairs": (
        ("audit", "run.csv", "--reference", "run.csv"),
        "--reference goes with a log of batch means",
    ),
    "unknown group": (("audit", "run.csv", "--beta", "1", "--by", "x"), "has no column 'x' to group by"),
    "loss of a batch": (
        ("audit", "run.csv", "--beta", "1", "--loss", "aot"),
        "no pair has a flip threshold of its own",
    ),
    "no token counts": (("audit", "run.csv", "--beta", "1", "--loss", "simpo", "--set", "gamma=1"), "token counts"),
    "no page there": (("audit", "run.csv", "--beta", "1", "--html", "no/such.html"), "name another place with --html"),
    "bad column option": (("audit", "run.csv", "--beta", "1", "--column", "x"), "--column 'x' is not of the form"),
    "no log": (("audit", "nothing.csv", "--beta", "1"), "nothing.csv cannot be read"),
    "unwritable": (("audit", "run.csv", "--beta", "1", "--out", "no/such/place.json"), "cannot be written"),
    "unknown figure": (("figures", "nothing"), "no figure named 'nothing'"),
    "unknown format": (("figures", "undesirable_region", "--format", "bmp"), "'bmp'"),
    "unknown setting": (("figures", "undesirable_region", "--set", "betta=1"), "'betta'"),
    "settings of many": (("figures", "--set", "beta=1"), "--set changes one figure"),
    "unknown option": (("solve", "--colour"), "No such option"),
    "not a number": (("solve", "x.yaml", "--margin", "wide"), "'--margin': Input should be a valid number"),
    "margin without a reward": (
        ("solve", "contradictory_labels", "--margin", "nan"),
        "margin is nan, but the file has no",
    ),
    "infinite margin": (("solve", "misaligned_pair", "--margin", "inf"), "margin is inf: it must be finite"),
    "a name too long": (("solve", "x" * 300), "and no example of that name"),
    "one column twice": (
        ("audit", "run.csv", "--beta", "1", "--column", "ref_chosen=a", "--column", "ref_chosen=b"),
        "the key 'ref_chosen' stands twice",
    ),
    "columns of a public run": (
        ("audit", "hh-pythia410m-dpo", "--column", "ref_chosen=a"),
        "--column renames a column of",
    ),
    "beyond floats": (("audit", "steep.csv", "--beta", "1e300"), "a result is beyond the floating-point numbers"),
    "one setting twice": (
        ("figures", "undesirable_region", "--set", "beta=1", "--set", "beta=2"),
        "the key 'beta' stands twice",
    ),
    "endless setting": (("figures", "undesirable_region", "--set", "beta=1" + "0" * 5000), "beta is '10000000"),
    "setting beyond floats": (("figures", "undesirable_region", "--set", "beta=1" + "0" * 400), "beta is 10000000"),
    "deep setting": (("figures", "undesirable_region", "--set", "beta=" + "[" * 100_000), "beta is '[[["),
    "true for a count": (
        ("figures", "undesirable_region", "--set", "points=true"),
        "points is True: it must be a whole",
    ),
    "a file for a directory": (
        ("figures", "--out", "run.csv"),
        "run.csv cannot be written (File exists): name another",
    ),
    "no place for the report": (("report", "--out", "run.csv/report"), "run.csv/report cannot be written (Not a dir"),
    "mistyped example": (("solve", "misaligned"), "there is no file misaligned and no example of that name"),
    "mistyped data set": (
        ("audit", "hh-pythia"),
        "no file hh-pythia and no example of that name: give a file, or one of trainer_log, hh-",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_use_gets_one_sentence_and_exit_code_2(condeq, name):
    Path("run.csv").write_text(LOG)
    Path("steep.csv").write_text(LOG + "-1,-1e300,-1,-1\n")
    Path("own.csv").write_text("a,b\n-1,-2\n")
    arguments, message = BAD[name]
    place = ("--out", "here") if arguments[0] == "figures" and "--out" not in arguments else ()
    code, out, err = condeq(*arguments, *place)
    assert code == 2
    assert message in err
    assert out == ""
    assert "Traceback" not in err
    assert "usage" in err.lower() or (err.startswith("condeq: ") and err.count("\n") == 1)
    assert len(err) < 1000
    assert sorted(path.name for path in Path().iterdir()) == ["own.csv", "run.csv", "steep.csv"]


def test_names_that_are_not_unicode_are_read_and_shown(condeq):
    log = Path(os.fsdecode(b"caf\xe9.csv"))
    log.write_text(LOG)
    code, out, _ = condeq("audit", log, "--beta", "1", "--json")
    assert (code, json.loads(out)["source"]) == (0, "caf?.csv")
    code, out, _ = condeq("audit", log, "--beta", "1", "--out", os.fsdecode(b"caf\xe9.json"))
    assert code == 0
    assert Path(os.fsdecode(b"caf\xe9.json")).exists()


def test_the_installed_command():
    where = Path(sys.executable).with_name("condeq")
    done = subprocess.run([where, "solve", "nothing.yaml"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "condeq: nothing.yaml: the file cannot be read: No such file or directory\n"
